//! Random histories of several devices of one person, with all that a network does to them: after it everybody agrees,
//! nothing that was acknowledged is lost, each change took effect once, and nothing deleted comes back.
//!
//! A failure names the seed of its history; `MAINSTAY_MODEL_SEED=<seed>` runs that one alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mainstay_tests::{
    Client, Database, Engine, Person, Process,
    ninety_days::random::Random,
    offline::{
        Exchange, Known, OfflineStore, OnConflict, Pending, Place, Push, canonical, exchange, quick_person,
        sync,
    },
    on_both_databases,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The histories of one run.
const HISTORIES: u64 = 2_000;
/// How many are lived at the same time.
const TOGETHER: usize = 12;
/// From which the seeds of the histories follow.
const SEED: u64 = 0x5eed_c0de;
/// The collections, as often as they are chosen.
const KINDS: [&str; 9] = [
    "check-ins",
    "check-ins",
    "check-ins",
    "craving-events",
    "craving-events",
    "use-events",
    "goals",
    "support-contacts",
    "plans",
];

/// How a history is lived.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// The server may be killed at any time, so that nobody knows what requests did whose answer is missing.
    kills: bool,
}

/// What the network saw.
#[derive(Default)]
struct Ledger {
    /// How often the server said that it applied a change to a record.
    applied: BTreeMap<Place, i64>,
    /// What devices know to be done.
    acknowledged: Vec<Pending>,
    /// The words of every change that was ever made, so that each is known by its own.
    words: BTreeSet<String>,
}

impl Ledger {
    fn hear(&mut self, answer: &Value) -> i64 {
        let mut applied = 0;
        for result in answer["results"].as_array().expect("results") {
            if result["status"] == "applied" {
                applied += 1;
                let kind = result["kind"].as_str().expect("a kind").to_owned();
                *self.applied.entry((kind, id_of(result))).or_default() += 1;
            }
        }
        applied
    }
}

#[derive(Default)]
struct Device {
    store: OfflineStore,
    /// No network before this step.
    back_at: u64,
    /// How many years its clock is behind.
    behind: i64,
}

/// One history: the devices of one person, and the network between them and the server.
struct History {
    client: Client,
    way: Way,
    random: Random,
    devices: Vec<Device>,
    /// Requests that arrive later, when nobody waits for their answer any more.
    held: Vec<Value>,
    ledger: Ledger,
    ids: u64,
    requests: Arc<AtomicU64>,
}

/// What happened in histories.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    changes: usize,
    versions: i64,
    deleted: usize,
    lost: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.versions += other.versions;
        self.deleted += other.deleted;
        self.lost += other.lost;
    }
}

fn id_of(value: &Value) -> Uuid {
    value["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("an id")
}

/// The member that tells one change of a record from another.
fn word_member(kind: &str) -> &'static str {
    if kind == "plans" { "title" } else { "note" }
}

fn word(place: &Place, record: &Value) -> String {
    record[word_member(&place.0)].as_str().expect("a word").to_owned()
}

/// A change that the server must reject.
fn is_bad(record: Option<&Value>) -> bool {
    record.is_some_and(|record| {
        record["occurred_at"]
            .as_str()
            .is_some_and(|at| at.starts_with("2199"))
    })
}

impl History {
    fn new(client: Client, seed: u64, way: Way, requests: Arc<AtomicU64>) -> Self {
        let mut random = Random::new(seed);
        let devices = (0..random.between(2, 5)).map(|_| Device {
            behind: if random.chance(30) {
                random.between(1, 30)
            } else {
                0
            },
            ..Device::default()
        });
        let devices = devices.collect();
        Self {
            client,
            way,
            random,
            devices,
            held: Vec::new(),
            ledger: Ledger::default(),
            ids: 0,
            requests,
        }
    }

    /// The history of a seed, from its beginning to its proof.
    async fn live(mut self) -> Tally {
        let steps = u64::try_from(self.random.between(10, 40)).expect("a number");
        for step in 0..steps {
            let n = self.random.place(self.devices.len());
            match self.random.number() % 100 {
                0..55 => self.change(n),
                55..58 => {
                    self.devices[n].back_at = step + 5 + self.random.number() % 20;
                }
                58..63 if !self.held.is_empty() => {
                    let late = self.random.place(self.held.len());
                    let late = self.held.swap_remove(late);
                    self.deliver(&late).await;
                }
                63..68 => {
                    let other = (n + 1) % self.devices.len();
                    self.meet(n, other).await;
                }
                _ if step < self.devices[n].back_at => self.change(n),
                _ => self.connect(n).await,
            }
        }
        self.come_to_rest().await;
        self.prove().await
    }

    fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        let time = u128::from(self.ids) << 80;
        let chance = u128::from(self.random.number()) & 0x3fff_ffff_ffff_ffff;
        Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 + time + chance)
    }

    fn new_word(&mut self) -> String {
        let word = format!("word {}", self.ledger.words.len());
        self.ledger.words.insert(word.clone());
        word
    }

    /// The person does something on a device.
    fn change(&mut self, n: usize) {
        let visible = self.devices[n].store.visible();
        match self.random.number() % 100 {
            0..45 if !visible.is_empty() => {
                let place = visible[self.random.place(visible.len())].clone();
                let mut record = self.devices[n]
                    .store
                    .view(&place)
                    .cloned()
                    .expect("it is visible");
                record[word_member(&place.0)] = json!(self.new_word());
                if place.0 == "check-ins" && self.random.chance(40) {
                    record["answers"]["mood"] = json!(self.random.between(0, 10));
                }
                self.devices[n].store.upsert(place, record);
            }
            45..60 if !visible.is_empty() => {
                let place = visible[self.random.place(visible.len())].clone();
                self.devices[n].store.delete(place);
            }
            _ => self.make(n, &visible),
        }
    }

    fn make(&mut self, n: usize, visible: &[Place]) {
        let kind = self.random.pick(&KINDS);
        let of = |kind: &str| -> Vec<&Place> { visible.iter().filter(|place| place.0 == kind).collect() };
        let plans = of("plans");
        if kind == "plans" && !plans.is_empty() {
            return;
        }
        let (id, word) = (self.new_id(), self.new_word());
        let store = &self.devices[n].store;
        let plan = plans.first().and_then(|place| store.view(place));
        let item = |list: &str| plan.map(|plan| plan["content"][list][0]["id"].clone());
        let ids = |item: Option<Value>| json!(item.into_iter().collect::<Vec<_>>());
        let year = 2025 - self.devices[n].behind;
        let day = self.random.between(1, 28);
        let mut at = format!("{year}-03-{day:02}T12:00:00.5+01:00");
        let mut record = match kind {
            "check-ins" => {
                if self.random.chance(3) {
                    "2199-01-01T00:00:00Z".clone_into(&mut at);
                }
                json!({ "kind": "momentary", "occurred_at": at, "answers": { "craving": day % 10 },
                    "trigger_ids": ids(item("triggers")), "warning_sign_ids": ids(item("warning_signs")) })
            }
            "craving-events" => {
                let strategy = match item("strategies") {
                    Some(id) => json!([{ "strategy_id": id, "before": 7, "after": 3 }]),
                    None => json!([{ "label": "tea" }]),
                };
                json!({ "occurred_at": at, "ratings": [{ "offset_s": 0, "value": 7 }], "outcome": "rode_it_out",
                    "trigger_ids": ids(item("triggers")), "strategy_uses": strategy })
            }
            "use-events" => {
                let craving = of("craving-events").first().map(|place| place.1);
                json!({ "substance": "alcohol", "occurred_at": at, "craving_event_id": craving })
            }
            "goals" => {
                json!({ "substance": "alcohol", "kind": "abstain", "started_on": format!("{year}-01-01"), "status": "paused" })
            }
            "support-contacts" => {
                json!({ "name": "Robin", "relationship": "friend", "phone": "+12025550143" })
            }
            _ => {
                let contacts: Vec<Uuid> = of("support-contacts").iter().map(|place| place.1).collect();
                json!({ "kind": "relapse_prevention", "content": {
                    "contact_ids": contacts,
                    "triggers": [{ "id": self.new_id(), "label": "Payday", "kind": "external" }],
                    "warning_signs": [{ "id": self.new_id(), "label": "Skipping meals", "stage": "emotional" }],
                    "strategies": [{ "id": self.new_id(), "label": "Walk", "category": "exercise" }],
                } })
            }
        };
        record[word_member(kind)] = json!(word);
        self.devices[n].store.upsert((kind.to_owned(), id), record);
    }

    /// A request with all or the oldest of what is pending, in some order.
    fn push(&mut self, n: usize) -> Push {
        let most = if self.random.chance(70) {
            500
        } else {
            self.random.place(4) + 1
        };
        let limit = if self.random.chance(50) {
            50
        } else {
            self.random.between(1, 50)
        };
        let shuffled = self.random.chance(40);
        let random = &mut self.random;
        self.devices[n].store.push_in_order(most, limit, |order| {
            if shuffled {
                for last in (1..order.len()).rev() {
                    order.swap(last, random.place(last + 1));
                }
            }
        })
    }

    /// A request reaches the server, and the network sees the answer.
    async fn deliver(&mut self, body: &Value) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match exchange(&self.client, body).await {
            Exchange::Answered(answer) => {
                self.ledger.hear(&answer);
                Some(answer)
            }
            Exchange::Unheard => None,
            Exchange::Expired => panic!("no cursor expires here"),
        }
    }

    /// A device hears an answer.
    fn take(&mut self, n: usize, push: &Push, answer: &Value) {
        let random = &mut self.random;
        let mut rule = |_: &Pending| {
            if random.chance(50) {
                OnConflict::KeepTheirs
            } else {
                OnConflict::MakeAgain
            }
        };
        let taken = self.devices[n].store.take(push, answer, &mut rule);
        for (change, problem) in &taken.rejected {
            assert!(
                is_bad(change.record.as_ref()),
                "{change:?} was rejected: {problem}"
            );
        }
        self.ledger.acknowledged.extend(taken.acknowledged);
    }

    /// A device tries to sync.
    async fn connect(&mut self, n: usize) {
        let push = self.push(n);
        match self.random.number() % 100 {
            // The request is lost.
            0..10 => {}
            // The answer is lost.
            10..25 => {
                self.deliver(&push.body).await;
            }
            // The request arrives later.
            25..35 => self.held.push(push.body),
            // The request arrives twice, one after the other, and either answer is heard.
            35..43 => {
                let first = self.deliver(&push.body).await;
                let second = self.deliver(&push.body).await;
                let heard = if self.random.chance(50) { first } else { second };
                if let Some(answer) = heard {
                    self.take(n, &push, &answer);
                }
            }
            // The request arrives twice at the same moment.
            43..48 => {
                let (first, second) = tokio::join!(
                    exchange(&self.client, &push.body),
                    exchange(&self.client, &push.body)
                );
                let (first, second) = (self.heard(first), self.heard(second));
                let heard = if self.random.chance(50) { first } else { second };
                if let Some(answer) = heard {
                    self.take(n, &push, &answer);
                }
            }
            _ => {
                if let Some(answer) = self.deliver(&push.body).await {
                    self.take(n, &push, &answer);
                }
            }
        }
    }

    fn heard(&mut self, came: Exchange) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match came {
            Exchange::Answered(answer) => {
                self.ledger.hear(&answer);
                Some(answer)
            }
            _ => None,
        }
    }

    /// Two devices sync at the same moment.
    async fn meet(&mut self, one: usize, other: usize) {
        let (first, second) = (self.push(one), self.push(other));
        let (a, b) = tokio::join!(
            exchange(&self.client, &first.body),
            exchange(&self.client, &second.body)
        );
        for (n, push, came) in [(one, first, a), (other, second, b)] {
            if let Some(answer) = self.heard(came) {
                self.take(n, &push, &answer);
            }
        }
    }

    /// Every device syncs until nothing is pending anywhere and nobody hears anything new.
    async fn come_to_rest(&mut self) {
        let started = Instant::now();
        for round in 0.. {
            assert!(round < 30, "the devices do not come to rest");
            let mut quiet = true;
            for n in 0..self.devices.len() {
                loop {
                    assert!(
                        started.elapsed() < Duration::from_mins(4),
                        "the devices do not come to rest"
                    );
                    let push = self.push(n);
                    let Some(answer) = self.deliver(&push.body).await else {
                        tokio::time::sleep(Duration::from_millis(40)).await;
                        continue;
                    };
                    let new = answer["changes"].as_array().is_some_and(|new| !new.is_empty());
                    self.take(n, &push, &answer);
                    quiet &= push.changes() == 0 && !new;
                    if self.devices[n].store.outbox().is_empty() && answer["has_more"] == false {
                        break;
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    async fn fresh(&self) -> OfflineStore {
        let mut store = OfflineStore::default();
        while !sync(&self.client, &mut store, 500, &mut |_| OnConflict::KeepTheirs).await {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        store
    }

    async fn get(&self, path: &str) -> Value {
        for _ in 0..500 {
            match self.client.try_send("GET", path, &[], None).await {
                Some(answer) if answer.status == 200 => return answer.body,
                Some(answer) if answer.status != 503 => panic!("{path}: {} {}", answer.status, answer.text),
                _ => tokio::time::sleep(Duration::from_millis(40)).await,
            }
        }
        panic!("{path}: no answer");
    }

    async fn prove(mut self) -> Tally {
        let fresh = self.fresh().await;
        let whole = in_full(&fresh);
        for (n, device) in self.devices.iter().enumerate() {
            assert_eq!(
                in_full(&device.store),
                whole,
                "device {n} and a fresh one do not agree"
            );
        }

        // What arrives only now was sent again long ago, and does nothing any more.
        let late = std::mem::take(&mut self.held);
        for body in &late {
            let before = self.ledger.applied.clone();
            self.deliver(body).await;
            assert_eq!(
                self.ledger.applied, before,
                "{body}\nhad an effect when everything was done"
            );
        }
        if !late.is_empty() {
            assert_eq!(
                in_full(&self.fresh().await),
                whole,
                "late requests changed something"
            );
        }

        let mut versions: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        let mut tally = Tally {
            changes: self.ledger.words.len(),
            lost: self
                .devices
                .iter()
                .map(|device| device.store.lost_edits.len())
                .sum(),
            ..Tally::default()
        };
        for (place, known) in fresh.known() {
            let words = self.words_of(place, known).await;
            tally.versions += known.version;
            tally.deleted += usize::from(known.deleted);
            let applied = self.ledger.applied.get(place).copied().unwrap_or_default();
            if self.way.kills {
                assert!(
                    applied <= known.version,
                    "{place:?}: {applied} changes, but {known:?}"
                );
            } else {
                assert_eq!(
                    known.version, applied,
                    "{place:?}: {applied} changes, but {known:?}"
                );
            }
            versions.insert(place.clone(), words);
        }
        let mut all: Vec<&String> = versions.values().flatten().collect();
        assert!(
            all.iter().all(|word| self.ledger.words.contains(*word)),
            "{all:?}"
        );
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a change took effect twice");
        for change in &self.ledger.acknowledged {
            let known = fresh.known().get(&change.place);
            match &change.record {
                None => assert!(
                    known.is_some_and(|known| known.deleted),
                    "{change:?} was acknowledged, but {known:?}"
                ),
                Some(record) => {
                    let n = usize::try_from(change.version() - 1).expect("a version");
                    let stands = versions.get(&change.place).and_then(|words| words.get(n));
                    assert_eq!(
                        stands,
                        Some(&word(&change.place, record)),
                        "{change:?} was acknowledged, but {known:?}"
                    );
                }
            }
        }
        tally
    }

    /// The words of each version of a record, but for that of its deletion.
    async fn words_of(&self, place: &Place, known: &Known) -> Vec<String> {
        let mut words = Vec::new();
        if known.version > 1 {
            let path = format!("/v1/{}/{}/history?limit=200", place.0, place.1);
            let history = self.get(&path).await;
            let items = history["items"].as_array().expect("items");
            for (n, item) in items.iter().rev().enumerate() {
                assert_eq!(item["version"], n + 1, "{place:?}: {history}");
                words.push(word(place, &item["record"]));
            }
        }
        assert_eq!(
            i64::try_from(words.len()).expect("few"),
            known.version - 1,
            "{place:?}: a version is missing"
        );
        if !known.deleted {
            words.push(word(place, known.record.as_ref().expect("a record")));
        }
        words
    }
}

/// Everything that a device has, but for tombstones.
fn in_full(store: &OfflineStore) -> String {
    let mut text = String::new();
    for ((kind, id), known) in store.known() {
        if let Some(record) = &known.record {
            let line = json!({ "kind": kind, "id": id, "version": known.version, "deleted": known.deleted, "record": record });
            text.push_str(&canonical(&line));
            text.push('\n');
        }
    }
    text
}

/// The one seed that shall be replayed.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever replays a history says so this way"
)]
fn replayed_seed() -> Option<u64> {
    std::env::var("MAINSTAY_MODEL_SEED").ok()?.parse().ok()
}

/// Lives histories, several at the same time. `client` gives the client of a new person.
async fn live_all(
    seeds: impl Iterator<Item = u64>,
    way: Way,
    requests: &Arc<AtomicU64>,
    client: impl AsyncFn() -> Client,
) -> Tally {
    let (mut tally, mut running) = (Tally::default(), JoinSet::new());
    let mut of_task = BTreeMap::new();
    for seed in seeds.map(Some).chain(std::iter::repeat(None)) {
        while running.len() >= TOGETHER || (seed.is_none() && !running.is_empty()) {
            match running.join_next_with_id().await.expect("one is running") {
                Ok((_, lived)) => tally += lived,
                Err(error) => panic!(
                    "a history failed; to replay it: MAINSTAY_MODEL_SEED={}",
                    of_task.get(&error.id()).expect("its seed")
                ),
            }
        }
        let Some(seed) = seed else { break };
        let history = History::new(client().await, seed, way, requests.clone());
        of_task.insert(running.spawn(history.live()).id(), seed);
    }
    tally
}

/// That many seeds, or the one that shall be replayed.
fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    replayed_seed().map_or(first..first + count, |seed| seed..seed + 1)
}

on_both_databases! {
    async fn whatever_the_network_does_all_devices_agree_and_nothing_is_lost_or_there_twice(app) {
        let started = Instant::now();
        let requests = Arc::default();
        let tally = live_all(seeds(SEED, HISTORIES), Way::default(), &requests, async || quick_person(app).await).await;
        eprintln!("{:?}: {tally:?}, {requests:?} requests, {:?}", app.database.engine, started.elapsed());
    }
}

/// The histories that are lived while the server is killed.
const KILLED_HISTORIES: u64 = 40;
/// How often it is killed.
const KILLS: u64 = 5;

async fn live_through_kills(engine: Engine) {
    let database = Database::create(engine);
    let mut server = Process::start(&database, None, &[]).await;
    let (url, port) = (server.url.clone(), server.port());
    let mut people = Vec::new();
    for n in 0..KILLED_HISTORIES {
        people.push(
            Person::register(&url, json!({ "email": format!("person{n}@example.org") }))
                .await
                .client,
        );
    }
    let people = std::sync::Mutex::new(people);
    let requests: Arc<AtomicU64> = Arc::default();
    let killed = AtomicU64::new(0);
    let kills = async {
        for n in 1..=KILLS {
            while requests.load(Ordering::Relaxed) < n * KILLED_HISTORIES * 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.kill();
            server = Process::start(&database, Some(port), &[]).await;
            killed.fetch_add(1, Ordering::Relaxed);
        }
        // It serves until the histories have ended.
        std::future::pending::<()>().await;
        drop(server);
    };
    let client = async || {
        people
            .lock()
            .expect("nobody panicked")
            .pop()
            .expect("one for each history")
    };
    let seeds = seeds(SEED ^ 0xdead_0000, KILLED_HISTORIES);
    let tally = tokio::select! {
        tally = live_all(seeds, Way { kills: true }, &requests, client) => tally,
        () = kills => unreachable!("it has no end"),
    };
    eprintln!("{engine:?}: {tally:?}, {requests:?} requests, {killed:?} kills");
    assert!(killed.into_inner() == KILLS || replayed_seed().is_some());
}

#[tokio::test]
async fn a_server_that_is_killed_between_changes_keeps_all_devices_in_agreement_on_sqlite() {
    live_through_kills(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_server_that_is_killed_between_changes_keeps_all_devices_in_agreement_on_postgres() {
    live_through_kills(Engine::Postgres).await;
}

on_both_databases! {
    async fn after_a_cursor_expired_pulling_again_gives_what_following_would_have(app) {
        let mut histories = Vec::new();
        for n in 0..40 {
            let mut history = History::new(quick_person(app).await, SEED + 0x1000_0000 + n, Way::default(), Arc::default());
            for _ in 0..12 {
                history.change(0);
            }
            history.come_to_rest().await;
            // The first device goes on and deletes; another writes meanwhile, and has not sent it.
            for place in history.devices[0].store.visible() {
                if history.random.chance(40) {
                    history.devices[0].store.delete(place);
                }
            }
            let push = history.devices[0].store.push(500, 500);
            let answer = history.deliver(&push.body).await.expect("an answer");
            history.take(0, &push, &answer);
            history.make(1, &[]);
            histories.push(history);
        }
        let swept = app.state().store.sweep_tombstones(app.clock.micros() + 1_000_000).await.expect("it sweeps");
        assert!(swept > 100, "only {swept} tombstones");
        for history in histories {
            let mut following = history.devices[0].store.clone();
            assert!(sync(&history.client, &mut following, 50, &mut |_| OnConflict::KeepTheirs).await);
            for device in &history.devices[1..] {
                let mut store = device.store.clone();
                let before = store.outbox().len();
                assert!(sync(&history.client, &mut store, 7, &mut |_| OnConflict::KeepTheirs).await);
                assert!(store.lost_edits.len() <= device.store.lost_edits.len() + before);
                assert!(sync(&history.client, &mut following, 50, &mut |_| OnConflict::KeepTheirs).await);
                assert_eq!(in_full(&store), in_full(&following));
            }
            assert_eq!(in_full(&history.fresh().await), in_full(&following));
        }
    }
}
