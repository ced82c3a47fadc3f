//! Tests of schedules: parsing, clock changes, and agreement with the `rrule` crate.

use std::cell::Cell;

use chrono::Days;
use proptest::prelude::*;
use rrule::RRuleSet;

use super::*;
use crate::value::timestamp::resolve_local;

thread_local! {
    /// How often the parts of a rule were compared with a day.
    static COMPARED_DAYS: Cell<usize> = const { Cell::new(0) };
}

/// Counts a comparison of the parts of a rule with a day.
pub(super) fn count_day() {
    COMPARED_DAYS.set(COMPARED_DAYS.get() + 1);
}

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

#[test]
fn the_next_due_days_of_a_century_of_doses_cost_no_more_than_the_kinds_of_years() {
    for rule in [
        "FREQ=DAILY;BYHOUR=8",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    ] {
        let schedule = Schedule::parse(rule).unwrap();
        let start = day("1900-01-01");
        let mut days = DueDays::new(&schedule, start);
        COMPARED_DAYS.set(0);
        let found = (0..45_000).filter(|n| days.next_after(start + Days::new(*n), 31).is_some());
        assert!(found.count() > 44_000, "{rule}");
        assert!(COMPARED_DAYS.get() <= 14 * 366, "{rule}: {}", COMPARED_DAYS.get());
    }
}

/// Zones whose clocks change by an hour, by half an hour, by a day, or never.
fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::Pacific__Apia,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kathmandu,
        Tz::Pacific__Kiritimati,
        Tz::Etc__GMTPlus12,
    ])
}

/// Expands a schedule by the crate, from its first day on.
fn by_the_crate(
    schedule: &Schedule,
    started_on: NaiveDate,
    zone: Tz,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    limit: usize,
) -> Vec<DueTime> {
    let is_whole_day =
        schedule.rule.get_by_hour().is_empty() && schedule.rule.get_freq() != Frequency::Hourly;
    let wall = |t: DateTime<Utc>| t.with_timezone(&zone).naive_local();
    let (first, last) = (wall(from) - TimeDelta::days(2), wall(to) + TimeDelta::days(2));
    let midnight = |day: NaiveDate| resolve_local(zone, day.and_time(NaiveTime::MIN));
    let start = rrule::Tz::UTC.from_utc_datetime(&started_on.and_time(NaiveTime::MIN));
    let rule = schedule.rule.clone().validate(start).unwrap();
    let mut times: Vec<DueTime> = RRuleSet::new(start)
        .rrule(rule)
        .limit()
        .into_iter()
        .map(|time| time.naive_utc())
        .take_while(|time| *time < last)
        .skip_while(|time| *time < first)
        .filter(|time| midnight(time.date()) != midnight(time.date() + Days::new(1)))
        .map(|time| (time, DueTime::on(zone, time, is_whole_day)))
        .filter(|(time, due)| match schedule.until {
            None => true,
            Some(Until::Day(last)) => time.date() <= last,
            Some(Until::Wall(last)) => *time <= last,
            Some(Until::Moment(last)) => due.at <= last,
        })
        .map(|(_, due)| due)
        .filter(|due| from <= due.at && due.at < to)
        .take(limit)
        .collect();
    times.sort_by_key(|due| due.at);
    times.dedup_by_key(|due| due.at);
    times
}

#[test]
fn the_work_does_not_grow_with_the_age_of_a_rule_nor_with_how_often_it_comes_due() {
    let hours = (0..24).map(|hour| hour.to_string()).collect::<Vec<_>>().join(",");
    let work = |rule: &str, start: &str| {
        let schedule = Schedule::parse(rule).unwrap();
        COMPARED_DAYS.set(0);
        let (from, to) = (at("2026-03-01T00:00:00Z"), at("2027-04-05T00:00:00Z"));
        drop(schedule.due_times(day(start), Tz::Europe__Berlin, from, to, 4_000));
        COMPARED_DAYS.get()
    };
    for rule in [
        format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={hours}"),
        format!("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={hours}"),
        "FREQ=MONTHLY;INTERVAL=7;BYDAY=-1FR".to_owned(),
        "FREQ=WEEKLY;BYDAY=MO,TU;BYMONTH=1,2,3".to_owned(),
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,TU".to_owned(),
        "FREQ=DAILY;BYMONTHDAY=1".to_owned(),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=8".to_owned(),
    ] {
        // 400 days are in at most 15 months.
        assert!(work(&rule, "1900-01-01") <= 15 * 31, "{rule}");
        assert!(work(&rule, "2026-01-01") <= 15 * 31, "{rule}");
        // COUNT looks at each of the 14 kinds of years once, however many there are.
        assert!(
            work(&format!("{rule};COUNT=10000"), "1900-01-01") <= 14 * 366,
            "{rule}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The crate is another implementation of the same standard. It must agree on every time, also years after the start.
    #[test]
    fn the_expansion_agrees_with_the_crate(
        rule in rule(), start in 0..2_000_u64, zone in zone(), after in prop::sample::select(vec![0, 45, 45, 800]),
        limit in prop::sample::select(vec![1, 7, 5_000]),
    ) {
        let Ok(schedule) = Schedule::parse(&rule) else { return Ok(()) };
        let start = day("2009-06-01") + Days::new(start);
        if schedule.first_day(start).is_none() {
            return Ok(());
        }
        let from = start.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(after) + TimeDelta::hours(5);
        let to = from + TimeDelta::days(100);
        let expected = by_the_crate(&schedule, start, zone, from, to, limit);
        prop_assert_eq!(schedule.due_times(start, zone, from, to, limit), expected, "{} {}", rule, start);
    }

    /// The search for the next due day must find each day that comes due, and no other.
    #[test]
    fn the_next_due_day_is_the_first_one_on_which_a_time_is_due(rule in rule(), start in 0..2_000_u64) {
        let Ok(schedule) = Schedule::parse(&rule) else { return Ok(()) };
        let start = day("2009-06-01") + Days::new(start);
        let endless = Schedule { until: None, rule: schedule.rule.clone().count(MAX_COUNT) };
        let from = start.and_time(NaiveTime::MIN).and_utc();
        let mut due: Vec<NaiveDate> = endless.due_times(start, Tz::UTC, from, from + TimeDelta::days(90), 5_000)
            .iter().map(|due| due.at.date_naive()).collect();
        due.dedup();
        prop_assert!(due.iter().all(|day| schedule.falls_on(start, *day)), "{rule}");
        let mut days = DueDays::new(&schedule, start);
        for n in 0..59 {
            let today = start + Days::new(n);
            let within = today + Days::new(31);
            let expected = due.iter().find(|day| today < **day && **day <= within).copied();
            prop_assert_eq!(days.next_after(today, 31), expected, "{} {} {}", rule, start, today);
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
    fn times_rise_and_stay_in_the_span(rule in rule(), zone in zone(), offset in 0..4_000_i64) {
        let Ok(schedule) = Schedule::parse(&rule) else { return Ok(()) };
        let from = at("2010-01-01T05:00:00Z") + TimeDelta::days(offset);
        let to = from + TimeDelta::days(40);
        let due_times = schedule.due_times(day("2009-12-31"), zone, from, to, 1_500);
        prop_assert!(due_times.windows(2).all(|pair| pair[0].at < pair[1].at), "{rule}");
        prop_assert!(due_times.iter().all(|due| from <= due.at && due.at < to && due.at <= due.until), "{rule}");
    }
}
