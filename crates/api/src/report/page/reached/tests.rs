//! What stays is said first, and no date is yet to come.

use chrono::{DateTime, Days, TimeDelta, Utc};
use mainstay_domain::{
    goal::Goal,
    insight::{
        abstinence::abstinence,
        facts::{AsOf, Facts, WithId},
    },
    record::Record,
    use_event::UseEvent,
    value::{kindness::unkind_words, timestamp::Timestamp},
};
use proptest::prelude::*;

use super::*;

fn noon() -> AsOf {
    AsOf {
        at: "2026-03-20T16:00:00Z".parse().unwrap(),
        zone: chrono_tz::America::New_York,
        week_start: 1,
        standard_drink_g: None,
    }
}

fn with_id<T>(record: T) -> WithId<T> {
    let id = uuid::Uuid::nil();
    WithId {
        id,
        record,
        written: None,
    }
}

fn used_at(at: DateTime<Utc>, zone: chrono_tz::Tz) -> WithId<UseEvent> {
    with_id(UseEvent {
        occurred_at: Timestamp::in_zone(at, zone),
        ended_at: None,
        ..UseEvent::example()
    })
}

/// A goal that began some days ago, and what is said of it. Use is given in days before today.
fn said(started_ago: i64, ended_ago: Option<u64>, used_ago: &[i64]) -> String {
    let as_of = noon();
    let day = |ago: i64| (as_of.at - TimeDelta::days(ago)).date_naive();
    let facts = Facts {
        goals: vec![with_id(Goal {
            started_on: day(started_ago),
            ended_on: ended_ago.map(|ago| as_of.today() - Days::new(ago)),
            ..Goal::example()
        })],
        uses: used_ago
            .iter()
            .map(|ago| used_at(as_of.at - TimeDelta::days(*ago), as_of.zone))
            .collect(),
        ..Facts::default()
    };
    sentences(&facts, &as_of).remove(0)
}

fn sentences(facts: &Facts, as_of: &AsOf) -> Vec<String> {
    let goals = abstinence(facts, as_of).result.goals;
    goals
        .iter()
        .map(|found| days_without_use(found, as_of.today()))
        .collect()
}

const TWENTY: &str = "20 days without use so far. They still count. The next day without use adds to them.";

fn assert_said(cases: &[(i64, Option<u64>, &[i64], &str)]) {
    for (started_ago, ended_ago, used_ago, expected) in cases {
        let found = said(*started_ago, *ended_ago, used_ago);
        assert!(
            found.starts_with(expected),
            "{started_ago} {ended_ago:?} {used_ago:?}: {found}"
        );
    }
}

#[test]
fn a_day_of_use_leaves_what_was_reached() {
    let one = "1 day without use so far. It still counts. The next day without use adds to it.";
    let yesterday = "19 days without use so far. They still count. The next day without use adds to them.";
    let first = "You wrote down how today is. That takes courage.";
    assert_said(&[
        (20, None, &[0], TWENTY),
        // Recorded further east, it may be dated tomorrow. It counts tomorrow.
        (20, None, &[-1], "20 full days without use since"),
        (20, None, &[1], yesterday),
        (1, None, &[0], one),
        (0, None, &[0], first),
        (20, Some(3), &[3], "17 days without use so far. They still count."),
        (5, Some(4), &[4, 5], "This goal has ended."),
    ]);
}

#[test]
fn the_first_days_are_kind() {
    let later = "Today can be the first day without use. Every one will count, and stays yours.";
    assert_said(&[
        (-3, None, &[], "This goal is planned and has not begun yet."),
        (0, None, &[], "Today is the first day of this goal."),
        (1, None, &[1], later),
        (
            1,
            None,
            &[],
            "1 full day without use since 2026-03-19. Longest run: 1 full day.",
        ),
        (2, None, &[], "2 full days without use since 2026-03-18."),
    ]);
}

proptest! {
    #[test]
    fn no_sentence_leads_with_zero_or_names_a_day_to_come(
        at in 0_i64..48, goals in prop::collection::vec((-40_i64..400, prop::option::of(0_i64..60)), 1..4),
        uses in prop::collection::vec((-20_i64..2000, 0_usize..3), 0..8), home in 0_usize..3,
    ) {
        let zones = [chrono_tz::America::New_York, chrono_tz::Pacific::Kiritimati, chrono_tz::Etc::GMTPlus12];
        let as_of = AsOf { at: noon().at + TimeDelta::hours(at), zone: zones[home], ..noon() };
        let today = as_of.today();
        let goals = goals.into_iter().map(|(ago, lasts)| {
            let started_on = today - TimeDelta::days(ago);
            with_id(Goal { started_on, ended_on: lasts.map(|days| started_on + TimeDelta::days(days)), ..Goal::example() })
        });
        let uses = uses.into_iter().map(|(ago, zone)| used_at(as_of.at - TimeDelta::hours(ago), zones[zone]));
        let facts = Facts { goals: goals.collect(), uses: uses.collect(), ..Facts::default() };
        for sentence in sentences(&facts, &as_of) {
            prop_assert!(!sentence.starts_with('0') && !sentence.contains(" 0 "), "{}", sentence);
            prop_assert!(!format!(" {sentence}").contains(" 1 full days") && !format!(" {sentence}").contains(" 1 days"), "{}", sentence);
            let dates = sentence.split([' ', '.']).filter_map(|word| word.parse::<NaiveDate>().ok());
            prop_assert!(dates.into_iter().all(|date| date <= today), "{}", sentence);
            prop_assert_eq!(unkind_words(&sentence), Vec::<&str>::new());
        }
    }
}
