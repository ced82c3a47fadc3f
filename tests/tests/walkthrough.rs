//! Runs the walkthrough of the README, and the story of the people who help, exactly as they are written, with bash and curl.

use std::process::Command;

use mainstay_tests::{Database, PASSWORD, Process, both_engines, process::command};
use serde_json::{Value, json};

const README: &str = include_str!("../../README.md");
const SECTION: &str = "\n## Walkthrough\n";

const STORY: &str = include_str!("../../docs/people-who-help.md");

/// The `bash` blocks of a section in one script.
fn script(text: &str, section: &str) -> String {
    let (_, rest) = text.split_once(section).expect("the text has that section");
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
    // Some steps print only their status.
    let split = |rest: &'_ str| {
        rest.starts_with("HTTP ").then_some(0).or_else(|| rest.find("\nHTTP ").map(|at| at + 1))
    };
    while let Some(at) = split(rest) {
        let (before, after) = rest.split_at(at);
        let after = after.trim_start_matches("HTTP ");
        let (status, after) = after.split_once('\n').unwrap_or((after, ""));
        steps.push(Step { output: before.trim_end_matches('\n'), status });
        rest = after;
    }
    assert_eq!(rest, "", "something was printed after the last status");
    steps
}

/// Runs a script in a shell that stops at the first command that fails.
fn run(process: &Process, database: &Database, script: &str, settings: &[(&str, &str)]) -> String {
    let finished = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .envs(settings.iter().copied())
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

both_engines!(the_walkthrough_works_from_top_to_bottom, the_story_of_the_people_who_help_is_true);

// Long because it has a line for each step of the walkthrough.
async fn the_walkthrough_works_from_top_to_bottom(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let output = run(&process, database, &script(README, SECTION), &[]);
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

/// Makes an account for a counselor, as an operator does.
fn make_counselor(database: &Database, email: &str) {
    let arguments = [
        "account",
        "create",
        "--role",
        "clinician",
        "--email",
        email,
        "--display-name",
        "Kim",
        "--password-file",
    ];
    let file = database.path().join("password");
    std::fs::write(&file, PASSWORD).expect("a file");
    let made = command(database).args(arguments).arg(&file).output().expect("the command runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

// Long because it has a line for each step of the story.
async fn the_story_of_the_people_who_help_is_true(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let email = "kim@example.org";
    make_counselor(database, email);
    let settings = [("KIM_EMAIL", email), ("KIM_PASSWORD", PASSWORD)];
    let output = run(&process, database, &script(STORY, "\n## The story\n"), &settings);
    let steps = split_steps(&output);
    let statuses: Vec<&str> = steps.iter().map(|step| step.status).collect();
    let [
        _goal,
        _plan,
        _activated,
        invited,
        accepted,
        confirmed,
        nothing_yet,
        draft,
        completed,
        preview,
        signed,
        shared,
        abstinence,
        warnings,
        no_check_ins,
        no_plan,
        sent,
        encouragements,
        _kim_accepted,
        _kim_confirmed,
        _kim_signed,
        lapse,
        summary,
        proposed,
        difference,
        taken,
        seen,
        revoked,
        nothing_more,
        log,
        disclosures,
    ] = steps.as_slice()
    else {
        panic!("{} requests, not 31: {statuses:?}\n{output}", steps.len());
    };
    for (step, status) in
        [(nothing_yet, "404"), (no_check_ins, "404"), (no_plan, "404"), (nothing_more, "404")]
    {
        assert_eq!(step.status, status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == "404").count(), 4, "{statuses:?}");
    assert!(statuses.iter().all(|status| status.starts_with('2') || *status == "404"), "{statuses:?}");
    assert_eq!(invited.json()["status"], "pending");
    assert_eq!(accepted.json()["status"], "accepted");
    assert_eq!(confirmed.json()["status"], "confirmed");
    draft.assert_contains(&["\"missing\":[{", "\"element\":\"expiry\"", "\"element\":\"revocation\""]);
    assert_eq!(completed.json()["missing"], json!([]));
    assert_eq!(preview.json()["recipients"][0]["sees_in_app"], true);
    assert_eq!(signed.json()["status"], "active");
    assert_eq!(shared.json()["items"][0]["data_classes"], json!(["abstinence", "warnings"]));
    assert_eq!(shared.json()["items"][0]["display_name"], "Sam");
    assert_eq!(abstinence.json()["goals"][0]["substance"], "alcohol");
    assert!(warnings.json()["level"].is_string(), "{}", warnings.output);
    assert_eq!(sent.json()["text"], "Thinking of you. One day is one day.");
    assert_eq!(encouragements.json()["items"][0]["text"], sent.json()["text"]);
    assert_eq!(lapse.output.trim(), "");
    summary.assert_contains(&["\"kind\":\"use-events\"", "\"added\":1"]);
    assert_eq!(proposed.json()["status"], "open");
    difference.assert_contains(&["Meet someone before the evening"]);
    assert_eq!(taken.json()["number"], 2);
    seen.assert_contains(&["Dinner with Robin on payday"]);
    assert_eq!(revoked.json()["status"], "revoked");
    log.assert_contains(&["Robin looked at", "Kim looked at", "Kim made a proposal about"]);
    assert!(!disclosures.json()["items"].as_array().expect("a list").is_empty());
}
