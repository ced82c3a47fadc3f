//! Examples of days: which goal speaks of them, what check-ins report of use, and where days begin and end.

use chrono::NaiveDate;
use serde_json::json;
use uuid::Uuid;

use super::{history::with_ids, recent_history::evaluate};
use crate::{
    check_in::{CheckIn, CheckInAnswers, MedicationTaken, Used},
    goal::{Goal, GoalKind, GoalLimits, GoalStatus},
    insight::{
        abstinence::{GoalAbstinence, abstinence},
        facts::{AsOf, Facts, Window},
        series::{Bucket, Metric, series},
        warning::{Level, Rule, Warnings},
    },
    record::Record,
    use_event::{UseEvent, UseEventFeelings},
    value::{
        amount::{Amount, AmountUnit},
        list::List,
        number::Rating,
        vocabulary::Substance,
    },
};

/// Thursday, 12 March 2026, noon.
fn noon() -> AsOf {
    AsOf {
        at: "2026-03-12T12:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn reduce(substance: Substance, started_on: &str, limit: f64) -> Goal {
    Goal {
        substance,
        kind: GoalKind::Reduce,
        status: GoalStatus::Active,
        started_on: date(started_on),
        ended_on: None,
        unit: Some(AmountUnit::StandardDrink),
        limits: Some(GoalLimits {
            units_per_day: Amount::new(limit),
            units_per_week: Amount::new(10.0),
            heavy_day_units: Amount::new(4.0),
        }),
        taper: List::default(),
        ..Goal::example()
    }
}

fn abstain(substance: Substance, started_on: &str) -> Goal {
    Goal {
        kind: GoalKind::Abstain,
        limits: None,
        ..reduce(substance, started_on, 1.0)
    }
}

fn used(substance: Substance, at: &str, amount: Option<f64>) -> UseEvent {
    UseEvent {
        substance,
        occurred_at: at.parse().unwrap(),
        ended_at: None,
        amount: amount.and_then(Amount::new),
        unit: Some(AmountUnit::StandardDrink),
        ..UseEvent::example()
    }
}

fn said(at: &str, used: Option<Used>, used_yesterday: Option<Used>) -> CheckIn {
    CheckIn {
        occurred_at: at.parse().unwrap(),
        answers: CheckInAnswers {
            used,
            used_yesterday,
            ..CheckInAnswers::default()
        },
        ..CheckIn::example()
    }
}

fn facts(goals: Vec<Goal>, uses: Vec<UseEvent>, check_ins: Vec<CheckIn>) -> Facts {
    Facts {
        goals: with_ids(goals, 1000),
        uses: with_ids(uses, 2000),
        check_ins: with_ids(check_ins, 3000),
        ..Facts::default()
    }
}

/// Ids of the inputs of a rule; `None` if it did not fire.
fn fired(warnings: &Warnings, rule: Rule) -> Option<Vec<u128>> {
    let fired = warnings.fired.iter().find(|fired| fired.rule == rule)?;
    Some(
        fired
            .inputs
            .iter()
            .filter_map(|input| input.id)
            .map(|id| id.as_u128())
            .collect(),
    )
}

fn recent_use(facts: &Facts) -> Option<Vec<u128>> {
    fired(&evaluate(facts, &noon()), Rule::RecentUse)
}

fn of_first_goal(facts: &Facts, as_of: &AsOf) -> GoalAbstinence {
    let goals = abstinence(facts, as_of).result.goals;
    goals
        .into_iter()
        .find(|goal| goal.goal_id == Uuid::from_u128(1000))
        .unwrap()
}

#[test]
fn a_limit_speaks_only_of_the_days_on_which_its_goal_holds() {
    use Substance::Alcohol;
    let drink = || vec![used(Alcohol, "2026-03-10T20:00:00Z", Some(1.0))];
    let with = |goal| recent_use(&facts(vec![goal], drink(), vec![]));
    assert_eq!(with(reduce(Alcohol, "2026-03-01", 2.0)), None);
    assert_eq!(with(reduce(Alcohol, "2026-03-10", 2.0)), None);
    assert_eq!(with(reduce(Alcohol, "2026-03-11", 2.0)), Some(vec![2000]));
    assert_eq!(with(reduce(Alcohol, "2026-12-24", 2.0)), Some(vec![2000]));
    let ended = |on: &str| Goal {
        ended_on: Some(date(on)),
        ..reduce(Alcohol, "2026-03-01", 2.0)
    };
    assert_eq!(
        (with(ended("2026-03-09")), with(ended("2026-03-10"))),
        (Some(vec![2000]), None)
    );
    // The level too: a goal that begins at Christmas makes nothing steady.
    let future = facts(vec![reduce(Alcohol, "2026-12-24", 2.0)], drink(), vec![]);
    assert_ne!(evaluate(&future, &noon()).level, Level::Steady);
}

#[test]
fn an_answer_about_use_belongs_to_the_time_since_the_check_in_before() {
    use Substance::{Alcohol, Cocaine};
    let morning_yes = || {
        vec![
            said("2026-03-10T18:00:00Z", Some(Used::No), None),
            said("2026-03-11T07:00:00Z", Some(Used::Yes), None),
        ]
    };
    // An allowed use in the evening explains the answer of the morning.
    let allowed = facts(
        vec![reduce(Alcohol, "2026-03-01", 2.0)],
        vec![used(Alcohol, "2026-03-10T21:00:00Z", Some(1.0))],
        morning_yes(),
    );
    assert_eq!(recent_use(&allowed), None);
    assert_eq!(of_first_goal(&allowed, &noon()).days_to_clarify, 0);
    // A use that comes after an answer does not explain it.
    let later = facts(
        vec![abstain(Cocaine, "2026-03-01"), reduce(Alcohol, "2026-03-01", 2.0)],
        vec![used(Alcohol, "2026-03-11T20:00:00Z", Some(1.0))],
        vec![
            said("2026-03-11T07:00:00Z", Some(Used::No), None),
            said("2026-03-11T12:00:00Z", Some(Used::Yes), None),
        ],
    );
    assert_eq!(recent_use(&later), Some(vec![3001]));
    assert_eq!(of_first_goal(&later, &noon()).days_to_clarify, 1);
    // While a goal to abstain is active, only use of its substance explains an answer.
    let beside = |substance| {
        facts(
            vec![abstain(Cocaine, "2026-03-01"), reduce(Alcohol, "2026-03-01", 2.0)],
            vec![used(substance, "2026-03-10T21:00:00Z", Some(1.0))],
            morning_yes(),
        )
    };
    assert_eq!(recent_use(&beside(Alcohol)), Some(vec![3001]));
    assert_eq!(recent_use(&beside(Cocaine)), Some(vec![2000]));
}

#[test]
fn use_of_yesterday_is_use_of_yesterday() {
    use Substance::Alcohol;
    let goal = || vec![abstain(Alcohol, "2026-03-01")];
    let said_yesterday = |answer| vec![said("2026-03-11T07:00:00Z", None, Some(answer))];
    let unexplained = facts(goal(), vec![], said_yesterday(Used::Yes));
    let warnings = evaluate(&unexplained, &noon());
    let rule = warnings
        .fired
        .iter()
        .find(|fired| fired.rule == Rule::RecentUse)
        .unwrap();
    assert_eq!(rule.inputs[0].member, "answers.used_yesterday");
    assert_eq!(of_first_goal(&unexplained, &noon()).days_to_clarify, 1);
    let explained = facts(
        goal(),
        vec![used(Alcohol, "2026-03-10T09:00:00Z", None)],
        said_yesterday(Used::Yes),
    );
    assert_eq!(recent_use(&explained), Some(vec![2000]));
    assert_eq!(of_first_goal(&explained, &noon()).days_to_clarify, 0);
    let none = facts(goal(), vec![], said_yesterday(Used::No));
    assert_eq!(recent_use(&none), None);
    assert_eq!(of_first_goal(&none, &noon()).shares[0].confirmed_days, 1);
    // Eight days ago is no longer in the last seven.
    let old = facts(
        goal(),
        vec![],
        vec![said("2026-03-06T07:00:00Z", None, Some(Used::Yes))],
    );
    assert_eq!(recent_use(&old), None);
}

#[test]
fn no_at_six_in_the_morning_does_not_confirm_the_day() {
    let confirmed = |answers: &[&str]| {
        // Before that, nothing is known.
        let mut check_ins = vec![said("2026-03-09T20:00:00Z", None, None)];
        check_ins.extend(answers.iter().map(|at| said(at, Some(Used::No), None)));
        let facts = facts(vec![abstain(Substance::Alcohol, "2026-03-01")], vec![], check_ins);
        of_first_goal(&facts, &noon()).shares[0].confirmed_days
    };
    let (evening, morning) = ("2026-03-09T22:00:00Z", "2026-03-10T06:00:00Z");
    assert_eq!(confirmed(&[evening, morning]), 0);
    assert_eq!(confirmed(&[evening, morning, "2026-03-11T07:00:00Z"]), 1);
}

#[test]
fn an_amount_that_is_surely_over_is_over_even_if_another_is_missing() {
    let counts = |amounts: &[Option<f64>]| {
        let events = amounts
            .iter()
            .map(|amount| used(Substance::Alcohol, "2026-03-03T20:00:00Z", *amount));
        let facts = facts(
            vec![reduce(Substance::Alcohol, "2026-03-02", 2.0)],
            events.collect(),
            vec![],
        );
        let found = of_first_goal(&facts, &noon()).within_limits.unwrap();
        let (days, weeks) = (found.days.unwrap(), found.weeks.unwrap());
        json!([
            days.over,
            days.unknown,
            weeks.over,
            weeks.unknown,
            found.heavy_days,
            found.heavy_days_unknown
        ])
    };
    assert_eq!(counts(&[Some(2.0)]), json!([0, 0, 0, 0, 0, 0]));
    assert_eq!(counts(&[Some(2.0), None]), json!([0, 1, 0, 1, 0, 1]));
    assert_eq!(counts(&[Some(3.0), None]), json!([1, 0, 0, 1, 0, 1]));
    assert_eq!(counts(&[Some(5.0), None]), json!([1, 0, 0, 1, 1, 0]));
    assert_eq!(counts(&[Some(11.0), None]), json!([1, 0, 1, 0, 1, 0]));
}

#[test]
fn an_end_at_midnight_does_not_cost_the_next_date() {
    let night = |end: &str| UseEvent {
        ended_at: Some(end.parse().unwrap()),
        ..used(Substance::Alcohol, "2026-03-10T22:00:00-05:00", None)
    };
    let days_completed = |end| {
        let facts = facts(
            vec![abstain(Substance::Alcohol, "2026-03-01")],
            vec![night(end)],
            vec![],
        );
        let goal = of_first_goal(&facts, &noon());
        (goal.run_from.to_string(), goal.shares[0].use_days)
    };
    assert_eq!(
        days_completed("2026-03-11T00:00:00-05:00"),
        ("2026-03-11".to_owned(), 1)
    );
    assert_eq!(
        days_completed("2026-03-11T00:00:00.001-05:00"),
        ("2026-03-12".to_owned(), 2)
    );
    // Midnight is that of the clock where it was recorded.
    assert_eq!(
        days_completed("2026-03-11T05:00:00Z"),
        ("2026-03-12".to_owned(), 2)
    );
}

#[test]
fn nothing_after_today_counts_in_any_figure() {
    // At noon in UTC, Kiritimati is two hours past midnight of the 13th.
    let tomorrow = "2026-03-13T01:00:00+14:00";
    let record = |at: &str| {
        facts(
            vec![abstain(Substance::Alcohol, "2026-03-01")],
            vec![used(Substance::Alcohol, at, Some(1.0))],
            vec![CheckIn {
                answers: CheckInAnswers {
                    mood: Some(Rating::clamped(2)),
                    used: Some(Used::Yes),
                    ..CheckInAnswers::default()
                },
                ..said(at, None, None)
            }],
        )
    };
    let figures = |facts: &Facts| {
        let warnings = evaluate(facts, &noon());
        let goal = of_first_goal(facts, &noon());
        let moods = series(facts, Metric::Mood, Bucket::Day, &noon(), Window::Week);
        let all = abstinence(facts, &noon());
        json!([
            warnings.check_ins,
            fired(&warnings, Rule::RecentUse).is_some(),
            goal.days_completed,
            goal.days_to_clarify,
            moods.result.points.len(),
            moods.basis.n,
            all.basis.n
        ])
    };
    assert_eq!(figures(&record(tomorrow)), json!([0, false, 11, 0, 0, 0, 0]));
    assert_eq!(
        figures(&record("2026-03-12T11:00:00Z")),
        json!([1, true, 0, 0, 1, 1, 2])
    );
}

#[test]
fn what_goes_on_at_the_moment_ends_at_the_moment() {
    let long = UseEvent {
        ended_at: Some("2026-03-20T08:00:00Z".parse().unwrap()),
        ..used(Substance::Alcohol, "2026-03-11T20:00:00Z", None)
    };
    let facts = facts(
        vec![abstain(Substance::Alcohol, "2026-03-01")],
        vec![long],
        vec![],
    );
    let goal = of_first_goal(&facts, &noon());
    assert_eq!(
        (goal.run_from.to_string(), goal.days_completed),
        ("2026-03-13".to_owned(), 0)
    );
    let days = series(&facts, Metric::UseDays, Bucket::Day, &noon(), Window::Week);
    assert_eq!(days.result.points.len(), 2);
}

#[test]
fn feelings_after_a_long_use_count_by_every_date_of_it() {
    let with_end = |end: &str| {
        let event = UseEvent {
            ended_at: Some(end.parse().unwrap()),
            feelings: Some(UseEventFeelings {
                guilt: Some(Rating::clamped(9)),
                shame: None,
                felt_control: Some(Rating::clamped(1)),
            }),
            ..used(Substance::Alcohol, "2026-03-01T20:00:00Z", None)
        };
        let warnings = evaluate(&facts(vec![], vec![event], vec![]), &noon());
        (
            fired(&warnings, Rule::RecentUse).is_some(),
            fired(&warnings, Rule::AfterLapse).is_some(),
        )
    };
    assert_eq!(with_end("2026-03-06T08:00:00Z"), (true, true));
    assert_eq!(with_end("2026-03-05T08:00:00Z"), (false, false));
}

#[test]
fn all_doses_of_yesterday_and_none_of_today_are_not_all_doses() {
    let protective = |today: MedicationTaken| {
        let answers = |medication| CheckInAnswers {
            medication: Some(medication),
            support_contacted: Some(true),
            ..CheckInAnswers::default()
        };
        let check_ins = [
            ("2026-03-11T20:00:00Z", MedicationTaken::All),
            ("2026-03-12T08:00:00Z", today),
        ];
        let check_ins = check_ins.map(|(at, medication)| CheckIn {
            answers: answers(medication),
            ..said(at, None, None)
        });
        fired(
            &evaluate(&facts(vec![], vec![], check_ins.to_vec()), &noon()),
            Rule::Protective,
        )
        .is_some()
    };
    assert_eq!(
        [
            MedicationTaken::All,
            MedicationTaken::NotDue,
            MedicationTaken::Some,
            MedicationTaken::None
        ]
        .map(protective),
        [true, true, false, false]
    );
}

#[test]
fn a_week_that_the_window_cuts_begins_with_the_window() {
    let moods = ["2026-03-06T08:00:00Z", "2026-03-12T08:00:00Z"].map(|at| CheckIn {
        answers: CheckInAnswers {
            mood: Some(Rating::clamped(5)),
            ..CheckInAnswers::default()
        },
        ..said(at, None, None)
    });
    let facts = facts(vec![], vec![], moods.to_vec());
    let weeks = series(&facts, Metric::Mood, Bucket::Week, &noon(), Window::Week)
        .result
        .points;
    let spans: Vec<String> = weeks
        .iter()
        .map(|point| format!("{} {}", point.from, point.to))
        .collect();
    assert_eq!(spans, ["2026-03-06 2026-03-08", "2026-03-09 2026-03-12"]);
}
