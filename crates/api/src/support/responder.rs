//! Stores a record and responds with it and with help.

use std::marker::PhantomData;

use actix_web::{HttpResponse, HttpResponseBuilder};
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::Profile,
    insight::facts::WithId,
    record::{Incoming, Record, json as to_json},
    support::toolkit::{HelpOccasion, Toolkit},
};
use mainstay_store::{Created, StoreError, Stored};

use super::{
    build_toolkit, help_for_event, helplines_only,
    records::{HelpRecords, read_records, with_id},
};
use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::Reply,
        patch::PatchBody,
        problem::{HandlerResult, Problem},
    },
    record::{
        CreateResponder, Creation, ReadContext, cache_private, create_with, created_response, encode,
        json_response, merge_record, new_draft, profile, replace_record, store_new, tagged, zone_for,
    },
};

/// Where a response has the record, and when it has help.
#[derive(Debug, Clone, Copy)]
pub enum RecordPlace {
    /// In a member of this name, always beside `support`.
    Member(&'static str),
    /// The response is the record. It has the member `support` at its end if the record, as it is stored, tells of acute
    /// danger by itself.
    Response,
}

/// Stores a record and responds with it, and with help as its place says.
///
/// # Errors
/// 422 that names every wrong field; the store's refusals.
pub async fn create_with_help<T: Record + HelpOccasion>(
    body: Body<Incoming<T>>,
    place: RecordPlace,
) -> HandlerResult {
    let (caller, mut incoming) = (&body.caller, body.value.into_inner());
    if matches!(place, RecordPlace::Response) && body.key.is_none() {
        // Most check-ins need no help, and then neither the account nor anything else is read.
        let created = store_new(caller, incoming).await?;
        let (response, stored) = created_response::<T>(&created);
        return respond::<T>(caller, response, stored).await;
    }
    let profile = profile(caller).await;
    let zone = match &profile {
        Ok(profile) => profile.time_zone.0,
        Err(_) => zone_for(caller, &mut incoming).await?,
    };
    let now = caller.state.clock.now();
    let responder = HelpResponder::<T> {
        profile,
        place,
        now,
        event: PhantomData,
    };
    let creation = Creation {
        draft: new_draft(incoming, now, zone)?,
        caller,
        now,
        key: body.key,
    };
    Box::pin(create_with::<T, _>(creation, responder)).await
}

/// Replaces a record and responds with it, and with help if it tells of acute danger now.
///
/// # Errors
/// As of [`replace_record`].
pub async fn replace_with_help<T: Record + HelpOccasion>(body: Body<Incoming<T>>) -> HandlerResult {
    let stored = replace_record(&body.caller, body.value).await?;
    respond::<T>(&body.caller, tagged(HttpResponse::Ok(), stored.tag()), &stored).await
}

/// Merges a patch into a record and responds with it, and with help if it tells of acute danger now.
///
/// # Errors
/// As of [`merge_record`].
pub async fn merge_with_help<T: Record + HelpOccasion>(body: PatchBody) -> HandlerResult {
    let (caller, patch) = (&body.caller, body.patch);
    let (id, expected) = (caller.path_id("id")?, caller.if_match()?);
    let stored = merge_record::<T>(caller, patch, id, expected).await?;
    respond::<T>(caller, tagged(HttpResponse::Ok(), stored.tag()), &stored).await
}

/// Responds with a stored record, and with help if it tells of acute danger.
async fn respond<T: Record + HelpOccasion>(
    caller: &Caller,
    response: HttpResponseBuilder,
    stored: &Stored,
) -> HandlerResult {
    let event = with_id::<T>(stored)?;
    let body = if event.record.tells_of_danger() {
        let help = Box::pin(help_for_event(caller, event)).await;
        with_support(RecordPlace::Response, encode(stored), &help)
    } else {
        encode(stored)
    };
    Ok(json_response(response, body))
}

/// Puts help for an event together. Help that cannot be put together has what the event itself tells of, and the helplines
/// that need no record.
fn help_for<T: HelpOccasion>(
    event: WithId<T>,
    sources: HandlerResult<(Profile, HelpRecords, DateTime<Utc>)>,
    now: DateTime<Utc>,
) -> Toolkit {
    match sources {
        Ok((profile, records, now)) => build_toolkit(event, &profile, records, now),
        Err(problem) => {
            log::error!("help could not be put together: {problem}");
            helplines_only(event, now)
        }
    }
}

/// Responds to the create of a record with the record and with help.
///
/// Help that cannot be put together never hides that the record was stored.
#[derive(Clone)]
struct HelpResponder<T> {
    profile: HandlerResult<Profile>,
    place: RecordPlace,
    now: DateTime<Utc>,
    event: PhantomData<fn() -> T>,
}

impl<T: Record + HelpOccasion> HelpResponder<T> {
    /// Whether the response to this record has help.
    fn has_help(&self, stored: &Stored) -> Result<bool, StoreError> {
        match self.place {
            RecordPlace::Member(_) => Ok(true),
            RecordPlace::Response => Ok(with_id::<T>(stored)?.record.tells_of_danger()),
        }
    }
}

impl<T: Record + HelpOccasion> CreateResponder for HelpResponder<T> {
    type Context = HelpRecords;

    fn reader(&self) -> Option<ReadContext<HelpRecords>> {
        Some(read_records)
    }

    fn context_reader(&self, created: &Created) -> Option<ReadContext<HelpRecords>> {
        let (Created::New(stored) | Created::Replayed(stored)) = created;
        let reader: ReadContext<HelpRecords> = read_records;
        self.has_help(stored).unwrap_or(true).then_some(reader)
    }

    fn respond(
        self,
        created: &Created,
        context: Option<Result<HelpRecords, StoreError>>,
    ) -> Result<Reply, StoreError> {
        let (response, stored) = created_response::<T>(created);
        if !self.has_help(stored)? {
            return Ok(Reply::new(cache_private(response), encode(stored)));
        }
        let records = context.unwrap_or_else(|| Err(StoreError::Internal("help without records".to_owned())));
        let now = self.now;
        let sources = self
            .profile
            .and_then(|profile| Ok((profile, records.map_err(Problem::from)?, now)));
        let help = help_for(with_id::<T>(stored)?, sources, now);
        let body = with_support(self.place, encode(stored), &help);
        Ok(Reply::new(cache_private(response), body))
    }
}

/// Puts help beside an encoded record.
fn with_support(place: RecordPlace, mut record: Vec<u8>, help: &Toolkit) -> Vec<u8> {
    let mut body = match place {
        RecordPlace::Member(name) => {
            let mut body = format!("{{\"{name}\":").into_bytes();
            body.append(&mut record);
            body
        }
        RecordPlace::Response => {
            // The closing brace moves behind the help.
            record.pop();
            record
        }
    };
    body.extend_from_slice(b",\"support\":");
    body.extend_from_slice(&to_json(help));
    body.push(b'}');
    body
}
