//! Sync under load and under attack: a reader that follows the cursor misses nothing, people never see each other's
//! records, and requests that are too large or malformed are refused as documented and lose nothing.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use mainstay_tests::{
    Client, TestApp, both_engines,
    ninety_days::random::Random,
    offline::{OfflineStore, OnConflict, canonical, quick_person, sync},
    samples::{check_in, check_in_with_id, delete, sample_id, statuses, upsert},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The writers of the person whose changes are followed. As many others write for other people.
const WRITERS: u128 = 8;
/// The changes of each writer.
const CHANGES: usize = 625;
/// The most changes in a batch.
const BATCH: usize = 25;

fn upsert_note(n: u128, base: Option<i64>, note: &str) -> Value {
    upsert("check-ins", n, base, check_in(note))
}

fn delete_note(n: u128, base: i64) -> Value {
    delete("check-ins", n, base)
}

async fn push(client: &Client, changes: &[Value]) -> Vec<Value> {
    let body = json!({ "cursor": null, "changes": changes, "limit": 1 });
    let response = client.post("/v1/sync", &body).await.expect(200);
    response.body["results"].as_array().cloned().expect("results")
}

/// Pulls everything that a person has into a fresh store.
async fn pull_everything(client: &Client) -> OfflineStore {
    let mut store = OfflineStore::default();
    assert!(sync(client, &mut store, 500, &mut |_| OnConflict::KeepServerVersion).await);
    store
}

/// The contents of a store as text, for comparison.
fn snapshot(store: &OfflineStore) -> Vec<String> {
    let known = store.known().iter();
    known
        .map(|(key, known)| {
            let record = known.record.as_ref().map(canonical);
            format!("{key:?} {} {} {record:?}", known.version, known.deleted)
        })
        .collect()
}

/// The version of a record, and its note unless it is deleted.
type RecordState = (i64, Option<String>);

/// Creates, edits and deletes records, one at a time and in batches. Returns the final state of each of them.
async fn write(client: Client, name: &str, number: u128) -> BTreeMap<Uuid, RecordState> {
    let mut random = Random::new(u64::try_from(number).expect("a small number"));
    let mut states: BTreeMap<u128, RecordState> = BTreeMap::new();
    let (mut done, mut next) = (0, number * 1_000_000);
    while done < CHANGES {
        if random.chance(75) {
            next += 1;
            let body = check_in_with_id(next, &format!("{name} {done}"));
            client.post("/v1/check-ins", &body).await.expect(201);
            states.insert(next, (1, Some(format!("{name} {done}"))));
            done += 1;
            continue;
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH && done < CHANGES {
            let text = format!("{name} {done}");
            let live = states.iter().filter(|(_, (_, note))| note.is_some());
            let live: Vec<u128> = live.map(|(n, _)| *n).collect();
            let any = (!live.is_empty()).then(|| random.pick(&live));
            match (any, random.number() % 10) {
                (Some(n), 0..4) => {
                    let version = states[&n].0;
                    batch.push(upsert_note(n, Some(version), &text));
                    states.insert(n, (version + 1, Some(text)));
                }
                (Some(n), 4) => {
                    let version = states[&n].0;
                    batch.push(delete_note(n, version));
                    states.insert(n, (version + 1, None));
                }
                _ => {
                    next += 1;
                    batch.push(upsert_note(next, None, &text));
                    states.insert(next, (1, Some(text)));
                }
            }
            done += 1;
        }
        assert_eq!(statuses(&push(&client, &batch).await), vec!["applied"; batch.len()]);
    }
    states.into_iter().map(|(n, state)| (sample_id(n), state)).collect()
}

/// Follows the cursor until the writers have finished and nothing is left. Returns the last pulled state of each record.
async fn follow(client: Client, writing: &AtomicUsize) -> (BTreeMap<Uuid, RecordState>, OfflineStore) {
    let (mut seen, mut store) = (BTreeMap::<Uuid, RecordState>::new(), OfflineStore::default());
    loop {
        // Read before the pull, which returns everything that was written earlier.
        let is_last = writing.load(Ordering::SeqCst) == 0;
        let pull = store.push(0, 100);
        let response = client.post("/v1/sync", &pull.body).await.expect(200).body;
        let changes = response["changes"].as_array().expect("changes");
        assert!(changes.len() <= 100);
        for change in changes {
            let id = change["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            let version = change["version"].as_i64().expect("a version");
            let text = change["record"]["note"].as_str().map(str::to_owned);
            assert_eq!(change["deleted"] == true, text.is_none(), "{change}");
            if let Some((before, _)) = seen.insert(id, (version, text)) {
                assert!(before < version, "version {before}, then {change}");
            }
        }
        let outcome = store.apply_response(&pull, &response, &mut |_| OnConflict::KeepServerVersion);
        if is_last && !outcome.has_more {
            return (seen, store);
        }
    }
}

both_engines!(
    a_reader_who_follows_the_cursor_misses_nothing_and_sees_nobody_else,
    batches_and_pages_of_five_hundred_carry_every_change_once,
    a_cursor_is_valid_only_unaltered_and_only_for_its_person,
    a_push_that_is_too_large_is_refused_as_a_whole_and_may_be_sent_in_parts,
    a_half_valid_batch_gives_a_result_for_each_change_and_loses_nothing,
    nobody_changes_a_record_of_another_person,
);

async fn a_reader_who_follows_the_cursor_misses_nothing_and_sees_nobody_else(app: &TestApp) {
    let sam = quick_person(app).await;
    let writing = AtomicUsize::new(0);
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..WRITERS {
        let (of_sam, other) = (sam.clone(), quick_person(app).await);
        writers.spawn(async move { Some(write(of_sam, "sam", 1 + n).await) });
        // The same ids for another person, whose records nobody else may see.
        writers.spawn(async move {
            write(other, "other", 1 + n).await;
            None
        });
    }
    writing.store(1, Ordering::SeqCst);
    let wait = async {
        let states = writers.join_all().await;
        writing.store(0, Ordering::SeqCst);
        states.into_iter().flatten().flatten().collect::<BTreeMap<Uuid, RecordState>>()
    };
    let (states, (seen, store)) = tokio::join!(wait, follow(sam.clone(), &writing));
    // A record that was created and deleted between two pulls appears as a tombstone.
    assert_eq!(seen, states);
    assert_eq!(snapshot(&store), snapshot(&pull_everything(&sam).await));
}

async fn batches_and_pages_of_five_hundred_carry_every_change_once(app: &TestApp) {
    let sam = quick_person(app).await;
    let text = "a note of some length, as people write them";
    let batch =
        |batch: u128| -> Vec<Value> { (0..500).map(|n| upsert_note(batch * 500 + n, None, text)).collect() };
    for n in 0..4 {
        assert_eq!(statuses(&push(&sam, &batch(n)).await), vec!["applied"; 500]);
    }
    let (mut cursor, mut pulled) = (Value::Null, Vec::new());
    loop {
        let page = sam.post("/v1/sync", &json!({ "cursor": cursor, "limit": 500 })).await.expect(200).body;
        let changes = page["changes"].as_array().expect("changes");
        pulled.extend(changes.iter().map(|change| change["id"].clone()));
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(json!(pulled), json!((0..2_000).map(sample_id).collect::<Vec<_>>()));
    assert_eq!(statuses(&push(&sam, &batch(2)).await), vec!["replayed"; 500]);
}

async fn a_cursor_is_valid_only_unaltered_and_only_for_its_person(app: &TestApp) {
    let (sam, kim) = (quick_person(app).await, quick_person(app).await);
    for person in [&sam, &kim] {
        push(person, &[upsert_note(1, None, "one"), upsert_note(2, None, "two")]).await;
    }
    let cursor_of = async |person: &Client| {
        let pulled = person.post("/v1/sync", &json!({ "cursor": null, "limit": 1 })).await.expect(200);
        pulled.body["cursor"].as_str().expect("a cursor").to_owned()
    };
    let (sams, kims) = (cursor_of(&sam).await, cursor_of(&kim).await);
    let mut wrong: Vec<Value> = vec![
        json!(sams),
        json!(""),
        json!("A"),
        json!("null"),
        json!("ä"),
        json!("0"),
        json!("x".repeat(201)),
        json!("A".repeat(64)),
        json!("../.."),
        json!("\u{0}"),
        json!(7),
        json!({}),
        json!([kims]),
        json!(true),
    ];
    wrong.push(json!(format!("{kims} ")));
    wrong.push(json!(format!("{kims}=")));
    wrong.push(json!(format!("{kims}{kims}")));
    wrong.push(json!(kims[..kims.len() - 1]));
    // The key of one with the seal of the other.
    for cut in [11, 22, 32] {
        wrong.push(json!(format!("{}{}", &kims[..cut], &sams[cut..])));
        wrong.push(json!(format!("{}{}", &sams[..cut], &kims[cut..])));
    }
    for n in 0..kims.len() {
        let mut altered = kims.clone();
        let other = if &kims[n..=n] == "A" { "B" } else { "A" };
        altered.replace_range(n..=n, other);
        wrong.push(json!(altered));
    }
    for cursor in wrong.iter().filter(|cursor| **cursor != json!(kims)) {
        let refused = kim
            .post("/v1/sync", &json!({ "cursor": cursor, "changes": [upsert_note(9, None, "not stored")] }))
            .await
            .expect(422);
        assert_eq!(refused.pointers(), ["/cursor"], "{cursor}");
    }
    kim.get(&format!("/v1/check-ins/{}", sample_id(9))).await.expect(404);
    let page = kim.post("/v1/sync", &json!({ "cursor": kims })).await.expect(200);
    assert_eq!(page.body["changes"][0]["id"], json!(sample_id(2)));
}

async fn a_push_that_is_too_large_is_refused_as_a_whole_and_may_be_sent_in_parts(app: &TestApp) {
    let sam = quick_person(app).await;
    let many: Vec<Value> = (0..501).map(|n| upsert_note(n, None, "x")).collect();
    let refused = sam.post("/v1/sync", &json!({ "cursor": null, "changes": many })).await.expect(422);
    assert_eq!(refused.pointers(), ["/changes"]);
    let long = "x".repeat(3_990);
    let heavy: Vec<Value> = (0..270).map(|n| upsert_note(n, None, &long)).collect();
    let body = json!({ "cursor": null, "changes": heavy });
    assert!(body.to_string().len() > 1024 * 1024);
    assert_eq!(sam.post("/v1/sync", &body).await.expect(413).problem(), "content-too-large");
    assert!(pull_everything(&sam).await.known().is_empty());
    for part in [&many[..500], &many[500..]] {
        assert_eq!(statuses(&push(&sam, part).await), vec!["applied"; part.len()]);
    }
    assert_eq!(pull_everything(&sam).await.known().len(), 501);
    // Pages of large records have fewer of them, and no record is missing.
    let heavy: Vec<Value> = (0..250).map(|n| upsert_note(10_000 + n, None, &long)).collect();
    for _ in 0..2 {
        push(&sam, &heavy).await;
    }
    for wrong in [json!(0), json!(501), json!(-1), json!("5"), json!(1.5)] {
        assert_eq!(sam.post("/v1/sync", &json!({ "limit": wrong })).await.expect(422).pointers(), ["/limit"]);
    }
    assert_eq!(pull_everything(&sam).await.known().len(), 751);
}

async fn a_half_valid_batch_gives_a_result_for_each_change_and_loses_nothing(app: &TestApp) {
    let sam = quick_person(app).await;
    let mut batch = Vec::new();
    let mut expected = Vec::new();
    for n in 0..60 {
        let (change, status) = match n % 6 {
            0 | 3 => (upsert_note(n, None, "fine"), "applied"),
            1 => {
                let kinds = ["journals", "check_ins", "Check-ins", "records", "check-ins/../goals"];
                let kind = kinds[usize::try_from(n).expect("small") % kinds.len()];
                (
                    json!({ "kind": kind, "op": "upsert", "id": sample_id(n), "record": check_in("lost?") }),
                    "rejected",
                )
            }
            2 => (
                json!({ "kind": "check-ins", "op": "upsert", "id": sample_id(n), "record": { "kind": "momentary" } }),
                "rejected",
            ),
            4 => (upsert_note(n - 3, Some(1), "an edit of what is not there"), "rejected"),
            _ => (delete_note(n, 1), "rejected"),
        };
        batch.push(change);
        expected.push(status);
    }
    let results = push(&sam, &batch).await;
    assert_eq!(statuses(&results), expected);
    for (change, result) in batch.iter().zip(&results) {
        assert_eq!((&change["kind"], &change["id"]), (&result["kind"], &result["id"]));
        assert_eq!(result["status"] == "rejected", result.get("problem").is_some(), "{result}");
        let unknown = change["kind"] != "check-ins";
        assert_eq!(result["problem"]["type"] == "/problems/unknown-kind", unknown, "{result}");
    }
    assert_eq!(pull_everything(&sam).await.known().len(), 20);
    // Corrected and sent again as a whole: changes that were applied are not applied twice.
    for change in &mut batch {
        change["kind"] = json!("check-ins");
        change["op"] = json!("upsert");
        change["base_version"] = Value::Null;
        change["record"] = check_in("fine");
    }
    let again = push(&sam, &batch).await;
    assert!(statuses(&again).iter().all(|status| ["applied", "replayed"].contains(status)), "{again:?}");
    let known = pull_everything(&sam).await;
    assert_eq!(known.known().len(), 50);
    assert!(known.known().values().all(|known| known.version == 1));
}

async fn nobody_changes_a_record_of_another_person(app: &TestApp) {
    let (sam, kim) = (quick_person(app).await, quick_person(app).await);
    let lapse = json!({ "kind": "use-events", "op": "upsert", "id": sample_id(3), "record": { "substance": "alcohol", "occurred_at": "2026-03-01T12:00:00Z" } });
    push(&sam, &[upsert_note(1, None, "sam's"), upsert_note(2, None, "sam's too"), lapse]).await;
    let before = snapshot(&pull_everything(&sam).await);
    let of = |kind: &str, n: u128, op: &str| json!({ "kind": kind, "op": op, "id": sample_id(n), "base_version": 1, "record": (op == "upsert").then(|| check_in("kim's")) });
    let results = push(&kim, &[
        upsert_note(1, Some(1), "kim's"), delete_note(2, 1), of("use-events", 3, "delete"), of("goals", 1, "delete"),
        json!({ "kind": "use-event-reviews", "op": "upsert", "id": sample_id(3), "record": { "situation": "kim's" } }),
    ]).await;
    assert_eq!(statuses(&results), vec!["rejected"; 5]);
    for result in &results[..4] {
        assert_eq!(result["problem"]["type"], "/problems/not-found", "{result}");
    }
    assert!(!json!(results).to_string().contains("sam's"));
    assert!(pull_everything(&kim).await.known().is_empty());
    assert_eq!(snapshot(&pull_everything(&sam).await), before);
    // Another person can use the same id, and the two records are independent.
    assert_eq!(
        statuses(
            &push(
                &kim,
                &[upsert_note(1, None, "kim's"), upsert_note(1, Some(1), "kim's second"), delete_note(1, 2)]
            )
            .await
        ),
        vec!["applied"; 3]
    );
    assert_eq!(snapshot(&pull_everything(&sam).await), before);
    assert_eq!(sam.get(&format!("/v1/check-ins/{}", sample_id(1))).await.body["note"], "sam's");
    assert!(sam.get(&format!("/v1/check-ins/{}/history", sample_id(1))).await.items().is_empty());
    // A record cannot be deleted or replaced through another collection either.
    assert_eq!(
        statuses(&push(&sam, &[of("support-contacts", 1, "delete"), of("goals", 1, "upsert")]).await),
        vec!["rejected"; 2]
    );
    assert_eq!(snapshot(&pull_everything(&sam).await), before);
}
