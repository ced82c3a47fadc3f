//! Early warnings, version 1: fixed rules over the person's own record, each with what it looked at.
//!
//! A rule compares the last days with fixed thresholds or with the person's own baseline, which is taken from the 28
//! days before the last seven, so that what happens now does not shift what it is compared with. Spans of hours reach
//! back from the last full hour. The rules are defaults, not validated; they give no probability and no diagnosis.
//!
//! - deterministic: the same record and moment give the same answer;
//! - worse answers of the last seven days never lower the level;
//! - fewer than three check-ins in seven days, and neither recent use nor a physical sign, is
//!   [`Level::InsufficientData`], never [`Level::Steady`]: what is missing is not good news;
//! - every rule that fired gives the same result from the inputs that it lists: [`replay`].
//!
//! The order: [`rule`] names them and their thresholds, [`evidence`] what they decide by; `body`, `craving`, `strain`
//! and `contact` have the rules; `response` finds what answers them; [`safety`] stands outside the score.

mod body;
mod contact;
mod craving;
pub mod evidence;
mod response;
pub mod rule;
pub mod safety;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use self::{
    evidence::{Evaluation, Evidence, RuleContext, RuleTime},
    response::{plan_items, practices},
    safety::safety_notes,
};
pub use self::{
    evidence::{WarningBaseline, WarningInput},
    response::{PlanAnswer, PracticeAnswer},
    rule::{RULES_VERSION, Rule, Thresholds},
    safety::SafetyNote,
};
use super::{
    Insight,
    facts::{AsOf, BasisBuilder, Facts, Window, check_in_day, use_span},
};
use crate::{plan::Stage, record::Kind, reference::helpline::Helpline, value::timestamp::Timestamp};

/// How many signs there are, by the sum of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WarningLevel)]
pub enum Level {
    /// Too little is known: fewer than three check-ins in seven days, and neither recent use nor a physical sign.
    InsufficientData,
    /// At most 1.
    Steady,
    /// 2 or 3.
    Notice,
    /// 4 to 6.
    Elevated,
    /// 7 or more.
    High,
}

impl Level {
    /// The level of a score.
    pub const fn of(score: i64) -> Self {
        match score {
            ..=1 => Self::Steady,
            2 | 3 => Self::Notice,
            4..=6 => Self::Elevated,
            7.. => Self::High,
        }
    }
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FiredRule {
    /// The rule.
    pub rule: Rule,
    /// The stage of relapse that it belongs to, if it does to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// What it added to the score; 0 for `protective` where it may not lower the level.
    #[schema(minimum = -1, maximum = 3)]
    pub weight: i64,
    /// What it means, in a sentence.
    #[schema(max_length = 400)]
    pub message: String,
    /// What it looked at: from these the rule gives the same result again.
    #[schema(max_items = 50)]
    pub inputs: Vec<WarningInput>,
    /// What it compared that with, if that is the person's own baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<WarningBaseline>,
    /// What the active plan has for it.
    #[schema(max_items = 10)]
    pub plan_items: Vec<PlanAnswer>,
    /// Practices of the library that fit.
    #[schema(max_items = 3)]
    pub practices: Vec<PracticeAnswer>,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotEvaluable {
    /// The rule.
    pub rule: Rule,
    /// What it misses.
    #[schema(max_length = 200, example = "sleep on 3 of the last 5 days")]
    pub missing: String,
}

/// A rule that the person made silent: it neither shows nor counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MutedRule {
    /// The rule.
    pub rule: Rule,
    /// Whether it would speak now: then the level says less than there is.
    pub would_fire: bool,
    /// The feedback; deleting it lets the rule speak again.
    pub feedback_id: Uuid,
    /// Until when it is silent, if that has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Early warnings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Warnings {
    /// The version of the rules, their thresholds and the level.
    #[schema(minimum = 1)]
    pub rules_version: u32,
    /// How many signs there are, among the rules that are not muted.
    pub level: Level,
    /// The sum of the weights of the rules that fired.
    pub score: i64,
    /// Check-ins of the last 7 days; 3 are enough.
    #[schema(minimum = 0)]
    pub check_ins: usize,
    /// The rules that fired.
    #[schema(max_items = 18)]
    pub fired: Vec<FiredRule>,
    /// The rules that could not be evaluated, with what is missing.
    #[schema(max_items = 18)]
    pub not_evaluable: Vec<NotEvaluable>,
    /// The rules that the person made silent.
    #[schema(max_items = 18)]
    pub muted: Vec<MutedRule>,
    /// What to know for safety, apart from any score.
    #[schema(max_items = 3)]
    pub safety: Vec<SafetyNote>,
    /// What the warnings are and are not.
    #[schema(max_length = 400)]
    pub about: String,
}

impl Warnings {
    /// How many signs would show if none were silent.
    pub fn muted_signs(&self) -> usize {
        let signs = (self.muted.iter()).filter(|silent| silent.would_fire && silent.rule != Rule::Protective);
        signs.count()
    }
}

/// What the warnings are and are not.
pub const ABOUT: &str = "These signs come from fixed rules over what you wrote, compared with your own usual days. They \
     are not validated, no prediction and no diagnosis; you and the people who care for you know more.";

type CollectEvidence = fn(&RuleContext<'_>) -> Evaluation;
type Fires = fn(&Evidence, RuleTime, &Thresholds) -> bool;

/// How a rule collects what it looks at, and how it decides by that alone.
fn functions(rule: Rule) -> (CollectEvidence, Fires) {
    match rule {
        Rule::RecentUse => (body::recent_use, body::recent_use_fires),
        Rule::PhysicalSign => (body::physical_sign, body::sign_fires),
        Rule::LowEfficacy => (craving::low_efficacy, craving::low_efficacy_fires),
        Rule::CravingPeak => (craving::craving_peak, craving::craving_peak_fires),
        Rule::CravingRise => (craving::craving_rise, craving::craving_rise_fires),
        Rule::CravingFrequency => (craving::craving_frequency, craving::craving_frequency_fires),
        Rule::RiskySituation => (craving::risky_situation, craving::risky_situation_fires),
        Rule::MentalSign => (body::mental_sign, body::sign_fires),
        Rule::AfterLapse => (body::after_lapse, body::after_lapse_fires),
        Rule::MedicationGap => (body::medication_gap, body::medication_gap_fires),
        Rule::Stress => (strain::stress, strain::stress_fires),
        Rule::LowMood => (strain::low_mood, strain::low_mood_fires),
        Rule::Halt => (strain::halt, strain::halt_fires),
        Rule::Sleep => (strain::sleep, strain::sleep_fires),
        Rule::Isolation => (contact::isolation, contact::isolation_fires),
        Rule::EmotionalSigns => (body::emotional_signs, body::emotional_signs_fires),
        Rule::GoneQuiet => (contact::gone_quiet, contact::gone_quiet_fires),
        Rule::Protective => (
            |context| Ok(contact::protective(context)),
            contact::protective_fires,
        ),
    }
}

mod strain;

/// Whether a rule fires from what it listed, at the moment at which it did.
pub fn replay(fired: &FiredRule, as_of: &AsOf, thresholds: &Thresholds) -> bool {
    let evidence = Evidence {
        inputs: fired.inputs.clone(),
        baseline: fired.baseline,
    };
    let (_, holds) = functions(fired.rule);
    holds(&evidence, RuleTime::at(as_of), thresholds)
}

/// The first day that any rule looks at.
pub fn earliest_day(today: NaiveDate) -> NaiveDate {
    super::calendar::add_days(today, -6 - evidence::BASELINE_DAYS)
}

/// Early warnings.
pub fn warnings(
    facts: &Facts,
    helplines: &[Helpline],
    as_of: &AsOf,
    thresholds: &Thresholds,
) -> Insight<Warnings> {
    let context = RuleContext {
        facts,
        as_of,
        time: RuleTime::at(as_of),
        thresholds,
    };
    let mut muted = muted(facts, as_of);
    let (mut fired, mut not_evaluable) = (Vec::new(), Vec::new());
    for rule in Rule::ALL {
        let (look, holds) = functions(rule);
        let seen = look(&context);
        if let Some(silent) = muted.iter_mut().find(|silent| silent.rule == rule) {
            silent.would_fire = seen.is_ok_and(|evidence| holds(&evidence, context.time, thresholds));
            continue;
        }
        match seen {
            Err(missing) => not_evaluable.push(NotEvaluable {
                rule,
                missing: missing.to_owned(),
            }),
            Ok(evidence) if holds(&evidence, context.time, thresholds) => {
                fired.push(told(rule, evidence, facts, thresholds));
            }
            Ok(_) => {}
        }
    }
    let score = settle(&mut fired);
    let check_ins = context.check_ins(7);
    let has = |rule| fired.iter().any(|told| told.rule == rule);
    let is_known =
        check_ins.len() >= thresholds.enough_check_ins || has(Rule::RecentUse) || has(Rule::PhysicalSign);
    let result = Warnings {
        rules_version: RULES_VERSION,
        level: if is_known {
            Level::of(score)
        } else {
            Level::InsufficientData
        },
        score,
        check_ins: check_ins.len(),
        fired,
        not_evaluable,
        muted,
        safety: safety_notes(facts, helplines, as_of),
        about: ABOUT.to_owned(),
    };
    Insight {
        basis: basis(&context),
        result,
    }
}

/// Lets `protective` lower the level only where nothing stands that it must not mask, and gives the score.
fn settle(fired: &mut [FiredRule]) -> i64 {
    let unmasked = [Rule::RecentUse, Rule::PhysicalSign, Rule::MedicationGap];
    if fired.iter().any(|told| unmasked.contains(&told.rule)) {
        for told in fired.iter_mut().filter(|told| told.rule == Rule::Protective) {
            told.weight = 0;
        }
    }
    fired.iter().map(|told| told.weight).sum()
}

fn told(rule: Rule, evidence: Evidence, facts: &Facts, thresholds: &Thresholds) -> FiredRule {
    let plan = facts.active_plan();
    let message = if rule == Rule::LowEfficacy && !craving::is_below_usual(&evidence, thresholds) {
        Rule::LOW_EFFICACY_WITHOUT_BASELINE
    } else {
        rule.message()
    };
    FiredRule {
        rule,
        stage: rule.stage(),
        weight: rule.weight(),
        message: message.to_owned(),
        plan_items: plan.map_or_else(Vec::new, |plan| plan_items(rule, &evidence, &plan.record, facts)),
        practices: practices(rule),
        inputs: evidence.inputs,
        baseline: evidence.baseline,
    }
}

/// The rules that are silent, each with the feedback that keeps it so the longest, and not yet looked at.
fn muted(facts: &Facts, as_of: &AsOf) -> Vec<MutedRule> {
    let mutes: Vec<_> = facts
        .feedback
        .iter()
        .filter(|f| f.record.mutes(as_of.at))
        .collect();
    let longest = |rule| {
        (mutes.iter().filter(|f| f.record.rule == rule)).max_by_key(|f| {
            (
                f.record.muted_until.map_or(i64::MAX, |until| until.millis()),
                f.id,
            )
        })
    };
    let told = Rule::ALL.into_iter().filter_map(|rule| {
        let feedback = longest(rule)?;
        Some(MutedRule {
            rule,
            would_fire: false,
            feedback_id: feedback.id,
            until: feedback.record.muted_until,
        })
    });
    told.collect()
}

/// The check-ins and events of the last seven days.
fn basis(context: &RuleContext<'_>) -> super::facts::InsightBasis {
    let first = context.time.first_of_last_days(7);
    let check_ins = context.check_ins(7).into_iter().map(|c| check_in_day(&c.record));
    let cravings = context
        .facts
        .cravings
        .iter()
        .map(|e| e.record.occurred_at.local_date());
    let uses = context.facts.counted_uses().map(|event| use_span(&event.record));
    BasisBuilder::default()
        .records(Kind::CheckIn, check_ins.map(|day| (day, day)))
        .records(
            Kind::CravingEvent,
            cravings.filter(|day| first <= *day).map(|day| (day, day)),
        )
        .records(Kind::UseEvent, uses.filter(|span| first <= span.1))
        .build(context.as_of, Window::Week)
}
