//! Reads the JSON body of a request into its type, and names every invalid field.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{Method, header},
    web::Bytes,
};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    record::merge_patch::MergePatch,
    value::validation::{Finding, FindingCode, Findings},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        body_pace::read_payload,
        caller::Caller,
        idempotency::{self, HeldKey},
        json_number::clamp_large_numbers,
        json_value::{JsonValue, read_json_value},
        kept_request::keep_body,
        media_type::content_type_is,
        network::client_address,
        problem::{HandlerResult, Problem, ProblemKind},
        rate_limit::DeviceProof,
        schema_validation::InputSchema,
        strict_json,
    },
    openapi::schema::{Components, add_body},
    server::state::State,
};

/// The largest body that is accepted, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// The largest body that is accepted of a request without sign-in, in bytes.
pub const MAX_PUBLIC_BODY: usize = 16 * 1024;
/// The media type of JSON.
const JSON: &str = "application/json";

/// A type that is read from a JSON body.
pub trait Input: DeserializeOwned + Send + 'static {
    /// The type whose schema documents the body.
    type Shape: ToSchema + 'static;
    /// Members that only the server writes. They may be sent back with any value, and are ignored.
    const READ_ONLY: &'static [&'static str] = &[];

    /// Adds the schema of the body to a document, and returns a reference to it.
    fn schema(components: &mut Components) -> Value {
        add_body::<Self::Shape>(components)
    }

    /// Returns a valid value for a member. It replaces an invalid one, so that the other members can still be checked.
    fn stand_in(_member: &str) -> Option<Value> {
        None
    }

    /// Whether the input may have a token of a device.
    const MAY_NAME_DEVICE: bool = false;

    /// Returns the device whose token the input has, if this service issued it.
    fn device(&self, _state: &State) -> Option<(DeviceProof, Uuid)> {
        None
    }

    /// Returns the problem of requests that this service does not take, whatever else is wrong with them. The bytes are those
    /// of the body, empty if it could not be read. It is asked for only if something is wrong.
    fn refusal(_state: &State, _bytes: &[u8]) -> Option<Problem> {
        None
    }

    /// Adds a finding for each rule that the input breaks and the schema cannot express.
    fn check(&self, now: chrono::DateTime<chrono::Utc>, findings: &mut Findings);
}

/// A parsed body for which every rule of [`Input`] holds. Only [`parse`] makes one.
#[derive(Debug)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// The body.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Checked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A JSON body of a request that needs no sign-in. The request is counted for the network, or for the device whose token the
/// body has.
pub struct PublicBody<T> {
    /// The body.
    pub value: Checked<T>,
    /// The request.
    pub request: HttpRequest,
    /// The `Idempotency-Key` of the request.
    pub key: Option<HeldKey>,
    /// Whether the request is counted for the device whose token the body has, and not for its network.
    pub is_of_device: bool,
}

/// A JSON body of a request that needs sign-in. The sign-in is checked before the body.
pub struct Body<T> {
    /// The account that sent it.
    pub caller: Caller,
    /// The body.
    pub value: Checked<T>,
    /// The `Idempotency-Key` of the request.
    pub key: Option<HeldKey>,
}

impl<T: Input> FromRequest for PublicBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let state = State::of(&request);
            let address = client_address(&request, &state.trusted_proxies);
            let count_network = || state.limits.count_network(address, &request);
            if !T::MAY_NAME_DEVICE {
                count_network()?;
            }
            let read = read_public::<T>(&request, &state, &mut payload).await;
            let mut is_of_device = false;
            if T::MAY_NAME_DEVICE {
                let device = read.as_ref().ok().and_then(|(value, _)| value.device(&state));
                let counted = device.map(|device| (device.0, state.limits.count_device(device, &request)));
                match counted {
                    Some((_, Ok(()))) => is_of_device = true,
                    Some((DeviceProof::Session, refused)) => refused?,
                    // Somebody else may have a copy of the token. The device is then treated as one without it.
                    Some((DeviceProof::DeviceToken, _)) | None => count_network()?,
                }
            }
            let (value, key) = read?;
            Ok(Self {
                value,
                request,
                key,
                is_of_device,
            })
        }
        .boxed_local()
    }
}

/// Reads the body of a request without sign-in. If anything is wrong with a request that the service does not take anyway,
/// that is the problem.
async fn read_public<T: Input>(
    request: &HttpRequest,
    state: &State,
    payload: &mut Payload,
) -> HandlerResult<(Checked<T>, Option<HeldKey>)> {
    let refused = |bytes: &[u8], problem| T::refusal(state, bytes).unwrap_or(problem);
    let read = read_bytes(request, None, payload).await;
    let (bytes, key) = read.map_err(|problem| refused(&[], problem))?;
    let parsed = parse_in_turn(state, None, bytes.clone()).await;
    Ok((parsed.map_err(|problem| refused(&bytes, problem))?, key))
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
) -> HandlerResult<(Checked<T>, Option<HeldKey>)> {
    let (bytes, key) = read_bytes(request, owner, payload).await?;
    let checked = parse_in_turn(&State::of(request), owner, bytes).await?;
    Ok((checked, key))
}

/// Parses and checks a JSON text. If it is large, this is done when it is the turn of its account, on another thread.
///
/// # Errors
/// As of [`parse`]; 503 if no turn comes.
pub async fn parse_in_turn<T: Input>(
    state: &State,
    account: Option<Uuid>,
    bytes: Bytes,
) -> HandlerResult<Checked<T>> {
    let (now, length) = (state.clock.now(), bytes.len());
    let work = move || parse(&bytes, now);
    state.large_bodies.work_on(length, account, work).await?
}

/// Reads the bytes of a JSON body, and the request's `Idempotency-Key` if it has one. Nothing is validated yet. Without an
/// owner the request is one without sign-in, and its body must be small.
///
/// # Errors
/// 400, 408, 413 or 415 if the body cannot be read or is no JSON by its headers; 409 if another request with that key is still
/// running after two seconds.
pub async fn read_bytes(
    request: &HttpRequest,
    owner: Option<Uuid>,
    payload: &mut Payload,
) -> HandlerResult<(Bytes, Option<HeldKey>)> {
    let limit = if owner.is_some() {
        MAX_BODY
    } else {
        MAX_PUBLIC_BODY
    };
    let bytes = json_bytes(request, JSON, limit, payload).await?;
    let key = if request.method() == Method::POST {
        idempotency::key(request, owner, &bytes).await?
    } else {
        None
    };
    Ok((bytes, key))
}

/// Reads the bytes of a body that is declared as JSON of that media type, in UTF-8 without a content encoding.
///
/// # Errors
/// 400, 408, 413 or 415 if the body cannot be read, or is something else by its headers.
pub async fn json_bytes(
    request: &HttpRequest,
    media_type: &str,
    limit: usize,
    payload: &mut Payload,
) -> HandlerResult<Bytes> {
    let is_json = content_type_is(request, media_type);
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
    let bytes = read_payload(request, limit, payload).await?;
    if bytes.is_empty() {
        return Err(Problem::because(
            ProblemKind::MalformedJson,
            "A JSON body is needed.",
        ));
    }
    // An empty body may come without a content type, and then the missing body is the problem to name.
    if !is_json {
        return Err(Problem::new(ProblemKind::UnsupportedMediaType));
    }
    keep_body(request, &bytes);
    Ok(bytes)
}

/// Parses and checks a JSON text.
///
/// # Errors
/// 400 if it is not JSON; 422 that names every invalid field.
pub fn parse<T: Input>(bytes: &[u8], now: chrono::DateTime<chrono::Utc>) -> HandlerResult<Checked<T>> {
    match deserialize::<T>(bytes) {
        Ok(value) => {
            let mut findings = Findings::default();
            value.check(now, &mut findings);
            if findings.is_empty() {
                Ok(Checked(value))
            } else {
                Err(Problem::validation(findings.into_vec()))
            }
        }
        Err(_) => Err(explain::<T>(bytes, now)),
    }
}

/// Parses a JSON Merge Patch. What it makes of a record is not checked yet.
///
/// # Errors
/// 400 if it is not JSON; 422 if it is no object, or has a member more than once.
pub fn parse_patch(bytes: &[u8]) -> HandlerResult<MergePatch> {
    let JsonValue { value, repeated } = parse_value(bytes).map_err(|error| malformed(&error))?;
    if !repeated.is_empty() {
        let mut findings = Findings::default();
        name_repeated(repeated, &mut findings);
        return Err(Problem::validation(findings.into_vec()));
    }
    MergePatch::new(value).ok_or_else(|| Problem::invalid("", FindingCode::Type, "must be of type object"))
}

/// Adds a finding for each member that an object has more than once.
fn name_repeated(pointers: Vec<String>, findings: &mut Findings) {
    for pointer in pointers {
        findings.add(pointer, FindingCode::Duplicate, "is given more than once");
    }
}

/// Parses any JSON value. A number that is too large for a float becomes the largest one, which every range refuses.
///
/// # Errors
/// If the text is not JSON.
pub fn parse_value(bytes: &[u8]) -> Result<JsonValue, serde_json::Error> {
    read_json_value(bytes).or_else(|_| read_json_value(&clamp_large_numbers(bytes)))
}

fn deserialize<T: Input>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = strict_json::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = format!(
        "The JSON is not valid at line {}, column {}.",
        error.line(),
        error.column()
    );
    Problem::because(ProblemKind::MalformedJson, detail)
}

/// Builds the problem for an input that could not be deserialized, with every invalid field.
fn explain<T: Input>(bytes: &[u8], now: chrono::DateTime<chrono::Utc>) -> Problem {
    let JsonValue { value, repeated } = match parse_value(bytes) {
        Ok(read) => read,
        Err(error) => return malformed(&error),
    };
    let mut findings = Findings::default();
    name_repeated(repeated, &mut findings);
    let mut examined = InputSchema::of::<T>(T::schema, T::READ_ONLY).examine(value, &mut findings);
    // The rest of the input may break further rules. It is checked without the invalid values or, if it cannot be
    // read without them, with valid ones in their place. A rule that compares two members (`order`,
    // `not-applicable`) means nothing then.
    let mut further = Findings::default();
    if let Ok(rest) = strict_json::read::<T, _>(examined.without_invalid()) {
        rest.check(now, &mut further);
        findings.extend(
            further
                .into_vec()
                .into_iter()
                .filter(|f| !examined.covers(&f.pointer)),
        );
    } else if let Ok(rest) = strict_json::read::<T, _>(examined.with_stand_ins(T::stand_in)) {
        rest.check(now, &mut further);
        let compares = |code| matches!(code, FindingCode::Order | FindingCode::NotApplicable);
        let is_genuine = |f: &Finding| !compares(f.code) && !examined.covers_member(&f.pointer);
        findings.extend(further.into_vec().into_iter().filter(is_genuine));
    }
    if findings.is_empty() {
        findings.push(first_error::<T>(bytes));
    }
    Problem::validation(findings.into_vec())
}

/// Returns the first error of deserialization, for a value that only the type refuses, such as an unknown time zone.
fn first_error<T: Input>(bytes: &[u8]) -> Finding {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let error = strict_json::read::<T, _>(reader).err();
    let pointer = track.path().iter().fold(String::new(), |mut pointer, segment| {
        pointer.push('/');
        pointer.push_str(&mainstay_domain::value::validation::pointer_segment(
            &segment.to_string(),
        ));
        pointer
    });
    // The messages of Mainstay's types never repeat the value. Those of other types may, so they are not sent.
    let message = error
        .map(|error| error.to_string())
        .filter(|m| m.starts_with("must ") || m.starts_with("expected an RFC"));
    let message = message.map_or_else(
        || "is not valid here".to_owned(),
        |m| m.split(" at line ").next().unwrap_or_default().to_owned(),
    );
    let pointer = pointer.replace(['[', ']'], "");
    Finding {
        pointer,
        code: FindingCode::Format,
        message,
    }
}

mod inputs;
#[cfg(test)]
mod tests;
