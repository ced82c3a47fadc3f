//! Care transitions and their follow-ups.

use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

fn days(transition: &Value) -> Vec<&str> {
    let follow_ups = transition["follow_ups"].as_array().expect("follow-ups");
    follow_ups.iter().map(|f| f["due_on"].as_str().expect("a date")).collect()
}

both_engines!(
    the_server_creates_follow_ups_and_names_the_next_one,
    follow_ups_of_the_client_are_stored_and_checked,
);

async fn the_server_creates_follow_ups_and_names_the_next_one(app: &TestApp) {
    let sam = app.person().await;
    let transition = json!({ "id": "01950000-0000-7000-8000-000000000001", "from_level": "detox", "to_level": "residential", "discharged_on": "2026-02-20" });
    let stored = sam.post("/v1/transitions", &transition).await.expect(201);
    assert_eq!(days(&stored.body), ["2026-02-21", "2026-02-23", "2026-02-27", "2026-03-06", "2026-03-22"]);
    assert_eq!(
        (&stored.body["status"], &stored.body["next_follow_up_on"]),
        (&json!("planned"), &json!("2026-02-21"))
    );
    assert_eq!(sam.post("/v1/transitions", &transition).await.expect(200).body, stored.body);
    let path = stored.header("location");
    let mut body = stored.body.clone();
    body["status"] = json!("in_progress");
    body["follow_ups"][0]["done_on"] = json!("2026-02-22");
    let changed = sam.put(&path, 1, &body).await.expect(200);
    assert_eq!(changed.body["next_follow_up_on"], "2026-02-23");
    // A change without follow-ups keeps them. Another date of discharge creates them anew.
    let mut moved = transition.clone();
    moved["status"] = json!("stabilised");
    let unchanged = sam.put(&path, 2, &moved).await.expect(200);
    assert_eq!(unchanged.body["follow_ups"], changed.body["follow_ups"]);
    moved["discharged_on"] = json!("2026-02-21");
    let again = sam.put(&path, 3, &moved).await.expect(200);
    assert_eq!(
        (days(&again.body)[0], &again.body["next_follow_up_on"]),
        ("2026-02-22", &json!("2026-02-22"))
    );
    moved["status"] = json!("closed");
    let closed = sam.put(&path, 4, &moved).await.expect(200);
    assert_eq!(closed.body.get("next_follow_up_on"), None);
}

async fn follow_ups_of_the_client_are_stored_and_checked(app: &TestApp) {
    let sam = app.person().await;
    let with = |follow_ups: Value| json!({ "from_level": "ward", "to_level": "home", "discharged_on": "2026-02-20", "follow_ups": follow_ups });
    assert_eq!(sam.post("/v1/transitions", &with(json!([]))).await.expect(201).body["follow_ups"], json!([]));
    let own = sam.post("/v1/transitions", &with(json!([{ "due_on": "2026-02-25" }]))).await.expect(201);
    assert_eq!(days(&own.body), ["2026-02-25"]);
    let wrong = with(
        json!([{ "due_on": "2026-02-19" }, { "due_on": "2026-02-25", "done_on": "2199-01-01" }, { "due_on": "2026-02-25" }]),
    );
    assert_eq!(
        sam.post("/v1/transitions", &wrong).await.expect(422).pointers(),
        ["/follow_ups/0/due_on", "/follow_ups/1/done_on", "/follow_ups/2/due_on"]
    );
    let wrong = json!({ "from_level": "", "discharged_on": "soon", "follow_ups": [{ "done_on": 5 }], "status": "lost" });
    assert_eq!(
        sam.post("/v1/transitions", &wrong).await.expect(422).pointers(),
        [
            "/discharged_on",
            "/follow_ups/0/done_on",
            "/follow_ups/0/due_on",
            "/from_level",
            "/status",
            "/to_level"
        ]
    );
}
