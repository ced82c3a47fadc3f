//! The endpoints of restrictions: what a person keeps from others, whatever a consent says.

use mainstay_domain::{
    restriction::{Restriction, RestrictionStatus},
    sharing::{IncomingResource, Resource},
    value::timestamp::Timestamp,
};
use mainstay_store::StoreError;
use serde_json::{Value, json};

use crate::{
    http::{
        body::Body,
        caller::Caller,
        conditional::etag,
        idempotency::{self, perform},
        problem::{HandlerResult, Problem, ProblemKind},
        replay::replaying,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{Components, add_list, add_resource, add_resource_input},
    },
    record::{
        cursor_parameter, encode_resource, id_parameter, if_none_match, limit_parameter, page_response,
        resource_example, resource_page, resource_reply, resource_request_example, saved_reply, versioned,
    },
    server::id::new_id,
};

const PATH: &str = "/v1/restrictions";
const ONE: &str = "/v1/restrictions/{id}";

/// Returns the endpoints of restrictions.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        create_endpoint(),
        list_endpoint(),
        read_endpoint(),
        end_endpoint(),
    ]
}

fn create_endpoint() -> Endpoint {
    endpoint::post(PATH, replaying(create))
        .operation(Tag::Sharing, "createRestriction", "Keep classes of data from others")
        .about(
            "The restriction is agreed at once, and holds from the next request on, whatever a consent says. Without `recipients` it \
             holds for everyone. If it is sent again with the same id and content, the response is 200 with the restriction as it is \
             now.",
        )
        .takes_schema(
            Box::new(add_resource_input::<Restriction>),
            resource_request_example::<Restriction>,
        )
        .gives_schema(201, "Agreed.", Box::new(add_resource::<Restriction>), agreed_example)
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before; the response has the current version.",
            Box::new(add_resource::<Restriction>),
            agreed_example,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::LimitReached])
}

fn list_endpoint() -> Endpoint {
    endpoint::get(PATH, list)
        .operation(Tag::Sharing, "listRestrictions", "List restrictions")
        .about("Newest first by the time of creation, also those that have ended.")
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(list_schema),
            || json!({ "items": [agreed_example()], "next_cursor": null }),
        )
}

fn list_schema(components: &mut Components) -> Value {
    let items = add_resource::<Restriction>(components);
    add_list(components, "RestrictionList", &items)
}

fn read_endpoint() -> Endpoint {
    endpoint::get(ONE, read)
        .operation(Tag::Sharing, "getRestriction", "Read one restriction")
        .about("Returns the current version of the restriction.")
        .parameter(id_parameter())
        .parameter(if_none_match())
        .gives_schema(
            200,
            "The current version.",
            Box::new(add_resource::<Restriction>),
            agreed_example,
        )
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn end_endpoint() -> Endpoint {
    endpoint::post(format!("{ONE}/end"), end)
        .operation(Tag::Sharing, "endRestriction", "End a restriction")
        .about(
            "From the next request on, consents count again for its classes. Repeating it changes nothing.",
        )
        .parameter(id_parameter())
        .gives_schema(
            200,
            "Ended.",
            Box::new(add_resource::<Restriction>),
            ended_example,
        )
        .with_headers(&["ETag"])
}

fn agreed_example() -> Value {
    resource_example(Restriction::example())
}

fn ended_example() -> Value {
    resource_example(Restriction {
        status: RestrictionStatus::Ended,
        ended_at: Some(Timestamp::from_micros(1_772_418_600_000_000)),
        ..Restriction::example()
    })
}

async fn create(body: Body<IncomingResource<Restriction>>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let IncomingResource { id, value } = value.into_inner();
    let (id, now) = (id.unwrap_or_else(new_id), caller.state.clock.now());
    perform(&caller, key, now, Problem::from, move |writer| {
        let saved = writer.lock()?.create_restriction(id, value)?;
        Ok(saved_reply(PATH, &saved, encode_resource))
    })
    .await
}

async fn list(caller: Caller) -> HandlerResult {
    let range = resource_page(&caller)?;
    let page = caller.read_long(move |records| records.restrictions(&range));
    Ok(page_response(page.await?, encode_resource))
}

async fn read(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let found = caller
        .state
        .store
        .read(caller.scope(), move |records| records.restriction(id));
    let restriction = found.await?.ok_or(Problem::new(ProblemKind::NotFound))?;
    Ok(versioned(&caller.request, &etag(restriction.tag()), || {
        encode_resource(&restriction)
    }))
}

async fn end(caller: Caller) -> HandlerResult {
    let (id, now) = (caller.path_id("id")?, caller.state.clock.now());
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    perform(&caller, key, now, Problem::from, move |writer| {
        let ended = writer.lock()?.end_restriction(id)?;
        Ok::<_, StoreError>(resource_reply(ended.tag(), encode_resource(&ended)))
    })
    .await
}
