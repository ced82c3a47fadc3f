//! Tests of plans: validation, activation, and the comparison of numbers.

use super::*;
use crate::value::text::text;

fn findings(plan: &Plan) -> Vec<(String, String)> {
    let mut findings = Findings::default();
    plan.check(DateTime::UNIX_EPOCH, &mut findings);
    findings
        .into_vec()
        .into_iter()
        .map(|f| (f.pointer, f.code.to_string()))
        .collect()
}

#[test]
fn the_example_is_valid_and_survives_the_wire() {
    let plan = Plan::example();
    assert_eq!(findings(&plan), []);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn every_unknown_inner_reference_is_named() {
    let mut plan = Plan::example();
    let stranger = Uuid::from_u128(99);
    plan.content.strategies.items_mut()[0].trigger_ids = crate::value::list::Ids::of([stranger]);
    plan.content.strategies.items_mut()[0].practice = Some(text!("no-such-practice"));
    plan.content.situations.items_mut()[0].steps.items_mut()[0].strategy_id = Some(stranger);
    plan.content.situations.items_mut()[0].steps.items_mut()[1].text = None;
    let pointers: Vec<String> = findings(&plan).into_iter().map(|f| f.0).collect();
    assert_eq!(
        pointers,
        [
            "/content/situations/0/steps/0/strategy_id",
            "/content/situations/0/steps/1",
            "/content/strategies/0/practice",
            "/content/strategies/0/trigger_ids/0",
        ]
    );
}

#[test]
fn an_id_names_one_item_only() {
    let mut plan = Plan::example();
    let id = plan.content.triggers[0].id;
    plan.content.reasons.items_mut()[0].id = id;
    assert_eq!(
        findings(&plan),
        [("/content/triggers/0/id".to_owned(), "duplicate".to_owned())]
    );
}

#[test]
fn activation_names_all_that_is_missing() {
    let plan = Plan {
        content: PlanContent::default(),
        ..Plan::example()
    };
    let missing: Vec<String> = plan
        .missing_for_activation(false, false)
        .into_vec()
        .into_iter()
        .map(|f| f.pointer)
        .collect();
    assert_eq!(
        missing,
        ["/content/contact_ids", "/content/strategies", "/content/triggers"]
    );
    assert!(Plan::example().missing_for_activation(false, true).is_empty());
    assert!(Plan::example().missing_for_activation(true, false).is_empty());
}

#[test]
fn a_change_makes_the_next_number_and_keeps_the_status() {
    let mut before = Plan::example();
    before.activate(DateTime::UNIX_EPOCH);
    let mut after = Plan {
        title: text!("Better"),
        ..Plan::example()
    };
    after.adopt(&before);
    assert_eq!((after.number.get(), after.status), (2, PlanStatus::Active));
    assert_eq!(after.slot().as_deref(), Some("active:relapse_prevention"));
}

#[test]
fn differences_are_added_removed_changed_and_reordered() {
    let before = Plan::example();
    let mut after = before.clone();
    after.title = text!("Other");
    after.content.reasons = List::default();
    after.content.triggers.items_mut()[0].label = text!("Bonus day");
    let old = after.content.routines[0].clone();
    let new = PlanText {
        id: Some(Uuid::from_u128(50)),
        text: text!("Call mum on Sundays."),
    };
    after.content.routines = List::of([new.clone(), old.clone()]);
    let changes = difference(&before, &after).unwrap();
    assert_eq!(changes.plan_members_changed, ["title"]);
    assert_eq!(
        changes.removed.iter().map(|i| i.section).collect::<Vec<_>>(),
        [PlanSection::Reasons]
    );
    assert_eq!(
        changes.added.iter().map(|i| i.section).collect::<Vec<_>>(),
        [PlanSection::Routines]
    );
    assert_eq!(
        changes.changed.iter().map(|i| i.section).collect::<Vec<_>>(),
        [PlanSection::Triggers]
    );
    assert!(changes.reordered.is_empty());
    let mut turned = after.clone();
    turned.content.routines = List::of([old, new]);
    assert_eq!(
        difference(&after, &turned).unwrap().reordered,
        [PlanSection::Routines]
    );
    let none = difference(&before, &before).unwrap();
    assert!(none.added.is_empty() && none.removed.is_empty() && none.changed.is_empty());
}
