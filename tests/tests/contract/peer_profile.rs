//! Peer profiles: how someone who helps introduces themselves.

use mainstay_tests::{PASSWORD, TestApp, both_engines};
use serde_json::json;

both_engines!(
    a_profile_is_written_replaced_and_deleted,
    every_wrong_field_of_a_profile_is_named,
    an_erased_account_has_no_profile,
);

const PATH: &str = "/v1/me/peer-profile";

async fn a_profile_is_written_replaced_and_deleted(app: &TestApp) {
    let (robin, kim) = (app.person().await, app.person().await);
    robin.get(PATH).await.expect(404);
    let full = json!({
        "about": "I like long walks.", "languages": ["en", "de-AT"], "availability": "Evenings.",
        "lived_experience": "Sober since 2019.",
    });
    let body = full.to_string().into_bytes();
    let written = robin.send("PUT", PATH, &[], Some(body)).await.expect(200);
    assert_eq!(written.body, full);
    assert_eq!(robin.get(PATH).await.expect(200).body, full);
    kim.get(PATH).await.expect(404);
    let short = json!({ "about": "I listen." }).to_string().into_bytes();
    robin.send("PUT", PATH, &[], Some(short)).await.expect(200);
    assert_eq!(robin.get(PATH).await.body, json!({ "about": "I listen.", "languages": [] }));
    robin.send("DELETE", PATH, &[], None).await.expect(204);
    robin.send("DELETE", PATH, &[], None).await.expect(404);
    robin.get(PATH).await.expect(404);
}

async fn every_wrong_field_of_a_profile_is_named(app: &TestApp) {
    let robin = app.person().await;
    let wrong = json!({
        "about": "", "languages": ["not a language"], "availability": "a".repeat(501),
        "lived_experience": 3, "nothing": 1,
    });
    let refused = robin.send("PUT", PATH, &[], Some(wrong.to_string().into_bytes())).await.expect(422);
    assert_eq!(
        refused.pointers(),
        ["/about", "/availability", "/languages/0", "/lived_experience", "/nothing"]
    );
    robin.get(PATH).await.expect(404);
}

async fn an_erased_account_has_no_profile(app: &TestApp) {
    let robin = app.person().await;
    let body = json!({ "about": "I listen." }).to_string().into_bytes();
    robin.send("PUT", PATH, &[], Some(body)).await.expect(200);
    let account = robin.account["id"].as_str().expect("an id").parse().expect("an id");
    let store = &app.state().store;
    assert!(store.peer_profile(account).await.expect("the store works").is_some());
    let erasure = json!({ "password": PASSWORD }).to_string().into_bytes();
    robin.send("DELETE", "/v1/me", &[], Some(erasure)).await.expect(204);
    assert!(store.peer_profile(account).await.expect("the store works").is_none());
}
