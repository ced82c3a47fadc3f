//! Changing members of a record: `PATCH /v1/{collection}/{id}`. The record that results is judged as by a `PUT`.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::{Incoming, Record, merge_patch::MergePatch, stored::valid_form},
    value::validation::FindingCode,
};
use mainstay_store::{Expected, StoreError, Stored};
use uuid::Uuid;

use super::{
    response::{encode, json_response, tagged},
    validation_context::{with_context, zone_for},
    write::{problem, replace_in, write},
};
use crate::http::{
    body::parse,
    caller::Caller,
    patch::PatchBody,
    problem::{HandlerResult, Problem, ProblemKind},
};

/// Merges the patch in the body into the record whose id is in the path.
pub(super) async fn merge<T: Record>(body: PatchBody) -> HandlerResult {
    let (caller, patch) = (&body.caller, body.patch);
    let (id, expected) = (caller.path_id("id")?, caller.if_match()?);
    let record = merge_record::<T>(caller, patch, id, expected).await?;
    Ok(json_response(
        tagged(HttpResponse::Ok(), record.tag()),
        encode(&record),
    ))
}

/// Merges a patch into a record of the caller, and returns the next version.
///
/// # Errors
/// 404 or 412; 422 that names every wrong field of the record that results; the store's refusals.
pub async fn merge_record<T: Record>(
    caller: &Caller,
    patch: MergePatch,
    id: Uuid,
    expected: Expected,
) -> HandlerResult<Stored> {
    let now = caller.state.clock.now();
    let read = move |records: &mut mainstay_store::Records<'_>| records.get(T::KIND, id);
    let before = caller.state.store.read(caller.scope(), read).await?;
    let before = before.ok_or(Problem::new(ProblemKind::NotFound))?;
    expected.check(before.tag())?;
    // Judged before the transaction too: explaining what is wrong takes long, and other writers would wait meanwhile.
    let patch = Arc::new(patch);
    let (length, early) = (before.body.len() + patch.length(), Arc::clone(&patch));
    let judge = move || merged::<T>(&before.body, &early, id, now);
    let account = Some(caller.scope().account());
    let incoming = caller
        .state
        .large_bodies
        .work_on(length, account, judge)
        .await??;
    let mut incoming = with_context(caller, incoming).await?;
    let zone = zone_for(caller, &mut incoming).await?;
    let context = incoming.context;
    write(caller, now, problem::<T>, move |writer| {
        let mut locked = writer.lock()?;
        let before = locked.records().get(T::KIND, id)?.ok_or(StoreError::NotFound)?;
        expected.check(before.tag())?;
        let incoming = merged::<T>(&before.body, &patch, id, now).map_err(as_findings)?;
        let incoming = Incoming { context, ..incoming };
        replace_in(writer, incoming, id, &expected, now, zone)
    })
    .await
}

/// Converts the problem of an input to a refusal of the store, for code inside a transaction.
pub fn as_findings(problem: Problem) -> StoreError {
    match problem.kind {
        ProblemKind::Validation => StoreError::Findings(problem.errors),
        other => StoreError::Internal(format!("a merged input is refused as {}", other.slug())),
    }
}

/// Reads the record that a patch makes of the stored body of the record with that id. It has no validation context yet.
///
/// # Errors
/// 422 that names every wrong field of the record that results.
pub fn merged<T: Record>(
    body: &[u8],
    patch: &MergePatch,
    id: Uuid,
    now: DateTime<Utc>,
) -> HandlerResult<Incoming<T>> {
    let merged = valid_form::<T>(body)
        .and_then(|body| patch.apply(&body))
        .map_err(|error| StoreError::unreadable(T::KIND, &error))?;
    read_incoming(&merged, id, now)
}

/// Reads a record that must have this id or none.
///
/// # Errors
/// 400 or 422 that names every wrong field.
pub fn read_incoming<T: Record>(json: &[u8], id: Uuid, now: DateTime<Utc>) -> HandlerResult<Incoming<T>> {
    let incoming = parse::<Incoming<T>>(json, now)?.into_inner();
    if incoming.id.is_some_and(|sent| sent != id) {
        return Err(Problem::invalid(
            "/id",
            FindingCode::Mismatch,
            "must equal the id of the record",
        ));
    }
    Ok(Incoming {
        id: Some(id),
        ..incoming
    })
}
