//! The page of the report for records with much and with little in them.

use mainstay_domain::{
    goal::Goal,
    insight::{
        facts::{Facts, Window, WithId},
        progress::progress,
    },
    record::Record,
    value::kindness::unkind_words,
};

use super::*;
use crate::insight::document::{example_facts, example_helplines, example_moment};

fn example_progress(facts: &Facts, window: Window) -> Progress {
    progress(facts, &[], &example_helplines(), &example_moment(), window)
}

#[test]
fn an_empty_record_shows_what_is_missing_and_no_zero_in_its_place() {
    for window in Window::ALL {
        let text = page(&example_progress(&Facts::default(), window), Discretion::Discreet).into_string();
        assert!(
            text.contains("from 5 check-ins with craving or mood on"),
            "{text}"
        );
        assert!(!text.contains("<svg") && !text.contains("<td>0</td>"), "{text}");
    }
}

#[test]
fn every_word_of_the_page_is_kind_and_its_title_says_nothing_unless_asked() {
    let text = page(
        &example_progress(&example_facts(), Window::All),
        Discretion::Discreet,
    )
    .into_string();
    assert_eq!(unkind_words(&text), Vec::<&str>::new());
    assert!(text.contains("<title>Progress</title>"));
    assert!(!text.contains("<script") && !text.contains("http://localhost"));
    let plain = page(
        &example_progress(&Facts::default(), Window::All),
        Discretion::Plain,
    )
    .into_string();
    assert!(plain.contains("<title>Recovery progress</title>"));
}

#[test]
fn markup_that_a_person_wrote_is_shown_as_text() {
    let hostile = "<script>alert(1)</script>\"'&</svg>";
    let facts = Facts {
        goals: vec![WithId {
            id: uuid::Uuid::nil(),
            record: Goal {
                label: Some(serde_json::from_value(serde_json::json!(hostile)).unwrap()),
                ..Goal::example()
            },
            written: None,
        }],
        ..example_facts()
    };
    let text = page(&example_progress(&facts, Window::All), Discretion::Discreet).into_string();
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn limits_money_and_time_of_a_goal_are_shown() {
    let goal = |change: serde_json::Value| {
        let mut goal = serde_json::to_value(Goal {
            started_on: example_moment().today() - chrono::Days::new(10),
            ..Goal::example()
        })
        .unwrap();
        for (member, value) in change.as_object().unwrap() {
            goal[member] = value.clone();
        }
        let facts = Facts {
            goals: vec![WithId {
                id: uuid::Uuid::nil(),
                record: serde_json::from_value(goal).unwrap(),
                written: None,
            }],
            ..Facts::default()
        };
        page(&example_progress(&facts, Window::All), Discretion::Discreet).into_string()
    };
    let text = goal(serde_json::json!({ "kind": "reduce", "limits": { "units_per_day": 2 } }));
    assert!(
        text.contains("Within the limits that you set: 10 of 10 days."),
        "{text}"
    );
    assert!(
        text.contains("Yours again so far: about EUR 145.00 and 30 hours."),
        "{text}"
    );
    let short = goal(serde_json::json!({ "baseline": { "minutes_per_day": 4 } }));
    assert!(short.contains("Yours again so far: about 40 minutes."), "{short}");
    assert!(!short.contains("Within the limits"), "{short}");
}
