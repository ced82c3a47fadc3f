//! `PATCH`: a client changes the members that it names, and cannot erase one that it does not know.

use mainstay_domain::record::Kind;
use mainstay_tests::{
    Person, Response, TestApp, both_engines,
    samples::{check_in, check_in_with_id},
};
use serde_json::{Value, json};

const MERGE_PATCH: &str = "application/merge-patch+json";
/// The id that the records of a test have.
const ID: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47";

both_engines!(
    a_patch_of_one_member_keeps_every_other_byte,
    null_unsets_a_member_as_leaving_it_out_of_a_put_does,
    an_old_app_does_not_erase_what_a_newer_one_wrote,
    a_patch_needs_the_current_version,
    a_patch_has_a_media_type_of_its_own,
    what_results_from_a_patch_is_judged_as_by_a_put,
    no_patch_is_a_fault_of_the_server,
    two_devices_change_different_members_and_lose_nothing,
    a_patch_of_a_plan_makes_the_next_number,
    a_slot_and_a_final_record_refuse_a_patch_as_they_refuse_a_put,
    the_follow_ups_of_a_transition_stay_unless_a_patch_names_them,
    a_response_is_scored_again_without_naming_its_questionnaire,
    a_review_is_patched_at_its_version,
    the_profile_is_patched_member_by_member,
);

/// A record of every noun that has a collection, stored under one id, with the noun's path and the example of its patch.
async fn one_of_each(app: &TestApp, sam: &Person) -> Vec<(String, Value)> {
    let document = app.document().await;
    let body = |path: &str, method: &str| {
        let content = &document["paths"][path][method]["requestBody"]["content"];
        let of_type = content.as_object().and_then(|types| types.values().next()).cloned();
        of_type.map(|media| media["examples"]["example"]["value"].clone()).unwrap_or_default()
    };
    let (mut changes, mut patches) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let (collection, one) = match kind {
            Kind::UseEventReview => (None, "/v1/use-events/{id}/review".to_owned()),
            _ => (Some(format!("/v1/{}", kind.path())), format!("/v1/{}/{{id}}", kind.path())),
        };
        let record = collection.map_or_else(|| body(&one, "put"), |path| body(&path, "post"));
        changes.push(json!({ "kind": kind.path(), "op": "upsert", "id": ID, "record": record }));
        patches.push((one.replace("{id}", ID), body(&one, "patch")));
    }
    for change in &mut changes {
        change["record"]["id"] = json!(ID);
    }
    let results =
        sam.post("/v1/sync", &json!({ "changes": changes })).await.expect(200).body["results"].clone();
    let results = results.as_array().expect("results");
    assert!(results.iter().all(|result| result["status"] == "applied"), "{results:?}");
    patches
}

/// The content of a record, as text: without its version and the times that the server sets.
fn content(response: &Response) -> String {
    let (content, _) = response.text.rsplit_once(",\"version\":").expect("a version");
    // A plan gets the next number.
    content.replace(&format!("\"number\":{}", response.body["number"]), "\"number\":1")
}

async fn a_patch_of_one_member_keeps_every_other_byte(app: &TestApp) {
    let sam = app.person().await;
    for (path, patch) in one_of_each(app, &sam).await {
        let before = sam.get(&path).await.expect(200);
        assert_eq!(patch.as_object().map(serde_json::Map::len), Some(1), "{path}: {patch}");
        // The example names what the record has. Nothing changes, and there is a next version all the same.
        let same = sam.patch(&path, 1, &patch).await.expect(200);
        assert_eq!((content(&same), &same.body["version"]), (content(&before), &json!(2)), "{path} {patch}");
        assert_eq!(same.header("etag"), "\"2\"");
        assert_eq!(sam.get(&path).await.expect(200).text, same.text, "{path}");
        let nothing = sam.patch(&path, 2, &json!({})).await.expect(200);
        assert_eq!(content(&nothing), content(&before), "{path}");
        // Whatever the server sets may be sent back, and is ignored.
        let echoed = sam.patch(&path, 3, &before.body).await.expect(200);
        assert_eq!(content(&echoed), content(&before), "{path}");
    }
}

async fn null_unsets_a_member_as_leaving_it_out_of_a_put_does(app: &TestApp) {
    let sam = app.person().await;
    for (path, _) in one_of_each(app, &sam).await {
        let original = sam.get(&path).await.expect(200).body;
        let mut version = 1;
        for name in original.as_object().expect("a record").keys() {
            let mut without = original.clone();
            without.as_object_mut().expect("a record").remove(name);
            let mut outcomes = Vec::new();
            for is_patch in [true, false] {
                let changed = if is_patch {
                    sam.patch(&path, version, &json!({ name: null })).await
                } else {
                    sam.put(&path, version, &without).await
                };
                if changed.status == 200 {
                    sam.put(&path, version + 1, &original).await.expect(200);
                    version += 2;
                    outcomes.push((200, content(&changed), vec![]));
                } else {
                    outcomes.push((changed.status, changed.problem(), changed.faults()));
                }
            }
            assert_eq!(outcomes[0], outcomes[1], "{path} {name}");
        }
    }
}

async fn an_old_app_does_not_erase_what_a_newer_one_wrote(app: &TestApp) {
    let sam = app.person().await;
    let newer = json!({ "kind": "evening", "occurred_at": "2026-03-01T21:30:00-05:00", "note": "A long day.", "tags": ["rain", "work"],
        "answers": { "craving": 3, "craving_max": 6, "mood": 7, "stress": 2, "sleep_minutes": 410, "used": "no", "support_contacted": true } });
    let stored = sam.post("/v1/check-ins", &newer).await.expect(201);
    let path = stored.header("location");
    // This app knows nothing but the mood.
    let patched = sam.patch(&path, 1, &json!({ "answers": { "mood": 3 } })).await.expect(200);
    let mut expected = stored.body.clone();
    expected["answers"]["mood"] = json!(3);
    expected["version"] = json!(2);
    expected["updated_at"] = patched.body["updated_at"].clone();
    assert_eq!(patched.body, expected);
    // Lists are replaced whole, nested members are unset by null, and times keep their offset.
    let change = json!({ "tags": ["rain"], "note": null, "answers": { "stress": null, "craving": 4.0 } });
    let patched = sam.patch(&path, 2, &change).await.expect(200).body;
    assert_eq!((&patched["tags"], patched.get("note")), (&json!(["rain"]), None));
    assert_eq!(patched["occurred_at"], stored.body["occurred_at"]);
    let answers = json!({ "craving": 4, "craving_max": 6, "mood": 3, "sleep_minutes": 410, "used": "no", "support_contacted": true });
    assert_eq!(patched["answers"], answers);
    // A retry of the create is still a replay.
    let mut again = newer.clone();
    again["id"] = stored.body["id"].clone();
    assert_eq!(sam.post("/v1/check-ins", &again).await.expect(200).body, patched);
    let history = sam.get(&format!("{path}/history")).await.expect(200).items();
    assert_eq!((history.len(), &history[1]["record"]["answers"]["mood"]), (2, &json!(7)));
}

async fn a_patch_needs_the_current_version(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201).header("location");
    let send = async |headers: &[(&str, &str)]| {
        let headers = [&[("content-type", MERGE_PATCH)], headers].concat();
        sam.send("PATCH", &path, &headers, Some(br#"{"note":"two"}"#.to_vec())).await
    };
    assert_eq!(send(&[]).await.expect(428).problem(), "precondition-required");
    for stale in ["\"2\"", "1", "\"x\"", "\"2\", \"3\""] {
        assert_eq!(send(&[("if-match", stale)]).await.expect(412).problem(), "version-mismatch");
    }
    assert_eq!(send(&[("if-match", "\"7\", \"1\"")]).await.expect(200).body["version"], 2);
    assert_eq!(send(&[("if-match", "*")]).await.expect(200).body["version"], 3);
    kim.patch(&path, 3, &json!({ "note": "x" })).await.expect(404);
    sam.delete(&path, 3).await.expect(204);
    sam.patch(&path, 4, &json!({ "note": "x" })).await.expect(404);
    sam.patch("/v1/check-ins/x", 1, &json!({ "note": "x" })).await.expect(404);
}

async fn a_patch_has_a_media_type_of_its_own(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201).header("location");
    let send = async |kind: &str| {
        let headers = [("content-type", kind), ("if-match", "*")];
        sam.send("PATCH", &path, &headers, Some(br#"{"note":"two"}"#.to_vec())).await
    };
    for wrong in ["application/json", "application/json-patch+json", "text/plain", "nonsense"] {
        let refused = send(wrong).await.expect(415);
        assert_eq!(
            (refused.problem().as_str(), refused.header("accept-patch").as_str()),
            ("unsupported-media-type", MERGE_PATCH)
        );
    }
    for right in [MERGE_PATCH, "Application/Merge-Patch+JSON", "application/merge-patch+json; charset=utf-8"]
    {
        send(right).await.expect(200);
    }
    // A PUT takes no patch, and its refusal names none.
    let headers = [("content-type", MERGE_PATCH), ("if-match", "*")];
    let refused =
        sam.send("PUT", &path, &headers, Some(check_in("x").to_string().into_bytes())).await.expect(415);
    assert_eq!(refused.header("accept-patch"), "");
    for (path, accept_patch) in [(path.as_str(), MERGE_PATCH), ("/v1/me", MERGE_PATCH), ("/v1/check-ins", "")]
    {
        let options = sam.send("OPTIONS", path, &[], None).await.expect(204);
        assert_eq!(options.header("allow").contains("PATCH"), !accept_patch.is_empty(), "{path}");
        assert_eq!(options.header("accept-patch"), accept_patch, "{path}");
    }
}

async fn what_results_from_a_patch_is_judged_as_by_a_put(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201);
    let path = stored.header("location");
    let text = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    for (patch, faults) in [
        (json!({ "answers": { "mood": 11 } }), vec![text("/answers/mood", "range")]),
        (json!({ "answers": { "mood": 1e300 } }), vec![text("/answers/mood", "range")]),
        (json!({ "occurred_at": null }), vec![text("/occurred_at", "required")]),
        (json!({ "occurred_at": "2199-01-01T00:00:00Z" }), vec![text("/occurred_at", "future")]),
        (json!({ "answers": { "craving": null } }), vec![text("/answers", "required")]),
        (json!({ "answers": [3] }), vec![text("/answers", "type")]),
        // A name that the record has not is a slip, also where it would be unset.
        (json!({ "nots": "x" }), vec![text("/nots", "unknown-field")]),
        (json!({ "nots": null }), vec![text("/nots", "unknown-field")]),
        (json!({ "answers": { "moood": null, "stress": 3 } }), vec![text("/answers/moood", "unknown-field")]),
        (json!({ "id": ID }), vec![text("/id", "mismatch")]),
        (
            json!({ "kind": "noon", "note": 3, "tags": ["a", 4], "answers": { "used": "maybe" } }),
            vec![
                text("/answers/used", "enum"),
                text("/kind", "enum"),
                text("/note", "type"),
                text("/tags/1", "type"),
            ],
        ),
        (json!({ "trigger_ids": [ID] }), vec![text("/trigger_ids/0", "unknown-reference")]),
    ] {
        let refused = sam.patch(&path, 1, &patch).await.expect(422);
        assert_eq!((refused.problem().as_str(), refused.faults()), ("validation", faults), "{patch}");
    }
    assert_eq!(sam.get(&path).await.expect(200).body, stored.body, "a refused patch changes nothing");
    let own = json!({ "id": stored.body["id"], "version": 99, "created_at": "x", "updated_at": null, "local_date": [], "note": "two" });
    let patched = sam.patch(&path, 1, &own).await.expect(200).body;
    assert_eq!((&patched["note"], &patched["version"]), (&json!("two"), &json!(2)));
    assert_eq!(patched["local_date"], stored.body["local_date"]);
    assert_eq!(patched["created_at"], stored.body["created_at"]);
}

async fn no_patch_is_a_fault_of_the_server(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201).header("location");
    let headers = [("content-type", MERGE_PATCH), ("if-match", "*")];
    let deep = |depth: usize| ["{\"answers\":".repeat(depth), "1".to_owned(), "}".repeat(depth)].concat();
    for (body, status) in [
        (String::new(), 400),
        ("{".to_owned(), 400),
        ("{\"note\":\"\\ud800\"}".to_owned(), 400),
        (deep(80_000), 400),
        (deep(100), 422),
        ("[]".to_owned(), 422),
        ("null".to_owned(), 422),
        ("\"note\"".to_owned(), 422),
        ("{\"answers\":{\"mood\":1e999}}".to_owned(), 422),
        (json!({ "tags": vec!["x"; 100_000] }).to_string(), 422),
        (json!({ "note": "x".repeat(1024 * 1024) }).to_string(), 413),
    ] {
        for path in [path.as_str(), "/v1/me"] {
            let refused = sam.send("PATCH", path, &headers, Some(body.clone().into_bytes())).await;
            let shown: String = body.chars().take(40).collect();
            assert_eq!(refused.status, status, "{path} {shown}: {}", refused.text);
        }
    }
    let many: Value = (0..20_000).map(|n| (format!("m{n}"), Value::Null)).collect();
    let refused = sam.patch(&path, 1, &many).await.expect(422);
    assert!(refused.text.len() < 200_000, "{}", refused.text.len());
}

async fn two_devices_change_different_members_and_lose_nothing(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "")).await.expect(201).header("location");
    let write = async |member: &str| {
        for n in 1..=10 {
            let body = json!({ "answers": { member: n } }).to_string().into_bytes();
            let headers = [("content-type", MERGE_PATCH), ("if-match", "*")];
            sam.send("PATCH", &path, &headers, Some(body)).await.expect(200);
        }
    };
    tokio::join!(write("mood"), write("stress"), write("pain"));
    let last = sam.get(&path).await.expect(200).body;
    assert_eq!(last["answers"], json!({ "craving": 3, "mood": 10, "stress": 10, "pain": 10 }));
    assert_eq!(last["version"], 31);
}

async fn a_patch_of_a_plan_makes_the_next_number(app: &TestApp) {
    let sam = app.person().await;
    let plan = json!({ "kind": "relapse_prevention", "title": "Mine", "content": {
        "triggers": [{ "label": "Payday", "kind": "external" }], "strategies": [{ "label": "Walk", "category": "exercise" }] } });
    let stored = sam.post("/v1/plans", &plan).await.expect(201);
    let path = stored.header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    let change = json!({ "content": { "reasons": [{ "text": "Breakfast with my daughter." }] } });
    let patched = sam.patch(&path, 2, &change).await.expect(200).body;
    assert_eq!(
        (&patched["number"], &patched["status"], &patched["version"]),
        (&json!(2), &json!("active"), &json!(3))
    );
    for section in ["triggers", "strategies"] {
        assert_eq!(patched["content"][section], stored.body["content"][section], "items keep their ids");
    }
    let difference = sam.get(&format!("{path}/numbers/2?compare_to=1")).await.expect(200).body;
    assert_eq!(difference["content"], patched["content"]);
    assert_eq!(sam.get("/v1/plans/active").await.expect(200).body["number"], 2);
}

async fn a_slot_and_a_final_record_refuse_a_patch_as_they_refuse_a_put(app: &TestApp) {
    let sam = app.person().await;
    let mut morning = check_in_with_id(1, "one");
    morning["kind"] = json!("morning");
    sam.post("/v1/check-ins", &morning).await.expect(201);
    let path = sam.post("/v1/check-ins", &check_in_with_id(2, "two")).await.expect(201).header("location");
    let refused = sam.patch(&path, 1, &json!({ "kind": "morning" })).await.expect(409);
    assert_eq!((refused.problem().as_str(), &refused.body["existing_id"]), ("slot-taken", &morning["id"]));
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z" });
    let path = sam.post("/v1/use-events", &lapse).await.expect(201).header("location");
    sam.delete(&path, 1).await.expect(204);
    assert_eq!(sam.patch(&path, 2, &json!({ "note": "x" })).await.expect(409).problem(), "entered-in-error");
    // Nothing but the deletion marks an event.
    let path = sam.post("/v1/use-events", &lapse).await.expect(201).header("location");
    let patched = sam.patch(&path, 1, &json!({ "entered_in_error": true, "note": "x" })).await.expect(200);
    assert_eq!(patched.body["entered_in_error"], false);
}

async fn the_follow_ups_of_a_transition_stay_unless_a_patch_names_them(app: &TestApp) {
    let sam = app.person().await;
    let transition =
        json!({ "from_level": "detox", "to_level": "residential", "discharged_on": "2026-02-20" });
    let stored = sam.post("/v1/transitions", &transition).await.expect(201);
    let path = stored.header("location");
    let due = |body: &Value| body["follow_ups"][0]["due_on"].clone();
    let patched = sam.patch(&path, 1, &json!({ "status": "in_progress" })).await.expect(200).body;
    assert_eq!(patched["follow_ups"], stored.body["follow_ups"]);
    // The follow-ups are members like others: they stay when the discharge moves, and must fit it.
    let refused = sam.patch(&path, 2, &json!({ "discharged_on": "2026-02-25" })).await.expect(422);
    assert_eq!(refused.pointers(), ["/follow_ups/0/due_on", "/follow_ups/1/due_on"]);
    let moved = json!({ "discharged_on": "2026-02-25", "follow_ups": null });
    assert_eq!(due(&sam.patch(&path, 2, &moved).await.expect(200).body), "2026-02-26");
    let kept = sam.patch(&path, 3, &json!({ "follow_ups": null })).await.expect(200).body;
    assert_eq!(due(&kept), "2026-02-26");
    let none = sam.patch(&path, 4, &json!({ "follow_ups": [] })).await.expect(200).body;
    assert_eq!((&none["follow_ups"], none.get("next_follow_up_on")), (&json!([]), None));
}

async fn a_response_is_scored_again_without_naming_its_questionnaire(app: &TestApp) {
    let sam = app.person().await;
    one_of_each(app, &sam).await;
    let path = format!("/v1/questionnaire-responses/{ID}");
    let stored = sam.get(&path).await.expect(200).body;
    let mut answers = stored["answers"].clone();
    let last = answers.as_array_mut().and_then(Vec::pop).expect("an answer");
    let mut changed = last.clone();
    changed["value_integer"] = json!(9);
    answers.as_array_mut().expect("answers").push(changed);
    let patched = sam.patch(&path, 1, &json!({ "answers": answers })).await.expect(200).body;
    assert_eq!(patched["questionnaire_id"], stored["questionnaire_id"]);
    assert_ne!(patched["scores"], stored["scores"]);
    let refused = sam.patch(&path, 2, &json!({ "answers": [], "status": "in_progress" })).await.expect(422);
    assert_eq!(refused.pointers(), ["/status"]);
    let refused = sam.patch(&path, 2, &json!({ "answers": [] })).await.expect(422);
    assert!(refused.faults().iter().all(|(_, code)| code == "required"), "{}", refused.text);
    let other = json!({ "questionnaire_id": "01950000-0000-7000-8000-00000000000f" });
    assert!(
        sam.patch(&path, 2, &other).await.expect(422).pointers().contains(&"/questionnaire_id".to_owned())
    );
}

async fn a_review_is_patched_at_its_version(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z" });
    let event = sam.post("/v1/use-events", &lapse).await.expect(201).header("location");
    let path = format!("{event}/review");
    let change = json!({ "what_helped": "Calling Robin." });
    // There is nothing yet that a patch could be made to.
    sam.patch(&path, 1, &change).await.expect(412);
    let review = json!({ "situation": "A party.", "thoughts": "One will not matter." });
    sam.send("PUT", &path, &[], Some(review.to_string().into_bytes())).await.expect(201);
    let headers = [("content-type", MERGE_PATCH)];
    sam.send("PATCH", &path, &headers, Some(change.to_string().into_bytes())).await.expect(428);
    let patched = sam.patch(&path, 1, &change).await.expect(200);
    assert_eq!(
        (&patched.body["situation"], &patched.body["what_helped"], patched.header("etag").as_str()),
        (&review["situation"], &change["what_helped"], "\"2\"")
    );
    assert_eq!(sam.patch(&path, 2, &json!({ "mood": 3 })).await.expect(422).pointers(), ["/mood"]);
    kim.patch(&path, 2, &change).await.expect(404);
}

async fn the_profile_is_patched_member_by_member(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "display_name": "Sam" })).await;
    let before = sam.get("/v1/me").await.expect(200).body;
    let headers = [("content-type", MERGE_PATCH)];
    sam.send("PATCH", "/v1/me", &headers, Some(b"{}".to_vec())).await.expect(428);
    let patched =
        sam.patch("/v1/me", 1, &json!({ "time_zone": "Asia/Tokyo", "role": "operator" })).await.expect(200);
    let mut expected = before.clone();
    expected["time_zone"] = json!("Asia/Tokyo");
    expected["version"] = json!(2);
    expected["updated_at"] = patched.body["updated_at"].clone();
    assert_eq!((&patched.body, patched.header("etag").as_str()), (&expected, "\"2\""));
    assert_eq!(
        sam.patch("/v1/me", 2, &json!({ "display_name": null })).await.expect(200).body.get("display_name"),
        None
    );
    sam.patch("/v1/me", 2, &json!({ "week_start": 7 })).await.expect(412);
    let wrong = json!({ "time_zone": null, "week_start": 9, "nickname": null });
    assert_eq!(
        sam.patch("/v1/me", 3, &wrong).await.expect(422).faults(),
        [("/nickname", "unknown-field"), ("/time_zone", "required"), ("/week_start", "range")]
            .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    let headers = [("content-type", "application/json"), ("if-match", "*")];
    let refused = sam.send("PATCH", "/v1/me", &headers, Some(b"{}".to_vec())).await.expect(415);
    assert_eq!(refused.header("accept-patch"), MERGE_PATCH);
}
