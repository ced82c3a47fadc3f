//! Computes the body of a record as the server returns it from the body that was sent, and compares bodies.

use chrono::{Days, NaiveDate};
use serde_json::{Map, Value, json};

use super::care::HOW_OFTEN;

/// The members with times that the server sets.
const SERVER_TIMES: [&str; 3] = ["created_at", "updated_at", "activated_at"];

/// The body as the server returns it: without nulls, with defaults, and with computed members.
pub fn as_read(collection: &str, sent: &Value) -> Value {
    let mut record = defaults(collection);
    for (name, value) in without_null(sent).as_object().expect("a record") {
        record[name] = value.clone();
    }
    match collection {
        "check-ins" => record["local_date"] = local_date(&record),
        "craving-events" => {
            let ratings = record["ratings"].as_array().expect("ratings");
            record["peak"] = json!(ratings.iter().filter_map(|rating| rating["value"].as_i64()).max());
            if record["outcome"] == "ongoing" {
                // The server ends an event that has been ongoing for hours.
                record["outcome"] = json!("unsure");
            }
        }
        "support-contacts" if record.get("preferred_channel").is_none() => {
            let channel = if record.get("phone").is_some() { "call" } else { "email" };
            record["preferred_channel"] = json!(channel);
        }
        "plans" => complete_content(&mut record["content"]),
        "transitions" => complete_transition(&mut record),
        "questionnaire-responses" if record["status"] == "completed" => {
            record["scoring_version"] = json!("1");
            record["scores"] = scores(&record["answers"]);
        }
        _ => {}
    }
    record
}

/// Adds the default follow-ups 1, 3, 7, 14 and 30 days after the discharge, and the date of the next open one.
fn complete_transition(record: &mut Value) {
    let discharged: NaiveDate =
        (record["discharged_on"].as_str()).and_then(|date| date.parse().ok()).expect("a date");
    if record.get("follow_ups").is_none() {
        let days = [1, 3, 7, 14, 30].map(|days| json!({ "due_on": discharged + Days::new(days) }));
        record["follow_ups"] = json!(days);
    }
    let follow_ups = record["follow_ups"].as_array().expect("follow-ups");
    let open = follow_ups.iter().filter(|one| one.get("done_on").is_none());
    let next = open.filter_map(|one| one["due_on"].as_str()).min().map(str::to_owned);
    let is_over = ["closed", "readmitted"].contains(&record["status"].as_str().expect("a status"));
    if let Some(next) = next.filter(|_| !is_over) {
        record["next_follow_up_on"] = json!(next);
    }
}

/// The scores of the questionnaire that every server has: four choices of 0 to 3, of which the last is scored in
/// reverse, and an optional number from 0 to 10.
fn scores(answers: &Value) -> Value {
    let answer = |link: &str| {
        let mut all = answers.as_array().expect("answers").iter();
        all.find(|one| one["link_id"] == *link)
    };
    let chosen = |link: &str| {
        let code = &answer(link).expect("an answer")["value_coding"]["code"];
        HOW_OFTEN.iter().position(|word| code == word).expect("an option")
    };
    let sum = chosen("rest") + chosen("company") + chosen("calm") + 3 - chosen("too-much");
    let band = match sum {
        ..4 => "A rough week",
        4..8 => "An uneven week",
        8.. => "A steady week",
    };
    let steadiness = json!({
        "id": "steadiness", "label": "Steadiness of the week", "value": sum, "lowest": 0, "highest": 12, "answered": 4, "asked": 4,
        "prorated": false, "band": band,
    });
    let mut confidence = json!({
        "id": "confidence", "label": "Confidence for the week ahead", "lowest": 0, "highest": 10, "answered": 0, "asked": 1,
        "prorated": false,
    });
    if let Some(sure) = answer("confidence") {
        confidence["value"] = sure["value_integer"].clone();
        confidence["answered"] = json!(1);
    }
    json!([steadiness, confidence])
}

fn local_date(record: &Value) -> Value {
    let at = record["occurred_at"].as_str().expect("a time");
    json!(at.split('T').next())
}

fn defaults(collection: &str) -> Value {
    match collection {
        "goals" => json!({ "status": "active", "taper": [] }),
        "check-ins" => json!({ "trigger_ids": [], "warning_sign_ids": [], "tags": [] }),
        "craving-events" => json!({ "trigger_ids": [], "strategy_uses": [], "outcome": "ongoing" }),
        "use-events" => {
            json!({ "as_prescribed": false, "trigger_ids": [], "warning_sign_ids": [], "entered_in_error": false })
        }
        "support-contacts" => {
            json!({ "availability": [], "position": 50, "in_crisis": false, "notify_on": [], "status": "listed" })
        }
        "review" => json!({ "proposed_items": [] }),
        "medications" => json!({ "status": "active" }),
        "doses" => json!({ "observed": false }),
        "practice-sessions" => json!({ "guided": false }),
        "thought-records" => json!({ "emotions": [], "distortions": [] }),
        "appointments" | "transitions" => json!({ "status": "planned" }),
        "referrals" => json!({ "status": "draft" }),
        "questionnaire-responses" => json!({ "answers": [] }),
        _ => json!({}),
    }
}

fn complete_content(content: &mut Value) {
    for section in [
        "reasons",
        "triggers",
        "warning_signs",
        "strategies",
        "situations",
        "contact_ids",
        "lapse_response",
        "environment",
        "routines",
        "safety_steps",
    ] {
        let items = content.as_object_mut().expect("content").entry(section).or_insert(json!([]));
        let inner = match section {
            "strategies" => "trigger_ids",
            "situations" => "steps",
            _ => continue,
        };
        for item in items.as_array_mut().expect("a section") {
            item.as_object_mut().expect("an item").entry(inner).or_insert(json!([]));
        }
    }
}

/// The value without members that are null.
fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(members) => (members.iter())
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_null(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_null).collect(),
        other => other.clone(),
    }
}

/// The record with changed members; null removes one.
pub fn with_changes(record: &Value, change: &Value) -> Value {
    let mut record = record.clone();
    for (name, value) in change.as_object().expect("a change") {
        record[name] = value.clone();
    }
    without_null(&record)
}

/// All differences with their JSON pointers. The server may have added an id to items of lists.
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut all = Vec::new();
    compare("", expected, found, &SERVER_TIMES, &mut all);
    all
}

fn compare(at: &str, expected: &Value, found: &Value, extra: &[&str], all: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => members(at, expected, found, extra, all),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (n, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{at}/{n}"), before, after, &["id"], all);
            }
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        (one, other) if one == other => {}
        (one, other) => all.push(format!("{at}: expected {one}, found {other}")),
    }
}

/// The members of a questionnaire response that the server computes.
const SCORED: [&str; 3] = ["scores", "safety_notes", "helplines"];

fn members(
    at: &str,
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    extra: &[&str],
    all: &mut Vec<String>,
) {
    for (name, value) in expected {
        match found.get(name) {
            Some(other) => compare(&format!("{at}/{name}"), value, other, &[], all),
            None => all.push(format!("{at}/{name}: is missing, expected {value}")),
        }
    }
    for (name, value) in found {
        // A list that an answer always has may be empty.
        let is_empty_list = value.as_array().is_some_and(Vec::is_empty) && SCORED.contains(&name.as_str());
        if !expected.contains_key(name) && !extra.contains(&name.as_str()) && !is_empty_list {
            all.push(format!("{at}/{name}: unexpected {value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let expected = json!({ "a": 1, "b": { "c": "x" }, "d": [1, { "e": 2 }], "f": true });
        let found = json!({ "a": 1.0, "b": { "c": "y" }, "d": [1, { "e": 2, "id": "made" }], "g": 0, "created_at": "now" });
        assert_eq!(
            differences(&expected, &found),
            ["/b/c: expected \"x\", found \"y\"", "/f: is missing, expected true", "/g: unexpected 0"]
        );
    }

    #[test]
    fn null_removes_a_member_and_defaults_return() {
        let record = json!({ "kind": "momentary", "occurred_at": "2026-10-25T02:30:00+02:00", "note": "x", "tags": ["a"] });
        let read = as_read("check-ins", &with_changes(&record, &json!({ "note": null, "tags": null })));
        assert_eq!(read.get("note"), None);
        assert_eq!(read["tags"], json!([]));
        assert_eq!(read["local_date"], "2026-10-25");
    }
}
