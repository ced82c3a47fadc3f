//! Parts of the record by the ids that others name, for computations that look many of them up.

use std::collections::HashMap;

use uuid::Uuid;

use super::facts::Facts;
use crate::{dose::Dose, plan::Plan};

impl Facts {
    /// Returns the doses of each medication, with their ids. It is for those who ask for many medications.
    pub fn doses_by_medication(&self) -> HashMap<Uuid, Vec<(Uuid, Dose)>> {
        let mut doses: HashMap<Uuid, Vec<(Uuid, Dose)>> = HashMap::new();
        for dose in &self.doses {
            let of_medication = doses.entry(dose.record.medication_id).or_default();
            of_medication.push((dose.id, dose.record.clone()));
        }
        doses
    }

    /// Returns the person's names for triggers. Those in the active plan count before those in all other plans.
    pub fn trigger_labels(&self) -> HashMap<Uuid, &str> {
        labels(self.plans_by_precedence().flat_map(|plan| {
            let triggers = plan.content.triggers.iter();
            triggers.map(|item| (item.id, &*item.label))
        }))
    }

    /// Returns the person's names for strategies. Those in the active plan count before those in all other plans.
    pub fn strategy_labels(&self) -> HashMap<Uuid, &str> {
        labels(self.plans_by_precedence().flat_map(|plan| {
            let strategies = plan.content.strategies.iter();
            strategies.map(|item| (item.id, &*item.label))
        }))
    }

    fn plans_by_precedence(&self) -> impl Iterator<Item = &Plan> {
        (self.active_plan().into_iter().chain(&self.plans)).map(|plan| &plan.record)
    }
}

/// Returns the first label of each item.
fn labels<'a>(items: impl Iterator<Item = (Option<Uuid>, &'a str)>) -> HashMap<Uuid, &'a str> {
    let mut labels = HashMap::new();
    for (id, label) in items {
        if let Some(id) = id {
            labels.entry(id).or_insert(label);
        }
    }
    labels
}
