//! The one thread that writes to an SQLite database. It takes the jobs that are waiting into one transaction.

use std::{
    iter,
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl,
    connection::{AnsiTransactionManager, TransactionManager},
};

use super::{
    Job, JobOutput,
    batch_thread::{BatchThread, Lane, Next, Pending, Queue, Reply},
    catch_panic,
    checkpoint::Checkpoints,
    connection::{Access, Conn, DatabaseUrl, connect},
    statement::{BeginJob, KeepJob, UndoJob},
};
use crate::error::{Result, StoreError};

/// Jobs that may wait in each lane before further ones are turned away.
const QUEUE: usize = 1024;
/// Jobs in one transaction. More would spare little of a commit, and all of them wait for the last one. A batch is
/// longer only while it costs no more time than the last commit did, which counts when the disk is busy.
const BATCH: usize = 64;
/// A batch is closed after this time even if more jobs are waiting.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// After this time without a job the writer counts as idle.
const IDLE_AFTER: Duration = Duration::from_millis(100);

/// How a job is kept apart from the others of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// By a savepoint: if the job fails, all that it did is undone.
    Savepoint,
    /// Not at all: each of its statements may stay, whatever becomes of the next.
    None,
}

/// The thread that writes, with its queue.
pub(crate) struct Writer(BatchThread<(Isolation, Job), JobOutput>);

impl Writer {
    /// Starts the thread with a connection of its own, and the one that folds the log back.
    pub fn start(url: &DatabaseUrl) -> Result<Self> {
        let conn = open(url)?;
        let checkpoints = Checkpoints::start(url)?;
        let mut thread = WriterThread {
            url: url.clone(),
            conn: Some(conn),
            checkpoints,
            last_commit: Duration::ZERO,
        };
        let serve = move |queue: &Queue<_, _>| thread.serve(queue);
        BatchThread::start("mainstay-writer", QUEUE, [serve]).map(Self)
    }

    /// Runs a job in the next transaction, and returns after the commit.
    pub async fn write(&self, lane: Lane, isolation: Isolation, job: Job) -> Result<JobOutput> {
        self.0.call(lane, (isolation, job)).await
    }
}

/// A job that is waiting already, and whose caller waits for it.
fn next_wanted(queue: &Queue<(Isolation, Job), JobOutput>) -> Option<PendingJob> {
    iter::from_fn(|| queue.try_next()).find(|pending| !pending.reply.is_abandoned())
}

fn open(url: &DatabaseUrl) -> Result<Conn> {
    connect(url, Access::Write).map_err(|e| StoreError::Unavailable(e.to_string()))
}

type PendingJob = Pending<(Isolation, Job), JobOutput>;
type Finished = (Result<JobOutput>, Reply<JobOutput>);

struct WriterThread {
    url: DatabaseUrl,
    /// `None` after a lost transaction. The next batch opens another connection.
    conn: Option<Conn>,
    checkpoints: Checkpoints,
    last_commit: Duration,
}

impl WriterThread {
    fn serve(&mut self, queue: &Queue<(Isolation, Job), JobOutput>) {
        loop {
            let first = match queue.next_within(IDLE_AFTER) {
                Next::Request(first) => Some(first),
                Next::Closed => None,
                Next::Idle => {
                    if let Some(Conn::Sqlite(c)) = &mut self.conn {
                        self.checkpoints.when_idle(c);
                    }
                    queue.next()
                }
            };
            let Some(first) = first else { return };
            // Nobody would learn of the result, and the client may have come back with the same request.
            if !first.reply.is_abandoned() {
                self.run_batch(first, queue);
            }
        }
    }

    /// Runs what is waiting in one transaction, commits it, and then replies to all.
    fn run_batch(&mut self, first: PendingJob, queue: &Queue<(Isolation, Job), JobOutput>) {
        let mut conn = match self.begin() {
            Ok(conn) => conn,
            Err(error) => {
                log::error!("the writer cannot begin a transaction: {error}");
                return first.reply.send(Err(error));
            }
        };
        let started = Instant::now();
        let mut finished = Vec::new();
        let mut next = Some(first);
        let mut lost = None;
        while let Some(Pending { request, reply }) = next {
            let (output, state) = run_job(&mut conn, request.0, request.1);
            finished.push((output, reply));
            if let TransactionState::Lost(cause) = state {
                lost = Some(cause);
                break;
            }
            let has_room = finished.len() < BATCH && started.elapsed() < BATCH_TIME
                || started.elapsed() < self.last_commit.min(BATCH_TIME);
            next = if has_room { next_wanted(queue) } else { None };
        }
        let commit_began = Instant::now();
        if let Some(cause) = lost {
            log::error!("a batch of {} writes was rolled back: {cause}", finished.len());
            // Closing the connection undoes what is left of the transaction.
            drop(conn);
            return reply_all(finished, || Err(StoreError::Unavailable(cause.to_string())));
        }
        match commit(&mut conn) {
            Ok(()) => reply_all(finished, || Ok(())),
            Err(cause) => {
                log::error!(
                    "a batch of {} writes could not be committed: {cause}",
                    finished.len()
                );
                drop(conn);
                // The end of the transaction may stand in the log, where the next recovery finds it.
                return reply_all(finished, || Err(StoreError::OutcomeUnknown(cause.to_string())));
            }
        }
        if let Conn::Sqlite(c) = &mut conn {
            self.checkpoints.after_commit(c);
        }
        self.conn = Some(conn);
        // Includes the checkpoint, which delays waiting jobs as well.
        self.last_commit = commit_began.elapsed();
    }

    /// A connection with a transaction begun. After a lost one the connection is opened anew.
    fn begin(&mut self) -> Result<Conn> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => open(&self.url)?,
        };
        let Conn::Sqlite(c) = &mut conn else {
            return Err(StoreError::Internal("a writer of another engine".to_owned()));
        };
        AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(conn)
    }
}

/// Replies to each caller with the result of its job, or with the error of the batch. A refusal counts as little as a success
/// if the batch failed: it may rest on work of another job that was rolled back.
fn reply_all(finished: Vec<Finished>, batch: impl Fn() -> Result<()>) {
    for (output, reply) in finished {
        reply.send(batch().and(output));
    }
}

/// The state of a batch's transaction after a job.
enum TransactionState {
    /// It goes on.
    Open,
    /// It was rolled back by the engine, or can no longer be trusted: a job could not be undone.
    Lost(diesel::result::Error),
}

/// Runs a job inside the batch's transaction.
///
/// Some errors make SQLite roll back the whole transaction by itself: a full disk, an I/O error, no memory. From then on
/// every further statement would be committed alone. With a savepoint, undoing or releasing it fails then; without one,
/// an error is followed by a look at the transaction.
fn run_job(conn: &mut Conn, isolation: Isolation, job: Job) -> (Result<JobOutput>, TransactionState) {
    let state = |checked: diesel::QueryResult<()>| match checked {
        Ok(()) => TransactionState::Open,
        Err(error) => TransactionState::Lost(error),
    };
    match isolation {
        Isolation::None => {
            let output = catch_panic(conn, job);
            let checked = if output.is_err() {
                check_transaction(conn)
            } else {
                Ok(())
            };
            (output, state(checked))
        }
        Isolation::Savepoint => {
            if let Err(error) = execute(conn, BeginJob) {
                let output = Err(StoreError::Unavailable(error.to_string()));
                return (output, TransactionState::Lost(error));
            }
            let output = catch_panic(conn, job);
            let undone = if output.is_err() {
                execute(conn, UndoJob)
            } else {
                Ok(())
            };
            (output, state(undone.and_then(|()| execute(conn, KeepJob))))
        }
    }
}

fn execute<Statement>(conn: &mut Conn, statement: Statement) -> diesel::QueryResult<()>
where
    Statement: RunQueryDsl<diesel::SqliteConnection>
        + diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite>
        + diesel::query_builder::QueryId,
{
    match conn {
        Conn::Sqlite(c) => statement.execute(c).map(drop),
        Conn::Postgres(_) => Err(diesel::result::Error::NotInTransaction),
    }
}

/// Succeeds if the batch's transaction is still open: a savepoint that is begun and released in one that is not open
/// would be a transaction of its own, so `BEGIN` is tried, which is refused inside a transaction.
fn check_transaction(conn: &mut Conn) -> diesel::QueryResult<()> {
    let Conn::Sqlite(c) = conn else {
        return Err(diesel::result::Error::NotInTransaction);
    };
    match diesel::sql_query("BEGIN").execute(c) {
        Err(_refused) => Ok(()),
        Ok(_) => Err(diesel::result::Error::NotInTransaction),
    }
}

fn commit(conn: &mut Conn) -> diesel::QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::commit_transaction(c),
        Conn::Postgres(_) => Err(diesel::result::Error::NotInTransaction),
    }
}

#[cfg(test)]
mod tests;
