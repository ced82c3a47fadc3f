//! The ranking of strategies, and the reason for offering each.

use std::cmp::Ordering;

use uuid::Uuid;

use super::occasion::Occasion;
use crate::{
    plan::Plan,
    support::effectiveness::Effectiveness,
    value::{decimal::rounded, vocabulary::SituationCategory},
};

/// How well a strategy fits an occasion; the best fit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    Trigger,
    PlanCategory,
    Plan,
    LibraryCategory,
    Library,
}

/// The rank in the list: strategies that have helped in the order of the insight, then untried ones by fit, then those
/// that have not helped so far.
#[derive(Debug, PartialEq)]
pub(super) struct Rank {
    group: u8,
    effectiveness: Option<Effectiveness>,
    fit: Fit,
    position: usize,
}

impl Rank {
    pub(super) fn new(effectiveness: Option<Effectiveness>, fit: Fit, position: usize) -> Self {
        let group = match effectiveness {
            Some(e) if e.has_helped() => 0,
            None => 1,
            Some(_) => 2,
        };
        Self {
            group,
            effectiveness,
            fit,
            position,
        }
    }

    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let by_effectiveness = match (&self.effectiveness, &other.effectiveness) {
            (Some(own), Some(others)) => own.cmp_best_first(others),
            _ => Ordering::Equal,
        };
        (self.group.cmp(&other.group))
            .then(by_effectiveness)
            .then(self.fit.cmp(&other.fit))
            .then(self.position.cmp(&other.position))
    }
}

/// How well a strategy of the plan fits, given the triggers against which it helps.
pub(super) fn fit_in_plan(plan: &Plan, strategy: Uuid, trigger_ids: &[Uuid], occasion: &Occasion) -> Fit {
    if trigger_ids.iter().any(|id| occasion.trigger_ids.contains(id)) {
        return Fit::Trigger;
    }
    let fits =
        occasion.category.is_some_and(|category| {
            let in_situation = plan.content.situations.iter().any(|s| {
                s.category == category && s.steps.iter().any(|step| step.strategy_id == Some(strategy))
            });
            let by_trigger =
                plan.content.triggers.iter().any(|t| {
                    t.category == Some(category) && t.id.is_some_and(|id| trigger_ids.contains(&id))
                });
            in_situation || by_trigger
        });
    if fits { Fit::PlanCategory } else { Fit::Plan }
}

/// The reason for offering a strategy, in a sentence.
pub(super) fn why(effectiveness: Option<Effectiveness>, fit: Fit, occasion: &Occasion) -> String {
    let phrase = occasion
        .category
        .map_or("moments like this", SituationCategory::phrase);
    match effectiveness {
        Some(e) if e.has_helped() => how_it_went(&e),
        _ => match fit {
            Fit::Trigger => "You chose it for this trigger.".to_owned(),
            Fit::PlanCategory => format!("In your plan for {phrase}."),
            Fit::Plan => "It is in your plan.".to_owned(),
            Fit::LibraryCategory => format!("A short practice that fits {phrase}."),
            Fit::Library => "A short practice to begin with.".to_owned(),
        },
    }
}

/// Says how cravings went with a strategy that has helped. A drop that is compared is told as what it is more than the
/// natural drop; any other drop as what happened meanwhile.
fn how_it_went(found: &Effectiveness) -> String {
    let times = if found.n == 1 {
        "once".to_owned()
    } else {
        format!("{} times", found.n)
    };
    match found.adjusted {
        Some(adjusted) if adjusted >= 0.05 => {
            format!(
                "Rated {times}: your craving fell by {:.1} points more than without a strategy, on average.",
                rounded(adjusted, 1)
            )
        }
        Some(_) => format!(
            "Rated {times}: your craving fell by {:.1} points on average, no more than by itself.",
            rounded(found.raw_mean, 1)
        ),
        None => format!(
            "Rated {times}: meanwhile your craving fell by {:.1} points on average.",
            rounded(found.raw_mean, 1)
        ),
    }
}
