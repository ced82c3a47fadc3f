//! A record that is not there is told of first: 404 comes before everything that is wrong with the request beside it.
//!
//! What is wrong with a body means nothing for a record that does not exist, and neither does a precondition (RFC 9110,
//! section 13.2.1). The record is only looked for where the request is refused, so a good request costs no more.

use std::{future::Future, pin::Pin};

use actix_web::{Error, FromRequest, Handler, HttpRequest};
use mainstay_domain::record::Kind;

use super::read::find_by_path_id;
use crate::http::{
    caller::Caller,
    problem::{HandlerResult, Problem, ProblemKind},
};

/// Wraps a handler of requests on the record of a kind whose id is in the path, so that they are 404 if there is no such
/// record of the caller.
pub fn missing_first<Args, H>(
    kind: Kind,
    handler: H,
) -> impl Handler<(HttpRequest, Result<Args, Error>), Output = HandlerResult>
where
    Args: FromRequest<Error = Error> + 'static,
    H: Handler<Args, Output = HandlerResult>,
{
    let find = async move |caller: Caller| find_by_path_id(&caller, kind).await.map(drop);
    missing_unless(find, handler)
}

/// Wraps a handler of requests on something of the caller's, so that they are 404 if `find` does not find it.
pub fn missing_unless<Args, H, F>(
    find: F,
    handler: H,
) -> impl Handler<(HttpRequest, Result<Args, Error>), Output = HandlerResult>
where
    Args: FromRequest<Error = Error> + 'static,
    H: Handler<Args, Output = HandlerResult>,
    F: AsyncFn(Caller) -> HandlerResult<()> + Clone + 'static,
{
    move |request: HttpRequest,
          extracted: Result<Args, Error>|
          -> Pin<Box<dyn Future<Output = HandlerResult>>> {
        let (handler, find) = (handler.clone(), find.clone());
        Box::pin(async move {
            let response = match extracted {
                Ok(arguments) => handler.call(arguments).await,
                Err(error) => Err(problem_of(&error)),
            };
            match response {
                Err(problem) if depends_on_record(problem.kind) => {
                    Err(unless_missing(&request, find, problem).await)
                }
                other => other,
            }
        })
    }
}

/// The problem that an extractor refuses a request with.
fn problem_of(error: &Error) -> Problem {
    let problem = error.as_error::<Problem>().cloned();
    problem.unwrap_or_else(|| Problem::internal(error))
}

/// Whether a problem means something only if there is a record.
fn depends_on_record(kind: ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::MalformedJson
            | ProblemKind::Validation
            | ProblemKind::VersionMismatch
            | ProblemKind::PreconditionRequired
    )
}

/// Returns the problem, or that of a missing record with the same help.
async fn unless_missing(
    request: &HttpRequest,
    find: impl AsyncFn(Caller) -> HandlerResult<()>,
    problem: Problem,
) -> Problem {
    // The request was refused already, so a fault of the store is of no interest.
    let found = match Caller::authenticated(request).await {
        Ok(caller) => find(caller).await,
        Err(_) => return problem,
    };
    match found {
        Err(Problem {
            kind: ProblemKind::NotFound,
            ..
        }) => Problem {
            support: problem.support,
            ..Problem::new(ProblemKind::NotFound)
        },
        _ => problem,
    }
}
