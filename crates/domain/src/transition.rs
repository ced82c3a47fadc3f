//! Care transitions from one level of care to the next, with follow-ups in the first weeks, when the risk is
//! highest.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    goal::check_year,
    record::{Kind, NewId, Record, check_past_date},
    value::{
        list::List,
        nullable,
        text::{Label, text},
        timestamp::{Timestamp, date, optional_date},
        validation::{FindingCode, Findings},
    },
};

/// The default follow-ups, in days after discharge.
pub const FOLLOW_UP_DAYS: [u64; 5] = [1, 3, 7, 14, 30];

/// The status of a transition. Any status may follow any other, because people correct their entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CareTransitionStatus)]
pub enum TransitionStatus {
    /// The discharge is ahead.
    #[default]
    Planned,
    /// In progress.
    InProgress,
    /// Settled at the next level.
    Stabilised,
    /// Back at the previous level or a higher one.
    Readmitted,
    /// Nothing is left to do.
    Closed,
}

impl TransitionStatus {
    /// Whether follow-ups are still expected.
    const fn is_open(self) -> bool {
        matches!(self, Self::Planned | Self::InProgress | Self::Stabilised)
    }
}

/// A day on which someone contacts the person, or the person reports back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// The day on which it is due.
    #[serde(deserialize_with = "date")]
    pub due_on: NaiveDate,
    /// The day on which it was done.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_date"
    )]
    pub done_on: Option<NaiveDate>,
}

/// A transition from one level of care to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CareTransition)]
pub struct Transition {
    /// The previous level of care, such as `detox` or `residential`.
    pub from_level: Label,
    /// The next level of care, such as `intensive_outpatient`.
    pub to_level: Label,
    /// The day of discharge; it may be in the future.
    #[serde(deserialize_with = "date")]
    pub discharged_on: NaiveDate,
    /// The follow-ups. If left out, the server sets them to 1, 3, 7, 14 and 30 days after the discharge. If
    /// left out in a change that keeps the day of discharge, they stay as they are. An empty list means no
    /// follow-ups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<FollowUp>, max_items = 50)]
    pub follow_ups: Option<List<FollowUp, 50>>,
    /// The earliest follow-up that is not done. Absent once the transition is closed or ended in a
    /// readmission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub next_follow_up_on: Option<NaiveDate>,
    /// The status; `planned` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub status: TransitionStatus,
}

impl Record for Transition {
    const KIND: Kind = Kind::Transition;
    const READ_ONLY: &'static [&'static str] = &["next_follow_up_on"];

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(Timestamp::midnight(self.discharged_on))
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_year(self.discharged_on, "/discharged_on", findings);
        let follow_ups = self.follow_ups.iter().flat_map(|all| all.iter()).enumerate();
        let mut seen = std::collections::HashSet::new();
        for (n, follow_up) in follow_ups {
            let due = format!("/follow_ups/{n}/due_on");
            check_year(follow_up.due_on, &due, findings);
            if follow_up.due_on < self.discharged_on {
                findings.add(
                    &due,
                    FindingCode::Order,
                    "must not be before discharged_on; left out, follow_ups are made anew",
                );
            }
            if !seen.insert(follow_up.due_on) {
                findings.add(
                    &due,
                    FindingCode::Duplicate,
                    "another follow-up is due on this day",
                );
            }
            if let Some(done) = follow_up.done_on {
                let pointer = format!("/follow_ups/{n}/done_on");
                check_year(done, &pointer, findings);
                check_past_date(done, &pointer, now, findings);
            }
        }
    }

    fn adopt(&mut self, before: &Self) {
        if self.follow_ups.is_none() && self.discharged_on == before.discharged_on {
            self.follow_ups.clone_from(&before.follow_ups);
        }
    }

    fn complete(&mut self, _now: DateTime<Utc>, _new_id: NewId<'_>) {
        let discharged_on = self.discharged_on;
        let follow_ups = self
            .follow_ups
            .get_or_insert_with(|| default_follow_ups(discharged_on));
        let open = follow_ups.iter().filter(|f| f.done_on.is_none());
        self.next_follow_up_on = open.map(|f| f.due_on).min().filter(|_| self.status.is_open());
    }

    fn example() -> Self {
        let discharged_on = NaiveDate::from_ymd_opt(2026, 2, 20).unwrap_or_default();
        let mut follow_ups = default_follow_ups(discharged_on);
        if let Some(first) = follow_ups.items_mut().first_mut() {
            first.done_on = Some(first.due_on);
        }
        Self {
            from_level: text!("residential"),
            to_level: text!("intensive_outpatient"),
            discharged_on,
            follow_ups: Some(follow_ups),
            next_follow_up_on: discharged_on.checked_add_days(Days::new(3)),
            status: TransitionStatus::InProgress,
        }
    }
}

fn default_follow_ups(discharged_on: NaiveDate) -> List<FollowUp, 50> {
    List::of(FOLLOW_UP_DAYS.into_iter().filter_map(|days| {
        Some(FollowUp {
            due_on: discharged_on.checked_add_days(Days::new(days))?,
            done_on: None,
        })
    }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn completed(mut transition: Transition) -> Transition {
        transition.complete(DateTime::UNIX_EPOCH, &mut Uuid::nil);
        transition
    }

    fn due(transition: &Transition) -> Vec<String> {
        let all = transition.follow_ups.iter().flat_map(|all| all.iter());
        all.map(|f| f.due_on.to_string()).collect()
    }

    #[test]
    fn follow_ups_are_made_for_days_1_3_7_14_30_over_a_leap_day() {
        let with_defaults = completed(Transition {
            discharged_on: day("2028-02-27"),
            follow_ups: None,
            ..Transition::example()
        });
        assert_eq!(
            due(&with_defaults),
            [
                "2028-02-28",
                "2028-03-01",
                "2028-03-05",
                "2028-03-12",
                "2028-03-28"
            ]
        );
        assert_eq!(with_defaults.next_follow_up_on, Some(day("2028-02-28")));
    }

    #[test]
    fn follow_ups_left_out_of_a_change_stay_unless_the_discharge_moves() {
        let before = completed(Transition::example());
        let sent = |discharged_on| Transition {
            discharged_on,
            follow_ups: None,
            ..Transition::example()
        };
        let mut same = sent(before.discharged_on);
        same.adopt(&before);
        assert_eq!(completed(same).follow_ups, before.follow_ups);
        let mut moved = sent(day("2026-02-25"));
        moved.adopt(&before);
        assert_eq!(due(&completed(moved))[0], "2026-02-26");
    }

    #[test]
    fn the_next_follow_up_is_the_earliest_that_is_not_done_while_the_transition_is_open() {
        let next = |status, follow_ups| {
            completed(Transition {
                status,
                follow_ups: Some(follow_ups),
                ..Transition::example()
            })
            .next_follow_up_on
        };
        let follow_up = |due: &str, done: Option<&str>| FollowUp {
            due_on: day(due),
            done_on: done.map(day),
        };
        let two = || {
            List::of([
                follow_up("2026-03-09", None),
                follow_up("2026-03-02", Some("2026-03-04")),
                follow_up("2026-03-05", None),
            ])
        };
        assert_eq!(next(TransitionStatus::Stabilised, two()), Some(day("2026-03-05")));
        assert_eq!(next(TransitionStatus::Closed, two()), None);
        assert_eq!(next(TransitionStatus::InProgress, List::default()), None);
    }

    #[test]
    fn every_wrong_day_is_named() {
        let mut findings = Findings::default();
        let follow_up = |due: &str, done: Option<&str>| FollowUp {
            due_on: day(due),
            done_on: done.map(day),
        };
        Transition {
            follow_ups: Some(List::of([
                follow_up("2026-02-19", None),
                follow_up("2026-02-27", Some("2026-03-03")),
                follow_up("2026-02-27", Some("2026-03-02")),
            ])),
            ..Transition::example()
        }
        .check("2026-03-01T12:00:00Z".parse().unwrap(), &mut findings);
        let pointers: Vec<String> = findings.into_vec().into_iter().map(|f| f.pointer).collect();
        // On 1 March at noon UTC it is 2 March in Kiribati already.
        assert_eq!(
            pointers,
            [
                "/follow_ups/0/due_on",
                "/follow_ups/1/done_on",
                "/follow_ups/2/due_on"
            ]
        );
    }
}
