//! Replays the stored response to a request that is sent again with its `Idempotency-Key`, before its body is validated.
//!
//! A body that was valid when the first response was given may be invalid by now, for example because the clock was set
//! back. The retry must get the first response all the same.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, Handler, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};

use crate::http::{
    body::{Body, Input, parse_in_turn, read_bytes},
    caller::Caller,
    idempotency::{HeldKey, Reply},
    problem::{HandlerResult, Problem},
};

/// A signed-in request with a JSON body: either a first one, which is validated, or a retry that has its response.
pub enum MaybeReplayed<T> {
    /// There is no stored response.
    First(Box<Body<T>>),
    /// The response that was stored under the request's key.
    Replayed(Reply),
}

impl<T: Input> FromRequest for MaybeReplayed<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let caller = Caller::of(&request).await?;
            let owner = Some(caller.scope().account());
            let (bytes, key) = read_bytes(&request, owner, &mut payload).await?;
            if let Some(key) = key.as_ref().map(HeldKey::key) {
                let read = move |records: &mut mainstay_store::Records<'_>| records.stored_response(&key);
                if let Some(stored) = caller.state.store.read(caller.scope(), read).await? {
                    return Ok(Self::Replayed(Reply::from_bytes(&stored)?));
                }
            }
            let value = parse_in_turn(&caller.state, owner, bytes).await?;
            Ok(Self::First(Box::new(Body { caller, value, key })))
        }
        .boxed_local()
    }
}

/// Wraps a handler so that it only sees requests without a stored response.
pub fn replaying<T, H>(handler: H) -> impl Handler<(MaybeReplayed<T>,), Output = HandlerResult>
where
    T: Input,
    H: Handler<(Body<T>,), Output = HandlerResult>,
{
    move |request| -> Pin<Box<dyn Future<Output = HandlerResult>>> {
        let handler = handler.clone();
        Box::pin(async move {
            match request {
                MaybeReplayed::Replayed(reply) => Ok(reply.into_response()),
                MaybeReplayed::First(body) => handler.call((*body,)).await,
            }
        })
    }
}
