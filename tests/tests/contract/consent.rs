//! Drafts of consents: what they still need, how they are changed, and the preview.

use mainstay_tests::{
    TestApp, both_engines,
    samples::{check_in, sample_id},
    sharing::{consent_for, helper_of, sign},
};
use serde_json::{Value, json};

const PATH: &str = "/v1/consents";

both_engines!(
    a_draft_says_what_it_still_needs_until_it_has_everything,
    each_element_that_is_missing_alone_is_named_when_signing,
    whatever_is_wrong_with_a_draft_is_named,
    a_recipient_whom_the_person_has_not_confirmed_is_refused_whoever_it_is,
    a_draft_that_is_sent_again_is_stored_once,
    a_draft_can_be_changed_and_a_signed_consent_cannot,
    an_end_date_without_an_offset_gets_that_of_the_person,
    nobody_else_reaches_a_consent,
    consents_are_listed_in_pages_newest_first,
    the_preview_says_what_each_recipient_would_see_and_what_stays_hidden,
    two_hundred_consents_are_kept_and_a_draft_that_was_put_aside_makes_room,
);

/// The elements that a draft still needs, with their pointers.
fn missing(draft: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let missing = draft["missing"].as_array().expect("a list");
    assert!(missing.iter().all(|gap| !text(&gap["message"]).is_empty()));
    missing.iter().map(|gap| (text(&gap["element"]), text(&gap["pointer"]))).collect()
}

async fn a_draft_says_what_it_still_needs_until_it_has_everything(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let draft = sam.post(PATH, &json!({ "type": "named_disclosure" })).await.expect(201);
    assert_eq!((&draft.body["status"], &draft.body["version"]), (&json!("draft"), &json!(1)));
    let elements: Vec<String> = missing(&draft.body).into_iter().map(|(element, _)| element).collect();
    assert_eq!(
        elements,
        ["discloser", "information", "recipients", "purposes", "revocation", "expiry", "signature"]
    );
    let path = draft.header("location");
    let refused = sign(&sam, &path).await.expect(422);
    assert_eq!(refused.problem(), "consent-incomplete");
    let pointers = ["/data_classes", "/discloser", "/expires_at", "/purposes", "/recipients"];
    let named: std::collections::BTreeSet<String> = refused.pointers().into_iter().collect();
    assert!(pointers.iter().all(|pointer| named.contains(*pointer)), "{named:?}");
    assert_eq!(sam.get(&path).await.expect(200).body, draft.body, "nothing was written");

    let complete = sam.put(&path, 1, &consent_for(&robin, &["goals"])).await.expect(200);
    assert_eq!((missing(&complete.body), complete.header("etag").as_str()), (vec![], "\"2\""));
    let signed = sign(&sam, &path).await.expect(200);
    assert_eq!(missing(&signed.body), []);
}

async fn each_element_that_is_missing_alone_is_named_when_signing(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let mut complete = consent_for(&robin, &["goals"]);
    for (member, value) in [
        ("type", json!("tpo_single")),
        ("patient", json!("Sam Example")),
        ("purposes", json!(["treatment", "payment", "health_care_operations"])),
        ("signer_relationship", json!("authorized_for_incapacity")),
        ("statements_accepted", json!(["right_to_revoke", "redisclosure", "consequences_of_refusal"])),
        ("intermediary", json!({ "name": "The exchange", "treating_providers": true })),
    ] {
        complete[member] = value;
    }
    complete["recipients"][0]["intermediary"] = json!(true);
    let statements = |kept: &[&str]| json!(kept);
    for (member, value, element, pointer) in [
        ("patient", Value::Null, "patient", "/patient"),
        ("discloser", Value::Null, "discloser", "/discloser"),
        ("data_classes", json!([]), "information", "/data_classes"),
        ("recipients", json!([]), "recipients", "/recipients"),
        ("intermediary", Value::Null, "intermediary", "/intermediary"),
        ("intermediary", json!({ "name": "The exchange" }), "intermediary", "/intermediary/participants"),
        ("purposes", json!(["treatment"]), "purposes", "/purposes"),
        (
            "statements_accepted",
            statements(&["redisclosure", "consequences_of_refusal"]),
            "revocation",
            "/statements_accepted",
        ),
        ("expires_at", Value::Null, "expiry", "/expires_at"),
        (
            "statements_accepted",
            statements(&["right_to_revoke", "consequences_of_refusal"]),
            "redisclosure_statement",
            "/statements_accepted",
        ),
        (
            "statements_accepted",
            statements(&["right_to_revoke", "redisclosure"]),
            "refusal_statement",
            "/statements_accepted",
        ),
        ("signer_relationship", Value::Null, "signature", "/signer_relationship"),
    ] {
        let mut draft = complete.clone();
        draft[member] = value;
        let stored = sam.post(PATH, &draft).await.expect(201);
        assert_eq!(missing(&stored.body), [(element.to_owned(), pointer.to_owned())]);
        let refused = sign(&sam, &stored.header("location")).await.expect(422);
        assert_eq!(refused.problem(), "consent-incomplete");
        assert_eq!(refused.faults(), [(pointer.to_owned(), "missing".to_owned())], "{element}");
    }
    let endless = {
        let mut draft = complete.clone();
        (draft["expires_at"], draft["no_expiry"]) = (Value::Null, json!(true));
        draft
    };
    for draft in [complete, endless] {
        let path = sam.post(PATH, &draft).await.expect(201).header("location");
        sign(&sam, &path).await.expect(200);
    }
}

async fn whatever_is_wrong_with_a_draft_is_named(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let with = |members: Value| {
        let mut draft = consent_for(&robin, &["goals"]);
        for (name, value) in members.as_object().expect("an object") {
            draft[name] = value.clone();
        }
        draft
    };
    let class = json!([{ "name": "My treating providers", "designation": "class" }]);
    for (members, pointers) in [
        (json!({ "type": "general" }), vec!["/type"]),
        (json!({ "data_classes": ["goals", "journal"] }), vec!["/data_classes/1"]),
        (
            json!({ "data_classes": ["goals", "goals"], "purposes": ["fame"] }),
            vec!["/data_classes/1", "/purposes/0"],
        ),
        (json!({ "data_classes": ["goals", "counseling_notes"] }), vec!["/data_classes/1"]),
        (
            json!({ "type": "counseling_notes", "data_classes": ["counseling_notes", "goals"] }),
            vec!["/data_classes/1"],
        ),
        (json!({ "purposes": ["treatment", "legal_proceedings"] }), vec!["/purposes/1"]),
        (json!({ "type": "legal_proceedings" }), vec!["/purposes/0"]),
        (json!({ "type": "research" }), vec!["/purposes/0"]),
        (json!({ "no_expiry": true }), vec!["/no_expiry"]),
        (json!({ "expires_at": "2020-01-01T00:00:00Z" }), vec!["/expires_at"]),
        (json!({ "expires_at": "soon", "discloser": "" }), vec!["/discloser", "/expires_at"]),
        (json!({ "recipients": class }), vec!["/recipients/0/designation"]),
        (json!({ "recipients": [{}, { "phone": "1" }] }), vec!["/recipients/1/phone", "/recipients/0"]),
        (json!({ "recipients": vec![json!({ "name": "Robin" }); 21] }), vec!["/recipients"]),
        (json!({ "supersedes": sample_id(9) }), vec!["/supersedes"]),
        (json!({ "surprise": 1 }), vec!["/surprise"]),
    ] {
        let refused = sam.post(PATH, &with(members.clone())).await.expect(422);
        let mut found = refused.pointers();
        found.sort();
        let mut expected: Vec<&str> = pointers;
        expected.sort_unstable();
        assert_eq!(
            (refused.problem().as_str(), found),
            ("validation", expected.iter().map(ToString::to_string).collect()),
            "{members}"
        );
    }
    assert!(sam.get(PATH).await.expect(200).items().is_empty());
    // Only for treatment, payment and operations, and it names nobody.
    let tpo = with(json!({ "type": "tpo_single", "recipients": class, "purposes": [] }));
    sam.post(PATH, &tpo).await.expect(201);
}

async fn a_recipient_whom_the_person_has_not_confirmed_is_refused_whoever_it_is(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    for (member, id) in [
        ("account_id", json!(sample_id(1))),
        ("account_id", sam.account["id"].clone()),
        ("invitation_id", json!(sample_id(1))),
    ] {
        let mut draft = consent_for(&robin, &["goals"]);
        draft["recipients"] = json!([{ "name": "Robin" }, { member: id }]);
        let refused = sam.post(PATH, &draft).await.expect(422);
        assert_eq!(refused.faults(), [(format!("/recipients/1/{member}"), "unknown-reference".to_owned())]);
        let message = &refused.body["errors"][0]["message"];
        assert_eq!(message, "is nobody whom you have invited and confirmed");
    }
}

async fn a_draft_that_is_sent_again_is_stored_once(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let mut draft = consent_for(&robin, &["goals"]);
    draft["id"] = json!(sample_id(1));
    let first = sam.post(PATH, &draft).await.expect(201);
    assert_eq!(first.header("location"), format!("{PATH}/{}", sample_id(1)));
    draft["expires_at"] = json!("2199-01-01T01:00:00+01:00");
    let again = sam.post(PATH, &draft).await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), &again.body), ("true", &first.body));
    // The answer is the consent as it is now.
    sign(&sam, &first.header("location")).await.expect(200);
    assert_eq!(sam.post(PATH, &draft).await.expect(200).body["status"], "active");
    draft["discloser"] = json!("Another");
    assert_eq!(sam.post(PATH, &draft).await.expect(409).problem(), "id-conflict");
    // The id of another person's consent says nothing.
    sam.post(PATH, &json!({ "id": sample_id(2), "type": "research" })).await.expect(201);
    robin.post(PATH, &json!({ "id": sample_id(2), "type": "research" })).await.expect(201);
    let keyed = json!({ "type": "research" });
    let one = sam.post_with_key(PATH, "a key", &keyed).await.expect(201);
    assert_eq!(sam.post_with_key(PATH, "a key", &keyed).await.expect(201).body, one.body);
    assert_eq!(sam.get(PATH).await.expect(200).items().len(), 3);
}

async fn a_draft_can_be_changed_and_a_signed_consent_cannot(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let stored = sam.post(PATH, &consent_for(&robin, &["goals"])).await.expect(201);
    let path = stored.header("location");
    let mut body = stored.body.clone();
    body["data_classes"] = json!(["goals", "plans"]);
    sam.send("PUT", &path, &[], Some(body.to_string().into_bytes())).await.expect(428);
    assert_eq!(sam.put(&path, 7, &body).await.expect(412).problem(), "version-mismatch");
    let changed = sam.put(&path, 1, &body).await.expect(200);
    assert_eq!((&changed.body["version"], &changed.body["data_classes"]), (&json!(2), &body["data_classes"]));
    body["id"] = json!(sample_id(5));
    assert_eq!(sam.put(&path, 2, &body).await.expect(422).pointers(), ["/id"]);
    let patched = sam
        .patch(&path, 2, &json!({ "purposes": ["recovery_support", "patient_request"], "discloser": null }))
        .await;
    let patched = patched.expect(200);
    assert_eq!(missing(&patched.body), [("discloser".to_owned(), "/discloser".to_owned())]);
    assert_eq!(patched.body["data_classes"], json!(["goals", "plans"]));
    assert_eq!(
        sam.patch(&path, 3, &json!({ "no_expiry": true })).await.expect(422).pointers(),
        ["/no_expiry"]
    );
    let read = sam.get(&path).await.expect(200);
    let fresh = sam.send("GET", &path, &[("if-none-match", &read.header("etag"))], None).await;
    assert_eq!((fresh.status, read.header("cache-control").as_str()), (304, "private, no-cache"));
    sam.patch(&path, 3, &json!({ "discloser": "Mainstay" })).await.expect(200);
    let signed = sign(&sam, &path).await.expect(200);
    for response in
        [sam.put(&path, 5, &signed.body).await, sam.patch(&path, 5, &json!({ "patient": "S" })).await]
    {
        assert_eq!(
            (response.status, response.problem().as_str()),
            (409, "consent-status"),
            "{}",
            response.text
        );
    }
    sam.send("DELETE", &path, &[("if-match", "*")], None).await.expect(405);
}

async fn an_end_date_without_an_offset_gets_that_of_the_person(app: &TestApp) {
    let sam = app.person().await;
    let draft = json!({ "type": "named_disclosure", "expires_at": "2036-07-01T12:00:00Z" });
    let stored = sam.post(PATH, &draft).await.expect(201);
    assert_eq!(stored.body["expires_at"], "2036-07-01T08:00:00.000-04:00");
    let mut body = json!({ "type": "named_disclosure", "expires_at": "2036-07-01T14:00:00+02:00" });
    let path = stored.header("location");
    sam.put(&path, 1, &body).await.expect(200);
    body["expires_at"] = json!("2036-07-01T12:00:00Z");
    let same = sam.put(&path, 2, &body).await.expect(200);
    assert_eq!(same.body["expires_at"], "2036-07-01T14:00:00.000+02:00");
}

async fn nobody_else_reaches_a_consent(app: &TestApp) {
    let sam = app.person().await;
    let robin = helper_of(app, &sam).await;
    let path = sam.post(PATH, &consent_for(&robin, &["goals"])).await.expect(201).header("location");
    for id in [path.clone(), format!("{PATH}/{}", sample_id(9)), format!("{PATH}/nothing")] {
        let draft = consent_for(&sam, &["goals"]);
        for response in [
            robin.get(&id).await,
            robin.get(&format!("{id}/preview")).await,
            robin.put(&id, 1, &draft).await,
            robin.patch(&id, 1, &json!({ "surprise": 1 })).await,
            sign(&robin, &id).await,
            robin.post(&format!("{id}/sign"), &json!({})).await,
            robin.post(&format!("{id}/revoke"), &json!({ "surprise": 1 })).await,
            robin.post_empty(&format!("{id}/reject")).await,
            robin.post_empty(&format!("{id}/event-occurred")).await,
            robin.post_empty(&format!("{id}/entered-in-error")).await,
        ] {
            assert_eq!(
                (response.status, response.problem().as_str()),
                (404, "not-found"),
                "{}",
                response.text
            );
        }
    }
    assert!(robin.get(PATH).await.expect(200).items().is_empty());
    assert_eq!(sam.get(&path).await.expect(200).body["status"], "draft");
}

async fn consents_are_listed_in_pages_newest_first(app: &TestApp) {
    let sam = app.person().await;
    for n in 1..=45 {
        sam.post(PATH, &json!({ "id": sample_id(n), "type": "research" })).await.expect(201);
    }
    let (mut cursor, mut found) = (String::new(), Vec::new());
    loop {
        let page = sam.get(&format!("{PATH}?limit=20{cursor}")).await.expect(200);
        found.extend(page.items().iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut expected: Vec<String> = (1..=45).map(|n| sample_id(n).to_string()).collect();
    assert_eq!(found.len(), 45);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let wrong = sam.get(&format!("{PATH}?limit=0&cursor=x&order=asc")).await.expect(422);
    assert_eq!(wrong.pointers(), ["/cursor", "/limit", "/order"]);
}

async fn the_preview_says_what_each_recipient_would_see_and_what_stays_hidden(app: &TestApp) {
    let sam = app.person().await;
    let (robin, kim) = (helper_of(app, &sam).await, helper_of(app, &sam).await);
    for note in ["one", "two"] {
        sam.post("/v1/check-ins", &check_in(note)).await.expect(201);
    }
    let mut draft = consent_for(&robin, &["check_ins", "warnings", "cravings"]);
    draft["recipients"] = json!([
        { "account_id": robin.account["id"] }, { "account_id": kim.account["id"] }, { "name": "The clinic" },
    ]);
    let path = sam.post(PATH, &draft).await.expect(201).header("location");
    let restriction = json!({ "data_classes": ["cravings"], "recipients": [kim.account["id"]] });
    sam.post("/v1/restrictions", &restriction).await.expect(201);
    let preview = sam.get(&format!("{path}/preview")).await.expect(200).body;
    let [robins, kims, clinics] = preview["recipients"].as_array().expect("a list").as_slice() else {
        panic!("{preview}")
    };
    assert_eq!(robins["shown"][0], json!({ "data_class": "warnings", "words": "early warnings" }));
    let check_ins = &robins["shown"][1];
    assert_eq!((&check_ins["data_class"], &check_ins["records"]), (&json!("check_ins"), &json!(2)));
    assert_eq!(check_ins["newest"], "2026-03-01T12:00:00.000Z");
    assert_eq!(robins["shown"][2], json!({ "data_class": "cravings", "words": "cravings", "records": 0 }));
    assert_eq!(robins["hidden"].as_array().expect("a list").len(), 12);
    assert_eq!(robins["hidden"][0]["reason"], "not_chosen");
    let cravings =
        kims["hidden"].as_array().expect("a list").iter().find(|class| class["data_class"] == "cravings");
    assert_eq!(cravings.expect("it is hidden")["reason"], "restricted");
    assert_eq!(
        [robins, kims, clinics].map(|recipient| recipient["sees_in_app"].clone()),
        [json!(true), json!(true), json!(false)]
    );
    assert_eq!(preview["always_private"][0], "your journal");
    // A supporter does not read for treatment.
    let mut for_treatment = draft.clone();
    for_treatment["purposes"] = json!(["treatment"]);
    let other = sam.post(PATH, &for_treatment).await.expect(201).header("location");
    let other = sam.get(&format!("{other}/preview")).await.expect(200).body;
    let [robins, _, clinics] = other["recipients"].as_array().expect("a list").as_slice() else {
        panic!("{other}")
    };
    assert_eq!((&robins["shown"], &robins["sees_in_app"]), (&json!([]), &json!(false)));
    let reasons = robins["hidden"].as_array().expect("a list").iter();
    assert_eq!(reasons.filter(|class| class["reason"] == "other_purpose").count(), 3);
    assert_eq!(clinics["shown"].as_array().expect("a list").len(), 3);
    sign(&sam, &path).await.expect(200);
    assert_eq!(sam.get(&format!("{path}/preview")).await.expect(200).body, preview);
    sam.post(&format!("{path}/revoke"), &json!({})).await.expect(200);
    let after = sam.get(&format!("{path}/preview")).await.expect(200).body;
    assert_eq!(after["recipients"][0]["shown"], json!([]));
    assert_eq!(after["recipients"][0]["hidden"][0]["reason"], "not_in_force");
}

async fn two_hundred_consents_are_kept_and_a_draft_that_was_put_aside_makes_room(app: &TestApp) {
    let sam = app.person().await;
    for n in 1..=200 {
        sam.post(PATH, &json!({ "id": sample_id(n), "type": "research" })).await.expect(201);
    }
    let more = json!({ "id": sample_id(201), "type": "research" });
    let refused = sam.post(PATH, &more).await.expect(409);
    assert_eq!(
        (refused.problem().as_str(), &refused.body["detail"]),
        ("limit-reached", &json!("At most 200 are kept."))
    );
    sam.post(PATH, &json!({ "id": sample_id(7), "type": "research" })).await.expect(200);
    sam.post_empty(&format!("{PATH}/{}/reject", sample_id(3))).await.expect(200);
    sam.post(PATH, &more).await.expect(201);
    sam.get(&format!("{PATH}/{}", sample_id(3))).await.expect(404);
    sam.post(PATH, &json!({ "type": "research" })).await.expect(409);
}
