//! Creating a record: `POST /v1/{collection}`, with or without an `Idempotency-Key`.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use mainstay_domain::record::{Draft, Incoming, Record};
use mainstay_store::{Created, Records, StoreError};

use super::{
    response::{cache_private, created_response, encode},
    validation_context::{with_context, zone_for},
    write::{new_draft, problem, store_draft},
};
use crate::http::{
    body::Body,
    caller::Caller,
    idempotency::{HeldKey, Reply, perform},
    problem::HandlerResult,
};

/// A validated record that is about to be stored for the caller.
pub struct Creation<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// The record.
    pub draft: Draft,
    /// The time of the request.
    pub now: DateTime<Utc>,
    /// The request's `Idempotency-Key`, if it has one.
    pub key: Option<HeldKey>,
}

/// Builds the response to a create.
pub trait CreateResponder: Clone + Send + 'static {
    /// The data that the response needs beside the new record.
    type Context: Send + 'static;

    /// Returns what reads the context; `None` if the response needs nothing but the stored record.
    fn context_reader(&self, created: &Created) -> Option<ReadContext<Self::Context>>;

    /// Returns what reads the context of responses that have one.
    fn reader(&self) -> Option<ReadContext<Self::Context>>;

    /// Builds the response. `context` is `None` if there is nothing to read.
    ///
    /// # Errors
    /// A stored record that cannot be read.
    fn respond(
        self,
        created: &Created,
        context: Option<Result<Self::Context, StoreError>>,
    ) -> Result<Reply, StoreError>;
}

/// Reads the context of a response from a person's record, as of a moment.
pub type ReadContext<C> = fn(&mut Records<'_>, DateTime<Utc>) -> Result<C, StoreError>;

/// Stores a new record and responds, once for each `Idempotency-Key`.
///
/// Without a key a record that has no side effects takes one statement. With a key the record and its response are
/// stored in one transaction.
///
/// # Errors
/// The store's refusals, as problems of the noun.
pub async fn create_with<T: Record, R: CreateResponder>(
    creation: Creation<'_>,
    responder: R,
) -> HandlerResult {
    let Creation {
        caller,
        draft,
        now,
        key,
    } = creation;
    if key.is_some() {
        // Read before the transaction, in which others would wait. The response adds the record that is stored.
        let mut context = match responder.reader() {
            Some(read) => Some(read_context(caller, read, now).await),
            None => None,
        };
        return perform(caller, key, now, problem::<T>, move |writer| {
            let created = writer.create(&draft)?;
            let context = responder
                .context_reader(&created)
                .and_then(|_read| context.take());
            responder.respond(&created, context)
        })
        .await;
    }
    let created = store_draft::<T>(caller, draft, now).await?;
    let Some(read) = responder.context_reader(&created) else {
        return Ok(responder.respond(&created, None)?.into_response());
    };
    // The response is built where its context is read: there may be much of it.
    let (in_turn, stored) = (responder.clone(), created.clone());
    let work = move |records: &mut Records<'_>| {
        let context = read(records, now)?;
        in_turn.clone().respond(&stored, Some(Ok(context)))
    };
    let reply = match caller.read_large(work).await {
        Ok(reply) => reply,
        Err(error) => responder.respond(&created, Some(Err(error)))?,
    };
    Ok(reply.into_response())
}

async fn read_context<C: Send + 'static>(
    caller: &Caller,
    read: ReadContext<C>,
    now: DateTime<Utc>,
) -> Result<C, StoreError> {
    let read = move |records: &mut Records<'_>| read(records, now);
    caller.read_large(read).await
}

/// Responds with the stored record alone.
#[derive(Clone)]
struct RecordOnly<T>(PhantomData<fn() -> T>);

impl<T: Record> CreateResponder for RecordOnly<T> {
    type Context = ();

    fn reader(&self) -> Option<ReadContext<()>> {
        None
    }

    fn context_reader(&self, _created: &Created) -> Option<ReadContext<()>> {
        None
    }

    fn respond(
        self,
        created: &Created,
        _context: Option<Result<(), StoreError>>,
    ) -> Result<Reply, StoreError> {
        let (response, record) = created_response::<T>(created);
        Ok(Reply::new(cache_private(response), encode(record)))
    }
}

/// Stores the record in the body.
pub async fn create<T: Record>(body: Body<Incoming<T>>) -> HandlerResult {
    let mut incoming = with_context(&body.caller, body.value.into_inner()).await?;
    let zone = zone_for(&body.caller, &mut incoming).await?;
    let now = body.caller.state.clock.now();
    let creation = Creation {
        draft: new_draft(incoming, now, zone)?,
        caller: &body.caller,
        now,
        key: body.key,
    };
    create_with::<T, _>(creation, RecordOnly::<T>(PhantomData)).await
}
