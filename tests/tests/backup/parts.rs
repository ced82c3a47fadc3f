//! Parts that are kept apart, and a part beside one that stayed.

use std::fs;

use mainstay_tests::{Engine, both_engines};

use super::place::{Place, erase, login, register, signed_in, store};

both_engines!(
    parts_that_are_kept_apart_are_restored_together,
    a_lost_record_is_put_back_beside_its_key_store
);

async fn parts_that_are_kept_apart_are_restored_together(place: &Place) {
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..5).await;
    let record = place.back_up("record", &["--part", "record"]);
    register(&server.url, "kim").await;
    let keys = place.back_up("keys", &["--part", "keys"]);
    for directory in [&record, &keys] {
        place.run(&["backup", "--verify", directory]).succeeds();
    }
    let elsewhere = place.elsewhere();
    elsewhere.run(&["restore", &record, &record]).refuses(&["both directories"]);
    let report = elsewhere.run(&["restore", &keys, &record]).succeeds();
    assert!(report.contains("keys without an account: 1"), "{report}");
    let server = elsewhere.serve().await;
    let sam = signed_in(&server.url, "sam").await;
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items().len(), 4);
    register(&server.url, "kim").await;
}

async fn a_lost_record_is_put_back_beside_its_key_store(place: &Place) {
    let mut server = place.serve().await;
    let (sam, kim) = (register(&server.url, "sam").await, register(&server.url, "kim").await);
    store(&sam, 1..5).await;
    let directory = place.back_up("backup", &[]);
    erase(&kim).await;
    assert!(server.terminate().success());
    // Nothing is overwritten, and the message says how to keep the key store.
    place.run(&["restore", &directory]).refuses(&["A restore overwrites nothing", "--part"]);
    if place.settings().is_empty() {
        fs::remove_file(place.path("mainstay.db")).expect("it was there");
    } else {
        place.database.sql("drop schema public cascade; create schema public");
    }
    // Even without the file of the ledger: the key store knows.
    fs::remove_file(place.path("erasures.jsonl")).expect("it was there");
    let report = place.run(&["restore", &directory, "--part", "record"]).succeeds();
    assert!(report.contains("1 known, 1 accounts erased again"), "{report}");
    let server = place.serve().await;
    let sam = signed_in(&server.url, "sam").await;
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items().len(), 4);
    login(&server.url, "kim").await.expect(401);
}

#[tokio::test]
async fn the_key_store_may_be_a_file_beside_a_record_on_a_server() {
    let place = Place::with_key_file(Engine::Postgres);
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..5).await;
    let directory = place.back_up("backup", &[]);
    place.run(&["backup", "--verify", &directory]).succeeds();
    let other = Place::with_key_file(Engine::Postgres);
    fs::copy(place.path("master.key"), other.path("master.key")).expect("a copy");
    other.run(&["restore", &directory]).succeeds();
    other.run(&["restore", &directory]).refuses(&["is not empty"]);
    let server = other.serve().await;
    let sam = signed_in(&server.url, "sam").await;
    assert_eq!(sam.get("/v1/check-ins").await.expect(200).items().len(), 4);
    // A backup of one engine is not put back on the other.
    let file = Place::create(Engine::Sqlite);
    fs::copy(place.path("master.key"), file.path("master.key")).expect("a copy");
    file.run(&["restore", &directory]).refuses(&["is of a PostgreSQL database"]);
}

#[tokio::test]
async fn a_record_and_a_key_store_in_one_database_are_not_backed_up_apart() {
    let place = Place::with_keys_in_the_record();
    let server = place.serve().await;
    register(&server.url, "sam").await;
    let directory = place.path("backup").display().to_string();
    for part in [&["--part", "record"][..], &["--part", "keys"], &[]] {
        let arguments = [&["backup", "--out", &directory], part].concat();
        place.run(&arguments).refuses(&["are one database", "restore --declare"]);
    }
    drop(server);
    // It is put back by other means, and declared.
    place.run(&["restore", "--declare"]).succeeds();
    let server = place.serve().await;
    signed_in(&server.url, "sam").await;
}
