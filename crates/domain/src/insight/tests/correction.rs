use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::{
    history::{check_in, craving, history, known, property, use_event, window},
    story::story,
};
use crate::{
    check_in::CheckIn,
    craving_event::CravingEvent,
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

/// Every insight says the same of both records.
fn same(one: &Facts, other: &Facts, as_of: &AsOf, window: Window) -> Result<(), TestCaseError> {
    let whole = |facts| progress(facts, &[], &[], as_of, window);
    let (one_report, other_report) = (whole(one), whole(other));
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

/// What comes to the server, in the order in which it comes: a record, its next version under the same id, or
/// its removal. Which one: by its place among those that there are.
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

fn replace<T>(all: &mut [WithId<T>], n: usize, record: T) {
    if let Some(known) = all.get_mut(n) {
        known.record = record;
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
            });
            facts.check_ins.push(WithId {
                id: id(30_000),
                record: c,
            });
            facts.cravings.push(WithId {
                id: id(40_000),
                record: e,
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
    #![proptest_config(property())]

    /// A record that was back-dated, corrected or taken back leaves what stands now, as if it had been
    /// written so at once, in the order of its days and without what was entered in error.
    #[test]
    fn what_was_corrected_is_as_if_it_had_been_right_at_once(
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
        same(&corrected, &at_once, &as_of, window)?;
    }

    /// What is entered in error from the beginning changes nothing that is told, nor does the order of
    /// arrival.
    #[test]
    fn neither_errors_nor_the_order_of_arrival_count(
        ((as_of, facts, wrong), window) in (story().prop_flat_map(|(as_of, facts)| (Just(as_of), Just(facts), vec(use_event(as_of), 0..4))), window()),
        turn in 0_usize..7,
    ) {
        let mut turned = facts.clone();
        let wrong = wrong.into_iter().map(|event| UseEvent { entered_in_error: true, ..event });
        turned.uses.extend(known(wrong.collect(), 9000));
        let by = |n: usize| turn % n.max(1);
        turned.check_ins.rotate_left(by(facts.check_ins.len()));
        turned.cravings.rotate_left(by(facts.cravings.len()));
        turned.uses.reverse();
        turned.doses.reverse();
        turned.medications.reverse();
        same(&turned, &facts, &as_of, window)?;
    }

    /// The summary and the report say what the insights say that have their own oracles.
    #[test]
    fn the_summary_and_the_report_say_what_the_insights_say(((as_of, facts), window) in (story(), window()), most in 0_usize..12) {
        let told = summary(&facts, &as_of, window).result;
        let reached = milestones(&facts, &as_of).result.goals;
        let report = progress(&facts, &[], &[], &as_of, window);
        let (days, craved) = (abstinence(&facts, &as_of).result, cravings(&facts, &as_of, window).result);
        let warned = warnings(&facts, &[], &as_of, &Thresholds::V1).result;
        prop_assert_eq!(told.goals.len(), days.goals.len());
        for (short, whole) in told.goals.iter().zip(&days.goals) {
            prop_assert_eq!((short.goal_id, short.days_completed, short.day_number), (whole.goal_id, whole.days_completed, whole.day_number));
            prop_assert_eq!((short.longest_days, short.cumulative_abstinent_days), (whole.longest_days, whole.cumulative_abstinent_days));
            prop_assert_eq!(short.last_30_days, whole.shares.iter().find(|share| share.window == Window::Month).copied());
            prop_assert_eq!(short.next_milestone, reached.iter().find(|g| g.goal_id == short.goal_id).unwrap().run.next);
        }
        prop_assert_eq!((told.craving_events, told.craving_trend), (craved.events, craved.trend));
        prop_assert_eq!(told.ridden_out_share, craved.outcomes.ridden_out_share);
        prop_assert_eq!((told.warnings.level, told.warnings.score), (warned.level, warned.score));
        prop_assert_eq!(told.warnings.fired.iter().map(|f| f.rule).collect::<Vec<_>>(), warned.fired.iter().map(|f| f.rule).collect::<Vec<_>>());
        let own = medication(&facts, &as_of, window).result;
        let in_use = own.medications.iter().filter(|m| m.status == crate::medication::MedicationStatus::Active);
        prop_assert_eq!(told.medications.iter().map(|m| (m.medication_id, m.proportion)).collect::<Vec<_>>(), in_use.map(|m| (m.medication_id, m.proportion)).collect::<Vec<_>>());
        prop_assert_eq!((&report.abstinence, &report.cravings, &report.medication, &report.warnings), (&days, &craved, &own, &warned));
        // The busiest hours: no other has more, and each is told with its count.
        let busiest = busiest_hours(&craved, most);
        let events = |weekday: u32, hour: usize| facts.cravings_in(window, as_of.today()).into_iter()
            .filter(|e| e.occurred_at.local_hour() == (weekday, u32::try_from(hour).unwrap())).count();
        let mut counts: Vec<usize> = (1..=7).flat_map(|weekday| (0..24).map(move |hour| (weekday, hour))).map(|(w, h)| events(w, h)).filter(|n| *n > 0).collect();
        counts.sort_by_key(|n| std::cmp::Reverse(*n));
        counts.truncate(most);
        prop_assert_eq!(busiest.iter().map(|busy| usize::try_from(busy.events).unwrap()).collect::<Vec<_>>(), counts);
        prop_assert!(busiest.iter().all(|busy| events(busy.weekday, busy.hour) == usize::try_from(busy.events).unwrap()));
    }
}
