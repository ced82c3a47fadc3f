//! Triggers: how often each is at work, and whether use follows it more often than elsewhere.
//!
//! The share of a trigger is that of the craving events in the window that carry it. The lift compares, among events
//! whose outcome is known, the share of use of those that carry the trigger with that of all of them: 2 means twice as
//! often. It is shown from 5 such events on, with the Wilson interval of the share divided by the same share of all.
//! Use is an outcome `used`, or a use event that names the craving. A lift says what went together, not what caused it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    facts::{AsOf, Facts, Tally, Window, WithId, check_in_day},
    statistics::{Interval, Share, share},
};
use crate::{
    craving_event::{CravingEvent, CravingOutcome},
    record::Kind,
    value::vocabulary::SituationCategory,
};

/// Events with a known outcome from which on a lift is shown.
pub const MIN_FOR_LIFT: usize = 5;
/// Most triggers in one answer.
pub const MAX_TRIGGERS: usize = 200;

/// How much more often use followed than in all events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Lift {
    /// Share of use given this, divided by the share of use in all events; 1 is no difference.
    #[schema(minimum = 0)]
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// What the events that carry a trigger have in common.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriggerFigures {
    /// Craving events that carry it.
    #[schema(minimum = 0)]
    pub events: usize,
    /// Their share of all events in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Those whose outcome is known.
    #[schema(minimum = 0)]
    pub known_outcomes: usize,
    /// Those with use.
    #[schema(minimum = 0)]
    pub used: usize,
    /// The share of use in those whose outcome is known, from 5 of them on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_share: Option<Share>,
    /// How much more often use followed, from 5 events with a known outcome on and if there was any use at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift: Option<Lift>,
}

/// A trigger of the person's plans.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriggerInsight {
    /// The trigger.
    pub trigger_id: Uuid,
    /// What the person calls it, if a plan still has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// Check-ins that noticed it.
    #[schema(minimum = 0)]
    pub noticed_in_check_ins: usize,
    /// The craving events that carry it.
    pub figures: TriggerFigures,
}

/// A kind of situation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SituationInsight {
    /// The kind of situation.
    pub category: SituationCategory,
    /// The craving events in such situations.
    pub figures: TriggerFigures,
}

/// What the record tells of triggers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Triggers {
    /// Craving events in the window.
    #[schema(minimum = 0)]
    pub events: usize,
    /// The share of use in all events whose outcome is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_share: Option<Share>,
    /// Triggers, the most frequent first.
    #[schema(max_items = 200)]
    pub triggers: Vec<TriggerInsight>,
    /// Kinds of situations, the most frequent first.
    #[schema(max_items = 8)]
    pub situations: Vec<SituationInsight>,
}

/// Whether use followed a craving; none if that is not known.
fn outcome(event: &WithId<CravingEvent>, followed: &HashSet<Uuid>) -> Option<bool> {
    match event.record.outcome {
        CravingOutcome::Used => Some(true),
        _ if followed.contains(&event.id) => Some(true),
        CravingOutcome::RodeItOut => Some(false),
        CravingOutcome::Ongoing | CravingOutcome::Unsure => None,
    }
}

/// What the record tells of triggers.
pub fn triggers(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<Triggers> {
    let today = as_of.today();
    let followed: HashSet<Uuid> = facts
        .counting_uses()
        .filter_map(|event| event.record.craving_event_id)
        .collect();
    let events: Vec<(&CravingEvent, Option<bool>)> = facts
        .cravings
        .iter()
        .filter(|event| window.has(event.record.occurred_at.local_date(), today))
        .map(|event| (&event.record, outcome(event, &followed)))
        .collect();
    let overall = use_share(events.iter().map(|(_, used)| *used));
    let figures = |carries: &dyn Fn(&CravingEvent) -> bool| {
        let outcomes: Vec<Option<bool>> = (events.iter().filter(|(e, _)| carries(e)))
            .map(|(_, used)| *used)
            .collect();
        figures(&outcomes, events.len(), overall)
    };
    let mut noticed: BTreeMap<Uuid, usize> = BTreeMap::new();
    let check_ins = || (facts.check_ins.iter()).filter(|c| window.has(check_in_day(&c.record), today));
    for check_in in check_ins() {
        for trigger in distinct(&check_in.record.trigger_ids) {
            *noticed.entry(trigger).or_default() += 1;
        }
    }
    let ids: BTreeSet<Uuid> = (events
        .iter()
        .flat_map(|(event, _)| event.trigger_ids.iter().copied()))
    .chain(noticed.keys().copied())
    .collect();
    let mut by_trigger: Vec<TriggerInsight> = ids
        .into_iter()
        .map(|trigger_id| TriggerInsight {
            trigger_id,
            label: facts.trigger_label(trigger_id).map(str::to_owned),
            noticed_in_check_ins: noticed.get(&trigger_id).copied().unwrap_or(0),
            figures: figures(&|event| event.trigger_ids.contains(&trigger_id)),
        })
        .collect();
    by_trigger.sort_by_key(|t| {
        (
            std::cmp::Reverse((t.figures.events, t.noticed_in_check_ins)),
            t.trigger_id,
        )
    });
    by_trigger.truncate(MAX_TRIGGERS);
    let mut situations: Vec<SituationInsight> = SituationCategory::ALL
        .iter()
        .copied()
        .map(|category| SituationInsight {
            category,
            figures: figures(&|event| event.category == Some(category)),
        })
        .filter(|situation| situation.figures.events > 0)
        .collect();
    situations.sort_by_key(|situation| std::cmp::Reverse(situation.figures.events));
    let basis = Tally::default()
        .and(
            Kind::CravingEvent,
            events
                .iter()
                .map(|(e, _)| e.occurred_at.local_date())
                .map(|day| (day, day)),
        )
        .and(
            Kind::CheckIn,
            check_ins()
                .filter(|c| !c.record.trigger_ids.is_empty())
                .map(|c| check_in_day(&c.record))
                .map(|day| (day, day)),
        )
        .basis(as_of, window);
    let found = Triggers {
        events: events.len(),
        use_share: overall,
        triggers: by_trigger,
        situations,
    };
    Insight { basis, found }
}

fn distinct(ids: &[Uuid]) -> BTreeSet<Uuid> {
    ids.iter().copied().collect()
}

fn use_share(outcomes: impl Iterator<Item = Option<bool>>) -> Option<Share> {
    let known: Vec<bool> = outcomes.flatten().collect();
    share(known.iter().filter(|used| **used).count(), known.len())
}

fn figures(outcomes: &[Option<bool>], all: usize, overall: Option<Share>) -> TriggerFigures {
    let own = use_share(outcomes.iter().copied());
    let enough = own.filter(|own| own.n >= MIN_FOR_LIFT);
    let lift = enough
        .zip(overall)
        .filter(|(_, all)| all.value > 0.0)
        .map(|(own, all)| Lift {
            value: own.value / all.value,
            interval: Interval {
                low: own.interval.low / all.value,
                high: own.interval.high / all.value,
            },
        });
    TriggerFigures {
        events: outcomes.len(),
        share: share(outcomes.len(), all),
        known_outcomes: own.map_or(0, |own| own.n),
        used: own.map_or(0, |own| own.count),
        use_share: enough,
        lift,
    }
}
