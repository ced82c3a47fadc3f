//! Sign-offs of a plan by the person.

use actix_web::HttpResponse;
use mainstay_domain::{
    record::{Kind, json as to_json},
    sign_off::{NewSignOff, SignOff},
};
use mainstay_store::{Author, Contributed};
use serde_json::{Value, json};

use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::{Reply, perform},
        problem::{HandlerResult, Problem, ProblemKind},
        replay::replaying,
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::{
        cache_private, contribution_page, contribution_range, gives_contributions, id_parameter,
        missing_first,
    },
    server::id::new_id,
};

/// Returns the endpoints of sign-offs.
pub fn endpoints() -> Vec<Endpoint> {
    let list = endpoint::get("/v1/plans/{id}/sign-offs", list)
        .operation(Tag::Plans, "listPlanSignOffs", "List who signed a plan off")
        .about("Who stands behind which number of the plan, newest first. A new number has no sign-offs.")
        .parameter(id_parameter());
    vec![
        sign_endpoint(),
        gives_contributions::<SignOff>(list, "PlanSignOffList", sign_off_example),
    ]
}

fn sign_endpoint() -> Endpoint {
    endpoint::post(
        "/v1/plans/{id}/sign-off",
        missing_first(Kind::Plan, replaying(sign)),
    )
    .operation(Tag::Plans, "signPlanOff", "Sign a plan off")
    .about(
        "Says that you stand behind the number of the plan that you have seen, which must be the latest. Signing the same number \
         again changes nothing.",
    )
    .parameter(id_parameter())
    .takes::<NewSignOff>(|| json!({ "number": 2 }))
    .gives::<SignOff>(201, "Signed.", sign_off_example)
    .gives::<SignOff>(200, "Signed before.", sign_off_example)
    .with_headers(&["Idempotent-Replayed"])
    .problems(&[ProblemKind::PlanNumberChanged])
}

fn sign_off_example() -> Value {
    serde_json::to_value(SignOff::example()).unwrap_or_default()
}

async fn list(caller: Caller) -> HandlerResult {
    let (plan, range) = (caller.path_id("id")?, contribution_range(&caller)?);
    let read = caller.read_long(move |records| records.sign_offs(plan, range));
    Ok(contribution_page(&read.await?))
}

async fn sign(body: Body<NewSignOff>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let (plan, now) = (caller.path_id("id")?, caller.state.clock.now());
    let author = Author::of(caller.scope(), caller.principal.role);
    let (new, id) = (value.into_inner(), new_id());
    perform(&caller, key, now, Problem::from, move |writer| {
        let signed = writer.lock()?.sign_off(&author, plan, (id, new))?;
        let (response, sign_off) = match signed {
            Contributed::New(sign_off) => (HttpResponse::Created(), sign_off),
            Contributed::Replayed(sign_off) => {
                let mut response = HttpResponse::Ok();
                response.insert_header(("Idempotent-Replayed", "true"));
                (response, sign_off)
            }
        };
        Ok(Reply::new(cache_private(response), to_json(&sign_off)))
    })
    .await
}
