//! The accounts that a person has confirmed as helpers, for consents and for what follows from them.

use diesel::{
    ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl,
};
use mainstay_domain::{
    invitation::{HelperRole, InvitationStatus},
    support_contact::Relationship,
    value::text::Label,
};
use uuid::Uuid;

use super::row::{COLUMNS, Row};
use crate::{
    Records, Store,
    engine::{
        Party,
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, invitations},
        types::DbUuid,
    },
    error::{Result, StoreError},
    on,
    profile::Named,
};

/// How a confirmed helper is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperKey {
    /// By the invitation that they took.
    Invitation(Uuid),
    /// By their account.
    Account(Uuid),
}

/// An account that a person has confirmed as a helper. [`Store::display_name`] tells its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    /// The number of the account.
    pub(crate) account_no: i64,
    /// The account.
    pub account: Uuid,
    /// The invitation that it took.
    pub invitation: Uuid,
    /// What it may be to the person.
    pub role: HelperRole,
    /// Its relationship to the person.
    pub relationship: Relationship,
}

impl Records<'_> {
    /// Finds a helper whom the person has confirmed, and who is still one: neither revoked, nor left, nor erased.
    ///
    /// # Errors
    /// Of the database.
    pub fn confirmed_helper(&mut self, key: HelperKey) -> Result<Option<Helper>> {
        let query = invitations::table
            .inner_join(accounts::table.on(accounts::no.nullable().eq(invitations::account_no)))
            .filter(invitations::person_no.eq(self.scope.no))
            .filter(invitations::status.eq(InvitationStatus::Confirmed.as_str()))
            .filter(accounts::state.eq(ACTIVE))
            .order((invitations::taken_at.desc(), invitations::id.desc()))
            .select((COLUMNS, (accounts::no, accounts::id)));
        let found: Option<(Row, (i64, DbUuid))> = match key {
            HelperKey::Invitation(id) => {
                let query = query.filter(invitations::id.eq(DbUuid(id)));
                on!(&mut *self.conn, |c| query.first(c).optional())?
            }
            HelperKey::Account(id) => {
                let query = query.filter(accounts::id.eq(DbUuid(id)));
                on!(&mut *self.conn, |c| query.first(c).optional())?
            }
        };
        let Some((row, (account_no, account))) = found else {
            return Ok(None);
        };
        let content = row.content(&self.scope.keys)?;
        Ok(Some(Helper {
            account_no,
            account: account.0,
            invitation: row.id.0,
            role: content.role,
            relationship: content.relationship,
        }))
    }
}

/// Whether a person has confirmed an account as a helper, and it is still one.
pub(crate) fn is_confirmed_helper(conn: &mut Conn, person_no: i64, account_no: i64) -> Result<bool> {
    let query = invitations::table
        .filter(invitations::person_no.eq(person_no))
        .filter(invitations::account_no.eq(account_no))
        .filter(invitations::status.eq(InvitationStatus::Confirmed.as_str()))
        .select(invitations::person_no);
    Ok(on!(conn, |c| query.first::<i64>(c).optional())?.is_some())
}

impl Store {
    /// The display name of an account; `None` if it has none, is being erased or is gone.
    ///
    /// # Errors
    /// Of the databases.
    pub async fn display_name(&self, account: Uuid) -> Result<Option<Label>> {
        let read = self.data.read_for(Party::Background, move |conn| {
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(account)))
                .select(Named::COLUMNS);
            Ok(on!(conn, |c| query.first::<Named>(c).optional())?)
        });
        match read.await? {
            Some(named) => self.display_name_of(&named).await,
            None => Ok(None),
        }
    }

    /// The display name of an account whose row was read.
    pub(super) async fn display_name_of(&self, named: &Named) -> Result<Option<Label>> {
        match self.keys_of(named.id()).await {
            Ok(keys) => named.display_name(&keys),
            Err(StoreError::PersonGone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
