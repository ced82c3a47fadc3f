//! Restrictions: classes of data that a person keeps from others. Every write holds the person's lock.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, dsl::count_star,
};
use mainstay_domain::{
    restriction::{Restriction, RestrictionStatus},
    value::{
        timestamp::Timestamp,
        validation::{Finding, FindingCode},
    },
};
use uuid::Uuid;

use crate::{
    account::locked_epoch,
    consent::recipient::confirmed_account,
    engine::{
        connection::Conn,
        schema::restrictions,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::{
        scope::{PersonScope, VersionTag},
        seal::DataKeys,
    },
    on,
    record::{LockedWriter, Records},
    resource::{OpenedRow, ResourceRange, ResourceRow, Saved, StoredResource, open, read_page, seal},
};

/// What the seal of a restriction is bound to.
pub(crate) const SEAL: &str = "restriction";
/// How many restrictions are kept of a person.
pub const MAX_RESTRICTIONS: i64 = 100;

/// The columns of a [`ResourceRow`].
pub(crate) const COLUMNS: (
    restrictions::id,
    restrictions::version,
    restrictions::created_at,
    restrictions::updated_at,
    restrictions::sealed,
) = (
    restrictions::id,
    restrictions::version,
    restrictions::created_at,
    restrictions::updated_at,
    restrictions::sealed,
);

impl Records<'_> {
    /// A restriction.
    pub fn restriction(&mut self, id: Uuid) -> Result<Option<StoredResource<Restriction>>> {
        let found = find(self.conn, self.scope, id, self.scope.epoch)?;
        Ok(found.map(|row| row.stored))
    }

    /// The restrictions that are agreed.
    pub fn agreed_restrictions(&mut self) -> Result<Vec<Restriction>> {
        agreed_restrictions(self.conn, &self.scope.keys, self.scope.no)
    }

    /// A page of restrictions, and whether there are more.
    pub fn restrictions(
        &mut self,
        range: &ResourceRange,
    ) -> Result<(Vec<StoredResource<Restriction>>, bool)> {
        let (person_no, epoch) = (self.scope.no, self.scope.epoch);
        let (rows, has_more) = read_page(range, |after, rows| {
            let query = restrictions::table
                .filter(restrictions::person_no.eq(person_no))
                .order((restrictions::created_at.desc(), restrictions::id.desc()))
                .limit(rows)
                .select(COLUMNS);
            Ok(on!(&mut *self.conn, |c| match after {
                None => query.load::<ResourceRow>(c),
                Some((at, id)) => {
                    let (at, id) = (DbTimestamp(at), DbUuid(id));
                    query
                        .filter(restrictions::created_at.le(at))
                        .filter(restrictions::created_at.lt(at).or(restrictions::id.lt(id)))
                        .load(c)
                }
            })?)
        })?;
        let opened = rows
            .into_iter()
            .map(|row| Ok(open(&self.scope.keys, SEAL, row, epoch)?.stored));
        Ok((opened.collect::<Result<_>>()?, has_more))
    }
}

impl LockedWriter<'_, '_> {
    /// Stores a new restriction, or recognises it as a replay.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`]; [`StoreError::Findings`] for recipients whom the person has not confirmed;
    /// [`StoreError::TooMany`].
    pub fn create_restriction(&mut self, id: Uuid, restriction: Restriction) -> Result<Saved<Restriction>> {
        let (conn, scope, now) = self.writer().parts();
        let epoch = locked_epoch(conn, scope.no)?;
        let origin = scope.keys.origin(&restriction.canonical());
        if let Some(before) = find(conn, scope, id, epoch)? {
            return if before.origin == origin {
                Ok(Saved::Replayed(before.stored))
            } else {
                Err(StoreError::IdConflict)
            };
        }
        check_recipients(conn, scope, &restriction)?;
        make_room(conn, scope.no)?;
        let stored = StoredResource {
            id,
            version: 1,
            epoch,
            created_at: now.0,
            updated_at: now.0,
            value: restriction,
        };
        let row = (
            restrictions::person_no.eq(scope.no),
            restrictions::id.eq(DbUuid(id)),
            restrictions::version.eq(stored.version),
            restrictions::status.eq(stored.value.status.as_str()),
            restrictions::created_at.eq(now),
            restrictions::updated_at.eq(now),
            restrictions::sealed.eq(seal(&scope.keys, SEAL, &stored, &origin)?),
        );
        on!(conn, |c| diesel::insert_into(restrictions::table)
            .values(row)
            .execute(c))?;
        Ok(Saved::New(stored))
    }

    /// Ends a restriction. One that has ended already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn end_restriction(&mut self, id: Uuid) -> Result<StoredResource<Restriction>> {
        let (conn, scope, now) = self.writer().parts();
        let epoch = locked_epoch(conn, scope.no)?;
        let OpenedRow { mut stored, origin } = find(conn, scope, id, epoch)?.ok_or(StoreError::NotFound)?;
        if !stored.value.end(Timestamp::from_micros(now.0)) {
            return Ok(stored);
        }
        (stored.version, stored.updated_at) = (stored.version + 1, now.0);
        let row = restrictions::table
            .filter(restrictions::person_no.eq(scope.no))
            .filter(restrictions::id.eq(DbUuid(id)));
        let change = diesel::update(row).set((
            restrictions::version.eq(stored.version),
            restrictions::status.eq(stored.value.status.as_str()),
            restrictions::updated_at.eq(now),
            restrictions::sealed.eq(seal(&scope.keys, SEAL, &stored, &origin)?),
        ));
        on!(conn, |c| change.execute(c))?;
        Ok(stored)
    }
}

/// The agreed restrictions of a person, for a decision inside the transaction of a shared read.
pub(crate) fn agreed_restrictions(
    conn: &mut Conn,
    keys: &DataKeys,
    person_no: i64,
) -> Result<Vec<Restriction>> {
    let query = restrictions::table
        .filter(restrictions::person_no.eq(person_no))
        .filter(restrictions::status.eq(RestrictionStatus::Agreed.as_str()))
        .select(COLUMNS);
    let rows = on!(conn, |c| query.load::<ResourceRow>(c))?;
    let opened = rows
        .into_iter()
        .map(|row| Ok(open(keys, SEAL, row, VersionTag::FIRST_EPOCH)?.stored.value));
    opened.collect()
}

fn find(
    conn: &mut Conn,
    scope: &PersonScope,
    id: Uuid,
    epoch: i64,
) -> Result<Option<OpenedRow<Restriction>>> {
    let query = restrictions::table
        .filter(restrictions::person_no.eq(scope.no))
        .filter(restrictions::id.eq(DbUuid(id)))
        .select(COLUMNS);
    let row = on!(conn, |c| query.first::<ResourceRow>(c).optional())?;
    row.map(|row| open(&scope.keys, SEAL, row, epoch)).transpose()
}

/// Succeeds if the person has confirmed every recipient.
fn check_recipients(conn: &mut Conn, scope: &PersonScope, restriction: &Restriction) -> Result<()> {
    let mut unknown = Vec::new();
    for (n, account) in restriction.recipients.iter().enumerate() {
        if confirmed_account(conn, scope.no, *account)?.is_none() {
            unknown.push(Finding {
                pointer: format!("/recipients/{n}"),
                code: FindingCode::UnknownReference,
                message: "is nobody whom you have invited and confirmed".to_owned(),
            });
        }
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Findings(unknown))
    }
}

/// Makes room for one more restriction: the oldest that has ended gives up its place.
///
/// # Errors
/// [`StoreError::TooMany`].
fn make_room(conn: &mut Conn, person_no: i64) -> Result<()> {
    let own = restrictions::table.filter(restrictions::person_no.eq(person_no));
    let count: i64 = on!(&mut *conn, |c| own.select(count_star()).first(c))?;
    if count < MAX_RESTRICTIONS {
        return Ok(());
    }
    let oldest = own
        .filter(restrictions::status.eq(RestrictionStatus::Ended.as_str()))
        .order((restrictions::created_at.asc(), restrictions::id.asc()))
        .limit(1)
        .select(restrictions::id);
    let oldest: Option<DbUuid> = on!(&mut *conn, |c| oldest.first(c).optional())?;
    let oldest = oldest.ok_or(StoreError::TooMany {
        limit: MAX_RESTRICTIONS,
    })?;
    let dropped = restrictions::table
        .filter(restrictions::person_no.eq(person_no))
        .filter(restrictions::id.eq(oldest));
    on!(conn, |c| diesel::delete(dropped).execute(c))?;
    Ok(())
}
