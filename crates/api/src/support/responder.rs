//! Stores a record and responds with it and with help.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::Profile,
    record::{Incoming, Record, json as to_json},
    support::toolkit::{HelpOccasion, Toolkit},
};
use mainstay_store::{Created, StoreError};

use super::{
    build_toolkit, helplines_only,
    records::{HelpRecords, read_records, with_id},
};
use crate::{
    http::{
        body::Body,
        idempotency::Reply,
        problem::{HandlerResult, Problem},
    },
    record::{
        CreateResponder, Creation, ReadContext, cache_private, create_with, created_response, encode,
        new_draft, profile, zone_for,
    },
};

/// Where a response has the record.
#[derive(Debug, Clone, Copy)]
pub enum RecordPlace {
    /// In a member of this name, beside `support`.
    Member(&'static str),
    /// The response is the record, with the member `support` at its end.
    Response,
}

/// Stores a record and responds with it and with help.
///
/// # Errors
/// 422 that names every wrong field; the store's refusals.
pub async fn create_with_help<T: Record + HelpOccasion>(
    body: Body<Incoming<T>>,
    place: RecordPlace,
) -> HandlerResult {
    let (caller, mut incoming) = (&body.caller, body.value.into_inner());
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
    create_with::<T, _>(creation, responder).await
}

/// Responds to the create of a record with the record and with help.
///
/// Help that cannot be put together never hides that the record was stored: then the response has what the record itself
/// tells of, and the helplines that need no record.
struct HelpResponder<T> {
    profile: HandlerResult<Profile>,
    place: RecordPlace,
    now: DateTime<Utc>,
    event: PhantomData<fn() -> T>,
}

impl<T: Record + HelpOccasion> CreateResponder for HelpResponder<T> {
    type Context = HelpRecords;
    const READ_CONTEXT: Option<ReadContext<HelpRecords>> = Some(read_records);

    fn respond(
        self,
        created: &Created,
        context: Option<Result<HelpRecords, StoreError>>,
    ) -> Result<Reply, StoreError> {
        let (Created::New(stored) | Created::Replayed(stored)) = created;
        let records = context.unwrap_or_else(|| Err(StoreError::Internal("help without records".to_owned())));
        let sources = self
            .profile
            .and_then(|profile| Ok((profile, records.map_err(Problem::from)?)));
        let event = with_id::<T>(stored)?;
        let help = match sources {
            Ok((profile, records)) => build_toolkit(event, &profile, records, self.now),
            Err(problem) => {
                log::error!("help could not be put together: {problem}");
                helplines_only(event, self.now)
            }
        };
        let (response, stored) = created_response::<T>(created);
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
