//! The people who share something with the caller.

use actix_web::HttpResponse;
use mainstay_domain::{
    audit::DisclosureBasis, record::json as to_json, sharing::DataClass, support_contact::Relationship,
    value::timestamp::Timestamp,
};
use mainstay_store::sharing::{Reader, Sharer};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer::with_notice, caller::SharedCaller, document::person_parameter};
use crate::{
    http::{
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::add,
    },
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    vec![list_endpoint(), read_endpoint()]
}

/// What a person shares with the caller, by one consent or in one emergency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SharedScope {
    /// The account of the person.
    pub person_id: Uuid,
    /// The name that the person goes by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub display_name: Option<String>,
    /// What the caller is to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship: Option<Relationship>,
    /// What the caller may see.
    #[schema(max_items = 50)]
    pub data_classes: Vec<DataClass>,
    /// The legal basis.
    pub basis: DisclosureBasis,
    /// The consent, if that is the basis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_id: Option<Uuid>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Everything that one person shares with the caller.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SharedScopeList {
    /// One entry for each consent.
    #[schema(max_items = 1000)]
    pub items: Vec<SharedScope>,
}

fn list_endpoint() -> Endpoint {
    endpoint::get("/v1/shared", list)
        .operation(Tag::Sharing, "listSharedWithMe", "List who shares something with the caller")
        .about(
            "One entry for each consent that is in force now and names the caller, and for each emergency access of a clinician. \
             At most 200 people are listed.",
        )
        .gives_schema(200, "Who shares what.", Box::new(add::<SharedScopeList>), || {
            json!({ "items": [example()] })
        })
}

fn read_endpoint() -> Endpoint {
    endpoint::get("/v1/shared/{person_id}", read)
        .operation(Tag::Sharing, "getSharedScope", "Read what one person shares with the caller")
        .about("The scope of the consents that answers about this person rest on, as `consent_scope_url` names it.")
        .parameter(person_parameter())
        .gives_schema(200, "What is shared.", Box::new(add::<SharedScopeList>), || {
            json!({ "items": [example()] })
        })
        .with_headers(&["X-Part2-Notice", "Link"])
}

async fn list(caller: Caller) -> HandlerResult {
    let now = caller.state.clock.micros();
    let reader = Reader::from(&caller.principal);
    let sharers = caller.state.store.sharers(&reader, now).await?;
    let items = sharers.iter().flat_map(scopes).collect();
    Ok(respond(&SharedScopeList { items }))
}

async fn read(caller: SharedCaller) -> HandlerResult {
    let now = caller.caller.state.clock.micros();
    let store = &caller.caller.state.store;
    let sharer = store.sharer_of(&caller.reader, caller.person, now).await?;
    let sharer = sharer.ok_or(Problem::new(ProblemKind::NotFound))?;
    Ok(respond(&SharedScopeList {
        items: scopes(&sharer),
    }))
}

fn respond(list: &SharedScopeList) -> HttpResponse {
    with_notice(HttpResponse::Ok())
        .content_type("application/json")
        .body(to_json(list))
}

/// What a person shares, an entry for each reason.
fn scopes(sharer: &Sharer) -> Vec<SharedScope> {
    let by_reason = sharer.grants.by_reason().into_iter();
    let entries = by_reason.map(|(grant, classes)| SharedScope {
        person_id: sharer.person,
        display_name: sharer.display_name.clone(),
        relationship: sharer.relationship,
        data_classes: classes.into_iter().collect(),
        basis: grant.basis,
        consent_id: grant.consent.map(|consent| consent.id),
        expires_at: grant.expires_at.map(Timestamp::from_micros),
    });
    entries.collect()
}

fn example() -> Value {
    json!({
        "person_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40",
        "display_name": "Sam",
        "relationship": "sponsor",
        "data_classes": ["abstinence", "warnings"],
        "basis": "consent",
        "consent_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a50",
        "expires_at": "2027-03-01T12:00:00.000Z",
    })
}
