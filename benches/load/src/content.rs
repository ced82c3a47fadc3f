//! Random check-ins, plans, contacts and cravings of the domain's types.

use chrono::{DateTime, Utc};
use mainstay_domain::{
    check_in::{CheckIn, CheckInAnswers, CheckInKind, Used},
    craving_event::CravingEvent,
    plan::{Plan, PlanContent, PlanStrategy, PlanText, PlanTrigger, PlanWarningSign, Stage, TriggerKind},
    record::{Draft, Incoming, Record, draft, to_draft},
    support_contact::SupportContact,
    value::{
        list::{Ids, List},
        number::{Int, Rating},
        place::Phone,
        text::{Label, Note, Text, text},
        timestamp::Timestamp,
        validation::Finding,
        vocabulary::{SituationCategory, StrategyCategory},
    },
};
use uuid::Uuid;

use crate::{Outcome, random::Random};

/// The time zone of every person.
const ZONE: chrono_tz::Tz = chrono_tz::America::New_York;

const WORDS: [&str; 32] = [
    "walk",
    "river",
    "called",
    "Robin",
    "after",
    "work",
    "slept",
    "badly",
    "today",
    "quiet",
    "morning",
    "cooked",
    "dinner",
    "with",
    "friends",
    "felt",
    "tense",
    "before",
    "meeting",
    "then",
    "better",
    "breathing",
    "helped",
    "some",
    "evening",
    "alone",
    "music",
    "garden",
    "phone",
    "long",
    "day",
    "proud",
];

const TAGS: [&str; 12] = [
    "work", "family", "sleep", "payday", "weekend", "meeting", "sport", "health", "alone", "friends",
    "travel", "home",
];

const STRATEGIES: [StrategyCategory; 5] = [
    StrategyCategory::MindfulWalking,
    StrategyCategory::Delay,
    StrategyCategory::Breathing,
    StrategyCategory::CallSomeone,
    StrategyCategory::UrgeSurfing,
];

const SITUATIONS: [SituationCategory; 4] = [
    SituationCategory::UnpleasantEmotions,
    SituationCategory::SocialPressure,
    SituationCategory::PleasantEmotions,
    SituationCategory::InterpersonalConflict,
];

/// Random words with exactly that many characters in all.
fn words(random: &mut Random, length: usize) -> String {
    let mut text = String::with_capacity(length + 12);
    while text.len() < length {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(random.one_of(&WORDS));
    }
    text.truncate(length);
    if text.ends_with(' ') {
        text.replace_range(length - 1.., ".");
    }
    text
}

fn rating(random: &mut Random) -> Rating {
    Rating::clamped(i64::try_from(random.below(11)).unwrap_or(0))
}

/// A momentary check-in: eight answers, a note of 120 characters, three tags.
pub fn check_in(random: &mut Random, at: DateTime<Utc>) -> CheckIn {
    CheckIn {
        feels_safe_at: None,
        kind: CheckInKind::Momentary,
        occurred_at: Timestamp::in_zone(at, ZONE),
        local_date: None,
        answers: CheckInAnswers {
            craving: Some(rating(random)),
            mood: Some(rating(random)),
            stress: Some(rating(random)),
            self_efficacy: Some(rating(random)),
            tired: Some(rating(random)),
            sleep_minutes: Some(Int::clamped(300 + i64::try_from(random.below(240)).unwrap_or(0))),
            used: Some(Used::No),
            support_contacted: Some(random.below(2) == 0),
            ..CheckInAnswers::default()
        },
        trigger_ids: Ids::default(),
        warning_sign_ids: Ids::default(),
        note: Note::truncated(&words(random, 120)),
        tags: List::of((0..3).filter_map(|_| Label::new(random.one_of(&TAGS)))),
    }
}

/// A craving that has just begun.
pub fn craving(random: &mut Random, at: DateTime<Utc>) -> CravingEvent {
    CravingEvent {
        occurred_at: Timestamp::in_zone(at, ZONE),
        ended_at: None,
        peak: None,
        strategy_uses: List::default(),
        trigger_ids: Ids::default(),
        category: Some(random.one_of(&SITUATIONS)),
        outcome: mainstay_domain::craving_event::CravingOutcome::Ongoing,
        acted: None,
        note: Note::truncated(&words(random, 60)),
        ..CravingEvent::example()
    }
}

fn contact(random: &mut Random, position: i64) -> SupportContact {
    SupportContact {
        name: Text::new(random.one_of(&["Robin", "Alex", "Kim", "Sam", "Toni", "Jo"]))
            .unwrap_or(text!("Robin")),
        phone: Phone::new(&format!("+1202555{:04}", random.below(10_000))),
        position: Int::clamped(position),
        in_crisis: position == 1,
        note: Note::truncated(&words(random, 40)),
        ..SupportContact::example()
    }
}

fn texts(random: &mut Random, micros: i64, count: usize) -> List<PlanText, 100> {
    List::of((0..count).map(|_| PlanText {
        id: Some(random.id(micros)),
        text: Text::truncated(&words(random, 60)).unwrap_or(text!("words")),
    }))
}

/// A plan of about 4 KB: ten triggers, ten warning signs, ten strategies, five contacts.
fn plan(random: &mut Random, micros: i64, contact_ids: &[Uuid]) -> Plan {
    let triggers: Vec<PlanTrigger> = (0..10)
        .map(|_| PlanTrigger {
            id: Some(random.id(micros)),
            label: Text::truncated(&words(random, 16)).unwrap_or(text!("words")),
            kind: TriggerKind::External,
            category: None,
            likelihood: None,
            note: None,
        })
        .collect();
    let signs = (0..10).map(|_| PlanWarningSign {
        id: Some(random.id(micros)),
        label: Text::truncated(&words(random, 16)).unwrap_or(text!("words")),
        stage: Stage::Emotional,
        note: None,
    });
    let warning_signs = List::of(signs.collect::<Vec<_>>());
    let strategies = (0..10).map(|n: usize| PlanStrategy {
        id: Some(random.id(micros)),
        label: Text::truncated(&words(random, 16)).unwrap_or(text!("words")),
        category: random.one_of(&STRATEGIES),
        practice: None,
        instructions: Note::truncated(&words(random, 20)),
        minutes: None,
        // The first five are linked to a trigger each.
        trigger_ids: Ids::of(triggers.get(2 * n).and_then(|t| t.id)),
    });
    let strategies = List::of(strategies.collect::<Vec<_>>());
    Plan {
        review_on: None,
        content: PlanContent {
            reasons: texts(random, micros, 1),
            triggers: List::of(triggers),
            warning_signs,
            strategies,
            contact_ids: Ids::of(contact_ids.iter().copied()),
            lapse_response: texts(random, micros, 1),
            ..PlanContent::default()
        },
        ..Plan::example()
    }
}

fn error_text(findings: Vec<Finding>) -> String {
    let found: Vec<String> = findings
        .into_iter()
        .map(|f| format!("{}: {}", f.pointer, f.message))
        .collect();
    format!("the seed is not valid: {}", found.join("; "))
}

/// The draft of a record as the server would store it at that time.
pub fn draft_at<T: Record>(random: &mut Random, body: T, micros: i64) -> Outcome<Draft> {
    let at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let id = random.id(micros);
    let incoming = Incoming {
        id: Some(id),
        body,
        context: None,
    };
    Ok(draft(incoming, id, None, at, ZONE, &mut || random.id(micros)).map_err(error_text)?)
}

/// Five contacts and the active plan that refers to them, in the order in which they must be stored.
pub fn active_plan(random: &mut Random, micros: i64) -> Outcome<Vec<Draft>> {
    let mut all = Vec::with_capacity(6);
    for position in 1..=5 {
        let contact = contact(random, position);
        all.push(draft_at(random, contact, micros)?);
    }
    let ids: Vec<Uuid> = all.iter().map(|draft| draft.id).collect();
    let mut plan = plan(random, micros, &ids);
    let draft = draft_at(random, plan.clone(), micros)?;
    let missing = plan.missing_for_activation(true, false);
    if !missing.is_empty() {
        return Err(error_text(missing.into_vec()).into());
    }
    plan.activate(DateTime::from_timestamp_micros(micros).unwrap_or_default());
    all.push(to_draft(&plan, draft.id, draft.canonical));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_772_366_400_000_000;

    #[test]
    fn check_ins_and_cravings_are_valid() {
        let mut random = Random::new(1);
        let at = DateTime::from_timestamp_micros(NOON).unwrap();
        for _ in 0..100 {
            let check_in = check_in(&mut random, at);
            assert_eq!(check_in.note.as_ref().map(|n| n.len()), Some(120));
            let draft = draft_at(&mut random, check_in, NOON).unwrap();
            assert!(draft.slot.is_none(), "any number of them may be stored");
            let craving = craving(&mut random, at);
            assert!(draft_at(&mut random, craving, NOON).is_ok());
        }
    }

    #[test]
    fn a_plan_is_active_and_has_about_4_kb() {
        let all = active_plan(&mut Random::new(1), NOON).unwrap();
        let plan = all.last().unwrap();
        assert_eq!(plan.slot.as_deref(), Some("active:relapse_prevention"));
        assert_eq!(plan.items.len(), 30);
        assert!((3800..4600).contains(&plan.body.len()), "{}", plan.body.len());
    }
}
