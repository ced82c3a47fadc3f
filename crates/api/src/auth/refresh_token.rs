//! Refresh tokens: single use, derived, so that a lost answer can be given again without keeping it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::key::seal::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The immediate predecessor of the current token is answered again for this long, in seconds.
pub const RETRY_S: i64 = 30;
/// A session ends when it was not used for this long, in seconds: 90 days.
pub const IDLE_S: i64 = 90 * 24 * 3600;

const LENGTH: usize = 16 + 16 + 8 + 32;

/// Makes and reads refresh tokens.
pub struct RefreshTokens {
    key: Secret,
}

/// What a refresh token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The account.
    pub account: Uuid,
    /// The session.
    pub session: Uuid,
    /// The number of the token in the session.
    pub counter: i64,
}

impl RefreshTokens {
    /// Tokens under a key.
    pub const fn new(key: Secret) -> Self {
        Self { key }
    }

    /// The token of that number.
    pub fn token(&self, claims: &RefreshClaims) -> String {
        let parts = [
            claims.account.as_bytes().as_slice(),
            claims.session.as_bytes(),
            &claims.counter.to_be_bytes(),
        ];
        BASE64_URL_SAFE_NO_PAD.encode([parts.concat().as_slice(), &self.key.mac(&parts)].concat())
    }

    /// What a token says, if it is ours.
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

/// What is stored of a token.
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
