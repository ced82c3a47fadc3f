//! The progress report: the page and its charts.

use mainstay_tests::{Person, Response, TestApp, both_engines};
use roxmltree::Document;
use serde_json::json;

const CHARTS: [&str; 7] =
    ["cravings-and-mood", "calendar", "heat-map", "strategies", "triggers", "medication", "self-efficacy"];
const HOSTILE: &str = "<script>alert(1)</script>\"'&</svg>";

async fn page(person: &Person, query: &str) -> Response {
    let headers = [("accept", "text/html")];
    let path = format!("/v1/reports/progress{query}");
    person.send("GET", &path, &headers, None).await.expect(200)
}

async fn chart(person: &Person, name: &str, query: &str) -> Response {
    let path = format!("/v1/reports/charts/{name}.svg{query}");
    let found = person.send("GET", &path, &[("accept", "image/svg+xml")], None).await.expect(200);
    assert_eq!(found.header("content-type"), "image/svg+xml");
    Document::parse(&found.text).unwrap_or_else(|error| panic!("{name}: {error}\n{}", found.text));
    found
}

/// Records ten days with texts that contain markup, which the page must escape.
async fn record_ten_days(person: &Person) {
    person
        .post(
            "/v1/goals",
            &json!({
                "substance": "alcohol", "kind": "abstain", "started_on": "2026-02-01", "label": HOSTILE,
            }),
        )
        .await
        .expect(201);
    let trigger = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2c01";
    let strategy = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2c02";
    let plan = person
        .post(
            "/v1/plans",
            &json!({
                "kind": "relapse_prevention", "title": HOSTILE,
                "content": {
                    "triggers": [{ "id": trigger, "kind": "external", "label": HOSTILE }],
                    "strategies": [{ "id": strategy, "category": "delay", "label": HOSTILE }],
                },
            }),
        )
        .await
        .expect(201);
    person.post_empty(&format!("/v1/plans/{}/activate", plan.id())).await.expect(200);
    for day in 1..=9 {
        let at = format!("2026-02-{day:02}T20:00:00-05:00");
        person.post("/v1/check-ins", &json!({
            "kind": "evening", "occurred_at": at,
            "answers": { "craving": day % 7, "mood": 8 - day % 5, "used": if day == 5 { "yes" } else { "no" } },
        })).await.expect(201);
        person
            .post(
                "/v1/craving-events",
                &json!({
                    "occurred_at": at, "outcome": "rode_it_out", "trigger_ids": [trigger],
                    "ratings": [{ "offset_s": 0, "value": 7 }, { "offset_s": 600, "value": 3 }],
                    "strategy_uses": [{ "strategy_id": strategy, "before": 7, "after": 3 - day % 2 }],
                }),
            )
            .await
            .expect(201);
    }
    person
        .post(
            "/v1/use-events",
            &json!({
                "substance": "alcohol", "occurred_at": "2026-02-05T21:00:00-05:00", "self_label": "lapse",
            }),
        )
        .await
        .expect(201);
}

const QUERY: &str = "?window=30d&as_of=2026-02-10T12:00:00-05:00";

both_engines!(
    the_page_shows_the_record_and_contains_no_script,
    a_safety_note_stands_under_the_title_once_with_numbers_to_call,
    after_a_lapse_of_today_the_page_begins_with_what_stays,
    each_chart_is_well_formed_with_any_text,
    an_empty_record_is_described_kindly_and_never_as_zero,
    an_unchanged_report_gives_304_until_the_record_changes,
    the_title_is_plain_only_for_people_who_chose_so,
    wrong_requests_are_refused,
);

async fn the_page_shows_the_record_and_contains_no_script(app: &TestApp) {
    let sam = app.person().await;
    record_ten_days(&sam).await;
    let found = page(&sam, QUERY).await;
    assert_eq!(found.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(found.header("cache-control"), "private, no-cache");
    assert!(
        found
            .header("content-security-policy")
            .starts_with("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    );
    let text = &found.text;
    assert!(text.starts_with("<!DOCTYPE html>") && text.contains("<title>Progress</title>"));
    assert!(!text.contains("<script") && text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(text.contains("From 2026-01-12 to 2026-02-10") && text.contains("nothing is lost: 2026-02-05"));
    // Five of the seven charts, since there is neither medication nor a profile.
    assert_eq!(text.matches("<svg ").count(), 5, "{text}");
    for said in [
        "4 full days without use since 2026-02-06",
        "8 full days without use. Every one",
        "No medication is written down",
        "first self-efficacy profile",
        "A day of use",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let unkind = mainstay_domain::value::kindness::unkind_words(text);
    assert!(unkind.is_empty(), "{unkind:?}");
}

/// Where a text begins on the page.
fn at(page: &str, text: &str) -> usize {
    page.find(text).unwrap_or_else(|| panic!("{text}: {page}"))
}

async fn a_safety_note_stands_under_the_title_once_with_numbers_to_call(app: &TestApp) {
    let sam = app.person().await;
    let goal = json!({ "substance": "opioid_heroin", "kind": "abstain", "started_on": "2026-01-21" });
    sam.post("/v1/goals", &goal).await.expect(201);
    let before = page(&sam, QUERY).await.text;
    assert!(!before.contains("id=\"safety\"") && !before.contains("tel:"), "{before}");
    let used = json!({ "substance": "opioid_heroin", "occurred_at": "2026-02-10T08:00:00-05:00" });
    sam.post("/v1/use-events", &used).await.expect(201);
    let text = page(&sam, QUERY).await.text;
    let warnings = sam.get("/v1/insights/warnings?as_of=2026-02-10T12:00:00-05:00").await.expect(200).body;
    for note in warnings["safety"].as_array().expect("notes") {
        let words = note["text"].as_str().expect("a text").split('.').next().expect("a sentence");
        assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
    }
    // The note is first, and the emergency number first in it; then what stays.
    assert!(text.contains("<h1>My progress</h1><section id=\"safety\" "), "{text}");
    let order = ["tel:911", "After days without opioids", "tel:988", "20 days without use so far.", "<svg "];
    let places = order.map(|text_of| at(&text, text_of));
    assert!(places.is_sorted(), "{places:?}: {text}");
    for link in [
        "<a href=\"tel:988\" rel=\"noreferrer\">988</a>",
        "<a href=\"sms:988\" rel=\"noreferrer\">988</a>",
        "<a href=\"https://988lifeline.org/chat\" rel=\"noreferrer\">https://988lifeline.org/chat</a>",
        "<a href=\"tel:18006624357\" rel=\"noreferrer\">1-800-662-4357</a>",
    ] {
        assert!(text.contains(link), "{link}: {text}");
    }
    // A screen reader announces the section by its heading.
    assert!(text.contains("aria-labelledby=\"safety-title\"><h2 id=\"safety-title\">"), "{text}");
}

async fn after_a_lapse_of_today_the_page_begins_with_what_stays(app: &TestApp) {
    for (started_on, used_at, expected) in [
        ("2026-01-21", Some("2026-02-10T08:00:00-05:00"), "20 days without use so far. They still count."),
        // Dated today where it was recorded, although it was yesterday in New York.
        ("2026-01-21", Some("2026-02-10T02:00:00+09:00"), "20 days without use so far. They still count."),
        ("2026-02-09", Some("2026-02-10T08:00:00-05:00"), "1 day without use so far. It still counts."),
        ("2026-02-10", Some("2026-02-10T08:00:00-05:00"), "You wrote down how today is. That takes courage."),
        ("2026-02-10", None, "Today is the first day of this goal."),
        ("2026-02-09", None, "1 full day without use since 2026-02-09."),
    ] {
        let sam = app.person().await;
        for substance in ["cannabis", "nicotine"] {
            let goal = json!({ "substance": substance, "kind": "abstain", "started_on": started_on });
            sam.post("/v1/goals", &goal).await.expect(201);
            if let Some(used_at) = used_at {
                let used = json!({ "substance": substance, "occurred_at": used_at });
                sam.post("/v1/use-events", &used).await.expect(201);
            }
        }
        let text = page(&sam, QUERY).await.text;
        assert_eq!(text.matches(expected).count(), 2, "the same words for both goals, {expected}: {text}");
        let reached = &text[at(&text, "id=\"reached\"")..at(&text, "id=\"cravings-and-mood\"")];
        assert!(!reached.contains(">0 ") && !reached.contains("2026-02-11"), "{reached}");
        assert!(!text.contains(">0 full days"), "{text}");
        let unkind = mainstay_domain::value::kindness::unkind_words(&text);
        assert!(unkind.is_empty(), "{unkind:?}");
    }
}

async fn each_chart_is_well_formed_with_any_text(app: &TestApp) {
    let sam = app.person().await;
    record_ten_days(&sam).await;
    for window in ["7d", "30d", "90d", "365d", "all"] {
        for name in CHARTS {
            let found = chart(&sam, name, &format!("?window={window}&as_of=2026-02-10T12:00:00-05:00")).await;
            assert!(found.header("content-security-policy").starts_with("default-src 'none'"));
            assert!(found.text.starts_with("<svg ") && found.text.contains("role=\"img\""));
            assert!(!found.text.contains("<script"));
        }
        page(&sam, &format!("?window={window}")).await;
    }
    let strategies = chart(&sam, "strategies", QUERY).await;
    assert!(strategies.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", strategies.text);
}

async fn an_empty_record_is_described_kindly_and_never_as_zero(app: &TestApp) {
    let sam = app.person().await;
    let found = page(&sam, "").await;
    assert!(!found.text.contains("<svg") && !found.text.contains("<td>0</td>"), "{}", found.text);
    for said in [
        "from 5 check-ins with craving or mood on",
        "begins with your first goal",
        "from 5 cravings on",
        "from 3 check-ins in 7 days on",
    ] {
        assert!(found.text.contains(said), "{said}: {}", found.text);
    }
    for name in CHARTS {
        let found = chart(&sam, name, "").await;
        assert!(found.text.contains("<desc"), "{}", found.text);
    }
}

async fn an_unchanged_report_gives_304_until_the_record_changes(app: &TestApp) {
    let sam = app.person().await;
    record_ten_days(&sam).await;
    for path in ["/v1/reports/progress".to_owned(), "/v1/reports/charts/calendar.svg".to_owned()] {
        let first = sam.get(&path).await.expect(200);
        let tag = first.header("etag");
        let again = sam.send("GET", &path, &[("if-none-match", &tag)], None).await.expect(304);
        assert_eq!((again.text.as_str(), again.header("etag")), ("", tag.clone()));
        assert_eq!(again.header("content-security-policy"), first.header("content-security-policy"));
        let other = sam.get(&format!("{path}?window=7d")).await.expect(200);
        assert_ne!(other.header("etag"), tag);
        sam.post(
            "/v1/check-ins",
            &json!({
                "kind": "momentary", "occurred_at": "2026-02-09T12:00:00Z", "answers": { "craving": 2 },
            }),
        )
        .await
        .expect(201);
        sam.send("GET", &path, &[("if-none-match", &tag)], None).await.expect(200);
    }
}

async fn the_title_is_plain_only_for_people_who_chose_so(app: &TestApp) {
    let sam = app.person().await;
    let path = "/v1/reports/progress";
    let tag = sam.get(path).await.expect(200).header("etag");
    sam.put("/v1/me", 1, &json!({ "time_zone": "America/New_York", "discretion": "plain" }))
        .await
        .expect(200);
    sam.send("GET", path, &[("if-none-match", &tag)], None).await.expect(200);
    assert!(page(&sam, "").await.text.contains("<title>Recovery progress</title>"));
}

async fn wrong_requests_are_refused(app: &TestApp) {
    let sam = app.person().await;
    app.client().get("/v1/reports/progress").await.expect(401);
    app.client().get("/v1/reports/charts/calendar.svg").await.expect(401);
    for path in [
        "/v1/reports/charts/nope.svg",
        "/v1/reports/charts/calendar.png",
        "/v1/reports/charts/.svg",
        "/v1/reports",
    ] {
        assert_eq!(sam.get(path).await.expect(404).problem(), "not-found");
    }
    for path in ["/v1/reports/progress", "/v1/reports/charts/calendar.svg"] {
        let wrong = sam.get(&format!("{path}?window=8d&as_of=soon&nope=1")).await.expect(422);
        assert_eq!(wrong.pointers(), ["/as_of", "/nope", "/window"], "{}", wrong.text);
        for accept in ["application/pdf", "application/json", "application/*, application/problem+json"] {
            let refused = sam.send("GET", path, &[("accept", accept)], None).await.expect(406);
            assert_eq!(refused.problem(), "not-acceptable");
        }
        sam.send("HEAD", path, &[], None).await.expect(200);
    }
    let other = app.person().await;
    record_ten_days(&sam).await;
    assert!(!page(&other, "").await.text.contains("alert"));
}
