//! The summary: the most important figures of the other insights, for the start screen of an app.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    abstinence::{DaysAbstinent, Saved, abstinence},
    craving::{CravingTrend, cravings},
    facts::{AsOf, BasisBuilder, Facts, InsightBasis, Window, check_in_day, use_span},
    medication::medication,
    milestone::{NextMilestone, milestones},
    self_efficacy::self_efficacy,
    statistics::Share,
    strategy::{StrategyInsight, StrategyName, strategies},
    trigger::triggers,
    warning::{Level, Rule, Thresholds, Warnings, warnings},
};
use crate::{
    goal::{GoalKind, GoalStatus},
    plan::Stage,
    record::Kind,
    reference::helpline::Helpline,
    safety::SafetyNote,
    value::vocabulary::{SituationCategory, Substance},
};

/// Maximum number of goals and of medications in a summary.
const MAX_ITEMS: usize = 10;
/// Maximum number of triggers and of strategies in a summary.
const MAX_TOP: usize = 3;

/// An active goal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SummaryGoal {
    /// Id of the goal.
    pub goal_id: Uuid,
    /// The substance that the goal is about.
    pub substance: Substance,
    /// The person's own name for the substance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// What the goal aims at.
    pub kind: GoalKind,
    /// Completed days of the current run.
    #[schema(minimum = 0)]
    pub days_completed: i64,
    /// Number of today within the current run, counted from 1. 0 if the run has not begun.
    #[schema(minimum = 0)]
    pub day_number: i64,
    /// Days of the longest run.
    #[schema(minimum = 0)]
    pub longest_days: i64,
    /// All completed days without use, consecutive or not.
    #[schema(minimum = 0)]
    pub cumulative_abstinent_days: i64,
    /// Shares of the last 30 completed days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_30_days: Option<DaysAbstinent>,
    /// Money and time saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
    /// The next milestone of the current run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_milestone: Option<NextMilestone>,
}

/// A frequent trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryTrigger {
    /// Id of the trigger.
    pub trigger_id: Uuid,
    /// The person's name for the trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// Number of craving events that carry the trigger.
    #[schema(minimum = 0)]
    pub events: usize,
}

/// A strategy that helped.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SummaryStrategy {
    /// The strategy.
    pub strategy: StrategyName,
    /// Number of cravings with a rating before and after it.
    #[schema(minimum = 1)]
    pub rated: usize,
    /// Mean drop of the craving while it was used. Cravings also fall by themselves, and this is part of it.
    #[schema(minimum = -10, maximum = 10)]
    pub raw_mean_drop: f64,
    /// Mean drop beyond that of comparable cravings without any strategy, once it can be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -20, maximum = 20)]
    pub adjusted_drop: Option<f64>,
}

/// How much of the window a medication covered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SummaryMedication {
    /// Id of the medication.
    pub medication_id: Uuid,
    /// Name of the medication.
    #[schema(max_length = 200)]
    pub name: String,
    /// The proportion of days covered, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub proportion: Option<f64>,
}

/// A warning rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryWarning {
    /// The rule.
    pub rule: Rule,
    /// The stage of relapse that the rule belongs to, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Meaning of the rule, in a sentence.
    #[schema(max_length = 400)]
    pub message: String,
}

/// Early warnings in brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryWarnings {
    /// The version of the rules.
    #[schema(minimum = 1)]
    pub rules_version: u32,
    /// Level of the warnings.
    pub level: Level,
    /// Sum of the weights of the rules that fired.
    pub score: i64,
    /// The rules that fired.
    #[schema(max_items = 18)]
    pub fired: Vec<SummaryWarning>,
    /// Number of rules that could not be evaluated.
    #[schema(minimum = 0)]
    pub not_evaluable: usize,
    /// Number of muted rules that would fire now, `protective` not counted. If it is above 0, `level` covers
    /// only the rules that the person wants to hear about, and is no all-clear.
    #[schema(minimum = 0, maximum = 18)]
    pub muted: usize,
    /// Safety notes, independent of the score, the most urgent first.
    #[schema(max_items = 8)]
    pub safety: Vec<SafetyNote>,
}

/// The most important figures of all insights.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InsightSummary)]
pub struct Summary {
    /// Active goals.
    #[schema(max_items = 10)]
    pub goals: Vec<SummaryGoal>,
    /// Number of all urges that passed without use.
    #[schema(minimum = 0)]
    pub urges_ridden_out: usize,
    /// Number of craving events in the window.
    #[schema(minimum = 0)]
    pub craving_events: usize,
    /// Trend of cravings over the last 14 days.
    pub craving_trend: CravingTrend,
    /// Share of cravings in the window that passed without use, among those with a known outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ridden_out_share: Option<Share>,
    /// The most frequent triggers.
    #[schema(max_items = 3)]
    pub triggers: Vec<SummaryTrigger>,
    /// The strategies that helped best.
    #[schema(max_items = 3)]
    pub strategies: Vec<SummaryStrategy>,
    /// The two kinds of situations with the least confidence in the latest profile.
    #[schema(max_items = 2)]
    pub focus: Vec<SituationCategory>,
    /// Active medications.
    #[schema(max_items = 10)]
    pub medications: Vec<SummaryMedication>,
    /// Early warnings.
    pub warnings: SummaryWarnings,
}

/// What a summary is computed from.
#[derive(Debug, Clone)]
pub struct SummarySources<'a> {
    /// The records that days without use and milestones are computed from.
    pub days: &'a Facts,
    /// The records that all else is computed from.
    pub facts: &'a Facts,
    /// The early warnings.
    pub warnings: Warnings,
}

/// Computes the summary over a window. `helplines` are offered with the safety notes.
pub fn summary(facts: &Facts, helplines: &[Helpline], as_of: &AsOf, window: Window) -> Insight<Summary> {
    let sources = SummarySources {
        days: facts,
        facts,
        warnings: warnings(facts, helplines, as_of, &Thresholds::V2).result,
    };
    summary_of(sources, as_of, window)
}

/// Computes the summary from its sources.
pub fn summary_of(sources: SummarySources<'_>, as_of: &AsOf, window: Window) -> Insight<Summary> {
    let facts = sources.facts;
    let milestones = milestones(sources.days, as_of).result;
    let next_of = |goal: Uuid| {
        milestones
            .goals
            .iter()
            .find(|g| g.goal_id == goal)
            .and_then(|g| g.run.next)
    };
    let goals = abstinence(sources.days, as_of).result.goals.into_iter();
    let goals = goals
        .filter(|goal| goal.status == GoalStatus::Active)
        .take(MAX_ITEMS);
    let cravings = cravings(facts, as_of, window).result;
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
        urges_ridden_out: milestones.urges_ridden_out,
        craving_events: cravings.events,
        craving_trend: cravings.trend,
        ridden_out_share: cravings.outcomes.ridden_out_share,
        triggers: top_triggers(facts, as_of, window),
        strategies: top_strategies(facts, as_of, window),
        focus: self_efficacy(facts, as_of, Window::All).result.focus,
        medications: medications(facts, as_of, window),
        warnings: in_brief(sources.warnings),
    };
    Insight {
        basis: basis(facts, as_of, window),
        result,
    }
}

fn top_triggers(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<SummaryTrigger> {
    let all = triggers(facts, as_of, window).result.triggers.into_iter();
    let with_events = all
        .filter(|trigger| trigger.figures.events > 0)
        .map(|trigger| SummaryTrigger {
            trigger_id: trigger.trigger_id,
            label: trigger.label,
            events: trigger.figures.events,
        });
    with_events.take(MAX_TOP).collect()
}

fn top_strategies(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<SummaryStrategy> {
    let all = strategies(facts, as_of, window).result.strategies.into_iter();
    let helpful = all.filter(StrategyInsight::has_helped);
    let shown = helpful.map(|strategy| SummaryStrategy {
        strategy: strategy.strategy,
        rated: strategy.rated,
        raw_mean_drop: strategy.raw_mean_drop,
        adjusted_drop: strategy.adjusted_drop,
    });
    shown.take(MAX_TOP).collect()
}

fn medications(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<SummaryMedication> {
    use crate::medication::MedicationStatus::Active;
    let all = medication(facts, as_of, window).result.medications.into_iter();
    let active = all.filter(|m| m.status == Active).map(|m| SummaryMedication {
        medication_id: m.medication_id,
        name: m.name,
        proportion: m.proportion,
    });
    active.take(MAX_ITEMS).collect()
}

fn in_brief(warnings: Warnings) -> SummaryWarnings {
    SummaryWarnings {
        muted: warnings.muted_signs(),
        rules_version: warnings.rules_version,
        level: warnings.level,
        score: warnings.score,
        fired: (warnings.fired.into_iter())
            .map(|fired| SummaryWarning {
                rule: fired.rule,
                stage: fired.stage,
                message: fired.message,
            })
            .collect(),
        not_evaluable: warnings.not_evaluable.len(),
        safety: (warnings.safety.into_iter())
            .map(|note| SafetyNote {
                topic: note.topic,
                text: note.text,
                reviewed_by: note.reviewed_by,
                reviewed_on: note.reviewed_on,
                helplines: note.helplines,
            })
            .collect(),
    }
}

/// Returns the basis: the check-ins, craving events and use events of the window.
fn basis(facts: &Facts, as_of: &AsOf, window: Window) -> InsightBasis {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let check_ins = facts.check_ins.iter().map(|c| check_in_day(&c.record));
    let cravings = facts.cravings.iter().map(|e| e.record.occurred_at.local_date());
    let uses = facts.counted_uses().map(|event| use_span(&event.record));
    let as_span = |day| (day, day);
    BasisBuilder::default()
        .records(
            Kind::CheckIn,
            check_ins.filter(|day| window.contains(*day, today)).map(as_span),
        )
        .records(
            Kind::CravingEvent,
            cravings.filter(|day| window.contains(*day, today)).map(as_span),
        )
        .records(Kind::UseEvent, uses.filter(|span| window.contains(span.1, today)))
        .build(as_of, window)
}
