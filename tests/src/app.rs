//! A server in the process of the test, whose clock the test can advance.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use mainstay_api::{
    auth::{access_token::generate_signing_key, registration_policy::RegistrationSettings},
    http::{admission::LoadShedding, rate_limit::LimitMode},
    server::{
        application::{Configuration, Running},
        clock::Clock,
    },
};
use mainstay_domain::{
    account::quota::Quota,
    record::{Incoming, Record, draft},
};
use mainstay_store::{Locations, MasterKeys, PersonScope, erasure_ledger::ErasureLedger, migrate_all};
use serde_json::{Value, json};
use uuid::Uuid;

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
    setup: Setup,
    people: AtomicU32,
}

/// Another server with the database, the keys and the clock of a [`TestApp`]. It must be dropped first.
pub struct SecondServer {
    /// A client that is not signed in.
    pub client: Client,
    _running: Running,
}

/// What the servers of one database have in common.
#[derive(Clone)]
struct Setup {
    locations: Locations,
    master: String,
    signing_keys: String,
    limits: LimitMode,
    registration: RegistrationSettings,
    cors_origins: Vec<String>,
    quota: Quota,
    erasure_ledger: PathBuf,
    clock: Clock,
}

impl Setup {
    /// Starts a server on any free port. Returns it with its URL.
    async fn serve(&self) -> (Running, String) {
        let setup = self.clone();
        let start = move || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let configuration = Configuration {
                locations: setup.locations,
                master: MasterKeys::parse(&setup.master).expect("a good key"),
                signing_keys: setup.signing_keys,
                issuer: "mainstay".to_owned(),
                limits: setup.limits,
                registration: setup.registration,
                trusted_proxies: vec!["127.0.0.1/32".parse().expect("a network")],
                cors_origins: setup.cors_origins,
                load_shedding: LoadShedding::Off,
                connections_per_network: 256,
                erasure_ledger: ErasureLedger::at(&setup.erasure_ledger),
                quota: setup.quota,
                tombstone_days: 180,
                workers: 2,
                clock: setup.clock,
                key_files: None,
            };
            (Running::start(configuration, listener).expect("the server starts"), url)
        };
        tokio::task::spawn_blocking(start).await.expect("the start does not panic")
    }
}

impl TestApp {
    /// Starts a server without rate limits.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, LimitMode::Off).await
    }

    /// Starts a server with or without rate limits.
    pub async fn start_with(engine: Engine, limits: LimitMode) -> Self {
        Self::start_for_pages(engine, limits, &[]).await
    }

    /// Starts a server whose API pages of other origins may use.
    pub async fn start_for_pages(engine: Engine, limits: LimitMode, origins: &[&str]) -> Self {
        Self::start_as(engine, limits, origins, RegistrationSettings::default(), Quota::DEFAULT).await
    }

    /// Starts a server with these settings of registration.
    pub async fn start_registering(
        engine: Engine,
        limits: LimitMode,
        registration: RegistrationSettings,
    ) -> Self {
        Self::start_as(engine, limits, &[], registration, Quota::DEFAULT).await
    }

    /// Starts a server without rate limits, whose accounts have other budgets.
    pub async fn start_with_quota(engine: Engine, quota: Quota) -> Self {
        Self::start_as(engine, LimitMode::Off, &[], RegistrationSettings::default(), quota).await
    }

    async fn start_as(
        engine: Engine,
        limits: LimitMode,
        origins: &[&str],
        registration: RegistrationSettings,
        quota: Quota,
    ) -> Self {
        let database = Database::create(engine);
        let setup = Setup {
            locations: database.locations(),
            master: MasterKeys::generate().expect("a key").to_string(),
            signing_keys: generate_signing_key().expect("a key"),
            limits,
            registration,
            cors_origins: origins.iter().copied().map(str::to_owned).collect(),
            quota,
            erasure_ledger: database.path().join("erasures.jsonl"),
            clock: Clock::default(),
        };
        let locations = setup.locations.clone();
        let migrate = move || migrate_all(&locations).expect("migrations run");
        tokio::task::spawn_blocking(migrate).await.expect("migrations do not panic");
        let (running, url) = setup.serve().await;
        Self { clock: setup.clock.clone(), url, running, database, setup, people: AtomicU32::new(0) }
    }

    /// Starts another server on the same database. Only for PostgreSQL.
    pub async fn second_server(&self) -> SecondServer {
        assert_eq!(self.database.engine, Engine::Postgres, "an embedded database has one server");
        let (running, url) = self.setup.serve().await;
        SecondServer { client: Client::new(&url), _running: running }
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

    /// Stores the example of a noun with other members, as an earlier release did that took them.
    pub async fn store_earlier<T: Record>(&self, person: &Person, id: Uuid, members: &Value) {
        let mut body = serde_json::to_value(T::example()).expect("it is JSON");
        let incoming: Incoming<T> = serde_json::from_value(body.clone()).expect("a record");
        let mut draft = draft(incoming, id, None, self.clock.now(), chrono_tz::UTC, &mut Uuid::nil)
            .expect("the example is valid");
        for (name, member) in members.as_object().expect("members") {
            body[name] = member.clone();
        }
        draft.body = body.to_string().into_bytes();
        let state = self.state();
        let token = person.tokens["access_token"].as_str().expect("a token");
        let session = state.tokens.verify(token, self.clock.now()).expect("it is valid").sid;
        let stored = state.store.create(&self.scope(person).await, session, self.clock.micros(), draft).await;
        stored.expect("it is stored");
    }

    /// Fetches the OpenAPI document.
    pub async fn document(&self) -> Value {
        let Response { body, .. } = self.client().get("/openapi.json").await.expect(200);
        body
    }
}
