//! Craving and mood over time, together with days of use and changes of the plans.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{
    calendar::{DaySet, Span, days_in},
    facts::{AsOf, Facts, Window, use_span},
    series::{Bucket, Metric, Series, SeriesPoint, series},
    statistics::count_as_f64,
};
use crate::{
    plan::{Plan, PlanStatus},
    value::timestamp::Timestamp,
};

/// Minimum number of answers for a curve.
pub const MIN_ANSWERS: usize = 5;
/// Longest period, in days, that has one point per day.
const MAX_DAYS_BY_DAY: i64 = 31;
/// Longest period, in days, that has one point per week. Longer periods have one per month.
const MAX_DAYS_BY_WEEK: i64 = 200;
/// Maximum number of plan changes. The newest are returned.
pub const MAX_PLAN_CHANGES: usize = 40;

/// A version of a plan as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanVersion {
    /// The plan.
    pub plan: Plan,
    /// The moment when the version was stored.
    pub written_at: Timestamp,
}

/// How a plan changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanStep {
    /// The plan became active.
    Activated,
    /// The active plan got its next number.
    Changed,
}

/// A change of a plan that was active then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// Date of the change in the person's time zone.
    pub on: NaiveDate,
    /// How the plan changed.
    pub step: PlanStep,
    /// Number of the plan from that date on.
    pub number: i64,
    /// Title of the plan.
    pub title: String,
}

/// One measure summarised over the whole window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overall {
    /// Number of answers.
    pub n: usize,
    /// Mean of the answers.
    pub mean: f64,
    /// Lowest answer.
    pub min: f64,
    /// Highest answer.
    pub max: f64,
}

/// Craving and mood over time, with days of use and changes of plans.
#[derive(Debug, Clone, PartialEq)]
pub struct OverTime {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The period that answers are grouped by.
    pub bucket: Bucket,
    /// Craving in check-ins.
    pub craving: Vec<SeriesPoint>,
    /// Mood in check-ins.
    pub mood: Vec<SeriesPoint>,
    /// Craving over the whole window, if there are at least 5 answers.
    pub overall_craving: Option<Overall>,
    /// Mood over the whole window, if there are at least 5 answers.
    pub overall_mood: Option<Overall>,
    /// Days of use of any substance, except use as prescribed, as intervals.
    pub uses: Vec<Span>,
    /// Number of days of use.
    pub use_days: i64,
    /// Changes of the plans, oldest first.
    pub plan_changes: Vec<PlanChange>,
}

impl OverTime {
    /// Returns whether there are enough answers to draw a curve.
    pub const fn is_enough(&self) -> bool {
        self.overall_craving.is_some() || self.overall_mood.is_some()
    }
}

/// Computes craving and mood over time. `plans` contains the versions of each plan, oldest first.
pub fn over_time(facts: &Facts, plans: &[Vec<PlanVersion>], as_of: &AsOf, window: Window) -> OverTime {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let series_of = |metric, bucket| series(facts, metric, bucket, as_of, window);
    let (craving, mood) = (
        series_of(Metric::Craving, Bucket::Day),
        series_of(Metric::Mood, Bucket::Day),
    );
    let used = DaySet::from_spans(facts.counted_uses().map(|event| use_span(&event.record)));
    let from = window.first_day(today).unwrap_or_else(|| {
        let first_use = used.first().unwrap_or(today);
        craving.basis.from.min(mood.basis.from).min(first_use)
    });
    let bucket = match days_in((from, today)) {
        days if days <= MAX_DAYS_BY_DAY => Bucket::Day,
        days if days <= MAX_DAYS_BY_WEEK => Bucket::Week,
        _ => Bucket::Month,
    };
    let mut plan_changes: Vec<PlanChange> = plans
        .iter()
        .flat_map(|versions| changes_of(versions, as_of))
        .filter(|change| from <= change.on && change.on <= today)
        .collect();
    plan_changes.sort_by_key(|change| change.on);
    let surplus = plan_changes.len().saturating_sub(MAX_PLAN_CHANGES);
    OverTime {
        from,
        to: today,
        bucket,
        overall_craving: overall(&craving.result),
        overall_mood: overall(&mood.result),
        craving: series_of(Metric::Craving, bucket).result.points,
        mood: series_of(Metric::Mood, bucket).result.points,
        uses: used.within((from, today)).collect(),
        use_days: used.count((from, today)),
        plan_changes: plan_changes.split_off(surplus),
    }
}

fn overall(series: &Series) -> Option<Overall> {
    let n: usize = series.points.iter().map(|point| point.n).sum();
    if n < MIN_ANSWERS {
        return None;
    }
    let sum: f64 = series.points.iter().map(|point| point.sum).sum();
    Some(Overall {
        n,
        mean: sum / count_as_f64(n),
        min: series
            .points
            .iter()
            .map(|point| point.min)
            .min_by(f64::total_cmp)?,
        max: series
            .points
            .iter()
            .map(|point| point.max)
            .max_by(f64::total_cmp)?,
    })
}

/// Returns the changes of one plan: each time it becomes active, and each new number while it is active.
fn changes_of(versions: &[PlanVersion], as_of: &AsOf) -> Vec<PlanChange> {
    let mut changes = Vec::new();
    let mut seen_numbers: BTreeSet<i64> = BTreeSet::new();
    let mut previous: Option<&Plan> = None;
    for PlanVersion { plan, written_at } in versions {
        let was_active = previous.is_some_and(|plan| plan.status == PlanStatus::Active);
        let is_new_number = seen_numbers.insert(plan.number.get());
        previous = Some(plan);
        let (step, at) = match plan.status {
            PlanStatus::Active if !was_active => {
                (PlanStep::Activated, plan.activated_at.unwrap_or(*written_at))
            }
            PlanStatus::Active if is_new_number => (PlanStep::Changed, *written_at),
            _ => continue,
        };
        if at.to_utc() <= as_of.at {
            changes.push(PlanChange {
                on: at.to_utc().with_timezone(&as_of.zone).date_naive(),
                step,
                number: plan.number.get(),
                title: plan.title.to_string(),
            });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        insight::tests::{
            day_oracle::{counted, date, dates, each_day, in_window},
            history::{ANCHORS, history, proptest_config},
        },
        record::Record,
        value::number::Int,
    };

    proptest! {
        #![proptest_config(proptest_config())]

        #[test]
        fn the_overall_figures_do_not_depend_on_the_bucket(
            (as_of, facts) in history(),
            window in prop::sample::select(&Window::ALL[..]),
        ) {
            let result = over_time(&facts, &[], &as_of, window);
            let today = as_of.today();
            prop_assert_eq!(result.to, today);
            let answers: Vec<f64> = facts.check_ins.iter()
                .filter(|c| in_window(date(c.record.occurred_at), today, window))
                .filter_map(|c| c.record.answers.craving)
                .map(crate::value::number::Rating::as_f64)
                .collect();
            match result.overall_craving {
                None => prop_assert!(answers.len() < MIN_ANSWERS),
                Some(all) => {
                    prop_assert_eq!(all.n, answers.len());
                    prop_assert!((all.mean - answers.iter().sum::<f64>() / count_as_f64(answers.len())).abs() < 1e-9);
                    prop_assert!(answers.iter().all(|value| all.min <= *value && *value <= all.max));
                }
            }
            let points: usize = result.craving.iter().map(|point| point.n).sum();
            prop_assert_eq!(points, answers.len());
            let used: BTreeSet<NaiveDate> = counted(&facts, &as_of).into_iter()
                .flat_map(|event| dates(event, &as_of)).filter(|day| result.from <= *day).collect();
            let spans: Vec<NaiveDate> = result.uses.iter().flat_map(|(from, to)| each_day(*from, *to)).collect();
            prop_assert_eq!(used.iter().copied().collect::<Vec<_>>(), spans);
            prop_assert_eq!(result.use_days, i64::try_from(used.len()).unwrap());
            prop_assert_eq!(result.use_days, result.uses.iter().map(|span| days_in(*span)).sum::<i64>());
        }
    }

    /// Generates the versions of a plan: its status, whether it got a new number, minutes since the previous
    /// version, and optionally how many minutes before the version was stored the plan says that it became
    /// active.
    fn plan_stories() -> impl Strategy<Value = Vec<(PlanStatus, bool, i64, Option<i64>)>> {
        use PlanStatus::{Active, Archived, Draft};
        let status = prop::sample::select(vec![Draft, Active, Active, Archived]);
        prop::collection::vec(
            (status, any::<bool>(), 0..9_000_i64, prop::option::of(0..600_i64)),
            0..12,
        )
    }

    proptest! {
        #![proptest_config(proptest_config())]

        #[test]
        fn each_activation_and_each_new_number_while_active_is_listed_once(
            anchor in prop::sample::select(&ANCHORS[..]),
            stories in prop::collection::vec(plan_stories(), 0..3),
            window in prop::sample::select(&Window::ALL[..]),
        ) {
            let (zone, middle) = anchor;
            let middle: chrono::DateTime<chrono::Utc> = middle.parse().unwrap();
            let as_of = AsOf { at: middle + chrono::TimeDelta::days(20), zone, week_start: 1, standard_drink_g: Some(14.0) };
            let plans: Vec<Vec<PlanVersion>> = stories.iter().map(|story| {
                let (mut number, mut at) = (1, middle - chrono::TimeDelta::days(20));
                story.iter().map(|(status, is_new, minutes, active_for)| {
                    number += i64::from(*is_new);
                    at += chrono::TimeDelta::minutes(*minutes);
                    PlanVersion {
                        plan: Plan {
                            status: *status,
                            number: Int::clamped(number),
                            activated_at: active_for.map(|m| Timestamp::utc(at - chrono::TimeDelta::minutes(m))),
                            ..Plan::example()
                        },
                        written_at: Timestamp::utc(at),
                    }
                }).collect()
            }).collect();
            let result = over_time(&Facts::default(), &plans, &as_of, window);

            let mut expected = Vec::new();
            for versions in &plans {
                for (n, PlanVersion { plan, written_at }) in versions.iter().enumerate() {
                    if plan.status != PlanStatus::Active {
                        continue;
                    }
                    let was_active = n > 0 && versions[n - 1].plan.status == PlanStatus::Active;
                    let has_earlier_version_of_number = versions[..n].iter().any(|other| other.plan.number == plan.number);
                    let (step, at) = match (was_active, has_earlier_version_of_number) {
                        (false, _) => (PlanStep::Activated, plan.activated_at.unwrap_or(*written_at).to_utc()),
                        (true, false) => (PlanStep::Changed, written_at.to_utc()),
                        (true, true) => continue,
                    };
                    let on = at.with_timezone(&zone).date_naive();
                    if at <= as_of.at && result.from <= on && on <= result.to {
                        expected.push((on, step == PlanStep::Changed, plan.number.get()));
                    }
                }
            }
            let mut actual: Vec<_> = result.plan_changes.iter()
                .map(|change| (change.on, change.step == PlanStep::Changed, change.number)).collect();
            prop_assert!(actual.is_sorted_by_key(|(on, ..)| *on));
            expected.sort_unstable();
            actual.sort_unstable();
            prop_assert_eq!(actual, expected);
        }
    }

    fn version(number: i64, status: PlanStatus, at: &str) -> PlanVersion {
        PlanVersion {
            plan: Plan {
                status,
                number: Int::clamped(number),
                activated_at: None,
                ..Plan::example()
            },
            written_at: at.parse().unwrap(),
        }
    }

    #[test]
    fn a_plan_change_is_an_activation_or_a_new_number_while_active() {
        use PlanStatus::{Active, Archived, Draft};
        let versions = [
            version(1, Draft, "2026-03-01T12:00:00Z"),
            version(2, Draft, "2026-03-02T12:00:00Z"),
            // In New York it is still the evening of the day before.
            version(2, Active, "2026-03-03T04:30:00Z"),
            version(3, Active, "2026-03-05T12:00:00Z"),
            version(3, Archived, "2026-03-06T12:00:00Z"),
            version(3, Active, "2026-03-07T12:00:00Z"),
            version(4, Active, "2026-03-20T12:00:00Z"),
        ];
        let as_of = AsOf {
            at: "2026-03-10T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::America::New_York,
            week_start: 1,
            standard_drink_g: Some(14.0),
        };
        let result = over_time(&Facts::default(), &[versions.to_vec()], &as_of, Window::Month);
        let changes: Vec<_> = result
            .plan_changes
            .iter()
            .map(|c| (c.on.to_string(), c.step, c.number))
            .collect();
        assert_eq!(
            changes,
            [
                ("2026-03-02".to_owned(), PlanStep::Activated, 2),
                ("2026-03-05".to_owned(), PlanStep::Changed, 3),
                ("2026-03-07".to_owned(), PlanStep::Activated, 3),
            ]
        );
        assert!(!result.is_enough() && result.use_days == 0);
    }

    #[test]
    fn a_longer_window_has_wider_buckets() {
        let as_of = AsOf {
            at: "2026-03-10T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::UTC,
            week_start: 1,
            standard_drink_g: Some(14.0),
        };
        let bucket = |window| over_time(&Facts::default(), &[], &as_of, window).bucket;
        let buckets = Window::ALL.map(bucket);
        assert_eq!(
            buckets,
            [Bucket::Day, Bucket::Day, Bucket::Week, Bucket::Month, Bucket::Day]
        );
    }
}
