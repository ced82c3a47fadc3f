//! Timers: records that the server changes by itself when their time has come.

use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl, RunQueryDsl};
use mainstay_domain::record::{Kind, registry::after_timer};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        schema::{accounts, people, timers},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::{PersonScope, Urgency},
    on,
    record::{Expected, RecordWriter},
};

/// The largest number of records that one call changes.
pub const AT_ONCE: usize = 200;
/// The delay after which a record that could not be changed is tried again, in microseconds: an hour.
const POSTPONE_US: i64 = 3_600_000_000;

impl Store {
    /// Changes records whose timers are due. Gives the number of timers that were due; [`AT_ONCE`] means that there may be more.
    ///
    /// # Errors
    /// The first error, after all of them were tried. A record that could not be changed is tried again in an hour.
    pub async fn run_timers(&self, now: i64) -> Result<usize> {
        let read = self.data.read_for(Party::Background, move |conn| {
            let query = timers::table
                .inner_join(accounts::table.on(accounts::no.eq(timers::person_no)))
                .inner_join(people::table.on(people::person_no.eq(timers::person_no)))
                .filter(timers::due_at.le(DbTimestamp(now)))
                .order(timers::due_at.asc())
                .limit(i64::try_from(AT_ONCE).unwrap_or(i64::MAX))
                .select((
                    timers::person_no,
                    accounts::id,
                    people::epoch,
                    timers::collection,
                    timers::id,
                ));
            Ok(on!(conn, |c| query.load::<(i64, DbUuid, i64, i16, DbUuid)>(c))?)
        });
        let due = read.await?;
        let mut outcome = Ok(due.len());
        for (no, account, epoch, code, id) in due {
            let person = (no, account.0, epoch);
            if let Err(error) = self.run_timer(person, code, id.0, now).await {
                // One record that cannot be opened must not keep the others waiting.
                let postponed = self.postpone(no, code, id.0, now + POSTPONE_US).await;
                outcome = outcome.and(postponed.and(Err(error)));
            }
        }
        outcome
    }

    async fn run_timer(
        &self,
        (no, account, epoch): (i64, Uuid, i64),
        code: i16,
        id: Uuid,
        now: i64,
    ) -> Result<()> {
        let kind = Kind::from_code(code).ok_or(StoreError::Internal("an unknown collection".to_owned()))?;
        let scope = PersonScope {
            no,
            account,
            epoch,
            keys: self.keys_of(account).await?,
            urgency: Urgency::Ordinary,
            quota: self.quota,
        };
        let write = self.data.write_for(Party::Background, move |conn| {
            let mut writer = RecordWriter::new(conn, &scope, DbTimestamp(now), None);
            let mut locked = writer.lock()?;
            // Another server, or the person, may have been first.
            let Some(before) = locked.records().get(kind, id)? else {
                return Ok(());
            };
            let after =
                after_timer(kind, id, &before.body).map_err(|e| StoreError::Internal(e.to_string()))?;
            if after.body == before.body {
                writer.clear_timer(kind, id)?;
                return Ok(());
            }
            writer.replace(&after, &Expected::Version(before.version))?;
            Ok(())
        });
        write.await
    }

    async fn postpone(&self, no: i64, code: i16, id: Uuid, until: i64) -> Result<()> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let row = timers::table
                .filter(timers::person_no.eq(no))
                .filter(timers::collection.eq(code))
                .filter(timers::id.eq(DbUuid(id)));
            on!(conn, |c| diesel::update(row)
                .set(timers::due_at.eq(DbTimestamp(until)))
                .execute(c))?;
            Ok(())
        });
        write.await
    }
}
