//! Emergency access: who gets it, what the person sees of it, and how it ends.

use chrono::TimeDelta;
use mainstay_domain::account::Role;
use mainstay_tests::{PASSWORD, Person, Response, TestApp, both_engines};
use serde_json::{Value, json};

const PATH: &str = "/v1/break-glass";

fn request(person: &str) -> Value {
    json!({
        "person": person, "affiliation": "Harbor Hospital", "emergency": "Unconscious on arrival",
        "justification": "Medication must be known before treatment.", "password": PASSWORD,
    })
}

fn with(mut request: Value, members: Value) -> Value {
    for (name, value) in members.as_object().expect("an object") {
        request[name] = value.clone();
    }
    request
}

/// A clinician opens the record of a person.
pub async fn opened(clinician: &Person, person: &Person) -> Response {
    clinician.post(PATH, &request(&person.email)).await.expect(201)
}

async fn listed(person: &Person) -> Vec<Value> {
    person.get(PATH).await.expect(200).items()
}

both_engines!(
    the_person_is_told_at_once_and_may_end_it,
    it_ends_by_itself_after_a_day,
    only_clinicians_get_it,
    nobody_is_found_who_has_no_record_of_their_own,
    a_wrong_password_opens_nothing,
    every_wrong_field_is_named,
    each_try_counts_and_five_are_a_day,
    three_at_a_time_and_no_more,
    a_request_that_is_sent_again_gets_the_same_access,
    a_clinician_without_a_name_gets_none,
    the_list_has_pages,
    an_entry_outlives_the_account_of_its_clinician,
    it_goes_with_the_account_of_the_person,
);

async fn the_person_is_told_at_once_and_may_end_it(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    assert_eq!(listed(&sam).await, Vec::<Value>::new());
    let granted = opened(&lee, &sam).await;
    assert_eq!(granted.body["person_id"], sam.account["id"]);
    let entries = listed(&sam).await;
    assert_eq!(
        entries,
        [json!({
            "id": granted.body["id"], "clinician_id": lee.account["id"], "clinician_name": "The clinician",
            "affiliation": "Harbor Hospital", "emergency": "Unconscious on arrival",
            "justification": "Medication must be known before treatment.", "status": "active",
            "granted_at": granted.body["granted_at"], "ends_at": granted.body["ends_at"], "reads": [],
        })]
    );
    // It is nobody else's.
    let kim = app.person().await;
    let path = format!("{PATH}/{}/end", granted.id());
    for other in [&kim, &lee] {
        assert_eq!(other.post_empty(&path).await.expect(404).problem(), "not-found");
        assert_eq!(listed(other).await, Vec::<Value>::new());
    }
    let ended = sam.post_empty(&path).await.expect(200).body;
    assert_eq!(ended["status"], "ended");
    app.clock.advance(TimeDelta::minutes(5));
    let again = sam.client.send("POST", &path, &[("idempotency-key", "end")], None).await.expect(200);
    assert_eq!(again.body, ended, "it stays as it is");
    assert_eq!(listed(&sam).await, [ended]);
}

async fn it_ends_by_itself_after_a_day(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    let granted = opened(&lee, &sam).await;
    let time = |name: &str| -> chrono::DateTime<chrono::Utc> {
        granted.body[name].as_str().expect("a time").parse().expect("a time")
    };
    assert_eq!(time("ends_at") - time("granted_at"), TimeDelta::hours(24));
    app.clock.advance(TimeDelta::minutes(24 * 60 - 1));
    let sam = Person::sign_in(&app.url, &sam.email).await;
    assert_eq!(listed(&sam).await[0]["status"], "active");
    app.clock.advance(TimeDelta::minutes(1));
    let entry = listed(&sam).await.remove(0);
    assert_eq!(entry["status"], "ended");
    let path = format!("{PATH}/{}/end", granted.id());
    assert_eq!(sam.post_empty(&path).await.expect(200).body, entry, "nobody ended it");
}

async fn only_clinicians_get_it(app: &TestApp) {
    let sam = app.person().await;
    for role in [Role::Person, Role::Supporter, Role::Operator] {
        let other = app.account_of(role).await;
        for body in [request(&sam.email), json!({})] {
            let refused = other.post(PATH, &body).await.expect(403);
            assert_eq!(refused.problem(), "role-not-allowed");
        }
    }
    assert_eq!(listed(&sam).await, Vec::<Value>::new());
}

async fn nobody_is_found_who_has_no_record_of_their_own(app: &TestApp) {
    let lee = app.account_of(Role::Clinician).await;
    let operator = app.account_of(Role::Operator).await;
    let unknown = lee.post(PATH, &request("nobody@example.org")).await.expect(404);
    let id = operator.account["id"].as_str().expect("an id");
    for person in [operator.email.as_str(), id, lee.email.as_str(), "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40"] {
        let refused = lee.post(PATH, &request(person)).await.expect(404);
        assert_eq!(refused.body["title"], unknown.body["title"]);
        assert_eq!(refused.body["detail"], unknown.body["detail"]);
    }
}

async fn a_wrong_password_opens_nothing(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    let wrong = with(request(&sam.email), json!({ "password": "not the password" }));
    assert_eq!(lee.post(PATH, &wrong).await.expect(401).problem(), "wrong-password");
    assert_eq!(listed(&sam).await, Vec::<Value>::new());
}

async fn every_wrong_field_is_named(app: &TestApp) {
    let lee = app.account_of(Role::Clinician).await;
    let wrong = json!({
        "id": "x", "person": "sam", "affiliation": "", "emergency": " ", "justification": "Because.", "password": "", "more": 1,
    });
    let mut pointers = lee.post(PATH, &wrong).await.expect(422).pointers();
    pointers.sort();
    let all = ["/affiliation", "/emergency", "/id", "/justification", "/more", "/password", "/person"];
    assert_eq!(pointers, all);
    let padded = with(request("sam@example.org"), json!({ "justification": "short               " }));
    assert_eq!(lee.post(PATH, &padded).await.expect(422).pointers(), ["/justification"]);
}

async fn each_try_counts_and_five_are_a_day(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    for n in 0..4 {
        lee.post(PATH, &request(&format!("nobody{n}@example.org"))).await.expect(404);
    }
    opened(&lee, &sam).await;
    let kim = app.person().await;
    for person in [kim.email.as_str(), "nobody@example.org"] {
        let refused = lee.post(PATH, &request(person)).await.expect(429);
        assert_eq!(refused.problem(), "too-many-requests");
        let wait: i64 = refused.header("retry-after").parse().expect("seconds");
        assert!((86_000..=86_401).contains(&wait), "{wait}");
    }
    assert_eq!(listed(&kim).await, Vec::<Value>::new());
    // Another clinician is not kept from it, and the next day has its own tries.
    opened(&app.account_of(Role::Clinician).await, &kim).await;
    app.clock.advance(TimeDelta::hours(24));
    let lee = Person::sign_in(&app.url, &lee.email).await;
    opened(&lee, &kim).await;
}

async fn three_at_a_time_and_no_more(app: &TestApp) {
    let lee = app.account_of(Role::Clinician).await;
    let mut people = Vec::new();
    for _ in 0..3 {
        let person = app.person().await;
        let id = opened(&lee, &person).await.id();
        people.push((person, id));
    }
    let kim = app.person().await;
    for person in [kim.email.as_str(), "nobody@example.org"] {
        let refused = lee.post(PATH, &request(person)).await.expect(409);
        assert_eq!(refused.problem(), "too-many-emergencies");
    }
    let (sam, id) = &people[0];
    sam.post_empty(&format!("{PATH}/{id}/end")).await.expect(200);
    opened(&lee, &kim).await;
}

async fn a_request_that_is_sent_again_gets_the_same_access(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    let id = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47";
    let named = with(request(&sam.email), json!({ "id": id }));
    let first = lee.post(PATH, &named).await.expect(201);
    assert_eq!(first.id(), id);
    // More often than there are tries.
    for _ in 0..6 {
        let again = lee.post(PATH, &named).await.expect(200);
        assert_eq!((&again.body, again.header("idempotent-replayed").as_str()), (&first.body, "true"));
    }
    for other in [
        with(named.clone(), json!({ "emergency": "another one" })),
        with(named.clone(), json!({ "person": "nobody@example.org" })),
        with(named, json!({ "person": app.person().await.email })),
    ] {
        assert_eq!(lee.post(PATH, &other).await.expect(409).problem(), "id-conflict");
    }
    let keyed = lee.post_with_key(PATH, "key", &request(&sam.email)).await.expect(201);
    let again = lee.post_with_key(PATH, "key", &request(&sam.email)).await.expect(201);
    assert_eq!(keyed.body, again.body);
    assert_eq!(listed(&sam).await.len(), 2);
    // Another clinician cannot take the id for the same person.
    let other = app.account_of(Role::Clinician).await;
    let taken = with(request(&sam.email), json!({ "id": id }));
    assert_eq!(other.post(PATH, &taken).await.expect(409).problem(), "id-conflict");
}

async fn a_clinician_without_a_name_gets_none(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    lee.patch("/v1/me", 1, &json!({ "display_name": null })).await.expect(200);
    let refused = lee.post(PATH, &request(&sam.email)).await.expect(409);
    assert_eq!(refused.problem(), "display-name-needed");
    lee.patch("/v1/me", 2, &json!({ "display_name": "Dr. Lee" })).await.expect(200);
    opened(&lee, &sam).await;
    // The entry keeps the name that the clinician had then.
    lee.patch("/v1/me", 3, &json!({ "display_name": "Somebody else" })).await.expect(200);
    assert_eq!(listed(&sam).await[0]["clinician_name"], "Dr. Lee");
}

async fn the_list_has_pages(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        app.clock.advance(TimeDelta::seconds(1));
        ids.insert(0, opened(&lee, &sam).await.id());
    }
    let mut found = Vec::new();
    let mut path = format!("{PATH}?limit=2");
    for expected in [2, 1] {
        let page = sam.get(&path).await.expect(200);
        assert_eq!(page.items().len(), expected);
        found.extend(page.items().iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        path = format!("{PATH}?limit=2&cursor={}", page.body["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(found, ids);
    assert_eq!(sam.get(&format!("{PATH}?cursor=x&limit=0&all=1")).await.expect(422).pointers().len(), 3);
}

async fn an_entry_outlives_the_account_of_its_clinician(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    opened(&lee, &sam).await;
    let erase = json!({ "password": PASSWORD }).to_string().into_bytes();
    lee.send("DELETE", "/v1/me", &[], Some(erase)).await.expect(204);
    let entry = listed(&sam).await.remove(0);
    assert_eq!(
        (&entry["status"], &entry["clinician_name"], &entry["affiliation"]),
        (&json!("ended"), &json!("The clinician"), &json!("Harbor Hospital"))
    );
}

async fn it_goes_with_the_account_of_the_person(app: &TestApp) {
    let (sam, lee) = (app.person().await, app.account_of(Role::Clinician).await);
    let id = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47";
    let named = with(request(&sam.email), json!({ "id": id }));
    lee.post(PATH, &named).await.expect(201);
    let erase = json!({ "password": PASSWORD }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(erase)).await.expect(204);
    lee.post(PATH, &named).await.expect(404);
}
