//! The differences between two numbers of a plan.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Plan, PlanSection};

/// An item of any section of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanItem {
    /// The section of the plan.
    pub section: PlanSection,
    /// The item as it is in the section.
    #[schema(value_type = Object)]
    pub item: Map<String, Value>,
}

/// An item that is in both numbers but differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ItemChange {
    /// The section of the plan.
    pub section: PlanSection,
    /// The item in the number that is compared against.
    #[schema(value_type = Object)]
    pub before: Map<String, Value>,
    /// The item in the newer number.
    #[schema(value_type = Object)]
    pub after: Map<String, Value>,
}

/// The differences between `compare_to` and `number`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlanDifference {
    /// The number that is compared against.
    #[schema(minimum = 1)]
    pub compare_to: i64,
    /// Items that were added.
    #[schema(max_items = 1100)]
    pub added: Vec<PlanItem>,
    /// Items that were removed.
    #[schema(max_items = 1100)]
    pub removed: Vec<PlanItem>,
    /// Items whose id is the same but whose content differs. Changes to the title and the review date are in
    /// `plan_members_changed`.
    #[schema(max_items = 1100)]
    pub changed: Vec<ItemChange>,
    /// Members of the plan itself that changed: `title`, `review_on`, `kind`.
    #[schema(max_items = 10, max_length = 20)]
    pub plan_members_changed: Vec<String>,
    /// Sections whose items only changed their order.
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
/// If a plan cannot be serialised.
pub fn difference(before: &Plan, after: &Plan) -> Result<PlanDifference, serde_json::Error> {
    let mut difference = PlanDifference {
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
            difference.plan_members_changed.push(name.to_owned());
        }
    }
    let old = serde_json::to_value(&before.content)?;
    let new = serde_json::to_value(&after.content)?;
    for (section, name) in SECTIONS {
        let (old, new) = (items(old.get(name)), items(new.get(name)));
        let (mut kept_old, mut kept_new) = (Vec::new(), Vec::new());
        for item in &new {
            match old.iter().find(|o| o.get("id") == item.get("id")) {
                None => difference.added.push(PlanItem {
                    section,
                    item: item.clone(),
                }),
                Some(was) => {
                    kept_new.push(item.get("id"));
                    if was != item {
                        difference.changed.push(ItemChange {
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
                difference.removed.push(PlanItem {
                    section,
                    item: item.clone(),
                });
            }
        }
        if kept_old != kept_new {
            difference.reordered.push(section);
        }
    }
    Ok(difference)
}

/// The items of a section as objects. A bare id becomes an object with that id.
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
