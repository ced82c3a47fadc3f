//! Replays erasures: what was erased since a backup is erased again after its restore.

use std::collections::BTreeSet;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};

use crate::{
    account::delete_rows,
    engine::{
        connection::Conn,
        fold_log, in_one_transaction, rewrite_when_free,
        schema::{accounts, erasures},
        types::{DbTimestamp, DbUuid},
    },
    erasure_ledger::Erasure,
    error::Result,
    key::key_store::destroy_key,
    on,
};

/// Erasures in one transaction.
const AT_ONCE: usize = 500;

/// What a replay has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// The erasures that were looked at.
    pub known: usize,
    /// Accounts that were there and are erased again.
    pub erased: usize,
    /// False if SQLite's logs could not be emptied, because others read or wrote for too long. They still hold what was
    /// erased.
    pub log_is_empty: bool,
}

/// Destroys the keys of erased accounts, enters them into the table of the key store, and deletes their rows: their
/// addresses are free again. It may be repeated at any time, also while a server runs.
///
/// # Errors
/// Those of the databases. What was erased until then stays erased, and the replay can be repeated.
pub fn replay(data: &mut Conn, keys: &mut Conn, ledger: &[Erasure]) -> Result<Replayed> {
    let mut erased = BTreeSet::new();
    for some in ledger.chunks(AT_ONCE) {
        // The keys first: from then on nothing of these accounts opens.
        erased.extend(in_one_transaction(keys, |conn| destroy_keys(conn, some))?);
    }
    for erasure in ledger {
        let account = DbUuid(erasure.account_id);
        let query = accounts::table
            .filter(accounts::id.eq(account))
            .select(accounts::no);
        let no: Option<i64> = on!(&mut *data, |c| query.first(c).optional())?;
        if let Some(no) = no {
            let at = DbTimestamp(erasure.erased_at.timestamp_micros());
            in_one_transaction(data, |conn| delete_rows(conn, no, at))?;
            erased.insert(account);
        }
    }
    let (of_keys, of_data) = (rewrite_when_free(keys)?, fold_log(data)?);
    Ok(Replayed {
        known: ledger.len(),
        erased: erased.len(),
        log_is_empty: of_keys && of_data,
    })
}

/// Destroys keys. Gives the accounts that had one.
fn destroy_keys(conn: &mut Conn, ledger: &[Erasure]) -> Result<Vec<DbUuid>> {
    let mut had_key = Vec::new();
    for erasure in ledger {
        let account = DbUuid(erasure.account_id);
        if destroy_key(conn, erasure.account_id)? > 0 {
            had_key.push(account);
        }
        let row = (
            erasures::account_id.eq(account),
            erasures::erased_at.eq(DbTimestamp(erasure.erased_at.timestamp_micros())),
        );
        on!(&mut *conn, |c| diesel::insert_into(erasures::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(had_key)
}
