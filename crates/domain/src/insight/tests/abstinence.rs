//! Tests of days without use, runs, shares and limits against counting every day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;
use uuid::Uuid;

pub use super::day_oracle::each_day;
use super::{
    day_oracle::{answers, counted, dates, dates_to_clarify, is_confirmed, today, until_today, use_dates},
    history::{history, proptest_config, use_event, with_ids},
};
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
    value::{
        amount::{AmountUnit, UnitMembers},
        list::List,
        timestamp::example_time,
        vocabulary::Substance,
    },
};

struct DayCounts {
    run_lengths: Vec<(NaiveDate, i64, bool)>,
    days_completed: i64,
    day_number: i64,
    cumulative: i64,
}

/// Counts the goal's days by going through them.
fn count(goal: &Goal, used: &BTreeSet<NaiveDate>, today: NaiveDate) -> DayCounts {
    let ended = goal.ended_on.is_some_and(|end| end < today);
    let mut counts = DayCounts {
        run_lengths: Vec::new(),
        days_completed: 0,
        day_number: 0,
        cumulative: 0,
    };
    let mut current_run: Option<(NaiveDate, i64)> = None;
    for day in each_day(goal.started_on, goal.ended_on.map_or(today, |e| e.min(today))) {
        if used.contains(&day) {
            counts
                .run_lengths
                .extend(current_run.take().map(|(from, n)| (from, n, false)));
            continue;
        }
        let (_, n) = current_run.get_or_insert((day, 0));
        *n += 1;
        if day < today {
            counts.cumulative += 1;
        }
    }
    if let Some((from, n)) = current_run {
        // Today is not completed. A goal that has ended has only completed days.
        counts.day_number = n;
        counts.days_completed = if ended { n } else { n - 1 };
        counts.run_lengths.push((from, counts.days_completed, true));
    }
    counts
}

fn assert_shares(actual: &GoalAbstinence, goal: &Goal, facts: &Facts, as_of: &AsOf) {
    let (used, answers, today) = (use_dates(goal, facts, as_of), answers(facts, as_of), today(as_of));
    for share in &actual.shares {
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
                expected.2 += i64::from(is_confirmed(day, &answers));
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
    #![proptest_config(proptest_config())]

    #[test]
    fn days_runs_and_shares_equal_counting_every_day((as_of, facts) in history()) {
        let today = today(&as_of);
        prop_assert_eq!(today, as_of.today());
        let insight = abstinence(&facts, &as_of);
        prop_assert_eq!(insight.result.goals.len(), facts.goals.len());
        // The records are the answers that say something, and the use that counts.
        let says = |answer: Option<Used>| matches!(answer, Some(Used::Yes | Used::No));
        let seen = until_today(&facts, &as_of).check_ins.into_iter().map(|c| c.record.answers);
        let with_answer = seen.filter(|answers| says(answers.used) || says(answers.used_yesterday)).count();
        prop_assert_eq!(insight.basis.n, with_answer + counted(&facts, &as_of).len());
        // The period begins with the earliest goal, even if its first days have no record.
        let first = facts.goals.iter().map(|goal| goal.record.started_on).min().unwrap();
        prop_assert!(insight.basis.from <= first.min(today));
        prop_assert!(milestones(&facts, &as_of).basis.from <= first.min(today));
        for actual in &insight.result.goals {
            let goal = &facts.goals.iter().find(|g| g.id == actual.goal_id).unwrap().record;
            let used = use_dates(goal, &facts, &as_of);
            let expected = count(goal, &used, today);
            prop_assert_eq!(actual.days_completed, expected.days_completed);
            prop_assert_eq!(actual.day_number, expected.day_number);
            prop_assert_eq!(actual.cumulative_abstinent_days, expected.cumulative);
            let runs: Vec<_> = actual.runs.iter().rev().map(|run| (run.from, run.days, run.open)).collect();
            prop_assert_eq!(&runs, &expected.run_lengths);
            prop_assert_eq!(actual.longest_days, runs.iter().map(|run| run.1).max().unwrap_or(0));
            let closed: Vec<i64> = runs.iter().filter(|run| !run.2).map(|run| run.1).collect();
            prop_assert_eq!(actual.previous.map(|run| run.days), closed.last().copied());
            prop_assert_eq!(actual.closed_runs, closed.len());
            if let Some(mean) = actual.mean_closed_days {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let expected = closed.iter().sum::<i64>() as f64 / closed.len() as f64;
                prop_assert!((mean - expected).abs() < 1e-9);
            }
            let saved = actual.saved.as_ref().map(|s| (s.days, s.cost_minor, s.minutes));
            prop_assert_eq!(saved, Some((expected.cumulative, Some(1450 * expected.cumulative), Some(45 * expected.cumulative))));
            prop_assert_eq!(actual.days_to_clarify, i64::try_from(dates_to_clarify(goal, &facts, &as_of).len()).unwrap());
            assert_shares(actual, goal, &facts, &as_of);
        }
    }

    /// A record of a day takes nothing away from earlier days.
    #[test]
    fn a_lapse_changes_no_earlier_run(((as_of, facts), lapse) in history().prop_flat_map(|(as_of, facts)| {
        (Just((as_of, facts)), use_event(as_of))
    })) {
        let day = lapse.occurred_at.local_date();
        let mut with_lapse = facts.clone();
        with_lapse.uses.extend(with_ids(vec![UseEvent { as_prescribed: false, entered_in_error: false, ..lapse.clone() }], 9000));
        let (before, after) = (abstinence(&facts, &as_of).result, abstinence(&with_lapse, &as_of).result);
        for (before_goal, after_goal) in before.goals.iter().zip(&after.goals) {
            let earlier = |goal: &GoalAbstinence| -> Vec<Vec<u8>> {
                goal.runs.iter().filter(|run| run.to < day && !run.open).map(json).collect()
            };
            let (runs_before, runs_after) = (earlier(before_goal), earlier(after_goal));
            prop_assert!(runs_before.iter().all(|run| runs_after.contains(run)));
            // A lapse today closes the run with the number of days that were shown.
            if day == as_of.today() && before_goal.days_completed > 0 && lapse.substance == before_goal.substance && before_goal.ended_on.is_none() {
                prop_assert_eq!(after_goal.previous.map(|run| run.days), Some(before_goal.days_completed));
                prop_assert_eq!(after_goal.longest_days, before_goal.longest_days);
                prop_assert_eq!(after_goal.cumulative_abstinent_days, before_goal.cumulative_abstinent_days);
            }
        }
    }

    /// Limits are counted day by day and week by week.
    #[test]
    fn days_and_weeks_within_limits_equal_counting((as_of, facts) in history()) {
        let today = as_of.today();
        for actual in abstinence(&facts, &as_of).result.goals {
            let goal = &facts.goals.iter().find(|g| g.id == actual.goal_id).unwrap().record;
            let limits = goal.limits.clone().unwrap_or_default();
            let boundary = goal.ended_on.map_or(today, |end| end.succ_opt().unwrap().min(today));
            let amounts = amounts_by_day(goal, &facts, &as_of);
            let none = DayAmount::default();
            let on = |day: NaiveDate| amounts.get(&day).unwrap_or(&none);
            let (mut days, mut heavy, mut heavy_unknown) = ((0, 0, 0), 0, 0);
            let mut weeks: BTreeMap<NaiveDate, Vec<&DayAmount>> = BTreeMap::new();
            for day in each_day(goal.started_on, boundary).filter(|day| *day < boundary) {
                let used = on(day);
                if let Some(limit) = daily_limit(goal, day) {
                    days.0 += 1;
                    days.1 += i64::from(used.known > limit);
                    days.2 += i64::from(used.has_unknown && used.known <= limit);
                }
                // A day on which nothing began is never heavy, even if the limit is 0.
                let is_heavy = limits.heavy_day_units.is_some_and(|h| used.known >= h.get()) && used.has_known;
                heavy += i64::from(is_heavy);
                heavy_unknown += i64::from(used.has_unknown && !is_heavy);
                let mut week = day;
                while week.weekday().number_from_monday() != u32::from(as_of.week_start) {
                    week = week.pred_opt().unwrap();
                }
                weeks.entry(week).or_default().push(used);
            }
            // Only whole weeks count.
            let whole: Vec<(f64, bool)> = weeks.values().filter(|days| days.len() == 7)
                .map(|days| (millionths(days.iter().map(|day| day.known).sum()), days.iter().any(|day| day.has_unknown))).collect();
            match actual.within_limits {
                None => prop_assert!(goal.taper.is_empty() && limits == crate::goal::GoalLimits::default()),
                Some(within) => {
                    prop_assert_eq!(within.days.map(|d| (d.n, d.over, d.unknown)), (limits.units_per_day.is_some() || !goal.taper.is_empty()).then_some(days));
                    prop_assert_eq!(within.heavy_days, limits.heavy_day_units.map(|_| heavy));
                    prop_assert_eq!(within.heavy_days_unknown, limits.heavy_day_units.map(|_| heavy_unknown));
                    let expected = limits.units_per_week.map(|limit| {
                        let limit = limit.get();
                        let n = |test: &dyn Fn(f64, bool) -> bool| i64::try_from(whole.iter().filter(|(known, unknown)| test(*known, *unknown)).count()).unwrap();
                        (n(&|_, _| true), n(&|known, _| known > limit), n(&|known, unknown| unknown && known <= limit))
                    });
                    prop_assert_eq!(within.weeks.map(|w| (w.n, w.over, w.unknown)), expected);
                }
            }
        }
    }
}

/// What was used on a day, in units of the goal.
#[derive(Debug, Clone, Default)]
pub struct DayAmount {
    /// The sum of the amounts that are known and comparable.
    pub known: f64,
    /// Whether there is such an amount.
    pub has_known: bool,
    /// Whether an amount is missing or not comparable.
    pub has_unknown: bool,
}

/// Rounds to a millionth. Limits are halves, so it decides nothing.
fn millionths(units: f64) -> f64 {
    (units * 1e6).round() / 1e6
}

/// Returns the lower of the daily limit and the taper step of a date.
pub fn daily_limit(goal: &Goal, day: NaiveDate) -> Option<f64> {
    let limit = goal.limits.as_ref().and_then(|limits| limits.units_per_day);
    let step = goal
        .taper
        .iter()
        .rfind(|step| step.from <= day)
        .map(|step| step.max_units_per_day);
    [limit, step]
        .into_iter()
        .flatten()
        .map(crate::value::amount::Amount::get)
        .reduce(f64::min)
}

/// Returns what was used on each day of use. A known amount counts on the date on which its event began, and an
/// unknown one on each date of its event.
pub fn amounts_by_day(goal: &Goal, facts: &Facts, as_of: &AsOf) -> BTreeMap<NaiveDate, DayAmount> {
    let mut amounts: BTreeMap<NaiveDate, DayAmount> = BTreeMap::new();
    let of_goal = measure(goal.substance, goal.unit_members(), as_of);
    for event in counted(facts, as_of)
        .into_iter()
        .filter(|event| event.substance == goal.substance)
    {
        let of_event = measure(event.substance, event.unit_members(), as_of);
        let units = match (event.amount, &of_event, &of_goal) {
            (Some(amount), Some((measured, one)), Some((counted, unit))) if measured == counted => {
                Some(amount.get() * one / unit)
            }
            _ => None,
        };
        let days = dates(event, as_of);
        match units {
            Some(units) => {
                let day = amounts.entry(days[0]).or_default();
                (day.known, day.has_known) = (millionths(day.known + units), true);
            }
            None => days
                .into_iter()
                .for_each(|day| amounts.entry(day).or_default().has_unknown = true),
        }
    }
    amounts
}

/// Returns what a unit measures, and how much of it one unit is. `None` if that is not known.
fn measure(substance: Substance, members: UnitMembers<'_>, as_of: &AsOf) -> Option<(String, f64)> {
    let unit = members.unit?;
    let is_alcohol = substance == Substance::Alcohol;
    match (unit, members.abv, as_of.standard_drink_g) {
        (AmountUnit::G, ..) if is_alcohol => Some(("ethanol".to_owned(), 1.0)),
        (AmountUnit::Ml, Some(abv), _) if is_alcohol => Some(("ethanol".to_owned(), abv.get() * 0.00789)),
        (AmountUnit::StandardDrink, _, Some(grams)) if is_alcohol => Some(("ethanol".to_owned(), grams)),
        (AmountUnit::Other, ..) => Some((members.label?.trim().to_lowercase(), 1.0)),
        (_, abv, _) => Some((format!("{unit:?} {abv:?}"), 1.0)),
    }
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
        goals: with_ids(vec![goal], 1),
        uses: with_ids(uses.iter().map(event).collect(), 100),
        ..Facts::default()
    }
}

#[test]
fn a_month_with_one_night_of_use_is_counted_as_by_hand() {
    // No use from 1 to 9 January, use in the night of the 10th to the 11th, no use from the 12th. Today is
    // the 31st.
    let facts = alcohol(
        "2026-01-01",
        &[("2026-01-10T22:00:00-05:00", "2026-01-11T01:00:00-05:00")],
    );
    let as_of = AsOf {
        at: "2026-02-01T03:00:00Z".parse().unwrap(),
        zone: chrono_tz::America::New_York,
        week_start: 1,
        standard_drink_g: Some(14.0),
    };
    let insight = abstinence(&facts, &as_of);
    let goal = &insight.result.goals[0];
    assert_eq!(goal.goal_id, Uuid::from_u128(1));
    assert_eq!((goal.days_completed, goal.day_number), (19, 20));
    assert_eq!(
        (goal.longest_days, goal.previous.unwrap().days, goal.closed_runs),
        (19, 9, 1)
    );
    assert_eq!(goal.cumulative_abstinent_days, 28);
    let all = goal.shares.iter().find(|s| s.window == Window::All).unwrap();
    assert_eq!((all.days, all.assumed_days, all.confirmed_days), (30, 28, 0));
    assert_eq!(goal.saved.as_ref().unwrap().cost_minor, Some(28 * 1450));
    assert_eq!(
        (insight.basis.n, insight.basis.today.to_string().as_str()),
        (1, "2026-01-31")
    );
}
