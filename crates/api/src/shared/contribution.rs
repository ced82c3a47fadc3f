//! What the caller gives to a person, and reads again: who may, what the access log says of it, and how a retry is answered.
//!
//! Under the key of a request only the id of what was given is stored. A retry reads it again, so that the consents are judged
//! again, and what it shows is accounted for.

use actix_web::{HttpResponse, HttpResponseBuilder, http::StatusCode};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    audit::{AccessAction, View, What},
    record::{Kind, json as to_json},
    sharing::DataClass,
};
use mainstay_store::{
    Contributed, ContributionRefusal, LockedWriter, Records, StoreError,
    sharing::{Contributor, Found, Grants, Reach, SharedRead, SharedWrite, Tally, Written},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    answer::{DisclosureNote, respond_with},
    caller::SharedCaller,
    record::tally_of,
};
use crate::{
    http::{
        admission::turns::aside,
        caller::Caller,
        idempotency::{HeldKey, Reply, reply_of_other, stored_reply},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::clock::micros,
};

/// What every operation of those who help says of itself.
pub const NOTICE: &str = "The person sees in their access log who did it. Whoever may not do it gets the same 404 as for a person \
     who does not exist.";

/// Something that helpers do: who may, and what it is about.
#[derive(Clone, Copy)]
pub struct Task {
    /// Who may do it.
    pub is_allowed: fn(&Contributor) -> bool,
    /// What the access log says that somebody asked for who may not.
    pub what: What,
    /// What is given out, in a few words.
    pub description: &'static str,
    /// The class that what it tells of belongs to; `None` if it tells nothing of the record.
    pub class: Option<DataClass>,
}

impl Task {
    fn asks(&self, caller: &SharedCaller) -> SharedRead {
        caller.asks(
            AccessAction::Read,
            self.what,
            self.description.to_owned(),
            Reach::Short,
        )
    }

    fn allows(&self, contributor: &Contributor) -> bool {
        self.class.is_none_or(|class| contributor.may_see(class)) && (self.is_allowed)(contributor)
    }
}

/// What was given, with what the access log and the accounting say of it.
pub struct Given<T> {
    /// What was given.
    pub contributed: Contributed<T>,
    /// Its id, by which it is read again.
    pub id: Uuid,
    /// What was done, if it is new.
    pub action: AccessAction,
    /// What the answer tells.
    pub tally: Tally,
}

/// How a request to give something ended.
pub enum Outcome<T> {
    /// It was carried out.
    Done(Contributed<T>, DisclosureNote),
    /// It was carried out before. The reply names what was given.
    Before(Reply),
}

impl SharedCaller {
    /// Gives something to the person, and only once for each key.
    ///
    /// # Errors
    /// 404 if the caller may not; the problems of what is given.
    pub async fn give<T, F>(&self, key: Option<&HeldKey>, task: Task, work: F) -> HandlerResult<Outcome<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut LockedWriter<'_, '_>, &Contributor) -> Result<Given<T>, StoreError> + Send + 'static,
    {
        let state = &self.caller.state;
        if let Some(reply) = stored_reply(state, key).await? {
            return Ok(Outcome::Before(reply));
        }
        let write = SharedWrite {
            access: task.asks(self),
            key: key.map(HeldKey::key),
        };
        let now = micros(state.clock.now());
        let written = state
            .store
            .write_shared(&self.reader, &write, now, move |writer, by| {
                if !task.allows(by) {
                    return Ok(None);
                }
                written(work(writer, by), task).map(Some)
            });
        match Box::pin(aside(written)).await {
            Ok(None) => Err(Problem::new(ProblemKind::NotFound)),
            Ok(Some((Ok((contributed, classes)), grants))) => {
                let note = self.note(&grants, classes);
                Ok(Outcome::Done(contributed, note))
            }
            Ok(Some((Err(refusal), _grants))) => Err(refusal.into()),
            Err(error) => match (error, key) {
                // Another server carries it out, or has done so meanwhile.
                (StoreError::KeyInUse, Some(key)) => Ok(Outcome::Before(reply_of_other(state, key).await?)),
                (error, _) => Err(error.into()),
            },
        }
    }

    /// Reads what the caller gave to the person.
    ///
    /// # Errors
    /// 404 if the caller may not, or if it is not there.
    pub async fn read_given<T, F>(&self, task: Task, work: F) -> HandlerResult<(T, DisclosureNote)>
    where
        T: Send + 'static,
        F: Fn(&mut Records<'_>, &Contributor) -> Result<Found<T>, StoreError> + Clone + Send + 'static,
    {
        let (asked, reader) = (task.asks(self), self.reader.clone());
        let read = self.read(&asked, move |records: &mut Records<'_>, grants: &Grants| {
            let contributor = records.contributor(&reader, grants)?;
            let Some(contributor) = contributor.filter(|contributor| task.allows(contributor)) else {
                return Ok(None);
            };
            let found = match work(records, &contributor) {
                Err(StoreError::NotFound) => return Ok(None),
                found => found?,
            };
            let classes: Vec<DataClass> = found.tally.classes().collect();
            Ok(Some(Found {
                value: (found.value, classes),
                tally: found.tally,
            }))
        });
        let ((value, classes), grants) = read.await?;
        Ok((value, self.note(&grants, classes)))
    }
}

/// What was given with the classes that the answer tells of; or why it was refused.
type Answer<T> = Result<(Contributed<T>, Vec<DataClass>), ContributionRefusal>;

/// What the log and the accounting say of what was given. A refusal tells of a plan too, for example its number, so it is
/// accounted for. Nothing is written before something is refused.
fn written<T>(given: Result<Given<T>, StoreError>, task: Task) -> Result<Written<Answer<T>>, StoreError> {
    match (given, task.class) {
        (Err(StoreError::Contribution(refusal)), Some(class)) => {
            let mut tally = Tally::default();
            tally.add_view(View::Proposals, class);
            Ok(Written {
                value: Err(refusal),
                action: AccessAction::Read,
                tally,
                reply: None,
            })
        }
        (given, _) => {
            let Given {
                contributed,
                id,
                action,
                tally,
            } = given?;
            let (status, action) = match &contributed {
                Contributed::New(_) => (HttpResponse::Created(), action),
                Contributed::Replayed(_) => (replayed(), AccessAction::Read),
            };
            Ok(Written {
                value: Ok((contributed, tally.classes().collect())),
                action,
                tally,
                reply: Some(Reply::new(status, to_json(&id)).to_bytes()),
            })
        }
    }
}

/// Responds with what was given: 201 if it is new.
pub fn given_response<T: Serialize>(contributed: &Contributed<T>, note: &DisclosureNote) -> HttpResponse {
    match contributed {
        Contributed::New(new) => respond_with(HttpResponse::Created(), to_json(new), note),
        Contributed::Replayed(before) => respond_with(replayed(), to_json(before), note),
    }
}

/// The id of what was given by a request that was carried out before, and the beginning of the response to its retry.
///
/// # Errors
/// A stored reply without an id.
pub fn before(reply: &Reply) -> HandlerResult<(Uuid, HttpResponseBuilder)> {
    let id = serde_json::from_slice(&reply.body);
    let id = id.map_err(|error| Problem::internal(format!("a stored reply names nothing: {error}")))?;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponseBuilder::new(status);
    if status == StatusCode::OK {
        response.insert_header(REPLAYED);
    }
    Ok((id, response))
}

const REPLAYED: (&str, &str) = ("Idempotent-Replayed", "true");

fn replayed() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header(REPLAYED);
    response
}

/// The tally of an answer that shows something of a plan.
pub fn plan_tally(contributor: &Contributor, plan: Uuid) -> Tally {
    let mut tally = tally_of(Kind::Plan, DataClass::Plans, contributor.grants.covered());
    tally.add(Kind::Plan, DataClass::Plans, plan);
    tally
}

/// Finds whether the caller may do something with the plan in the path, for a request that is refused for another reason.
pub fn plan_in_path(task: Task) -> impl AsyncFn(Caller) -> HandlerResult<()> + Clone + 'static {
    move |caller: Caller| -> LocalBoxFuture<'static, HandlerResult<()>> {
        async move {
            let plan = caller.path_id("id")?;
            let caller = SharedCaller::from_caller(caller).await?;
            let read = caller.read_given(task, move |records, contributor| {
                records.get_live(Kind::Plan, plan)?.ok_or(StoreError::NotFound)?;
                Ok(Found {
                    value: (),
                    tally: plan_tally(contributor, plan),
                })
            });
            read.await.map(drop)
        }
        .boxed_local()
    }
}

/// Finds whether the caller may give something to the person in the path, for a request that is refused for another reason.
pub fn person_in_path(task: Task, view: View) -> impl AsyncFn(Caller) -> HandlerResult<()> + Clone + 'static {
    move |caller: Caller| -> LocalBoxFuture<'static, HandlerResult<()>> {
        async move {
            let caller = SharedCaller::from_caller(caller).await?;
            let read = caller.read_given(task, move |_, _| {
                let mut tally = Tally::default();
                tally.add_unclassed(view);
                Ok(Found { value: (), tally })
            });
            read.await.map(drop)
        }
        .boxed_local()
    }
}
