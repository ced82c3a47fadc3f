//! The generic handlers of every collection, with their part of the document.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::{Deletion, Draft, Incoming, Kind, Record, draft, json as to_json, stored},
    timestamp::Timestamp,
};
use mainstay_store::{Created, Expected, RecordWriter, Replaced, StoreError, Stored};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        body::Body,
        caller::Caller,
        conditional::{etag, has_current},
        idempotency::{Reply, perform},
        page::{cursor, page, page_limit},
        query::Parameters,
    },
    id::new_id,
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{Components, add_list, add_page, add_record},
    },
    problem::{Outcome, Problem, ProblemKind},
};

const EXAMPLE_ID: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47";

/// All five operations of a collection.
pub fn collection<T: Record>(tag: Tag) -> Vec<Endpoint> {
    vec![
        creates::<T>(tag),
        lists::<T>(tag),
        reads::<T>(tag),
        replaces::<T>(tag),
        removes::<T>(tag),
        remembers::<T>(tag),
    ]
}

/// `GET /v1/{collection}/{id}/history`.
pub fn remembers<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(format!("{}/history", path_of_one::<T>()), history::<T>)
        .operation(tag, format!("list{name}History"), format!("List the earlier versions of a {one}"))
        .about(format!("Each version of the {one} that was replaced, newest first, with when and by which session; of a deleted {one} too."))
        .parameter(id_parameter())
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(200, "A page.", Box::new(history_schema::<T>), json!({ "items": [history_example::<T>()], "next_cursor": null }))
}

/// `POST /v1/{collection}`.
pub fn creates<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::post(path::<T>(), create::<T>)
        .operation(tag, format!("create{name}"), format!("Store a new {one}"))
        .about(format!("Stores a {one}. Sent again with the same id and content it answers 200 with the {one} as it stands."))
        .takes_schema(Box::new(add_record::<T>), request_example::<T>())
        .gives_schema(201, "Stored.", Box::new(add_record::<T>), example::<T>())
        .with_headers(&["ETag", "Location"])
        .gives_schema(200, "Stored before; this is how it stands now.", Box::new(add_record::<T>), example::<T>())
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted])
        .problems(slot_problem::<T>())
}

/// `GET /v1/{collection}`.
pub fn lists<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let endpoint = endpoint::get(path::<T>(), list::<T>)
        .operation(tag, format!("list{name}s"), format!("List {one}s"))
        .about("Newest first unless `order` says otherwise. A page never repeats or skips a record while others are written.")
        .gives_schema(200, "A page.", Box::new(add_page::<T>), json!({ "items": [example::<T>()], "next_cursor": null }));
    page_parameters().into_iter().fold(endpoint, Endpoint::parameter)
}

/// `GET /v1/{collection}/{id}`.
pub fn reads<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(path_of_one::<T>(), read::<T>)
        .operation(tag, format!("get{name}"), format!("Read one {one}"))
        .about(format!("The {one} as it stands."))
        .parameter(id_parameter())
        .parameter(if_none_match())
        .gives_schema(200, "As it stands.", Box::new(add_record::<T>), example::<T>())
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

/// `PUT /v1/{collection}/{id}`.
pub fn replaces<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::put(path_of_one::<T>(), replace::<T>)
        .operation(tag, format!("replace{name}"), format!("Replace a {one}"))
        .about(format!("Replaces the whole {one}; an optional member that is left out is unset. The version before is kept in the history."))
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(Box::new(add_record::<T>), request_example::<T>())
        .gives_schema(200, "Replaced.", Box::new(add_record::<T>), example::<T>())
        .with_headers(&["ETag"])
        .problems(slot_problem::<T>())
        .problems(final_problem::<T>())
}

/// `DELETE /v1/{collection}/{id}`.
pub fn removes<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let about = match T::DELETION {
        Deletion::Tombstone => {
            format!("Deletes the {one}. A deleted record does not come back under its id.")
        }
        Deletion::Marked => format!(
            "Marks the {one} as entered in error: it leaves the lists and counts nowhere, and can still be read."
        ),
    };
    endpoint::delete(path_of_one::<T>(), remove::<T>)
        .operation(tag, format!("delete{name}"), format!("Delete a {one}"))
        .about(about)
        .parameter(id_parameter())
        .parameter(if_match())
        .gives_nothing(204, "Deleted.")
        .problems(final_problem::<T>())
}

async fn create<T: Record>(body: Body<Incoming<T>>) -> Outcome {
    let now = body.caller.state.clock.now();
    let draft = new_draft(body.value, now)?;
    perform(&body.caller, body.key, now, problem::<T>, move |writer| {
        let created = writer.create(&draft)?;
        let (answer, record) = created_answer::<T>(&created);
        Ok(Reply::new(private(answer), wire(record)))
    })
    .await
}

async fn list<T: Record>(caller: Caller) -> Outcome {
    let mut range = page(&caller.request, T::KIND)?;
    let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
    range.limit += 1;
    let mut records = caller
        .state
        .store
        .read(caller.scope(), move |r| r.list(T::KIND, &range))
        .await?;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records
        .last()
        .filter(|_| more)
        .map(|last| cursor(last, T::KIND, range.order));
    Ok(finish(
        HttpResponse::Ok(),
        list_body(records.iter().map(wire), next.as_deref()),
    ))
}

async fn read<T: Record>(caller: Caller) -> Outcome {
    let id = caller.path_id("id")?;
    let found = caller
        .state
        .store
        .read(caller.scope(), move |r| r.get(T::KIND, id))
        .await?;
    let record = found.ok_or(Problem::new(ProblemKind::NotFound))?;
    Ok(versioned(&caller.request, &etag(record.version), || {
        wire(&record)
    }))
}

async fn history<T: Record>(caller: Caller) -> Outcome {
    let id = caller.path_id("id")?;
    let (limit, below) = numbered_page(&caller, 'v')?;
    let read = caller.state.store.read(caller.scope(), move |records| {
        records.known(T::KIND, id)?.ok_or(StoreError::NotFound)?;
        records.history(T::KIND, id)
    });
    let mut earlier = read
        .await?
        .into_iter()
        .rev()
        .filter(|old| below.is_none_or(|below| old.version < below));
    let page: Vec<Replaced> = earlier.by_ref().take(limit).collect();
    let next = earlier
        .next()
        .and(page.last())
        .map(|last| format!("v{}", last.version));
    let items = page.iter().map(|old| {
        let time = |micros| Timestamp::from_micros(micros).to_string();
        let mut item = serde_json::Map::from_iter([
            ("version".to_owned(), json!(old.version)),
            ("written_at".to_owned(), json!(time(old.written_at))),
            ("replaced_at".to_owned(), json!(time(old.replaced_at))),
        ]);
        if let Some(session) = old.replaced_by {
            item.insert("replaced_by_session_id".to_owned(), json!(session));
        }
        let mut out = to_json(&item);
        out.pop();
        out.extend_from_slice(b",\"record\":{\"id\":");
        out.extend_from_slice(&to_json(&id));
        out.push(b',');
        out.extend_from_slice(old.body.strip_prefix(b"{").unwrap_or_default());
        out.push(b'}');
        out
    });
    Ok(finish(HttpResponse::Ok(), list_body(items, next.as_deref())))
}

/// The page of a list that is ordered by falling numbers: how many, and below which number.
///
/// # Errors
/// 422 that names every wrong parameter.
pub fn numbered_page(caller: &Caller, mark: char) -> Outcome<(usize, Option<i64>)> {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let below = parameters.get("cursor", "cursor", "must be a next_cursor of this list", |text| {
        text.strip_prefix(mark)?.parse::<i64>().ok()
    });
    parameters.finish()?;
    Ok((usize::try_from(limit).unwrap_or(1), below))
}

fn history_schema<T: Record>(components: &mut Components) -> Value {
    let record = add_record::<T>(components);
    let name = format!("{}Version", T::name());
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "description": description });
    components.insert(name.clone(), json!({
        "type": "object",
        "description": format!("An earlier version of a {}.", T::KIND.singular()),
        "required": ["version", "written_at", "replaced_at", "record"],
        "properties": {
            "version": { "type": "integer", "minimum": 1, "description": "The version." },
            "written_at": time("When it was written."),
            "replaced_at": time("When it was replaced or deleted."),
            "replaced_by_session_id": { "type": "string", "format": "uuid", "maxLength": 36, "description": "By which session; left out if it was the server." },
            "record": record,
        },
    }));
    add_list(
        components,
        &format!("{}VersionList", T::name()),
        &json!({ "$ref": format!("#/components/schemas/{name}") }),
    )
}

fn history_example<T: Record>() -> Value {
    let mut record = serde_json::to_value(T::example()).unwrap_or_default();
    if let Value::Object(members) = &mut record {
        members.insert("id".to_owned(), json!(EXAMPLE_ID));
    }
    json!({
        "version": 1,
        "written_at": "2026-03-02T02:30:00Z",
        "replaced_at": "2026-03-02T08:10:00Z",
        "replaced_by_session_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "record": record,
    })
}

/// How many items a page may have.
pub fn limit_parameter() -> Parameter {
    Parameter {
        name: "limit",
        place: "query",
        required: false,
        description: "Most items on the page.",
        schema: json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        example: json!(50),
    }
}

/// Where a page begins.
pub fn cursor_parameter() -> Parameter {
    Parameter {
        name: "cursor",
        place: "query",
        required: false,
        description: "The `next_cursor` of the page before.",
        schema: json!({ "type": "string", "maxLength": 200 }),
        example: Value::Null,
    }
}

async fn replace<T: Record>(body: Body<Incoming<T>>) -> Outcome {
    let caller = &body.caller;
    let (id, expected) = (caller.same_id(&body.value)?, caller.if_match()?);
    let now = caller.state.clock.now();
    let incoming = body.value;
    let record = write::<T, _>(caller, now, move |writer| {
        replace_in(writer, incoming, id, expected, now)
    })
    .await?;
    Ok(finish(tagged(HttpResponse::Ok(), record.version), wire(&record)))
}

async fn remove<T: Record>(caller: Caller) -> Outcome {
    let (id, expected) = (caller.path_id("id")?, caller.if_match()?);
    let now = caller.state.clock.now();
    write::<T, _>(&caller, now, move |writer| remove_in::<T>(writer, id, expected)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A new record, ready to be stored.
///
/// # Errors
/// 422 that names every wrong field.
pub fn new_draft<T: Record>(incoming: Incoming<T>, now: DateTime<Utc>) -> Outcome<Draft> {
    let id = incoming.id.unwrap_or_else(new_id);
    draft(incoming, id, None, now, &mut new_id).map_err(Problem::validation)
}

/// Stores a new record for the caller.
pub async fn store_new<T: Record>(caller: &Caller, incoming: Incoming<T>) -> Outcome<Created> {
    let now = caller.state.clock.now();
    let draft = new_draft(incoming, now)?;
    write::<T, _>(caller, now, move |writer| writer.create(&draft)).await
}

/// Writes for the caller, in one transaction.
pub async fn write<T, R>(
    caller: &Caller,
    now: DateTime<Utc>,
    work: impl FnOnce(&mut RecordWriter<'_>) -> Result<R, StoreError> + Send + 'static,
) -> Outcome<R>
where
    T: Record,
    R: Send + 'static,
{
    let micros = now.timestamp_millis() * 1000;
    let written = caller
        .state
        .store
        .write(caller.scope(), caller.principal.session, micros, work)
        .await;
    written.map_err(problem::<T>)
}

/// What a refusal of the store means for a noun.
pub fn problem<T: Record>(error: StoreError) -> Problem {
    match error {
        StoreError::SlotTaken { id } if T::KIND == Kind::Goal => Problem {
            existing_id: Some(id),
            ..Problem::new(ProblemKind::GoalExists)
        },
        other => other.into(),
    }
}

/// Replaces a record inside a transaction.
pub fn replace_in<T: Record>(
    writer: &mut RecordWriter<'_>,
    incoming: Incoming<T>,
    id: Uuid,
    expected: Expected,
    now: DateTime<Utc>,
) -> Result<Stored, StoreError> {
    writer.lock()?;
    let (version, before) = current::<T>(writer, id)?;
    if let Expected::Version(expected) = expected
        && expected != version
    {
        return Err(StoreError::VersionMismatch { current: version });
    }
    let draft = draft(incoming, id, Some(&before), now, &mut new_id).map_err(StoreError::Findings)?;
    writer.replace(&draft, expected)
}

fn remove_in<T: Record>(
    writer: &mut RecordWriter<'_>,
    id: Uuid,
    expected: Expected,
) -> Result<(), StoreError> {
    match T::DELETION {
        Deletion::Tombstone => writer.remove(T::KIND, id, expected),
        Deletion::Marked => {
            writer.lock()?;
            let (_, mut record) = current::<T>(writer, id)?;
            record.mark_deleted();
            writer.mark_deleted(&changed(&record, id), expected)
        }
    }
}

/// A record as it stands, with its version.
pub fn current<T: Record>(writer: &mut RecordWriter<'_>, id: Uuid) -> Result<(i64, T), StoreError> {
    let found = writer.get(T::KIND, id)?.ok_or(StoreError::NotFound)?;
    Ok((found.version, opened(&found.body)?))
}

/// The record in a stored body.
pub fn opened<T: Record>(body: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body)
        .map_err(|e| StoreError::Internal(format!("a stored {}: {e}", T::KIND.singular())))
}

/// A record that the server changed, ready to be stored.
pub fn changed<T: Record>(record: &T, id: Uuid) -> Draft {
    stored(record, id, Vec::new())
}

/// A record on the wire: its body, which is never parsed, between the members that every record has.
pub fn wire(record: &Stored) -> Vec<u8> {
    let inner = record
        .body
        .strip_prefix(b"{")
        .and_then(|b| b.strip_suffix(b"}"))
        .unwrap_or_default();
    let (created, updated) = (
        Timestamp::from_micros(record.created_at),
        Timestamp::from_micros(record.updated_at),
    );
    let mut out = Vec::with_capacity(inner.len() + 200);
    out.extend_from_slice(format!("{{\"id\":\"{}\",", record.id).as_bytes());
    out.extend_from_slice(inner);
    let tail = format!(
        ",\"version\":{},\"created_at\":\"{created}\",\"updated_at\":\"{updated}\"}}",
        record.version
    );
    out.extend_from_slice(tail.as_bytes());
    out
}

/// `{"items": […], "next_cursor": …}`.
pub fn list_body(items: impl Iterator<Item = Vec<u8>>, next: Option<&str>) -> Vec<u8> {
    let mut out = b"{\"items\":[".to_vec();
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&item);
    }
    out.extend_from_slice(b"],\"next_cursor\":");
    out.extend_from_slice(&to_json(&next));
    out.push(b'}');
    out
}

/// The beginning of the answer to a creation, and the record that it shows.
pub fn created_answer<T: Record>(created: &Created) -> (HttpResponseBuilder, &Stored) {
    let (mut answer, record) = match created {
        Created::New(record) => (HttpResponse::Created(), record),
        Created::Replayed(record) => {
            let mut answer = HttpResponse::Ok();
            answer.insert_header(("Idempotent-Replayed", "true"));
            (answer, record)
        }
    };
    answer.insert_header((header::LOCATION, format!("{}/{}", path::<T>(), record.id)));
    (tagged(answer, record.version), record)
}

/// An answer with the entity tag of a version.
pub fn tagged(mut answer: HttpResponseBuilder, version: i64) -> HttpResponseBuilder {
    answer.insert_header((header::ETAG, etag(version)));
    answer
}

/// An answer that the client may have already.
pub fn versioned(request: &HttpRequest, tag: &str, body: impl FnOnce() -> Vec<u8>) -> HttpResponse {
    let current = has_current(request, tag);
    let mut answer = HttpResponseBuilder::new(if current {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    answer.insert_header((header::ETAG, tag));
    if current {
        answer.insert_header((header::CACHE_CONTROL, "private, no-cache"));
        return answer.finish();
    }
    finish(answer, body())
}

/// An answer about a person's record, which only they may keep.
pub fn private(mut answer: HttpResponseBuilder) -> HttpResponseBuilder {
    answer.insert_header((header::CACHE_CONTROL, "private, no-cache"));
    answer
}

/// A JSON answer about a person's record.
pub fn finish(mut answer: HttpResponseBuilder, body: Vec<u8>) -> HttpResponse {
    answer.insert_header((header::CACHE_CONTROL, "private, no-cache"));
    answer.content_type("application/json").body(body)
}

/// The path of a collection.
pub fn path<T: Record>() -> String {
    format!("/v1/{}", T::KIND.path())
}

/// The path of one record.
pub fn path_of_one<T: Record>() -> String {
    format!("/v1/{}/{{id}}", T::KIND.path())
}

/// The example of a noun, as a client sends it.
pub fn request_example<T: Record>() -> Value {
    let mut example = serde_json::to_value(T::example()).unwrap_or_default();
    if let Value::Object(members) = &mut example {
        members.retain(|name, _| !T::READ_ONLY.contains(&name.as_str()));
        let mut all = serde_json::Map::from_iter([("id".to_owned(), json!(EXAMPLE_ID))]);
        all.append(members);
        *members = all;
    }
    example
}

/// The example of a noun, as the server answers it.
pub fn example<T: Record>() -> Value {
    let record = Stored {
        id: EXAMPLE_ID.parse().unwrap_or_default(),
        version: 1,
        occurred_at: 0,
        created_at: 1_772_418_600_000_000,
        updated_at: 1_772_418_600_000_000,
        body: to_json(&T::example()),
    };
    serde_json::from_slice(&wire(&record)).unwrap_or_default()
}

fn slot_problem<T: Record>() -> &'static [ProblemKind] {
    match T::KIND {
        Kind::Goal => &[ProblemKind::GoalExists],
        Kind::CheckIn => &[ProblemKind::SlotTaken],
        _ => &[],
    }
}

fn final_problem<T: Record>() -> &'static [ProblemKind] {
    match T::DELETION {
        Deletion::Marked => &[ProblemKind::EnteredInError],
        Deletion::Tombstone => &[],
    }
}

/// The id in the path.
pub fn id_parameter() -> Parameter {
    Parameter {
        name: "id",
        place: "path",
        required: true,
        description: "The id of the record.",
        schema: json!({ "type": "string", "format": "uuid", "maxLength": 36 }),
        example: json!(EXAMPLE_ID),
    }
}

/// The precondition of a change.
pub fn if_match() -> Parameter {
    Parameter {
        name: "If-Match",
        place: "header",
        required: true,
        description: "The ETag of the version that the change is made to, or `*`.",
        schema: json!({ "type": "string" }),
        example: json!("\"1\""),
    }
}

/// The version that the client has.
pub fn if_none_match() -> Parameter {
    Parameter {
        name: "If-None-Match",
        place: "header",
        required: false,
        description: "The ETag that the client has; the answer is 304 if nothing changed.",
        schema: json!({ "type": "string" }),
        example: json!("\"1\""),
    }
}

/// The parameters of a page.
pub fn page_parameters() -> Vec<Parameter> {
    let query = |name, description, schema, example| Parameter {
        name,
        place: "query",
        required: false,
        description,
        schema,
        example,
    };
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 64 });
    vec![
        query(
            "limit",
            "Most records on the page.",
            json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
            json!(50),
        ),
        query(
            "cursor",
            "The `next_cursor` of the page before.",
            json!({ "type": "string", "maxLength": 200 }),
            Value::Null,
        ),
        query(
            "from",
            "Only records from this time on.",
            time.clone(),
            json!("2026-03-01T00:00:00Z"),
        ),
        query(
            "to",
            "Only records before this time.",
            time,
            json!("2026-04-01T00:00:00Z"),
        ),
        query(
            "order",
            "Newest (`desc`) or oldest (`asc`) first.",
            json!({ "type": "string", "enum": ["asc", "desc"], "default": "desc" }),
            json!("desc"),
        ),
    ]
}
