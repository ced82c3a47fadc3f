//! The rules that look at use, at the person's own warning signs and at medication.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{NaiveDate, TimeDelta};

use super::{
    evidence::{Evaluation, Evidence, MAX_INPUTS, View, WarningInput, When},
    rule::Thresholds,
};
use crate::{
    check_in::Used,
    goal::{GoalKind, GoalStatus},
    insight::{
        calendar::{DaySet, length, plus},
        facts::{check_in_day, use_span},
        limit::is_within,
        medication::coverage,
        statistics::{days_real, real},
    },
    medication::{DoseStanding, MedicationStatus, due_doses, overdue_days},
    plan::Stage,
    record::Kind,
    value::vocabulary::Substance,
};

/// Days of the last week on which the use of a substance is known to be within what an active goal allows.
fn allowed(view: &View<'_>, first: NaiveDate) -> HashSet<(Substance, NaiveDate)> {
    let goals = view.facts.goals.iter().map(|goal| &goal.record);
    let allowing = goals.filter(|g| g.status == GoalStatus::Active && g.kind != GoalKind::Abstain);
    let days = 0..length((first, plus(view.when.today, 1)));
    allowing
        .flat_map(|goal| days.clone().map(move |n| (goal, plus(first, n))))
        .filter(|(goal, day)| is_within(goal, *day, view.facts))
        .map(|(goal, day)| (goal.substance, day))
        .collect()
}

/// Use of the last 7 days that no active goal allows, and check-ins that tell of some.
pub fn recent_use(view: &View<'_>) -> Evaluation {
    let first = view.when.first_of(view.thresholds.recent_use_days);
    let allowed = allowed(view, first);
    let (mut inputs, mut told) = (Vec::new(), Vec::new());
    for event in view.facts.counting_uses() {
        let (from, to) = use_span(&event.record);
        if to < first {
            continue;
        }
        told.push((from, to));
        let within = (from.max(first), to.min(plus(view.when.today, 1)));
        let days = (0..length(within)).map(|n| plus(within.0, n));
        if days.clone().next().is_some()
            && days
                .clone()
                .all(|day| allowed.contains(&(event.record.substance, day)))
        {
            continue;
        }
        // The end is what lies in the week if the beginning does not.
        let (member, at) = match event.record.ended_at.filter(|_| from < first) {
            Some(end) => ("ended_at", end),
            None => ("occurred_at", event.record.occurred_at),
        };
        inputs.push(WarningInput::new(Kind::UseEvent, event.id, member, 1.0, at));
    }
    let told = DaySet::of(told);
    let check_ins = view.check_ins(view.thresholds.recent_use_days);
    if check_ins.is_empty() && inputs.is_empty() {
        return Err("a check-in or a use event of the last 7 days");
    }
    // Where an event says what was used that day, the event decides.
    let unspecified = check_ins
        .into_iter()
        .filter(|c| c.record.answers.used == Some(Used::Yes) && !told.contains(check_in_day(&c.record)));
    inputs.extend(
        unspecified
            .map(|c| WarningInput::new(Kind::CheckIn, c.id, "answers.used", 1.0, c.record.occurred_at)),
    );
    inputs.sort_by_key(|input| std::cmp::Reverse((input.at.map(|at| at.millis()), input.id)));
    Ok(Evidence::of(inputs))
}

pub fn recent_use_holds(evidence: &Evidence, when: When, t: &Thresholds) -> bool {
    evidence
        .inputs
        .iter()
        .any(|input| when.is_within_days(input, t.recent_use_days))
}

/// The warning signs of a stage that were noticed in the last days.
fn signs(view: &View<'_>, stage: Stage, days: i64) -> Option<Vec<WarningInput>> {
    let active = view.facts.active_plan().map(|plan| plan.id);
    let plans = view
        .facts
        .plans
        .iter()
        .filter(|plan| active != Some(plan.id))
        .chain(view.facts.active_plan())
        .flat_map(|plan| plan.record.content.warning_signs.iter());
    // What the plan in use calls it comes last, and so stays.
    let of_stage: HashMap<_, _> = plans
        .filter(|sign| sign.stage == stage)
        .filter_map(|sign| Some((sign.id?, &*sign.label)))
        .collect();
    if of_stage.is_empty() {
        return None;
    }
    let first = view.when.first_of(days);
    let check_ins = (view.facts.check_ins.iter()).map(|c| {
        (
            Kind::CheckIn,
            c.id,
            c.record.occurred_at,
            &c.record.warning_sign_ids,
        )
    });
    let uses = (view.facts.counting_uses()).map(|e| {
        (
            Kind::UseEvent,
            e.id,
            e.record.occurred_at,
            &e.record.warning_sign_ids,
        )
    });
    let mut found: Vec<WarningInput> = check_ins
        .chain(uses)
        .filter(|(_, _, at, _)| first <= at.local_date())
        .flat_map(|(kind, id, at, signs)| {
            let noticed: BTreeSet<_> = signs
                .iter()
                .filter_map(|sign| Some((*sign, *of_stage.get(sign)?)))
                .collect();
            noticed.into_iter().map(move |(sign, label)| WarningInput {
                item_id: Some(sign),
                label: Some(label.to_owned()),
                ..WarningInput::new(kind, id, "warning_sign_ids", 1.0, at)
            })
        })
        .collect();
    found.sort_by_key(|input| std::cmp::Reverse((input.at.map(|at| at.millis()), input.id, input.item_id)));
    // The latest of each sign, then the others.
    let mut seen = HashSet::new();
    let (first, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|input| seen.insert(input.item_id));
    Some(first.into_iter().chain(rest).take(MAX_INPUTS).collect())
}

fn told(view: &View<'_>, days: i64, missing: &'static str, signs: Vec<WarningInput>) -> Evaluation {
    if signs.is_empty() && view.check_ins(days).is_empty() {
        return Err(missing);
    }
    Ok(Evidence::of(signs))
}

pub fn physical_sign(view: &View<'_>) -> Evaluation {
    let days = view.thresholds.sign_days;
    let found = signs(view, Stage::Physical, days).ok_or("a physical-stage warning sign in a plan")?;
    told(view, days, "a check-in of the last 3 days", found)
}

pub fn mental_sign(view: &View<'_>) -> Evaluation {
    let days = view.thresholds.sign_days;
    let found = signs(view, Stage::Mental, days).ok_or("a mental-stage warning sign in a plan")?;
    told(view, days, "a check-in of the last 3 days", found)
}

pub fn sign_holds(evidence: &Evidence, when: When, t: &Thresholds) -> bool {
    evidence
        .inputs
        .iter()
        .any(|input| when.is_within_days(input, t.sign_days))
}

pub fn emotional_signs(view: &View<'_>) -> Evaluation {
    let (days, _) = view.thresholds.emotional_signs;
    let found = signs(view, Stage::Emotional, days).ok_or("an emotional-stage warning sign in a plan")?;
    told(view, days, "a check-in of the last 7 days", found)
}

pub fn emotional_signs_holds(evidence: &Evidence, when: When, t: &Thresholds) -> bool {
    let (days, least) = t.emotional_signs;
    let recent = evidence
        .inputs
        .iter()
        .filter(|input| when.is_within_days(input, days));
    recent
        .filter_map(|input| input.item_id)
        .collect::<HashSet<_>>()
        .len()
        >= least
}

/// Days in which feelings after a use count.
const AFTER_LAPSE_DAYS: i64 = 7;

/// The feelings after each use of the last 7 days.
pub fn after_lapse(view: &View<'_>) -> Evaluation {
    let first = view.when.first_of(AFTER_LAPSE_DAYS);
    let mut recent: Vec<_> = (view.facts.counting_uses())
        .filter(|event| first <= event.record.occurred_at.local_date())
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
        let given: Vec<WarningInput> = named
            .into_iter()
            .filter_map(|(member, value)| {
                let (at, value) = (event.record.occurred_at, value?.as_f64());
                Some(WarningInput::new(Kind::UseEvent, event.id, member, value, at))
            })
            .collect();
        inputs.push(given);
    }
    if !recent.is_empty() && inputs.iter().all(Vec::is_empty) {
        return Err("how you felt after the use of the last 7 days");
    }
    // Those that decide come first, should there be more than can be told.
    inputs.sort_by_key(|given| !is_heavy(given, view.thresholds));
    Ok(Evidence::of(inputs.into_iter().flatten()))
}

fn is_heavy(given: &[WarningInput], t: &Thresholds) -> bool {
    let (heavy, little) = t.after_lapse;
    let value = |member: &str| {
        given
            .iter()
            .find(|input| input.member == member)
            .map(|input| input.value)
    };
    let feels = |member| value(member).is_some_and(|value| value >= heavy);
    (feels("feelings.guilt") || feels("feelings.shame"))
        && value("feelings.felt_control").is_some_and(|control| control <= little)
}

pub fn after_lapse_holds(evidence: &Evidence, _when: When, t: &Thresholds) -> bool {
    evidence
        .inputs
        .chunk_by(|a, b| a.id == b.id)
        .any(|given| is_heavy(given, t))
}

/// Completed days that the coverage looks at.
pub const COVERAGE_DAYS: i64 = 28;
/// Days in which missed doses are looked for.
const MISSED_DAYS: i64 = 14;

/// For each active medication whose course has not ended: doses missed in a row, how long a long-acting one is overdue, and its coverage.
pub fn medication_gap(view: &View<'_>) -> Evaluation {
    let active: Vec<_> = (view.facts.medications.iter())
        .filter(|m| m.record.status == MedicationStatus::Active)
        .filter(|m| (m.record.ended_on).is_none_or(|last| view.when.today <= last))
        .collect();
    let mut inputs = Vec::new();
    for medication in active {
        let doses = view.facts.doses_of(medication.id);
        if doses.is_empty() {
            continue;
        }
        let (at, now) = (view.as_of.local(), view.as_of.at);
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
        let due = due_doses(&medication.record, &doses, view.as_of.zone, &span, now);
        let settled = due
            .iter()
            .rev()
            .filter(|due| !matches!(due.standing, DoseStanding::Upcoming | DoseStanding::Open));
        let missed = settled
            .take_while(|due| due.standing == DoseStanding::Missed)
            .count();
        add("missed_in_a_row", real(missed));
        if medication.record.is_long_acting() {
            let overdue = overdue_days(&medication.record, &doses, view.as_of.zone, now);
            add("overdue_days", days_real(overdue));
        }
        let (from, to) = (plus(view.when.today, -COVERAGE_DAYS), plus(view.when.today, -1));
        if medication.record.started_on <= from
            && let Some(found) = coverage(&medication.record, &doses, (from, to))
        {
            add("coverage_28_days", found.proportion());
        }
    }
    if inputs.is_empty() {
        return Err("a medication in use with its doses");
    }
    inputs.sort_by_key(|input| (!gap(input, view.thresholds), input.id));
    Ok(Evidence::of(inputs))
}

fn gap(input: &WarningInput, t: &Thresholds) -> bool {
    let (missed, overdue, least) = t.medication_gap;
    match input.member.as_str() {
        "missed_in_a_row" => input.value >= missed,
        "overdue_days" => input.value > overdue,
        _ => input.value < least,
    }
}

pub fn medication_gap_holds(evidence: &Evidence, _when: When, t: &Thresholds) -> bool {
    evidence.inputs.iter().any(|input| gap(input, t))
}
