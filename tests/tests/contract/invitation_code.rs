//! Codes of invitations: one account takes each, and a code that is not good tells nothing.

use chrono::TimeDelta;
use mainstay_api::http::rate_limit::LimitMode;
use mainstay_tests::{Engine, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::invitation::{INVITATIONS, make, sponsor, take};

both_engines!(
    every_code_that_is_not_good_gets_the_same_answer,
    a_code_is_good_for_seven_days,
    of_many_who_take_a_code_at_once_one_does,
    an_invitation_that_is_revoked_while_it_is_taken_is_one_or_the_other,
);

/// A problem without the id of its request.
fn told(response: &Response) -> Value {
    let mut body = response.body.clone();
    body["request_id"].take();
    body
}

async fn every_code_that_is_not_good_gets_the_same_answer(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let (_, expired) = make(&sam).await;
    app.clock.advance(TimeDelta::days(7));
    let (sam, robin, kim) =
        (sam.another_device().await, robin.another_device().await, kim.another_device().await);
    let (id, revoked) = make(&sam).await;
    sam.post_empty(&format!("{INVITATIONS}/{id}/revoke")).await.expect(200);
    let (_, used) = make(&sam).await;
    take(&kim, &used).await.expect(200);
    let (_, own) = make(&robin).await;
    let (declined, code) = make(&sam).await;
    take(&kim, &code).await.expect(200);
    sam.post_empty(&format!("{INVITATIONS}/{declined}/decline")).await.expect(200);
    let expected = told(&take(&robin, "0000-0000-0000-0000-0000-0000-00").await.expect(404));
    for (what, code) in [
        ("expired", expired.as_str()),
        ("revoked", &revoked),
        ("used", &used),
        ("own", &own),
        ("declined", &code),
        ("no code", "nonsense"),
        ("nothing", ""),
        ("too long", &"0".repeat(100)),
    ] {
        let response = take(&robin, code).await.expect(404);
        assert_eq!(told(&response), expected, "{what}");
        assert_eq!(response.header("cache-control"), "no-store", "{what}");
    }
    // Trying one's own code, or one that another has taken, uses up nothing.
    take(&kim, &own).await.expect(200);
    assert_eq!(robin.get(INVITATIONS).await.expect(200).items()[0]["status"], "accepted");
    let account = robin.get("/v1/me").await.expect(200).body;
    assert_eq!(account.get("display_name"), None, "nothing was changed by it");
}

async fn a_code_is_good_for_seven_days(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (first, second) = (make(&sam).await, make(&sam).await);
    app.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(5));
    let (sam, robin) = (sam.another_device().await, robin.another_device().await);
    take(&robin, &first.1).await.expect(200);
    let status = async |id: &str| {
        let read = sam.get(&format!("{INVITATIONS}/{id}")).await.expect(200);
        (read.body["status"].clone(), read.body.get("ended_at").is_some())
    };
    assert_eq!(status(&second.0).await, (json!("pending"), false));
    app.clock.advance(TimeDelta::minutes(6));
    take(&robin, &second.1).await.expect(404);
    assert_eq!(status(&second.0).await, (json!("expired"), false));
    // What was taken in time does not expire.
    assert_eq!(status(&first.0).await, (json!("accepted"), false));
    sam.post_empty(&format!("{INVITATIONS}/{}/confirm", first.0)).await.expect(200);
}

/// Takes a code as all of these at once. Returns how many have it.
async fn take_at_once(people: &[Person], code: &str) -> usize {
    let mut requests = JoinSet::new();
    for person in people {
        let (person, code) = (person.clone(), code.to_owned());
        requests.spawn(async move { take(&person, &code).await });
    }
    let responses = requests.join_all().await;
    for response in &responses {
        assert!([200, 404].contains(&response.status), "{}", response.text);
    }
    responses.iter().filter(|response| response.status == 200).count()
}

async fn of_many_who_take_a_code_at_once_one_does(app: &TestApp) {
    let sam = app.person().await;
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(app.person().await);
    }
    for _ in 0..5 {
        let (id, code) = make(&sam).await;
        assert_eq!(take_at_once(&people, &code).await, 1);
        let read = sam.get(&format!("{INVITATIONS}/{id}")).await.expect(200).body;
        assert_eq!(read["status"], "accepted");
        assert!(people.iter().any(|person| person.account["id"] == read["taken_by"]["account_id"]));
    }
}

#[tokio::test]
async fn of_two_who_take_a_code_on_two_servers_one_does() {
    let app = TestApp::start(Engine::Postgres).await;
    let second = app.second_server().await;
    let (sam, robin, mut kim) = (app.person().await, app.person().await, app.person().await);
    kim.client.url.clone_from(&second.client.url);
    let people = [robin, kim];
    for _ in 0..8 {
        let (_, code) = make(&sam).await;
        assert_eq!(take_at_once(&people, &code).await, 1);
    }
}

async fn an_invitation_that_is_revoked_while_it_is_taken_is_one_or_the_other(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    for _ in 0..8 {
        let (id, code) = make(&sam).await;
        let path = format!("{INVITATIONS}/{id}");
        let revoke_path = format!("{path}/revoke");
        let (taken, revoked) = tokio::join!(take(&robin, &code), sam.post_empty(&revoke_path));
        // One that was taken can be revoked too.
        assert_eq!(revoked.expect(200).body["status"], "revoked");
        assert!([200, 404].contains(&taken.status), "{}", taken.text);
        let read = sam.get(&path).await.expect(200).body;
        assert_eq!(
            (&read["status"], read.get("taken_by").is_some()),
            (&json!("revoked"), taken.status == 200)
        );
    }
}

#[tokio::test]
async fn an_account_tries_twenty_codes_an_hour() {
    let app = TestApp::start_with(Engine::Sqlite, LimitMode::On).await;
    let (sam, robin) = (app.person().await, app.person().await);
    let made = sam.post(INVITATIONS, &sponsor()).await.expect(201);
    for _ in 0..20 {
        take(&robin, "nonsense").await.expect(404);
    }
    let code = made.body["code"].as_str().expect("a code");
    for code in ["nonsense", code] {
        let refused = take(&robin, code).await.expect(429);
        assert_eq!(refused.problem(), "too-many-requests");
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 60));
    }
    let kim = app.person().await;
    let acceptance = json!({ "code": code, "display_name": "Kim" });
    kim.post_with_key("/v1/invitations/accept", "key", &acceptance).await.expect(200);
    for _ in 0..19 {
        take(&kim, "nonsense").await.expect(404);
    }
    take(&kim, "nonsense").await.expect(429);
    // A retry is no other try.
    kim.post_with_key("/v1/invitations/accept", "key", &acceptance).await.expect(200);
}
