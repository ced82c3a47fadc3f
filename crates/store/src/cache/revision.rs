//! The revision of a person's record, asked before anything that was remembered is used again, and what has changed
//! since.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use diesel::{
    OptionalExtension, QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Binary, Bool, Nullable, SmallInt},
};
use mainstay_domain::record::Kind;
use tokio::sync::oneshot;

use crate::{
    engine::{
        connection::{Access, Conn, ConnectionEpoch, DatabaseUrl, connect_for_lists},
        statement::SelectSyncState,
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    error::{Result, StoreError},
    on,
    record::{ChangedRow, MAX_TRACKED_CHANGES, StoredColumns, changed_after},
};

/// Questions that may wait before further ones are turned away.
const QUEUE: usize = 4096;
/// Most people in one query.
const BATCH: usize = 256;

/// The state of a person's record: any write makes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The number of the latest change.
    pub rev: i64,
    /// Another one means that the record was restored from a backup.
    pub epoch: i64,
}

/// What somebody has of a person's record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CachedRevision {
    /// How it stood then.
    revision: Revision,
    /// The collections that it is about, a bit for each.
    kinds: i64,
}

impl CachedRevision {
    /// What was made of some collections when the record stood so.
    pub fn of(revision: Revision, kinds: &[Kind]) -> Self {
        let kinds = kinds.iter().fold(0, |kinds, kind| kinds | bit(*kind));
        Self { revision, kinds }
    }
}

fn bit(kind: Kind) -> i64 {
    1_i64.wrapping_shl(u32::from(kind.code().unsigned_abs()))
}

/// How a person's record stands.
pub(crate) struct RevisionSnapshot {
    /// Its revision.
    pub revision: Revision,
    /// What changed after what is known, in that order, and no more than [`MAX_TRACKED_CHANGES`]. What is of other collections may
    /// stand there without its sealed bytes.
    pub changed: Vec<ChangedRow>,
}

/// How one person's record stands in SQLite, where a change is a row with the latest number: what is known stands if
/// no row came after it. Erasure makes everything unknown that is known of a person.
pub(crate) fn fetch_revision(
    conn: &mut Conn,
    person_no: i64,
    known: Option<CachedRevision>,
) -> Result<RevisionSnapshot> {
    let Some(known) = known else {
        let (revision, changed) = (stands(conn, person_no)?, Vec::new());
        return Ok(RevisionSnapshot { revision, changed });
    };
    let changed = changed_after(conn, person_no, known.revision.rev, MAX_TRACKED_CHANGES)?;
    let are_all = i64::try_from(changed.len()).is_ok_and(|many| many < MAX_TRACKED_CHANGES);
    let revision = match changed.last() {
        None => known.revision,
        Some(last) if are_all => Revision {
            rev: last.rev,
            ..known.revision
        },
        Some(_) => stands(conn, person_no)?,
    };
    Ok(RevisionSnapshot { revision, changed })
}

fn stands(conn: &mut Conn, person_no: i64) -> Result<Revision> {
    let stands = SelectSyncState(person_no);
    let found = on!(conn, |c| stands.get_result(c).optional())?;
    found
        .map(|(rev, epoch, _floor): (i64, i64, i64)| Revision { rev, epoch })
        .ok_or(StoreError::NotFound)
}

/// Whose record is asked for, and what is known of it.
type RevisionQuery = (i64, Option<CachedRevision>);
type Waiting = (RevisionQuery, oneshot::Sender<Result<RevisionSnapshot>>);

/// Asks a server for the revisions of all who wait at once: one round trip for many requests, as group commit is one
/// write for many. Each question is asked of the database after it was put.
pub(crate) struct Revisions {
    questions: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

impl Revisions {
    /// Starts the thread that asks, with a connection of its own.
    pub fn start(url: &DatabaseUrl, breaks: ConnectionEpoch) -> Result<Self> {
        let (questions, queue) = sync_channel(QUEUE);
        let url = url.clone();
        let thread = std::thread::Builder::new()
            .name("mainstay-revisions".to_owned())
            .spawn(move || run(&url, &breaks, &queue))
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(Self {
            questions: Some(questions),
            thread: Some(thread),
        })
    }

    /// How one person's record stands.
    pub async fn fetch_revision(
        &self,
        person_no: i64,
        known: Option<CachedRevision>,
    ) -> Result<RevisionSnapshot> {
        let (answer, answered) = oneshot::channel();
        let questions = self.questions.as_ref().ok_or(StoreError::Busy)?;
        questions
            .try_send(((person_no, known), answer))
            .map_err(|e| match e {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => StoreError::Internal("nobody asks for revisions".to_owned()),
            })?;
        answered
            .await
            .map_err(|_gone| StoreError::Unavailable("the revision was not asked for".to_owned()))?
    }
}

impl Drop for Revisions {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(url: &DatabaseUrl, breaks: &ConnectionEpoch, queue: &Receiver<Waiting>) {
    let mut conn = None;
    while let Ok(first) = queue.recv() {
        let mut asked = vec![first];
        asked.extend(queue.try_iter().take(BATCH - 1));
        let (questions, answers): (Vec<RevisionQuery>, Vec<_>) = asked.into_iter().unzip();
        // A connection that broke since the last time is replaced; reading twice does no harm.
        let found = ask(url, &mut conn, &questions).or_else(|_broken| {
            if conn.take().is_some() {
                breaks.note();
            }
            ask(url, &mut conn, &questions)
        });
        // Whoever has gone away needs no answer.
        match found {
            Ok(found) => {
                for (looked, answer) in found.into_iter().zip(answers) {
                    let _ = answer.send(looked.ok_or(StoreError::NotFound));
                }
            }
            Err(cause) => {
                for answer in answers {
                    let _ = answer.send(Err(match &cause {
                        StoreError::Unavailable(what) => StoreError::Unavailable(what.clone()),
                        other => StoreError::Internal(other.to_string()),
                    }));
                }
            }
        }
    }
}

/// What each question found, in the order of the questions.
fn ask(
    url: &DatabaseUrl,
    conn: &mut Option<Conn>,
    questions: &[RevisionQuery],
) -> Result<Vec<Option<RevisionSnapshot>>> {
    if conn.is_none() {
        let mut made =
            connect_for_lists(url, Access::Read).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        if let Conn::Postgres(c) = &mut made {
            // A plan that is made before the lists are known would rather read all people than look for some.
            c.batch_execute("SET enable_hashjoin = off; SET enable_mergejoin = off")?;
        }
        *conn = Some(made);
    }
    let Some(Conn::Postgres(c)) = conn else {
        return Err(StoreError::Internal("a connection of another engine".to_owned()));
    };
    let rows: Vec<FoundRow> = SelectRevisions::of(questions).load(c)?;
    let mut found: Vec<Option<RevisionSnapshot>> = questions.iter().map(|_| None).collect();
    for row in rows {
        let place = usize::try_from(row.0 - 1).unwrap_or(usize::MAX);
        if let Some(place) = found.get_mut(place) {
            let looked = place.get_or_insert_with(|| RevisionSnapshot {
                revision: Revision {
                    rev: row.1,
                    epoch: row.2,
                },
                changed: Vec::new(),
            });
            looked.changed.extend(changed(row));
        }
    }
    for looked in found.iter_mut().flatten() {
        looked.changed.sort_unstable_by_key(|changed| changed.rev);
    }
    Ok(found)
}

/// The place of the question, the revision, and a change if there is one.
type FoundRow = (
    i64,
    i64,
    i64,
    Option<i16>,
    Option<i64>,
    Option<bool>,
    Option<DbUuid>,
    Option<i64>,
    Option<DbTimestamp>,
    Option<Vec<u8>>,
    Option<DbTimestamp>,
    Option<DbTimestamp>,
);

fn changed(row: FoundRow) -> Option<ChangedRow> {
    let (_, _, _, collection, rev, deleted, id, version, occurred_at, sealed, created_at, updated_at) = row;
    Some(ChangedRow {
        collection: collection?,
        rev: rev?,
        deleted: deleted?,
        answered: StoredColumns {
            id: id?,
            version: version?,
            occurred_at: occurred_at?,
            sealed: sealed.unwrap_or_default(),
            created_at: created_at?,
            updated_at: updated_at?,
        },
    })
}

/// How the records of several people stand, and for each the first changes after a number.
struct SelectRevisions {
    person_no: Vec<i64>,
    after: Vec<Option<i64>>,
    kinds: Vec<i64>,
}

impl SelectRevisions {
    fn of(questions: &[RevisionQuery]) -> Self {
        let known = || questions.iter().map(|(_, known)| known);
        Self {
            person_no: questions.iter().map(|(person_no, _)| *person_no).collect(),
            after: known()
                .map(|known| known.map(|known| known.revision.rev))
                .collect(),
            kinds: known()
                .map(|known| known.map_or(0, |known| known.kinds))
                .collect(),
        }
    }
}

impl QueryId for SelectRevisions {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for SelectRevisions {
    type SqlType = (
        BigInt,
        BigInt,
        BigInt,
        Nullable<SmallInt>,
        Nullable<BigInt>,
        Nullable<Bool>,
        Nullable<Identifier>,
        Nullable<BigInt>,
        Nullable<Instant>,
        Nullable<Binary>,
        Nullable<Instant>,
        Nullable<Instant>,
    );
}

impl RunQueryDsl<PgConnection> for SelectRevisions {}

impl QueryFragment<Pg> for SelectRevisions {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT place, people.rev, epoch, c.collection, c.rev, deleted, id, version, occurred_at, sealed, \
             created_at, updated_at FROM unnest(",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.person_no)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.after)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.kinds)?;
        out.push_sql(
            ") WITH ORDINALITY AS asked (person_no, after, kinds, place) \
             JOIN people ON people.person_no = asked.person_no \
             LEFT JOIN LATERAL (SELECT collection, rev, deleted, id, version, occurred_at, \
             CASE WHEN (kinds >> collection) & 1 = 1 THEN sealed END AS sealed, created_at, updated_at \
             FROM records WHERE records.person_no = asked.person_no AND records.rev > after AND people.rev > after \
             ORDER BY records.rev LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&MAX_TRACKED_CHANGES)?;
        out.push_sql(") AS c ON true");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_collection_has_a_bit_of_its_own() {
        let all = CachedRevision::of(Revision { rev: 0, epoch: 1 }, Kind::ALL);
        assert_eq!(usize::try_from(all.kinds.count_ones()).unwrap(), Kind::ALL.len());
        assert!(all.kinds > 0);
    }
}
