//! Endpoints of reference data: the strategy library and helplines.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use mainstay_domain::{
    account::Roles,
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

static PRACTICES: PublicLists<Option<StrategyCategory>> = PublicLists::new();
static HELPLINES: PublicLists<(Option<&str>, Option<&str>)> = PublicLists::new();

/// Lists the endpoints of reference data.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/practices", practices)
            .roles(Roles::ALL)
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
    let list = PRACTICES.get_or_build(category, || {
        let is_wanted = |practice: &&Practice| category.is_none_or(|c| practice.category == c);
        PublicList::new(&LIBRARY.iter().filter(is_wanted).collect::<Vec<_>>())
    });
    Ok(list.response(&caller.request))
}

async fn helplines(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    state
        .limits
        .count_helplines(client_address(&request, &state.trusted_proxies), &request)?;
    let mut parameters = Parameters::read(&request, &["country", "language"]);
    let country = parameters.get("country", FindingCode::Format, Country::EXPECTED, Country::new);
    let language = parameters.get("language", FindingCode::Format, Language::EXPECTED, Language::new);
    parameters.finish()?;
    Ok(helpline_list(country.as_deref(), language.as_deref()).response(&request))
}

/// Returns the helplines of a country or of all, those in the language first.
fn helpline_list(country: Option<&str>, language: Option<&str>) -> Arc<PublicList> {
    // Only names from the list itself are keys, so the number of lists is bounded. A country without helplines has the list
    // of those that work in most countries, and a language that none of the helplines speak changes no order.
    let country = country.map(|country| {
        let own = helpline::SHIPPED.iter().find(|line| line.country == country);
        own.map_or(helpline::ANYWHERE, |line| &line.country)
    });
    let of_country =
        (helpline::SHIPPED.iter()).filter(|line| country.is_none_or(|country| line.country == country));
    let language = language.and_then(|language| {
        let mut spoken = of_country.flat_map(|line| &line.languages);
        spoken.find(|spoken| *spoken == language).map(|spoken| &**spoken)
    });
    HELPLINES.get_or_build((country, language), || {
        PublicList::new(&match country {
            Some(country) => helpline::select(Some(country), language),
            None => of_every_country(language),
        })
    })
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

/// Lists by what was asked for. Their texts are a part of the program, so each is built once.
struct PublicLists<K>(LazyLock<RwLock<HashMap<K, Arc<PublicList>>>>);

impl<K: Eq + Hash> PublicLists<K> {
    const fn new() -> Self {
        Self(LazyLock::new(RwLock::default))
    }

    /// Returns a list, after `build` made it if this is the first request for it.
    fn get_or_build(&self, key: K, make: impl FnOnce() -> PublicList) -> Arc<PublicList> {
        let built = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .map(Arc::clone);
        built.unwrap_or_else(|| {
            let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lists.entry(key).or_insert_with(|| Arc::new(make())))
        })
    }
}

/// A list that is the same for everyone, as JSON.
struct PublicList {
    body: Bytes,
    etag: String,
}

impl PublicList {
    fn new<T: Serialize>(items: &[T]) -> Self {
        let body = to_json(&json!({ "items": items, "next_cursor": null }));
        Self {
            etag: etag_of(&body),
            body: body.into(),
        }
    }

    /// Builds a response that may be cached for an hour.
    fn response(&self, request: &HttpRequest) -> HttpResponse {
        unless_current(request, &self.etag, "public, max-age=3600", || self.body.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_built_once_and_stays_as_it_would_be_built_anew() {
        let text = |list: &PublicList| String::from_utf8(list.body.to_vec()).unwrap();
        for country in [None, Some("US"), Some("JP"), Some("AQ"), Some("ZZ")] {
            for language in [None, Some("en"), Some("es"), Some("ja"), Some("xx")] {
                let list = helpline_list(country, language);
                let anew = PublicList::new(&match country {
                    Some(country) => helpline::select(Some(country), language),
                    None => of_every_country(language),
                });
                assert_eq!(
                    (text(&list), &list.etag),
                    (text(&anew), &anew.etag),
                    "{country:?} {language:?}"
                );
                assert!(
                    Arc::ptr_eq(&list, &helpline_list(country, language)),
                    "{country:?} {language:?}"
                );
            }
        }
    }

    #[test]
    fn unknown_countries_and_languages_add_no_lists() {
        let (elsewhere, all) = (helpline_list(Some("ZZ"), None), helpline_list(None, None));
        let codes = ('A'..='Z').flat_map(|a| ('A'..='Z').map(move |b| format!("{a}{b}")));
        for code in codes {
            let is_known = helpline::SHIPPED.iter().any(|line| line.country == code);
            assert!(
                is_known || Arc::ptr_eq(&elsewhere, &helpline_list(Some(&code), Some("xx"))),
                "{code}"
            );
        }
        assert!(Arc::ptr_eq(&all, &helpline_list(None, Some("xx"))));
    }
}
