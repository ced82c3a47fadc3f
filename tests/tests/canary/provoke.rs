//! Canaries where they do not belong.

use mainstay_tests::Person;
use serde_json::json;

use crate::canaries::{Canaries, Seen};

/// Sends canaries where they do not belong, and keeps what the server says to that.
pub async fn provoke(person: &Person, c: &mut Canaries, seen: &mut Seen) {
    let long = |text: String| text.repeat(300);
    let item = |c: &mut Canaries| json!([{ "id": c.bad(), "text": { "a": c.bad() }, (c.name()): c.bad() }]);
    let refused = [
        (
            "/v1/check-ins",
            json!({
                "id": c.bad(), "kind": c.bad(), "occurred_at": c.bad(), "note": [c.bad()], "tags": c.bad(), "trigger_ids": [c.bad()],
                "answers": { "craving": c.bad(), "medication": c.bad(), (c.name()): c.bad() }, (c.name()): { "deep": c.bad() },
            }),
        ),
        (
            "/v1/check-ins",
            json!({ "kind": "momentary", "occurred_at": "2099-01-01T00:00:00Z", "answers": {}, "note": c.bad() }),
        ),
        (
            "/v1/check-ins",
            json!({ "kind": "momentary", "occurred_at": c.bad(), "answers": { "craving": 1 }, "note": long(c.bad()) }),
        ),
        ("/v1/check-ins", json!([c.bad()])),
        ("/v1/check-ins", json!(c.bad())),
        (
            "/v1/goals",
            json!({
                "substance": c.bad(), "kind": c.bad(), "status": c.bad(), "started_on": c.bad(), "label": long(c.bad()), "limits": c.bad(),
                "baseline": { "currency": c.bad(), "units_per_day": c.bad() }, "taper": [{ "from": c.bad() }], "note": { "x": c.bad() },
            }),
        ),
        (
            "/v1/goals",
            json!({ "substance": "opioid_heroin", "kind": "abstain", "started_on": "2025-01-01", "note": c.bad() }),
        ),
        (
            "/v1/support-contacts",
            json!({
                "name": "", "relationship": c.bad(), "phone": c.bad(), "email": c.bad(), "time_zone": c.bad(), "position": c.bad(),
                "availability": [{ "days": [c.bad()], "from": c.bad(), "to": c.bad() }], "notify_on": [c.bad()], "note": long(c.bad()),
            }),
        ),
        (
            "/v1/support-contacts",
            json!({ "name": c.bad(), "relationship": "peer", "note": c.bad(), "time_zone": c.bad() }),
        ),
        (
            "/v1/support-contacts",
            json!({ "name": c.bad(), "relationship": "peer", "phone": "+4930901820", "time_zone": c.bad() }),
        ),
        (
            "/v1/plans",
            json!({ "kind": c.bad(), "title": long(c.bad()), "content": {
            "reasons": item(c), "triggers": item(c), "strategies": item(c), "contact_ids": [c.bad()], "safety_steps": item(c),
            "overdose_safety": { "naloxone_at_hand": c.bad() }, (c.name()): c.bad(),
        } }),
        ),
        (
            "/v1/plans",
            json!({ "kind": "safety", "title": c.bad(), "content": {
            "strategies": [{ "label": c.bad(), "category": "delay", "practice": c.bad() }],
            "contact_ids": ["0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"],
        } }),
        ),
        (
            "/v1/craving-events",
            json!({
                "occurred_at": c.bad(), "ratings": [{ "offset_s": c.bad(), "value": c.bad() }], "outcome": c.bad(), "place": c.bad(),
                "strategy_uses": [{ "label": [c.bad()], "practice": c.bad(), (c.name()): 1 }],
            }),
        ),
        (
            "/v1/craving-events",
            json!({
                "occurred_at": "2025-01-01T00:00:00Z", "ratings": [], "strategy_uses": [{ "practice": c.bad(), "label": c.bad() }],
            }),
        ),
        (
            "/v1/use-events",
            json!({ "substance": c.bad(), "occurred_at": c.bad(), "unit": long(c.bad()), "feelings": c.bad(), "harm": c.bad() }),
        ),
        (
            "/v1/use-events",
            json!({
                "substance": "kratom", "occurred_at": "2025-01-01T00:00:00Z", "note": c.bad(), "trigger_ids": ["0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"],
            }),
        ),
        ("/v1/auth/login", json!({ "email": format!("{}@example.org", c.bad()), "password": c.bad() })),
        (
            "/v1/auth/login",
            json!({ "email": c.bad(), "password": [c.bad()], "totp": long(c.bad()), (c.name()): c.bad() }),
        ),
        ("/v1/auth/login", json!({ "email": person.email, "password": c.bad(), "device_name": c.bad() })),
        (
            "/v1/auth/register",
            json!({ "email": person.email, "password": c.bad(), "display_name": c.bad(), "time_zone": "UTC" }),
        ),
        (
            "/v1/auth/register",
            json!({
                "email": c.bad(), "password": long(c.bad()), "display_name": 7, "time_zone": c.bad(), "country": c.bad(), "locale": c.bad(),
            }),
        ),
        (
            "/v1/auth/register",
            json!({ "email": format!("{}@example.org", c.bad()), "password": c.bad(), "time_zone": c.bad() }),
        ),
        ("/v1/auth/refresh", json!({ "refresh_token": c.bad() })),
        ("/v1/auth/password/change", json!({ "current_password": c.bad(), "new_password": c.bad() })),
    ];
    for (path, body) in refused {
        seen.problem(&format!("POST {path} {body}"), &person.post(path, &body).await);
    }
    let malformed = format!("{{\"note\": \"{}\", \"{}\": {}", c.bad(), c.bad(), c.bad());
    let queries = [
        "check-ins?limit=",
        "check-ins?cursor=",
        "use-events?from=",
        "use-events?to=",
        "goals?order=",
        "plans/active?kind=",
        "support?category=",
    ];
    let mut asked: Vec<(&str, String)> =
        queries.iter().map(|query| ("GET", format!("/v1/{query}{}", c.bad()))).collect();
    asked.push(("GET", format!("/v1/check-ins?{}={}", c.name(), c.bad())));
    asked.push(("GET", format!("/v1/check-ins/{}", c.name())));
    asked.push(("PATCH", format!("/v1/{}/{}", c.name(), c.name())));
    for (method, path) in &asked {
        seen.problem(path, &person.send(method, path, &[], None).await);
    }
    let (token, id) = (c.bad(), "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47");
    seen.problem("a bad token", &person.with_token(&token).get("/v1/me").await);
    for (name, value) in [
        ("content-type", format!("text/{}", c.bad())),
        ("content-type", "application/json".to_owned()),
        ("accept", format!("text/{}", c.bad())),
        ("if-match", c.bad()),
        ("idempotency-key", c.bad().repeat(20)),
        ("traceparent", c.bad()),
        ("user-agent", c.bad()),
        ("cookie", format!("session={}", c.bad())),
        ("x-forwarded-for", c.bad()),
    ] {
        let (headers, path) = ([(name, value.as_str())], format!("/v1/check-ins/{id}"));
        let answer =
            person.send("POST", "/v1/check-ins", &headers, Some(malformed.clone().into_bytes())).await;
        seen.problem(name, &answer);
        seen.problem(name, &person.send("DELETE", &path, &headers, None).await);
    }
    in_sync(person, c, seen).await;
}

/// A change that is refused in the middle of a sync is answered with a problem of its own.
async fn in_sync(person: &Person, c: &mut Canaries, seen: &mut Seen) {
    let id = |n: u8| format!("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2b{n:02}");
    let changes = json!([
        { "kind": "check-ins", "op": "upsert", "id": id(1), "record": {
            "kind": c.bad(), "occurred_at": c.bad(), "answers": { "craving": c.bad() }, (c.name()): c.bad(),
        } },
        { "kind": "goals", "op": "upsert", "id": id(2), "record": {
            "substance": "opioid_heroin", "kind": "abstain", "started_on": "2025-01-01", "note": c.bad(),
        } },
        { "kind": "plans", "op": "upsert", "id": id(3), "record": { "kind": "safety", "title": c.bad(), "content": c.bad() } },
        { "kind": "use-events", "op": "delete", "id": id(4), "base_version": 7 },
    ]);
    let answer = person.post("/v1/sync", &json!({ "cursor": null, "changes": changes })).await.expect(200);
    for (change, result) in
        changes.as_array().expect("changes").iter().zip(answer.body["results"].as_array().expect("results"))
    {
        assert_ne!(result["status"], "applied", "{change}");
        seen.problems.push((format!("sync of {change}"), result["problem"].to_string()));
    }
    let request = json!({ "cursor": c.bad(), "changes": [{ "kind": c.bad(), "op": c.bad(), "id": c.bad() }], "limit": c.bad() });
    seen.problem("a bad sync", &person.post("/v1/sync", &request).await);
    let request = json!({ "cursor": c.bad(), "changes": [] });
    seen.problem("a bad cursor", &person.post("/v1/sync", &request).await);
}
