//! Examples of early warnings: help for a rule, messages, and overdue injections.

use uuid::Uuid;

use super::{
    history::with_ids,
    recent_history::{evaluate, minutes_before, plan},
};
use crate::{
    check_in::{CheckIn, CheckInAnswers},
    dose::{Dose, DoseStatus},
    insight::{
        facts::{AsOf, Facts, WithId},
        warning::Rule,
    },
    medication::Medication,
    plan::PlanSection,
    record::Record,
    support_contact::{ContactStatus, SupportContact},
    value::{
        list::Ids,
        number::{Int, Rating},
        text::{Label, text},
    },
};

fn noon() -> AsOf {
    AsOf {
        at: "2026-03-10T12:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    }
}

/// A sign that was noticed comes with the people of the plan, by name, and not with itself as help.
#[test]
fn a_warning_sign_is_no_help_against_itself() {
    let as_of = noon();
    let contact = |n: u128, name: &str, status| WithId {
        id: Uuid::from_u128(n),
        record: SupportContact {
            name: Label::new(name).unwrap(),
            status,
            ..SupportContact::example()
        },
        written: None,
    };
    let mut active_plan = plan();
    active_plan.content.contact_ids = Ids::of([61, 62, 63].map(Uuid::from_u128));
    let noticed = CheckIn {
        occurred_at: minutes_before(&as_of, 60),
        warning_sign_ids: Ids::of([Uuid::from_u128(51)]),
        ..CheckIn::example()
    };
    let facts = Facts {
        plans: with_ids(vec![active_plan], 50),
        check_ins: with_ids(vec![noticed], 3000),
        // The contact with id 62 was deleted.
        contacts: vec![
            contact(61, "Robin", ContactStatus::Listed),
            contact(63, "Kim", ContactStatus::Ended),
        ],
        ..Facts::default()
    };
    let warnings = evaluate(&facts, &as_of);
    let fired = warnings
        .fired
        .iter()
        .find(|fired| fired.rule == Rule::PhysicalSign)
        .unwrap();
    let sign = &fired.inputs[0];
    assert_eq!(
        (sign.item_id, sign.label.as_deref()),
        (Some(Uuid::from_u128(51)), Some("sign"))
    );
    assert!(
        fired
            .plan_items
            .iter()
            .all(|item| item.section != PlanSection::WarningSigns)
    );
    let people: Vec<&str> = (fired.plan_items.iter())
        .filter(|item| item.section == PlanSection::ContactIds)
        .map(|item| item.text.as_str())
        .collect();
    assert_eq!(people, ["Robin"]);
    let practices: Vec<&str> = (fired.practices.iter())
        .map(|practice| practice.slug.as_str())
        .collect();
    assert_eq!(practices, ["call-before", "find-a-meeting-today", "step-outside"]);
}

/// Without evidence of higher confidence before, the message does not claim it.
#[test]
fn low_confidence_is_only_compared_with_a_known_baseline() {
    let as_of = noon();
    let check_in = |days_ago: i64, confidence: i64| CheckIn {
        occurred_at: minutes_before(&as_of, days_ago * 24 * 60 + 1),
        answers: CheckInAnswers {
            self_efficacy: Some(Rating::clamped(confidence)),
            ..CheckInAnswers::default()
        },
        ..CheckIn::example()
    };
    let message = |usual: i64, now: i64| {
        let mut check_ins = vec![check_in(0, now)];
        check_ins.extend((10..20).map(|days_ago| check_in(days_ago, usual)));
        let facts = Facts {
            check_ins: with_ids(check_ins, 3000),
            ..Facts::default()
        };
        let fired = evaluate(&facts, &as_of).fired.into_iter();
        let fired = fired
            .filter(|fired| fired.rule == Rule::LowEfficacy)
            .map(|fired| fired.message);
        fired.collect::<String>()
    };
    assert!(message(9, 6).contains("harder than it did"));
    assert!(message(4, 4).contains("feels hard right now"));
    assert_eq!(message(7, 5), "");
}

fn record_with_injection(doses: &[(i64, DoseStatus)], as_of: &AsOf) -> Facts {
    let medication = Medication {
        schedule: text!("FREQ=DAILY;INTERVAL=28"),
        covers_days: Int::clamped(28),
        started_on: crate::insight::calendar::add_days(as_of.today(), -10),
        ..Medication::example()
    };
    let doses = doses.iter().map(|(days_ago, status)| Dose {
        medication_id: Uuid::from_u128(70),
        due_at: None,
        occurred_at: minutes_before(as_of, days_ago * 24 * 60),
        status: *status,
        ..Dose::example()
    });
    Facts {
        medications: with_ids(vec![medication], 70),
        doses: with_ids(doses.collect(), 8000),
        ..Facts::default()
    }
}

/// Skipping an injection moves the next one, but it stays overdue. Without a recorded dose the rule cannot be
/// evaluated.
#[test]
fn a_skipped_injection_is_still_overdue() {
    let as_of = noon();
    let gap = |doses: &[(i64, DoseStatus)]| {
        let warnings = evaluate(&record_with_injection(doses, &as_of), &as_of);
        let fired = warnings
            .fired
            .into_iter()
            .find(|fired| fired.rule == Rule::MedicationGap);
        let overdue = fired.and_then(|fired| {
            fired
                .inputs
                .into_iter()
                .find(|input| input.member == "overdue_days")
        });
        (
            overdue.map(|input| input.value),
            warnings
                .not_evaluable
                .iter()
                .any(|rule| rule.rule == Rule::MedicationGap),
        )
    };
    assert_eq!(gap(&[(9, DoseStatus::Skipped)]), (Some(10.0), false));
    assert_eq!(gap(&[(9, DoseStatus::Missed)]), (Some(10.0), false));
    assert_eq!(gap(&[(9, DoseStatus::Taken)]), (None, false));
    assert_eq!(gap(&[]), (None, true));
}
