//! Pulling everything in pages, after tombstones were swept that lie behind the first of them.

use mainstay_tests::{TestApp, both_engines, samples::check_in_with_id};
use serde_json::{Value, json};

both_engines!(a_new_device_pulls_everything_in_pages_after_a_sweep);

async fn a_new_device_pulls_everything_in_pages_after_a_sweep(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..7 {
        sam.post("/v1/check-ins", &check_in_with_id(n, "x")).await.expect(201);
    }
    let path = sam.post("/v1/check-ins", &check_in_with_id(7, "x")).await.expect(201).header("location");
    let pull = async |cursor: &Value| sam.post("/v1/sync", &json!({ "cursor": cursor, "limit": 3 })).await;
    let early = pull(&Value::Null).await.expect(200).body["cursor"].clone();
    sam.delete(&path, 1).await.expect(204);
    // As if the tombstone were older than 180 days.
    let store = &app.state().store;
    assert_eq!(store.sweep_tombstones(app.clock.micros() + 1_000_000).await.expect("the sweep runs"), 1);
    // A device that began before may have the deleted record.
    assert_eq!(pull(&early).await.expect(410).problem(), "cursor-expired");
    let (mut cursor, mut pulled) = (Value::Null, 0);
    for page in 1.. {
        let response = pull(&cursor).await.expect(200).body;
        pulled += response["changes"].as_array().expect("changes").len();
        cursor = response["cursor"].clone();
        if response["has_more"] == false {
            assert_eq!(page, 3);
            break;
        }
    }
    assert_eq!(pulled, 7);
    // The next tombstone to be swept is one that this device needs, unless it has pulled it.
    let path = format!("/v1/check-ins/{}", mainstay_tests::samples::sample_id(0));
    sam.delete(&path, 1).await.expect(204);
    let after = pull(&cursor).await.expect(200).body["cursor"].clone();
    assert_eq!(store.sweep_tombstones(app.clock.micros() + 2_000_000).await.expect("the sweep runs"), 1);
    assert_eq!(pull(&cursor).await.expect(410).problem(), "cursor-expired");
    pull(&after).await.expect(200);
}
