//! What somebody else may see of a person's record.

use chrono::TimeDelta;
use mainstay_tests::{
    Person, Response, TestApp, both_engines,
    sharing::{as_helper, consent_for, give_consent, invite_as, share, sign},
};
use serde_json::{Value, json};

both_engines!(
    without_a_consent_nothing_is_there,
    a_consent_covers_its_classes_and_nothing_else,
    members_of_other_classes_are_hidden_and_tell_nothing,
    pages_of_a_shared_list_neither_repeat_nor_skip,
    a_revocation_an_end_and_a_restriction_work_from_the_next_request_on,
    insights_are_computed_over_what_is_covered,
    a_care_team_sees_what_is_new_since_its_last_look,
    the_report_has_the_parts_that_are_covered_and_the_notice,
    a_marked_use_event_and_a_deleted_check_in_are_gone_for_others_too,
    every_answer_is_accounted_for_once,
    a_helper_who_is_invited_again_needs_another_signature,
    a_restore_lets_nobody_in_until_the_person_signs_again,
    the_same_refusal_is_in_the_log_once_a_minute,
);

const PATHS: [&str; 14] = [
    "check-ins",
    "craving-events",
    "use-events",
    "goals",
    "plans/active",
    "medications",
    "doses",
    "appointments",
    "referrals",
    "transitions",
    "support-contacts",
    "questionnaire-responses",
    "practice-sessions",
    "summary",
];
const INSIGHTS: [&str; 10] = [
    "abstinence",
    "milestones",
    "series?metric=craving",
    "cravings",
    "triggers",
    "strategies",
    "self-efficacy",
    "medication",
    "warnings",
    "summary",
];

/// Everything that can be asked for of somebody else's record.
fn everything(person: &str) -> Vec<String> {
    let records = PATHS.iter().map(|path| format!("/v1/shared/{person}/{path}"));
    let insights = INSIGHTS.iter().map(|path| format!("/v1/shared/{person}/insights/{path}"));
    records.chain(insights).chain([format!("/v1/shared/{person}/reports/progress")]).collect()
}

/// A problem without the id of its request and its path.
fn bare(response: &Response) -> Value {
    let mut body = response.body.clone();
    let members = body.as_object_mut().expect("a problem");
    members.remove("request_id");
    members.remove("instance");
    body
}

/// Stores a small record: a goal, a check-in with answers of several classes, a craving, a use event and a journal entry.
async fn record_of(sam: &Person) -> (String, String) {
    let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-02-01" });
    sam.post("/v1/goals", &goal).await.expect(201);
    let check_in = json!({
        "kind": "evening", "occurred_at": "2026-02-27T21:30:00-05:00",
        "answers": { "craving": 4, "mood": 6, "used": "no", "mental": 7, "feels_safe": "yes", "medication": "all" },
        "note": "a private word", "tags": ["work"],
    });
    let check_in = sam.post("/v1/check-ins", &check_in).await.expect(201);
    let craving = json!({
        "occurred_at": "2026-02-26T18:00:00-05:00", "substance": "alcohol",
        "ratings": [{ "offset_s": 0, "value": 7 }], "outcome": "rode_it_out", "note": "another private word",
    });
    sam.post("/v1/craving-events", &craving).await.expect(201);
    let lapse = json!({ "substance": "alcohol", "occurred_at": "2026-02-10T20:00:00-05:00", "harm": "none" });
    let lapse = sam.post("/v1/use-events", &lapse).await.expect(201);
    sam.post("/v1/journal", &json!({ "occurred_at": "2026-02-27T22:00:00-05:00", "text": "mine alone" }))
        .await
        .expect(201);
    (check_in.id(), lapse.body["use_event"]["id"].as_str().expect("an id").to_owned())
}

fn id_of(person: &Person) -> String {
    person.account["id"].as_str().expect("an id").to_owned()
}

async fn without_a_consent_nothing_is_there(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    record_of(&sam).await;
    let unknown = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2aff";
    let nobody = robin.get(&format!("/v1/shared/{unknown}/check-ins")).await.expect(404);
    for person in [id_of(&sam), unknown.to_owned(), id_of(&robin)] {
        for path in everything(&person) {
            let refused = robin.get(&path).await.expect(404);
            assert_eq!(bare(&refused), bare(&nobody), "{path}");
            assert_eq!(refused.header("x-part2-notice"), "", "{path}");
        }
        robin.get(&format!("/v1/shared/{person}")).await.expect(404);
    }
    assert_eq!(robin.get("/v1/shared").await.expect(200).items(), Vec::<Value>::new());
    // A clinician has no more right than others.
    let kim = as_helper(app, "clinician").await;
    for path in everything(&id_of(&sam)) {
        assert_eq!(bare(&kim.get(&path).await.expect(404)), bare(&nobody), "{path}");
    }
    // The person's own record is not reached this way either.
    sam.get(&format!("/v1/shared/{}/check-ins", id_of(&sam))).await.expect(404);
}

async fn a_consent_covers_its_classes_and_nothing_else(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    record_of(&sam).await;
    let consent = share(&sam, &robin, "supporter", &["abstinence", "warnings"]).await;
    let base = format!("/v1/shared/{}", id_of(&sam));
    let allowed = [
        "insights/abstinence",
        "insights/milestones",
        "insights/warnings",
        "insights/summary",
        "reports/progress",
        "summary",
    ];
    for path in everything(&id_of(&sam)) {
        let is_allowed = allowed.iter().any(|allowed| path == format!("{base}/{allowed}"));
        let response = robin.get(&path).await.expect(if is_allowed { 200 } else { 404 });
        if is_allowed {
            assert!(response.header("x-part2-notice").contains("42 CFR"), "{path}");
            assert!(response.header("link").contains("rel=\"part2-notice\""), "{path}");
            assert_eq!(response.header("cache-control"), "private, no-store", "{path}");
        }
        if is_allowed && !path.ends_with("progress") {
            assert_eq!(response.body["disclosure"]["consent_id"], json!(consent), "{path}");
            assert_eq!(response.body["disclosure"]["consent_scope_url"], json!(base), "{path}");
        }
    }
    let shared = robin.get("/v1/shared").await.expect(200).items();
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0]["person_id"], json!(id_of(&sam)));
    assert_eq!(shared[0]["data_classes"], json!(["abstinence", "warnings"]));
    assert_eq!(shared[0]["consent_id"], json!(consent));
    assert_eq!(robin.get(&base).await.expect(200).items(), shared);
    let text = robin.get("/v1/shared").await.text;
    assert!(!text.contains(&sam.email), "{text}");
    // Nothing can be written there.
    let written = robin.post(&format!("{base}/check-ins"), &json!({})).await;
    assert_eq!(written.status, 405, "{}", written.text);
    // Another supporter gains nothing by it.
    let alex = as_helper(app, "supporter").await;
    alex.get(&format!("{base}/insights/abstinence")).await.expect(404);
    let notice = app.client().get("/part2-notice").await.expect(200);
    assert!(notice.text.contains("42 CFR"), "{}", notice.text);
}

async fn members_of_other_classes_are_hidden_and_tell_nothing(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    let (check_in, _) = record_of(&sam).await;
    share(&sam, &robin, "supporter", &["check_ins"]).await;
    let path = format!("/v1/shared/{}/check-ins", id_of(&sam));
    let shown = robin.get(&format!("{path}/{check_in}")).await.expect(200);
    assert_eq!(shown.body["answers"], json!({ "mood": 6, "mental": 7 }));
    for hidden in ["note", "tags", "support"] {
        assert_eq!(shown.body.get(hidden).filter(|tags| **tags != json!([])), None, "{}", shown.text);
    }
    assert!(!shown.text.contains("private") && !shown.text.contains("work"), "{}", shown.text);
    assert_eq!(shown.body["version"], 1);
    assert_eq!(shown.header("etag"), "");
    let list = robin.get(&path).await.expect(200);
    // A change of what is hidden changes no byte of what is shown.
    let change = json!({ "note": "yet another", "answers": { "craving": 9, "used": "yes", "feels_safe": null }, "tags": [] });
    sam.patch(&format!("/v1/check-ins/{check_in}"), 1, &change).await.expect(200);
    assert_eq!(robin.get(&format!("{path}/{check_in}")).await.expect(200).text, shown.text);
    assert_eq!(robin.get(&path).await.expect(200).text, list.text);
    // A change of what is shown is seen.
    sam.patch(&format!("/v1/check-ins/{check_in}"), 2, &json!({ "answers": { "mood": 3 } }))
        .await
        .expect(200);
    assert_eq!(robin.get(&path).await.expect(200).items()[0]["answers"]["mood"], 3);
    // A record of another collection has no path here, also by its id.
    let cravings = sam.get("/v1/craving-events").await.expect(200).items();
    let id = cravings[0]["id"].as_str().expect("an id");
    robin.get(&format!("{path}/{id}")).await.expect(404);
    for never in ["journal", "thought-records", "attendances", "warning-feedback", "use-event-reviews"] {
        robin.get(&format!("/v1/shared/{}/{never}", id_of(&sam))).await.expect(404);
    }
}

async fn pages_of_a_shared_list_neither_repeat_nor_skip(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    share(&sam, &robin, "supporter", &["check_ins"]).await;
    for n in 0..7 {
        let at = format!("2026-02-{:02}T12:00:00Z", 10 + n);
        let check_in = json!({ "kind": "momentary", "occurred_at": at, "answers": { "mood": n } });
        sam.post("/v1/check-ins", &check_in).await.expect(201);
    }
    let path = format!("/v1/shared/{}/check-ins", id_of(&sam));
    let moods =
        |items: &[Value]| items.iter().map(|item| item["answers"]["mood"].as_i64()).collect::<Vec<_>>();
    for (order, expected) in [("desc", [6, 5, 4, 3, 2, 1, 0]), ("asc", [0, 1, 2, 3, 4, 5, 6])] {
        let (mut found, mut query) = (Vec::new(), format!("?limit=3&order={order}"));
        loop {
            let page = robin.get(&format!("{path}{query}")).await.expect(200);
            found.extend(moods(&page.items()));
            let Some(cursor) = page.body["next_cursor"].as_str() else { break };
            query = format!("?limit=3&order={order}&cursor={cursor}");
        }
        assert_eq!(found, expected.map(Some));
    }
    let some =
        robin.get(&format!("{path}?from=2026-02-12T00:00:00Z&to=2026-02-14T00:00:00Z")).await.expect(200);
    assert_eq!(moods(&some.items()), [Some(3), Some(2)]);
    let wrong = robin.get(&format!("{path}?limit=0&order=up")).await.expect(422);
    assert_eq!(wrong.pointers(), ["/limit", "/order"]);
}

async fn a_revocation_an_end_and_a_restriction_work_from_the_next_request_on(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    record_of(&sam).await;
    let consent = share(&sam, &robin, "supporter", &["goals", "check_ins"]).await;
    let base = format!("/v1/shared/{}", id_of(&sam));
    let (goals, check_ins) = (format!("{base}/goals"), format!("{base}/check-ins"));
    robin.get(&goals).await.expect(200);
    robin.get(&check_ins).await.expect(200);
    let restriction = json!({ "data_classes": ["check_ins"] });
    let restriction = sam.post("/v1/restrictions", &restriction).await.expect(201);
    robin.get(&check_ins).await.expect(404);
    robin.get(&goals).await.expect(200);
    sam.post_empty(&format!("/v1/restrictions/{}/end", restriction.id())).await.expect(200);
    robin.get(&check_ins).await.expect(200);
    sam.post(&format!("/v1/consents/{consent}/revoke"), &json!({})).await.expect(200);
    robin.get(&goals).await.expect(404);
    robin.get(&base).await.expect(404);
    assert_eq!(robin.get("/v1/shared").await.expect(200).items(), Vec::<Value>::new());
    // One that ends by itself.
    let ends = app.clock.now() + TimeDelta::hours(1);
    let mut body = consent_for(&robin, &["goals"]);
    body["expires_at"] = json!(ends.to_rfc3339());
    let consent = sam.post("/v1/consents", &body).await.expect(201);
    let signature = json!({ "name": "Sam", "password": mainstay_tests::PASSWORD });
    sam.post(&format!("/v1/consents/{}/sign", consent.id()), &signature).await.expect(200);
    robin.get(&goals).await.expect(200);
    app.clock.advance(TimeDelta::minutes(61));
    let robin = robin.another_device().await;
    robin.get(&goals).await.expect(404);
}

async fn insights_are_computed_over_what_is_covered(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    record_of(&sam).await;
    let base = format!("/v1/shared/{}/insights", id_of(&sam));
    share(&sam, &robin, "supporter", &["abstinence"]).await;
    let own = sam.get("/v1/insights/abstinence").await.expect(200);
    let shown = robin.get(&format!("{base}/abstinence")).await.expect(200);
    assert_eq!(shown.body["goals"][0]["days_completed"], own.body["goals"][0]["days_completed"]);
    let summary = robin.get(&format!("{base}/summary")).await.expect(200);
    assert!(summary.body["goals"][0]["days_completed"].is_i64(), "{}", summary.text);
    for hidden in [
        "warnings",
        "craving_trend",
        "craving_events",
        "urges_ridden_out",
        "triggers",
        "medications",
        "focus",
    ] {
        assert_eq!(summary.body.get(hidden), None, "{hidden}: {}", summary.text);
    }
    // How many cravings there are tells of a class that is hidden.
    let milestones = robin.get(&format!("{base}/milestones")).await.expect(200);
    assert_eq!(milestones.body.get("urges_ridden_out"), None, "{}", milestones.text);
    robin.get(&format!("{base}/warnings")).await.expect(404);
    let before: Vec<String> = [shown.text, summary.text, milestones.text].into();
    let craving = json!({
        "occurred_at": "2026-02-28T18:00:00-05:00", "ratings": [{ "offset_s": 0, "value": 9 }], "outcome": "rode_it_out",
    });
    sam.post("/v1/craving-events", &craving).await.expect(201);
    sam.post(
        "/v1/practice-sessions",
        &json!({ "practice": "urge_surfing", "minutes": 5, "occurred_at": "2026-02-28T18:10:00-05:00" }),
    )
    .await;
    let without_moment = |text: &str| {
        let mut body: Value = serde_json::from_str(text).expect("JSON");
        body.as_object_mut().expect("an object").remove("as_of");
        body
    };
    for (path, before) in ["abstinence", "summary", "milestones"].iter().zip(before) {
        let after = robin.get(&format!("{base}/{path}")).await.expect(200);
        assert_eq!(without_moment(&after.text), without_moment(&before), "{path}");
    }
}

async fn a_care_team_sees_what_is_new_since_its_last_look(app: &TestApp) {
    let (sam, kim) = (app.person().await, as_helper(app, "clinician").await);
    let (check_in, _) = record_of(&sam).await;
    share(&sam, &kim, "clinician", &["check_ins", "cravings", "abstinence"]).await;
    let path = format!("/v1/shared/{}/summary", id_of(&sam));
    let of = |body: &Value, kind: &str| {
        let all = body["changes"].as_array().expect("a list").clone();
        all.into_iter().find(|change| change["kind"] == kind).unwrap_or_default()
    };
    let first = kim.get(&path).await.expect(200).body;
    assert_eq!(of(&first, "check-ins")["added"], 1);
    assert_eq!(of(&first, "use-events"), Value::Null);
    assert!(first["figures"]["goals"].is_array(), "{first}");
    app.clock.advance(TimeDelta::minutes(2));
    let second = kim.get(&path).await.expect(200).body;
    assert_eq!(second["since"], first["until"]);
    assert_eq!(of(&second, "check-ins")["added"], 0);
    app.clock.advance(TimeDelta::minutes(2));
    sam.patch(&format!("/v1/check-ins/{check_in}"), 1, &json!({ "note": "hidden" })).await.expect(200);
    let new = json!({ "kind": "momentary", "occurred_at": "2026-02-28T12:00:00Z", "answers": { "mood": 2 } });
    sam.post("/v1/check-ins", &new).await.expect(201);
    let third = kim.get(&path).await.expect(200).body;
    assert_eq!(of(&third, "check-ins")["added"], 1);
    assert_eq!(of(&third, "check-ins").get("changed"), None, "a change of a hidden member is not told");
    let since = kim.get(&format!("{path}?since=2026-01-01T00:00:00Z")).await.expect(200).body;
    assert_eq!(of(&since, "check-ins")["added"], 2);
    assert_eq!(
        kim.get(&format!("{path}?since=2999-01-01T00:00:00Z")).await.expect(422).pointers(),
        ["/since"]
    );
}

async fn the_report_has_the_parts_that_are_covered_and_the_notice(app: &TestApp) {
    let (sam, kim) = (app.person().await, as_helper(app, "clinician").await);
    record_of(&sam).await;
    share(&sam, &kim, "clinician", &["abstinence", "warnings"]).await;
    let path = format!("/v1/shared/{}/reports/progress", id_of(&sam));
    let page = kim.get(&path).await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text.contains("id=\"reached\"") && page.text.contains("id=\"signs\""), "{}", page.text);
    assert!(page.text.contains("class=\"notice\"") && page.text.contains("42 CFR"), "{}", page.text);
    for hidden in
        ["id=\"heat-map\"", "id=\"triggers\"", "id=\"medication\"", "id=\"self-efficacy\"", "private"]
    {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
}

async fn a_marked_use_event_and_a_deleted_check_in_are_gone_for_others_too(app: &TestApp) {
    let (sam, kim) = (app.person().await, as_helper(app, "clinician").await);
    let (check_in, lapse) = record_of(&sam).await;
    share(&sam, &kim, "clinician", &["check_ins", "use"]).await;
    let base = format!("/v1/shared/{}", id_of(&sam));
    kim.get(&format!("{base}/use-events/{lapse}")).await.expect(200);
    sam.delete(&format!("/v1/use-events/{lapse}"), 1).await.expect(204);
    sam.delete(&format!("/v1/check-ins/{check_in}"), 1).await.expect(204);
    for path in [format!("{base}/use-events/{lapse}"), format!("{base}/check-ins/{check_in}")] {
        kim.get(&path).await.expect(404);
    }
    for path in ["use-events", "check-ins"] {
        let list = kim.get(&format!("{base}/{path}")).await.expect(200);
        assert_eq!(list.items(), Vec::<Value>::new());
    }
}

async fn every_answer_is_accounted_for_once(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    record_of(&sam).await;
    let consent = share(&sam, &robin, "supporter", &["goals", "check_ins", "abstinence"]).await;
    let base = format!("/v1/shared/{}", id_of(&sam));
    let answered = ["goals", "check-ins", "insights/abstinence", "goals"];
    for path in answered {
        robin.get(&format!("{base}/{path}")).await.expect(200);
    }
    for path in ["use-events", "insights/cravings"] {
        robin.get(&format!("{base}/{path}")).await.expect(404);
    }
    let disclosures = sam.get("/v1/disclosures").await.expect(200).items();
    assert_eq!(disclosures.len(), answered.len(), "{disclosures:?}");
    for disclosure in &disclosures {
        assert_eq!(disclosure["consent"]["id"], json!(consent), "{disclosure}");
        assert_eq!(disclosure["basis"], "consent");
    }
    let log = sam.get("/v1/access-log?by=others").await.expect(200).items();
    let permitted = log.iter().filter(|entry| entry["decision"] == "permitted").count();
    assert_eq!(permitted, answered.len(), "{log:?}");
}

async fn a_helper_who_is_invited_again_needs_another_signature(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    let invitation = invite_as(&sam, &robin, "supporter", "sponsor").await;
    let consent = give_consent(&sam, &robin, &["goals"]).await;
    let goals = format!("/v1/shared/{}/goals", id_of(&sam));
    robin.get(&goals).await.expect(200);
    let path = format!("/v1/invitations/{}/revoke", invitation["id"].as_str().expect("an id"));
    sam.post_empty(&path).await.expect(200);
    robin.get(&goals).await.expect(404);
    invite_as(&sam, &robin, "supporter", "friend").await;
    robin.get(&goals).await.expect(404);
    sign(&sam, &consent).await.expect(200);
    robin.get(&goals).await.expect(200);
}

async fn a_restore_lets_nobody_in_until_the_person_signs_again(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    invite_as(&sam, &robin, "supporter", "sponsor").await;
    let consent = give_consent(&sam, &robin, &["goals"]).await;
    let goals = format!("/v1/shared/{}/goals", id_of(&sam));
    robin.get(&goals).await.expect(200);
    app.state().store.raise_epochs(app.clock.micros()).await.expect("the epochs are raised");
    robin.get(&goals).await.expect(404);
    sign(&sam, &consent).await.expect(200);
    robin.get(&goals).await.expect(200);
}

async fn the_same_refusal_is_in_the_log_once_a_minute(app: &TestApp) {
    let (sam, robin) = (app.person().await, as_helper(app, "supporter").await);
    share(&sam, &robin, "supporter", &["goals"]).await;
    let base = format!("/v1/shared/{}", id_of(&sam));
    for _ in 0..5 {
        robin.get(&format!("{base}/check-ins")).await.expect(404);
        robin.get(&format!("{base}/use-events")).await.expect(404);
    }
    // Nobody waits for what is written of a refusal.
    let mut refused = Vec::new();
    while refused.len() < 2 {
        refused = sam.get("/v1/access-log?by=others").await.expect(200).items();
        tokio::task::yield_now().await;
    }
    assert!(refused.iter().all(|entry| entry["decision"] == "denied"), "{refused:?}");
    assert_eq!(refused.len(), 2, "{refused:?}");
}
