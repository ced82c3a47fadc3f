//! Generates random records of a person in which every member that may be withheld is there at times, and mixes two of them.

use std::cell::RefCell;

use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::Covered,
    reading::{RECORDS, Reader, is_collection_covered, is_covered},
};
use crate::{
    craving_event::StrategyUse,
    goal::Goal,
    insight::{
        facts::{AsOf, Facts, WithId, Written},
        tests::{
            history::{history, with_ids},
            recent_history::{minutes_before, recent_history},
            safety::random_record::moment_and_record,
        },
        warning::Rule,
    },
    plan::{
        OverdoseSafety, Plan, PlanKind, PlanSituation, PlanStatus, PlanStrategy, PlanTrigger, SituationStep,
    },
    questionnaire_response::QuestionnaireResponse,
    record::Record,
    reference::questionnaire::score::SafetyNote,
    self_efficacy_profile::SelfEfficacyProfile,
    support_contact::SupportContact,
    transition::Transition,
    use_event::Harm,
    value::{
        list::{Ids, List},
        number::{Int, Percent, Rating},
        text::{Label, Note, Text},
        vocabulary::FeelsSafe,
    },
    warning_feedback::{FeedbackKind, WarningFeedback},
};

/// A die that always rolls the same from the same start.
struct Die(u64);

impl Die {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.roll(2) == 0).then(|| make(self))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.roll(u64::try_from(all.len()).unwrap())).unwrap()]
    }

    fn note(&mut self) -> Option<Note> {
        self.maybe(|die| Note::new(format!("note {}", die.roll(1000))).unwrap())
    }

    fn label(&mut self) -> Label {
        Label::new(format!("label {}", self.roll(3))).unwrap()
    }

    fn rating(&mut self) -> Rating {
        Rating::clamped(i64::try_from(self.roll(11)).unwrap())
    }

    /// Ids of triggers, strategies, contacts or cravings, of which there are few.
    fn id(&mut self, from: u128, count: u64) -> Uuid {
        Uuid::from_u128(from + u128::from(self.roll(count)))
    }

    fn ids(&mut self, from: u128, count: u64) -> Ids {
        let all: Vec<Uuid> = (0..self.roll(4)).map(|_| self.id(from, count)).collect();
        Ids::of(all)
    }

    fn feels_safe(&mut self) -> Option<FeelsSafe> {
        (self.roll(4) == 0).then(|| self.one_of(&[FeelsSafe::Yes, FeelsSafe::NotSure, FeelsSafe::No]))
    }
}

/// Where ids of strategies and contacts begin.
const STRATEGIES: u128 = 60;
const CONTACTS: u128 = 9000;

/// Generates a moment and a record before it.
pub fn person() -> impl Strategy<Value = (AsOf, Facts)> {
    let record = prop_oneof![2 => recent_history(), 1 => moment_and_record(), 1 => history()];
    (record, any::<u64>()).prop_map(|((as_of, facts), seed)| (as_of, decorated(facts, &as_of, seed)))
}

/// Generates a moment and the records of two people before it.
pub fn two_people() -> impl Strategy<Value = (AsOf, Facts, Facts)> {
    (person(), any::<u64>(), any::<prop::sample::Index>()).prop_map(|((as_of, one), seed, skipped)| {
        let mut other = one.clone();
        skip(&mut other.goals, skipped);
        skip(&mut other.check_ins, skipped);
        skip(&mut other.cravings, skipped);
        skip(&mut other.uses, skipped);
        skip(&mut other.medications, skipped);
        skip(&mut other.doses, skipped);
        skip(&mut other.attendances, skipped);
        let other = decorated(other, &as_of, seed);
        (as_of, one, other)
    })
}

fn skip<T>(records: &mut Vec<T>, skipped: prop::sample::Index) {
    if !records.is_empty() {
        records.remove(skipped.index(records.len()));
    }
}

/// Sets members at random, and adds records of the collections that the other generators leave empty.
fn decorated(mut facts: Facts, as_of: &AsOf, seed: u64) -> Facts {
    let die = &mut Die(seed);
    decorate_goals(&mut facts.goals, die);
    decorate_events(&mut facts, die);
    for dose in &mut facts.doses {
        dose.record.reason = die.note();
    }
    for session in facts.practice_sessions.iter_mut().map(|one| &mut one.record) {
        session.craving_before = die.maybe(Die::rating);
        session.craving_event_id = die.maybe(|die| die.id(4000, 8));
        session.note = die.note();
    }
    facts.plans = plans(&facts.plans, die);
    let contacts = (0..die.roll(3)).map(|_| SupportContact {
        name: die.label(),
        note: die.note(),
        ..SupportContact::example()
    });
    facts.contacts = with_ids(contacts.collect(), CONTACTS);
    let profiles = (0..die.roll(3)).map(|_| {
        let mut profile = SelfEfficacyProfile::example();
        profile.occurred_at = minutes_before(as_of, i64::try_from(die.roll(100_000)).unwrap());
        profile.confidence.social_pressure = Percent::clamped(i64::try_from(die.roll(101)).unwrap());
        profile
    });
    facts.profiles = with_ids(profiles.collect(), 8000);
    facts.responses = with_ids((0..die.roll(3)).map(|_| response(as_of, die)).collect(), 5000);
    if die.roll(2) == 0 && facts.transitions.is_empty() {
        facts.transitions = with_ids(vec![Transition::example()], 6000);
    }
    let muted = (0..die.roll(3)).map(|_| WarningFeedback {
        rule: die.one_of(&Rule::ALL),
        kind: FeedbackKind::Mute,
        muted_until: None,
        note: None,
    });
    facts.feedback = with_ids(muted.collect(), 100);
    for medication in &mut facts.medications {
        medication.written = die.maybe(|die| Written {
            rev: i64::try_from(die.roll(9)).unwrap(),
            at: as_of.at - chrono::TimeDelta::days(i64::try_from(die.roll(60)).unwrap()),
        });
    }
    facts
}

fn decorate_goals(goals: &mut [WithId<Goal>], die: &mut Die) {
    for goal in goals.iter_mut().map(|one| &mut one.record) {
        goal.label = die.maybe(Die::label);
        goal.note = die.note();
    }
}

fn decorate_events(facts: &mut Facts, die: &mut Die) {
    for check_in in facts.check_ins.iter_mut().map(|one| &mut one.record) {
        check_in.trigger_ids = die.ids(0, 4);
        check_in.note = die.note();
        check_in.tags = List::of(die.maybe(Die::label));
        check_in.answers.feels_safe = check_in.answers.feels_safe.or(die.feels_safe());
        if check_in.answers.feels_safe.is_some() {
            check_in.feels_safe_at = Some(check_in.occurred_at);
        }
    }
    for event in facts.cravings.iter_mut().map(|one| &mut one.record) {
        let uses = (0..die.roll(3)).map(|_| StrategyUse {
            id: None,
            strategy_id: die.maybe(|die| die.id(STRATEGIES, 2)),
            practice: die.maybe(|_| Label::new("urge-surfing-wave").unwrap()),
            label: die.maybe(Die::label),
            before: die.maybe(Die::rating),
            after: die.maybe(Die::rating),
            helped: die.maybe(|die| die.roll(2) == 0),
            seconds: None,
        });
        event.strategy_uses = List::of(uses.collect::<Vec<_>>());
        event.acted = die.maybe(|die| die.roll(2) == 0);
        event.feels_safe = event.feels_safe.or(die.feels_safe());
        if event.feels_safe.is_some() {
            event.feels_safe_at = Some(event.occurred_at);
        }
        event.note = die.note();
    }
    for event in facts.uses.iter_mut().map(|one| &mut one.record) {
        event.trigger_ids = die.ids(0, 4);
        event.harm = event
            .harm
            .or_else(|| die.maybe(|die| die.one_of(&[Harm::None, Harm::Injury, Harm::Overdose])));
        event.craving_event_id = event
            .craving_event_id
            .or_else(|| die.maybe(|die| die.id(4000, 8)));
        event.note = die.note();
    }
}

fn plans(before: &[WithId<Plan>], die: &mut Die) -> Vec<WithId<Plan>> {
    let mut plan = before
        .first()
        .map_or_else(Plan::example, |one| one.record.clone());
    plan.status = PlanStatus::Active;
    plan.number = Int::clamped(i64::try_from(die.roll(9)).unwrap() + 1);
    let content = &mut plan.content;
    let trigger = content.triggers.first().cloned();
    content.triggers = List::of((0..3).filter_map(|n| {
        Some(PlanTrigger {
            id: Some(Uuid::from_u128(n)),
            ..trigger.clone()?
        })
    }));
    let strategy = content.strategies.first().cloned();
    content.strategies = List::of((0..2).filter_map(|n| {
        Some(PlanStrategy {
            id: Some(Uuid::from_u128(STRATEGIES + n)),
            trigger_ids: Ids::of([Uuid::from_u128(n)]),
            ..strategy.clone()?
        })
    }));
    content.contact_ids = die.ids(CONTACTS, 3);
    let situation = content.situations.first().cloned();
    content.situations = List::of(situation.map(|situation| PlanSituation {
        steps: List::of([SituationStep {
            strategy_id: None,
            contact_id: die.maybe(|die| die.id(CONTACTS, 3)),
            text: None,
        }]),
        ..situation
    }));
    content.overdose_safety = die.maybe(|die| OverdoseSafety {
        naloxone_at_hand: die.roll(2) == 0,
        note: die.note(),
    });
    let safety = Plan {
        kind: PlanKind::Safety,
        ..plan.clone()
    };
    with_ids(
        if die.roll(2) == 0 {
            vec![plan]
        } else {
            vec![plan, safety]
        },
        50,
    )
}

fn response(as_of: &AsOf, die: &mut Die) -> QuestionnaireResponse {
    let mut response = QuestionnaireResponse::example();
    response.occurred_at = minutes_before(as_of, i64::try_from(die.roll(3000)).unwrap());
    for answer in response.answers.items_mut() {
        answer.value_string = die.maybe(|die| Text::new(format!("words {}", die.roll(9))).unwrap());
    }
    let note = SafetyNote {
        id: "dark".to_owned(),
        text: "Thank you for telling.".to_owned(),
    };
    response.safety_notes = die.maybe(|_| note).into_iter().collect();
    response
}

/// Returns the record of one person with all that is withheld of it from the other one's.
pub fn mixed(one: &Facts, other: &Facts, covered: Covered) -> Facts {
    Facts {
        goals: mix(&one.goals, &other.goals, covered),
        plans: mix(&one.plans, &other.plans, covered),
        check_ins: mix(&one.check_ins, &other.check_ins, covered),
        cravings: mix(&one.cravings, &other.cravings, covered),
        uses: mix(&one.uses, &other.uses, covered),
        medications: mix(&one.medications, &other.medications, covered),
        doses: mix(&one.doses, &other.doses, covered),
        practice_sessions: mix(&one.practice_sessions, &other.practice_sessions, covered),
        attendances: mix(&one.attendances, &other.attendances, covered),
        profiles: mix(&one.profiles, &other.profiles, covered),
        // What is muted is told by what is shown.
        feedback: one.feedback.clone(),
        contacts: mix(&one.contacts, &other.contacts, covered),
        transitions: mix(&one.transitions, &other.transitions, covered),
        responses: mix(&one.responses, &other.responses, covered),
    }
}

fn mix<T: Record>(one: &[WithId<T>], other: &[WithId<T>], covered: Covered) -> Vec<WithId<T>> {
    if !is_collection_covered(T::KIND, covered) {
        return other.to_vec();
    }
    let records = one.iter().enumerate().map(|(n, found)| {
        let other = other.get(n).unwrap_or(found);
        let value = serde_json::to_value(&found.record).unwrap();
        let of_other = serde_json::to_value(&other.record).unwrap();
        WithId {
            id: found.id,
            record: serde_json::from_value(mix_values(T::KIND.path(), &value, &of_other, covered)).unwrap(),
            written: if hides_members(T::KIND.path(), covered) {
                other.written
            } else {
                found.written
            },
        }
    });
    records.collect()
}

/// Whether any member of a collection is not covered.
pub fn hides_members(collection: &str, covered: Covered) -> bool {
    let prefix = format!("{collection}.");
    let mut members = RECORDS.iter().filter(|(path, _)| path.starts_with(&prefix));
    members.any(|(path, _)| !is_covered(RECORDS, path, covered))
}

/// Takes all members that are not covered from another value: of objects those of the other object, in lists none.
fn mix_values(path: &str, one: &Value, other: &Value, covered: Covered) -> Value {
    let seen = RefCell::default();
    let reader = Reader {
        list: RECORDS,
        covered,
        seen: &seen,
    };
    let mut mixed = reader.with_hidden(path, one, &|at, _| member_at(at, path, other).cloned());
    // Members that only the other one has.
    for (hidden, _) in RECORDS {
        let Some((parent, name)) = hidden.rsplit_once('.') else {
            continue;
        };
        let Some(value) = member_at(hidden, path, other) else {
            continue;
        };
        if is_covered(RECORDS, hidden, covered) {
            continue;
        }
        let pointer = parent.strip_prefix(path).map(|rest| rest.replace('.', "/"));
        if let Some(Value::Object(members)) = pointer.and_then(|pointer| mixed.pointer_mut(&pointer)) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    mixed
}

/// Returns the value at a path of members below another path, outside of lists.
fn member_at<'a>(at: &str, below: &str, value: &'a Value) -> Option<&'a Value> {
    value.pointer(&at.strip_prefix(below)?.replace('.', "/"))
}
