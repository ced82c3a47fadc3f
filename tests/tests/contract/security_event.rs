//! Security events: what happened to an account, in order, bounded, and for its person alone.

use chrono::TimeDelta;
use mainstay_domain::{account::Role, security_event::SecurityEventCode};
use mainstay_store::security_event::Collapse;
use mainstay_tests::{Client, PASSWORD, Person, TestApp, both_engines};
use serde_json::{Value, json};

both_engines!(
    what_happens_to_an_account_is_in_its_events,
    a_device_is_new_unless_it_shows_its_token,
    wrong_passwords_are_counted_and_collapse,
    wrong_passwords_push_nothing_else_out,
    an_unknown_address_leaves_no_event,
    networks_are_named_coarsely,
    every_role_reads_its_own_events_and_nobody_elses,
    the_list_has_pages,
    events_are_kept_for_a_year,
    too_many_sessions_leave_an_event,
);

const LIST: &str = "/v1/me/security-events";

async fn events(person: &Person) -> Vec<Value> {
    person.get(&format!("{LIST}?limit=200")).await.expect(200).items()
}

async fn codes(person: &Person) -> Vec<String> {
    events(person).await.iter().map(|event| event["code"].as_str().expect("a code").to_owned()).collect()
}

/// Writes the wrong passwords that were counted, as the server does each minute.
async fn write_failures(app: &TestApp) {
    let state = app.state();
    state.failed_tries.write(&state.store, Collapse::ByHour).await.expect("they are written");
}

/// Tries a wrong password, after any delay.
async fn try_wrong(app: &TestApp, email: &str, from: &str) {
    let body = json!({ "email": email, "password": "not the password" }).to_string().into_bytes();
    loop {
        let forwarded = [("x-forwarded-for", from)];
        let response = app.client().send("POST", "/v1/auth/login", &forwarded, Some(body.clone())).await;
        if response.status == 429 {
            let wait: i64 = response.header("retry-after").parse().expect("seconds");
            app.clock.advance(TimeDelta::seconds(wait));
        } else {
            response.expect(401);
            return;
        }
    }
}

async fn what_happens_to_an_account_is_in_its_events(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "device_name": "phone" })).await;
    let session = |person: &Person| person.tokens["session_id"].clone();
    let mut expected: Vec<(&str, Value)> = vec![("registered", session(&sam))];
    let step = || app.clock.advance(TimeDelta::seconds(1));
    step();
    let tablet = sam.another_device().await;
    expected.push(("signed_in_on_new_device", session(&tablet)));
    step();
    sam.send(
        "DELETE",
        &format!("/v1/auth/sessions/{}", session(&tablet).as_str().expect("an id")),
        &[],
        None,
    )
    .await
    .expect(204);
    expected.push(("session_ended", session(&tablet)));
    step();
    let laptop = sam.another_device().await;
    expected.push(("signed_in_on_new_device", session(&laptop)));
    step();
    laptop.post_empty("/v1/auth/logout").await.expect(204);
    expected.push(("signed_out", session(&laptop)));
    step();
    let (one, _two) = (sam.another_device().await, sam.another_device().await);
    expected.push(("signed_in_on_new_device", Value::Null));
    expected.push(("signed_in_on_new_device", Value::Null));
    step();
    sam.post_empty("/v1/auth/sessions/end-others").await.expect(204);
    expected.push(("other_sessions_ended", session(&sam)));
    step();
    let change = json!({ "current_password": PASSWORD, "new_password": "mountains do not hurry" });
    sam.post("/v1/auth/password/change", &change).await.expect(204);
    expected.push(("password_changed", session(&sam)));
    step();
    let token = json!({ "refresh_token": sam.tokens["refresh_token"] });
    let next = app.client().post("/v1/auth/refresh", &token).await.expect(200);
    app.clock.advance(TimeDelta::seconds(31));
    // What was ended already is not ended again.
    let ended = json!({ "refresh_token": one.tokens["refresh_token"] });
    app.client().post("/v1/auth/refresh", &ended).await.expect(401);
    app.client().post("/v1/auth/refresh", &token).await.expect(401);
    app.client().post("/v1/auth/refresh", &token).await.expect(401);
    drop(next);
    expected.push(("refresh_token_reused", session(&sam)));
    step();
    let body =
        json!({ "email": "sam@example.org", "password": "mountains do not hurry", "device_name": "desk" });
    let signed_in = app.client().post("/v1/auth/login", &body).await.expect(200);
    let sam = app.client().with_token(signed_in.body["tokens"]["access_token"].as_str().expect("a token"));
    expected.push(("signed_in_on_new_device", signed_in.body["tokens"]["session_id"].clone()));
    let found = sam.get(LIST).await.expect(200).items();
    let mut times: Vec<&str> = found.iter().map(|event| event["at"].as_str().expect("a time")).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    times.dedup();
    assert!(times.len() >= 9, "{times:?}");
    let found: Vec<(&str, &Value)> = found
        .iter()
        .rev()
        .map(|event| (event["code"].as_str().expect("a code"), &event["session_id"]))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((code, session), (expected_code, expected_session)) in found.iter().zip(&expected) {
        assert_eq!(code, expected_code);
        assert!(expected_session.is_null() || *session == expected_session, "{code}");
    }
    let newest = sam.get(LIST).await.items().remove(0);
    assert_eq!(newest["params"]["device_name"], "desk");
    assert_eq!(newest["sentence"], "A new device signed in.");
    let others =
        sam.get(LIST).await.items().into_iter().find(|event| event["code"] == "other_sessions_ended");
    assert_eq!(others.expect("the event")["params"]["count"], 2);
}

async fn a_device_is_new_unless_it_shows_its_token(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    let sign_in = async |device_token: &Value| {
        app.clock.advance(TimeDelta::seconds(1));
        let body = json!({ "email": sam.email, "password": PASSWORD, "device_token": device_token });
        app.client().post("/v1/auth/login", &body).await.expect(200);
        codes(&sam).await.remove(0)
    };
    assert_eq!(sign_in(&sam.tokens["device_token"]).await, "signed_in");
    assert_eq!(sign_in(&kim.tokens["device_token"]).await, "signed_in_on_new_device");
    assert_eq!(sign_in(&json!("made up")).await, "signed_in_on_new_device");
}

async fn wrong_passwords_are_counted_and_collapse(app: &TestApp) {
    let sam = app.person().await;
    for _ in 0..3 {
        try_wrong(app, &sam.email, "203.0.113.7").await;
    }
    assert_eq!(codes(&sam).await, ["registered"], "nobody waits for it");
    write_failures(app).await;
    let refreshed = async || {
        let body =
            json!({ "email": sam.email, "password": PASSWORD, "device_token": sam.tokens["device_token"] });
        let signed_in = app.client().post("/v1/auth/login", &body).await.expect(200);
        app.client().with_token(signed_in.body["tokens"]["access_token"].as_str().expect("a token"))
    };
    let failures = async |client: &Client| -> Vec<Value> {
        let all = client.get(LIST).await.expect(200).items();
        all.into_iter().filter(|event| event["code"] == "sign_in_failed").collect()
    };
    let found = failures(&refreshed().await).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["params"]["count"], &found[0]["params"]["network"]),
        (&json!(3), &json!("203.0.0.0/16"))
    );
    assert_eq!(
        found[0]["sentence"],
        "Somebody tried 3 times to sign in with a wrong password, and did not get in."
    );
    // More of them within the hour are counted, from wherever they come.
    for from in ["203.0.113.7", "198.51.100.1", "192.0.2.4"] {
        app.clock.advance(TimeDelta::minutes(1));
        try_wrong(app, &sam.email, from).await;
        write_failures(app).await;
    }
    assert_eq!(failures(&refreshed().await).await.len(), 1, "the first one holds them back");
    app.clock.advance(TimeDelta::hours(1));
    try_wrong(app, &sam.email, "203.0.113.7").await;
    write_failures(app).await;
    let found = failures(&refreshed().await).await;
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["params"]["count"], &found[0]["params"]["network"]), (&json!(4), &Value::Null));
    assert!(found[0]["params"]["since"].as_str() < found[0]["at"].as_str());
    // A wrong password of a session, and what a server that stops has counted.
    let sam = app.person().await;
    sam.send(
        "DELETE",
        "/v1/me",
        &[],
        Some(json!({ "password": "not the password" }).to_string().into_bytes()),
    )
    .await
    .expect(401);
    let state = app.state();
    state.failed_tries.write(&state.store, Collapse::Never).await.expect("they are written");
    let newest = events(&sam).await.remove(0);
    assert_eq!(
        (&newest["code"], &newest["session_id"]),
        (&json!("confirmation_failed"), &sam.tokens["session_id"])
    );
    assert_eq!(newest["sentence"], "A wrong password was given on a device that was signed in.");
}

async fn wrong_passwords_push_nothing_else_out(app: &TestApp) {
    let sam = app.person().await;
    let state = app.state();
    let account = sam.account["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let first = app.clock.micros();
    for n in 0..230 {
        // Four each day: as many events as the wrong passwords of ten days can make in the worst case.
        let failed = mainstay_api::auth::failed_tries::FailedTry {
            account,
            code: SecurityEventCode::SignInFailed,
            session: None,
            network: None,
            at: first + n * 7_200_000_000,
        };
        state.failed_tries.count(failed);
        state.failed_tries.write(&state.store, Collapse::ByHour).await.expect("they are written");
    }
    let mut cursor = String::new();
    let mut found = Vec::new();
    loop {
        let page = sam.get(&format!("{LIST}?limit=200{cursor}")).await.expect(200);
        found.extend(page.items());
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let of = |code: &str| found.iter().filter(|event| event["code"] == code).count();
    assert_eq!((of("sign_in_failed"), of("registered")), (200, 1));
}

async fn an_unknown_address_leaves_no_event(app: &TestApp) {
    let sam = app.person().await;
    try_wrong(app, "nobody@example.org", "203.0.113.7").await;
    write_failures(app).await;
    assert_eq!(codes(&sam).await, ["registered"]);
}

async fn networks_are_named_coarsely(app: &TestApp) {
    let sam = app.person().await;
    for (from, network) in [
        ("203.0.113.7", json!("203.0.0.0/16")),
        ("::ffff:198.51.100.9", json!("198.51.0.0/16")),
        ("2001:db8:1:2:3:4:5:6", json!("2001:db8::/32")),
    ] {
        app.clock.advance(TimeDelta::seconds(1));
        let body = json!({ "email": sam.email, "password": PASSWORD }).to_string().into_bytes();
        app.client()
            .send("POST", "/v1/auth/login", &[("x-forwarded-for", from)], Some(body))
            .await
            .expect(200);
        let newest = events(&sam).await.remove(0);
        assert_eq!(newest["params"]["network"], network);
        assert!(!newest.to_string().contains(from), "{newest}");
    }
}

async fn every_role_reads_its_own_events_and_nobody_elses(app: &TestApp) {
    for role in [Role::Supporter, Role::Clinician, Role::Operator] {
        let robin = app.account_of(role).await;
        let found = events(&robin).await;
        let codes: Vec<&Value> = found.iter().map(|event| &event["code"]).collect();
        assert_eq!(codes, ["signed_in_on_new_device", "created_by_service"]);
        assert_eq!(found[1]["params"]["role"], role.as_str());
    }
    assert_eq!(codes(&app.person().await).await, ["registered"]);
    app.client().get(LIST).await.expect(401);
}

async fn the_list_has_pages(app: &TestApp) {
    let sam = app.person().await;
    for _ in 0..4 {
        // Some at the same moment.
        sam.another_device().await;
    }
    let all: Vec<Value> = events(&sam).await.iter().map(|event| event["id"].clone()).collect();
    let (mut seen, mut path) = (Vec::new(), format!("{LIST}?limit=2"));
    loop {
        let page = sam.get(&path).await.expect(200);
        seen.extend(page.items().iter().map(|event| event["id"].clone()));
        app.clock.advance(TimeDelta::seconds(1));
        sam.another_device().await;
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        path = format!("{LIST}?limit=2&cursor={next}");
    }
    assert_eq!(seen, all, "later events change no page that follows");
    for (query, pointer) in
        [("limit=0", "/limit"), ("cursor=x", "/cursor"), ("from=2026-01-01T00:00:00Z", "/from")]
    {
        assert_eq!(sam.get(&format!("{LIST}?{query}")).await.expect(422).pointers(), [pointer]);
    }
}

async fn events_are_kept_for_a_year(app: &TestApp) {
    let sam = app.person().await;
    app.clock.advance(TimeDelta::days(364));
    let another = Person::sign_in(&app.url, &sam.email).await;
    let state = app.state();
    let sweep = async || {
        let before = app.clock.micros() - 365 * 86_400_000_000;
        state.store.sweep_security_events(before).await.expect("the sweep runs")
    };
    assert_eq!(sweep().await, 0);
    app.clock.advance(TimeDelta::days(2));
    assert_eq!(sweep().await, 1);
    let sam = Person::sign_in(&app.url, &another.email).await;
    assert_eq!(codes(&sam).await, ["signed_in_on_new_device", "signed_in_on_new_device"]);
}

async fn too_many_sessions_leave_an_event(app: &TestApp) {
    let sam = app.person().await;
    for _ in 0..50 {
        app.clock.advance(TimeDelta::seconds(6));
        sam.another_device().await;
    }
    sam.get("/v1/me").await.expect(401);
    let newest = Person::sign_in(&app.url, &sam.email).await;
    assert_eq!(newest.get("/v1/auth/sessions").await.expect(200).items().len(), 50);
    let found = events(&newest).await;
    let ended: Vec<&Value> = found.iter().filter(|event| event["code"] == "unused_sessions_ended").collect();
    assert_eq!(ended.len(), 2);
    assert_eq!(ended[0]["params"]["count"], 1);
}
