use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;
use uuid::Uuid;

use super::history::{history, known, property, use_event};
use crate::{
    check_in::Used,
    goal::Goal,
    insight::{
        abstinence::{GoalAbstinence, abstinence},
        facts::{AsOf, Facts, Window},
        milestone::milestones,
    },
    record::{Record, json},
    use_event::UseEvent,
    value::{list::List, timestamp::example_time},
};

/// The dates from one to another, one by one.
pub fn each_day(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    from.iter_days().take_while(move |day| *day <= to)
}

/// The dates of use of a goal's substance, counted off.
pub fn use_dates(goal: &Goal, facts: &Facts) -> BTreeSet<NaiveDate> {
    let mut dates = BTreeSet::new();
    for event in &facts.uses {
        let event = &event.record;
        if event.as_prescribed || event.entered_in_error || event.substance != goal.substance {
            continue;
        }
        // The text of the time begins with its local date.
        let date = |text: String| text[..10].parse::<NaiveDate>().unwrap();
        let first = date(event.occurred_at.to_string());
        dates.insert(first);
        if let Some(end) = event.ended_at {
            dates.extend(each_day(first, date(end.to_string())));
        }
    }
    if let Some(end) = goal.ended_on {
        dates.retain(|day| *day <= end);
    }
    dates
}

/// Today by adding the zone's offset to the moment.
fn today(as_of: &AsOf) -> NaiveDate {
    use chrono::{Offset, TimeZone};
    let offset = as_of.zone.offset_from_utc_datetime(&as_of.at.naive_utc()).fix();
    (as_of.at.naive_utc() + chrono::TimeDelta::seconds(offset.local_minus_utc().into())).date()
}

struct DayCounts {
    run_lengths: Vec<(NaiveDate, i64, bool)>,
    days_completed: i64,
    day_number: i64,
    cumulative: i64,
}

/// Walks through the goal's days.
fn count(goal: &Goal, used: &BTreeSet<NaiveDate>, today: NaiveDate) -> DayCounts {
    let ended = goal.ended_on.is_some_and(|end| end < today);
    let mut found = DayCounts {
        run_lengths: Vec::new(),
        days_completed: 0,
        day_number: 0,
        cumulative: 0,
    };
    let mut current: Option<(NaiveDate, i64)> = None;
    for day in each_day(goal.started_on, goal.ended_on.map_or(today, |e| e.min(today))) {
        if used.contains(&day) {
            found
                .run_lengths
                .extend(current.take().map(|(from, n)| (from, n, false)));
            continue;
        }
        let (_, n) = current.get_or_insert((day, 0));
        *n += 1;
        if day < today {
            found.cumulative += 1;
        }
    }
    // A use after today, recorded further east, has closed the run already.
    let closed_ahead = used.iter().any(|day| *day > today);
    if let Some((from, n)) = current {
        if closed_ahead {
            found.run_lengths.push((from, n, false));
        } else {
            // Today is not completed; a goal that has ended has only completed days.
            found.day_number = n;
            found.days_completed = if ended { n } else { n - 1 };
            found.run_lengths.push((from, found.days_completed, true));
        }
    }
    found
}

fn share_of(
    found: &GoalAbstinence,
    goal: &Goal,
    facts: &Facts,
    used: &BTreeSet<NaiveDate>,
    today: NaiveDate,
) {
    let mut said: BTreeMap<NaiveDate, (bool, bool)> = BTreeMap::new();
    for check_in in &facts.check_ins {
        let day = said.entry(check_in.record.occurred_at.local_date()).or_default();
        match check_in.record.answers.used {
            Some(Used::No) => day.0 = true,
            Some(Used::Yes) => day.1 = true,
            _ => {}
        }
    }
    for share in &found.shares {
        let boundary = goal
            .ended_on
            .map_or(today, |end| end.succ_opt().unwrap().min(today));
        let mut expected = (0, 0, 0);
        for day in each_day(goal.started_on, boundary).filter(|day| *day < boundary) {
            let back = boundary.num_days_from_ce() - day.num_days_from_ce();
            if share.window.days().is_some_and(|days| i64::from(back) > days) {
                continue;
            }
            expected.0 += 1;
            if !used.contains(&day) {
                expected.1 += 1;
                expected.2 += i64::from(said.get(&day) == Some(&(true, false)));
            }
        }
        assert_eq!(
            (share.days, share.assumed_days, share.confirmed_days),
            expected,
            "{:?}",
            share.window
        );
        assert_eq!(share.use_days, expected.0 - expected.1);
        assert!(share.confirmed_days + share.use_days <= share.days && (0.0..=1.0).contains(&share.coverage));
    }
}

proptest! {
    #![proptest_config(property())]

    #[test]
    fn days_runs_and_shares_are_what_counting_gives((as_of, facts) in history()) {
        let today = today(&as_of);
        prop_assert_eq!(today, as_of.today());
        let answer = abstinence(&facts, &as_of);
        prop_assert_eq!(answer.result.goals.len(), facts.goals.len());
        // What was looked at begins with the earliest goal, also if nothing is recorded of its first days.
        let first = facts.goals.iter().map(|goal| goal.record.started_on).min().unwrap();
        prop_assert!(answer.basis.from <= first.min(today));
        prop_assert!(milestones(&facts, &as_of).basis.from <= first.min(today));
        for found in &answer.result.goals {
            let goal = &facts.goals.iter().find(|g| g.id == found.goal_id).unwrap().record;
            let used = use_dates(goal, &facts);
            let expected = count(goal, &used, today);
            prop_assert_eq!(found.days_completed, expected.days_completed);
            prop_assert_eq!(found.day_number, expected.day_number);
            prop_assert_eq!(found.cumulative_abstinent_days, expected.cumulative);
            let runs: Vec<_> = found.runs.iter().rev().map(|run| (run.from, run.days, run.open)).collect();
            prop_assert_eq!(&runs, &expected.run_lengths);
            prop_assert_eq!(found.longest_days, runs.iter().map(|run| run.1).max().unwrap_or(0));
            let closed: Vec<i64> = runs.iter().filter(|run| !run.2).map(|run| run.1).collect();
            prop_assert_eq!(found.previous.map(|run| run.days), closed.last().copied());
            prop_assert_eq!(found.closed_runs, closed.len());
            if let Some(mean) = found.mean_closed_days {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let expected = closed.iter().sum::<i64>() as f64 / closed.len() as f64;
                prop_assert!((mean - expected).abs() < 1e-9);
            }
            let saved = found.saved.as_ref().map(|s| (s.days, s.cost_minor, s.minutes));
            prop_assert_eq!(saved, Some((expected.cumulative, Some(1450 * expected.cumulative), Some(45 * expected.cumulative))));
            share_of(found, goal, &facts, &used, today);
        }
    }

    /// What is written down of today or a later day takes nothing away that was there before.
    #[test]
    fn a_lapse_changes_no_earlier_run(((as_of, facts), lapse) in history().prop_flat_map(|(as_of, facts)| {
        (Just((as_of, facts)), use_event(as_of))
    })) {
        let day = lapse.occurred_at.local_date();
        let mut more = facts.clone();
        more.uses.extend(known(vec![UseEvent { as_prescribed: false, entered_in_error: false, ..lapse.clone() }], 9000));
        let (before, after) = (abstinence(&facts, &as_of).result, abstinence(&more, &as_of).result);
        for (one, two) in before.goals.iter().zip(&after.goals) {
            let earlier = |goal: &GoalAbstinence| -> Vec<Vec<u8>> {
                goal.runs.iter().filter(|run| run.to < day && !run.open).map(json).collect()
            };
            let (one_runs, two_runs) = (earlier(one), earlier(two));
            prop_assert!(one_runs.iter().all(|run| two_runs.contains(run)));
            // A lapse of today ends the run with the days that it was shown with.
            if day == as_of.today() && one.days_completed > 0 && lapse.substance == one.substance && one.ended_on.is_none() {
                prop_assert_eq!(two.previous.map(|run| run.days), Some(one.days_completed));
                prop_assert_eq!(two.longest_days, one.longest_days);
                prop_assert_eq!(two.cumulative_abstinent_days, one.cumulative_abstinent_days);
            }
        }
    }

    /// Limits, counted off day by day and week by week.
    #[test]
    fn days_and_weeks_within_limits_are_what_counting_gives((as_of, facts) in history()) {
        let today = as_of.today();
        for found in abstinence(&facts, &as_of).result.goals {
            let goal = &facts.goals.iter().find(|g| g.id == found.goal_id).unwrap().record;
            let limits = goal.limits.clone().unwrap_or_default();
            let boundary = goal.ended_on.map_or(today, |end| end.succ_opt().unwrap().min(today));
            let amounts = amounts_by_day(goal, &facts);
            // No use is none of it; something unknown in a day's use is an unknown use.
            let of_day = |day: NaiveDate| amounts.get(&day).map_or(Some(0.0), |found| found.1);
            let (mut days, mut heavy) = ((0, 0, 0), 0);
            let mut weeks: BTreeMap<NaiveDate, (i64, Option<f64>)> = BTreeMap::new();
            for day in each_day(goal.started_on, boundary).filter(|day| *day < boundary) {
                let used = of_day(day);
                let step = goal.taper.iter().rfind(|s| s.from <= day).map(|s| s.max_units_per_day.get());
                let most = [limits.units_per_day.map(crate::value::amount::Amount::get), step].into_iter().flatten().reduce(f64::min);
                if let Some(most) = most {
                    days.0 += 1;
                    days.1 += i64::from(used.is_some_and(|u| u > most));
                    days.2 += i64::from(used.is_none());
                }
                heavy += i64::from(limits.heavy_day_units.is_some_and(|h| used.is_some_and(|u| u >= h.get()) && amounts.get(&day).is_some_and(|found| found.0)));
                let mut week = day;
                while week.weekday().number_from_monday() != u32::from(as_of.week_start) {
                    week = week.pred_opt().unwrap();
                }
                let entry = weeks.entry(week).or_insert((0, Some(0.0)));
                entry.0 += 1;
                entry.1 = entry.1.zip(used).map(|(a, b)| a + b);
            }
            let whole: Vec<Option<f64>> = weeks.values().filter(|w| w.0 == 7).map(|w| w.1).collect();
            match found.within_limits {
                None => prop_assert!(goal.taper.is_empty() && limits == crate::goal::GoalLimits::default()),
                Some(within) => {
                    prop_assert_eq!(within.days.map(|d| (d.n, d.over, d.unknown)), (limits.units_per_day.is_some() || !goal.taper.is_empty()).then_some(days));
                    prop_assert_eq!(within.heavy_days, limits.heavy_day_units.map(|_| heavy));
                    let expected = limits.units_per_week.map(|most| {
                        let n = |test: &dyn Fn(&Option<f64>) -> bool| i64::try_from(whole.iter().filter(|w| test(w)).count()).unwrap();
                        (n(&|_| true), n(&|w| w.is_some_and(|u| u > most.get())), n(&|w| w.is_none()))
                    });
                    prop_assert_eq!(within.weeks.map(|w| (w.n, w.over, w.unknown)), expected);
                }
            }
        }
    }
}

/// For each day of use: whether an event with an amount began on it, and the units if they are known.
pub fn amounts_by_day(goal: &Goal, facts: &Facts) -> BTreeMap<NaiveDate, (bool, Option<f64>)> {
    let mut found: BTreeMap<NaiveDate, (bool, Option<f64>)> = BTreeMap::new();
    let mut units: BTreeMap<NaiveDate, String> = BTreeMap::new();
    for event in facts
        .uses
        .iter()
        .map(|u| &u.record)
        .filter(|u| !u.as_prescribed && !u.entered_in_error && u.substance == goal.substance)
    {
        let first = event.occurred_at.local_date();
        let Some(amount) = event.amount else {
            let last = event.ended_at.map_or(first, |end| end.local_date().max(first));
            for day in each_day(first, last) {
                found.entry(day).or_insert((false, Some(0.0))).1 = None;
            }
            continue;
        };
        let unit = event.unit.as_ref().unwrap().trim().to_lowercase();
        let same = *units.entry(first).or_insert_with(|| unit.clone()) == unit;
        let entry = found.entry(first).or_insert((false, Some(0.0)));
        entry.0 = true;
        entry.1 = entry.1.filter(|_| same).map(|sum| sum + amount.get());
    }
    found
}

fn alcohol(started_on: &str, uses: &[(&str, &str)]) -> Facts {
    let goal = Goal {
        started_on: started_on.parse().unwrap(),
        taper: List::default(),
        ..Goal::example()
    };
    let event = |(from, to): &(&str, &str)| UseEvent {
        occurred_at: example_time(from),
        ended_at: Some(example_time(to)),
        ..UseEvent::example()
    };
    Facts {
        goals: known(vec![goal], 1),
        uses: known(uses.iter().map(event).collect(), 100),
        ..Facts::default()
    }
}

#[test]
fn a_short_life_by_hand() {
    // From 1 January: free until the 10th; a night over midnight on 10/11; free from the 12th; today the
    // 31st.
    let facts = alcohol(
        "2026-01-01",
        &[("2026-01-10T22:00:00-05:00", "2026-01-11T01:00:00-05:00")],
    );
    let as_of = AsOf {
        at: "2026-02-01T03:00:00Z".parse().unwrap(),
        zone: chrono_tz::America::New_York,
        week_start: 1,
    };
    let answer = abstinence(&facts, &as_of);
    let found = &answer.result.goals[0];
    assert_eq!(found.goal_id, Uuid::from_u128(1));
    assert_eq!((found.days_completed, found.day_number), (19, 20));
    assert_eq!(
        (
            found.longest_days,
            found.previous.unwrap().days,
            found.closed_runs
        ),
        (19, 9, 1)
    );
    assert_eq!(found.cumulative_abstinent_days, 28);
    let all = found.shares.iter().find(|s| s.window == Window::All).unwrap();
    assert_eq!((all.days, all.assumed_days, all.confirmed_days), (30, 28, 0));
    assert_eq!(found.saved.as_ref().unwrap().cost_minor, Some(28 * 1450));
    assert_eq!(
        (answer.basis.n, answer.basis.today.to_string().as_str()),
        (1, "2026-01-31")
    );
}
