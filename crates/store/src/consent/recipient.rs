//! The accounts that recipients of a consent stand for: helpers whom the person has confirmed.

use diesel::{
    ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl,
};
use mainstay_domain::{account::Role, consent::Recipient, invitation::InvitationStatus};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, invitations},
        types::DbUuid,
    },
    error::{Result, StoreError},
    on,
};

/// An account that the person has confirmed as a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecipientAccount {
    /// The number of the account.
    pub(crate) no: i64,
    /// The account.
    pub(crate) id: Uuid,
    /// Its role.
    pub(crate) role: Role,
}

/// The number, the id and the role of an account.
type AccountRow = (i64, DbUuid, String);

impl RecipientAccount {
    fn of((no, id, role): AccountRow) -> Result<Self> {
        let unknown = |_| StoreError::Internal("an account has an unknown role".to_owned());
        Ok(Self {
            no,
            id: id.0,
            role: role.parse().map_err(unknown)?,
        })
    }
}

/// Finds the account that a recipient stands for. `None` if there is none that the person has confirmed: it makes no
/// difference whether the account exists. If a recipient names an invitation and an account, both must be the same helper's.
pub(crate) fn recipient_account(
    conn: &mut Conn,
    person_no: i64,
    recipient: &Recipient,
) -> Result<Option<RecipientAccount>> {
    let Some(invitation) = recipient.invitation_id else {
        return match recipient.account_id {
            Some(account) => confirmed_account(conn, person_no, account),
            None => Ok(None),
        };
    };
    let query = invitations::table
        .inner_join(accounts::table.on(accounts::no.nullable().eq(invitations::account_no)))
        .filter(invitations::person_no.eq(person_no))
        .filter(invitations::id.eq(DbUuid(invitation)))
        .filter(invitations::status.eq(InvitationStatus::Confirmed.as_str()))
        .filter(accounts::state.eq(ACTIVE))
        .select((accounts::no, accounts::id, accounts::role));
    let found = on!(conn, |c| query.first::<AccountRow>(c).optional())?;
    let account = found.map(RecipientAccount::of).transpose()?;
    Ok(account.filter(|account| recipient.account_id.is_none_or(|named| named == account.id)))
}

/// Finds an account that the person has confirmed as a helper.
pub(crate) fn confirmed_account(
    conn: &mut Conn,
    person_no: i64,
    account: Uuid,
) -> Result<Option<RecipientAccount>> {
    let query = invitations::table
        .inner_join(accounts::table.on(accounts::no.nullable().eq(invitations::account_no)))
        .filter(invitations::person_no.eq(person_no))
        .filter(invitations::status.eq(InvitationStatus::Confirmed.as_str()))
        .filter(accounts::id.eq(DbUuid(account)))
        .filter(accounts::state.eq(ACTIVE))
        .select((accounts::no, accounts::id, accounts::role));
    let found = on!(conn, |c| query.first::<AccountRow>(c).optional())?;
    found.map(RecipientAccount::of).transpose()
}
