//! Compares the insights of ninety days with figures that an independent program computed from the same diary.

use std::collections::BTreeMap;

use mainstay_tests::{
    TestApp, both_engines,
    ninety_days::{self, Played, Player, Program, Step},
};
use serde_json::{Map, Value, json};

/// 23:30 on the last of the ninety days in New York.
const LAST_EVENING: &str = "2026-11-15T04:30:00Z";

/// The evening after the first lapse, and noon two days after the second one.
const AFTER_LAPSES: [&str; 2] = ["2026-09-14T01:00:00Z", "2026-10-19T16:00:00Z"];

/// Every insight, with its parameters.
const INSIGHTS: [&str; 16] = [
    "abstinence",
    "milestones",
    "series?metric=craving&bucket=week",
    "series?metric=mood&bucket=week",
    "series?metric=self_efficacy&bucket=month",
    "series?metric=sleep_minutes&bucket=month",
    "series?metric=craving_events&bucket=month",
    "series?metric=use_days&bucket=month",
    "cravings",
    "triggers",
    "strategies",
    "self-efficacy",
    "medication",
    "medication?window=30d",
    "warnings",
    "summary",
];

/// The expected responses, with names in place of ids.
const EXPECTED: &str = include_str!("../fixtures/ninety_days_insights.json");

both_engines!(the_insights_of_ninety_days_equal_the_independently_computed_ones);

/// The expected responses were checked independently: a program in another language, which shares no code with the
/// server, read the record and computed 2 493 figures by the definitions of `docs/insights.md`. It computed runs, shares,
/// milestones, savings and limits day by day; what check-ins report of use; the trend over all pairs of days with the
/// test of Mann and Kendall; triggers with Wilson's and Koopman's intervals, Fisher's test and the procedure of Benjamini
/// and Hochberg; raw and adjusted drops, Welch's intervals and the order of strategies; means, medians and bounds of each
/// week and month; covered days and gaps of medication; and each warning by the text of its rule. All agreed but for
/// faults of the server, which are mended, and sentences of the documentation, which were made clear.
///
/// After a deliberate change of the diary or of a rule, the test fails and names the file with the new responses. Check
/// them in the same way before they replace the fixture.
async fn the_insights_of_ninety_days_equal_the_independently_computed_ones(app: &TestApp) {
    let program = ninety_days::alcohol();
    let names = names(&program);
    let mut player = Player::register(&app.url, program).await;
    assert_eq!(player.play(None).await, Played::Finished);
    let at_the_end = INSIGHTS.map(|insight| (insight, LAST_EVENING));
    let after_lapses = AFTER_LAPSES.map(|as_of| ("warnings", as_of));
    let mut found = Map::new();
    for (insight, as_of) in at_the_end.into_iter().chain(after_lapses) {
        let request = format!("{insight}{}as_of={as_of}", if insight.contains('?') { '&' } else { '?' });
        let response = player.fetch(&format!("/v1/insights/{request}"), 200).await;
        found.insert(request, with_names(&response, &names));
    }
    let found = Value::Object(found);
    let expected: Value = serde_json::from_str(EXPECTED).expect("it is JSON");
    let mut differences = Vec::new();
    compare("", &expected, &found, &mut differences);
    if !differences.is_empty() {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/ninety_days_insights.json");
        std::fs::write(path, pretty(&found, 0) + "\n").expect("it is written");
        let more = differences.len().saturating_sub(40);
        differences.truncate(40);
        panic!("{}\nand {more} more; all that was found is in {path}", differences.join("\n"));
    }
}

/// JSON with values of up to 200 characters on one line.
fn pretty(value: &Value, depth: usize) -> String {
    let line = value.to_string();
    if line.len() + 2 * depth <= 200 {
        return line;
    }
    let (open, close, parts): (_, _, Vec<String>) = match value {
        Value::Object(members) => {
            let parts = members.iter();
            let parts = parts.map(|(name, value)| format!("{}: {}", json!(name), pretty(value, depth + 1)));
            ('{', '}', parts.collect())
        }
        Value::Array(items) => ('[', ']', items.iter().map(|item| pretty(item, depth + 1)).collect()),
        _ => return line,
    };
    let (indent, outdent) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    format!("{open}\n{indent}{}\n{outdent}{close}", parts.join(&format!(",\n{indent}")))
}

/// A readable name for each id of a program: records are numbered within their collection, plan items have their text.
fn names(program: &Program) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for step in &program.steps {
        if let Step::Create { collection, id, body } = step {
            let count = counts.entry(collection).or_default();
            *count += 1;
            names.insert(id.to_string(), format!("{collection} {count}"));
            name_items(body, &mut names);
        }
        if let Step::Replace { change, .. } = step {
            name_items(change, &mut names);
        }
    }
    names
}

fn name_items(value: &Value, names: &mut BTreeMap<String, String>) {
    if let (Some(id), Some(words)) =
        (value["id"].as_str(), value["label"].as_str().or(value["text"].as_str()))
    {
        names.insert(id.to_owned(), format!("item: {words}"));
    }
    let children: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    for value in children {
        name_items(value, names);
    }
}

fn with_names(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(members) => {
            (members.iter()).map(|(name, value)| (name.clone(), with_names(value, names))).collect()
        }
        Value::Array(items) => items.iter().map(|item| with_names(item, names)).collect(),
        Value::String(text) => json!(names.get(text).unwrap_or(text)),
        other => other.clone(),
    }
}

/// Adds all differences with their JSON pointers. Numbers may differ in their last digits.
fn compare(at: &str, expected: &Value, found: &Value, all: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
                compare(&format!("{at}/{name}"), &expected[name], &found[name], all);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (n, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{at}/{n}"), one, other, all);
            }
        }
        (Value::Number(one), Value::Number(other))
            if one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| (one - other).abs() < 1e-9) => {}
        (one, other) if one == other => {}
        (one, other) => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            all.push(format!("{at}: expected {}, found {}", short(one), short(other)));
        }
    }
}
