//! Sends requests that must be refused, with canaries in every part of them.

use mainstay_tests::Person;
use serde_json::{Value, json};

use crate::canaries::{Canaries, Responses};

/// Sends canaries where the server must refuse them, and collects the responses.
pub async fn provoke(person: &Person, canaries: &mut Canaries, responses: &mut Responses) {
    let bodies = [
        invalid_records(canaries),
        invalid_plans_and_events(canaries),
        invalid_account_requests(canaries, &person.email),
    ];
    for (path, body) in bodies.concat() {
        responses.add_problem(&format!("POST {path} {body}"), &person.post(path, &body).await);
    }
    provoke_in_urls(person, canaries, responses).await;
    provoke_in_headers(person, canaries, responses).await;
    provoke_in_sync(person, canaries, responses).await;
}

fn long(text: String) -> String {
    text.repeat(300)
}

fn invalid_records(canaries: &mut Canaries) -> Vec<(&'static str, Value)> {
    vec![
        (
            "/v1/check-ins",
            json!({
                "id": canaries.bad(), "kind": canaries.bad(), "occurred_at": canaries.bad(), "note": [canaries.bad()], "tags": canaries.bad(), "trigger_ids": [canaries.bad()],
                "answers": { "craving": canaries.bad(), "medication": canaries.bad(), (canaries.name()): canaries.bad() }, (canaries.name()): { "deep": canaries.bad() },
            }),
        ),
        (
            "/v1/check-ins",
            json!({ "kind": "momentary", "occurred_at": "2099-01-01T00:00:00Z", "answers": {}, "note": canaries.bad() }),
        ),
        (
            "/v1/check-ins",
            json!({ "kind": "momentary", "occurred_at": canaries.bad(), "answers": { "craving": 1 }, "note": long(canaries.bad()) }),
        ),
        ("/v1/check-ins", json!([canaries.bad()])),
        ("/v1/check-ins", json!(canaries.bad())),
        (
            "/v1/goals",
            json!({
                "substance": canaries.bad(), "kind": canaries.bad(), "status": canaries.bad(), "started_on": canaries.bad(), "label": long(canaries.bad()), "limits": canaries.bad(), "unit": canaries.bad(), "abv": canaries.bad(), "unit_label": long(canaries.bad()),
                "baseline": { "currency": canaries.bad(), "units_per_day": canaries.bad() }, "taper": [{ "from": canaries.bad() }], "note": { "x": canaries.bad() },
            }),
        ),
        (
            "/v1/goals",
            json!({ "substance": "opioid_heroin", "kind": "abstain", "started_on": "2025-01-01", "note": canaries.bad() }),
        ),
        (
            "/v1/support-contacts",
            json!({
                "name": "", "relationship": canaries.bad(), "phone": canaries.bad(), "email": canaries.bad(), "time_zone": canaries.bad(), "position": canaries.bad(),
                "availability": [{ "days": [canaries.bad()], "from": canaries.bad(), "to": canaries.bad() }], "notify_on": [canaries.bad()], "note": long(canaries.bad()),
            }),
        ),
        (
            "/v1/support-contacts",
            json!({ "name": canaries.bad(), "relationship": "peer", "note": canaries.bad(), "time_zone": canaries.bad() }),
        ),
        (
            "/v1/support-contacts",
            json!({ "name": canaries.bad(), "relationship": "peer", "phone": "+4930901820", "time_zone": canaries.bad() }),
        ),
    ]
}

fn invalid_plans_and_events(canaries: &mut Canaries) -> Vec<(&'static str, Value)> {
    let item = |canaries: &mut Canaries| json!([{ "id": canaries.bad(), "text": { "a": canaries.bad() }, (canaries.name()): canaries.bad() }]);
    vec![
        (
            "/v1/plans",
            json!({ "kind": canaries.bad(), "title": long(canaries.bad()), "content": {
            "reasons": item(canaries), "triggers": item(canaries), "strategies": item(canaries), "contact_ids": [canaries.bad()], "safety_steps": item(canaries),
            "overdose_safety": { "naloxone_at_hand": canaries.bad() }, (canaries.name()): canaries.bad(),
        } }),
        ),
        (
            "/v1/plans",
            json!({ "kind": "safety", "title": canaries.bad(), "content": {
            "strategies": [{ "label": canaries.bad(), "category": "delay", "practice": canaries.bad() }],
            "contact_ids": ["0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"],
        } }),
        ),
        (
            "/v1/craving-events",
            json!({
                "occurred_at": canaries.bad(), "ratings": [{ "offset_s": canaries.bad(), "value": canaries.bad() }], "outcome": canaries.bad(), "place": canaries.bad(),
                "strategy_uses": [{ "label": [canaries.bad()], "practice": canaries.bad(), (canaries.name()): 1 }],
            }),
        ),
        (
            "/v1/craving-events",
            json!({
                "occurred_at": "2025-01-01T00:00:00Z", "ratings": [], "strategy_uses": [{ "practice": canaries.bad(), "label": canaries.bad() }],
            }),
        ),
        (
            "/v1/use-events",
            json!({ "substance": canaries.bad(), "occurred_at": canaries.bad(), "unit": canaries.bad(), "abv": canaries.bad(), "unit_label": long(canaries.bad()), "feelings": canaries.bad(), "harm": canaries.bad() }),
        ),
        (
            "/v1/use-events",
            json!({
                "substance": "kratom", "occurred_at": "2025-01-01T00:00:00Z", "note": canaries.bad(), "trigger_ids": ["0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"],
            }),
        ),
    ]
}

fn invalid_account_requests(canaries: &mut Canaries, email: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "/v1/auth/login",
            json!({ "email": format!("{}@example.org", canaries.bad()), "password": canaries.bad() }),
        ),
        (
            "/v1/auth/login",
            json!({ "email": canaries.bad(), "password": [canaries.bad()], "totp": long(canaries.bad()), (canaries.name()): canaries.bad() }),
        ),
        (
            "/v1/auth/login",
            json!({ "email": email, "password": canaries.bad(), "device_name": canaries.bad() }),
        ),
        (
            "/v1/auth/register",
            json!({ "email": email, "password": canaries.bad(), "display_name": canaries.bad(), "time_zone": "UTC" }),
        ),
        (
            "/v1/auth/register",
            json!({
                "email": canaries.bad(), "password": long(canaries.bad()), "display_name": 7, "time_zone": canaries.bad(), "country": canaries.bad(), "locale": canaries.bad(),
            }),
        ),
        (
            "/v1/auth/register",
            json!({ "email": format!("{}@example.org", canaries.bad()), "password": canaries.bad(), "time_zone": canaries.bad() }),
        ),
        ("/v1/auth/refresh", json!({ "refresh_token": canaries.bad() })),
        (
            "/v1/auth/password/change",
            json!({ "current_password": canaries.bad(), "new_password": canaries.bad() }),
        ),
    ]
}

async fn provoke_in_urls(person: &Person, canaries: &mut Canaries, responses: &mut Responses) {
    let queries = [
        "check-ins?limit=",
        "check-ins?cursor=",
        "use-events?from=",
        "use-events?to=",
        "goals?order=",
        "plans/active?kind=",
        "support?category=",
    ];
    let mut requests: Vec<(&str, String)> =
        queries.iter().map(|query| ("GET", format!("/v1/{query}{}", canaries.bad()))).collect();
    requests.push(("GET", format!("/v1/check-ins?{}={}", canaries.name(), canaries.bad())));
    requests.push(("GET", format!("/v1/check-ins/{}", canaries.name())));
    requests.push(("PATCH", format!("/v1/{}/{}", canaries.name(), canaries.name())));
    for (method, path) in &requests {
        responses.add_problem(path, &person.send(method, path, &[], None).await);
    }
}

async fn provoke_in_headers(person: &Person, canaries: &mut Canaries, responses: &mut Responses) {
    let malformed = format!("{{\"note\": \"{}\", \"{}\": {}", canaries.bad(), canaries.bad(), canaries.bad());
    let (token, id) = (canaries.bad(), "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47");
    responses.add_problem("a bad token", &person.client.with_token(&token).get("/v1/me").await);
    for (name, value) in [
        ("content-type", format!("text/{}", canaries.bad())),
        ("content-type", "application/json".to_owned()),
        ("accept", format!("text/{}", canaries.bad())),
        ("if-match", canaries.bad()),
        ("idempotency-key", canaries.bad().repeat(20)),
        ("traceparent", canaries.bad()),
        ("user-agent", canaries.bad()),
        ("cookie", format!("session={}", canaries.bad())),
        ("x-forwarded-for", canaries.bad()),
    ] {
        let (headers, path) = ([(name, value.as_str())], format!("/v1/check-ins/{id}"));
        let response =
            person.send("POST", "/v1/check-ins", &headers, Some(malformed.clone().into_bytes())).await;
        responses.add_problem(name, &response);
        responses.add_problem(name, &person.send("DELETE", &path, &headers, None).await);
    }
}

/// Sends invalid changes, whose results have a problem each, and invalid sync requests.
async fn provoke_in_sync(person: &Person, canaries: &mut Canaries, responses: &mut Responses) {
    let id = |n: u8| format!("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2b{n:02}");
    let changes = json!([
        { "kind": "check-ins", "op": "upsert", "id": id(1), "record": {
            "kind": canaries.bad(), "occurred_at": canaries.bad(), "answers": { "craving": canaries.bad() }, (canaries.name()): canaries.bad(),
        } },
        { "kind": "goals", "op": "upsert", "id": id(2), "record": {
            "substance": "opioid_heroin", "kind": "abstain", "started_on": "2025-01-01", "note": canaries.bad(),
        } },
        { "kind": "plans", "op": "upsert", "id": id(3), "record": { "kind": "safety", "title": canaries.bad(), "content": canaries.bad() } },
        { "kind": "use-events", "op": "delete", "id": id(4), "base_version": 7 },
    ]);
    let response = person.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
    for (change, result) in
        changes.as_array().expect("changes").iter().zip(response.body["results"].as_array().expect("results"))
    {
        assert_ne!(result["status"], "applied", "{change}");
        responses.problems.push((format!("sync of {change}"), result["problem"].to_string()));
    }
    let request = json!({ "cursor": canaries.bad(), "changes": [{ "kind": canaries.bad(), "op": canaries.bad(), "id": canaries.bad() }], "limit": canaries.bad() });
    responses.add_problem("a bad sync", &person.post("/v1/sync", &request).await);
    let request = json!({ "cursor": canaries.bad(), "changes": [] });
    responses.add_problem("a bad cursor", &person.post("/v1/sync", &request).await);
}
