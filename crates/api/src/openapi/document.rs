//! Builds the OpenAPI 3.1 document from the endpoints.

#![expect(
    clippy::indexing_slicing,
    reason = "the JSON objects are created in this file, with these members"
)]

use std::collections::BTreeSet;

use mainstay_domain::account::{Role, Roles};
use serde_json::{Map, Value, json, map::Entry};

use crate::{
    http::problem::{ProblemDocument, ProblemKind},
    openapi::{
        endpoint::{Endpoint, Parameter, SuccessResponse, Tag},
        form::finish,
        schema::{Components, add},
    },
};

/// Builds the document of all endpoints.
pub fn document(endpoints: &[Endpoint]) -> Value {
    let mut components = Components::new();
    add::<ProblemDocument>(&mut components);
    let mut paths: Map<String, Value> = Map::new();
    let mut statuses = BTreeSet::new();
    for endpoint in endpoints.iter().filter(|e| !e.hidden) {
        let operation = operation(endpoint, &mut components, &mut statuses);
        let path = paths.entry(endpoint.path.clone()).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation;
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mainstay",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The backend of a recovery-support app.",
            "description": include_str!("introduction.md"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This server." }],
        "security": [{ "accessToken": [] }],
        "tags": Tag::ALL.iter().map(|(_, name, description)| json!({ "name": name, "description": description })).collect::<Value>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "accessToken": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The access token of a session. Register, sign in or refresh to get one. It is valid for ten minutes.",
                },
            },
            "headers": headers(),
            "responses": statuses.into_iter().map(|status| (response_name(status), problem_response(status))).collect::<Map<_, _>>(),
        },
    });
    let schemas = finish(&components, &mut document);
    document["components"]["schemas"] = json!(schemas);
    document
}

fn operation(endpoint: &Endpoint, components: &mut Components, statuses: &mut BTreeSet<u16>) -> Value {
    let problems = problems(endpoint);
    for schema in &endpoint.parameter_schemas {
        schema(components);
    }
    let mut responses = Map::new();
    for response in &endpoint.responses {
        let object = response_object(response, components);
        match responses.entry(response.status.to_string()) {
            Entry::Vacant(vacant) => drop(vacant.insert(object)),
            // The same response in another media type.
            Entry::Occupied(mut other) => extend_content(other.get_mut(), object),
        }
    }
    for kind in &problems {
        let status = kind.status().as_u16();
        statuses.insert(status);
        responses.entry(status.to_string()).or_insert_with(
            || json!({ "$ref": format!("#/components/responses/{}", response_name(status)) }),
        );
    }
    let mut operation = json!({
        "operationId": endpoint.id,
        "tags": [endpoint.tag.name()],
        "summary": endpoint.summary,
        "description": endpoint.description,
    });
    if endpoint.public {
        operation["security"] = json!([]);
    } else {
        operation["x-roles"] = endpoint.roles.iter().map(Role::as_str).collect();
    }
    let key = endpoint.takes_idempotency_key().then(idempotency_key);
    let parameters: Vec<Value> = endpoint
        .parameters
        .iter()
        .chain(&key)
        .map(parameter_object)
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = &endpoint.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { endpoint.body_media_type(): { "schema": (body.schema)(components), "examples": { "example": { "value": (body.example)() } } } },
        });
    }
    operation["responses"] = Value::Object(responses);
    operation["x-problem-types"] = problems.iter().map(|kind| kind.slug()).collect();
    operation
}

/// Adds the media types of a response to another one with the same status.
fn extend_content(response: &mut Value, mut other: Value) {
    if let (Some(content), Some(more)) = (
        response.get_mut("content").and_then(Value::as_object_mut),
        other.get_mut("content").and_then(Value::as_object_mut),
    ) {
        content.append(more);
    }
}

/// Lists the problems of an operation: those that it declares, and those that follow from its form.
fn problems(endpoint: &Endpoint) -> Vec<ProblemKind> {
    use ProblemKind as P;
    let mut all = endpoint.problems.clone();
    if !endpoint.public {
        all.push(P::Unauthenticated);
        if endpoint.roles != Roles::ALL {
            all.push(P::RoleNotAllowed);
        }
    }
    if endpoint.path.starts_with("/v1/") {
        all.extend([P::NotAcceptable, P::TooManyRequests, P::Internal, P::Unavailable]);
    }
    if endpoint.body.is_some() {
        all.extend([
            P::MalformedJson,
            P::BadRequest,
            P::ContentTooLarge,
            P::RequestTimeout,
            P::UnsupportedMediaType,
            P::Validation,
        ]);
    }
    if endpoint.takes_idempotency_key() {
        all.extend([P::IdempotencyKeyReused, P::RequestInProgress, P::BadRequest]);
    }
    for parameter in &endpoint.parameters {
        match (parameter.place, parameter.name) {
            ("path", _) => all.push(P::NotFound),
            ("query", _) => all.push(P::Validation),
            ("header", "If-Match") if parameter.required => {
                all.extend([P::PreconditionRequired, P::VersionMismatch]);
            }
            ("header", "If-Match") => all.push(P::VersionMismatch),
            _ => {}
        }
    }
    all.sort_by_key(|kind| (kind.status().as_u16(), kind.slug()));
    all.dedup();
    all
}

fn idempotency_key() -> Parameter {
    Parameter {
        name: "Idempotency-Key",
        place: "header",
        required: false,
        description: "A name for this request, for example a UUID. A request with the same name and body within 24 hours gets the response of the first one, and waits for it up to two seconds.",
        schema: json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\t -~]+$" }),
        // The reference page would send an example by itself, and every second request would reuse it.
        example: Value::Null,
    }
}

fn parameter_object(parameter: &Parameter) -> Value {
    let mut object = json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    });
    if !parameter.example.is_null() {
        object["example"] = parameter.example.clone();
    }
    object
}

fn response_object(response: &SuccessResponse, components: &mut Components) -> Value {
    let mut object = json!({ "description": response.description });
    let mut headers: Map<String, Value> = Map::new();
    for name in response.headers.iter().copied().chain(["X-Request-Id"]) {
        headers.insert(
            name.to_owned(),
            json!({ "$ref": format!("#/components/headers/{name}") }),
        );
    }
    object["headers"] = Value::Object(headers);
    if let (Some(media_type), Some(schema)) = (response.media_type, &response.schema) {
        let mut content = json!({ "schema": schema(components) });
        if let Some(example) = &response.example {
            content["examples"] = json!({ "example": { "value": example() } });
        }
        object["content"] = json!({ media_type: content });
    }
    object
}

fn headers() -> Value {
    let text = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string", "maxLength": 4000 }, "example": example });
    json!({
        "ETag": text("The entity tag of the response, for If-Match and If-None-Match. Send it as received, with its quotes; it has no meaning for clients.", "\"1\""),
        "Location": text("The path of the new record.", "/v1/check-ins/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"),
        "Idempotent-Replayed": text("true if an earlier request stored the record.", "true"),
        "X-Request-Id": text("The id of the request: the client's, or a new one.", "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"),
        "X-Part2-Notice": text("The short notice of 42 CFR 2.32. Show it with what you show.", "42 CFR part 2 prohibits unauthorized use or disclosure of these records."),
        "Link": text("Where the notice can be read at length.", "</part2-notice>; rel=\"part2-notice\""),
        "Accept-Patch": text("The media type of a PATCH, in the response to a PATCH of another one.", "application/merge-patch+json"),
        "Retry-After": { "description": "Seconds to wait before trying again.", "schema": { "type": "integer", "minimum": 1 }, "example": 2 },
        "WWW-Authenticate": text("How to authenticate.", "Bearer realm=\"mainstay\""),
    })
}

/// Returns the name of the shared response for a status, which is its reason phrase in RFC 9110.
fn response_name(status: u16) -> String {
    let reason = actix_web::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("Problem");
    match status {
        413 => "ContentTooLarge".to_owned(),
        422 => "UnprocessableContent".to_owned(),
        _ => reason.replace([' ', '-'], ""),
    }
}

/// Builds the shared response for all problems with a status.
fn problem_response(status: u16) -> Value {
    let kinds: Vec<ProblemKind> = ProblemKind::ALL
        .iter()
        .copied()
        .filter(|k| k.status().as_u16() == status)
        .collect();
    let description = kinds
        .iter()
        .map(|k| format!("`{}`: {}.", k.slug(), k.title()))
        .collect::<Vec<_>>()
        .join(" ");
    let examples: Map<String, Value> = kinds
        .iter()
        .map(|kind| {
            let mut example = json!({
                "type": format!("/problems/{}", kind.slug()),
                "title": kind.title(),
                "status": status,
                "instance": "/v1/check-ins",
                "request_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47",
            });
            if *kind == ProblemKind::Validation {
                example["detail"] = json!("One field is not valid.");
                example["errors"] = json!([{ "pointer": "/answers/craving", "code": "range", "message": "must be at most 10" }]);
            }
            if matches!(kind, ProblemKind::SlotTaken | ProblemKind::GoalExists) {
                example["existing_id"] = json!("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47");
            }
            if *kind == ProblemKind::CursorExpired {
                example["reason"] = json!("restored");
            }
            if *kind == ProblemKind::QuotaExceeded {
                example["quota"] = json!("records");
                example["limit"] = json!(300_000);
            }
            (kind.slug().to_owned(), json!({ "value": example }))
        })
        .collect();
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    if matches!(status, 409 | 429 | 503 | 507) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    if status == 415 {
        headers["Accept-Patch"] = json!({ "$ref": "#/components/headers/Accept-Patch" });
    }
    if status == 401 {
        headers["WWW-Authenticate"] = json!({ "$ref": "#/components/headers/WWW-Authenticate" });
    }
    json!({
        "description": description,
        "headers": headers,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples } },
    })
}
