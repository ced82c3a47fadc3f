//! Checkpoints: folding SQLite's write-ahead log back into the database, beside the writer.
//!
//! A log that is folded back whole is written again from its beginning, in blocks that the disk and the system's cache
//! already hold. That costs half of appending to it. While the writer goes on, nobody else can ever fold back *all* of
//! it. So another thread folds back nearly all of it, and the writer the little that is left.
//!
//! Pages that go back into the database make the writer wait for the disk. So a checkpoint runs when nobody writes, and
//! under an unbroken load as rarely as the length of the log allows: a page that was changed often goes back once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query,
    sql_types::Integer,
};

use super::{
    batch_thread::{BatchThread, Queue},
    connection::{Access, Conn, DatabaseUrl, connect},
};
use crate::error::Result;

/// From this many pages on the log is folded back in any case: 256 MiB.
pub const CHECKPOINT_PAGES: i32 = 128_000;
/// From this many pages on it is folded back when nobody writes: 16 MiB.
const IDLE_PAGES: i32 = 8_000;
/// The largest number of pages that the writer folds back by itself between two transactions.
const MAX_PAGES_FOR_WRITER: i32 = 200;
/// Transactions between two checks of the length of the log.
const CHECK_EVERY: u32 = 16;
/// Rounds over what was written in the meantime, before the rest is left to the writer.
const MAX_ROUNDS: usize = 12;

/// The length of the log, in pages.
#[derive(Debug, Clone, Copy, QueryableByName)]
struct Log {
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

/// Reads how far the log is folded back.
fn state(conn: &mut SqliteConnection) -> QueryResult<Log> {
    sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(conn)
}

/// Folds back the pages that no reader needs any more, without waiting for anybody.
fn fold(conn: &mut SqliteConnection) -> QueryResult<Log> {
    sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(conn)
}

#[derive(QueryableByName)]
struct Truncation {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// How long emptying the log waits for a reader, in milliseconds. It holds up all writers meanwhile.
const TRUNCATION_WAIT_MS: u32 = 100;

/// How long writing a database anew waits for its writer, in milliseconds.
const REWRITE_WAIT_MS: u32 = 2000;

/// Folds back the whole log and empties it. False if a reader or the writer was in the way, as a backup is for its whole
/// time: it is to be tried again later. The connection keeps its short wait.
pub(super) fn truncate(conn: &mut SqliteConnection) -> QueryResult<bool> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {TRUNCATION_WAIT_MS}"))?;
    let truncation: Truncation = sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(conn)?;
    Ok(truncation.busy == 0)
}

/// Writes the database anew, so that no page holds bytes of a deleted row in the gaps between its rows, and empties the log.
/// False if somebody was in the way. `secure_delete` alone is not enough: SQLite leaves copies of rows behind that it has
/// moved to another page.
pub(super) fn rewrite(conn: &mut SqliteConnection) -> QueryResult<bool> {
    // The log first: while somebody reads, it would only grow.
    if !truncate(conn)? {
        return Ok(false);
    }
    conn.batch_execute(&format!("PRAGMA busy_timeout = {REWRITE_WAIT_MS}"))?;
    match conn.batch_execute("VACUUM") {
        // Somebody wrote all the while.
        Err(error) if error.to_string().contains("locked") => Ok(false),
        written => {
            written?;
            truncate(conn)
        }
    }
}

/// Keeps the log short. Belongs to the writer, which calls it between its transactions.
pub(crate) struct Checkpoints {
    /// Transactions since the length of the log was last asked for.
    commits_since_check: u32,
    folder: BatchThread<(), ()>,
    /// Set by the folding thread when only the last few pages are left.
    rest_is_left: Arc<AtomicBool>,
}

impl Checkpoints {
    /// Starts the thread that folds back.
    pub fn start(url: &DatabaseUrl) -> Result<Self> {
        let rest_is_left = Arc::new(AtomicBool::new(false));
        let (url, is_left) = (url.clone(), Arc::clone(&rest_is_left));
        let serve = move |queue: &Queue<(), ()>| serve(&url, queue, &is_left);
        Ok(Self {
            commits_since_check: 0,
            folder: BatchThread::start("mainstay-checkpoint", 1, [serve])?,
            rest_is_left,
        })
    }

    /// Asks for a checkpoint if the log has become long, and does the last pages of one that is nearly done.
    pub fn after_commit(&mut self, conn: &mut SqliteConnection) {
        self.commits_since_check += 1;
        if self.rest_is_left.swap(false, Ordering::AcqRel) {
            self.ask(fold(conn), CHECKPOINT_PAGES);
        } else if self.commits_since_check >= CHECK_EVERY {
            self.commits_since_check = 0;
            self.ask(state(conn), CHECKPOINT_PAGES);
        }
    }

    /// The same for a writer that has nothing to do.
    pub fn when_idle(&self, conn: &mut SqliteConnection) {
        self.ask(state(conn), IDLE_PAGES);
    }

    /// Asks for a checkpoint of a log of that many pages or more.
    fn ask(&self, found: QueryResult<Log>, pages: i32) {
        match found {
            // If the queue is full, a checkpoint is queued already.
            Ok(Log { log, checkpointed }) if log >= pages && checkpointed < log => self.folder.notify(()),
            Ok(_) => {}
            Err(error) => log::warn!("the length of the write-ahead log is not known: {error}"),
        }
    }
}

fn serve(url: &DatabaseUrl, queue: &Queue<(), ()>, rest_is_left: &AtomicBool) {
    let mut conn = None;
    while queue.next().is_some() {
        if conn.is_none() {
            conn = connect(url, Access::Write).ok();
        }
        let Some(Conn::Sqlite(c)) = &mut conn else {
            continue;
        };
        match fold_nearly_all(c) {
            Ok(()) => {
                // This checkpoint covers the queued ones too.
                while queue.try_next().is_some() {}
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
    for _ in 0..MAX_ROUNDS {
        fold(conn)?;
        let now = state(conn)?;
        if now.log - now.checkpointed <= MAX_PAGES_FOR_WRITER {
            break;
        }
    }
    Ok(())
}
