//! A server inside the test, whose clock the test may set forward.

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
use mainstay_store::{MasterKeys, migrate_all};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, Person},
    database::{Database, Engine},
};

/// The password of every test person.
pub const PASSWORD: &str = "rivers bend slowly";

/// A running server on a fresh database.
pub struct TestApp {
    /// The time that the server goes by.
    pub clock: Clock,
    /// Where it listens, as `http://127.0.0.1:port`.
    pub url: String,
    // Dropped in this order: first the server, then what it stands on.
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

    /// Starts a server.
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

    /// The parts of the server, for what cannot be seen from outside.
    pub fn state(&self) -> &mainstay_api::server::state::State {
        self.running.state()
    }

    /// A client that is not signed in.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// A new person, signed in.
    pub async fn person(&self) -> Person {
        let n = self.people.fetch_add(1, Ordering::Relaxed);
        self.person_with(json!({ "email": format!("person{n}@example.org") })).await
    }

    /// A new person with members of the registration of one's own, signed in.
    pub async fn person_with(&self, members: Value) -> Person {
        Person::register(&self.url, members).await
    }

    /// The OpenAPI document that the server gives.
    pub async fn document(&self) -> Value {
        let Answer { body, .. } = self.client().get("/openapi.json").await.expect(200);
        body
    }
}
