//! Emergency accesses of clinicians. Who, where and why is sealed under the person's key; clear are the times, and the number
//! of the clinician, which the database must look up.
//!
//! Locks are taken in one order: the person's row in `people`, the emergency accesses, the clinician's row in `accounts`.

mod grant;
pub(crate) mod reading;

use std::sync::Arc;

use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    break_glass::{BreakGlassEntry, BreakGlassGrant, ClinicianState, GrantTimes, SealedBreakGlass},
    record::json,
    value::timestamp::Timestamp,
};
use uuid::Uuid;

use crate::{
    engine::{
        connection::Conn,
        schema::{break_glass, break_glass_tries},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::seal::DataKeys,
    on,
    record::{RecordWriter, Records},
};

/// What the seal of an emergency access is bound to.
const SEALED_AS: &str = "break-glass";

/// Why a clinician gets no emergency access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakGlassRefusal {
    /// The clinician has as many as one can have.
    TooManyLive,
    /// The clinician has tried too often.
    TooManyTries {
        /// The seconds until there may be another try.
        retry_after: i64,
    },
}

/// The person whose record is to be opened in an emergency. It gives no right to reach the record.
#[derive(Clone)]
pub struct EmergencyPerson {
    no: i64,
    account: Uuid,
    keys: Arc<DataKeys>,
}

impl EmergencyPerson {
    /// The account of the person.
    pub fn account(&self) -> Uuid {
        self.account
    }
}

/// A new emergency access.
#[derive(Debug, Clone)]
pub struct NewBreakGlass {
    /// Its id.
    pub id: Uuid,
    /// When it begins and ends.
    pub times: GrantTimes,
    /// Who, where and why.
    pub content: SealedBreakGlass,
}

impl NewBreakGlass {
    /// The access as its clinician gets it.
    pub fn granted(&self, person: Uuid) -> BreakGlassGrant {
        granted(self.id, person, self.times)
    }
}

fn granted(id: Uuid, person_id: Uuid, times: GrantTimes) -> BreakGlassGrant {
    BreakGlassGrant {
        id,
        person_id,
        granted_at: Timestamp::from_micros(times.granted_at),
        ends_at: Timestamp::from_micros(times.ends_at),
    }
}

type Columns = (
    DbUuid,
    Option<i64>,
    DbTimestamp,
    DbTimestamp,
    Option<DbTimestamp>,
    Vec<u8>,
);

/// The columns that make an entry.
const COLUMNS: (
    break_glass::id,
    break_glass::clinician_no,
    break_glass::granted_at,
    break_glass::ends_at,
    break_glass::ended_at,
    break_glass::sealed,
) = (
    break_glass::id,
    break_glass::clinician_no,
    break_glass::granted_at,
    break_glass::ends_at,
    break_glass::ended_at,
    break_glass::sealed,
);

fn times((_, _, granted_at, ends_at, ended_at, _): &Columns) -> GrantTimes {
    GrantTimes {
        granted_at: granted_at.0,
        ends_at: ends_at.0,
        ended_at: ended_at.map(|at| at.0),
    }
}

fn open(keys: &DataKeys, id: Uuid, sealed: &[u8]) -> Result<SealedBreakGlass> {
    let plain = keys.open(SEALED_AS, id, sealed)?;
    // The parser's own message may quote what is sealed.
    serde_json::from_slice(&plain)
        .map_err(|_quoting| StoreError::Internal("a stored emergency access cannot be read".to_owned()))
}

fn seal(keys: &DataKeys, id: Uuid, content: &SealedBreakGlass) -> Result<Vec<u8>> {
    keys.seal(SEALED_AS, id, &json(content))
}

fn entry(keys: &DataKeys, row: &Columns, now: i64) -> Result<BreakGlassEntry> {
    let (id, clinician_no, .., sealed) = row;
    let clinician = match clinician_no {
        Some(_) => ClinicianState::Present,
        None => ClinicianState::Erased,
    };
    let content = open(keys, id.0, sealed)?;
    Ok(BreakGlassEntry::new(id.0, content, times(row), clinician, now))
}

impl Records<'_> {
    /// The emergency accesses to the record, the newest first, from before that one (time in microseconds, id).
    pub fn break_glass(
        &mut self,
        before: Option<(i64, Uuid)>,
        limit: i64,
        now: i64,
    ) -> Result<Vec<BreakGlassEntry>> {
        let (at, id) = before.unwrap_or((i64::MAX, Uuid::max()));
        // Times of the database end before the largest number does.
        let at = DbTimestamp(at.min(LATEST));
        let query = break_glass::table
            .filter(break_glass::person_no.eq(self.scope.no))
            .filter(break_glass::granted_at.le(at))
            .filter(break_glass::granted_at.lt(at).or(break_glass::id.lt(DbUuid(id))))
            .order((break_glass::granted_at.desc(), break_glass::id.desc()))
            .limit(limit)
            .select(COLUMNS);
        let rows: Vec<Columns> = on!(&mut *self.conn, |c| query.load(c))?;
        rows.iter().map(|row| entry(&self.scope.keys, row, now)).collect()
    }
}

/// The latest time that is asked for: the end of the year 9999, in microseconds.
const LATEST: i64 = 253_402_300_799_999_999;

impl RecordWriter<'_> {
    /// Ends an emergency access to the record. One that has ended stays as it is. Gives the access as it is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the person has none with that id.
    pub fn end_break_glass(&mut self, id: Uuid) -> Result<BreakGlassEntry> {
        self.lock()?;
        let (conn, scope, now) = self.parts();
        let of_person = || {
            break_glass::table
                .filter(break_glass::person_no.eq(scope.no))
                .filter(break_glass::id.eq(DbUuid(id)))
        };
        let clinician = of_person().select(break_glass::clinician_no);
        let clinician: Option<Option<i64>> = on!(&mut *conn, |c| clinician.first(c).optional())?;
        let live = || {
            break_glass::table
                .filter(break_glass::person_no.eq(scope.no))
                .filter(break_glass::ended_at.is_null())
                .filter(break_glass::ends_at.gt(now))
        };
        let one =
            diesel::update(live().filter(break_glass::id.eq(DbUuid(id)))).set(break_glass::ended_at.eq(now));
        on!(&mut *conn, |c| one.execute(c))?;
        // Others of the same clinician end with it: from here on they read nothing.
        if let Some(clinician_no) = clinician.flatten() {
            let others = diesel::update(live().filter(break_glass::clinician_no.eq(clinician_no)))
                .set(break_glass::ended_at.eq(now));
            on!(&mut *conn, |c| others.execute(c))?;
        }
        let query = of_person().select(COLUMNS);
        let row: Option<Columns> = on!(&mut *conn, |c| query.first(c).optional())?;
        entry(&scope.keys, &row.ok_or(StoreError::NotFound)?, now.0)
    }
}

/// Deletes what an account has of emergency accesses, for its erasure. What the account did as a clinician stays with the
/// people whose records it opened: they may know who did. It has ended by that.
pub(crate) fn delete_break_glass(conn: &mut Conn, no: i64) -> Result<()> {
    if let Conn::Postgres(c) = &mut *conn {
        // Of two erasures at a time, one waits here for the other.
        let rows = break_glass::table
            .filter(break_glass::person_no.eq(no).or(break_glass::clinician_no.eq(no)))
            .order((break_glass::person_no, break_glass::id))
            .select(break_glass::id);
        rows.for_update().load::<DbUuid>(c)?;
    }
    on!(conn, |c| {
        diesel::delete(break_glass::table.filter(break_glass::person_no.eq(no))).execute(c)?;
        diesel::update(break_glass::table.filter(break_glass::clinician_no.eq(no)))
            .set(break_glass::clinician_no.eq(None::<i64>))
            .execute(c)?;
        diesel::delete(break_glass_tries::table.filter(break_glass_tries::account_no.eq(no))).execute(c)?;
    });
    Ok(())
}
