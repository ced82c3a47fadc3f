//! Help in the answer: what to do now, whom to reach now, and a helpline.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    availability::{Reach, reach},
    craving_event::CravingEvent,
    effectiveness::{Effectiveness, StrategyKey, effectiveness},
    helpline::{Helpline, HelplineTopic},
    place::{Email, Phone},
    plan::{Plan, PlanText},
    practice::{self, Practice},
    scalar::Label,
    support_contact::{Channel, ContactStatus, Relationship, SupportContact},
    timestamp::Timestamp,
    use_event::{Harm, UseEvent},
    vocabulary::{SituationCategory, StrategyCategory, Substance},
};

/// The most strategies in one toolkit: enough to choose from, few enough to read with a shaking hand.
pub const MAX_STRATEGIES: usize = 10;
/// The most contacts in one toolkit.
pub const MAX_CONTACTS: usize = 20;

/// A coping strategy with the reason why it is offered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolkitStrategy {
    /// The plan's strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<Uuid>,
    /// The library practice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub practice: Option<String>,
    /// Its name.
    #[schema(max_length = 200)]
    pub label: String,
    /// Its family.
    pub category: StrategyCategory,
    /// How it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub instructions: Option<String>,
    /// How it goes, step by step.
    #[schema(max_items = 20, max_length = 200)]
    pub steps: Vec<String>,
    /// How long it takes, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
    /// How often it was tried with a rating before and after.
    #[schema(minimum = 0)]
    pub n: usize,
    /// How much the craving fell with it on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -10, maximum = 10)]
    pub mean_drop: Option<f64>,
    /// Why it is offered here.
    #[schema(max_length = 400)]
    pub why: String,
}

/// A person to reach, with the reason for their place in the order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolkitContact {
    /// The support contact.
    pub id: Uuid,
    /// What the person calls them.
    #[schema(max_length = 200)]
    pub name: String,
    /// Who they are to the person.
    pub relationship: Relationship,
    /// Phone number in the international form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// How they like to be reached.
    pub preferred_channel: Channel,
    /// Place in the calling order.
    #[schema(minimum = 1, maximum = 99)]
    pub position: i64,
    /// Whether they can be reached now, in their own time zone.
    pub reachable_now: bool,
    /// If not, from when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachable_from: Option<Timestamp>,
    /// Whether they may be called in a crisis at any hour.
    pub in_crisis: bool,
    /// Why they stand here.
    #[schema(max_length = 400)]
    pub why: String,
}

/// Everything that helps now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Toolkit {
    /// A kind word to begin with.
    #[schema(max_length = 400)]
    pub message: String,
    /// What to do, best first.
    #[schema(max_items = 10)]
    pub strategies: Vec<ToolkitStrategy>,
    /// Whom to reach, reachable ones first.
    #[schema(max_items = 20)]
    pub contacts: Vec<ToolkitContact>,
    /// Helplines of the person's country.
    #[schema(max_items = 50)]
    pub helplines: Vec<Helpline>,
    /// What the plan says to do after a lapse.
    #[schema(max_items = 100)]
    pub lapse_response: Vec<PlanText>,
    /// What to know for safety.
    #[schema(max_items = 10, max_length = 1000)]
    pub safety_notes: Vec<String>,
    /// The active plan that the strategies come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Uuid>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub plan_number: Option<i64>,
}

/// What the help is asked for.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The plan's triggers at work.
    pub trigger_ids: Vec<Uuid>,
    /// The kind of situation.
    pub category: Option<SituationCategory>,
    /// The substance that was used, if any was.
    pub used: Option<Substance>,
    /// Whether the person was hurt.
    pub harm: Option<Harm>,
}

impl From<&CravingEvent> for Occasion {
    fn from(event: &CravingEvent) -> Self {
        Self {
            trigger_ids: event.trigger_ids.to_vec(),
            category: event.category,
            used: None,
            harm: None,
        }
    }
}

impl From<&UseEvent> for Occasion {
    fn from(event: &UseEvent) -> Self {
        Self {
            trigger_ids: event.trigger_ids.to_vec(),
            category: event.category,
            used: (!event.as_prescribed).then_some(event.substance),
            harm: event.harm,
        }
    }
}

/// What the help is made from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The active plan with its id.
    pub plan: Option<(Uuid, &'a Plan)>,
    /// Every support contact with its id.
    pub contacts: &'a [(Uuid, SupportContact)],
    /// Craving events to learn from.
    pub events: &'a [CravingEvent],
    /// Helplines, in order.
    pub helplines: Vec<Helpline>,
    /// The person's time zone, for contacts without one.
    pub time_zone: Tz,
}

/// Puts the help together for an occasion at a moment.
pub fn toolkit(occasion: &Occasion, sources: &Sources<'_>, now: DateTime<Utc>) -> Toolkit {
    Toolkit {
        message: message(occasion).to_owned(),
        strategies: strategies(occasion, sources),
        contacts: contacts(sources, now),
        helplines: helplines(occasion, sources),
        lapse_response: match sources.plan {
            Some((_, plan)) if occasion.used.is_some() => plan.content.lapse_response.to_vec(),
            _ => Vec::new(),
        },
        safety_notes: safety_notes(occasion),
        plan_id: sources.plan.map(|(id, _)| id),
        plan_number: sources.plan.map(|(_, plan)| plan.number.get()),
    }
}

/// Where someone may be in danger, the emergency number comes first.
fn helplines(occasion: &Occasion, sources: &Sources<'_>) -> Vec<Helpline> {
    let mut all = sources.helplines.clone();
    if matches!(occasion.harm, Some(Harm::Overdose | Harm::Injury)) {
        all.sort_by_key(|h| h.topic != HelplineTopic::Emergency);
    }
    all
}

fn message(occasion: &Occasion) -> &'static str {
    if occasion.used.is_some() {
        "Thank you for writing it down. Everything you have built is still yours, and the next step can be a small one."
    } else {
        "You noticed it, and that is the first step. Cravings rise and pass; here is what can carry you through."
    }
}

/// Plain words on safety, apart from any score.
fn safety_notes(occasion: &Occasion) -> Vec<String> {
    let mut notes = Vec::new();
    if occasion.harm == Some(Harm::Overdose) {
        notes.push(
            "If someone cannot be woken, breathes slowly or not at all, or has blue lips: call the emergency number now, \
             give naloxone if it is there, and stay with them."
                .to_owned(),
        );
    }
    if occasion.used.is_some_and(Substance::is_opioid) {
        notes.push(
            "After days without opioids the body tolerates less than before, so the usual amount can stop the breathing. \
             Keep naloxone at hand and have someone with you."
                .to_owned(),
        );
    }
    notes
}

/// Ranks what worked, then what fits, then what did not lower the craving so far.
fn strategies(occasion: &Occasion, sources: &Sources<'_>) -> Vec<ToolkitStrategy> {
    let worked = effectiveness(sources.events);
    let mut ranked: Vec<(Rank, ToolkitStrategy)> = Vec::new();
    let mut practices_in_plan = HashSet::new();
    if let Some((_, plan)) = sources.plan {
        for (place, strategy) in plan.content.strategies.iter().enumerate() {
            if let Some(practice) = &strategy.practice {
                practices_in_plan.insert(practice.to_string());
            }
            let Some(id) = strategy.id else { continue };
            // Tried as the practice that it follows, it was tried as well.
            let as_practice = strategy
                .practice
                .as_ref()
                .map(|p| StrategyKey::Practice(p.to_string()));
            let own = (worked.get(&StrategyKey::Plan(id)))
                .or_else(|| worked.get(&as_practice?))
                .copied();
            let fit = fit_in_plan(plan, id, &strategy.trigger_ids, occasion);
            let practice = strategy.practice.as_deref().and_then(practice::find);
            ranked.push((
                Rank::new(own, fit, place),
                ToolkitStrategy {
                    strategy_id: Some(id),
                    practice: practice.map(|p| p.slug.clone()),
                    label: strategy.label.to_string(),
                    category: strategy.category,
                    instructions: (strategy.instructions.as_ref().map(ToString::to_string))
                        .filter(|own| !own.is_empty())
                        .or_else(|| practice.map(|p| p.instructions.clone())),
                    steps: practice.map_or_else(Vec::new, |p| p.steps.clone()),
                    minutes: strategy
                        .minutes
                        .map(super::scalar::Int::get)
                        .or_else(|| practice.map(|p| i64::from(p.minutes))),
                    n: own.map_or(0, |e| e.n),
                    mean_drop: own.map(|e| rounded(e.mean_drop)),
                    why: why(own, fit, occasion),
                },
            ));
        }
    }
    ranked.extend(from_library(occasion, &worked, &practices_in_plan));
    ranked.extend(from_own_words(sources.events, &worked));
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    ranked
        .into_iter()
        .map(|(_, strategy)| strategy)
        .take(MAX_STRATEGIES)
        .collect()
}

fn from_library(
    occasion: &Occasion,
    worked: &BTreeMap<StrategyKey, Effectiveness>,
    in_plan: &HashSet<String>,
) -> Vec<(Rank, ToolkitStrategy)> {
    let candidates = practice::LIBRARY
        .iter()
        .enumerate()
        .filter(|(_, p)| !in_plan.contains(&p.slug));
    candidates
        .map(|(place, p)| {
            let own = worked.get(&StrategyKey::Practice(p.slug.clone())).copied();
            let fit = if occasion.category.is_some_and(|c| p.good_for.contains(&c)) {
                Fit::LibraryCategory
            } else {
                Fit::Library
            };
            // Among equals the shorter practice comes first: it is easier to begin.
            (
                Rank::new(own, fit, usize::from(p.minutes) * 1000 + place),
                library_entry(p, own, fit, occasion),
            )
        })
        .collect()
}

fn library_entry(p: &Practice, own: Option<Effectiveness>, fit: Fit, occasion: &Occasion) -> ToolkitStrategy {
    ToolkitStrategy {
        strategy_id: None,
        practice: Some(p.slug.clone()),
        label: p.title.clone(),
        category: p.category,
        instructions: Some(p.instructions.clone()),
        steps: p.steps.clone(),
        minutes: Some(i64::from(p.minutes)),
        n: own.map_or(0, |e| e.n),
        mean_drop: own.map(|e| rounded(e.mean_drop)),
        why: why(own, fit, occasion),
    }
}

/// What the person tried in own words and rated; the latest wording is shown.
fn from_own_words(
    events: &[CravingEvent],
    worked: &BTreeMap<StrategyKey, Effectiveness>,
) -> Vec<(Rank, ToolkitStrategy)> {
    let mut wording: BTreeMap<StrategyKey, &Label> = BTreeMap::new();
    for tried in events.iter().flat_map(|e| e.strategy_uses.iter()) {
        if let (Some(key @ StrategyKey::Own(_)), Some(label)) = (StrategyKey::of(tried), &tried.label) {
            wording.entry(key).or_insert(label);
        }
    }
    wording
        .into_iter()
        .filter_map(|(key, label)| {
            let own = worked.get(&key).copied().filter(|e| e.score > 0.0)?;
            Some((
                Rank::new(Some(own), Fit::Library, usize::MAX),
                ToolkitStrategy {
                    strategy_id: None,
                    practice: None,
                    label: label.to_string(),
                    category: StrategyCategory::Other,
                    instructions: None,
                    steps: Vec::new(),
                    minutes: None,
                    n: own.n,
                    mean_drop: Some(rounded(own.mean_drop)),
                    why: why(Some(own), Fit::Library, &Occasion::default()),
                },
            ))
        })
        .collect()
}

/// How well a strategy fits an occasion, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Trigger,
    PlanCategory,
    Plan,
    LibraryCategory,
    Library,
}

/// The place in the list: what worked by score, what is untried by fit, what did not lower the craving last.
#[derive(Debug, PartialEq)]
struct Rank {
    group: u8,
    score: f64,
    fit: Fit,
    place: usize,
}

impl Rank {
    fn new(own: Option<Effectiveness>, fit: Fit, place: usize) -> Self {
        let score = own.map_or(0.0, |e| e.score);
        let group = match own {
            Some(e) if e.score > 0.0 && e.mean_drop > 0.0 => 0,
            None => 1,
            Some(_) => 2,
        };
        Self {
            group,
            score,
            fit,
            place,
        }
    }

    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.group.cmp(&other.group))
            .then(other.score.total_cmp(&self.score))
            .then(self.fit.cmp(&other.fit))
            .then(self.place.cmp(&other.place))
    }
}

fn fit_in_plan(plan: &Plan, strategy: Uuid, answers: &[Uuid], occasion: &Occasion) -> Fit {
    if answers.iter().any(|id| occasion.trigger_ids.contains(id)) {
        return Fit::Trigger;
    }
    let fits = occasion.category.is_some_and(|category| {
        let in_situation =
            plan.content.situations.iter().any(|s| {
                s.category == category && s.steps.iter().any(|step| step.strategy_id == Some(strategy))
            });
        let by_trigger = plan
            .content
            .triggers
            .iter()
            .any(|t| t.category == Some(category) && t.id.is_some_and(|id| answers.contains(&id)));
        in_situation || by_trigger
    });
    if fits { Fit::PlanCategory } else { Fit::Plan }
}

fn why(own: Option<Effectiveness>, fit: Fit, occasion: &Occasion) -> String {
    let phrase = occasion
        .category
        .map_or("moments like this", SituationCategory::phrase);
    match own {
        Some(e) if e.score > 0.0 && e.mean_drop > 0.0 => {
            let times = if e.n == 1 {
                "once".to_owned()
            } else {
                format!("{} times", e.n)
            };
            format!(
                "Rated {times}: your craving fell by {:.1} points on average.",
                e.mean_drop
            )
        }
        _ => match fit {
            Fit::Trigger => "You chose it for this trigger.".to_owned(),
            Fit::PlanCategory => format!("In your plan for {phrase}."),
            Fit::Plan => "It is in your plan.".to_owned(),
            Fit::LibraryCategory => format!("A short practice that fits {phrase}."),
            Fit::Library => "A short practice to begin with.".to_owned(),
        },
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Orders the contacts by who is reachable now in their own time zone, then by position.
fn contacts(sources: &Sources<'_>, now: DateTime<Utc>) -> Vec<ToolkitContact> {
    let willing = (sources.contacts.iter())
        .filter(|(_, c)| !matches!(c.status, ContactStatus::Declined | ContactStatus::Ended));
    let mut found: Vec<ToolkitContact> = willing
        .map(|(id, contact)| {
            let zone = contact.time_zone.map_or(sources.time_zone, |z| z.0);
            let reach = reach(&contact.availability, zone, now);
            let from = match reach {
                Reach::From(at) => Some(at),
                Reach::Now | Reach::Unknown => None,
            };
            let who = contact.relationship.phrase();
            let why = match (reach, contact.in_crisis) {
                (Reach::Now, _) => format!("Reachable now: {who}."),
                (_, true) => format!("May be called in a crisis at any hour: {who}."),
                (Reach::From(at), false) => {
                    format!(
                        "Reachable from {} in their time zone: {who}.",
                        at.with_timezone(&zone).format("%A %H:%M")
                    )
                }
                (Reach::Unknown, false) => format!("In your list: {who}."),
            };
            ToolkitContact {
                id: *id,
                name: contact.name.to_string(),
                relationship: contact.relationship,
                phone: contact.phone.clone(),
                email: contact.email.clone(),
                preferred_channel: contact.channel(),
                position: contact.position.get(),
                reachable_now: reach == Reach::Now,
                reachable_from: from.map(Timestamp::utc),
                in_crisis: contact.in_crisis,
                why,
            }
        })
        .collect();
    found.sort_by(|a, b| {
        (b.reachable_now.cmp(&a.reachable_now))
            .then(a.position.cmp(&b.position))
            .then_with(|| a.name.cmp(&b.name))
            .then(a.id.cmp(&b.id))
    });
    found.truncate(MAX_CONTACTS);
    found
}

#[cfg(test)]
mod tests;
