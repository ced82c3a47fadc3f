//! Access tokens: JWTs signed with Ed25519 that expire after ten minutes. A verified token is cached until it expires.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode, jwk::JwkSet};
use mainstay_domain::account::Role;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use crate::auth::signing_key::generate_signing_key;
use crate::auth::signing_key::{SigningKeys, TOKEN_TYPE};

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
    /// From when on the token is valid, in seconds since 1970. Ours say nothing else than `iat`, so they have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
}

impl Claims {
    /// Whether they are valid now. Those of a token that was issued while the clock was ahead are not: they would stay so until
    /// that time. Nor are those of a token that claims a longer life than this service gives.
    fn are_valid_at(&self, now: DateTime<Utc>) -> bool {
        let now = now.timestamp();
        let lifetime = self.exp.checked_sub(self.iat);
        let from = self.nbf.map_or(self.iat, |nbf| nbf.max(self.iat));
        self.exp > now
            && from <= now + CLOCK_SLACK_S
            && lifetime.is_some_and(|lifetime| (1..=LIFETIME_S).contains(&lifetime))
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
            nbf: None,
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
        let header = jsonwebtoken::decode_header(token).ok()?;
        if !is_header_of_ours(&header) {
            return None;
        }
        let kid = header.kid?;
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

/// Whether a header names the type of access tokens, and nothing that must be understood: this service understands no
/// extension (RFC 7515, section 4.1.11).
fn is_header_of_ours(header: &Header) -> bool {
    let typ = header.typ.as_deref().unwrap_or_default();
    // A media type, whose beginning may be left out (RFC 7515, section 4.1.9).
    let name = match typ.split_at_checked("application/".len()) {
        Some((beginning, name)) if beginning.eq_ignore_ascii_case("application/") => name,
        _ => typ,
    };
    name.eq_ignore_ascii_case(TOKEN_TYPE) && header.crit.is_none()
}

#[cfg(test)]
mod tests;
