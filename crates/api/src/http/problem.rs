//! Problems (RFC 9457): every way in which a request can fail, in one table of kinds with their statuses and texts.
//!
//! - A fault of the client is a 4xx that says what to do.
//! - An unknown fault is a 500. The client learns no details; the cause is logged once.
//! - No problem repeats input.

use std::fmt;

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use mainstay_domain::{
    account::quota::{Budget, Exceeded},
    support::toolkit::Toolkit,
    value::validation::{Finding, FindingCode},
};
use mainstay_store::{ContributionRefusal, StoreError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{
    faults::{Faults, bounded},
    retry::jittered,
};

/// Declares the kinds of problems from a table: variant, slug, status, title, explanation.
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

            /// The name of the kind in `type` URIs.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// The status of the response.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The kind in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The meaning of the kind, and what a client can do.
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
        "The request is not valid HTTP, for instance because a header has no valid form.";
    Unauthenticated, "unauthenticated", UNAUTHORIZED, "Sign-in needed",
        "The access token is missing, has expired, or was not issued by this service. Refresh the tokens or sign in again.";
    InvalidCredentials, "invalid-credentials", UNAUTHORIZED, "Sign-in did not succeed",
        "The e-mail address and the password do not match. The response is the same whether the address has an account or not.";
    InvalidRefreshToken, "invalid-refresh-token", UNAUTHORIZED, "The refresh token is no longer valid",
        "The refresh token has expired, was used before, or was not issued by this service. A token that is used a second time ends its session, because someone else may have a copy. Sign in again.";
    WrongPassword, "wrong-password", UNAUTHORIZED, "The password is not right",
        "This request needs the password of the account, to make sure that its owner sends it.";
    RegistrationClosed, "registration-closed", FORBIDDEN, "Registration is closed",
        "Nobody can register here by themselves. Whoever runs the service creates accounts; ask them for one.";
    InviteInvalid, "invite-invalid", FORBIDDEN, "An invite is needed",
        "Registering here needs the code of an invite, in the member invite_code. There is none in the request, or it is not the code of an invite that can still be used: the response never tells which. Let the person check what they typed, or ask whoever runs the service for another code.";
    RoleNotAllowed, "role-not-allowed", FORBIDDEN, "Not for accounts of this role",
        "Accounts of this role have no part in the operation. The extension x-roles in the document lists the roles that have. The response depends on the role of the caller alone, and tells nothing of anybody's record.";
    NotFound, "not-found", NOT_FOUND, "Not found",
        "There is nothing at this path, or nothing that this account may see. The response never tells which of the two.";
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The resource exists but does not support this method. The Allow header lists the methods that it supports.";
    NotAcceptable, "not-acceptable", NOT_ACCEPTABLE, "Not acceptable",
        "The Accept header excludes every media type that this resource has.";
    UnknownKind, "unknown-kind", UNPROCESSABLE_ENTITY, "There is no such collection",
        "The kind of a change must be the name of a collection, as in its path: check-ins, craving-events, and so on.";
    IdConflict, "id-conflict", CONFLICT, "The id is taken",
        "A record with this id and other content exists. Use a new id for a new record, or PUT to change the existing one.";
    IdDeleted, "id-deleted", CONFLICT, "The id belongs to a deleted record",
        "A record with this id was deleted, and a deleted record cannot be restored. Use a new id.";
    SlotTaken, "slot-taken", CONFLICT, "There is one already",
        "Only one record of this kind can exist: one morning and one evening check-in per local date, one weekly check-in per ISO week. The member existing_id names the existing record; change that one.";
    GoalExists, "goal-exists", CONFLICT, "There is an active goal for this substance",
        "Each substance has at most one active goal. The member existing_id names it; pause, achieve or stop that one first, or change it.";
    RequestInProgress, "request-in-progress", CONFLICT, "A request with this Idempotency-Key is still running",
        "This request has waited two seconds for the response of the first one. Send it again after the seconds in Retry-After. It gets that response, or is carried out if there is none.";
    EnteredInError, "entered-in-error", CONFLICT, "The event was marked as entered in error",
        "An event that was marked as entered in error cannot be changed. Record a new one instead.";
    ProposalDecided, "proposal-decided", CONFLICT, "The suggestion was decided already",
        "The suggestion was accepted, declined or withdrawn before. Read it to see which. The plan was not changed by this request.";
    PlanNumberChanged, "plan-number", CONFLICT, "The plan has another number by now",
        "The request was made for an earlier number of the plan. Read the latest one and decide on it. An outdated suggestion can still be accepted with content of your own. Nothing was written.";
    TooManyProposals, "too-many-proposals", CONFLICT, "Many suggestions wait already",
        "The person has not decided on earlier suggestions yet, and there is room for a limited number of them. Give them time, or withdraw one of yours. Nothing was written.";
    ConsentStatus, "consent-status", CONFLICT, "The status of the consent does not allow this",
        "A draft can be changed, signed or put aside, and an active consent can be taken back. One that has ended stays as it is; write a new one instead. Nothing was written.";
    LimitReached, "limit-reached", CONFLICT, "No more of these are kept",
        "The account has as many of these as the service keeps; the detail says how many. Nothing was written.";
    EmailTaken, "email-taken", CONFLICT, "The address has an account",
        "An account with this e-mail address exists. Sign in instead.";
    InvitationStatus, "invitation-status", CONFLICT, "The invitation does not allow this as it stands",
        "Each step of an invitation has its status: a pending one can be revoked, an accepted one confirmed, declined, revoked or left, a confirmed one revoked or left. The detail names the present status. Get the invitation to see where it stands.";
    TooManyInvitations, "too-many-invitations", CONFLICT, "There are many invitations already",
        "An account has at most 20 invitations that nobody has taken yet, and 200 in all, ended ones among them. Revoke those that are not needed any more, or wait: a code ends after 7 days, and ended invitations are removed after 180.";
    DisplayNameNeeded, "display-name-needed", CONFLICT, "Your profile needs a display name",
        "Others are told who reads their record. Give your profile a display_name, and send the request again.";
    TooManyEmergencies, "too-many-emergencies", CONFLICT, "There are three emergency accesses already",
        "A clinician has at most three emergency accesses at a time. One of them must end first: after 24 hours, or when its person ends it.";
    CursorExpired, "cursor-expired", GONE, "The cursor cannot be used any more",
        "Pull everything again with a cursor of null. The member reason says why. too_old: deletions since this cursor are no longer stored, so drop every local record that does not come. restored: the record was restored from a backup, which may not have all that the device has; keep that and give it back, as the guide to sync describes.";
    IdempotencyKeyReused, "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request",
        "For 24 hours a key belongs to one request with its body. Use a new key for a new request.";
    VersionMismatch, "version-mismatch", PRECONDITION_FAILED, "The record has changed",
        "If-Match does not name the current version of the record: it was changed since, or restored from a backup. Get the record, apply the change to it, and send it with its ETag. Nothing was written.";
    ContentTooLarge, "content-too-large", PAYLOAD_TOO_LARGE, "Too large",
        "The body is larger than 1 MiB.";
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "The body must be JSON: Content-Type: application/json. A PATCH has application/merge-patch+json, as the Accept-Patch header says.";
    Validation, "validation", UNPROCESSABLE_ENTITY, "The input is not valid",
        "The member errors lists every invalid field by its JSON pointer, with a code and the expected value. Nothing was written.";
    ConsentIncomplete, "consent-incomplete", UNPROCESSABLE_ENTITY, "Something is still missing in the consent",
        "A consent can be signed once it has every element that the law asks for. The member errors names each that is missing by its JSON pointer, in words for the person. Nothing is shared yet.";
    RequestTimeout, "request-timeout", REQUEST_TIMEOUT, "The body came too slowly",
        "A body has 5 seconds, one second more for each KiB that has come, and 30 seconds in all. The connection is closed. Send the request again, with fewer changes if the connection is slow.";
    PreconditionRequired, "precondition-required", PRECONDITION_REQUIRED, "If-Match needed",
        "Changing or deleting a record needs If-Match with its ETag, so that no change from another device is lost.";
    TooManyRequests, "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "Try again after the seconds in Retry-After. No account is ever locked out for good. Nothing was written.";
    EnoughEncouragements, "enough-encouragements", TOO_MANY_REQUESTS, "Enough for today",
        "You have written to this person as often as one of their days has room for. Retry-After holds the seconds until their next day. Nothing was written.";
    QuotaExceeded, "quota-exceeded", INSUFFICIENT_STORAGE, "A budget of the account is used up",
        "Nothing was written. The member quota names the budget, and limit says how large it is. writes_per_day begins anew at midnight UTC, after the seconds in Retry-After; for the others the operator of the service can set a higher limit. Keep the record on the device. Reading, deleting, reports and help go on, and cravings, use events, plans and support contacts have a reserve.";
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side",
        "The fault is on the side of the server and was logged under the request_id. It is safe to send the same request again.";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "Not available just now",
        "The service is busy or cannot reach its database. Try again after the seconds in Retry-After. A record that is sent again with the same id is stored once.";
    Postponed, "postponed", SERVICE_UNAVAILABLE, "Not tried yet",
        "The changes before this one in the push were as much work as one push may cause. Keep this change, and send it with the next push.";
}

/// Why a cursor of sync has expired. More reasons may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryReason {
    /// The record was restored from a backup. The device may have what the server has lost.
    Restored,
    /// The device was away for so long that deletions which it does not know of are no longer stored.
    TooOld,
}

/// The reason why one request failed.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The kind of problem.
    pub kind: ProblemKind,
    /// Details of this case. They never repeat input.
    pub detail: Option<String>,
    /// Every invalid field.
    pub errors: Vec<Finding>,
    /// The existing record that prevents the change.
    pub existing_id: Option<Uuid>,
    /// Why a cursor of sync has expired.
    pub reason: Option<ExpiryReason>,
    /// The budget that is used up.
    pub exceeded: Option<Exceeded>,
    /// Help for a person whose body tells of acute danger, although nothing of it was stored.
    pub support: Option<Box<Toolkit>>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<i64>,
    /// Methods that the resource supports, for `Allow`.
    pub allow: Option<String>,
    /// The media type of a patch that the resource supports, for `Accept-Patch`.
    pub accept_patch: Option<&'static str>,
    /// The cause of an internal fault, for the log only.
    pub cause: Option<String>,
}

/// The longest `Retry-After` while others have all turns, in seconds.
const MAX_BUSY_RETRY_S: i64 = 3;

/// The header that names the media types of patches (RFC 5789, section 3.1).
pub const ACCEPT_PATCH: &str = "accept-patch";

/// The result of a handler.
pub type HandlerResult<T = HttpResponse> = Result<T, Problem>;

impl Problem {
    /// Creates a problem without details.
    pub const fn new(kind: ProblemKind) -> Self {
        Self {
            kind,
            detail: None,
            errors: Vec::new(),
            existing_id: None,
            reason: None,
            exceeded: None,
            support: None,
            retry_after: None,
            allow: None,
            accept_patch: None,
            cause: None,
        }
    }

    /// Creates a problem with details, which must not repeat input.
    pub fn because(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::new(kind)
        }
    }

    /// Creates a problem that names every invalid field.
    pub fn validation(errors: Vec<Finding>) -> Self {
        let Faults { named, has_more } = bounded(errors);
        let detail = match named.len() {
            1 => "One field is not valid.".to_owned(),
            n if has_more => format!("More than {n} fields are not valid. The first {n} are named."),
            n => format!("{n} fields are not valid."),
        };
        Self {
            errors: named,
            ..Self::because(ProblemKind::Validation, detail)
        }
    }

    /// Creates a problem about one query parameter or one other field.
    pub fn invalid(pointer: &str, code: FindingCode, message: &str) -> Self {
        Self::validation(vec![Finding {
            pointer: pointer.to_owned(),
            code,
            message: message.to_owned(),
        }])
    }

    /// Creates an internal fault, whose cause is logged and never sent.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(ProblemKind::Internal)
        }
    }

    /// Creates a problem that goes away by itself, with the seconds to wait before trying again.
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
            StoreError::KeyInUse => Self::retry(ProblemKind::RequestInProgress, 1),
            StoreError::KeyReused => Self::new(ProblemKind::IdempotencyKeyReused),
            StoreError::QuotaExceeded {
                exceeded,
                retry_after,
            } => Self {
                exceeded: Some(exceeded),
                retry_after,
                ..Self::new(ProblemKind::QuotaExceeded)
            },
            StoreError::Contribution(refusal) => refusal.into(),
            StoreError::TooMany { limit } => {
                Self::because(ProblemKind::LimitReached, format!("At most {limit} are kept."))
            }
            StoreError::EmailTaken => Self::new(ProblemKind::EmailTaken),
            StoreError::InviteInvalid => Self::new(ProblemKind::InviteInvalid),
            StoreError::InvitationStatus { status } => Self::because(
                ProblemKind::InvitationStatus,
                format!("The invitation is {}.", status.as_str()),
            ),
            StoreError::TooManyInvitations => Self::new(ProblemKind::TooManyInvitations),
            StoreError::Busy => Self::retry(ProblemKind::Unavailable, jittered(1, MAX_BUSY_RETRY_S)),
            StoreError::Unavailable(cause) | StoreError::OutcomeUnknown(cause) => Self {
                cause: Some(cause),
                ..Self::retry(ProblemKind::Unavailable, 2)
            },
            StoreError::PersonGone => Self::new(ProblemKind::Unauthenticated),
            StoreError::Sealed(_)
            | StoreError::Ledger(_)
            | StoreError::NewerSchema { .. }
            | StoreError::Mismatched(_)
            | StoreError::Database(_)
            | StoreError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<ContributionRefusal> for Problem {
    fn from(refusal: ContributionRefusal) -> Self {
        match refusal {
            ContributionRefusal::Decided => Self::new(ProblemKind::ProposalDecided),
            ContributionRefusal::OtherNumber { latest } => Self::because(
                ProblemKind::PlanNumberChanged,
                format!("The plan is at number {latest}."),
            ),
            ContributionRefusal::TooMany => Self::new(ProblemKind::TooManyProposals),
            ContributionRefusal::EnoughToday { retry_after } => {
                Self::retry(ProblemKind::EnoughEncouragements, retry_after)
            }
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// The kind of problem: `/problems/` and its slug. The server has a page at this path that explains it.
    #[serde(rename = "type")]
    #[schema(max_length = 200, example = "/problems/validation")]
    pub kind: String,
    /// The kind in a few words.
    #[schema(max_length = 200, example = "The input is not valid")]
    pub title: &'static str,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// Details of this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000, example = "One field is not valid.")]
    pub detail: Option<String>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000, example = "/v1/check-ins")]
    pub instance: Option<String>,
    /// The id of the request, as in its X-Request-Id header. Support can find the request in the log by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, example = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47")]
    pub request_id: Option<String>,
    /// Every invalid field, at most the first 100. The detail says if there are more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<Finding>>, max_items = 100)]
    pub errors: Vec<Finding>,
    /// The existing record that prevents the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing_id: Option<Uuid>,
    /// Why the cursor has expired, for `cursor-expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ExpiryReason>,
    /// The budget that is used up, for `quota-exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Budget>,
    /// The limit of that budget for this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub limit: Option<i64>,
    /// Help, where a check-in, a craving event or a use event was refused whose body says that the person does not feel
    /// safe, or came to harm, or where a full account had no room for a craving event or a use event. Show it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<Toolkit>,
}

impl Problem {
    /// Builds the document for a request with this path and id.
    pub fn document(&self, instance: Option<&str>, request_id: Option<&str>) -> ProblemDocument {
        ProblemDocument {
            kind: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance: instance.map(str::to_owned),
            request_id: request_id.map(str::to_owned),
            errors: self.errors.clone(),
            existing_id: self.existing_id,
            reason: self.reason,
            quota: self.exceeded.map(|exceeded| exceeded.budget),
            limit: self.exceeded.map(|exceeded| exceeded.limit),
            support: self.support.as_deref().cloned(),
        }
    }

    /// Builds the response to a request with this path and id.
    pub fn response(&self, instance: Option<&str>, request_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.kind.status());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.kind == ProblemKind::RequestTimeout {
            response.force_close();
        }
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            let challenge = match self.kind {
                ProblemKind::Unauthenticated => "Bearer realm=\"mainstay\", error=\"invalid_token\"",
                _ => "Bearer realm=\"mainstay\"",
            };
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if let Some(media_type) = self.accept_patch {
            response.insert_header((ACCEPT_PATCH, media_type));
        }
        response
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

    /// Builds the response without path and request id. The request layer replaces it by one that has both.
    fn error_response(&self) -> HttpResponse {
        self.response(None, None)
    }
}
