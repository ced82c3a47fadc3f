//! The import commands for meetings and questionnaires.

use std::fs;

use mainstay_tests::{Client, Database, Engine, Person, Process, both_engines};
use serde_json::json;

use super::{run, text};

both_engines!(meetings_are_imported_while_a_server_runs);

async fn meetings_are_imported_while_a_server_runs(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/meetings.json");
    let import =
        |file: &str, more: &[&str]| run(database, &[&["meetings", "import", file], more].concat(), &[], "");
    let done = import(fixture, &["--source", "islands", "--programme", "na", "--time-zone", "Europe/Berlin"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), "islands: 6 of 6 entries imported; 6 new, 0 known before, 0 gone\n");
    let found =
        Client::new(&process.url).get("/v1/meetings?programme=na&online=true").await.expect(200).items();
    assert_eq!((found.len(), &found[0]["time_zone"]), (1, &json!("Europe/Berlin")));

    let feed = database.path().join("small.json");
    fs::write(&feed, r#"[{ "name": "One", "slug": 1, "day": 9 }, { "name": "Two", "slug": 2 }]"#)
        .expect("the file is written");
    let partial = import(&feed.display().to_string(), &[]);
    assert_eq!(partial.status.code(), Some(2), "{}", text(&partial.stdout));
    assert!(
        text(&partial.stdout).contains("small: 1 of 2 entries imported")
            && text(&partial.stdout).contains("/0/day")
    );
    assert_eq!(Client::new(&process.url).get("/v1/meetings").await.expect(200).items().len(), 7);

    fs::write(&feed, "[{").expect("the file is written");
    let broken = import(&feed.display().to_string(), &[]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("line 1"), "{}", text(&broken.stderr));
    for wrong in [["--programme", "club"], ["--time-zone", "Mars/Base"], ["--source", ""]] {
        assert!(!import(fixture, &wrong).status.success(), "{wrong:?}");
    }
}

#[test]
fn an_unmigrated_server_database_refuses_an_import() {
    let database = Database::create(Engine::Postgres);
    assert!(run(&database, &["keys", "generate"], &[], "").status.success());
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/meetings.json");
    let refused = run(&database, &["meetings", "import", fixture], &[], "");
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("mainstay migrate"),
        "{}",
        text(&refused.stderr)
    );
}

#[tokio::test]
async fn questionnaires_are_imported_with_their_terms_while_a_server_runs() {
    let database = Database::create(Engine::Sqlite);
    let process = Process::start(&database, None, &[]).await;
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let (fixture, scoring) = (format!("{fixtures}/questionnaire.json"), format!("{fixtures}/scoring.json"));
    let import = |more: &[&str]| run(&database, &[&["questionnaires", "import"], more].concat(), &[], "");
    let done = import(&[&fixture, "--scoring", &scoring, "--licence", "CC0", "--status", "draft"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    for line in [
        "imported https://example.org/evening-review version 1",
        "licence: CC0",
        "brightness, calm_and_joy (rules 2026-03)",
        "/item/7",
    ] {
        assert!(text(&done.stdout).contains(line), "{line}: {}", text(&done.stdout));
    }
    let sam = Person::register(&process.url, json!({})).await;
    let listed = sam.get("/v1/questionnaires?status=draft").await.expect(200).items();
    assert_eq!((listed.len(), &listed[0]["licence"]), (1, &json!("CC0")));

    let bare = database.path().join("bare.json");
    fs::write(&bare, r#"{ "resourceType": "Questionnaire", "title": "Bare", "item": [] }"#)
        .expect("the file is written");
    let refused = import(&[&bare.display().to_string()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--licence") && text(&refused.stderr).contains("--attribution"));
    assert!(!import(&[&fixture, "--status", "old"]).status.success());
}
