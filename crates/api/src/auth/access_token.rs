//! Access tokens: JWTs signed with Ed25519 that expire after ten minutes. A verified token is cached until it expires.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use mainstay_domain::account::Role;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an access token is valid, in seconds.
pub const LIFETIME_S: i64 = 600;
/// The audience that tokens name.
const AUDIENCE: &str = "mainstay";
/// The number of verified tokens in the cache.
const MAX_CACHED: usize = 50_000;
/// The bytes before the 32 secret bytes in a PKCS#8 document of an Ed25519 key (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

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

#[derive(Serialize)]
struct Signed<'a> {
    iss: &'a str,
    aud: &'a str,
    #[serde(flatten)]
    claims: Claims,
}

struct VerifyingKey {
    id: String,
    key: DecodingKey,
}

/// Issues and verifies access tokens.
pub struct Tokens {
    issuer: String,
    header: Header,
    signing: EncodingKey,
    verifying: Vec<VerifyingKey>,
    published: JwkSet,
    validation: Validation,
    verified: Cache<[u8; 32], Claims>,
}

impl Tokens {
    /// Reads one or more private keys in PEM. The first one signs; all of them verify.
    ///
    /// # Errors
    /// A message that names the key that cannot be used.
    pub fn new(pem: &str, issuer: &str) -> Result<Self, String> {
        let mut verifying = Vec::new();
        let mut published = JwkSet { keys: Vec::new() };
        let mut first = None;
        for (n, key) in private_keys(pem).into_iter().enumerate() {
            let signing =
                EncodingKey::from_ed_pem(key.as_bytes()).map_err(|e| format!("key {}: {e}", n + 1))?;
            let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)
                .map_err(|e| format!("key {}: {e}", n + 1))?;
            let id = jwk
                .thumbprint(ThumbprintHash::SHA256)
                .map_err(|e| e.to_string())?;
            jwk.common.key_id = Some(id.clone());
            jwk.common.public_key_use = Some(PublicKeyUse::Signature);
            let key = DecodingKey::from_jwk(&jwk).map_err(|e| e.to_string())?;
            first.get_or_insert((signing, id.clone()));
            verifying.push(VerifyingKey { id, key });
            published.keys.push(jwk);
        }
        let (signing, id) = first.ok_or("the file holds no Ed25519 private key in PEM")?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(id);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // `verify` checks the expiry against the server's own clock, for cached tokens too.
        validation.validate_exp = false;
        let verified = Cache::new(MAX_CACHED);
        Ok(Self {
            issuer: issuer.to_owned(),
            header,
            signing,
            verifying,
            published,
            validation,
            verified,
        })
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
        encode(&self.header, &signed, &self.signing).map_err(|e| e.to_string())
    }

    /// Returns the claims of a token, if this service issued it and it has not expired.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Claims> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(claims) = self.verified.get(&digest) {
            return (claims.exp > now.timestamp()).then_some(claims);
        }
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = &self.verifying.iter().find(|key| key.id == kid)?.key;
        let claims = decode::<Claims>(token, key, &self.validation).ok()?.claims;
        if claims.exp <= now.timestamp() {
            return None;
        }
        self.verified.insert(digest, claims);
        Some(claims)
    }

    /// The public keys, for other services that verify tokens.
    pub fn published(&self) -> &JwkSet {
        &self.published
    }
}

/// Splits a text into its PEM blocks.
fn private_keys(pem: &str) -> Vec<String> {
    const END: &str = "-----END PRIVATE KEY-----";
    pem.split_inclusive(END)
        .filter(|block| block.contains(END))
        .map(|block| block.trim().to_owned())
        .collect()
}

/// Generates a private key in PEM.
///
/// # Errors
/// If the operating system gives no random bytes.
pub fn generate_signing_key() -> Result<String, String> {
    let seed = mainstay_store::key::seal::Secret::random().map_err(|e| e.to_string())?;
    let der = [PKCS8_PREFIX.as_slice(), seed.as_bytes()].concat();
    Ok(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der)
    ))
}

/// Writes a secret to a new file that only its owner can read. An existing file is never replaced.
///
/// # Errors
/// The error of the file system, also if the file exists.
pub fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
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
