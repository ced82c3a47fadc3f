//! The summary: what an app shows at its start, taken from the other insights.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    abstinence::{DaysAbstinent, Saved, abstinence},
    craving::{CravingTrend, cravings},
    facts::{AsOf, BasisBuilder, Facts, Window, check_in_day, use_span},
    medication::medication,
    milestone::{NextMilestone, milestones},
    self_efficacy::self_efficacy,
    statistics::Share,
    strategy::{StrategyName, strategies},
    trigger::triggers,
    warning::{Level, Rule, Thresholds, safety::SafetyTopic, warnings},
};
use crate::{
    goal::{GoalKind, GoalStatus},
    plan::Stage,
    record::Kind,
    value::vocabulary::{SituationCategory, Substance},
};

/// Most goals and medications in a summary.
const MAX_ITEMS: usize = 10;
/// Most triggers and strategies in a summary.
const MAX_TOP: usize = 3;

/// A goal that is being pursued.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SummaryGoal {
    /// The goal.
    pub goal_id: Uuid,
    /// What it is about.
    pub substance: Substance,
    /// The person's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// What it aims at.
    pub kind: GoalKind,
    /// Full days of the current run.
    #[schema(minimum = 0)]
    pub days_completed: i64,
    /// Which day of the run today is; 0 if the run has not begun.
    #[schema(minimum = 0)]
    pub day_number: i64,
    /// The longest run.
    #[schema(minimum = 0)]
    pub longest_days: i64,
    /// All completed days without use.
    #[schema(minimum = 0)]
    pub cumulative_abstinent_days: i64,
    /// The share of the last 30 completed days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_30_days: Option<DaysAbstinent>,
    /// What was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
    /// The next milestone of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_milestone: Option<NextMilestone>,
}

/// A trigger that is often at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryTrigger {
    /// The trigger.
    pub trigger_id: Uuid,
    /// What the person calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// Craving events that carry it.
    #[schema(minimum = 0)]
    pub events: usize,
}

/// A strategy that helps.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SummaryStrategy {
    /// Which one.
    pub strategy: StrategyName,
    /// Uses with a rating before and after.
    #[schema(minimum = 1)]
    pub rated: usize,
    /// Mean drop of the craving.
    #[schema(minimum = -10, maximum = 10)]
    pub mean_drop: f64,
}

/// How much of the window a medication covered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SummaryMedication {
    /// The medication.
    pub medication_id: Uuid,
    /// What it is called.
    #[schema(max_length = 200)]
    pub name: String,
    /// The proportion of days covered, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub proportion: Option<f64>,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryWarning {
    /// The rule.
    pub rule: Rule,
    /// The stage of relapse that it belongs to, if it does to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// What it means, in a sentence.
    #[schema(max_length = 400)]
    pub message: String,
}

/// What to know for safety.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummarySafety {
    /// What it is about.
    pub topic: SafetyTopic,
    /// What to know.
    #[schema(max_length = 1000)]
    pub text: String,
}

/// Early warnings in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryWarnings {
    /// The version of the rules.
    #[schema(minimum = 1)]
    pub rules_version: u32,
    /// How many signs there are.
    pub level: Level,
    /// The sum of the weights.
    pub score: i64,
    /// The rules that fired.
    #[schema(max_items = 18)]
    pub fired: Vec<SummaryWarning>,
    /// How many rules could not be evaluated.
    #[schema(minimum = 0)]
    pub not_evaluable: usize,
    /// How many rules that the person muted would speak now. With some, `level` is that of what the person wants to hear
    /// about, and no all-clear.
    #[schema(minimum = 0, maximum = 18)]
    pub muted: usize,
    /// What to know for safety.
    #[schema(max_items = 3)]
    pub safety: Vec<SummarySafety>,
}

/// All of it, small.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// Goals that are being pursued.
    #[schema(max_items = 10)]
    pub goals: Vec<SummaryGoal>,
    /// How many urges passed without use, in all.
    #[schema(minimum = 0)]
    pub urges_ridden_out: usize,
    /// Craving events in the window.
    #[schema(minimum = 0)]
    pub craving_events: usize,
    /// Where cravings are heading.
    pub craving_trend: CravingTrend,
    /// The share of cravings of the window that passed without use, of those whose outcome is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ridden_out_share: Option<Share>,
    /// The most frequent triggers.
    #[schema(max_items = 3)]
    pub triggers: Vec<SummaryTrigger>,
    /// The strategies that helped best.
    #[schema(max_items = 3)]
    pub strategies: Vec<SummaryStrategy>,
    /// The two kinds of situations with the least confidence, by the latest profile.
    #[schema(max_items = 2)]
    pub focus: Vec<SituationCategory>,
    /// Medications in use.
    #[schema(max_items = 10)]
    pub medications: Vec<SummaryMedication>,
    /// Early warnings.
    pub warnings: SummaryWarnings,
}

/// All of it, small.
pub fn summary(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<Summary> {
    let reached = milestones(facts, as_of).result;
    let next_of = |goal: Uuid| {
        reached
            .goals
            .iter()
            .find(|g| g.goal_id == goal)
            .and_then(|g| g.run.next)
    };
    let goals = abstinence(facts, as_of).result.goals.into_iter();
    let goals = goals
        .filter(|goal| goal.status == GoalStatus::Active)
        .take(MAX_ITEMS);
    let craved = cravings(facts, as_of, window).result;
    let result = Summary {
        goals: goals
            .map(|goal| SummaryGoal {
                next_milestone: next_of(goal.goal_id),
                goal_id: goal.goal_id,
                substance: goal.substance,
                label: goal.label,
                kind: goal.kind,
                days_completed: goal.days_completed,
                day_number: goal.day_number,
                longest_days: goal.longest_days,
                cumulative_abstinent_days: goal.cumulative_abstinent_days,
                last_30_days: goal
                    .shares
                    .into_iter()
                    .find(|share| share.window == Window::Month),
                saved: goal.saved,
            })
            .collect(),
        urges_ridden_out: reached.urges_ridden_out,
        craving_events: craved.events,
        craving_trend: craved.trend,
        ridden_out_share: craved.outcomes.ridden_out_share,
        triggers: top_triggers(facts, as_of, window),
        strategies: top_strategies(facts, as_of, window),
        focus: self_efficacy(facts, as_of, Window::All).result.focus,
        medications: medications(facts, as_of, window),
        warnings: in_short(facts, as_of),
    };
    Insight {
        basis: basis(facts, as_of, window),
        result,
    }
}

fn top_triggers(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<SummaryTrigger> {
    let found = triggers(facts, as_of, window).result.triggers.into_iter();
    let told = found
        .filter(|trigger| trigger.figures.events > 0)
        .map(|trigger| SummaryTrigger {
            trigger_id: trigger.trigger_id,
            label: trigger.label,
            events: trigger.figures.events,
        });
    told.take(MAX_TOP).collect()
}

fn top_strategies(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<SummaryStrategy> {
    let found = strategies(facts, as_of, window).result.strategies.into_iter();
    let helped = found.filter(|strategy| strategy.score > 0.0 && strategy.mean_drop > 0.0);
    let told = helped.map(|strategy| SummaryStrategy {
        strategy: strategy.strategy,
        rated: strategy.rated,
        mean_drop: strategy.mean_drop,
    });
    told.take(MAX_TOP).collect()
}

fn medications(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<SummaryMedication> {
    use crate::medication::MedicationStatus::Active;
    let found = medication(facts, as_of, window).result.medications.into_iter();
    let told = found.filter(|m| m.status == Active).map(|m| SummaryMedication {
        medication_id: m.medication_id,
        name: m.name,
        proportion: m.proportion,
    });
    told.take(MAX_ITEMS).collect()
}

fn in_short(facts: &Facts, as_of: &AsOf) -> SummaryWarnings {
    let found = warnings(facts, &[], as_of, &Thresholds::V1).result;
    SummaryWarnings {
        muted: found.muted_signs(),
        rules_version: found.rules_version,
        level: found.level,
        score: found.score,
        fired: (found.fired.into_iter())
            .map(|told| SummaryWarning {
                rule: told.rule,
                stage: told.stage,
                message: told.message,
            })
            .collect(),
        not_evaluable: found.not_evaluable.len(),
        safety: (found.safety.into_iter())
            .map(|note| SummarySafety {
                topic: note.topic,
                text: note.text,
            })
            .collect(),
    }
}

/// The check-ins and events of the window.
fn basis(facts: &Facts, as_of: &AsOf, window: Window) -> super::facts::InsightBasis {
    let today = as_of.today();
    let check_ins = facts.check_ins.iter().map(|c| check_in_day(&c.record));
    let cravings = facts.cravings.iter().map(|e| e.record.occurred_at.local_date());
    let uses = facts.counted_uses().map(|event| use_span(&event.record));
    let day = |day| (day, day);
    BasisBuilder::default()
        .records(
            Kind::CheckIn,
            check_ins.filter(|day| window.contains(*day, today)).map(day),
        )
        .records(
            Kind::CravingEvent,
            cravings.filter(|day| window.contains(*day, today)).map(day),
        )
        .records(Kind::UseEvent, uses.filter(|span| window.contains(span.1, today)))
        .build(as_of, window)
}
