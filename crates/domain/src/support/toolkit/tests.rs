//! Tests of the toolkit: order of strategies, contacts and helplines.

use chrono_tz::Tz;

use super::*;
use crate::{
    craving_event::{CravingEvent, StrategyUse},
    plan::Plan,
    record::Record,
    reference::practice,
    support_contact::{Availability, SupportContact},
    value::{
        list::{Ids, List},
        number::{Int, Rating},
        place::{TimeOfDay, ZoneName},
        text::{Label, text},
        timestamp::Timestamp,
        vocabulary::SituationCategory,
    },
};

const RIVER: Uuid = Uuid::from_u128(1);
const CALL: Uuid = Uuid::from_u128(2);
const PAYDAY: Uuid = Uuid::from_u128(3);

fn plan() -> Plan {
    let mut plan = Plan::example();
    let mut strategy = plan.content.strategies[0].clone();
    plan.content.triggers.items_mut()[0].id = Some(PAYDAY);
    strategy.trigger_ids = Ids::default();
    let call = crate::plan::PlanStrategy {
        id: Some(CALL),
        label: text!("Call Robin"),
        trigger_ids: Ids::of([PAYDAY]),
        ..strategy.clone()
    };
    plan.content.situations = List::default();
    plan.content.strategies = List::of([
        crate::plan::PlanStrategy {
            id: Some(RIVER),
            ..strategy
        },
        call,
    ]);
    plan
}

fn tried(strategy: Uuid, before: i64, after: i64) -> CravingEvent {
    CravingEvent {
        strategy_uses: List::of([StrategyUse {
            id: None,
            strategy_id: Some(strategy),
            practice: None,
            label: None,
            before: Some(Rating::clamped(before)),
            after: Some(Rating::clamped(after)),
            helped: None,
            seconds: None,
        }]),
        ..CravingEvent::example()
    }
}

fn contact(name: &str, position: i64, availability: Vec<Availability>, zone: Tz) -> (Uuid, SupportContact) {
    let contact = SupportContact {
        name: Label::new(name).unwrap(),
        position: Int::clamped(position),
        availability: List::of(availability),
        time_zone: Some(ZoneName(zone)),
        in_crisis: false,
        ..SupportContact::example()
    };
    (Uuid::from_u128(u128::try_from(position).unwrap_or(0)), contact)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn help(occasion: &Occasion, contacts: &[(Uuid, SupportContact)], events: &[CravingEvent]) -> Toolkit {
    let plan = plan();
    let sources = Sources {
        plan: Some((Uuid::nil(), &plan)),
        contacts,
        events,
        helplines: Vec::new(),
        time_zone: Tz::UTC,
    };
    toolkit(occasion, &sources, at("2026-03-02T12:00:00Z"))
}

#[test]
fn strategies_that_worked_come_first_and_say_so() {
    let toolkit_found = help(&Occasion::default(), &[], &[tried(CALL, 8, 3), tried(CALL, 7, 4)]);
    assert_eq!(toolkit_found.strategies[0].strategy_id, Some(CALL));
    assert_eq!(
        (
            toolkit_found.strategies[0].n,
            toolkit_found.strategies[0].mean_drop
        ),
        (2, Some(4.0))
    );
    assert!(
        toolkit_found.strategies[0].why.contains("fell by 4.0"),
        "{}",
        toolkit_found.strategies[0].why
    );
    assert_eq!(toolkit_found.strategies[1].strategy_id, Some(RIVER));
}

#[test]
fn strategies_against_the_trigger_come_before_the_plans_order() {
    let occasion = Occasion {
        trigger_ids: vec![PAYDAY],
        ..Occasion::default()
    };
    let toolkit_found = help(&occasion, &[], &[]);
    assert_eq!(toolkit_found.strategies[0].strategy_id, Some(CALL));
    assert_eq!(toolkit_found.strategies[0].why, "You chose it for this trigger.");
}

#[test]
fn strategies_that_did_not_lower_the_craving_come_last() {
    let toolkit_found = help(&Occasion::default(), &[], &[tried(RIVER, 4, 7)]);
    assert!(
        toolkit_found
            .strategies
            .iter()
            .all(|s| s.strategy_id != Some(RIVER))
    );
    assert_eq!(toolkit_found.strategies[0].strategy_id, Some(CALL));
}

#[test]
fn without_a_plan_the_library_helps() {
    let sources = Sources {
        plan: None,
        contacts: &[],
        events: &[],
        helplines: Vec::new(),
        time_zone: Tz::UTC,
    };
    let occasion = Occasion {
        category: Some(SituationCategory::SocialPressure),
        ..Occasion::default()
    };
    let toolkit_found = toolkit(&occasion, &sources, at("2026-03-02T12:00:00Z"));
    assert_eq!(toolkit_found.strategies.len(), MAX_STRATEGIES);
    let first = toolkit_found.strategies[0]
        .practice
        .as_deref()
        .and_then(practice::find)
        .unwrap();
    assert!(first.good_for.contains(&SituationCategory::SocialPressure));
}

#[test]
fn contacts_are_ordered_by_who_is_reachable_in_their_own_zone_then_by_position() {
    // Monday noon UTC: 21:00 in Tokyo, 07:00 in New York.
    let nine_to_five = || {
        vec![Availability {
            days: List::of((1..=7).map(Int::clamped)),
            from: TimeOfDay::at(9, 0),
            to: TimeOfDay::at(17, 0),
        }]
    };
    let contacts = [
        contact("Aki", 1, nine_to_five(), Tz::Asia__Tokyo),
        contact("Bo", 3, vec![], Tz::UTC),
        contact("Cleo", 2, nine_to_five(), Tz::UTC),
        contact("Dee", 4, nine_to_five(), Tz::America__New_York),
    ];
    let toolkit_found = help(&Occasion::default(), &contacts, &[]);
    let order: Vec<&str> = toolkit_found.contacts.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(order, ["Cleo", "Bo", "Aki", "Dee"]);
    assert_eq!(
        toolkit_found.contacts[3].why,
        "Reachable from Monday 09:00 in their time zone: your sponsor."
    );
    assert_eq!(
        toolkit_found.contacts[2].reachable_from,
        Some(Timestamp::utc(at("2026-03-03T00:00:00Z")))
    );
}

#[test]
fn use_brings_the_lapse_response_and_opioids_their_safety_note() {
    let occasion = Occasion {
        used: Some(Substance::OpioidHeroin),
        harm: Some(Harm::Overdose),
        ..Occasion::default()
    };
    let toolkit_found = help(&occasion, &[], &[]);
    assert_eq!(toolkit_found.lapse_response.len(), 1);
    assert_eq!(toolkit_found.safety_notes.len(), 2);
    assert!(help(&Occasion::default(), &[], &[]).lapse_response.is_empty());
}

#[test]
fn no_sentence_blames() {
    for used in [None, Some(Substance::Alcohol), Some(Substance::OpioidFentanyl)] {
        let occasion = Occasion {
            used,
            harm: Some(Harm::Overdose),
            ..Occasion::default()
        };
        let toolkit_found = help(&occasion, &[], &[tried(RIVER, 8, 2)]);
        let text = serde_json::to_string(&(&toolkit_found.message, &toolkit_found.safety_notes)).unwrap();
        assert_eq!(crate::value::kindness::unkind_words(&text), Vec::<&str>::new());
        for strategy in &toolkit_found.strategies {
            assert_eq!(
                crate::value::kindness::unkind_words(&strategy.why),
                Vec::<&str>::new()
            );
        }
    }
}
