//! Replacing and deleting a record: `PUT` and `DELETE /v1/{collection}/{id}`.

use actix_web::{Handler, HttpResponse};
use mainstay_domain::{
    record::{Incoming, Record},
    value::validation::FindingCode,
};
use mainstay_store::{Expected, History, RecordWriter, StoreError, Stored};
use uuid::Uuid;

use super::{
    response::{encode, json_response, tagged},
    validation_context::{with_context, zone_for},
    write::{problem, replace_in, write},
};
use crate::http::{
    body::{Body, Checked},
    caller::Caller,
    problem::{HandlerResult, Problem},
    query::Parameters,
};

/// Replaces the record whose id is in the path by the one in the body.
pub(super) async fn replace<T: Record>(body: Body<Incoming<T>>) -> HandlerResult {
    let record = replace_record(&body.caller, body.value).await?;
    Ok(json_response(
        tagged(HttpResponse::Ok(), record.tag()),
        encode(&record),
    ))
}

/// Replaces the caller's record whose id is in the path, and returns the next version.
///
/// # Errors
/// 404, 412 or 428; 422 that names every wrong field; the store's refusals.
pub async fn replace_record<T: Record>(
    caller: &Caller,
    value: Checked<Incoming<T>>,
) -> HandlerResult<Stored> {
    let (id, expected) = (caller.same_id(&value)?, caller.if_match()?);
    let now = caller.state.clock.now();
    let mut incoming = with_context(caller, value.into_inner()).await?;
    let zone = zone_for(caller, &mut incoming).await?;
    write(caller, now, problem::<T>, move |writer| {
        replace_in(writer, incoming, id, &expected, now, zone)
    })
    .await
}

/// Deletes a record of one noun inside a transaction.
type RemoveIn = fn(&mut RecordWriter<'_>, Uuid, &Expected, History) -> Result<(), StoreError>;

/// Returns the handler that deletes one record of a collection.
pub(super) fn remove_handler(remove_in: RemoveIn) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| remove(caller, remove_in)
}

/// Reads what becomes of the earlier versions of a record that is deleted.
fn history(caller: &Caller) -> HandlerResult<History> {
    let mut parameters = Parameters::read(&caller.request, &["purge"]);
    let is_purge = parameters.get("purge", FindingCode::Enum, "must be true or false", |text| {
        text.parse::<bool>().ok()
    });
    parameters.finish()?;
    Ok(if is_purge == Some(true) {
        History::Purged
    } else {
        History::Kept
    })
}

async fn remove(caller: Caller, remove_in: RemoveIn) -> HandlerResult {
    let (id, history) = (caller.path_id("id")?, history(&caller)?);
    let (expected, now) = (caller.if_match()?, caller.state.clock.now());
    write(&caller, now, Problem::from, move |writer| {
        remove_in(writer, id, &expected, history)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
