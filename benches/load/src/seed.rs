//! Seeding: people, plans and check-ins through the store's own code, spread as real life spreads them.

use std::{fs, process::Command, sync::Arc, time::Instant};

use chrono::DateTime;
use mainstay_api::{
    auth::password::Passwords,
    server::{clock::Clock, id::new_id},
};
use mainstay_domain::account::{Role, SealedAccount, SealedSession};
use mainstay_store::{
    PersonScope, Store, account::NewAccount, migrate_all, record::bulk::NewRecord, session::NewSession,
};
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use uuid::Uuid;

use crate::{
    Outcome, content,
    population::{Person, Place, remove_database},
    random::Random,
    server,
};

/// The days before now that check-ins are spread over.
const DAYS: i64 = 100;
const DAY_US: i64 = 24 * 3600 * 1_000_000;
/// Rows in one transaction: enough for several of each person, whose counter is then touched once.
const BATCH: usize = 100_000;
/// Accounts that are made at the same time, so that they share a sync to disk.
const AT_ONCE: usize = 200;

/// Who is in the seed; it is made if it is not there.
pub fn ensure(place: &Place) -> Outcome<Vec<Person>> {
    if let Some(people) = place.people()? {
        return Ok(people);
    }
    let started = Instant::now();
    println!(
        "Seeding {} with {} people and {} check-ins …",
        place.engine.name(),
        place.size.people,
        place.size.check_ins
    );
    prepare(place)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let people = runtime.block_on(fill(place))?;
    drop(runtime);
    settle(place)?;
    place.complete(&people)?;
    println!("Seeded in {} s.", started.elapsed().as_secs());
    Ok(people)
}

/// An empty place with fresh keys.
fn prepare(place: &Place) -> Outcome {
    if place.directory.exists() {
        fs::remove_dir_all(&place.directory)?;
    }
    fs::create_dir_all(&place.directory)?;
    if let Some(postgres) = &place.postgres {
        postgres.create(&place.database("seed"))?;
    }
    let made = Command::new(server::binary()?)
        .args(["keys", "generate"])
        .env_clear()
        .env("MAINSTAY_DATA_DIR", &place.directory)
        .output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
    }
    migrate_all(&place.locations()?)?;
    Ok(())
}

async fn fill(place: &Place) -> Outcome<Vec<Person>> {
    let store = place.open()?;
    let now = Clock::default().micros();
    let accounts = make_accounts(&store, place.size.people, now).await?;
    let scopes = scopes(&store, &accounts).await?;
    make_plans(&store, &scopes, now).await?;
    make_check_ins(&store, scopes, place.size.check_ins, now).await?;
    drop(store);
    numbered(place, accounts)
}

/// Makes accounts, each with a session, all with the same password.
async fn make_accounts(store: &Store, count: u32, now: i64) -> Outcome<Vec<(Uuid, Uuid)>> {
    let passwords = Passwords::new(store.derive_key("mainstay pepper 1")?, 1)?;
    let password_hash = passwords.hash("rivers bend slowly").await;
    let password_hash = password_hash.map_err(|problem| format!("{problem:?}"))?;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut made: JoinSet<Outcome<(Uuid, Uuid)>> = JoinSet::new();
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
        let begun = NewSession {
            id: session,
            refresh_hash: session.as_bytes().repeat(2),
            content: SealedSession::default(),
        };
        let (store, turns) = (store.clone(), Arc::clone(&turns));
        made.spawn(async move {
            let _turn = turns.acquire_owned().await?;
            store.create_account(new, Some(begun), None, now).await?;
            Ok((account, session))
        });
    }
    made.join_all().await.into_iter().collect()
}

async fn scopes(store: &Store, accounts: &[(Uuid, Uuid)]) -> Outcome<Vec<PersonScope>> {
    let mut all = Vec::with_capacity(accounts.len());
    for (account, session) in accounts {
        let principal = store.principal(*account, *session, 0).await?;
        all.push(principal.ok_or("a session does not live")?.scope);
    }
    Ok(all)
}

/// Contacts and the active plan of everyone.
async fn make_plans(store: &Store, scopes: &[PersonScope], now: i64) -> Outcome {
    let at = now - DAYS * DAY_US;
    let mut random = Random::new(1);
    for some in scopes.chunks(1000) {
        let mut new = Vec::with_capacity(6 * some.len());
        for scope in some {
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

/// Check-ins of everyone, in rounds: in each, everyone makes one at some time of that round.
async fn make_check_ins(store: &Store, scopes: Vec<PersonScope>, count: u32, now: i64) -> Outcome {
    // One thread writes what is to be stored, while another stores what was written before.
    let (ready, mut next) = mpsc::channel(1);
    let writing = std::thread::spawn(move || -> Outcome {
        let rounds = i64::from(count.div_ceil(u32::try_from(scopes.len())?));
        let mut left = usize::try_from(count)?;
        let mut random = Random::new(2);
        let mut batch = Vec::new();
        for round in 0..rounds {
            let length = DAYS * DAY_US / rounds;
            let start = now - DAYS * DAY_US + round * length;
            let people = scopes.iter().take(left);
            let mut times: Vec<(i64, &PersonScope)> = people
                .map(|scope| {
                    let after = random.below(length.unsigned_abs().max(1));
                    // To the millisecond, like every time on the wire.
                    let at = start + i64::try_from(after).unwrap_or(0);
                    (at / 1000 * 1000, scope)
                })
                .collect();
            times.sort_unstable_by_key(|(at, _)| *at);
            left -= times.len();
            for (at, scope) in times {
                let time = DateTime::from_timestamp_micros(at).unwrap_or_default();
                let check_in = content::check_in(&mut random, time);
                batch.push(NewRecord {
                    scope: scope.clone(),
                    draft: content::as_stored(&mut random, check_in, at)?,
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
    writing.join().map_err(|_panic| "writing check-ins panicked")?
}

/// Everyone with their number, in its order.
fn numbered(place: &Place, accounts: Vec<(Uuid, Uuid)>) -> Outcome<Vec<Person>> {
    let numbers = match &place.postgres {
        None => {
            let conn = rusqlite::Connection::open(place.file("seed.db"))?;
            let mut all = conn.prepare("SELECT id, no FROM accounts")?;
            let rows = all.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
            rows.collect::<Result<std::collections::HashMap<Uuid, i64>, _>>()?
        }
        Some(postgres) => {
            let text = postgres.query(&place.database("seed"), "SELECT id, no FROM accounts")?;
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

/// Leaves the seed as a database that has been running for long: nothing waits to be folded back or cleaned up.
fn settle(place: &Place) -> Outcome {
    let Some(postgres) = &place.postgres else {
        let seed = place.file("seed.db");
        let conn = rusqlite::Connection::open(&seed)?;
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?;
        drop(conn);
        // The copies take the file alone.
        for end in ["seed.db-wal", "seed.db-shm"] {
            remove_database(&place.file(end))?;
        }
        return Ok(());
    };
    postgres.query(&place.database("seed"), "VACUUM (ANALYZE)")?;
    postgres.query("postgres", "CHECKPOINT")?;
    Ok(())
}
