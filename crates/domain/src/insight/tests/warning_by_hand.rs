use uuid::Uuid;

use super::{
    history::known,
    story::{found, moved, plan},
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
    }
}

/// A sign that was noticed is answered by the people of the plan, by name, not by itself.
#[test]
fn what_answers_a_sign_is_not_the_sign() {
    let as_of = noon();
    let contact = |n: u128, name: &str, status| WithId {
        id: Uuid::from_u128(n),
        record: SupportContact {
            name: Label::new(name).unwrap(),
            status,
            ..SupportContact::example()
        },
    };
    let mut own = plan();
    own.content.contact_ids = Ids::of([61, 62, 63].map(Uuid::from_u128));
    let noticed = CheckIn {
        occurred_at: moved(&as_of, 60),
        warning_sign_ids: Ids::of([Uuid::from_u128(51)]),
        ..CheckIn::example()
    };
    let facts = Facts {
        plans: known(vec![own], 50),
        check_ins: known(vec![noticed], 3000),
        // The one in the middle was deleted.
        contacts: vec![
            contact(61, "Robin", ContactStatus::Listed),
            contact(63, "Kim", ContactStatus::Ended),
        ],
        ..Facts::default()
    };
    let all = found(&facts, &as_of);
    let told = all
        .fired
        .iter()
        .find(|told| told.rule == Rule::PhysicalSign)
        .unwrap();
    let sign = &told.inputs[0];
    assert_eq!(
        (sign.item_id, sign.label.as_deref()),
        (Some(Uuid::from_u128(51)), Some("sign"))
    );
    assert!(
        told.plan_items
            .iter()
            .all(|item| item.section != PlanSection::WarningSigns)
    );
    let people: Vec<&str> = (told.plan_items.iter())
        .filter(|item| item.section == PlanSection::ContactIds)
        .map(|item| item.text.as_str())
        .collect();
    assert_eq!(people, ["Robin"]);
    let practices: Vec<&str> = (told.practices.iter())
        .map(|practice| practice.slug.as_str())
        .collect();
    assert_eq!(practices, ["call-before", "find-a-meeting-today", "step-outside"]);
}

/// Confidence that is low by itself is not said to have been higher before.
#[test]
fn low_confidence_is_compared_only_with_what_is_known() {
    let as_of = noon();
    let answer = |days_ago: i64, confidence: i64| CheckIn {
        occurred_at: moved(&as_of, days_ago * 24 * 60 + 1),
        answers: CheckInAnswers {
            self_efficacy: Some(Rating::clamped(confidence)),
            ..CheckInAnswers::default()
        },
        ..CheckIn::example()
    };
    let message = |usual: i64, now: i64| {
        let mut check_ins = vec![answer(0, now)];
        check_ins.extend((10..20).map(|days_ago| answer(days_ago, usual)));
        let facts = Facts {
            check_ins: known(check_ins, 3000),
            ..Facts::default()
        };
        let told = found(&facts, &as_of).fired.into_iter();
        let told = told
            .filter(|told| told.rule == Rule::LowEfficacy)
            .map(|told| told.message);
        told.collect::<String>()
    };
    assert!(message(9, 6).contains("harder than it did"));
    assert!(message(4, 4).contains("feels hard right now"));
    assert_eq!(message(7, 5), "");
}

fn medicine(doses: &[(i64, DoseStatus)], as_of: &AsOf) -> Facts {
    let medication = Medication {
        schedule: text!("FREQ=DAILY;INTERVAL=28"),
        covers_days: Int::clamped(28),
        started_on: crate::insight::calendar::plus(as_of.today(), -10),
        ..Medication::example()
    };
    let doses = doses.iter().map(|(days_ago, status)| Dose {
        medication_id: Uuid::from_u128(70),
        due_at: None,
        occurred_at: moved(as_of, days_ago * 24 * 60),
        status: *status,
        ..Dose::example()
    });
    Facts {
        medications: known(vec![medication], 70),
        doses: known(doses.collect(), 8000),
        ..Facts::default()
    }
}

/// Skipping an injection moves the next one on, and still leaves the person without; nothing recorded says nothing.
#[test]
fn an_injection_that_is_overdue_is_told_of_also_when_it_was_skipped() {
    let as_of = noon();
    let gap = |doses: &[(i64, DoseStatus)]| {
        let all = found(&medicine(doses, &as_of), &as_of);
        let told = all
            .fired
            .into_iter()
            .find(|told| told.rule == Rule::MedicationGap);
        let overdue = told.and_then(|told| {
            told.inputs
                .into_iter()
                .find(|input| input.member == "overdue_days")
        });
        (
            overdue.map(|input| input.value),
            all.not_evaluable
                .iter()
                .any(|rule| rule.rule == Rule::MedicationGap),
        )
    };
    assert_eq!(gap(&[(9, DoseStatus::Skipped)]), (Some(10.0), false));
    assert_eq!(gap(&[(9, DoseStatus::Missed)]), (Some(10.0), false));
    assert_eq!(gap(&[(9, DoseStatus::Taken)]), (None, false));
    assert_eq!(gap(&[]), (None, true));
}
