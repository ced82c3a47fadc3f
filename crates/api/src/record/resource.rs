//! What the operations on a person's resources beside the record share, such as those on consents.

use actix_web::{HttpResponse, http::header};
use mainstay_domain::{
    record::json as to_json,
    sharing::{IncomingResource, Resource},
    value::validation::FindingCode,
};
use mainstay_store::{
    Stored, VersionTag,
    resource::{ResourceRange, Saved, StoredResource},
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    example::EXAMPLE_ID,
    list::list_body,
    response::{cache_private, encode, json_response, tagged},
    validation_context::zone_of,
};
use crate::http::{
    caller::Caller,
    idempotency::Reply,
    page::page_limit,
    problem::{HandlerResult, Problem},
    query::Parameters,
};

/// The mark with which the cursor of a list of resources begins.
const CURSOR_MARK: char = 't';

/// Encodes a resource with the members that every one has.
pub fn encode_resource<T: Serialize>(stored: &StoredResource<T>) -> Vec<u8> {
    encode(&Stored {
        id: stored.id,
        version: stored.version,
        epoch: stored.epoch,
        rev: None,
        occurred_at: stored.created_at,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        body: to_json(&stored.value),
    })
}

/// Responds to a create: 201 with a new resource, 200 with one that was stored before. `shown` encodes it.
pub fn saved_reply<T>(
    path: &str,
    saved: &Saved<T>,
    shown: impl FnOnce(&StoredResource<T>) -> Vec<u8>,
) -> Reply {
    let (mut response, stored) = match saved {
        Saved::New(stored) => (HttpResponse::Created(), stored),
        Saved::Replayed(stored) => {
            let mut response = HttpResponse::Ok();
            response.insert_header(("Idempotent-Replayed", "true"));
            (response, stored)
        }
    };
    response.insert_header((header::LOCATION, format!("{path}/{}", stored.id)));
    Reply::new(cache_private(tagged(response, stored.tag())), shown(stored))
}

/// Responds with a version of a resource.
pub fn resource_reply(tag: VersionTag, body: Vec<u8>) -> Reply {
    Reply::new(cache_private(tagged(HttpResponse::Ok(), tag)), body)
}

/// Reads which page is requested of a list of resources.
///
/// # Errors
/// 422 that names every wrong parameter.
pub fn resource_page(caller: &Caller) -> HandlerResult<ResourceRange> {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let after = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| {
            let (at, id) = text.strip_prefix(CURSOR_MARK)?.split_once('.')?;
            Some((at.parse().ok().filter(|at| *at >= 0)?, id.parse().ok()?))
        },
    );
    parameters.finish()?;
    Ok(ResourceRange { after, limit })
}

/// Responds with a page of resources. `shown` encodes one.
pub fn page_response<T>(
    (page, has_more): (Vec<StoredResource<T>>, bool),
    shown: impl Fn(&StoredResource<T>) -> Vec<u8>,
) -> HttpResponse {
    let last = page.last().filter(|_| has_more);
    let cursor = last.map(|last| format!("{CURSOR_MARK}{}.{}", last.created_at, last.id));
    let body = list_body(page.iter().map(shown), cursor.as_deref());
    json_response(HttpResponse::Ok(), body)
}

/// Gives the times of a resource their local offsets: those that they had before for the same instant, else those of the
/// person's time zone.
///
/// # Errors
/// Errors of the store.
pub async fn with_offsets<T: Resource>(
    caller: &Caller,
    value: &mut T,
    before: Option<T>,
) -> HandlerResult<()> {
    if value.times_mut().iter().all(|time| time.has_offset()) {
        return Ok(());
    }
    let zone = Box::pin(zone_of(caller)).await?;
    let mut before = before;
    let mut known = before.as_mut().map(T::times_mut).unwrap_or_default().into_iter();
    for time in value.times_mut() {
        *time = time.resolve(known.next().map(|time| *time), zone);
    }
    Ok(())
}

/// Returns the resource of a request whose id must be that of the path, or be left out.
///
/// # Errors
/// 422 if the two differ.
pub fn with_path_id<T>(incoming: IncomingResource<T>, id: Uuid) -> HandlerResult<T> {
    if incoming.id.is_some_and(|sent| sent != id) {
        return Err(Problem::invalid(
            "/id",
            FindingCode::Mismatch,
            "must equal the id in the path",
        ));
    }
    Ok(incoming.value)
}

/// Returns the example of a resource as a client sends it.
pub fn resource_request_example<T: Resource>() -> Value {
    let mut example = serde_json::to_value(T::example()).unwrap_or_default();
    if let Value::Object(members) = &mut example {
        members.retain(|name, _| !T::READ_ONLY.contains(&name.as_str()));
    }
    example
}

/// Returns an example of a resource as the server responds with it.
pub fn resource_example<T: Resource>(value: T) -> Value {
    let stored = StoredResource {
        id: EXAMPLE_ID.parse().unwrap_or_default(),
        version: 1,
        epoch: VersionTag::FIRST_EPOCH,
        created_at: 1_772_418_600_000_000,
        updated_at: 1_772_418_600_000_000,
        value,
    };
    serde_json::from_slice(&encode_resource(&stored)).unwrap_or_default()
}
