//! The invitations that an account has taken from others.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension,
    QueryDsl, RunQueryDsl,
};
use mainstay_domain::{
    invitation::{InvitationContent, InvitationStatus, InvitationStep},
    value::text::Label,
};
use uuid::Uuid;

use super::{
    InvitationIndex, InvitationPage, InvitationRange,
    row::{COLUMNS, Row, lock_own, lock_taken, own, step},
};
use crate::{
    LockedWriter, PersonScope, Store,
    engine::{
        connection::Conn,
        schema::{accounts, invitation_codes, invitations},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    on,
    profile::{Named, set_display_name},
};

/// An invitation as the account sees it that took it. Times are in microseconds.
#[derive(Debug, Clone)]
pub struct StoredTaken {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub status: InvitationStatus,
    /// What the person said in it.
    pub content: InvitationContent,
    /// The account of the person.
    pub person: Uuid,
    /// The display name of the person, while the invitation is taken.
    pub person_name: Option<Label>,
    /// When it was taken.
    pub taken_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// An invitation with the person who made it.
type TakenRow = (Row, Named);

impl LockedWriter<'_, '_> {
    /// Takes the invitation with a code for the account of this writer, and gives its id. A name becomes the display name
    /// of the account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for every code that is not good: one that nobody has, was used, has ended, was revoked, or
    /// is the account's own.
    pub fn take_invitation(&mut self, code: InvitationIndex, name: Option<Label>) -> Result<Uuid> {
        let (conn, scope, now) = self.writer().parts();
        let code = invitation_codes::table
            .filter(invitation_codes::code.eq(code.0))
            .filter(invitation_codes::expires_at.gt(now))
            .filter(invitation_codes::person_no.ne(scope.no));
        // Of two who take a code only one finds it.
        let delete =
            diesel::delete(code).returning((invitation_codes::person_no, invitation_codes::invitation_id));
        let spent: Option<(i64, DbUuid)> = on!(&mut *conn, |c| delete.get_result(c).optional())?;
        let (person_no, id) = spent.ok_or(StoreError::NotFound)?;
        let row = lock_own(conn, person_no, id.0)?.ok_or(StoreError::NotFound)?;
        if row.status(now)?.after(InvitationStep::Accept) != Some(InvitationStatus::Accepted) {
            return Err(StoreError::NotFound);
        }
        step(conn, &row, InvitationStep::Accept, now)?;
        let take = diesel::update(own(person_no, id)).set((
            invitations::account_no.eq(scope.no),
            invitations::taken_at.eq(now),
        ));
        on!(&mut *conn, |c| take.execute(c))?;
        if let Some(name) = name {
            set_display_name(conn, scope, name, now)?;
        }
        Ok(id.0)
    }

    /// Leaves an invitation that the account of this writer has taken.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvitationStatus`] if it has ended.
    pub fn leave_invitation(&mut self, id: Uuid) -> Result<()> {
        let (conn, scope, now) = self.writer().parts();
        let row = lock_taken(conn, scope.no, id)?.ok_or(StoreError::NotFound)?;
        step(conn, &row, InvitationStep::Leave, now)
    }
}

impl Store {
    /// An invitation that the account has taken, as it is at `now` (microseconds).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also if the person is erased.
    pub async fn taken_invitation(&self, scope: &PersonScope, id: Uuid, now: i64) -> Result<StoredTaken> {
        let no = scope.no;
        let read = self.data.read_for(scope.party(), move |conn| {
            let query = invitations::table
                .inner_join(accounts::table.on(accounts::no.eq(invitations::person_no)))
                .filter(invitations::account_no.eq(no))
                .filter(invitations::id.eq(DbUuid(id)))
                .order((
                    invitations::ends_at.is_null().desc(),
                    invitations::taken_at.desc(),
                ))
                .select((COLUMNS, Named::COLUMNS));
            Ok(on!(conn, |c| query.first::<TakenRow>(c).optional())?)
        });
        let row = read.await?.ok_or(StoreError::NotFound)?;
        let opened = self.open_taken(row, DbTimestamp(now)).await?;
        opened.ok_or(StoreError::NotFound)
    }

    /// The invitations that the account has taken, as they are at `now` (microseconds), the last taken first.
    ///
    /// # Errors
    /// Of the database.
    pub async fn taken_invitations(
        &self,
        scope: &PersonScope,
        range: InvitationRange,
        now: i64,
    ) -> Result<InvitationPage<StoredTaken>> {
        let no = scope.no;
        let (at, id) = range.start();
        let read = self.data.read_for(scope.party(), move |conn: &mut Conn| {
            let query = invitations::table
                .inner_join(accounts::table.on(accounts::no.eq(invitations::person_no)))
                .filter(invitations::account_no.eq(no))
                .filter(invitations::taken_at.le(at))
                .filter(invitations::taken_at.lt(at).or(invitations::id.nullable().lt(id)))
                .order((invitations::taken_at.desc(), invitations::id.desc()))
                .limit(range.limit + 1)
                .select((COLUMNS, Named::COLUMNS));
            Ok(on!(conn, |c| query.load::<TakenRow>(c))?)
        });
        let key = |(row, _): &TakenRow| (row.taken_at.unwrap_or(row.created_at).0, row.id.0);
        let (rows, next) = range.cut(read.await?, key);
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.extend(self.open_taken(row, DbTimestamp(now)).await?);
        }
        Ok(InvitationPage { items, next })
    }

    /// Opens an invitation with the keys of its person; `None` if they are erased.
    async fn open_taken(&self, (row, person): TakenRow, now: DbTimestamp) -> Result<Option<StoredTaken>> {
        let keys = match self.keys_of(person.id()).await {
            Ok(keys) => keys,
            Err(StoreError::PersonGone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let status = row.status(now)?;
        Ok(Some(StoredTaken {
            id: row.id.0,
            status,
            content: row.content(&keys)?,
            person: person.id(),
            person_name: if status.is_taken() {
                person.display_name(&keys)?
            } else {
                None
            },
            taken_at: row.taken_at.unwrap_or(row.created_at).0,
            ended_at: row.ends_at.map(|at| at.0),
        }))
    }
}
