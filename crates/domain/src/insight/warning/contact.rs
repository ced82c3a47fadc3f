//! Rules on support contacts, check-ins that become rare, and protective activities.

use std::collections::{BTreeSet, HashMap};

use super::{
    evidence::{Evaluation, Evidence, RuleContext, RuleTime, WarningInput},
    rule::Thresholds,
};
use crate::{
    check_in::MedicationTaken,
    insight::{
        calendar::days_between,
        facts::check_in_day,
        statistics::{count_as_f64, median},
    },
    medication::{DoseStanding, MedicationStatus, due_doses},
    record::Kind,
};

const CONTACTED: &str = "answers.support_contacted";

/// Counts the support contacts of the last 7 days, with those of a usual week as the baseline.
pub fn isolation(context: &RuleContext<'_>) -> Evaluation {
    let (from, _) = context.time.baseline();
    let (mut weeks, mut answered) = ([0.0; 4], 0);
    for check_in in context.usual_check_ins() {
        if let Some(contacted) = check_in.record.answers.support_contacted {
            answered += 1;
            let week = usize::try_from(days_between(from, check_in_day(&check_in.record)) / 7).unwrap_or(0);
            if let Some(week) = weeks.get_mut(week) {
                *week += f64::from(u8::from(contacted));
            }
        }
    }
    let usual = median(&weeks).unwrap_or(0.0);
    let baseline = (context.baseline_of(usual, answered))
        .ok_or("support contact in 7 check-ins of the 28 days before this week")?;
    let recent: Vec<bool> = (context.check_ins(7).iter())
        .filter_map(|c| c.record.answers.support_contacted)
        .collect();
    if recent.is_empty() {
        return Err("support contact in a check-in of the last 7 days");
    }
    let contacts = recent.iter().filter(|contacted| **contacted).count();
    let count = WarningInput::count(Kind::CheckIn, CONTACTED, count_as_f64(contacts));
    Ok(Evidence::new([count]).with_baseline(Some(baseline)))
}

pub fn isolation_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let count_and_usual = evidence.value(CONTACTED).zip(evidence.baseline);
    count_and_usual.is_some_and(|(contacts, usual)| contacts < 1.0 && usual.value >= t.isolation)
}

/// Counts the check-ins of the last 7 days, with those of a usual week as the baseline.
pub fn gone_quiet(context: &RuleContext<'_>) -> Evaluation {
    let usual = context.usual_check_ins().count();
    let baseline = (context.baseline_of(count_as_f64(usual) / 4.0, usual))
        .ok_or("7 check-ins in the 28 days before this week")?;
    let count = WarningInput::count(Kind::CheckIn, "count", count_as_f64(context.check_ins(7).len()));
    Ok(Evidence::new([count]).with_baseline(Some(baseline)))
}

pub fn gone_quiet_fires(evidence: &Evidence, _time: RuleTime, t: &Thresholds) -> bool {
    let count_and_usual = evidence.value("count").zip(evidence.baseline);
    count_and_usual.is_some_and(|(n, usual)| n <= t.gone_quiet * usual.value)
}

/// Number of hours in which a protective activity counts.
const PROTECTIVE_HOURS: i64 = 48;

/// Collects protective activities: meetings, practice, support contacts, all doses taken. Of each collection
/// and member, only the latest is listed.
pub fn protective(context: &RuleContext<'_>) -> Evidence {
    let facts = context.facts;
    let meetings = facts
        .attendances
        .iter()
        .map(|a| WarningInput::new(Kind::Attendance, a.id, "occurred_at", 1.0, a.record.occurred_at));
    let sessions = facts.practice_sessions.iter().filter_map(|s| {
        let minutes = s.record.minutes.as_f64();
        Some(WarningInput::new(
            Kind::PracticeSession,
            s.id,
            "minutes",
            minutes,
            s.record.occurred_at?,
        ))
    });
    let with_practice = facts.cravings.iter().filter(|e| {
        e.record
            .strategy_uses
            .iter()
            .any(|strategy_use| strategy_use.practice.is_some())
    });
    let practices = with_practice.map(|e| {
        WarningInput::new(
            Kind::CravingEvent,
            e.id,
            "strategy_uses.practice",
            1.0,
            e.record.occurred_at,
        )
    });
    let doses = doses_due(context);
    let mut inputs: Vec<WarningInput> = meetings
        .chain(sessions)
        .chain(practices)
        .chain(protective_answers(context, doses.is_recorded_left_out))
        .chain(doses.latest_taken)
        .filter(|input| {
            input
                .at
                .is_some_and(|at| context.time.is_in_last_hours(at, PROTECTIVE_HOURS))
        })
        .collect();
    inputs.sort_by_key(|input| std::cmp::Reverse((input.at.map(|at| at.millis()), input.id)));
    let mut seen = BTreeSet::new();
    inputs.retain(|input| seen.insert((input.kind.clone(), input.member.clone())));
    Evidence::new(inputs)
}

/// Returns the answers of check-ins that report a protective activity. All doses are not taken where one is known to be
/// left out.
fn protective_answers<'a>(
    context: &RuleContext<'a>,
    is_dose_left_out: bool,
) -> impl Iterator<Item = WarningInput> + use<'a> {
    let is_left_out = is_dose_left_out || is_a_dose_left_out(context);
    context.facts.check_ins.iter().flat_map(move |c| {
        let answers = &c.record.answers;
        let has_taken_all = answers.medication == Some(MedicationTaken::All) && !is_left_out;
        let named = [
            (CONTACTED, answers.support_contacted == Some(true)),
            ("answers.meeting_attended", answers.meeting_attended == Some(true)),
            ("answers.medication", has_taken_all),
        ];
        let reported = named.into_iter().filter(|(_, is_reported)| *is_reported);
        reported.map(|(member, _)| WarningInput::new(Kind::CheckIn, c.id, member, 1.0, c.record.occurred_at))
    })
}

/// Returns whether a check-in of the last 48 hours says that a dose was left out. Then not all of them were taken.
fn is_a_dose_left_out(context: &RuleContext<'_>) -> bool {
    use MedicationTaken::{None, Some};
    let mut recent = context
        .facts
        .check_ins
        .iter()
        .map(|check_in| &check_in.record)
        .filter(|c| context.time.is_in_last_hours(c.occurred_at, PROTECTIVE_HOURS));
    recent.any(|check_in| matches!(check_in.answers.medication, Option::Some(Some | None)))
}

/// The doses that were due in the last 48 hours.
struct DosesDue {
    /// The latest of them, if all were taken.
    latest_taken: Option<WarningInput>,
    /// Whether one was missed or skipped of a medication with recorded doses. Of others nothing is known but what
    /// check-ins say.
    is_recorded_left_out: bool,
}

/// Returns the doses that were due in the last 48 hours.
fn doses_due(context: &RuleContext<'_>) -> DosesDue {
    let span = context.time.hour - chrono::TimeDelta::hours(PROTECTIVE_HOURS)..context.as_of.at;
    let mut latest: Option<WarningInput> = None;
    let (mut is_any_left_out, mut is_recorded_left_out) = (false, false);
    let active = context
        .facts
        .medications
        .iter()
        .filter(|m| m.record.status == MedicationStatus::Active);
    let mut all_doses = context.facts.doses_by_medication();
    for medication in active {
        let doses = all_doses.remove(&medication.id).unwrap_or_default();
        let by_id: HashMap<_, _> = doses.iter().map(|(id, dose)| (*id, dose)).collect();
        for due in due_doses(
            &medication.record,
            &doses,
            context.as_of.zone,
            &span,
            context.as_of.at,
        ) {
            match due.standing {
                DoseStanding::Taken | DoseStanding::Late => {}
                DoseStanding::Upcoming | DoseStanding::Open => continue,
                DoseStanding::Skipped | DoseStanding::Missed => {
                    is_any_left_out = true;
                    is_recorded_left_out |= !doses.is_empty();
                    continue;
                }
            }
            let counted = due.dose_ids.iter().filter_map(|id| Some((*id, *by_id.get(id)?)));
            let taken = counted.filter(|(_, dose)| dose.status.is_given());
            let newest = taken.max_by_key(|(id, dose)| (dose.occurred_at.millis(), *id));
            if let Some((id, dose)) = newest
                && latest.as_ref().is_none_or(|latest| {
                    (latest.at.map(|at| at.millis()), latest.id) < (Some(dose.occurred_at.millis()), Some(id))
                })
            {
                latest = Some(WarningInput::new(Kind::Dose, id, "status", 1.0, dose.occurred_at));
            }
        }
    }
    DosesDue {
        latest_taken: latest.filter(|_| !is_any_left_out && !is_a_dose_left_out(context)),
        is_recorded_left_out,
    }
}

/// Returns a number for the kind of protective activity: 0 meeting, 1 practice, 2 support contact, 3 doses.
fn activity(input: &WarningInput) -> u8 {
    match (input.kind.as_str(), input.member.as_str()) {
        ("attendances", _) | (_, "answers.meeting_attended") => 0,
        ("practice-sessions", _) | (_, "strategy_uses.practice") => 1,
        (_, CONTACTED) => 2,
        _ => 3,
    }
}

pub fn protective_fires(evidence: &Evidence, time: RuleTime, t: &Thresholds) -> bool {
    let recent = evidence.inputs.iter().filter(|input| {
        input
            .at
            .is_some_and(|at| time.is_in_last_hours(at, PROTECTIVE_HOURS))
    });
    recent.map(activity).collect::<BTreeSet<_>>().len() >= t.protective
}
