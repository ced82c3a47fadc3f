//! Pages of versions, of plan numbers and of the report read only the versions that they show. A version that cannot be
//! read is in the way of its own page only.

use chrono::TimeDelta;
use mainstay_domain::{
    plan::Plan,
    record::{Draft, Incoming, draft},
};
use mainstay_store::{Expected, PersonScope};
use mainstay_tests::{Person, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    numbers_that_a_page_does_not_show_are_not_read,
    versions_before_the_window_of_a_report_are_not_read,
    more_changes_than_the_report_shows_leave_the_newest,
);

const ID: Uuid = Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0007);

fn plan(title: &str) -> Value {
    json!({ "kind": "relapse_prevention", "title": title, "content": {
        "triggers": [{ "label": "Payday", "kind": "external" }], "strategies": [{ "label": "Walk", "category": "exercise" }] } })
}

fn plan_draft(app: &TestApp, before: Option<&Plan>) -> Draft {
    let incoming: Incoming<Plan> = serde_json::from_value(plan("Mine")).expect("a plan");
    let mut n = 10;
    let mut new_id = || {
        n += 1;
        Uuid::from_u128(n)
    };
    draft(incoming, ID, before, app.clock.now(), chrono_tz::UTC, &mut new_id).expect("it is valid")
}

async fn scope(app: &TestApp, person: &Person) -> (PersonScope, Uuid) {
    let state = app.state();
    let token = person.tokens["access_token"].as_str().expect("a token");
    let claims = state.tokens.verify(token, app.clock.now()).expect("it is valid");
    let principal = state.store.principal(claims.sub, claims.sid, 0).await;
    (principal.expect("the store responds").expect("it is live").scope, claims.sid)
}

/// A plan whose first version cannot be read, and whose second version can.
async fn damaged_plan(app: &TestApp, sam: &Person) -> String {
    let (scope, session) = scope(app, sam).await;
    let (store, now) = (&app.state().store, app.clock.micros());
    let mut first = plan_draft(app, None);
    let before: Plan = serde_json::from_slice(&first.body).expect("a plan");
    first.body = b"{}".to_vec();
    store.create(&scope, session, now, first).await.expect("it is stored");
    let second = plan_draft(app, Some(&before));
    let replace = store.write(&scope, session, now, move |writer| writer.replace(&second, &Expected::Any));
    replace.await.expect("it is replaced");
    format!("/v1/plans/{ID}")
}

fn numbers(items: &[Value]) -> Vec<i64> {
    items.iter().filter_map(|item| item["number"].as_i64()).collect()
}

async fn numbers_that_a_page_does_not_show_are_not_read(app: &TestApp) {
    let sam = app.person().await;
    let path = damaged_plan(app, &sam).await;
    sam.put(&path, 2, &plan("Third")).await.expect(200);
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    sam.put(&path, 4, &plan("Fourth")).await.expect(200);

    let first = sam.get(&format!("{path}/numbers?limit=2")).await.expect(200);
    assert_eq!(numbers(&first.items()), [4, 3]);
    assert_eq!(first.items()[0]["latest"], true);
    let cursor = first.body["next_cursor"].as_str().expect("a cursor");
    let second = sam.get(&format!("{path}/numbers?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(numbers(&second.items()), [2]);
    assert!(second.body["next_cursor"].is_string());
    let compared = sam.get(&format!("{path}/numbers/3?compare_to=2")).await.expect(200);
    assert_eq!(compared.body["difference"]["plan_members_changed"], json!(["title"]));
    assert_eq!(sam.get(&format!("{path}/numbers/4")).await.expect(200).body["title"], "Fourth");
    sam.get(&format!("{path}/numbers/5")).await.expect(404);
    sam.get(&format!("{path}/numbers/0")).await.expect(404);
    sam.get(&format!("{path}/numbers/1")).await.expect(500);
    sam.get(&format!("{path}/numbers")).await.expect(500);
}

async fn versions_before_the_window_of_a_report_are_not_read(app: &TestApp) {
    let sam = app.person().await;
    let path = damaged_plan(app, &sam).await;
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    app.clock.advance(TimeDelta::days(20));
    let sam = sam.another_device().await;
    sam.put(&path, 3, &plan("After twenty days")).await.expect(200);
    let report = sam.get("/v1/reports/progress?window=7d").await.expect(200);
    assert!(
        report.text.contains("plan “After twenty days”, number 3, changed to this number."),
        "{}",
        report.text
    );
    assert!(!report.text.contains("came in use"), "{}", report.text);
    sam.get("/v1/reports/progress?window=all").await.expect(500);
}

async fn more_changes_than_the_report_shows_leave_the_newest(app: &TestApp) {
    let sam = app.person().await;
    let path = damaged_plan(app, &sam).await;
    sam.post_empty(&format!("{path}/activate")).await.expect(200);
    for version in 3..50 {
        sam.put(&path, version, &plan(&format!("Version {}", version + 1))).await.expect(200);
    }
    let report = sam.get("/v1/reports/progress?window=all").await.expect(200);
    assert_eq!(report.text.matches("changed to this number").count(), 40);
    assert!(report.text.contains("“Version 50”") && !report.text.contains("“Version 10”"));
}
