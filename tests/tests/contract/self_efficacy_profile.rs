//! Self-efficacy profiles.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(all_eight_kinds_of_situations_are_rated);

async fn all_eight_kinds_of_situations_are_rated(app: &TestApp) {
    let sam = app.person().await;
    let complete = json!({ "occurred_at": "2026-03-01T20:00:00-05:00", "confidence": {
        "unpleasant_emotions": 45, "physical_discomfort": 70, "pleasant_emotions": 80, "testing_personal_control": 65,
        "urges_and_temptations": 0, "interpersonal_conflict": 55, "social_pressure": 40, "pleasant_times_with_others": 100,
    } });
    let stored = sam.post("/v1/self-efficacy-profiles", &complete).await.expect(201);
    assert_eq!(stored.body["confidence"], complete["confidence"]);
    let invalid = json!({ "occurred_at": "2026-03-01T20:00:00-05:00", "confidence": { "social_pressure": 101, "boredom": 5, "pleasant_emotions": null } });
    assert_eq!(
        sam.post("/v1/self-efficacy-profiles", &invalid).await.expect(422).pointers(),
        [
            "/confidence/boredom",
            "/confidence/interpersonal_conflict",
            "/confidence/physical_discomfort",
            "/confidence/pleasant_emotions",
            "/confidence/pleasant_times_with_others",
            "/confidence/social_pressure",
            "/confidence/testing_personal_control",
            "/confidence/unpleasant_emotions",
            "/confidence/urges_and_temptations",
        ]
    );
}
