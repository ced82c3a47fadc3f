//! The encrypted part of an account: its address and its profile.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl};
use mainstay_domain::{
    account::{Account, Profile, Role, SealedAccount},
    record::json,
    value::{text::Label, timestamp::Timestamp},
};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        schema::{account_state::ACTIVE, accounts},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::{scope::PersonScope, seal::DataKeys},
    on,
};

type AccountColumns = (i64, String, i64, Vec<u8>, DbTimestamp, DbTimestamp);

/// The part of an account's row from which its name is read.
#[derive(Queryable)]
pub(crate) struct Named {
    id: DbUuid,
    sealed: Vec<u8>,
}

impl Named {
    /// The columns.
    pub(crate) const COLUMNS: (accounts::id, accounts::sealed) = (accounts::id, accounts::sealed);

    /// The id of the account.
    pub(crate) fn id(&self) -> Uuid {
        self.id.0
    }

    /// Opens the display name with the keys of the account. Nothing else of its profile leaves this function.
    pub(crate) fn display_name(&self, keys: &DataKeys) -> Result<Option<Label>> {
        Ok(open_profile(self.id.0, &self.sealed, keys)?.profile.display_name)
    }
}

/// Opens the encrypted part of an account.
fn open_profile(id: Uuid, sealed: &[u8], keys: &DataKeys) -> Result<SealedAccount> {
    let plain = keys.open("profile", id, sealed)?;
    serde_json::from_slice(&plain).map_err(|e| StoreError::Internal(e.to_string()))
}

/// The account with an id, with its number.
///
/// # Errors
/// [`StoreError::PersonGone`].
pub(crate) fn load(conn: &mut Conn, id: Uuid, keys: &DataKeys) -> Result<(Account, i64)> {
    let query = accounts::table
        .filter(accounts::id.eq(DbUuid(id)))
        .filter(accounts::state.eq(ACTIVE))
        .select((
            accounts::no,
            accounts::role,
            accounts::version,
            accounts::sealed,
            accounts::created_at,
            accounts::updated_at,
        ));
    let found: Option<AccountColumns> = on!(conn, |c| query.first(c).optional())?;
    let (no, role, version, sealed, created_at, updated_at) = found.ok_or(StoreError::PersonGone)?;
    let content = open_profile(id, &sealed, keys)?;
    let role = role
        .parse::<Role>()
        .ok()
        .ok_or(StoreError::Internal("an unknown role".to_owned()))?;
    let (created_at, updated_at) = (
        Timestamp::from_micros(created_at.0),
        Timestamp::from_micros(updated_at.0),
    );
    let account = content.open(id, role, created_at, updated_at, version);
    Ok((account, no))
}

/// Replaces the encrypted part of an account, which is named by its id, its number and its version.
///
/// # Errors
/// [`StoreError::VersionMismatch`].
pub(crate) fn write_profile(
    conn: &mut Conn,
    (id, no, version): (Uuid, i64, i64),
    content: &SealedAccount,
    keys: &DataKeys,
    now: DbTimestamp,
) -> Result<()> {
    let sealed = keys.seal("profile", id, &json(content))?;
    // The version again, so that of two writers on PostgreSQL only one finds the row.
    let row = accounts::table
        .filter(accounts::no.eq(no))
        .filter(accounts::version.eq(version));
    let change = diesel::update(row).set((
        accounts::version.eq(version + 1),
        accounts::sealed.eq(sealed),
        accounts::updated_at.eq(now),
    ));
    if on!(conn, |c| change.execute(c))? == 0 {
        return Err(StoreError::VersionMismatch { current: version + 1 });
    }
    Ok(())
}

/// Gives the account of a person who is locked another display name, unless it is the one that it has.
pub(crate) fn set_display_name(
    conn: &mut Conn,
    scope: &PersonScope,
    name: Label,
    now: DbTimestamp,
) -> Result<()> {
    let (before, no) = load(conn, scope.account, &scope.keys)?;
    if before.display_name.as_ref() == Some(&name) {
        return Ok(());
    }
    let profile = Profile {
        display_name: Some(name),
        ..Profile::from(&before)
    };
    let content = SealedAccount {
        profile,
        email: before.email,
    };
    write_profile(
        conn,
        (scope.account, no, before.version),
        &content,
        &scope.keys,
        now,
    )
}
