//! Plans: items, activation, the active plan, numbers and differences.

use mainstay_tests::{Person, TestApp, both_engines, samples::sample_id};
use serde_json::{Value, json};
use uuid::Uuid;

fn plan() -> Value {
    json!({
        "kind": "relapse_prevention", "title": "Staying well",
        "content": {
            "triggers": [{ "id": sample_id(1), "label": "Payday", "kind": "external", "category": "pleasant_emotions" }],
            "warning_signs": [{ "id": sample_id(2), "label": "Skipping meals", "stage": "emotional" }],
            "strategies": [{ "id": sample_id(3), "label": "Walk", "category": "mindful_walking", "trigger_ids": [sample_id(1)] }],
            "lapse_response": [{ "text": "Call Robin." }],
        },
    })
}

async fn contact(sam: &Person, name: &str) -> String {
    let body = json!({ "name": name, "relationship": "friend", "phone": "+4930123456", "note": "a secret of theirs" });
    sam.post("/v1/support-contacts", &body).await.expect(201).id()
}

both_engines!(
    items_without_an_id_get_one_and_keep_it,
    references_must_name_records_of_the_person,
    check_ins_and_events_may_refer_to_current_and_former_plan_items,
    activating_names_everything_that_is_missing,
    a_country_with_helplines_makes_up_for_a_missing_contact,
    activating_archives_the_previous_plan_and_repeating_it_changes_nothing,
    many_activations_at_once_leave_one_active,
    the_active_plan_brings_its_contacts_in_calling_order,
    an_active_plan_stays_small_enough_for_a_phone,
    earlier_numbers_of_a_plan_can_be_read_and_compared,
    an_active_plan_cannot_lose_its_required_parts,
);

async fn items_without_an_id_get_one_and_keep_it(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/plans", &plan()).await.expect(201);
    let id = stored.body["content"]["lapse_response"][0]["id"].clone();
    assert!(id.as_str().is_some_and(|id| id.parse::<Uuid>().is_ok()));
    assert_eq!((&stored.body["status"], &stored.body["number"]), (&json!("draft"), &json!(1)));
    let mut body = stored.body.clone();
    body["title"] = json!("Better");
    let changed = sam.put(&stored.header("location"), 1, &body).await.expect(200);
    assert_eq!(changed.body["content"]["lapse_response"][0]["id"], id);
    assert_eq!(changed.body["number"], 2);
    // Without ids the content sent first is still the same content.
    let replayed = sam
        .post("/v1/plans", &{
            let mut p = plan();
            p["id"] = stored.body["id"].clone();
            p
        })
        .await
        .expect(200);
    assert_eq!(replayed.body, changed.body);
}

async fn references_must_name_records_of_the_person(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let contact_of_kim = contact(&kim, "Robin").await;
    let mut wrong = plan();
    wrong["content"]["contact_ids"] = json!([contact_of_kim]);
    wrong["content"]["strategies"][0]["trigger_ids"] = json!([sample_id(9)]);
    assert_eq!(
        sam.post("/v1/plans", &wrong).await.expect(422).pointers(),
        ["/content/strategies/0/trigger_ids/0"]
    );
    wrong["content"]["strategies"][0]["trigger_ids"] = json!([]);
    wrong["content"]["situations"] = json!([{
        "label": "Alone", "category": "unpleasant_emotions", "steps": [{ "contact_id": contact_of_kim }, { "strategy_id": sample_id(3) }],
    }]);
    let response = sam.post("/v1/plans", &wrong).await.expect(422);
    assert_eq!(response.pointers(), ["/content/contact_ids/0", "/content/situations/0/steps/0/contact_id"]);
    assert!(sam.get("/v1/plans").await.items().is_empty());
}

async fn check_ins_and_events_may_refer_to_current_and_former_plan_items(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let stored = sam.post("/v1/plans", &plan()).await.expect(201);
    let check_in = json!({
        "kind": "momentary", "occurred_at": "2026-03-02T12:00:00Z", "answers": { "craving": 1 },
        "trigger_ids": [sample_id(1)], "warning_sign_ids": [sample_id(2)],
    });
    sam.post("/v1/check-ins", &check_in).await.expect(201);
    assert_eq!(
        kim.post("/v1/check-ins", &check_in).await.expect(422).pointers(),
        ["/trigger_ids/0", "/warning_sign_ids/0"]
    );
    let mut mixed = check_in.clone();
    mixed["trigger_ids"] = json!([sample_id(2), sample_id(3), sample_id(1)]);
    assert_eq!(
        sam.post("/v1/check-ins", &mixed).await.expect(422).pointers(),
        ["/trigger_ids/0", "/trigger_ids/1"]
    );
    // An item that was removed from the plan may still be referred to, because devices may be behind.
    let mut body = stored.body.clone();
    body["content"] = json!({});
    sam.put(&stored.header("location"), 1, &body).await.expect(200);
    sam.post("/v1/check-ins", &check_in).await.expect(201);
}

async fn activating_names_everything_that_is_missing(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "country": null, "locale": null })).await;
    let empty = json!({ "kind": "relapse_prevention", "title": "Empty", "content": {} });
    let path = sam.post("/v1/plans", &empty).await.expect(201).header("location");
    let missing = sam.post_empty(&format!("{path}/activate")).await.expect(422);
    assert_eq!(missing.pointers(), ["/content/contact_ids", "/content/strategies", "/content/triggers"]);
    assert_eq!(sam.get(&path).await.body["status"], "draft");
    sam.get("/v1/plans/active").await.expect(404);
    let mut complete_plan = plan();
    complete_plan["content"]["contact_ids"] = json!([contact(&sam, "Robin").await]);
    let path = sam.post("/v1/plans", &complete_plan).await.expect(201).header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
}

async fn a_country_with_helplines_makes_up_for_a_missing_contact(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "country": "DE" })).await;
    let path = sam.post("/v1/plans", &plan()).await.expect(201).header("location");
    let active = sam.post_empty(&format!("{path}/activate")).await.expect(200);
    assert_eq!(
        (&active.body["status"], &active.body["version"], &active.body["number"]),
        (&json!("active"), &json!(2), &json!(1))
    );
    assert!(active.body["activated_at"].is_string());
}

async fn activating_archives_the_previous_plan_and_repeating_it_changes_nothing(app: &TestApp) {
    let sam = app.person().await;
    let first = sam.post("/v1/plans", &plan()).await.expect(201).header("location");
    let second = sam.post("/v1/plans", &plan()).await.expect(201).header("location");
    let mut safety = plan();
    safety["kind"] = json!("safety");
    let safety = sam.post("/v1/plans", &safety).await.expect(201).header("location");
    for path in [&first, &safety, &second] {
        sam.post_empty(&format!("{path}/activate")).await.expect(200);
    }
    let status = |path: String| {
        let sam = sam.clone();
        async move { sam.get(&path).await.body["status"].clone() }
    };
    assert_eq!(status(first.clone()).await, "archived");
    assert_eq!(status(second.clone()).await, "active");
    assert_eq!(status(safety.clone()).await, "active");
    let again = sam.post_empty(&format!("{second}/activate")).await.expect(200);
    assert_eq!(again.body["version"], 2);
    let stale = sam.send("POST", &format!("{first}/activate"), &[("if-match", "\"1\"")], None).await;
    stale.expect(412);
    let active = sam.get("/v1/plans/active").await.expect(200);
    assert!(second.ends_with(active.body["id"].as_str().expect("an id")));
    let safe = sam.get("/v1/plans/active?kind=safety").await.expect(200);
    assert!(safety.ends_with(safe.body["id"].as_str().expect("an id")));
    assert_eq!(sam.get("/v1/plans/active?kind=other").await.expect(422).pointers(), ["/kind"]);
}

async fn many_activations_at_once_leave_one_active(app: &TestApp) {
    let sam = app.person().await;
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let path = sam.post("/v1/plans", &plan()).await.expect(201).header("location");
        let sam = sam.clone();
        posts.spawn(async move { sam.post_empty(&format!("{path}/activate")).await.status });
    }
    assert_eq!(posts.join_all().await, vec![200; 12]);
    let active = sam.get("/v1/plans").await.items().into_iter().filter(|p| p["status"] == "active").count();
    assert_eq!(active, 1);
}

async fn the_active_plan_brings_its_contacts_in_calling_order(app: &TestApp) {
    let sam = app.person().await;
    let (robin, kim) = (contact(&sam, "Robin").await, contact(&sam, "Kim").await);
    let mut body = plan();
    body["content"]["contact_ids"] = json!([kim, robin]);
    let path = sam.post("/v1/plans", &body).await.expect(201).header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    let active = sam.get("/v1/plans/active").await.expect(200);
    let names: Vec<&Value> =
        active.body["contacts"].as_array().expect("contacts").iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["Kim", "Robin"]);
    assert!(!active.text.contains("a secret of theirs"));
    let tag = active.header("etag");
    sam.send("GET", "/v1/plans/active", &[("if-none-match", &tag)], None).await.expect(304);
    // A change of a contact changes the document.
    let mut changed = sam.get(&format!("/v1/support-contacts/{kim}")).await.body;
    changed["name"] = json!("Kimberly");
    sam.put(&format!("/v1/support-contacts/{kim}"), 1, &changed).await.expect(200);
    let fresh = sam.send("GET", "/v1/plans/active", &[("if-none-match", &tag)], None).await.expect(200);
    assert_eq!(fresh.body["contacts"][0]["name"], "Kimberly");
    sam.delete(&format!("/v1/support-contacts/{robin}"), 1).await.expect(204);
    assert_eq!(sam.get("/v1/plans/active").await.body["contacts"].as_array().map(Vec::len), Some(1));
}

async fn an_active_plan_stays_small_enough_for_a_phone(app: &TestApp) {
    let sam = app.person().await;
    let mut large = plan();
    large["content"]["reasons"] = (0..8).map(|n| json!({ "text": format!("{n}").repeat(3900) })).collect();
    let path = sam.post("/v1/plans", &large).await.expect(201).header("location");
    let refused = sam.post_empty(&format!("{path}/activate")).await.expect(422);
    assert_eq!(refused.faults(), [("/content".to_owned(), "size".to_owned())]);
    let mut contacts = Vec::new();
    for n in 0..60 {
        contacts.push(contact(&sam, &format!("{n}-{}", "x".repeat(190))).await);
    }
    let mut small = plan();
    small["content"]["contact_ids"] = json!(contacts);
    let path = sam.post("/v1/plans", &small).await.expect(201).header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    let active = sam.get("/v1/plans/active").await.expect(200);
    assert!(active.text.len() <= 32 * 1024, "{}", active.text.len());
    assert!(active.body["contacts"].as_array().is_some_and(|c| c.len() > 20));
    let mut grown = sam.get(&path).await.body;
    grown["content"]["reasons"] = large["content"]["reasons"].clone();
    assert_eq!(sam.put(&path, 2, &grown).await.expect(422).pointers(), ["/content"]);
}

async fn earlier_numbers_of_a_plan_can_be_read_and_compared(app: &TestApp) {
    let sam = app.person().await;
    let stored = sam.post("/v1/plans", &plan()).await.expect(201);
    let path = stored.header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    let mut second = stored.body.clone();
    second["title"] = json!("Better");
    second["content"]["triggers"][0]["label"] = json!("Bonus day");
    second["content"]["warning_signs"] = json!([]);
    second["content"]["reasons"] = json!([{ "text": "Breakfast together." }]);
    let changed = sam.put(&path, 2, &second).await.expect(200);
    assert_eq!((&changed.body["number"], &changed.body["status"]), (&json!(2), &json!("active")));

    let numbers = sam.get(&format!("{path}/numbers")).await.expect(200).items();
    let list: Vec<_> =
        numbers.iter().map(|n| (n["number"].as_i64(), n["latest"].as_bool(), n["title"].as_str())).collect();
    assert_eq!(list, [(Some(2), Some(true), Some("Better")), (Some(1), Some(false), Some("Staying well"))]);
    let first_page = sam.get(&format!("{path}/numbers?limit=1")).await.expect(200);
    let cursor = first_page.body["next_cursor"].as_str().expect("a cursor").to_owned();
    let rest = sam.get(&format!("{path}/numbers?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((&rest.items()[0]["number"], &rest.body["next_cursor"]), (&json!(1), &Value::Null));

    let first = sam.get(&format!("{path}/numbers/1")).await.expect(200);
    assert_eq!(first.body["content"], stored.body["content"]);
    assert_eq!(first.body.get("difference"), None);
    let compared = sam.get(&format!("{path}/numbers/2?compare_to=1")).await.expect(200);
    let difference = &compared.body["difference"];
    assert_eq!(difference["plan_members_changed"], json!(["title"]));
    assert_eq!(difference["added"][0]["section"], "reasons");
    assert_eq!(difference["removed"][0]["item"]["label"], "Skipping meals");
    assert_eq!(difference["changed"][0]["before"]["label"], "Payday");
    assert_eq!(difference["changed"][0]["after"]["label"], "Bonus day");
    sam.get(&format!("{path}/numbers/3")).await.expect(404);
    sam.get(&format!("{path}/numbers/x")).await.expect(404);
    assert_eq!(
        sam.get(&format!("{path}/numbers/2?compare_to=7")).await.expect(422).pointers(),
        ["/compare_to"]
    );
    let kim = app.person().await;
    kim.get(&format!("{path}/numbers")).await.expect(404);
    kim.get(&format!("{path}/numbers/1")).await.expect(404);
    kim.post_empty(&format!("{path}/activate")).await.expect(404);
}

async fn an_active_plan_cannot_lose_its_required_parts(app: &TestApp) {
    let sam = app.person().await;
    let path = sam.post("/v1/plans", &plan()).await.expect(201).header("location");
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    let mut emptied = plan();
    emptied["content"] = json!({});
    assert_eq!(
        sam.put(&path, 2, &emptied).await.expect(422).pointers(),
        ["/content/strategies", "/content/triggers"]
    );
    assert_eq!(sam.get(&path).await.body["version"], 2);
}
