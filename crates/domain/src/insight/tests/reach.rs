//! Tests that the random histories reach what the definitions distinguish, so that agreement says something.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    abstinence::{amounts_by_day, daily_limit},
    day_oracle::{
        Covered, UseAnswer, answers, counted, date, dates_to_clarify, holds, is_confirmed, is_explained,
        until_today, use_dates, wall,
    },
    dosing::regimens,
    history::history,
    recent_history::recent_history_with_regimens,
    warning_oracle::Oracle,
};
use crate::{
    check_in::Used,
    insight::facts::{AsOf, Facts},
};

/// Generates some values, the same in every run.
pub fn samples<T>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..600)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// A kind of sample, with its name.
pub type Named<'a, T> = (&'a str, &'a dyn Fn(&T) -> bool);

/// Counts in how many samples something is true, and checks that it is in some of them.
pub fn assert_reached<T>(samples: &[T], kinds: &[Named<'_, T>]) {
    let reached: BTreeMap<&str, usize> = kinds
        .iter()
        .map(|(name, is)| (*name, samples.iter().filter(|sample| is(sample)).count()))
        .collect();
    assert!(reached.values().all(|n| (3..=597).contains(n)), "{reached:#?}");
}

type Sample = (AsOf, Facts);

/// Returns the answers about use that say something.
fn said((as_of, facts): &Sample, wanted: Used) -> Vec<UseAnswer> {
    let mut said = answers(facts, as_of);
    said.retain(|answer| answer.said == wanted);
    said
}

/// Returns the dates before the check-ins that say that there was no use on it.
fn free_yesterdays(sample: &Sample) -> Vec<NaiveDate> {
    let no = said(sample, Used::No).into_iter();
    no.filter(|no| matches!(no.covered, Covered::Date(_)))
        .map(|no| no.on)
        .collect()
}

#[test]
fn random_histories_reach_every_kind_of_day() {
    assert_reached::<Sample>(
        &samples(history()),
        &[
            ("a record is dated after today", &|(as_of, facts)| {
                until_today(facts, as_of) != *facts
            }),
            ("use ends at midnight sharp", &|(_, facts)| {
                facts
                    .uses
                    .iter()
                    .filter_map(|u| u.record.ended_at)
                    .any(|end| wall(end).time() == NaiveTime::MIN)
            }),
            ("use goes on", &|(as_of, facts)| {
                facts
                    .uses
                    .iter()
                    .filter_map(|u| u.record.ended_at)
                    .any(|end| end.to_utc() > as_of.at)
            }),
            ("a date is confirmed by the time between check-ins", &|sample| {
                let mut all = answers(&sample.1, &sample.0);
                all.retain(|answer| matches!(answer.covered, Covered::Since { .. }));
                said(sample, Used::No)
                    .iter()
                    .any(|no| is_confirmed(no.on.pred_opt().unwrap(), &all))
            }),
            ("a date is confirmed by an answer about yesterday", &|sample| {
                let all = answers(&sample.1, &sample.0);
                free_yesterdays(sample).iter().any(|day| is_confirmed(*day, &all))
            }),
            ("a no about yesterday is contradicted", &|sample| {
                let all = answers(&sample.1, &sample.0);
                free_yesterdays(sample)
                    .iter()
                    .any(|day| !is_confirmed(*day, &all))
            }),
            (
                "use of a goal is on a date that answers confirm",
                &|(as_of, facts)| {
                    let all = answers(facts, as_of);
                    let goals = facts.goals.iter().map(|goal| &goal.record);
                    goals.into_iter().any(|goal| {
                        use_dates(goal, facts, as_of)
                            .iter()
                            .any(|day| is_confirmed(*day, &all))
                    })
                },
            ),
        ],
    );
}

#[test]
fn random_histories_reach_every_kind_of_answer_and_limit() {
    assert_reached::<Sample>(
        &samples(history()),
        &[
            ("a yes is explained", &|sample| {
                said(sample, Used::Yes)
                    .iter()
                    .any(|yes| is_explained(yes, &sample.1, &sample.0))
            }),
            ("use does not explain a yes beside a goal to abstain", &|sample| {
                let (as_of, facts) = sample;
                said(sample, Used::Yes).iter().any(|yes| {
                    counted(facts, as_of)
                        .into_iter()
                        .any(|event| yes.covered.has(event, as_of))
                        && !is_explained(yes, facts, as_of)
                })
            }),
            ("a date is to clarify", &|(as_of, facts)| {
                facts
                    .goals
                    .iter()
                    .any(|goal| !dates_to_clarify(&goal.record, facts, as_of).is_empty())
            }),
            (
                "a limit is exceeded although an amount is unknown",
                &|(as_of, facts)| {
                    facts.goals.iter().map(|goal| &goal.record).any(|goal| {
                        amounts_by_day(goal, facts, as_of).iter().any(|(day, used)| {
                            used.has_unknown
                                && daily_limit(goal, *day).is_some_and(|limit| used.known > limit)
                        })
                    })
                },
            ),
        ],
    );
}

#[test]
fn random_histories_of_five_weeks_reach_every_kind_of_recent_use() {
    let all = samples(recent_history_with_regimens());
    let recent =
        |(as_of, facts, regimens): &(AsOf, Facts, Vec<_>)| Oracle::new(as_of, facts, regimens).recent_use();
    assert_reached(
        &all,
        &[
            ("no recent use", &|sample| recent(sample).is_empty()),
            ("recent use by an event", &|sample| {
                recent(sample).iter().any(|id| id.as_u128() < 3000)
            }),
            ("recent use by an answer", &|sample| {
                recent(sample).iter().any(|id| id.as_u128() >= 3000)
            }),
            ("a goal that does not hold would allow use", &|(
                as_of,
                facts,
                _,
            )| {
                counted(facts, as_of).into_iter().any(|event| {
                    let day = date(event.occurred_at);
                    facts.goals.iter().map(|goal| &goal.record).any(|goal| {
                        let used = amounts_by_day(goal, facts, as_of)
                            .remove(&day)
                            .unwrap_or_default();
                        goal.substance == event.substance
                            && !holds(goal, day)
                            && daily_limit(goal, day)
                                .is_some_and(|limit| !used.has_unknown && used.known <= limit)
                    })
                })
            }),
        ],
    );
}

#[test]
fn random_medications_reach_every_kind_of_cover() {
    let all: Vec<_> = samples(regimens())
        .into_iter()
        .flat_map(|(_, regimens)| regimens)
        .take(600)
        .collect();
    assert_reached(
        &all,
        &[
            ("three a week", &|regimen| {
                regimen.medication.record.schedule.contains("MO,WE,FR")
            }),
            ("a long-acting dose is written down twice", &|regimen| {
                let given = regimen
                    .doses
                    .iter()
                    .filter(|dose| dose.record.status.is_given())
                    .count();
                regimen.is_long_acting() && regimen.cover().len() < given
            }),
            ("a dose names a later due date", &|regimen| {
                regimen.doses.iter().any(|dose| {
                    let on = date(dose.record.occurred_at);
                    dose.record.due_at.is_some_and(|due| date(due) > on)
                })
            }),
        ],
    );
}
