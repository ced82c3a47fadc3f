//! First responses to requests with an `Idempotency-Key`, stored in the transaction of their effect.
//!
//! A response with tokens ends with its session, and every response with its account. If the record that a response shows is
//! purged, the row stays without its text, so that the request is not carried out a second time.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, define_sql_function, sql_types::BigInt,
};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{kept_answers, people},
        statement::length,
        sweep::{Dated, SWEPT_AT_ONCE},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::seal::{DataKeys, Secret, sealed_len},
    login_delay::CLOCK_SLACK_US,
    on,
    quota::add_bytes,
    record::{LockedWriter, RecordWriter, Records},
};

/// The person number of requests without sign-in. No person has it.
const NOBODY: i64 = 0;
/// The responses to requests without sign-in that are stored for one account. A device that refreshes its tokens all day with
/// a new key each time needs 144 of them. Without a bound, refreshing in a loop would fill the disk.
const MAX_PUBLIC: i64 = 1000;
/// When a response was stored.
const KEPT: Dated = Dated {
    table: "kept_answers",
    key: "person_no, key",
    column: "created_at",
};
/// How many old ones make room for a new one at the most.
const MAX_DROPPED: i64 = 10;

/// An `Idempotency-Key` with the fingerprint of its request, both as keyed hashes.
#[derive(Clone)]
pub struct IdempotencyKey {
    key: Vec<u8>,
    fingerprint: Vec<u8>,
    /// Opens responses to requests without sign-in. Derived from the key and the request itself.
    seal: Secret,
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdempotencyKey")
    }
}

impl IdempotencyKey {
    /// The keyed hash of the key and its owner, which every request with that key shares.
    pub fn hash(&self) -> &[u8] {
        &self.key
    }

    /// The number of the key's lock in the database.
    fn lock_number(&self) -> i64 {
        let first = self.key.first_chunk::<8>();
        first.map_or(0, |bytes| i64::from_be_bytes(*bytes))
    }
}

define_sql_function! {
    /// Takes a lock that the transaction holds to its end, unless another transaction holds it. PostgreSQL only.
    fn pg_try_advisory_xact_lock(key: BigInt) -> Bool;
}

/// Claims a key for the transaction. SQLite has one writer, so there no other transaction can have claimed it.
///
/// # Errors
/// [`StoreError::KeyInUse`] if another transaction with that key is under way.
fn claim(conn: &mut Conn, key: &IdempotencyKey) -> Result<()> {
    let Conn::Postgres(c) = conn else { return Ok(()) };
    let is_claimed: bool = diesel::select(pg_try_advisory_xact_lock(key.lock_number())).get_result(c)?;
    if is_claimed {
        Ok(())
    } else {
        Err(StoreError::KeyInUse)
    }
}

/// Deletes some responses from before a time, and takes their bytes back from their people. On PostgreSQL the responses of
/// people whom somebody holds are left to the next sweep.
fn sweep_some(conn: &mut Conn, before: DbTimestamp) -> Result<usize> {
    let old = kept_answers::table
        .filter(kept_answers::created_at.lt(before))
        .order(kept_answers::created_at.asc())
        .limit(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX))
        .select((kept_answers::person_no, kept_answers::key));
    let mut old: Vec<(i64, Vec<u8>)> = on!(&mut *conn, |c| old.load(c))?;
    if let Conn::Postgres(c) = &mut *conn {
        let owners: BTreeSet<i64> = old.iter().map(|(person_no, _)| *person_no).collect();
        let people = people::table
            .filter(people::person_no.eq_any(owners))
            .order(people::person_no)
            .select(people::person_no);
        let free: Vec<i64> = people.for_no_key_update().skip_locked().load(c)?;
        old.retain(|(person_no, _)| *person_no == NOBODY || free.binary_search(person_no).is_ok());
    }
    if old.is_empty() {
        return Ok(0);
    }
    // A key names its owner too, so no key is in two of the pairs.
    let (owners, keys): (BTreeSet<i64>, Vec<Vec<u8>>) = old.into_iter().unzip();
    let rows = kept_answers::table
        .filter(kept_answers::person_no.eq_any(owners))
        .filter(kept_answers::key.eq_any(keys))
        .filter(kept_answers::created_at.lt(before));
    let delete = diesel::delete(rows).returning((kept_answers::person_no, length(kept_answers::sealed)));
    let swept: Vec<(i64, i32)> = on!(&mut *conn, |c| delete.load(c))?;
    let mut bytes = BTreeMap::<i64, i64>::new();
    for (person_no, length) in &swept {
        *bytes.entry(*person_no).or_default() -= i64::from(*length);
    }
    bytes.remove(&NOBODY);
    for (person_no, bytes) in bytes {
        add_bytes(conn, person_no, bytes)?;
    }
    Ok(swept.len())
}

impl Store {
    /// Hashes the `Idempotency-Key` of a request together with its owner, so that the keys of two owners never meet.
    pub fn idempotency_key(&self, owner: &[u8], name: &str, request: &[&[u8]]) -> IdempotencyKey {
        let named = [b"answer-key".as_slice(), owner, name.as_bytes()];
        let whole = [named.as_slice(), request].concat();
        IdempotencyKey {
            key: self.blind_index.mac(&named).to_vec(),
            fingerprint: self
                .blind_index
                .mac(&[b"answer-fingerprint".as_slice(), &self.blind_index.mac(&whole)])
                .to_vec(),
            seal: Secret::from_bytes(
                self.blind_index
                    .mac(&[b"answer-seal".as_slice(), &self.blind_index.mac(&whole)]),
            ),
        }
    }

    /// The first response to a request without sign-in.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the key was used for another request.
    pub async fn stored_response(&self, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
        let key = key.clone();
        let read = self.data.read(move |conn| {
            let sealed = find(conn, NOBODY, &key)?;
            sealed
                .map(|sealed| keys_without_sign_in(&key)?.open("answer", Uuid::nil(), &sealed))
                .transpose()
        });
        read.await
    }

    /// Dates responses back that were stored while the clock was ahead: they count as stored at `now` (microseconds), so
    /// that they are deleted in time. Gives their number.
    pub async fn date_back_stored_responses(&self, now: i64) -> Result<usize> {
        let (now, ahead) = (DbTimestamp(now), DbTimestamp(now + CLOCK_SLACK_US));
        self.data
            .sweep(move |conn| KEPT.date_some_back(conn, ahead, now))
            .await
    }

    /// Deletes responses from before that time (microseconds). Gives their number.
    pub async fn sweep_stored_responses(&self, before: i64) -> Result<usize> {
        self.data
            .sweep(move |conn| sweep_some(conn, DbTimestamp(before)))
            .await
    }
}

impl Records<'_> {
    /// The first response to a request of this person, if it is stored.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the key was used for another request; [`StoreError::IdDeleted`] if the record that the
    /// response showed was purged.
    pub fn stored_response(&mut self, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
        match find(self.conn, self.scope.no, key)? {
            None => Ok(None),
            Some(purged) if purged.is_empty() => Err(StoreError::IdDeleted),
            Some(sealed) => self.scope.keys.open("answer", Uuid::nil(), &sealed).map(Some),
        }
    }
}

impl RecordWriter<'_> {
    /// Claims a key for the transaction, before the person's lock is taken: that may be waited for long.
    ///
    /// # Errors
    /// [`StoreError::KeyInUse`] if another transaction with that key is under way.
    pub fn claim_key(&mut self, key: &IdempotencyKey) -> Result<()> {
        claim(self.parts().0, key)
    }
}

impl LockedWriter<'_, '_> {
    /// Stores the first response to a request of this person. If the request has written nothing, and the person's budget of
    /// bytes is used up, the response is not stored.
    ///
    /// # Errors
    /// [`StoreError::KeyInUse`] if another request with that key came in between.
    pub fn store_response(&mut self, key: &IdempotencyKey, response: &[u8]) -> Result<()> {
        if !self.writer().count_kept_bytes(sealed_len(response.len()))? {
            return Ok(());
        }
        let record_id = self.writer().last_record.map(DbUuid);
        let (conn, scope, now) = self.writer().parts();
        let row = Row {
            person_no: scope.no,
            account_no: None,
            session_id: None,
            record_id,
            sealed: scope.keys.seal("answer", Uuid::nil(), response)?,
        };
        insert(conn, key, row, now)
    }
}

/// A response to a request without sign-in, to be stored in the transaction of its effect.
#[derive(Debug, Clone)]
pub struct StoredResponse {
    /// The key of the request.
    pub key: IdempotencyKey,
    /// The response.
    pub answer: Vec<u8>,
    /// A response that is of no use any more and gives up its place, if it is stored under the key.
    pub in_place_of: Option<Vec<u8>>,
}

impl StoredResponse {
    /// Claims the key at the beginning of a transaction, so that a request that runs twice fails for no other reason.
    ///
    /// # Errors
    /// [`StoreError::KeyInUse`] if another request with that key is under way, or was carried out.
    pub(crate) fn claim(&self, conn: &mut Conn) -> Result<()> {
        claim(conn, &self.key)?;
        let Some(sealed) = find(conn, NOBODY, &self.key)? else {
            return Ok(());
        };
        let stored = keys_without_sign_in(&self.key)?.open("answer", Uuid::nil(), &sealed)?;
        if self.in_place_of.as_ref() != Some(&stored) {
            return Err(StoreError::KeyInUse);
        }
        delete(conn, &self.key.key)
    }

    /// Stores the response. It belongs to the account with that number, and is erased with it. If it has the tokens of a
    /// session, it ends with that.
    pub(crate) fn insert(
        &self,
        conn: &mut Conn,
        (account_no, session): (i64, Option<Uuid>),
        now: DbTimestamp,
    ) -> Result<()> {
        let sealed = keys_without_sign_in(&self.key)?.seal("answer", Uuid::nil(), &self.answer)?;
        let row = Row {
            person_no: NOBODY,
            account_no: Some(account_no),
            session_id: session.map(DbUuid),
            record_id: None,
            sealed,
        };
        insert(conn, &self.key, row, now)?;
        make_room(conn, account_no)
    }
}

/// Deletes the oldest responses of an account beyond the number that is stored.
fn make_room(conn: &mut Conn, account_no: i64) -> Result<()> {
    let beyond = kept_answers::table
        .filter(kept_answers::account_no.eq(account_no))
        .order(kept_answers::created_at.desc())
        .select(kept_answers::key)
        .limit(MAX_DROPPED)
        .offset(MAX_PUBLIC);
    let keys: Vec<Vec<u8>> = on!(&mut *conn, |c| beyond.load(c))?;
    keys.iter().try_for_each(|key| delete(conn, key))
}

/// Deletes the responses that hold tokens of sessions which have just ended.
pub(crate) fn end_with_sessions(conn: &mut Conn, account_no: i64, ended: &[DbUuid]) -> Result<()> {
    let rows = kept_answers::table
        .filter(kept_answers::account_no.eq(account_no))
        .filter(kept_answers::session_id.eq_any(ended));
    on!(conn, |c| diesel::delete(rows).execute(c))?;
    Ok(())
}

/// Deletes every response to requests without sign-in of an account.
pub(crate) fn end_with_account(conn: &mut Conn, account_no: i64) -> Result<()> {
    let rows = kept_answers::table.filter(kept_answers::account_no.eq(account_no));
    on!(conn, |c| diesel::delete(rows).execute(c))?;
    Ok(())
}

/// Deletes the response to a request without sign-in.
fn delete(conn: &mut Conn, key: &[u8]) -> Result<()> {
    let row = kept_answers::table
        .filter(kept_answers::person_no.eq(NOBODY))
        .filter(kept_answers::key.eq(key));
    on!(conn, |c| diesel::delete(row).execute(c))?;
    Ok(())
}

fn keys_without_sign_in(key: &IdempotencyKey) -> Result<DataKeys> {
    DataKeys::new(Uuid::nil(), &key.seal)
}

fn find(conn: &mut Conn, person_no: i64, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
    let query = kept_answers::table
        .filter(kept_answers::person_no.eq(person_no))
        .filter(kept_answers::key.eq(&key.key))
        .select((kept_answers::fingerprint, kept_answers::sealed));
    match on!(conn, |c| query.first::<(Vec<u8>, Vec<u8>)>(c).optional())? {
        Some((fingerprint, _)) if fingerprint != key.fingerprint => Err(StoreError::KeyReused),
        found => Ok(found.map(|(_, sealed)| sealed)),
    }
}

/// What is stored of a response beside its key.
struct Row {
    /// The person who asked, or [`NOBODY`].
    person_no: i64,
    /// The account that a response to a request without sign-in belongs to.
    account_no: Option<i64>,
    /// The session whose tokens the response has.
    session_id: Option<DbUuid>,
    /// The record that the response shows.
    record_id: Option<DbUuid>,
    sealed: Vec<u8>,
}

fn insert(conn: &mut Conn, key: &IdempotencyKey, row: Row, now: DbTimestamp) -> Result<()> {
    let row = (
        kept_answers::person_no.eq(row.person_no),
        kept_answers::account_no.eq(row.account_no),
        kept_answers::session_id.eq(row.session_id),
        kept_answers::record_id.eq(row.record_id),
        kept_answers::key.eq(&key.key),
        kept_answers::fingerprint.eq(&key.fingerprint),
        kept_answers::sealed.eq(row.sealed),
        kept_answers::created_at.eq(now),
    );
    let inserted = on!(conn, |c| diesel::insert_into(kept_answers::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    // Another request with that key came in between. Its effect is the one that counts.
    if inserted == 0 {
        Err(StoreError::KeyInUse)
    } else {
        Ok(())
    }
}
