//! Checks of times that several nouns share. They compare instants.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::value::{
    timestamp::Timestamp,
    validation::{FindingCode, Findings},
};

/// Adds a finding if a time is in the future.
pub fn check_past(at: Timestamp, pointer: &str, now: DateTime<Utc>, findings: &mut Findings) {
    if at.is_future(now) {
        findings.add(
            pointer,
            FindingCode::Future,
            "must not be more than 5 minutes in the future",
        );
    }
}

/// Adds a finding if a date has not begun anywhere on Earth yet.
pub fn check_past_date(date: NaiveDate, pointer: &str, now: DateTime<Utc>, findings: &mut Findings) {
    // The easternmost zones are 14 hours ahead.
    if date > (now + TimeDelta::hours(14)).date_naive() {
        findings.add(pointer, FindingCode::Future, "must not be in the future");
    }
}

/// Adds a finding if an end is before its start or in the future.
pub fn check_end(
    start: Timestamp,
    end: Option<Timestamp>,
    pointer: &str,
    now: DateTime<Utc>,
    findings: &mut Findings,
) {
    if let Some(end) = end {
        check_past(end, pointer, now, findings);
        if end.millis() < start.millis() {
            findings.add(pointer, FindingCode::Order, "must not be before occurred_at");
        }
    }
}
