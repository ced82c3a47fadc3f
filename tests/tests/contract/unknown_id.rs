//! Requests on a record that the caller does not have: 404, whatever else is wrong with them.

use mainstay_tests::{Client, Person, TestApp, both_engines, samples::check_in};
use serde_json::{Value, json};

both_engines!(
    a_record_that_is_not_there_is_told_of_before_everything_else,
    what_is_wrong_is_told_where_the_record_is_there,
    help_comes_with_a_record_that_is_not_there_too,
);

const UNKNOWN: &str = "01950000-0000-7000-8000-000000000001";

/// Bodies that no record has, and one that a check-in has.
fn bodies() -> Vec<Vec<u8>> {
    let other_id = json!({ "id": "01950000-0000-7000-8000-000000000002", "kind": "momentary", "occurred_at": "2026-03-01T12:00:00Z", "answers": { "craving": 3 } });
    [
        check_in("a note").to_string(),
        json!({ "note": 3, "nothing": true }).to_string(),
        json!({ "note": "a", "answers": { "craving": 99 } }).to_string(),
        other_id.to_string(),
        r#"{"note":"a","note":"b"}"#.to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        String::new(),
    ]
    .map(String::into_bytes)
    .into()
}

async fn change(
    person: &Person,
    method: &str,
    path: &str,
    tag: Option<&str>,
    body: Vec<u8>,
) -> mainstay_tests::Response {
    let content_type = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let mut headers = vec![("content-type", content_type)];
    headers.extend(tag.map(|tag| ("if-match", tag)));
    person.send(method, path, &headers, Some(body)).await
}

async fn a_record_that_is_not_there_is_told_of_before_everything_else(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let others = kim.post("/v1/check-ins", &check_in("one")).await.expect(201).id();
    let deleted = sam.post("/v1/check-ins", &check_in("two")).await.expect(201).id();
    sam.send("DELETE", &format!("/v1/check-ins/{deleted}"), &[("if-match", "*")], None).await.expect(204);
    for id in [UNKNOWN, &others, &deleted, "no-id"] {
        for (path, methods) in [
            (format!("/v1/check-ins/{id}"), ["PUT", "PATCH", "DELETE"].as_slice()),
            (format!("/v1/plans/{id}"), &["PUT", "PATCH", "DELETE"]),
            (format!("/v1/use-events/{id}"), &["PUT", "PATCH", "DELETE"]),
            (format!("/v1/use-events/{id}/review"), &["PUT", "PATCH"]),
            (format!("/v1/plans/{id}/activate"), &["POST"]),
        ] {
            for method in methods {
                for tag in [None, Some("*"), Some("\"7\""), Some("nonsense")] {
                    for body in bodies() {
                        let shown = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
                        let response = change(&sam, method, &path, tag, body).await;
                        assert_eq!(
                            (response.status, response.problem().as_str()),
                            (404, "not-found"),
                            "{method} {path} {tag:?} {shown} {}",
                            response.text
                        );
                    }
                }
            }
        }
    }
    let nonsense = format!("{{\"a\":[{}]}}", vec![r#"{"b":1}"#; 100_000].join(",")).into_bytes();
    for method in ["PUT", "PATCH", "DELETE"] {
        let path = format!("/v1/check-ins/{UNKNOWN}");
        let response = change(&sam, method, &path, None, nonsense.clone()).await.expect(404);
        assert!(response.text.len() < 1_000, "{}", response.text);
    }
    // What is told of the request without looking at the record comes before.
    let path = format!("/v1/check-ins/{UNKNOWN}");
    Client::new(&app.url).send("PUT", &path, &[], Some(b"{".to_vec())).await.expect(401);
    sam.send("PUT", &path, &[("content-type", "text/plain")], Some(b"{".to_vec())).await.expect(415);
    change(&sam, "PUT", &path, None, vec![b' '; 1024 * 1024 + 1]).await.expect(413);
    assert_eq!(kim.get(&format!("/v1/check-ins/{others}")).await.expect(200).body["version"], 1);
}

async fn what_is_wrong_is_told_where_the_record_is_there(app: &TestApp) {
    let sam = app.person().await;
    let id = sam.post("/v1/check-ins", &check_in("one")).await.expect(201).id();
    let path = format!("/v1/check-ins/{id}");
    let wrong: Value = json!({ "note": 3 });
    for (method, tag, body, status) in [
        ("PUT", Some("*"), "{", 400),
        ("PATCH", Some("*"), "{", 400),
        ("PUT", Some("*"), &wrong.to_string(), 422),
        ("PATCH", Some("*"), &wrong.to_string(), 422),
        ("PATCH", Some("*"), "[]", 422),
        ("PUT", None, &check_in("two").to_string(), 428),
        ("PATCH", None, "{\"note\":\"two\"}", 428),
        ("DELETE", None, "", 428),
        ("PUT", Some("\"7\""), &check_in("two").to_string(), 412),
        ("PATCH", Some("nonsense"), "{\"note\":\"two\"}", 412),
        ("DELETE", Some("\"7\""), "", 412),
    ] {
        let response = change(&sam, method, &path, tag, body.as_bytes().to_vec()).await;
        assert_eq!(response.status, status, "{method} {tag:?} {body} {}", response.text);
    }
    assert_eq!(sam.get(&path).await.expect(200).body["version"], 1);
}

async fn help_comes_with_a_record_that_is_not_there_too(app: &TestApp) {
    let sam = app.person().await;
    let path = format!("/v1/check-ins/{UNKNOWN}");
    let unsafe_ = json!({ "answers": { "feels_safe": "no" }, "nothing": 1 }).to_string().into_bytes();
    for method in ["PUT", "PATCH"] {
        let refused = change(&sam, method, &path, None, unsafe_.clone()).await.expect(404);
        assert!(refused.body["support"]["helplines"].as_array().is_some_and(|lines| !lines.is_empty()));
    }
}
