//! Inputs of warnings in words: none of them shows a name of the API.

use mainstay_domain::{
    insight::warning::{Rule, Thresholds, warnings},
    value::kindness::unkind_words,
};

use super::*;
use crate::insight::document::{example_facts, example_moment};

#[test]
fn money_and_time_have_their_units() {
    assert_eq!(money(28_050, Some("EUR")), "EUR 280.50");
    assert_eq!(money(5, Some("USD")), "USD 0.05");
    assert_eq!(money(1200, Some("JPY")), "JPY 1200");
    assert_eq!(money(1200, Some("KWD")), "KWD 1.200");
    assert_eq!(money(1200, None), "12.00 in money");
    assert_eq!(
        [time(1), time(59), time(60), time(2520)],
        ["1 minute", "59 minutes", "1 hour", "42 hours"]
    );
}

#[test]
fn each_trend_has_words_of_its_own_that_are_kind() {
    use Direction::{Falling, InsufficientData, NotClear, Rising, Steady};
    let date = example_moment().today();
    let words = [Falling, Steady, Rising, NotClear, InsufficientData].map(|direction| {
        trend(&CravingTrend {
            direction,
            slope_per_day: None,
            p_value: None,
            observed_days: 0,
            from: date,
            to: date,
        })
    });
    for (n, sentence) in words.iter().enumerate() {
        assert_eq!(unkind_words(sentence), Vec::<&str>::new());
        assert!(!words[..n].contains(sentence), "{sentence}");
    }
    assert!(words[3].contains("not clear yet"));
}

#[test]
fn limits_are_mentioned_once_a_day_is_completed() {
    let day = |n, within, unknown| LimitCount {
        n,
        within,
        over: n - within - unknown,
        unknown,
    };
    let found = WithinLimits {
        days: Some(day(10, 7, 1)),
        weeks: Some(day(1, 1, 0)),
        heavy_days: None,
        heavy_days_unknown: None,
    };
    assert_eq!(
        limits(&found).unwrap(),
        "Within the limits that you set: 7 of 10 days; 1 not known, for an amount is missing or cannot be compared, and 1 of 1 week."
    );
    let new = WithinLimits {
        days: Some(day(0, 0, 0)),
        weeks: None,
        heavy_days: Some(0),
        heavy_days_unknown: Some(0),
    };
    assert_eq!(limits(&new), None);
}

/// The level is called steady only if no muted sign would show.
#[test]
fn muted_signs_are_no_all_clear() {
    assert!(level(Level::Steady, 0).starts_with("Steady"));
    assert_eq!(
        level(Level::Steady, 1),
        "Of the signs that you want to hear about: few, or none."
    );
    assert!(level(Level::High, 1).starts_with("High"));
}

#[test]
fn inputs_of_a_rule_are_described_in_words() {
    let describe = |kind: Kind, member: &str, value: f64, label: Option<&str>| {
        let at = "2026-03-08T20:00:00Z".parse().unwrap();
        input(&WarningInput {
            label: label.map(str::to_owned),
            ..WarningInput::new(kind, uuid::Uuid::nil(), member, value, at)
        })
    };
    for (kind, member, value, expected) in [
        (Kind::UseEvent, "occurred_at", 1.0, "use on 2026-03-08"),
        (Kind::UseEvent, "ended_at", 1.0, "use that ended on 2026-03-08"),
        (Kind::UseEvent, "feelings.shame", 9.0, "shame 9 on 2026-03-08"),
        (Kind::CheckIn, "answers.stress", 8.0, "stress 8 on 2026-03-08"),
        (
            Kind::CheckIn,
            "answers.sleep_minutes",
            270.0,
            "4.5 hours of sleep on 2026-03-08",
        ),
        (
            Kind::CheckIn,
            "answers.used",
            1.0,
            "use in a check-in on 2026-03-08",
        ),
        (Kind::CravingEvent, "peak", 9.0, "a craving of 9 on 2026-03-08"),
        (
            Kind::Medication,
            "missed_in_a_row",
            2.0,
            "2 due doses missed in a row",
        ),
        (
            Kind::Medication,
            "coverage_28_days",
            0.5,
            "50 % of the last 28 days covered",
        ),
    ] {
        assert_eq!(describe(kind, member, value, None), expected);
    }
    assert_eq!(
        describe(Kind::CheckIn, "warning_sign_ids", 1.0, Some("Skipping dinner")),
        "your sign “Skipping dinner” on 2026-03-08"
    );
    let counted = WarningInput::count(Kind::CheckIn, "answers.support_contacted", 0.0);
    assert_eq!(input(&counted), "0 contacts with your people");
}

/// The example record makes rules fire. None of their inputs is described by a name of the API.
#[test]
fn no_member_name_of_the_api_is_on_the_page() {
    let found = warnings(&example_facts(), &[], &example_moment(), &Thresholds::V2).result;
    assert!(found.fired.iter().any(|fired| fired.rule == Rule::RecentUse));
    for text in found.fired.iter().flat_map(inputs) {
        assert!(!text.contains(['_', '.']) && !text.contains("occurred"), "{text}");
    }
}
