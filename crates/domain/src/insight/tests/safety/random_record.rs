//! Generates random records in which any danger may be.

use chrono::TimeDelta;
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use crate::{
    check_in::{CheckIn, CheckInAnswers, CheckInKind},
    craving_event::CravingEvent,
    dose::{Dose, DoseStatus},
    goal::{Goal, GoalBaseline, GoalKind, GoalStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId, Written},
        tests::history::{as_of, craving, recording_zone, use_event, with_ids},
    },
    medication::{Medication, MedicationClass, MedicationStatus},
    questionnaire_response::QuestionnaireResponse,
    record::Record,
    reference::questionnaire::score,
    transition::Transition,
    use_event::{Harm, UseEvent},
    value::{
        amount::{Amount, AmountUnit, UnitLabel},
        number::Int,
        text::Label,
        timestamp::Timestamp,
        vocabulary::{FeelsSafe, Substance},
    },
};

const SUBSTANCES: [Substance; 7] = [
    Substance::Alcohol,
    Substance::Sedative,
    Substance::OpioidFentanyl,
    Substance::OpioidPrescription,
    Substance::Cocaine,
    Substance::Hallucinogen,
    Substance::Kratom,
];

const LEVELS: [&str; 8] = [
    "jail",
    "Residential",
    "community hospital",
    "home detention",
    "Haus am See",
    "Intensive Outpatient",
    "hospital outpatient clinic",
    "home",
];

/// Generates use on most days up to one of the last weeks.
fn daily_use(as_of: AsOf) -> impl Strategy<Value = Vec<UseEvent>> {
    // Some events last for days, and some labels mean pills.
    let hours = prop_oneof![8 => Just(5_i64), 1 => 6_i64..300];
    let label = option::weighted(0.1, select(&["Blue pills", "tabs", "pillows"][..]));
    let day = (
        prop::bool::weighted(0.75),
        option::weighted(0.8, 0_u8..9),
        use_event(as_of),
        recording_zone(as_of.zone),
        option::weighted(
            0.2,
            select(&[Harm::Overdose, Harm::Injury, Harm::None, Harm::Unknown][..]),
        ),
        (hours, label),
    );
    (select(&SUBSTANCES[..]), 0_i64..17, 0_i64..1400, vec(day, 0..9)).prop_map(
        move |(substance, last, minutes, days)| {
            let of_day = (0_i64..).zip(days).filter(|(_, day)| day.0);
            of_day
                .map(|(back, (_, units, event, zone, harm, (hours, label)))| {
                    let at = as_of.at - TimeDelta::days(last + back) - TimeDelta::minutes(minutes);
                    UseEvent {
                        substance,
                        occurred_at: Timestamp::in_zone(at, zone),
                        ended_at: event
                            .ended_at
                            .map(|_| Timestamp::in_zone((at + TimeDelta::hours(hours)).min(as_of.at), zone)),
                        unit: if label.is_some() {
                            Some(AmountUnit::Other)
                        } else {
                            event.unit
                        },
                        abv: event.abv.filter(|_| label.is_none()),
                        unit_label: label.and_then(UnitLabel::new).or(event.unit_label),
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
    let level = select(&LEVELS[..]);
    (-2_i64..35, level).prop_map(move |(ago, level)| Transition {
        from_level: Label::new(level).unwrap(),
        discharged_on: add_days(as_of.today(), -ago),
        ..Transition::example()
    })
}

/// Generates opioid medications, and antagonists that are over.
fn medication(as_of: AsOf) -> impl Strategy<Value = Medication> {
    use MedicationClass::{Antagonist, OpioidAgonist, Other, PartialAgonist};
    use MedicationStatus::{Active, Completed, Paused, Stopped};
    let class = select(&[Antagonist, OpioidAgonist, PartialAgonist, Other][..]);
    let status = select(&[Active, Active, Paused, Completed, Stopped][..]);
    let ended = option::of(-2_i64..50);
    (class, status, -1_i64..90, ended, select(&[1_i64, 7, 28][..])).prop_map(
        move |(class, status, ago, ended, covers_days)| {
            let started_on = add_days(as_of.today(), -ago);
            let ended_on = ended.map(|ago| add_days(as_of.today(), -ago).max(started_on));
            let is_over = status != Active || ended_on.is_some_and(|last| last < as_of.today());
            Medication {
                class: if class == Antagonist && !is_over {
                    Other
                } else {
                    class
                },
                status,
                started_on,
                ended_on,
                covers_days: Int::clamped(covers_days),
                ..Medication::example()
            }
        },
    )
}

fn dose(as_of: AsOf) -> impl Strategy<Value = Dose> {
    let status = select(
        &[
            DoseStatus::Taken,
            DoseStatus::Late,
            DoseStatus::Skipped,
            DoseStatus::Missed,
        ][..],
    );
    // Of one of the medications, or of one that is not there.
    let medication = 7000_u128..7003;
    let minutes = prop_oneof![1 => 0_i64..3000, 1 => 0_i64..90_000];
    (medication, minutes, status).prop_map(move |(medication, minutes, status)| Dose {
        medication_id: Uuid::from_u128(medication),
        occurred_at: Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes), as_of.zone),
        status,
        ..Dose::example()
    })
}

/// Generates the writes of records: the numbers of their changes have no order, and some are written now.
fn writes(as_of: AsOf) -> impl Strategy<Value = Vec<Option<Written>>> {
    let written = (0_i64..9, 0_i64..60).prop_map(move |(rev, days)| Written {
        rev,
        at: as_of.at - TimeDelta::days(days),
    });
    vec(option::weighted(0.9, written), 12)
}

fn set_written<T>(records: &mut [WithId<T>], writes: &[Option<Written>]) {
    for (record, written) in records.iter_mut().zip(writes) {
        record.written = *written;
    }
}

/// Generates a record in which any of the dangers may be, apart from antagonists that are due.
fn dangerous_record(as_of: AsOf) -> impl Strategy<Value = Facts> {
    let parts = (
        vec(daily_use(as_of), 0..3),
        vec(new_goal(as_of), 0..2),
        vec(recent_craving(as_of), 0..3),
        vec(answered(as_of), 0..4),
        vec(response(as_of), 0..2),
        vec(transition(as_of), 0..2),
        // Most people have no medication.
        prop_oneof![3 => Just(Vec::new()), 2 => vec(medication(as_of), 0..3)],
        vec(dose(as_of), 0..4),
        writes(as_of),
    );
    parts.prop_map(
        |(uses, goals, cravings, check_ins, responses, transitions, medications, doses, writes)| {
            let mut facts = Facts {
                goals: with_ids(goals, 1000),
                uses: with_ids(uses.into_iter().flatten().collect(), 2000),
                check_ins: with_ids(check_ins, 3000),
                cravings: with_ids(cravings, 4000),
                responses: with_ids(responses, 5000),
                transitions: with_ids(transitions, 6000),
                medications: with_ids(medications, 7000),
                doses: with_ids(doses, 7500),
                ..Facts::default()
            };
            let (one, rest) = writes.split_at(4);
            set_written(&mut facts.check_ins, one);
            set_written(&mut facts.cravings, rest);
            let at = |written: Option<Written>| {
                written.map(|written| Timestamp::from_micros(written.rev * 1_000_000))
            };
            facts
                .check_ins
                .iter_mut()
                .for_each(|one| one.record.feels_safe_at = at(one.written));
            facts
                .cravings
                .iter_mut()
                .for_each(|one| one.record.feels_safe_at = at(one.written));
            set_written(&mut facts.medications, &writes);
            facts
        },
    )
}

/// Generates a moment and a record before it.
pub fn moment_and_record() -> impl Strategy<Value = (AsOf, Facts)> {
    as_of().prop_flat_map(|as_of| (Just(as_of), dangerous_record(as_of)))
}

/// Generates a moment, a record before it, and what help is for: an event of the record, or without one whether the person
/// asks for help.
pub fn call_for_help() -> impl Strategy<Value = (AsOf, Facts, Option<Uuid>, bool)> {
    let event = option::of((2000_u128..2012, 3000_u128..3004, 4000_u128..4003, 0..3));
    (moment_and_record(), event, any::<bool>()).prop_map(|((as_of, facts), event, asks)| {
        let event = event.map(|(used, answered, craved, of)| {
            Uuid::from_u128([used, answered, craved][usize::try_from(of).unwrap_or(0)])
        });
        let asks_for_help = event.is_none() && asks;
        (as_of, facts, event, asks_for_help)
    })
}
