//! The JSON body of a request: read into its type, with every wrong field named.

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::{Method, header},
    web::{self, Bytes},
};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    account::{AccountUpdate, Erasure, Login, PasswordChange, Refresh, Registration},
    record::{Incoming, Record},
    value::validation::{Finding, Findings},
};
use mainstay_store::idempotency::IdempotencyKey;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        idempotency,
        json_number::within_reach,
        network::client_address,
        problem::{HandlerResult, Problem, ProblemKind},
        schema_validation::Shape,
        strict_json,
    },
    server::state::State,
};

/// The largest body that is read.
pub const MAX_BODY: usize = 1024 * 1024;

/// Something that comes as a JSON body.
pub trait Input: DeserializeOwned + 'static {
    /// The type that documents the shape.
    type Shape: ToSchema + 'static;

    /// Something valid for a member, by which the rest of an input can be judged while that member is wrong.
    fn stand_in(_member: &str) -> Option<Value> {
        None
    }

    /// Notes what is wrong beyond the shape.
    fn check(&self, now: chrono::DateTime<chrono::Utc>, findings: &mut Findings);
}

impl<T: Record> Input for Incoming<T> {
    type Shape = T;

    fn stand_in(member: &str) -> Option<Value> {
        serde_json::to_value(T::example()).ok()?.get(member).cloned()
    }

    fn check(&self, now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
        self.body.check(now, findings);
    }
}

impl Input for Registration {
    type Shape = Self;

    fn stand_in(member: &str) -> Option<Value> {
        match member {
            "email" => Some(json!("sam@example.org")),
            "password" => Some(json!("rivers bend slowly")),
            "time_zone" => Some(json!("UTC")),
            _ => None,
        }
    }

    fn check(&self, _now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
        Self::check(self, findings);
    }
}

/// Inputs whose shape is their own type.
macro_rules! plain_inputs {
    ($($input:ty: $check:expr;)*) => {
        $(impl Input for $input {
            type Shape = Self;
            fn check(&self, _now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
                let check: fn(&Self, &mut Findings) = $check;
                check(self, findings);
            }
        })*
    };
}

plain_inputs! {
    Login: |_, _| ();
    Refresh: |_, _| ();
    PasswordChange: Self::check;
    Erasure: |_, _| ();
    AccountUpdate: |_, _| ();
}

/// A JSON body that needs no sign-in.
pub struct PublicBody<T> {
    /// What was sent.
    pub value: T,
    /// The request.
    pub request: HttpRequest,
    /// What the client calls the request.
    pub key: Option<IdempotencyKey>,
}

/// A JSON body from someone signed in. The sign-in is looked at first.
pub struct Body<T> {
    /// Who sent it.
    pub caller: Caller,
    /// What was sent.
    pub value: T,
    /// What the client calls the request.
    pub key: Option<IdempotencyKey>,
}

impl<T: Input> FromRequest for PublicBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let state = State::of(&request);
            state
                .limits
                .count_network(client_address(&request, &state.trusted_proxies), &request)?;
            let (value, key) = read(&request, None, &mut payload).await?;
            Ok(Self { value, request, key })
        }
        .boxed_local()
    }
}

impl<T: Input> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let caller = Caller::of(&request).await?;
            let owner = Some(caller.scope().account());
            let (value, key) = read(&request, owner, &mut payload).await?;
            Ok(Self { caller, value, key })
        }
        .boxed_local()
    }
}

async fn read<T: Input>(
    request: &HttpRequest,
    owner: Option<Uuid>,
    payload: &mut Payload,
) -> HandlerResult<(T, Option<IdempotencyKey>)> {
    let (bytes, key) = read_bytes(request, owner, payload).await?;
    Ok((parse(&bytes, State::of(request).clock.now())?, key))
}

/// Reads the bytes of a JSON body, and the request's `Idempotency-Key` if it has one. Nothing is validated yet.
///
/// # Errors
/// 400, 413 or 415 if the body cannot be read or is no JSON by its headers.
pub async fn read_bytes(
    request: &HttpRequest,
    owner: Option<Uuid>,
    payload: &mut Payload,
) -> HandlerResult<(Bytes, Option<IdempotencyKey>)> {
    let is_json = request.content_type().eq_ignore_ascii_case("application/json")
        && request.encoding().is_ok_and(|charset| charset.name() == "UTF-8");
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::because(
            ProblemKind::UnsupportedMediaType,
            "Send the body without a content encoding.",
        ));
    }
    if request.headers().contains_key(header::CONTENT_TYPE) && !is_json {
        return Err(Problem::new(ProblemKind::UnsupportedMediaType));
    }
    let bytes = Bytes::from_request(request, payload).await.map_err(|error| {
        match error.as_error::<PayloadError>() {
            Some(PayloadError::Overflow) => Problem::new(ProblemKind::ContentTooLarge),
            _ if error.as_response_error().status_code().as_u16() == 413 => {
                Problem::new(ProblemKind::ContentTooLarge)
            }
            _ => Problem::because(ProblemKind::BadRequest, "The body could not be read to its end."),
        }
    })?;
    if bytes.is_empty() {
        return Err(Problem::because(
            ProblemKind::MalformedJson,
            "A JSON body is needed.",
        ));
    }
    if !is_json {
        return Err(Problem::new(ProblemKind::UnsupportedMediaType));
    }
    let key = if request.method() == Method::POST {
        idempotency::key(request, owner, &bytes)?
    } else {
        None
    };
    Ok((bytes, key))
}

/// Reads JSON into its type.
///
/// # Errors
/// 400 if it is no JSON; 422 that names every wrong field.
pub fn parse<T: Input>(bytes: &[u8], now: chrono::DateTime<chrono::Utc>) -> HandlerResult<T> {
    match read_whole::<T>(bytes) {
        Ok(value) => {
            let mut findings = Findings::default();
            value.check(now, &mut findings);
            if findings.is_empty() {
                Ok(value)
            } else {
                Err(Problem::validation(findings.into_vec()))
            }
        }
        Err(_) => Err(explain::<T>(bytes, now)),
    }
}

/// Reads a JSON value into its type.
///
/// # Errors
/// 422 that names every wrong field.
pub fn from_value<T: Input>(value: &Value, now: chrono::DateTime<chrono::Utc>) -> HandlerResult<T> {
    parse(&mainstay_domain::record::json(value), now)
}

fn read_whole<T: Input>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = strict_json::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    let place = format!(
        "The JSON ends or breaks off at line {}, column {}.",
        error.line(),
        error.column()
    );
    Problem::because(ProblemKind::MalformedJson, place)
}

/// Names all that is wrong with an input that the type refused.
fn explain<T: Input>(bytes: &[u8], now: chrono::DateTime<chrono::Utc>) -> Problem {
    let parsed = serde_json::from_slice(bytes).or_else(|_| serde_json::from_slice(&within_reach(bytes)));
    let value: Value = match parsed {
        Ok(value) => value,
        Err(error) => return malformed(&error),
    };
    let mut findings = Findings::default();
    let examined = Shape::of::<T::Shape>().examine(&value, &mut findings);
    // What is left may break further rules: first without exactly what is wrong, else with something valid in its
    // place, where what compares one member with another is not to be trusted.
    let mut further = Findings::default();
    if let Ok(rest) = strict_json::read::<T, _>(examined.without_wrong()) {
        rest.check(now, &mut further);
        findings.extend(
            further
                .into_vec()
                .into_iter()
                .filter(|f| !examined.covers(&f.pointer)),
        );
    } else if let Ok(rest) = strict_json::read::<T, _>(examined.with_stand_ins(T::stand_in)) {
        rest.check(now, &mut further);
        let own = |f: &Finding| f.code != "order" && !examined.covers_member(&f.pointer);
        findings.extend(further.into_vec().into_iter().filter(own));
    }
    if findings.is_empty() {
        findings.push(first_fault::<T>(bytes));
    }
    Problem::validation(findings.into_vec())
}

/// The one fault that reading into the type names, where the schema is silent (an unknown time zone, say).
fn first_fault<T: Input>(bytes: &[u8]) -> Finding {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let fault = strict_json::read::<T, _>(reader).err();
    let pointer = track.path().iter().fold(String::new(), |mut pointer, segment| {
        pointer.push('/');
        pointer.push_str(&mainstay_domain::value::validation::pointer_segment(
            &segment.to_string(),
        ));
        pointer
    });
    // Messages of our own types never hold the value; those of others may, so only ours are passed on.
    let message = fault
        .map(|fault| fault.to_string())
        .filter(|m| m.starts_with("must ") || m.starts_with("expected an RFC"));
    let message = message.map_or_else(
        || "is not valid here".to_owned(),
        |m| m.split(" at line ").next().unwrap_or_default().to_owned(),
    );
    let pointer = pointer.replace(['[', ']'], "");
    Finding {
        pointer,
        code: "format".to_owned(),
        message,
    }
}

/// How bodies are read at all.
pub fn config() -> web::PayloadConfig {
    web::PayloadConfig::new(MAX_BODY)
}

#[cfg(test)]
mod tests {
    use mainstay_domain::{check_in::CheckIn, medication::Medication, plan::Plan};

    use super::*;

    fn faults<T: Input>(text: &str) -> Vec<(String, String)> {
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        let problem = parse::<T>(text.as_bytes(), now).err().unwrap();
        problem.errors.into_iter().map(|f| (f.pointer, f.code)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(p, c)| ((*p).to_owned(), (*c).to_owned()))
            .collect()
    }

    #[test]
    fn every_wrong_field_is_named_once() {
        let found = faults::<Incoming<CheckIn>>(
            r#"{"id":"x","kind":"noon","occurred_at":"2026-01-01","answers":{"craving":11,"moood":3,"sleep_minutes":"7h"},
                "trigger_ids":["nope"],"tags":"work","versoin":1}"#,
        );
        assert_eq!(
            found,
            pairs(&[
                ("/answers/craving", "range"),
                ("/answers/moood", "unknown-field"),
                ("/answers/sleep_minutes", "type"),
                ("/id", "format"),
                ("/kind", "enum"),
                ("/occurred_at", "format"),
                ("/tags", "type"),
                ("/trigger_ids/0", "format"),
                ("/versoin", "unknown-field"),
            ])
        );
    }

    /// One of a thing is told as one.
    #[test]
    fn a_limit_of_one_is_told_in_the_singular() {
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        let text = r#"{"name":"","class":"other","route":"oral","schedule":"FREQ=DAILY","covers_days":1,"started_on":"2026-03-02"}"#;
        let problem = parse::<Incoming<Medication>>(text.as_bytes(), now).err().unwrap();
        let messages: Vec<String> = problem.errors.into_iter().map(|fault| fault.message).collect();
        assert_eq!(messages, ["must have at least 1 character"]);
    }

    #[test]
    fn rules_across_fields_are_named_beside_faults_of_the_shape() {
        let found = faults::<Incoming<CheckIn>>(
            r#"{"kind":"morning","occurred_at":"2030-01-01T00:00:00Z","answers":{"craving":1},"note":7}"#,
        );
        assert_eq!(found, pairs(&[("/note", "type"), ("/occurred_at", "future")]));
    }

    #[test]
    fn what_is_missing_is_named_at_its_own_place() {
        let found = faults::<Incoming<Plan>>(
            r#"{"kind":"safety","title":null,"content":{"triggers":[{"label":""}]}}"#,
        );
        assert_eq!(
            found,
            pairs(&[
                ("/content/triggers/0/kind", "required"),
                ("/content/triggers/0/label", "length"),
                ("/title", "required")
            ])
        );
    }

    #[test]
    fn what_only_the_type_knows_is_named_too() {
        let found = faults::<Registration>(
            r#"{"email":"sam@example.org","password":"long enough words","time_zone":"Mars/Base"}"#,
        );
        assert_eq!(found, pairs(&[("/time_zone", "format")]));
    }

    #[test]
    fn a_list_is_no_object_and_an_object_no_word() {
        let found = faults::<Incoming<CheckIn>>(
            r#"{"kind":{"morning":null},"occurred_at":"2026-01-01T08:00:00Z","answers":[3,4]}"#,
        );
        assert_eq!(found, pairs(&[("/answers", "type"), ("/kind", "enum")]));
        let found = faults::<Incoming<Plan>>(
            r#"{"kind":"safety","title":"Mine","content":{"triggers":[[null,"Payday","external"]],"overdose_safety":[true]}}"#,
        );
        assert_eq!(
            found,
            pairs(&[
                ("/content/overdose_safety", "type"),
                ("/content/triggers/0", "type")
            ])
        );
        assert_eq!(
            faults::<Login>(r#"["sam@example.org","long enough words"]"#),
            pairs(&[("", "type")])
        );
    }

    #[test]
    fn a_number_too_large_to_be_held_is_named() {
        let found = faults::<Incoming<CheckIn>>(
            r#"{"kind":"morning","occurred_at":1e400,"answers":{"craving":1e400,"mood":-1e400,"stress":11},"nope":9e999}"#,
        );
        assert_eq!(
            found,
            pairs(&[
                ("/answers/craving", "range"),
                ("/answers/mood", "range"),
                ("/answers/stress", "range"),
                ("/nope", "unknown-field"),
                ("/occurred_at", "type"),
            ])
        );
        // What is read-only is not even read.
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        let text = br#"{"kind":"morning","occurred_at":"2026-01-01T08:00:00Z","answers":{"craving":1},"version":1e400}"#;
        assert!(parse::<Incoming<CheckIn>>(text, now).is_ok());
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        for text in [
            "{",
            "nope",
            "{\"kind\":}",
            "{\"kind\":1e400",
            "\"\\ud800\"",
            &"[".repeat(2000),
        ] {
            let problem = parse::<Incoming<CheckIn>>(text.as_bytes(), now).err().unwrap();
            assert_eq!(problem.kind, ProblemKind::MalformedJson, "{text:.20}");
        }
        assert_eq!(faults::<Incoming<CheckIn>>("[]"), pairs(&[("", "type")]));
    }
}
