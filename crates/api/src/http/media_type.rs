//! Media types in headers (RFC 9110, sections 8.3 and 12.5.1): parsed, not compared as texts.

use actix_web::{HttpRequest, http::header};

/// A media type, or a range of them, with its parameters.
struct MediaType {
    /// Type and subtype in lower case, such as `application/json`.
    essence: String,
    /// Names in lower case, with their values.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Parses a media type; `None` if the text is not one. A parameter that has no value is left out.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = split_outside_quotes(text, ';').into_iter();
        let essence = parts.next()?.trim().to_ascii_lowercase();
        // Java's own client sends a bare star.
        let essence = if essence == "*" { "*/*".to_owned() } else { essence };
        let (kind, subtype) = essence.split_once('/')?;
        if kind.is_empty() || subtype.is_empty() || essence.contains(char::is_whitespace) {
            return None;
        }
        let parameters = parts.filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
        });
        Some(Self {
            parameters: parameters.collect(),
            essence,
        })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the client refuses what the range covers (`q=0`).
    fn is_refused(&self) -> bool {
        self.parameter("q").is_some_and(|q| q.parse() == Ok(0.0_f32))
    }
}

/// Splits a text at a separator that does not stand inside a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|c: char| {
        let is_plain = !is_escaped;
        is_escaped = is_quoted && is_plain && c == '\\';
        if c == '"' && is_plain {
            is_quoted = !is_quoted;
        }
        c == separator && !is_quoted
    });
    parts.collect()
}

/// The content of a quoted string, or the text itself.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

/// Whether `Content-Type` names this media type, such as `application/json`, in UTF-8. Other parameters do not
/// matter.
pub fn content_type_is(request: &HttpRequest, essence: &str) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE);
    let Some(given) = value.and_then(|v| v.to_str().ok()).and_then(MediaType::parse) else {
        return false;
    };
    let is_utf8 = |charset: &str| {
        ["utf-8", "utf8"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name))
    };
    let mut charsets = given.parameters.iter().filter(|(name, _)| name == "charset");
    given.essence == essence && charsets.all(|(_, charset)| is_utf8(charset))
}

/// Whether the values of `Accept` allow a media type: what the most specific range that covers it says. Without any
/// range everything is allowed.
pub fn is_accepted<'a>(accept: impl Iterator<Item = &'a str>, media_type: &str) -> bool {
    let ranges = ranges(accept);
    let specific = ranges
        .iter()
        .filter_map(|range| MediaType::parse(range))
        .filter_map(|range| Some((specificity(&range.essence, media_type)?, !range.is_refused())))
        .max();
    ranges.is_empty() || specific.is_some_and(|(_, is_allowed)| is_allowed)
}

/// Whether the values of `Accept` name a media type itself, and not only a range that covers it.
pub fn is_named<'a>(accept: impl Iterator<Item = &'a str>, media_type: &str) -> bool {
    let mut named = ranges(accept).into_iter().filter_map(MediaType::parse);
    named.any(|range| range.essence == media_type && !range.is_refused())
}

/// The elements of a list.
fn ranges<'a>(accept: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    accept
        .flat_map(|value| split_outside_quotes(value, ','))
        .filter(|range| !range.trim().is_empty())
        .collect()
}

/// Returns how closely a range describes a media type; `None` if it does not cover it.
fn specificity(range: &str, media_type: &str) -> Option<u8> {
    if range == media_type {
        return Some(2);
    }
    match range.strip_suffix("/*")? {
        "*" => Some(0),
        kind => media_type
            .strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with('/'))
            .then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_json(value: &str) -> bool {
        let request = TestRequest::default().insert_header((header::CONTENT_TYPE, value));
        content_type_is(&request.to_http_request(), "application/json")
    }

    #[test]
    fn a_content_type_is_read_with_its_parameters() {
        for json in [
            "application/json",
            " Application/JSON ",
            "application/json ; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; charset=\"ut\\f-8\"",
            "application/json;charset=utf8;",
            "application/json; ; profile=\"a;b=\\\"c\"; charset=UTF-8",
            "application/json; odata.metadata=minimal; IEEE754Compatible=true",
            "application/json; charset",
        ] {
            assert!(is_json(json), "{json}");
        }
        for other in [
            "",
            "json",
            "/json",
            "application/",
            "application /json",
            "text/plain",
            "application/jsonx",
            "application/json, text/plain",
            "application/merge-patch+json",
            "application/json; charset=latin1",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset=\"\"",
        ] {
            assert!(!is_json(other), "{other}");
        }
        assert!(!content_type_is(
            &TestRequest::default().to_http_request(),
            "application/json"
        ));
    }

    #[test]
    fn the_most_specific_range_decides() {
        let fits = |accept: &str| is_accepted([accept].into_iter(), "application/json");
        for yes in [
            "",
            " , ",
            "*/*",
            "application/*",
            "Application/JSON; charset=utf-8",
            "text/html, image/gif, *; q=.2, */*; q=.2",
            "text/html;note=\"a,b\", application/json ; q=0.1",
            "*/*;q=0, application/json",
            "application/*;q=0, application/json;q=1.000",
        ] {
            assert!(fits(yes), "{yes}");
        }
        for no in [
            "text/html",
            "application/json;q=0",
            "application/json; Q=0.000, */*",
            "application/*;q=0, */*",
            "app/*",
            "text/html;note=\", application/json\"",
            "*/json",
        ] {
            assert!(!fits(no), "{no}");
        }
    }
}
