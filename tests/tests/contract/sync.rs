//! Sync: pushing changes and pulling changes in one request.

use mainstay_tests::{
    Person, Response, TestApp, both_engines,
    samples::{check_in, delete, sample_id, statuses, upsert},
};
use serde_json::{Value, json};

/// Pushes changes. Returns their results.
pub async fn push(sam: &Person, changes: &[Value]) -> Vec<Value> {
    let response = sam.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
    response.body["results"].as_array().cloned().expect("results")
}

/// Pulls what is new after a cursor.
pub async fn pull(sam: &Person, cursor: &Value, limit: i64) -> Response {
    sam.post("/v1/sync", &json!({ "cursor": cursor, "limit": limit })).await
}

both_engines!(
    each_change_of_a_batch_has_its_own_result_and_a_replay_changes_nothing,
    new_records_in_one_batch_have_the_same_results_as_single_ones,
    a_version_mismatch_is_a_conflict_with_the_current_record_and_overwrites_nothing,
    a_shuffled_or_repeated_chain_gives_the_same_state_and_overwrites_nothing,
    a_conflict_with_a_deleted_record_says_so,
    a_change_may_refer_to_a_later_one_of_the_batch,
    a_push_of_small_changes_to_large_records_is_cut_off_and_goes_on_where_it_ended,
    a_request_that_is_too_large_or_malformed_is_refused_as_a_whole,
    the_history_has_each_earlier_version_with_the_session_that_replaced_it,
);

async fn each_change_of_a_batch_has_its_own_result_and_a_replay_changes_nothing(app: &TestApp) {
    let sam = app.person().await;
    let batch = [
        upsert("check-ins", 1, None, check_in("one")),
        upsert("check-ins", 2, None, json!({ "kind": "noon" })),
        upsert("check-ins", 2, Some(1), check_in("two")),
        upsert("nothings", 3, None, check_in("three")),
        upsert("check-ins", 1, Some(1), check_in("one, edited")),
        upsert(
            "goals",
            4,
            None,
            json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-01-15" }),
        ),
        upsert(
            "goals",
            5,
            None,
            json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-01-15" }),
        ),
        delete("goals", 4, 1),
        delete("check-ins", 9, 1),
    ];
    let first = push(&sam, &batch).await;
    let expected = [
        "applied", "rejected", "skipped", "rejected", "applied", "applied", "rejected", "applied", "rejected",
    ];
    assert_eq!(statuses(&first), expected);
    let pointers: Vec<&Value> =
        first[1]["problem"]["errors"].as_array().expect("errors").iter().map(|e| &e["pointer"]).collect();
    assert_eq!(pointers, ["/answers", "/kind", "/occurred_at"]);
    assert_eq!(first[3]["problem"]["type"], "/problems/unknown-kind");
    assert_eq!(
        (&first[6]["problem"]["type"], &first[6]["problem"]["existing_id"]),
        (&json!("/problems/goal-exists"), &json!(sample_id(4)))
    );
    assert_eq!(first[8]["problem"]["type"], "/problems/not-found");
    let state = sam.get("/v1/check-ins").await.items();
    assert_eq!((state.len(), &state[0]["note"], &state[0]["version"]), (1, &json!("one, edited"), &json!(2)));

    let again = push(&sam, &batch[..6]).await;
    assert_eq!(statuses(&again), ["replayed", "rejected", "skipped", "rejected", "replayed", "replayed"]);
    assert_eq!(sam.get("/v1/check-ins").await.items(), state);
}

async fn new_records_in_one_batch_have_the_same_results_as_single_ones(app: &TestApp) {
    let sam = app.person().await;
    let goal = |n, kind: &str| {
        upsert("goals", n, None, json!({ "substance": "alcohol", "kind": kind, "started_on": "2026-01-15" }))
    };
    push(
        &sam,
        &[
            upsert("check-ins", 2, None, check_in("two")),
            upsert("check-ins", 3, None, check_in("three")),
            delete("check-ins", 3, 1),
        ],
    )
    .await;
    let row = [
        upsert("check-ins", 1, None, check_in("one")),
        upsert("check-ins", 2, None, check_in("two")),
        upsert("check-ins", 3, None, check_in("another")),
        upsert("check-ins", 2, None, check_in("not two")),
        upsert("check-ins", 2, Some(1), check_in("two, edited")),
        goal(5, "abstain"),
        goal(6, "abstain"),
        goal(6, "moderate"),
        upsert("check-ins", 7, None, check_in("seven")),
        goal(8, "abstain"),
    ];
    let results = push(&sam, &row).await;
    let expected = [
        "applied", "replayed", "conflict", "conflict", "skipped", "applied", "rejected", "skipped",
        "applied", "rejected",
    ];
    assert_eq!(statuses(&results), expected);
    assert_eq!((&results[3]["current"]["note"], &results[3]["version"]), (&json!("two"), &json!(1)));
    assert_eq!(results[9]["problem"]["existing_id"], json!(sample_id(5)));

    // Repeated changes have no effect, and other devices pull nothing.
    let before = pull(&sam, &Value::Null, 500).await.expect(200);
    let pulled: Vec<&Value> =
        before.body["changes"].as_array().expect("changes").iter().map(|change| &change["id"]).collect();
    assert_eq!(json!(pulled), json!([2, 3, 1, 5, 7].map(sample_id)));
    let known = [row[0].clone(), row[5].clone(), row[8].clone()];
    assert_eq!(statuses(&push(&sam, &known).await), ["replayed"; 3]);
    let after = pull(&sam, &before.body["cursor"], 500).await.expect(200);
    assert_eq!((&after.body["changes"], &after.body["cursor"]), (&json!([]), &before.body["cursor"]));
    push(&sam, &[row[0].clone(), upsert("check-ins", 9, None, check_in("nine")), row[8].clone()]).await;
    let after = pull(&sam, &before.body["cursor"], 500).await.expect(200);
    assert_eq!(
        (&after.body["changes"][0]["id"], after.body["changes"].as_array().map(Vec::len)),
        (&json!(sample_id(9)), Some(1))
    );
}

async fn a_version_mismatch_is_a_conflict_with_the_current_record_and_overwrites_nothing(app: &TestApp) {
    let sam = app.person().await;
    push(&sam, &[upsert("check-ins", 1, None, check_in("one"))]).await;
    push(&sam, &[upsert("check-ins", 1, Some(1), check_in("phone"))]).await;
    let results =
        push(&sam, &[upsert("check-ins", 1, Some(1), check_in("tablet")), delete("check-ins", 1, 1)]).await;
    assert_eq!(statuses(&results), ["conflict", "skipped"]);
    assert_eq!((&results[0]["current"]["note"], &results[0]["version"]), (&json!("phone"), &json!(2)));
    let stale = push(&sam, &[delete("check-ins", 1, 1)]).await;
    assert_eq!((statuses(&stale), &stale[0]["current"]["note"]), (vec!["conflict"], &json!("phone")));
    // The edit of the phone is sent again, after the tablet has replaced it: it is still a replay.
    push(&sam, &[upsert("check-ins", 1, Some(2), check_in("both"))]).await;
    assert_eq!(
        statuses(&push(&sam, &[upsert("check-ins", 1, Some(1), check_in("phone"))]).await),
        ["replayed"]
    );
    assert_eq!(statuses(&push(&sam, &[delete("check-ins", 1, 3)]).await), ["applied"]);
    assert_eq!(statuses(&push(&sam, &[delete("check-ins", 1, 3)]).await), ["replayed"]);
    let late = push(&sam, &[upsert("check-ins", 1, Some(3), check_in("late"))]).await;
    assert_eq!(statuses(&late), ["conflict"]);
    assert_eq!(late[0]["current"], json!({ "id": sample_id(1), "version": 4, "deleted": true }));
    assert_eq!(statuses(&push(&sam, &[upsert("check-ins", 1, None, check_in("again"))]).await), ["conflict"]);
}

async fn a_shuffled_or_repeated_chain_gives_the_same_state_and_overwrites_nothing(app: &TestApp) {
    let sam = app.person().await;
    let chain = [
        upsert("check-ins", 1, None, check_in("a")),
        upsert("check-ins", 1, Some(1), check_in("b")),
        delete("check-ins", 1, 2),
    ];
    let shuffled = [chain[2].clone(), chain[1].clone(), chain[0].clone()];
    for status in ["applied", "replayed", "replayed"] {
        assert_eq!(statuses(&push(&sam, &shuffled).await), [status; 3]);
    }
    assert_eq!(statuses(&push(&sam, &chain).await), ["replayed"; 3]);
    assert!(sam.get("/v1/check-ins").await.items().is_empty());
    // Edits of the phone, out of order, after somebody else's edit.
    push(
        &sam,
        &[
            upsert("check-ins", 2, None, check_in("start")),
            upsert("check-ins", 2, Some(1), check_in("theirs")),
        ],
    )
    .await;
    let mine = [
        upsert("check-ins", 2, Some(2), check_in("mine 2")),
        upsert("check-ins", 2, Some(1), check_in("mine 1")),
    ];
    assert_eq!(statuses(&push(&sam, &mine).await), ["skipped", "conflict"]);
    assert_eq!(sam.get("/v1/check-ins").await.items()[0]["note"], "theirs");
}

async fn a_conflict_with_a_deleted_record_says_so(app: &TestApp) {
    let sam = app.person().await;
    let lapse =
        |text: &str| json!({ "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z", "note": text });
    push(&sam, &[upsert("use-events", 1, None, lapse("one")), delete("use-events", 1, 1)]).await;
    let results = push(&sam, &[upsert("use-events", 1, Some(1), lapse("two"))]).await;
    assert_eq!((statuses(&results), &results[0]["current"]["deleted"]), (vec!["conflict"], &json!(true)));
}

async fn a_change_may_refer_to_a_later_one_of_the_batch(app: &TestApp) {
    let sam = app.person().await;
    let craving = json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }], "trigger_ids": [sample_id(50)],
        "strategy_uses": [{ "strategy_id": sample_id(51), "before": 7, "after": 3 }], "outcome": "rode_it_out" });
    let plan = json!({ "kind": "relapse_prevention", "title": "Mine", "content": { "contact_ids": [sample_id(4)],
        "triggers": [{ "id": sample_id(50), "label": "Payday", "kind": "external" }], "strategies": [{ "id": sample_id(51), "label": "Walk", "category": "exercise" }] } });
    let mut lapse = json!({ "substance": "alcohol", "occurred_at": "2026-03-01T13:00:00Z", "craving_event_id": sample_id(1) });
    let batch = [
        upsert("use-event-reviews", 2, None, json!({ "situation": "a party" })),
        upsert("use-events", 2, None, lapse.clone()),
        upsert("craving-events", 1, None, craving.clone()),
        upsert("craving-events", 1, Some(1), craving),
        upsert("plans", 3, None, plan),
        upsert(
            "support-contacts",
            4,
            None,
            json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" }),
        ),
    ];
    assert_eq!(statuses(&push(&sam, &batch).await), vec!["applied"; 6]);
    sam.get(&format!("/v1/use-events/{}/review", sample_id(2))).await.expect(200);
    lapse["craving_event_id"] = json!(sample_id(99));
    let results = push(
        &sam,
        &[
            upsert("use-events", 6, None, lapse),
            delete("use-events", 6, 1),
            upsert("check-ins", 7, None, check_in("fine")),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["rejected", "skipped", "applied"]);
    assert_eq!(results[0]["problem"]["errors"][0]["pointer"], "/craving_event_id");
}

async fn a_request_that_is_too_large_or_malformed_is_refused_as_a_whole(app: &TestApp) {
    let sam = app.person().await;
    let many: Vec<Value> = (0..501).map(|n| upsert("check-ins", n, None, check_in("x"))).collect();
    let refused = sam.post("/v1/sync", &json!({ "changes": many })).await.expect(422);
    assert_eq!(refused.pointers(), ["/changes"]);
    let wrong = sam
        .post(
            "/v1/sync",
            &json!({ "changes": [{ "kind": "goals", "op": "patch", "id": "x" }], "limit": 501, "more": 1 }),
        )
        .await
        .expect(422);
    assert_eq!(wrong.pointers(), ["/changes/0/id", "/changes/0/op", "/limit", "/more"]);
    let changes = [
        upsert("check-ins", 1, None, check_in("x")),
        upsert("check-ins", 2, None, json!([1])),
        upsert("check-ins", 3, None, json!("x")),
    ];
    let wrong = sam.post("/v1/sync", &json!({ "changes": changes })).await.expect(422);
    assert_eq!(
        wrong.faults(),
        [
            ("/changes/1/record".to_owned(), "type".to_owned()),
            ("/changes/2/record".to_owned(), "type".to_owned())
        ]
    );
    assert!(sam.get("/v1/check-ins").await.items().is_empty());
}

async fn the_history_has_each_earlier_version_with_the_session_that_replaced_it(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let tablet = sam.another_device().await;
    let path = sam.post("/v1/check-ins", &check_in("one")).await.expect(201).header("location");
    assert!(sam.get(&format!("{path}/history")).await.expect(200).items().is_empty());
    tablet.put(&path, 1, &check_in("two")).await.expect(200);
    sam.delete(&path, 2).await.expect(204);
    let versions = sam.get(&format!("{path}/history")).await.expect(200).items();
    let view: Vec<_> = versions
        .iter()
        .map(|v| (v["version"].as_i64(), v["record"]["note"].as_str(), &v["replaced_by_session_id"]))
        .collect();
    assert_eq!(
        view,
        [
            (Some(2), Some("two"), &sam.tokens["session_id"]),
            (Some(1), Some("one"), &tablet.tokens["session_id"]),
        ]
    );
    let page = sam.get(&format!("{path}/history?limit=1")).await.expect(200);
    let next = page.body["next_cursor"].as_str().expect("a cursor").to_owned();
    let rest = sam.get(&format!("{path}/history?limit=1&cursor={next}")).await.expect(200);
    assert_eq!((&rest.items()[0]["version"], &rest.body["next_cursor"]), (&json!(1), &Value::Null));
    kim.get(&format!("{path}/history")).await.expect(404);
    assert_eq!(sam.get(&format!("{path}/history?cursor=x")).await.expect(422).pointers(), ["/cursor"]);
}

/// A change of a few bytes to a large record opens it, writes it whole, and keeps what it was before.
async fn a_push_of_small_changes_to_large_records_is_cut_off_and_goes_on_where_it_ended(app: &TestApp) {
    let sam = app.person().await;
    let strategy = |n: u32| json!({ "label": format!("walk {n}"), "category": "mindful_walking", "instructions": "along the river ".repeat(90) });
    let content = json!({ "strategies": (0..100).map(strategy).collect::<Vec<_>>() });
    let plan = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": content });
    let id = sam.post("/v1/plans", &plan).await.expect(201).id();
    let change = |base: i64| json!({ "kind": "plans", "op": "merge", "id": id, "base_version": base, "record": { "title": format!("Version {base}") } });
    let mut changes: Vec<Value> = (1..=40).map(change).collect();
    changes.push(upsert("check-ins", 1, None, check_in("of another record")));
    let mut pushes = 0;
    while !changes.is_empty() {
        let results = push(&sam, &changes).await;
        pushes += 1;
        let done = results.iter().take_while(|result| result["status"] == "applied").count();
        assert!(done > 0, "each push goes on");
        for (n, result) in results.iter().enumerate().skip(done) {
            let is_first = n == done || result["kind"] != "plans";
            assert_eq!(result["status"], if is_first { "rejected" } else { "skipped" }, "{result}");
            assert!(!is_first || result["problem"]["type"] == "/problems/postponed", "{result}");
        }
        changes.drain(..done);
    }
    assert!((4..=10).contains(&pushes), "{pushes}");
    let plan = sam.get(&format!("/v1/plans/{id}")).await.expect(200);
    assert_eq!((&plan.body["version"], &plan.body["title"]), (&json!(41), &json!("Version 40")));
}
