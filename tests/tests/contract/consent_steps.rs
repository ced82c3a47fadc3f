//! What becomes of a consent: signed, revoked, superseded, expired, rejected, entered in error.

use chrono::TimeDelta;
use mainstay_tests::{
    PASSWORD, Person, Response, TestApp, both_engines,
    samples::sample_id,
    sharing::{consent_for, give_consent, helper_of, sign},
};
use serde_json::{Value, json};

const PATH: &str = "/v1/consents";

both_engines!(
    a_signature_needs_the_password_of_the_account,
    a_consent_takes_only_the_steps_of_its_status,
    a_consent_is_taken_back_once,
    a_consent_takes_the_place_of_the_one_that_it_supersedes,
    a_consent_ends_with_its_date,
    a_draft_whose_end_has_passed_cannot_be_signed,
    many_signatures_at_once_make_one,
    a_signed_consent_goes_with_its_person,
);

async fn draft(sam: &Person, robin: &Person) -> String {
    sam.post(PATH, &consent_for(robin, &["goals"])).await.expect(201).header("location")
}

async fn a_signature_needs_the_password_of_the_account(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let path = draft(&sam, &robin).await;
    let signing = format!("{path}/sign");
    let wrong = json!({ "name": "Sam Example", "password": "something else" });
    assert_eq!(sam.post(&signing, &wrong).await.expect(401).problem(), "wrong-password");
    assert_eq!(sam.post(&signing, &json!({})).await.expect(422).pointers(), ["/name", "/password"]);
    assert_eq!(sam.get(&path).await.expect(200).body["status"], "draft");
    let body = json!({ "name": "Sam Example", "password": PASSWORD }).to_string().into_bytes();
    sam.send("POST", &signing, &[("if-match", "\"7\"")], Some(body.clone())).await.expect(412);
    let signed = sam.send("POST", &signing, &[("if-match", "\"1\"")], Some(body)).await.expect(200);
    let consent = &signed.body;
    assert_eq!((&consent["status"], &consent["version"]), (&json!("active"), &json!(2)));
    assert_eq!((&consent["rule_version"], &consent["patient"]), (&json!("2024"), &json!("Sam Example")));
    assert_eq!(
        (&consent["signature"]["name"], &consent["signature"]["relationship"]),
        (&json!("Sam Example"), &json!("patient"))
    );
    assert_eq!(consent["signature"]["signed_at"], consent["updated_at"]);
    assert!(!signed.text.contains(PASSWORD));
    assert_eq!(sam.get(&path).await.expect(200).body, *consent);
    // Signing it again changes nothing.
    assert_eq!(sign(&sam, &path).await.expect(200).body, *consent);
}

/// Takes a step by its name.
async fn take(sam: &Person, path: &str, step: &str) -> Response {
    match step {
        "sign" => sign(sam, path).await,
        "revoke" => sam.post(&format!("{path}/revoke"), &json!({})).await,
        other => sam.post_empty(&format!("{path}/{other}")).await,
    }
}

async fn a_consent_takes_only_the_steps_of_its_status(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let steps = ["sign", "reject", "revoke", "event-occurred", "entered-in-error"];
    for (way, status, allowed) in [
        (
            vec![],
            "draft",
            vec![("sign", "active"), ("reject", "rejected"), ("entered-in-error", "entered_in_error")],
        ),
        (
            vec!["sign"],
            "active",
            vec![
                ("sign", "active"),
                ("revoke", "revoked"),
                ("event-occurred", "expired"),
                ("entered-in-error", "entered_in_error"),
            ],
        ),
        (vec!["reject"], "rejected", vec![("reject", "rejected"), ("entered-in-error", "entered_in_error")]),
        (
            vec!["sign", "revoke"],
            "revoked",
            vec![("revoke", "revoked"), ("entered-in-error", "entered_in_error")],
        ),
        (
            vec!["sign", "event-occurred"],
            "expired",
            vec![("event-occurred", "expired"), ("entered-in-error", "entered_in_error")],
        ),
        (vec!["entered-in-error"], "entered_in_error", vec![("entered-in-error", "entered_in_error")]),
    ] {
        for step in steps {
            let mut consent = consent_for(&robin, &["goals"]);
            consent["expires_on_event"] = json!("The end of my treatment");
            let path = sam.post(PATH, &consent).await.expect(201).header("location");
            for before in &way {
                take(&sam, &path, before).await.expect(200);
            }
            let version = i64::try_from(way.len()).expect("a small number") + 1;
            let response = take(&sam, &path, step).await;
            let expected = allowed.iter().find(|(name, _)| *name == step).map(|(_, after)| *after);
            if let Some(after) = expected {
                let after_version = version + i64::from(after != status);
                let consent = response.expect(200).body;
                assert_eq!(
                    (&consent["status"], &consent["version"]),
                    (&json!(after), &json!(after_version)),
                    "{status} {step}"
                );
                let has_ended = !matches!(after, "draft" | "active");
                assert_eq!(consent.get("ended_at").is_some(), has_ended);
            } else {
                assert_eq!(
                    (response.status, response.problem().as_str()),
                    (409, "consent-status"),
                    "{status} {step}"
                );
                assert_eq!(sam.get(&path).await.expect(200).body["status"], status);
            }
        }
    }
    // A consent without an event ends with its date.
    let path = give_consent(&sam, &robin, &["goals"]).await;
    take(&sam, &path, "event-occurred").await.expect(409);
}

async fn a_consent_is_taken_back_once(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let path = give_consent(&sam, &robin, &["goals"]).await;
    let revoke = format!("{path}/revoke");
    let reason = json!({ "reason": "I would like to keep this to myself for now." });
    assert_eq!(
        sam.post(&revoke, &json!({ "reason": "", "x": 1 })).await.expect(422).pointers(),
        ["/reason", "/x"]
    );
    let revoked = sam.post_with_key(&revoke, "a key", &reason).await.expect(200);
    assert_eq!(
        (&revoked.body["status"], &revoked.body["revocation_reason"]),
        (&json!("revoked"), &reason["reason"])
    );
    assert_eq!(revoked.body["ended_at"], revoked.body["updated_at"]);
    assert_eq!(sam.post_with_key(&revoke, "a key", &reason).await.expect(200).body, revoked.body);
    let again = sam.post(&revoke, &json!({ "reason": "Another reason." })).await.expect(200);
    assert_eq!(again.body, revoked.body, "what is recorded stays");
    assert_eq!(sign(&sam, &path).await.expect(409).problem(), "consent-status");
}

async fn a_consent_takes_the_place_of_the_one_that_it_supersedes(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let earlier = give_consent(&sam, &robin, &["goals"]).await;
    let earlier_id = sam.get(&earlier).await.expect(200).id();
    let mut consent = consent_for(&robin, &["goals", "plans"]);
    (consent["id"], consent["supersedes"]) = (json!(sample_id(2)), json!(sample_id(2)));
    assert_eq!(sam.post(PATH, &consent).await.expect(422).pointers(), ["/supersedes"]);
    consent["supersedes"] = json!(earlier_id);
    // It is unknown to anybody else.
    let mut others = consent_for(&sam, &["goals"]);
    (others["supersedes"], others["recipients"]) = (json!(earlier_id), json!([{ "name": "Sam" }]));
    assert_eq!(robin.post(PATH, &others).await.expect(422).pointers(), ["/supersedes"]);
    let later = sam.post(PATH, &consent).await.expect(201).header("location");
    assert_eq!(sam.get(&earlier).await.expect(200).body["status"], "active");
    sign(&sam, &later).await.expect(200);
    let superseded = sam.get(&earlier).await.expect(200).body;
    assert_eq!(
        (&superseded["status"], &superseded["superseded_by"]),
        (&json!("superseded"), &json!(sample_id(2)))
    );
    assert_eq!((&superseded["version"], &superseded["ended_at"]), (&json!(3), &superseded["updated_at"]));
    // One that has ended already stays as it is.
    consent["id"] = json!(sample_id(3));
    let last = sam.post(PATH, &consent).await.expect(201).header("location");
    sign(&sam, &last).await.expect(200);
    assert_eq!(sam.get(&earlier).await.expect(200).body, superseded);
    assert_eq!(take(&sam, &earlier, "revoke").await.expect(409).problem(), "consent-status");
}

/// A draft that ends so many days from now.
fn ending_in_days(app: &TestApp, robin: &Person, days: i64) -> Value {
    let mut consent = consent_for(robin, &["goals"]);
    consent["expires_at"] = json!((app.clock.now() + TimeDelta::days(days)).to_rfc3339());
    consent
}

async fn a_consent_ends_with_its_date(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let path = sam.post(PATH, &ending_in_days(app, &robin, 2)).await.expect(201).header("location");
    sign(&sam, &path).await.expect(200);
    app.clock.advance(TimeDelta::days(1));
    let sam = sam.another_device().await;
    let active = sam.get(&path).await.expect(200);
    assert_eq!((&active.body["status"], active.header("etag").as_str()), (&json!("active"), "\"2\""));
    app.clock.advance(TimeDelta::days(1));
    let sam = sam.another_device().await;
    let expired = sam.get(&path).await.expect(200);
    assert_eq!((&expired.body["status"], expired.header("etag").as_str()), (&json!("expired"), "\"3\""));
    assert_eq!(expired.body["updated_at"], expired.body["ended_at"]);
    let cached = sam.send("GET", &path, &[("if-none-match", "\"2\"")], None).await;
    assert_eq!(cached.status, 200, "a client that has it as active is told");
    assert_eq!(sam.get(PATH).await.expect(200).items(), std::slice::from_ref(&expired.body));
    assert_eq!(take(&sam, &path, "revoke").await.expect(409).problem(), "consent-status");
    assert_eq!(take(&sam, &path, "event-occurred").await.expect(200).body, expired.body);
    let wrong = take(&sam, &path, "entered-in-error").await.expect(200).body;
    assert_eq!((&wrong["version"], &wrong["ended_at"]), (&json!(4), &expired.body["ended_at"]));
}

async fn a_draft_whose_end_has_passed_cannot_be_signed(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let stored = sam.post(PATH, &ending_in_days(app, &robin, 2)).await.expect(201);
    assert_eq!(stored.body["missing"], json!([]));
    app.clock.advance(TimeDelta::days(3));
    let sam = sam.another_device().await;
    let path = stored.header("location");
    assert_eq!(sam.get(&path).await.expect(200).body["missing"][0]["element"], "expiry");
    let refused = sign(&sam, &path).await.expect(422);
    assert_eq!(
        (refused.problem().as_str(), refused.pointers()),
        ("consent-incomplete", vec!["/expires_at".to_owned()])
    );
    sam.patch(&path, 1, &json!({ "expires_at": "2198-01-01T00:00:00Z" })).await.expect(200);
    sign(&sam, &path).await.expect(200);
}

async fn many_signatures_at_once_make_one(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let path = draft(&sam, &robin).await;
    let mut signatures = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (sam, path) = (sam.clone(), path.clone());
        signatures.spawn(async move { sign(&sam, &path).await.expect(200).body });
    }
    let all = signatures.join_all().await;
    assert!(all.iter().all(|consent| *consent == all[0] && consent["version"] == 2));
}

async fn a_signed_consent_goes_with_its_person(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let kept = give_consent(&robin, &helper_of(app, &robin).await, &["goals"]).await;
    give_consent(&sam, &robin, &["goals"]).await;
    sam.post("/v1/restrictions", &json!({ "data_classes": ["use"] })).await.expect(201);
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
    robin.get(&kept).await.expect(200);
}
