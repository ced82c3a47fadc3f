//! Generates random records of the five weeks that early warnings read.

use chrono::TimeDelta;
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use super::{
    dosing::{Regimen, regimens, with_regimens},
    history::{
        check_in, craving, goal, rating, recording_zone, timestamp_ago, use_event_from, use_events, with_ids,
    },
};
use crate::{
    attendance::Attendance,
    check_in::{CheckIn, CheckInAnswers, MedicationTaken},
    craving_event::{CravingEvent, StrategyUse},
    goal::{Goal, GoalStatus},
    insight::{
        facts::{AsOf, Facts},
        warning::{Thresholds, Warnings, warnings},
    },
    plan::{Plan, PlanContent, PlanStatus, PlanWarningSign, Stage},
    practice_session::PracticeSession,
    record::Record,
    use_event::{UseEvent, UseEventFeelings},
    value::{
        list::{Ids, List},
        text::text,
        timestamp::Timestamp,
    },
};

pub const SIGNS: [(u128, Stage); 4] = [
    (51, Stage::Physical),
    (52, Stage::Mental),
    (53, Stage::Emotional),
    (54, Stage::Emotional),
];

pub fn plan() -> Plan {
    Plan {
        status: PlanStatus::Active,
        content: PlanContent {
            warning_signs: List::of(SIGNS.into_iter().map(|(id, stage)| PlanWarningSign {
                id: Some(Uuid::from_u128(id)),
                label: text!("sign"),
                stage,
                note: None,
            })),
            ..Plan::example().content
        },
        ..Plan::example()
    }
}

fn signs() -> impl Strategy<Value = Ids> {
    vec(select(&SIGNS[..]), 0..2)
        .prop_map(|signs| Ids::of(signs.into_iter().map(|(id, _)| Uuid::from_u128(id))))
}

/// Minutes ago, within the last five weeks and mostly within the last days.
fn ago() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 0_i64..4_500, 2 => 0_i64..12_000, 3 => 8_000_i64..52_000]
}

pub fn minutes_before(as_of: &AsOf, minutes: i64) -> Timestamp {
    Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes), as_of.zone)
}

fn recent_check_in(as_of: AsOf) -> impl Strategy<Value = CheckIn> {
    use MedicationTaken::{All, NotDue};
    let medication = select(&[All, All, MedicationTaken::Some, MedicationTaken::None, NotDue][..]);
    let medication = option::weighted(0.2, medication);
    // A yes is rare, so that a record may be without use.
    let asks = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let parts = (
        check_in(as_of),
        ago(),
        recording_zone(as_of.zone),
        signs(),
        medication,
        asks,
    );
    parts.prop_map(
        move |(check_in, minutes, zone, signs, medication, asks)| CheckIn {
            occurred_at: timestamp_ago(&as_of, minutes, zone),
            warning_sign_ids: signs,
            answers: CheckInAnswers {
                medication,
                used: check_in.answers.used.filter(|_| asks.0),
                used_yesterday: check_in.answers.used_yesterday.filter(|_| asks.1),
                ..check_in.answers
            },
            ..check_in
        },
    )
}

fn recent_craving(as_of: AsOf) -> impl Strategy<Value = CravingEvent> {
    let practice = option::weighted(0.2, Just(text!("urge-surfing-wave")));
    let parts = (craving(as_of), ago(), recording_zone(as_of.zone), practice);
    parts.prop_map(move |(event, minutes, zone, practice)| CravingEvent {
        occurred_at: timestamp_ago(&as_of, minutes, zone),
        ended_at: None,
        strategy_uses: List::of(practice.map(|practice| StrategyUse {
            id: None,
            strategy_id: None,
            practice: Some(practice),
            label: None,
            before: None,
            after: None,
            helped: None,
            seconds: None,
        })),
        ..event
    })
}

fn recent_use(as_of: AsOf) -> impl Strategy<Value = UseEvent> {
    let feelings = option::of((option::of(rating()), option::of(rating()), option::of(rating())));
    (use_event_from(as_of, ago()), feelings, signs()).prop_map(move |(event, feelings, signs)| UseEvent {
        warning_sign_ids: signs,
        feelings: feelings.map(|(guilt, shame, felt_control)| UseEventFeelings {
            guilt,
            shame,
            felt_control,
        }),
        ..event
    })
}

/// Generates goals, some of them put aside.
fn some_goal(as_of: AsOf) -> impl Strategy<Value = Goal> {
    let is_active = prop::bool::weighted(0.9);
    (goal(as_of.today()), is_active).prop_map(|(goal, is_active)| Goal {
        status: if is_active {
            GoalStatus::Active
        } else {
            GoalStatus::Paused
        },
        ..goal
    })
}

/// Generates attendances at meetings, most of them recent.
fn attended(as_of: AsOf) -> impl Strategy<Value = Attendance> {
    ago().prop_map(move |minutes| Attendance {
        occurred_at: minutes_before(&as_of, minutes),
        ..Attendance::example()
    })
}

fn practised(as_of: AsOf) -> impl Strategy<Value = PracticeSession> {
    option::weighted(0.9, ago()).prop_map(move |minutes| PracticeSession {
        occurred_at: minutes.map(|minutes| minutes_before(&as_of, minutes)),
        ..PracticeSession::example()
    })
}

/// Generates a moment, a record of five weeks, and its medications in the form that the oracle counts with.
pub fn recent_history_with_regimens() -> impl Strategy<Value = (AsOf, Facts, Vec<Regimen>)> {
    regimens().prop_flat_map(|(as_of, regimens)| {
        let parts = (
            vec(recent_check_in(as_of), 0..40),
            vec(recent_craving(as_of), 0..8),
            use_events(recent_use(as_of), 4),
            vec(some_goal(as_of), 0..3),
            vec(attended(as_of), 0..2),
            vec(practised(as_of), 0..2),
        );
        parts.prop_map(move |(check_ins, cravings, uses, goals, attended, practised)| {
            let facts = Facts {
                goals: with_ids(goals, 1000),
                plans: with_ids(vec![plan()], 50),
                uses: with_ids(uses, 2000),
                check_ins: with_ids(check_ins, 3000),
                cravings: with_ids(cravings, 4000),
                attendances: with_ids(attended, 5000),
                practice_sessions: with_ids(practised, 6000),
                ..Facts::default()
            };
            (as_of, with_regimens(facts, &regimens), regimens.clone())
        })
    })
}

/// Generates the same without the form for the oracle.
pub fn recent_history() -> impl Strategy<Value = (AsOf, Facts)> {
    recent_history_with_regimens().prop_map(|(as_of, facts, _)| (as_of, facts))
}

pub fn evaluate(facts: &Facts, as_of: &AsOf) -> Warnings {
    warnings(facts, &[], as_of, &Thresholds::V2).result
}
