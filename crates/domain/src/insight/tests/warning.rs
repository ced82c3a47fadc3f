//! Tests of properties that hold for all early warnings.

use std::collections::HashSet;

use proptest::{collection::vec, prelude::*, sample::select};
use uuid::Uuid;

use super::{
    history::{proptest_config, with_ids},
    recent_history::{evaluate, recent_history},
};
use crate::{
    check_in::{CheckIn, CheckInAnswers, Used},
    dose::DoseStatus,
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, WithId},
        warning::{FiredRule, Level, Rule, Thresholds, replay},
    },
    record::Record,
    use_event::UseEvent,
    value::{
        list::Ids,
        number::{Int, Rating},
        timestamp::Timestamp,
    },
    warning_feedback::{FeedbackKind, WarningFeedback},
};

/// A change that can only be worse news, with its size.
#[derive(Debug, Clone, Copy)]
enum Worse {
    Up(usize, i64),
    Sign(usize, u128),
    NoContact(usize),
    CravingUp(usize, i64),
    DoseMissed(usize),
    HeavyFeelings(usize, i64),
    MoreUse,
    UseReported(usize),
}

fn worse() -> impl Strategy<Value = Worse> {
    prop_oneof![
        6 => (0_usize..40, 0_i64..11).prop_map(|(n, by)| Worse::Up(n, by)),
        1 => (0_usize..40, 51_u128..55).prop_map(|(n, sign)| Worse::Sign(n, sign)),
        1 => (0_usize..40).prop_map(Worse::NoContact),
        2 => (0_usize..8, 0_i64..11).prop_map(|(n, by)| Worse::CravingUp(n, by)),
        2 => (0_usize..120).prop_map(Worse::DoseMissed),
        1 => (0_usize..2, 0_i64..11).prop_map(|(n, by)| Worse::HeavyFeelings(n, by)),
        1 => Just(Worse::MoreUse),
        1 => (0_usize..40).prop_map(Worse::UseReported),
    ]
}

fn raise(rating: &mut Option<Rating>, by: i64) {
    *rating = rating.map(|r| Rating::clamped(r.get() + by));
}

/// Makes the ratings of a check-in worse by a number of points, or sleep shorter by half an hour a point.
fn worsen_answers(answers: &mut CheckInAnswers, by: i64) {
    for rating in [
        &mut answers.craving,
        &mut answers.craving_max,
        &mut answers.stress,
        &mut answers.risky_situation_expected,
        &mut answers.hungry,
        &mut answers.angry,
        &mut answers.lonely,
        &mut answers.tired,
    ] {
        raise(rating, by);
    }
    for rating in [
        &mut answers.mood,
        &mut answers.self_efficacy,
        &mut answers.sleep_quality,
    ] {
        raise(rating, -by);
    }
    answers.sleep_minutes = answers
        .sleep_minutes
        .map(|minutes| Int::clamped(minutes.get() - by * 30));
}

/// Makes the last seven days worse. The baseline before them stays the same.
fn worsen(facts: &mut Facts, worse: Worse, as_of: &AsOf) {
    let first = add_days(as_of.today(), -6);
    let is_recent = |at: Timestamp| at.local_date() >= first;
    let recent_check_in = |check_ins: &mut [WithId<CheckIn>], n: usize, change: &dyn Fn(&mut CheckIn)| {
        let check_in = check_ins.get_mut(n).map(|check_in| &mut check_in.record);
        if let Some(check_in) = check_in.filter(|check_in| is_recent(check_in.occurred_at)) {
            change(check_in);
        }
    };
    match worse {
        Worse::Up(n, by) => recent_check_in(&mut facts.check_ins, n, &|check_in| {
            worsen_answers(&mut check_in.answers, by);
        }),
        Worse::Sign(n, sign) => recent_check_in(&mut facts.check_ins, n, &|check_in| {
            let mut signs = check_in.warning_sign_ids.to_vec();
            signs.push(Uuid::from_u128(sign));
            check_in.warning_sign_ids = Ids::of(signs);
        }),
        Worse::NoContact(n) => recent_check_in(&mut facts.check_ins, n, &|check_in| {
            let answers = &mut check_in.answers;
            answers.support_contacted = answers.support_contacted.map(|_| false);
            answers.meeting_attended = answers.meeting_attended.map(|_| false);
        }),
        Worse::UseReported(n) => recent_check_in(&mut facts.check_ins, n, &|check_in| {
            check_in.answers.used = Some(Used::Yes);
            check_in.answers.used_yesterday = Some(Used::Yes);
        }),
        Worse::CravingUp(n, by) => {
            let event = facts.cravings.get_mut(n).map(|event| &mut event.record);
            if let Some(event) = event.filter(|event| is_recent(event.occurred_at)) {
                for rating in event.ratings.items_mut() {
                    rating.value = Rating::clamped(rating.value.get() + by);
                }
            }
        }
        Worse::DoseMissed(n) => {
            if let Some(dose) = facts.doses.get_mut(n) {
                dose.record.status = DoseStatus::Missed;
            }
        }
        Worse::HeavyFeelings(n, by) => {
            let event = facts.uses.get_mut(n);
            if let Some(feelings) = event.and_then(|event| event.record.feelings.as_mut()) {
                raise(&mut feelings.guilt, by);
                raise(&mut feelings.shame, by);
                raise(&mut feelings.felt_control, -by);
            }
        }
        Worse::MoreUse => facts.uses.push(WithId {
            id: Uuid::from_u128(9000),
            record: UseEvent {
                occurred_at: Timestamp::in_zone(as_of.at, as_of.zone),
                ended_at: None,
                amount: None,
                feelings: None,
                ..UseEvent::example()
            },
            written: None,
        }),
    }
}

/// Returns whether each input of a rule has the value of the record that it names.
fn inputs_match_records(fired_rule: &FiredRule, facts: &Facts) -> bool {
    fired_rule
        .inputs
        .iter()
        .filter_map(|input| Some((input, input.id?)))
        .all(|(input, id)| {
            let record = match input.kind.as_str() {
                "check-ins" => {
                    (facts.check_ins.iter().find(|c| c.id == id)).map(|c| serde_json::to_value(&c.record))
                }
                "craving-events" => {
                    (facts.cravings.iter().find(|c| c.id == id)).map(|c| serde_json::to_value(&c.record))
                }
                "use-events" => {
                    (facts.uses.iter().find(|u| u.id == id)).map(|u| serde_json::to_value(&u.record))
                }
                "doses" => (facts.doses.iter().find(|d| d.id == id)).map(|d| serde_json::to_value(&d.record)),
                // Values that are computed from a medication have an oracle of their own.
                "medications" => return facts.medications.iter().any(|m| m.id == id),
                "attendances" => {
                    (facts.attendances.iter().find(|a| a.id == id)).map(|a| serde_json::to_value(&a.record))
                }
                "practice-sessions" => (facts.practice_sessions.iter().find(|s| s.id == id))
                    .map(|s| serde_json::to_value(&s.record)),
                _ => None,
            };
            let Some(Ok(record)) = record else { return false };
            // The member is a list of strategy uses, at least one of them a practice.
            if input.member == "strategy_uses.practice" {
                let uses = record["strategy_uses"].as_array();
                return uses.is_some_and(|uses| uses.iter().any(|one| one.get("practice").is_some()));
            }
            let value = record.pointer(&format!("/{}", input.member.replace('.', "/")));
            match value {
                Some(serde_json::Value::Number(n)) => n.as_f64() == Some(input.value),
                Some(serde_json::Value::Array(ids)) => input
                    .item_id
                    .is_some_and(|id| ids.contains(&id.to_string().into())),
                other => other.is_some(),
            }
        })
}

proptest! {
    #![proptest_config(proptest_config())]

    /// The same record in another order gives the same warnings. Every rule that fired gives the same result
    /// from its inputs. Each input has the value of its record. The level is that of the sum.
    #[test]
    fn a_warning_is_deterministic_and_replays((as_of, facts) in recent_history()) {
        let warnings = evaluate(&facts, &as_of);
        let mut reordered = facts.clone();
        reordered.check_ins.reverse();
        reordered.cravings.reverse();
        reordered.uses.reverse();
        reordered.medications.reverse();
        reordered.doses.reverse();
        prop_assert_eq!(&warnings, &evaluate(&reordered, &as_of));
        for fired_rule in &warnings.fired {
            prop_assert!(replay(fired_rule, &as_of, &Thresholds::V2), "{:?}", fired_rule);
            prop_assert!(inputs_match_records(fired_rule, &facts), "{:?}", fired_rule);
            // Without its inputs nothing fires.
            let nothing = FiredRule { inputs: vec![], ..fired_rule.clone() };
            prop_assert!(!replay(&nothing, &as_of, &Thresholds::V2));
        }
        prop_assert_eq!(warnings.score, warnings.fired.iter().map(|fired_rule| fired_rule.weight).sum::<i64>());
        if warnings.level != Level::InsufficientData {
            prop_assert_eq!(warnings.level, Level::of(warnings.score));
        }
        let listed: HashSet<Rule> = warnings.fired.iter().map(|t| t.rule).chain(warnings.not_evaluable.iter().map(|n| n.rule)).collect();
        prop_assert_eq!(listed.len(), warnings.fired.len() + warnings.not_evaluable.len());
    }

    #[test]
    fn worse_input_never_lowers_the_level((as_of, facts, changes) in recent_history().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), vec(worse(), 1..8))
    })) {
        let before = evaluate(&facts, &as_of);
        let mut after = facts;
        for change in changes {
            worsen(&mut after, change, &as_of);
        }
        let after = evaluate(&after, &as_of);
        prop_assert!(after.level >= before.level, "{before:?} {after:?}");
        prop_assert!(after.score >= before.score || before.level == Level::InsufficientData, "{before:?} {after:?}");
        for fired_rule in before.fired.iter().filter(|fired_rule| fired_rule.rule != Rule::Protective) {
            prop_assert!(after.fired.iter().any(|other| other.rule == fired_rule.rule), "{:?} no longer fires", fired_rule.rule);
        }
    }

    /// Removing records never turns insufficient data into `steady`, and without check-ins the level is never
    /// `steady`.
    #[test]
    fn missing_data_is_never_steady((as_of, facts, keep_flags) in recent_history().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), vec(any::<bool>(), 60))
    })) {
        let all = evaluate(&facts, &as_of);
        let mut reduced = facts.clone();
        let mut keep = keep_flags.into_iter();
        reduced.check_ins.retain(|_| keep.next().unwrap_or(false));
        reduced.cravings.retain(|_| keep.next().unwrap_or(false));
        reduced.uses.retain(|_| keep.next().unwrap_or(false));
        let warnings = evaluate(&reduced, &as_of);
        if all.level == Level::InsufficientData {
            prop_assert_ne!(warnings.level, Level::Steady);
        }
        prop_assert!(warnings.level != Level::Steady || warnings.check_ins >= 3);
        reduced.check_ins.clear();
        prop_assert_ne!(evaluate(&reduced, &as_of).level, Level::Steady);
    }

    /// `protective` lowers the level by at most one, and not at all beside rules that it must not mask.
    #[test]
    fn protective_activities_lower_the_level_by_at_most_one((as_of, facts) in recent_history()) {
        let with = evaluate(&facts, &as_of);
        let mut without = facts.clone();
        without.feedback = with_ids(vec![mute(Rule::Protective)], 7000);
        let without = evaluate(&without, &as_of);
        let rank = |level: Level| level as i32;
        prop_assert!((0..=1).contains(&(rank(without.level) - rank(with.level))));
        let never_masked = [Rule::RecentUse, Rule::PhysicalSign, Rule::MedicationGap];
        if with.fired.iter().any(|fired_rule| never_masked.contains(&fired_rule.rule)) {
            prop_assert_eq!((with.level, with.score), (without.level, without.score));
        }
    }

    #[test]
    fn a_muted_rule_is_neither_shown_nor_counted((as_of, facts, rule) in recent_history().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), select(&Rule::ALL[..]))
    })) {
        let before = evaluate(&facts, &as_of);
        let mut muted = facts;
        muted.feedback = with_ids(vec![mute(rule)], 7000);
        let after = evaluate(&muted, &as_of);
        prop_assert!(after.fired.iter().all(|fired_rule| fired_rule.rule != rule) && after.not_evaluable.iter().all(|n| n.rule != rule));
        prop_assert_eq!(after.muted.len(), 1);
        // The muted rule says whether it would fire, so that nobody mistakes the mute for good news.
        let fires = before.fired.iter().any(|fired_rule| fired_rule.rule == rule);
        prop_assert_eq!(after.muted[0].would_fire, fires);
        prop_assert_eq!(after.muted_signs(), usize::from(fires && rule != Rule::Protective));
        prop_assert_eq!(before.safety, after.safety);
    }
}

fn mute(rule: Rule) -> WarningFeedback {
    WarningFeedback {
        rule,
        kind: FeedbackKind::Mute,
        muted_until: None,
        note: None,
    }
}
