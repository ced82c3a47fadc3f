use mainstay_domain::insight::{
    facts::{Facts, Window},
    progress::progress,
};
use roxmltree::Document;

use super::*;
use crate::insight::document::{example_facts, example_helplines, example_moment};

fn made(facts: &Facts, window: Window) -> Progress {
    progress(facts, &[], &example_helplines(), &example_moment(), window)
}

/// Says what every chart must hold to.
fn check(name: ChartName, chart: &Chart) {
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
        // Letters of half the size's width are the widest that sentences have on average.
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
            check(name, &name.of(&made(&example_facts(), window)));
            let empty = name.of(&made(&Facts::default(), window));
            assert!(empty.drawing.is_none() && !empty.says.is_empty() && empty.table.rows.is_empty());
            check(name, &empty);
        }
    }
}

#[test]
fn a_chart_has_the_name_that_it_has_on_the_wire() {
    for name in ChartName::ALL {
        assert_eq!(serde_json::to_value(name).unwrap(), name.word());
        assert_eq!(name.word().parse(), Ok(name));
    }
    assert_eq!("nope".parse::<ChartName>(), Err(NoSuchChart));
}
