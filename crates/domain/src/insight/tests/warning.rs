use std::collections::HashSet;

use proptest::{collection::vec, prelude::*, sample::select};
use uuid::Uuid;

use super::{
    history::{known, property},
    story::{found, story},
};
use crate::{
    dose::DoseStatus,
    insight::{
        facts::{AsOf, Facts, WithId},
        warning::{FiredRule, Level, Rule, Thresholds, replay},
    },
    record::Record,
    use_event::UseEvent,
    value::{list::Ids, number::Rating, timestamp::Timestamp},
    warning_feedback::{FeedbackKind, WarningFeedback},
};

/// What can only be worse news, and by how much.
#[derive(Debug, Clone, Copy)]
enum Worse {
    Up(usize, i64),
    Sign(usize, u128),
    NoContact(usize),
    CravingUp(usize, i64),
    DoseMissed(usize),
    HeavyFeelings(usize, i64),
    MoreUse,
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
    ]
}

fn up(rating: &mut Option<Rating>, by: i64) {
    *rating = rating.map(|r| Rating::clamped(r.get() + by));
}

/// Makes what lies in the last seven days worse; the baseline before them stays.
fn worsen(facts: &mut Facts, worse: Worse, as_of: &AsOf) {
    let is_recent = |at: Timestamp| at.local_date() >= crate::insight::calendar::add_days(as_of.today(), -6);
    match worse {
        Worse::Up(n, by) => {
            if let Some(check_in) = facts
                .check_ins
                .get_mut(n)
                .filter(|c| is_recent(c.record.occurred_at))
            {
                let answers = &mut check_in.record.answers;
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
                    up(rating, by);
                }
                for rating in [
                    &mut answers.mood,
                    &mut answers.self_efficacy,
                    &mut answers.sleep_quality,
                ] {
                    up(rating, -by);
                }
                answers.sleep_minutes = answers
                    .sleep_minutes
                    .map(|m| crate::value::number::Int::clamped(m.get() - by * 30));
            }
        }
        Worse::Sign(n, sign) => {
            if let Some(check_in) = facts
                .check_ins
                .get_mut(n)
                .filter(|c| is_recent(c.record.occurred_at))
            {
                let mut signs = check_in.record.warning_sign_ids.to_vec();
                signs.push(Uuid::from_u128(sign));
                check_in.record.warning_sign_ids = Ids::of(signs);
            }
        }
        Worse::NoContact(n) => {
            if let Some(check_in) = facts
                .check_ins
                .get_mut(n)
                .filter(|c| is_recent(c.record.occurred_at))
            {
                let answers = &mut check_in.record.answers;
                answers.support_contacted = answers.support_contacted.map(|_| false);
                answers.meeting_attended = answers.meeting_attended.map(|_| false);
            }
        }
        Worse::CravingUp(n, by) => {
            if let Some(event) = facts
                .cravings
                .get_mut(n)
                .filter(|c| is_recent(c.record.occurred_at))
            {
                for rating in event.record.ratings.items_mut() {
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
            let feelings = facts
                .uses
                .get_mut(n)
                .and_then(|event| event.record.feelings.as_mut());
            if let Some(feelings) = feelings {
                up(&mut feelings.guilt, by);
                up(&mut feelings.shame, by);
                up(&mut feelings.felt_control, -by);
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
        }),
    }
}

/// Each value that a rule lists, looked up in the record that it names.
fn is_true(told: &FiredRule, facts: &Facts) -> bool {
    told.inputs
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
                // What is worked out of a medication has an oracle of its own.
                "medications" => return facts.medications.iter().any(|m| m.id == id),
                "attendances" => {
                    (facts.attendances.iter().find(|a| a.id == id)).map(|a| serde_json::to_value(&a.record))
                }
                "practice-sessions" => (facts.practice_sessions.iter().find(|s| s.id == id))
                    .map(|s| serde_json::to_value(&s.record)),
                _ => None,
            };
            let Some(Ok(record)) = record else { return false };
            // A list of what was tried, of which one was a practice.
            if input.member == "strategy_uses.practice" {
                let tried = record["strategy_uses"].as_array();
                return tried.is_some_and(|tried| tried.iter().any(|one| one.get("practice").is_some()));
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
    #![proptest_config(property())]

    /// The same record in another order gives the same answer; every rule that fired replays from what it
    /// lists; each value is that of the record that it names; the level is that of the sum.
    #[test]
    fn a_warning_is_deterministic_and_replays((as_of, facts) in story()) {
        let one = found(&facts, &as_of);
        let mut turned = facts.clone();
        turned.check_ins.reverse();
        turned.cravings.reverse();
        turned.uses.reverse();
        turned.medications.reverse();
        turned.doses.reverse();
        prop_assert_eq!(&one, &found(&turned, &as_of));
        for told in &one.fired {
            prop_assert!(replay(told, &as_of, &Thresholds::V1), "{:?}", told);
            prop_assert!(is_true(told, &facts), "{:?}", told);
            // Without its inputs nothing fires.
            let nothing = FiredRule { inputs: vec![], ..told.clone() };
            prop_assert!(!replay(&nothing, &as_of, &Thresholds::V1));
        }
        prop_assert_eq!(one.score, one.fired.iter().map(|told| told.weight).sum::<i64>());
        if one.level != Level::InsufficientData {
            prop_assert_eq!(one.level, Level::of(one.score));
        }
        let told: HashSet<Rule> = one.fired.iter().map(|t| t.rule).chain(one.not_evaluable.iter().map(|n| n.rule)).collect();
        prop_assert_eq!(told.len(), one.fired.len() + one.not_evaluable.len());
    }

    #[test]
    fn worse_input_never_lowers_the_level((as_of, facts, changes) in story().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), vec(worse(), 1..8))
    })) {
        let before = found(&facts, &as_of);
        let mut after = facts;
        for change in changes {
            worsen(&mut after, change, &as_of);
        }
        let after = found(&after, &as_of);
        prop_assert!(after.level >= before.level, "{before:?} {after:?}");
        prop_assert!(after.score >= before.score || before.level == Level::InsufficientData, "{before:?} {after:?}");
        for told in before.fired.iter().filter(|told| told.rule != Rule::Protective) {
            prop_assert!(after.fired.iter().any(|other| other.rule == told.rule), "{:?} fell silent", told.rule);
        }
    }

    /// Taking records away never makes too little known look well, and without check-ins nothing is ever
    /// steady.
    #[test]
    fn missing_data_is_never_steady((as_of, facts, kept) in story().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), vec(any::<bool>(), 60))
    })) {
        let whole = found(&facts, &as_of);
        let mut part = facts.clone();
        let mut keep = kept.into_iter();
        part.check_ins.retain(|_| keep.next().unwrap_or(false));
        part.cravings.retain(|_| keep.next().unwrap_or(false));
        part.uses.retain(|_| keep.next().unwrap_or(false));
        let rest = found(&part, &as_of);
        if whole.level == Level::InsufficientData {
            prop_assert_ne!(rest.level, Level::Steady);
        }
        prop_assert!(rest.level != Level::Steady || rest.check_ins >= 3);
        part.check_ins.clear();
        prop_assert_ne!(found(&part, &as_of).level, Level::Steady);
    }

    /// `protective` lowers by at most one level, and not at all where it must not mask.
    #[test]
    fn what_protects_lowers_by_one_level_at_most((as_of, facts) in story()) {
        let with = found(&facts, &as_of);
        let mut without = facts.clone();
        without.feedback = known(vec![mute(Rule::Protective)], 7000);
        let without = found(&without, &as_of);
        let step = |level: Level| level as i32;
        prop_assert!((0..=1).contains(&(step(without.level) - step(with.level))));
        let masks = [Rule::RecentUse, Rule::PhysicalSign, Rule::MedicationGap];
        if with.fired.iter().any(|told| masks.contains(&told.rule)) {
            prop_assert_eq!((with.level, with.score), (without.level, without.score));
        }
    }

    #[test]
    fn a_muted_rule_neither_shows_nor_counts((as_of, facts, rule) in story().prop_flat_map(|(as_of, facts)| {
        (Just(as_of), Just(facts), select(&Rule::ALL[..]))
    })) {
        let before = found(&facts, &as_of);
        let mut muted = facts;
        muted.feedback = known(vec![mute(rule)], 7000);
        let after = found(&muted, &as_of);
        prop_assert!(after.fired.iter().all(|told| told.rule != rule) && after.not_evaluable.iter().all(|n| n.rule != rule));
        prop_assert_eq!(after.muted.len(), 1);
        // It says whether it would speak, so that nobody takes its silence for good news.
        let fires = before.fired.iter().any(|told| told.rule == rule);
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
