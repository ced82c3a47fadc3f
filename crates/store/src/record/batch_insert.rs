//! New records of all who wait, stored in one statement: one round trip and one sync to disk for many requests, as the
//! writer of the embedded engine does.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use diesel::{
    QueryResult, RunQueryDsl,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Binary, Nullable, SmallInt},
};
use tokio::sync::oneshot;

use super::{
    create::{INSERT, insert_one},
    write::NewRow,
};
use crate::{
    engine::{
        connection::{Access, Conn, ConnectionEpoch, DatabaseUrl, Pooled, connect_for_lists},
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    error::{Result, StoreError},
};

/// Records that may wait before further ones are turned away.
const QUEUE: usize = 1024;
/// Most records in one statement.
const BATCH: usize = 256;
/// While one connection waits for its commit, the other takes who has come meanwhile.
const CONNECTIONS: usize = 2;

type Waiting = (NewRow, oneshot::Sender<Result<bool>>);
type Queue = Arc<Mutex<Receiver<Waiting>>>;

/// Stores new records that refer to nothing on a PostgreSQL server.
pub(crate) struct BatchInserter {
    rows: Option<SyncSender<Waiting>>,
    threads: Vec<JoinHandle<()>>,
}

impl BatchInserter {
    /// Starts the threads that store, each with a connection of its own.
    pub fn start(url: &DatabaseUrl, breaks: &ConnectionEpoch) -> Result<Self> {
        let (rows, queue) = sync_channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..CONNECTIONS).map(|_| {
            let (url, breaks, queue) = (url.clone(), breaks.clone(), Arc::clone(&queue));
            std::thread::Builder::new()
                .name("mainstay-create".to_owned())
                .spawn(move || run(&url, &breaks, &queue))
                .map_err(|e| StoreError::Unavailable(e.to_string()))
        });
        Ok(Self {
            rows: Some(rows),
            threads: threads.collect::<Result<_>>()?,
        })
    }

    /// Stores a row under the next number of its person's changes. False if the place is taken. The answer comes after
    /// the commit.
    pub async fn create(&self, row: NewRow) -> Result<bool> {
        let (answer, answered) = oneshot::channel();
        let rows = self.rows.as_ref().ok_or(StoreError::Busy)?;
        rows.try_send((row, answer)).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Internal("nobody stores new records".to_owned()),
        })?;
        answered
            .await
            .map_err(|_gone| StoreError::Unavailable("the record was not stored".to_owned()))?
    }
}

impl Drop for BatchInserter {
    /// Finishes what is queued.
    fn drop(&mut self) {
        drop(self.rows.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The place of a row, which only one may have.
type RecordKey = (i64, i16, DbUuid);

fn record_key(row: &NewRow) -> RecordKey {
    (row.person_no, row.collection, row.id)
}

fn run(url: &DatabaseUrl, breaks: &ConnectionEpoch, queue: &Queue) {
    let mut conn = None;
    let mut late = Vec::new();
    while let Some(batch) = next(queue, &mut late) {
        let (rows, answers): (Vec<NewRow>, Vec<_>) = batch.into_iter().unzip();
        let stored = store(url, breaks, &mut conn, &rows);
        for (stored, answer) in stored.into_iter().zip(answers) {
            // Whoever has gone away needs no answer.
            let _ = answer.send(stored);
        }
    }
}

/// Whatever waits, each place once: who wants the same place as another one comes late, into the next batch. Nothing
/// when there will be no more.
fn next(queue: &Queue, late: &mut Vec<Waiting>) -> Option<Vec<Waiting>> {
    let mut batch = std::mem::take(late);
    let queue = if batch.is_empty() {
        // Nothing panics while it is held.
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        batch.push(queue.recv().ok()?);
        Some(queue)
    } else {
        // While another thread waits for more, who came late must not wait with it.
        queue.try_lock().ok()
    };
    if let Some(queue) = queue {
        let room = BATCH.saturating_sub(batch.len());
        batch.extend(queue.try_iter().take(room));
    }
    let mut places = HashSet::with_capacity(batch.len());
    let (first, again) = batch
        .into_iter()
        .partition(|(row, _)| places.insert(record_key(row)));
    *late = again;
    Some(first)
}

/// What became of each row.
fn store(
    url: &DatabaseUrl,
    breaks: &ConnectionEpoch,
    conn: &mut Option<Pooled>,
    rows: &[NewRow],
) -> Vec<Result<bool>> {
    let unavailable = |cause: &str| {
        let each = rows.iter();
        each.map(|_| Err(StoreError::Unavailable(cause.to_owned())))
            .collect()
    };
    conn.take_if(|conn| !conn.is_sound(breaks));
    if conn.is_none() {
        let sound_at = breaks.count();
        match connect_for_lists(url, Access::Write) {
            Ok(made) => {
                *conn = Some(Pooled {
                    conn: made,
                    is_broken: false,
                    sound_at,
                });
            }
            Err(error) => return unavailable(&error.to_string()),
        }
    }
    let Some(Conn::Postgres(c)) = conn.as_mut().map(|pooled| &mut pooled.conn) else {
        return unavailable("a connection of another engine");
    };
    if let Ok(stored) = create_batch(c, rows.iter()) {
        return stored.into_iter().map(Ok).collect();
    }
    if let Some(Pooled { conn: alive, .. }) = conn
        && alive.check().is_ok()
    {
        // Nothing of the statement stands, and what stopped it may be of one row only.
        return rows.iter().map(|row| insert_one(alive, row)).collect();
    }
    breaks.note();
    // The server went away, perhaps after the commit: who tries again with the same id learns that.
    *conn = None;
    unavailable("the connection is broken")
}

/// Stores rows of different places in one statement, and says of each whether it is stored: not if its place, or its
/// slot, is taken.
pub(super) fn create_batch<'a>(
    conn: &mut PgConnection,
    rows: impl Iterator<Item = &'a NewRow> + Clone,
) -> QueryResult<Vec<bool>> {
    let stored = InsertBatch::of(rows.clone()).load::<RecordKey>(conn)?;
    let stored: HashSet<RecordKey> = stored.into_iter().collect();
    Ok(rows.map(|row| stored.contains(&record_key(row))).collect())
}

/// Takes as many numbers of each person's changes as there are new rows of theirs, and stores the rows under them, in
/// the order given. People are locked in the order of their own numbers, so that two such statements cannot wait for
/// each other.
struct InsertBatch<'a> {
    person_no: Vec<i64>,
    collection: Vec<i16>,
    id: Vec<DbUuid>,
    version: Vec<i64>,
    occurred_at: Vec<DbTimestamp>,
    slot: Vec<Option<&'a [u8]>>,
    origin: Vec<&'a [u8]>,
    digest: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
    created_at: Vec<DbTimestamp>,
    updated_at: Vec<DbTimestamp>,
}

impl<'a> InsertBatch<'a> {
    fn of(rows: impl Iterator<Item = &'a NewRow> + Clone) -> Self {
        Self {
            person_no: rows.clone().map(|row| row.person_no).collect(),
            collection: rows.clone().map(|row| row.collection).collect(),
            id: rows.clone().map(|row| row.id).collect(),
            version: rows.clone().map(|row| row.version).collect(),
            occurred_at: rows.clone().map(|row| row.occurred_at).collect(),
            slot: rows.clone().map(|row| row.slot.as_deref()).collect(),
            origin: rows.clone().map(|row| row.origin.as_slice()).collect(),
            digest: rows.clone().map(|row| row.digest.as_slice()).collect(),
            sealed: rows.clone().map(|row| row.sealed.as_slice()).collect(),
            created_at: rows.clone().map(|row| row.created_at).collect(),
            updated_at: rows.map(|row| row.updated_at).collect(),
        }
    }
}

impl QueryId for InsertBatch<'_> {
    type QueryId = InsertBatch<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for InsertBatch<'_> {
    type SqlType = (BigInt, SmallInt, Identifier);
}

impl RunQueryDsl<PgConnection> for InsertBatch<'_> {}

impl QueryFragment<Pg> for InsertBatch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH new AS (SELECT * FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.person_no)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(&self.collection)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Identifier>, _>(&self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.version)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Instant>, _>(&self.occurred_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.slot)?;
        for bytes in [&self.origin, &self.digest, &self.sealed] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Binary>, _>(bytes)?;
        }
        for at in [&self.created_at, &self.updated_at] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Instant>, _>(at)?;
        }
        out.push_sql(
            ") WITH ORDINALITY AS new (person_no, collection, id, version, occurred_at, slot, origin, digest, sealed, \
             created_at, updated_at, record_key)), \
             locked AS (SELECT person_no FROM people WHERE person_no IN (SELECT person_no FROM new) \
             ORDER BY person_no FOR NO KEY UPDATE), \
             passed AS (UPDATE people SET rev = rev + wanted.many \
             FROM (SELECT person_no, count(*) AS many FROM new GROUP BY person_no) AS wanted \
             JOIN locked USING (person_no) WHERE people.person_no = wanted.person_no \
             RETURNING people.person_no, rev - wanted.many AS before) ",
        );
        out.push_sql(INSERT);
        out.push_sql(
            " SELECT new.person_no, before + row_number() OVER (PARTITION BY new.person_no ORDER BY record_key), \
             collection, id, version, occurred_at, slot, false, origin, digest, sealed, created_at, updated_at \
             FROM new JOIN passed USING (person_no) ORDER BY record_key \
             ON CONFLICT DO NOTHING RETURNING person_no, collection, id",
        );
        Ok(())
    }
}
