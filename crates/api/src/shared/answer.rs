//! Answers about somebody else's record: the notice (42 CFR 2.32) in the headers, and what the answer rests on beside its
//! members.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderName, HeaderValue},
};
use mainstay_domain::{
    audit::{DisclosureBasis, NOTICE_SHORT, NOTICE_VERSION},
    record::json as to_json,
    sharing::{DataClass, Purpose},
};
use mainstay_store::sharing::Grants;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The page with the notice.
pub const NOTICE_PATH: &str = "/part2-notice";
/// The header with the short notice.
pub const NOTICE_HEADER: HeaderName = HeaderName::from_static("x-part2-notice");
const NOTICE_LINK: HeaderValue = HeaderValue::from_static("</part2-notice>; rel=\"part2-notice\"");
/// Nobody but the recipient may keep the answer.
const NOT_STORED: HeaderValue = HeaderValue::from_static("private, no-store");

/// What an answer about somebody else's record rests on. Federal law (42 CFR Part 2) asks that it goes along.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DisclosureNotice)]
pub struct DisclosureNote {
    /// The version of the notice.
    #[schema(max_length = 50)]
    pub notice_version: String,
    /// Where the notice can be read.
    #[schema(max_length = 100)]
    pub notice_url: &'static str,
    /// The legal basis.
    pub basis: DisclosureBasis,
    /// The consent that the answer rests on. If there are several, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_id: Option<Uuid>,
    /// Where the reader can read what the person shares with them.
    #[schema(max_length = 100)]
    pub consent_scope_url: String,
    /// What the person allows the answer to be used for.
    #[schema(max_items = 20)]
    pub purposes: Vec<Purpose>,
}

impl DisclosureNote {
    /// What an answer with something of these classes rests on. Without a class it is the first of the consents.
    pub fn of(person: Uuid, grants: &Grants, classes: impl IntoIterator<Item = DataClass>) -> Self {
        let mut used = classes.into_iter().filter_map(|class| grants.of(class));
        let any = || grants.by_reason().first().map(|(grant, _)| *grant);
        let first = used.next().or_else(any);
        Self {
            notice_version: NOTICE_VERSION.to_owned(),
            notice_url: NOTICE_PATH,
            basis: first.map_or(DisclosureBasis::Consent, |grant| grant.basis),
            consent_id: first.and_then(|grant| Some(grant.consent?.id)),
            consent_scope_url: format!("/v1/shared/{person}"),
            purposes: first.map_or_else(Vec::new, |grant| grant.purposes.clone()),
        }
    }
}

/// Adds the notice to the headers of an answer, which nobody may store.
pub fn with_notice(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response
        .insert_header((NOTICE_HEADER, HeaderValue::from_static(NOTICE_SHORT)))
        .insert_header((header::LINK, NOTICE_LINK))
        .insert_header((header::CACHE_CONTROL, NOT_STORED));
    response
}

/// Responds with a JSON object and what it rests on.
pub fn respond(object: Vec<u8>, note: &DisclosureNote) -> HttpResponse {
    respond_with(HttpResponse::Ok(), object, note)
}

/// Responds with a status, a JSON object and what it rests on.
pub fn respond_with(
    response: HttpResponseBuilder,
    mut object: Vec<u8>,
    note: &DisclosureNote,
) -> HttpResponse {
    object.pop();
    let separator: &[u8] = if object.len() > 1 {
        b",\"disclosure\":"
    } else {
        b"\"disclosure\":"
    };
    object.extend_from_slice(separator);
    object.extend_from_slice(&to_json(note));
    object.push(b'}');
    with_notice(response)
        .content_type("application/json")
        .body(object)
}
