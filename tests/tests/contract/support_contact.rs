//! Support contacts.

use mainstay_tests::{TestApp, both_engines};
use serde_json::json;

both_engines!(a_contact_needs_a_way_to_be_reached, an_unknown_time_zone_is_named,);

async fn a_contact_needs_a_way_to_be_reached(app: &TestApp) {
    let sam = app.person().await;
    let none = sam
        .post("/v1/support-contacts", &json!({ "name": "Robin", "relationship": "sponsor" }))
        .await
        .expect(422);
    assert_eq!(none.pointers(), ["/phone"]);
    let wrong = sam.post("/v1/support-contacts", &json!({
        "name": "", "relationship": "boss", "phone": "030 12345", "email": "robin", "time_zone": "Mars/Base", "position": 0,
        "availability": [{ "days": [8], "from": "24:00", "to": "9" }],
    })).await.expect(422);
    assert_eq!(
        wrong.pointers(),
        [
            "/availability/0/days/0",
            "/availability/0/from",
            "/availability/0/to",
            "/email",
            "/name",
            "/phone",
            "/position",
            "/relationship",
            "/time_zone"
        ]
    );
    let mail = sam
        .post(
            "/v1/support-contacts",
            &json!({ "name": "Robin", "relationship": "friend", "email": "robin@example.org" }),
        )
        .await
        .expect(201);
    assert_eq!(
        (&mail.body["preferred_channel"], &mail.body["position"], &mail.body["status"]),
        (&json!("email"), &json!(50), &json!("listed"))
    );
}

async fn an_unknown_time_zone_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = sam.post("/v1/support-contacts", &json!({ "name": "Robin", "relationship": "friend", "phone": "+4930123456", "time_zone": "Mars/Base" })).await;
    assert_eq!(wrong.expect(422).pointers(), ["/time_zone"]);
}
