//! Meetings, imported from feeds in the Meeting Guide format.

use std::path::{Path, PathBuf};

use mainstay_api::cli::import::{MeetingsImport, Report, meetings};
use mainstay_domain::reference::meeting::Programme;
use mainstay_tests::{TestApp, both_engines};
use serde_json::{Value, json};

/// An invented feed with the quirks of real ones.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/meetings.json");
/// A published feed. The tests skip it where the folder with real data is missing.
const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/meeting-guide/quinte-2017.json");

/// What an import is told, with the programme of the tests.
fn settings(file: &Path, source: &str) -> MeetingsImport {
    MeetingsImport {
        file: file.to_owned(),
        source: Some(source.to_owned()),
        programme: Programme::RecoveryDharma,
        time_zone: None,
        allow_shrink: false,
    }
}

async fn import(app: &TestApp, file: &Path, source: &str, time_zone: Option<&str>) -> Result<Report, String> {
    let time_zone = time_zone.map(|zone| zone.parse().expect("a zone"));
    meetings(&app.state().store, &MeetingsImport { time_zone, ..settings(file, source) }).await
}

async fn import_fixture(app: &TestApp) {
    let report = import(app, Path::new(FIXTURE), "islands", None).await.expect("the import succeeds");
    assert!(!report.is_partial, "{}", report.text);
}

/// Writes a feed to a file.
fn write_feed(app: &TestApp, feed: &Value) -> PathBuf {
    let file = app.database.path().join("feed.json");
    std::fs::write(&file, feed.to_string()).expect("the file is written");
    file
}

/// Imports a feed given as JSON.
async fn import_value(app: &TestApp, feed: &Value, source: &str) -> Result<Report, String> {
    import(app, &write_feed(app, feed), source, None).await
}

/// The path of a committed case.
fn case(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/feeds")).join(name)
}

fn set_clock(app: &TestApp, at: &str) {
    let at: chrono::DateTime<chrono::Utc> = at.parse().expect("a time");
    app.clock.advance(at - app.clock.now());
}

async fn names(app: &TestApp, query: &str) -> Vec<String> {
    let found = app.client().get(&format!("/v1/meetings{query}")).await.expect(200).items();
    found.iter().map(|m| m["name"].as_str().expect("a name").to_owned()).collect()
}

both_engines!(
    meetings_are_found_by_distance_over_the_date_line,
    meetings_are_found_by_day_time_programme_type_and_place,
    the_next_time_is_in_the_local_time_of_the_meeting,
    meetings_without_a_time_zone_come_last_by_day_and_time,
    a_meeting_has_the_details_of_its_feed_but_no_names_of_people,
    pages_neither_repeat_nor_skip_meetings_that_begin_meanwhile,
    every_wrong_parameter_is_named,
    an_import_replaces_the_meetings_of_its_source_only,
    a_feed_that_lost_most_of_its_entries_changes_nothing_unless_allowed,
    a_type_code_means_what_its_programme_says,
    texts_of_a_feed_become_plain_and_a_wrong_end_costs_the_end,
    a_report_names_what_was_left_out_and_what_is_not_known,
    a_real_feed_is_imported_whole,
);

async fn meetings_are_found_by_distance_over_the_date_line(app: &TestApp) {
    import_fixture(app).await;
    let near = app.client().get("/v1/meetings?near=-16.7,179.95&radius_km=60").await.expect(200).items();
    let found: Vec<(&str, f64)> = near
        .iter()
        .map(|m| (m["slug"].as_str().expect("a slug"), m["distance_km"].as_f64().expect("a distance")))
        .collect();
    assert!(
        matches!(found.as_slice(), [("taveuni", first), ("rabi", second)] if *first < *second && *second < 30.0),
        "{found:?}"
    );
    assert_eq!(names(app, "?near=-16.7,-179.95&radius_km=60").await.len(), 2);
    assert_eq!(names(app, "?near=-16.7,179.95&radius_km=15").await, Vec::<String>::new());
    // From the pole to everywhere, in order of distance.
    assert_eq!(
        names(app, "?near=90,0&radius_km=12500").await,
        ["Late Berlin", "Across the Date Line", "Taveuni Evening", "Harbour Morning"]
    );
}

async fn meetings_are_found_by_day_time_programme_type_and_place(app: &TestApp) {
    import_fixture(app).await;
    for (query, expected) in [
        ("?day=3", vec!["Taveuni Evening"]),
        ("?day=7", vec!["Across the Date Line"]),
        ("?day=0", vec!["Across the Date Line"]),
        ("?from_time=23:00&to_time=08:00&sort=next", vec!["Harbour Morning", "Late Berlin"]),
        ("?to_time=08:00", vec!["Harbour Morning"]),
        ("?type=st", vec!["Taveuni Evening"]),
        ("?type=FR&online=true", vec!["Berlin Online"]),
        // A meeting must have all of several codes.
        ("?type=o,EN", vec!["Late Berlin"]),
        ("?type=ST,FR", vec![]),
        ("?online=true&in_person=true", vec![]),
        ("?programme=aa", vec![]),
        ("?source=other", vec![]),
        ("?programme=recovery_dharma&source=islands&type=X", vec!["Taveuni Evening"]),
    ] {
        let mut found = names(app, query).await;
        found.sort();
        assert_eq!(found, expected, "{query}");
    }
}

async fn the_next_time_is_in_the_local_time_of_the_meeting(app: &TestApp) {
    import_fixture(app).await;
    // Friday noon in Europe; the clocks go forward in the night to Sunday.
    set_clock(app, "2026-03-27T11:00:00Z");
    let found = app.client().get("/v1/meetings").await.expect(200).items();
    let next: Vec<(&str, &Value)> =
        found.iter().map(|m| (m["slug"].as_str().expect("a slug"), &m["next_at"])).collect();
    assert_eq!(
        &next[..4],
        [
            ("late", &json!("2026-03-28T23:30:00.000+01:00")),
            ("rabi", &json!("2026-03-29T18:00:00.000+12:00")),
            ("8", &json!("2026-03-30T07:30:00.000+12:00")),
            ("taveuni", &json!("2026-04-01T19:00:00.000+12:00")),
        ]
    );
    assert!(next.len() == 6 && next[4..].iter().all(|(_, at)| at.is_null()));
    set_clock(app, "2026-03-28T22:30:01Z");
    let late = found.iter().find(|m| m["slug"] == "late").expect("the meeting");
    let again =
        app.client().get(&format!("/v1/meetings/{}", late["id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!(again.body["next_at"], "2026-04-04T23:30:00.000+02:00");
    assert_eq!(again.body.get("distance_km"), None);
}

async fn meetings_without_a_time_zone_come_last_by_day_and_time(app: &TestApp) {
    let feed: Vec<Value> = [("c", 2, "07:00"), ("a", 1, "19:00"), ("d", 0, "06:00"), ("b", 1, "20:30")]
        .into_iter()
        .map(|(slug, day, time)| json!({ "name": slug, "slug": slug, "day": day, "time": time }))
        .collect();
    import_value(app, &json!(feed), "nowhere").await.expect("the import succeeds");
    assert_eq!(names(app, "").await, ["a", "b", "c", "d"]);
    let first = app.client().get("/v1/meetings?limit=3").await.expect(200);
    let cursor = first.body["next_cursor"].as_str().expect("a cursor");
    assert_eq!(names(app, &format!("?limit=3&cursor={cursor}")).await, ["d"]);
}

async fn a_meeting_has_the_details_of_its_feed_but_no_names_of_people(app: &TestApp) {
    import_fixture(app).await;
    let found = app.client().get("/v1/meetings?near=52.5,13.4").await.expect(200);
    let meeting = &found.items()[0];
    assert_eq!(
        meeting["types"],
        json!([{ "code": "O", "name": "Open: everyone welcome" }, { "code": "EN" }])
    );
    assert_eq!(
        (&meeting["days"], &meeting["time"], &meeting["formatted_address"]),
        (&json!([6]), &json!("23:30"), &json!("Torstr. 1, 10119 Berlin"))
    );
    assert!(!found.text.contains("Kim") && !found.text.contains("+4930123456"));
    let id = meeting["id"].as_str().expect("an id");
    let one = app.client().get(&format!("/v1/meetings/{id}")).await.expect(200);
    assert_eq!(one.header("cache-control"), "public, max-age=60");
    app.client()
        .send("GET", &format!("/v1/meetings/{id}"), &[("if-none-match", &one.header("etag"))], None)
        .await
        .expect(304);
    app.client().get("/v1/meetings/0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47").await.expect(404);
    app.client().get("/v1/meetings/none").await.expect(404);
}

async fn pages_neither_repeat_nor_skip_meetings_that_begin_meanwhile(app: &TestApp) {
    let feed: Vec<Value> = (0..25).map(|n| json!({
        "name": format!("Meeting {n}"), "slug": n, "day": n % 7, "time": format!("{:02}:15", n % 24), "timezone": "Asia/Kathmandu",
        "latitude": 27.7 + f64::from(n % 5) / 1000.0, "longitude": 85.3,
    })).collect();
    import_value(app, &json!(feed), "valley").await.expect("the import succeeds");
    for list in [
        "/v1/meetings?limit=4",
        "/v1/meetings?limit=4&near=27.7,85.3",
        "/v1/meetings?limit=4&near=27.7,85.3&sort=next",
    ] {
        let all: Vec<Value> =
            app.client().get(&list.replace("limit=4", "limit=200")).await.expect(200).items();
        let (mut slugs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.client().get(&format!("{list}{cursor}")).await.expect(200);
            slugs.extend(page.items().iter().map(|m| m["slug"].clone()));
            let Some(next) = page.body["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
            app.clock.advance(chrono::TimeDelta::minutes(45));
        }
        let expected: Vec<Value> = all.iter().map(|m| m["slug"].clone()).collect();
        assert_eq!(slugs, expected, "{list}");
    }
}

async fn every_wrong_parameter_is_named(app: &TestApp) {
    let wrong = app.client().get(
        "/v1/meetings?near=91,0&radius_km=0&day=8&from_time=24:00&to_time=7&programme=x&online=yes&in_person=1&type=%20&source=&sort=name&limit=0&cursor=x&nearby=1",
    ).await.expect(422);
    let mut expected = [
        "/near",
        "/radius_km",
        "/day",
        "/from_time",
        "/to_time",
        "/programme",
        "/online",
        "/in_person",
        "/type",
        "/source",
        "/sort",
        "/limit",
        "/cursor",
        "/nearby",
    ];
    expected.sort_unstable();
    assert_eq!(wrong.pointers(), expected);
    for types in ["O,", ",", "A,B,C,D,E,F,G,H,I,J,K"] {
        assert_eq!(
            app.client().get(&format!("/v1/meetings?type={types}")).await.expect(422).pointers(),
            ["/type"],
            "{types}"
        );
    }
    assert_eq!(
        app.client().get("/v1/meetings?radius_km=5&sort=distance").await.expect(422).pointers(),
        // Each of the two needs it.
        ["/near", "/near"]
    );
    let refused = app.client().get("/v1/meetings?programme=x").await.expect(422);
    assert!(refused.text.contains("must be one of aa, na, "), "{}", refused.text);
}

async fn an_import_replaces_the_meetings_of_its_source_only(app: &TestApp) {
    import_fixture(app).await;
    import_value(app, &json!([{ "name": "Elsewhere", "slug": "taveuni", "types": ["O"] }]), "elsewhere")
        .await
        .expect("the import succeeds");
    let before = app.client().get("/v1/meetings?type=ST").await.expect(200).items()[0].clone();
    let feed = write_feed(
        app,
        &json!([
            { "name": "Taveuni at Noon", "slug": "taveuni", "day": 3, "time": "12:00", "types": ["O", "12x12"] },
            { "name": "New", "slug": "new" },
            { "name": "Wrong", "slug": "wrong", "day": "Monday" },
        ]),
    );
    let fewer = MeetingsImport { allow_shrink: true, ..settings(&feed, "islands") };
    let again = meetings(&app.state().store, &fewer).await.expect("the import succeeds");
    assert!(
        again.is_partial && again.text.contains("2 of 3 entries imported; 1 new, 1 known before, 5 gone"),
        "{}",
        again.text
    );
    assert!(again.text.contains("/2/day: must be a number from 0"), "{}", again.text);
    let after = app
        .client()
        .get(&format!("/v1/meetings/{}", before["id"].as_str().expect("an id")))
        .await
        .expect(200)
        .body;
    assert_eq!((&after["id"], &after["name"]), (&before["id"], &json!("Taveuni at Noon")));
    assert_eq!(names(app, "?type=ST").await, Vec::<String>::new());
    assert_eq!(names(app, "?type=12X12").await, ["Taveuni at Noon"]);
    let mut all = names(app, "").await;
    all.sort();
    assert_eq!(all, ["Elsewhere", "New", "Taveuni at Noon"]);
    // A feed without a valid entry changes nothing.
    let refused =
        import_value(app, &json!([{ "slug": "x" }]), "islands").await.expect_err("the import fails");
    assert!(refused.contains("/0/name"), "{refused}");
    assert!(import_value(app, &json!({ "meetings": [] }), "islands").await.is_err());
    assert_eq!(names(app, "").await.len(), 3);
}

async fn a_feed_that_lost_most_of_its_entries_changes_nothing_unless_allowed(app: &TestApp) {
    let feed = |count: usize| -> Value {
        (0..count).map(|n| json!({ "name": format!("Meeting {n:02}"), "slug": n })).collect()
    };
    import_value(app, &feed(0), "valley").await.expect("a new source may be empty");
    import_value(app, &feed(20), "valley").await.expect("the import succeeds");
    import_value(app, &feed(3), "hills").await.expect("the import succeeds");
    for count in [0, 1, 9] {
        let refused = import_value(app, &feed(count), "valley").await.expect_err("the import is refused");
        let numbers = format!("valley has 20 meetings, and this feed would leave {count}");
        assert!(refused.contains(&numbers) && refused.contains("--allow-shrink"), "{refused}");
    }
    // Entries that cannot be imported are lost as well.
    let mut broken = feed(20);
    for entry in broken.as_array_mut().expect("a list").iter_mut().skip(4) {
        entry["day"] = json!("Someday");
    }
    let refused = import_value(app, &broken, "valley").await.expect_err("the import is refused");
    assert!(refused.contains("would leave 4") && refused.contains("/4/day"), "{refused}");
    let refused = import_value(app, &feed(0), "hills").await.expect_err("the import is refused");
    assert!(refused.contains("hills has 3 meetings"), "{refused}");
    assert_eq!(names(app, "?source=valley&limit=200").await.len(), 20);
    assert_eq!(names(app, "?source=hills").await.len(), 3);

    import_value(app, &feed(10), "valley").await.expect("half of them may go");
    import_value(app, &feed(1), "hills").await.expect_err("one of three is less than half");
    import_value(app, &feed(2), "hills").await.expect("two of three may stay");
    for (count, source) in [(4, "valley"), (0, "hills")] {
        let file = write_feed(app, &feed(count));
        let allowed = MeetingsImport { allow_shrink: true, ..settings(&file, source) };
        meetings(&app.state().store, &allowed).await.expect("the import succeeds");
        assert_eq!(names(app, &format!("?source={source}")).await.len(), count);
    }
}

async fn a_type_code_means_what_its_programme_says(app: &TestApp) {
    let file = write_feed(
        app,
        &json!([{ "name": "One", "slug": 1, "types": ["iw", "O", "B", "TC"], "address": "1 Main St" }]),
    );
    for (programme, expected) in [
        (
            Programme::Aa,
            json!([{ "code": "iw" }, { "code": "O", "name": "Open: everyone welcome" }, { "code": "B", "name": "Big Book" }, { "code": "TC", "name": "Location closed for now" }]),
        ),
        (
            Programme::Na,
            json!([{ "code": "IW", "name": "It Works study" }, { "code": "O", "name": "Open: everyone welcome" }, { "code": "B" }, { "code": "TC", "name": "Location closed for now" }]),
        ),
        (
            Programme::Smart,
            json!([{ "code": "iw" }, { "code": "O" }, { "code": "B" }, { "code": "TC", "name": "Location closed for now" }]),
        ),
    ] {
        let import = MeetingsImport { programme, ..settings(&file, "here") };
        meetings(&app.state().store, &import).await.expect("the import succeeds");
        let found = app.client().get("/v1/meetings?type=IW,b").await.expect(200).items();
        assert_eq!((&found[0]["types"], &found[0]["in_person"]), (&expected, &json!(false)), "{programme:?}");
    }
}

async fn texts_of_a_feed_become_plain_and_a_wrong_end_costs_the_end(app: &TestApp) {
    for (file, entries) in [("entities.json", 1), ("texts.json", 4), ("midnight.json", 3)] {
        let report = import(app, &case(file), file, None).await.expect("the import succeeds");
        assert!(report.text.contains(&format!("{entries} of {entries} entries imported")), "{}", report.text);
    }
    let one = app.client().get("/v1/meetings?source=entities.json").await.expect(200).items().remove(0);
    assert_eq!(
        (&one["name"], &one["notes"], &one["conference_url"]),
        (
            &json!("Attitude & Gratitude"),
            &json!("It\u{2019}s for men. More"),
            &json!("https://zoom.us/j/800000000&sa=D&sntz=1")
        )
    );
    let ends = app.client().get("/v1/meetings?source=midnight.json").await.expect(200).items();
    let end_of = |slug: &str| ends.iter().find(|m| m["slug"] == slug).expect("the meeting").get("end_time");
    assert_eq!((end_of("last-lights"), end_of("sisters")), (Some(&json!("00:00")), Some(&json!("11:00"))));
    let feed = json!([
        { "name": "One", "slug": 1, "day": 1, "time": "19:00", "end_time": "24:00", "notes": "Ring<br>twice &amp; wait" },
        { "name": "Two", "slug": 2, "day": 1, "time": "19:00", "end_time": "19:00", "latitude": 91, "longitude": 3 },
    ]);
    let report = import_value(app, &feed, "ends").await.expect("the import succeeds");
    for line in ["/0/end_time", "/1/end_time", "/1/latitude", "taken out of 1 texts"] {
        assert!(!report.is_partial && report.text.contains(line), "{line}: {}", report.text);
    }
    let read = app.client().get("/v1/meetings?source=ends").await.expect(200).items();
    assert!(
        read.len() == 2 && read.iter().all(|m| m.get("end_time").is_none() && m.get("latitude").is_none())
    );
    let one = read.iter().find(|m| m["name"] == "One").expect("the meeting");
    assert_eq!(one["notes"], "Ring\ntwice & wait");
}

async fn a_report_names_what_was_left_out_and_what_is_not_known(app: &TestApp) {
    let feed: Value = (0..50)
        .map(|n| json!({ "name": format!("M {n}"), "slug": n, "time": "10:00", "end_time": "late", "notess": "x", "\u{1b}[31m": 1 }))
        .collect();
    let report = import_value(app, &feed, "noisy").await.expect("the import succeeds").text;
    for line in [
        "/19/end_time: must be",
        "and 30 more of end_time: must be",
        "notess: in 50 entries, first in /0; notes may be meant",
        "\\u{1b}[31m: in 50 entries",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains("/20/end_time") && !report.contains('\u{1b}'), "{report}");
}

async fn a_real_feed_is_imported_whole(app: &TestApp) {
    if !Path::new(REAL).exists() {
        return;
    }
    let report =
        import(app, Path::new(REAL), "quinte", Some("America/Toronto")).await.expect("the import succeeds");
    assert!(!report.is_partial && report.text.contains("45 of 45 entries"), "{}", report.text);
    let all = app.client().get("/v1/meetings?limit=200").await.expect(200).items();
    assert_eq!(all.len(), 45);
    assert!(all.iter().all(|m| m["next_at"].is_string() && m["in_person"] == true));
    let near =
        app.client().get("/v1/meetings?near=44.1640,-77.3840&radius_km=5&day=7").await.expect(200).items();
    assert!(
        near.len() == 4
            && near
                .iter()
                .all(|m| m["distance_km"].as_f64().expect("a distance") <= 5.0 && m["days"] == json!([7]))
    );
}
