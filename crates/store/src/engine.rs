//! Transactions on two engines: one writer thread with group commit on SQLite, a bounded pool on PostgreSQL.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    conn::{Access, Conn, DatabaseUrl, Manager, connect},
    error::{Result, StoreError},
    revision::{Revision, Revisions, of_one},
    statement::{BeginJob, KeepJob, UndoJob},
};

/// Write jobs that may wait before further ones are turned away.
const QUEUE: usize = 1024;
/// Most jobs in one transaction.
const BATCH: usize = 256;
/// A batch is closed after this time even if more jobs wait.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// How long a request may wait for a connection.
const POOL_WAIT: Duration = Duration::from_secs(2);
/// From this size on the write-ahead log is folded back into the database: 16 000 pages.
pub const CHECKPOINT_BYTES: u64 = 16_000 * 4096;

type Deliver = Box<dyn FnOnce(Result<()>) + Send>;
type Job = Box<dyn FnOnce(&mut Conn) -> Deliver + Send>;

/// A database with its transactions.
pub struct Engine {
    url: DatabaseUrl,
    kind: Kind,
    /// Turns for long reads, fewer than there are connections, so that short ones always find one.
    long_reads: Arc<Semaphore>,
    pool: r2d2::Pool<Manager>,
}

enum Kind {
    Sqlite(Writer),
    Postgres(Arc<Semaphore>, Revisions),
}

/// How large the pools are.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Connections to PostgreSQL, or for reading from SQLite.
    pub connections: u32,
}

impl Engine {
    /// Opens a database; the file's directory must be there.
    pub fn open(url: &DatabaseUrl, size: PoolSize) -> Result<Self> {
        let access = match url {
            DatabaseUrl::Sqlite(_) => Access::Read,
            DatabaseUrl::Postgres(_) => Access::Write,
        };
        let kind = match url {
            DatabaseUrl::Sqlite(path) => Kind::Sqlite(Writer::start(url, path)?),
            DatabaseUrl::Postgres(_) => Kind::Postgres(
                Arc::new(Semaphore::new(usize::try_from(size.connections).unwrap_or(8))),
                Revisions::start(url)?,
            ),
        };
        let pool = r2d2::Pool::builder()
            .max_size(size.connections)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(POOL_WAIT)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Manager {
                url: url.clone(),
                access,
            });
        Ok(Self {
            url: url.clone(),
            kind,
            long_reads: Arc::new(Semaphore::new(2)),
            pool,
        })
    }

    /// Folds the write-ahead log back and empties it, so that what was deleted stands nowhere any more.
    pub async fn forget_deleted(&self) -> Result<()> {
        if matches!(self.kind, Kind::Postgres(..)) {
            return Ok(());
        }
        let url = self.url.clone();
        let fold = move || {
            let mut conn =
                connect(&url, Access::Write).map_err(|e| StoreError::Unavailable(e.to_string()))?;
            let Conn::Sqlite(c) = &mut conn else { return Ok(()) };
            Ok(c.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);")?)
        };
        tokio::task::spawn_blocking(fold)
            .await
            .map_err(|_panic| panicked())?
    }

    /// Runs a reading closure that may take its time, on a thread that may block.
    pub async fn read_long<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        match &self.kind {
            Kind::Sqlite(_) => self.blocking(&self.long_reads, f).await,
            Kind::Postgres(permits, _) => self.blocking(permits, f).await,
        }
    }

    /// Runs a reading closure. On SQLite it runs at once on the calling thread: it must be short and indexed.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        match &self.kind {
            Kind::Sqlite(_) => self.with_connection(f),
            Kind::Postgres(permits, _) => self.blocking(permits, f).await,
        }
    }

    /// Whether the database is a PostgreSQL server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres(..))
    }

    /// Runs one statement, which is a transaction of its own, on PostgreSQL. On SQLite all writes go through the
    /// writer.
    pub async fn statement<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        match &self.kind {
            Kind::Sqlite(_) => Err(StoreError::Internal("a statement of another engine".to_owned())),
            Kind::Postgres(permits, _) => self.blocking(permits, f).await,
        }
    }

    /// The revision of a person's record.
    pub async fn revision(&self, person_no: i64) -> Result<Revision> {
        match &self.kind {
            Kind::Sqlite(_) => self.with_connection(|conn| of_one(conn, person_no)),
            Kind::Postgres(_, revisions) => revisions.of(person_no).await,
        }
    }

    /// Runs a closure in a transaction; the answer comes after the commit. An error leaves nothing behind.
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        match &self.kind {
            Kind::Sqlite(writer) => writer.write(f).await,
            Kind::Postgres(permits, _) => {
                self.blocking(permits, |conn| match conn {
                    Conn::Postgres(c) => {
                        AnsiTransactionManager::begin_transaction(c)?;
                        let outcome =
                            catch_unwind(AssertUnwindSafe(|| f(conn))).unwrap_or_else(|_| Err(panicked()));
                        let Conn::Postgres(c) = conn else { return outcome };
                        if outcome.is_ok() {
                            AnsiTransactionManager::commit_transaction(c)?;
                        } else {
                            // The first error is the one that matters; a broken connection is discarded by the pool.
                            let _ = AnsiTransactionManager::rollback_transaction(c);
                        }
                        outcome
                    }
                    Conn::Sqlite(_) => Err(StoreError::Internal("a pool of another engine".to_owned())),
                })
                .await
            }
        }
    }

    fn with_connection<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self
            .pool
            .get()
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        f(&mut conn.conn)
    }

    /// Waits shortly for a turn, then runs on a thread that may block.
    async fn blocking<T, F>(&self, permits: &Arc<Semaphore>, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let waiting = tokio::time::timeout(POOL_WAIT, Arc::clone(permits).acquire_owned());
        let permit = waiting
            .await
            .map_err(|_elapsed| StoreError::Busy)?
            .map_err(|e| StoreError::Internal(e.to_string()))?;
        let pool = self.pool.clone();
        let run = move || {
            let _permit = permit;
            let mut pooled = pool.get().map_err(|e| StoreError::Unavailable(e.to_string()))?;
            let outcome = f(&mut pooled.conn);
            match outcome {
                // The server went away: the pool makes another connection, and the caller may try again.
                Err(StoreError::Database(_) | StoreError::Unavailable(_)) if pooled.conn.check().is_err() => {
                    pooled.is_broken = true;
                    Err(StoreError::Unavailable("the connection is broken".to_owned()))
                }
                other => other,
            }
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|_panic| panicked())?
    }
}

/// What became of a job that panicked.
pub(crate) fn panicked() -> StoreError {
    StoreError::Internal("a database job panicked".to_owned())
}

/// The one thread that writes to an SQLite database, and the one that keeps its log short.
struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    stop_checkpoints: Option<SyncSender<()>>,
    checkpoints: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(url: &DatabaseUrl, path: &Path) -> Result<Self> {
        let unavailable = |e: &dyn std::fmt::Display| StoreError::Unavailable(e.to_string());
        let mut conn = connect(url, Access::Write).map_err(|e| unavailable(&e))?;
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let thread = std::thread::Builder::new()
            .name("mainstay-writer".to_owned())
            .spawn(move || run(&mut conn, &queue))
            .map_err(|e| unavailable(&e))?;
        let (stop_checkpoints, stopped) = sync_channel(1);
        let mut log_file = path.as_os_str().to_owned();
        log_file.push("-wal");
        let url = url.clone();
        let checkpoints = std::thread::Builder::new()
            .name("mainstay-checkpoint".to_owned())
            .spawn(move || checkpoint(&url, &PathBuf::from(log_file), &stopped))
            .map_err(|e| unavailable(&e))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            stop_checkpoints: Some(stop_checkpoints),
            checkpoints: Some(checkpoints),
        })
    }

    async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T>>();
        let job: Job = Box::new(move |conn| {
            let outcome = in_savepoint(conn, f);
            Box::new(move |committed| {
                // A caller that has gone away needs no answer.
                let _ = answer.send(outcome.and_then(|value| committed.map(|()| value)));
            })
        });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Busy)?;
        jobs.try_send(job).map_err(|e| match e {
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
        drop(self.stop_checkpoints.take());
        for thread in [self.thread.take(), self.checkpoints.take()]
            .into_iter()
            .flatten()
        {
            let _ = thread.join();
        }
    }
}

fn in_savepoint<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let Conn::Sqlite(c) = conn else {
        return Err(StoreError::Internal("a writer of another engine".to_owned()));
    };
    BeginJob.execute(c)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| f(conn))).unwrap_or_else(|_| Err(panicked()));
    let Conn::Sqlite(c) = conn else { return outcome };
    if outcome.is_err() {
        UndoJob.execute(c)?;
    }
    KeepJob.execute(c)?;
    outcome
}

/// Takes whatever waits into one transaction, commits once, then answers all.
fn run(conn: &mut Conn, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let Conn::Sqlite(c) = &mut *conn else { return };
        if let Err(error) = AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE") {
            log::error!("the writer cannot begin a transaction: {error}");
            // Dropping the job tells its caller that it did not run.
            drop(first);
            continue;
        }
        let started = Instant::now();
        let mut deliveries = vec![first(conn)];
        while deliveries.len() < BATCH && started.elapsed() < BATCH_TIME {
            let Ok(job) = queue.try_recv() else { break };
            deliveries.push(job(conn));
        }
        let Conn::Sqlite(c) = &mut *conn else { return };
        let committed = AnsiTransactionManager::commit_transaction(c);
        if let Err(error) = &committed {
            log::error!(
                "a batch of {} writes could not be committed: {error}",
                deliveries.len()
            );
            let _ = AnsiTransactionManager::rollback_transaction(c);
        }
        for deliver in deliveries {
            deliver(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(StoreError::Unavailable(error.to_string())),
            });
        }
    }
}

/// Folds the log back from a connection of its own, so that the writer does not wait for it.
fn checkpoint(url: &DatabaseUrl, log_file: &Path, stopped: &Receiver<()>) {
    let Ok(Conn::Sqlite(mut conn)) = connect(url, Access::Write) else {
        return;
    };
    while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_secs(1)) {
        let long = std::fs::metadata(log_file).is_ok_and(|m| m.len() > CHECKPOINT_BYTES);
        if long && let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE);") {
            log::warn!("the write-ahead log could not be folded back: {error}");
        }
    }
}

/// Opens one connection outside the pools, for migrations and checks.
pub fn single(url: &DatabaseUrl) -> Result<Conn> {
    connect(url, Access::Write).map_err(|e| StoreError::Unavailable(e.to_string()))
}

/// Runs a closure in a transaction of its own on a single connection.
pub fn transaction<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    crate::on!(&mut *conn, |c| AnsiTransactionManager::begin_transaction(c))?;
    let outcome = f(conn);
    crate::on!(&mut *conn, |c| if outcome.is_ok() {
        AnsiTransactionManager::commit_transaction(c)
    } else {
        AnsiTransactionManager::rollback_transaction(c)
    })?;
    outcome
}
