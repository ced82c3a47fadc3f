//! Every way in which a request can go wrong: one table from the kind of problem to its status and its words.
//!
//! The rules: a client's fault is a 4xx that says what to do; an unknown fault is a 500 that says nothing to the
//! client and everything to the log, once; no problem repeats what was sent.

use std::fmt;

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use mainstay_domain::value::validation::{Finding, FindingCode};
use mainstay_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Declares the kinds of problems.
macro_rules! kinds {
    ($($variant:ident, $slug:literal, $status:ident, $title:literal, $explanation:literal;)*) => {
        /// A kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {
            $(#[doc = $title] $variant,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in `type` URIs.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// The status that it is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it is, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it means and what to do.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)* }
            }
        }
    };
}

kinds! {
    MalformedJson, "malformed-json", BAD_REQUEST, "Malformed JSON",
        "The body is not JSON, or there is none where one is needed. Send a JSON document in UTF-8.";
    BadRequest, "bad-request", BAD_REQUEST, "Bad request",
        "The request cannot be read as HTTP asks for, for instance because a header has no valid form.";
    Unauthenticated, "unauthenticated", UNAUTHORIZED, "Sign-in needed",
        "The access token is missing, has ended or is not ours. Refresh the tokens or sign in again.";
    InvalidCredentials, "invalid-credentials", UNAUTHORIZED, "Sign-in did not succeed",
        "The e-mail address and the password do not belong together. The answer is the same whether the address is known or not.";
    InvalidRefreshToken, "invalid-refresh-token", UNAUTHORIZED, "The refresh token is not good any more",
        "The refresh token has ended, was used before, or is not ours. A token that is used a second time ends its session, because someone else may have a copy. Sign in again.";
    WrongPassword, "wrong-password", UNAUTHORIZED, "The password is not right",
        "This needs the account's password, to be sure that it is its owner who asks.";
    NotFound, "not-found", NOT_FOUND, "Not found",
        "There is nothing here, or nothing that this account may see: the two are never told apart.";
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The resource is there, but not for this method. The Allow header names those that it takes.";
    NotAcceptable, "not-acceptable", NOT_ACCEPTABLE, "Not acceptable",
        "The Accept header leaves out every media type in which this resource can be given.";
    UnknownKind, "unknown-kind", UNPROCESSABLE_ENTITY, "There is no such collection",
        "The kind of a change must be the name of a collection, as in its path: check-ins, craving-events, and so on.";
    IdConflict, "id-conflict", CONFLICT, "The id is taken",
        "A record with this id was stored before, with other content. Use a new id for a new record, or PUT to change the stored one.";
    IdDeleted, "id-deleted", CONFLICT, "The id is that of a deleted record",
        "A record with this id was deleted, and a deleted record does not come back. Use a new id.";
    SlotTaken, "slot-taken", CONFLICT, "There is one already",
        "Only one such record can exist, and it does: one morning and one evening check-in a local date, one weekly check-in an ISO week. The member existing_id names it; change that one.";
    GoalExists, "goal-exists", CONFLICT, "There is an active goal for this substance",
        "At most one goal a substance is active. The member existing_id names it; pause, achieve or stop that one first, or change it.";
    IdempotencyKeyInUse, "idempotency-key-in-use", CONFLICT, "A request with this Idempotency-Key is still running",
        "Wait a moment and send the same request again; it gets the first answer.";
    EnteredInError, "entered-in-error", CONFLICT, "The event was marked as entered in error",
        "An event that was marked as entered in error stays as it is. Record a new one instead.";
    EmailTaken, "email-taken", CONFLICT, "The address has an account",
        "An account with this e-mail address exists. Sign in instead.";
    CursorExpired, "cursor-expired", GONE, "The cursor is too old",
        "What was deleted since this cursor is not known any more, or the record was restored from a backup. Pull everything again with a cursor of null, and drop what does not come.";
    IdempotencyKeyReused, "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request",
        "A key names one request with its body for 24 hours. Use a new key for a new request.";
    VersionMismatch, "version-mismatch", PRECONDITION_FAILED, "The record has changed",
        "If-Match names another version than the record has. Get the record, apply the change to it, and send it with its ETag. Nothing was written.";
    ContentTooLarge, "content-too-large", PAYLOAD_TOO_LARGE, "Too large",
        "The body is larger than 1 MiB.";
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "The body must be JSON: Content-Type: application/json.";
    Validation, "validation", UNPROCESSABLE_ENTITY, "The input is not valid",
        "The member errors names every wrong field by a JSON pointer, with a code and what is expected. Nothing was written.";
    PreconditionRequired, "precondition-required", PRECONDITION_REQUIRED, "If-Match needed",
        "Changing or deleting a record needs If-Match with its ETag, so that no change of another device is lost.";
    TooManyRequests, "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "Try again after the seconds in Retry-After. Nobody is ever locked out for good. Nothing was written.";
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side",
        "The fault is ours and has been noted under the request_id. It is safe to send the same request again.";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "Not available just now",
        "The service is busy or its database out of reach. Try again after the seconds in Retry-After; with the same id a record is stored once.";
}

/// What went wrong with one request.
#[derive(Debug)]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// What happened in this case.
    pub detail: Option<String>,
    /// Every wrong field.
    pub errors: Vec<Finding>,
    /// The record that is in the way.
    pub existing_id: Option<Uuid>,
    /// After how many seconds to try again.
    pub retry_after: Option<i64>,
    /// Methods that the resource takes.
    pub allow: Option<String>,
    /// For the log only.
    pub cause: Option<String>,
}

/// What handlers give back.
pub type HandlerResult<T = HttpResponse> = Result<T, Problem>;

impl Problem {
    /// A problem with nothing more to say than its kind.
    pub const fn new(kind: ProblemKind) -> Self {
        Self {
            kind,
            detail: None,
            errors: Vec::new(),
            existing_id: None,
            retry_after: None,
            allow: None,
            cause: None,
        }
    }

    /// A problem with something to say on this case. Never repeats what was sent.
    pub fn because(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::new(kind)
        }
    }

    /// Wrong fields.
    pub fn validation(errors: Vec<Finding>) -> Self {
        let detail = match errors.len() {
            1 => "One field is not valid.".to_owned(),
            n => format!("{n} fields are not valid."),
        };
        Self {
            errors,
            ..Self::because(ProblemKind::Validation, detail)
        }
    }

    /// One wrong query parameter or other single field.
    pub fn invalid(pointer: &str, code: FindingCode, message: &str) -> Self {
        Self::validation(vec![Finding {
            pointer: pointer.to_owned(),
            code,
            message: message.to_owned(),
        }])
    }

    /// A fault of our own.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(ProblemKind::Internal)
        }
    }

    /// Try again later.
    pub fn retry(kind: ProblemKind, seconds: i64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(kind)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.slug())?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Problem {}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::new(ProblemKind::NotFound),
            StoreError::VersionMismatch { current } => Self::because(
                ProblemKind::VersionMismatch,
                format!("The record is at version {current}."),
            ),
            StoreError::IdConflict => Self::new(ProblemKind::IdConflict),
            StoreError::IdDeleted => Self::new(ProblemKind::IdDeleted),
            StoreError::SlotTaken { id } => Self {
                existing_id: Some(id),
                ..Self::new(ProblemKind::SlotTaken)
            },
            StoreError::Final => Self::new(ProblemKind::EnteredInError),
            StoreError::Findings(errors) => Self::validation(errors),
            StoreError::KeyInUse => Self::new(ProblemKind::IdempotencyKeyInUse),
            StoreError::KeyReused => Self::new(ProblemKind::IdempotencyKeyReused),
            StoreError::EmailTaken => Self::new(ProblemKind::EmailTaken),
            StoreError::Busy => Self::retry(ProblemKind::Unavailable, 1),
            StoreError::Unavailable(cause) | StoreError::OutcomeUnknown(cause) => Self {
                cause: Some(cause),
                ..Self::retry(ProblemKind::Unavailable, 2)
            },
            StoreError::Sealed(_) | StoreError::Database(_) | StoreError::Internal(_) => {
                Self::internal(error)
            }
        }
    }
}

/// A problem on the wire (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// What kind of problem it is: `/problems/` and its slug, a page that explains it.
    #[serde(rename = "type")]
    #[schema(max_length = 200, example = "/problems/validation")]
    pub kind: String,
    /// The kind in a few words.
    #[schema(max_length = 200, example = "The input is not valid")]
    pub title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// What happened in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000, example = "One field is not valid.")]
    pub detail: Option<String>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000, example = "/v1/check-ins")]
    pub instance: Option<String>,
    /// The id of the request, for asking back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, example = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47")]
    pub request_id: Option<String>,
    /// Every wrong field; of more than 2 000 the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2000)]
    pub errors: Vec<Finding>,
    /// The record that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing_id: Option<Uuid>,
}

/// Wrong fields that are named; nobody mends more at a time, and the answer to a short request must not be long.
const MOST_ERRORS: usize = 2000;

impl Problem {
    /// The wire form.
    pub fn document(&self, instance: Option<&str>, request_id: Option<&str>) -> ProblemDocument {
        ProblemDocument {
            kind: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance: instance.map(str::to_owned),
            request_id: request_id.map(str::to_owned),
            errors: self.errors.iter().take(MOST_ERRORS).cloned().collect(),
            existing_id: self.existing_id,
        }
    }

    /// The answer, for a request of that path and id.
    pub fn answer(&self, instance: Option<&str>, request_id: Option<&str>) -> HttpResponse {
        let mut answer = HttpResponseBuilder::new(self.kind.status());
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            let challenge = match self.kind {
                ProblemKind::Unauthenticated => "Bearer realm=\"mainstay\", error=\"invalid_token\"",
                _ => "Bearer realm=\"mainstay\"",
            };
            answer.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
        }
        if let Some(allow) = &self.allow {
            answer.insert_header((header::ALLOW, allow.as_str()));
        }
        answer
            .content_type("application/problem+json")
            .body(mainstay_domain::record::json(
                &self.document(instance, request_id),
            ))
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    /// Used outside the middleware only, which writes the answer with path and request id.
    fn error_response(&self) -> HttpResponse {
        self.answer(None, None)
    }
}
