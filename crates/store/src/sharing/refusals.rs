//! Refusals of the last minutes, so that the same one is written to an access log once a minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use mainstay_domain::audit::What;

/// The span in which the same refusal is written once, in microseconds.
const SPAN_US: i64 = 60_000_000;
/// The most refusals that are remembered. While there are more, no other one is written.
const MAX_KNOWN: usize = 10_000;

/// Who was refused, by whom, and what.
type Refusal = (i64, i64, What);

/// The refusals of the last minutes, with their times.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<Refusal, i64>>);

impl Refusals {
    /// Whether a refusal is the first of its kind for a minute, at `now` in microseconds.
    pub(super) fn is_first(&self, refusal: Refusal, now: i64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: i64| (0..SPAN_US).contains(&now.saturating_sub(at));
        if known.get(&refusal).is_some_and(|at| is_recent(*at)) {
            return false;
        }
        if known.len() >= MAX_KNOWN {
            known.retain(|_, at| is_recent(*at));
        }
        let has_room = known.len() < MAX_KNOWN;
        if has_room {
            known.insert(refusal, now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use mainstay_domain::audit::View;

    use super::*;

    #[test]
    fn the_same_refusal_is_written_once_a_minute() {
        let refusals = Refusals::default();
        let of = |who| (who, 2, What::View(View::Warnings));
        assert!(refusals.is_first(of(1), 0));
        assert!(!refusals.is_first(of(1), SPAN_US - 1));
        assert!(refusals.is_first(of(3), 1));
        assert!(refusals.is_first(of(1), SPAN_US));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let refusals = Refusals::default();
        let max = i64::try_from(MAX_KNOWN).unwrap();
        let of = |who| (who, 2, What::View(View::Warnings));
        assert!((0..max).all(|who| refusals.is_first(of(who), 0)));
        assert!(!refusals.is_first(of(max), 1));
        assert!(refusals.is_first(of(max), SPAN_US));
    }
}
