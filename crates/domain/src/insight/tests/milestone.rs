use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;

use super::{
    abstinence::{each_day, use_dates},
    history::{history, known, property, use_event},
};
use crate::{
    goal::Goal,
    insight::{
        facts::Facts,
        milestone::{MilestoneTrack, MilestoneUnit, milestones, run_milestones},
    },
    use_event::UseEvent,
};

/// The same day some months later, or the last one of that month, found by looking at every day.
fn months_later(start: NaiveDate, months: i32) -> NaiveDate {
    let wanted = start.year() * 12 + i32::try_from(start.month0()).unwrap() + months;
    let in_month = |day: &NaiveDate| day.year() * 12 + i32::try_from(day.month0()).unwrap() == wanted;
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

/// Lives through the goal day by day and notes each milestone on the morning on which it is reached.
fn lived(goal: &Goal, facts: &Facts, today: NaiveDate) -> (Earned, Earned) {
    const DAYS: [i64; 11] = [1, 3, 7, 14, 21, 30, 60, 90, 100, 180, 270];
    let used = use_dates(goal, facts);
    let (mut in_run, mut in_all): (Earned, Earned) = Default::default();
    let boundary = goal
        .ended_on
        .map_or(today, |end| end.succ_opt().unwrap().min(today));
    let (mut run, mut all) = (None::<(NaiveDate, i64, Vec<(i64, NaiveDate)>)>, 0);
    let note = |into: &mut Earned, key, on| {
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
            note(&mut in_run, (MilestoneUnit::Days, *n), morning);
        }
        for (months, _) in years.iter().filter(|(_, on)| *on == morning) {
            note(&mut in_run, (MilestoneUnit::Months, *months), morning);
        }
        if DAYS.contains(&all) {
            note(&mut in_all, (MilestoneUnit::Days, all), morning);
        }
        for (months, needed) in [(12, 365), (18, 548), (24, 730), (36, 1095), (48, 1460)] {
            if all == needed {
                note(&mut in_all, (MilestoneUnit::Months, months), morning);
            }
        }
    }
    (in_run, in_all)
}

proptest! {
    #![proptest_config(property())]

    #[test]
    fn milestones_are_those_that_living_through_the_days_gives((as_of, facts) in history()) {
        let answer = milestones(&facts, &as_of);
        for found in &answer.result.goals {
            let goal = &facts.goals.iter().find(|g| g.id == found.goal_id).unwrap().record;
            let (in_run, in_all) = lived(goal, &facts, as_of.today());
            prop_assert_eq!(earned(&found.run), in_run);
            prop_assert_eq!(earned(&found.cumulative), in_all);
            for next in [found.run.next, found.cumulative.next].into_iter().flatten() {
                prop_assert!(next.remaining > 0 && next.on.unwrap() > as_of.today());
            }
            prop_assert_eq!(found.run.next.is_none(), goal.ended_on.is_some_and(|end| end < as_of.today()));
        }
        let passed = facts.cravings.iter().filter(|c| c.record.outcome == crate::craving_event::CravingOutcome::RodeItOut);
        let mut days: Vec<_> = passed.map(|c| (c.record.occurred_at.to_utc(), c.record.occurred_at.local_date())).collect();
        days.sort();
        for (count, milestone) in [1, 5, 10].into_iter().zip(&answer.result.urges.earned) {
            prop_assert_eq!((milestone.count, milestone.earned_on), (count, days[usize::try_from(count).unwrap() - 1].1));
        }
    }

    /// Earned is for ever: a lapse takes nothing from what was reached up to its day.
    #[test]
    fn a_lapse_takes_no_milestone((as_of, facts, lapse) in history().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), use_event(as_of))
    })) {
        let day = lapse.occurred_at.local_date();
        let mut more = facts.clone();
        more.uses.extend(known(vec![UseEvent { as_prescribed: false, entered_in_error: false, ..lapse }], 9000));
        let (before, after) = (milestones(&facts, &as_of).result, milestones(&more, &as_of).result);
        for (one, two) in before.goals.iter().zip(&after.goals) {
            for (one, two) in [(&one.run, &two.run), (&one.cumulative, &two.cumulative)] {
                for milestone in one.earned.iter().filter(|m| m.earned_on <= day) {
                    let kept = two.earned.iter().find(|m| (m.unit, m.count) == (milestone.unit, milestone.count));
                    prop_assert_eq!(kept.map(|m| m.earned_on), Some(milestone.earned_on));
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
