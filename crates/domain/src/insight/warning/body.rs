//! Rules on use, on warning signs from the person's own plan, and on medication.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{NaiveDate, TimeDelta};

use super::{
    evidence::{Evaluation, Evidence, MAX_INPUTS, RuleContext, RuleTime, WarningInput},
    rule::Thresholds,
};
use crate::{
    goal::{Goal, GoalKind, GoalStatus},
    insight::{
        calendar::{add_days, days_in},
        facts::use_span,
        limit::is_use_within_limit,
        medication::coverage,
        statistics::{count_as_f64, days_as_f64},
        use_report::{ReportedUse, UseReports, UseTimes},
    },
    medication::{DoseStanding, MedicationStatus, due_doses, overdue_days},
    plan::Stage,
    record::Kind,
    value::vocabulary::Substance,
};

/// Returns the days, from `first` on, on which the use of a substance is known to be within the limit of an
/// active goal.
fn days_within_limits(context: &RuleContext<'_>, first: NaiveDate) -> HashSet<(Substance, NaiveDate)> {
    let goals = context.facts.goals.iter().map(|goal| &goal.record);
    let with_limits = goals.filter(|g| g.status == GoalStatus::Active && g.kind != GoalKind::Abstain);
    let days = 0..days_in((first, context.time.today));
    with_limits
        .flat_map(|goal| days.clone().map(move |n| (goal, add_days(first, n))))
        .filter(|(goal, day)| is_use_within_limit(goal, *day, context.facts, context.as_of))
        .map(|(goal, day)| (goal.substance, day))
        .collect()
}

/// Collects use of the last 7 days that no active goal allows, and check-ins that report use.
pub fn recent_use(context: &RuleContext<'_>) -> Evaluation {
    let first = context
        .time
        .first_of_last_days(context.thresholds.recent_use_days);
    let allowed = days_within_limits(context, first);
    let mut inputs = Vec::new();
    for event in context.facts.counted_uses() {
        let (from, to) = use_span(&event.record);
        if to < first {
            continue;
        }
        let in_week = (from.max(first), to.min(context.time.today));
        let mut days = (0..days_in(in_week)).map(|n| add_days(in_week.0, n));
        if days.all(|day| allowed.contains(&(event.record.substance, day))) {
            continue;
        }
        // If the event began before the week, its end is the time within the week.
        let (member, at) = match event.record.ended_at.filter(|_| from < first) {
            Some(end) => ("ended_at", end),
            None => ("occurred_at", event.record.occurred_at),
        };
        inputs.push(WarningInput::new(Kind::UseEvent, event.id, member, 1.0, at));
    }
    let check_ins = context.check_ins(context.thresholds.recent_use_days);
    if check_ins.is_empty() && inputs.is_empty() {
        return Err("a check-in or a use event of the last 7 days");
    }
    inputs.extend(unexplained_reports(context, first));
    inputs.sort_by_key(|input| std::cmp::Reverse((input.at.map(|at| at.millis()), input.id)));
    Ok(Evidence::new(inputs))
}

/// Returns the answers that report use from `first` on, without a use event in the time that they cover: the event
/// decides there. While a goal to abstain is active, only an event of its substance can explain an answer.
fn unexplained_reports(context: &RuleContext<'_>, first: NaiveDate) -> Vec<WarningInput> {
    let facts = context.facts;
    let reports = UseReports::of(facts).uses.into_iter();
    let recent: Vec<ReportedUse<'_>> = reports.filter(|report| first <= report.day).collect();
    if recent.is_empty() {
        return Vec::new();
    }
    let events = || facts.counted_uses().map(|event| &event.record);
    let all = UseTimes::of(events());
    let abstaining: Vec<(&Goal, UseTimes)> = (facts.goals.iter().map(|goal| &goal.record))
        .filter(|goal| goal.status == GoalStatus::Active && goal.kind == GoalKind::Abstain)
        .map(|goal| {
            (
                goal,
                UseTimes::of(events().filter(|event| event.substance == goal.substance)),
            )
        })
        .collect();
    let is_explained = |report: &ReportedUse<'_>| {
        let mut goals = abstaining
            .iter()
            .filter(|(goal, _)| goal.holds_on(report.day))
            .peekable();
        if goals.peek().is_some() {
            goals.any(|(_, times)| report.is_explained_by(times))
        } else {
            report.is_explained_by(&all)
        }
    };
    let unexplained = recent.iter().filter(|report| !is_explained(report));
    unexplained
        .map(|report| WarningInput::new(Kind::CheckIn, report.check_in.id, report.member, 1.0, report.at()))
        .collect()
}

pub fn recent_use_fires(evidence: &Evidence, time: RuleTime, t: &Thresholds) -> bool {
    evidence
        .inputs
        .iter()
        .any(|input| time.is_in_last_days(input, t.recent_use_days))
}

/// Returns the warning signs of a stage that were noticed in the last `days` days. The latest record of each
/// sign comes first. `None` if no plan has a warning sign of the stage.
fn signs(context: &RuleContext<'_>, stage: Stage, days: i64) -> Option<Vec<WarningInput>> {
    let active = context.facts.active_plan().map(|plan| plan.id);
    let plans = context
        .facts
        .plans
        .iter()
        .filter(|plan| active != Some(plan.id))
        .chain(context.facts.active_plan())
        .flat_map(|plan| plan.record.content.warning_signs.iter());
    // The active plan comes last, so its label replaces those of other plans.
    let labels: HashMap<_, _> = plans
        .filter(|sign| sign.stage == stage)
        .filter_map(|sign| Some((sign.id?, &*sign.label)))
        .collect();
    if labels.is_empty() {
        return None;
    }
    let first = context.time.first_of_last_days(days);
    let check_ins = (context.facts.check_ins.iter()).map(|c| {
        (
            Kind::CheckIn,
            c.id,
            c.record.occurred_at,
            &c.record.warning_sign_ids,
        )
    });
    let uses = (context.facts.counted_uses()).map(|e| {
        (
            Kind::UseEvent,
            e.id,
            e.record.occurred_at,
            &e.record.warning_sign_ids,
        )
    });
    let mut inputs: Vec<WarningInput> = check_ins
        .chain(uses)
        .filter(|(_, _, at, _)| first <= at.local_date())
        .flat_map(|(kind, id, at, signs)| {
            let noticed: BTreeSet<_> = signs
                .iter()
                .filter_map(|sign| Some((*sign, *labels.get(sign)?)))
                .collect();
            noticed.into_iter().map(move |(sign, label)| WarningInput {
                item_id: Some(sign),
                label: Some(label.to_owned()),
                ..WarningInput::new(kind, id, "warning_sign_ids", 1.0, at)
            })
        })
        .collect();
    inputs.sort_by_key(|input| std::cmp::Reverse((input.at.map(|at| at.millis()), input.id, input.item_id)));
    // The latest record of each sign, then the others.
    let mut seen = HashSet::new();
    let (latest, rest): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|input| seen.insert(input.item_id));
    Some(latest.into_iter().chain(rest).take(MAX_INPUTS).collect())
}

/// Returns the signs as evidence, or `missing` if there is neither a sign nor a check-in in the last `days`
/// days.
fn sign_evidence(
    context: &RuleContext<'_>,
    days: i64,
    missing: &'static str,
    signs: Vec<WarningInput>,
) -> Evaluation {
    if signs.is_empty() && context.check_ins(days).is_empty() {
        return Err(missing);
    }
    Ok(Evidence::new(signs))
}

pub fn physical_sign(context: &RuleContext<'_>) -> Evaluation {
    let days = context.thresholds.sign_days;
    let signs = signs(context, Stage::Physical, days).ok_or("a physical-stage warning sign in a plan")?;
    sign_evidence(context, days, "a check-in of the last 3 days", signs)
}

pub fn mental_sign(context: &RuleContext<'_>) -> Evaluation {
    let days = context.thresholds.sign_days;
    let signs = signs(context, Stage::Mental, days).ok_or("a mental-stage warning sign in a plan")?;
    sign_evidence(context, days, "a check-in of the last 3 days", signs)
}

pub fn sign_fires(evidence: &Evidence, time: RuleTime, t: &Thresholds) -> bool {
    evidence
        .inputs
        .iter()
        .any(|input| time.is_in_last_days(input, t.sign_days))
}

pub fn emotional_signs(context: &RuleContext<'_>) -> Evaluation {
    let (days, _) = context.thresholds.emotional_signs;
    let signs = signs(context, Stage::Emotional, days).ok_or("an emotional-stage warning sign in a plan")?;
    sign_evidence(context, days, "a check-in of the last 7 days", signs)
}

pub fn emotional_signs_fires(evidence: &Evidence, time: RuleTime, t: &Thresholds) -> bool {
    let (days, min_signs) = t.emotional_signs;
    let recent = evidence
        .inputs
        .iter()
        .filter(|input| time.is_in_last_days(input, days));
    recent
        .filter_map(|input| input.item_id)
        .collect::<HashSet<_>>()
        .len()
        >= min_signs
}

/// Number of days in which feelings after use count.
const AFTER_LAPSE_DAYS: i64 = 7;

/// Collects the feelings after each use that reached into the last 7 days.
pub fn after_lapse(context: &RuleContext<'_>) -> Evaluation {
    let first = context.time.first_of_last_days(AFTER_LAPSE_DAYS);
    let mut recent: Vec<_> = (context.facts.counted_uses())
        .filter(|event| first <= use_span(&event.record).1)
        .collect();
    recent.sort_by_key(|event| std::cmp::Reverse((event.record.occurred_at.millis(), event.id)));
    let mut inputs = Vec::new();
    for event in &recent {
        let Some(feelings) = &event.record.feelings else {
            continue;
        };
        let named = [
            ("feelings.guilt", feelings.guilt),
            ("feelings.shame", feelings.shame),
            ("feelings.felt_control", feelings.felt_control),
        ];
        let answered: Vec<WarningInput> = named
            .into_iter()
            .filter_map(|(member, value)| {
                let (at, value) = (event.record.occurred_at, value?.as_f64());
                Some(WarningInput::new(Kind::UseEvent, event.id, member, value, at))
            })
            .collect();
        inputs.push(answered);
    }
    if !recent.is_empty() && inputs.iter().all(Vec::is_empty) {
        return Err("how you felt after the use of the last 7 days");
    }
    // Heavy feelings come first, so that they are listed even if there are more inputs than fit.
    inputs.sort_by_key(|answered| !is_heavy(answered, context.thresholds));
    Ok(Evidence::new(inputs.into_iter().flatten()))
}

/// Returns whether the feelings after one use are heavy: much guilt or shame, and little felt control.
fn is_heavy(feelings: &[WarningInput], t: &Thresholds) -> bool {
    let (heavy, little) = t.after_lapse;
    let value = |member: &str| {
        feelings
            .iter()
            .find(|input| input.member == member)
            .map(|input| input.value)
    };
    let feels = |member| value(member).is_some_and(|value| value >= heavy);
    (feels("feelings.guilt") || feels("feelings.shame"))
        && value("feelings.felt_control").is_some_and(|control| control <= little)
}

pub fn after_lapse_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    evidence
        .inputs
        .chunk_by(|a, b| a.id == b.id)
        .any(|feelings| is_heavy(feelings, t))
}

/// Number of completed days that coverage is computed over.
pub const COVERAGE_DAYS: i64 = 28;
/// Number of days in which missed doses count.
const MISSED_DAYS: i64 = 14;

/// Collects, for each active medication that has not ended: the doses missed in a row, the days that a
/// long-acting dose is overdue, and the coverage of the last 28 completed days.
pub fn medication_gap(context: &RuleContext<'_>) -> Evaluation {
    let active: Vec<_> = (context.facts.medications.iter())
        .filter(|m| m.record.status == MedicationStatus::Active)
        .filter(|m| (m.record.ended_on).is_none_or(|last| context.time.today <= last))
        .collect();
    let (mut inputs, mut all_doses) = (Vec::new(), context.facts.doses_by_medication());
    for medication in active {
        let Some(doses) = all_doses.remove(&medication.id) else {
            continue;
        };
        let (at, now) = (context.as_of.local(), context.as_of.at);
        let mut add = |member, value| {
            inputs.push(WarningInput::new(
                Kind::Medication,
                medication.id,
                member,
                value,
                at,
            ));
        };
        let span = now - TimeDelta::days(MISSED_DAYS)..now;
        let due = due_doses(&medication.record, &doses, context.as_of.zone, &span, now);
        let past_due = due
            .iter()
            .rev()
            .filter(|due| !matches!(due.standing, DoseStanding::Upcoming | DoseStanding::Open));
        let missed = past_due
            .take_while(|due| due.standing == DoseStanding::Missed)
            .count();
        add("missed_in_a_row", count_as_f64(missed));
        if medication.record.is_long_acting() {
            let overdue = overdue_days(&medication.record, &doses, context.as_of.zone, now);
            add("overdue_days", days_as_f64(overdue));
        }
        let (from, to) = (
            add_days(context.time.today, -COVERAGE_DAYS),
            add_days(context.time.today, -1),
        );
        if medication.record.started_on <= from
            && let Some(coverage) = coverage(&medication.record, &doses, (from, to))
        {
            add("coverage_28_days", coverage.proportion());
        }
    }
    if inputs.is_empty() {
        return Err("a medication in use with its doses");
    }
    inputs.sort_by_key(|input| (!is_gap(input, context.thresholds), input.id));
    Ok(Evidence::new(inputs))
}

fn is_gap(input: &WarningInput, t: &Thresholds) -> bool {
    let (min_missed, max_overdue, min_coverage) = t.medication_gap;
    match input.member.as_str() {
        "missed_in_a_row" => input.value >= min_missed,
        "overdue_days" => input.value > max_overdue,
        _ => input.value < min_coverage,
    }
}

pub fn medication_gap_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    evidence.inputs.iter().any(|input| is_gap(input, t))
}
