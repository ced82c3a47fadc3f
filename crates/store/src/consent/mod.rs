//! Consents: drafts, signatures, revocations, and which of them name an account.
//!
//! Every write holds the person's lock. A shared read takes the same lock, so it comes before a revocation or after it.

pub mod recipient;
pub(crate) mod reliance;
mod write;

use std::collections::BTreeMap;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, dsl::count_star,
};
use mainstay_domain::{
    account::Role,
    consent::{Consent, ConsentStatus},
    record::Kind,
    value::timestamp::Timestamp,
};
use uuid::Uuid;

use self::recipient::recipient_account;
use crate::{
    engine::{
        connection::Conn,
        schema::{consents, records},
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    key::scope::PersonScope,
    on,
    record::Records,
    resource::{OpenedRow, ResourceRange, ResourceRow, StoredResource, open, read_page},
};

/// What the seal of a consent is bound to.
pub(crate) const SEAL: &str = "consent";
/// How many consents are kept of a person.
pub const MAX_CONSENTS: i64 = 200;

/// The columns of a [`ResourceRow`].
pub(crate) const COLUMNS: (
    consents::id,
    consents::version,
    consents::created_at,
    consents::updated_at,
    consents::sealed,
) = (
    consents::id,
    consents::version,
    consents::created_at,
    consents::updated_at,
    consents::sealed,
);

/// How many records of a collection there are, and the time of the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectionTotal {
    /// The collection.
    pub kind: Kind,
    /// How many there are.
    pub records: i64,
    /// The time of the newest, in microseconds.
    pub newest: Option<i64>,
}

impl Records<'_> {
    /// A consent as it is at a time in microseconds.
    pub fn consent(&mut self, id: Uuid, now: i64) -> Result<Option<StoredResource<Consent>>> {
        let found = find(self.conn, self.scope, id, self.scope.epoch)?;
        Ok(found.map(|row| as_of(row.stored, now)))
    }

    /// A page of consents, and whether there are more.
    pub fn consents(
        &mut self,
        range: &ResourceRange,
        now: i64,
    ) -> Result<(Vec<StoredResource<Consent>>, bool)> {
        let (person_no, epoch) = (self.scope.no, self.scope.epoch);
        let (rows, has_more) = read_page(range, |after, rows| {
            let query = consents::table
                .filter(consents::person_no.eq(person_no))
                .order((consents::created_at.desc(), consents::id.desc()))
                .limit(rows)
                .select(COLUMNS);
            Ok(on!(&mut *self.conn, |c| match after {
                None => query.load::<ResourceRow>(c),
                Some((at, id)) => {
                    let (at, id) = (DbTimestamp(at), DbUuid(id));
                    query
                        .filter(consents::created_at.le(at))
                        .filter(consents::created_at.lt(at).or(consents::id.lt(id)))
                        .load(c)
                }
            })?)
        })?;
        let opened = rows.into_iter().map(|row| {
            let row = open(&self.scope.keys, SEAL, row, epoch)?;
            Ok(as_of(row.stored, now))
        });
        Ok((opened.collect::<Result<_>>()?, has_more))
    }

    /// Sets the accounts of a consent's recipients as the person has confirmed them, and returns their roles. A recipient
    /// who is not confirmed has none.
    pub fn set_recipient_accounts(&mut self, consent: &mut Consent) -> Result<BTreeMap<Uuid, Role>> {
        let mut roles = BTreeMap::new();
        for recipient in consent.recipients.items_mut() {
            let account = recipient_account(self.conn, self.scope.no, recipient)?;
            recipient.account_id = account.map(|account| account.id);
            roles.extend(account.map(|account| (account.id, account.role)));
        }
        Ok(roles)
    }

    /// How many records there are in each of some collections, and how new they are.
    pub fn collection_totals(&mut self, kinds: &[Kind]) -> Result<Vec<CollectionTotal>> {
        let person_no = self.scope.no;
        let mut totals = Vec::with_capacity(kinds.len());
        for kind in kinds.iter().copied() {
            let live = records::table
                .filter(records::person_no.eq(person_no))
                .filter(records::collection.eq(kind.code()))
                .filter(records::deleted.eq(false));
            let newest = live
                .order((records::occurred_at.desc(), records::id.desc()))
                .select(records::occurred_at);
            let (records, newest) = on!(&mut *self.conn, |c| (
                live.select(count_star()).first::<i64>(c)?,
                newest.first::<DbTimestamp>(c).optional()?
            ));
            totals.push(CollectionTotal {
                kind,
                records,
                newest: newest.map(|at| at.0),
            });
        }
        Ok(totals)
    }
}

/// Finds a consent of the person as it is stored.
fn find(conn: &mut Conn, scope: &PersonScope, id: Uuid, epoch: i64) -> Result<Option<OpenedRow<Consent>>> {
    let query = consents::table
        .filter(consents::person_no.eq(scope.no))
        .filter(consents::id.eq(DbUuid(id)))
        .select(COLUMNS);
    let row = on!(conn, |c| query.first::<ResourceRow>(c).optional())?;
    row.map(|row| open(&scope.keys, SEAL, row, epoch)).transpose()
}

/// A consent at a time. One whose end date has come shows as expired, in the version that the next write stores first.
fn as_of(mut stored: StoredResource<Consent>, now: i64) -> StoredResource<Consent> {
    let consent = &mut stored.value;
    if consent.status == ConsentStatus::Active
        && let Some(end) = consent.expires_at
        && consent.is_over(now)
    {
        consent.status = ConsentStatus::Expired;
        consent.ended_at = Some(Timestamp::from_micros(end.micros()));
        stored.version += 1;
        stored.updated_at = end.micros();
    }
    stored
}
