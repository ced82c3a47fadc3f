//! The ledger of erasures.

use std::fs;

use mainstay_tests::both_engines;

use super::place::{Place, erase, login, register};

both_engines!(
    an_erasure_is_replayed_beside_a_running_server,
    a_line_that_cannot_be_read_is_named_and_nothing_is_replayed,
    entries_that_are_missing_are_added_at_the_start,
);

async fn an_erasure_is_replayed_beside_a_running_server(place: &Place) {
    let server = place.serve().await;
    let (sam, kim) = (register(&server.url, "sam").await, register(&server.url, "kim").await);
    let file = place.path("more.jsonl");
    let id = sam.account["id"].as_str().expect("an id");
    fs::write(&file, format!("{{\"account_id\":\"{id}\",\"erased_at\":\"2026-11-01T00:00:00Z\"}}\n"))
        .expect("a file");
    let file = file.display().to_string();
    let first = place.run(&["erasures", "replay", &file]).succeeds();
    assert!(first.contains("1 accounts erased again"), "{first}");
    let second = place.run(&["erasures", "replay", &file]).succeeds();
    assert!(second.contains("0 accounts erased again"), "{second}");
    login(&server.url, "sam").await.expect(401);
    login(&server.url, "kim").await.expect(200);
    kim.get("/v1/me").await.expect(200);
    register(&server.url, "sam").await;
    assert!(place.run(&["erasures", "list"]).succeeds().contains(id));
}

async fn a_line_that_cannot_be_read_is_named_and_nothing_is_replayed(place: &Place) {
    let server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    let id = sam.account["id"].as_str().expect("an id");
    let good = format!("{{\"account_id\":\"{id}\",\"erased_at\":\"2026-11-01T00:00:00Z\"}}\n");
    let nil = good.replace(id, "00000000-0000-0000-0000-000000000000");
    for wrong in ["{\"account_id\":\"\"}\n", "nothing\n", nil.as_str()] {
        fs::write(place.path("more.jsonl"), format!("{good}{wrong}")).expect("a file");
        let file = place.path("more.jsonl").display().to_string();
        place.run(&["erasures", "replay", &file]).refuses(&["more.jsonl", "line 2"]);
    }
    login(&server.url, "sam").await.expect(200);
}

async fn entries_that_are_missing_are_added_at_the_start(place: &Place) {
    let mut server = place.serve().await;
    let (sam, kim) = (register(&server.url, "sam").await, register(&server.url, "kim").await);
    erase(&sam).await;
    erase(&kim).await;
    let ledger = place.path("erasures.jsonl");
    let whole = fs::read_to_string(&ledger).expect("a ledger");
    assert_eq!(whole.lines().count(), 2);
    assert!(server.terminate().success());
    // A loss of power in the middle of the second line.
    fs::write(&ledger, &whole[..whole.len() - 9]).expect("a file");
    let _server = place.serve().await;
    let listed = || fs::read_to_string(&ledger).expect("a ledger");
    while listed().lines().count() < 2 || !listed().ends_with('\n') {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(listed(), whole);
}
