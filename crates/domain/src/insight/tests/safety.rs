//! Tests of safety notes against their definition, on random records.

mod oracle;

use chrono::TimeDelta;
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use self::oracle::Oracle;
use super::history::{as_of, craving, proptest_config, recording_zone, use_event, with_ids};
use crate::{
    check_in::{CheckIn, CheckInAnswers, CheckInKind},
    craving_event::CravingEvent,
    goal::{Goal, GoalBaseline, GoalKind, GoalStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId},
        warning::{Rule, safety::safety_notes},
    },
    questionnaire_response::QuestionnaireResponse,
    record::Record,
    reference::{helpline::HelplineTopic, questionnaire::score},
    safety::SafetyTopic,
    transition::Transition,
    use_event::{Harm, UseEvent},
    value::{
        amount::{Amount, AmountUnit},
        text::Label,
        timestamp::Timestamp,
        vocabulary::{FeelsSafe, Substance},
    },
    warning_feedback::{FeedbackKind, WarningFeedback},
};

const SUBSTANCES: [Substance; 6] = [
    Substance::Alcohol,
    Substance::Sedative,
    Substance::OpioidFentanyl,
    Substance::OpioidPrescription,
    Substance::Cocaine,
    Substance::Hallucinogen,
];

/// Generates use on most days up to one of the last weeks.
fn daily_use(as_of: AsOf) -> impl Strategy<Value = Vec<UseEvent>> {
    let day = (
        prop::bool::weighted(0.75),
        option::weighted(0.8, 0_u8..9),
        use_event(as_of),
        recording_zone(as_of.zone),
        option::weighted(
            0.2,
            select(&[Harm::Overdose, Harm::Injury, Harm::None, Harm::Unknown][..]),
        ),
    );
    (select(&SUBSTANCES[..]), 0_i64..17, 0_i64..1400, vec(day, 0..9)).prop_map(
        move |(substance, last, minutes, days)| {
            let of_day = (0_i64..).zip(days).filter(|(_, day)| day.0);
            of_day
                .map(|(back, (_, units, event, zone, harm))| {
                    let at = as_of.at - TimeDelta::days(last + back) - TimeDelta::minutes(minutes);
                    UseEvent {
                        substance,
                        occurred_at: Timestamp::in_zone(at, zone),
                        ended_at: event
                            .ended_at
                            .map(|_| Timestamp::in_zone((at + TimeDelta::hours(5)).min(as_of.at), zone)),
                        amount: units.map(|units| Amount::new(f64::from(units)).unwrap()),
                        harm,
                        ..event
                    }
                })
                .collect()
        },
    )
}

fn new_goal(as_of: AsOf) -> impl Strategy<Value = Goal> {
    let kind = select(&[GoalKind::Abstain, GoalKind::Abstain, GoalKind::Reduce][..]);
    let unit = select(&[Some(AmountUnit::StandardDrink), Some(AmountUnit::G), None][..]);
    let status = select(&[GoalStatus::Active, GoalStatus::Active, GoalStatus::Stopped][..]);
    let units = option::of(0_u8..90);
    (select(&SUBSTANCES[..]), kind, -2_i64..17, units, unit, status).prop_map(
        move |(substance, kind, ago, units, unit, status)| Goal {
            substance,
            kind,
            started_on: add_days(as_of.today(), -ago),
            status,
            unit,
            baseline: Some(GoalBaseline {
                units_per_day: units.map(|units| Amount::new(f64::from(units) / 10.0).unwrap()),
                cost_minor_per_day: None,
                currency: None,
                minutes_per_day: None,
            }),
            ..Goal::example()
        },
    )
}

fn feels_safe() -> impl Strategy<Value = Option<FeelsSafe>> {
    option::of(select(&[FeelsSafe::Yes, FeelsSafe::NotSure, FeelsSafe::No][..]))
}

fn recent_craving(as_of: AsOf) -> impl Strategy<Value = CravingEvent> {
    let substance = option::weighted(0.7, select(&SUBSTANCES[..]));
    let parts = (
        craving(as_of),
        0_i64..13_000,
        recording_zone(as_of.zone),
        substance,
        feels_safe(),
    );
    parts.prop_map(
        move |(event, minutes, zone, substance, feels_safe)| CravingEvent {
            substance,
            feels_safe,
            occurred_at: Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes), zone),
            ..event
        },
    )
}

fn answered(as_of: AsOf) -> impl Strategy<Value = CheckIn> {
    (0_i64..2_000, feels_safe()).prop_map(move |(minutes, feels_safe)| CheckIn {
        kind: CheckInKind::Momentary,
        // Some are of the same moment.
        occurred_at: Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes / 100 * 100), as_of.zone),
        answers: CheckInAnswers {
            feels_safe,
            ..CheckInAnswers::default()
        },
        ..CheckIn::example()
    })
}

fn response(as_of: AsOf) -> impl Strategy<Value = QuestionnaireResponse> {
    (0_i64..3_000, any::<bool>()).prop_map(move |(minutes, has_note)| {
        let note = score::SafetyNote {
            id: "dark".to_owned(),
            text: "Thank you for telling.".to_owned(),
        };
        QuestionnaireResponse {
            occurred_at: Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes), as_of.zone),
            safety_notes: has_note.then_some(note).into_iter().collect(),
            ..QuestionnaireResponse::example()
        }
    })
}

fn transition(as_of: AsOf) -> impl Strategy<Value = Transition> {
    let level = select(&["jail", "Residential", "Intensive Outpatient", "home"][..]);
    (-2_i64..35, level).prop_map(move |(ago, level)| Transition {
        from_level: Label::new(level).unwrap(),
        discharged_on: add_days(as_of.today(), -ago),
        ..Transition::example()
    })
}

/// Generates a record in which any of the dangers may be, medications aside.
fn dangerous_record(as_of: AsOf) -> impl Strategy<Value = Facts> {
    let parts = (
        vec(daily_use(as_of), 0..3),
        vec(new_goal(as_of), 0..2),
        vec(recent_craving(as_of), 0..3),
        vec(answered(as_of), 0..4),
        vec(response(as_of), 0..2),
        vec(transition(as_of), 0..2),
    );
    parts.prop_map(
        |(uses, goals, cravings, check_ins, responses, transitions)| Facts {
            goals: with_ids(goals, 1000),
            uses: with_ids(uses.into_iter().flatten().collect(), 2000),
            check_ins: with_ids(check_ins, 3000),
            cravings: with_ids(cravings, 4000),
            responses: with_ids(responses, 5000),
            transitions: with_ids(transitions, 6000),
            ..Facts::default()
        },
    )
}

fn topics(facts: &Facts, as_of: &AsOf) -> Vec<SafetyTopic> {
    let notes = safety_notes(facts, &[], as_of);
    notes.iter().map(|note| note.topic).collect()
}

/// Generates a moment and a record before it.
fn moment_and_record() -> impl Strategy<Value = (AsOf, Facts)> {
    as_of().prop_flat_map(|as_of| (Just(as_of), dangerous_record(as_of)))
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
}

proptest! {
    #![proptest_config(proptest_config())]

    /// Safety notes are given exactly when their definition holds, each with records of the person as inputs and with an
    /// emergency number.
    #[test]
    fn safety_notes_are_given_exactly_when_their_definition_holds((as_of, facts) in moment_and_record()) {
        let expected = Oracle { facts: &facts, as_of: &as_of }.topics();
        prop_assert_eq!(topics(&facts, &as_of), expected);
        for note in safety_notes(&facts, &[], &as_of) {
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
        let muted = Facts { feedback: with_ids(Rule::ALL.into_iter().map(mute).collect(), 7000), ..facts };
        prop_assert_eq!(before, safety_notes(&muted, &[], &as_of));
    }

    /// Another danger takes no note away, whatever else the record says. (Use of what was stopped ends the note that it
    /// was stopped, so the added use is of other substances.)
    #[test]
    fn another_danger_takes_no_note_away(((as_of, facts), extra) in (moment_and_record(), 0_usize..7)) {
        let before = topics(&facts, &as_of);
        let (mut after, at) = (facts, Timestamp::in_zone(as_of.at, as_of.zone));
        let used = UseEvent { occurred_at: at, ended_at: None, amount: None, unit: None, harm: None, ..UseEvent::example() };
        match extra {
            0 => after.check_ins.extend(with_ids(vec![CheckIn {
                occurred_at: at,
                answers: CheckInAnswers { feels_safe: Some(FeelsSafe::No), ..CheckInAnswers::default() },
                ..CheckIn::example()
            }], 8000)),
            1 => after.cravings.extend(with_ids(vec![CravingEvent {
                occurred_at: at,
                substance: Some(Substance::OpioidHeroin),
                feels_safe: Some(FeelsSafe::NotSure),
                ..CravingEvent::example()
            }], 8000)),
            2 => after.uses.extend(with_ids(vec![UseEvent { substance: Substance::Cocaine, harm: Some(Harm::Overdose), ..used }], 8000)),
            3 => after.uses.extend(with_ids(vec![UseEvent { substance: Substance::OpioidHeroin, harm: Some(Harm::Injury), ..used }], 8000)),
            4 => after.transitions.extend(with_ids(vec![Transition { discharged_on: as_of.today(), ..Transition::example() }], 8000)),
            5 => after.cravings.extend(with_ids(vec![CravingEvent { occurred_at: at, substance: Some(Substance::Sedative), ..CravingEvent::example() }], 8000)),
            _ => after.goals.extend(with_ids(vec![Goal { substance: Substance::OpioidFentanyl, ..Goal::example() }], 8000)),
        }
        let after = topics(&after, &as_of);
        // A substance that is named makes the record of someone who named none a record about that substance.
        let lost = before.iter().filter(|topic| !after.contains(topic));
        let lost: Vec<_> = lost.filter(|topic| !(matches!(extra, 2 | 5) && **topic == SafetyTopic::OpioidTolerance)).collect();
        prop_assert!(lost.is_empty(), "{lost:?}");
    }
}
