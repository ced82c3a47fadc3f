//! A server in the process of the test, whose clock the test can advance.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

use mainstay_api::{
    auth::access_token::generate_signing_key,
    http::rate_limit::LimitMode,
    server::{
        application::{Configuration, Running},
        clock::Clock,
    },
};
use mainstay_store::{MasterKeys, PersonScope, migrate_all};
use serde_json::{Value, json};

use crate::{
    client::{Client, Person, Response},
    database::{Database, Engine},
};

/// A running server on a fresh database.
pub struct TestApp {
    /// The clock of the server.
    pub clock: Clock,
    /// The URL of the server, as `http://127.0.0.1:port`.
    pub url: String,
    // Fields are dropped in this order: the server goes before its database.
    running: Running,
    /// The database.
    pub database: Database,
    people: AtomicU32,
}

impl TestApp {
    /// Starts a server without rate limits.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, LimitMode::Off).await
    }

    /// Starts a server with or without rate limits.
    pub async fn start_with(engine: Engine, limits: LimitMode) -> Self {
        let database = Database::create(engine);
        let locations = database.locations();
        let clock = Clock::default();
        let own_clock = clock.clone();
        let (running, url) = tokio::task::spawn_blocking(move || {
            migrate_all(&locations).expect("migrations run");
            let master = MasterKeys::generate().expect("a key");
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let configuration = Configuration {
                locations,
                master: MasterKeys::parse(&master).expect("a good key"),
                signing_keys: generate_signing_key().expect("a key"),
                issuer: "mainstay".to_owned(),
                limits,
                trusted_proxies: vec!["127.0.0.1/32".parse().expect("a network")],
                tombstone_days: 180,
                workers: 2,
                clock: own_clock,
            };
            (Running::start(configuration, listener).expect("the server starts"), url)
        })
        .await
        .expect("the start does not panic");
        Self { clock, url, running, database, people: AtomicU32::new(0) }
    }

    /// The shared state of the server, for tests of behaviour that is invisible over HTTP.
    pub fn state(&self) -> &mainstay_api::server::state::State {
        self.running.state()
    }

    /// Creates a client that is not signed in.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// Registers a person, who is signed in.
    pub async fn person(&self) -> Person {
        let n = self.people.fetch_add(1, Ordering::Relaxed);
        self.person_with(json!({ "email": format!("person{n}@example.org") })).await
    }

    /// Registers a person who lives in the zone UTC.
    pub async fn person_in_utc(&self) -> Person {
        let n = self.people.fetch_add(1, Ordering::Relaxed);
        self.person_with(json!({ "email": format!("person{n}@example.org"), "time_zone": "UTC" })).await
    }

    /// Registers a person with some members of the registration replaced.
    pub async fn person_with(&self, members: Value) -> Person {
        Person::register(&self.url, members).await
    }

    /// The scope with which the store accesses the record of a person.
    pub async fn scope(&self, person: &Person) -> PersonScope {
        let state = self.state();
        let token = person.tokens["access_token"].as_str().expect("a token");
        let claims = state.tokens.verify(token, self.clock.now()).expect("a valid token");
        let principal = state.store.principal(claims.sub, claims.sid, 0).await;
        principal.expect("the store works").expect("the session lives").scope
    }

    /// Fetches the OpenAPI document.
    pub async fn document(&self) -> Value {
        let Response { body, .. } = self.client().get("/openapi.json").await.expect(200);
        body
    }
}
