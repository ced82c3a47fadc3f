//! `security.txt` (RFC 9116): where to report a fault that endangers people.

use actix_web::{HttpRequest, HttpResponse, http::header};
use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde_json::json;

use crate::{
    http::problem::{HandlerResult, Problem, ProblemKind},
    openapi::endpoint::{self, Endpoint, Priority, Tag},
    server::state::State,
};

const PATH: &str = "/.well-known/security.txt";
/// How long the file says that it can be relied on, in days. The RFC advises less than a year.
const DAYS: i64 = 180;

/// Lists the endpoint of the file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get(PATH, read)
            .priority(Priority::Deferrable)
            .public()
            .operation(Tag::Operations, "getSecurityTxt", "Find out where to report a security fault")
            .about(
                "A file in the form of RFC 9116. The contacts are those that the operator has set. Without any there is no such \
                 file, since one must have a contact.",
            )
            .gives_media(200, "The file.", "text/plain", || {
                json!("Contact: mailto:security@example.org\nExpires: 2026-08-29T00:00:00Z\n")
            })
            .problems(&[ProblemKind::NotFound]),
    ]
}

async fn read(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    let text = security_txt(
        &state.security_contact,
        state.public_url.as_deref(),
        state.clock.now(),
    );
    let text = text.ok_or(Problem::new(ProblemKind::NotFound))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    Ok(response.content_type("text/plain; charset=utf-8").body(text))
}

/// The text of the file. `None` without a contact.
fn security_txt(contacts: &[String], public_url: Option<&str>, now: DateTime<Utc>) -> Option<String> {
    if contacts.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = contacts.iter().map(|uri| format!("Contact: {uri}")).collect();
    // The same text all day, so that caches agree.
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let expires = today.checked_add_signed(TimeDelta::days(DAYS))?;
    lines.push(format!(
        "Expires: {}",
        expires.to_rfc3339_opts(SecondsFormat::Secs, true)
    ));
    // The RFC asks for web addresses that are encrypted.
    if let Some(url) = public_url.filter(|url| url.starts_with("https://")) {
        lines.push(format!("Canonical: {url}{PATH}"));
    }
    lines.push("Preferred-Languages: en".to_owned());
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_contact_and_an_end_and_no_file_is_without() {
        let now = DateTime::from_timestamp(1_772_434_500, 0).unwrap();
        let contacts = [
            "mailto:security@example.org".to_owned(),
            "tel:+1-201-555-0123".to_owned(),
        ];
        assert_eq!(
            security_txt(&contacts, Some("https://example.org"), now).unwrap(),
            "Contact: mailto:security@example.org\nContact: tel:+1-201-555-0123\nExpires: 2026-08-29T00:00:00Z\n\
             Canonical: https://example.org/.well-known/security.txt\nPreferred-Languages: en\n"
        );
        for url in [None, Some("http://localhost:8080")] {
            let text = security_txt(&contacts, url, now).unwrap();
            assert!(!text.contains("Canonical"), "{text}");
        }
        assert_eq!(security_txt(&[], Some("https://example.org"), now), None);
    }
}
