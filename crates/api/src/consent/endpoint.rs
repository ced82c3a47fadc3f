//! The operations on consents, with their part of the OpenAPI document.

use mainstay_domain::{
    consent::{
        Consent, ConsentStatus, Recipient, Revocation, Signature, SignerRelationship, Signing,
        preview::ConsentPreview,
    },
    sharing::Resource,
    value::{list::List, text::Label, timestamp::Timestamp},
};
use serde_json::{Value, json};

use super::{
    preview::{preview_example, read_preview},
    read::{find_by_path_id, list, read},
    sign::sign,
    write::{PATH, create, enter_in_error, event_occurred, merge, reject, replace, revoke},
};
use crate::{
    http::{problem::ProblemKind, replay::replaying},
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::{Components, add_list, add_resource, add_resource_input, add_resource_patch},
    },
    record::{
        EXAMPLE_ID, MERGES, cursor_parameter, id_parameter, if_match, if_none_match, limit_parameter,
        missing_unless, resource_example, resource_request_example,
    },
};

const TAG: Tag = Tag::Sharing;
const ONE: &str = "/v1/consents/{id}";

/// Returns the endpoints of consents.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        create_endpoint(),
        list_endpoint(),
        read_endpoint(),
        replace_endpoint(),
        merge_endpoint(),
        preview_endpoint(),
        sign_endpoint(),
        revoke_endpoint(),
        step_endpoint(
            endpoint::post(format!("{ONE}/reject"), reject).operation(
                TAG,
                "rejectConsent",
                "Put a draft of a consent aside",
            ),
            "The draft becomes `rejected`. Nothing was shared by it, and nothing will be. Repeating it changes nothing.",
        ),
        step_endpoint(
            endpoint::post(format!("{ONE}/event-occurred"), event_occurred).operation(
                TAG,
                "endConsentByEvent",
                "Say that the event of a consent has happened",
            ),
            "An active consent with `expires_on_event` becomes `expired`, from the next request on. Repeating it changes nothing.",
        ),
        step_endpoint(
            endpoint::post(format!("{ONE}/entered-in-error"), enter_in_error).operation(
                TAG,
                "markConsentEnteredInError",
                "Mark a consent as entered in error",
            ),
            "The consent is not relied on from the next request on. It stays readable. Repeating it changes nothing.",
        ),
    ]
}

fn create_endpoint() -> Endpoint {
    endpoint::post(PATH, replaying(create))
        .operation(TAG, "createConsent", "Write a draft of a consent")
        .about(
            "Stores a draft. `missing` says in kind words what it still needs before it can be signed: every element that 42 CFR 2.31 \
             asks for. Nothing is shared by a draft. If it is sent again with the same id and content, the response is 200 with the \
             consent as it is now. A recipient is an account that took an invitation and was confirmed; a name alone is on the \
             record, and sees nothing in the app. No consent covers the journal.",
        )
        .takes_schema(
            Box::new(add_resource_input::<Consent>),
            resource_request_example::<Consent>,
        )
        .gives_schema(201, "Stored.", Box::new(add_resource::<Consent>), draft_example)
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before; the response has the current version.",
            Box::new(add_resource::<Consent>),
            draft_example,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::LimitReached])
}

fn list_endpoint() -> Endpoint {
    endpoint::get(PATH, list)
        .operation(TAG, "listConsents", "List consents")
        .about("Newest first by the time of creation, in every status.")
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(list_schema),
            || json!({ "items": [active_example()], "next_cursor": null }),
        )
}

fn list_schema(components: &mut Components) -> Value {
    let items = add_resource::<Consent>(components);
    add_list(components, "ConsentList", &items)
}

fn read_endpoint() -> Endpoint {
    endpoint::get(ONE, read)
        .operation(TAG, "getConsent", "Read one consent")
        .about("Returns the current version of the consent.")
        .parameter(id_parameter())
        .parameter(if_none_match())
        .gives_schema(
            200,
            "The current version.",
            Box::new(add_resource::<Consent>),
            active_example,
        )
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn replace_endpoint() -> Endpoint {
    let handler = missing_unless(async |caller| find_by_path_id(&caller).await.map(drop), replace);
    endpoint::put(ONE, handler)
        .operation(TAG, "replaceConsent", "Replace a draft of a consent")
        .about("Replaces the whole draft. An optional member that is left out is unset. Once a consent was signed, it does not change.")
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(
            Box::new(add_resource_input::<Consent>),
            resource_request_example::<Consent>,
        )
        .gives_schema(200, "Replaced.", Box::new(add_resource::<Consent>), draft_example)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::ConsentStatus])
}

fn merge_endpoint() -> Endpoint {
    let handler = missing_unless(async |caller| find_by_path_id(&caller).await.map(drop), merge);
    endpoint::patch(ONE, handler)
        .operation(TAG, "updateConsent", "Change members of a draft of a consent")
        .about(MERGES)
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(
            Box::new(add_resource_patch::<Consent>),
            || json!({ "purposes": ["recovery_support", "treatment"] }),
        )
        .gives_schema(200, "Changed.", Box::new(add_resource::<Consent>), draft_example)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::ConsentStatus])
}

fn preview_endpoint() -> Endpoint {
    endpoint::get(format!("{ONE}/preview"), read_preview)
        .priority(Priority::Deferrable)
        .operation(TAG, "previewConsent", "See what each recipient would see")
        .about(
            "For each recipient: the classes that would be shown, how many records there are now and how new they are, and what stays \
             hidden. A draft is shown as if it were signed. Agreed restrictions are applied.",
        )
        .parameter(id_parameter())
        .gives::<ConsentPreview>(200, "What each recipient would see now.", preview_example)
}

fn sign_endpoint() -> Endpoint {
    let handler = missing_unless(
        async |caller| find_by_path_id(&caller).await.map(drop),
        replaying(sign),
    );
    endpoint::post(format!("{ONE}/sign"), handler)
        .priority(Priority::SignIn)
        .operation(TAG, "signConsent", "Sign a consent")
        .about(
            "The draft becomes `active` with the name of the signer and the time, and its recipients see from the next request on what \
             it covers. A consent in `supersedes` ends at the same moment. If an element is missing, the problem `consent-incomplete` \
             names each by its pointer, and nothing is shared. Signing an active consent again changes nothing.",
        )
        .parameter(id_parameter())
        .parameter(Parameter { required: false, ..if_match() })
        .takes::<Signing>(|| json!({ "name": "Sam Example", "password": "rivers bend slowly" }))
        .gives_schema(200, "Signed.", Box::new(add_resource::<Consent>), active_example)
        .with_headers(&["ETag"])
        .problems(&[
            ProblemKind::ConsentIncomplete,
            ProblemKind::ConsentStatus,
            ProblemKind::WrongPassword,
            ProblemKind::TooManyRequests,
        ])
}

fn revoke_endpoint() -> Endpoint {
    let handler = missing_unless(
        async |caller| find_by_path_id(&caller).await.map(drop),
        replaying(revoke),
    );
    endpoint::post(format!("{ONE}/revoke"), handler)
        .operation(TAG, "revokeConsent", "Take a consent back")
        .about(
            "An active consent becomes `revoked`, and nobody sees anything by it from the next request on. What was disclosed before \
             stands. Nobody has to give a reason. Repeating it changes nothing.",
        )
        .parameter(id_parameter())
        .takes::<Revocation>(|| json!({ "reason": "I would like to keep this to myself for now." }))
        .gives_schema(200, "Revoked.", Box::new(add_resource::<Consent>), revoked_example)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::ConsentStatus])
}

/// Documents a step without a body.
fn step_endpoint(endpoint: Endpoint, about: &str) -> Endpoint {
    endpoint
        .about(about)
        .parameter(id_parameter())
        .gives_schema(200, "Done.", Box::new(add_resource::<Consent>), revoked_example)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::ConsentStatus])
}

fn draft_example() -> Value {
    resource_example(Consent::example())
}

/// The moment in the examples.
const EXAMPLE_MOMENT: i64 = 1_772_418_600_000_000;

fn active() -> Consent {
    let name = Label::new("Sam Example");
    Consent {
        recipients: List::of([Recipient::of_account(EXAMPLE_ID.parse().unwrap_or_default())]),
        status: ConsentStatus::Active,
        patient: name.clone(),
        signature: name.map(|name| Signature {
            name,
            relationship: SignerRelationship::Patient,
            signed_at: Timestamp::from_micros(EXAMPLE_MOMENT),
        }),
        ..Consent::example()
    }
}

fn active_example() -> Value {
    resource_example(active())
}

fn revoked_example() -> Value {
    resource_example(Consent {
        status: ConsentStatus::Revoked,
        ended_at: Some(Timestamp::from_micros(EXAMPLE_MOMENT)),
        ..active()
    })
}
