//! Runs the walkthrough of the README exactly as it is written, with bash and curl.

use std::process::Command;

use mainstay_tests::{Database, Process, both_engines};
use serde_json::Value;

const README: &str = include_str!("../../README.md");
const SECTION: &str = "\n## Walkthrough\n";

/// The `bash` blocks of the section in one script.
fn script() -> String {
    let (_, rest) = README.split_once(SECTION).expect("the README has a walkthrough");
    let section = rest.split("\n## ").next().expect("a section");
    let blocks = section.split("\n```bash\n").skip(1);
    blocks.map(|block| block.split_once("\n```\n").expect("a block ends").0).collect::<Vec<_>>().join("\n")
}

/// The output of one request: everything up to its status line, and the status.
struct Step<'a> {
    output: &'a str,
    status: &'a str,
}

impl Step<'_> {
    /// The output as JSON.
    fn json(&self) -> Value {
        serde_json::from_str(self.output.trim()).unwrap_or_else(|e| panic!("{e}: {}", self.output))
    }

    #[track_caller]
    fn assert_contains(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.output.contains(part), "{part} is not in: {}", self.output);
        }
    }
}

/// Splits the output after each line with `HTTP` and a status.
fn split_steps(output: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = output;
    while let Some((before, after)) = rest.split_once("\nHTTP ") {
        let (status, after) = after.split_once('\n').unwrap_or((after, ""));
        steps.push(Step { output: before, status });
        rest = after;
    }
    assert_eq!(rest, "", "something was printed after the last status");
    steps
}

/// Runs the walkthrough in a shell that stops at the first command that fails.
fn run_walkthrough(process: &Process, database: &Database) -> String {
    let finished = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script()])
        .env("BASE", &process.url)
        // Without the curl settings and proxies of the developer.
        .env("CURL_HOME", database.path())
        .env("no_proxy", "*")
        .output()
        .expect("bash runs");
    let (output, errors) =
        (String::from_utf8(finished.stdout).expect("text"), String::from_utf8_lossy(&finished.stderr));
    assert!(finished.status.success(), "{}\n{output}\n{errors}", finished.status);
    assert_eq!(errors, "", "{output}");
    output
}

both_engines!(the_walkthrough_works_from_top_to_bottom);

// Long because it has a line for each step of the walkthrough.
async fn the_walkthrough_works_from_top_to_bottom(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let output = run_walkthrough(&process, database);
    let steps = split_steps(&output);
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
    craving.assert_contains(&[
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
        help.output.trim(),
        "\"label\":\"Walk by the river\"\n\"why\":\"Rated once: meanwhile your craving fell by 5.0 points on average.\""
    );
    lapse.assert_contains(&[
        "Everything you have built is still yours",
        "\"lapse_response\":[{",
        "One day is one day.",
    ]);
    assert_eq!(list.json()["items"][0], check_in.json());
    replay.assert_contains(&["HTTP/1.1 200 OK", "idempotent-replayed: true"]);
    assert_eq!(problem.json()["type"], "/problems/validation");
    assert_eq!(problem.json()["errors"][0]["pointer"], "/answers/craving");
    assert_eq!(bye.output.trim(), "");
}
