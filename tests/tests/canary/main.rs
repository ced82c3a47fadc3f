//! Checks that no text of a person appears in the database without its keys, in the log, in the metrics or in an error.
//! The tests plant canaries in every field, and search for them in every encoding.

use mainstay_tests::{Client, Database, Process, both_engines, process::free_port};

mod canaries;
mod needles;
mod plant;
mod provoke;

use canaries::{Canaries, Responses};
use needles::{Needles, contains};
use plant::plant;
use provoke::provoke;

both_engines!(no_text_of_a_person_leaks);

async fn no_text_of_a_person_leaks(database: &Database) {
    let metrics_address = format!("127.0.0.1:{}", free_port());
    let settings = [("MAINSTAY_LOG", "debug"), ("MAINSTAY_METRICS_LISTEN", metrics_address.as_str())];
    let mut server = Process::start(database, None, &settings).await;

    let mut canaries = Canaries::new();
    let mut responses = Responses::default();
    let person = plant(&server.url, &mut canaries, &mut responses).await;
    let planted = canaries.written.len();
    assert!(planted >= 50, "only {planted} canaries were planted");
    // Otherwise the search below would prove nothing.
    let found = Needles::of(&canaries.written).found_in(responses.successful.as_bytes());
    assert_eq!(found.len(), planted, "some canaries were never stored");

    provoke(&person, &mut canaries, &mut responses).await;
    let metrics = Client::new(&format!("http://{metrics_address}")).get("/metrics").await.expect(200).text;
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
    // The bytes are those of the database, which is not empty.
    assert!(contains(&while_running, b"$argon2id$"));
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let all = Needles::of(&[values.clone(), words, canaries.dates, canaries.named].concat());
    let nothing = Vec::<String>::new();
    assert_eq!(all.found_in(&while_running), nothing, "in the database of a running server");
    assert_eq!(all.found_in(&database.stolen_bytes()), nothing, "in the database");
    assert_eq!(all.found_in(&log), nothing, "in the log");
    assert_eq!(all.found_in(metrics.as_bytes()), nothing, "in the metrics");
    for (request, response) in &responses.problems {
        let found = Needles::of(&values).found_in(response.as_bytes());
        assert_eq!(found, nothing, "in the response to {request}: {response}");
    }
    for file in std::fs::read_dir(database.path()).expect("a directory") {
        let file = file.expect("a file").path();
        let bytes = std::fs::read(&file).expect("a file");
        assert_eq!(all.found_in(&bytes), nothing, "in {}", file.display());
    }
}
