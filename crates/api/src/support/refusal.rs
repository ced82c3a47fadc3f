//! Help with a refused request: a person who has said that they are in danger is not left with an error alone.
//!
//! Nothing of a refused body is stored, so its own words count: what can be read of them, also if the body is no valid
//! record or a patch.

use std::pin::Pin;

use actix_web::{FromRequest, Handler, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    insight::facts::WithId, record::Record, support::toolkit::HelpOccasion, value::timestamp::Timestamp,
};
use uuid::Uuid;

use super::{helplines_only, responder::help_for, sources};
use crate::{
    http::{
        body::parse_value,
        caller::Caller,
        kept_request::{keep, take},
        problem::{HandlerResult, Problem},
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
                Err(problem) => Err(with_help::<T>(&request, problem).await),
                done => done,
            }
        })
    }
}

/// Adds help to a problem, if the caller is known and the body tells of acute danger.
async fn with_help<T: Record + HelpOccasion>(request: &HttpRequest, problem: Problem) -> Problem {
    let Some((principal, body)) = take(request) else {
        return problem;
    };
    let (state, length) = (State::of(request), body.len());
    let now = state.clock.now();
    let account = Some(principal.scope.account());
    let read = move || {
        let body = parse_value(&body).ok()?;
        T::told_in(&body.value, Timestamp::utc(now))
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
    // A server that is in trouble is not asked for more.
    let help = if problem.kind.status().is_server_error() {
        helplines_only(event, now)
    } else {
        help_for(event, sources(&caller).await, now)
    };
    Problem {
        support: Some(Box::new(help)),
        ..problem
    }
}
