//! Each chart is drawn, described and told in figures, also where there is little to draw.

use mainstay_domain::{
    check_in::CheckIn,
    craving_event::{CravingEvent, CravingOutcome, StrategyUse},
    insight::{
        facts::{AsOf, Facts, Window, WithId},
        progress::progress,
    },
    record::Record,
    value::{list::List, number::Rating, vocabulary::SituationCategory},
};
use roxmltree::Document;
use uuid::Uuid;

use super::*;
use crate::insight::document::{example_facts, example_helplines, example_moment};

fn example_progress(facts: &Facts, window: Window) -> Progress {
    progress(facts, &[], &example_helplines(), &example_moment(), window)
}

/// Asserts what holds for every chart: a valid `svg` with title and description, and no text outside the sheet.
fn assert_well_formed(name: ChartName, chart: &Chart) {
    let text = chart.svg(name).into_string();
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{name:?}: {error}\n{text}"));
    let root = document.root_element();
    assert_eq!(
        (root.tag_name().name(), root.attribute("role")),
        ("svg", Some("img"))
    );
    let ids: Vec<&str> = root.attribute("aria-labelledby").unwrap().split(' ').collect();
    for id in ids {
        let named = root
            .children()
            .find(|child| child.attribute("id") == Some(id))
            .unwrap();
        assert!(named.text().is_some_and(|text| !text.is_empty()), "{name:?}");
    }
    let height: f64 = root.attribute("height").unwrap().parse().unwrap();
    for node in root
        .descendants()
        .filter(|node| node.has_tag_name((root.tag_name().namespace().unwrap(), "text")))
    {
        let at = |axis| node.attribute(axis).unwrap().parse::<f64>().unwrap();
        let size = at("font-size");
        assert!(size >= 11.0 - 1e-6, "{name:?}: {size}");
        // On average a letter is at most half as wide as the size of the font.
        let length =
            0.5 * size * f64::from(u32::try_from(node.text().unwrap().trim().chars().count()).unwrap());
        let (left, right) = match node.attribute("text-anchor") {
            Some("start") => (at("x"), at("x") + length),
            Some("end") => (at("x") - length, at("x")),
            _ => (at("x") - length / 2.0, at("x") + length / 2.0),
        };
        let inside = left >= -1.0 && right <= f64::from(WIDTH) + 1.0 && at("y") >= 4.0 && at("y") <= height;
        assert!(
            inside,
            "{name:?}: {:?} from {left} to {right} at {}",
            node.text(),
            at("y")
        );
    }
    assert!(
        chart
            .table
            .rows
            .iter()
            .all(|row| row.len() == chart.table.head.len())
    );
}

#[test]
fn every_chart_is_well_formed_named_and_keeps_its_words_on_the_sheet() {
    for window in Window::ALL {
        for name in ChartName::ALL {
            assert_well_formed(
                name,
                &name.draw(&example_progress(&example_facts(), window), &Parts::all()),
            );
            let empty = name.draw(&example_progress(&Facts::default(), window), &Parts::all());
            assert!(empty.drawing.is_none() && !empty.summary.is_empty() && empty.table.rows.is_empty());
            assert_well_formed(name, &empty);
        }
    }
}

#[test]
fn the_name_of_a_chart_is_its_name_on_the_wire() {
    for name in ChartName::ALL {
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        assert_eq!(name.as_str().parse(), Ok(name));
    }
    assert_eq!("nope".parse::<ChartName>(), Err(NoSuchChart));
}

/// Cravings that began at these moments, each with a practice that was rated before and after.
fn cravings(times: &[&str], before: i64, after: i64) -> Facts {
    let craving =
        |(n, at): (u128, &&str)| WithId {
            id: Uuid::from_u128(n),
            record: CravingEvent {
                occurred_at: at.parse().unwrap(),
                ended_at: None,
                strategy_uses: List::of(CravingEvent::example().strategy_uses.iter().map(|tried| {
                    StrategyUse {
                        before: Some(Rating::clamped(before)),
                        after: Some(Rating::clamped(after)),
                        ..tried.clone()
                    }
                })),
                ..CravingEvent::example()
            },
            written: None,
        };
    Facts {
        cravings: (0..).zip(times).map(craving).collect(),
        ..Facts::default()
    }
}

#[test]
fn no_hour_is_named_as_the_busiest_if_others_have_as_many_cravings() {
    let says =
        |times: &[&str]| heat_map::chart(&example_progress(&cravings(times, 8, 3), Window::Month)).summary;
    let mut times = vec![
        "2026-03-02T20:05:00-05:00",
        "2026-03-02T20:40:00-05:00",
        "2026-03-03T07:00:00-05:00",
        "2026-03-03T07:30:00-05:00",
        "2026-03-04T12:00:00-05:00",
    ];
    assert!(
        says(&times).ends_with("No hour stands out: 2 have the most, 2 each."),
        "{}",
        says(&times)
    );
    times.push("2026-03-03T07:45:00-05:00");
    assert!(
        says(&times).ends_with("Most began on Tue 07:00–07:59 (3)."),
        "{}",
        says(&times)
    );
}

#[test]
fn no_strategy_is_named_first_if_none_has_helped_yet() {
    let at = ["2026-03-02T20:05:00-05:00"];
    let says = |before, after| {
        strategies::chart(&example_progress(&cravings(&at, before, after), Window::Month)).summary
    };
    assert!(
        says(6, 6).ends_with("your plan has room for others."),
        "{}",
        says(6, 6)
    );
    assert!(
        says(6, 4).contains("First: ")
            && says(6, 4).contains("fell by 2 on average over 1 rated craving, which cannot be compared yet"),
        "{}",
        says(6, 4)
    );
}

/// Cravings at 8 with the example's practice, which lets them fall to 3, and as many without any, which fall to 6. All
/// of the first ended in use, none of the others.
fn compared_cravings(n: usize) -> Facts {
    let at = vec!["2026-03-02T20:05:00-05:00"; 2 * n];
    let mut facts = cravings(&at, 8, 3);
    for (n, craving) in facts.cravings.iter_mut().enumerate() {
        let ratings = craving.record.ratings.items_mut();
        let last = ratings.len() - 1;
        ratings[0].value = Rating::clamped(8);
        ratings[last].value = Rating::clamped(6);
        craving.record.category = None;
        if n % 2 == 0 {
            craving.record.outcome = CravingOutcome::Used;
            craving.record.category = Some(SituationCategory::SocialPressure);
        } else {
            craving.record.strategy_uses = List::default();
        }
    }
    facts
}

#[test]
fn a_strategy_is_told_by_what_it_adds_once_that_can_be_compared() {
    let chart = |n| strategies::chart(&example_progress(&compared_cravings(n), Window::Month));
    let few = chart(4);
    assert!(
        few.summary.contains("which cannot be compared yet"),
        "{}",
        few.summary
    );
    assert_eq!(few.table.rows[0][1..], ["not yet comparable", "5", "4"]);
    let enough = chart(5);
    assert!(
        enough
            .summary
            .contains(", 3 more on average over 5 rated cravings."),
        "{}",
        enough.summary
    );
    assert_eq!(enough.table.rows[0][1..], ["3 (2.4 to 3.6)", "5", "5"]);
}

#[test]
fn use_with_and_without_a_trigger_is_told_with_what_may_be_chance() {
    let row = |n| {
        let chart = triggers::chart(
            &example_progress(&compared_cravings(n), Window::Month),
            &Parts::all(),
        );
        chart.table.rows[0][3].clone()
    };
    assert_eq!(row(4), "not known yet");
    assert_eq!(row(5), "100 % with, 0 % without: × 2.3 or more");
}

#[test]
fn no_row_and_no_day_is_in_the_future() {
    // The example's moment is Sunday, 8 March, where the person is. 90 days are shown by week.
    let check_ins = ["02-20", "02-27", "03-05", "03-06", "03-07"].map(|day| WithId {
        id: Uuid::from_u128(u128::from(day.as_bytes()[4])),
        record: CheckIn {
            occurred_at: format!("2026-{day}T20:00:00-05:00").parse().unwrap(),
            ..CheckIn::example()
        },
        written: None,
    });
    let facts = Facts {
        check_ins: check_ins.to_vec(),
        ..example_facts()
    };
    // A week that began on Thursday would end on Wednesday.
    let as_of = AsOf {
        week_start: 4,
        ..example_moment()
    };
    let progress = progress(&facts, &[], &[], &as_of, Window::Quarter);
    let last = over_time::chart(&progress, &Parts::all())
        .table
        .rows
        .pop()
        .unwrap();
    assert_eq!(last[0], "2026-03-05 to 2026-03-08");
    assert!(
        calendar::chart(&progress)
            .summary
            .contains(", today included, without use")
    );
}
