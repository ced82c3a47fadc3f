//! Endpoints of reference data: the strategy library and helplines.

use actix_web::{HttpRequest, HttpResponse};
use mainstay_domain::{
    record::json as to_json,
    reference::{
        helpline::{self, Helpline},
        practice::{LIBRARY, Practice},
    },
    value::{
        place::{Country, Language},
        validation::FindingCode,
        vocabulary::StrategyCategory,
    },
};
use serde::Serialize;
use serde_json::json;

use crate::{
    http::{
        caller::Caller, conditional::etag_of, network::client_address, problem::HandlerResult,
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::{add, add_list},
    },
    record::{if_none_match, unless_current},
    server::state::State,
};

/// Lists the endpoints of reference data.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/practices", practices)
            .operation(Tag::Reference, "listPractices", "List the strategy library")
            .about("Short practices, written for Mainstay, by category. The whole library is one page.")
            .parameter(Parameter::query("category", "Only practices of this category.", json!({ "$ref": "#/components/schemas/StrategyCategory" }), json!("breathing")))
            .parameter(if_none_match())
            .gives_schema(
                200,
                "The library.",
                Box::new(|c| {
                    let items = add::<Practice>(c);
                    add_list(c, "PracticeList", &items)
                }),
                || json!({ "items": [LIBRARY.first()], "next_cursor": null }),
            )
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
        endpoint::get("/v1/helplines", helplines)
            .priority(Priority::Urgent)
            .public()
            .operation(Tag::Reference, "listHelplines", "List helplines")
            .about("Needs no sign-in. Helplines in the requested language come first, and among them crisis lines.")
            .parameter(Parameter::query("country", "Only helplines of this country (ISO 3166-1).", json!({ "type": "string", "pattern": "^[A-Za-z]{2}$", "maxLength": 2 }), json!("US")))
            .parameter(Parameter::query("language", "Helplines in this language (ISO 639) come first.", json!({ "type": "string", "pattern": "^[A-Za-z]{2,3}$", "maxLength": 3 }), json!("en")))
            .parameter(if_none_match())
            .gives_schema(
                200,
                "The helplines. For a country without any, those that work in most countries.",
                Box::new(|c| {
                    let items = add::<Helpline>(c);
                    let list = add_list(c, "HelplineList", &items);
                    // The lines of all countries are one page.
                    let most = c.get_mut("HelplineList").and_then(|list| list.pointer_mut("/properties/items/maxItems"));
                    if let Some(most) = most {
                        *most = json!(1000);
                    }
                    list
                }),
                || json!({ "items": helpline::select(Some("US"), None).into_iter().take(2).collect::<Vec<_>>(), "next_cursor": null }),
            )
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"]),
    ]
}

async fn practices(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["category"]);
    let category = parameters.choice::<StrategyCategory>("category");
    parameters.finish()?;
    let found: Vec<&Practice> = LIBRARY
        .iter()
        .filter(|p| category.is_none_or(|c| p.category == c))
        .collect();
    Ok(public_list(&caller.request, &found))
}

async fn helplines(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    state
        .limits
        .count_network(client_address(&request, &state.trusted_proxies), &request)?;
    let mut parameters = Parameters::read(&request, &["country", "language"]);
    let country = parameters.get("country", FindingCode::Format, Country::EXPECTED, Country::new);
    let language = parameters.get("language", FindingCode::Format, Language::EXPECTED, Language::new);
    parameters.finish()?;
    let found = match country {
        Some(country) => helpline::select(Some(&country), language.as_deref()),
        None => of_every_country(language.as_deref()),
    };
    Ok(public_list(&request, &found))
}

/// Returns the helplines of every country, those in the language first.
fn of_every_country(language: Option<&str>) -> Vec<&'static Helpline> {
    let mut all: Vec<&Helpline> = helpline::SHIPPED.iter().collect();
    all.sort_by_key(|helpline| {
        let speaks = |language: &str| helpline.languages.iter().any(|spoken| spoken == language);
        !language.is_none_or(speaks)
    });
    all
}

/// Builds a response that is the same for everyone and may be cached for an hour.
fn public_list<T: Serialize>(request: &HttpRequest, items: &[T]) -> HttpResponse {
    let body = to_json(&json!({ "items": items, "next_cursor": null }));
    unless_current(request, &etag_of(&body), "public, max-age=3600", || body)
}
