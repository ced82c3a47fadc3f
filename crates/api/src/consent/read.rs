//! Reading consents: one, a page, and how they are shown.

use mainstay_domain::{
    consent::{Consent, ConsentStatus},
    value::{list::List, timestamp::Timestamp},
};
use mainstay_store::{StoreError, resource::StoredResource};

use crate::{
    http::{
        caller::Caller,
        conditional::etag,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    record::{encode_resource, page_response, resource_page, versioned},
};

/// Encodes a consent. A draft says what it still needs at a time in microseconds.
pub(super) fn shown(stored: &StoredResource<Consent>, now: i64) -> Vec<u8> {
    if stored.value.status != ConsentStatus::Draft {
        return encode_resource(stored);
    }
    let missing = stored.value.missing(Timestamp::from_micros(now).to_utc());
    let mut stored = stored.clone();
    stored.value.missing = List::of(missing);
    encode_resource(&stored)
}

/// Reads the consent whose id is in the path.
///
/// # Errors
/// 404 if the person has none.
pub(super) async fn find_by_path_id(caller: &Caller) -> HandlerResult<StoredResource<Consent>> {
    let (id, now) = (caller.path_id("id")?, caller.state.clock.micros());
    let read = caller
        .state
        .store
        .read(caller.scope(), move |records| records.consent(id, now));
    read.await?.ok_or(Problem::new(ProblemKind::NotFound))
}

/// `GET /v1/consents/{id}`.
pub(super) async fn read(caller: Caller) -> HandlerResult {
    let consent = find_by_path_id(&caller).await?;
    let now = caller.state.clock.micros();
    Ok(versioned(&caller.request, &etag(consent.tag()), || {
        shown(&consent, now)
    }))
}

/// `GET /v1/consents`.
pub(super) async fn list(caller: Caller) -> HandlerResult {
    let (range, now) = (resource_page(&caller)?, caller.state.clock.micros());
    let page = caller.read_long(move |records| records.consents(&range, now));
    Ok(page_response(page.await?, |consent| shown(consent, now)))
}

/// Converts a refusal of the store to a problem of consents.
pub(super) fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::Final => Problem::new(ProblemKind::ConsentStatus),
        other => other.into(),
    }
}
