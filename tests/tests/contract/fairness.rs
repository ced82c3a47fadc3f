//! One account that asks for much keeps nobody else waiting, and a craving waits for nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use mainstay_store::{PersonScope, Records, Store, StoreError, cache::response_cache::CachedBody};
use mainstay_tests::{
    Engine, Person, TestApp, both_engines,
    samples::{check_in, upsert},
};
use serde_json::{Value, json};

both_engines!(
    long_reads_of_one_person_leave_turns_to_others,
    what_a_person_asks_for_several_times_at_once_is_computed_once,
    a_push_that_goes_on_for_long_delays_pushes_of_its_person_only,
    a_craving_gets_help_while_others_have_taken_everything,
    what_nobody_waits_for_any_more_is_given_up,
    a_summary_is_served_while_six_others_ask_for_all_that_is_dear,
    pages_of_large_records_end_early_and_lose_none,
);

const SUMMARY: &str = "/v1/insights/summary";

/// A job that reads until this is dropped.
struct Held(#[expect(dead_code, reason = "it is held, not used")] Sender<()>);

/// The work of a job that ends when the sender is dropped, and says when it has begun.
fn until_dropped()
-> (impl FnOnce(&mut Records<'_>) -> Result<(), StoreError> + Send + 'static, Sender<()>, Receiver<()>) {
    let (open, gate) = channel::<()>();
    let (began, has_begun) = channel();
    let work = move |_records: &mut Records<'_>| {
        let _ = began.send(());
        let _ = gate.recv();
        Ok(())
    };
    (work, open, has_begun)
}

fn read_long(store: &Store, scope: &PersonScope) -> (Held, Receiver<()>) {
    let (work, open, has_begun) = until_dropped();
    let (store, scope) = (store.clone(), scope.clone());
    tokio::spawn(async move { store.read_long(&scope, work).await });
    (Held(open), has_begun)
}

async fn begun(has_begun: Receiver<()>) {
    tokio::task::spawn_blocking(move || has_begun.recv()).await.expect("no panic").expect("it began");
}

async fn long_reads_of_one_person_leave_turns_to_others(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let (store, scope) = (&app.state().store, app.scope(&sam).await);
    let (first, has_begun) = read_long(store, &scope);
    begun(has_begun).await;
    // Many more than there are turns for all.
    let _waiting: Vec<Held> = (0..32).map(|_| read_long(store, &scope).0).collect();
    for path in [SUMMARY, "/v1/insights/triggers", "/v1/reports/progress"] {
        kim.get(path).await.expect(200);
    }
    // What is short of the same person goes on too, and what is long is refused after its time.
    sam.get("/v1/check-ins").await.expect(200);
    let refused = sam.get(SUMMARY).await.expect(503);
    assert_eq!(refused.problem(), "unavailable");
    assert!(!refused.header("retry-after").is_empty());
    drop(first);
}

async fn what_a_person_asks_for_several_times_at_once_is_computed_once(app: &TestApp) {
    let sam = app.person().await;
    let (store, scope) = (&app.state().store, app.scope(&sam).await);
    let observed = store.revision(&scope).await.expect("a revision");
    let computed = Arc::new(AtomicUsize::new(0));
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, scope, now) = (store.clone(), scope.clone(), app.clock.micros());
        let computed = Arc::clone(&computed);
        let compute = move |_records: &mut Records<'_>| {
            computed.fetch_add(1, Ordering::SeqCst);
            Ok(Some(CachedBody::new(b"{}".to_vec())))
        };
        asked.spawn(async move { store.get_or_compute_long(&scope, "a test", observed, now, compute).await });
    }
    for body in asked.join_all().await {
        assert!(matches!(body, Ok(Some(body)) if body.bytes.as_ref() == b"{}"));
    }
    assert_eq!(computed.load(Ordering::SeqCst), 1);
}

fn one_change(n: u128) -> Value {
    json!({ "cursor": null, "changes": [upsert("check-ins", n, None, check_in("one"))] })
}

async fn a_push_that_goes_on_for_long_delays_pushes_of_its_person_only(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let account = app.scope(&sam).await.account();
    let turn = app.state().pushes.wait(account).await.expect("nobody pushes");
    let refused = sam.post("/v1/sync", &one_change(1)).await.expect(503);
    assert!(matches!(refused.header("retry-after").as_str(), "1" | "2" | "3"));
    kim.post("/v1/sync", &one_change(1)).await.expect(200);
    drop(turn);
    sam.post("/v1/sync", &one_change(1)).await.expect(200);
}

/// Holds all connections to a server that ordinary requests may take, a few for each of some people; and all turns of long
/// reads.
async fn take_everything(app: &TestApp, others: &[Person]) -> Vec<Held> {
    let mut held = Vec::new();
    for person in others {
        let (store, scope) = (app.state().store.clone(), app.scope(person).await);
        held.push(read_long(&store, &scope).0);
        let connections = if app.database.engine == Engine::Postgres { 8 } else { 0 };
        for _ in 0..connections {
            let (work, open, _) = until_dropped();
            let (store, scope) = (store.clone(), scope.clone());
            tokio::spawn(async move { store.read(&scope, work).await });
            held.push(Held(open));
        }
    }
    // Until all who can have begun.
    tokio::time::sleep(Duration::from_millis(200)).await;
    held
}

async fn a_craving_gets_help_while_others_have_taken_everything(app: &TestApp) {
    let sam = app.person().await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(app.person().await);
    }
    let craving =
        json!({ "occurred_at": app.clock.now().to_rfc3339(), "ratings": [{ "offset_s": 0, "value": 8 }] });
    // So that the session and the key of the person are known to the server.
    sam.get("/v1/me").await.expect(200);
    let held = take_everything(app, &others).await;
    let answer = sam.post("/v1/craving-events", &craving).await.expect(201);
    assert!(answer.body["support"]["helplines"].as_array().is_some_and(|lines| !lines.is_empty()));
    let id = answer.body["craving_event"]["id"].as_str().expect("an id");
    sam.get(&format!("/v1/craving-events/{id}/support")).await.expect(200);
    sam.get("/v1/support").await.expect(200);
    sam.get("/v1/helplines").await.expect(200);
    // They really have taken it all.
    sam.get(SUMMARY).await.expect(503);
    if app.database.engine == Engine::Postgres {
        sam.get(&format!("/v1/craving-events/{id}")).await.expect(503);
    }
    drop(held);
    sam.get(SUMMARY).await.expect(200);
}

async fn what_nobody_waits_for_any_more_is_given_up(app: &TestApp) {
    let sam = app.person().await;
    let scope = app.scope(&sam).await;
    let (tell, outcome) = channel();
    let (store, person) = (app.state().store.clone(), scope.clone());
    let reading = tokio::spawn(async move {
        let work = move |records: &mut Records<'_>| -> Result<(), StoreError> {
            loop {
                if let Err(error) = records.changes(0, 1) {
                    let _ = tell.send(matches!(error, StoreError::Busy));
                    return Err(error);
                }
            }
        };
        store.read_long(&person, work).await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!reading.is_finished());
    // As when the client closes its connection.
    reading.abort();
    let gave_up = tokio::task::spawn_blocking(move || outcome.recv()).await.expect("no panic");
    assert_eq!(gave_up, Ok(true));
    sam.get(SUMMARY).await.expect(200);
}

/// Stores a record of which everything is dear: medications that come due each hour since long ago, and many check-ins.
async fn make_dear(person: &Person) {
    let hours: Vec<String> = (0..24).map(|hour| hour.to_string()).collect();
    let medication = json!({
        "name": "x", "class": "other", "dose": "1 mg", "route": "oral", "covers_days": 1, "status": "active",
        "schedule": format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={}", hours.join(",")),
        "started_on": "1900-01-01",
    });
    let medications: Vec<Value> =
        (0..100).map(|n| upsert("medications", n, None, medication.clone())).collect();
    let check_ins: Vec<Value> =
        (1000..4000).map(|n| upsert("check-ins", n, None, check_in("one of many"))).collect();
    for changes in std::iter::once(&medications[..]).chain(check_ins.chunks(500)) {
        let push = json!({ "cursor": null, "limit": 1, "changes": changes });
        let pushed = person.post("/v1/sync", &push).await.expect(200);
        assert_eq!(pushed.body["results"][0]["status"], "applied", "{}", pushed.body["results"][0]);
    }
}

async fn a_summary_is_served_while_six_others_ask_for_all_that_is_dear(app: &TestApp) {
    let kim = app.person().await;
    let mut others = Vec::new();
    for _ in 0..6 {
        let other = app.person().await;
        make_dear(&other).await;
        others.push(other);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let mut asking = tokio::task::JoinSet::new();
    let paths = [SUMMARY, "/v1/insights/medication", "/v1/insights/cravings", "/v1/reports/progress"];
    for (n, (other, path)) in others.iter().flat_map(|other| paths.map(|path| (other, path))).enumerate() {
        let (other, is_over, now) = (other.clone(), Arc::clone(&is_over), app.clock.now());
        asking.spawn(async move {
            // Another moment each time, so that no response is cached.
            let mut back = i64::try_from(n).expect("a few") * 1000;
            let mut refused = 0;
            while !is_over.load(Ordering::Relaxed) {
                back += 1;
                let at = (now - chrono::TimeDelta::seconds(back)).format("%Y-%m-%dT%H:%M:%SZ");
                let response = other.get(&format!("{path}?window=all&as_of={at}")).await;
                assert!(matches!(response.status, 200 | 503), "{}", response.text);
                refused += usize::from(response.status == 503);
            }
            refused
        });
    }
    let mut longest = Duration::ZERO;
    for back in 0..12_i64 {
        let at = (app.clock.now() - chrono::TimeDelta::seconds(back)).format("%Y-%m-%dT%H:%M:%SZ");
        let began = Instant::now();
        kim.get(&format!("{SUMMARY}?as_of={at}")).await.expect(200);
        longest = longest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let refused: usize = asking.join_all().await.into_iter().sum();
    eprintln!("longest {longest:?}, {refused} refusals of the others");
    // It begins within a second; the rest is for machines that do much else.
    assert!(longest < Duration::from_millis(2500), "{longest:?}");
}

async fn pages_of_large_records_end_early_and_lose_none(app: &TestApp) {
    let sam = app.person().await;
    let strategy = |n: u32| json!({ "label": format!("walk {n}"), "category": "mindful_walking", "instructions": "along the river ".repeat(110) });
    let content = json!({ "strategies": (0..100).map(strategy).collect::<Vec<_>>() });
    let plan = json!({ "kind": "relapse_prevention", "title": "Staying well", "content": content });
    let mut ids = Vec::new();
    for _ in 0..15 {
        ids.push(sam.post("/v1/plans", &plan).await.expect(201).id());
    }
    let last = ids.last().cloned().expect("one");
    for version in 1..15 {
        sam.patch(&format!("/v1/plans/{last}"), version, &json!({ "title": format!("Version {version}") }))
            .await
            .expect(200);
    }
    let most = 3 * 1024 * 1024;
    let mut listed = Vec::new();
    let mut path = "/v1/plans?order=asc&limit=200".to_owned();
    loop {
        let page = sam.get(&path).await.expect(200);
        assert!(page.body.to_string().len() < most);
        listed.extend(page.items().iter().map(|plan| plan["id"].as_str().map(str::to_owned).expect("an id")));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/plans?order=asc&limit=200&cursor={next}");
    }
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids);
    let history = sam.get(&format!("/v1/plans/{last}/history?limit=200")).await.expect(200);
    assert!(history.body.to_string().len() < most && history.body["next_cursor"].is_string());
    let mut cursor = Value::Null;
    let mut pulled = 0;
    loop {
        let page = sam.post("/v1/sync", &json!({ "cursor": cursor, "limit": 500 })).await.expect(200);
        assert!(page.body.to_string().len() < most);
        pulled += page.body["changes"].as_array().map_or(0, Vec::len);
        cursor = page.body["cursor"].clone();
        if page.body["has_more"] == json!(false) {
            break;
        }
    }
    assert_eq!(pulled, ids.len());
}
