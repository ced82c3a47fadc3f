//! The input of a toolkit: the occasion for help, and the data from which help is chosen.

use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    check_in::{CheckIn, CheckInAnswers, CheckInKind},
    craving_event::{CravingEvent, CravingOutcome},
    insight::facts::{AsOf, Facts, WithId},
    plan::Plan,
    reference::helpline::Helpline,
    support_contact::SupportContact,
    use_event::{Harm, UseEvent},
    value::{
        list::List,
        timestamp::Timestamp,
        vocabulary::{FeelsSafe, SituationCategory, Substance},
    },
};

/// The occasion for help.
#[derive(Debug, Clone, Default)]
pub struct Occasion {
    /// The event that help is for. Without one, the person asks for help as if with a craving.
    pub event: Option<Uuid>,
    /// The plan's triggers that play a part.
    pub trigger_ids: Vec<Uuid>,
    /// The kind of situation.
    pub category: Option<SituationCategory>,
    /// The substance that was used, if any was.
    pub used: Option<Substance>,
    /// Whether the event is a use as prescribed.
    pub is_prescribed: bool,
}

/// A record that is an occasion for help.
pub trait HelpOccasion: Sized {
    /// Returns the occasion.
    fn occasion(event: &WithId<Self>) -> Occasion;

    /// Returns the part of the facts that these records are in.
    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>>;

    /// Whether the record tells of acute danger by itself: the person does not feel safe or is not sure, or came to harm.
    fn tells_of_danger(&self) -> bool;

    /// Reads what a body tells of acute danger, also one that is no valid record, as a record of this moment. `None` if it
    /// tells of none.
    fn told_in(body: &Value, now: Timestamp) -> Option<Self>;

    /// Adds the event to the facts if it is too old to be among them.
    fn include_in(event: WithId<Self>, facts: &mut Facts) {
        let collection = Self::collection(facts);
        if collection.iter().all(|one| one.id != event.id) {
            collection.push(event);
        }
    }
}

impl HelpOccasion for CravingEvent {
    fn occasion(event: &WithId<Self>) -> Occasion {
        Occasion {
            event: Some(event.id),
            trigger_ids: event.record.trigger_ids.to_vec(),
            category: event.record.category,
            used: None,
            is_prescribed: false,
        }
    }

    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>> {
        &mut facts.cravings
    }

    fn tells_of_danger(&self) -> bool {
        self.feels_safe.is_some_and(FeelsSafe::needs_help)
    }

    fn told_in(body: &Value, now: Timestamp) -> Option<Self> {
        let told = Self {
            feels_safe_at: None,
            substance: member(body, "/substance"),
            occurred_at: now,
            ended_at: None,
            ratings: List::default(),
            peak: None,
            trigger_ids: List::default(),
            category: None,
            place: None,
            company: None,
            strategy_uses: List::default(),
            outcome: CravingOutcome::Ongoing,
            acted: None,
            feels_safe: member(body, "/feels_safe"),
            note: None,
        };
        told.tells_of_danger().then_some(told)
    }
}

impl HelpOccasion for UseEvent {
    fn occasion(event: &WithId<Self>) -> Occasion {
        let record = &event.record;
        Occasion {
            event: Some(event.id),
            trigger_ids: record.trigger_ids.to_vec(),
            category: record.category,
            used: (!record.as_prescribed).then_some(record.substance),
            is_prescribed: record.as_prescribed,
        }
    }

    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>> {
        &mut facts.uses
    }

    fn tells_of_danger(&self) -> bool {
        matches!(self.harm, Some(Harm::Overdose | Harm::Injury)) && !self.entered_in_error
    }

    fn told_in(body: &Value, now: Timestamp) -> Option<Self> {
        let told = Self {
            substance: member(body, "/substance").unwrap_or(Substance::Other),
            occurred_at: now,
            ended_at: None,
            amount: None,
            unit: None,
            abv: None,
            unit_label: None,
            as_prescribed: member(body, "/as_prescribed").unwrap_or_default(),
            self_label: None,
            category: None,
            trigger_ids: List::default(),
            warning_sign_ids: List::default(),
            craving_event_id: None,
            feelings: None,
            harm: member(body, "/harm"),
            note: None,
            entered_in_error: false,
        };
        told.tells_of_danger().then_some(told)
    }
}

impl HelpOccasion for CheckIn {
    fn occasion(event: &WithId<Self>) -> Occasion {
        Occasion {
            event: Some(event.id),
            trigger_ids: event.record.trigger_ids.to_vec(),
            category: None,
            used: None,
            is_prescribed: false,
        }
    }

    fn collection(facts: &mut Facts) -> &mut Vec<WithId<Self>> {
        &mut facts.check_ins
    }

    fn tells_of_danger(&self) -> bool {
        self.answers.feels_safe.is_some_and(FeelsSafe::needs_help)
    }

    fn told_in(body: &Value, now: Timestamp) -> Option<Self> {
        let told = Self {
            feels_safe_at: None,
            kind: CheckInKind::Momentary,
            occurred_at: now,
            local_date: None,
            answers: CheckInAnswers {
                feels_safe: member(body, "/answers/feels_safe"),
                ..CheckInAnswers::default()
            },
            trigger_ids: List::default(),
            warning_sign_ids: List::default(),
            note: None,
            tags: List::default(),
        };
        told.tells_of_danger().then_some(told)
    }
}

/// Returns a member of a body that may be wrong in every other place. `None` if it is absent or not valid itself.
fn member<T: DeserializeOwned>(body: &Value, pointer: &str) -> Option<T> {
    T::deserialize(body.pointer(pointer)?).ok()
}

/// The data from which the toolkit is built.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The active relapse-prevention plan with its id.
    pub plan: Option<(Uuid, &'a Plan)>,
    /// The active safety plan with its id.
    pub safety_plan: Option<(Uuid, &'a Plan)>,
    /// Every support contact with its id.
    pub contacts: &'a [(Uuid, SupportContact)],
    /// Craving events to learn from, and the recent records that tell of dangers.
    pub facts: &'a Facts,
    /// Helplines, in order.
    pub helplines: Vec<Helpline>,
    /// The moment, in the person's time zone. Contacts without a zone of their own are in it too.
    pub as_of: &'a AsOf,
}

impl<'a> Sources<'a> {
    /// Returns the craving events to learn from. One that is dated tomorrow counts tomorrow, as in the insight.
    pub fn events(&self) -> impl Iterator<Item = &'a CravingEvent> + Clone + use<'a> {
        let today = self.as_of.today();
        let events = self.facts.cravings.iter().map(|event| &event.record);
        events.filter(move |event| event.occurred_at.local_date() <= today)
    }

    /// Returns the plan that strategies come from: that against relapse, otherwise the safety plan.
    pub fn strategy_plan(&self) -> Option<(Uuid, &'a Plan)> {
        self.plan.or(self.safety_plan)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::timestamp::example_time;

    #[test]
    fn danger_is_read_from_a_body_that_is_wrong_elsewhere() {
        let now = example_time("2026-03-02T12:00:00Z");
        for (body, tells) in [
            (
                json!({ "answers": { "feels_safe": "no", "mood": 99 }, "kind": 7 }),
                true,
            ),
            (json!({ "answers": { "feels_safe": "not_sure" } }), true),
            (json!({ "answers": { "feels_safe": "yes" } }), false),
            (json!({ "answers": { "feels_safe": "NO" } }), false),
            (json!({ "answers": ["no"], "feels_safe": "no" }), false),
            (json!("no"), false),
        ] {
            assert_eq!(CheckIn::told_in(&body, now).is_some(), tells, "{body}");
        }
        for (body, tells) in [
            (json!({ "feels_safe": "no", "ratings": [] }), true),
            (json!({ "feels_safe": null }), false),
            (json!([]), false),
        ] {
            assert_eq!(CravingEvent::told_in(&body, now).is_some(), tells, "{body}");
        }
        let told = UseEvent::told_in(
            &json!({ "harm": "overdose", "substance": "cocaine", "amount": -1 }),
            now,
        );
        assert_eq!(told.map(|event| event.substance), Some(Substance::Cocaine));
        let told = UseEvent::told_in(&json!({ "harm": "injury", "substance": 3 }), now);
        assert_eq!(told.map(|event| event.substance), Some(Substance::Other));
        assert!(UseEvent::told_in(&json!({ "harm": "unknown" }), now).is_none());
    }
}
