//! New records of many requests, inserted in one statement on PostgreSQL: one round trip and one sync to disk, as the
//! writer does it on SQLite.

use std::collections::HashSet;

use diesel::{
    PgConnection,
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error::DatabaseError},
};

use super::insert::{LockedPeople, NewRow, insert_batch};
use crate::{
    engine::{
        BatchThread, Lane, Pending, Queue,
        connection::{Access, Conn, ConnectionEpoch, DatabaseUrl, Pooled, connect_for_lists},
    },
    error::{Result, StoreError},
};

/// Records that may wait in each lane before further ones are turned away.
const QUEUE: usize = 1024;
/// Records in one statement.
const BATCH: usize = 256;
/// While one connection waits for its commit, the other inserts the records that have come meanwhile.
const CONNECTIONS: usize = 2;
/// How long a batch waits for people whom other transactions hold. The others of the batch wait too, and those behind it.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '100ms'";

/// Inserts new records without side effects on a PostgreSQL server.
pub(crate) struct BatchInserter(BatchThread<NewRow, bool>);

impl BatchInserter {
    /// Starts the threads, each with a connection of its own.
    pub fn start(url: &DatabaseUrl, epoch: &ConnectionEpoch) -> Result<Self> {
        let serve = (0..CONNECTIONS).map(|_| {
            let mut inserter = Inserter {
                url: url.clone(),
                epoch: epoch.clone(),
                conn: None,
            };
            move |queue: &Queue<NewRow, bool>| inserter.serve(queue)
        });
        BatchThread::start("mainstay-insert", QUEUE, serve).map(Self)
    }

    /// Inserts a row under the next number of its person's changes, and returns after the commit. False if its key or its
    /// slot is taken, if a limit of its person may be exceeded, or if another transaction holds the person for long.
    pub async fn insert(&self, lane: Lane, row: NewRow) -> Result<bool> {
        self.0.call(lane, row).await
    }
}

struct Inserter {
    url: DatabaseUrl,
    epoch: ConnectionEpoch,
    conn: Option<Pooled>,
}

impl Inserter {
    fn serve(&mut self, queue: &Queue<NewRow, bool>) {
        let mut postponed = Vec::new();
        while let Some(batch) = next_batch(queue, &mut postponed) {
            if batch.is_empty() {
                continue;
            }
            let (rows, replies): (Vec<NewRow>, Vec<_>) = batch
                .into_iter()
                .map(|pending| (pending.request, pending.reply))
                .unzip();
            match self.insert(&rows) {
                Ok(inserted) => {
                    for (inserted, reply) in inserted.into_iter().zip(replies) {
                        reply.send(inserted);
                    }
                }
                Err(cause) => {
                    for reply in replies {
                        reply.send(Err(cause.repeated()));
                    }
                }
            }
        }
    }

    /// Returns the result of each row, or the error of the whole batch.
    fn insert(&mut self, rows: &[NewRow]) -> Result<Vec<Result<bool>>> {
        // After an error of which the connection is not the cause, the statement was rolled back. As a rule somebody held a
        // person of the batch for long.
        for locked in [LockedPeople::Awaited, LockedPeople::LeftOut] {
            if let Some(inserted) = self.insert_together(rows, locked)? {
                return Ok(inserted.into_iter().map(Ok).collect());
            }
        }
        // One row alone may be the cause.
        Ok(rows.iter().map(|row| self.insert_alone(row)).collect())
    }

    /// Inserts rows in one statement. `None` if the database refused it.
    fn insert_together(&mut self, rows: &[NewRow], locked: LockedPeople) -> Result<Option<Vec<bool>>> {
        let conn = self.connection()?;
        match insert_batch(server(conn)?, rows.iter(), locked) {
            Ok(inserted) => Ok(Some(inserted)),
            // A client that sends the same id again learns whether its record was stored.
            Err(cause) if conn.conn.check().is_err() => Err(self.lose_connection(&cause)),
            Err(_refused) => Ok(None),
        }
    }

    /// Inserts one row in a statement of its own.
    fn insert_alone(&mut self, row: &NewRow) -> Result<bool> {
        let conn = self.connection()?;
        match insert_batch(server(conn)?, std::iter::once(row), LockedPeople::LeftOut) {
            Ok(inserted) => Ok(inserted.contains(&true)),
            Err(cause) if conn.conn.check().is_err() => Err(self.lose_connection(&cause)),
            // Another transaction took the key or the slot at the same moment.
            Err(DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
            Err(cause) => Err(cause.into()),
        }
    }

    /// Gives up a connection that broke while a statement was being committed.
    fn lose_connection(&mut self, cause: &dyn std::fmt::Display) -> StoreError {
        self.epoch.advance();
        self.conn = None;
        StoreError::OutcomeUnknown(cause.to_string())
    }

    fn connection(&mut self) -> Result<&mut Pooled> {
        self.conn.take_if(|conn| !conn.is_sound(&self.epoch));
        let conn = if let Some(conn) = self.conn.take() {
            conn
        } else {
            let epoch = self.epoch.current();
            let conn = connect_for_lists(&self.url, Access::Write)
                .map_err(|e| StoreError::Unavailable(e.to_string()))?;
            let mut conn = Pooled::new(conn, epoch);
            server(&mut conn)?.batch_execute(LOCK_TIMEOUT)?;
            conn
        };
        Ok(self.conn.insert(conn))
    }
}

fn server(conn: &mut Pooled) -> Result<&mut PgConnection> {
    match &mut conn.conn {
        Conn::Postgres(c) => Ok(c),
        Conn::Sqlite(_) => Err(StoreError::Internal("a connection of another engine".to_owned())),
    }
}

type PendingRow = Pending<NewRow, bool>;

/// The next rows, each key once: a second row with the same key is postponed to the next batch. `None` when there will be
/// no more.
fn next_batch(queue: &Queue<NewRow, bool>, postponed: &mut Vec<PendingRow>) -> Option<Vec<PendingRow>> {
    let mut batch = std::mem::take(postponed);
    if batch.is_empty() {
        batch = queue.next_batch(BATCH)?;
    } else {
        // While the other thread waits for more, what was postponed must not wait with it.
        let room = BATCH.saturating_sub(batch.len());
        batch.extend(queue.try_batch(room));
    }
    // Nobody would learn of the result, and the client may have come back with the same request.
    batch.retain(|pending| !pending.reply.is_abandoned());
    let mut keys = HashSet::with_capacity(batch.len());
    let (first, again) = batch
        .into_iter()
        .partition(|pending| keys.insert(pending.request.key()));
    *postponed = again;
    Some(first)
}
