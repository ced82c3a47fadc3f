//! Accounts: registration, profile, password and erasure.

use mainstay_tests::{PASSWORD, TestApp, both_engines, samples::check_in};
use serde_json::json;

both_engines!(
    an_address_that_is_taken_is_refused_at_once,
    a_registration_is_checked_in_every_field,
    the_profile_is_replaced_as_a_whole_and_only_at_its_version,
    a_new_password_ends_every_other_session,
    erasing_needs_the_password_and_leaves_nothing,
);

async fn an_address_that_is_taken_is_refused_at_once(app: &TestApp) {
    let sam = app.person().await;
    let again = json!({ "email": sam.email.to_uppercase(), "password": PASSWORD, "time_zone": "UTC" });
    assert_eq!(app.client().post("/v1/auth/register", &again).await.expect(409).problem(), "email-taken");
}

async fn a_registration_is_checked_in_every_field(app: &TestApp) {
    let wrong = app.client().post("/v1/auth/register", &json!({
        "email": "sam", "password": "short", "time_zone": 3, "country": "usa", "locale": "english please", "role": "operator",
    })).await.expect(422);
    assert_eq!(wrong.pointers(), ["/country", "/email", "/locale", "/password", "/role", "/time_zone"]);
    let common = json!({ "email": "sam@example.org", "password": "Password1234", "time_zone": "UTC" });
    let common = app.client().post("/v1/auth/register", &common).await.expect(422);
    assert_eq!(common.faults(), [("/password".to_owned(), "common-password".to_owned())]);
    assert!(!common.text.contains("Password1234"));
}

async fn the_profile_is_replaced_as_a_whole_and_only_at_its_version(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam@example.org", "display_name": "Sam" })).await;
    let me = sam.get("/v1/me").await.expect(200);
    assert_eq!(
        (me.header("etag").as_str(), &me.body["display_name"], &me.body["role"]),
        ("\"1\"", &json!("Sam"), &json!("person"))
    );
    let mut body = me.body.clone();
    body["time_zone"] = json!("Asia/Tokyo");
    body.as_object_mut().expect("an object").remove("display_name");
    body["role"] = json!("operator");
    body["email"] = json!("else@example.org");
    sam.send("PUT", "/v1/me", &[], Some(body.to_string().into_bytes())).await.expect(428);
    let changed = sam.put("/v1/me", 1, &body).await.expect(200);
    assert_eq!(changed.body.get("display_name"), None);
    assert_eq!(
        (&changed.body["time_zone"], &changed.body["role"], &changed.body["email"]),
        (&json!("Asia/Tokyo"), &json!("person"), &json!("sam@example.org"))
    );
    sam.put("/v1/me", 1, &body).await.expect(412);
    sam.send("GET", "/v1/me", &[("if-none-match", "\"2\"")], None).await.expect(304);
    assert_eq!(
        sam.put("/v1/me", 2, &json!({ "time_zone": "Mars/Base" })).await.expect(422).pointers(),
        ["/time_zone"]
    );
}

async fn a_new_password_ends_every_other_session(app: &TestApp) {
    let phone = app.person().await;
    let tablet = phone.another_device().await;
    let change =
        |current: &str| json!({ "current_password": current, "new_password": "mountains do not hurry" });
    assert_eq!(
        phone.post("/v1/auth/password/change", &change("not this one")).await.expect(401).problem(),
        "wrong-password"
    );
    phone.post("/v1/auth/password/change", &change(PASSWORD)).await.expect(204);
    phone.get("/v1/me").await.expect(200);
    tablet.get("/v1/me").await.expect(401);
    let login = |password: &str| json!({ "email": phone.email, "password": password });
    app.client().post("/v1/auth/login", &login(PASSWORD)).await.expect(401);
    app.client().post("/v1/auth/login", &login("mountains do not hurry")).await.expect(200);
}

async fn erasing_needs_the_password_and_leaves_nothing(app: &TestApp) {
    let sam = app.person().await;
    let kim = app.person().await;
    for person in [&sam, &kim] {
        person.post("/v1/check-ins", &check_in("x")).await.expect(201);
    }
    let erase = |password: &str| json!({ "password": password }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(erase("not this one"))).await.expect(401);
    sam.get("/v1/me").await.expect(200);
    sam.send("DELETE", "/v1/me", &[], Some(erase(PASSWORD))).await.expect(204);
    sam.get("/v1/me").await.expect(401);
    let login = json!({ "email": sam.email, "password": PASSWORD });
    app.client().post("/v1/auth/login", &login).await.expect(401);
    let token = json!({ "refresh_token": sam.tokens["refresh_token"] });
    app.client().post("/v1/auth/refresh", &token).await.expect(401);
    assert_eq!(kim.get("/v1/check-ins").await.items().len(), 1);
    // The address is free again, and the new account starts with nothing.
    let again = app.person_with(json!({ "email": sam.email })).await;
    assert_ne!(again.account["id"], sam.account["id"]);
    assert!(again.get("/v1/check-ins").await.items().is_empty());
}
