use mainstay_domain::{
    goal::Goal,
    insight::facts::{Facts, Known},
    insight::progress::progress,
    kindness::unkind_words,
    record::Record,
};

use super::*;
use crate::insight::document::{example_facts, example_helplines, example_moment};

fn made(facts: &Facts, window: Window) -> Progress {
    progress(facts, &[], &example_helplines(), &example_moment(), window)
}

#[test]
fn an_empty_record_says_what_is_missing_and_shows_no_zero_in_its_place() {
    for window in Window::ALL {
        let text = page(&made(&Facts::default(), window), Discretion::Discreet).into_string();
        assert!(
            text.contains("from 5 check-ins with craving or mood on"),
            "{text}"
        );
        assert!(!text.contains("<svg") && !text.contains("<td>0</td>"), "{text}");
    }
}

#[test]
fn every_word_of_the_page_is_kind_and_its_title_says_nothing_unless_asked() {
    let text = page(&made(&example_facts(), Window::All), Discretion::Discreet).into_string();
    assert_eq!(unkind_words(&text), Vec::<&str>::new());
    assert!(text.contains("<title>Progress</title>"));
    assert!(!text.contains("<script") && !text.contains("http://localhost"));
    let plain = page(&made(&Facts::default(), Window::All), Discretion::Plain).into_string();
    assert!(plain.contains("<title>Recovery progress</title>"));
}

#[test]
fn what_a_person_wrote_is_text_whatever_it_looks_like() {
    let hostile = "<script>alert(1)</script>\"'&</svg>";
    let facts = Facts {
        goals: vec![Known {
            id: uuid::Uuid::nil(),
            record: Goal {
                label: Some(serde_json::from_value(serde_json::json!(hostile)).unwrap()),
                ..Goal::example()
            },
        }],
        ..example_facts()
    };
    let text = page(&made(&facts, Window::All), Discretion::Discreet).into_string();
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}
