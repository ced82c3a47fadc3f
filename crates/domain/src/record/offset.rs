//! Gives the times of a record their local offset, and compares records without it.
//!
//! A client that was generated from the document often sends every instant in UTC, with `Z`. Such a time has no local
//! offset, yet the local date decides on which day a record is filed.

use chrono_tz::Tz;

use super::{Incoming, Record, json};
use crate::value::timestamp::Timestamp;

impl<T: Record> Incoming<T> {
    /// Whether [`draft`](super::draft) may need the person's time zone: a time has no offset, or the server will set one.
    pub fn needs_zone(&mut self) -> bool {
        lacks_offset(&mut self.body) || (T::TIMED_BY_SERVER && self.body.occurred_at().is_none())
    }
}

/// Whether [`Incoming::needs_zone`] may hold for a record that was not read yet. `json` is its text.
pub fn may_need_zone<T: Record>(json: &str) -> bool {
    // With an escape, a time may be spelt in other ways.
    let signs = ["Z\"", "z\"", "-00:00\"", "\\u"];
    T::TIMED_BY_SERVER || signs.iter().any(|sign| json.contains(sign))
}

/// Whether a time of the record has no offset.
fn lacks_offset<T: Record>(record: &mut T) -> bool {
    record
        .times_mut()
        .into_iter()
        .flatten()
        .any(|time| !time.has_offset())
}

/// Gives an offset to each time that has none: the one in `before` if that has the same instant in the same member, else
/// that of `zone`.
pub(super) fn resolve_offsets<T: Record>(record: &mut T, before: Option<&T>, zone: Tz) {
    if !lacks_offset(record) {
        return;
    }
    let mut before = before.cloned();
    let mut stored = before.as_mut().map(T::times_mut).unwrap_or_default().into_iter();
    for time in record.times_mut() {
        let stored = stored.next().flatten();
        if let Some(time) = time {
            *time = time.resolve(stored.map(|stored| *stored), zone);
        }
    }
}

/// The content of a record in canonical form: JSON in which every time is an instant. The record stays as it is.
pub(super) fn canonical<T: Record>(record: &mut T) -> Vec<u8> {
    let mut kept: Vec<Timestamp> = Vec::new();
    for time in record.times_mut().into_iter().flatten() {
        kept.push(*time);
        *time = time.without_offset();
    }
    let canonical = json(record);
    for (time, kept) in record.times_mut().into_iter().flatten().zip(kept) {
        *time = kept;
    }
    canonical
}

#[cfg(test)]
mod tests;
