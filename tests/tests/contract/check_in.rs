//! Check-ins.

use mainstay_tests::on_both_databases;
use serde_json::json;

on_both_databases! {
    async fn a_check_in_is_stored_read_and_listed(app) {
        let sam = app.person().await;
        let stored = sam.post("/v1/check-ins", &json!({
            "kind": "evening", "occurred_at": "2026-03-01T23:30:00-05:00", "answers": { "craving": 3, "mood": null }, "tags": ["work"],
        })).await.expect(201);
        assert_eq!(stored.body["local_date"], "2026-03-01");
        assert_eq!(stored.body["occurred_at"], "2026-03-01T23:30:00-05:00");
        assert_eq!(stored.body["answers"], json!({ "craving": 3 }));
        assert_eq!(stored.header("etag"), "\"1\"");
        let path = stored.header("location");
        assert_eq!(sam.get(&path).await.expect(200).body, stored.body);
        let unchanged = sam.send("GET", &path, &[("if-none-match", "\"1\"")], None).await.expect(304);
        assert_eq!(unchanged.text, "");
        assert_eq!(sam.get("/v1/check-ins").await.expect(200).items(), [stored.body]);
    }
}
