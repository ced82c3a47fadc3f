//! Budgets: how much an account can store, and how often it can write in a day.
//!
//! They keep one account from filling the server. A person does not meet them in ten years of heavy use.

use serde::Serialize;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use crate::record::Kind;

/// A budget of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = QuotaName)]
pub enum Budget {
    /// The records that are not deleted.
    Records,
    /// The stored bytes of records, of their earlier versions, and of responses that are kept for an `Idempotency-Key`.
    Bytes,
    /// The versions of records that were written on this day in UTC.
    WritesPerDay,
}

impl Budget {
    /// The name on the wire and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The limits of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The largest number of records that are not deleted.
    pub records: i64,
    /// The largest number of stored bytes.
    pub bytes: i64,
    /// The largest number of writes on one day in UTC.
    pub writes_per_day: i64,
}

impl Quota {
    /// The limits of an account for which the operator has set none.
    ///
    /// - Records: ten years of heavy use are 3 650 days with 20 cravings, 8 doses, 5 check-ins, 5 practice sessions,
    ///   3 entries of the journal and 5 other records, which makes 46 a day and 168 000 in all. 300 000 are 82 a day.
    /// - Bytes: these 168 000 records have 0.6 KiB each on average, and 11 000 entries of the journal 6 KiB more. That
    ///   makes 165 MiB. If every record is changed twice, its earlier versions make it 495 MiB. 1 GiB is twice that.
    /// - Writes a day: a device that was away for half a year has 8 400 records, and sends each once or twice. After a
    ///   restore from a backup several devices may give back tens of thousands. 50 000 let three years go back in a day;
    ///   the rest follows on the next days.
    pub const DEFAULT: Self = Self {
        records: 300_000,
        bytes: 1024 * 1024 * 1024,
        writes_per_day: 50_000,
    };

    /// The limits for records that may draw on a reserve.
    #[must_use]
    pub fn with(self, reserve: Reserve) -> Self {
        let times = match reserve {
            Reserve::None => 0,
            Reserve::Events => 1,
            Reserve::Help => 2,
        };
        Self {
            records: self.records.saturating_add(times * RESERVE.records),
            bytes: self.bytes.saturating_add(times * RESERVE.bytes),
            writes_per_day: self.writes_per_day.saturating_add(times * RESERVE.writes_per_day),
        }
    }

    /// The first budget that a write has exceeded. A budget to which the write adds nothing is not looked at.
    ///
    /// `usage` is the usage with the write.
    pub fn exceeded(&self, usage: Usage, growth: Growth) -> Option<Exceeded> {
        let budgets = [
            (
                Budget::WritesPerDay,
                self.writes_per_day,
                usage.writes_today,
                growth.writes,
            ),
            (Budget::Records, self.records, usage.records, growth.records),
            (Budget::Bytes, self.bytes, usage.bytes, growth.bytes),
        ];
        let exceeded = budgets
            .into_iter()
            .find(|(_, limit, used, added)| *added > 0 && used > limit);
        exceeded.map(|(budget, limit, ..)| Exceeded { budget, limit })
    }
}

/// What one reserve adds to each limit: a hundred cravings an hour for a day, and that for ten days.
const RESERVE: Quota = Quota {
    records: 20_000,
    bytes: 64 * 1024 * 1024,
    writes_per_day: 2_400,
};

/// How far a write may go beyond the limits of its account.
///
/// In a crisis a full account must not stand in the way. Cravings and use events have a reserve. The plan and the people
/// to reach have another one, so that they can be changed even after the first is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// Not at all.
    None,
    /// By one reserve.
    Events,
    /// By two reserves.
    Help,
}

impl Reserve {
    /// The reserve that records of a collection may draw on.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::CravingEvent | Kind::UseEvent => Self::Events,
            Kind::Plan | Kind::SupportContact => Self::Help,
            _ => Self::None,
        }
    }
}

/// What an account uses of its budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its records that are not deleted.
    pub records: i64,
    /// Its stored bytes.
    pub bytes: i64,
    /// Its writes on the day of the latest one.
    pub writes_today: i64,
}

/// What a write adds to the usage of an account. A deletion takes a record away, and so has a number below zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Growth {
    /// Records that are not deleted.
    pub records: i64,
    /// Stored bytes.
    pub bytes: i64,
    /// Writes of the person.
    pub writes: i64,
}

impl Growth {
    /// The growth with the opposite sign, which takes a write back.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            records: -self.records,
            bytes: -self.bytes,
            writes: -self.writes,
        }
    }
}

/// A budget that a write would have exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The budget.
    pub budget: Budget,
    /// Its limit for this write.
    pub limit: i64,
}

/// A day in microseconds.
const DAY_US: i64 = 86_400_000_000;

/// The number of the day in UTC that holds a time in microseconds, from 1970-01-01.
pub const fn day_of(micros: i64) -> i64 {
    micros.div_euclid(DAY_US)
}

/// The seconds from a time in microseconds to the next midnight in UTC, from 1 to 86 400.
pub const fn seconds_to_midnight(micros: i64) -> i64 {
    (DAY_US - micros.rem_euclid(DAY_US) + 999_999) / 1_000_000
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    const SMALL: Quota = Quota {
        records: 10,
        bytes: 1000,
        writes_per_day: 5,
    };
    const NEW: Growth = Growth {
        records: 1,
        bytes: 100,
        writes: 1,
    };

    fn used(records: i64, bytes: i64, writes_today: i64) -> Usage {
        Usage {
            records,
            bytes,
            writes_today,
        }
    }

    #[test]
    fn a_budget_can_be_used_up_and_not_exceeded() {
        for (usage, expected) in [
            (used(10, 1000, 5), None),
            (used(11, 1000, 5), Some((Budget::Records, 10))),
            (used(10, 1001, 5), Some((Budget::Bytes, 1000))),
            (used(11, 1001, 6), Some((Budget::WritesPerDay, 5))),
        ] {
            let found = SMALL.exceeded(usage, NEW);
            assert_eq!(found.map(|e| (e.budget, e.limit)), expected, "{usage:?}");
        }
    }

    #[test]
    fn a_write_is_judged_by_what_it_adds() {
        let full = used(11, 1001, 6);
        let only_bytes = Growth {
            bytes: 1,
            ..Growth::default()
        };
        let exceeded = SMALL.exceeded(full, only_bytes);
        assert_eq!(exceeded.map(|e| e.budget), Some(Budget::Bytes));
        let deletion = Growth {
            records: -1,
            ..Growth::default()
        };
        assert_eq!(SMALL.exceeded(full, deletion), None);
        assert_eq!(SMALL.exceeded(full, NEW.reversed()), None);
    }

    #[test]
    fn reserves_are_bounded_and_the_plan_has_the_last_one() {
        let events = SMALL.with(Reserve::of(Kind::CravingEvent));
        let help = SMALL.with(Reserve::of(Kind::Plan));
        assert_eq!(SMALL.with(Reserve::of(Kind::CheckIn)), SMALL);
        assert_eq!(events.records, 20_010);
        assert_eq!(help.records - events.records, 20_000);
        let beyond = used(events.records + 1, 0, 1);
        assert!(events.exceeded(beyond, NEW).is_some());
        assert!(help.exceeded(beyond, NEW).is_none());
        let endless = Quota {
            records: i64::MAX,
            ..SMALL
        };
        assert_eq!(endless.with(Reserve::Help).records, i64::MAX, "no overflow");
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let midnight = 20_000 * DAY_US;
        for (micros, day, seconds) in [
            (midnight, 20_000, 86_400),
            (midnight + 1, 20_000, 86_400),
            (midnight - 1, 19_999, 1),
            (midnight - 1_500_000, 19_999, 2),
            (-1, -1, 1),
        ] {
            assert_eq!(
                (day_of(micros), seconds_to_midnight(micros)),
                (day, seconds),
                "{micros}"
            );
        }
    }

    #[test]
    fn budgets_have_the_names_of_the_contract() {
        let names: Vec<&str> = Budget::VARIANTS.iter().map(|budget| budget.as_str()).collect();
        assert_eq!(names, ["records", "bytes", "writes_per_day"]);
    }
}
