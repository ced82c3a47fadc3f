//! Transactions on two engines: one writer thread with group commit on SQLite, a bounded pool on PostgreSQL.
//!
//! [`Engine`] runs jobs on connections. It knows no table and no record.

mod batch_thread;
pub mod checkpoint;
pub mod connection;
mod connection_turns;
pub(crate) mod job_limit;
pub mod log_label;
mod long_turns;
pub mod migration;
pub mod postgres_tool;
pub mod process_lock;
pub(crate) mod schema;
mod shared_turns;
pub(crate) mod small_read;
pub mod sqlite_copy;
pub(crate) mod statement;
pub(crate) mod sweep;
pub mod turns;
pub mod types;
mod writer;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use diesel::{
    QueryResult, SqliteConnection,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
};
use uuid::Uuid;

pub(crate) use self::{
    batch_thread::{BatchThread, Lane, Pending, Queue},
    shared_turns::Party,
};
use self::{
    connection::{Access, Conn, ConnectionEpoch, DatabaseUrl, Manager, connect},
    job_limit::JobLimit,
    shared_turns::{LARGE_READS, MAX_WAIT, PAUSED_READS, PUBLIC_SEARCHES, SharedTurns, Turn},
    turns::PartyTurn,
    writer::{Isolation, Writer},
};
use crate::{
    error::{Result, StoreError},
    on,
};

/// Work for a connection. Jobs of all types go the same way to their connection, which is compiled once: a server has
/// hundreds of them.
pub(crate) type Job = Box<dyn FnOnce(&mut Conn) -> Result<JobOutput> + Send>;
/// The result of a [`Job`], of whatever type its caller expects.
pub(crate) type JobOutput = Box<dyn Any + Send>;

pub(crate) fn job<T, F>(f: F) -> Job
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

fn downcast<T: 'static>(output: JobOutput) -> Result<T> {
    let output = output.downcast::<T>().map(|output| *output);
    output.map_err(|_other| StoreError::Internal("a job's output has another type".to_owned()))
}

/// A database with its transactions.
pub struct Engine {
    url: DatabaseUrl,
    kind: Kind,
    turns: SharedTurns,
    pool: r2d2::Pool<Manager>,
    /// For searches that need no sign-in: they never take a person's connection.
    public_pool: r2d2::Pool<Manager>,
    /// For large reads on SQLite: neither a short read on a worker nor a long one waits for them.
    large_pool: r2d2::Pool<Manager>,
    connection_epoch: ConnectionEpoch,
}

enum Kind {
    Sqlite(Writer),
    Postgres,
}

/// How large the pools are.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Connections to PostgreSQL, or for reading from SQLite.
    pub connections: u32,
}

impl Engine {
    /// Opens a database; the file's directory must be there. Each of the pool's connections to SQLite caches
    /// `page_cache_kib` KiB of pages.
    pub fn open(url: &DatabaseUrl, size: PoolSize, page_cache_kib: u32) -> Result<Self> {
        let access = match url {
            DatabaseUrl::Sqlite(_) => Access::Read,
            DatabaseUrl::Postgres(_) => Access::Write,
        };
        let connection_epoch = ConnectionEpoch::default();
        let kind = match url {
            DatabaseUrl::Sqlite(_) => Kind::Sqlite(Writer::start(url)?),
            DatabaseUrl::Postgres(_) => Kind::Postgres,
        };
        let turns = match url {
            DatabaseUrl::Sqlite(_) => SharedTurns::on_sqlite(),
            DatabaseUrl::Postgres(_) => {
                SharedTurns::on_postgres(usize::try_from(size.connections).unwrap_or(8))
            }
        };
        // On PostgreSQL they are among the connections that the operator allows.
        let more = if access == Access::Read { PAUSED_READS } else { 0 };
        let pool = |connections, idle| {
            r2d2::Pool::builder()
                .max_size(connections)
                .min_idle(Some(idle))
                .test_on_check_out(false)
                .connection_timeout(MAX_WAIT)
                .error_handler(Box::new(r2d2::NopErrorHandler))
                .build_unchecked(Manager {
                    epoch: connection_epoch.clone(),
                    url: url.clone(),
                    access,
                    page_cache_kib,
                })
        };
        Ok(Self {
            url: url.clone(),
            kind,
            turns,
            pool: pool(size.connections + more, 1),
            public_pool: pool(PUBLIC_SEARCHES, 0),
            large_pool: pool(LARGE_READS, 0),
            connection_epoch,
        })
    }

    /// Folds SQLite's write-ahead log back and empties it, so that it holds no deleted row, and no commit of unknown outcome.
    /// False if a reader or writer was in the way.
    pub async fn truncate_log(&self) -> Result<bool> {
        self.clean(checkpoint::truncate).await
    }

    /// Writes the database of SQLite anew and empties its log, so that neither holds bytes of a deleted row. False if a reader
    /// or writer was in the way. It takes as long as copying the database.
    pub async fn rewrite(&self) -> Result<bool> {
        self.clean(checkpoint::rewrite).await
    }

    /// Runs work on an SQLite database that others may keep from its end. True on PostgreSQL, which has no such files.
    async fn clean(&self, work: fn(&mut SqliteConnection) -> QueryResult<bool>) -> Result<bool> {
        if self.is_postgres() {
            return Ok(true);
        }
        let url = self.url.clone();
        let clean = move || {
            let mut conn =
                connect(&url, Access::Write).map_err(|e| StoreError::Unavailable(e.to_string()))?;
            let Conn::Sqlite(c) = &mut conn else {
                return Ok(true);
            };
            Ok(work(c)?)
        };
        tokio::task::spawn_blocking(clean)
            .await
            .map_err(|_panic| panicked())?
    }

    /// Runs a reading job of a sign-in, a session or a key, as `read_for`.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.read_for(Party::Service, f).await
    }

    /// Runs a reading job on behalf of a party. On SQLite it runs at once on the calling thread: it must be short and
    /// indexed.
    pub(crate) async fn read_for<T, F>(&self, party: Party, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        downcast(match &self.kind {
            Kind::Sqlite(_) => self.read_inline(job(f))?,
            Kind::Postgres => {
                let turn = self.turns.short(&party).await?;
                self.run_blocking(&self.pool, turn, job(f)).await?
            }
        })
    }

    /// Runs a reading job that may read much, one of an account at a time. It waits for no long read. On SQLite it runs at once
    /// on the calling thread, and if it turns out to be large, again on a thread that may block: in a turn of a few for all,
    /// with connections of their own. There it ends when its caller has gone away.
    pub(crate) async fn read_large<T, F>(&self, account: Uuid, party: Party, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        let turn = self.turns.large_of_account(account).await?;
        let pool = match &self.kind {
            Kind::Sqlite(_) => {
                if let Some(result) = small_read::run(|| self.read_inline(&f)) {
                    return result;
                }
                &self.large_pool
            }
            Kind::Postgres => &self.pool,
        };
        let turn = self.turns.large(turn, &party).await?;
        let (limit, _caller) = JobLimit::of_caller();
        let work = job(move |conn| limit.run(|| f(conn)));
        downcast(self.run_blocking(pool, turn, work).await?)
    }

    /// Waits until the account has no other long read under way.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if that does not come soon.
    pub async fn long_turn(&self, account: Uuid) -> Result<Arc<PartyTurn<Uuid>>> {
        self.turns.long_of_account(account).await
    }

    /// Runs a reading job that may take long, on a thread that may block. At its looks at the record it pauses while others
    /// run who have taken less lately, and it ends there when its caller has gone away or after five seconds. The turn is of
    /// the account whose record is read.
    pub async fn read_long<T, F>(&self, turn: Option<Arc<PartyTurn<Uuid>>>, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (turn, shared) = self.turns.long(turn).await?;
        let (limit, _caller) = JobLimit::of_caller();
        let limit = limit.in_turn(shared);
        let work = job(move |conn| limit.run(|| f(conn)));
        downcast(self.run_blocking(&self.pool, turn, work).await?)
    }

    /// Runs a search of public reference data, on a thread that may block. It has turns and connections of its own, so that
    /// however many people search, reads of a person's record do not wait for them. Those of one network come one after the
    /// other.
    pub async fn search_public<T, F>(&self, network: String, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let turn = self.turns.search(network).await?;
        downcast(self.run_blocking(&self.public_pool, turn, job(f)).await?)
    }

    /// Runs a reading job at once on the calling thread.
    pub(crate) fn read_inline<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut pooled = self
            .pool
            .get()
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        f(&mut pooled.conn)
    }

    /// Counts the times when a connection was found broken, for connections outside of the pool.
    pub fn connection_epoch(&self) -> ConnectionEpoch {
        self.connection_epoch.clone()
    }

    /// True if the database is a PostgreSQL server.
    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres)
    }

    /// Runs a writing job of a sign-in, a session or a key, as `write_for`.
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.write_for(Party::Service, f).await
    }

    /// Runs a job in a transaction on behalf of a party, and returns after the commit. An error leaves nothing behind,
    /// except [`StoreError::OutcomeUnknown`].
    pub(crate) async fn write_for<T, F>(&self, party: Party, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        downcast(match &self.kind {
            Kind::Sqlite(writer) => {
                let _turn = self.turns.queued(&party).await?;
                writer.write(party.lane(), Isolation::Savepoint, job(f)).await?
            }
            Kind::Postgres => {
                let turn = self.turns.short(&party).await?;
                let job = job(f);
                let work: Job = Box::new(|conn| in_transaction(conn, job));
                self.run_blocking(&self.pool, turn, work).await?
            }
        })
    }

    /// Runs a job each of whose statements may stay, whatever becomes of the next: one statement, as a rule. They share the
    /// writer's transaction without a savepoint. SQLite only. Returns after the commit.
    pub(crate) async fn write_unisolated<T, F>(&self, party: Party, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let Kind::Sqlite(writer) = &self.kind else {
            return Err(StoreError::Internal(
                "only SQLite writes without isolation".to_owned(),
            ));
        };
        let _turn = self.turns.queued(&party).await?;
        downcast(writer.write(party.lane(), Isolation::None, job(f)).await?)
    }

    /// Waits for a turn of the party to queue a job for another thread, which has a connection of its own.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub(crate) async fn queue_turn(&self, party: &Party) -> Result<Turn> {
        self.turns.queued(party).await
    }

    /// Runs a job on a thread that may block, and holds its turn until the job is done.
    async fn run_blocking(&self, pool: &r2d2::Pool<Manager>, turn: Turn, job: Job) -> Result<JobOutput> {
        let (pool, epoch) = (pool.clone(), self.connection_epoch.clone());
        let run = move || {
            let _turn = turn;
            let mut pooled = loop {
                let mut pooled = pool.get().map_err(|e| StoreError::Unavailable(e.to_string()))?;
                if pooled.is_sound(&epoch) {
                    break pooled;
                }
            };
            let output = catch_panic(&mut pooled.conn, job);
            match output {
                Err(
                    error @ (StoreError::Database(_)
                    | StoreError::Unavailable(_)
                    | StoreError::OutcomeUnknown(_)),
                ) if pooled.conn.check().is_err() => {
                    // The server went away: the pool makes another connection, and the caller may try again.
                    pooled.is_broken = true;
                    epoch.advance();
                    Err(match error {
                        StoreError::OutcomeUnknown(_) => error,
                        _ => StoreError::Unavailable("the connection is broken".to_owned()),
                    })
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
    let output = catch_panic(conn, job);
    let Conn::Postgres(c) = conn else { return output };
    if output.is_err() {
        // The first error is the one that matters; the pool discards a broken connection.
        let _ = AnsiTransactionManager::rollback_transaction(c);
        return output;
    }
    match AnsiTransactionManager::commit_transaction(c) {
        Ok(()) => output,
        // A server that still speaks on this connection has refused the commit itself.
        Err(refused) if conn.check().is_ok() => Err(refused.into()),
        Err(lost) => Err(StoreError::OutcomeUnknown(lost.to_string())),
    }
}

/// Runs a job; a panic is an error like others.
fn catch_panic(conn: &mut Conn, job: Job) -> Result<JobOutput> {
    catch_unwind(AssertUnwindSafe(|| job(conn))).unwrap_or_else(|_| Err(panicked()))
}

/// The error of a job that panicked.
pub(crate) fn panicked() -> StoreError {
    StoreError::Internal("a database job panicked".to_owned())
}

/// Opens one connection outside the pools, for migrations and checks.
pub fn single(url: &DatabaseUrl) -> Result<Conn> {
    connect(url, Access::Write).map_err(|e| StoreError::Unavailable(e.to_string()))
}

/// Runs work on a single connection in one transaction. An error leaves nothing behind.
pub(crate) fn in_one_transaction<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let begin = match conn {
        Conn::Sqlite(_) => "BEGIN IMMEDIATE",
        Conn::Postgres(_) => "BEGIN",
    };
    on!(&mut *conn, |c| c.batch_execute(begin))?;
    let output = work(conn);
    let end = if output.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = on!(conn, |c| c.batch_execute(end));
    // The first error is the one that matters.
    let output = output?;
    ended?;
    Ok(output)
}

/// How often emptying a log is tried.
const FOLD_ATTEMPTS: u32 = 20;
/// The pause between two tries, in which others write.
const FOLD_PAUSE: Duration = Duration::from_millis(250);

/// Folds the log of an SQLite database back and empties it, so that it holds no deleted row. False if others were in the
/// way all the time, some seconds. PostgreSQL has no such log. The connection then waits only shortly for others.
pub fn fold_log(conn: &mut Conn) -> Result<bool> {
    when_free(conn, checkpoint::truncate)
}

/// Writes an SQLite database anew and empties its log, so that neither holds bytes of a deleted row. Otherwise as
/// [`fold_log`].
pub fn rewrite_when_free(conn: &mut Conn) -> Result<bool> {
    when_free(conn, checkpoint::rewrite)
}

fn when_free(conn: &mut Conn, work: fn(&mut SqliteConnection) -> QueryResult<bool>) -> Result<bool> {
    let Conn::Sqlite(c) = conn else { return Ok(true) };
    for _ in 1..FOLD_ATTEMPTS {
        if work(c)? {
            return Ok(true);
        }
        std::thread::sleep(FOLD_PAUSE);
    }
    Ok(work(c)?)
}
