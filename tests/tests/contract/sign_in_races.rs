//! Requests with a password or a refresh token while another request changes the password or erases the account.

use mainstay_tests::{PASSWORD, Response, TestApp, both_engines};
use serde_json::json;
use tokio::task::JoinSet;

both_engines!(
    sign_ins_during_an_erasure_are_refused_as_wrong,
    refreshes_during_an_erasure_are_refused,
    confirmations_during_an_erasure_are_refused,
    of_password_changes_at_once_one_succeeds,
);

const NEW_PASSWORD: &str = "mountains do not hurry";

/// Checks that each response succeeded or is one of these problems, or that a busy machine refused it. Gives how many
/// succeeded.
fn successes(responses: &[Response], problems: &[&str]) -> usize {
    let failed = responses.iter().filter(|response| response.status >= 400);
    let mut left = responses.len();
    for response in failed {
        let is_expected = response.status == 401 && problems.contains(&response.problem().as_str());
        assert!(is_expected || response.status == 503, "{}", response.text);
        left -= 1;
    }
    left
}

async fn sign_ins_during_an_erasure_are_refused_as_wrong(app: &TestApp) {
    for _ in 0..2 {
        let sam = app.person().await;
        let login = json!({ "email": sam.email, "password": PASSWORD }).to_string().into_bytes();
        let mut requests = JoinSet::new();
        for n in 0..9 {
            let (client, login) = (app.client(), login.clone());
            requests.spawn(async move {
                let from = format!("203.0.113.{n}");
                client.send("POST", "/v1/auth/login", &[("x-forwarded-for", &from)], Some(login)).await
            });
        }
        let password = json!({ "password": PASSWORD }).to_string().into_bytes();
        sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
        let responses = requests.join_all().await;
        successes(&responses, &["invalid-credentials"]);
        let login = json!({ "email": sam.email, "password": PASSWORD });
        app.client().post("/v1/auth/login", &login).await.expect(401);
    }
}

async fn refreshes_during_an_erasure_are_refused(app: &TestApp) {
    for round in 0..3 {
        let sam = app.person().await;
        let mut requests = JoinSet::new();
        for n in 0..8 {
            let (client, token) = (app.client(), sam.tokens["refresh_token"].clone());
            let key = format!("refresh-{round}-{n}");
            requests.spawn(async move {
                let body = json!({ "refresh_token": token }).to_string().into_bytes();
                client.send("POST", "/v1/auth/refresh", &[("idempotency-key", &key)], Some(body)).await
            });
        }
        let password = json!({ "password": PASSWORD }).to_string().into_bytes();
        sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
        let responses = requests.join_all().await;
        successes(&responses, &["invalid-refresh-token"]);
        let token = json!({ "refresh_token": sam.tokens["refresh_token"] });
        app.client().post("/v1/auth/refresh", &token).await.expect(401);
    }
}

async fn confirmations_during_an_erasure_are_refused(app: &TestApp) {
    let sam = app.person().await;
    let mut requests = JoinSet::new();
    // No more than are free of a wait.
    for n in 0..4 {
        let client = sam.client.clone();
        requests.spawn(async move {
            if n % 2 == 0 {
                let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
                client.post("/v1/auth/password/change", &change).await
            } else {
                let password = json!({ "password": PASSWORD }).to_string().into_bytes();
                client.send("DELETE", "/v1/me", &[], Some(password)).await
            }
        });
    }
    let responses = requests.join_all().await;
    let succeeded = successes(&responses, &["wrong-password", "unauthenticated"]);
    assert!(succeeded >= 1);
}

async fn of_password_changes_at_once_one_succeeds(app: &TestApp) {
    let sam = app.person().await;
    let mut requests = JoinSet::new();
    for n in 0..4 {
        let client = sam.client.clone();
        requests.spawn(async move {
            let change =
                json!({ "current_password": PASSWORD, "new_password": format!("{NEW_PASSWORD} {n}") });
            client.post("/v1/auth/password/change", &change).await
        });
    }
    let responses = requests.join_all().await;
    assert_eq!(successes(&responses, &["wrong-password"]), 1);
}
