//! The one thread that writes to an SQLite database: whatever waits goes into one transaction.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, TransactionManager},
};
use tokio::sync::oneshot;

use crate::{
    engine::{
        Job, JobOutput, caught,
        checkpoint::Checkpoints,
        connection::{Access, Conn, DatabaseUrl, connect},
        statement::{BeginJob, KeepJob, UndoJob},
    },
    error::{Result, StoreError},
};

/// Write jobs that may wait before further ones are turned away.
const QUEUE: usize = 1024;
/// So many jobs one transaction takes if they wait. More would spare little of a commit, and all of them wait for the last
/// one: so it takes more only as long as they cost no more time than the commit before, which counts when the disk is busy.
const BATCH: usize = 64;
/// A batch is closed after this time even if more jobs wait.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// After this time without a job the writer counts as idle.
const IDLE_AFTER: Duration = Duration::from_millis(100);

/// How a job stands among the others of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// If it does not succeed, all that it did is undone.
    Savepoint,
    /// What its statements did may stay in any case.
    None,
}

/// A job that waits for its transaction.
struct Waiting {
    isolation: Isolation,
    job: Job,
    answer: oneshot::Sender<Result<JobOutput>>,
}

impl Waiting {
    /// Does the job; the answer is for after the commit.
    fn run(self, conn: &mut Conn) -> Done {
        let outcome = match self.isolation {
            Isolation::Savepoint => in_savepoint(conn, self.job),
            Isolation::None => caught(conn, self.job),
        };
        (outcome, self.answer)
    }
}

type Done = (Result<JobOutput>, oneshot::Sender<Result<JobOutput>>);

/// The thread that writes, and what is queued for it.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, with a connection of its own, and the one that keeps the log short.
    pub fn start(url: &DatabaseUrl) -> Result<Self> {
        let unavailable = |e: &dyn std::fmt::Display| StoreError::Unavailable(e.to_string());
        let mut conn = connect(url, Access::Write).map_err(|e| unavailable(&e))?;
        let mut checkpoints = Checkpoints::start(url)?;
        let (jobs, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("mainstay-writer".to_owned())
            .spawn(move || run(&mut conn, &queue, &mut checkpoints))
            .map_err(|e| unavailable(&e))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs a job in the next transaction; the answer comes after the commit.
    pub async fn write(&self, isolation: Isolation, job: Job) -> Result<JobOutput> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Busy)?;
        jobs.try_send(Waiting {
            isolation,
            job,
            answer,
        })
        .map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Internal("the writer has stopped".to_owned()),
        })?;
        answered
            .await
            .map_err(|_gone| StoreError::Unavailable("the write did not run".to_owned()))?
    }
}

impl Drop for Writer {
    /// Finishes what is queued.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn in_savepoint(conn: &mut Conn, job: Job) -> Result<JobOutput> {
    let Conn::Sqlite(c) = conn else {
        return Err(StoreError::Internal("a writer of another engine".to_owned()));
    };
    BeginJob.execute(c)?;
    let outcome = caught(conn, job);
    let Conn::Sqlite(c) = conn else { return outcome };
    if outcome.is_err() {
        UndoJob.execute(c)?;
    }
    KeepJob.execute(c)?;
    outcome
}

/// Takes whatever waits into one transaction, commits once, then answers all.
fn run(conn: &mut Conn, queue: &Receiver<Waiting>, checkpoints: &mut Checkpoints) {
    let mut last_commit = Duration::ZERO;
    loop {
        let first = match queue.recv_timeout(IDLE_AFTER) {
            Err(RecvTimeoutError::Timeout) => {
                let Conn::Sqlite(c) = &mut *conn else { return };
                checkpoints.when_idle(c);
                queue.recv().map_err(|_closed| RecvTimeoutError::Disconnected)
            }
            other => other,
        };
        let Ok(first) = first else { return };
        let Conn::Sqlite(c) = &mut *conn else { return };
        if let Err(error) = AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE") {
            log::error!("the writer cannot begin a transaction: {error}");
            // Dropping the job tells its caller that it did not run.
            drop(first);
            continue;
        }
        let started = Instant::now();
        let mut done = vec![first.run(conn)];
        while done.len() < BATCH && started.elapsed() < BATCH_TIME
            || started.elapsed() < last_commit.min(BATCH_TIME)
        {
            let Ok(next) = queue.try_recv() else { break };
            done.push(next.run(conn));
        }
        let Conn::Sqlite(c) = &mut *conn else { return };
        let worked = Instant::now();
        let committed = commit(c, done.len());
        for (outcome, answer) in done {
            let committed = committed.clone().map_err(StoreError::Unavailable);
            // A caller that has gone away needs no answer.
            let _ = answer.send(outcome.and_then(|given| committed.map(|()| given)));
        }
        checkpoints.after_commit(c);
        // With what the writer does for the log after it, which makes whoever waits wait as well.
        last_commit = worked.elapsed();
    }
}

fn commit(conn: &mut SqliteConnection, jobs: usize) -> std::result::Result<(), String> {
    AnsiTransactionManager::commit_transaction(conn).map_err(|error| {
        log::error!("a batch of {jobs} writes could not be committed: {error}");
        let _ = AnsiTransactionManager::rollback_transaction(conn);
        error.to_string()
    })
}
