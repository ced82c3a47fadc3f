//! What is shown of insights into random records.

use std::cell::RefCell;

use proptest::{prelude::*, sample::select, test_runner::TestCaseResult};
use serde_json::{Value, json};

use super::{
    FEW, MANY, any_covered,
    person::{hides_members, mixed, person, two_people},
    reading::{COLLECTIONS, INSIGHTS, RECORDS, RULES, Reader, TOPICS, is_collection_covered, is_covered},
    try_on,
};
use crate::{
    insight::{
        abstinence::abstinence,
        craving::cravings,
        facts::{AsOf, Facts, Window, WithId},
        medication::medication,
        milestone::milestones,
        self_efficacy::self_efficacy,
        series::{Bucket, Metric, series},
        strategy::strategies,
        summary::summary,
        tests::history::window,
        trigger::triggers,
        warning::{Thresholds, warnings},
    },
    record::{Kind, Record, json as to_json},
    sharing::{
        Covered, DataClass,
        insight::{InsightScope, SharedInsight},
    },
};

/// Every insight, with the name that it has in the reading and the classes that it needs.
const ALL: [(SharedInsight, &str, &[DataClass]); 14] = {
    use DataClass as C;
    use SharedInsight as S;
    [
        (S::Abstinence, "abstinence", &[C::Abstinence]),
        (S::Milestones, "milestones", &[C::Abstinence]),
        (
            S::Series(Metric::Craving, Bucket::Day),
            "series",
            &[C::CheckIns, C::Cravings],
        ),
        (
            S::Series(Metric::CravingPeak, Bucket::Week),
            "series",
            &[C::Cravings],
        ),
        (S::Series(Metric::UseDays, Bucket::Month), "series", &[C::Use]),
        (
            S::Series(Metric::Withdrawal, Bucket::Day),
            "series",
            &[C::CheckIns, C::Use],
        ),
        (S::Series(Metric::Mood, Bucket::Week), "series", &[C::CheckIns]),
        (S::Cravings, "cravings", &[C::Cravings]),
        (S::Triggers, "triggers", &[C::Cravings, C::Plans]),
        (S::Strategies, "strategies", &[C::Cravings, C::Plans]),
        (S::SelfEfficacy, "self-efficacy", &[C::Practice]),
        (S::Medication, "medication", &[C::Medications]),
        (S::Warnings, "warnings", &[C::Warnings]),
        (S::Summary, "summary", &[]),
    ]
};

fn read_insight(name: &str, value: &Value, covered: Covered) -> Value {
    let reader = Reader {
        list: INSIGHTS,
        covered,
        seen: &RefCell::default(),
    };
    reader.read(name, value)
}

/// The record as the reading allows.
fn read_facts(facts: &Facts, covered: Covered) -> Facts {
    Facts {
        goals: read_records(&facts.goals, covered),
        plans: read_records(&facts.plans, covered),
        check_ins: read_records(&facts.check_ins, covered),
        cravings: read_records(&facts.cravings, covered),
        uses: read_records(&facts.uses, covered),
        medications: read_records(&facts.medications, covered),
        doses: read_records(&facts.doses, covered),
        practice_sessions: read_records(&facts.practice_sessions, covered),
        attendances: read_records(&facts.attendances, covered),
        profiles: read_records(&facts.profiles, covered),
        feedback: read_records(&facts.feedback, covered),
        contacts: read_records(&facts.contacts, covered),
        transitions: read_records(&facts.transitions, covered),
        responses: read_records(&facts.responses, covered),
    }
}

fn read_records<T: Record>(records: &[WithId<T>], covered: Covered) -> Vec<WithId<T>> {
    if !is_collection_covered(T::KIND, covered) {
        return Vec::new();
    }
    let reader = Reader {
        list: RECORDS,
        covered,
        seen: &RefCell::default(),
    };
    let path = T::KIND.path();
    let read = records.iter().map(|one| WithId {
        id: one.id,
        record: serde_json::from_value(reader.read(path, &serde_json::to_value(&one.record).unwrap()))
            .unwrap(),
        written: one.written.filter(|_| !hides_members(path, covered)),
    });
    read.collect()
}

/// The figures that a person gets of their own record.
fn own(insight: SharedInsight, facts: &Facts, as_of: &AsOf, window: Window) -> Value {
    match insight {
        SharedInsight::Abstinence => json!(abstinence(facts, as_of)),
        SharedInsight::Milestones => json!(milestones(facts, as_of)),
        SharedInsight::Series(metric, bucket) => json!(series(facts, metric, bucket, as_of, window)),
        SharedInsight::Cravings => json!(cravings(facts, as_of, window)),
        SharedInsight::Triggers => json!(triggers(facts, as_of, window)),
        SharedInsight::Strategies => json!(strategies(facts, as_of, window)),
        SharedInsight::SelfEfficacy => json!(self_efficacy(facts, as_of, window)),
        SharedInsight::Medication => json!(medication(facts, as_of, window)),
        SharedInsight::Warnings => json!(warnings(facts, &[], as_of, &Thresholds::V2)),
        SharedInsight::Summary => json!(summary(facts, &[], as_of, window)),
    }
}

/// Leaves out of a basis what is not covered.
fn read_basis(value: &mut Value, covered: Covered) {
    let Some(counted) = value.get_mut("computed_from").and_then(Value::as_array_mut) else {
        return;
    };
    counted.retain(|counted| {
        let path = counted["collection"].as_str().unwrap();
        COLLECTIONS.iter().any(|(name, _)| *name == path) && is_covered(COLLECTIONS, path, covered)
    });
    if counted.is_empty() {
        for member in ["n", "coverage", "computed_from"] {
            value.as_object_mut().unwrap().remove(member);
        }
    }
}

fn retain(value: &mut Value, list: &str, is_shown: impl Fn(&Value) -> bool) {
    if let Some(items) = value.get_mut(list).and_then(Value::as_array_mut) {
        items.retain(|item| is_shown(item));
    }
}

/// Leaves out of early warnings the rules, the people and the topics that are not covered.
fn read_warnings(value: &mut Value, covered: Covered) {
    let is_rule_shown = |item: &Value| is_covered(RULES, item["rule"].as_str().unwrap(), covered);
    for list in ["fired", "not_evaluable", "muted"] {
        retain(value, list, is_rule_shown);
    }
    for fired in value["fired"].as_array_mut().unwrap() {
        retain(fired, "plan_items", |item| {
            item["section"] != "contact_ids" || covered.contains(DataClass::SupportContacts)
        });
    }
    retain(value, "safety", |item| {
        is_covered(TOPICS, item["topic"].as_str().unwrap(), covered)
    });
    let sees_all = TOPICS.iter().all(|(topic, _)| is_covered(TOPICS, topic, covered));
    if !sees_all && value["safety"] == json!([]) {
        value.as_object_mut().unwrap().remove("safety");
    }
}

/// What the reading allows of an insight.
fn expected(
    insight: SharedInsight,
    name: &str,
    facts: &Facts,
    covered: Covered,
    as_of: &AsOf,
    window: Window,
) -> Value {
    let read = read_facts(facts, covered);
    let mut value = match insight {
        SharedInsight::Abstinence | SharedInsight::Milestones => own(insight, facts, as_of, window),
        SharedInsight::Warnings => {
            let basis = own(insight, &read, as_of, window);
            let mut value = own(insight, facts, as_of, window);
            for member in ["n", "coverage", "computed_from"] {
                value[member] = basis[member].clone();
            }
            read_warnings(&mut value, covered);
            value
        }
        SharedInsight::Summary => {
            let whole = own(insight, facts, as_of, window);
            let mut value = own(insight, &read, as_of, window);
            for member in ["goals", "urges_ridden_out", "warnings"] {
                value[member] = whole[member].clone();
            }
            read_warnings(&mut value["warnings"], covered);
            value
        }
        _ => own(insight, &read, as_of, window),
    };
    value = read_insight(name, &value, covered);
    read_basis(&mut value, covered);
    // Numbers lose a little when they are read.
    serde_json::from_slice(&to_json(&value)).unwrap()
}

fn shown(
    insight: SharedInsight,
    facts: &Facts,
    covered: Covered,
    as_of: &AsOf,
    window: Window,
) -> Option<Value> {
    let scope = InsightScope {
        as_of,
        window,
        helplines: &[],
    };
    let body = insight.compute(facts, covered, &scope).unwrap()?;
    Some(serde_json::from_slice(&body).unwrap())
}

/// Safety notes speak of a safety plan, and of each other, as far as a recipient sees them.
fn without_texts_of_notes(value: &mut Value) {
    for warnings in ["", "/warnings"] {
        let notes = value.pointer_mut(&format!("{warnings}/safety"));
        for note in notes.and_then(Value::as_array_mut).into_iter().flatten() {
            note.as_object_mut().unwrap().remove("text");
        }
    }
}

fn check(facts: &Facts, covered: Covered, as_of: &AsOf, window: Window) -> TestCaseResult {
    for (insight, name, classes) in ALL {
        let parts = &ALL[..13];
        let is_shown = if insight == SharedInsight::Summary {
            parts
                .iter()
                .any(|(part, ..)| SharedInsight::PARTS_OF_SUMMARY.contains(part) && part.is_covered(covered))
        } else {
            classes.iter().all(|class| covered.contains(*class))
        };
        let mut found = shown(insight, facts, covered, as_of, window);
        prop_assert_eq!(found.is_some(), is_shown, "{}", name);
        let Some(found) = &mut found else { continue };
        let mut expected = expected(insight, name, facts, covered, as_of, window);
        without_texts_of_notes(found);
        without_texts_of_notes(&mut expected);
        prop_assert_eq!(found, &expected, "{}", name);
    }
    Ok(())
}

fn insights_are_what_the_reading_allows_on(cases: u32) {
    try_on(
        cases,
        (person(), any_covered(), window()),
        |((as_of, facts), covered, window)| check(&facts, covered, &as_of, window),
    );
}

#[test]
fn insights_are_what_the_reading_allows() {
    insights_are_what_the_reading_allows_on(FEW);
}

#[test]
#[ignore = "takes minutes"]
fn many_insights_are_what_the_reading_allows() {
    insights_are_what_the_reading_allows_on(MANY);
}

/// Returns the classes that an insight means, beside those that are covered.
pub fn meant(covered: Covered) -> Covered {
    use DataClass::{Abstinence, CheckIns, Goals, Use};
    let days = [CheckIns, Goals, Use];
    let more = days.into_iter().filter(|_| covered.contains(Abstinence));
    covered.iter().chain(more).collect()
}

fn nothing_withheld_changes_an_insight_on(cases: u32) {
    let insights = select(&ALL[..]);
    let all = (two_people(), any_covered(), window(), insights);
    try_on(
        cases,
        all,
        |((as_of, one, other), covered, window, (insight, name, _))| {
            // Days without use are computed from all use; the level of the warnings from all.
            let reads_days = matches!(
                insight,
                SharedInsight::Abstinence | SharedInsight::Milestones | SharedInsight::Summary
            );
            let same = if reads_days { meant(covered) } else { covered };
            let mixed = mixed(&one, &other, same);
            let scope = InsightScope {
                as_of: &as_of,
                window,
                helplines: &[],
            };
            let body = |facts| {
                let body = insight.compute(facts, covered, &scope).unwrap();
                let text = body.map(|body| String::from_utf8(body).unwrap());
                text.map(|text| without_level(&text))
            };
            prop_assert_eq!(body(&one), body(&mixed), "{}", name);
            Ok(())
        },
    );
}

fn nothing_that_the_accounting_does_not_name_changes_an_insight_on(cases: u32) {
    let all = (two_people(), any_covered(), window(), select(&ALL[..]));
    try_on(
        cases,
        all,
        |((as_of, one, other), covered, window, (insight, name, _))| {
            let named = insight.sources(covered);
            let mixed = mixed(&one, &other, meant(named));
            let found = |facts| {
                shown(insight, facts, covered, &as_of, window).map(|body| without_level(&body.to_string()))
            };
            prop_assert!(named.iter().all(|class| covered.contains(class)));
            prop_assert_eq!(named.is_empty(), !insight.is_covered(covered), "{}", name);
            prop_assert_eq!(found(&one), found(&mixed), "{}", name);
            Ok(())
        },
    );
}

#[test]
fn nothing_that_the_accounting_does_not_name_changes_an_insight() {
    nothing_that_the_accounting_does_not_name_changes_an_insight_on(FEW * 3);
}

#[test]
#[ignore = "takes minutes"]
fn nothing_that_the_accounting_does_not_name_changes_any_of_many_insights() {
    nothing_that_the_accounting_does_not_name_changes_an_insight_on(MANY);
}

/// The record without the collections that may not be read.
fn readable(facts: &Facts, may_read: impl Fn(Kind) -> bool) -> Facts {
    fn kept<T: Record>(records: &[WithId<T>], may_read: &impl Fn(Kind) -> bool) -> Vec<WithId<T>> {
        if may_read(T::KIND) {
            records.to_vec()
        } else {
            Vec::new()
        }
    }
    Facts {
        goals: kept(&facts.goals, &may_read),
        plans: kept(&facts.plans, &may_read),
        check_ins: kept(&facts.check_ins, &may_read),
        cravings: kept(&facts.cravings, &may_read),
        uses: kept(&facts.uses, &may_read),
        medications: kept(&facts.medications, &may_read),
        doses: kept(&facts.doses, &may_read),
        practice_sessions: kept(&facts.practice_sessions, &may_read),
        attendances: kept(&facts.attendances, &may_read),
        profiles: kept(&facts.profiles, &may_read),
        feedback: kept(&facts.feedback, &may_read),
        contacts: kept(&facts.contacts, &may_read),
        transitions: kept(&facts.transitions, &may_read),
        responses: kept(&facts.responses, &may_read),
    }
}

#[test]
fn what_may_not_be_read_has_no_part_in_an_insight() {
    let all = (person(), any_covered(), window(), select(&ALL[..]));
    try_on(
        FEW * 3,
        all,
        |((as_of, facts), covered, window, (insight, name, _))| {
            if insight.shows_level(covered) {
                return Ok(());
            }
            let readable = readable(&facts, |kind| insight.may_read(kind, covered));
            let found = |facts| shown(insight, facts, covered, &as_of, window);
            prop_assert_eq!(found(&facts), found(&readable), "{}", name);
            Ok(())
        },
    );
}

#[test]
fn an_insight_names_the_covered_classes_that_it_is_computed_from() {
    use DataClass as C;
    use SharedInsight as S;
    let set = |classes: &[C]| -> Covered { classes.iter().copied().collect() };
    let everything: Covered = C::ALL.iter().copied().collect();
    for (insight, covered, named) in [
        (
            S::Abstinence,
            everything,
            set(&[C::Abstinence, C::Goals, C::CheckIns, C::Use]),
        ),
        (
            S::Abstinence,
            set(&[C::Abstinence, C::Goals]),
            set(&[C::Abstinence, C::Goals]),
        ),
        (
            S::Milestones,
            everything,
            set(&[C::Abstinence, C::Goals, C::Cravings, C::Use]),
        ),
        (
            S::Milestones,
            set(&[C::Abstinence, C::Cravings]),
            set(&[C::Abstinence]),
        ),
        (S::Cravings, everything, set(&[C::Cravings, C::CheckIns, C::Use])),
        (
            S::Triggers,
            everything,
            set(&[C::Cravings, C::Plans, C::CheckIns, C::Use]),
        ),
        (S::Strategies, everything, set(&[C::Cravings, C::Plans, C::Notes])),
        (
            S::Warnings,
            set(&[C::Warnings, C::CheckIns, C::Plans]),
            set(&[C::Warnings, C::CheckIns, C::Plans]),
        ),
        (
            S::Summary,
            set(&[C::Abstinence, C::SupportContacts, C::Notes]),
            set(&[C::Abstinence]),
        ),
        (S::Cravings, everything.without(C::Cravings), set(&[])),
    ] {
        assert_eq!(insight.sources(covered), named, "{insight:?}");
    }
    let summary = S::Summary.sources(everything);
    for class in C::ALL {
        let has_no_part = [C::SupportContacts, C::CounselingNotes].contains(class);
        assert_eq!(summary.contains(*class), !has_no_part, "{class:?}");
    }
}

/// Leaves the level out of early warnings, which is that of the whole record.
fn without_level(body: &str) -> String {
    let Some((before, rest)) = body.split_once("\"level\":\"") else {
        return body.to_owned();
    };
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}{after}")
}

#[test]
fn nothing_withheld_changes_an_insight() {
    nothing_withheld_changes_an_insight_on(FEW * 3);
}

#[test]
#[ignore = "takes minutes"]
fn nothing_withheld_changes_any_of_many_insights() {
    nothing_withheld_changes_an_insight_on(MANY);
}

#[test]
fn a_sponsor_with_days_and_warnings_sees_those_and_nothing_else() {
    let covered: Covered = [DataClass::Abstinence, DataClass::Warnings].into_iter().collect();
    try_on(20, person(), |(as_of, facts)| {
        let found = |insight| shown(insight, &facts, covered, &as_of, Window::Month);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let warnings = found(SharedInsight::Warnings).unwrap();
        prop_assert_eq!(
            names(&warnings),
            [
                "about",
                "as_of",
                "fired",
                "from",
                "level",
                "muted",
                "not_evaluable",
                "rules_version",
                "to",
                "today",
                "window"
            ]
        );
        for list in ["fired", "muted", "not_evaluable"] {
            prop_assert_eq!(&warnings[list], &json!([]));
        }
        let days = found(SharedInsight::Abstinence).unwrap();
        prop_assert_eq!(names(&days), ["as_of", "goals", "to", "today", "window"]);
        let summary = found(SharedInsight::Summary).unwrap();
        prop_assert_eq!(
            names(&summary),
            ["as_of", "from", "goals", "to", "today", "warnings", "window"]
        );
        prop_assert!(found(SharedInsight::Cravings).is_none() && found(SharedInsight::Medication).is_none());
        Ok(())
    });
}
