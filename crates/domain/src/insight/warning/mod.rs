//! Early warnings, version 2: fixed rules over the person's own record. Each rule lists the inputs that it
//! decided by.
//!
//! A rule compares the last days with fixed thresholds or with the person's own baseline. The baseline is
//! taken from the 28 days before the last seven, so that current events do not shift it. Spans of hours are
//! counted back from the last full hour. The rules are defaults and not validated. They give no probability
//! and no diagnosis.
//!
//! - Rules are deterministic: the same record and moment give the same result.
//! - Worse answers in the last seven days never lower the level.
//! - Fewer than three check-ins in seven days, without recent use and without a physical sign, is
//!   [`Level::InsufficientData`] and never [`Level::Steady`], because missing data is not good news.
//! - Every rule that fired gives the same result from the inputs that it lists: [`replay`].
//!
//! [`rule`] defines the rules with their thresholds, and [`evidence`] the inputs that they decide by. `body`,
//! `craving`, `strain` and `contact` contain the rules. `response` finds plan items and practices that help.
//! [`safety`] has the safety notes, which are independent of the score.

mod body;
mod contact;
mod craving;
pub mod evidence;
mod response;
pub mod rule;
pub mod safety;
mod strain;

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
    safety::WarningSafetyNote,
};
use super::{
    Insight,
    calendar::add_days,
    facts::{AsOf, BasisBuilder, Facts, InsightBasis, Window, check_in_day, use_span},
};
use crate::{plan::Stage, record::Kind, reference::helpline::Helpline, value::timestamp::Timestamp};

/// Level of the warnings, by the sum of the weights of the rules that fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WarningLevel)]
pub enum Level {
    /// Too little is known: fewer than three check-ins in seven days, without recent use and without a
    /// physical sign.
    InsufficientData,
    /// A sum of at most 1.
    Steady,
    /// A sum of 2 or 3.
    Notice,
    /// A sum of 4 to 6.
    Elevated,
    /// A sum of 7 or more.
    High,
}

impl Level {
    /// Returns the level of a score.
    pub const fn of(score: i64) -> Self {
        match score {
            ..=1 => Self::Steady,
            2 | 3 => Self::Notice,
            4..=6 => Self::Elevated,
            7.. => Self::High,
        }
    }
}

/// A rule that fired, with its inputs and with help for the person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FiredRule {
    /// The rule.
    pub rule: Rule,
    /// The stage of relapse that the rule belongs to, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Weight that the rule added to the score. 0 for `protective` where it must not lower the level.
    #[schema(minimum = -1, maximum = 3)]
    pub weight: i64,
    /// Meaning of the rule, in a sentence.
    #[schema(max_length = 400)]
    pub message: String,
    /// The inputs that the rule decided by. Evaluated again from these, it gives the same result.
    #[schema(max_items = 50)]
    pub inputs: Vec<WarningInput>,
    /// The person's own baseline, if the rule compared its inputs with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<WarningBaseline>,
    /// Items of the active plan that help.
    #[schema(max_items = 10)]
    pub plan_items: Vec<PlanAnswer>,
    /// Practices of the library that help.
    #[schema(max_items = 3)]
    pub practices: Vec<PracticeAnswer>,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotEvaluable {
    /// The rule.
    pub rule: Rule,
    /// The data that is missing.
    #[schema(max_length = 200, example = "sleep on 3 of the last 5 days")]
    pub missing: String,
}

/// A rule that the person muted. It is neither shown nor counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MutedRule {
    /// The rule.
    pub rule: Rule,
    /// Whether the rule would fire now. If so, the level does not include it.
    pub would_fire: bool,
    /// Id of the feedback that mutes the rule. Deleting the feedback unmutes the rule.
    pub feedback_id: Uuid,
    /// The moment when the mute ends, if it has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Early warnings from the person's own record.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Warnings {
    /// Version of the rules, their thresholds and the level.
    #[schema(minimum = 1)]
    pub rules_version: u32,
    /// Level of the rules that are not muted.
    pub level: Level,
    /// Sum of the weights of the rules that fired.
    pub score: i64,
    /// Number of check-ins in the last 7 days. 3 are enough.
    #[schema(minimum = 0)]
    pub check_ins: usize,
    /// Rules that fired.
    #[schema(max_items = 18)]
    pub fired: Vec<FiredRule>,
    /// Rules that could not be evaluated, with the data that is missing.
    #[schema(max_items = 18)]
    pub not_evaluable: Vec<NotEvaluable>,
    /// Rules that the person muted.
    #[schema(max_items = 18)]
    pub muted: Vec<MutedRule>,
    /// Safety notes, independent of the score, the most urgent first.
    #[schema(max_items = 8)]
    pub safety: Vec<WarningSafetyNote>,
    /// Explanation of what the warnings are and are not, to show to the person.
    #[schema(max_length = 400)]
    pub about: String,
}

impl Warnings {
    /// Counts the muted rules that would fire now. `protective` is not counted.
    pub fn muted_signs(&self) -> usize {
        let signs = (self.muted.iter()).filter(|muted| muted.would_fire && muted.rule != Rule::Protective);
        signs.count()
    }
}

/// Explanation of what the warnings are and are not, to show to the person.
pub const ABOUT: &str = "These signs come from fixed rules over what you wrote, compared with your own usual days. They \
     are not validated, no prediction and no diagnosis; you and the people who care for you know more.";

/// Collects the evidence of a rule from the record.
type CollectEvidence = fn(&RuleContext<'_>) -> Evaluation;
/// Decides by the evidence alone whether a rule fires.
type Fires = fn(&Evidence, RuleTime, &Thresholds) -> bool;

/// Returns the two functions of a rule: one collects its evidence, and one with the suffix `_fires` decides
/// by that evidence alone.
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

/// Evaluates a rule again from the inputs that it listed, at the moment at which it fired. Returns whether it
/// fires.
pub fn replay(fired: &FiredRule, as_of: &AsOf, thresholds: &Thresholds) -> bool {
    let evidence = Evidence {
        inputs: fired.inputs.clone(),
        baseline: fired.baseline,
    };
    let (_, decide) = functions(fired.rule);
    decide(&evidence, RuleTime::at(as_of), thresholds)
}

/// Returns the earliest day that any rule reads.
pub fn earliest_day(today: NaiveDate) -> NaiveDate {
    add_days(today, -6 - evidence::BASELINE_DAYS)
}

/// Evaluates all rules and safety notes. `helplines` are offered with the safety notes.
pub fn warnings(
    facts: &Facts,
    helplines: &[Helpline],
    as_of: &AsOf,
    thresholds: &Thresholds,
) -> Insight<Warnings> {
    // The safety notes go by times, and read the record as it is.
    let safety = safety_notes(facts, helplines, as_of);
    let facts = &*facts.until_today(as_of);
    let context = RuleContext {
        facts,
        as_of,
        time: RuleTime::at(as_of),
        thresholds,
    };
    let mut muted = muted_rules(facts, as_of);
    let (mut fired, mut not_evaluable) = (Vec::new(), Vec::new());
    for rule in Rule::ALL {
        let (collect, decide) = functions(rule);
        let evaluation = collect(&context);
        if let Some(muted) = muted.iter_mut().find(|muted| muted.rule == rule) {
            muted.would_fire = evaluation.is_ok_and(|evidence| decide(&evidence, context.time, thresholds));
            continue;
        }
        match evaluation {
            Err(missing) => not_evaluable.push(NotEvaluable {
                rule,
                missing: missing.to_owned(),
            }),
            Ok(evidence) if decide(&evidence, context.time, thresholds) => {
                fired.push(fired_rule(rule, evidence, facts, thresholds));
            }
            Ok(_) => {}
        }
    }
    let score = score(&mut fired);
    let check_ins = context.check_ins(7);
    let has_fired = |rule| fired.iter().any(|fired| fired.rule == rule);
    let has_enough_data = check_ins.len() >= thresholds.enough_check_ins
        || has_fired(Rule::RecentUse)
        || has_fired(Rule::PhysicalSign);
    let result = Warnings {
        rules_version: RULES_VERSION,
        level: if has_enough_data {
            Level::of(score)
        } else {
            Level::InsufficientData
        },
        score,
        check_ins: check_ins.len(),
        fired,
        not_evaluable,
        muted,
        safety,
        about: ABOUT.to_owned(),
    };
    Insight {
        basis: basis(&context),
        result,
    }
}

/// Sums the weights of the rules that fired. Beside a rule that must not be masked, the weight of
/// `protective` is set to 0 first.
fn score(fired: &mut [FiredRule]) -> i64 {
    let never_masked = [Rule::RecentUse, Rule::PhysicalSign, Rule::MedicationGap];
    if fired.iter().any(|fired| never_masked.contains(&fired.rule)) {
        for protective in fired.iter_mut().filter(|fired| fired.rule == Rule::Protective) {
            protective.weight = 0;
        }
    }
    fired.iter().map(|fired| fired.weight).sum()
}

fn fired_rule(rule: Rule, evidence: Evidence, facts: &Facts, thresholds: &Thresholds) -> FiredRule {
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

/// Returns the muted rules, each with the feedback that mutes it the longest. `would_fire` is not evaluated
/// yet.
fn muted_rules(facts: &Facts, as_of: &AsOf) -> Vec<MutedRule> {
    let feedback: Vec<_> = facts
        .feedback
        .iter()
        .filter(|feedback| feedback.record.mutes(as_of.at))
        .collect();
    let longest_mute = |rule| {
        (feedback.iter().filter(|feedback| feedback.record.rule == rule)).max_by_key(|feedback| {
            let until = feedback.record.muted_until;
            (until.map_or(i64::MAX, |until| until.millis()), feedback.id)
        })
    };
    let muted = Rule::ALL.into_iter().filter_map(|rule| {
        let feedback = longest_mute(rule)?;
        Some(MutedRule {
            rule,
            would_fire: false,
            feedback_id: feedback.id,
            until: feedback.record.muted_until,
        })
    });
    muted.collect()
}

/// Returns the basis: the check-ins, craving events and use events of the last seven days.
fn basis(context: &RuleContext<'_>) -> InsightBasis {
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
