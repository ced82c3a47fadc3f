//! Wrapping the keys of the key store anew under the current master key, in batches.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, dsl::count_star, sql_query, sql_types};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        in_one_transaction,
        schema::data_keys,
        types::{DbUuid, Identifier},
    },
    error::Result,
    key::master_key::MasterKeys,
    on,
};

/// What one batch did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Keys that are under the current master key since.
    pub rewrapped: usize,
    /// Accounts whose key does not open, although its master key is known. It stays as it is.
    pub damaged: Vec<Uuid>,
    /// The account at which the next batch goes on; `None` at the end of the key store.
    pub next_after: Option<Uuid>,
}

/// A key that is wrapped by another master key than the current one.
type Old = (DbUuid, Vec<u8>, Vec<u8>);

/// Wraps the next keys that are not under the current master key anew, in one transaction: those of at most `limit`
/// accounts, in the order of their ids, after `after`. A key that is destroyed meanwhile stays so. Keys that are wrapped
/// by a master key which is not known stay as they are.
pub(crate) fn rewrap_batch(
    conn: &mut Conn,
    master: &MasterKeys,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Batch> {
    in_one_transaction(conn, |conn| {
        let old = select_old(conn, master, after, limit)?;
        let mut batch = Batch::default();
        if i64::try_from(old.len()).is_ok_and(|found| found == limit) {
            batch.next_after = old.last().map(|(account, ..)| account.0);
        }
        let mut new = Vec::with_capacity(old.len());
        for (account, old_id, wrapped) in old {
            if !master.has(&old_id) {
                continue;
            }
            let Ok(data_key) = master.unwrap(&old_id, account.0, &wrapped) else {
                batch.damaged.push(account.0);
                continue;
            };
            if let Some(wrapped) = master.wrap(master.current_id(), account.0, &data_key)? {
                new.push((account, old_id, wrapped));
            }
        }
        batch.rewrapped = update(conn, master.current_id(), new)?;
        Ok(batch)
    })
}

fn select_old(conn: &mut Conn, master: &MasterKeys, after: Option<Uuid>, limit: i64) -> Result<Vec<Old>> {
    let query = data_keys::table
        .filter(data_keys::master_key_id.ne(master.current_id()))
        .order(data_keys::account_id.asc())
        .select((
            data_keys::account_id,
            data_keys::master_key_id,
            data_keys::wrapped,
        ))
        .limit(limit);
    Ok(match after {
        None => on!(conn, |c| query.load(c)),
        Some(after) => {
            let query = query.filter(data_keys::account_id.gt(DbUuid(after)));
            on!(conn, |c| query.load(c))
        }
    }?)
}

/// Stores keys that were wrapped anew. A row that is gone, or was wrapped anew by somebody else, is passed over.
fn update(conn: &mut Conn, current: &[u8], new: Vec<Old>) -> Result<usize> {
    match conn {
        Conn::Sqlite(c) => {
            let mut updated = 0;
            for (account, old_id, wrapped) in new {
                let row = data_keys::table
                    .filter(data_keys::account_id.eq(account))
                    .filter(data_keys::master_key_id.eq(old_id));
                let change = diesel::update(row).set((
                    data_keys::master_key_id.eq(current),
                    data_keys::wrapped.eq(wrapped),
                ));
                updated += change.execute(c)?;
            }
            Ok(updated)
        }
        Conn::Postgres(c) => {
            let mut columns = (Vec::new(), Vec::new(), Vec::new());
            for (account, old_id, wrapped) in new {
                columns.0.push(account);
                columns.1.push(old_id);
                columns.2.push(wrapped);
            }
            let change = sql_query(
                "UPDATE data_keys SET master_key_id = $4, wrapped = new.wrapped \
                 FROM unnest($1, $2, $3) AS new (account_id, old_id, wrapped) \
                 WHERE data_keys.account_id = new.account_id AND data_keys.master_key_id = new.old_id",
            )
            .bind::<sql_types::Array<Identifier>, _>(columns.0)
            .bind::<sql_types::Array<sql_types::Binary>, _>(columns.1)
            .bind::<sql_types::Array<sql_types::Binary>, _>(columns.2)
            .bind::<sql_types::Binary, _>(current);
            Ok(change.execute(c)?)
        }
    }
}

/// How many keys each master key wraps, by its id. Changes nothing.
pub(crate) fn count_by_master_key(conn: &mut Conn) -> Result<Vec<(Vec<u8>, i64)>> {
    let query = data_keys::table
        .group_by(data_keys::master_key_id)
        .order(data_keys::master_key_id.asc())
        .select((data_keys::master_key_id, count_star()));
    Ok(on!(conn, |c| query.load(c))?)
}
