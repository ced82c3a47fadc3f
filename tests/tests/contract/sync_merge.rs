//! Sync with `op: "merge"`: a change of the members that it names, which can be sent again like every other change.

use mainstay_tests::{
    Person, TestApp, both_engines,
    samples::{check_in, delete, merge, sample_id, statuses, upsert},
};
use serde_json::{Value, json};

async fn push(sam: &Person, changes: &[Value]) -> Vec<Value> {
    let response = sam.post("/v1/sync", &json!({ "changes": changes })).await.expect(200);
    response.body["results"].as_array().cloned().expect("results")
}

async fn stored(sam: &Person, n: u128) -> Value {
    sam.get(&format!("/v1/check-ins/{}", sample_id(n))).await.expect(200).body
}

fn pointers(result: &Value) -> Vec<&str> {
    let errors = result["problem"]["errors"].as_array().expect("errors");
    errors.iter().map(|error| error["pointer"].as_str().expect("a pointer")).collect()
}

both_engines!(
    a_merge_changes_what_it_names_and_is_replayed,
    a_merge_without_a_version_or_content_is_rejected,
    a_merge_to_another_version_is_a_conflict,
    a_chain_of_creates_upserts_and_merges_gives_one_state_in_any_order,
    a_deleted_record_is_not_merged_into,
    what_results_from_a_merge_is_judged_as_by_an_upsert,
    a_merged_response_finds_its_questionnaire,
    a_merge_may_refer_to_a_record_of_the_same_batch,
    a_member_that_is_given_twice_is_refused,
);

async fn a_merge_changes_what_it_names_and_is_replayed(app: &TestApp) {
    let sam = app.person().await;
    push(&sam, &[upsert("check-ins", 1, None, check_in("one"))]).await;
    let mood = merge("check-ins", 1, Some(1), json!({ "answers": { "mood": 7 } }));
    let first = push(&sam, std::slice::from_ref(&mood)).await;
    assert_eq!((statuses(&first), &first[0]["version"]), (vec!["applied"], &json!(2)));
    let merged = stored(&sam, 1).await;
    assert_eq!((&merged["answers"], &merged["note"]), (&json!({ "craving": 3, "mood": 7 }), &json!("one")));
    // The answer was lost. Later changes of other devices make no difference.
    assert_eq!(statuses(&push(&sam, std::slice::from_ref(&mood)).await), ["replayed"]);
    let patch = json!({ "note": null, "tags": ["rain"] });
    sam.patch(&format!("/v1/check-ins/{}", sample_id(1)), 2, &patch).await.expect(200);
    push(&sam, &[merge("check-ins", 1, Some(3), json!({ "answers": { "mood": 2 } }))]).await;
    let again = push(&sam, &[mood]).await;
    assert_eq!((statuses(&again), &again[0]["version"]), (vec!["replayed"], &json!(4)));
    let last = stored(&sam, 1).await;
    assert_eq!(
        (&last["answers"]["mood"], &last["tags"], last.get("note")),
        (&json!(2), &json!(["rain"]), None)
    );
    // A merge that changes nothing makes a version, as an upsert does.
    let nothing = merge("check-ins", 1, Some(4), json!({}));
    assert_eq!(statuses(&push(&sam, std::slice::from_ref(&nothing)).await), ["applied"]);
    assert_eq!(statuses(&push(&sam, &[nothing]).await), ["replayed"]);
    assert_eq!(stored(&sam, 1).await["version"], 5);
}

async fn a_merge_without_a_version_or_content_is_rejected(app: &TestApp) {
    let sam = app.person().await;
    push(&sam, &[upsert("check-ins", 1, None, check_in("one"))]).await;
    let mut empty = merge("check-ins", 1, Some(1), json!({}));
    empty.as_object_mut().expect("a change").remove("record");
    let results = push(
        &sam,
        &[
            merge("check-ins", 2, None, json!({ "note": "two" })),
            empty,
            merge("check-ins", 3, Some(1), json!({ "note": "three" })),
            merge("nothings", 4, Some(1), json!({ "note": "four" })),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["rejected"; 4]);
    assert_eq!((pointers(&results[0]), pointers(&results[1])), (vec!["/base_version"], vec![""]));
    assert_eq!(results[2]["problem"]["type"], "/problems/not-found");
    assert_eq!(results[3]["problem"]["type"], "/problems/unknown-kind");
    for record in [json!([]), json!("x"), json!(3)] {
        let batch = json!({ "changes": [merge("check-ins", 1, Some(1), record)] });
        assert_eq!(sam.post("/v1/sync", &batch).await.expect(422).pointers(), ["/changes/0/record"]);
    }
    assert_eq!(stored(&sam, 1).await["version"], 1);
}

async fn a_merge_to_another_version_is_a_conflict(app: &TestApp) {
    let sam = app.person().await;
    push(&sam, &[upsert("check-ins", 1, None, check_in("one"))]).await;
    push(&sam, &[merge("check-ins", 1, Some(1), json!({ "note": "phone" }))]).await;
    let tablet = [
        merge("check-ins", 1, Some(1), json!({ "note": "tablet" })),
        merge("check-ins", 1, Some(2), json!({ "tags": ["later"] })),
    ];
    let results = push(&sam, &tablet).await;
    assert_eq!(statuses(&results), ["conflict", "skipped"]);
    assert_eq!((&results[0]["version"], &results[0]["current"]), (&json!(2), &stored(&sam, 1).await));
    // The first device looks again, and merges into what it sees: both changes are there.
    let settled = merge("check-ins", 1, Some(2), json!({ "answers": { "mood": 1 } }));
    assert_eq!(statuses(&push(&sam, &[settled]).await), ["applied"]);
    let both = stored(&sam, 1).await;
    assert_eq!((&both["note"], &both["answers"]["mood"]), (&json!("phone"), &json!(1)));
    // A version that the server never had.
    let ahead = push(&sam, &[merge("check-ins", 1, Some(9), json!({ "note": "x" }))]).await;
    assert_eq!((statuses(&ahead), &ahead[0]["version"]), (vec!["conflict"], &json!(3)));
}

async fn a_chain_of_creates_upserts_and_merges_gives_one_state_in_any_order(app: &TestApp) {
    let sam = app.person().await;
    let mut fourth = check_in("four");
    fourth["tags"] = json!(["four"]);
    let chain = |n: u128| {
        [
            upsert("check-ins", n, None, check_in("one")),
            merge("check-ins", n, Some(1), json!({ "answers": { "mood": 2 } })),
            merge("check-ins", n, Some(2), json!({ "note": "three", "answers": { "craving": null } })),
            upsert("check-ins", n, Some(3), fourth.clone()),
            merge("check-ins", n, Some(4), json!({ "tags": null, "answers": { "stress": 5 } })),
        ]
    };
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 1, 0, 3]];
    for (n, order) in (1..).zip(orders) {
        let shuffled = order.map(|at: usize| chain(n)[at].clone());
        for status in ["applied", "replayed", "replayed"] {
            assert_eq!(statuses(&push(&sam, &shuffled).await), [status; 5], "{order:?}");
        }
        // Only the beginning or the end of it is sent again.
        assert_eq!(statuses(&push(&sam, &chain(n)[..2]).await), ["replayed"; 2]);
        assert_eq!(statuses(&push(&sam, &chain(n)[3..]).await), ["replayed"; 2]);
        let last = stored(&sam, n).await;
        assert_eq!(
            (&last["note"], &last["answers"], &last["tags"], &last["version"]),
            (&json!("four"), &json!({ "craving": 3, "stress": 5 }), &json!([]), &json!(5))
        );
        let history = sam.get(&format!("/v1/check-ins/{}/history", sample_id(n))).await.expect(200).items();
        let moods: Vec<&Value> = history.iter().map(|item| &item["record"]["answers"]["mood"]).collect();
        assert_eq!(moods, [&Value::Null, &json!(2), &json!(2), &Value::Null]);
    }
}

async fn a_deleted_record_is_not_merged_into(app: &TestApp) {
    let sam = app.person().await;
    let chain = [
        upsert("check-ins", 1, None, check_in("one")),
        merge("check-ins", 1, Some(1), json!({ "note": "two" })),
        delete("check-ins", 1, 2),
    ];
    for status in ["applied", "replayed"] {
        assert_eq!(statuses(&push(&sam, &chain).await), [status; 3]);
    }
    for base in [1, 2, 3] {
        let late = push(&sam, &[merge("check-ins", 1, Some(base), json!({ "note": "late" }))]).await;
        assert_eq!(statuses(&late), ["conflict"], "{base}");
        assert_eq!(late[0]["current"], json!({ "id": sample_id(1), "version": 3, "deleted": true }));
    }
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z" });
    push(&sam, &[upsert("use-events", 2, None, lapse), delete("use-events", 2, 1)]).await;
    for base in [1, 2] {
        let late = push(&sam, &[merge("use-events", 2, Some(base), json!({ "note": "late" }))]).await;
        assert_eq!((statuses(&late), &late[0]["current"]["deleted"]), (vec!["conflict"], &json!(true)));
    }
}

async fn what_results_from_a_merge_is_judged_as_by_an_upsert(app: &TestApp) {
    let sam = app.person().await;
    let mut morning = check_in("one");
    morning["kind"] = json!("morning");
    push(&sam, &[upsert("check-ins", 1, None, morning), upsert("check-ins", 2, None, check_in("two"))]).await;
    let wrong = json!({ "answers": { "mood": 11, "moood": null }, "occurred_at": null, "nots": 1 });
    let results = push(
        &sam,
        &[
            merge("check-ins", 1, Some(1), wrong),
            merge("check-ins", 2, Some(1), json!({ "kind": "morning" })),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["rejected"; 2]);
    assert_eq!(pointers(&results[0]), ["/answers/mood", "/answers/moood", "/nots", "/occurred_at"]);
    assert_eq!(results[1]["problem"]["type"], "/problems/slot-taken");
    let other = push(&sam, &[merge("check-ins", 2, Some(1), json!({ "id": sample_id(3) }))]).await;
    assert_eq!(pointers(&other[0]), ["/id"]);
    let own =
        push(&sam, &[merge("check-ins", 2, Some(1), json!({ "id": sample_id(2), "version": 7 }))]).await;
    assert_eq!(statuses(&own), ["applied"]);
}

async fn a_merged_response_finds_its_questionnaire(app: &TestApp) {
    let sam = app.person().await;
    let example = app.document().await["paths"]["/v1/questionnaire-responses"]["post"]["requestBody"]["content"]
        ["application/json"]["examples"]["example"]["value"]
        .clone();
    let mut record = example.clone();
    record.as_object_mut().expect("a record").remove("id");
    let last = record["answers"].as_array().map_or(0, Vec::len) - 1;
    let mut answers = record["answers"].clone();
    answers[last]["value_integer"] = json!(9);
    let kind = "questionnaire-responses";
    let chain = [
        upsert(kind, 1, None, record),
        merge(kind, 1, Some(1), json!({ "answers": answers })),
        delete(kind, 1, 2),
    ];
    // Alone, so that only the stored record names the questionnaire.
    for status in ["applied", "replayed"] {
        for change in &chain {
            assert_eq!(statuses(&push(&sam, std::slice::from_ref(change)).await), [status], "{change}");
        }
    }
    let history = sam.get(&format!("/v1/{kind}/{}/history", sample_id(1))).await.expect(200).items();
    assert_eq!(history[0]["record"]["answers"], answers);
    assert_ne!(history[0]["record"]["scores"], history[1]["record"]["scores"]);
}

async fn a_merge_may_refer_to_a_record_of_the_same_batch(app: &TestApp) {
    let sam = app.person().await;
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z" });
    push(&sam, &[upsert("use-events", 2, None, lapse)]).await;
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let batch = [
        merge("use-events", 2, Some(1), json!({ "craving_event_id": sample_id(3) })),
        merge("use-events", 2, Some(2), json!({ "note": "After that." })),
        upsert("craving-events", 3, None, craving),
    ];
    for status in ["applied", "replayed"] {
        assert_eq!(statuses(&push(&sam, &batch).await), [status; 3]);
    }
}

/// Nobody could say which of the two is meant.
async fn a_member_that_is_given_twice_is_refused(app: &TestApp) {
    let sam = app.person().await;
    push(&sam, &[upsert("check-ins", 1, None, check_in("one"))]).await;
    let twice = r#"{"note":"two","answers":{"mood":1,"mood":2},"note":"three"}"#;
    let path = format!("/v1/check-ins/{}", sample_id(1));
    let types = [("content-type", "application/merge-patch+json"), ("if-match", "\"1\"")];
    let patched = sam.send("PATCH", &path, &types, Some(twice.as_bytes().to_vec())).await.expect(422);
    let whole = r#"{"kind":"morning","occurred_at":"2026-03-01T08:00:00Z","answers":{"mood":1,"mood":2},"note":"two","note":"three"}"#;
    let types = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let replaced = sam.send("PUT", &path, &types, Some(whole.as_bytes().to_vec())).await.expect(422);
    let merge = format!(
        r#"{{"changes":[{{"kind":"check-ins","op":"merge","id":"{}","base_version":1,"record":{twice}}}]}}"#,
        sample_id(1)
    );
    let types = [("content-type", "application/json")];
    let pushed = sam.send("POST", "/v1/sync", &types, Some(merge.into_bytes())).await.expect(200);
    let of_merge = &pushed.body["results"][0]["problem"];
    for problem in [&patched.body, &replaced.body, of_merge] {
        let errors = problem["errors"].as_array().expect("errors");
        let named: Vec<&str> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
        assert_eq!(named, ["/answers/mood", "/note"], "{problem}");
        assert!(errors.iter().all(|error| error["code"] == "duplicate"), "{problem}");
    }
    assert_eq!(stored(&sam, 1).await["version"], 1);
}
