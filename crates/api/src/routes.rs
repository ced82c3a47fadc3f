//! Every endpoint of the application, in the order of the document.

use mainstay_domain::{check_in::CheckIn, goal::Goal, support_contact::SupportContact};

use crate::{
    account, craving_event, insight,
    openapi::{
        document::document,
        endpoint::{Endpoint, Tag},
    },
    operations, plan,
    record::collection,
    reference, report, session, support, sync, use_event,
};

/// All endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let nouns = [
        account::endpoints(),
        session::endpoints(),
        collection::<Goal>(Tag::Goals),
        plan::endpoints(),
        collection::<CheckIn>(Tag::CheckIns),
        craving_event::endpoints(),
        use_event::endpoints(),
        collection::<SupportContact>(Tag::SupportContacts),
        support::endpoints(),
        insight::endpoints(),
        report::endpoints(),
        sync::endpoints(),
        reference::endpoints(),
        operations::endpoints(),
    ];
    nouns.into_iter().flatten().collect()
}

/// The OpenAPI document as it is given out and committed.
pub fn document_text() -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&document(&endpoints())).unwrap_or_default();
    text.push(b'\n');
    text
}
