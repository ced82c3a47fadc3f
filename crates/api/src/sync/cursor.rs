//! Cursors of sync: positions in a person's changes, authenticated so that no other account can use or forge them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::{SyncState, key::seal::Secret};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::http::{
    caller::Caller,
    problem::{ExpiryReason, HandlerResult},
};

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
    /// Returns why the position is no longer valid; `None` if it is. A position ahead of the person's counter is from before
    /// a restore, also if nobody declared one.
    pub fn expiry(&self, state: &SyncState) -> Option<ExpiryReason> {
        let known = self.rev.max(self.floor_rev);
        if known < state.floor_rev {
            // A tombstone that the device needs was swept. It cannot tell what was lost from what was deleted.
            return Some(ExpiryReason::TooOld);
        }
        (self.epoch != state.epoch || known > state.rev).then_some(ExpiryReason::Restored)
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
        let is_too_old = |rev, floor_rev, now| {
            let position = Position {
                epoch: 7,
                rev,
                floor_rev,
            };
            let expiry = position.expiry(&SyncState {
                rev: 100,
                epoch: 7,
                floor_rev: now,
            });
            assert_ne!(expiry, Some(ExpiryReason::Restored));
            expiry.is_some()
        };
        assert!(!is_too_old(50, 0, 50) && is_too_old(50, 0, 51));
        // The first pages of a pull of everything end before tombstones that were swept already.
        assert!(!is_too_old(7, 60, 60) && is_too_old(7, 60, 61));
        assert!(!is_too_old(80, 60, 80) && is_too_old(80, 60, 81));
    }

    #[test]
    fn a_cursor_of_another_epoch_or_ahead_of_the_counter_is_from_before_a_restore() {
        let expiry = |epoch, rev, floor_rev| {
            let position = Position {
                epoch,
                rev,
                floor_rev,
            };
            position.expiry(&SyncState {
                rev: 100,
                epoch: 7,
                floor_rev: 30,
            })
        };
        assert_eq!(expiry(7, 100, 100), None);
        for (epoch, rev, floor_rev) in [(6, 50, 0), (8, 50, 0), (7, 101, 0), (7, 50, 101), (6, 101, 0)] {
            assert_eq!(
                expiry(epoch, rev, floor_rev),
                Some(ExpiryReason::Restored),
                "{epoch} {rev} {floor_rev}"
            );
        }
        assert_eq!(
            expiry(6, 29, 0),
            Some(ExpiryReason::TooOld),
            "a deletion that it does not know"
        );
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
