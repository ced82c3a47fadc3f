//! Tests of schedules: parsing, clock changes, and agreement with the `rrule` crate.

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn times(rule: &str, start: &str, zone: Tz, from: &str, to: &str) -> Vec<String> {
    let schedule = Schedule::parse(rule).unwrap();
    let due_times = schedule.due_times(day(start), zone, at(from), at(to), 5000);
    due_times
        .iter()
        .map(|due| due.at.format("%m-%dT%H:%M").to_string())
        .collect()
}

#[test]
fn usual_prescriptions_are_accepted() {
    for rule in [
        "FREQ=DAILY",
        "rrule:freq=daily;byhour=8,20;byminute=0;bysecond=0",
        "FREQ=DAILY;INTERVAL=28",
        "FREQ=HOURLY;INTERVAL=6",
        "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=7",
        "FREQ=WEEKLY;INTERVAL=4;WKST=SU;BYDAY=TU",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9;BYMINUTE=30",
        "FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=1",
        "FREQ=DAILY;COUNT=14",
        "FREQ=DAILY;UNTIL=20260401",
        "FREQ=DAILY;UNTIL=20260401T235959Z",
    ] {
        let schedule = Schedule::parse(rule);
        assert!(schedule.is_ok(), "{rule}: {schedule:?}");
        assert!(
            schedule.is_ok_and(|s| s.first_day(day("2026-03-02")).is_some()),
            "{rule}"
        );
    }
}

#[test]
fn expensive_or_meaningless_rules_are_refused() {
    for rule in [
        "",
        "daily",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=DAILY;FREQ=SECONDLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=1001",
        "FREQ=DAILY;INTERVAL=99999",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=10001",
        "FREQ=DAILY;COUNT=3;UNTIL=20260401",
        "FREQ=DAILY;UNTIL=2026",
        "FREQ=DAILY;UNTIL=+0260401",
        "FREQ=DAILY;UNTIL=20260431",
        "FREQ=DAILY;UNTIL=20260401T",
        "FREQ=DAILY;BYSECOND=0,1",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=DAILY;BYMINUTE=30",
        "FREQ=DAILY;BYHOUR=8,9,10;BYMINUTE=0,5,10,15,20,25,30,35,40",
        "FREQ=HOURLY;BYMINUTE=0,30",
        "FREQ=HOURLY;BYDAY=MO",
        "FREQ=DAILY;BYDAY=1MO",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=MO,1TU",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=3",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5",
        "FREQ=DAILY;BYHOUR=8,9;BYSETPOS=1",
        "FREQ=YEARLY;BYWEEKNO=3",
        "FREQ=YEARLY;BYYEARDAY=100",
        "FREQ=YEARLY;BYEASTER=0",
        "FREQ=DAILY\nRRULE:FREQ=SECONDLY",
        "DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY",
        "FREQ=DAILY;",
        "FREQ=DAILY;BYDAY=",
        "FREQ=TÄGLICH",
    ] {
        assert!(Schedule::parse(rule).is_err(), "{rule}");
    }
}

#[test]
fn a_rule_that_never_comes_due_is_detected_without_expanding_it() {
    for rule in [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=4",
        "FREQ=YEARLY;INTERVAL=6;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=DAILY;UNTIL=20260228",
        "FREQ=WEEKLY;BYDAY=SU;UNTIL=20260305T120000Z",
    ] {
        // A Monday.
        let schedule = Schedule::parse(rule).unwrap();
        assert_eq!(schedule.first_day(day("2026-03-02")), None, "{rule}");
        assert_eq!(
            times(
                rule,
                "2026-03-02",
                Tz::UTC,
                "2026-03-01T00:00:00Z",
                "2027-03-01T00:00:00Z"
            ),
            [""; 0]
        );
    }
}

#[test]
fn eight_in_the_morning_stays_eight_when_the_clock_changes() {
    let berlin = times(
        "FREQ=DAILY;BYHOUR=8",
        "2026-03-01",
        Tz::Europe__Berlin,
        "2026-03-28T00:00:00Z",
        "2026-03-30T12:00:00Z",
    );
    assert_eq!(berlin, ["03-28T07:00", "03-29T06:00", "03-30T06:00"]);
    // 02:30 does not exist on that day. By the offset before the gap it is 03:30.
    let gap = times(
        "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
        "2026-03-01",
        Tz::Europe__Berlin,
        "2026-03-29T00:00:00Z",
        "2026-03-30T00:00:00Z",
    );
    assert_eq!(gap, ["03-29T01:30"]);
    // In autumn the hour occurs twice, but the dose is due once. Lord Howe's clock moves by half an hour.
    let howe = times(
        "FREQ=DAILY;BYHOUR=1;BYMINUTE=45",
        "2026-04-01",
        Tz::Australia__Lord_Howe,
        "2026-04-04T00:00:00Z",
        "2026-04-06T00:00:00Z",
    );
    assert_eq!(howe, ["04-04T14:45", "04-05T15:15"]);
}

#[test]
fn a_date_that_a_country_skipped_has_no_dose_of_its_own() {
    // Samoa skipped 30 December 2011: it was 10 hours behind UTC before and 14 hours ahead after.
    let apia = times(
        "FREQ=DAILY",
        "2011-12-01",
        Tz::Pacific__Apia,
        "2011-12-29T00:00:00Z",
        "2012-01-01T12:00:00Z",
    );
    assert_eq!(apia, ["12-29T10:00", "12-30T10:00", "12-31T10:00", "01-01T10:00"]);
}

#[test]
fn the_end_is_a_day_a_local_time_or_a_moment() {
    let until = |end: &str| {
        let rule = format!("FREQ=DAILY;BYHOUR=8;UNTIL={end}");
        times(
            &rule,
            "2026-01-01",
            Tz::Asia__Kathmandu,
            "2026-01-01T00:00:00Z",
            "2026-01-09T00:00:00Z",
        )
        .len()
    };
    // 08:00 in Kathmandu is 02:15 UTC.
    assert_eq!(until("20260103"), 3);
    assert_eq!((until("20260103T080000"), until("20260103T075959")), (3, 2));
    assert_eq!((until("20260103T021500Z"), until("20260103T021459Z")), (3, 2));
}

#[test]
fn a_rule_of_many_years_gives_the_same_times_as_a_new_one() {
    for rule in [
        "FREQ=DAILY;INTERVAL=3;BYHOUR=8,20",
        "FREQ=HOURLY;INTERVAL=7",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SA;WKST=SU",
    ] {
        let schedule = Schedule::parse(rule).unwrap();
        let start = day("1987-05-06");
        let distant = schedule.due_times(
            start,
            Tz::UTC,
            at("2026-03-01T00:00:00Z"),
            at("2026-04-01T00:00:00Z"),
            5000,
        );
        let all = schedule.due_times(
            start,
            Tz::UTC,
            at("1987-05-01T00:00:00Z"),
            at("2026-04-01T00:00:00Z"),
            usize::MAX,
        );
        let late: Vec<DueTime> = all
            .into_iter()
            .filter(|t| t.at >= at("2026-03-01T00:00:00Z"))
            .collect();
        assert_eq!(distant, late, "{rule}");
    }
}

/// Generates rules of every accepted form, and many that are refused.
fn rule() -> impl Strategy<Value = String> {
    let list = |items: &'static [&'static str]| prop::collection::vec(prop::sample::select(items), 1..4);
    let part = prop_oneof![
        (1..40_u16).prop_map(|n| format!("INTERVAL={n}")),
        (1..30_u32).prop_map(|n| format!("COUNT={n}")),
        list(&["1", "2", "4", "9", "12"]).prop_map(|l| format!("BYMONTH={}", l.join(","))),
        list(&["1", "13", "29", "30", "31", "-1", "-29", "-31"])
            .prop_map(|l| format!("BYMONTHDAY={}", l.join(","))),
        list(&["MO", "TU", "SA", "SU", "1MO", "5SA", "-1FR", "-5TU", "53MO"])
            .prop_map(|l| format!("BYDAY={}", l.join(","))),
        list(&["0", "2", "8", "23"]).prop_map(|l| format!("BYHOUR={}", l.join(","))),
        list(&["0", "30"]).prop_map(|l| format!("BYMINUTE={}", l.join(","))),
        list(&["1", "-1", "4", "5"]).prop_map(|l| format!("BYSETPOS={}", l.join(","))),
        Just("WKST=SU".to_owned()),
        Just("UNTIL=20320229".to_owned()),
        Just("BYYEARDAY=366".to_owned()),
    ];
    let freq = prop::sample::select(vec!["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY", "MINUTELY"]);
    (freq, prop::collection::vec(part, 0..4)).prop_map(|(freq, parts)| {
        let mut all = vec![format!("FREQ={freq}")];
        all.extend(parts);
        all.join(";")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The day test and the crate are two implementations of the same standard and must agree on every day.
    #[test]
    fn the_day_test_agrees_with_the_expansion(rule in rule(), start in 0..2_000_u64) {
        let Ok(schedule) = Schedule::parse(&rule) else { return Ok(()) };
        if schedule.rule.get_freq() == Frequency::Hourly {
            return Ok(());
        }
        let start = day("2024-01-01") + Days::new(start);
        let from = start.and_time(NaiveTime::MIN).and_utc();
        let to = from + TimeDelta::days(700);
        let mut due_times: Vec<NaiveDate> = schedule.due_times(start, Tz::UTC, from, to, 700 * MAX_TIMES_A_DAY)
            .iter().map(|due| due.at.date_naive()).collect();
        due_times.dedup();
        let counted = schedule.rule.get_count().is_some() || !schedule.rule.get_by_set_pos().is_empty();
        if counted || schedule.first_day(start).is_none() {
            prop_assert!(due_times.iter().all(|day| schedule.falls_on(start, *day)), "{rule} {start}");
        } else {
            let last = day("2032-02-29");
            let all: Vec<NaiveDate> = (0..700).map(|n| start + Days::new(n))
                .filter(|day| schedule.falls_on(start, *day) && (schedule.until.is_none() || *day <= last))
                .collect();
            prop_assert_eq!(due_times, all, "{} {}", rule, start);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", rule in rule(), cut in 0..80_usize) {
        drop(Schedule::parse(&text));
        drop(Schedule::parse(&format!("FREQ={text}")));
        drop(Schedule::parse(&format!("FREQ=DAILY;UNTIL={text}")));
        drop(Schedule::parse(&rule.chars().take(cut).collect::<String>()));
    }

    #[test]
    fn times_rise_and_stay_in_the_span(rule in rule(), zone in prop::sample::select(vec![
        Tz::UTC, Tz::Europe__Berlin, Tz::Pacific__Apia, Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu, Tz::Pacific__Kiritimati, Tz::Etc__GMTPlus12,
    ]), offset in 0..4_000_i64) {
        let Ok(schedule) = Schedule::parse(&rule) else { return Ok(()) };
        let from = at("2010-01-01T05:00:00Z") + TimeDelta::days(offset);
        let to = from + TimeDelta::days(40);
        let due_times = schedule.due_times(day("2009-12-31"), zone, from, to, 1_500);
        prop_assert!(due_times.windows(2).all(|pair| pair[0].at < pair[1].at), "{rule}");
        prop_assert!(due_times.iter().all(|due| from <= due.at && due.at < to && due.at <= due.until), "{rule}");
    }
}
