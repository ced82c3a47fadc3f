//! The limit of SQLite itself: prepared statements on a copy of the same database, with the settings of the server.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mainstay_api::server::clock::Clock;
use mainstay_domain::record::Kind;
use mainstay_store::engine::{checkpoint::CHECKPOINT_PAGES, connection::SQLITE_PRAGMAS};
use rusqlite::{Connection, params};

use crate::{Outcome, population::Active, random::Random};

/// Inserts in a transaction.
const BATCH: u64 = 32;

fn open(file: &Path) -> Outcome<Connection> {
    let conn = Connection::open(file)?;
    conn.execute_batch(SQLITE_PRAGMAS)?;
    Ok(conn)
}

/// The average length of a sealed check-in.
pub fn sealed_bytes(file: &Path) -> Outcome<usize> {
    let sql = "SELECT CAST(avg(length(sealed)) AS INTEGER) FROM \
        (SELECT sealed FROM records WHERE collection = ? ORDER BY no DESC LIMIT 1000)";
    let bytes: i64 = open(file)?.query_row(sql, [Kind::CheckIn.code()], |row| row.get(0))?;
    Ok(usize::try_from(bytes)?)
}

/// Measures inserts a second, each with the update of its person's counter. The log is checkpointed as the server does
/// it: nearly all pages by a second connection, the rest between two transactions.
pub fn inserts(file: &Path, active: &Active, sealed_bytes: usize, seconds: u32) -> Outcome<f64> {
    let (is_over, rest_is_left) = (AtomicBool::new(false), AtomicBool::new(false));
    let rate = std::thread::scope(|threads| {
        let checkpointing = threads.spawn(|| run_checkpoints(file, &is_over, &rest_is_left));
        let time = Duration::from_secs(seconds.into());
        let rate = insert_for(file, active, sealed_bytes, time, &rest_is_left);
        is_over.store(true, Ordering::Release);
        checkpointing
            .join()
            .map_err(|_panic| "the checkpoint thread panicked")??;
        rate
    });
    // Otherwise the rest of the log would be checkpointed during the next measurement.
    open(file)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?;
    rate
}

fn insert_for(
    file: &Path,
    active: &Active,
    sealed_bytes: usize,
    time: Duration,
    rest_is_left: &AtomicBool,
) -> Outcome<f64> {
    let conn = open(file)?;
    let mut begin = conn.prepare("BEGIN IMMEDIATE")?;
    let mut commit = conn.prepare("COMMIT")?;
    let mut bump = conn.prepare("UPDATE people SET rev = rev + 1 WHERE person_no = ? RETURNING rev")?;
    let mut insert = conn.prepare(
        "INSERT INTO records (person_no, collection, id, version, rev, occurred_at, slot, deleted, origin, digest, \
         sealed, created_at, updated_at) VALUES (?1, ?2, ?3, 1, ?4, ?5, NULL, 0, ?6, ?6, ?7, ?5, ?5)",
    )?;
    let clock = Clock::default();
    let mut random = Random::new(clock.micros().unsigned_abs());
    let mut sealed = vec![0_u8; sealed_bytes];
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed() < time {
        begin.execute([])?;
        for _ in 0..BATCH {
            let person = random.one_of(&active.people).no;
            let now = clock.micros();
            let id = random.id(now);
            // Sealing never gives the same bytes twice.
            sealed[..16].copy_from_slice(id.as_bytes());
            let rev: i64 = bump.query_row([person], |row| row.get(0))?;
            insert.execute(params![
                person,
                Kind::CheckIn.code(),
                id.as_bytes(),
                rev,
                now,
                id.as_bytes(),
                sealed
            ])?;
        }
        commit.execute([])?;
        done += BATCH;
        if rest_is_left.swap(false, Ordering::AcqRel) {
            checkpoint(&conn, "PASSIVE")?;
        }
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

/// Runs a checkpoint in a mode. Returns the pages in the log, and how many of them are checkpointed.
fn checkpoint(conn: &Connection, mode: &str) -> Outcome<(i32, i32)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    Ok(conn.query_row(&sql, [], |row| Ok((row.get(1)?, row.get(2)?)))?)
}

fn run_checkpoints(file: &Path, is_over: &AtomicBool, rest_is_left: &AtomicBool) -> Outcome {
    let conn = open(file)?;
    while !is_over.load(Ordering::Acquire) {
        let (pages, checkpointed) = checkpoint(&conn, "NOOP")?;
        if pages >= CHECKPOINT_PAGES && checkpointed < pages {
            checkpoint(&conn, "PASSIVE")?;
            rest_is_left.store(true, Ordering::Release);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Measures selects a second of the latest 30 rows, with all columns that the server reads, by several threads.
pub fn selects(file: &Path, active: &Active, threads: u64, seconds: u32) -> Outcome<f64> {
    let is_over = AtomicBool::new(false);
    let (is_over, time) = (&is_over, Duration::from_secs(seconds.into()));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..threads)
            .map(|n| scope.spawn(move || select_until(is_over, file, active, n)))
            .collect();
        std::thread::sleep(time);
        is_over.store(true, Ordering::Relaxed);
        let mut rate = 0.0;
        for reader in readers {
            rate += reader.join().map_err(|_panic| "a reader panicked")??;
        }
        Ok(rate)
    })
}

fn select_until(is_over: &AtomicBool, file: &Path, active: &Active, n: u64) -> Outcome<f64> {
    let conn = open(file)?;
    conn.execute_batch("PRAGMA query_only = ON")?;
    let mut select = conn.prepare(
        "SELECT no, collection, rev, id, version, occurred_at, deleted, origin, digest, sealed, created_at, updated_at \
         FROM records WHERE person_no = ? AND collection = ? AND deleted = 0 \
         ORDER BY occurred_at DESC, id DESC LIMIT 30",
    )?;
    let mut random = Random::new(n);
    let (started, mut done, mut checksum) = (Instant::now(), 0_u64, 0);
    while !is_over.load(Ordering::Relaxed) {
        let person = random.one_of(&active.people).no;
        let mut rows = select.query(params![person, Kind::CheckIn.code()])?;
        while let Some(row) = rows.next()? {
            for column in [0, 1, 2, 4, 5, 6, 10, 11] {
                checksum ^= row.get_ref(column)?.as_i64()?;
            }
            for column in [3, 7, 8, 9] {
                checksum ^= i64::try_from(row.get_ref(column)?.as_blob()?.len())?;
            }
        }
        done += 1;
    }
    std::hint::black_box(checksum);
    Ok(done as f64 / started.elapsed().as_secs_f64())
}
