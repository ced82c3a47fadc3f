//! Rate limits: what is counted for an account, for a device, and for a network.

use mainstay_api::http::rate_limit::LimitMode;
use mainstay_tests::{
    Engine, TestApp,
    client::{Client, PASSWORD, Response},
};
use serde_json::{Value, json};

/// The address that floods.
const HERE: &str = "192.0.2.7";

/// A request from [`HERE`].
struct Request {
    client: Client,
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
}

impl Request {
    fn get(client: Client, path: &'static str) -> Self {
        Self { client, method: "GET", path, body: None }
    }

    fn post(client: Client, path: &'static str, body: Value) -> Self {
        Self { client, method: "POST", path, body: Some(body) }
    }

    async fn send(&self) -> Response {
        let body = self.body.as_ref().map(|body| body.to_string().into_bytes());
        self.client.send(self.method, self.path, &[("x-forwarded-for", HERE)], body).await
    }

    /// Whether it is refused by the limit of that name. A few requests become free each second, so it may take more than one.
    async fn is_refused_by(&self, policy: &str) -> bool {
        for _ in 0..50 {
            let response = self.send().await;
            if response.status == 429 {
                assert_eq!(response.problem(), "too-many-requests");
                assert!(response.header("retry-after").parse::<u32>().is_ok_and(|s| s >= 1));
                return response.header("ratelimit").starts_with(&format!("\"{policy}\";r=0"));
            }
        }
        false
    }
}

/// Uses up what the network of [`HERE`] may send without sign-in.
async fn flood(app: &TestApp) {
    let unknown = Request::get(app.client(), "/v1/nowhere");
    for _ in 0..3000 {
        if unknown.send().await.status == 429 {
            return;
        }
    }
    panic!("a flood of unknown paths is not refused");
}

#[tokio::test]
async fn requests_that_are_not_signed_in_count_for_their_network() {
    let app = TestApp::start_with(Engine::Sqlite, LimitMode::On).await;
    let (sam, away) = (app.person().await, app.person().await);
    let token = |person: &Value| person["access_token"].as_str().expect("a token").to_owned();
    let client = app.client();
    let ended = client.with_token(&token(&away.tokens));
    ended.send("POST", "/v1/auth/logout", &[], None).await.expect(204);
    let invalid = client.with_token("nothing");
    let not_signed_in = [
        (404, Request::get(client.clone(), "/v1/nowhere")),
        (405, Request { client: client.clone(), method: "DELETE", path: "/v1/helplines", body: None }),
        (401, Request::get(client.clone(), "/v1/me")),
        (401, Request::get(client.clone(), "/v1/practices")),
        (401, Request::get(invalid.clone(), "/v1/me")),
        (401, Request::get(ended.clone(), "/v1/me")),
        (401, Request { client: invalid, method: "POST", path: "/v1/auth/logout", body: None }),
        (401, Request { client: ended, method: "POST", path: "/v1/auth/logout", body: None }),
        (401, Request::post(client, "/v1/check-ins", json!({}))),
    ];
    for (status, request) in &not_signed_in {
        let first = request.send().await.expect(*status);
        assert_eq!(first.header("ratelimit-policy"), "\"network\";q=1200;w=60", "{}", request.path);
    }
    flood(&app).await;
    for (_, request) in &not_signed_in {
        assert!(request.is_refused_by("network").await, "{} {}", request.method, request.path);
    }
    let signed_in = Request::get(app.client().with_token(&token(&sam.tokens)), "/v1/me");
    let served = signed_in.send().await.expect(200);
    assert_eq!(served.header("ratelimit-policy"), "\"account\";q=6000;w=60");
}

#[tokio::test]
async fn a_flood_from_a_network_keeps_nobody_there_from_signing_in_or_from_help() {
    let app = TestApp::start_with(Engine::Sqlite, LimitMode::On).await;
    let (sam, robin) = (app.person().await, app.person().await);
    let sign_in = |email: &str, token: &Value| {
        let body = json!({ "email": email, "password": PASSWORD, "device_token": token });
        Request::post(app.client(), "/v1/auth/login", body)
    };
    let refresh =
        |token: &Value| Request::post(app.client(), "/v1/auth/refresh", json!({ "refresh_token": token }));
    flood(&app).await;
    refresh(&sam.tokens["refresh_token"]).send().await.expect(200);
    sign_in(&sam.email, &sam.tokens["device_token"]).send().await.expect(200);
    let help = Request::get(app.client(), "/v1/helplines?country=US").send().await.expect(200);
    assert_eq!(help.header("ratelimit-policy"), "\"helplines\";q=6000;w=60");
    for (about, request) in [
        ("no device token", sign_in(&sam.email, &Value::Null)),
        ("no token of ours", sign_in(&sam.email, &json!("A".repeat(107)))),
        ("the device of another account", sign_in(&sam.email, &robin.tokens["device_token"])),
        ("no account", sign_in("nobody@example.org", &robin.tokens["device_token"])),
        ("no refresh token", refresh(&json!("A".repeat(96)))),
        ("no body of a refresh", Request::post(app.client(), "/v1/auth/refresh", json!([]))),
    ] {
        // What became free meanwhile is used up again, since verifying a password takes long.
        flood(&app).await;
        assert!(request.is_refused_by("network").await, "{about}");
    }
}

#[tokio::test]
async fn a_device_has_a_limit_of_its_own_for_new_tokens() {
    let app = TestApp::start_with(Engine::Sqlite, LimitMode::On).await;
    let sam = app.person().await;
    let other = sam.another_device().await;
    let refresh =
        |token: &Value| Request::post(app.client(), "/v1/auth/refresh", json!({ "refresh_token": token }));
    let mine = refresh(&sam.tokens["refresh_token"]);
    for _ in 0..120 {
        mine.send().await.expect(200);
    }
    assert!(mine.is_refused_by("device").await);
    refresh(&other.tokens["refresh_token"]).send().await.expect(200);
}
