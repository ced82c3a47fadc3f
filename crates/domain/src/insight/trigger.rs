//! Triggers: how often each one comes with cravings, and whether use follows it more often than other
//! cravings.
//!
//! The share of a trigger is the share of craving events in the window that carry it. The lift is computed
//! over events with a known outcome. It is the share of use among the events that carry the trigger, divided
//! by the share of use among all events. 2 means twice as often. The lift is shown from 5 such events on. Its
//! interval is the Wilson interval of the trigger's share, divided by the overall share. Use is an outcome
//! `used`, or a use event that names the craving. A lift shows association, not cause.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    facts::{AsOf, BasisBuilder, Facts, Window, WithId, check_in_day},
    statistics::{Interval, Share, share},
};
use crate::{
    check_in::CheckIn,
    craving_event::{CravingEvent, CravingOutcome},
    record::Kind,
    value::vocabulary::SituationCategory,
};

/// Minimum number of events with a known outcome for a lift.
pub const MIN_FOR_LIFT: usize = 5;
/// Maximum number of triggers in one response.
pub const MAX_TRIGGERS: usize = 200;

/// How much more often use followed these events than all events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightLift)]
pub struct Lift {
    /// Share of use in these events, divided by the share of use in all events. 1 is no difference.
    #[schema(minimum = 0)]
    pub value: f64,
    /// 95 % interval of the value.
    pub interval: Interval,
}

/// Figures of the craving events that carry a trigger, or that belong to a kind of situation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriggerFigures {
    /// Number of these craving events.
    #[schema(minimum = 0)]
    pub events: usize,
    /// Share of these events among all events in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Number of these events with a known outcome.
    #[schema(minimum = 0)]
    pub known_outcomes: usize,
    /// Number of these events with use.
    #[schema(minimum = 0)]
    pub used: usize,
    /// Share of use among these events with a known outcome, if there are at least 5 of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_share: Option<Share>,
    /// How much more often use followed. Needs at least 5 events with a known outcome, and any use in the
    /// window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift: Option<Lift>,
}

/// A trigger of the person's plans, with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriggerInsight {
    /// Id of the trigger.
    pub trigger_id: Uuid,
    /// The person's name for the trigger, if a plan still contains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// Number of check-ins that noticed the trigger.
    #[schema(minimum = 0)]
    pub noticed_in_check_ins: usize,
    /// Figures of the craving events that carry the trigger.
    pub figures: TriggerFigures,
}

/// A kind of high-risk situation, with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SituationInsight {
    /// The kind of situation.
    pub category: SituationCategory,
    /// Figures of the craving events in such situations.
    pub figures: TriggerFigures,
}

/// Figures on triggers and situations.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Triggers {
    /// Number of craving events in the window.
    #[schema(minimum = 0)]
    pub events: usize,
    /// Share of use among all events with a known outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_share: Option<Share>,
    /// Triggers, the most frequent first.
    #[schema(max_items = 200)]
    pub triggers: Vec<TriggerInsight>,
    /// Kinds of situations, the most frequent first.
    #[schema(max_items = 8)]
    pub situations: Vec<SituationInsight>,
}

/// Returns whether use followed a craving. `None` if that is not known.
fn outcome(event: &WithId<CravingEvent>, cravings_with_use: &HashSet<Uuid>) -> Option<bool> {
    match event.record.outcome {
        CravingOutcome::Used => Some(true),
        _ if cravings_with_use.contains(&event.id) => Some(true),
        CravingOutcome::RodeItOut => Some(false),
        CravingOutcome::Ongoing | CravingOutcome::Unsure => None,
    }
}

/// A craving event with its outcome: whether use followed, or `None` if that is not known.
type EventOutcome<'a> = (&'a CravingEvent, Option<bool>);

/// Computes the figures on triggers and situations in a window.
pub fn triggers(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<Triggers> {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let cravings_with_use: HashSet<Uuid> = facts
        .counted_uses()
        .filter_map(|event| event.record.craving_event_id)
        .collect();
    let events: Vec<EventOutcome<'_>> = facts
        .cravings
        .iter()
        .filter(|event| window.contains(event.record.occurred_at.local_date(), today))
        .map(|event| (&event.record, outcome(event, &cravings_with_use)))
        .collect();
    let check_ins: Vec<&CheckIn> = facts
        .check_ins
        .iter()
        .map(|check_in| &check_in.record)
        .filter(|check_in| window.contains(check_in_day(check_in), today))
        .collect();
    let event_days = events.iter().map(|(event, _)| event.occurred_at.local_date());
    let check_in_days = check_ins
        .iter()
        .filter(|check_in| !check_in.trigger_ids.is_empty())
        .map(|check_in| check_in_day(check_in));
    let basis = BasisBuilder::default()
        .records(Kind::CravingEvent, event_days.map(|day| (day, day)))
        .records(Kind::CheckIn, check_in_days.map(|day| (day, day)))
        .build(as_of, window);
    let use_share = use_share(events.iter().map(|(_, used)| *used));
    let result = Triggers {
        events: events.len(),
        use_share,
        triggers: trigger_insights(&events, &check_ins, facts, use_share),
        situations: situation_insights(&events, use_share),
    };
    Insight { basis, result }
}

/// Returns the triggers of craving events and check-ins, the most frequent first.
fn trigger_insights(
    events: &[EventOutcome<'_>],
    check_ins: &[&CheckIn],
    facts: &Facts,
    use_share: Option<Share>,
) -> Vec<TriggerInsight> {
    let mut noticed: BTreeMap<Uuid, usize> = BTreeMap::new();
    for check_in in check_ins {
        for trigger in distinct(&check_in.trigger_ids) {
            *noticed.entry(trigger).or_default() += 1;
        }
    }
    let in_events = events
        .iter()
        .flat_map(|(event, _)| event.trigger_ids.iter().copied());
    let ids: BTreeSet<Uuid> = in_events.chain(noticed.keys().copied()).collect();
    let mut triggers: Vec<TriggerInsight> = ids
        .into_iter()
        .map(|trigger_id| TriggerInsight {
            trigger_id,
            label: facts.trigger_label(trigger_id).map(str::to_owned),
            noticed_in_check_ins: noticed.get(&trigger_id).copied().unwrap_or(0),
            figures: figures(events, use_share, |event| event.trigger_ids.contains(&trigger_id)),
        })
        .collect();
    triggers.sort_by_key(|trigger| {
        (
            Reverse((trigger.figures.events, trigger.noticed_in_check_ins)),
            trigger.trigger_id,
        )
    });
    triggers.truncate(MAX_TRIGGERS);
    triggers
}

/// Returns the kinds of situations in which cravings came up, the most frequent first.
fn situation_insights(events: &[EventOutcome<'_>], use_share: Option<Share>) -> Vec<SituationInsight> {
    let mut situations: Vec<SituationInsight> = SituationCategory::ALL
        .iter()
        .copied()
        .map(|category| SituationInsight {
            category,
            figures: figures(events, use_share, |event| event.category == Some(category)),
        })
        .filter(|situation| situation.figures.events > 0)
        .collect();
    situations.sort_by_key(|situation| Reverse(situation.figures.events));
    situations
}

fn distinct(ids: &[Uuid]) -> BTreeSet<Uuid> {
    ids.iter().copied().collect()
}

/// Returns the share of use among the known outcomes.
fn use_share(outcomes: impl Iterator<Item = Option<bool>>) -> Option<Share> {
    let known: Vec<bool> = outcomes.flatten().collect();
    share(known.iter().filter(|used| **used).count(), known.len())
}

/// Computes the figures of the events that carry a trigger. `overall` is the share of use in all events.
fn figures(
    events: &[EventOutcome<'_>],
    overall: Option<Share>,
    carries: impl Fn(&CravingEvent) -> bool,
) -> TriggerFigures {
    let outcomes: Vec<Option<bool>> = events
        .iter()
        .filter(|(event, _)| carries(event))
        .map(|(_, used)| *used)
        .collect();
    let with_trigger = use_share(outcomes.iter().copied());
    let shown = with_trigger.filter(|share| share.n >= MIN_FOR_LIFT);
    let lift =
        shown
            .zip(overall)
            .filter(|(_, overall)| overall.value > 0.0)
            .map(|(with_trigger, overall)| Lift {
                value: with_trigger.value / overall.value,
                interval: Interval {
                    low: with_trigger.interval.low / overall.value,
                    high: with_trigger.interval.high / overall.value,
                },
            });
    TriggerFigures {
        events: outcomes.len(),
        share: share(outcomes.len(), events.len()),
        known_outcomes: with_trigger.map_or(0, |share| share.n),
        used: with_trigger.map_or(0, |share| share.count),
        use_share: shown,
        lift,
    }
}
