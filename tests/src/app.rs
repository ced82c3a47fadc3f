//! A server in the process of the test, whose clock the test can advance.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use chrono::TimeDelta;
use mainstay_api::{
    auth::{
        access_token::generate_signing_key, password::cost::HashCost, password_filter::PasswordFilter,
        registration_policy::RegistrationSettings,
    },
    http::{admission::LoadShedding, rate_limit::LimitMode},
    server::{
        application::{AuditSettings, Configuration, Running},
        clock::Clock,
    },
};
use mainstay_domain::{
    account::{Profile, Role, SealedAccount, quota::Quota},
    record::{Incoming, Record, draft},
    value::{
        place::{Email, ZoneName},
        text::Label,
    },
};
use mainstay_store::{
    Locations, MasterKeys, PersonScope, account::NewAccount, erasure_ledger::ErasureLedger, migrate_all,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Client, PASSWORD, Person, Response},
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
    password_cost: HashCost,
    password_filter: Option<PathBuf>,
    erasure_ledger: PathBuf,
    clock: Clock,
}

impl Setup {
    /// A server with the defaults on an empty database.
    fn new(database: &Database) -> Self {
        Self {
            locations: database.locations(),
            master: MasterKeys::generate().expect("a key").to_string(),
            signing_keys: generate_signing_key().expect("a key").to_string(),
            limits: LimitMode::Off,
            registration: RegistrationSettings::default(),
            cors_origins: Vec::new(),
            quota: Quota::DEFAULT,
            password_cost: HashCost::DEFAULT,
            password_filter: None,
            erasure_ledger: database.path().join("erasures.jsonl"),
            clock: Clock::default(),
        }
    }

    /// Starts a server on any free port. Returns it with its URL.
    async fn serve(&self) -> (Running, String) {
        let setup = self.clone();
        let start = move || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let configuration = Configuration {
                locations: setup.locations,
                master: MasterKeys::parse(&setup.master).expect("a good key"),
                signing_keys: setup.signing_keys.into(),
                issuer: "mainstay".to_owned(),
                security_contact: vec![
                    "mailto:security@example.org".to_owned(),
                    "https://example.org/security".to_owned(),
                ],
                public_url: Some("https://mainstay.example.org".to_owned()),
                limits: setup.limits,
                registration: setup.registration,
                password_cost: setup.password_cost,
                password_filter: setup
                    .password_filter
                    .map(|path| PasswordFilter::open(&path).expect("a good filter")),
                trusted_proxies: vec!["127.0.0.1/32".parse().expect("a network")],
                cors_origins: setup.cors_origins,
                load_shedding: LoadShedding::Off,
                connections_per_network: 256,
                erasure_ledger: ErasureLedger::at(&setup.erasure_ledger),
                quota: setup.quota,
                audit: AuditSettings::default(),
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
            limits,
            registration,
            cors_origins: origins.iter().copied().map(str::to_owned).collect(),
            quota,
            ..Setup::new(&database)
        };
        Self::start_on(database, setup).await
    }

    /// Starts a server without rate limits that refuses the passwords in a filter.
    pub async fn start_with_password_filter(engine: Engine, filter: PathBuf) -> Self {
        let database = Database::create(engine);
        let setup = Setup { password_filter: Some(filter), ..Setup::new(&database) };
        Self::start_on(database, setup).await
    }

    /// Starts a server on the databases that an earlier version has made, with its clock at the time of the latest change in
    /// them. The folder is that of the engine in `tests/fixtures/version_before`.
    pub async fn start_on_version_before(engine: Engine, folder: &Path) -> Self {
        let database = Database::of_version_before(engine, folder);
        let read = |name| std::fs::read_to_string(folder.join(name)).expect("the fixture has it");
        let clock = Clock::default();
        let expected: Value = serde_json::from_str(&read("expected.json")).expect("JSON");
        let made_at = expected["people"]["ada"]["account"]["updated_at"].as_str().expect("a time");
        let made_at = chrono::DateTime::parse_from_rfc3339(made_at).expect("a time");
        clock.advance(made_at + TimeDelta::minutes(1) - clock.now().fixed_offset());
        let setup = Setup {
            master: read("master_key.txt"),
            signing_keys: read("signing_key.txt"),
            clock,
            ..Setup::new(&database)
        };
        Self::start_on(database, setup).await
    }

    /// Starts the server anew on the same databases, with another cost of password hashes.
    pub async fn restart_with_password_cost(self, password_cost: HashCost) -> Self {
        let Self { running, database, setup, people, .. } = self;
        tokio::task::spawn_blocking(move || drop(running)).await.expect("the server stops");
        let setup = Setup { password_cost, ..setup };
        let app = Self::start_on(database, setup).await;
        app.people.store(people.load(Ordering::Relaxed), Ordering::Relaxed);
        app
    }

    async fn start_on(database: Database, setup: Setup) -> Self {
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

    /// Creates an account of a role, as the operator does on the command line, and signs it in. Its display name is that of
    /// the role.
    pub async fn account_of(&self, role: Role) -> Person {
        let n = self.people.fetch_add(1, Ordering::Relaxed);
        let address = format!("{}{n}@example.org", role.as_str());
        let password = serde_json::from_value(json!(PASSWORD)).expect("a good password");
        let profile = Profile {
            display_name: Label::new(format!("The {}", role.as_str())),
            ..Profile::new(ZoneName(chrono_tz::UTC))
        };
        let id = Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 + u128::from(n));
        let new = NewAccount {
            id,
            role,
            content: SealedAccount { email: Email::new(&address).expect("an address"), profile },
            password_hash: self.state().passwords.hash(id, &password).await.expect("a hash"),
        };
        let created = self.state().store.create_account(new, None, None, self.clock.micros());
        created.await.expect("the account is created");
        Person::sign_in(&self.url, &address).await
    }

    /// The scope with which the store accesses the record of a person. Their access token may have expired.
    pub async fn scope(&self, person: &Person) -> PersonScope {
        let id = |value: &Value| -> Uuid { value.as_str().expect("an id").parse().expect("an id") };
        let (account, session) = (id(&person.account["id"]), id(&person.tokens["session_id"]));
        let principal = self.state().store.principal(account, session, 0).await;
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
