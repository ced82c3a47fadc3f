//! The revision of a person's record, which validates every cached entry.

use diesel::{
    OptionalExtension, QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Binary, Bool, Nullable, SmallInt},
};
use mainstay_domain::record::Kind;

use super::Generation;
use crate::{
    Store,
    engine::{
        BatchThread, Queue,
        connection::{Access, Conn, ConnectionEpoch, DatabaseUrl, connect_for_lists},
        statement::SelectSyncState,
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
    record::{ChangedRow, MAX_TRACKED_CHANGES, StoredColumns, changed_after},
};

/// Queries that may wait before further ones are turned away.
const QUEUE: usize = 4096;
/// People in one query.
const BATCH: usize = 256;

/// The state of a person's record. Any write makes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The number of the latest change.
    pub rev: i64,
    /// The epoch; it changes when the record is restored from a backup.
    pub epoch: i64,
}

/// The revision at which something was derived from some collections of a person's record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CachedRevision {
    revision: Revision,
    /// The collections, a bit for each.
    kinds: i64,
}

impl CachedRevision {
    /// The revision at which something was derived from those collections.
    pub fn of(revision: Revision, kinds: &[Kind]) -> Self {
        let kinds = kinds.iter().fold(0, |kinds, kind| kinds | bit(*kind));
        Self { revision, kinds }
    }
}

fn bit(kind: Kind) -> i64 {
    1_i64.wrapping_shl(u32::from(kind.code().unsigned_abs()))
}

/// The present revision of a person's record, with what changed since a cached one.
pub(crate) struct RevisionSnapshot {
    /// The revision.
    pub revision: Revision,
    /// The changes since the cached revision in their order, at most [`MAX_TRACKED_CHANGES`]. Changes of other collections
    /// than the cached ones may come without their sealed bytes.
    pub changed: Vec<ChangedRow>,
}

/// The revision of a person's record as a request observed it, before it reads the record.
#[derive(Debug, Clone, Copy)]
pub struct ObservedRevision {
    /// The revision.
    pub revision: Revision,
    /// Taken before the revision: what is derived from the record of a person who is erased from then on is not cached.
    pub(super) generation: Generation,
}

impl Store {
    /// Reads the revision of a person's record. A request observes it once and hands it on.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub async fn revision(&self, scope: &PersonScope) -> Result<ObservedRevision> {
        let generation = self.cache.generation();
        let revision = self.fetch_revision(scope, None).await?.revision;
        Ok(ObservedRevision { revision, generation })
    }

    /// Reads the revision of a person's record with the changes since a cached one. Reads SQLite
    /// directly; on PostgreSQL one query serves all waiting requests.
    pub(crate) async fn fetch_revision(
        &self,
        scope: &PersonScope,
        cached: Option<CachedRevision>,
    ) -> Result<RevisionSnapshot> {
        match self.revisions.as_deref() {
            // A revision of another epoch tells nothing of what changed since.
            None => {
                let cached = cached.filter(|cached| cached.revision.epoch == scope.epoch);
                self.data.read_inline(|conn| fetch(conn, scope.no, cached))
            }
            Some(revisions) => revisions.0.call(scope.lane(), (scope.no, cached)).await,
        }
    }
}

/// Reads a revision from SQLite. A change there is a row with the latest number, so the cached revision is still the
/// present one if no row came after it. (Erasure drops whatever is cached of a person.)
fn fetch(conn: &mut Conn, person_no: i64, cached: Option<CachedRevision>) -> Result<RevisionSnapshot> {
    let Some(cached) = cached else {
        let (revision, changed) = (select_one(conn, person_no)?, Vec::new());
        return Ok(RevisionSnapshot { revision, changed });
    };
    let changed = changed_after(conn, person_no, cached.revision.rev, MAX_TRACKED_CHANGES)?;
    let are_all = i64::try_from(changed.len()).is_ok_and(|count| count < MAX_TRACKED_CHANGES);
    let revision = match changed.last() {
        None => cached.revision,
        Some(last) if are_all => Revision {
            rev: last.columns.rev,
            ..cached.revision
        },
        Some(_) => select_one(conn, person_no)?,
    };
    Ok(RevisionSnapshot { revision, changed })
}

fn select_one(conn: &mut Conn, person_no: i64) -> Result<Revision> {
    let select = SelectSyncState(person_no);
    let found = on!(conn, |c| select.get_result(c).optional())?;
    found
        .map(|(rev, epoch, _floor): (i64, i64, i64)| Revision { rev, epoch })
        .ok_or(StoreError::PersonGone)
}

/// A person's number, and the cached revision if there is one.
type RevisionQuery = (i64, Option<CachedRevision>);

/// Reads revisions from PostgreSQL for all waiting requests in one query: one round trip for many requests, as group commit
/// is one write for many. Each query runs after its request came in.
pub(crate) struct RevisionThread(BatchThread<RevisionQuery, RevisionSnapshot>);

impl RevisionThread {
    /// Starts the thread with a connection of its own.
    pub fn start(url: &DatabaseUrl, epoch: ConnectionEpoch) -> Result<Self> {
        let url = url.clone();
        let serve = move |queue: &Queue<_, _>| serve(&url, &epoch, queue);
        BatchThread::start("mainstay-revisions", QUEUE, [serve]).map(Self)
    }
}

fn serve(url: &DatabaseUrl, epoch: &ConnectionEpoch, queue: &Queue<RevisionQuery, RevisionSnapshot>) {
    let mut conn = None;
    while let Some(batch) = queue.next_batch(BATCH) {
        let (queries, replies): (Vec<RevisionQuery>, Vec<_>) = batch
            .into_iter()
            .map(|pending| (pending.request, pending.reply))
            .unzip();
        // A connection that broke since the last time is replaced; reading twice does no harm.
        let snapshots = select(url, &mut conn, &queries).or_else(|_broken| {
            if conn.take().is_some() {
                epoch.advance();
            }
            select(url, &mut conn, &queries)
        });
        match snapshots {
            Ok(snapshots) => {
                for (snapshot, reply) in snapshots.into_iter().zip(replies) {
                    reply.send(snapshot.ok_or(StoreError::PersonGone));
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

/// Selects the revisions of several people, in the order of the queries. `None` where there is no such person.
fn select(
    url: &DatabaseUrl,
    conn: &mut Option<Conn>,
    queries: &[RevisionQuery],
) -> Result<Vec<Option<RevisionSnapshot>>> {
    if conn.is_none() {
        let mut new =
            connect_for_lists(url, Access::Read).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        if let Conn::Postgres(c) = &mut new {
            // A plan that is made before the lists are known would rather read all people than look for some.
            c.batch_execute("SET enable_hashjoin = off; SET enable_mergejoin = off")?;
        }
        *conn = Some(new);
    }
    let Some(Conn::Postgres(c)) = conn else {
        return Err(StoreError::Internal("a connection of another engine".to_owned()));
    };
    let rows: Vec<SelectedRow> = SelectRevisions::of(queries).load(c)?;
    let mut snapshots: Vec<Option<RevisionSnapshot>> = queries.iter().map(|_| None).collect();
    for row in rows {
        let index = usize::try_from(row.0 - 1).unwrap_or(usize::MAX);
        if let Some(slot) = snapshots.get_mut(index) {
            let snapshot = slot.get_or_insert_with(|| RevisionSnapshot {
                revision: Revision {
                    rev: row.1,
                    epoch: row.2,
                },
                changed: Vec::new(),
            });
            snapshot.changed.extend(changed_row(row));
        }
    }
    for snapshot in snapshots.iter_mut().flatten() {
        snapshot
            .changed
            .sort_unstable_by_key(|changed| changed.columns.rev);
    }
    Ok(snapshots)
}

/// The number of the query from 1, revision and epoch, and a change if there is one.
type SelectedRow = (
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

fn changed_row(row: SelectedRow) -> Option<ChangedRow> {
    let (_, _, _, collection, rev, deleted, id, version, occurred_at, sealed, created_at, updated_at) = row;
    Some(ChangedRow {
        collection: collection?,
        deleted: deleted?,
        columns: StoredColumns {
            id: id?,
            version: version?,
            rev: rev?,
            occurred_at: occurred_at?,
            sealed: sealed.unwrap_or_default(),
            created_at: created_at?,
            updated_at: updated_at?,
        },
    })
}

/// Selects the revisions of several people, and for each the first changes after a number.
pub(crate) struct SelectRevisions {
    person_no: Vec<i64>,
    after: Vec<Option<i64>>,
    kinds: Vec<i64>,
}

impl SelectRevisions {
    pub(crate) fn of(queries: &[RevisionQuery]) -> Self {
        let cached = || queries.iter().map(|(_, cached)| cached);
        Self {
            person_no: queries.iter().map(|(person_no, _)| *person_no).collect(),
            after: cached()
                .map(|cached| cached.map(|cached| cached.revision.rev))
                .collect(),
            kinds: cached()
                .map(|cached| cached.map_or(0, |cached| cached.kinds))
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
            "SELECT query.position, people.rev, epoch, c.collection, c.rev, deleted, id, version, occurred_at, sealed, \
             created_at, updated_at FROM unnest(",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.person_no)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.after)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.kinds)?;
        out.push_sql(
            ") WITH ORDINALITY AS query (person_no, after, kinds, position) \
             JOIN people ON people.person_no = query.person_no \
             LEFT JOIN LATERAL (SELECT collection, rev, deleted, id, version, occurred_at, \
             CASE WHEN (kinds >> collection) & 1 = 1 THEN sealed END AS sealed, created_at, updated_at \
             FROM records WHERE records.person_no = query.person_no AND records.rev > after AND people.rev > after \
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
