//! Lists every endpoint of the application, in the order of the OpenAPI document.

use mainstay_domain::{
    appointment::Appointment, attendance::Attendance, commitment::Commitment, dose::Dose, goal::Goal,
    journal_entry::JournalEntry, practice_session::PracticeSession, referral::Referral,
    self_efficacy_profile::SelfEfficacyProfile, support_contact::SupportContact,
    thought_record::ThoughtRecord, transition::Transition,
};

use crate::{
    auth::{account, refresh, registration, session, sign_in},
    check_in, craving_event, insight, medication, meeting,
    openapi::{
        document::document,
        endpoint::{Endpoint, Tag},
    },
    plan, questionnaire,
    record::collection,
    reference, report,
    server::operations,
    support, sync, use_event,
};

/// Lists all endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let groups = [
        registration::endpoints(),
        account::endpoints(),
        sign_in::endpoints(),
        refresh::endpoints(),
        session::endpoints(),
        collection::<Goal>(Tag::Goals),
        plan::endpoints(),
        check_in::endpoints(),
        craving_event::endpoints(),
        use_event::endpoints(),
        collection::<SupportContact>(Tag::SupportContacts),
        medication::endpoints(),
        collection::<Dose>(Tag::Medications),
        collection::<PracticeSession>(Tag::Practice),
        collection::<ThoughtRecord>(Tag::Practice),
        collection::<Attendance>(Tag::Practice),
        collection::<SelfEfficacyProfile>(Tag::Practice),
        collection::<Commitment>(Tag::Practice),
        collection::<Appointment>(Tag::Care),
        collection::<Referral>(Tag::Care),
        collection::<Transition>(Tag::Care),
        collection::<JournalEntry>(Tag::Journal),
        support::endpoints(),
        insight::endpoints(),
        report::endpoints(),
        sync::endpoints(),
        questionnaire::endpoints(),
        meeting::endpoints(),
        reference::endpoints(),
        operations::endpoints(),
    ];
    groups.into_iter().flatten().collect()
}

/// Renders the OpenAPI document in the form in which it is served and committed.
pub fn document_text() -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&document(&endpoints())).unwrap_or_default();
    text.push(b'\n');
    text
}
