//! Tests of due doses and their standing.

use chrono::NaiveDate;

use super::*;
use crate::{
    record::Record,
    value::{number::Int, text::Text, timestamp::example_time},
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn medication(schedule: &str, covers_days: i64, started_on: &str) -> Medication {
    Medication {
        schedule: Text::new(schedule).unwrap(),
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

/// Lists the due time of each dose in local time, with its standing.
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
fn an_injection_is_due_a_number_of_days_after_the_last_one() {
    let depot = medication("FREQ=DAILY;INTERVAL=28;BYHOUR=10", 28, "2026-01-05");
    let given = doses(&[
        ("2026-02-05T16:00:00-05:00", DoseStatus::Taken),
        ("2026-01-05T11:00:00-05:00", DoseStatus::Taken),
        ("2026-03-14T09:00:00-04:00", DoseStatus::Taken),
    ]);
    let span = at("2026-01-01T00:00:00Z")..at("2026-06-01T00:00:00Z");
    let all = |now: &str| standings(&due_doses(&depot, &given, Tz::America__New_York, &span, at(now)));
    let mut expected_standings = vec![
        ("01-05T10:00", DoseStanding::Taken),
        // Given three days after it was due.
        ("02-02T10:00", DoseStanding::Taken),
        // Given nine days after it was due.
        ("03-05T10:00", DoseStanding::Late),
        ("04-11T10:00", DoseStanding::Upcoming),
    ];
    assert_eq!(all("2026-04-01T12:00:00Z"), expected(&expected_standings));
    expected_standings[3].1 = DoseStanding::Open;
    assert_eq!(all("2026-04-18T13:59:59Z"), expected(&expected_standings));
    // It stays open however late it is.
    assert_eq!(all("2026-05-18T14:00:00Z"), expected(&expected_standings));
    let late = due_doses(
        &depot,
        &given,
        Tz::America__New_York,
        &span,
        at("2026-04-22T12:00:00Z"),
    );
    assert_eq!(late.last().and_then(|dose| dose.overdue_days), Some(10));
    // Without recorded doses, the schedule sets the first due time.
    let first = next_due(&depot, &[], Tz::America__New_York, at("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(
        standings(&[first]),
        expected(&[("01-05T10:00", DoseStanding::Upcoming)])
    );
}

#[test]
fn an_injection_that_was_not_given_is_due_until_it_is() {
    let depot = medication("FREQ=MONTHLY;BYHOUR=10", 28, "2026-01-05");
    let given = doses(&[("2026-01-05T11:00:00Z", DoseStatus::Taken)]);
    let now = at("2026-03-01T12:00:00Z");
    let open = expected(&[("02-02T10:00", DoseStanding::Open)]);
    // This also holds for a span that begins after the due time, but not for one that ends before it.
    for from in [
        "2026-01-20T00:00:00Z",
        "2026-02-22T12:00:00Z",
        "2026-03-01T12:00:00Z",
    ] {
        let due = due_doses(
            &depot,
            &given,
            Tz::UTC,
            &(at(from)..at("2026-03-08T12:00:00Z")),
            now,
        );
        assert_eq!(standings(&due), open, "{from}");
        assert_eq!(due[0].overdue_days, Some(27));
    }
    let before = at("2026-01-20T00:00:00Z")..at("2026-02-01T00:00:00Z");
    assert_eq!(due_doses(&depot, &given, Tz::UTC, &before, now), []);
    let next = next_due(&depot, &given, Tz::UTC, now).unwrap();
    assert_eq!(
        (standings(std::slice::from_ref(&next)), next.overdue_days),
        (open, Some(27))
    );
    assert_eq!(overdue_days(&depot, &given, Tz::UTC, now), 27);
    // After the medication ended, no dose is open any more.
    let ended = Medication {
        ended_on: NaiveDate::from_ymd_opt(2026, 2, 20),
        ..depot.clone()
    };
    assert_eq!(next_due(&ended, &given, Tz::UTC, now), None);
    assert_eq!(overdue_days(&ended, &given, Tz::UTC, now), 0);
    let early = medication("FREQ=MONTHLY;BYHOUR=10", 28, "2028-01-05");
    assert_eq!(next_due(&early, &[], Tz::UTC, now), None);
}

#[test]
fn after_a_skipped_injection_the_next_follows_by_the_rhythm() {
    let depot = medication("FREQ=MONTHLY", 28, "2026-01-05");
    let mut given = doses(&[
        ("2026-01-05T11:00:00Z", DoseStatus::Taken),
        ("2026-02-03T08:00:00Z", DoseStatus::Skipped),
    ]);
    let due = |given: &[(Uuid, Dose)], now: &str| {
        let span = at("2026-02-01T00:00:00Z")..at("2026-06-01T00:00:00Z");
        standings(&due_doses(&depot, given, Tz::UTC, &span, at(now)))
    };
    let mut expected_standings = vec![
        ("02-02T00:00", DoseStanding::Skipped),
        ("03-02T00:00", DoseStanding::Upcoming),
    ];
    assert_eq!(due(&given, "2026-02-04T00:00:00Z"), expected(&expected_standings));
    let next = next_due(&depot, &given, Tz::UTC, at("2026-02-04T00:00:00Z")).unwrap();
    assert_eq!(standings(&[next]), expected(&expected_standings[1..]));
    // A skipped dose does not count as given: nothing was given since January.
    let overdue = |given: &[(Uuid, Dose)]| overdue_days(&depot, given, Tz::UTC, at("2026-02-12T00:00:00Z"));
    assert_eq!(overdue(&given), 10);
    expected_standings[1].1 = DoseStanding::Open;
    assert_eq!(due(&given, "2026-04-20T00:00:00Z"), expected(&expected_standings));
    // A dose that is skipped long after also skips those that would have been due until then.
    given[1].1.occurred_at = example_time("2026-04-20T08:00:00Z");
    assert_eq!(
        due(&given, "2026-04-21T00:00:00Z"),
        expected(&[
            ("02-02T00:00", DoseStanding::Skipped),
            ("04-27T00:00", DoseStanding::Upcoming),
        ])
    );
    // A dose that is given after all is late and not skipped.
    given[1].1.occurred_at = example_time("2026-02-03T08:00:00Z");
    let mut after_all = given.clone();
    after_all.extend(doses(&[("2026-02-10T08:00:00Z", DoseStatus::Taken)]));
    assert_eq!(
        due(&after_all, "2026-02-12T00:00:00Z"),
        expected(&[
            ("02-02T00:00", DoseStanding::Late),
            ("03-10T00:00", DoseStanding::Upcoming),
        ])
    );
    assert_eq!(overdue(&after_all), 0);
}

#[test]
fn an_injection_that_was_recorded_as_missed_is_still_to_be_given() {
    let depot = medication("FREQ=MONTHLY", 28, "2026-01-05");
    let given = doses(&[
        ("2026-01-05T11:00:00Z", DoseStatus::Taken),
        ("2026-02-03T08:00:00Z", DoseStatus::Missed),
    ]);
    let now = at("2026-03-20T00:00:00Z");
    let missed = expected(&[("02-02T00:00", DoseStanding::Missed)]);
    let due = due_doses(&depot, &given, Tz::UTC, &(at("2026-03-13T00:00:00Z")..now), now);
    assert_eq!((standings(&due), due[0].overdue_days), (missed.clone(), Some(46)));
    assert_eq!(
        standings(&[next_due(&depot, &given, Tz::UTC, now).unwrap()]),
        missed
    );
}

#[test]
fn nothing_is_due_after_the_end_or_while_the_medication_is_paused() {
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
fn the_tolerance_is_half_the_time_a_dose_lasts_and_at_most_a_week() {
    let hours = |covers: i64| tolerance(&medication("FREQ=DAILY", covers, "2026-03-01")).num_hours();
    assert_eq!(
        [hours(1), hours(3), hours(6), hours(7), hours(28), hours(190)],
        [12, 36, 72, 84, 168, 168]
    );
}
