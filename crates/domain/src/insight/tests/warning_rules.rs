use proptest::prelude::*;
use uuid::Uuid;

use super::{
    dosing::{regimens, with_regimens},
    history::property,
    rules::Look,
    story::{found, story_with_regimens},
};
use crate::{
    dose::DoseStatus,
    insight::{
        facts::Facts,
        warning::{Rule, Thresholds, replay},
    },
    medication::MedicationStatus,
};

/// The members of a medication that the evidence tells, in an order of their own.
fn sorted(mut told: Vec<(Uuid, String, f64)>) -> Vec<(Uuid, String, f64)> {
    told.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    told
}

proptest! {
    #![proptest_config(property())]

    /// Each of the 18 rules fires exactly when its line of the table says so, and the level is that of their
    /// weights.
    #[test]
    fn every_rule_fires_exactly_when_the_table_says_so((as_of, facts, regimens) in story_with_regimens()) {
        let look = Look { as_of: &as_of, facts: &facts, regimens: &regimens };
        let told = found(&facts, &as_of);
        let fired: Vec<(Rule, i64)> = told.fired.iter().map(|told| (told.rule, told.weight)).collect();
        prop_assert_eq!(told.level, look.level(&fired));
        prop_assert_eq!(fired, look.fired());
    }

    /// Tablets missed in a row, a long-acting dose overdue, days not covered: with the figures that were
    /// counted.
    #[test]
    fn a_gap_in_medication_is_told_exactly_when_there_is_one((as_of, regimens) in regimens()) {
        let facts = with_regimens(Facts::default(), &regimens);
        let look = Look { as_of: &as_of, facts: &facts, regimens: &regimens };
        let all = found(&facts, &as_of);
        let told = all.fired.iter().find(|told| told.rule == Rule::MedicationGap);
        let gaps = look.gaps();
        let is_gap = look.fired().iter().any(|(rule, _)| *rule == Rule::MedicationGap);
        prop_assert_eq!(told.is_some(), is_gap);
        prop_assert_eq!(all.not_evaluable.iter().any(|not| not.rule == Rule::MedicationGap), gaps.is_empty());
        let Some(told) = told else { return Ok(()) };
        prop_assert!(replay(told, &as_of, &Thresholds::V1));
        let is_long = |id| regimens.iter().any(|r| r.medication.id == id && r.is_long_acting());
        // Of a long-acting one at most one dose is due, so that none are missed in a row.
        let (one, other): (Vec<_>, Vec<_>) = told.inputs.iter()
            .map(|input| (input.id.unwrap(), input.member.clone(), input.value))
            .partition(|(id, member, _)| is_long(*id) && member == "missed_in_a_row");
        prop_assert!(one.iter().all(|(_, _, value)| *value <= 1.0));
        let gaps = gaps.into_iter().map(|(id, member, value)| (id, member.to_owned(), value)).collect();
        prop_assert_eq!(sorted(other), sorted(gaps));
        // What decided comes first, and decides alone.
        let alone = crate::insight::warning::FiredRule { inputs: told.inputs[..1].to_vec(), ..told.clone() };
        prop_assert!(replay(&alone, &as_of, &Thresholds::V1));
    }

    /// A dose less never ends a gap, and what is at rest or has ended has none. From a long-acting dose the
    /// rhythm starts anew, so that without one that was given before its time the next may be due later.
    #[test]
    fn a_dose_less_never_closes_a_gap((as_of, regimens) in regimens(), pick in any::<usize>()) {
        let gap = |facts: &Facts| found(facts, &as_of).fired.iter().any(|told| told.rule == Rule::MedicationGap);
        let mut facts = with_regimens(Facts::default(), &regimens);
        let before = gap(&facts);
        let n = facts.doses.len();
        let is_long = |id| regimens.iter().any(|r| r.medication.id == id && r.is_long_acting());
        if n > 0 && !is_long(facts.doses[pick % n].record.medication_id) {
            facts.doses[pick % n].record.status = DoseStatus::Missed;
            prop_assert!(!before || gap(&facts));
        }
        for medication in &mut facts.medications {
            medication.record.status = MedicationStatus::Paused;
        }
        prop_assert!(!gap(&facts));
        for medication in &mut facts.medications {
            let yesterday = as_of.today().pred_opt().unwrap();
            medication.record.status = MedicationStatus::Active;
            medication.record.ended_on = Some(yesterday.max(medication.record.started_on));
        }
        facts.medications.retain(|medication| medication.record.started_on < as_of.today());
        prop_assert!(!gap(&facts));
    }
}
