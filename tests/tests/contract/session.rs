//! Sessions: signing in, delays after failures, refresh tokens, and signing out devices.

use chrono::TimeDelta;
use mainstay_domain::account::Role;
use mainstay_tests::{Client, PASSWORD, Response, TestApp, both_engines};
use serde_json::{Value, json};

async fn refresh(client: &Client, token: &Value) -> Response {
    client.post("/v1/auth/refresh", &json!({ "refresh_token": token })).await
}

async fn login(client: &Client, email: &str, password: &str) -> Response {
    client.post("/v1/auth/login", &json!({ "email": email, "password": password })).await
}

both_engines!(
    signing_in_ignores_the_case_of_the_address,
    an_unknown_address_and_a_wrong_password_get_the_same_response,
    failed_sign_ins_cause_growing_delays_and_never_a_lock,
    attacks_from_other_networks_do_not_lock_the_owner_out,
    a_refresh_token_works_once_and_a_lost_response_is_repeated,
    a_spent_token_ends_the_session_after_half_a_minute,
    parallel_refreshes_get_the_same_response,
    forged_tokens_are_refused,
    access_ends_after_ten_minutes_and_sessions_after_ninety_days_without_use,
    a_device_can_be_signed_out_from_another,
    parallel_guesses_do_not_evade_the_delay,
    guesses_from_the_network_of_an_account_do_not_delay_its_device_token,
    no_session_of_the_old_password_survives_its_change,
    a_session_ends_after_a_year_however_often_it_is_used,
    sessions_of_those_who_are_at_work_end_after_twelve_hours,
    all_other_sessions_are_ended_at_once,
    the_list_of_sessions_has_pages_that_stay_in_their_order,
    a_token_of_another_type_is_refused,
);

async fn signing_in_ignores_the_case_of_the_address(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "Sam@Example.org" })).await;
    assert_eq!(sam.account["email"], "Sam@example.org");
    let response = login(&app.client(), "sam@example.ORG", PASSWORD).await.expect(200);
    assert_eq!(response.body["account"]["id"], sam.account["id"]);
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(
        (&response.body["tokens"]["token_type"], &response.body["tokens"]["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
}

async fn an_unknown_address_and_a_wrong_password_get_the_same_response(app: &TestApp) {
    let sam = app.person().await;
    let wrong = login(&app.client(), &sam.email, "not the password").await.expect(401);
    let unknown = login(&app.client(), "nobody@example.org", PASSWORD).await.expect(401);
    let without_id = |response: &Response| {
        let mut body = response.body.clone();
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(without_id(&wrong), without_id(&unknown));
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
}

async fn failed_sign_ins_cause_growing_delays_and_never_a_lock(app: &TestApp) {
    let sam = app.person().await;
    for email in [sam.email.as_str(), "nobody@example.org"] {
        let mut waits = Vec::new();
        for _ in 0..12 {
            let response = login(&app.client(), email, "not the password").await;
            if response.status == 429 {
                let wait: i64 = response.header("retry-after").parse().expect("seconds");
                waits.push(wait);
                app.clock.advance(TimeDelta::seconds(wait));
            } else {
                response.expect(401);
            }
        }
        assert!(waits.len() >= 3 && waits.windows(2).all(|w| w[0] <= w[1]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 61), "{waits:?}");
    }
    // During a delay, the correct password is refused too. After it, signing in succeeds and resets the delays.
    login(&app.client(), &sam.email, "not the password").await.expect(401);
    login(&app.client(), &sam.email, PASSWORD).await.expect(429);
    app.clock.advance(TimeDelta::seconds(61));
    login(&app.client(), &sam.email, PASSWORD).await.expect(200);
    login(&app.client(), &sam.email, "not the password").await.expect(401);
    login(&app.client(), &sam.email, PASSWORD).await.expect(200);
}

async fn attacks_from_other_networks_do_not_lock_the_owner_out(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..40 {
        let body = json!({ "email": sam.email, "password": "not the password" }).to_string().into_bytes();
        let from = format!("203.0.113.{n}");
        app.client().send("POST", "/v1/auth/login", &[("x-forwarded-for", &from)], Some(body)).await;
    }
    // A network that has signed in before has its own delays.
    login(&app.client(), &sam.email, PASSWORD).await.expect(200);
    // So has one from which nobody has tried, as long as the others are not very many.
    let body = json!({ "email": sam.email, "password": PASSWORD }).to_string().into_bytes();
    let strange =
        app.client().send("POST", "/v1/auth/login", &[("x-forwarded-for", "198.51.100.1")], Some(body)).await;
    strange.expect(200);
}

async fn a_refresh_token_works_once_and_a_lost_response_is_repeated(app: &TestApp) {
    let sam = app.person().await;
    let client = app.client();
    let first = sam.tokens["refresh_token"].clone();
    let second = refresh(&client, &first).await.expect(200);
    let again = refresh(&client, &first).await.expect(200);
    assert_eq!(again.body, second.body, "the same response");
    app.clock.advance(TimeDelta::seconds(29));
    assert_eq!(refresh(&client, &first).await.expect(200).body, second.body);
    let next = second.body["tokens"]["refresh_token"].clone();
    let third = refresh(&client, &next).await.expect(200);
    let access = third.body["tokens"]["access_token"].as_str().expect("a token").to_owned();
    client.with_token(&access).get("/v1/me").await.expect(200);
    // The token before the last was used again: the whole session ends.
    assert_eq!(refresh(&client, &first).await.expect(401).problem(), "invalid-refresh-token");
    refresh(&client, &third.body["tokens"]["refresh_token"]).await.expect(401);
    client.with_token(&access).get("/v1/me").await.expect(401);
}

async fn a_spent_token_ends_the_session_after_half_a_minute(app: &TestApp) {
    let sam = app.person().await;
    let client = app.client();
    let second = refresh(&client, &sam.tokens["refresh_token"]).await.expect(200);
    app.clock.advance(TimeDelta::seconds(31));
    refresh(&client, &sam.tokens["refresh_token"]).await.expect(401);
    refresh(&client, &second.body["tokens"]["refresh_token"]).await.expect(401);
}

async fn parallel_refreshes_get_the_same_response(app: &TestApp) {
    let sam = app.person().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (client, token) = (app.client(), sam.tokens["refresh_token"].clone());
        calls.spawn(async move { refresh(&client, &token).await.expect(200).text });
    }
    let mut responses = calls.join_all().await;
    responses.dedup();
    assert_eq!(responses.len(), 1);
}

async fn forged_tokens_are_refused(app: &TestApp) {
    let sam = app.person().await;
    for token in ["", "x", "AAAA", sam.tokens["access_token"].as_str().expect("a token")] {
        let response = refresh(&app.client(), &json!(token)).await;
        assert!(matches!(response.status, 401 | 422), "{token}");
        assert_eq!(
            app.client().with_token(&format!("{token}x")).get("/v1/me").await.expect(401).problem(),
            "unauthenticated"
        );
    }
    assert_eq!(app.client().get("/v1/me").await.expect(401).problem(), "unauthenticated");
}

async fn access_ends_after_ten_minutes_and_sessions_after_ninety_days_without_use(app: &TestApp) {
    let sam = app.person().await;
    app.clock.advance(TimeDelta::seconds(570));
    sam.get("/v1/me").await.expect(200);
    app.clock.advance(TimeDelta::seconds(31));
    sam.get("/v1/me").await.expect(401);
    app.clock.advance(TimeDelta::days(89));
    let next = refresh(&app.client(), &sam.tokens["refresh_token"]).await.expect(200);
    app.clock.advance(TimeDelta::days(91));
    refresh(&app.client(), &next.body["tokens"]["refresh_token"]).await.expect(401);
}

async fn a_device_can_be_signed_out_from_another(app: &TestApp) {
    let phone = app.person_with(json!({ "email": "sam@example.org", "device_name": "phone" })).await;
    let tablet = phone.another_device().await;
    let devices = tablet.get("/v1/auth/sessions").await.expect(200).items();
    let names: Vec<_> = devices.iter().map(|d| (d["device_name"].as_str(), d["current"].as_bool())).collect();
    assert!(
        names.contains(&(Some("phone"), Some(false))) && names.contains(&(Some("another"), Some(true))),
        "{names:?}"
    );
    let path = format!("/v1/auth/sessions/{}", phone.tokens["session_id"].as_str().expect("an id"));
    app.person().await.send("DELETE", &path, &[], None).await.expect(404);
    phone.get("/v1/me").await.expect(200);
    tablet.send("DELETE", &path, &[], None).await.expect(204);
    phone.get("/v1/me").await.expect(401);
    refresh(&app.client(), &phone.tokens["refresh_token"]).await.expect(401);
    tablet.post_empty("/v1/auth/logout").await.expect(204);
    tablet.get("/v1/me").await.expect(401);
}

async fn parallel_guesses_do_not_evade_the_delay(app: &TestApp) {
    let sam = app.person().await;
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (client, email) = (app.client(), sam.email.clone());
        guesses.spawn(async move { login(&client, &email, "not the password").await.status });
    }
    let checked = guesses.join_all().await.into_iter().filter(|status| *status == 401).count();
    assert!(checked <= 6, "{checked}");
}

async fn guesses_from_the_network_of_an_account_do_not_delay_its_device_token(app: &TestApp) {
    let sam = app.person().await;
    for n in 0..70 {
        login(&app.client(), &format!("nobody{n}@example.org"), "not the password").await;
    }
    login(&app.client(), &sam.email, PASSWORD).await.expect(429);
    let device =
        json!({ "email": sam.email, "password": PASSWORD, "device_token": sam.tokens["device_token"] });
    app.client().post("/v1/auth/login", &device).await.expect(200);
}

async fn no_session_of_the_old_password_survives_its_change(app: &TestApp) {
    let sam = app.person().await;
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (client, email) = (app.client(), sam.email.clone());
        logins.spawn(async move { login(&client, &email, PASSWORD).await });
    }
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    sam.post("/v1/auth/password/change", &change).await.expect(204);
    for response in logins.join_all().await.into_iter().filter(|response| response.status == 200) {
        let token = response.body["tokens"]["access_token"].as_str().expect("a token");
        app.client().with_token(token).get("/v1/me").await.expect(401);
    }
    assert_eq!(sam.get("/v1/auth/sessions").await.items().len(), 1);
}

/// Whether a refresh token is valid for that many seconds, but for the time that the test has taken.
#[track_caller]
fn assert_valid_for(tokens: &Value, seconds: i64) {
    let found = tokens["refresh_expires_in"].as_i64().expect("seconds");
    assert!((seconds - 30..=seconds).contains(&found), "{found}");
}

async fn a_session_ends_after_a_year_however_often_it_is_used(app: &TestApp) {
    let sam = app.person().await;
    let mut tokens = sam.tokens.clone();
    assert_valid_for(&tokens, 90 * 24 * 3600);
    for _ in 0..4 {
        app.clock.advance(TimeDelta::days(80));
        tokens = refresh(&app.client(), &tokens["refresh_token"]).await.expect(200).body["tokens"].take();
    }
    // 320 days have gone by.
    assert_valid_for(&tokens, 45 * 24 * 3600);
    app.clock.advance(TimeDelta::days(45) - TimeDelta::minutes(5));
    tokens = refresh(&app.client(), &tokens["refresh_token"]).await.expect(200).body["tokens"].take();
    assert_valid_for(&tokens, 300);
    let client = app.client().with_token(tokens["access_token"].as_str().expect("a token"));
    let devices = client.get("/v1/auth/sessions").await.expect(200).items();
    let ends_at =
        devices[0]["ends_at"].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
    assert!(ends_at.expect("a time") - app.clock.now() <= TimeDelta::minutes(5));
    app.clock.advance(TimeDelta::minutes(5) + TimeDelta::seconds(6));
    client.get("/v1/me").await.expect(401);
    let spent = refresh(&app.client(), &tokens["refresh_token"]).await.expect(401);
    assert_eq!(spent.problem(), "invalid-refresh-token");
}

async fn sessions_of_those_who_are_at_work_end_after_twelve_hours(app: &TestApp) {
    for role in [Role::Clinician, Role::Operator] {
        let robin = app.account_of(role).await;
        assert_valid_for(&robin.tokens, 12 * 3600);
        app.clock.advance(TimeDelta::hours(11));
        let tokens =
            refresh(&app.client(), &robin.tokens["refresh_token"]).await.expect(200).body["tokens"].take();
        assert_valid_for(&tokens, 3600);
        app.clock.advance(TimeDelta::minutes(55));
        let tokens = refresh(&app.client(), &tokens["refresh_token"]).await.expect(200).body["tokens"].take();
        let client = app.client().with_token(tokens["access_token"].as_str().expect("a token"));
        client.get("/v1/me").await.expect(200);
        app.clock.advance(TimeDelta::minutes(5) + TimeDelta::seconds(6));
        client.get("/v1/me").await.expect(401);
        refresh(&app.client(), &tokens["refresh_token"]).await.expect(401);
    }
}

async fn all_other_sessions_are_ended_at_once(app: &TestApp) {
    let phone = app.person().await;
    let (tablet, lost) = (phone.another_device().await, phone.another_device().await);
    let kim = app.person().await;
    for device in [&tablet, &lost] {
        device.get("/v1/me").await.expect(200);
    }
    let key = [("idempotency-key", "end-others-1")];
    for _again in 0..2 {
        phone.send("POST", "/v1/auth/sessions/end-others", &key, None).await.expect(204);
    }
    for device in [&tablet, &lost] {
        device.get("/v1/me").await.expect(401);
        refresh(&app.client(), &device.tokens["refresh_token"]).await.expect(401);
    }
    assert_eq!(phone.get("/v1/auth/sessions").await.expect(200).items().len(), 1);
    // Without another session nothing happens.
    phone.post_empty("/v1/auth/sessions/end-others").await.expect(204);
    kim.get("/v1/me").await.expect(200);
    app.client().post_empty("/v1/auth/sessions/end-others").await.expect(401);
}

async fn the_list_of_sessions_has_pages_that_stay_in_their_order(app: &TestApp) {
    let sam = app.person().await;
    let mut begun = vec![sam.tokens["session_id"].clone()];
    let mut devices = Vec::new();
    for _ in 0..4 {
        app.clock.advance(TimeDelta::seconds(1));
        let device = sam.another_device().await;
        begun.insert(0, device.tokens["session_id"].clone());
        devices.push(device);
    }
    let mut seen: Vec<Value> = Vec::new();
    let mut path = "/v1/auth/sessions?limit=2".to_owned();
    loop {
        let page = sam.get(&path).await.expect(200);
        seen.extend(page.items().iter().map(|session| session["id"].clone()));
        // A device on a later page is used meanwhile, and is not skipped.
        app.clock.advance(TimeDelta::seconds(1));
        refresh(&app.client(), &devices[0].tokens["refresh_token"]).await.expect(200);
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        path = format!("/v1/auth/sessions?limit=2&cursor={next}");
    }
    assert_eq!(seen, begun);
    for (query, pointer) in
        [("limit=0", "/limit"), ("limit=201", "/limit"), ("cursor=x", "/cursor"), ("order=asc", "/order")]
    {
        assert_eq!(sam.get(&format!("/v1/auth/sessions?{query}")).await.expect(422).pointers(), [pointer]);
    }
}

async fn a_token_of_another_type_is_refused(app: &TestApp) {
    let sam = app.person().await;
    let token = sam.tokens["access_token"].as_str().expect("a token");
    // A refresh token is no access token, and the other way round.
    let refresh_token = sam.tokens["refresh_token"].as_str().expect("a token");
    app.client().with_token(refresh_token).get("/v1/me").await.expect(401);
    refresh(&app.client(), &json!(token)).await.expect(401);
}
