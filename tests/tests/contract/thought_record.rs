//! Thought records.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(a_thought_record_may_be_finished_later, every_wrong_member_is_named,);

async fn a_thought_record_may_be_finished_later(app: &TestApp) {
    let sam = app.person().await;
    let begun = json!({ "situation": "A quarrel", "thought": "It is all over.", "belief_before": 90, "emotions": [{ "name": "anger", "before": 8 }] });
    let stored = sam.post("/v1/thought-records", &begun).await.expect(201);
    assert_eq!((&stored.body["distortions"], stored.body.get("belief_after")), (&json!([]), None));
    let mut done = stored.body.clone();
    done["distortions"] = json!(["all_or_nothing_thinking", "catastrophizing", "fortune_telling"]);
    done["alternative"] = json!("We have made up before.");
    done["belief_after"] = json!(30);
    done["emotions"][0]["after"] = json!(4);
    let changed = sam.put(&stored.header("location"), 1, &done).await.expect(200);
    assert_eq!(
        (&changed.body["belief_after"], &changed.body["occurred_at"]),
        (&json!(30), &stored.body["occurred_at"])
    );
}

async fn every_wrong_member_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = json!({
        "situation": "", "belief_before": 101, "emotions": [{ "name": "fear", "before": 11 }, { "before": 3 }],
        "distortions": ["stupidity"], "belief_after": -1,
    });
    assert_eq!(
        sam.post("/v1/thought-records", &wrong).await.expect(422).pointers(),
        [
            "/belief_after",
            "/belief_before",
            "/distortions/0",
            "/emotions/0/before",
            "/emotions/1/name",
            "/situation",
            "/thought"
        ]
    );
}
