//! Shared commitments: what supporters promise themselves, and let the person see.

use mainstay_domain::{account::Role, commitment::CommitmentOutcome};
use mainstay_store::StoreError;
use mainstay_tests::{Helper, PASSWORD, TestApp, both_engines};
use serde_json::json;

both_engines!(
    a_shared_commitment_is_seen_with_its_outcome,
    a_commitment_belongs_to_who_shared_it,
    an_erased_supporter_takes_their_commitments_along,
);

async fn a_shared_commitment_is_seen_with_its_outcome(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    let id = helper.share_commitment(&sam, "I go to bed before eleven.", "2026-03-02").await;
    let seen = sam.get("/v1/shared-commitments").await.expect(200).items();
    assert_eq!(
        (&seen[0]["text"], &seen[0]["on"], &seen[0]["by"]),
        (&json!("I go to bed before eleven."), &json!("2026-03-02"), &robin.account["id"])
    );
    assert!(seen[0].get("outcome").is_none());
    for (outcome, shown) in [(Some(CommitmentOutcome::NotKept), json!("not_kept")), (None, json!(null))] {
        let set = helper.write(&sam, move |writer, author| writer.set_outcome(author, (id, outcome))).await;
        assert_eq!(set.expect("it is set").outcome, outcome);
        assert_eq!(sam.get("/v1/shared-commitments").await.items()[0]["outcome"], shown);
    }
    helper
        .write(&sam, move |writer, author| writer.unshare_commitment(author, id))
        .await
        .expect("it is taken back");
    assert!(sam.get("/v1/shared-commitments").await.items().is_empty());
}

async fn a_commitment_belongs_to_who_shared_it(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    let id = helper.share_commitment(&sam, "I call my brother.", "2026-03-02").await;
    assert!(kim.get("/v1/shared-commitments").await.items().is_empty());
    let other = Helper::new(app, &kim, Role::Supporter).await;
    let kept = Some(CommitmentOutcome::Kept);
    let set = other.write(&sam, move |writer, author| writer.set_outcome(author, (id, kept))).await;
    assert!(matches!(set, Err(StoreError::NotFound)));
    let gone = other.write(&sam, move |writer, author| writer.unshare_commitment(author, id)).await;
    assert!(matches!(gone, Err(StoreError::NotFound)));
    // Each supporter has room for a hundred; the oldest of their own give way.
    for n in 0..100 {
        helper.share_commitment(&sam, &format!("Number {n}."), "2026-03-03").await;
    }
    other.share_commitment(&sam, "Of another.", "2026-03-03").await;
    let seen = sam.get("/v1/shared-commitments?limit=200").await.items();
    assert_eq!(seen.len(), 101);
    assert!(seen.iter().all(|one| one["text"] != "I call my brother."));
}

async fn an_erased_supporter_takes_their_commitments_along(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let helper = Helper::new(app, &robin, Role::Supporter).await;
    helper.share_commitment(&sam, "I go to bed before eleven.", "2026-03-02").await;
    helper.encourage(&sam, "These words stay yours.").await.expect("it is stored");
    let erasure = json!({ "password": PASSWORD }).to_string().into_bytes();
    robin.send("DELETE", "/v1/me", &[], Some(erasure)).await.expect(204);
    assert!(sam.get("/v1/shared-commitments").await.items().is_empty());
    let words = sam.get("/v1/encouragements").await.items();
    assert_eq!(words[0]["text"], "These words stay yours.");
    assert!(words[0].get("by").is_none());
}
