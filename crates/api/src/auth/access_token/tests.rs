//! Tests of access tokens, also of forged ones that the right key has signed.

use base64::Engine;

use jsonwebtoken::crypto;
use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn a_token_is_valid_until_it_expires() {
    let tokens = Tokens::new(&generate_signing_key().unwrap(), "mainstay").unwrap();
    let (account, session) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let token = tokens.issue(account, session, Role::Person, at(1000)).unwrap();
    assert_eq!(
        token,
        tokens.issue(account, session, Role::Person, at(1000)).unwrap()
    );
    let claims = tokens.verify(&token, at(1599)).unwrap();
    assert_eq!((claims.sub, claims.sid, claims.exp), (account, session, 1600));
    assert_eq!(tokens.verify(&token, at(1600)), None, "also when it is cached");
    assert_eq!(tokens.verify(&format!("{token}x"), at(1000)), None);
}

#[test]
fn a_token_that_was_issued_while_the_clock_was_ahead_is_not_valid() {
    let tokens = Tokens::new(&generate_signing_key().unwrap(), "mainstay").unwrap();
    let token = tokens
        .issue(Uuid::nil(), Uuid::nil(), Role::Person, at(1_000_000))
        .unwrap();
    assert!(tokens.verify(&token, at(1_000_000)).is_some());
    assert_eq!(tokens.verify(&token, at(1000)), None, "also when it is cached");
    assert!(tokens.verify(&token, at(1_000_000 - CLOCK_SLACK_S)).is_some());
}

#[test]
fn a_token_of_another_key_or_issuer_is_refused_and_an_older_key_still_verifies() {
    let (old, new) = (generate_signing_key().unwrap(), generate_signing_key().unwrap());
    let before = Tokens::new(&old, "mainstay").unwrap();
    let after = Tokens::new(&format!("{}{}", *new, *old), "mainstay").unwrap();
    let token = before
        .issue(Uuid::nil(), Uuid::nil(), Role::Person, at(1000))
        .unwrap();
    assert!(after.verify(&token, at(1000)).is_some());
    assert_eq!(after.published().keys.len(), 2);
    assert!(
        Tokens::new(&new, "mainstay")
            .unwrap()
            .verify(&token, at(1000))
            .is_none()
    );
    assert!(
        Tokens::new(&old, "elsewhere")
            .unwrap()
            .verify(&token, at(1000))
            .is_none()
    );
}

#[test]
fn replaced_keys_sign_and_verify_from_then_on_and_no_cached_token_outlives_its_key() {
    let (old, new) = (generate_signing_key().unwrap(), generate_signing_key().unwrap());
    let tokens = Tokens::new(&old, "mainstay").unwrap();
    let issue = || {
        tokens
            .issue(Uuid::nil(), Uuid::nil(), Role::Person, at(1000))
            .unwrap()
    };
    let first = issue();
    assert!(tokens.verify(&first, at(1000)).is_some());
    assert!(!tokens.replace(&old).unwrap(), "they are the same");
    assert!(tokens.replace("").is_err(), "and stay as they are");
    assert!(tokens.verify(&first, at(1000)).is_some());
    assert!(tokens.replace(&format!("{}{}", *new, *old)).unwrap());
    let second = issue();
    assert_ne!(first, second);
    for token in [&first, &second] {
        assert!(tokens.verify(token, at(1000)).is_some());
    }
    assert!(tokens.replace(&new).unwrap());
    assert_eq!(tokens.verify(&first, at(1000)), None);
    assert!(tokens.verify(&second, at(1000)).is_some());
    assert_eq!(tokens.published().keys.len(), 1);
}

#[test]
fn a_token_without_signature_is_refused() {
    let tokens = Tokens::new(&generate_signing_key().unwrap(), "mainstay").unwrap();
    let token = tokens
        .issue(Uuid::nil(), Uuid::nil(), Role::Person, at(1000))
        .unwrap();
    let body = token.split('.').nth(1).unwrap();
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","typ":"JWT"}"#] {
        let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(header);
        assert_eq!(tokens.verify(&format!("{header}.{body}."), at(1000)), None);
    }
}

/// The moment of the forged tokens.
const NOW: i64 = 1_000_000;

/// Changes members of an object: `null` takes one out.
fn changed(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// A token whose header and claims differ from one of ours, signed by the right key.
fn forged(pem: &str, header: &Value, claims: &Value) -> String {
    let keys = SigningKeys::parse(pem).unwrap();
    let base64 = |value: &Value| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let own_header = json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": keys.ids()[0] });
    let own_claims = json!({
        "iss": "mainstay", "aud": "mainstay", "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2), "role": "person",
        "iat": NOW, "exp": NOW + LIFETIME_S,
    });
    let (header, claims) = (changed(own_header, header), changed(own_claims, claims));
    let signed = format!("{}.{}", base64(&header), base64(&claims));
    let signature = crypto::sign(signed.as_bytes(), &keys.signing, Algorithm::EdDSA).unwrap();
    format!("{signed}.{signature}")
}

#[test]
fn a_token_that_the_right_key_signed_is_judged_by_its_header() {
    let pem = generate_signing_key().unwrap();
    let tokens = Tokens::new(&pem, "mainstay").unwrap();
    let other_kid = SigningKeys::parse(&generate_signing_key().unwrap()).unwrap();
    let headers = [
        (json!({}), true),
        (json!({ "typ": "AT+JWT" }), true),
        (json!({ "typ": "application/at+jwt" }), true),
        (json!({ "typ": "JWT" }), false),
        (json!({ "typ": "application/jwt" }), false),
        (json!({ "typ": "dpop+jwt" }), false),
        (json!({ "typ": "" }), false),
        (json!({ "typ": null }), false),
        (json!({ "crit": ["exp"] }), false),
        (json!({ "crit": ["b64"], "b64": false }), false),
        (json!({ "crit": [] }), false),
        (json!({ "crit": "exp" }), false),
        (json!({ "kid": null }), false),
        (json!({ "kid": "" }), false),
        (json!({ "kid": other_kid.ids()[0] }), false),
        (json!({ "alg": "HS256" }), false),
        (json!({ "alg": "RS256" }), false),
        (json!({ "alg": "none" }), false),
        (json!({ "alg": null }), false),
    ];
    for (header, is_valid) in headers {
        let found = tokens.verify(&forged(&pem, &header, &json!({})), at(NOW));
        assert_eq!(found.is_some(), is_valid, "{header}");
    }
}

#[test]
fn a_token_that_the_right_key_signed_is_judged_by_its_claims() {
    let pem = generate_signing_key().unwrap();
    let tokens = Tokens::new(&pem, "mainstay").unwrap();
    let claims = [
        (json!({ "nbf": NOW }), true),
        (json!({ "nbf": NOW + CLOCK_SLACK_S }), true),
        (json!({ "nbf": NOW + CLOCK_SLACK_S + 1 }), false),
        (json!({ "nbf": "now" }), false),
        (json!({ "nbf": 1e300 }), false),
        (json!({ "exp": NOW + LIFETIME_S + 1 }), false),
        (json!({ "exp": i64::MAX }), false),
        (json!({ "exp": i64::MAX, "iat": i64::MIN }), false),
        (
            json!({ "exp": NOW + 86_400, "iat": NOW + 86_400 - LIFETIME_S }),
            false,
        ),
        (json!({ "exp": NOW + 1, "iat": NOW + 1 }), false),
        (json!({ "exp": NOW + 1, "iat": NOW + 2 }), false),
        (json!({ "exp": NOW, "iat": NOW - 1 }), false),
        (json!({ "exp": null }), false),
        (json!({ "iat": null }), false),
        (json!({ "iat": NOW, "exp": NOW + 60 }), true),
        (json!({ "iss": "elsewhere" }), false),
        (json!({ "iss": null }), false),
        (json!({ "aud": "elsewhere" }), false),
        (json!({ "aud": null }), false),
        (json!({ "sub": null }), false),
        (json!({ "sub": "somebody" }), false),
        (json!({ "sid": null }), false),
        (json!({ "role": "administrator" }), false),
        (json!({ "role": null }), false),
    ];
    for (claims, is_valid) in claims {
        let token = forged(&pem, &json!({}), &claims);
        for _also_from_the_cache in 0..2 {
            assert_eq!(tokens.verify(&token, at(NOW)).is_some(), is_valid, "{claims}");
        }
    }
}

#[test]
fn our_tokens_say_that_they_are_access_tokens() {
    let tokens = Tokens::new(&generate_signing_key().unwrap(), "mainstay").unwrap();
    let token = tokens
        .issue(Uuid::nil(), Uuid::nil(), Role::Person, at(NOW))
        .unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
}
