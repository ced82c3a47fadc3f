//! Device tokens: a device that has one is known to its account, and its wrong passwords are counted by themselves.
//!
//! Nothing is stored. A token is an id of the device with a MAC over account, device and the account's generation. It says
//! nothing to whoever does not have the key, and is good for nothing without the password.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::key::seal::Secret;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The length of a token: device and MAC, in bytes.
const LENGTH: usize = 16 + 32;

/// Issues and verifies device tokens.
pub struct DeviceTokens {
    key: Secret,
}

/// The owner of device tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// The id of the account.
    pub account: Uuid,
    /// The generation of its tokens. No token of an earlier one is valid.
    pub generation: i64,
}

impl DeviceTokens {
    /// Creates an issuer with a key.
    pub const fn new(key: Secret) -> Self {
        Self { key }
    }

    /// Returns the token of a device.
    pub fn token(&self, owner: Owner, device: Uuid) -> String {
        let mac = self.mac(owner, device.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode([device.as_bytes().as_slice(), &mac].concat())
    }

    /// Returns the device of a token, if it was issued for the owner.
    pub fn device(&self, token: &str, owner: Owner) -> Option<Uuid> {
        let bytes: [u8; LENGTH] = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (device, mac) = bytes.split_first_chunk::<16>()?;
        let is_valid = bool::from(self.mac(owner, device).as_slice().ct_eq(mac));
        is_valid.then(|| Uuid::from_bytes(*device))
    }

    fn mac(&self, owner: Owner, device: &[u8; 16]) -> [u8; 32] {
        let Owner { account, generation } = owner;
        self.key
            .mac(&[account.as_bytes(), device, &generation.to_be_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner {
        account: Uuid::from_u128(1),
        generation: 1,
    };

    #[test]
    fn a_token_is_good_for_its_account_and_generation_only() {
        let tokens = DeviceTokens::new(Secret::from_bytes([5; 32]));
        let device = Uuid::from_u128(2);
        let token = tokens.token(OWNER, device);
        assert_eq!(tokens.device(&token, OWNER), Some(device));
        let (next, other) = (
            Owner {
                generation: 2,
                ..OWNER
            },
            Owner {
                account: Uuid::from_u128(3),
                ..OWNER
            },
        );
        for owner in [next, other, Owner::default()] {
            assert_eq!(tokens.device(&token, owner), None, "{owner:?}");
        }
        let elsewhere = DeviceTokens::new(Secret::from_bytes([6; 32]));
        assert_eq!(elsewhere.device(&token, OWNER), None);
    }

    #[test]
    fn an_altered_token_is_no_token() {
        let tokens = DeviceTokens::new(Secret::from_bytes([5; 32]));
        let token = tokens.token(OWNER, Uuid::from_u128(2));
        for n in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[n] = if altered[n] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(tokens.device(&altered, OWNER), None, "{altered}");
        }
        for token in ["", "short", "not base64!", &token[1..], &format!("{token}AAAA")] {
            assert_eq!(tokens.device(token, OWNER), None, "{token}");
        }
    }
}
