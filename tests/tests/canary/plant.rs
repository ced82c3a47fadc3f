//! Writes canaries into every field that takes text.

use mainstay_tests::{Client, Person};
use serde_json::{Value, json};

use crate::canaries::{Canaries, Responses};

/// Writes canaries into every field that takes text, of the account and of every noun.
pub async fn plant(url: &str, canaries: &mut Canaries, responses: &mut Responses) -> Person {
    let (person, password) = plant_account(url, canaries, responses).await;
    let contact = plant_contacts_and_goal(&person, canaries, responses).await;
    plant_plan(&person, &contact, canaries, responses).await;
    for is_kept in [true, false] {
        plant_events(&person, is_kept, canaries, responses).await;
    }
    plant_stored_responses(&person, &password, canaries, responses).await;
    plant_the_rest(&person, canaries, responses).await;
    plant_sharing(&person, &password, canaries, responses).await;
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
        responses.add_success(person.get(&format!("/v1/{list}")).await);
    }
    person
}

/// Registers a person and changes profile and password. Returns the person and the password.
async fn plant_account(url: &str, canaries: &mut Canaries, responses: &mut Responses) -> (Person, String) {
    let (password, email) = (canaries.secret(), canaries.email());
    let registration = json!({
        "email": email, "password": password, "display_name": canaries.text(), "device_name": canaries.text(), "time_zone": "Asia/Jakarta",
        "invite_code": canaries.secret(),
    });
    let mut person = Person::register(url, registration).await;
    responses.successful.push_str(&person.account.to_string());
    let login = json!({ "email": email, "password": password, "device_name": canaries.text() });
    let tokens =
        responses.add_success(Client::new(url).post("/v1/auth/login", &login).await)["tokens"].take();
    keep_tokens(canaries, &person.tokens);
    keep_tokens(canaries, &tokens);
    responses.add_success(person.get("/v1/auth/sessions").await);
    responses.add_success(person.get("/v1/me/security-events").await);
    let me = json!({ "display_name": canaries.text(), "time_zone": "Asia/Jakarta", "country": "ID" });
    responses.add_success(person.put("/v1/me", 1, &me).await);
    let new_password = canaries.secret();
    let change = json!({ "current_password": password, "new_password": new_password });
    responses.add_success(person.post("/v1/auth/password/change", &change).await);
    person.tokens = tokens;
    (person, new_password)
}

/// Returns the id of a contact.
async fn plant_contacts_and_goal(
    person: &Person,
    canaries: &mut Canaries,
    responses: &mut Responses,
) -> Value {
    let contact = json!({
        "name": canaries.text(), "relationship": "peer", "phone": canaries.phone(), "email": canaries.email(), "note": canaries.text(),
        "availability": [{ "days": [2], "from": "03:17", "to": "04:19" }], "time_zone": "Asia/Jakarta",
    });
    let contact = responses.add_success(person.post("/v1/support-contacts", &contact).await)["id"].take();
    let another = json!({ "name": canaries.text(), "relationship": "other", "phone": canaries.phone() });
    responses.add_success(person.post("/v1/support-contacts", &another).await);
    let goal = json!({
        "substance": "opioid_heroin", "kind": "taper", "label": canaries.text(), "unit": "other", "unit_label": canaries.text(), "note": canaries.text(), "started_on": "2024-12-30",
        "ended_on": canaries.date(), "taper": [{ "from": canaries.date(), "max_units_per_day": 3 }],
        "baseline": { "cost_minor_per_day": 987_654_321, "currency": "IDR" },
    });
    responses.add_success(person.post("/v1/goals", &goal).await);
    contact
}

async fn plant_plan(person: &Person, contact: &Value, canaries: &mut Canaries, responses: &mut Responses) {
    let first = plan(canaries, contact);
    let stored = responses.add_success(person.post("/v1/plans", &first).await);
    let path = format!("/v1/plans/{}", stored["id"].as_str().expect("an id"));
    let second = plan(canaries, contact);
    responses.add_success(person.put(&path, 1, &second).await);
    responses.add_success(person.post_empty(&format!("{path}/activate")).await);
    responses.add_success(person.get("/v1/plans/active").await);
    responses.add_success(person.get(&format!("{path}/numbers/1?compare_to=2")).await);
}

/// A check-in, a craving and a lapse with its review. Deletes the check-in and the lapse unless they are kept.
async fn plant_events(person: &Person, is_kept: bool, canaries: &mut Canaries, responses: &mut Responses) {
    let check_in = json!({
        "kind": "evening", "occurred_at": canaries.moment(), "answers": { "craving": 7, "used": "prefer_not_to_say" },
        "note": canaries.text(), "tags": [canaries.text(), canaries.text(), canaries.text()],
    });
    let stored = responses.add_success(person.post("/v1/check-ins", &check_in).await);
    let path = format!("/v1/check-ins/{}", stored["id"].as_str().expect("an id"));
    responses.add_success(person.get(&path).await);
    let mut changed = stored.clone();
    changed["note"] = json!(canaries.text());
    responses.add_success(person.put(&path, 1, &changed).await);
    if !is_kept {
        responses.add_success(person.delete(&path, 2).await);
    }
    let craving = json!({
        "substance": "opioid_fentanyl", "occurred_at": canaries.moment(), "ended_at": canaries.moment(), "category": "urges_and_temptations",
        "ratings": [{ "offset_s": 0, "value": 8 }], "strategy_uses": [{ "label": canaries.text(), "before": 8, "after": 2 }],
        "note": canaries.text(), "outcome": "rode_it_out",
    });
    let stored = responses.add_success(person.post("/v1/craving-events", &craving).await);
    let event = json!({
        "substance": "kratom", "occurred_at": canaries.moment(), "ended_at": canaries.moment(), "unit": "other", "unit_label": canaries.text(), "note": canaries.text(),
        "amount": 1.5, "self_label": "planned_use", "craving_event_id": stored["craving_event"]["id"],
    });
    let stored = responses.add_success(person.post("/v1/use-events", &event).await);
    let path = format!("/v1/use-events/{}", stored["use_event"]["id"].as_str().expect("an id"));
    let review = json!({
        "situation": canaries.text(), "vulnerabilities": canaries.text(), "thoughts": canaries.text(), "feelings": canaries.text(), "what_helped": canaries.text(),
        "what_to_change": canaries.text(), "proposed_items": [{ "section": "routines", "label": canaries.text(), "note": canaries.text() }],
    });
    let review = review.to_string().into_bytes();
    responses.add_success(person.send("PUT", &format!("{path}/review"), &[], Some(review)).await);
    responses.add_success(person.post_empty(&format!("{path}/review/plan-draft")).await);
    if !is_kept {
        responses.add_success(person.delete(&path, 1).await);
    }
}

async fn plant_stored_responses(
    person: &Person,
    password: &str,
    canaries: &mut Canaries,
    responses: &mut Responses,
) {
    // With an `Idempotency-Key`, the server stores the response.
    let check_in = json!({ "kind": "momentary", "occurred_at": canaries.moment(), "answers": { "stress": 6 }, "note": canaries.text() });
    for (path, body) in [
        ("/v1/check-ins", check_in),
        (
            "/v1/auth/login",
            json!({ "email": person.email, "password": password, "device_name": canaries.text() }),
        ),
    ] {
        let (key, body) = (canaries.secret(), body.to_string().into_bytes());
        let header = [("idempotency-key", key.as_str())];
        let first = responses.add_success(person.send("POST", path, &header, Some(body.clone())).await);
        keep_tokens(canaries, &first["tokens"]);
        let again = responses.add_success(person.send("POST", path, &header, Some(body)).await);
        keep_tokens(canaries, &again["tokens"]);
    }
    responses.add_success(person.get("/v1/auth/sessions").await);
    let change = json!({ "kind": "check-ins", "op": "upsert", "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a99", "record": {
        "kind": "weekly", "occurred_at": canaries.moment(), "answers": { "mood": 4 }, "note": canaries.text(), "tags": [canaries.text()],
    } });
    let response =
        responses.add_success(person.post("/v1/sync", &json!({ "cursor": null, "changes": [change] })).await);
    assert_eq!(response["results"][0]["status"], "applied", "{response}");
}

/// Medication, practice, care and the journal.
async fn plant_the_rest(person: &Person, canaries: &mut Canaries, responses: &mut Responses) {
    let medication = json!({
        "name": canaries.text(), "rxnorm": "7654321", "class": "alcohol_deterrent", "dose": canaries.text(), "route": canaries.text(),
        "schedule": "FREQ=DAILY;BYHOUR=5;BYMINUTE=47", "covers_days": 1, "started_on": "2024-12-30", "ended_on": canaries.date(),
    });
    let medication = responses.add_success(person.post("/v1/medications", &medication).await)["id"].take();
    let due = format!("/v1/medications/{}/due", medication.as_str().expect("an id"));
    responses.add_success(person.get(&due).await);
    let confidence = json!({
        "unpleasant_emotions": 41, "physical_discomfort": 42, "pleasant_emotions": 43, "testing_personal_control": 44,
        "urges_and_temptations": 45, "interpersonal_conflict": 46, "social_pressure": 47, "pleasant_times_with_others": 48,
    });
    let records = [
        (
            "doses",
            json!({ "medication_id": medication, "due_at": canaries.moment(), "occurred_at": canaries.moment(), "status": "late", "reason": canaries.text() }),
        ),
        (
            "practice-sessions",
            json!({ "occurred_at": canaries.moment(), "practice": "urge-body-map", "minutes": 7, "note": canaries.text() }),
        ),
        (
            "thought-records",
            json!({
                "occurred_at": canaries.moment(), "situation": canaries.text(), "thought": canaries.text(), "belief_before": 80, "distortions": ["emotional_reasoning"],
                "emotions": [{ "name": canaries.text(), "before": 8 }], "evidence_for": canaries.text(), "evidence_against": canaries.text(), "alternative": canaries.text(),
            }),
        ),
        (
            "attendances",
            json!({ "programme": canaries.text(), "mode": "online", "role": "serve", "occurred_at": canaries.moment() }),
        ),
        ("self-efficacy-profiles", json!({ "occurred_at": canaries.moment(), "confidence": confidence })),
        ("commitments", json!({ "text": canaries.text(), "on": "2025-12-30", "outcome": "not_kept" })),
        (
            "appointments",
            json!({ "kind": canaries.text(), "starts_at": canaries.moment(), "with": canaries.text(), "place": canaries.text() }),
        ),
        (
            "referrals",
            json!({ "kind": canaries.text(), "to": canaries.text(), "reason": canaries.text(), "status": "waitlisted", "next_step": canaries.text() }),
        ),
        (
            "transitions",
            json!({
                "from_level": canaries.text(), "to_level": canaries.text(), "discharged_on": "2024-12-30",
                "follow_ups": [{ "due_on": canaries.date(), "done_on": canaries.date() }], "status": "readmitted",
            }),
        ),
        ("journal", json!({ "occurred_at": canaries.moment(), "text": canaries.text(), "mood": 5 })),
    ];
    for (list, record) in records {
        responses.add_success(person.post(&format!("/v1/{list}"), &record).await);
    }
}

/// What passes between a person and the people who help.
async fn plant_sharing(person: &Person, password: &str, canaries: &mut Canaries, responses: &mut Responses) {
    let helper_password = canaries.secret();
    let registration = json!({
        "email": canaries.email(), "password": helper_password, "time_zone": "America/Bogota", "display_name": canaries.text(),
    });
    let registered =
        responses.add_success(Client::new(&person.client.url).post("/v1/auth/register", &registration).await);
    keep_tokens(canaries, &registered["tokens"]);
    let helper = person.client.with_token(registered["tokens"]["access_token"].as_str().expect("a token"));
    let new = json!({ "role": "supporter", "relationship": "sponsor", "message": canaries.text() });
    let invited = responses.add_success(person.post("/v1/invitations", &new).await);
    let code = invited["code"].as_str().expect("a code").to_owned();
    canaries.secret.push(code.clone());
    let invitation = invited["id"].as_str().expect("an id");
    responses.add_success(helper.post("/v1/invitations/accept", &json!({ "code": code })).await);
    responses.add_success(person.post_empty(&format!("/v1/invitations/{invitation}/confirm")).await);
    let consent = json!({
        "type": "named_disclosure", "discloser": canaries.text(), "patient": canaries.text(), "description": canaries.text(),
        "recipients": [{ "invitation_id": invitation, "name": canaries.text() }], "data_classes": ["plans", "check_ins"],
        "purposes": ["recovery_support"], "expires_on_event": canaries.text(), "signer_relationship": "patient",
        "statements_accepted": ["right_to_revoke"],
    });
    let consent = responses.add_success(person.post("/v1/consents", &consent).await);
    let path = format!("/v1/consents/{}", consent["id"].as_str().expect("an id"));
    let signature = json!({ "name": canaries.text(), "password": password });
    responses.add_success(person.post(&format!("{path}/sign"), &signature).await);
    let restriction = json!({ "data_classes": ["cravings"], "reason": canaries.text() });
    responses.add_success(person.post("/v1/restrictions", &restriction).await);
    let account = responses.add_success(person.get("/v1/me").await)["id"].take();
    let shared = format!("/v1/shared/{}", account.as_str().expect("an id"));
    responses.add_success(helper.get(&format!("{shared}/check-ins")).await);
    let plan = responses.add_success(helper.get(&format!("{shared}/plans/active")).await);
    let plan = format!("{shared}/plans/{}/proposals", plan["id"].as_str().expect("an id"));
    let proposal = json!({
        "content": { "triggers": [{ "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a98", "label": canaries.text(), "kind": "external" }] },
        "note": canaries.text(),
    });
    responses.add_success(helper.post(&plan, &proposal).await);
    responses.add_success(
        helper.post(&format!("{shared}/encouragements"), &json!({ "text": canaries.text() })).await,
    );
    let commitment = json!({ "text": canaries.text(), "on": "2025-12-30" });
    responses.add_success(helper.post(&format!("{shared}/commitments"), &commitment).await);
    for list in
        ["encouragements", "shared-commitments", "access-log", "disclosures", "restrictions", "consents"]
    {
        responses.add_success(person.get(&format!("/v1/{list}")).await);
    }
    let reason = json!({ "reason": canaries.text() });
    responses.add_success(person.post(&format!("{path}/revoke"), &reason).await);
}

fn keep_tokens(canaries: &mut Canaries, tokens: &Value) {
    let tokens = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().map(str::to_owned));
    canaries.secret.extend(tokens.into_iter().flatten());
}

/// A plan with canaries in every section.
fn plan(canaries: &mut Canaries, contact: &Value) -> Value {
    json!({ "kind": "relapse_prevention", "title": canaries.text(), "review_on": canaries.date(), "content": {
        "reasons": [{ "text": canaries.text() }],
        "triggers": [{ "label": canaries.text(), "kind": "external", "note": canaries.text() }],
        "warning_signs": [{ "label": canaries.text(), "stage": "mental", "note": canaries.text() }],
        "strategies": [{ "label": canaries.text(), "category": "delay", "instructions": canaries.text() }],
        "situations": [{ "label": canaries.text(), "category": "social_pressure", "steps": [{ "text": canaries.text() }] }],
        "contact_ids": [contact],
        "lapse_response": [{ "text": canaries.text() }],
        "environment": [{ "text": canaries.text() }],
        "routines": [{ "text": canaries.text() }],
        "overdose_safety": { "naloxone_at_hand": true, "note": canaries.text() },
        "safety_steps": [{ "step": 1, "text": canaries.text() }],
    } })
}
