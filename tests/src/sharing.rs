//! People who help, for tests: helpers who were invited and confirmed, consents, and what was disclosed.

use mainstay_domain::{
    account::Role,
    audit::{
        AccessDecision, Disclosure,
        sentence::{Who, sentence},
    },
};
use mainstay_store::audit::{AccessBy, AuditRange};
use serde_json::{Value, json};

use crate::{
    TestApp,
    client::{PASSWORD, Person, Response},
};

/// Lets a person invite a helper as a sponsor, who takes the invitation and is confirmed. Returns the invitation, as the
/// person sees it.
pub async fn invite(app: &TestApp, person: &Person, helper: &Person) -> Value {
    assert_eq!((&person.client.url, &helper.client.url), (&app.url, &app.url), "all are of one server");
    invite_as(person, helper, "supporter", "sponsor").await
}

/// Does the same as [`invite`] with another role and another relationship.
pub async fn invite_as(person: &Person, helper: &Person, role: &str, relationship: &str) -> Value {
    let new = json!({ "role": role, "relationship": relationship });
    let made = person.post("/v1/invitations", &new).await.expect(201);
    let acceptance = json!({ "code": made.body["code"], "display_name": "Robin" });
    helper.post("/v1/invitations/accept", &acceptance).await.expect(200);
    let path = format!("/v1/invitations/{}/confirm", made.id());
    person.post_empty(&path).await.expect(200).body
}

/// A new account for somebody who helps: a supporter signs up like everyone, a clinician's account is made by the operator.
pub async fn as_helper(app: &TestApp, role: &str) -> Person {
    if role == "clinician" { app.account_of(Role::Clinician).await } else { app.person().await }
}

/// Registers an account that a person has confirmed as a helper.
pub async fn helper_of(app: &TestApp, person: &Person) -> Person {
    let helper = app.person().await;
    invite(app, person, &helper).await;
    helper
}

/// A complete draft of a consent for a helper.
pub fn consent_for(helper: &Person, classes: &[&str]) -> Value {
    json!({
        "type": "named_disclosure", "discloser": "Mainstay", "recipients": [{ "account_id": helper.account["id"] }],
        "data_classes": classes, "purposes": ["recovery_support"], "expires_at": "2199-01-01T00:00:00+00:00",
        "signer_relationship": "patient", "statements_accepted": ["right_to_revoke"],
    })
}

/// Signs a consent.
pub async fn sign(person: &Person, path: &str) -> Response {
    person.post(&format!("{path}/sign"), &json!({ "name": "Sam Example", "password": PASSWORD })).await
}

/// Writes and signs a consent for a helper. Gives its path.
pub async fn give_consent(person: &Person, helper: &Person, classes: &[&str]) -> String {
    let path =
        person.post("/v1/consents", &consent_for(helper, classes)).await.expect(201).header("location");
    sign(person, &path).await.expect(200);
    path
}

/// Lets a helper see some classes of a person's record: an invitation that is taken and confirmed, and a signed consent. Gives
/// the id of the consent.
pub async fn share(person: &Person, helper: &Person, role: &str, classes: &[&str]) -> String {
    let relationship = if role == "clinician" { "counselor" } else { "sponsor" };
    invite_as(person, helper, role, relationship).await;
    let path = give_consent(person, helper, classes).await;
    path.rsplit('/').next().expect("an id").to_owned()
}

/// Every disclosure of a person's record.
pub async fn all_disclosures(person: &Person) -> Vec<Value> {
    let (mut all, mut query) = (Vec::new(), "?limit=200".to_owned());
    loop {
        let page = person.get(&format!("/v1/disclosures{query}")).await.expect(200);
        all.extend(page.items());
        match page.body["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=200&cursor={cursor}"),
            None => return all,
        }
    }
}

/// The newest part of an audit, of more entries than any test makes.
const ALL: AuditRange = AuditRange { from: None, to: None, before: None, limit: 200 };

/// What the access log of a person says that others did, in plain words with that name, the oldest first. What was refused is
/// left out, since nobody waits until it is written.
pub async fn told_of_others(app: &TestApp, person: &Person, name: &str) -> Vec<String> {
    let scope = app.scope(person).await;
    let read = app.state().store.read(&scope, |records| records.access_log(&ALL, AccessBy::Others));
    let entries = read.await.expect("it is read");
    let permitted = entries.iter().rev().filter(|one| one.entry.decision == AccessDecision::Permitted);
    permitted.map(|one| sentence(&one.entry, &Who::Named(name.to_owned())).text).collect()
}

/// The disclosures of a person's record, the oldest first.
pub async fn disclosed(app: &TestApp, person: &Person) -> Vec<Disclosure> {
    let scope = app.scope(person).await;
    let read = app.state().store.read(&scope, |records| records.disclosures(&ALL));
    read.await.expect("it is read").into_iter().rev().map(|one| one.entry).collect()
}
