//! What changed from one number of a plan to another.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Plan, PlanSection};

/// An item of a plan, whatever its part.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanItem {
    /// The part of the plan.
    pub section: PlanSection,
    /// The item, as the part holds it.
    #[schema(value_type = Object)]
    pub item: Map<String, Value>,
}

/// An item that both numbers have, in another form.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ItemChange {
    /// The part of the plan.
    pub section: PlanSection,
    /// The item in the earlier of the two.
    #[schema(value_type = Object)]
    pub before: Map<String, Value>,
    /// The item in the later of the two.
    #[schema(value_type = Object)]
    pub after: Map<String, Value>,
}

/// What changed from `compare_to` to `number`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanDifference {
    /// The number that is compared against.
    #[schema(minimum = 1)]
    pub compare_to: i64,
    /// Items that are new.
    #[schema(max_items = 1100)]
    pub added: Vec<PlanItem>,
    /// Items that are gone.
    #[schema(max_items = 1100)]
    pub removed: Vec<PlanItem>,
    /// Items with the same id in another form; the title and the review date are compared as `plan`'s own members.
    #[schema(max_items = 1100)]
    pub changed: Vec<ItemChange>,
    /// Names of the plan's own members that changed: `title`, `review_on`, `kind`.
    #[schema(max_items = 10, max_length = 20)]
    pub plan_members_changed: Vec<String>,
    /// Parts whose items are the same in another order.
    #[schema(max_items = 20)]
    pub reordered: Vec<PlanSection>,
}

const SECTIONS: [(PlanSection, &str); 11] = [
    (PlanSection::Reasons, "reasons"),
    (PlanSection::Triggers, "triggers"),
    (PlanSection::WarningSigns, "warning_signs"),
    (PlanSection::Strategies, "strategies"),
    (PlanSection::Situations, "situations"),
    (PlanSection::ContactIds, "contact_ids"),
    (PlanSection::LapseResponse, "lapse_response"),
    (PlanSection::Environment, "environment"),
    (PlanSection::Routines, "routines"),
    (PlanSection::OverdoseSafety, "overdose_safety"),
    (PlanSection::SafetySteps, "safety_steps"),
];

/// Compares two numbers of a plan, item by item.
///
/// # Errors
/// If a plan cannot be written as JSON.
pub fn difference(before: &Plan, after: &Plan) -> Result<PlanDifference, serde_json::Error> {
    let mut found = PlanDifference {
        compare_to: before.number.get(),
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        plan_members_changed: Vec::new(),
        reordered: Vec::new(),
    };
    for (name, same) in [
        ("title", before.title == after.title),
        ("review_on", before.review_on == after.review_on),
        ("kind", before.kind == after.kind),
    ] {
        if !same {
            found.plan_members_changed.push(name.to_owned());
        }
    }
    let old = serde_json::to_value(&before.content)?;
    let new = serde_json::to_value(&after.content)?;
    for (section, name) in SECTIONS {
        let (old, new) = (items(old.get(name)), items(new.get(name)));
        let (mut kept_old, mut kept_new) = (Vec::new(), Vec::new());
        for item in &new {
            match old.iter().find(|o| o.get("id") == item.get("id")) {
                None => found.added.push(PlanItem {
                    section,
                    item: item.clone(),
                }),
                Some(was) => {
                    kept_new.push(item.get("id"));
                    if was != item {
                        found.changed.push(ItemChange {
                            section,
                            before: was.clone(),
                            after: item.clone(),
                        });
                    }
                }
            }
        }
        for item in &old {
            if new.iter().any(|n| n.get("id") == item.get("id")) {
                kept_old.push(item.get("id"));
            } else {
                found.removed.push(PlanItem {
                    section,
                    item: item.clone(),
                });
            }
        }
        if kept_old != kept_new {
            found.reordered.push(section);
        }
    }
    Ok(found)
}

/// The items of a part as objects; a bare id becomes an object with that id.
fn items(part: Option<&Value>) -> Vec<Map<String, Value>> {
    match part {
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| match item {
                Value::Object(members) => members.clone(),
                other => Map::from_iter([("id".to_owned(), other.clone())]),
            })
            .collect(),
        Some(Value::Object(members)) => vec![members.clone()],
        _ => Vec::new(),
    }
}
