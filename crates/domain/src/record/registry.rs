//! Dispatch from a collection to the type of its records, for code that is the same for every noun.

use uuid::Uuid;

use crate::{
    appointment::Appointment,
    attendance::Attendance,
    check_in::CheckIn,
    commitment::Commitment,
    craving_event::CravingEvent,
    dose::Dose,
    goal::Goal,
    journal_entry::JournalEntry,
    medication::Medication,
    plan::Plan,
    practice_session::PracticeSession,
    questionnaire_response::QuestionnaireResponse,
    record::{
        Draft, Incoming, Kind, Record,
        offset::canonical,
        stored::{from_stored, valid_form},
        to_draft,
    },
    referral::Referral,
    self_efficacy_profile::SelfEfficacyProfile,
    support_contact::SupportContact,
    thought_record::ThoughtRecord,
    transition::Transition,
    use_event::{UseEvent, UseEventReview},
    warning_feedback::WarningFeedback,
};

/// A generic operation that runs for the type of a collection.
pub trait ForNoun {
    /// The result of the operation.
    type Output;

    /// Runs the operation for one noun.
    fn run<T: Record>(self) -> Self::Output;
}

/// Runs an operation for the noun of a collection. A new noun needs one line here.
pub fn for_noun<W: ForNoun>(kind: Kind, work: W) -> W::Output {
    match kind {
        Kind::Goal => work.run::<Goal>(),
        Kind::Plan => work.run::<Plan>(),
        Kind::CheckIn => work.run::<CheckIn>(),
        Kind::CravingEvent => work.run::<CravingEvent>(),
        Kind::UseEvent => work.run::<UseEvent>(),
        Kind::SupportContact => work.run::<SupportContact>(),
        Kind::UseEventReview => work.run::<UseEventReview>(),
        Kind::Medication => work.run::<Medication>(),
        Kind::Dose => work.run::<Dose>(),
        Kind::PracticeSession => work.run::<PracticeSession>(),
        Kind::ThoughtRecord => work.run::<ThoughtRecord>(),
        Kind::Attendance => work.run::<Attendance>(),
        Kind::Appointment => work.run::<Appointment>(),
        Kind::Referral => work.run::<Referral>(),
        Kind::Transition => work.run::<Transition>(),
        Kind::SelfEfficacyProfile => work.run::<SelfEfficacyProfile>(),
        Kind::Commitment => work.run::<Commitment>(),
        Kind::JournalEntry => work.run::<JournalEntry>(),
        Kind::QuestionnaireResponse => work.run::<QuestionnaireResponse>(),
        Kind::WarningFeedback => work.run::<WarningFeedback>(),
    }
}

/// Whether the server changes records of the collection by itself, that is, whether its noun has a
/// [`Record::TIMER`].
pub fn has_timers(kind: Kind) -> bool {
    for_noun(kind, HasTimers)
}

struct HasTimers;

impl ForNoun for HasTimers {
    type Output = bool;

    fn run<T: Record>(self) -> bool {
        T::TIMER.is_some()
    }
}

/// Returns the body of a stored record in the present form of its collection, see [`Record::in_current_form`].
pub fn in_current_form(kind: Kind, body: Vec<u8>) -> Vec<u8> {
    for_noun(kind, InCurrentForm { body: &body }).unwrap_or(body)
}

struct InCurrentForm<'a> {
    body: &'a [u8],
}

impl ForNoun for InCurrentForm<'_> {
    type Output = Option<Vec<u8>>;

    fn run<T: Record>(self) -> Self::Output {
        T::in_current_form(self.body)
    }
}

/// Runs the timer of a stored record and returns the changed record, ready to be stored.
///
/// # Errors
/// If the body is not a record of that collection.
pub fn after_timer(kind: Kind, id: Uuid, body: &[u8]) -> Result<Draft, serde_json::Error> {
    for_noun(kind, OnTimer { id, body })
}

struct OnTimer<'a> {
    id: Uuid,
    body: &'a [u8],
}

impl ForNoun for OnTimer<'_> {
    type Output = Result<Draft, serde_json::Error>;

    fn run<T: Record>(self) -> Self::Output {
        let mut record: T = from_stored(self.body)?;
        if let Some(timer) = T::TIMER {
            (timer.on_timer)(&mut record);
        }
        Ok(to_draft(&record, self.id, Vec::new()))
    }
}

/// Whether two bodies of a collection have the same content of a client: members that only the server writes are left
/// out, and times are compared as instants.
///
/// # Errors
/// If a body is not a record of that collection.
pub fn has_same_content(kind: Kind, one: &[u8], other: &[u8]) -> Result<bool, serde_json::Error> {
    for_noun(kind, HasSameContent { one, other })
}

struct HasSameContent<'a> {
    one: &'a [u8],
    other: &'a [u8],
}

impl ForNoun for HasSameContent<'_> {
    type Output = Result<bool, serde_json::Error>;

    fn run<T: Record>(self) -> Self::Output {
        let content = |body| {
            let body = valid_form::<T>(body)?;
            let mut incoming: Incoming<T> = serde_json::from_slice(&body)?;
            Ok::<_, serde_json::Error>(canonical(&mut incoming.body))
        };
        Ok(content(self.one)? == content(self.other)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        record::{ValidationContext, draft, json},
        reference::questionnaire::shipped,
        value::{timestamp::example_time, validation::Findings},
    };

    fn round_trip<T: Record>() {
        let now = example_time("2026-09-01T00:00:00Z").to_utc();
        let mut findings = Findings::default();
        T::example().check(now, &mut findings);
        assert_eq!(findings.into_vec(), [], "{}", T::KIND.path());
        let mut incoming: Incoming<T> = serde_json::from_slice(&json(&T::example())).unwrap();
        incoming.context = T::example()
            .depends_on_questionnaire()
            .and_then(shipped)
            .map(|own| ValidationContext {
                questionnaire: Arc::new(own.clone()),
                helplines: Arc::default(),
            });
        let mut next = 0;
        let draft_of_example = draft(incoming, Uuid::nil(), None, now, chrono_tz::UTC, &mut || {
            next += 1;
            Uuid::from_u128(next)
        })
        .unwrap();
        let read_again: T = serde_json::from_slice(&draft_of_example.body).unwrap();
        assert_eq!(json(&read_again), draft_of_example.body, "{}", T::KIND.path());
        assert_eq!(Kind::from_code(T::KIND.code()), Some(T::KIND));
    }

    struct RoundTrip;

    impl ForNoun for RoundTrip {
        type Output = ();
        fn run<T: Record>(self) {
            round_trip::<T>();
        }
    }

    #[test]
    fn every_noun_has_a_valid_example_that_survives_storing() {
        for kind in Kind::ALL.iter().copied() {
            for_noun(kind, RoundTrip);
        }
    }

    struct RunTimer;

    impl ForNoun for RunTimer {
        type Output = Option<bool>;

        /// Whether the example's timer is done after it ran once; `None` for a noun without timers.
        fn run<T: Record>(self) -> Option<bool> {
            let timer = T::TIMER?;
            let mut record = T::example();
            (timer.on_timer)(&mut record);
            Some((timer.due_at)(&record).is_none())
        }
    }

    #[test]
    fn a_timer_runs_once_and_only_where_a_noun_has_one() {
        for kind in Kind::ALL.iter().copied() {
            let is_done = for_noun(kind, RunTimer);
            assert_ne!(is_done, Some(false), "{}", kind.path());
            assert_eq!(is_done.is_some(), has_timers(kind));
        }
        assert!(has_timers(Kind::CravingEvent));
    }

    #[test]
    fn read_only_members_are_ignored_and_unknown_ones_refused() {
        let mut sent = serde_json::to_value(CheckIn::example()).unwrap();
        sent["local_date"] = "1999-01-01".into();
        sent["version"] = 7.into();
        let incoming: Incoming<CheckIn> = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(incoming.body.local_date, None);
        sent["versoin"] = 7.into();
        assert!(serde_json::from_value::<Incoming<CheckIn>>(sent).is_err());
    }

    #[test]
    fn null_is_the_same_content_as_left_out_and_an_instant_as_its_local_time() {
        let now = example_time("2026-09-01T00:00:00Z").to_utc();
        let canonical = |text: &str| {
            let incoming: Incoming<CheckIn> = serde_json::from_str(text).unwrap();
            draft(incoming, Uuid::nil(), None, now, chrono_tz::UTC, &mut Uuid::nil)
                .unwrap()
                .canonical
        };
        let plain = r#"{"kind":"momentary","occurred_at":"2026-03-01T00:00:00Z","answers":{"craving":3}}"#;
        let spelt = r#"{"answers":{"craving":3.0,"mood":null},"note":null,"tags":null,"trigger_ids":[],
            "occurred_at":"2026-02-28T19:00:00.000999-05:00","kind":"momentary","local_date":"2020-01-01"}"#;
        assert_eq!(canonical(plain), canonical(spelt));
    }
}
