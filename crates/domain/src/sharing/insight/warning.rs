//! Early warnings for others: the level is that of the whole record; a rule is shown if all that it reads is covered.

use super::InsightScope;
use crate::{
    insight::{
        Insight,
        facts::Facts,
        warning::{Rule, Thresholds, Warnings, safety::safety_notes_about, warnings},
    },
    safety::SafetyTopic,
    sharing::{Covered, DataClass},
};

/// The classes of everything that a rule reads, whether it lists it among its inputs or not. `None` if it reads a collection
/// that is never shared.
pub const fn classes_of_rule(rule: Rule) -> Option<&'static [DataClass]> {
    use DataClass::{CheckIns, Cravings, Goals, Medications, Plans, Use};
    match rule {
        // Use within the limits of a goal is not recent use.
        Rule::RecentUse => Some(&[Use, CheckIns, Goals]),
        Rule::PhysicalSign | Rule::MentalSign | Rule::EmotionalSigns => Some(&[Plans, CheckIns, Use]),
        Rule::CravingPeak | Rule::CravingRise | Rule::CravingFrequency => Some(&[Cravings, CheckIns]),
        Rule::AfterLapse => Some(&[Use]),
        Rule::MedicationGap => Some(&[Medications]),
        Rule::LowEfficacy
        | Rule::RiskySituation
        | Rule::Stress
        | Rule::LowMood
        | Rule::Halt
        | Rule::Sleep
        | Rule::Isolation
        | Rule::GoneQuiet => Some(&[CheckIns]),
        // It reads attendances at meetings.
        Rule::Protective => None,
    }
}

/// The classes of all rules that a recipient may see.
pub const ALL_RULES: &[DataClass] = &[
    DataClass::Goals,
    DataClass::Plans,
    DataClass::CheckIns,
    DataClass::Cravings,
    DataClass::Use,
    DataClass::Medications,
];

/// The classes of everything that the rule of a safety note reads.
pub const fn classes_of_topic(topic: SafetyTopic) -> &'static [DataClass] {
    use DataClass::{Care, CheckIns, Cravings, Goals, Medications, Questionnaires, Safety, Use};
    match topic {
        SafetyTopic::Overdose | SafetyTopic::Injury => &[Safety, Use],
        SafetyTopic::FeelingUnsafe => &[Safety, CheckIns, Cravings, Questionnaires],
        SafetyTopic::MixedDepressants => &[Safety, Use, Cravings, Goals, Medications],
        SafetyTopic::OpioidTolerance => &[Safety, Use, Cravings, Goals, Medications, Care],
        SafetyTopic::StreetSupply => &[Safety, Use, Cravings, Goals],
        SafetyTopic::AlcoholWithdrawal | SafetyTopic::SedativeWithdrawal => &[Safety, Use, Goals],
    }
}

/// Whether a recipient sees all that safety notes are about.
pub fn covers_all_topics(covered: Covered) -> bool {
    let mut topics = SafetyTopic::ALL.iter();
    topics.all(|topic| covered.contains_all(classes_of_topic(*topic)))
}

/// Computes the early warnings for a recipient. `seen` has what is covered of `facts` and nothing else.
///
/// The rules and the safety notes are evaluated on what is covered, so that nothing else has a part in them. A rule of which
/// something is withheld is left out, whether it fired, was not evaluable or was muted.
pub fn shared_warnings(
    facts: &Facts,
    mut seen: Facts,
    covered: Covered,
    scope: &InsightScope<'_>,
) -> Insight<Warnings> {
    let evaluate = |facts: &Facts| warnings(facts, scope.helplines, scope.as_of, &Thresholds::V2);
    let is_covered = covered.contains(DataClass::Warnings);
    if !is_covered {
        return evaluate(&Facts::default());
    }
    let level = evaluate(facts).result.level;
    // A rule that the person muted is neither shown nor counted.
    seen.feedback.clone_from(&facts.feedback);
    let mut found = evaluate(&seen);
    let is_rule_shown =
        |rule: Rule| classes_of_rule(rule).is_some_and(|classes| covered.contains_all(classes));
    let shown = &mut found.result;
    shown.level = level;
    shown.fired.retain(|fired| is_rule_shown(fired.rule));
    shown.not_evaluable.retain(|rule| is_rule_shown(rule.rule));
    shown.muted.retain(|muted| is_rule_shown(muted.rule));
    shown.safety = safety_notes_about(&seen, scope.helplines, scope.as_of, |topic| {
        covered.contains_all(classes_of_topic(topic))
    });
    found
}
