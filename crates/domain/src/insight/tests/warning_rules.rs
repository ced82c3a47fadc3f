//! Tests that each early-warning rule fires exactly when the oracle says so.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    dosing::{regimens, with_regimens},
    history::proptest_config,
    recent_history::{evaluate, recent_history_with_regimens},
    warning_oracle::Oracle,
};
use crate::{
    dose::DoseStatus,
    insight::{
        facts::Facts,
        warning::{Rule, Thresholds, replay},
    },
    medication::MedicationStatus,
};

/// Sorts inputs by id and member, to compare them.
fn sorted(mut inputs: Vec<(Uuid, String, f64)>) -> Vec<(Uuid, String, f64)> {
    inputs.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    inputs
}

proptest! {
    #![proptest_config(proptest_config())]

    /// Each of the 18 rules fires exactly when its line of the table says so. The level is that of the
    /// weights.
    #[test]
    fn every_rule_fires_exactly_when_the_table_says_so((as_of, facts, regimens) in recent_history_with_regimens()) {
        let oracle = Oracle::new(&as_of, &facts, &regimens);
        let warnings = evaluate(&facts, &as_of);
        let fired: Vec<(Rule, i64)> = warnings.fired.iter().map(|fired_rule| (fired_rule.rule, fired_rule.weight)).collect();
        prop_assert_eq!(warnings.level, oracle.level(&fired));
        prop_assert_eq!(fired, oracle.fired());
        let of_use = warnings.fired.iter().filter(|fired_rule| fired_rule.rule == Rule::RecentUse);
        let named: BTreeSet<Uuid> = of_use.flat_map(|fired_rule| &fired_rule.inputs).filter_map(|input| input.id).collect();
        prop_assert_eq!(named, oracle.recent_use());
    }

    /// Missed tablets, overdue long-acting doses and uncovered days fire with the figures that the oracle
    /// counted.
    #[test]
    fn a_gap_in_medication_fires_exactly_when_there_is_one((as_of, regimens) in regimens()) {
        let facts = with_regimens(Facts::default(), &regimens);
        let oracle = Oracle::new(&as_of, &facts, &regimens);
        let warnings = evaluate(&facts, &as_of);
        let gap_rule = warnings.fired.iter().find(|fired_rule| fired_rule.rule == Rule::MedicationGap);
        let gaps = oracle.gaps();
        let is_gap = oracle.fired().iter().any(|(rule, _)| *rule == Rule::MedicationGap);
        prop_assert_eq!(gap_rule.is_some(), is_gap);
        prop_assert_eq!(warnings.not_evaluable.iter().any(|not| not.rule == Rule::MedicationGap), gaps.is_empty());
        let Some(gap_rule) = gap_rule else { return Ok(()) };
        prop_assert!(replay(gap_rule, &as_of, &Thresholds::V2));
        let is_long = |id| regimens.iter().any(|r| r.medication.id == id && r.is_long_acting());
        // At most one long-acting dose is due at a time, so none are missed in a row.
        let (missed_long_acting, others): (Vec<_>, Vec<_>) = gap_rule.inputs.iter()
            .map(|input| (input.id.unwrap(), input.member.clone(), input.value))
            .partition(|(id, member, _)| is_long(*id) && member == "missed_in_a_row");
        prop_assert!(missed_long_acting.iter().all(|(_, _, value)| *value <= 1.0));
        let gaps = gaps.into_iter().map(|(id, member, value)| (id, member.to_owned(), value)).collect();
        prop_assert_eq!(sorted(others), sorted(gaps));
        // The input that decides comes first, and is sufficient alone.
        let alone = crate::insight::warning::FiredRule { inputs: gap_rule.inputs[..1].to_vec(), ..gap_rule.clone() };
        prop_assert!(replay(&alone, &as_of, &Thresholds::V2));
    }

    /// A missing dose never ends a gap. Paused and ended medications have none. Long-acting doses are exempt:
    /// their schedule starts anew from each dose, so without a dose that was given early, the next one may be
    /// due later.
    #[test]
    fn a_missing_dose_never_ends_a_gap((as_of, regimens) in regimens(), pick in any::<usize>()) {
        let gap = |facts: &Facts| evaluate(facts, &as_of).fired.iter().any(|fired_rule| fired_rule.rule == Rule::MedicationGap);
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
