//! What is shown of random records.

use std::{cell::RefCell, collections::BTreeSet};

use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::{Value, json};

use super::{
    FEW, MANY, any_covered,
    person::{hides_members, person},
    reading::{RECORDS, Reader, is_collection_covered},
    try_on,
};
use crate::{
    appointment::Appointment,
    insight::facts::{Facts, WithId},
    record::{Record, json as to_json},
    referral::Referral,
    sharing::{
        Covered,
        facts::{Withhold, covered_facts},
        member::{shown, shows_versions},
    },
};

type Seen = RefCell<BTreeSet<String>>;

/// Checks a record: what is shown is what the reading allows, and the withheld members make no difference.
fn check<T: Record>(record: &T, covered: Covered, seen: &Seen) -> TestCaseResult {
    let (kind, path, body) = (T::KIND, T::KIND.path(), to_json(record));
    let found = shown(kind, covered, &body).unwrap();
    let reader = Reader {
        list: RECORDS,
        covered,
        seen,
    };
    let value: Value = serde_json::from_slice(&body).unwrap();
    let expected = is_collection_covered(kind, covered).then(|| reader.read(path, &value));
    let found_value = found
        .as_ref()
        .map(|body| serde_json::from_slice::<Value>(body).unwrap());
    prop_assert_eq!(found_value, expected, "{}", path);
    for hidden in [None, Some(json!("hidden")), Some(json!([{ "a": 1 }]))] {
        let changed = reader.with_hidden(path, &value, &|_, _| hidden.clone());
        prop_assert_eq!(
            &shown(kind, covered, &to_json(&changed)).unwrap(),
            &found,
            "{}",
            path
        );
    }
    let shows_all = is_collection_covered(kind, covered) && !hides_members(path, covered);
    prop_assert_eq!(shows_versions(kind, covered), shows_all);
    Ok(())
}

/// Checks records, and that the typed records are withheld in the same way, byte for byte.
fn check_all<T: Withhold>(
    records: &[WithId<T>],
    withheld: &[WithId<T>],
    covered: Covered,
    seen: &Seen,
) -> TestCaseResult {
    if !is_collection_covered(T::KIND, covered) {
        prop_assert!(withheld.is_empty());
        return Ok(());
    }
    prop_assert_eq!(records.len(), withheld.len());
    for (one, withheld) in records.iter().zip(withheld) {
        check(&one.record, covered, seen)?;
        let body = shown(T::KIND, covered, &to_json(&one.record)).unwrap();
        prop_assert_eq!(
            body.map(String::from_utf8),
            Some(String::from_utf8(to_json(&withheld.record)))
        );
        prop_assert_eq!(one.id, withheld.id);
        let shows_write = shows_versions(T::KIND, covered);
        prop_assert_eq!(withheld.written, one.written.filter(|_| shows_write));
    }
    Ok(())
}

fn check_facts(facts: &Facts, covered: Covered, seen: &Seen) -> TestCaseResult {
    let withheld = covered_facts(facts, covered);
    check_all(&facts.goals, &withheld.goals, covered, seen)?;
    check_all(&facts.plans, &withheld.plans, covered, seen)?;
    check_all(&facts.check_ins, &withheld.check_ins, covered, seen)?;
    check_all(&facts.cravings, &withheld.cravings, covered, seen)?;
    check_all(&facts.uses, &withheld.uses, covered, seen)?;
    check_all(&facts.medications, &withheld.medications, covered, seen)?;
    check_all(&facts.doses, &withheld.doses, covered, seen)?;
    check_all(
        &facts.practice_sessions,
        &withheld.practice_sessions,
        covered,
        seen,
    )?;
    check_all(&facts.profiles, &withheld.profiles, covered, seen)?;
    check_all(&facts.contacts, &withheld.contacts, covered, seen)?;
    check_all(&facts.transitions, &withheld.transitions, covered, seen)?;
    check_all(&facts.responses, &withheld.responses, covered, seen)?;
    prop_assert!(withheld.attendances.is_empty() && withheld.feedback.is_empty());
    check(&Appointment::example(), covered, seen)?;
    check(&Referral::example(), covered, seen)
}

fn what_is_shown_of_records_is_what_the_reading_allows_on(cases: u32) {
    let seen = Seen::default();
    try_on(cases, (person(), any_covered()), |((_, facts), covered)| {
        check_facts(&facts, covered, &seen)
    });
    let all: BTreeSet<String> = RECORDS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(seen.into_inner(), all);
}

#[test]
fn what_is_shown_of_records_is_what_the_reading_allows() {
    what_is_shown_of_records_is_what_the_reading_allows_on(FEW);
}

#[test]
#[ignore = "takes minutes"]
fn what_is_shown_of_many_records_is_what_the_reading_allows() {
    what_is_shown_of_records_is_what_the_reading_allows_on(MANY);
}
