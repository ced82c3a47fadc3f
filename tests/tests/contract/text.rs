//! What people name shows something, and no text holds control characters.

use mainstay_domain::{
    check_in::CheckIn, craving_event::CravingEvent, support_contact::SupportContact, use_event::UseEvent,
};
use mainstay_tests::{
    TestApp, both_engines,
    samples::{check_in, sample_id, statuses, upsert},
};
use serde_json::json;
use uuid::Uuid;

both_engines!(
    a_name_that_shows_nothing_is_refused_wherever_it_is_sent,
    a_control_character_is_refused_in_every_text,
    every_fault_of_a_text_is_named_together,
    names_and_notes_in_any_script_come_back_as_they_were_sent,
    a_record_with_a_text_that_is_refused_today_stays_usable,
);

const UNSEEN: [&str; 8] = [
    "   ",
    "\n\t",
    "\u{200b}\u{200d}",
    "\u{3164}",
    "\u{2800}\u{ad}",
    "\u{301}",
    "\u{feff}\u{e0061}",
    "\u{202e} \u{2028}",
];

async fn a_name_that_shows_nothing_is_refused_wherever_it_is_sent(app: &TestApp) {
    let sam = app.person().await;
    let contact = |name: &str| json!({ "name": name, "relationship": "friend", "phone": "+4930123456" });
    let kept = sam.post("/v1/support-contacts", &contact("Robin")).await.expect(201);
    let path = format!("/v1/support-contacts/{}", kept.id());
    for (n, unseen) in UNSEEN.into_iter().enumerate() {
        let fault = [("/name".to_owned(), "not-visible".to_owned())];
        let created = sam.post("/v1/support-contacts", &contact(unseen)).await.expect(422);
        assert_eq!(created.faults(), fault, "{unseen:?}");
        assert_eq!(sam.put(&path, 1, &contact(unseen)).await.expect(422).faults(), fault);
        let number = u128::try_from(n).expect("a small number");
        let push = json!({ "changes": [upsert("support-contacts", number, None, contact(unseen))] });
        let pushed = sam.post("/v1/sync", &push).await.expect(200).body;
        let results = pushed["results"].as_array().expect("results");
        assert_eq!(statuses(results), ["rejected"]);
        assert_eq!(results[0]["problem"]["errors"][0]["code"], "not-visible");
        let profile = json!({ "display_name": unseen, "time_zone": "UTC" });
        assert_eq!(sam.put("/v1/me", 1, &profile).await.expect(422).pointers(), ["/display_name"]);
        let device =
            json!({ "email": sam.email, "password": mainstay_tests::PASSWORD, "device_name": unseen });
        assert_eq!(
            app.client().post("/v1/auth/login", &device).await.expect(422).pointers(),
            ["/device_name"]
        );
        // A note may be empty, so it may show nothing.
        sam.post("/v1/check-ins", &check_in(unseen)).await.expect(201);
    }
    assert_eq!(sam.get("/v1/support-contacts").await.items().len(), 1);
}

async fn a_control_character_is_refused_in_every_text(app: &TestApp) {
    let sam = app.person().await;
    for control in ["\u{0}", "\r\n", "\u{8}", "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{9b}"] {
        let text = format!("one{control}two");
        let mut body = check_in(&text);
        body["tags"] = json!(["work", text]);
        let refused = sam.post("/v1/check-ins", &body).await.expect(422);
        let fault = |pointer: &str| (pointer.to_owned(), "control-character".to_owned());
        assert_eq!(refused.faults(), [fault("/note"), fault("/tags/1")], "{control:?}");
        let kind = json!({ "changes": [upsert(&text, 1, None, check_in("x"))] });
        let refused = sam.post("/v1/sync", &kind).await.expect(422);
        assert_eq!(refused.faults(), [("/changes/0/kind".to_owned(), "enum".to_owned())]);
        let cursor = json!({ "cursor": text, "changes": [] });
        assert_eq!(sam.post("/v1/sync", &cursor).await.expect(422).faults(), [fault("/cursor")]);
        let token = json!({ "refresh_token": text });
        assert_eq!(
            app.client().post("/v1/auth/refresh", &token).await.expect(422).faults(),
            [fault("/refresh_token")]
        );
    }
    // In a query too: PostgreSQL takes no zero character at all.
    for query in [
        "meetings?source=a%00b",
        "meetings?type=%00",
        "check-ins?cursor=%00",
        "plans/active?kind=%00",
        "meetings?source=%20",
    ] {
        sam.get(&format!("/v1/{query}")).await.expect(422);
    }
}

async fn every_fault_of_a_text_is_named_together(app: &TestApp) {
    let sam = app.person().await;
    let refused = sam.post("/v1/support-contacts", &json!({
        "name": "\u{200b}", "relationship": "boss", "email": "s\u{ad}am@example.org", "phone": "030", "time_zone": "Mars/Base",
        "note": "a\u{0}", "availability": [{ "days": [8], "from": "24:00", "to": "09:00" }], "nickname": "x",
    })).await.expect(422);
    let faults = [
        ("/availability/0/days/0", "range"),
        ("/availability/0/from", "format"),
        ("/email", "format"),
        ("/name", "not-visible"),
        ("/nickname", "unknown-field"),
        ("/note", "control-character"),
        ("/phone", "format"),
        ("/relationship", "enum"),
        ("/time_zone", "format"),
    ];
    assert_eq!(refused.faults(), faults.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    // Beside a fault, a valid text of an unusual form is still valid.
    let contact = json!({
        "name": "\u{200b}", "relationship": "friend", "email": " j\u{f6}rg@b\u{fc}cher.example ",
    });
    assert_eq!(sam.post("/v1/support-contacts", &contact).await.expect(422).pointers(), ["/name"]);
    let refused = app.client().post("/v1/auth/register", &json!({
        "email": "sam@ex ample.org", "password": "u\u{308}".repeat(11), "time_zone": "UTC", "display_name": "\u{3164}",
        "device_name": "a\u{7f}", "locale": "en-u", "country": "ZZ",
    })).await.expect(422);
    let faults = [
        ("/country", "format"),
        ("/device_name", "control-character"),
        ("/display_name", "not-visible"),
        ("/email", "format"),
        ("/locale", "format"),
        ("/password", "length"),
    ];
    assert_eq!(refused.faults(), faults.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
}

async fn names_and_notes_in_any_script_come_back_as_they_were_sent(app: &TestApp) {
    let sam = app.person().await;
    let names = ["J", "李", "नेहा", "مریم\u{200c}ها", "👩🏽\u{200d}⚕\u{fe0f}", "Jose\u{301}", "…", "\tRobin\n"];
    for (n, name) in names.into_iter().enumerate() {
        let id = sample_id(u128::try_from(n).expect("a small number"));
        let contact =
            json!({ "id": id, "name": name, "relationship": "friend", "phone": "+4930123456", "note": "" });
        sam.post("/v1/support-contacts", &contact).await.expect(201);
        let again = sam.post("/v1/support-contacts", &contact).await.expect(200);
        assert_eq!(again.body["name"], name);
    }
}

async fn a_record_with_a_text_that_is_refused_today_stays_usable(app: &TestApp) {
    let sam = app.person().await;
    let id = Uuid::from_u128;
    app.store_earlier::<SupportContact>(&sam, id(1), &json!({ "name": "\u{0} " })).await;
    app.store_earlier::<CheckIn>(&sam, id(2), &json!({ "note": "one\u{0}two" })).await;
    app.store_earlier::<UseEvent>(&sam, id(3), &json!({ "note": "\u{1b}[31m" })).await;
    app.store_earlier::<CravingEvent>(&sam, id(4), &json!({ "note": "\u{7f}" })).await;
    for path in [
        "/v1/support",
        "/v1/insights/summary",
        "/v1/insights/warnings",
        "/v1/insights/abstinence",
        "/v1/reports/progress",
        "/v1/support-contacts",
        &format!("/v1/craving-events/{}/support", id(4)),
        &format!("/v1/use-events/{}/support", id(3)),
    ] {
        sam.get(path).await.expect(200);
    }
    for (n, collection, members) in [
        (1, "support-contacts", json!({ "relationship": "friend" })),
        (2, "check-ins", json!({ "answers": { "mood": 4 } })),
        (3, "use-events", json!({ "amount": 1, "unit": "pill" })),
    ] {
        let path = format!("/v1/{collection}/{}", id(n));
        let changed = sam.patch(&path, 1, &members).await.expect(200).body;
        sam.put(&path, 2, &changed).await.expect(200);
        assert_eq!(sam.get(&format!("{path}/history")).await.expect(200).items().len(), 2);
    }
    let name = &sam.get(&format!("/v1/support-contacts/{}", id(1))).await.expect(200).body["name"];
    assert_eq!(name, "–");
    assert_eq!(sam.get(&format!("/v1/check-ins/{}", id(2))).await.body["note"], "onetwo");
    let unseen = upsert("check-ins", 2, Some(3), json!({ "answers": { "mood": 5 } }));
    sam.post("/v1/sync", &json!({ "changes": [unseen] })).await.expect(200);
    sam.delete(&format!("/v1/craving-events/{}", id(4)), 1).await.expect(204);
}
