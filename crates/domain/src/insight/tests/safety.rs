//! Tests of safety notes against their definition.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    abstinence::each_day,
    history::{as_of, proptest_config, recording_zone, use_event, with_ids},
};
use crate::{
    goal::{Goal, GoalBaseline, GoalKind, GoalStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts},
        warning::safety::{SafetyTopic, safety_notes},
    },
    record::Record,
    use_event::UseEvent,
    value::{amount::Amount, timestamp::Timestamp, vocabulary::Substance},
};

const SUBSTANCES: [Substance; 3] = [Substance::Alcohol, Substance::Sedative, Substance::OpioidFentanyl];

/// Generates use on most days up to one of the last weeks.
fn daily_use(as_of: AsOf) -> impl Strategy<Value = Vec<UseEvent>> {
    let day = (
        prop::bool::weighted(0.75),
        option::weighted(0.8, 0_u8..9),
        use_event(as_of),
        recording_zone(as_of.zone),
    );
    (select(&SUBSTANCES[..]), 0_i64..17, vec(day, 0..9)).prop_map(move |(substance, last, days)| {
        let of_day = (0_i64..).zip(days).filter(|(_, day)| day.0);
        of_day
            .map(|(back, (_, units, event, zone))| {
                let at = as_of.at - TimeDelta::days(last + back) - TimeDelta::minutes(7);
                UseEvent {
                    substance,
                    occurred_at: Timestamp::in_zone(at, zone),
                    ended_at: event
                        .ended_at
                        .map(|_| Timestamp::in_zone((at + TimeDelta::hours(5)).min(as_of.at), zone)),
                    amount: units.map(|units| Amount::new(f64::from(units)).unwrap()),
                    ..event
                }
            })
            .collect()
    })
}

fn new_goal(as_of: AsOf) -> impl Strategy<Value = Goal> {
    let kind = select(&[GoalKind::Abstain, GoalKind::Abstain, GoalKind::Reduce][..]);
    (
        select(&SUBSTANCES[..]),
        kind,
        -2_i64..17,
        option::of(0_u8..9),
        any::<bool>(),
    )
        .prop_map(move |(substance, kind, ago, units, is_active)| Goal {
            substance,
            kind,
            started_on: add_days(as_of.today(), -ago),
            status: if is_active {
                GoalStatus::Active
            } else {
                Goal::example().status
            },
            baseline: Some(GoalBaseline {
                units_per_day: units.map(|units| Amount::new(f64::from(units)).unwrap()),
                cost_minor_per_day: None,
                currency: None,
                minutes_per_day: None,
            }),
            ..Goal::example()
        })
}

fn days_of(event: &UseEvent) -> Vec<NaiveDate> {
    let from = event.occurred_at.local_date();
    each_day(
        from,
        event.ended_at.map_or(from, |end| end.local_date().max(from)),
    )
    .collect()
}

/// Returns whether opioid use came after three or more days without.
fn opioid(facts: &Facts, today: NaiveDate) -> bool {
    let uses: Vec<&UseEvent> = (facts.uses.iter().map(|u| &u.record))
        .filter(|u| u.substance.is_opioid() && !u.as_prescribed && !u.entered_in_error)
        .collect();
    let dates: BTreeSet<NaiveDate> = uses.iter().flat_map(|u| days_of(u)).collect();
    uses.iter().any(|u| {
        let first = days_of(u)[0];
        first > add_days(today, -7) && (1..=3).all(|back| !dates.contains(&add_days(first, -back)))
    })
}

/// Returns whether daily use (for alcohol: heavy use) stopped at once within the last days.
fn stopped(facts: &Facts, substance: Substance, within: i64, today: NaiveDate) -> bool {
    let is_sedative = substance == Substance::Sedative;
    let uses: Vec<&UseEvent> = (facts.uses.iter().map(|u| &u.record))
        .filter(|u| u.substance == substance && !u.entered_in_error && (is_sedative || !u.as_prescribed))
        .collect();
    let dates: BTreeSet<NaiveDate> = uses.iter().flat_map(|u| days_of(u)).collect();
    let last = dates.last().copied();
    let by_events = last.is_some_and(|last| {
        let week: Vec<NaiveDate> = (0..7).map(|back| add_days(last, -back)).collect();
        let days = week.iter().filter(|day| dates.contains(day)).count();
        let amounts: Vec<Option<f64>> = (uses.iter().filter(|u| week.contains(&days_of(u)[0])))
            .map(|u| u.amount.map(Amount::get))
            .collect();
        let sum: f64 = amounts.iter().flatten().sum();
        let is_heavy =
            is_sedative || amounts.contains(&None) || sum >= 4.0 * f64::from(u32::try_from(days).unwrap());
        (1..=within).any(|back| add_days(today, -back) == last) && days >= 5 && is_heavy
    });
    let by_goal = facts.goals.iter().map(|goal| &goal.record).any(|goal| {
        let units = goal
            .baseline
            .as_ref()
            .and_then(|b| b.units_per_day)
            .map_or(0.0, Amount::get);
        let is_new = (0..=within).any(|back| add_days(today, -back) == goal.started_on);
        let is_active_abstinence = goal.substance == substance
            && goal.kind == GoalKind::Abstain
            && goal.status == GoalStatus::Active;
        let is_heavy = if is_sedative { units > 0.0 } else { units >= 4.0 };
        is_active_abstinence && is_new && is_heavy && last.is_none_or(|last| last < goal.started_on)
    });
    by_events || by_goal
}

proptest! {
    #![proptest_config(proptest_config())]

    /// Safety notes are given exactly when their definition holds, with records of the person as inputs.
    #[test]
    fn safety_notes_are_given_exactly_when_their_definition_holds(
        (as_of, uses, goals) in as_of().prop_flat_map(|as_of| (Just(as_of), vec(daily_use(as_of), 0..3), vec(new_goal(as_of), 0..2))),
    ) {
        let facts = Facts {
            goals: with_ids(goals, 1000),
            uses: with_ids(uses.into_iter().flatten().collect(), 2000),
            ..Facts::default()
        };
        let today = as_of.today();
        let expected = [
            (SafetyTopic::OpioidTolerance, opioid(&facts, today)),
            (SafetyTopic::AlcoholWithdrawal, stopped(&facts, Substance::Alcohol, 7, today)),
            (SafetyTopic::SedativeWithdrawal, stopped(&facts, Substance::Sedative, 14, today)),
        ];
        let expected: Vec<SafetyTopic> = expected.into_iter().filter(|e| e.1).map(|e| e.0).collect();
        let notes = safety_notes(&facts, &[], &as_of);
        prop_assert_eq!(notes.iter().map(|note| note.topic).collect::<Vec<_>>(), expected);
        for note in &notes {
            let exists = |id| facts.uses.iter().any(|u| u.id == id && !u.record.entered_in_error)
                || facts.goals.iter().any(|g| g.id == id);
            prop_assert!(!note.inputs.is_empty() && note.inputs.iter().all(|input| input.id.is_some_and(exists)));
        }
    }
}
