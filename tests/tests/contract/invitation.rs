//! Invitations: their life from the code to the end, what each side sees, and their bounds.

use chrono::TimeDelta;
use mainstay_domain::invitation::HelperRole;
use mainstay_store::invitation::{Helper, HelperKey};
use mainstay_tests::{
    Person, Response, TestApp, both_engines,
    sharing::{invite, invite_as},
};
use serde_json::{Value, json};
use uuid::Uuid;

both_engines!(
    an_invitation_is_made_taken_confirmed_and_left,
    each_step_is_refused_in_every_status_that_does_not_allow_it,
    neither_side_sees_an_address_nor_anything_new_after_the_end,
    nobody_else_reaches_an_invitation,
    every_wrong_field_of_an_invitation_is_named,
    whoever_takes_an_invitation_has_a_name,
    an_invitation_is_made_once_and_its_code_is_shown_once,
    a_step_with_a_key_is_taken_once,
    invitations_are_listed_in_pages,
    a_person_has_at_most_twenty_pending_and_two_hundred_invitations,
    only_a_confirmed_helper_is_found,
    invitations_that_ended_long_ago_are_removed,
);

/// The path of the invitations of a person.
pub(crate) const INVITATIONS: &str = "/v1/invitations";
/// The path of taking one.
pub(crate) const ACCEPT: &str = "/v1/invitations/accept";

/// The least that an invitation has.
pub(crate) fn sponsor() -> Value {
    json!({ "role": "supporter", "relationship": "sponsor" })
}

/// Makes an invitation. Returns its id and its code.
pub(crate) async fn make(person: &Person) -> (String, String) {
    let made = person.post(INVITATIONS, &sponsor()).await.expect(201);
    (made.id(), made.body["code"].as_str().expect("a code").to_owned())
}

/// Takes an invitation.
pub(crate) async fn take(helper: &Person, code: &str) -> Response {
    helper.post(ACCEPT, &json!({ "code": code, "display_name": "Robin" })).await
}

/// Takes a step of an invitation: `confirm`, `decline` or `revoke` by the person, `leave` by the helper.
async fn step(person: &Person, helper: &Person, id: &str, step: &str) -> Response {
    if step == "leave" {
        return helper.post_empty(&format!("{INVITATIONS}/accepted/{id}/leave")).await;
    }
    person.post_empty(&format!("{INVITATIONS}/{id}/{step}")).await
}

async fn an_invitation_is_made_taken_confirmed_and_left(app: &TestApp) {
    let sam = app.person_with(json!({ "display_name": "Sam" })).await;
    let robin = app.person_with(json!({ "email": "robin@example.org" })).await;
    let contact = json!({ "name": "Robin", "relationship": "sponsor", "phone": "+12025550143" });
    let contact = sam.post("/v1/support-contacts", &contact).await.expect(201).id();
    let new = json!({
        "role": "supporter", "relationship": "sponsor", "support_contact_id": contact, "message": "Walk with me?",
    });
    let made = sam.post(INVITATIONS, &new).await.expect(201);
    let (id, code) = (made.id(), made.body["code"].as_str().expect("a code").to_owned());
    assert_eq!(made.header("location"), format!("{INVITATIONS}/{id}"));
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.body["link"], format!("https://mainstay.example.org/i/{code}"));
    assert_eq!(made.body["status"], "pending");
    let path = format!("{INVITATIONS}/{id}");
    let mut shown = made.body.clone();
    for once in ["code", "link"] {
        shown.as_object_mut().expect("an object").remove(once);
    }
    assert_eq!(sam.get(&path).await.expect(200).body, shown, "the code is shown once");

    // As people write it.
    let taken = take(&robin, &code.to_lowercase().replace('-', " ")).await.expect(200);
    let expected = json!({
        "id": id, "status": "accepted", "role": "supporter", "relationship": "sponsor", "display_name": "Sam",
        "message": "Walk with me?", "taken_at": taken.body["taken_at"],
    });
    assert_eq!(taken.body, expected);
    let read = sam.get(&path).await.expect(200).body;
    assert_eq!((&read["status"], read.get("expires_at")), (&json!("accepted"), None));
    let by = json!({ "account_id": robin.account["id"], "display_name": "Robin" });
    assert_eq!(read["taken_by"], by);

    let confirmed = step(&sam, &robin, &id, "confirm").await.expect(200).body;
    assert_eq!((&confirmed["status"], &confirmed["taken_by"]), (&json!("confirmed"), &by));
    let listed = robin.get(&format!("{INVITATIONS}/accepted")).await.expect(200).items();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["status"], &listed[0]["person_id"]), (&json!("confirmed"), &sam.account["id"]));

    // Names are those of the profiles, whenever they are shown.
    robin.patch("/v1/me", 2, &json!({ "display_name": "Robin R." })).await.expect(200);
    assert_eq!(sam.get(&path).await.expect(200).body["taken_by"]["display_name"], "Robin R.");

    let left = step(&sam, &robin, &id, "leave").await.expect(200).body;
    assert_eq!(left["status"], "left");
    let read = sam.get(&path).await.expect(200).body;
    assert_eq!((&read["status"], &read["ended_at"]), (&json!("left"), &left["ended_at"]));
}

/// Brings an invitation into a status. Returns its id.
async fn bring_into(app: &TestApp, sam: &Person, robin: &Person, status: &str) -> String {
    let (id, code) = make(sam).await;
    let steps: &[&str] = match status {
        "pending" => return id,
        "expired" => {
            app.clock.advance(TimeDelta::days(7));
            return id;
        }
        "accepted" => &[],
        "confirmed" => &["confirm"],
        "declined" => &["decline"],
        "revoked" => &["confirm", "revoke"],
        "left" => &["confirm", "leave"],
        other => panic!("{other}"),
    };
    take(robin, &code).await.expect(200);
    for name in steps {
        step(sam, robin, &id, name).await.expect(200);
    }
    id
}

async fn each_step_is_refused_in_every_status_that_does_not_allow_it(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    for (status, allowed) in [
        ("pending", ["revoke"].as_slice()),
        ("accepted", &["confirm", "decline", "revoke", "leave"]),
        ("confirmed", &["revoke", "leave"]),
        ("declined", &[]),
        ("revoked", &[]),
        ("left", &[]),
        ("expired", &[]),
    ] {
        for name in ["confirm", "decline", "revoke", "leave"] {
            let (mut sam, mut robin) = (sam.clone(), robin.clone());
            if status == "expired" {
                (sam, robin) = (sam.another_device().await, robin.another_device().await);
            }
            let id = bring_into(app, &sam, &robin, status).await;
            if status == "expired" {
                (sam, robin) = (sam.another_device().await, robin.another_device().await);
            }
            let response = step(&sam, &robin, &id, name).await;
            let is_open = ["pending", "expired"].contains(&status);
            let expected = match (name, allowed.contains(&name)) {
                (_, true) => (200, ""),
                // The helper has not taken it.
                ("leave", false) if is_open => (404, "not-found"),
                _ => (409, "invitation-status"),
            };
            assert_eq!((response.status, response.problem().as_str()), expected, "{name} of {status}");
            if response.status == 409 {
                let detail = format!("The invitation is {status}.");
                assert_eq!(response.body["detail"], detail);
            }
            if response.status > 200 {
                let read = sam.get(&format!("{INVITATIONS}/{id}")).await.expect(200);
                assert_eq!(read.body["status"], status, "a refused {name} changes nothing");
            }
            // Others would be too many.
            step(&sam, &robin, &id, "revoke").await;
        }
    }
}

async fn neither_side_sees_an_address_nor_anything_new_after_the_end(app: &TestApp) {
    let sam = app.person_with(json!({ "email": "sam.secret@example.org", "display_name": "Sam" })).await;
    let robin = app.person_with(json!({ "email": "robin.secret@example.org" })).await;
    let mut answers = String::new();
    for end in ["decline", "revoke", "leave"] {
        let new = json!({ "role": "clinician", "relationship": "counselor", "message": "Only for you." });
        let made = sam.post(INVITATIONS, &new).await.expect(201);
        let (id, code) = (made.id(), made.body["code"].as_str().expect("a code"));
        answers += &made.text;
        answers += &take(&robin, code).await.expect(200).text;
        let mut texts = Vec::new();
        for (who, path) in [(&sam, INVITATIONS), (&robin, "/v1/invitations/accepted")] {
            texts.push(who.get(path).await.expect(200).text);
        }
        assert!(texts[0].contains("Robin") && texts[1].contains("Sam") && texts[1].contains("Only for you."));
        answers += &texts.concat();
        answers += &step(&sam, &robin, &id, end).await.expect(200).text;
        let theirs = sam.get(INVITATIONS).await.expect(200);
        assert_eq!(theirs.items()[0]["taken_by"], json!({ "account_id": robin.account["id"] }));
        let taken = robin.get("/v1/invitations/accepted").await.expect(200);
        for hidden in ["Sam", "Only for you.", "person_id"] {
            assert!(!taken.text.contains(hidden), "{end}: {hidden}");
        }
        answers += &(theirs.text + &taken.text);
    }
    assert!(!answers.contains("secret") && !answers.contains("example.org\""), "{answers}");
}

async fn nobody_else_reaches_an_invitation(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let id = invite(app, &sam, &robin).await["id"].as_str().expect("an id").to_owned();
    for stranger in [&kim, &robin] {
        for path in ["", "/confirm", "/decline", "/revoke"] {
            let method = if path.is_empty() { "GET" } else { "POST" };
            let response = stranger.send(method, &format!("{INVITATIONS}/{id}{path}"), &[], None).await;
            assert_eq!((response.status, response.problem().as_str()), (404, "not-found"), "{path}");
        }
        assert_eq!(stranger.get(INVITATIONS).await.expect(200).items(), [Value::Null; 0]);
    }
    for stranger in [&kim, &sam] {
        stranger.post_empty(&format!("{INVITATIONS}/accepted/{id}/leave")).await.expect(404);
        let taken = stranger.get(&format!("{INVITATIONS}/accepted")).await.expect(200);
        assert_eq!(taken.items(), [Value::Null; 0]);
    }
    sam.get(&format!("{INVITATIONS}/no-id")).await.expect(404);
    assert_eq!(sam.get(&format!("{INVITATIONS}/{id}")).await.expect(200).body["status"], "confirmed");
}

async fn every_wrong_field_of_an_invitation_is_named(app: &TestApp) {
    let sam = app.person().await;
    let wrong = json!({
        "role": "operator", "relationship": "enemy", "message": "x".repeat(501), "id": "no", "more": 1,
        "support_contact_id": 3,
    });
    let mut pointers = sam.post(INVITATIONS, &wrong).await.expect(422).pointers();
    pointers.sort();
    assert_eq!(pointers, ["/id", "/message", "/more", "/relationship", "/role", "/support_contact_id"]);
    let unknown = json!({
        "role": "supporter", "relationship": "peer", "support_contact_id": "01950000-0000-7000-8000-000000000001",
    });
    let refused = sam.post(INVITATIONS, &unknown).await.expect(422);
    assert_eq!(refused.faults(), [("/support_contact_id".to_owned(), "unknown-reference".to_owned())]);
    let list = sam.get(&format!("{INVITATIONS}?cursor=x&limit=0&status=left")).await.expect(422);
    assert_eq!(list.pointers().len(), 3);
}

async fn whoever_takes_an_invitation_has_a_name(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let (id, code) = make(&sam).await;
    for code in [code.as_str(), "nonsense"] {
        let refused = robin.post(ACCEPT, &json!({ "code": code })).await.expect(422);
        assert_eq!(refused.faults(), [("/display_name".to_owned(), "required".to_owned())], "{code}");
    }
    robin.patch("/v1/me", 1, &json!({ "display_name": "R." })).await.expect(200);
    // A code that is not good changes no profile.
    take(&robin, "nonsense").await.expect(404);
    assert_eq!(robin.get("/v1/me").await.expect(200).body["display_name"], "R.");
    robin.post(ACCEPT, &json!({ "code": code })).await.expect(200);
    let read = sam.get(&format!("{INVITATIONS}/{id}")).await.expect(200);
    assert_eq!(read.body["taken_by"]["display_name"], "R.");
    // The one that is given is that of the account from now on.
    take(&robin, &make(&sam).await.1).await.expect(200);
    let account = robin.get("/v1/me").await.expect(200).body;
    assert_eq!((&account["display_name"], &account["version"]), (&json!("Robin"), &json!(3)));
    take(&robin, &make(&sam).await.1).await.expect(200);
    assert_eq!(robin.get("/v1/me").await.expect(200).body["version"], 3, "the same name changes nothing");
}

async fn an_invitation_is_made_once_and_its_code_is_shown_once(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let mut new = sponsor();
    new["id"] = json!("01950000-0000-7000-8000-000000000001");
    let made = sam.post(INVITATIONS, &new).await.expect(201);
    let again = sam.post(INVITATIONS, &new).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((again.id(), again.body.get("code"), again.body.get("link")), (made.id(), None, None));
    let mut other = new.clone();
    other["message"] = json!("Another.");
    assert_eq!(sam.post(INVITATIONS, &other).await.expect(409).problem(), "id-conflict");
    // Ids belong to a person.
    assert_eq!(robin.post(INVITATIONS, &new).await.expect(201).id(), made.id());

    let first = sam.post_with_key(INVITATIONS, "one", &sponsor()).await.expect(201);
    let again = sam.post_with_key(INVITATIONS, "one", &sponsor()).await.expect(201);
    assert_eq!(again.text, first.text, "with its code");
    assert_eq!(again.header("cache-control"), "no-store");
    let reused = sam.post_with_key(INVITATIONS, "one", &other).await.expect(422);
    assert_eq!(reused.problem(), "idempotency-key-reused");
    let with_both = sam.post_with_key(INVITATIONS, "two", &new).await.expect(200);
    assert_eq!(sam.post_with_key(INVITATIONS, "two", &new).await.expect(200).text, with_both.text);
    assert_eq!(sam.get(INVITATIONS).await.expect(200).items().len(), 2);
}

async fn a_step_with_a_key_is_taken_once(app: &TestApp) {
    let (sam, robin) = (app.person_with(json!({ "display_name": "Sam" })).await, app.person().await);
    let new = json!({ "role": "supporter", "relationship": "peer", "message": "Hello." });
    let made = sam.post(INVITATIONS, &new).await.expect(201);
    let acceptance = json!({ "code": made.body["code"], "display_name": "Robin" });
    let first = robin.post_with_key(ACCEPT, "take", &acceptance).await.expect(200);
    assert_eq!(robin.post_with_key(ACCEPT, "take", &acceptance).await.expect(200).text, first.text);
    assert_eq!(robin.post(ACCEPT, &acceptance).await.expect(404).problem(), "not-found");
    let confirm = format!("{INVITATIONS}/{}/confirm", made.id());
    let key = [("idempotency-key", "confirm")];
    let confirmed = sam.send("POST", &confirm, &key, None).await.expect(200);
    assert_eq!(sam.send("POST", &confirm, &key, None).await.expect(200).text, confirmed.text);
    assert_eq!(sam.post_empty(&confirm).await.expect(409).problem(), "invitation-status");
    // A retry after the end does not show what was said before it: nothing of it is kept with the helper.
    step(&sam, &robin, &made.id(), "revoke").await.expect(200);
    let retried = robin.post_with_key(ACCEPT, "take", &acceptance).await.expect(200);
    assert_eq!(retried.body["status"], "revoked");
    assert!(!retried.text.contains("Hello.") && !retried.text.contains("Sam"), "{}", retried.text);
}

async fn invitations_are_listed_in_pages(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let mut made = Vec::new();
    for _ in 0..7 {
        made.insert(0, invite(app, &sam, &robin).await["id"].clone());
    }
    for (who, path) in [(&sam, INVITATIONS), (&robin, "/v1/invitations/accepted")] {
        let mut walked = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = who.get(&format!("{path}?limit=3{cursor}")).await.expect(200);
            walked.extend(page.items().into_iter().map(|item| item["id"].clone()));
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            // Those that come meanwhile are on no later page.
            invite(app, &sam, &robin).await;
            cursor = format!("&cursor={next}");
        }
        let known: Vec<Value> = walked.into_iter().filter(|id| made.contains(id)).collect();
        assert_eq!(known, made);
        let other = if path == INVITATIONS { "/v1/invitations/accepted" } else { INVITATIONS };
        who.get(&format!("{other}?limit=3{cursor}")).await.expect(422);
    }
}

async fn a_person_has_at_most_twenty_pending_and_two_hundred_invitations(app: &TestApp) {
    let sam = app.person().await;
    let mut pending = Vec::new();
    for _ in 0..20 {
        pending.push(make(&sam).await.0);
    }
    let refused = sam.post(INVITATIONS, &sponsor()).await.expect(409);
    assert_eq!(refused.problem(), "too-many-invitations");
    for id in pending {
        sam.post_empty(&format!("{INVITATIONS}/{id}/revoke")).await.expect(200);
    }
    // One that has expired is not pending any more.
    make(&sam).await;
    app.clock.advance(TimeDelta::days(8));
    let sam = sam.another_device().await;
    for _ in 21..200 {
        let (id, _) = make(&sam).await;
        sam.post_empty(&format!("{INVITATIONS}/{id}/revoke")).await.expect(200);
    }
    let refused = sam.post(INVITATIONS, &sponsor()).await.expect(409);
    assert_eq!(refused.problem(), "too-many-invitations");
    assert_eq!(app.person().await.post(INVITATIONS, &sponsor()).await.expect(201).status, 201);
}

/// The helper of a person that the store finds.
pub(crate) async fn helper(app: &TestApp, person: &Person, key: HelperKey) -> Option<Helper> {
    let (store, scope) = (&app.state().store, app.scope(person).await);
    store.read(&scope, move |records| records.confirmed_helper(key)).await.expect("the store works")
}

/// The id of an account.
pub(crate) fn account(person: &Person) -> Uuid {
    person.account["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

async fn only_a_confirmed_helper_is_found(app: &TestApp) {
    let (sam, robin, kim) = (app.person().await, app.person().await, app.person().await);
    let (id, code) = make(&sam).await;
    let by_id = HelperKey::Invitation(id.parse().expect("an id"));
    let by_account = HelperKey::Account(account(&robin));
    assert_eq!(helper(app, &sam, by_id).await, None, "pending");
    take(&robin, &code).await.expect(200);
    assert_eq!(helper(app, &sam, by_account).await, None, "accepted");
    step(&sam, &robin, &id, "confirm").await.expect(200);
    for key in [by_id, by_account] {
        let found = helper(app, &sam, key).await.expect("a helper");
        assert_eq!((found.account, found.role), (account(&robin), HelperRole::Supporter));
        assert_eq!(helper(app, &kim, key).await, None, "of another person");
    }
    let name = app.state().store.display_name(account(&robin)).await.expect("the store works");
    assert_eq!(name.as_deref(), Some("Robin"));
    step(&sam, &robin, &id, "leave").await.expect(200);
    assert_eq!(helper(app, &sam, by_account).await, None, "left");
    let again = invite_as(&sam, &robin, "clinician", "therapist").await;
    let found = helper(app, &sam, by_account).await.expect("a helper");
    assert_eq!(again["id"], found.invitation.to_string());
    assert_eq!(found.role, HelperRole::Clinician);
}

async fn invitations_that_ended_long_ago_are_removed(app: &TestApp) {
    let (sam, robin) = (app.person().await, app.person().await);
    let running = invite(app, &sam, &robin).await["id"].clone();
    let (revoked, _) = make(&sam).await;
    step(&sam, &robin, &revoked, "revoke").await.expect(200);
    make(&sam).await;
    let sweep = async |days| {
        let later = (app.clock.now() + TimeDelta::days(days)).timestamp_micros();
        let swept = app.state().store.sweep_invitations(later, later - 180 * 86_400_000_000).await;
        swept.expect("the store works")
    };
    assert_eq!(sweep(6).await, 0);
    assert_eq!(sweep(8).await, 1, "the code");
    assert_eq!(sweep(179).await, 0);
    assert_eq!(sweep(188).await, 2, "the one that was revoked, and the one that expired");
    let left = sam.get(INVITATIONS).await.expect(200).items();
    assert_eq!(left.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [running]);
}
