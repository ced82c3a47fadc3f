//! Sign-offs: who stands behind which number of a plan.

use mainstay_domain::{account::Role, proposal::PlanNumber, sign_off::NewSignOff};
use mainstay_store::{Contributed, StoreError};
use mainstay_tests::{Helper, Person, TestApp, both_engines, samples::sample_id};
use serde_json::json;

both_engines!(
    a_number_is_signed_by_the_person_and_by_a_clinician,
    a_new_number_has_no_sign_offs,
    signing_again_changes_nothing,
    only_ones_own_plan_can_be_signed,
);

async fn plan(person: &Person) -> String {
    let body = json!({ "kind": "safety", "title": "Staying safe", "content": {} });
    person.post("/v1/plans", &body).await.expect(201).header("location")
}

async fn a_number_is_signed_by_the_person_and_by_a_clinician(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let path = plan(&sam).await;
    assert!(sam.get(&format!("{path}/sign-offs")).await.expect(200).items().is_empty());
    let signed = sam.post(&format!("{path}/sign-off"), &json!({ "number": 1 })).await.expect(201);
    assert_eq!(
        (&signed.body["by"], &signed.body["by_role"], &signed.body["number"], &signed.body["latest"]),
        (&sam.account["id"], &json!("person"), &json!(1), &json!(true))
    );
    app.clock.advance(chrono::TimeDelta::seconds(1));
    let helper = Helper::new(app, &robin, Role::Clinician).await;
    let plan_id = path.rsplit('/').next().expect("an id").parse().expect("an id");
    let new = NewSignOff { number: PlanNumber::clamped(1) };
    let by_clinician =
        helper.write(&sam, move |writer, author| writer.sign_off(author, plan_id, (sample_id(4), new))).await;
    assert!(matches!(by_clinician, Ok(Contributed::New(_))));
    let all = sam.get(&format!("{path}/sign-offs")).await.items();
    let roles: Vec<_> = all.iter().map(|one| &one["by_role"]).collect();
    assert_eq!(roles, ["clinician", "person"]);
    assert_eq!(all[0]["by"], robin.account["id"]);
}

async fn a_new_number_has_no_sign_offs(app: &TestApp) {
    let sam = app.person().await;
    let path = plan(&sam).await;
    sam.post(&format!("{path}/sign-off"), &json!({ "number": 1 })).await.expect(201);
    let mut body = sam.get(&path).await.body;
    body["title"] = json!("Staying safe at night");
    sam.put(&path, 1, &body).await.expect(200);
    let all = sam.get(&format!("{path}/sign-offs")).await.items();
    assert_eq!((all.len(), &all[0]["number"], &all[0]["latest"]), (1, &json!(1), &json!(false)));
    for number in [1, 3] {
        let refused = sam.post(&format!("{path}/sign-off"), &json!({ "number": number })).await.expect(409);
        assert_eq!(refused.problem(), "plan-number");
    }
    sam.post(&format!("{path}/sign-off"), &json!({ "number": 2 })).await.expect(201);
    assert_eq!(sam.get(&format!("{path}/sign-offs")).await.items().len(), 2);
}

async fn signing_again_changes_nothing(app: &TestApp) {
    let sam = app.person().await;
    let path = plan(&sam).await;
    let first = sam.post(&format!("{path}/sign-off"), &json!({ "number": 1 })).await.expect(201);
    app.clock.advance(chrono::TimeDelta::hours(1));
    let sam = sam.another_device().await;
    let again = sam.post(&format!("{path}/sign-off"), &json!({ "number": 1 })).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.body, again.body);
}

async fn only_ones_own_plan_can_be_signed(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let path = plan(&sam).await;
    for body in [json!({ "number": 1 }), json!({}), json!({ "number": 0, "nothing": 1 })] {
        kim.post(&format!("{path}/sign-off"), &body).await.expect(404);
    }
    kim.get(&format!("{path}/sign-offs")).await.expect(404);
    let wrong = sam.post(&format!("{path}/sign-off"), &json!({ "number": 0, "nothing": 1 })).await;
    assert_eq!(wrong.expect(422).pointers(), ["/nothing", "/number"]);
    let helper = Helper::new(app, &kim, Role::Clinician).await;
    let new = NewSignOff { number: PlanNumber::clamped(1) };
    let unknown = helper
        .write(&sam, move |writer, author| writer.sign_off(author, sample_id(7), (sample_id(4), new)))
        .await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
}
