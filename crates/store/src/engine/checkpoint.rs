//! Folding SQLite's write-ahead log back into the database, beside the writer.
//!
//! A log that is folded back whole is written again from its beginning, in blocks that the disk and the system's
//! cache already hold, which costs half of appending to it. While the writer goes on, somebody else can never fold
//! back *all* of it. So another thread folds back nearly all, and the writer the little that is left.
//!
//! While pages go back into the database, the disk makes the writer wait. So it happens when nobody writes, and under
//! an unbroken load as rarely as the length of the log allows: a page that was changed often goes back once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use diesel::{QueryResult, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Integer};

use crate::{
    engine::connection::{Access, Conn, DatabaseUrl, connect},
    error::{Result, StoreError},
};

/// From this many pages on the log is folded back in any case: 256 MiB.
pub const CHECKPOINT_PAGES: i32 = 128_000;
/// From this many pages on it is folded back when nobody writes: 16 MiB.
const IDLE_PAGES: i32 = 8_000;
/// So few pages the writer folds back by itself between two transactions.
const REST: i32 = 200;
/// After so many transactions the writer looks how long the log is.
const LOOK_EVERY: u32 = 16;
/// How often the other thread goes over what was written in the meantime before it leaves the rest to the writer.
const ROUNDS: usize = 12;

/// What the log holds, in pages.
#[derive(Debug, Clone, Copy, QueryableByName)]
struct Log {
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

/// How far the log is folded back.
fn state(conn: &mut SqliteConnection) -> QueryResult<Log> {
    sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(conn)
}

/// Folds back what nobody reads any more, without waiting for anybody.
fn fold(conn: &mut SqliteConnection) -> QueryResult<Log> {
    sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(conn)
}

/// What the writer knows of the thread that folds back.
pub(crate) struct Checkpoints {
    /// Transactions since the writer looked how long the log is.
    unlooked: u32,
    wanted: Option<SyncSender<()>>,
    rest_is_left: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread.
    pub fn start(url: &DatabaseUrl) -> Result<Self> {
        let unavailable = |e: &dyn std::fmt::Display| StoreError::Unavailable(e.to_string());
        let (wanted, asked) = sync_channel(1);
        let rest_is_left = Arc::new(AtomicBool::new(false));
        let (url, is_left) = (url.clone(), Arc::clone(&rest_is_left));
        let thread = std::thread::Builder::new()
            .name("mainstay-checkpoint".to_owned())
            .spawn(move || run(&url, &asked, &is_left))
            .map_err(|e| unavailable(&e))?;
        Ok(Self {
            unlooked: 0,
            wanted: Some(wanted),
            rest_is_left,
            thread: Some(thread),
        })
    }

    /// Sees to it that the log stays short. The writer calls it between two transactions.
    pub fn after_commit(&mut self, conn: &mut SqliteConnection) {
        self.unlooked += 1;
        if self.rest_is_left.swap(false, Ordering::AcqRel) {
            self.ask(fold(conn), CHECKPOINT_PAGES);
        } else if self.unlooked >= LOOK_EVERY {
            self.unlooked = 0;
            self.ask(state(conn), CHECKPOINT_PAGES);
        }
    }

    /// The same for a writer that has nothing to do.
    pub fn when_idle(&self, conn: &mut SqliteConnection) {
        self.ask(state(conn), IDLE_PAGES);
    }

    /// Asks the other thread to fold back so many pages or more.
    fn ask(&self, found: QueryResult<Log>, pages: i32) {
        match found {
            Ok(Log { log, checkpointed }) if log >= pages && checkpointed < log => {
                // If it is full, the thread has been told.
                let _ = self.wanted.as_ref().map(|wanted| wanted.try_send(()));
            }
            Ok(_) => {}
            Err(error) => log::warn!("the write-ahead log could not be looked at: {error}"),
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.wanted.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(url: &DatabaseUrl, asked: &Receiver<()>, rest_is_left: &AtomicBool) {
    let mut conn = None;
    while asked.recv().is_ok() {
        if conn.is_none() {
            conn = connect(url, Access::Write).ok();
        }
        let Some(Conn::Sqlite(c)) = &mut conn else {
            continue;
        };
        match fold_nearly_all(c) {
            Ok(()) => {
                // What was asked meanwhile has been done.
                while asked.try_recv().is_ok() {}
                rest_is_left.store(true, Ordering::Release);
            }
            Err(error) => {
                log::warn!("the write-ahead log could not be folded back: {error}");
                conn = None;
            }
        }
    }
}

fn fold_nearly_all(conn: &mut SqliteConnection) -> QueryResult<()> {
    for _ in 0..ROUNDS {
        fold(conn)?;
        let now = state(conn)?;
        if now.log - now.checkpointed <= REST {
            break;
        }
    }
    Ok(())
}
