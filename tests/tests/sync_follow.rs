//! Sync under load and under attack: who follows the cursor misses nothing, nobody meets another's records, and what is
//! too much or misshapen is answered as documented and loses nothing.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use mainstay_tests::{
    Client, TestApp, both_engines,
    ninety_days::random::Random,
    offline::{OfflineStore, OnConflict, canonical, quick_person, sync},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The writers of the person who is followed; as many write for other persons.
const WRITERS: u128 = 8;
/// The changes that each writer makes: 10 000 in all.
const CHANGES: usize = 625;
/// How many of a writer's changes go in one batch.
const BATCH: usize = 25;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 + n)
}

fn note(text: &str) -> Value {
    json!({ "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 }, "note": text })
}

fn upsert(n: u128, base: Option<i64>, text: &str) -> Value {
    json!({ "kind": "check-ins", "op": "upsert", "id": id(n), "base_version": base, "record": note(text) })
}

fn delete(n: u128, base: i64) -> Value {
    json!({ "kind": "check-ins", "op": "delete", "id": id(n), "base_version": base })
}

async fn push(client: &Client, changes: &[Value]) -> Vec<Value> {
    let body = json!({ "cursor": null, "changes": changes, "limit": 1 });
    let answer = client.post("/v1/sync", &body).await.expect(200);
    answer.body["results"].as_array().cloned().expect("results")
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().unwrap_or_default()).collect()
}

/// Everything that a person has, from the beginning.
async fn everything(client: &Client) -> OfflineStore {
    let mut store = OfflineStore::default();
    assert!(sync(client, &mut store, 500, &mut |_| OnConflict::KeepTheirs).await);
    store
}

fn in_full(store: &OfflineStore) -> Vec<String> {
    let known = store.known().iter();
    known
        .map(|(place, known)| {
            let record = known.record.as_ref().map(canonical);
            format!("{place:?} {} {} {record:?}", known.version, known.deleted)
        })
        .collect()
}

/// How a record stands: its version, and its note unless it is deleted.
type Stand = (i64, Option<String>);

/// Makes, edits and deletes records of its own, one at a time and in batches. Gives how each of them stands.
async fn write(client: Client, name: &str, number: u128) -> BTreeMap<Uuid, Stand> {
    let mut random = Random::new(u64::try_from(number).expect("a small number"));
    let mut stands: BTreeMap<u128, Stand> = BTreeMap::new();
    let (mut done, mut next) = (0, number * 1_000_000);
    while done < CHANGES {
        if random.chance(75) {
            next += 1;
            let mut body = note(&format!("{name} {done}"));
            body["id"] = json!(id(next));
            client.post("/v1/check-ins", &body).await.expect(201);
            stands.insert(next, (1, Some(format!("{name} {done}"))));
            done += 1;
            continue;
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH && done < CHANGES {
            let text = format!("{name} {done}");
            let live = stands.iter().filter(|(_, (_, note))| note.is_some());
            let live: Vec<u128> = live.map(|(n, _)| *n).collect();
            let any = (!live.is_empty()).then(|| random.pick(&live));
            match (any, random.number() % 10) {
                (Some(n), 0..4) => {
                    let version = stands[&n].0;
                    batch.push(upsert(n, Some(version), &text));
                    stands.insert(n, (version + 1, Some(text)));
                }
                (Some(n), 4) => {
                    let version = stands[&n].0;
                    batch.push(delete(n, version));
                    stands.insert(n, (version + 1, None));
                }
                _ => {
                    next += 1;
                    batch.push(upsert(next, None, &text));
                    stands.insert(next, (1, Some(text)));
                }
            }
            done += 1;
        }
        assert_eq!(statuses(&push(&client, &batch).await), vec!["applied"; batch.len()]);
    }
    stands.into_iter().map(|(n, stand)| (id(n), stand)).collect()
}

/// Follows the cursor until the writers have ended and nothing is left. Gives how each record was seen last.
async fn follow(client: Client, at_work: &AtomicUsize) -> (BTreeMap<Uuid, Stand>, OfflineStore, usize) {
    let (mut seen, mut store, mut pages) = (BTreeMap::<Uuid, Stand>::new(), OfflineStore::default(), 0);
    loop {
        // Asked before the pull: what was written before it is seen by it.
        let last = at_work.load(Ordering::SeqCst) == 0;
        let pull = store.push(0, 100);
        let answer = client.post("/v1/sync", &pull.body).await.expect(200).body;
        pages += 1;
        let changes = answer["changes"].as_array().expect("changes");
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
        let taken = store.take(&pull, &answer, &mut |_| OnConflict::KeepTheirs);
        if last && !taken.has_more {
            return (seen, store, pages);
        }
    }
}

both_engines!(
    a_reader_who_follows_the_cursor_misses_nothing_and_sees_nobody_else,
    pushing_and_pulling_ten_thousand_changes_takes_this_long,
    a_cursor_is_good_for_its_person_and_as_it_was_given_only,
    what_is_too_much_is_refused_as_a_whole_and_may_be_sent_in_parts,
    a_half_valid_batch_gives_a_result_for_each_change_and_loses_nothing,
    nobody_changes_what_is_another_persons,
);

async fn a_reader_who_follows_the_cursor_misses_nothing_and_sees_nobody_else(app: &TestApp) {
    let started = Instant::now();
    let sam = quick_person(app).await;
    let at_work = AtomicUsize::new(0);
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..WRITERS {
        let (of_sam, other) = (sam.clone(), quick_person(app).await);
        writers.spawn(async move { Some(write(of_sam, "sam", 1 + n).await) });
        // The same ids, but nobody's business.
        writers.spawn(async move {
            write(other, "other", 1 + n).await;
            None
        });
    }
    at_work.store(1, Ordering::SeqCst);
    let wait = async {
        let stands = writers.join_all().await;
        at_work.store(0, Ordering::SeqCst);
        stands.into_iter().flatten().flatten().collect::<BTreeMap<Uuid, Stand>>()
    };
    let (stands, (seen, store, pages)) = tokio::join!(wait, follow(sam.clone(), &at_work));
    // A record that came and went between two pulls is told of by its tombstone.
    assert_eq!(seen, stands);
    assert_eq!(in_full(&store), in_full(&everything(&sam).await));
    eprintln!(
        "{:?}: 10 000 changes, {} of them followed in {pages} pages, {:?}",
        app.database.engine,
        stands.values().map(|(version, _)| version).sum::<i64>(),
        started.elapsed()
    );
}

async fn pushing_and_pulling_ten_thousand_changes_takes_this_long(app: &TestApp) {
    let sam = quick_person(app).await;
    let batches: Vec<Vec<Value>> = (0..20)
        .map(|batch| {
            (0..500)
                .map(|n| upsert(batch * 500 + n, None, "a note of some length, as people write them"))
                .collect()
        })
        .collect();
    let started = Instant::now();
    for batch in &batches {
        assert_eq!(statuses(&push(&sam, batch).await), vec!["applied"; 500]);
    }
    let pushed = started.elapsed();
    let started = Instant::now();
    let (mut cursor, mut pulled) = (Value::Null, 0);
    loop {
        let page = sam.post("/v1/sync", &json!({ "cursor": cursor, "limit": 500 })).await.expect(200).body;
        pulled += page["changes"].as_array().map_or(0, Vec::len);
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(pulled, 10_000);
    eprintln!(
        "{:?}: pushing 10 000 in batches of 500: {pushed:?}; pulling them in pages of 500: {:?}",
        app.database.engine,
        started.elapsed()
    );
    let started = Instant::now();
    for batch in &batches[..5] {
        assert_eq!(statuses(&push(&sam, batch).await), vec!["replayed"; 500]);
    }
    eprintln!("{:?}: pushing 2 500 of them again: {:?}", app.database.engine, started.elapsed());
}

async fn a_cursor_is_good_for_its_person_and_as_it_was_given_only(app: &TestApp) {
    let (sam, kim) = (quick_person(app).await, quick_person(app).await);
    for person in [&sam, &kim] {
        push(person, &[upsert(1, None, "one"), upsert(2, None, "two")]).await;
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
    // The place of one with the seal of the other.
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
            .post("/v1/sync", &json!({ "cursor": cursor, "changes": [upsert(9, None, "not stored")] }))
            .await
            .expect(422);
        assert_eq!(refused.pointers(), ["/cursor"], "{cursor}");
    }
    kim.get(&format!("/v1/check-ins/{}", id(9))).await.expect(404);
    let page = kim.post("/v1/sync", &json!({ "cursor": kims })).await.expect(200);
    assert_eq!(page.body["changes"][0]["id"], json!(id(2)));
}

async fn what_is_too_much_is_refused_as_a_whole_and_may_be_sent_in_parts(app: &TestApp) {
    let sam = quick_person(app).await;
    let many: Vec<Value> = (0..501).map(|n| upsert(n, None, "x")).collect();
    let refused = sam.post("/v1/sync", &json!({ "cursor": null, "changes": many })).await.expect(422);
    assert_eq!(refused.pointers(), ["/changes"]);
    let long = "x".repeat(3_990);
    let heavy: Vec<Value> = (0..270).map(|n| upsert(n, None, &long)).collect();
    let body = json!({ "cursor": null, "changes": heavy });
    assert!(body.to_string().len() > 1024 * 1024);
    assert_eq!(sam.post("/v1/sync", &body).await.expect(413).problem(), "content-too-large");
    assert!(everything(&sam).await.known().is_empty());
    for part in [&many[..500], &many[500..]] {
        assert_eq!(statuses(&push(&sam, part).await), vec!["applied"; part.len()]);
    }
    assert_eq!(everything(&sam).await.known().len(), 501);
    // Pages of large records are short, and all of them come.
    let heavy: Vec<Value> = (0..250).map(|n| upsert(10_000 + n, None, &long)).collect();
    for _ in 0..2 {
        push(&sam, &heavy).await;
    }
    for wrong in [json!(0), json!(501), json!(-1), json!("5"), json!(1.5)] {
        assert_eq!(sam.post("/v1/sync", &json!({ "limit": wrong })).await.expect(422).pointers(), ["/limit"]);
    }
    assert_eq!(everything(&sam).await.known().len(), 751);
}

async fn a_half_valid_batch_gives_a_result_for_each_change_and_loses_nothing(app: &TestApp) {
    let sam = quick_person(app).await;
    let mut batch = Vec::new();
    let mut expected = Vec::new();
    for n in 0..60 {
        let (change, status) = match n % 6 {
            0 | 3 => (upsert(n, None, "fine"), "applied"),
            1 => {
                let kinds = ["journals", "check_ins", "Check-ins", "records", "check-ins/../goals"];
                let kind = kinds[usize::try_from(n).expect("small") % kinds.len()];
                (json!({ "kind": kind, "op": "upsert", "id": id(n), "record": note("lost?") }), "rejected")
            }
            2 => (
                json!({ "kind": "check-ins", "op": "upsert", "id": id(n), "record": { "kind": "momentary" } }),
                "rejected",
            ),
            4 => (upsert(n - 3, Some(1), "an edit of what is not there"), "rejected"),
            _ => (delete(n, 1), "rejected"),
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
    assert_eq!(everything(&sam).await.known().len(), 20);
    // Mended and sent again as a whole: what is done stays done.
    for change in &mut batch {
        change["kind"] = json!("check-ins");
        change["op"] = json!("upsert");
        change["base_version"] = Value::Null;
        change["record"] = note("fine");
    }
    let again = push(&sam, &batch).await;
    assert!(statuses(&again).iter().all(|status| ["applied", "replayed"].contains(status)), "{again:?}");
    let known = everything(&sam).await;
    assert_eq!(known.known().len(), 50);
    assert!(known.known().values().all(|known| known.version == 1));
}

async fn nobody_changes_what_is_another_persons(app: &TestApp) {
    let (sam, kim) = (quick_person(app).await, quick_person(app).await);
    let lapse = json!({ "kind": "use-events", "op": "upsert", "id": id(3), "record": { "substance": "alcohol", "occurred_at": "2026-03-01T12:00:00Z" } });
    push(&sam, &[upsert(1, None, "sam's"), upsert(2, None, "sam's too"), lapse]).await;
    let before = in_full(&everything(&sam).await);
    let of = |kind: &str, n: u128, op: &str| json!({ "kind": kind, "op": op, "id": id(n), "base_version": 1, "record": (op == "upsert").then(|| note("kim's")) });
    let results = push(&kim, &[
        upsert(1, Some(1), "kim's"), delete(2, 1), of("use-events", 3, "delete"), of("goals", 1, "delete"),
        json!({ "kind": "use-event-reviews", "op": "upsert", "id": id(3), "record": { "situation": "kim's" } }),
    ]).await;
    assert_eq!(statuses(&results), vec!["rejected"; 5]);
    for result in &results[..4] {
        assert_eq!(result["problem"]["type"], "/problems/not-found", "{result}");
    }
    assert!(!json!(results).to_string().contains("sam's"));
    assert!(everything(&kim).await.known().is_empty());
    assert_eq!(in_full(&everything(&sam).await), before);
    // The same id is free for someone else, and the two never meet.
    assert_eq!(
        statuses(
            &push(&kim, &[upsert(1, None, "kim's"), upsert(1, Some(1), "kim's second"), delete(1, 2)]).await
        ),
        vec!["applied"; 3]
    );
    assert_eq!(in_full(&everything(&sam).await), before);
    assert_eq!(sam.get(&format!("/v1/check-ins/{}", id(1))).await.body["note"], "sam's");
    assert!(sam.get(&format!("/v1/check-ins/{}/history", id(1))).await.items().is_empty());
    // Nor does one record of a person take another's place in a collection that it is not of.
    assert_eq!(
        statuses(&push(&sam, &[of("support-contacts", 1, "delete"), of("goals", 1, "upsert")]).await),
        vec!["rejected"; 2]
    );
    assert_eq!(in_full(&everything(&sam).await), before);
}
