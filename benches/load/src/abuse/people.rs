//! The requests of the people who use the server, and of those who flood it.

use std::{fs, net::SocketAddr, sync::Arc};

use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use mainstay_domain::{account::Role, record::json};
use mainstay_flood::{Kind, request};
use serde_json::{Value, json as value};

use crate::{
    Outcome, content,
    http::Connection,
    population::{Person, SeedLocation},
    random::Random,
};

const PASSWORD: &str = "rivers bend slowly by the mill";
/// The people who sign in, each from a network of their own.
const SIGNING_IN: u32 = 10;
/// The accounts that a flood tries to make.
const REGISTRATIONS: usize = 5000;
/// The medications of the hostile account. Each comes due every hour.
const MEDICATIONS: usize = 100;

/// The requests of everybody.
pub struct Requests {
    cravings: Arc<[Vec<u8>]>,
    plans: Arc<[Vec<u8>]>,
    check_ins: Arc<[Vec<u8>]>,
    lists: Arc<[Vec<u8>]>,
    summaries: Arc<[Vec<u8>]>,
    reports: Arc<[Vec<u8>]>,
    sign_ins: Arc<[Vec<u8>]>,
    guesses: Arc<[Vec<u8>]>,
    registrations: Arc<[Vec<u8>]>,
    hostile_reads: Arc<[Vec<u8>]>,
    hostile_pushes: Arc<[Vec<u8>]>,
}

impl Requests {
    /// Registers those who sign in and the hostile account, and prepares all requests.
    pub fn prepare(server: SocketAddr, location: &SeedLocation, people: &[Person]) -> Outcome<Self> {
        let signing = fs::read_to_string(location.file("signing.pem"))?;
        let tokens = Tokens::new(&signing, "mainstay")?;
        let now = Clock::default().now();
        let mut random = Random::new(5);
        let (mut cravings, mut plans, mut check_ins) = Default::default();
        let (mut lists, mut summaries, mut reports) = Default::default();
        for (n, person) in people.iter().enumerate() {
            let token = tokens.issue(person.account, person.session, Role::Person, now)?;
            let from = network(n);
            let push = |all: &mut Vec<Vec<u8>>, method, path, body: Option<&str>| {
                all.push(request(method, path, &headers(&token, &from), body));
            };
            let craving = String::from_utf8(json(&content::craving(&mut random, now)))?;
            let check_in = String::from_utf8(json(&content::check_in(&mut random, now)))?;
            push(&mut cravings, "POST", "/v1/craving-events", Some(&craving));
            push(
                &mut plans,
                "GET",
                "/v1/plans/active?kind=relapse_prevention",
                None,
            );
            push(&mut check_ins, "POST", "/v1/check-ins", Some(&check_in));
            push(&mut lists, "GET", "/v1/check-ins?limit=30", None);
            push(&mut summaries, "GET", "/v1/insights/summary", None);
            push(&mut reports, "GET", "/v1/reports/progress", None);
        }
        let hostile = register(server, "hostile@example.org", "198.51.100.7")?;
        let hostile = headers(&hostile, "198.51.100.7");
        let reads = [
            "/v1/insights/medication",
            "/v1/insights/summary",
            "/v1/reports/progress",
        ];
        Ok(Self {
            cravings: cravings.into(),
            plans: plans.into(),
            check_ins: check_ins.into(),
            lists: lists.into(),
            summaries: summaries.into(),
            reports: reports.into(),
            sign_ins: sign_ins(server)?.into(),
            guesses: guesses().into(),
            registrations: registrations().into(),
            hostile_reads: reads
                .iter()
                .map(|path| request("GET", path, &hostile, None))
                .collect(),
            hostile_pushes: (0..20)
                .map(|_| request("POST", "/v1/sync", &hostile, Some(&medications(&mut random))))
                .collect(),
        })
    }

    /// What people do on any day.
    pub fn everyday(&self) -> Vec<Kind> {
        vec![
            kind("craving with help", 20, &self.cravings),
            kind("active plan", 15, &self.plans),
            kind("check-in", 20, &self.check_ins),
            kind("list", 15, &self.lists),
            kind("summary", 25, &self.summaries),
            kind("sign-in", 5, &self.sign_ins),
        ]
    }

    /// A mix with much that is dear, of which the server can serve few. To refuse a request costs some hundredths of a
    /// millisecond: of what is cheap, ten times as much as can be served would be more than can be refused.
    pub fn busy(&self) -> Vec<Kind> {
        vec![
            kind("craving with help", 3, &self.cravings),
            kind("active plan", 5, &self.plans),
            kind("check-in", 25, &self.check_ins),
            kind("list", 22, &self.lists),
            kind("report", 35, &self.reports),
            kind("sign-in", 10, &self.sign_ins),
        ]
    }

    /// [`Self::busy`] without sign-ins: a client that signs in waits for its turn to hash, and would say little of what the
    /// server can serve.
    pub fn busy_without_sign_ins(&self) -> Vec<Kind> {
        vec![
            kind("craving with help", 3, &self.cravings),
            kind("active plan", 5, &self.plans),
            kind("check-in", 30, &self.check_ins),
            kind("list", 27, &self.lists),
            kind("report", 35, &self.reports),
        ]
    }

    /// One network that registers account after account.
    pub fn registrations(&self) -> Vec<Kind> {
        vec![kind("registration", 100, &self.registrations)]
    }

    /// One account that asks for dear insights of a record that it has made as dear as it can.
    pub fn hostile(&self) -> Vec<Kind> {
        vec![
            kind("hostile push", 10, &self.hostile_pushes),
            kind("hostile read", 90, &self.hostile_reads),
        ]
    }

    /// One network that tries wrong passwords.
    pub fn guesses(&self) -> Vec<Kind> {
        vec![kind("guess", 100, &self.guesses)]
    }
}

fn kind(name: &'static str, share: usize, requests: &Arc<[Vec<u8>]>) -> Kind {
    Kind {
        name,
        share,
        requests: Arc::clone(requests),
    }
}

/// The network of a person: an address of its own.
fn network(n: usize) -> String {
    format!("10.{}.{}.{}", n / 65_536 % 256, n / 256 % 256, n % 256)
}

fn headers(token: &str, from: &str) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {token}")),
        ("x-forwarded-for", from.to_owned()),
    ]
}

/// Registers an account from a network, and returns its access token.
fn register(server: SocketAddr, email: &str, from: &str) -> Outcome<String> {
    let body = value!({ "email": email, "password": PASSWORD, "time_zone": "America/New_York" }).to_string();
    let mut connection = Connection::open(server)?;
    let response = connection.send_with(
        "POST",
        "/v1/auth/register",
        "",
        &[("x-forwarded-for", from)],
        Some(&body),
    )?;
    let response: Value = serde_json::from_slice(&response.expect(201)?.body)?;
    let token = response.pointer("/tokens/access_token").and_then(Value::as_str);
    Ok(token.ok_or("no access token")?.to_owned())
}

fn sign_ins(server: SocketAddr) -> Outcome<Vec<Vec<u8>>> {
    let sign_in = |n: u32| -> Outcome<Vec<u8>> {
        let (email, from) = (format!("person{n}@example.org"), format!("192.0.2.{n}"));
        register(server, &email, &from)?;
        let body = value!({ "email": email, "password": PASSWORD }).to_string();
        let from = vec![("x-forwarded-for", from)];
        Ok(request("POST", "/v1/auth/login", &from, Some(&body)))
    };
    (0..SIGNING_IN).map(sign_in).collect()
}

fn guesses() -> Vec<Vec<u8>> {
    let guess = |n: u32| {
        let email = format!("person{}@example.org", n % SIGNING_IN);
        let body = value!({ "email": email, "password": format!("guess number {n} of many") }).to_string();
        let from = vec![("x-forwarded-for", "203.0.113.200".to_owned())];
        request("POST", "/v1/auth/login", &from, Some(&body))
    };
    (0..500).map(guess).collect()
}

fn registrations() -> Vec<Vec<u8>> {
    let registration = |n: usize| {
        let body = value!({ "email": format!("flood{n}@example.org"), "password": PASSWORD }).to_string();
        let from = vec![("x-forwarded-for", "203.0.113.9".to_owned())];
        request("POST", "/v1/auth/register", &from, Some(&body))
    };
    (0..REGISTRATIONS).map(registration).collect()
}

/// A push of medications that come due every hour since long ago.
fn medications(random: &mut Random) -> String {
    let micros = Clock::default().micros();
    let hours: Vec<String> = (0..24).map(|hour: u32| hour.to_string()).collect();
    let schedule = format!("FREQ=DAILY;BYHOUR={}", hours.join(","));
    let change = |_| {
        value!({
            "kind": "medications", "op": "upsert", "id": random.id(micros),
            "record": {
                "name": "x", "class": "other", "dose": "1 mg", "route": "oral", "schedule": schedule,
                "covers_days": 1, "started_on": "2020-01-01", "status": "active",
            },
        })
    };
    let changes: Vec<Value> = (0..MEDICATIONS).map(change).collect();
    value!({ "limit": 1, "changes": changes }).to_string()
}
