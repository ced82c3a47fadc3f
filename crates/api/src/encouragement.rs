//! Encouragements, from the person's side: reading them, saying thanks, and hiding them.

use actix_web::HttpResponse;
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    encouragement::{Encouragement, NewThanks},
    record::json as to_json,
};
use serde_json::{Value, json};

use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::{Reply, perform},
        problem::{HandlerResult, Problem},
        replay::replaying,
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::{
        cache_private, contribution_page, contribution_range, gives_contributions, id_parameter,
        missing_unless, write,
    },
};

const PATH: &str = "/v1/encouragements";

/// Returns the endpoints of encouragements.
pub fn endpoints() -> Vec<Endpoint> {
    vec![list_endpoint(), thank_endpoint(), hide_endpoint()]
}

fn list_endpoint() -> Endpoint {
    let endpoint = endpoint::get(PATH, list)
        .operation(
            Tag::Sharing,
            "listEncouragements",
            "List kind words of people who help",
        )
        .about("What people who help wrote to you, newest first. Each may write a few times a day.");
    gives_contributions::<Encouragement>(endpoint, "EncouragementList", encouragement_example)
}

fn thank_endpoint() -> Endpoint {
    let handler = missing_unless(look_up, replaying(thank));
    endpoint::post(format!("{PATH}/{{id}}/thanks"), handler)
        .operation(Tag::Sharing, "thankForEncouragement", "Say thanks for kind words")
        .about("With or without words. A later thanks takes the place of an earlier one.")
        .parameter(id_parameter())
        .takes::<NewThanks>(|| json!({ "text": "That meant a lot today." }))
        .gives::<Encouragement>(200, "Thanked.", encouragement_example)
}

fn hide_endpoint() -> Endpoint {
    endpoint::delete(format!("{PATH}/{{id}}"), hide)
        .operation(Tag::Sharing, "hideEncouragement", "Hide kind words")
        .about("They leave your list. Who wrote them is not told.")
        .parameter(id_parameter())
        .gives_nothing(204, "Hidden.")
}

fn encouragement_example() -> Value {
    serde_json::to_value(Encouragement::example()).unwrap_or_default()
}

/// Finds whether the caller has the encouragement in the path, and has not hidden it.
fn look_up(caller: Caller) -> LocalBoxFuture<'static, HandlerResult<()>> {
    async move {
        let id = caller.path_id("id")?;
        let read = caller
            .state
            .store
            .read(caller.scope(), move |records| records.encouragement(id));
        Ok(read.await.map(drop)?)
    }
    .boxed_local()
}

async fn list(caller: Caller) -> HandlerResult {
    let range = contribution_range(&caller)?;
    let read = caller.read_long(move |records| records.encouragements(range));
    Ok(contribution_page(&read.await?))
}

async fn thank(body: Body<NewThanks>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let (id, now) = (caller.path_id("id")?, caller.state.clock.now());
    let thanks = value.into_inner();
    perform(&caller, key, now, Problem::from, move |writer| {
        let thanked = writer.lock()?.thank(id, thanks)?;
        Ok(Reply::new(cache_private(HttpResponse::Ok()), to_json(&thanked)))
    })
    .await
}

async fn hide(caller: Caller) -> HandlerResult {
    let (id, now) = (caller.path_id("id")?, caller.state.clock.now());
    write(&caller, now, Problem::from, move |writer| {
        writer.lock()?.hide_encouragement(id)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
