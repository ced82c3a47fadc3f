//! Every operation that reads something of somebody else's, by helpers with consents in every state.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use mainstay_domain::account::Role;
use mainstay_tests::{
    Person, TestApp, both_engines,
    sharing::{consent_for, give_consent, invite_as, sign},
};
use serde_json::{Value, json};

use crate::document::{Operation, operations, own_one_of_each};

both_engines!(each_state_of_a_consent_gives_the_decided_answer);

/// The state of a helper's consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Confirmed, without a consent.
    Without,
    /// A draft that is not signed.
    Draft,
    /// In force, for everything.
    Everything,
    /// In force, for a class that no collection and no insight is of.
    AnotherClass,
    /// In force, for a purpose that the helper does not read for.
    AnotherPurpose,
    /// In force, for somebody else.
    SomebodyElse,
    /// Over since an hour.
    Expired,
    /// Taken back.
    Revoked,
    /// In force, while every class is restricted for the helper.
    Restricted,
    /// In force, for a helper whose invitation was taken back.
    NoHelperAnyMore,
}

const STATES: [State; 10] = [
    State::Without,
    State::Draft,
    State::Everything,
    State::AnotherClass,
    State::AnotherPurpose,
    State::SomebodyElse,
    State::Expired,
    State::Revoked,
    State::Restricted,
    State::NoHelperAnyMore,
];

/// Everything that one consent can cover.
const CLASSES: [&str; 14] = [
    "abstinence",
    "warnings",
    "goals",
    "plans",
    "check_ins",
    "cravings",
    "use",
    "medications",
    "practice",
    "care",
    "support_contacts",
    "questionnaires",
    "safety",
    "notes",
];

/// A helper with a consent in a state.
async fn helper(app: &TestApp, sam: &Person, role: Role, state: State) -> Person {
    let helper = app.account_of(role).await;
    let (role, relationship) = match role {
        Role::Clinician => ("clinician", "counselor"),
        _ => ("supporter", "sponsor"),
    };
    let invitation = invite_as(sam, &helper, role, relationship).await;
    let id = helper.account["id"].clone();
    let write = async |change: Value| {
        let mut body = consent_for(&helper, &CLASSES);
        for (name, value) in change.as_object().expect("members") {
            body[name] = value.clone();
        }
        sam.post("/v1/consents", &body).await.expect(201).header("location")
    };
    match state {
        State::Without => {}
        State::Draft => drop(write(json!({})).await),
        State::Everything => drop(give_consent(sam, &helper, &CLASSES).await),
        State::AnotherClass => drop(give_consent(sam, &helper, &["safety"]).await),
        State::AnotherPurpose => {
            sign(sam, &write(json!({ "purposes": ["research"], "type": "research" })).await)
                .await
                .expect(200);
        }
        State::SomebodyElse => {
            let robin = app.person().await;
            invite_as(sam, &robin, "supporter", "peer").await;
            give_consent(sam, &robin, &CLASSES).await;
        }
        State::Expired => {
            let end = (app.clock.now() + TimeDelta::hours(1)).to_rfc3339();
            sign(sam, &write(json!({ "expires_at": end })).await).await.expect(200);
        }
        State::Revoked => {
            let path = give_consent(sam, &helper, &CLASSES).await;
            sam.post(&format!("{path}/revoke"), &json!({})).await.expect(200);
        }
        State::Restricted => {
            give_consent(sam, &helper, &CLASSES).await;
            let restriction = json!({ "data_classes": CLASSES, "recipients": [id] });
            sam.post("/v1/restrictions", &restriction).await.expect(201);
        }
        State::NoHelperAnyMore => {
            give_consent(sam, &helper, &CLASSES).await;
            let path = format!("/v1/invitations/{}/revoke", invitation["id"].as_str().expect("an id"));
            sam.post_empty(&path).await.expect(200);
        }
    }
    helper
}

/// The path of an operation on the owner's record, with the id of one of their records.
fn path(operation: &Operation, owned: &BTreeMap<String, String>) -> Option<String> {
    let rest = operation.path.strip_prefix("/v1/shared/{person_id}")?;
    let person = &owned["/v1/shared"];
    let path = match rest.split_once("/{id}") {
        Some((collection, after)) => {
            format!("{collection}/{}{after}", owned.get(&format!("/v1{collection}"))?)
        }
        None => rest.to_owned(),
    };
    let query = if path.ends_with("/series") { "?metric=craving" } else { "" };
    (!path.contains('{')).then(|| format!("/v1/shared/{person}{path}{query}"))
}

/// Whether a helper in that state gets an answer.
fn is_allowed(operation: &Operation, state: State) -> bool {
    // What any consent opens: what it covers, and what the helper gave.
    let by_any = ["getSharedScope", "listOwnEncouragements", "listOwnSharedCommitments"];
    match state {
        State::Everything => true,
        State::AnotherClass => by_any.contains(&operation.id()),
        _ => false,
    }
}

async fn each_state_of_a_consent_gives_the_decided_answer(app: &TestApp) {
    let document = app.document().await;
    let sam = app.person().await;
    let owned = own_one_of_each(app, &document, &sam).await;
    let plan = format!("/v1/plans/{}/activate", owned["/v1/plans"]);
    sam.post_empty(&plan).await;
    // The example of a restriction takes a class from everyone. It was made twice.
    let restrictions = sam.get("/v1/restrictions").await.expect(200);
    for restriction in restrictions.items() {
        let path = format!("/v1/restrictions/{}/end", restriction["id"].as_str().expect("an id"));
        sam.post_empty(&path).await.expect(200);
    }
    let mut helpers = Vec::new();
    for role in [Role::Supporter, Role::Clinician] {
        for state in STATES {
            helpers.push((role, state, helper(app, &sam, role, state).await));
        }
    }
    app.clock.advance(TimeDelta::hours(2));
    let (mut tried, mut wrong) = (0, Vec::new());
    for (role, state, helper) in &helpers {
        let helper = helper.another_device().await;
        for operation in operations(&document).iter().filter(|operation| operation.method == "GET") {
            let Some(path) = path(operation, &owned) else { continue };
            let response = helper.get(&path).await;
            let expected = if is_allowed(operation, *state) { 200 } else { 404 };
            // The owner has no active plan if the example cannot be activated.
            let is_right = response.status == expected
                || operation.id() == "getSharedActivePlan" && response.status == 404;
            if !is_right {
                wrong.push(format!(
                    "{} by {role:?} {state:?}: {} {}",
                    operation.id(),
                    response.status,
                    response.text
                ));
            }
            tried += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 700, "{tried}");
}
