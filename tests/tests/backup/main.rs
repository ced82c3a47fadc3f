//! Backups of a running server, their verification and their restore, and the ledger of erasures.
#![cfg(unix)]

mod beside;
mod erasures;
mod faults;
mod kills;
mod parts;
mod passwords;
mod place;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mainstay_tests::{
    Person, both_engines,
    offline::{OfflineStore, OnConflict, sync},
    samples::{check_in_with_id, sample_id},
};
use serde_json::{Value, json};

use self::place::{Place, erase, login, register, signed_in};

both_engines!(
    a_backup_of_a_running_server_is_restored_elsewhere,
    a_backup_is_only_for_its_owner_and_needs_no_master_key,
    a_restore_by_other_means_is_declared,
);

/// People who write until they are told to stop. Each notes what was acknowledged.
struct Writers {
    acknowledged: Arc<Mutex<Vec<(usize, u128)>>>,
    stopped: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    fn start(people: &[Person]) -> Self {
        let (acknowledged, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let write = |(person, sam): (usize, &Person)| {
            let (sam, acknowledged, stopped) = (sam.clone(), Arc::clone(&acknowledged), Arc::clone(&stopped));
            tokio::spawn(async move {
                for n in 1.. {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    sam.post("/v1/check-ins", &check_in_with_id(n, "a note")).await.expect(201);
                    acknowledged.lock().expect("no panic").push((person, n));
                }
            })
        };
        let tasks = people.iter().enumerate().map(write).collect();
        Self { acknowledged, stopped, tasks }
    }

    fn acknowledged(&self) -> Vec<(usize, u128)> {
        self.acknowledged.lock().expect("no panic").clone()
    }

    async fn wait_for(&self, count: usize) -> Vec<(usize, u128)> {
        while self.acknowledged().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.acknowledged()
    }

    async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("every write was acknowledged");
        }
    }
}

async fn a_backup_of_a_running_server_is_restored_elsewhere(place: &Place) {
    let mut server = place.serve().await;
    let mut writing = Vec::new();
    for name in ["ada", "ben", "cem", "dee"] {
        writing.push(register(&server.url, name).await);
    }
    let (kim, lee) = (register(&server.url, "kim").await, register(&server.url, "lee").await);
    let cursor = pull(&writing[0].client, &Value::Null).await.expect(200).body["cursor"].clone();
    let writers = Writers::start(&writing);
    let before = writers.wait_for(200).await;
    let directory = place.path("backup").display().to_string();
    let mut backup = place.command(&["backup", "--out", &directory]);
    let backup = tokio::task::spawn_blocking(move || backup.output().expect("it ends"));
    // All of this goes on meanwhile.
    register(&server.url, "may").await;
    erase(&kim).await;
    login(&server.url, "ada").await.expect(200);
    let output = backup.await.expect("no panic");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    writers.wait_for(before.len() + 50).await;
    writers.stop().await;
    place.run(&["backup", "--verify", &directory]).succeeds();
    erase(&lee).await;
    assert!(server.terminate().success());

    let elsewhere = place.elsewhere();
    let ledger = place.path("erasures.jsonl").display().to_string();
    let restored = elsewhere.run(&["restore", &directory, "--erasures", &ledger]).succeeds();
    assert!(restored.contains("erasures:   2 known"), "{restored}");
    elsewhere.run(&["restore", &directory]).refuses(&["A restore overwrites nothing"]);

    let server = elsewhere.serve().await;
    for (person, name) in ["ada", "ben", "cem", "dee"].into_iter().enumerate() {
        let client = signed_in(&server.url, name).await;
        for (_, n) in before.iter().filter(|(of, _)| *of == person) {
            client.get(&format!("/v1/check-ins/{}", sample_id(*n))).await.expect(200);
        }
    }
    let ada = signed_in(&server.url, "ada").await;
    assert_eq!(pull(&ada, &cursor).await.expect(410).problem(), "cursor-expired");
    let everything = pull(&ada, &Value::Null).await.expect(200).body;
    assert!(everything["changes"].as_array().is_some_and(|all| all.len() > 20));
    // A stale edit fits nothing, and one with the present tag does.
    let path =
        format!("/v1/check-ins/{}", sample_id(before.iter().find(|(of, _)| *of == 0).expect("hers").1));
    let change = json!({ "note": "another note" }).to_string().into_bytes();
    let edit = async |tag: &str| {
        let headers = [("if-match", tag), ("content-type", "application/merge-patch+json")];
        ada.send("PATCH", &path, &headers, Some(change.clone())).await
    };
    edit("\"1\"").await.expect(412);
    let tag = ada.get(&path).await.expect(200).header("etag");
    edit(&tag).await.expect(200);
    // A device that knows nothing yet and one that follows agree.
    let (mut fresh, mut following) = (OfflineStore::default(), OfflineStore::default());
    for store in [&mut fresh, &mut following] {
        while !sync(&ada, store, 100, &mut |_| OnConflict::KeepServerVersion).await {}
    }
    ada.post("/v1/check-ins", &check_in_with_id(9_999_999, "after the restore")).await.expect(201);
    for store in [&mut fresh, &mut following] {
        while !sync(&ada, store, 7, &mut |_| OnConflict::KeepServerVersion).await {}
    }
    assert!(fresh.known() == following.known() && fresh.known().len() > 20);
    for name in ["kim", "lee"] {
        login(&server.url, name).await.expect(401);
        register(&server.url, name).await;
    }
    // The ledger of the new place has the erasures too.
    let listed = elsewhere.run(&["erasures", "list"]).succeeds();
    for person in [&kim, &lee] {
        assert!(listed.contains(person.account["id"].as_str().expect("an id")), "{listed}");
    }
}

async fn pull(client: &mainstay_tests::Client, cursor: &Value) -> mainstay_tests::Response {
    client.post("/v1/sync", &json!({ "cursor": cursor, "changes": [], "limit": 100 })).await
}

async fn a_backup_is_only_for_its_owner_and_needs_no_master_key(place: &Place) {
    let mut server = place.serve().await;
    register(&server.url, "sam").await;
    assert!(server.terminate().success());
    fs::rename(place.path("master.key"), place.path("master.key.away")).expect("it is moved");
    let directory = place.back_up("backup", &[]);
    let mode = |path: &str| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&directory).expect("a directory").flatten() {
        assert_eq!(mode(&file.path().display().to_string()), 0o600, "{file:?}");
        names.push(file.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let suffix = if place.settings().is_empty() { "db" } else { "dump" };
    let (keys, record) = (format!("keys.{suffix}"), format!("record.{suffix}"));
    assert_eq!(names, ["erasures.jsonl", &keys, "manifest.json", &record]);
    place.run(&["backup", "--verify", &directory]).succeeds();
    let mut after: Vec<_> = fs::read_dir(&directory).expect("a directory").flatten().collect();
    after.sort_by_key(fs::DirEntry::file_name);
    assert_eq!(after.len(), 4, "a verification leaves no files: {after:?}");
    // A second backup into the same directory would mix the two.
    place.run(&["backup", "--out", &directory]).refuses(&["is not empty"]);
    let manifest = fs::read_to_string(format!("{directory}/manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["parts"][0]["counts"]["accounts"], 1);
    assert_eq!(manifest["parts"][1]["counts"]["keys"], 2);
    assert_eq!(manifest["parts"][0]["installation_id"], manifest["parts"][1]["installation_id"]);
    // Without the master key nothing is restored.
    let elsewhere = Place::create(place.database.engine);
    elsewhere.run(&["restore", &directory]).refuses(&["master.key"]);
    assert!(elsewhere.is_empty());
}

async fn a_restore_by_other_means_is_declared(place: &Place) {
    place.run(&["restore", "--declare"]).refuses(&["master.key"]);
    let mut server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    place::store(&sam, 1..4).await;
    let cursor = pull(&sam.client, &Value::Null).await.expect(200).body["cursor"].clone();
    assert!(server.terminate().success());

    let declared = place.run(&["restore", "--declare", "--end-sessions"]).succeeds();
    assert!(declared.contains("raised for 1 people") && declared.contains("1 ended"), "{declared}");
    let again = place.run(&["restore", "--declare"]).succeeds();
    assert!(again.contains("0 ended"), "{again}");

    let server = place.serve().await;
    let client = mainstay_tests::Client::new(&server.url);
    let token = json!({ "refresh_token": sam.tokens["refresh_token"] });
    client.post("/v1/auth/refresh", &token).await.expect(401);
    let sam = signed_in(&server.url, "sam").await;
    assert_eq!(pull(&sam, &cursor).await.expect(410).problem(), "cursor-expired");
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items().len(), 3);
}
