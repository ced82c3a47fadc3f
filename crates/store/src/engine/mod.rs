//! Transactions on two engines: one writer thread with group commit on SQLite, a bounded pool on PostgreSQL.

pub mod checkpoint;
pub mod connection;
pub mod log_label;
pub mod migration;
pub(crate) mod schema;
pub(crate) mod statement;
pub mod types;
pub(crate) mod writer;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use tokio::sync::Semaphore;

use crate::{
    cache::revision::{CachedRevision, RevisionSnapshot, Revisions, fetch_revision},
    engine::{
        connection::{Access, Conn, ConnectionEpoch, DatabaseUrl, Manager, connect},
        writer::{Isolation, Writer},
    },
    error::{Result, StoreError},
};

/// How long a request may wait for a connection.
const POOL_WAIT: Duration = Duration::from_secs(2);

/// Work for a connection. Jobs of all types go the same way to their connection, which is compiled once: a server has
/// hundreds of them.
pub(crate) type Job = Box<dyn FnOnce(&mut Conn) -> Result<JobOutput> + Send>;
/// What a job gives to whoever asked for it.
pub(crate) type JobOutput = Box<dyn Any + Send>;

fn job<T, F>(f: F) -> Job
where
    T: Send + 'static,
    F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
{
    labelled(Box::new(move |conn| Ok(Box::new(f(conn)?))))
}

/// Lets a job run under the log label of the task that submits it.
fn labelled(job: Job) -> Job {
    match log_label::current_label() {
        Some(label) => Box::new(move |conn| log_label::run_labelled(label, || job(conn))),
        None => job,
    }
}

fn given<T: 'static>(given: JobOutput) -> Result<T> {
    let own = given.downcast::<T>().map(|given| *given);
    own.map_err(|_other| StoreError::Internal("a job gave what nobody asked for".to_owned()))
}

/// A database with its transactions.
pub struct Engine {
    url: DatabaseUrl,
    kind: Kind,
    /// Turns for long reads, fewer than there are connections, so that short ones always find one.
    long_reads: Arc<Semaphore>,
    pool: r2d2::Pool<Manager>,
    breaks: ConnectionEpoch,
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
    /// Opens a database; the file's directory must be there. Each of the pool's connections to SQLite keeps that many
    /// KiB of pages.
    pub fn open(url: &DatabaseUrl, size: PoolSize, page_cache_kib: u32) -> Result<Self> {
        let access = match url {
            DatabaseUrl::Sqlite(_) => Access::Read,
            DatabaseUrl::Postgres(_) => Access::Write,
        };
        let breaks = ConnectionEpoch::default();
        let kind = match url {
            DatabaseUrl::Sqlite(_) => Kind::Sqlite(Writer::start(url)?),
            DatabaseUrl::Postgres(_) => Kind::Postgres(
                Arc::new(Semaphore::new(usize::try_from(size.connections).unwrap_or(8))),
                Revisions::start(url, breaks.clone())?,
            ),
        };
        let pool = r2d2::Pool::builder()
            .max_size(size.connections)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(POOL_WAIT)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Manager {
                breaks: breaks.clone(),
                url: url.clone(),
                access,
                page_cache_kib,
            });
        Ok(Self {
            url: url.clone(),
            kind,
            long_reads: Arc::new(Semaphore::new(2)),
            pool,
            breaks,
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
        let permits = match &self.kind {
            Kind::Sqlite(_) => &self.long_reads,
            Kind::Postgres(permits, _) => permits,
        };
        given(self.blocking(permits, job(f)).await?)
    }

    /// Runs a reading closure. On SQLite it runs at once on the calling thread: it must be short and indexed.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        given(match &self.kind {
            Kind::Sqlite(_) => self.with_connection(job(f))?,
            Kind::Postgres(permits, _) => self.blocking(permits, job(f)).await?,
        })
    }

    /// What was found broken, for connections outside of the pool.
    pub fn breaks(&self) -> ConnectionEpoch {
        self.breaks.clone()
    }

    /// Whether the database is a PostgreSQL server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres(..))
    }

    /// Runs a closure whose every statement may stay for itself, whatever becomes of the next: one statement, as a
    /// rule. On PostgreSQL each is a transaction of its own; on SQLite they need no savepoint among the writer's jobs.
    /// The answer comes after the commit.
    pub async fn write_plainly<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        given(match &self.kind {
            Kind::Sqlite(writer) => writer.write(Isolation::None, job(f)).await?,
            Kind::Postgres(permits, _) => self.blocking(permits, job(f)).await?,
        })
    }

    /// How a person's record stands.
    pub(crate) async fn fetch_revision(
        &self,
        person_no: i64,
        known: Option<CachedRevision>,
    ) -> Result<RevisionSnapshot> {
        match &self.kind {
            Kind::Sqlite(_) => self.with_connection(|conn| fetch_revision(conn, person_no, known)),
            Kind::Postgres(_, revisions) => revisions.fetch_revision(person_no, known).await,
        }
    }

    /// Runs a closure in a transaction; the answer comes after the commit. An error leaves nothing behind.
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        given(match &self.kind {
            Kind::Sqlite(writer) => writer.write(Isolation::Savepoint, job(f)).await?,
            Kind::Postgres(permits, _) => {
                let job = job(f);
                let work: Job = Box::new(|conn| in_transaction(conn, job));
                self.blocking(permits, work).await?
            }
        })
    }

    fn with_connection<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self
            .pool
            .get()
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        f(&mut conn.conn)
    }

    /// Waits shortly for a turn, then runs on a thread that may block.
    async fn blocking(&self, permits: &Arc<Semaphore>, job: Job) -> Result<JobOutput> {
        let waiting = tokio::time::timeout(POOL_WAIT, Arc::clone(permits).acquire_owned());
        let permit = waiting
            .await
            .map_err(|_elapsed| StoreError::Busy)?
            .map_err(|e| StoreError::Internal(e.to_string()))?;
        let (pool, breaks) = (self.pool.clone(), self.breaks.clone());
        let run = move || {
            let _permit = permit;
            let mut pooled = loop {
                let mut pooled = pool.get().map_err(|e| StoreError::Unavailable(e.to_string()))?;
                if pooled.is_sound(&breaks) {
                    break pooled;
                }
            };
            let outcome = job(&mut pooled.conn);
            match outcome {
                // The server went away: the pool makes another connection, and the caller may try again.
                Err(StoreError::Database(_) | StoreError::Unavailable(_)) if pooled.conn.check().is_err() => {
                    pooled.is_broken = true;
                    breaks.note();
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

/// Runs a job of a server's pool in a transaction of its own.
fn in_transaction(conn: &mut Conn, job: Job) -> Result<JobOutput> {
    let Conn::Postgres(c) = conn else {
        return Err(StoreError::Internal("a pool of another engine".to_owned()));
    };
    AnsiTransactionManager::begin_transaction(c)?;
    let outcome = caught(conn, job);
    let Conn::Postgres(c) = conn else { return outcome };
    if outcome.is_ok() {
        AnsiTransactionManager::commit_transaction(c)?;
    } else {
        // The first error is the one that matters; a broken connection is discarded by the pool.
        let _ = AnsiTransactionManager::rollback_transaction(c);
    }
    outcome
}

/// Runs a job whose panic is an error like others.
pub(crate) fn caught(conn: &mut Conn, job: Job) -> Result<JobOutput> {
    catch_unwind(AssertUnwindSafe(|| job(conn))).unwrap_or_else(|_| Err(panicked()))
}

/// What became of a job that panicked.
pub(crate) fn panicked() -> StoreError {
    StoreError::Internal("a database job panicked".to_owned())
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
