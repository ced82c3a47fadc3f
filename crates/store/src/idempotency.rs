//! First answers to requests that may be sent again, kept in the transaction of their effect.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use crate::{
    Store,
    engine::{connection::Conn, schema::kept_answers, types::DbTimestamp},
    error::{Result, StoreError},
    key::seal::{DataKeys, Secret},
    on,
    record::RecordWriter,
};

/// The number of nobody, for requests without sign-in.
const NOBODY: i64 = 0;

/// What a client calls a request, and what the request was, both as keyed hashes.
#[derive(Clone)]
pub struct IdempotencyKey {
    key: Vec<u8>,
    fingerprint: Vec<u8>,
    /// Opens answers to requests without sign-in; made from the name and the request itself.
    seal: Secret,
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdempotencyKey")
    }
}

impl Store {
    /// The key of a request. What two owners call their requests has nothing to do with each other.
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

    /// The first answer to a request without sign-in.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the name was used for another request.
    pub async fn stored_response(&self, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
        let key = key.clone();
        let read = self.data.read(move |conn| {
            let sealed = find(conn, NOBODY, &key)?;
            sealed
                .map(|sealed| public_keys(&key)?.open("answer", Uuid::nil(), &sealed))
                .transpose()
        });
        read.await
    }

    /// Forgets answers from before that time (microseconds).
    pub async fn sweep_stored_responses(&self, before: i64) -> Result<usize> {
        let write = self.data.write(move |conn| {
            let old = kept_answers::table.filter(kept_answers::created_at.lt(DbTimestamp(before)));
            Ok(on!(conn, |c| diesel::delete(old).execute(c))?)
        });
        write.await
    }
}

impl RecordWriter<'_> {
    /// The first answer to a request of this person.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the name was used for another request.
    pub fn stored_response(&mut self, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
        let (conn, scope, _) = self.parts();
        let sealed = find(conn, scope.no, key)?;
        sealed
            .map(|sealed| scope.keys.open("answer", Uuid::nil(), &sealed))
            .transpose()
    }

    /// Keeps the first answer to a request of this person.
    pub fn store_response(&mut self, key: &IdempotencyKey, answer: &[u8]) -> Result<()> {
        let (conn, scope, now) = self.parts();
        let sealed = scope.keys.seal("answer", Uuid::nil(), answer)?;
        keep(conn, scope.no, key, sealed, now)
    }
}

/// An answer to a request without sign-in, to be kept with its effect.
#[derive(Debug, Clone)]
pub struct StoredResponse {
    /// The key of the request.
    pub key: IdempotencyKey,
    /// The answer.
    pub answer: Vec<u8>,
}

impl StoredResponse {
    pub(crate) fn insert(&self, conn: &mut Conn, now: DbTimestamp) -> Result<()> {
        let sealed = public_keys(&self.key)?.seal("answer", Uuid::nil(), &self.answer)?;
        keep(conn, NOBODY, &self.key, sealed, now)
    }
}

fn public_keys(key: &IdempotencyKey) -> Result<DataKeys> {
    DataKeys::new(Uuid::nil(), &key.seal)
}

pub(crate) fn find(conn: &mut Conn, person_no: i64, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
    let query = kept_answers::table
        .filter(kept_answers::person_no.eq(person_no))
        .filter(kept_answers::key.eq(&key.key))
        .select((kept_answers::fingerprint, kept_answers::sealed));
    match on!(conn, |c| query.first::<(Vec<u8>, Vec<u8>)>(c).optional())? {
        Some((fingerprint, _)) if fingerprint != key.fingerprint => Err(StoreError::KeyReused),
        found => Ok(found.map(|(_, sealed)| sealed)),
    }
}

fn keep(
    conn: &mut Conn,
    person_no: i64,
    key: &IdempotencyKey,
    sealed: Vec<u8>,
    now: DbTimestamp,
) -> Result<()> {
    let row = (
        kept_answers::person_no.eq(person_no),
        kept_answers::key.eq(&key.key),
        kept_answers::fingerprint.eq(&key.fingerprint),
        kept_answers::sealed.eq(sealed),
        kept_answers::created_at.eq(now),
    );
    let kept = on!(conn, |c| diesel::insert_into(kept_answers::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    // Another request of that name came in between; its effect is the one that counts.
    if kept == 0 {
        Err(StoreError::KeyInUse)
    } else {
        Ok(())
    }
}
