//! Entity tags and preconditions (RFC 9110, section 13).

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_store::{Expected, VersionTag};
use sha2::{Digest, Sha256};

use crate::http::problem::{HandlerResult, Problem, ProblemKind};

/// Returns the entity tag of a version: its number, and from the second epoch on the epoch too.
pub fn etag(VersionTag { version, epoch }: VersionTag) -> String {
    match epoch {
        VersionTag::FIRST_EPOCH => format!("\"{version}\""),
        _ => format!("\"{version}.{epoch}\""),
    }
}

/// Reads an entity tag that [`etag`] made, with its quotes. `None` for every other text.
fn version_of(tag: &str) -> Option<VersionTag> {
    let number = |digits: &str| -> Option<i64> {
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| digits.parse().ok())?
    };
    let text = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (version, epoch) = match text.split_once('.') {
        None => (number(text)?, VersionTag::FIRST_EPOCH),
        Some((version, epoch)) => (
            number(version)?,
            number(epoch).filter(|epoch| *epoch > VersionTag::FIRST_EPOCH)?,
        ),
    };
    Some(VersionTag { version, epoch })
}

/// Returns the entity tag of a document that has no version: a digest of its bytes.
pub fn etag_of(document: &[u8]) -> String {
    let digest: Vec<u8> = Sha256::digest(document).into_iter().take(16).collect();
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(digest))
}

/// Returns the version that `If-Match` expects.
///
/// # Errors
/// 428 without the header; 412 if it cannot match any version.
pub fn if_match(request: &HttpRequest) -> HandlerResult<Expected> {
    if_match_optional(request)?.ok_or(Problem::new(ProblemKind::PreconditionRequired))
}

/// Returns the version that `If-Match` expects, where the header is optional.
///
/// # Errors
/// 412 if it cannot match any version.
pub fn if_match_optional(request: &HttpRequest) -> HandlerResult<Option<Expected>> {
    let Some(tags) = tags(request, &header::IF_MATCH) else {
        return Ok(None);
    };
    if tags.iter().any(|tag| tag == "*") {
        return Ok(Some(Expected::Any));
    }
    // A weak tag is the one that was sent, weakened by a proxy that compressed the response. A version says the same.
    let versions: Vec<VersionTag> = tags.iter().filter_map(|tag| version_of(opaque(tag))).collect();
    if versions.is_empty() {
        return Err(Problem::because(
            ProblemKind::VersionMismatch,
            "If-Match names no version. Send the ETag as received, with its quotes.",
        ));
    }
    Ok(Some(Expected::OneOf(versions)))
}

/// Whether `If-None-Match` names the tag (weak comparison), so that the client's copy is current.
pub fn has_current(request: &HttpRequest, etag: &str) -> bool {
    tags(request, &header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.iter().any(|tag| tag == "*" || opaque(tag) == opaque(etag)))
}

/// Returns a tag without the mark of a weak one.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Returns the entity tags of a header, with their quotes; `None` without the header.
fn tags(request: &HttpRequest, name: &HeaderName) -> Option<Vec<String>> {
    let mut values = request.headers().get_all(name).peekable();
    values.peek()?;
    // A tag may have bytes beyond ASCII. They match none of ours.
    Some(
        values
            .flat_map(|value| listed(&String::from_utf8_lossy(value.as_bytes())))
            .collect(),
    )
}

/// Splits a list at the commas that do not stand between the quotes of a tag.
fn listed(value: &str) -> Vec<String> {
    let mut is_quoted = false;
    let tags = value.split(|c: char| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    tags.map(|tag| tag.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn matching(value: &str) -> Result<Option<Expected>, u16> {
        let request = TestRequest::default()
            .insert_header((header::IF_MATCH, value))
            .to_http_request();
        if_match_optional(&request).map_err(|p| p.kind.status().as_u16())
    }

    fn one_of(tags: &[(i64, i64)]) -> Expected {
        let tags = tags.iter().map(|&(version, epoch)| VersionTag { version, epoch });
        Expected::OneOf(tags.collect())
    }

    #[test]
    fn a_tag_has_the_epoch_from_the_second_one_on_and_is_read_back() {
        for (version, epoch, text) in [
            (3, 1, "\"3\""),
            (3, 2, "\"3.2\""),
            (1, i64::MAX, "\"1.9223372036854775807\""),
        ] {
            let tag = VersionTag { version, epoch };
            assert_eq!(etag(tag), text);
            assert_eq!(version_of(text), Some(tag));
        }
    }

    #[test]
    fn if_match_accepts_strong_and_weak_tags_and_the_wildcard() {
        for one in [
            "\"3\"",
            "W/\"3\"",
            "\"x\" , W/\"3\"",
            ",\"3\",",
            "W/\"1,2\", \"3\", \"4,\"",
        ] {
            assert_eq!(matching(one), Ok(Some(one_of(&[(3, 1)]))), "{one}");
        }
        assert_eq!(
            matching("\"1\", W/\"2\",\"3.1700000000000000\""),
            Ok(Some(one_of(&[(1, 1), (2, 1), (3, 1_700_000_000_000_000)])))
        );
        assert_eq!(matching("*"), Ok(Some(Expected::Any)));
        for wrong in [
            "3",
            "w/\"3\"",
            "W/3",
            "W/W/\"3\"",
            "\"1,3\"",
            "\"x\"",
            "\"3",
            "\"3.\"",
            "\"3.0\"",
            "\"3.1\"",
            "\"3.2.2\"",
            "\"3.-2\"",
            "\"3.99999999999999999999\"",
            "\".2\"",
            "\"\"",
            "",
        ] {
            assert_eq!(matching(wrong), Err(412), "{wrong}");
        }
        assert!(if_match(&TestRequest::default().to_http_request()).is_err());
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let has = |value: &str| {
            let request = TestRequest::default()
                .insert_header((header::IF_NONE_MATCH, value))
                .to_http_request();
            has_current(&request, "\"3\"")
        };
        assert!(has("\"3\"") && has("W/\"3\"") && has("\"1\", \"3\"") && has("*"));
        assert!(!has("\"4\"") && !has("3"));
    }
}
