//! Triggers: how often each one comes with cravings, and whether use follows it more often than cravings without
//! it.
//!
//! The share of a trigger is the share of craving events in the window that carry it. Use is compared over events
//! with a known outcome: the share of use among the events with the trigger, the share among those without it, and
//! the first divided by the second. A ratio of 2 means twice as often. It is shown from 5 such events on either
//! side, if there was any use. Its interval is the score interval of Koopman (1984).
//!
//! Of many triggers, some seem to matter by chance. Each ratio has a p-value by Fisher's exact test. All triggers
//! and kinds of situations of a response are one family, since they are read together: what passes the procedure of
//! Benjamini and Hochberg (1995) at 0.1 is probably not chance, the rest may be. Use is an outcome `used`, or a use
//! event that names the craving. A ratio shows association, not cause.

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
    statistics::{Group, Share, benjamini_hochberg, fisher_exact, ratio_interval, share, shown_p_value},
};
use crate::{
    check_in::CheckIn,
    craving_event::{CravingEvent, CravingOutcome},
    record::Kind,
    value::vocabulary::SituationCategory,
};

/// Minimum number of events with a known outcome, with the trigger and without it, for a comparison of use.
pub const MIN_FOR_USE_SHARE: usize = 5;
/// The share of ratios not marked as possible chance that may be there by chance (Benjamini–Hochberg).
pub const FALSE_DISCOVERY_RATE: f64 = 0.1;
/// Maximum number of triggers in one response.
pub const MAX_TRIGGERS: usize = 200;

/// A 95 % interval of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightRatioInterval)]
pub struct RatioInterval {
    /// Lower end.
    #[schema(minimum = 0)]
    pub low: f64,
    /// Upper end. Left out if there is none, because no use is known without the trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub high: Option<f64>,
}

/// How often use followed these events, compared with all other events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightUseRatio)]
pub struct UseRatio {
    /// `use_share` divided by `use_share_without`. 1 is no difference. Left out if no use is known without the
    /// trigger, because nothing can be divided by 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub value: Option<f64>,
    /// 95 % score interval of the ratio.
    pub interval: RatioInterval,
    /// Two-sided p-value of Fisher's exact test that both shares are equal, rounded to four decimals and never below
    /// 0.0001.
    #[schema(minimum = 0.0001, maximum = 1)]
    pub p_value: f64,
    /// Whether the difference may be chance, given how many triggers and situations are compared.
    pub may_be_chance: bool,
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
    /// Share of use among all other events with a known outcome, if there are at least 5 of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_share_without: Option<Share>,
    /// How much more often use followed these events than the others. Needs at least 5 events with a known outcome
    /// on either side, and any use in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_ratio: Option<UseRatio>,
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
    let mut result = Triggers {
        events: events.len(),
        use_share,
        triggers: trigger_insights(&events, &check_ins, facts),
        situations: situation_insights(&events),
    };
    mark_chance(&mut result);
    Insight { basis, result }
}

/// Decides which ratios may be chance. The triggers and situations of the response are one family of tests.
fn mark_chance(found: &mut Triggers) {
    let triggers = found.triggers.iter_mut().map(|trigger| &mut trigger.figures);
    let situations = found
        .situations
        .iter_mut()
        .map(|situation| &mut situation.figures);
    let mut ratios: Vec<&mut UseRatio> = triggers
        .chain(situations)
        .filter_map(|figures| figures.use_ratio.as_mut())
        .collect();
    let p_values: Vec<f64> = ratios.iter().map(|ratio| ratio.p_value).collect();
    for (ratio, passed) in ratios
        .iter_mut()
        .zip(benjamini_hochberg(&p_values, FALSE_DISCOVERY_RATE))
    {
        ratio.may_be_chance = !passed;
        ratio.p_value = shown_p_value(ratio.p_value);
    }
}

/// Returns the triggers of craving events and check-ins, the most frequent first.
fn trigger_insights(
    events: &[EventOutcome<'_>],
    check_ins: &[&CheckIn],
    facts: &Facts,
) -> Vec<TriggerInsight> {
    let mut noticed: BTreeMap<Uuid, usize> = BTreeMap::new();
    for check_in in check_ins {
        for trigger in distinct(&check_in.trigger_ids) {
            *noticed.entry(trigger).or_default() += 1;
        }
    }
    let all = Counts::of(events.iter().map(|(_, used)| *used));
    let mut counts: BTreeMap<Uuid, Counts> = BTreeMap::new();
    for (event, used) in events {
        for trigger in distinct(&event.trigger_ids) {
            counts.entry(trigger).or_default().add(*used);
        }
    }
    for trigger in noticed.keys() {
        counts.entry(*trigger).or_default();
    }
    let mut found: Vec<(Uuid, Counts, usize)> = counts
        .into_iter()
        .map(|(id, counts)| (id, counts, noticed.get(&id).copied().unwrap_or(0)))
        .collect();
    found.sort_by_key(|(id, counts, noticed)| (Reverse((counts.events, *noticed)), *id));
    found.truncate(MAX_TRIGGERS);
    let labels = facts.trigger_labels();
    found
        .into_iter()
        .map(|(trigger_id, counts, noticed_in_check_ins)| TriggerInsight {
            trigger_id,
            label: labels.get(&trigger_id).map(|label| (*label).to_owned()),
            noticed_in_check_ins,
            figures: figures(counts, all),
        })
        .collect()
}

/// Returns the kinds of situations in which cravings came up, the most frequent first.
fn situation_insights(events: &[EventOutcome<'_>]) -> Vec<SituationInsight> {
    let all = Counts::of(events.iter().map(|(_, used)| *used));
    let categories = SituationCategory::ALL.iter().copied();
    let mut situations: Vec<SituationInsight> = categories
        .map(|category| {
            let carrying = events
                .iter()
                .filter(|(event, _)| event.category == Some(category));
            SituationInsight {
                category,
                figures: figures(Counts::of(carrying.map(|(_, used)| *used)), all),
            }
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
    let counts = Counts::of(outcomes);
    share(counts.used, counts.known)
}

/// Counts of craving events: all of them, those with a known outcome, and those with use.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    events: usize,
    known: usize,
    used: usize,
}

impl Counts {
    fn of(outcomes: impl Iterator<Item = Option<bool>>) -> Self {
        let mut counts = Self::default();
        outcomes.for_each(|used| counts.add(used));
        counts
    }

    fn add(&mut self, used: Option<bool>) {
        self.events += 1;
        self.known += usize::from(used.is_some());
        self.used += usize::from(used == Some(true));
    }

    fn group(self) -> Group {
        Group {
            count: self.used,
            n: self.known,
        }
    }
}

/// Computes the figures of the events that carry a trigger, given the counts of these events and of all events.
/// Whether a ratio may be chance is decided later.
fn figures(with: Counts, all: Counts) -> TriggerFigures {
    let without = Counts {
        events: all.events - with.events,
        known: all.known - with.known,
        used: all.used - with.used,
    };
    let shown =
        |counts: Counts| share(counts.used, counts.known).filter(|_| counts.known >= MIN_FOR_USE_SHARE);
    let (use_share, use_share_without) = (shown(with), shown(without));
    TriggerFigures {
        events: with.events,
        share: share(with.events, all.events),
        known_outcomes: with.known,
        used: with.used,
        use_share,
        use_share_without,
        use_ratio: (use_share.zip(use_share_without))
            .and_then(|shares| use_ratio(shares, with.group(), without.group())),
    }
}

/// Compares two shares of use. `None` if there was no use at all.
fn use_ratio((with, without): (Share, Share), first: Group, second: Group) -> Option<UseRatio> {
    let (low, high) = ratio_interval(first, second)?;
    Some(UseRatio {
        value: (without.count > 0).then(|| with.value / without.value),
        interval: RatioInterval { low, high },
        p_value: fisher_exact(first, second),
        may_be_chance: true,
    })
}
