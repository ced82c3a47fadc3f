//! Cursors of sync: positions in a person's changes, authenticated so that no other account can use or forge them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::key::seal::Secret;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::http::{caller::Caller, problem::HandlerResult};

/// A position in a person's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The epoch of the person's changes; a restore from a backup begins another one.
    pub epoch: i64,
    /// The number of the last change that was pulled.
    pub rev: i64,
}

/// Encodes and decodes the cursors of one account.
pub(super) struct Cursors {
    key: Secret,
    account: Uuid,
}

impl Cursors {
    /// Returns the cursors of the caller's account.
    pub fn new(caller: &Caller) -> HandlerResult<Self> {
        Ok(Self {
            key: caller.state.store.derive_key("mainstay cursor 1")?,
            account: caller.scope().account(),
        })
    }

    fn mac(&self, position: &Position) -> [u8; 32] {
        self.key.mac(&[
            self.account.as_bytes(),
            &position.epoch.to_be_bytes(),
            &position.rev.to_be_bytes(),
        ])
    }

    /// Encodes a position.
    pub fn encode(&self, position: &Position) -> String {
        let parts: [&[u8]; 3] = [
            &position.epoch.to_be_bytes(),
            &position.rev.to_be_bytes(),
            &self.mac(position),
        ];
        BASE64_URL_SAFE_NO_PAD.encode(parts.concat())
    }

    /// Decodes a cursor; `None` if this server did not give it to this account.
    pub fn decode(&self, text: &str) -> Option<Position> {
        let bytes: [u8; 48] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (rev, mac) = rest.split_first_chunk::<8>()?;
        let position = Position {
            epoch: i64::from_be_bytes(*epoch),
            rev: i64::from_be_bytes(*rev),
        };
        bool::from(self.mac(&position).as_slice().ct_eq(mac)).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_only_for_its_account_and_unaltered() {
        let cursors = |account| Cursors {
            key: Secret::from_bytes([1; 32]),
            account: Uuid::from_u128(account),
        };
        let position = Position { epoch: 7, rev: 99 };
        let text = cursors(1).encode(&position);
        assert_eq!(cursors(1).decode(&text), Some(position));
        assert_eq!(cursors(2).decode(&text), None);
        for n in 0..text.len() {
            let altered: String = text
                .char_indices()
                .map(|(m, c)| {
                    if m == n {
                        if c == 'A' { 'B' } else { 'A' }
                    } else {
                        c
                    }
                })
                .collect();
            assert_eq!(cursors(1).decode(&altered), None);
        }
    }
}
