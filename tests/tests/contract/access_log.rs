//! The access log and the accounting of disclosures: who reached what, in plain words, as pages and as a table.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use mainstay_domain::{
    account::Role,
    audit::{
        Access, AccessAction, AccessDecision, ConsentRef, Disclosure, DisclosureBasis, DisclosureMethod,
        NOTICE_LONG, NOTICE_SHORT, Subject, View, ids_hash,
    },
    record::Kind,
    sharing::{DataClass, Purpose},
};
use mainstay_store::audit::HeadsAtCheckpoints;
use mainstay_tests::{Client, Engine, PASSWORD, Person, TestApp, both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

const CONSENT: ConsentRef = ConsentRef { id: Uuid::from_u128(7), version: 2 };

fn id_of(person: &Person) -> Uuid {
    person.account["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// Writes what people have done in their own sessions to their logs, as the server does each minute.
async fn flush(app: &TestApp) {
    let state = app.state();
    state.own_accesses.write(&state.store, app.clock.micros()).await.expect("it is written");
}

/// An access by someone else.
fn access(app: &TestApp, by: Uuid, action: AccessAction, decision: AccessDecision) -> Access {
    Access {
        at: app.clock.micros(),
        by,
        role: Role::Supporter,
        session: Some(Uuid::from_u128(1)),
        action,
        subject: vec![
            Subject::records(Kind::CheckIn, Some(DataClass::CheckIns), 3),
            Subject::view(View::Abstinence, Some(DataClass::Abstinence)),
        ],
        decision,
        consent: Some(CONSENT),
        request_id: Some("request-1".to_owned()),
    }
}

fn disclosure(app: &TestApp, recipient: Uuid, name: &str) -> Disclosure {
    Disclosure {
        at: app.clock.micros(),
        recipient,
        recipient_name: Some(name.to_owned()),
        classes: BTreeMap::from([(DataClass::CheckIns, 3), (DataClass::Abstinence, 1)]),
        ids_hash: ids_hash([Uuid::from_u128(9)]),
        description: "Check-ins, days without use".to_owned(),
        purposes: vec![Purpose::RecoverySupport],
        basis: DisclosureBasis::Consent,
        consent: Some(CONSENT),
        method: DisclosureMethod::Api,
        notice_version: "1".to_owned(),
        request_id: Some("request-1".to_owned()),
    }
}

async fn disclose(app: &TestApp, person: &Person, access: Access, disclosure: Option<Disclosure>) {
    let scope = app.scope(person).await;
    let now = app.clock.micros();
    let write = app.state().store.write(&scope, Uuid::nil(), now, move |writer| {
        let mut locked = writer.lock()?;
        match disclosure {
            Some(disclosure) => locked.append_disclosure(&access, &disclosure),
            None => locked.append_access(&access),
        }
    });
    write.await.expect("it is written");
}

both_engines!(
    own_accesses_are_counted_and_shown_after_a_minute,
    accesses_of_others_are_told_in_plain_words,
    the_log_is_read_in_pages_and_between_times,
    disclosures_are_listed_summed_and_exported,
    erased_people_leave_no_log_and_disturb_no_flush,
);

async fn own_accesses_are_counted_and_shown_after_a_minute(app: &TestApp) {
    let sam = app.person_in_utc().await;
    let now = app.clock.now().to_rfc3339();
    let check_in = json!({ "kind": "momentary", "occurred_at": now, "answers": { "craving": 3 } });
    for _ in 0..3 {
        sam.get("/v1/check-ins").await.expect(200);
    }
    sam.post("/v1/check-ins", &check_in).await.expect(201);
    let summary = sam.get("/v1/insights/summary").await.expect(200);
    let tag = summary.header("etag");
    sam.send("GET", "/v1/insights/summary", &[("if-none-match", &tag)], None).await;
    sam.get("/v1/support").await.expect(200);
    sam.post("/v1/sync", &json!({ "limit": 1, "changes": [] })).await.expect(200);
    // What was refused, and what belongs to nobody.
    sam.post("/v1/check-ins", &json!({})).await.expect(422);
    sam.get("/v1/goals/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47").await.expect(404);
    sam.get("/v1/practices").await.expect(200);
    assert_eq!(sam.get("/v1/access-log").await.expect(200).items(), [Value::Null; 0]);

    flush(app).await;
    let items = sam.get("/v1/access-log").await.expect(200).items();
    let sentences: Vec<&str> = items.iter().map(|item| item["sentence"].as_str().expect("words")).collect();
    assert_eq!(items.len(), 3, "{sentences:?}");
    let by_action = |action: &str| {
        items.iter().find(|item| item["action"] == action).unwrap_or_else(|| panic!("{action}"))
    };
    let read = by_action("read");
    let counts: BTreeMap<&str, i64> = read["subjects"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| (s["what"].as_str().expect("a name"), s["count"].as_i64().expect("a number")))
        .collect();
    assert_eq!(counts, BTreeMap::from([("access-log", 1), ("check-ins", 3), ("support", 1), ("sync", 1)]));
    assert_eq!((&read["decision"], &read["params"]["who"]), (&json!("own"), &json!("You")));
    assert_eq!(read["session_id"], sam.tokens["session_id"]);
    assert_eq!(read["code"], "own.read");
    assert_eq!(by_action("write")["sentence"], "You wrote to your check-ins.");
    assert_eq!(by_action("insight")["sentence"], "You looked at your most important figures, 2 times.");
    // They are not among those of others, and nobody else sees them.
    assert_eq!(sam.get("/v1/access-log?by=others").await.expect(200).items(), [Value::Null; 0]);
    let kim = app.person().await;
    assert_eq!(kim.get("/v1/access-log").await.expect(200).items(), [Value::Null; 0]);
    let verified = app.state().store.verify_audit(None, HeadsAtCheckpoints::default(), |_fault| {}).await;
    assert_eq!(verified.expect("it is read").faults, 0);
}

async fn accesses_of_others_are_told_in_plain_words(app: &TestApp) {
    let sam = app.person().await;
    let ana = app.person_with(json!({ "email": "ana@example.org", "display_name": "Ana" })).await;
    let ana_id = id_of(&ana);
    let seen = access(app, ana_id, AccessAction::Read, AccessDecision::Permitted);
    disclose(app, &sam, seen, Some(disclosure(app, ana_id, "Ana"))).await;
    let nobody = access(app, Uuid::from_u128(99), AccessAction::Report, AccessDecision::Denied);
    disclose(app, &sam, nobody, None).await;
    let command = Access {
        role: Role::Operator,
        session: None,
        consent: None,
        subject: vec![Subject::view(View::Account, None)],
        ..access(app, Access::COMMAND, AccessAction::Command, AccessDecision::Permitted)
    };
    app.state().store.write_access(id_of(&sam), command).await.expect("it is written");

    let items = sam.get("/v1/access-log?by=others").await.expect(200).items();
    let sentences: Vec<&str> = items.iter().map(|item| item["sentence"].as_str().expect("words")).collect();
    assert_eq!(
        sentences,
        [
            "The people who run this service ran a command on your account.",
            "A supporter asked for your check-ins and days without use. Nothing was shown.",
            "Ana looked at your check-ins (3) and days without use.",
        ]
    );
    let first = &items[2];
    assert_eq!(first["number"], 1);
    assert_eq!((&first["account_id"], &first["role"]), (&json!(ana_id), &json!("supporter")));
    assert_eq!(first["consent"], json!({ "id": CONSENT.id, "version": 2 }));
    assert_eq!(first["subjects"][0], json!({ "what": "check-ins", "class": "check_ins", "count": 3 }));
    assert_eq!(first.get("session_id"), None, "the sessions of others are their own affair");
    assert_eq!(items[0].get("account_id"), None);
    // The name is the one of now.
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    ana.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
    let items = sam.get("/v1/access-log?by=others").await.expect(200).items();
    assert_eq!(items[2]["params"]["who"], "A supporter");
    // The name in a disclosure is the one of then.
    assert_eq!(sam.get("/v1/disclosures").await.expect(200).items()[0]["recipient"], "Ana");
}

async fn the_log_is_read_in_pages_and_between_times(app: &TestApp) {
    let sam = app.person().await;
    let start = app.clock.now();
    for _ in 0..5 {
        let seen = access(app, Uuid::from_u128(5), AccessAction::Read, AccessDecision::Permitted);
        disclose(app, &sam, seen, Some(disclosure(app, Uuid::from_u128(5), "Ana"))).await;
        app.clock.advance(TimeDelta::minutes(10));
    }
    let sam = sam.another_device().await;
    for path in ["/v1/access-log?by=others", "/v1/disclosures?"] {
        let mut numbers = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = sam.get(&format!("{path}&limit=2{cursor}")).await.expect(200);
            numbers.extend(page.items().iter().map(|item| item["number"].as_i64().expect("a number")));
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(numbers, [5, 4, 3, 2, 1], "{path}");
        let at =
            |minutes: i64| (start + TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let part = sam.get(&format!("{path}&from={}&to={}", at(5), at(25))).await.expect(200).items();
        assert_eq!(part.len(), 2, "{path}");
    }
    for (query, pointer) in [
        ("by=me", "/by"),
        ("cursor=d1", "/cursor"),
        ("limit=0", "/limit"),
        ("from=now", "/from"),
        ("x=1", "/x"),
    ] {
        let refused = sam.get(&format!("/v1/access-log?{query}")).await.expect(422);
        assert_eq!(refused.pointers(), [pointer]);
    }
    for (query, pointer) in [("summed=1", "/summed"), ("cursor=a1", "/cursor"), ("by=all", "/by")] {
        let refused = sam.get(&format!("/v1/disclosures?{query}")).await.expect(422);
        assert_eq!(refused.pointers(), [pointer]);
    }
}

async fn disclosures_are_listed_summed_and_exported(app: &TestApp) {
    let sam = app.person().await;
    let (ana, evil) = (Uuid::from_u128(5), Uuid::from_u128(6));
    for (recipient, name) in [(ana, "An"), (ana, "Ana"), (evil, "=HYPERLINK(\"x\")")] {
        let seen = access(app, recipient, AccessAction::Read, AccessDecision::Permitted);
        disclose(app, &sam, seen, Some(disclosure(app, recipient, name))).await;
        app.clock.advance(TimeDelta::minutes(1));
    }
    let items = sam.get("/v1/disclosures").await.expect(200).items();
    assert_eq!(items.len(), 3);
    let last = &items[2];
    assert_eq!(
        (&last["recipient"], &last["recipient_id"], &last["basis"]),
        (&json!("An"), &json!(ana), &json!("consent"))
    );
    assert_eq!(
        last["classes"],
        json!([{ "class": "abstinence", "count": 1 }, { "class": "check_ins", "count": 3 }])
    );
    assert_eq!(last["ids_hash"].as_str().map(str::len), Some(64));

    let sums = sam.get("/v1/disclosures?summed=true").await.expect(200).items();
    assert_eq!(sums.len(), 4, "two recipients with two classes");
    let of_ana: Vec<&Value> = sums.iter().filter(|sum| sum["recipient_id"] == json!(ana)).collect();
    assert!(of_ana.iter().all(|sum| sum["count"] == 2 && sum["recipient"] == "Ana"), "{of_ana:?}");
    assert!(of_ana[0]["first_at"].as_str() < of_ana[0]["last_at"].as_str());
    let first = sam.get("/v1/disclosures?summed=true&limit=3").await.expect(200);
    let cursor = first.body["next_cursor"].as_str().expect("a cursor");
    let second = sam.get(&format!("/v1/disclosures?summed=true&limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!([first.items(), second.items()].concat(), sums);
    assert!(second.body["next_cursor"].is_null());

    for (query, lines) in [("", 5), ("?summed=true", 6)] {
        let table =
            sam.send("GET", &format!("/v1/disclosures{query}"), &[("accept", "text/csv")], None).await;
        let table = table.expect(200);
        assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
        let rows: Vec<&str> = table.text.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), lines, "{}", table.text);
        assert!(rows[1].contains("\"'=HYPERLINK(\"\"x\"\")\""), "{}", rows[1]);
        assert!(rows[lines - 1].starts_with(&format!("\"{NOTICE_SHORT}\"")));
    }
    sam.send("GET", "/v1/disclosures", &[("accept", "text/html")], None).await.expect(406);
    let json =
        sam.send("GET", "/v1/disclosures", &[("accept", "text/csv;q=0.5, application/json")], None).await;
    assert_eq!(json.expect(200).items().len(), 3);
}

async fn erased_people_leave_no_log_and_disturb_no_flush(app: &TestApp) {
    let (sam, kim) = (app.person().await, app.person().await);
    for person in [&sam, &kim] {
        person.get("/v1/goals").await.expect(200);
    }
    let seen = access(app, id_of(&kim), AccessAction::Read, AccessDecision::Permitted);
    disclose(app, &sam, seen, Some(disclosure(app, id_of(&kim), "Kim"))).await;
    let password = json!({ "password": PASSWORD }).to_string().into_bytes();
    sam.send("DELETE", "/v1/me", &[], Some(password)).await.expect(204);
    flush(app).await;
    assert_eq!(kim.get("/v1/access-log").await.expect(200).items().len(), 1);
    let state = app.state();
    let verified = state.store.verify_audit(None, HeadsAtCheckpoints::default(), |_fault| {}).await;
    let summary = verified.expect("it is read");
    assert_eq!((summary.accounts, summary.accesses, summary.faults), (1, 1, 0));
}

#[tokio::test]
async fn the_notice_is_a_public_page() {
    let app = TestApp::start(Engine::Sqlite).await;
    let page = Client::new(&app.url).get("/part2-notice").await.expect(200);
    assert_eq!(page.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(page.text, NOTICE_LONG);
}
