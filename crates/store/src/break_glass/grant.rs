//! What a clinician does to get an emergency access: tries, looks for the person, is granted it.

use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl, upsert::excluded};
use mainstay_domain::{
    account::Role,
    audit::{Access, AccessAction, AccessDecision, Subject, View},
    break_glass::{BreakGlassGrant, MAX_LIVE, NamedPerson, SealedBreakGlass, Tries},
};
use uuid::Uuid;

use super::{
    BreakGlassRefusal, COLUMNS, Columns, EmergencyPerson, NewBreakGlass, granted, open, seal, times,
};
use crate::{
    Store,
    audit::append::append_access_to,
    engine::{
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, break_glass, break_glass_tries, logins, people},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    idempotency::StoredResponse,
    key::scope::PersonScope,
    on,
};

impl Store {
    /// The emergency access with that id that a clinician was granted before, with what was sent for it. `None` if there is
    /// none, or if the person is gone.
    pub async fn earlier_break_glass(
        &self,
        clinician: &PersonScope,
        id: Uuid,
    ) -> Result<Option<(BreakGlassGrant, SealedBreakGlass)>> {
        let clinician_no = clinician.no;
        let read = self.data.read_for(clinician.party(), move |conn| {
            let query = break_glass::table
                .inner_join(accounts::table.on(accounts::no.eq(break_glass::person_no)))
                .filter(break_glass::clinician_no.eq(clinician_no))
                .filter(break_glass::id.eq(DbUuid(id)))
                .select((accounts::id, COLUMNS));
            Ok(on!(conn, |c| query.first::<(DbUuid, Columns)>(c).optional())?)
        });
        let Some((person, row)) = read.await? else {
            return Ok(None);
        };
        let keys = match self.keys_of(person.0).await {
            Err(StoreError::PersonGone) => return Ok(None),
            keys => keys?,
        };
        let content = open(&keys, id, &row.5)?;
        Ok(Some((granted(id, person.0, times(&row)), content)))
    }

    /// Counts a try of a clinician, before anybody looks whether there is such a person. One who has too many live accesses
    /// already is refused without being counted.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`] if the clinician's account is gone.
    pub async fn take_break_glass_try(
        &self,
        clinician: &PersonScope,
        now: i64,
    ) -> Result<std::result::Result<(), BreakGlassRefusal>> {
        let no = clinician.no;
        let write = self.data.write_for(clinician.party(), move |conn| {
            lock_clinician(conn, no)?;
            if live(conn, no, now)? >= MAX_LIVE {
                return Ok(Err(BreakGlassRefusal::TooManyLive));
            }
            let query = break_glass_tries::table
                .filter(break_glass_tries::account_no.eq(no))
                .select((break_glass_tries::tries, break_glass_tries::since));
            let before: Option<(i64, DbTimestamp)> = on!(&mut *conn, |c| query.first(c).optional())?;
            let before = before.map(|(count, since)| Tries {
                count,
                since: since.0,
            });
            let tries = match Tries::with_another(before, now) {
                Ok(tries) => tries,
                Err(retry_after) => return Ok(Err(BreakGlassRefusal::TooManyTries { retry_after })),
            };
            let row = (
                break_glass_tries::account_no.eq(no),
                break_glass_tries::tries.eq(tries.count),
                break_glass_tries::since.eq(DbTimestamp(tries.since)),
            );
            on!(conn, |c| diesel::insert_into(break_glass_tries::table)
                .values(row)
                .on_conflict(break_glass_tries::account_no)
                .do_update()
                .set((
                    break_glass_tries::tries.eq(excluded(break_glass_tries::tries)),
                    break_glass_tries::since.eq(excluded(break_glass_tries::since)),
                ))
                .execute(c))?;
            Ok(Ok(()))
        });
        write.await
    }

    /// Finds the person whom a clinician names. Nobody but the clinician's account itself and those who own no record are
    /// left out.
    pub async fn emergency_person(
        &self,
        clinician: &PersonScope,
        named: &NamedPerson,
    ) -> Result<Option<EmergencyPerson>> {
        let indexes: Vec<Vec<u8>> = match named {
            NamedPerson::Email(email) => {
                let earlier = self.earlier_email_index(email);
                std::iter::once(self.email_index(email)).chain(earlier).collect()
            }
            NamedPerson::Account(_) => Vec::new(),
        };
        let id = match named {
            NamedPerson::Email(_) => None,
            NamedPerson::Account(id) => Some(DbUuid(*id)),
        };
        let read = self.data.read_for(clinician.party(), move |conn| {
            let no = if let Some(id) = id {
                let query = accounts::table.filter(accounts::id.eq(id)).select(accounts::no);
                on!(&mut *conn, |c| query.first::<i64>(c).optional())?
            } else {
                let query = logins::table
                    .filter(logins::email_index.eq_any(&indexes))
                    .select(logins::account_no);
                on!(&mut *conn, |c| query.first::<i64>(c).optional())?
            };
            no.map_or(Ok(None), |no| owner_of_record(conn, no))
        });
        let found = read.await?.filter(|(no, _)| *no != clinician.no);
        let Some((no, account)) = found else {
            return Ok(None);
        };
        match self.keys_of(account).await {
            Err(StoreError::PersonGone) => Ok(None),
            keys => Ok(Some(EmergencyPerson {
                no,
                account,
                keys: keys?,
            })),
        }
    }

    /// Grants a clinician an emergency access to the record of a person, and stores the response in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the person is gone, [`StoreError::PersonGone`] if the clinician is;
    /// [`StoreError::IdConflict`] if the person has an emergency access with that id.
    pub async fn grant_break_glass(
        &self,
        clinician: &PersonScope,
        person: EmergencyPerson,
        new: NewBreakGlass,
        keep: Option<StoredResponse>,
    ) -> Result<std::result::Result<(), BreakGlassRefusal>> {
        let sealed = seal(&person.keys, new.id, &new.content)?;
        let clinician_no = clinician.no;
        let now = new.times.granted_at;
        let told = opened(clinician.account, now);
        let write = self.data.write_for(clinician.party(), move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            lock_person(conn, person.no)?;
            owner_of_record(conn, person.no)?.ok_or(StoreError::NotFound)?;
            let row = (
                break_glass::person_no.eq(person.no),
                break_glass::id.eq(DbUuid(new.id)),
                break_glass::clinician_no.eq(clinician_no),
                break_glass::granted_at.eq(DbTimestamp(now)),
                break_glass::ends_at.eq(DbTimestamp(new.times.ends_at)),
                break_glass::sealed.eq(sealed),
            );
            lock_clinician(conn, clinician_no)?;
            if live(conn, clinician_no, now)? >= MAX_LIVE {
                return Ok(Err(BreakGlassRefusal::TooManyLive));
            }
            let inserted = on!(&mut *conn, |c| diesel::insert_into(break_glass::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(c))?;
            if inserted == 0 {
                return Err(StoreError::IdConflict);
            }
            append_access_to(conn, (person.no, person.account), &person.keys, &told)?;
            if let Some(keep) = keep {
                keep.insert(conn, (clinician_no, None), DbTimestamp(now))?;
            }
            Ok(Ok(()))
        });
        write.await
    }
}

/// The entry of the person's access log that tells them at once.
fn opened(clinician: Uuid, now: i64) -> Access {
    Access {
        at: now,
        by: clinician,
        role: Role::Clinician,
        session: None,
        action: AccessAction::BreakGlass,
        subject: vec![Subject::view(View::BreakGlass, None)],
        decision: AccessDecision::Permitted,
        consent: None,
        request_id: None,
    }
}

/// The live emergency accesses of a clinician.
fn live(conn: &mut Conn, clinician_no: i64, now: i64) -> Result<i64> {
    let query = break_glass::table
        .filter(break_glass::clinician_no.eq(clinician_no))
        .filter(break_glass::ends_at.gt(DbTimestamp(now)))
        .filter(break_glass::ended_at.is_null())
        .count();
    Ok(on!(conn, |c| query.get_result::<i64>(c))?)
}

/// The number and the id of an account in use that owns a record.
fn owner_of_record(conn: &mut Conn, no: i64) -> Result<Option<(i64, Uuid)>> {
    let query = accounts::table
        .filter(accounts::no.eq(no))
        .filter(accounts::state.eq(ACTIVE))
        .filter(accounts::role.ne(Role::Operator.as_str()))
        .select((accounts::no, accounts::id));
    let found: Option<(i64, DbUuid)> = on!(conn, |c| query.first(c).optional())?;
    Ok(found.map(|(no, id)| (no, id.0)))
}

/// Takes the lock of a person. An erasure takes it before it deletes anything.
fn lock_person(conn: &mut Conn, no: i64) -> Result<()> {
    let Conn::Postgres(c) = conn else { return Ok(()) };
    let row = people::table.filter(people::person_no.eq(no));
    let found = row.select(people::rev).for_update().first::<i64>(c).optional()?;
    found.map(drop).ok_or(StoreError::NotFound)
}

/// Locks the account of a clinician, so that there are never too many accesses, and none of one who is being erased.
fn lock_clinician(conn: &mut Conn, no: i64) -> Result<()> {
    let query = accounts::table
        .filter(accounts::no.eq(no))
        .filter(accounts::state.eq(ACTIVE))
        .select(accounts::no);
    let found: Option<i64> = match conn {
        Conn::Sqlite(c) => query.first(c).optional()?,
        Conn::Postgres(c) => query.for_no_key_update().first(c).optional()?,
    };
    found.map(drop).ok_or(StoreError::PersonGone)
}
