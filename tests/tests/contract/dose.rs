//! Doses: whether a medication was taken.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(a_dose_belongs_to_a_medication_of_the_same_person, every_wrong_member_is_named,);

async fn a_dose_belongs_to_a_medication_of_the_same_person(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let medication = json!({ "name": "Methadone", "class": "opioid_agonist", "route": "oral", "schedule": "FREQ=DAILY", "covers_days": 1, "started_on": "2026-03-02" });
    let medication = sam.post("/v1/medications", &medication).await.expect(201);
    let dose = json!({ "medication_id": medication.body["id"], "due_at": "2026-03-03T08:00:00Z", "occurred_at": "2026-03-03T08:05:00+01:00", "status": "taken" });
    let stored = sam.post("/v1/doses", &dose).await.expect(201);
    assert_eq!(
        (&stored.body["observed"], &stored.body["due_at"]),
        (&json!(false), &json!("2026-03-03T03:00:00.000-05:00"))
    );
    let refused = kim.post("/v1/doses", &dose).await.expect(422);
    assert_eq!(refused.faults(), [("/medication_id".to_owned(), "unknown-reference".to_owned())]);
    // A medication that was deleted leaves its doses as they were.
    sam.delete(&medication.header("location"), 1).await.expect(204);
    assert_eq!(sam.get("/v1/doses").await.items(), [stored.body]);
}

async fn every_wrong_member_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong =
        json!({ "medication_id": "one", "occurred_at": "today", "status": "forgotten", "observed": "yes" });
    assert_eq!(
        sam.post("/v1/doses", &wrong).await.expect(422).pointers(),
        ["/medication_id", "/observed", "/occurred_at", "/status"]
    );
    let future = json!({ "medication_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47", "occurred_at": "2199-01-01T00:00:00Z", "status": "taken" });
    assert_eq!(sam.post("/v1/doses", &future).await.expect(422).pointers(), ["/occurred_at"]);
}
