//! Behaviour that all collections share: ids, replays, versions, pages, and records of other people.

use std::collections::BTreeSet;

use mainstay_tests::{Response, TestApp, both_engines, samples::check_in_with_id};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    the_same_post_again_is_a_replay_and_other_content_a_conflict,
    a_late_retry_after_an_edit_is_still_a_replay,
    a_deleted_record_does_not_come_back,
    a_change_needs_the_current_version,
    one_of_several_versions_must_be_the_current_one,
    a_record_can_be_put_back_as_it_was_read,
    two_concurrent_writers_lose_no_update,
    thirty_two_parallel_posts_with_one_id_store_one_record,
    thirty_two_parallel_posts_for_one_slot_store_one_record,
    parallel_posts_of_several_people_are_stored_for_each_of_them,
    pages_neither_repeat_nor_skip_while_others_are_written,
    lists_are_filtered_by_a_half_open_time_range_and_wrong_parameters_are_named,
    nobody_reaches_a_record_of_another_person,
    the_body_of_a_response_may_be_posted_again,
    a_forged_cursor_never_causes_an_error,
    a_cached_list_is_never_older_than_the_last_write,
    a_cached_list_follows_every_kind_of_change,
);

async fn the_same_post_again_is_a_replay_and_other_content_a_conflict(app: &TestApp) {
    let sam = app.person().await;
    let first = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201);
    let again = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(200);
    assert_eq!((again.header("idempotent-replayed").as_str(), &again.body), ("true", &first.body));
    // Nulls, explicit defaults, read-only members and the order of members make no difference.
    let equivalent = json!({
        "note": "one", "answers": { "craving": 3.0, "mood": null }, "occurred_at": "2026-03-01T12:00:00.000Z",
        "trigger_ids": [], "tags": null, "kind": "momentary", "local_date": "1999-01-01", "version": 9, "id": first.id(),
    });
    assert_eq!(sam.post("/v1/check-ins", &equivalent).await.expect(200).body, first.body);
    assert_eq!(
        sam.post("/v1/check-ins", &check_in_with_id(1, "two")).await.expect(409).problem(),
        "id-conflict"
    );
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
}

async fn a_late_retry_after_an_edit_is_still_a_replay(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201).header("location");
    let edited = sam.put(&path, 1, &check_in_with_id(1, "two")).await.expect(200);
    let late = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(200);
    assert_eq!((late.header("idempotent-replayed").as_str(), late.body), ("true", edited.body));
    assert_eq!(
        sam.post("/v1/check-ins", &check_in_with_id(1, "two")).await.expect(409).problem(),
        "id-conflict"
    );
}

async fn a_deleted_record_does_not_come_back(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201).header("location");
    sam.delete(&path, 1).await.expect(204);
    sam.get(&path).await.expect(404);
    sam.delete(&path, 2).await.expect(404);
    sam.put(&path, 2, &check_in_with_id(1, "one")).await.expect(404);
    for text in ["one", "two"] {
        assert_eq!(
            sam.post("/v1/check-ins", &check_in_with_id(1, text)).await.expect(409).problem(),
            "id-deleted"
        );
    }
}

async fn a_change_needs_the_current_version(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201);
    let path = stored.header("location");
    let body = check_in_with_id(1, "two").to_string().into_bytes();
    for method in ["PUT", "DELETE"] {
        let missing = sam.send(method, &path, &[], Some(body.clone())).await.expect(428);
        assert_eq!(missing.problem(), "precondition-required");
        for tag in ["\"2\"", "1", "W/\"2\"", "\"x\"", "\"2\", \"3\"", "W/\"3\", \"2\""] {
            let stale = sam.send(method, &path, &[("if-match", tag)], Some(body.clone())).await.expect(412);
            assert_eq!(stale.problem(), "version-mismatch");
        }
    }
    let changed = sam.put(&path, 1, &check_in_with_id(1, "two")).await.expect(200);
    assert_eq!((changed.body["version"].as_i64(), changed.header("etag").as_str()), (Some(2), "\"2\""));
    assert_eq!(changed.body["created_at"], stored.body["created_at"]);
    sam.send("PUT", &path, &[("if-match", "*")], Some(check_in_with_id(1, "three").to_string().into_bytes()))
        .await
        .expect(200);
    assert_eq!(sam.get(&path).await.body["note"], "three");
}

async fn one_of_several_versions_must_be_the_current_one(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201).header("location");
    let me = sam.get("/v1/me").await.body.to_string().into_bytes();
    let plan = json!({ "kind": "safety", "title": "Mine", "content": {
        "warning_signs": [{ "label": "Skipping meals", "stage": "emotional" }], "strategies": [{ "label": "Walk", "category": "exercise" }],
    } });
    let plan = sam.post("/v1/plans", &plan).await.expect(201).header("location");
    let body = check_in_with_id(1, "two").to_string().into_bytes();
    for (method, path, body, (stale, current), status) in [
        ("PUT", path.as_str(), &body, ("\"2\", \"3\"", "\"7\", \"1\""), 200),
        ("DELETE", &path, &body, ("\"1\", W/\"3\"", "\"1\", W/\"2\""), 204),
        ("PUT", "/v1/me", &me, ("\"3\", \"2\"", "\"2\",\"1\""), 200),
        ("POST", &format!("{plan}/activate"), &Vec::new(), ("\"2\", \"3\"", "W/\"2\", \"1\", \"3\""), 200),
    ] {
        let refused = sam.send(method, path, &[("if-match", stale)], Some(body.clone())).await.expect(412);
        assert_eq!(refused.problem(), "version-mismatch", "{method} {path}");
        sam.send(method, path, &[("if-match", current)], Some(body.clone())).await.expect(status);
    }
}

async fn a_record_can_be_put_back_as_it_was_read(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201);
    let mut body = stored.body.clone();
    body["note"] = Value::Null;
    let changed = sam.put(&stored.header("location"), 1, &body).await.expect(200);
    assert_eq!(changed.body.get("note"), None);
    body["id"] = json!(Uuid::from_u128(5));
    assert_eq!(sam.put(&stored.header("location"), 2, &body).await.expect(422).pointers(), ["/id"]);
}

async fn two_concurrent_writers_lose_no_update(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "")).await.expect(201).header("location");
    let writer = |name: char| {
        let (sam, path) = (sam.clone(), path.clone());
        async move {
            for _ in 0..20 {
                loop {
                    let mut body = sam.get(&path).await.expect(200).body;
                    let version = body["version"].as_i64().expect("a version");
                    body["note"] = json!(format!("{}{name}", body["note"].as_str().unwrap_or_default()));
                    if sam.put(&path, version, &body).await.status == 200 {
                        break;
                    }
                }
            }
        }
    };
    tokio::join!(writer('a'), writer('b'));
    let last = sam.get(&path).await.body;
    let text = last["note"].as_str().expect("a note");
    assert_eq!(
        (text.matches('a').count(), text.matches('b').count(), last["version"].as_i64()),
        (20, 20, Some(41))
    );
}

async fn thirty_two_parallel_posts_with_one_id_store_one_record(app: &TestApp) {
    let sam = app.person().await;
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let sam = sam.clone();
        posts.spawn(async move { sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.status });
    }
    let mut statuses = posts.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 31], vec![201]].concat());
    assert_eq!(sam.get("/v1/check-ins").await.items().len(), 1);
}

async fn thirty_two_parallel_posts_for_one_slot_store_one_record(app: &TestApp) {
    let sam = app.person().await;
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..32 {
        let sam = sam.clone();
        posts.spawn(async move {
            let mut body = check_in_with_id(n, "one");
            body["kind"] = json!("morning");
            sam.post("/v1/check-ins", &body).await.status
        });
    }
    let mut statuses = posts.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![409; 31]].concat());
}

async fn parallel_posts_of_several_people_are_stored_for_each_of_them(app: &TestApp) {
    let people = [app.person().await, app.person().await, app.person().await];
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..30 {
        for (p, person) in people.iter().cloned().enumerate() {
            // The same ids for all of them, and each id twice.
            posts.spawn(async move {
                let response =
                    person.post("/v1/check-ins", &check_in_with_id(n / 2, &format!("of {p}"))).await;
                (response.status, response.body["note"] == format!("of {p}"))
            });
        }
    }
    let mut responses = posts.join_all().await;
    responses.sort_unstable();
    assert_eq!(responses, [vec![(200, true); 45], vec![(201, true); 45]].concat());
    for person in &people {
        let pulled = person.post("/v1/sync", &json!({ "limit": 500 })).await.expect(200);
        let ids: Vec<&str> = pulled.body["changes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|change| change["id"].as_str())
            .collect();
        let unique: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!((ids.len(), unique.len()), (15, 15), "each record has its own number");
    }
}

async fn pages_neither_repeat_nor_skip_while_others_are_written(app: &TestApp) {
    let sam = app.person().await;
    // Some have the same time, so that the id decides their order.
    for n in 0..25_u128 {
        let mut body = check_in_with_id(n, "before");
        body["occurred_at"] = json!(format!("2026-03-{:02}T12:00:00Z", 1 + n / 3));
        sam.post("/v1/check-ins", &body).await.expect(201);
    }
    for order in ["desc", "asc"] {
        let (mut seen, mut cursor, mut late) = (Vec::new(), None::<String>, 1000);
        loop {
            let after = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
            let page = sam
                .get(&format!("/v1/check-ins?limit=4&order={order}&to=2026-03-20T00:00:00Z{after}"))
                .await
                .expect(200);
            seen.extend(page.items().iter().filter(|i| i["note"] == "before").map(|i| i["id"].to_string()));
            late += 1;
            let mut body = check_in_with_id(late + if order == "asc" { 0 } else { 500 }, "meanwhile");
            body["occurred_at"] = json!("2026-03-04T12:00:00Z");
            sam.post("/v1/check-ins", &body).await.expect(201);
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        let unique: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), unique.len()), (25, 25), "{order}");
    }
}

async fn lists_are_filtered_by_a_half_open_time_range_and_wrong_parameters_are_named(app: &TestApp) {
    let sam = app.person().await;
    for (n, day) in [(1, "01"), (2, "02"), (3, "03")] {
        let mut body = check_in_with_id(n, "");
        body["occurred_at"] = json!(format!("2026-03-{day}T00:00:00+00:00"));
        sam.post("/v1/check-ins", &body).await.expect(201);
    }
    let found =
        sam.get("/v1/check-ins?from=2026-03-01T00:00:00Z&to=2026-03-03T01:00:00%2B01:00").await.expect(200);
    let days: Vec<Value> = found.items().iter().map(|i| i["local_date"].clone()).collect();
    assert_eq!(days, [json!("2026-03-02"), json!("2026-03-01")]);
    let wrong = sam.get("/v1/check-ins?limit=0&order=up&from=today&cursor=!&size=3&to=").await.expect(422);
    assert_eq!(wrong.pointers(), ["/cursor", "/from", "/limit", "/order", "/size", "/to"]);
    let goals = sam.get("/v1/goals?limit=200").await.expect(200);
    assert_eq!(goals.body, json!({ "items": [], "next_cursor": null }));
}

async fn nobody_reaches_a_record_of_another_person(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let path = sam.post("/v1/check-ins", &check_in_with_id(1, "sam's")).await.expect(201).header("location");
    assert_eq!(kim.get(&path).await.expect(404).problem(), "not-found");
    kim.put(&path, 1, &check_in_with_id(1, "kim's")).await.expect(404);
    kim.delete(&path, 1).await.expect(404);
    assert!(kim.get("/v1/check-ins").await.items().is_empty());
    // Another person can use the same id, and the two records are independent.
    kim.post("/v1/check-ins", &check_in_with_id(1, "kim's")).await.expect(201);
    assert_eq!(sam.get(&path).await.body["note"], "sam's");
    assert_eq!(kim.get(&path).await.body["note"], "kim's");
}

async fn the_body_of_a_response_may_be_posted_again(app: &TestApp) {
    let sam = app.person().await;
    for (path, body) in [
        (
            "/v1/support-contacts",
            json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" }),
        ),
        (
            "/v1/plans",
            json!({ "kind": "safety", "title": "Mine", "content": { "reasons": [{ "text": "Breakfast." }] } }),
        ),
    ] {
        let stored = sam.post(path, &body).await.expect(201);
        let again = sam.post(path, &stored.body).await.expect(200);
        assert_eq!((again.header("idempotent-replayed").as_str(), &again.body), ("true", &stored.body));
    }
}

async fn a_forged_cursor_never_causes_an_error(app: &TestApp) {
    let sam = app.person().await;
    sam.post("/v1/check-ins", &check_in_with_id(1, "one")).await.expect(201);
    sam.post("/v1/check-ins", &check_in_with_id(2, "two")).await.expect(201);
    let page = sam.get("/v1/check-ins?limit=1").await.expect(200);
    let cursor = page.body["next_cursor"].as_str().expect("a cursor");
    // The middle of a cursor is its time. These are the extremes, in years that no record can have.
    for middle in ["gAAAAAAAAAA", "f_________8", "AAAAAAAAAAA"] {
        let forged = format!("{}{middle}{}", &cursor[..4], &cursor[15..]);
        let response = sam.get(&format!("/v1/check-ins?cursor={forged}")).await;
        assert!(matches!(response.status, 200 | 422), "{}", response.text);
    }
}

async fn a_cached_list_is_never_older_than_the_last_write(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let tablet = sam.another_device().await;
    let list = "/v1/check-ins?limit=30";
    let notes_of = |response: Response| -> Vec<String> {
        response.items().iter().map(|item| item["note"].as_str().expect("a note").to_owned()).collect()
    };
    let mut paths = Vec::new();
    for n in 0..5_u128 {
        assert_eq!(notes_of(tablet.get(list).await.expect(200)).len() as u128, n);
        paths.push(
            sam.post("/v1/check-ins", &check_in_with_id(n, "first")).await.expect(201).header("location"),
        );
    }
    for _ in 0..2 {
        assert_eq!(notes_of(tablet.get(list).await.expect(200)).len(), 5);
        assert_eq!(
            tablet.get("/v1/check-ins?limit=2").await.items().len(),
            2,
            "another list has another response"
        );
        assert!(kim.get(list).await.items().is_empty(), "and so has another person");
    }
    sam.put(&paths[0], 1, &check_in_with_id(0, "changed")).await.expect(200);
    assert!(notes_of(tablet.get(list).await).contains(&"changed".to_owned()));
    sam.delete(&paths[0], 2).await.expect(204);
    assert!(!notes_of(tablet.get(list).await).contains(&"changed".to_owned()));
    // A write that is refused changes no list.
    sam.post("/v1/check-ins", &check_in_with_id(0, "back")).await.expect(409);
    assert_eq!(notes_of(tablet.get(list).await).len(), 4);
    sam.post("/v1/check-ins", &check_in_with_id(9, "the last")).await.expect(201);
    assert_eq!(notes_of(tablet.get(list).await).len(), 5);
}

async fn a_cached_list_follows_every_kind_of_change(app: &TestApp) {
    let sam = app.person().await;
    let lists = ["?limit=3", "?limit=3&order=asc", "?limit=200"];
    let mut stored_records: Vec<(String, String)> = Vec::new();
    for n in 0..24_u128 {
        // Times in random order, some of them twice.
        let at = format!("2026-03-{:02}T12:00:00.000Z", 1 + (n * 7) % 13);
        let mut new = check_in_with_id(n, "one");
        new["occurred_at"] = at.clone().into();
        let stored = sam.post("/v1/check-ins", &new).await.expect(201);
        stored_records.push((at, stored.id()));
        if n % 5 == 4 {
            // A change of another collection changes no list of check-ins.
            sam.post("/v1/goals", &json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-03-01", "status": "stopped" }))
                .await
                .expect(201);
        }
        if n % 7 == 6 {
            let (_, id) = stored_records.remove(usize::try_from(n / 2).unwrap() % stored_records.len());
            sam.delete(&format!("/v1/check-ins/{id}"), 1).await.expect(204);
        }
        if n % 9 == 8 {
            let (at, id) = stored_records.remove(0);
            let mut moved = check_in_with_id(0, "moved");
            let later = at.replace("2026-03", "2026-02");
            (moved["occurred_at"], moved["id"]) = (later.clone().into(), id.clone().into());
            sam.put(&format!("/v1/check-ins/{id}"), 1, &moved).await.expect(200);
            stored_records.push((later, id));
        }
        let mut ascending = stored_records.clone();
        ascending.sort();
        let descending: Vec<_> = ascending.iter().rev().cloned().collect();
        for list in lists {
            let path = format!("/v1/check-ins{list}");
            let page = sam.get(&path).await.expect(200);
            let expected = if list.contains("asc") { &ascending } else { &descending };
            let limit = if list.contains("200") { 200 } else { 3 };
            let ids = |response: &Response| -> Vec<String> {
                response.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
            };
            let expected_ids: Vec<String> = expected.iter().map(|(_, id)| id.clone()).collect();
            assert_eq!(ids(&page), expected_ids[..limit.min(expected_ids.len())], "{list} after {n}");
            let next = page.body["next_cursor"].as_str();
            assert_eq!(next.is_some(), expected_ids.len() > limit, "{list} after {n}");
            if let Some(next) = next {
                let second = sam.get(&format!("{path}&cursor={next}")).await.expect(200);
                assert_eq!(
                    ids(&second),
                    expected_ids[limit..expected_ids.len().min(2 * limit)],
                    "{list} after {n}"
                );
            }
        }
    }
}
