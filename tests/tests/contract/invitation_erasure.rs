//! Invitations of accounts that are erased, and taken by them.

use mainstay_store::invitation::HelperKey;
use mainstay_tests::{Engine, PASSWORD, Person, Response, TestApp, both_engines, sharing::invite};
use serde_json::{Value, json};

use super::invitation::{INVITATIONS, account, helper, make, take};

both_engines!(
    the_invitations_of_an_erased_person_are_gone,
    what_an_erased_account_has_taken_ends_as_left,
    people_who_help_each_other_can_be_erased_at_once,
    an_account_that_takes_an_invitation_while_it_is_erased_leaves_nothing,
);

async fn erase(person: &Person) -> Response {
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    person.send("DELETE", "/v1/me", &[], Some(password)).await
}

/// Checks that no row is left, where the test may look into the database.
fn assert_none(app: &TestApp, rows: &str) {
    if app.database.engine == Engine::Postgres {
        assert_eq!(app.database.sql(&format!("SELECT count(*) FROM {rows}")).trim(), "0", "{rows}");
    }
}

async fn the_invitations_of_an_erased_person_are_gone(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let id = invite(app, &sam, &robin).await["id"].as_str().expect("an id").to_owned();
    let (_, code) = make(&sam).await;
    erase(&sam).await.expect(204);
    assert_eq!(robin.get("/v1/invitations/accepted").await.expect(200).items(), [Value::Null; 0]);
    robin.post_empty(&format!("{INVITATIONS}/accepted/{id}/leave")).await.expect(404);
    take(&robin, &code).await.expect(404);
    assert_none(app, "invitations");
    assert_none(app, "invitation_codes");
}

async fn what_an_erased_account_has_taken_ends_as_left(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let confirmed = invite(app, &sam, &robin).await["id"].clone();
    let (accepted, code) = make(&sam).await;
    take(&robin, &code).await.expect(200);
    let (declined, code) = make(&sam).await;
    take(&robin, &code).await.expect(200);
    sam.post_empty(&format!("{INVITATIONS}/{declined}/decline")).await.expect(200);
    erase(&robin).await.expect(204);
    let listed = sam.get(INVITATIONS).await.expect(200).items();
    let ends: Vec<_> = listed.iter().map(|item| (item["id"].clone(), item["status"].clone())).collect();
    let expected =
        [(json!(declined), json!("declined")), (json!(accepted), json!("left")), (confirmed, json!("left"))];
    assert_eq!(ends, expected);
    for item in &listed {
        assert_eq!((item.get("taken_by"), item["ended_at"].is_string()), (None, true), "{item}");
    }
    assert_none(app, "invitations WHERE account_no IS NOT NULL");
    assert_eq!(helper(app, &sam, HelperKey::Account(account(&robin))).await, None);
    let refused = sam.post_empty(&format!("{INVITATIONS}/{accepted}/confirm")).await.expect(409);
    assert_eq!(refused.problem(), "invitation-status");
}

async fn people_who_help_each_other_can_be_erased_at_once(app: &TestApp) {
    for _ in 0..3 {
        let (sam, robin) = (app.person().await, app.person().await);
        for _ in 0..4 {
            invite(app, &sam, &robin).await;
            invite(app, &robin, &sam).await;
        }
        let (one, other) = tokio::join!(erase(&sam), erase(&robin));
        one.expect(204);
        other.expect(204);
        assert_none(app, "invitations");
    }
}

async fn an_account_that_takes_an_invitation_while_it_is_erased_leaves_nothing(app: &TestApp) {
    let sam = app.person().await;
    for _ in 0..4 {
        let robin = app.person().await;
        let (id, code) = make(&sam).await;
        let (taken, erased) = tokio::join!(take(&robin, &code), erase(&robin));
        erased.expect(204);
        assert!([200, 401, 404].contains(&taken.status), "{}", taken.text);
        assert_none(app, "invitations WHERE account_no IS NOT NULL");
        let read = sam.get(&format!("{INVITATIONS}/{id}")).await.expect(200).body;
        assert!(["pending", "left"].iter().any(|status| read["status"] == *status), "{read}");
        assert_eq!(read.get("taken_by"), None);
    }
}
