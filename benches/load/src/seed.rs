//! Fills a database with people, plans and check-ins through the store, in the order in which use would create them.

use std::{fs, process::Command, sync::Arc, time::Instant};

use chrono::DateTime;
use mainstay_api::{
    auth::password::{Passwords, cost::HashCost},
    server::{clock::Clock, id::new_id},
};
use mainstay_domain::account::{Password, Role, SealedAccount, SealedSession};
use mainstay_store::{
    PersonScope, Store,
    account::NewAccount,
    migrate_all,
    record::bulk::NewRecord,
    session::{BegunFrom, NewSession},
};
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use uuid::Uuid;

use crate::{
    Outcome, content,
    population::{Person, SeedLocation, remove_database},
    random::Random,
    server,
};

/// The days before now over which check-ins are spread.
const DAYS: i64 = 100;
const DAY_US: i64 = 24 * 3600 * 1_000_000;
/// The rows of one transaction: enough for several of each person, whose counter is then updated once.
const BATCH: usize = 100_000;
/// The accounts that are created concurrently, so that several share a sync to disk.
const CONCURRENT_ACCOUNTS: usize = 200;

/// Returns the people of a seed, and creates the seed if it does not exist.
pub fn ensure(location: &SeedLocation) -> Outcome<Vec<Person>> {
    if let Some(people) = location.people()? {
        return Ok(people);
    }
    let started = Instant::now();
    println!(
        "Seeding {} with {} people and {} check-ins …",
        location.engine.name(),
        location.size.people,
        location.size.check_ins
    );
    prepare(location)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let people = runtime.block_on(fill(location))?;
    drop(runtime);
    compact(location)?;
    location.mark_complete(&people)?;
    println!("Seeded in {} s.", started.elapsed().as_secs());
    Ok(people)
}

/// Creates an empty database with new keys.
fn prepare(location: &SeedLocation) -> Outcome {
    if location.directory.exists() {
        fs::remove_dir_all(&location.directory)?;
    }
    fs::create_dir_all(&location.directory)?;
    if let Some(postgres) = &location.postgres {
        postgres.create(&location.database("seed"))?;
    }
    let output = Command::new(server::binary()?)
        .args(["keys", "generate"])
        .env_clear()
        .env("MAINSTAY_DATA_DIR", &location.directory)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    migrate_all(&location.locations()?)?;
    Ok(())
}

async fn fill(location: &SeedLocation) -> Outcome<Vec<Person>> {
    let store = location.open()?;
    let now = Clock::default().micros();
    let accounts = create_accounts(&store, location.size.people, now).await?;
    let scopes = scopes(&store, &accounts).await?;
    create_plans(&store, &scopes, now).await?;
    create_check_ins(&store, scopes, location.size.check_ins, now).await?;
    drop(store);
    numbered(location, accounts)
}

/// Creates accounts with a session each, all with the same password.
async fn create_accounts(store: &Store, count: u32, now: i64) -> Outcome<Vec<(Uuid, Uuid)>> {
    let passwords = Passwords::new(store.derive_key("mainstay pepper 1")?, HashCost::DEFAULT, 1)?;
    let password = Password::parse("rivers bend slowly").map_err(|fault| fault.to_string())?;
    // One hash for all: it opens none of the accounts, and nobody signs in to them.
    let password_hash = passwords.hash(Uuid::nil(), &password).await;
    let password_hash = password_hash.map_err(|problem| format!("{problem:?}"))?;
    let permits = Arc::new(Semaphore::new(CONCURRENT_ACCOUNTS));
    let mut tasks: JoinSet<Outcome<(Uuid, Uuid)>> = JoinSet::new();
    for n in 0..count {
        let content: SealedAccount = serde_json::from_value(json!({
            "email": format!("person-{n}@example.org"),
            "profile": { "display_name": format!("Person {n}"), "time_zone": "America/New_York", "locale": "en-US", "country": "US" },
        }))?;
        let (account, session) = (new_id(), new_id());
        let new = NewAccount {
            id: account,
            role: Role::Person,
            content,
            password_hash: password_hash.clone(),
        };
        let first_session = NewSession {
            id: session,
            refresh_hash: session.as_bytes().repeat(2),
            content: SealedSession::default(),
            begun_from: BegunFrom::default(),
        };
        let (store, permits) = (store.clone(), Arc::clone(&permits));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await?;
            store.create_account(new, Some(first_session), None, now).await?;
            Ok((account, session))
        });
    }
    tasks.join_all().await.into_iter().collect()
}

async fn scopes(store: &Store, accounts: &[(Uuid, Uuid)]) -> Outcome<Vec<PersonScope>> {
    let mut all = Vec::with_capacity(accounts.len());
    for (account, session) in accounts {
        let principal = store.principal(*account, *session, 0).await?;
        all.push(principal.ok_or("a session has ended")?.scope);
    }
    Ok(all)
}

/// Creates the contacts and the active plan of each person.
async fn create_plans(store: &Store, scopes: &[PersonScope], now: i64) -> Outcome {
    let at = now - DAYS * DAY_US;
    let mut random = Random::new(1);
    for group in scopes.chunks(1000) {
        let mut new = Vec::with_capacity(6 * group.len());
        for scope in group {
            for draft in content::active_plan(&mut random, at)? {
                new.push(NewRecord {
                    scope: scope.clone(),
                    draft,
                    at,
                });
            }
        }
        store.create_in_bulk(new).await?;
    }
    Ok(())
}

/// Creates check-ins in rounds. Each round is a period in which each person has one check-in, at a random time.
async fn create_check_ins(store: &Store, scopes: Vec<PersonScope>, count: u32, now: i64) -> Outcome {
    // One thread prepares a batch while another stores the one before.
    let (ready, mut next) = mpsc::channel(1);
    let preparing = std::thread::spawn(move || -> Outcome {
        let rounds = i64::from(count.div_ceil(u32::try_from(scopes.len())?));
        let mut remaining = usize::try_from(count)?;
        let mut random = Random::new(2);
        let mut batch = Vec::new();
        for round in 0..rounds {
            let length = DAYS * DAY_US / rounds;
            let start = now - DAYS * DAY_US + round * length;
            let people = scopes.iter().take(remaining);
            let mut times: Vec<(i64, &PersonScope)> = people
                .map(|scope| {
                    let offset = random.below(length.unsigned_abs().max(1));
                    // Times in requests have milliseconds.
                    let at = start + i64::try_from(offset).unwrap_or(0);
                    (at / 1000 * 1000, scope)
                })
                .collect();
            times.sort_unstable_by_key(|(at, _)| *at);
            remaining -= times.len();
            for (at, scope) in times {
                let time = DateTime::from_timestamp_micros(at).unwrap_or_default();
                let check_in = content::check_in(&mut random, time);
                batch.push(NewRecord {
                    scope: scope.clone(),
                    draft: content::draft_at(&mut random, check_in, at)?,
                    at,
                });
            }
            if batch.len() >= BATCH || round + 1 == rounds {
                ready.blocking_send(std::mem::take(&mut batch))?;
            }
        }
        Ok(())
    });
    while let Some(batch) = next.recv().await {
        store.create_in_bulk(batch).await?;
    }
    preparing
        .join()
        .map_err(|_panic| "preparing check-ins panicked")?
}

/// The people with their numbers in the tables, sorted by number.
fn numbered(location: &SeedLocation, accounts: Vec<(Uuid, Uuid)>) -> Outcome<Vec<Person>> {
    let numbers = match &location.postgres {
        None => {
            let conn = rusqlite::Connection::open(location.file("seed.db"))?;
            let mut all = conn.prepare("SELECT id, no FROM accounts")?;
            let rows = all.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
            rows.collect::<Result<std::collections::HashMap<Uuid, i64>, _>>()?
        }
        Some(postgres) => {
            let text = postgres.query(&location.database("seed"), "SELECT id, no FROM accounts")?;
            let rows = text.lines().filter_map(|line| line.split_once('|'));
            rows.map(|(id, no)| Ok((id.parse()?, no.parse()?)))
                .collect::<Outcome<_>>()?
        }
    };
    let mut people = accounts
        .into_iter()
        .map(|(account, session)| {
            let no = *numbers.get(&account).ok_or("an account without number")?;
            Ok(Person { no, account, session })
        })
        .collect::<Outcome<Vec<_>>>()?;
    people.sort_unstable_by_key(|person| person.no);
    Ok(people)
}

/// Checkpoints, vacuums and analyzes, so that no background work remains for the time of the measurements.
fn compact(location: &SeedLocation) -> Outcome {
    let Some(postgres) = &location.postgres else {
        let seed = location.file("seed.db");
        let conn = rusqlite::Connection::open(&seed)?;
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?;
        drop(conn);
        // Copies are made of the database file only.
        for end in ["seed.db-wal", "seed.db-shm"] {
            remove_database(&location.file(end))?;
        }
        return Ok(());
    };
    postgres.query(&location.database("seed"), "VACUUM (ANALYZE)")?;
    postgres.query("postgres", "CHECKPOINT")?;
    Ok(())
}
