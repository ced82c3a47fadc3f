//! Canaries where people write.

use mainstay_tests::{Client, Person};
use serde_json::{Value, json};

use crate::canaries::{Canaries, Seen};

/// Writes canaries into every field that takes text, of the account and of every noun.
pub async fn plant(url: &str, c: &mut Canaries, seen: &mut Seen) -> Person {
    let (password, email) = (c.secret(), c.email());
    let registration = json!({
        "email": email, "password": password, "display_name": c.text(), "device_name": c.text(), "time_zone": "Asia/Jakarta",
    });
    let mut person = Person::register(url, registration).await;
    seen.good.push_str(&person.account.to_string());
    let login = json!({ "email": email, "password": password, "device_name": c.text() });
    let tokens = seen.good(Client::new(url).post("/v1/auth/login", &login).await)["tokens"].take();
    keep_tokens(c, &person.tokens);
    keep_tokens(c, &tokens);
    seen.good(person.get("/v1/auth/sessions").await);
    let me = json!({ "display_name": c.text(), "time_zone": "Asia/Jakarta", "country": "ID" });
    seen.good(person.put("/v1/me", 1, &me).await);
    let new_password = c.secret();
    let change = json!({ "current_password": password, "new_password": new_password });
    seen.good(person.post("/v1/auth/password/change", &change).await);
    person.tokens = tokens;

    let contact = json!({
        "name": c.text(), "relationship": "peer", "phone": c.phone(), "email": c.email(), "note": c.text(),
        "availability": [{ "days": [2], "from": "03:17", "to": "04:19" }], "time_zone": "Asia/Jakarta",
    });
    let contact = seen.good(person.post("/v1/support-contacts", &contact).await)["id"].take();
    let another = json!({ "name": c.text(), "relationship": "other", "phone": c.phone() });
    seen.good(person.post("/v1/support-contacts", &another).await);
    let goal = json!({
        "substance": "opioid_heroin", "kind": "taper", "label": c.text(), "note": c.text(), "started_on": "2024-12-30",
        "ended_on": c.date(), "taper": [{ "from": c.date(), "max_units_per_day": 3 }],
        "baseline": { "cost_minor_per_day": 987_654_321, "currency": "IDR" },
    });
    seen.good(person.post("/v1/goals", &goal).await);

    let first = plan(c, &contact);
    let stored = seen.good(person.post("/v1/plans", &first).await);
    let path = format!("/v1/plans/{}", stored["id"].as_str().expect("an id"));
    let second = plan(c, &contact);
    seen.good(person.put(&path, 1, &second).await);
    seen.good(person.post_nothing(&format!("{path}/activate")).await);
    seen.good(person.get("/v1/plans/active").await);
    seen.good(person.get(&format!("{path}/numbers/1?compare_to=2")).await);

    for kept in [true, false] {
        let check_in = json!({
            "kind": "evening", "occurred_at": c.moment(), "answers": { "craving": 7, "used": "prefer_not_to_say" },
            "note": c.text(), "tags": [c.text(), c.text(), c.text()],
        });
        let stored = seen.good(person.post("/v1/check-ins", &check_in).await);
        let path = format!("/v1/check-ins/{}", stored["id"].as_str().expect("an id"));
        seen.good(person.get(&path).await);
        let mut changed = stored.clone();
        changed["note"] = json!(c.text());
        seen.good(person.put(&path, 1, &changed).await);
        if !kept {
            seen.good(person.delete(&path, 2).await);
        }
        let craving = json!({
            "substance": "opioid_fentanyl", "occurred_at": c.moment(), "ended_at": c.moment(), "category": "urges_and_temptations",
            "ratings": [{ "offset_s": 0, "value": 8 }], "strategy_uses": [{ "label": c.text(), "before": 8, "after": 2 }],
            "note": c.text(), "outcome": "rode_it_out",
        });
        let stored = seen.good(person.post("/v1/craving-events", &craving).await);
        let event = json!({
            "substance": "kratom", "occurred_at": c.moment(), "ended_at": c.moment(), "unit": c.text(), "note": c.text(),
            "amount": 1.5, "self_label": "planned_use", "craving_event_id": stored["craving_event"]["id"],
        });
        let stored = seen.good(person.post("/v1/use-events", &event).await);
        let path = format!("/v1/use-events/{}", stored["use_event"]["id"].as_str().expect("an id"));
        let review = json!({
            "situation": c.text(), "vulnerabilities": c.text(), "thoughts": c.text(), "feelings": c.text(), "what_helped": c.text(),
            "what_to_change": c.text(), "proposed_items": [{ "section": "routines", "label": c.text(), "note": c.text() }],
        });
        let review = review.to_string().into_bytes();
        seen.good(person.send("PUT", &format!("{path}/review"), &[], Some(review)).await);
        seen.good(person.post_nothing(&format!("{path}/review/plan-draft")).await);
        if !kept {
            seen.good(person.delete(&path, 1).await);
        }
    }
    // With a key, the answer is kept to be given again.
    let noted = json!({ "kind": "momentary", "occurred_at": c.moment(), "answers": { "stress": 6 }, "note": c.text() });
    for (path, body) in [
        ("/v1/check-ins", noted),
        ("/v1/auth/login", json!({ "email": email, "password": new_password, "device_name": c.text() })),
    ] {
        let (key, body) = (c.secret(), body.to_string().into_bytes());
        let header = [("idempotency-key", key.as_str())];
        let first = seen.good(person.send("POST", path, &header, Some(body.clone())).await);
        keep_tokens(c, &first["tokens"]);
        let again = seen.good(person.send("POST", path, &header, Some(body)).await);
        keep_tokens(c, &again["tokens"]);
    }
    seen.good(person.get("/v1/auth/sessions").await);
    let change = json!({ "kind": "check-ins", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a99", "record": {
        "kind": "weekly", "occurred_at": c.moment(), "answers": { "mood": 4 }, "note": c.text(), "tags": [c.text()],
    } });
    let answer = seen.good(person.post("/v1/sync", &json!({ "cursor": null, "changes": [change] })).await);
    assert_eq!(answer["results"][0]["status"], "applied", "{answer}");
    plant_the_rest(&person, c, seen).await;
    for list in [
        "goals",
        "plans",
        "check-ins",
        "craving-events",
        "use-events",
        "support-contacts",
        "medications",
        "doses",
        "practice-sessions",
        "thought-records",
        "attendances",
        "self-efficacy-profiles",
        "commitments",
        "appointments",
        "referrals",
        "transitions",
        "journal",
    ] {
        seen.good(person.get(&format!("/v1/{list}")).await);
    }
    person
}

/// Medication, practice, care and the journal.
async fn plant_the_rest(person: &Person, c: &mut Canaries, seen: &mut Seen) {
    let medication = json!({
        "name": c.text(), "rxnorm": "7654321", "class": "alcohol_deterrent", "dose": c.text(), "route": c.text(),
        "schedule": "FREQ=DAILY;BYHOUR=5;BYMINUTE=47", "covers_days": 1, "started_on": "2024-12-30", "ended_on": c.date(),
    });
    let medication = seen.good(person.post("/v1/medications", &medication).await)["id"].take();
    let due = format!("/v1/medications/{}/due", medication.as_str().expect("an id"));
    seen.good(person.get(&due).await);
    let confidence = json!({
        "unpleasant_emotions": 41, "physical_discomfort": 42, "pleasant_emotions": 43, "testing_personal_control": 44,
        "urges_and_temptations": 45, "interpersonal_conflict": 46, "social_pressure": 47, "pleasant_times_with_others": 48,
    });
    let records = [
        (
            "doses",
            json!({ "medication_id": medication, "due_at": c.moment(), "occurred_at": c.moment(), "status": "late", "reason": c.text() }),
        ),
        (
            "practice-sessions",
            json!({ "occurred_at": c.moment(), "practice": "urge-body-map", "minutes": 7, "note": c.text() }),
        ),
        (
            "thought-records",
            json!({
                "occurred_at": c.moment(), "situation": c.text(), "thought": c.text(), "belief_before": 80, "distortions": ["emotional_reasoning"],
                "emotions": [{ "name": c.text(), "before": 8 }], "evidence_for": c.text(), "evidence_against": c.text(), "alternative": c.text(),
            }),
        ),
        (
            "attendances",
            json!({ "programme": c.text(), "mode": "online", "role": "serve", "occurred_at": c.moment() }),
        ),
        ("self-efficacy-profiles", json!({ "occurred_at": c.moment(), "confidence": confidence })),
        ("commitments", json!({ "text": c.text(), "on": "2025-12-30", "outcome": "not_kept" })),
        (
            "appointments",
            json!({ "kind": c.text(), "starts_at": c.moment(), "with": c.text(), "place": c.text() }),
        ),
        (
            "referrals",
            json!({ "kind": c.text(), "to": c.text(), "reason": c.text(), "status": "waitlisted", "next_step": c.text() }),
        ),
        (
            "transitions",
            json!({
                "from_level": c.text(), "to_level": c.text(), "discharged_on": "2024-12-30",
                "follow_ups": [{ "due_on": c.date(), "done_on": c.date() }], "status": "readmitted",
            }),
        ),
        ("journal", json!({ "occurred_at": c.moment(), "text": c.text(), "mood": 5 })),
    ];
    for (list, record) in records {
        seen.good(person.post(&format!("/v1/{list}"), &record).await);
    }
}

fn keep_tokens(c: &mut Canaries, tokens: &Value) {
    let tokens = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().map(str::to_owned));
    c.secret.extend(tokens.into_iter().flatten());
}

/// A plan with canaries in every section.
fn plan(c: &mut Canaries, contact: &Value) -> Value {
    json!({ "kind": "relapse_prevention", "title": c.text(), "review_on": c.date(), "content": {
        "reasons": [{ "text": c.text() }],
        "triggers": [{ "label": c.text(), "kind": "external", "note": c.text() }],
        "warning_signs": [{ "label": c.text(), "stage": "mental", "note": c.text() }],
        "strategies": [{ "label": c.text(), "category": "delay", "instructions": c.text() }],
        "situations": [{ "label": c.text(), "category": "social_pressure", "steps": [{ "text": c.text() }] }],
        "contact_ids": [contact],
        "lapse_response": [{ "text": c.text() }],
        "environment": [{ "text": c.text() }],
        "routines": [{ "text": c.text() }],
        "overdose_safety": { "naloxone_at_hand": true, "note": c.text() },
        "safety_steps": [{ "step": 1, "text": c.text() }],
    } })
}
