//! Tests that corrected records count as if they had been right at once, and that summary and report agree
//! with the insights.

use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::{
    history::{check_in, craving, history, proptest_config, use_event, window, with_ids},
    recent_history::recent_history,
};
use crate::{
    check_in::CheckIn,
    craving_event::CravingEvent,
    goal::GoalStatus,
    insight::{
        abstinence::abstinence,
        craving::cravings,
        facts::{AsOf, Facts, Window, WithId},
        medication::medication,
        milestone::milestones,
        progress::{busiest_hours, progress},
        summary::summary,
        warning::{Thresholds, warnings},
    },
    use_event::UseEvent,
};

/// Checks that every insight is the same for both records.
fn assert_same_insights(
    one: &Facts,
    other: &Facts,
    as_of: &AsOf,
    window: Window,
) -> Result<(), TestCaseError> {
    let report_of = |facts| progress(facts, &[], &[], as_of, window);
    let (one_report, other_report) = (report_of(one), report_of(other));
    prop_assert_eq!(one_report.abstinence, other_report.abstinence);
    prop_assert_eq!(one_report.calendars, other_report.calendars);
    prop_assert_eq!(one_report.cravings, other_report.cravings);
    prop_assert_eq!(one_report.strategies, other_report.strategies);
    prop_assert_eq!(one_report.triggers, other_report.triggers);
    prop_assert_eq!(one_report.medication, other_report.medication);
    prop_assert_eq!(one_report.self_efficacy, other_report.self_efficacy);
    prop_assert_eq!(one_report.over_time, other_report.over_time);
    prop_assert_eq!(one_report.warnings, other_report.warnings);
    prop_assert_eq!(milestones(one, as_of), milestones(other, as_of));
    Ok(())
}

/// A change that reaches the server: a new record, a new version under the same id, or a removal. The number
/// selects one of the existing records.
#[derive(Debug, Clone)]
enum Change {
    Add(Box<(UseEvent, CheckIn, CravingEvent)>),
    CorrectUse(usize, Box<UseEvent>),
    CorrectCheckIn(usize, Box<CheckIn>),
    CorrectCraving(usize, Box<CravingEvent>),
    UseEnteredInError(usize),
    RemoveCheckIn(usize),
    RemoveCraving(usize),
}

fn change(as_of: AsOf) -> impl Strategy<Value = Change> {
    let n = 0_usize..12;
    prop_oneof![
        2 => (use_event(as_of), check_in(as_of), craving(as_of)).prop_map(|all| Change::Add(Box::new(all))),
        2 => (n.clone(), use_event(as_of)).prop_map(|(n, u)| Change::CorrectUse(n, Box::new(u))),
        2 => (n.clone(), check_in(as_of)).prop_map(|(n, c)| Change::CorrectCheckIn(n, Box::new(c))),
        1 => (n.clone(), craving(as_of)).prop_map(|(n, e)| Change::CorrectCraving(n, Box::new(e))),
        2 => n.clone().prop_map(Change::UseEnteredInError),
        1 => n.clone().prop_map(Change::RemoveCheckIn),
        1 => n.prop_map(Change::RemoveCraving),
    ]
}

fn replace<T>(records: &mut [WithId<T>], n: usize, record: T) {
    if let Some(existing) = records.get_mut(n) {
        existing.record = record;
    }
}

fn apply(facts: &mut Facts, n: u128, change: Change) {
    let id = |kind: u128| Uuid::from_u128(kind + n);
    match change {
        Change::Add(all) => {
            let (u, c, e) = *all;
            facts.uses.push(WithId {
                id: id(20_000),
                record: u,
                written: None,
            });
            facts.check_ins.push(WithId {
                id: id(30_000),
                record: c,
                written: None,
            });
            facts.cravings.push(WithId {
                id: id(40_000),
                record: e,
                written: None,
            });
        }
        Change::CorrectUse(n, record) => replace(&mut facts.uses, n, *record),
        Change::CorrectCheckIn(n, record) => replace(&mut facts.check_ins, n, *record),
        Change::CorrectCraving(n, record) => replace(&mut facts.cravings, n, *record),
        Change::UseEnteredInError(n) => {
            if let Some(event) = facts.uses.get_mut(n) {
                event.record.entered_in_error = true;
            }
        }
        Change::RemoveCheckIn(n) => facts.check_ins.truncate(facts.check_ins.len().max(n + 1) - 1),
        Change::RemoveCraving(n) => facts.cravings.truncate(facts.cravings.len().max(n + 1) - 1),
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    /// After records were back-dated, corrected or removed, insights are as if the final record had been
    /// written at once, in order of days and without events entered in error.
    #[test]
    fn a_corrected_record_counts_as_if_it_had_been_right_at_once(
        ((as_of, facts, changes), window) in (history().prop_flat_map(|(as_of, facts)| (Just(as_of), Just(facts), vec(change(as_of), 1..8))), window()),
    ) {
        let mut corrected = facts;
        for (n, change) in (0..).zip(changes) {
            apply(&mut corrected, n, change);
        }
        let mut at_once = corrected.clone();
        at_once.uses.retain(|event| !event.record.entered_in_error);
        at_once.uses.sort_by_key(|event| (event.record.occurred_at.to_utc(), event.id));
        at_once.check_ins.sort_by_key(|c| (c.record.occurred_at.to_utc(), c.id));
        at_once.cravings.sort_by_key(|e| (e.record.occurred_at.to_utc(), e.id));
        at_once.goals.reverse();
        assert_same_insights(&corrected, &at_once, &as_of, window)?;
    }

    /// Events entered in error from the beginning change no insight. Neither does the order of arrival.
    #[test]
    fn events_in_error_and_the_order_of_arrival_change_nothing(
        ((as_of, facts, wrong), window) in (recent_history().prop_flat_map(|(as_of, facts)| (Just(as_of), Just(facts), vec(use_event(as_of), 0..4))), window()),
        rotation in 0_usize..7,
    ) {
        let mut reordered = facts.clone();
        let wrong = wrong.into_iter().map(|event| UseEvent { entered_in_error: true, ..event });
        reordered.uses.extend(with_ids(wrong.collect(), 9000));
        let shift = |n: usize| rotation % n.max(1);
        reordered.check_ins.rotate_left(shift(facts.check_ins.len()));
        reordered.cravings.rotate_left(shift(facts.cravings.len()));
        reordered.uses.reverse();
        reordered.doses.reverse();
        reordered.medications.reverse();
        assert_same_insights(&reordered, &facts, &as_of, window)?;
    }

    /// The summary and the report agree with the insights, which have oracles of their own.
    #[test]
    fn the_summary_and_the_report_agree_with_the_insights(((as_of, facts), window) in (recent_history(), window()), limit in 0_usize..12) {
        let summary_result = summary(&facts, &[], &as_of, window).result;
        let milestones_by_goal = milestones(&facts, &as_of).result.goals;
        let report = progress(&facts, &[], &[], &as_of, window);
        let (days, craving_figures) = (abstinence(&facts, &as_of).result, cravings(&facts, &as_of, window).result);
        let warning_result = warnings(&facts, &[], &as_of, &Thresholds::V2).result;
        // The start screen shows active goals only.
        let active_goals: Vec<_> = days.goals.iter().filter(|goal| goal.status == GoalStatus::Active).collect();
        prop_assert_eq!(summary_result.goals.len(), active_goals.len());
        for (short, whole) in summary_result.goals.iter().zip(active_goals) {
            prop_assert_eq!((short.goal_id, short.days_completed, short.day_number), (whole.goal_id, whole.days_completed, whole.day_number));
            prop_assert_eq!((short.longest_days, short.cumulative_abstinent_days), (whole.longest_days, whole.cumulative_abstinent_days));
            prop_assert_eq!(short.last_30_days, whole.shares.iter().find(|share| share.window == Window::Month).copied());
            prop_assert_eq!(short.next_milestone, milestones_by_goal.iter().find(|g| g.goal_id == short.goal_id).unwrap().run.next);
        }
        prop_assert_eq!((summary_result.craving_events, summary_result.craving_trend), (craving_figures.events, craving_figures.trend));
        prop_assert_eq!(summary_result.ridden_out_share, craving_figures.outcomes.ridden_out_share);
        prop_assert_eq!((summary_result.warnings.level, summary_result.warnings.score), (warning_result.level, warning_result.score));
        prop_assert_eq!(summary_result.warnings.fired.iter().map(|f| f.rule).collect::<Vec<_>>(), warning_result.fired.iter().map(|f| f.rule).collect::<Vec<_>>());
        let coverage = medication(&facts, &as_of, window).result;
        let active = coverage.medications.iter().filter(|m| m.status == crate::medication::MedicationStatus::Active);
        prop_assert_eq!(summary_result.medications.iter().map(|m| (m.medication_id, m.proportion)).collect::<Vec<_>>(), active.map(|m| (m.medication_id, m.proportion)).collect::<Vec<_>>());
        prop_assert_eq!((&report.abstinence, &report.cravings, &report.medication, &report.warnings), (&days, &craving_figures, &coverage, &warning_result));
        // No other hour has more cravings than the busiest hours, and each is listed with its count.
        let busiest = busiest_hours(&craving_figures, limit);
        let events = |weekday: u32, hour: usize| facts.cravings_in(window, as_of.today()).into_iter()
            .filter(|e| e.occurred_at.local_hour() == (weekday, u32::try_from(hour).unwrap())).count();
        let mut counts: Vec<usize> = (1..=7).flat_map(|weekday| (0..24).map(move |hour| (weekday, hour))).map(|(w, h)| events(w, h)).filter(|n| *n > 0).collect();
        counts.sort_by_key(|n| std::cmp::Reverse(*n));
        counts.truncate(limit);
        prop_assert_eq!(busiest.iter().map(|busy| usize::try_from(busy.events).unwrap()).collect::<Vec<_>>(), counts);
        prop_assert!(busiest.iter().all(|busy| events(busy.weekday, busy.hour) == usize::try_from(busy.events).unwrap()));
    }
}
