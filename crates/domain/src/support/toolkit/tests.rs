//! Tests of the toolkit: order of strategies, contacts and helplines.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::*;
use crate::{
    craving_event::{CravingEvent, CravingRating, StrategyUse},
    insight::{
        facts::{AsOf, Facts, Window, WithId},
        strategy::strategies,
    },
    plan::Plan,
    record::Record,
    reference::{helpline, practice},
    safety::SafetyTopic,
    support_contact::{Availability, SupportContact},
    use_event::{Harm, UseEvent},
    value::{
        kindness::unkind_words,
        list::{Ids, List},
        number::{Int, Rating},
        place::{TimeOfDay, ZoneName},
        text::{Label, Text, text},
        timestamp::Timestamp,
        vocabulary::{SituationCategory, Substance},
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

fn as_of(text: &str) -> AsOf {
    AsOf {
        at: at(text),
        zone: Tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    }
}

fn facts(cravings: &[CravingEvent]) -> Facts {
    let with_ids = cravings.iter().zip(4000..).map(|(event, n)| WithId {
        id: Uuid::from_u128(n),
        record: event.clone(),
        written: None,
    });
    Facts {
        cravings: with_ids.collect(),
        ..Facts::default()
    }
}

fn help(occasion: &Occasion, contacts: &[(Uuid, SupportContact)], events: &[CravingEvent]) -> Toolkit {
    help_with(occasion, contacts, &facts(events))
}

fn help_with(occasion: &Occasion, contacts: &[(Uuid, SupportContact)], facts: &Facts) -> Toolkit {
    let plan = plan();
    let mut safety_plan = plan.clone();
    let step = |step, text: &str| SafetyStep {
        id: None,
        step: Int::clamped(step),
        text: Text::new(text).unwrap(),
    };
    safety_plan.content.safety_steps = List::of([step(4, "Ask Robin."), step(1, "I stop eating.")]);
    let sources = Sources {
        plan: Some((Uuid::nil(), &plan)),
        safety_plan: Some((Uuid::from_u128(9), &safety_plan)),
        contacts,
        facts,
        helplines: helpline::select(Some("US"), None).into_iter().cloned().collect(),
        as_of: &as_of("2026-03-02T12:00:00Z"),
    };
    toolkit(occasion, &sources)
}

#[test]
fn strategies_that_worked_come_first_and_say_so() {
    let toolkit_found = help(&Occasion::default(), &[], &[tried(CALL, 8, 3), tried(CALL, 7, 4)]);
    assert_eq!(toolkit_found.strategies[0].strategy_id, Some(CALL));
    assert_eq!(
        (
            toolkit_found.strategies[0].n,
            toolkit_found.strategies[0].raw_mean_drop
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

/// A craving with a strategy in the person's own words, or without any, from its first to its last rating.
fn rated(label: Option<&str>, (first, last): (i64, i64)) -> CravingEvent {
    let ratings = [(0, first), (600, last)].map(|(offset, value)| CravingRating {
        offset_s: Int::clamped(offset),
        value: Rating::clamped(value),
    });
    let mut event = tried(CALL, first, last);
    event.ratings = List::of(ratings);
    match label {
        Some(label) => {
            let own = event.strategy_uses.items_mut().iter_mut();
            own.for_each(|own| (own.strategy_id, own.label) = (None, Label::new(label)));
        }
        None => event.strategy_uses = List::default(),
    }
    event
}

#[test]
fn help_has_the_order_of_the_insight_and_says_what_a_strategy_adds() {
    let mut events: Vec<CravingEvent> = (0..5).map(|_| rated(None, (8, 6))).collect();
    for _ in 0..3 {
        events.push(rated(Some("useless"), (8, 7)));
        events.push(rated(Some("elsewhere"), (5, 3)));
        events.push(rated(Some("good"), (8, 3)));
        events.push(rated(Some("middling"), (7, 4)));
    }
    let facts = facts(&events);
    let insight = strategies(&facts, &as_of("2026-03-02T12:00:00Z"), Window::All)
        .result
        .strategies;
    let of_insight: Vec<&str> = insight.iter().map(|found| &*found.strategy.label).collect();
    // Beyond the natural drop of 2: good 3, middling 1, useless −1; elsewhere cannot be compared, so it counts as 1.
    assert_eq!(of_insight, ["good", "middling", "elsewhere", "useless"]);
    let found = help_with(&Occasion::default(), &[], &facts).strategies;
    let why = |n: usize| (&*found[n].label, &*found[n].why);
    assert_eq!(
        [why(0), why(1), why(2)],
        [
            (
                "good",
                "Rated 3 times: your craving fell by 3.0 points more than without a strategy, on average."
            ),
            (
                "middling",
                "Rated 3 times: your craving fell by 1.0 points more than without a strategy, on average."
            ),
            (
                "elsewhere",
                "Rated 3 times: meanwhile your craving fell by 2.0 points on average."
            ),
        ]
    );
    assert_eq!(
        (found[0].raw_mean_drop, found[0].adjusted_drop),
        (Some(5.0), Some(3.0))
    );
    assert_eq!(
        (found[2].raw_mean_drop, found[2].adjusted_drop),
        (Some(2.0), None)
    );
    // Three ratings are few: its score is still above 0. But nobody is told that it took something off.
    assert_eq!(
        why(3),
        (
            "useless",
            "Rated 3 times: your craving fell by 1.0 points on average, no more than by itself."
        )
    );
    // After eight ratings more it is not offered as something that worked.
    let more = (0..8).map(|_| rated(Some("useless"), (8, 7)));
    let found = help(
        &Occasion::default(),
        &[],
        &events.into_iter().chain(more).collect::<Vec<_>>(),
    )
    .strategies;
    assert_eq!(found[1].label, "middling");
    assert!(found.iter().all(|strategy| strategy.label != "useless"));
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
        safety_plan: None,
        contacts: &[],
        facts: &Facts::default(),
        helplines: Vec::new(),
        as_of: &as_of("2026-03-02T12:00:00Z"),
    };
    let occasion = Occasion {
        category: Some(SituationCategory::SocialPressure),
        ..Occasion::default()
    };
    let toolkit_found = toolkit(&occasion, &sources);
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

/// Help for a use event of eight months ago, with what it tells of.
fn help_after_use(substance: Substance, harm: Option<Harm>, contacts: &[(Uuid, SupportContact)]) -> Toolkit {
    let event = WithId {
        id: Uuid::from_u128(77),
        record: UseEvent {
            substance,
            harm,
            occurred_at: Timestamp::utc(at("2025-07-02T12:00:00Z")),
            ended_at: None,
            ..UseEvent::example()
        },
        written: None,
    };
    let occasion = UseEvent::occasion(&event);
    let mut facts = Facts::default();
    UseEvent::include_in(event, &mut facts);
    help_with(&occasion, contacts, &facts)
}

fn topics(toolkit: &Toolkit) -> Vec<SafetyTopic> {
    toolkit.safety_notes.iter().map(|note| note.topic).collect()
}

#[test]
fn use_brings_the_lapse_response_and_what_it_tells_of_however_long_ago_it_was() {
    let found = help_after_use(Substance::OpioidHeroin, Some(Harm::Overdose), &[]);
    assert_eq!(found.lapse_response.len(), 1);
    assert_eq!(
        topics(&found),
        [SafetyTopic::Overdose, SafetyTopic::OpioidTolerance]
    );
    let found = help_after_use(Substance::Alcohol, None, &[]);
    assert_eq!((found.lapse_response.len(), topics(&found)), (1, vec![]));
    assert!(help(&Occasion::default(), &[], &[]).lapse_response.is_empty());
}

#[test]
fn in_danger_the_emergency_number_the_crisis_line_and_the_people_for_a_crisis_come_first() {
    let mut contacts = [
        contact("Bo", 1, vec![], Tz::UTC),
        contact("Cleo", 2, vec![], Tz::UTC),
    ];
    contacts[1].1.in_crisis = true;
    let lines = |toolkit: &Toolkit| -> Vec<String> {
        let ids = toolkit.helplines.iter().map(|line| line.id.clone());
        ids.take(2).collect()
    };
    let calm = help_after_use(Substance::Alcohol, None, &contacts);
    assert_eq!(
        (lines(&calm)[0].as_str(), calm.contacts[0].name.as_str()),
        ("us-988", "Bo")
    );
    let hurt = help_after_use(Substance::Alcohol, Some(Harm::Injury), &contacts);
    assert_eq!(lines(&hurt), ["us-emergency", "us-988"]);
    assert_eq!(hurt.contacts[0].name, "Cleo");
    assert_eq!(hurt.contacts.len(), 2);
    assert_eq!(hurt.strategies, calm.strategies);
    assert!(hurt.message.contains("safety comes first"));
    // The safety plan is there in any case, in the order of its steps.
    for toolkit in [calm, hurt] {
        let steps: Vec<i64> = toolkit.safety_steps.iter().map(|step| step.step.get()).collect();
        assert_eq!((steps, toolkit.plan_id), (vec![1, 4], Some(Uuid::nil())));
    }
}

#[test]
fn without_another_plan_the_strategies_come_from_the_safety_plan() {
    let plan = plan();
    let sources = Sources {
        plan: None,
        safety_plan: Some((Uuid::from_u128(9), &plan)),
        contacts: &[],
        facts: &Facts::default(),
        helplines: Vec::new(),
        as_of: &as_of("2026-03-02T12:00:00Z"),
    };
    let found = toolkit(&Occasion::default(), &sources);
    assert_eq!(found.plan_id, Some(Uuid::from_u128(9)));
    assert_eq!(found.strategies[0].strategy_id, Some(RIVER));
}

#[test]
fn no_sentence_blames() {
    for harm in [None, Some(Harm::Overdose)] {
        for substance in [Substance::Alcohol, Substance::OpioidFentanyl] {
            let used = help_after_use(substance, harm, &[]);
            let craved = help(&Occasion::default(), &[], &[tried(RIVER, 8, 2)]);
            for found in [used, craved] {
                assert_eq!(unkind_words(&found.message), Vec::<&str>::new());
                for note in &found.safety_notes {
                    assert_eq!(unkind_words(&note.text), Vec::<&str>::new());
                }
                for strategy in &found.strategies {
                    assert_eq!(unkind_words(&strategy.why), Vec::<&str>::new());
                }
            }
        }
    }
}
