//! Help with a refused request: a person who has said that they are in danger is not left with an error alone.
//!
//! Nothing of a refused body is stored, so its own words count: what can be read of them, also if the body is no valid
//! record or a patch.

use std::pin::Pin;

use actix_web::{FromRequest, Handler, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    account::quota::Reserve,
    insight::facts::WithId,
    record::{Incoming, Record},
    support::toolkit::HelpOccasion,
    value::timestamp::Timestamp,
};
use uuid::Uuid;

use super::{help_for_event, helplines_only};
use crate::{
    http::{
        body::parse_value,
        caller::Caller,
        kept_request::{keep, take},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::state::State,
};

/// What a handler takes, or the reason why the request does not have it.
pub struct Attempt<E> {
    request: HttpRequest,
    extracted: HandlerResult<E>,
}

impl<E> FromRequest for Attempt<E>
where
    E: FromRequest<Error = Problem, Future = LocalBoxFuture<'static, HandlerResult<E>>> + 'static,
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        keep(request);
        let (request, extracted) = (request.clone(), E::from_request(request, payload));
        async move {
            let extracted = extracted.await;
            Ok(Self { request, extracted })
        }
        .boxed_local()
    }
}

/// Wraps a handler that stores or changes a record, so that a refusal carries help if the body tells of acute danger.
pub fn helping<T, E, H>(handler: H) -> impl Handler<(Attempt<E>,), Output = HandlerResult>
where
    T: Record + HelpOccasion,
    E: FromRequest<Error = Problem, Future = LocalBoxFuture<'static, HandlerResult<E>>> + 'static,
    H: Handler<(E,), Output = HandlerResult>,
{
    move |attempt: Attempt<E>| -> Pin<Box<dyn Future<Output = HandlerResult>>> {
        let handler = handler.clone();
        Box::pin(async move {
            let Attempt { request, extracted } = attempt;
            let response = match extracted {
                Ok(extracted) => handler.call((extracted,)).await,
                Err(problem) => Err(problem),
            };
            match response {
                Err(problem) => Err(Box::pin(with_help::<T>(&request, problem)).await),
                done => done,
            }
        })
    }
}

/// Returns a craving or use event that is sound, and for which a full account has no room even in its reserve.
fn without_room<T: Record>(problem: &Problem, body: &[u8]) -> Option<T> {
    if problem.kind != ProblemKind::QuotaExceeded || Reserve::of(T::KIND) == Reserve::None {
        return None;
    }
    let incoming: Incoming<T> = serde_json::from_slice(body).ok()?;
    Some(incoming.body)
}

/// Adds help to a problem, if the caller is known, and the body tells of acute danger or is an event for which there is no room.
async fn with_help<T: Record + HelpOccasion>(request: &HttpRequest, problem: Problem) -> Problem {
    let Some((principal, body)) = take(request) else {
        return problem;
    };
    let (state, length) = (State::of(request), body.len());
    let now = state.clock.now();
    let account = Some(principal.scope.account());
    let (text, refusal) = (body.clone(), problem.clone());
    let read = move || {
        let told = parse_value(&text).ok();
        told.and_then(|body| T::told_in(&body.value, Timestamp::utc(now)))
            .or_else(|| without_room::<T>(&refusal, &text))
    };
    let told = state.large_bodies.work_on(length, account, read).await;
    let Some(record) = told.ok().flatten() else {
        return problem;
    };
    let caller = Caller {
        principal,
        request: request.clone(),
        state,
    };
    let event = WithId {
        id: Uuid::nil(),
        record,
        written: None,
    };
    // A server that is in trouble is not asked for more. One that refuses a full account is not.
    let is_in_trouble = problem.kind.status().is_server_error() && problem.kind != ProblemKind::QuotaExceeded;
    let help = if is_in_trouble {
        helplines_only(event, now)
    } else {
        help_for_event(&caller, event).await
    };
    Problem {
        support: Some(Box::new(help)),
        ..problem
    }
}
