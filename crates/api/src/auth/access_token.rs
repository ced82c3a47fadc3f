//! Access tokens: JWTs signed with Ed25519 that expire after ten minutes. A verified token is cached until it expires.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Validation, decode, encode, jwk::JwkSet};
use mainstay_domain::account::Role;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::auth::signing_key::SigningKeys;
pub use crate::auth::signing_key::generate_signing_key;

/// How long an access token is valid, in seconds.
pub const LIFETIME_S: i64 = 600;
/// The audience that tokens name.
const AUDIENCE: &str = "mainstay";
/// The number of verified tokens in the cache.
const MAX_CACHED: usize = 50_000;
/// The clocks of two servers may differ by this much, in seconds.
const CLOCK_SLACK_S: i64 = 300;

/// The claims of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The id of the account.
    pub sub: Uuid,
    /// The id of the session.
    pub sid: Uuid,
    /// The role of the account.
    pub role: Role,
    /// When the token was issued, in seconds since 1970.
    pub iat: i64,
    /// When the token expires, in seconds since 1970.
    pub exp: i64,
}

impl Claims {
    /// Whether they have not expired. Those of a token that was issued while the clock was ahead are not valid: they would
    /// stay so until that time.
    fn are_valid_at(&self, now: DateTime<Utc>) -> bool {
        let now = now.timestamp();
        self.exp > now && self.iat <= now + CLOCK_SLACK_S
    }
}

#[derive(Serialize)]
struct Signed<'a> {
    iss: &'a str,
    aud: &'a str,
    #[serde(flatten)]
    claims: Claims,
}

/// Issues and verifies access tokens.
pub struct Tokens {
    issuer: String,
    keys: RwLock<Arc<SigningKeys>>,
    /// How often the keys were replaced. A cached token counts only if it was verified by the keys of now.
    generation: AtomicU64,
    validation: Validation,
    verified: Cache<[u8; 32], (Claims, u64)>,
}

impl Tokens {
    /// Reads one or more private keys in PEM. The first one signs; all of them verify.
    ///
    /// # Errors
    /// A message that names the key that cannot be used.
    pub fn new(pem: &str, issuer: &str) -> Result<Self, String> {
        let keys = SigningKeys::parse(pem)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // `verify` checks the expiry against the server's own clock, for cached tokens too.
        validation.validate_exp = false;
        Ok(Self {
            issuer: issuer.to_owned(),
            keys: RwLock::new(Arc::new(keys)),
            generation: AtomicU64::new(0),
            validation,
            verified: Cache::new(MAX_CACHED),
        })
    }

    /// Replaces the keys of a running server. False if they are the same as before.
    ///
    /// # Errors
    /// A message that names the key that cannot be used. The keys stay as they are then.
    pub fn replace(&self, pem: &str) -> Result<bool, String> {
        let new = SigningKeys::parse(pem)?;
        if new.ids() == self.keys().ids() {
            return Ok(false);
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        // After the keys: whoever sees the new number sees the new keys.
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.verified.clear();
        Ok(true)
    }

    fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Issues a token for a session. The same session gets the same token within one second.
    ///
    /// # Errors
    /// If the token cannot be signed.
    pub fn issue(
        &self,
        account: Uuid,
        session: Uuid,
        role: Role,
        at: DateTime<Utc>,
    ) -> Result<String, String> {
        let iat = at.timestamp();
        let claims = Claims {
            sub: account,
            sid: session,
            role,
            iat,
            exp: iat + LIFETIME_S,
        };
        let signed = Signed {
            iss: &self.issuer,
            aud: AUDIENCE,
            claims,
        };
        let keys = self.keys();
        encode(&keys.header, &signed, &keys.signing).map_err(|e| e.to_string())
    }

    /// Returns the claims of a token, if this service issued it and it has not expired.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Claims> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let generation = self.generation.load(Ordering::Acquire);
        if let Some((claims, verified_in)) = self.verified.get(&digest)
            && verified_in == generation
        {
            return claims.are_valid_at(now).then_some(claims);
        }
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let keys = self.keys();
        let key = &keys.verifying.iter().find(|key| key.id == kid)?.key;
        let claims = decode::<Claims>(token, key, &self.validation).ok()?.claims;
        if !claims.are_valid_at(now) {
            return None;
        }
        self.verified.insert(digest, (claims, generation));
        Some(claims)
    }

    /// Signs a statement of this server that is no token. Gives the id of the key with the signature in base64url.
    ///
    /// # Errors
    /// If the statement does not begin with a zero byte, as no token does, or cannot be signed.
    pub fn sign_statement(&self, statement: &[u8]) -> Result<(String, String), String> {
        self.keys().sign_statement(statement)
    }

    /// The public keys, for other services that verify tokens.
    pub fn published(&self) -> JwkSet {
        self.keys().published.clone()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;

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
        let after = Tokens::new(&format!("{new}{old}"), "mainstay").unwrap();
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
        assert!(tokens.replace(&format!("{new}{old}")).unwrap());
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
}
