//! Sync: `POST /v1/sync` pushes and pulls changes in one round trip. It is the same code for every noun.

mod apply;
mod cursor;
mod message;
mod prepare;
mod pull;
mod push;
mod work;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use mainstay_domain::{
    record::json as to_json,
    value::{list::List, number::Int, timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::{PersonScope, Records, StoreError, VersionTag, engine::log_label::keep_label};
use tokio::task::spawn_blocking;

use self::{
    cursor::{Cursors, Position},
    message::{
        MAX_CHANGES, SyncPush, SyncRequest, SyncResponse, SyncResult, bound_faults, request_example,
        response_example,
    },
    prepare::{PushContext, may_need_zone},
    pull::{pull, sync_state},
    push::{Push, merged_responses, named_questionnaires, stored_questionnaires},
    work::Work,
};
use crate::{
    http::{
        admission::turns::aside,
        body::Body,
        caller::Caller,
        idempotency::{Reply, perform},
        large_body::MAX_INLINE,
        problem::{ExpiryReason, HandlerResult, Problem, ProblemKind},
        replay::replaying,
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::{ValidationContexts, cache_private, validation_contexts, zone_of},
};

/// Up to so many changes are validated on the thread that serves requests, because that delays nobody noticeably.
const MAX_INLINE_CHANGES: usize = 32;
/// The number of changes on a page if the request has no `limit`.
const DEFAULT_LIMIT: i64 = 200;

/// Returns the endpoint of sync.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::post("/v1/sync", replaying(sync))
            .operation(Tag::Sync, "synchronize", "Push changes and pull what is new")
            .about(
                "Each change is evaluated on its own: `upsert` creates or replaces a record, `merge` changes the members that it names and \
                 keeps all others, `delete` deletes. All accepted changes are durable before the response. A batch that is sent \
                 again, in any order, gives the same state once. A version mismatch is a `conflict` with the server's `current`. \
                 After a change that failed, later changes to the same record are `skipped`. A change may refer to a record \
                 that comes later in the batch. Pull with the cursor of the response until `has_more` is false; begin with null.",
            )
            .takes::<SyncRequest>(request_example)
            .gives::<SyncResponse>(200, "The result of each change, and what is new.", response_example)
            .problems(&[ProblemKind::CursorExpired]),
    ]
}

async fn sync(body: Body<SyncRequest>) -> HandlerResult {
    let (caller, request) = (&body.caller, body.value.into_inner());
    let cursors = Cursors::new(caller)?;
    let pull = Pull::of(caller, &cursors, &request).await?;
    if request.changes.is_empty() && body.key.is_none() {
        let now = caller.state.clock.now();
        let read = caller.state.store.read(caller.scope(), move |records| {
            pull.respond(records, Vec::new(), &cursors, now)
        });
        let response = read.await.map(Reply::into_response).map_err(cursor_problem);
        return pull.with_reason(caller, response).await;
    }
    let questionnaires = contexts_of(caller, &request.changes).await?;
    let zone = if request.changes.iter().any(may_need_zone) {
        zone_of(caller).await?
    } else {
        Tz::UTC
    };
    let turn = aside(caller.state.pushes.wait(caller.scope().account())).await?;
    let now = caller.state.clock.now();
    let context = PushContext {
        questionnaires,
        zone,
        now,
        work: Work::default(),
    };
    let push = prepare(request.changes, caller.scope().clone(), context).await?;
    let pushed = perform(caller, body.key, now, cursor_problem, move |writer| {
        // Held until the work is done, even if the client is gone by then.
        let _turn = turn;
        let mut writer = writer.lock()?;
        let results = push.apply(&mut writer)?;
        pull.respond(writer.records(), results, &cursors, now)
    });
    pull.with_reason(caller, pushed.await).await
}

/// Loads the validation contexts of the changes that need one.
async fn contexts_of(caller: &Caller, changes: &[SyncPush]) -> HandlerResult<ValidationContexts> {
    let (mut questionnaires, merged) = (named_questionnaires(changes), merged_responses(changes));
    if !merged.is_empty() {
        let read = caller.read_long(move |records| stored_questionnaires(records, &merged));
        questionnaires.extend(read.await?);
    }
    validation_contexts(caller, questionnaires).await
}

/// Validates the changes of a push. Many or large changes are validated on a thread that may block, so that other requests on this
/// one do not wait.
async fn prepare(
    changes: List<SyncPush, MAX_CHANGES>,
    scope: PersonScope,
    context: PushContext,
) -> Result<Push, StoreError> {
    let length = |change: &SyncPush| change.record.as_ref().map_or(0, |record| record.get().len());
    if changes.len() <= MAX_INLINE_CHANGES && changes.iter().map(length).sum::<usize>() <= MAX_INLINE {
        return Push::prepare(changes, &scope, context);
    }
    let prepare = keep_label(move || Push::prepare(changes, &scope, context));
    spawn_blocking(prepare)
        .await
        .map_err(|_panic| StoreError::Internal("changes could not be prepared".to_owned()))?
}

/// Converts an error of the store. A cursor that expired while the request was under way is reported as
/// [`StoreError::NotFound`].
fn cursor_problem(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(ProblemKind::CursorExpired),
        other => other.into(),
    }
}

/// The problem of a cursor that has expired.
fn expired(reason: ExpiryReason) -> Problem {
    Problem {
        reason: Some(reason),
        ..Problem::new(ProblemKind::CursorExpired)
    }
}

/// The pull of a request.
#[derive(Debug, Clone, Copy)]
struct Pull {
    /// The position of the request's cursor; `None` pulls everything.
    after: Option<Position>,
    /// The epoch of the person's changes.
    epoch: i64,
    limit: i64,
}

impl Pull {
    /// Reads the request's cursor.
    ///
    /// # Errors
    /// 422 for a cursor that is not one of this account; 410 for one that has expired.
    async fn of(caller: &Caller, cursors: &Cursors, request: &SyncRequest) -> HandlerResult<Self> {
        let after = match &request.cursor {
            None => None,
            Some(text) => Some(cursors.decode(text).ok_or_else(|| {
                Problem::invalid(
                    "/cursor",
                    FindingCode::Cursor,
                    "must be a cursor that this server gave to this account",
                )
            })?),
        };
        let sync_state = caller.state.store.read(caller.scope(), sync_state).await?;
        if let Some(reason) = after.and_then(|after| after.expiry(&sync_state)) {
            return Err(expired(reason));
        }
        // Versions from before a restore look like those after it. A cursor tells them apart; without one nothing does.
        let has_base = |change: &SyncPush| change.base_version.is_some();
        if after.is_none()
            && sync_state.epoch != VersionTag::FIRST_EPOCH
            && request.changes.iter().any(has_base)
        {
            return Err(expired(ExpiryReason::Restored));
        }
        Ok(Self {
            after,
            epoch: sync_state.epoch,
            limit: request.limit.map_or(DEFAULT_LIMIT, Int::get),
        })
    }

    /// Adds the reason to the problem of a cursor that expired while the request was under way.
    async fn with_reason(self, caller: &Caller, response: HandlerResult) -> HandlerResult {
        match response {
            Err(problem) if problem.kind == ProblemKind::CursorExpired => {
                let state = caller.state.store.read(caller.scope(), sync_state).await?;
                let reason = self.after.and_then(|after| after.expiry(&state));
                // Without a cursor only another epoch can be the reason.
                Err(expired(reason.unwrap_or(ExpiryReason::Restored)))
            }
            response => response,
        }
    }

    /// Pulls a page and builds the response.
    fn respond(
        self,
        records: &mut Records<'_>,
        mut results: Vec<SyncResult>,
        cursors: &Cursors,
        now: DateTime<Utc>,
    ) -> Result<Reply, StoreError> {
        let after = self.after.map_or(0, |after| after.rev);
        let page = pull(records, after, self.limit)?;
        let expiry = self.after.and_then(|after| after.expiry(&page.sync_state));
        if page.sync_state.epoch != self.epoch || expiry.is_some() {
            return Err(StoreError::NotFound);
        }
        bound_faults(&mut results);
        let response = SyncResponse {
            results,
            changes: page.encode()?,
            cursor: cursors.encode(&Position {
                epoch: self.epoch,
                rev: page.upto,
                floor_rev: page.sync_state.floor_rev,
            }),
            has_more: page.has_more,
            server_time: Timestamp::utc(now),
        };
        Ok(Reply::new(cache_private(HttpResponse::Ok()), to_json(&response)))
    }
}
