//! Reading one record: `GET /v1/{collection}/{id}`.

use actix_web::Handler;
use mainstay_domain::record::Kind;
use mainstay_store::Stored;

use super::response::{encode, versioned};
use crate::http::{
    caller::Caller,
    conditional::etag,
    problem::{HandlerResult, Problem, ProblemKind},
};

/// Reads the record whose id is in the path.
///
/// # Errors
/// 404 if the person has none.
pub async fn find_by_path_id(caller: &Caller, kind: Kind) -> HandlerResult<Stored> {
    let id = caller.path_id("id")?;
    let read = caller
        .state
        .store
        .read(caller.scope(), move |records| records.get(kind, id));
    read.await?.ok_or(Problem::new(ProblemKind::NotFound))
}

/// Returns the handler that reads one record of a collection.
pub fn read_handler(kind: Kind) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| read(caller, kind)
}

async fn read(caller: Caller, kind: Kind) -> HandlerResult {
    let record = find_by_path_id(&caller, kind).await?;
    Ok(versioned(&caller.request, &etag(record.tag()), || {
        encode(&record)
    }))
}
