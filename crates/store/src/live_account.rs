//! Accounts that are in use, for writes that must not outlive one.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        schema::{account_state::ACTIVE, accounts},
        types::DbUuid,
    },
    error::{Result, StoreError},
};

/// The number of an account. It is locked against its erasure, which then finds what this transaction writes.
///
/// # Errors
/// [`StoreError::PersonGone`].
pub(crate) fn account_no(conn: &mut Conn, account: Uuid) -> Result<i64> {
    let query = accounts::table
        .filter(accounts::id.eq(DbUuid(account)))
        .filter(accounts::state.eq(ACTIVE))
        .select(accounts::no);
    let found: Option<i64> = match conn {
        Conn::Sqlite(c) => query.first(c).optional()?,
        Conn::Postgres(c) => query.for_share().first(c).optional()?,
    };
    found.ok_or(StoreError::PersonGone)
}
