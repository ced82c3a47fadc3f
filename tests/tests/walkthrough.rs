//! The README's walkthrough, run as it stands: a newcomer pastes exactly this.

use std::process::Command;

use mainstay_tests::{Database, Engine, Process};
use serde_json::Value;

const README: &str = include_str!("../../README.md");
const SECTION: &str = "\n## Walkthrough\n";

/// The `bash` blocks of the section, top to bottom.
fn script() -> String {
    let (_, rest) = README.split_once(SECTION).expect("the README has a walkthrough");
    let section = rest.split("\n## ").next().expect("a section");
    let blocks = section.split("\n```bash\n").skip(1);
    blocks.map(|block| block.split_once("\n```\n").expect("a block ends").0).collect::<Vec<_>>().join("\n")
}

/// What one request printed: everything up to its status line, and the status.
struct Step<'a> {
    printed: &'a str,
    status: &'a str,
}

impl Step<'_> {
    /// The answer, if it was printed as it came.
    fn json(&self) -> Value {
        serde_json::from_str(self.printed.trim()).unwrap_or_else(|e| panic!("{e}: {}", self.printed))
    }

    #[track_caller]
    fn prints(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.printed.contains(part), "{part} is not in: {}", self.printed);
        }
    }
}

/// Cuts the output behind each line `HTTP` with a status.
fn steps(output: &str) -> Vec<Step<'_>> {
    let mut found = Vec::new();
    let mut rest = output;
    while let Some((before, after)) = rest.split_once("\nHTTP ") {
        let (status, after) = after.split_once('\n').unwrap_or((after, ""));
        found.push(Step { printed: before, status });
        rest = after;
    }
    assert_eq!(rest, "", "something was printed after the last status");
    found
}

/// Pastes the walkthrough into a shell that stops at the first command that does not succeed.
fn paste(process: &Process, database: &Database) -> String {
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script()])
        .env("BASE", &process.url)
        // Nobody's own curl settings or proxies take part.
        .env("CURL_HOME", database.path())
        .env("no_proxy", "*")
        .output()
        .expect("bash runs");
    let (output, complaints) =
        (String::from_utf8(ran.stdout).expect("text"), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{}\n{output}\n{complaints}", ran.status);
    assert_eq!(complaints, "", "{output}");
    output
}

async fn a_newcomer_can_paste_it_top_to_bottom(engine: Engine) {
    let database = Database::create(engine);
    let process = Process::start(&database, None, &[]).await;
    let output = paste(&process, &database);
    let steps = steps(&output);
    let statuses: Vec<&str> = steps.iter().map(|step| step.status).collect();
    let [
        me,
        goal,
        contact,
        plan,
        activated,
        active,
        check_in,
        craving,
        tried,
        help,
        lapse,
        list,
        replay,
        problem,
        bye,
    ] = steps.as_slice()
    else {
        panic!("{} requests, not 15: {statuses:?}", steps.len());
    };
    assert_eq!(
        statuses,
        [
            "200", "201", "201", "201", "200", "200", "201", "201", "200", "200", "201", "200", "200", "422",
            "204"
        ]
    );

    assert_eq!(me.json()["display_name"], "Sam");
    assert_eq!(goal.json()["status"], "active");
    assert_eq!(contact.json()["name"], "Robin");
    assert_eq!(plan.json()["status"], "draft");
    assert_eq!(plan.json()["number"], 1);
    assert_eq!(activated.json()["status"], "active");
    assert_eq!(active.json()["contacts"][0]["name"], "Robin");
    assert_eq!(check_in.json()["local_date"], "2026-10-15");
    craving.prints(&[
        "\"message\":\"",
        "\"label\":\"Call Robin\"",
        "\"why\":\"You chose it for this trigger.\"",
        "\"name\":\"Robin\"",
        "\"why\":\"Reachable now: your sponsor.\"",
        "\"name\":\"988 Suicide & Crisis Lifeline\"",
    ]);
    assert_eq!(tried.json()["outcome"], "rode_it_out");
    assert_eq!(tried.json()["version"], 2);
    assert_eq!(
        help.printed.trim(),
        "\"label\":\"Walk by the river\"\n\"why\":\"Rated once: your craving fell by 5.0 points on average.\""
    );
    lapse.prints(&[
        "Everything you have built is still yours",
        "\"lapse_response\":[{",
        "One day is one day.",
    ]);
    assert_eq!(list.json()["items"][0], check_in.json());
    replay.prints(&["HTTP/1.1 200 OK", "idempotent-replayed: true"]);
    assert_eq!(problem.json()["type"], "/problems/validation");
    assert_eq!(problem.json()["errors"][0]["pointer"], "/answers/craving");
    assert_eq!(bye.printed.trim(), "");
}

#[tokio::test]
async fn on_sqlite() {
    a_newcomer_can_paste_it_top_to_bottom(Engine::Sqlite).await;
}

#[tokio::test]
async fn on_postgres() {
    a_newcomer_can_paste_it_top_to_bottom(Engine::Postgres).await;
}
