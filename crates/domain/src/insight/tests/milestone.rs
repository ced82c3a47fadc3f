//! Tests of milestones against going through every day.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;

use super::{
    day_oracle::{date, each_day, use_dates},
    history::{history, proptest_config, use_event, with_ids},
};
use crate::{
    goal::Goal,
    insight::{
        facts::{AsOf, Facts},
        milestone::{MilestoneTrack, MilestoneUnit, milestones, run_milestones},
    },
    use_event::UseEvent,
};

/// Finds the same day some months later, or the last day of that month, by going through every day.
fn months_later(start: NaiveDate, months: i32) -> NaiveDate {
    let target = start.year() * 12 + i32::try_from(start.month0()).unwrap() + months;
    let in_month = |day: &NaiveDate| day.year() * 12 + i32::try_from(day.month0()).unwrap() == target;
    let days = start
        .iter_days()
        .skip_while(|day| !in_month(day))
        .take_while(in_month);
    days.filter(|day| day.day() <= start.day()).last().unwrap()
}

type Earned = BTreeMap<(MilestoneUnit, i64), (NaiveDate, NaiveDate, i64)>;

fn earned(track: &MilestoneTrack) -> Earned {
    track
        .earned
        .iter()
        .map(|m| ((m.unit, m.count), (m.earned_on, m.last_earned_on, m.times)))
        .collect()
}

/// Goes through the goal day by day, and adds each milestone on the day on which it is reached. Returns the
/// milestones of runs and the cumulative ones.
fn milestones_by_day(goal: &Goal, facts: &Facts, as_of: &AsOf) -> (Earned, Earned) {
    const DAYS: [i64; 11] = [1, 3, 7, 14, 21, 30, 60, 90, 100, 180, 270];
    let (used, today) = (use_dates(goal, facts, as_of), super::day_oracle::today(as_of));
    let (mut in_run, mut in_all): (Earned, Earned) = Default::default();
    let boundary = goal
        .ended_on
        .map_or(today, |end| end.succ_opt().unwrap().min(today));
    let (mut run, mut all) = (None::<(NaiveDate, i64, Vec<(i64, NaiveDate)>)>, 0);
    let add = |into: &mut Earned, key, on| {
        let entry = into.entry(key).or_insert((on, on, 0));
        (entry.1, entry.2) = (on, entry.2 + 1);
    };
    for day in each_day(goal.started_on, boundary).filter(|day| *day < boundary) {
        if used.contains(&day) {
            run = None;
            continue;
        }
        let (_, n, years) = run.get_or_insert_with(|| {
            let dates = [12, 18, 24, 36, 48].map(|months| (i64::from(months), months_later(day, months)));
            (day, 0, dates.to_vec())
        });
        *n += 1;
        all += 1;
        let morning = day.succ_opt().unwrap();
        if DAYS.contains(n) {
            add(&mut in_run, (MilestoneUnit::Days, *n), morning);
        }
        for (months, _) in years.iter().filter(|(_, on)| *on == morning) {
            add(&mut in_run, (MilestoneUnit::Months, *months), morning);
        }
        if DAYS.contains(&all) {
            add(&mut in_all, (MilestoneUnit::Days, all), morning);
        }
        for (months, needed) in [(12, 365), (18, 548), (24, 730), (36, 1095), (48, 1460)] {
            if all == needed {
                add(&mut in_all, (MilestoneUnit::Months, months), morning);
            }
        }
    }
    (in_run, in_all)
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn milestones_equal_going_through_every_day((as_of, facts) in history()) {
        let insight = milestones(&facts, &as_of);
        for actual in &insight.result.goals {
            let goal = &facts.goals.iter().find(|g| g.id == actual.goal_id).unwrap().record;
            let (in_run, in_all) = milestones_by_day(goal, &facts, &as_of);
            prop_assert_eq!(earned(&actual.run), in_run);
            prop_assert_eq!(earned(&actual.cumulative), in_all);
            for next in [actual.run.next, actual.cumulative.next].into_iter().flatten() {
                prop_assert!(next.remaining > 0 && next.on.unwrap() > as_of.today());
            }
            prop_assert_eq!(actual.run.next.is_none(), goal.ended_on.is_some_and(|end| end < as_of.today()));
        }
        let passed = facts.cravings.iter()
            .filter(|c| date(c.record.occurred_at) <= as_of.today() && c.record.outcome == crate::craving_event::CravingOutcome::RodeItOut);
        let mut days: Vec<_> = passed.map(|c| (c.record.occurred_at.to_utc(), c.record.occurred_at.local_date())).collect();
        days.sort();
        for (count, milestone) in [1, 5, 10].into_iter().zip(&insight.result.urges.earned) {
            prop_assert_eq!((milestone.count, milestone.earned_on), (count, days[usize::try_from(count).unwrap() - 1].1));
        }
    }

    /// A milestone stays earned: a lapse changes no milestone that was reached up to its day.
    #[test]
    fn a_lapse_changes_no_earned_milestone((as_of, facts, lapse) in history().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), use_event(as_of))
    })) {
        let day = lapse.occurred_at.local_date();
        let mut with_lapse = facts.clone();
        with_lapse.uses.extend(with_ids(vec![UseEvent { as_prescribed: false, entered_in_error: false, ..lapse }], 9000));
        let (before, after) = (milestones(&facts, &as_of).result, milestones(&with_lapse, &as_of).result);
        for (one, two) in before.goals.iter().zip(&after.goals) {
            for (one, two) in [(&one.run, &two.run), (&one.cumulative, &two.cumulative)] {
                for milestone in one.earned.iter().filter(|m| m.earned_on <= day) {
                    let still_earned = two.earned.iter().find(|m| (m.unit, m.count) == (milestone.unit, milestone.count));
                    prop_assert_eq!(still_earned.map(|m| m.earned_on), Some(milestone.earned_on));
                }
            }
        }
    }
}

#[test]
fn a_year_from_29_february_is_reached_on_the_28th() {
    let start: NaiveDate = "2024-02-29".parse().unwrap();
    let on =
        |months| run_milestones(start).find(|(m, _)| m.unit == MilestoneUnit::Months && m.count == months);
    assert_eq!(on(12).unwrap().1.to_string(), "2025-02-28");
    assert_eq!(on(18).unwrap().1.to_string(), "2025-08-29");
    assert_eq!(on(48).unwrap().1.to_string(), "2028-02-29");
}
