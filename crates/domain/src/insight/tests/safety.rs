//! Tests of safety notes against their definition, on random records.

mod oracle;
pub mod random_record;

use proptest::prelude::*;
use uuid::Uuid;

use self::{
    oracle::Oracle,
    random_record::{call_for_help, moment_and_record},
};
use super::history::{proptest_config, with_ids};
use crate::{
    check_in::{CheckIn, CheckInAnswers},
    craving_event::CravingEvent,
    goal::Goal,
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId},
        warning::{Rule, safety::safety_notes},
    },
    medication::{Medication, MedicationClass, MedicationStatus},
    record::Record,
    reference::helpline::HelplineTopic,
    safety::{SafetyTopic, Situation, dangers},
    transition::Transition,
    use_event::{Harm, UseEvent},
    value::{
        amount::{Amount, AmountUnit},
        timestamp::Timestamp,
        vocabulary::{FeelsSafe, Substance},
    },
    warning_feedback::{FeedbackKind, WarningFeedback},
};

fn topics(facts: &Facts, as_of: &AsOf, event: Option<Uuid>, asks_for_help: bool) -> Vec<SafetyTopic> {
    let situation = Situation {
        facts,
        as_of,
        event,
        asks_for_help,
    };
    dangers(&situation).iter().map(|danger| danger.topic).collect()
}

fn exists(facts: &Facts, id: Uuid) -> bool {
    fn has<T>(records: &[WithId<T>], id: Uuid) -> bool {
        records.iter().any(|one| one.id == id)
    }
    let is_use = |one: &WithId<UseEvent>| one.id == id && !one.record.entered_in_error;
    facts.uses.iter().any(is_use)
        || has(&facts.goals, id)
        || has(&facts.check_ins, id)
        || has(&facts.cravings, id)
        || has(&facts.responses, id)
        || has(&facts.transitions, id)
        || has(&facts.medications, id)
}

/// Number of kinds of dangers that [`with_danger`] adds.
const DANGERS: usize = 12;

/// A gram of a substance.
fn a_gram(occurred_at: Timestamp, substance: Substance, harm: Option<Harm>) -> UseEvent {
    UseEvent {
        substance,
        harm,
        occurred_at,
        ended_at: None,
        amount: Amount::new(1.0),
        unit: Some(AmountUnit::G),
        abv: None,
        unit_label: None,
        ..UseEvent::example()
    }
}

/// Adds a danger to a record, of which none is use that ends the note that something was stopped.
fn with_danger(mut facts: Facts, as_of: &AsOf, danger: usize) -> Facts {
    let at = Timestamp::in_zone(as_of.at, as_of.zone);
    let a_little = |substance, harm| a_gram(at, substance, harm);
    let craved = |substance, feels_safe| CravingEvent {
        occurred_at: at,
        substance,
        feels_safe,
        ..CravingEvent::example()
    };
    let unsafe_answer = CheckIn {
        occurred_at: at,
        answers: CheckInAnswers {
            feels_safe: Some(FeelsSafe::No),
            ..CheckInAnswers::default()
        },
        ..CheckIn::example()
    };
    let discharge = Transition {
        discharged_on: as_of.today(),
        ..Transition::example()
    };
    let ended = Medication {
        class: MedicationClass::OpioidAgonist,
        status: MedicationStatus::Stopped,
        started_on: add_days(as_of.today(), -40),
        ended_on: Some(add_days(as_of.today(), -3)),
        ..Medication::example()
    };
    let (uses, cravings) = (&mut facts.uses, &mut facts.cravings);
    match danger {
        0 => facts.check_ins.extend(with_ids(vec![unsafe_answer], 8000)),
        1 => cravings.extend(with_ids(
            vec![craved(Some(Substance::OpioidHeroin), Some(FeelsSafe::NotSure))],
            8000,
        )),
        2 => uses.extend(with_ids(
            vec![a_little(Substance::Cocaine, Some(Harm::Overdose))],
            8000,
        )),
        3 => uses.extend(with_ids(
            vec![a_little(Substance::OpioidHeroin, Some(Harm::Injury))],
            8000,
        )),
        // Little is much less than before.
        4 => uses.extend(with_ids(vec![a_little(Substance::Alcohol, None)], 8000)),
        5 => uses.extend(with_ids(vec![a_little(Substance::Kratom, None)], 8000)),
        6 => cravings.extend(with_ids(vec![craved(Some(Substance::Alcohol), None)], 8000)),
        7 => cravings.extend(with_ids(vec![craved(Some(Substance::Sedative), None)], 8000)),
        8 => cravings.extend(with_ids(vec![craved(None, None)], 8000)),
        9 => facts.transitions.extend(with_ids(vec![discharge], 8000)),
        10 => facts.medications.extend(with_ids(vec![ended], 8000)),
        _ => facts.goals.extend(with_ids(
            vec![Goal {
                substance: Substance::OpioidFentanyl,
                ..Goal::example()
            }],
            8000,
        )),
    }
    facts
}

proptest! {
    #![proptest_config(proptest_config())]

    /// Safety notes are given exactly when their definition holds: among the warnings, for an event, and on request.
    #[test]
    fn safety_notes_are_given_exactly_when_their_definition_holds((as_of, facts, event, asks_for_help) in call_for_help()) {
        let expected = Oracle { facts: &facts, as_of: &as_of, event, asks_for_help }.topics();
        prop_assert_eq!(topics(&facts, &as_of, event, asks_for_help), expected);
    }

    /// Each note among the warnings has records of the person as inputs, and an emergency number.
    #[test]
    fn safety_notes_name_their_inputs_and_an_emergency_number((as_of, facts) in moment_and_record()) {
        let notes = safety_notes(&facts, &[], &as_of);
        let found: Vec<SafetyTopic> = notes.iter().map(|note| note.topic).collect();
        prop_assert_eq!(found, topics(&facts, &as_of, None, false));
        for note in notes {
            prop_assert!((1..=50).contains(&note.inputs.len()));
            prop_assert!(note.inputs.iter().all(|input| input.id.is_some_and(|id| exists(&facts, id))));
            prop_assert_eq!(note.helplines[0].topic, HelplineTopic::Emergency);
        }
    }

    /// No feedback mutes a note, whichever rule it is about.
    #[test]
    fn nothing_mutes_a_safety_note((as_of, facts) in moment_and_record()) {
        let before = safety_notes(&facts, &[], &as_of);
        let mute = |rule| WarningFeedback { rule, kind: FeedbackKind::Mute, muted_until: None, note: None };
        let muted = Facts { feedback: with_ids(Rule::ALL.into_iter().map(mute).collect(), 9000), ..facts };
        prop_assert_eq!(before, safety_notes(&muted, &[], &as_of));
    }

    /// Another danger takes no note away, whatever else the record says. (Much use today ends the note that it was
    /// stopped, so the added use is little or of other substances.)
    #[test]
    fn another_danger_takes_no_note_away(((as_of, facts, event, asks_for_help), danger) in (call_for_help(), 0..DANGERS)) {
        let before = topics(&facts, &as_of, event, asks_for_help);
        let after = topics(&with_danger(facts, &as_of, danger), &as_of, event, asks_for_help);
        let lost: Vec<_> = before.iter().filter(|topic| !after.contains(topic)).collect();
        prop_assert!(lost.is_empty(), "{lost:?}");
    }

    /// Asking for help, and help for an event, have every note that the warnings have.
    #[test]
    fn help_has_every_note_of_the_warnings((as_of, facts, event, asks_for_help) in call_for_help()) {
        let help = topics(&facts, &as_of, event, asks_for_help);
        let lost: Vec<_> = topics(&facts, &as_of, None, false).into_iter().filter(|topic| !help.contains(topic)).collect();
        prop_assert!(lost.is_empty(), "{lost:?}");
    }
}
