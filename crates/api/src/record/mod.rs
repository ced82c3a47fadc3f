//! The generic handlers of every collection, with their part of the document.

mod example;
mod history;
mod list;
mod parameter;
mod response;
mod validation_context;
mod write;

use actix_web::{Handler, HttpResponse};
use mainstay_domain::record::{Deletion, Incoming, Kind, Record};
use mainstay_store::{Created, Expected, RecordWriter, StoreError, Stored};
use uuid::Uuid;

pub use self::{example::*, history::*, list::*, parameter::*, response::*, validation_context::*, write::*};
use crate::{
    http::{
        body::Body,
        caller::Caller,
        conditional::etag,
        idempotency::{Reply, perform},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::add_record,
    },
};

/// All operations of a collection.
pub fn collection<T: Record>(tag: Tag) -> Vec<Endpoint> {
    vec![
        create_endpoint::<T>(tag),
        list_endpoint::<T>(tag),
        read_endpoint::<T>(tag),
        replace_endpoint::<T>(tag),
        delete_endpoint::<T>(tag),
        history_endpoint::<T>(tag),
    ]
}

/// One record of a collection, with its article.
pub fn one_of<T: Record>() -> String {
    let one = T::KIND.singular();
    let article = if one.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {one}")
}

/// `POST /v1/{collection}`.
pub fn create_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::post(path::<T>(), create::<T>)
        .operation(tag, format!("create{name}"), format!("Store a new {one}"))
        .about(format!(
            "Stores {}. Sent again with the same id and content it answers 200 with the {one} as it stands.",
            one_of::<T>()
        ))
        .takes_schema(Box::new(add_record::<T>), request_example::<T>)
        .gives_schema(201, "Stored.", Box::new(add_record::<T>), example::<T>)
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before; this is how it stands now.",
            Box::new(add_record::<T>),
            example::<T>,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted])
        .problems(slot_problem::<T>())
}

/// `GET /v1/{collection}/{id}`.
pub fn read_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(path_of_one::<T>(), reading(T::KIND))
        .operation(tag, format!("get{name}"), format!("Read one {one}"))
        .about(format!("The {one} as it stands."))
        .parameter(id_parameter())
        .parameter(if_none_match())
        .gives_schema(200, "As it stands.", Box::new(add_record::<T>), example::<T>)
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

/// `PUT /v1/{collection}/{id}`.
pub fn replace_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::put(path_of_one::<T>(), replace::<T>)
        .operation(tag, format!("replace{name}"), format!("Replace {}", one_of::<T>()))
        .about(format!("Replaces the whole {one}; an optional member that is left out is unset. The version before is kept in the history."))
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(Box::new(add_record::<T>), request_example::<T>)
        .gives_schema(200, "Replaced.", Box::new(add_record::<T>), example::<T>)
        .with_headers(&["ETag"])
        .problems(slot_problem::<T>())
        .problems(final_problem::<T>())
}

/// `DELETE /v1/{collection}/{id}`.
pub fn delete_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let about = match T::DELETION {
        Deletion::Tombstone => {
            format!("Deletes the {one}. A deleted record does not come back under its id.")
        }
        Deletion::Marked => format!(
            "Marks the {one} as entered in error: it leaves the lists and counts nowhere, and can still be read."
        ),
    };
    endpoint::delete(path_of_one::<T>(), removing(remove_in::<T>))
        .operation(tag, format!("delete{name}"), format!("Delete {}", one_of::<T>()))
        .about(about)
        .parameter(id_parameter())
        .parameter(if_match())
        .gives_nothing(204, "Deleted.")
        .problems(final_problem::<T>())
}

/// Stores the record in the body.
pub async fn create<T: Record>(body: Body<Incoming<T>>) -> HandlerResult {
    let incoming = with_context(&body.caller, body.value).await?;
    if body.key.is_none() {
        let created = store_new(&body.caller, incoming).await?;
        return Ok(stored_answer::<T>(&created).into_response());
    }
    let now = body.caller.state.clock.now();
    let draft = new_draft(incoming, now)?;
    perform(&body.caller, body.key, now, problem::<T>, move |writer| {
        Ok(stored_answer::<T>(&writer.create(&draft)?))
    })
    .await
}

fn stored_answer<T: Record>(created: &Created) -> Reply {
    let (answer, record) = created_answer::<T>(created);
    Reply::new(cache_private(answer), encode(record))
}

/// The record whose id is in the path.
///
/// # Errors
/// 404 if the person has none.
pub async fn find_by_path_id(caller: &Caller, kind: Kind) -> HandlerResult<Stored> {
    let id = caller.path_id("id")?;
    let read = caller.state.store.read(caller.scope(), move |r| r.get(kind, id));
    read.await?.ok_or(Problem::new(ProblemKind::NotFound))
}

/// What answers with the record of a collection whose id is in the path.
pub fn reading(kind: Kind) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| read(caller, kind)
}

async fn read(caller: Caller, kind: Kind) -> HandlerResult {
    let record = find_by_path_id(&caller, kind).await?;
    Ok(versioned(&caller.request, &etag(record.version), || {
        encode(&record)
    }))
}

async fn replace<T: Record>(body: Body<Incoming<T>>) -> HandlerResult {
    let caller = &body.caller;
    let (id, expected) = (caller.same_id(&body.value)?, caller.if_match()?);
    let now = caller.state.clock.now();
    let incoming = with_context(caller, body.value).await?;
    let record = write(caller, now, problem::<T>, move |writer| {
        replace_in(writer, incoming, id, expected, now)
    })
    .await?;
    Ok(json_response(
        tagged(HttpResponse::Ok(), record.version),
        encode(&record),
    ))
}

/// How a noun deletes.
type Remove = fn(&mut RecordWriter<'_>, Uuid, Expected) -> Result<(), StoreError>;

fn removing(remove_in: Remove) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| remove(caller, remove_in)
}

async fn remove(caller: Caller, remove_in: Remove) -> HandlerResult {
    let (id, expected) = (caller.path_id("id")?, caller.if_match()?);
    let now = caller.state.clock.now();
    write(&caller, now, Problem::from, move |writer| {
        remove_in(writer, id, expected)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
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
