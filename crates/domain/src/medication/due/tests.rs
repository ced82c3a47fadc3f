use chrono::NaiveDate;

use super::*;
use crate::{record::Record, scalar::Int, scalar::Text, timestamp::example_time};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn medication(schedule: &str, covers_days: i64, started_on: &str) -> Medication {
    Medication {
        schedule: Text::of(schedule),
        covers_days: Int::clamped(covers_days),
        started_on: started_on.parse().unwrap(),
        ..Medication::example()
    }
}

fn doses(all: &[(&str, DoseStatus)]) -> Vec<(Uuid, Dose)> {
    let dose = |(n, (time, status)): (usize, &(&str, DoseStatus))| {
        let dose = Dose {
            due_at: None,
            occurred_at: example_time(time),
            status: *status,
            ..Dose::example()
        };
        (Uuid::from_u128(n as u128 + 1), dose)
    };
    all.iter().enumerate().map(dose).collect()
}

/// When each dose is due, on the clock of the zone, and how it stands.
fn standings(due: &[DueDose]) -> Vec<(String, DoseStanding)> {
    let short = |dose: &DueDose| dose.due_at.to_string()[5..16].to_owned();
    due.iter().map(|dose| (short(dose), dose.standing)).collect()
}

fn expected(all: &[(&str, DoseStanding)]) -> Vec<(String, DoseStanding)> {
    all.iter()
        .map(|(time, standing)| ((*time).to_owned(), *standing))
        .collect()
}

#[test]
fn each_dose_counts_for_the_due_time_nearest_to_it() {
    let twice = medication("FREQ=DAILY;BYHOUR=8,20", 1, "2026-03-01");
    let taken = doses(&[
        ("2026-03-02T09:00:00+01:00", DoseStatus::Taken),
        ("2026-03-02T13:59:00+01:00", DoseStatus::Taken),
        ("2026-03-02T14:00:00+01:00", DoseStatus::Late),
        ("2026-03-03T08:00:00+01:00", DoseStatus::Skipped),
    ]);
    let span = at("2026-03-02T00:00:00Z")..at("2026-03-04T20:00:00Z");
    let now = at("2026-03-04T08:30:00Z");
    let due = due_doses(&twice, &taken, Tz::Europe__Berlin, &span, now);
    assert_eq!(
        standings(&due),
        expected(&[
            ("03-02T08:00", DoseStanding::Taken),
            ("03-02T20:00", DoseStanding::Late),
            ("03-03T08:00", DoseStanding::Skipped),
            ("03-03T20:00", DoseStanding::Missed),
            ("03-04T08:00", DoseStanding::Open),
            ("03-04T20:00", DoseStanding::Upcoming),
        ])
    );
    assert_eq!(due[0].dose_ids, [Uuid::from_u128(1), Uuid::from_u128(2)]);
    assert_eq!(
        (due[3].overdue_days, due[4].overdue_days, due[5].overdue_days),
        (Some(0), Some(0), None)
    );
    let next = next_due(&twice, &taken, Tz::Europe__Berlin, now).unwrap();
    assert_eq!(
        standings(&[next]),
        expected(&[("03-04T08:00", DoseStanding::Open)])
    );
}

#[test]
fn a_dose_that_names_its_due_time_counts_for_it_whenever_it_was_taken() {
    let daily = medication("FREQ=DAILY;BYHOUR=8", 1, "2026-03-01");
    let mut late = doses(&[("2026-03-04T07:00:00Z", DoseStatus::Late)]);
    late[0].1.due_at = Some(example_time("2026-03-02T09:00:00+01:00"));
    let span = at("2026-03-02T00:00:00Z")..at("2026-03-05T00:00:00Z");
    let due = due_doses(&daily, &late, Tz::UTC, &span, at("2026-03-04T09:00:00Z"));
    assert_eq!(
        standings(&due),
        expected(&[
            ("03-02T08:00", DoseStanding::Late),
            ("03-03T08:00", DoseStanding::Missed),
            ("03-04T08:00", DoseStanding::Open),
        ])
    );
}

#[test]
fn any_time_of_the_day_will_do_where_the_rule_names_none() {
    let daily = medication("FREQ=DAILY", 1, "2026-03-27");
    // The day on which the clock changes has 23 hours.
    let taken = doses(&[
        ("2026-03-28T23:59:59+01:00", DoseStatus::Taken),
        ("2026-03-30T00:00:00+02:00", DoseStatus::Taken),
    ]);
    let span = at("2026-03-27T23:00:00Z")..at("2026-03-30T22:00:00Z");
    let due = due_doses(&daily, &taken, Tz::Europe__Berlin, &span, span.end);
    assert_eq!(
        standings(&due),
        expected(&[
            ("03-28T00:00", DoseStanding::Taken),
            ("03-29T00:00", DoseStanding::Missed),
            ("03-30T00:00", DoseStanding::Taken),
        ])
    );
    assert!(due.iter().all(|dose| dose.whole_day));
}

#[test]
fn an_injection_is_due_so_many_days_after_the_last_one() {
    let depot = medication("FREQ=DAILY;INTERVAL=28;BYHOUR=10", 28, "2026-01-05");
    let given = doses(&[
        ("2026-02-05T16:00:00-05:00", DoseStatus::Taken),
        ("2026-01-05T11:00:00-05:00", DoseStatus::Taken),
        ("2026-03-14T09:00:00-04:00", DoseStatus::Taken),
    ]);
    let span = at("2026-01-01T00:00:00Z")..at("2026-06-01T00:00:00Z");
    let all = |now: &str| standings(&due_doses(&depot, &given, Tz::America__New_York, &span, at(now)));
    let mut wanted = vec![
        ("01-05T10:00", DoseStanding::Taken),
        // Three days after it was due.
        ("02-02T10:00", DoseStanding::Taken),
        // Nine days after it was due.
        ("03-05T10:00", DoseStanding::Late),
        ("04-11T10:00", DoseStanding::Upcoming),
    ];
    assert_eq!(all("2026-04-01T12:00:00Z"), expected(&wanted));
    wanted[3].1 = DoseStanding::Open;
    assert_eq!(all("2026-04-18T13:59:59Z"), expected(&wanted));
    wanted[3].1 = DoseStanding::Missed;
    assert_eq!(all("2026-04-18T14:00:00Z"), expected(&wanted));
    let late = due_doses(
        &depot,
        &given,
        Tz::America__New_York,
        &span,
        at("2026-04-22T12:00:00Z"),
    );
    assert_eq!(late.last().and_then(|dose| dose.overdue_days), Some(10));
    // Without any, the schedule says when the first is due.
    let first = next_due(&depot, &[], Tz::America__New_York, at("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(
        standings(&[first]),
        expected(&[("01-05T10:00", DoseStanding::Upcoming)])
    );
}

#[test]
fn what_was_settled_about_an_injection_stands() {
    let depot = medication("FREQ=MONTHLY", 28, "2026-01-05");
    let mut given = doses(&[
        ("2026-01-05T11:00:00Z", DoseStatus::Taken),
        ("2026-02-03T08:00:00Z", DoseStatus::Skipped),
    ]);
    let now = at("2026-03-20T00:00:00Z");
    let span = at("2026-02-01T00:00:00Z")..now;
    let due = due_doses(&depot, &given, Tz::UTC, &span, now);
    assert_eq!(
        standings(&due),
        expected(&[("02-02T00:00", DoseStanding::Skipped)])
    );
    given[1].1.status = DoseStatus::Missed;
    assert_eq!(
        due_doses(&depot, &given, Tz::UTC, &span, now)[0].standing,
        DoseStanding::Missed
    );
}

#[test]
fn nothing_is_due_after_the_end_or_while_the_medication_rests() {
    let span = at("2026-03-01T00:00:00Z")..at("2026-03-11T00:00:00Z");
    let count = |change: fn(&mut Medication)| {
        let mut daily = medication("FREQ=DAILY;BYHOUR=8", 1, "2026-03-03");
        change(&mut daily);
        due_doses(&daily, &[], Tz::UTC, &span, span.end).len()
    };
    assert_eq!(count(|_| ()), 8);
    assert_eq!(count(|m| m.ended_on = NaiveDate::from_ymd_opt(2026, 3, 5)), 3);
    assert_eq!(count(|m| m.status = MedicationStatus::Paused), 0);
    assert_eq!(count(|m| m.status = MedicationStatus::Stopped), 0);
    assert_eq!(
        count(|m| {
            m.status = MedicationStatus::Completed;
            m.ended_on = NaiveDate::from_ymd_opt(2026, 3, 5);
        }),
        3
    );
}

#[test]
fn the_tolerance_is_half_of_what_a_dose_covers_and_at_most_a_week() {
    let hours = |covers: i64| tolerance(&medication("FREQ=DAILY", covers, "2026-03-01")).num_hours();
    assert_eq!(
        [hours(1), hours(3), hours(6), hours(7), hours(28), hours(190)],
        [12, 36, 72, 84, 168, 168]
    );
}
