//! Random medications with their doses, and an oracle that finds due doses by walking along the local clock.

mod cover;
mod random_regimen;

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::LazyLock,
};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use uuid::Uuid;

use self::random_regimen::regimen;
use super::history::{ANCHORS, as_of};
use crate::{
    dose::{Dose, DoseStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId},
    },
    medication::{DoseStanding, MedicationStatus},
};

/// The local clock of a time zone, in steps of 15 minutes. All due times of the rules below, and all changes
/// of these clocks, fall on such a step.
struct LocalClock {
    first: DateTime<Utc>,
    /// Largest offset of the clock ahead of UTC.
    ahead: TimeDelta,
    shown: Vec<NaiveDateTime>,
}

static LOCAL_CLOCKS: LazyLock<HashMap<Tz, LocalClock>> = LazyLock::new(|| {
    ANCHORS
        .iter()
        .map(|(zone, _)| (*zone, LocalClock::of_zone(*zone)))
        .collect()
});

impl LocalClock {
    fn of_zone(zone: Tz) -> Self {
        let anchors = ANCHORS.iter().filter(|anchor| anchor.0 == zone);
        let mut moments: Vec<DateTime<Utc>> = anchors.map(|anchor| anchor.1.parse().unwrap()).collect();
        moments.sort();
        let (first, last) = (
            moments[0] - TimeDelta::days(470),
            moments[moments.len() - 1] + TimeDelta::days(120),
        );
        let mut at = first;
        let mut shown = Vec::new();
        while at < last {
            shown.push(at.with_timezone(&zone).naive_local());
            at += TimeDelta::minutes(15);
        }
        let utc = (0..).map(|n| first.naive_utc() + TimeDelta::minutes(15) * n);
        let ahead = shown
            .iter()
            .zip(utc)
            .map(|(shown, utc)| *shown - utc)
            .max()
            .unwrap();
        Self { first, ahead, shown }
    }

    /// Returns the first step at which the clock shows that time, or has jumped over it.
    fn find(&self, local: NaiveDateTime) -> usize {
        // The clock cannot show this time earlier than this step.
        let from = (local.and_utc() - self.ahead - self.first).num_minutes() / 15;
        let from = usize::try_from(from).unwrap();
        from + self.shown[from..]
            .iter()
            .position(|shown| *shown >= local)
            .unwrap()
    }

    /// Returns the first moment at which the clock shows that time. If it jumps over it, the time is read as if
    /// the clock had gone on (RFC 5545, 3.3.5).
    fn moment(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let mut step = self.find(local);
        if self.shown[step] != local {
            let before = step - 1;
            let further = (local - self.shown[before]).num_minutes() / 15;
            step = before + usize::try_from(further).unwrap();
        }
        self.first + TimeDelta::minutes(15) * i32::try_from(step).unwrap()
    }

    /// Returns whether the clock ever shows a date.
    fn has(&self, day: NaiveDate) -> bool {
        self.shown[self.find(day.and_time(NaiveTime::MIN))].date() == day
    }
}

/// Returns the first moment at which the clock of a zone shows that time.
pub fn moment(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    LOCAL_CLOCKS[&zone].moment(local)
}

/// Counts whole days on the local clock. A day that a clock change makes shorter or longer counts as one.
pub fn local_days_between(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let (mut day, to) = (local(from), local(to));
    let mut days = 0;
    while day + TimeDelta::days(1) <= to {
        day += TimeDelta::days(1);
        days += 1;
    }
    days
}

/// A recurrence rule of a schedule, and the same as numbers that the oracle can count with.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    text: &'static str,
    /// Number of days that a dose covers.
    pub covers: i64,
    /// Days between due dates, counted from the first day. 0 means certain weekdays.
    every: i64,
    /// The weekdays of due dates, if it is not a number of days.
    on: &'static [Weekday],
    /// Due times in minutes after midnight. Empty means any time of the day.
    minutes: &'static [i64],
}

const fn rhythm(text: &'static str, covers: i64, every: i64, minutes: &'static [i64]) -> Rhythm {
    Rhythm {
        text,
        covers,
        every,
        on: &[],
        minutes,
    }
}

const fn weekly(text: &'static str, covers: i64, on: &'static [Weekday], minutes: &'static [i64]) -> Rhythm {
    Rhythm {
        on,
        ..rhythm(text, covers, 0, minutes)
    }
}

const THREE_A_WEEK: [Weekday; 3] = [Weekday::Mon, Weekday::Wed, Weekday::Fri];

const RHYTHMS: [Rhythm; 14] = [
    rhythm("FREQ=DAILY;BYHOUR=8", 1, 1, &[480]),
    rhythm("FREQ=DAILY", 1, 1, &[]),
    rhythm("FREQ=DAILY;BYHOUR=0,23;BYMINUTE=30", 1, 1, &[30, 1410]),
    rhythm("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", 1, 1, &[150]),
    rhythm("FREQ=HOURLY;INTERVAL=6", 1, 1, &[0, 360, 720, 1080]),
    rhythm("FREQ=DAILY;INTERVAL=3;BYHOUR=8", 3, 3, &[480]),
    weekly(
        "FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=20",
        4,
        &[Weekday::Mon, Weekday::Thu],
        &[1200],
    ),
    weekly("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=9", 1, &THREE_A_WEEK, &[540]),
    weekly("FREQ=WEEKLY;BYDAY=MO,WE,FR", 2, &THREE_A_WEEK, &[]),
    weekly("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=9", 3, &THREE_A_WEEK, &[540]),
    // The next one is further away than a dose is known to last.
    rhythm("FREQ=DAILY;INTERVAL=32;BYHOUR=9", 3, 32, &[540]),
    rhythm("FREQ=DAILY;INTERVAL=31", 6, 31, &[]),
    rhythm("FREQ=DAILY;INTERVAL=10;BYHOUR=9", 5, 10, &[540]),
    rhythm("FREQ=DAILY;INTERVAL=2", 2, 2, &[]),
];

const LONG_RHYTHMS: [Rhythm; 3] = [
    rhythm("FREQ=DAILY;INTERVAL=28;BYHOUR=10", 28, 28, &[600]),
    rhythm("FREQ=WEEKLY;BYHOUR=2;BYMINUTE=30", 7, 7, &[150]),
    rhythm("FREQ=DAILY;INTERVAL=84", 84, 84, &[]),
];

/// A due time. `until` is the end of the day if any time of the day is fine, and equal to `at` otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// A medication with its doses, and its schedule in a form that the oracle can count with.
#[derive(Debug, Clone)]
pub struct Regimen {
    pub rhythm: Rhythm,
    pub medication: WithId<crate::medication::Medication>,
    pub doses: Vec<WithId<Dose>>,
}

impl Regimen {
    pub fn is_long_acting(&self) -> bool {
        self.rhythm.covers >= 7
    }

    pub fn own_doses(&self) -> Vec<(Uuid, Dose)> {
        self.doses
            .iter()
            .map(|dose| (dose.id, dose.record.clone()))
            .collect()
    }

    /// Returns whether any dose can be due.
    pub fn is_running(&self) -> bool {
        let record = &self.medication.record;
        match record.status {
            MedicationStatus::Active => true,
            MedicationStatus::Paused => false,
            MedicationStatus::Completed | MedicationStatus::Stopped => record.ended_on.is_some(),
        }
    }

    /// Returns whether the schedule names a date. Its pattern is the same before the first day.
    fn is_due_on(&self, day: NaiveDate) -> bool {
        let start = self.medication.record.started_on;
        match self.rhythm.every {
            0 => self.rhythm.on.contains(&day.weekday()),
            every => i64::from(day.num_days_from_ce() - start.num_days_from_ce()) % every == 0,
        }
    }

    /// Returns the due times from one day to another. A date that the calendar skips has none.
    pub fn times(&self, zone: Tz, from: NaiveDate, to: NaiveDate) -> Vec<Due> {
        let start = self.medication.record.started_on;
        let mut found = BTreeSet::new();
        for day in from.max(start).iter_days().take_while(|day| *day <= to) {
            if !self.is_due_on(day) || !LOCAL_CLOCKS[&zone].has(day) {
                continue;
            }
            let midnight = day.and_time(NaiveTime::MIN);
            for minutes in self.rhythm.minutes {
                let at = moment(zone, midnight + TimeDelta::minutes(*minutes));
                found.insert(Due { at, until: at });
            }
            if self.rhythm.minutes.is_empty() {
                let (at, until) = (
                    moment(zone, midnight),
                    moment(zone, midnight + TimeDelta::days(1)),
                );
                found.insert(Due { at, until });
            }
        }
        found.into_iter().collect()
    }

    /// Returns how far from its due time a dose counts: half of the time that it covers, at most a week. For
    /// a whole day, this is measured from noon.
    pub fn tolerance(&self, due: &Due) -> TimeDelta {
        let half = TimeDelta::hours((self.rhythm.covers * 12).min(168));
        if due.until > due.at {
            half - TimeDelta::hours(12)
        } else {
            half
        }
    }

    /// Returns the due time nearest to a moment, if it is near enough. Of two equally near ones, the later.
    fn nearest(&self, at: DateTime<Utc>, times: &[Due]) -> Option<usize> {
        let distance = |due: &Due| (due.at - at).max(at - due.until).max(TimeDelta::zero());
        let mut best: Option<usize> = None;
        for (n, due) in times.iter().enumerate() {
            if best.is_none_or(|best| distance(due) <= distance(&times[best])) {
                best = Some(n);
            }
        }
        best.filter(|n| {
            let due = &times[*n];
            let is_inside = due.at <= at && at < due.until;
            is_inside || due.at - self.tolerance(due) <= at && at < due.until + self.tolerance(due)
        })
    }

    /// Returns the due time that a dose counts for: the one that it names, otherwise the nearest.
    fn counts_for(&self, dose: &Dose, times: &[Due]) -> Option<usize> {
        let named = dose
            .due_at
            .and_then(|due| times.iter().position(|time| time.at == due.to_utc()));
        named.or_else(|| self.nearest(dose.occurred_at.to_utc(), times))
    }

    /// Returns the standing of each due time, whatever the status of the medication.
    fn standings(&self, times: &[Due], now: DateTime<Utc>) -> Vec<DoseStanding> {
        let counted: Vec<_> = (self
            .doses
            .iter()
            .map(|d| (self.counts_for(&d.record, times), d.record.status)))
        .collect();
        // A due time is open as long as a dose taken now would count for it.
        let open = self.nearest(now, times);
        let standing = |(n, due): (usize, &Due)| {
            let has = |status| counted.contains(&(Some(n), status));
            match () {
                () if has(DoseStatus::Taken) => DoseStanding::Taken,
                () if has(DoseStatus::Late) => DoseStanding::Late,
                () if has(DoseStatus::Skipped) => DoseStanding::Skipped,
                () if has(DoseStatus::Missed) => DoseStanding::Missed,
                () if now < due.at => DoseStanding::Upcoming,
                () if open == Some(n) => DoseStanding::Open,
                () => DoseStanding::Missed,
            }
        };
        times.iter().enumerate().map(standing).collect()
    }

    /// Returns the due times of a span of the last weeks or the next days, and some before and after it.
    fn times_around(&self, as_of: &AsOf, span: &Range<DateTime<Utc>>) -> Vec<Due> {
        let today = as_of.today();
        let last = add_days(span.end.with_timezone(&as_of.zone).date_naive(), 12);
        self.times(as_of.zone, add_days(today, -70), last.max(add_days(today, 20)))
    }

    /// Returns the due doses in a span of the last weeks or the next days.
    pub fn due(&self, as_of: &AsOf, span: &Range<DateTime<Utc>>) -> Vec<(Due, DoseStanding)> {
        if !self.is_running() {
            return Vec::new();
        }
        let times = self.times_around(as_of, span);
        let is_before_end = |due: &Due| {
            let on = due.at.with_timezone(&as_of.zone).date_naive();
            self.medication.record.ended_on.is_none_or(|last| on <= last)
        };
        let all = times.iter().copied().zip(self.standings(&times, as_of.at));
        all.filter(|(due, _)| span.contains(&due.at) && is_before_end(due))
            .collect()
    }

    /// Returns the time of the last dose that counts for a due time in a span.
    pub fn last_taken(&self, as_of: &AsOf, span: &Range<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let times = self.times_around(as_of, span);
        let given = self.doses.iter().filter(|dose| dose.record.status.is_given());
        let due = self.due(as_of, span);
        let counting = given.filter(|dose| {
            let time = self.counts_for(&dose.record, &times).map(|n| times[n]);
            due.iter().any(|(due, _)| Some(*due) == time)
        });
        counting.map(|dose| dose.record.occurred_at.to_utc()).max()
    }

    /// Returns since when a long-acting dose has been due: by the schedule, or a fixed number of days after
    /// the last one that was given, at the time of day of the first.
    pub fn due_since(&self, zone: Tz) -> Due {
        let start = self.medication.record.started_on;
        let first = self.times(zone, start, add_days(start, 100))[0];
        let given = self.doses.iter().filter(|dose| dose.record.status.is_given());
        let Some(last) = given.max_by_key(|dose| (dose.record.occurred_at.millis(), dose.id)) else {
            return first;
        };
        let day = add_days(last.record.occurred_at.local_date(), self.rhythm.covers);
        if first.until > first.at {
            let at = moment(zone, day.and_time(NaiveTime::MIN));
            let of_day = at.with_timezone(&zone).date_naive();
            return Due {
                at,
                until: moment(zone, add_days(of_day, 1).and_time(NaiveTime::MIN)),
            };
        }
        let at = moment(zone, day.and_time(first.at.with_timezone(&zone).time()));
        Due { at, until: at }
    }
}

/// Generates a moment and up to two medications with their doses.
pub fn regimens() -> impl Strategy<Value = (AsOf, Vec<Regimen>)> {
    as_of().prop_flat_map(|as_of| {
        let count = prop_oneof![3 => Just(1_usize), 2 => Just(2), 1 => Just(0)];
        (Just(as_of), count, regimen(as_of, 70), regimen(as_of, 71))
            .prop_map(|(as_of, n, one, two)| (as_of, [one, two].into_iter().take(n).collect()))
    })
}

/// Adds the medications and doses to a record.
pub fn with_regimens(facts: Facts, regimens: &[Regimen]) -> Facts {
    Facts {
        medications: regimens.iter().map(|r| r.medication.clone()).collect(),
        doses: regimens.iter().flat_map(|r| r.doses.clone()).collect(),
        ..facts
    }
}
