//! Device tokens: a device that has one is known to its account, and its wrong passwords are counted by themselves.
//!
//! Nothing is stored. A token is an id of the device with a MAC over account, device and the account's generation, and a
//! second MAC over both. The second one shows that the token was issued here, before the account is looked up. A token says
//! nothing to whoever does not have the key, and is good for nothing without the password.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::key::seal::Secret;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The length of device and MAC, in bytes. The second MAC follows.
const LENGTH: usize = 16 + 32;
/// The first part of what the second MAC is over.
const ISSUED: &[u8] = b"issued";

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
        let body = [device.as_bytes().as_slice(), &mac].concat();
        let issued = self.key.mac(&[ISSUED, &body]);
        BASE64_URL_SAFE_NO_PAD.encode([body.as_slice(), &issued].concat())
    }

    /// Returns the device of a token, if it was issued for the owner.
    pub fn device(&self, token: &str, owner: Owner) -> Option<Uuid> {
        let (device, mac) = self.read(token)?;
        let is_valid = bool::from(self.mac(owner, device.as_bytes()).as_slice().ct_eq(&mac));
        is_valid.then_some(device)
    }

    /// Returns the device of a token, if it was issued here for any account and generation.
    pub fn issued_to(&self, token: &str) -> Option<Uuid> {
        self.read(token).map(|(device, _)| device)
    }

    /// Reads the device and the first MAC of a token that was issued here.
    fn read(&self, token: &str) -> Option<(Uuid, [u8; 32])> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, issued) = bytes.split_first_chunk::<LENGTH>()?;
        let is_issued = bool::from(self.key.mac(&[ISSUED, body]).as_slice().ct_eq(issued));
        let (device, mac) = body.split_first_chunk::<16>()?;
        let mac = mac.try_into().ok()?;
        is_issued.then(|| (Uuid::from_bytes(*device), mac))
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
        assert_eq!(tokens.issued_to(&token), Some(device));
        let elsewhere = DeviceTokens::new(Secret::from_bytes([6; 32]));
        assert_eq!(
            (elsewhere.device(&token, OWNER), elsewhere.issued_to(&token)),
            (None, None)
        );
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
            assert_eq!(tokens.issued_to(&altered), None, "{altered}");
        }
        for token in ["", "short", "not base64!", &token[1..], &format!("{token}AAAA")] {
            assert_eq!(tokens.device(token, OWNER), None, "{token}");
            assert_eq!(tokens.issued_to(token), None, "{token}");
        }
    }
}
