//! Reads the body of a `PATCH`: a JSON Merge Patch (RFC 7396), of which the media type is `application/merge-patch+json`.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::record::merge_patch::MergePatch;

use crate::http::{
    body::{MAX_BODY, json_bytes, parse_patch},
    caller::Caller,
    problem::{HandlerResult, Problem, ProblemKind},
};

/// The media type of a JSON Merge Patch.
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// A signed-in request with a patch. The sign-in is checked before the body.
pub struct PatchBody {
    /// The account that sent it.
    pub caller: Caller,
    /// The patch.
    pub patch: MergePatch,
}

impl FromRequest for PatchBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let caller = Caller::of(&request).await?;
            let bytes = json_bytes(&request, MERGE_PATCH, MAX_BODY, &mut payload)
                .await
                .map_err(naming_media_type)?;
            let account = Some(caller.scope().account());
            let read = (caller.state.large_bodies)
                .work_on(bytes.len(), account, move || parse_patch(&bytes))
                .await?;
            Ok(Self { patch: read?, caller })
        }
        .boxed_local()
    }
}

/// Lets the refusal of a media type name the one that is accepted.
fn naming_media_type(problem: Problem) -> Problem {
    let is_media_type = problem.kind == ProblemKind::UnsupportedMediaType;
    Problem {
        accept_patch: is_media_type.then_some(MERGE_PATCH),
        ..problem
    }
}
