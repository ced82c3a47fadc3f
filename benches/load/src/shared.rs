//! Measures what a read by somebody else costs beside the person's own: it is judged, and put into the accounting before it is
//! answered.

use std::{fmt::Write, fs};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    Outcome,
    http::Connection,
    population::{Engine, Person, SeedCopy, Size, active},
    seed,
    setting::Setting,
    target::LoadTarget,
    workload::Workload,
};

/// A seed that takes little time, with as many check-ins of each person as others have.
const SIZE: Size = Size {
    people: 1_000,
    check_ins: 100_000,
};
/// The people who share with a helper each. A server takes few invitation codes in an hour.
const PAIRS: usize = 15;
/// What is read, below the person's own record or the shared one.
const PATHS: [&str; 3] = [
    "check-ins?limit=30",
    "plans/active?kind=relapse_prevention",
    "insights/summary",
];
/// The password of everyone in a seed.
const PASSWORD: &str = "rivers bend slowly";

/// The options of `load shared`.
#[derive(Debug, Args)]
pub struct Options {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The number of rounds in which the two kinds of reads take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// The numbers of connections.
    #[arg(long, value_delimiter = ',', default_values = ["1", "32"])]
    pub connections: Vec<u32>,
}

/// Measures shared reads and a person's own on each engine.
pub fn run(options: &Options) -> Outcome {
    let _lock = options.setting.lock()?;
    for engine in &options.setting.engine {
        measure(options, *engine)?;
    }
    Ok(())
}

fn measure(options: &Options, engine: Engine) -> Outcome {
    let location = options.setting.location(engine, SIZE)?;
    let people = seed::ensure(&location)?;
    let active = active(&people, u32::try_from(2 * PAIRS)?);
    let mut target = LoadTarget::start(&options.setting.binary()?, &location, &active)?;
    location.mark_written(SeedCopy::Served)?;
    let (sharing, helping) = active.people.split_at(PAIRS);
    for (person, helper) in sharing.iter().zip(helping) {
        share(&target, person, helper)?;
    }
    println!(
        "| | connections | own/s | shared/s | shared costs | own p50, p99 in ms | shared p50, p99 in ms | processor own, shared in µs |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for path in PATHS {
        for connections in options.connections.iter().copied() {
            compare(options, &mut target, (sharing, helping), path, connections)?;
        }
    }
    target.server.stop()
}

/// Lets the two kinds of reads take turns, and prints the turn with the median rate of each.
fn compare(
    options: &Options,
    target: &mut LoadTarget,
    (sharing, helping): (&[Person], &[Person]),
    path: &str,
    connections: u32,
) -> Outcome {
    let level = options.setting.load_level(connections);
    let (mut own, mut shared) = (Vec::new(), Vec::new());
    for _ in 0..options.pairs {
        let mut requests = Vec::new();
        for person in sharing {
            requests.push((target.token(person)?, format!("/v1/{path}")));
        }
        own.push(measure_paths(target, &requests, level)?);
        requests.clear();
        for (person, helper) in sharing.iter().zip(helping) {
            requests.push((
                target.token(helper)?,
                format!("/v1/shared/{}/{path}", person.account),
            ));
        }
        shared.push(measure_paths(target, &requests, level)?);
    }
    let median = |mut turns: Vec<crate::target::Measurement>| {
        turns.sort_by(|a, b| a.figures.rate().total_cmp(&b.figures.rate()));
        turns.get(turns.len() / 2).copied().ok_or("no turn was measured")
    };
    let (own, shared) = (median(own)?, median(shared)?);
    let millis = |us: u64| us as f64 / 1000.0;
    println!(
        "| {path} | {connections} | {:.0} | {:.0} | {:.2} × | {:.2}, {:.1} | {:.2}, {:.1} | {}, {} |",
        own.figures.rate(),
        shared.figures.rate(),
        own.figures.rate() / shared.figures.rate(),
        millis(own.figures.p50_us),
        millis(own.figures.p99_us),
        millis(shared.figures.p50_us),
        millis(shared.figures.p99_us),
        own.cpu.as_micros(),
        shared.cpu.as_micros(),
    );
    Ok(())
}

fn measure_paths(
    target: &mut LoadTarget,
    requests: &[(String, String)],
    level: crate::wrk::LoadLevel,
) -> Outcome<crate::target::Measurement> {
    let mut text = String::new();
    for (token, path) in requests {
        writeln!(text, "{token}\t\t\t{path}")?;
    }
    let file = target.location().file("paths.tsv");
    fs::write(&file, text)?;
    target.run_on(Workload::Paths, &file, level)
}

/// Lets a helper see all of a person's record.
fn share(target: &LoadTarget, person: &Person, helper: &Person) -> Outcome {
    let (own, others) = (target.token(person)?, target.token(helper)?);
    let mut connection = target.connect()?;
    let invitation = json!({ "role": "supporter", "relationship": "sponsor" });
    let made = post(&mut connection, &own, "/v1/invitations", &invitation, 201)?;
    let acceptance = json!({ "code": made["code"], "display_name": "Robin" });
    post(
        &mut connection,
        &others,
        "/v1/invitations/accept",
        &acceptance,
        200,
    )?;
    let id = made["id"].as_str().ok_or("an invitation without id")?;
    post(
        &mut connection,
        &own,
        &format!("/v1/invitations/{id}/confirm"),
        &json!({}),
        200,
    )?;
    let consent = json!({
        "type": "named_disclosure", "discloser": "Mainstay", "recipients": [{ "account_id": helper.account }],
        "data_classes": [
            "abstinence", "warnings", "goals", "plans", "check_ins", "cravings", "use", "medications", "practice", "care",
            "support_contacts", "questionnaires", "safety", "notes",
        ],
        "purposes": ["recovery_support"], "expires_at": "2199-01-01T00:00:00Z", "signer_relationship": "patient",
        "statements_accepted": ["right_to_revoke"],
    });
    let consent = post(&mut connection, &own, "/v1/consents", &consent, 201)?;
    let id = consent["id"].as_str().ok_or("a consent without id")?;
    let signature = json!({ "name": "Sam Example", "password": PASSWORD });
    post(
        &mut connection,
        &own,
        &format!("/v1/consents/{id}/sign"),
        &signature,
        200,
    )?;
    Ok(())
}

fn post(connection: &mut Connection, token: &str, path: &str, body: &Value, status: u16) -> Outcome<Value> {
    let response = connection.send("POST", path, token, Some(&body.to_string()))?;
    Ok(serde_json::from_slice(&response.expect(status)?.body)?)
}
