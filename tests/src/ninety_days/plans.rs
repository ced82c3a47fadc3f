//! Builds the bodies of plans from short outlines.

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};
use uuid::Uuid;

use super::diary::Diary;

/// The texts of a plan, without ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outline {
    /// The title.
    pub title: &'static str,
    /// Reasons.
    pub reasons: &'static [&'static str],
    /// Triggers: name, kind, category.
    pub triggers: &'static [(&'static str, &'static str, &'static str)],
    /// Warning signs: name, stage.
    pub signs: &'static [(&'static str, &'static str)],
    /// Strategies: name, category, and a practice of the library unless empty.
    pub strategies: &'static [(&'static str, &'static str, &'static str)],
    /// Situations: name, category.
    pub situations: &'static [(&'static str, &'static str)],
    /// The response to a lapse.
    pub lapse_response: &'static [&'static str],
    /// Changes of the surroundings.
    pub environment: &'static [&'static str],
    /// Routines.
    pub routines: &'static [&'static str],
    /// The note on naloxone; empty if there is none.
    pub naloxone: &'static str,
    /// Steps of a safety plan: step number, text.
    pub safety_steps: &'static [(i64, &'static str)],
}

/// Builds the body of a plan. From now on, records of the diary may refer to its triggers, signs and strategies.
///
/// Long because it has a loop for each section, in the order in which ids and random numbers are drawn.
pub fn plan(
    diary: &mut Diary,
    at: DateTime<FixedOffset>,
    kind: &str,
    outline: &Outline,
    contacts: &[Uuid],
) -> Value {
    let id = |diary: &mut Diary| diary.id(at);
    let mut content = json!({ "contact_ids": contacts });
    for (name, texts) in [
        ("reasons", outline.reasons),
        ("lapse_response", outline.lapse_response),
        ("environment", outline.environment),
        ("routines", outline.routines),
    ] {
        let items = texts.iter().map(|text| json!({ "id": id(diary), "text": text }));
        content[name] = items.collect();
    }
    let (mut triggers, mut signs, mut strategies, mut situations) = (vec![], vec![], vec![], vec![]);
    for (label, kind, category) in outline.triggers {
        let trigger = id(diary);
        diary.items.triggers.push(trigger);
        let likelihood = diary.random.between(0, 10);
        triggers.push(json!({
            "id": trigger, "label": label, "kind": kind, "category": category, "likelihood": likelihood,
        }));
    }
    for (label, stage) in outline.signs {
        let sign = id(diary);
        diary.items.signs.push(sign);
        signs.push(json!({ "id": sign, "label": label, "stage": stage, "note": null }));
    }
    for (label, category, practice) in outline.strategies {
        let strategy = id(diary);
        diary.items.strategies.push(strategy);
        let mut item = json!({ "id": strategy, "label": label, "category": category });
        if !practice.is_empty() {
            item["practice"] = json!(practice);
        }
        if let Some(trigger) = triggers.first() {
            item["trigger_ids"] = json!([trigger["id"]]);
        }
        item["minutes"] = json!(diary.random.between(5, 40));
        strategies.push(item);
    }
    for (label, category) in outline.situations {
        let mut steps = vec![json!({ "text": "Leave first, think later." })];
        steps.extend(strategies.first().map(|strategy| json!({ "strategy_id": strategy["id"] })));
        steps.extend(
            contacts.first().map(|contact| json!({ "contact_id": contact, "text": "Say it aloud." })),
        );
        let confidence = diary.random.between(20, 90);
        situations.push(json!({
            "id": id(diary), "label": label, "category": category, "confidence": confidence, "steps": steps,
        }));
    }
    content["triggers"] = json!(triggers);
    content["warning_signs"] = json!(signs);
    content["strategies"] = json!(strategies);
    content["situations"] = json!(situations);
    if !outline.naloxone.is_empty() {
        content["overdose_safety"] = json!({ "naloxone_at_hand": true, "note": outline.naloxone });
    }
    let steps = outline.safety_steps.iter();
    content["safety_steps"] =
        steps.map(|(step, text)| json!({ "id": id(diary), "step": step, "text": text })).collect();
    json!({ "kind": kind, "title": outline.title, "content": content })
}

/// The content with one more item in a section.
pub fn with_item(content: &Value, section: &str, item: Value) -> Value {
    let mut content = content.clone();
    content[section].as_array_mut().expect("a section").push(item);
    content
}
