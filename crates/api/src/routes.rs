//! Lists every endpoint of the application, in the order of the OpenAPI document.

use mainstay_domain::{
    appointment::Appointment, attendance::Attendance, commitment::Commitment, dose::Dose, goal::Goal,
    journal_entry::JournalEntry, practice_session::PracticeSession, referral::Referral,
    self_efficacy_profile::SelfEfficacyProfile, support_contact::SupportContact,
    thought_record::ThoughtRecord, transition::Transition,
};

use crate::{
    access_log,
    auth::{account, refresh, registration, session, sign_in},
    break_glass, check_in, consent, craving_event, disclosure, encouragement, insight, invitation,
    medication, meeting,
    openapi::{
        document::document,
        endpoint::{Endpoint, Tag},
        roles::roles_table,
    },
    part2_notice, peer_profile, plan, proposal, questionnaire,
    record::collection,
    reference, report, restriction, security_event,
    server::{operations, security_txt},
    shared, shared_commitment, sign_off, support, sync, use_event,
};

/// Lists all endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let groups = [
        registration::endpoints(),
        account::endpoints(),
        sign_in::endpoints(),
        refresh::endpoints(),
        session::endpoints(),
        security_event::endpoints(),
        collection::<Goal>(Tag::Goals),
        plan::endpoints(),
        proposal::endpoints(),
        sign_off::endpoints(),
        check_in::endpoints(),
        craving_event::endpoints(),
        use_event::endpoints(),
        collection::<SupportContact>(Tag::SupportContacts),
        encouragement::endpoints(),
        shared_commitment::endpoints(),
        peer_profile::endpoints(),
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
        shared::endpoints(),
        invitation::endpoints(),
        break_glass::endpoints(),
        consent::endpoints(),
        restriction::endpoints(),
        insight::endpoints(),
        report::endpoints(),
        access_log::endpoints(),
        disclosure::endpoints(),
        sync::endpoints(),
        questionnaire::endpoints(),
        meeting::endpoints(),
        reference::endpoints(),
        part2_notice::endpoints(),
        operations::endpoints(),
        security_txt::endpoints(),
    ];
    groups.into_iter().flatten().collect()
}

/// Renders the table of operations and roles in the form in which it is committed.
pub fn roles_text() -> String {
    roles_table(&endpoints())
}

/// Renders the OpenAPI document in the form in which it is served and committed.
pub fn document_text() -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&document(&endpoints())).unwrap_or_default();
    text.push(b'\n');
    text
}
