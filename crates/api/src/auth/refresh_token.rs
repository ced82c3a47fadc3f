//! Refresh tokens. Each is used once. They are derived from a key, so that a lost response can be repeated without
//! being stored.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::key::seal::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// How long the direct predecessor of the current token still gets the same response, in seconds.
pub const RETRY_S: i64 = 30;

/// The length of a token: account, session, counter and MAC, in bytes.
const LENGTH: usize = 16 + 16 + 8 + 32;

/// Issues and reads refresh tokens.
pub struct RefreshTokens {
    key: Secret,
}

/// The claims of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The id of the account.
    pub account: Uuid,
    /// The id of the session.
    pub session: Uuid,
    /// The number of the token in the session.
    pub counter: i64,
}

impl RefreshTokens {
    /// Creates an issuer with a key.
    pub const fn new(key: Secret) -> Self {
        Self { key }
    }

    /// Returns the token for these claims.
    pub fn token(&self, claims: &RefreshClaims) -> String {
        let parts = [
            claims.account.as_bytes().as_slice(),
            claims.session.as_bytes(),
            &claims.counter.to_be_bytes(),
        ];
        BASE64_URL_SAFE_NO_PAD.encode([parts.concat().as_slice(), &self.key.mac(&parts)].concat())
    }

    /// Returns the claims of a token, if this service issued it.
    pub fn read(&self, token: &str) -> Option<RefreshClaims> {
        let bytes: [u8; LENGTH] = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (counter, mac) = rest.split_first_chunk::<8>()?;
        let expected = self.key.mac(&[account, session, counter]);
        bool::from(expected.as_slice().ct_eq(mac)).then_some(RefreshClaims {
            account: Uuid::from_bytes(*account),
            session: Uuid::from_bytes(*session),
            counter: i64::from_be_bytes(*counter),
        })
    }
}

/// Returns the hash of a token, which is stored in its place.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_an_altered_one_is_not() {
        let tokens = RefreshTokens::new(Secret::from_bytes([5; 32]));
        let claims = RefreshClaims {
            account: Uuid::from_u128(1),
            session: Uuid::from_u128(2),
            counter: 3,
        };
        let token = tokens.token(&claims);
        assert_eq!(tokens.read(&token), Some(claims));
        assert_ne!(tokens.token(&RefreshClaims { counter: 4, ..claims }), token);
        let altered: String = token
            .char_indices()
            .map(|(n, c)| {
                if n == 44 {
                    if c == 'A' { 'B' } else { 'A' }
                } else {
                    c
                }
            })
            .collect();
        assert_eq!(tokens.read(&altered), None);
        assert_eq!(tokens.read("short"), None);
        assert_eq!(RefreshTokens::new(Secret::from_bytes([6; 32])).read(&token), None);
    }
}
