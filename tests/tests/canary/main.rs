//! Whoever steals the database without its keys, reads the log or the figures, or sees an error, learns nothing that
//! a person wrote: canaries are planted everywhere, and then looked for in every form that bytes can take.

use mainstay_tests::{Client, Database, Engine, Process, process::free_port};

mod canaries;
mod needles;
mod plant;
mod provoke;

use canaries::{Canaries, Seen};
use needles::{Needles, contains};
use plant::plant;
use provoke::provoke;

#[tokio::test]
async fn nothing_that_a_person_wrote_leaks_on_sqlite() {
    plant_and_look(Engine::Sqlite).await;
}

#[tokio::test]
async fn nothing_that_a_person_wrote_leaks_on_postgres() {
    plant_and_look(Engine::Postgres).await;
}

async fn plant_and_look(engine: Engine) {
    let database = Database::create(engine);
    let figures = format!("127.0.0.1:{}", free_port());
    let settings = [("MAINSTAY_LOG", "debug"), ("MAINSTAY_METRICS_LISTEN", figures.as_str())];
    let mut server = Process::start(&database, None, &settings).await;

    let mut canaries = Canaries::new();
    let mut seen = Seen::default();
    let person = plant(&server.url, &mut canaries, &mut seen).await;
    let planted = canaries.written.len();
    assert!(planted >= 50, "only {planted} canaries were planted");
    // Each of them was stored, or the search below would prove nothing.
    let found = Needles::of(&canaries.written).found_in(seen.good.as_bytes());
    assert_eq!(found.len(), planted, "some canaries were never stored");

    provoke(&person, &mut canaries, &mut seen).await;
    let metrics = Client::new(&format!("http://{figures}")).get("/metrics").await.expect(200).text;
    let while_running = database.stolen_bytes();
    assert!(server.terminate().success());
    let log = std::fs::read(database.path().join("server.log")).expect("a log");
    assert!(metrics.contains("/v1/check-ins/{id}") && contains(&log, b"/v1/check-ins/{id}"));

    let values: Vec<String> = [canaries.written, canaries.secret, canaries.refused].concat();
    let words = [
        "opioid_heroin",
        "opioid_fentanyl",
        "kratom",
        "urges_and_temptations",
        "planned_use",
        "alcohol_deterrent",
        "emotional_reasoning",
        "BYMINUTE=47",
        "Jakarta",
    ];
    // The database is the real one, and not empty.
    assert!(contains(&while_running, b"$argon2id$"));
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let all = Needles::of(&[values.clone(), words, canaries.dates, canaries.named].concat());
    let nothing = Vec::<String>::new();
    assert_eq!(all.found_in(&while_running), nothing, "in the database of a running server");
    assert_eq!(all.found_in(&database.stolen_bytes()), nothing, "in the database");
    assert_eq!(all.found_in(&log), nothing, "in the log");
    assert_eq!(all.found_in(metrics.as_bytes()), nothing, "in the figures");
    for (request, answer) in &seen.problems {
        let found = Needles::of(&values).found_in(answer.as_bytes());
        assert_eq!(found, nothing, "in the answer to {request}: {answer}");
    }
    for file in std::fs::read_dir(database.path()).expect("a directory") {
        let file = file.expect("a file").path();
        let bytes = std::fs::read(&file).expect("a file");
        assert_eq!(all.found_in(&bytes), nothing, "in {}", file.display());
    }
}
