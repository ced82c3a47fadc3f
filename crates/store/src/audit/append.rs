//! Appends entries to a person's chain.

use std::{collections::BTreeMap, sync::Arc};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, RunQueryDsl,
    backend::Backend,
    connection::Connection,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Binary, HasSqlType},
};
use mainstay_domain::{
    account::Role,
    audit::{Access, AccessAction, AccessDecision, Disclosure, Subject, canonical},
};
use uuid::Uuid;

use super::chain::{ACCESS, DISCLOSURE, End, Link, seal};
use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::{access_log, account_state::ACTIVE, accounts, audit_heads, disclosures, people},
        types::{DbTimestamp, DbUuid, Instant},
    },
    error::{Result, StoreError},
    key::{scope::PersonScope, seal::DataKeys},
    on,
    record::LockedWriter,
};

/// The people whose entries are written in one transaction.
pub const PEOPLE_AT_ONCE: usize = 20;
/// The longest list of things in one entry. What comes after it is left out.
const MAX_SUBJECTS: usize = 64;

/// What a person did in a session of their own, counted for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAccess {
    /// The person's account.
    pub account: Uuid,
    /// The role of the account.
    pub role: Role,
    /// The session.
    pub session: Uuid,
    /// The kind of access.
    pub action: AccessAction,
    /// What it was about, and how often.
    pub subject: Vec<Subject>,
}

impl LockedWriter<'_, '_> {
    /// Appends an access to the chain of the person. Gives its number. The writer holds the person's lock, so nobody else
    /// appends meanwhile.
    ///
    /// # Errors
    /// Of the database. The transaction must not be committed then.
    pub fn append_access(&mut self, entry: &Access) -> Result<i64> {
        let (conn, scope, _) = self.writer().parts();
        append_access(conn, scope, entry)
    }

    /// Appends an access and the disclosure that it was. Gives their number. The chain covers both.
    ///
    /// # Errors
    /// Of the database. The transaction must not be committed then, and nothing may be sent.
    pub fn append_disclosure(&mut self, entry: &Access, disclosure: &Disclosure) -> Result<i64> {
        let (conn, scope, _) = self.writer().parts();
        append_disclosure(conn, scope, entry, disclosure)
    }
}

/// Appends an access to the chain of a person. Gives its number.
///
/// The caller holds the person's lock, so that nobody else appends meanwhile.
///
/// # Errors
/// Of the database. The transaction must not be committed then.
pub(crate) fn append_access(conn: &mut Conn, scope: &PersonScope, entry: &Access) -> Result<i64> {
    append(conn, (scope.no, scope.account), &scope.keys, entry, None)
}

/// Appends an access and the disclosure that it was. Gives their number. The chain covers both.
///
/// The caller holds the person's lock, so that nobody else appends meanwhile.
///
/// # Errors
/// Of the database. The transaction must not be committed then, and nothing may be sent.
pub(crate) fn append_disclosure(
    conn: &mut Conn,
    scope: &PersonScope,
    entry: &Access,
    disclosure: &Disclosure,
) -> Result<i64> {
    let person = (scope.no, scope.account);
    append(conn, person, &scope.keys, entry, Some(disclosure))
}

/// Appends an access to the chain of a person whose record cannot be reached yet, as [`append_access`].
///
/// # Errors
/// Of the database. The transaction must not be committed then.
pub(crate) fn append_access_to(
    conn: &mut Conn,
    person: (i64, Uuid),
    keys: &DataKeys,
    entry: &Access,
) -> Result<i64> {
    append(conn, person, keys, entry, None)
}

fn append(
    conn: &mut Conn,
    (person_no, account): (i64, Uuid),
    keys: &DataKeys,
    entry: &Access,
    disclosure: Option<&Disclosure>,
) -> Result<i64> {
    let (end, last_at) = head(conn, person_no)?;
    let no = end.count + 1;
    // The clocks of two servers differ, and times in the order of the numbers make lists between two times cheap.
    let at = entry.at.max(last_at);
    let mut entry = Access { at, ..entry.clone() };
    entry.subject.truncate(MAX_SUBJECTS);
    let access = canonical::encode(&entry);
    let disclosure = disclosure.map(|disclosure| {
        canonical::encode(&Disclosure {
            at,
            ..disclosure.clone()
        })
    });
    let link = Link {
        no,
        access: &access,
        disclosure: disclosure.as_deref(),
    };
    let mac = end.link(keys, &link);
    let end = End::after(keys, no, &mac);
    let row = (
        access_log::person_no.eq(person_no),
        access_log::no.eq(no),
        access_log::at.eq(DbTimestamp(at)),
        access_log::by_others.eq(entry.by != account),
        access_log::sealed.eq(seal(keys, ACCESS, no, &access)?),
        access_log::mac.eq(mac.to_vec()),
    );
    on!(&mut *conn, |c| diesel::insert_into(access_log::table)
        .values(row)
        .execute(c))?;
    if let Some(disclosure) = disclosure {
        let row = (
            disclosures::person_no.eq(person_no),
            disclosures::no.eq(no),
            disclosures::sealed.eq(seal(keys, DISCLOSURE, no, &disclosure)?),
        );
        on!(&mut *conn, |c| diesel::insert_into(disclosures::table)
            .values(row)
            .execute(c))?;
    }
    let moved = MoveHead {
        person_no,
        count: no,
        at: DbTimestamp(at),
        mac: end.mac,
    };
    if on!(conn, |c| moved.execute(c))? == 1 {
        Ok(no)
    } else {
        Err(StoreError::Internal(
            "somebody else has appended to the audit".to_owned(),
        ))
    }
}

/// The end of a person's chain, and the time of its last entry.
fn head(conn: &mut Conn, person_no: i64) -> Result<(End, i64)> {
    let query = audit_heads::table
        .filter(audit_heads::person_no.eq(person_no))
        .select((audit_heads::count, audit_heads::at, audit_heads::mac));
    let found: Option<(i64, DbTimestamp, Vec<u8>)> = on!(conn, |c| query.first(c).optional())?;
    Ok(found.map_or((End::beginning(), i64::MIN), |(count, at, mac)| {
        (End { count, mac }, at.0)
    }))
}

/// Moves the end of a chain by one entry. Changes no row if the end is not where the caller has seen it.
#[derive(Debug, Clone)]
struct MoveHead {
    person_no: i64,
    count: i64,
    at: DbTimestamp,
    mac: Vec<u8>,
}

impl QueryId for MoveHead {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<C: Connection> RunQueryDsl<C> for MoveHead {}

impl<DB> QueryFragment<DB> for MoveHead
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Binary> + HasSqlType<Instant>,
    i64: ToSql<BigInt, DB>,
    DbTimestamp: ToSql<Instant, DB>,
    Vec<u8>: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO audit_heads (person_no, count, at, mac) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.person_no)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(", ");
        out.push_bind_param::<Instant, _>(&self.at)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(&self.mac)?;
        out.push_sql(
            ") ON CONFLICT (person_no) DO UPDATE SET count = excluded.count, at = excluded.at, mac = excluded.mac \
             WHERE audit_heads.count = excluded.count - 1",
        );
        Ok(())
    }
}

/// People with their keys, and the entries for each.
type ByPerson = BTreeMap<Uuid, (Arc<DataKeys>, Vec<Access>)>;

impl Store {
    /// Writes what some people did in sessions of their own, at most [`PEOPLE_AT_ONCE`] of them at a time. Those who are gone
    /// meanwhile are left out. `now` is in microseconds.
    ///
    /// # Errors
    /// Of the database. None of the entries was written then, except after [`StoreError::OutcomeUnknown`].
    pub async fn write_own_accesses(&self, accesses: &[OwnAccess], now: i64) -> Result<()> {
        let mut by_person = ByPerson::new();
        for access in accesses {
            let entry = own_entry(access, now);
            if let Some((_, entries)) = by_person.get_mut(&access.account) {
                entries.push(entry);
                continue;
            }
            match self.keys_of(access.account).await {
                Ok(keys) => drop(by_person.insert(access.account, (keys, vec![entry]))),
                // One whose key is missing must not keep the others waiting. `doctor` names them.
                Err(StoreError::PersonGone | StoreError::Sealed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.append_for(by_person).await
    }

    /// Writes an access to a person's log that comes with nothing else, such as a command or one that was refused.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`]; of the database.
    pub async fn write_access(&self, account: Uuid, access: Access) -> Result<()> {
        let keys = self.keys_of(account).await?;
        self.append_for(ByPerson::from([(account, (keys, vec![access]))]))
            .await
    }

    async fn append_for(&self, by_person: ByPerson) -> Result<()> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let ids: Vec<DbUuid> = by_person.keys().copied().map(DbUuid).collect();
            // In the order of their numbers, in which other servers lock them too.
            let query = accounts::table
                .filter(accounts::id.eq_any(ids))
                .filter(accounts::state.eq(ACTIVE))
                .order(accounts::no)
                .select((accounts::no, accounts::id));
            let people: Vec<(i64, DbUuid)> = on!(&mut *conn, |c| query.load(c))?;
            for (no, account) in people {
                if let Some((keys, entries)) = by_person.get(&account.0)
                    && lock(conn, no)?
                {
                    for entry in entries {
                        append(conn, (no, account.0), keys, entry, None)?;
                    }
                }
            }
            Ok(())
        });
        write.await
    }
}

fn own_entry(access: &OwnAccess, now: i64) -> Access {
    Access {
        at: now,
        by: access.account,
        role: access.role,
        session: Some(access.session),
        action: access.action,
        subject: access.subject.clone(),
        decision: AccessDecision::Own,
        consent: None,
        request_id: None,
    }
}

/// Takes a person's lock. False if the person is gone.
fn lock(conn: &mut Conn, no: i64) -> Result<bool> {
    let row = people::table
        .filter(people::person_no.eq(no))
        .select(people::person_no);
    let found = match conn {
        Conn::Sqlite(c) => row.first::<i64>(c).optional()?,
        Conn::Postgres(c) => row.for_update().first::<i64>(c).optional()?,
    };
    Ok(found.is_some())
}
