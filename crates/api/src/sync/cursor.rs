//! Cursors of sync: positions in a person's changes, authenticated so that no other account can use or forge them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::{SyncState, key::seal::Secret};
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
    /// The latest change whose tombstone had been swept when it was pulled. The device never had what was deleted until then,
    /// or knows of the deletion: it needs no tombstone up to this number.
    pub floor_rev: i64,
}

impl Position {
    /// Whether a tombstone that the device needs has been swept since, or the record was restored from a backup.
    pub fn has_expired(&self, state: &SyncState) -> bool {
        self.epoch != state.epoch || self.rev.max(self.floor_rev) < state.floor_rev
    }
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
            &position.floor_rev.to_be_bytes(),
        ])
    }

    /// Encodes a position.
    pub fn encode(&self, position: &Position) -> String {
        let parts: [&[u8]; 4] = [
            &position.epoch.to_be_bytes(),
            &position.rev.to_be_bytes(),
            &position.floor_rev.to_be_bytes(),
            &self.mac(position),
        ];
        BASE64_URL_SAFE_NO_PAD.encode(parts.concat())
    }

    /// Decodes a cursor; `None` if this server did not give it to this account.
    pub fn decode(&self, text: &str) -> Option<Position> {
        let bytes: [u8; 56] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (rev, rest) = rest.split_first_chunk::<8>()?;
        let (floor_rev, mac) = rest.split_first_chunk::<8>()?;
        let position = Position {
            epoch: i64::from_be_bytes(*epoch),
            rev: i64::from_be_bytes(*rev),
            floor_rev: i64::from_be_bytes(*floor_rev),
        };
        bool::from(self.mac(&position).as_slice().ct_eq(mac)).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_expires_only_with_tombstones_that_its_device_needs() {
        let has_expired = |rev, floor_rev, now| {
            let position = Position {
                epoch: 7,
                rev,
                floor_rev,
            };
            position.has_expired(&SyncState {
                rev: 100,
                epoch: 7,
                floor_rev: now,
            })
        };
        assert!(!has_expired(50, 0, 50) && has_expired(50, 0, 51));
        // The first pages of a pull of everything end before tombstones that were swept already.
        assert!(!has_expired(7, 60, 60) && has_expired(7, 60, 61));
        assert!(!has_expired(80, 60, 80) && has_expired(80, 60, 81));
    }

    #[test]
    fn a_cursor_is_valid_only_for_its_account_and_unaltered() {
        let cursors = |account| Cursors {
            key: Secret::from_bytes([1; 32]),
            account: Uuid::from_u128(account),
        };
        let position = Position {
            epoch: 7,
            rev: 99,
            floor_rev: 12,
        };
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
