//! Sessions that end: by their owner, by another session, and because there are too many.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    account::{IDLE_S, Role},
    security_event::{SecurityEvent, SecurityEventCode},
};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::sessions,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    idempotency::{StoredResponse, end_with_sessions},
    key::seal::DataKeys,
    live_account::account_no,
    on,
    security_event::append,
};

/// The live sessions that an account can have. A new one ends the one that was not used for the longest time, so that nobody
/// is kept from signing in.
pub(super) const MAX_LIVE: i64 = 50;
/// The ended sessions of an account that are kept until the sweep. A token of one that is gone is refused in the same way.
const MAX_ENDED: i64 = 200;

/// Ends the sessions that are over by their age or without use, so that they take no place of a live one.
fn end_old(conn: &mut Conn, (account_no, role): (i64, Role), now: DbTimestamp) -> Result<()> {
    let unused = DbTimestamp(now.0 - IDLE_S * 1_000_000);
    let old = DbTimestamp(now.0 - role.session_life_s() * 1_000_000);
    let rows = sessions::table
        .filter(sessions::account_no.eq(account_no))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::last_used_at.le(unused).or(sessions::created_at.le(old)));
    let end = diesel::update(rows)
        .set(sessions::ended_at.eq(now))
        .returning(sessions::id);
    let ended: Vec<DbUuid> = on!(&mut *conn, |c| end.load(c))?;
    end_with_sessions(conn, account_no, &ended)
}

/// Ends the live sessions of an account beyond the newest, and deletes the ended ones beyond the newest, so that there is
/// room for another.
pub(super) fn make_room(
    conn: &mut Conn,
    (account_no, role): (i64, Role),
    keys: &DataKeys,
    now: DbTimestamp,
) -> Result<()> {
    end_old(conn, (account_no, role), now)?;
    let live = sessions::table
        .filter(sessions::account_no.eq(account_no))
        .filter(sessions::ended_at.is_null())
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .select(sessions::id)
        .offset(MAX_LIVE - 1)
        .limit(i64::MAX);
    let oldest: Vec<DbUuid> = on!(&mut *conn, |c| live.load(c))?;
    if !oldest.is_empty() {
        let rows = sessions::table
            .filter(sessions::account_no.eq(account_no))
            .filter(sessions::id.eq_any(oldest));
        let end = diesel::update(rows)
            .set(sessions::ended_at.eq(now))
            .returning(sessions::id);
        let ended: Vec<DbUuid> = on!(&mut *conn, |c| end.load(c))?;
        end_with_sessions(conn, account_no, &ended)?;
        let event = SecurityEvent {
            count: u32::try_from(ended.len()).ok(),
            ..SecurityEvent::new(SecurityEventCode::UnusedSessionsEnded)
        };
        append(conn, account_no, keys, &event, now.0)?;
    }
    let ended = sessions::table
        .filter(sessions::account_no.eq(account_no))
        .filter(sessions::ended_at.is_not_null())
        .order((sessions::ended_at.desc(), sessions::id.desc()))
        .select(sessions::id)
        .offset(MAX_ENDED)
        .limit(i64::MAX);
    let oldest: Vec<DbUuid> = on!(&mut *conn, |c| ended.load(c))?;
    if !oldest.is_empty() {
        let rows = sessions::table
            .filter(sessions::account_no.eq(account_no))
            .filter(sessions::id.eq_any(oldest));
        on!(conn, |c| diesel::delete(rows).execute(c))?;
    }
    Ok(())
}

/// Ends every live session of an account but one. Gives their number.
pub(crate) fn end_others(conn: &mut Conn, account_no: i64, session: Uuid, now: i64) -> Result<usize> {
    let others = sessions::table
        .filter(sessions::account_no.eq(account_no))
        .filter(sessions::id.ne(DbUuid(session)))
        .filter(sessions::ended_at.is_null());
    let end = diesel::update(others)
        .set(sessions::ended_at.eq(DbTimestamp(now)))
        .returning(sessions::id);
    let ended: Vec<DbUuid> = on!(&mut *conn, |c| end.load(c))?;
    end_with_sessions(conn, account_no, &ended)?;
    Ok(ended.len())
}

impl Store {
    /// Ends a session, and stores the event and the response in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the account has no such live session; [`StoreError::PersonGone`].
    pub async fn end_session(
        &self,
        account: Uuid,
        session: Uuid,
        event: SecurityEvent,
        keep: Option<StoredResponse>,
        now: i64,
    ) -> Result<()> {
        let keys = self.keys_of(account).await?;
        let write = self.data.write(move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let no = account_no(conn, account)?;
            let row = sessions::table
                .filter(sessions::account_no.eq(no))
                .filter(sessions::id.eq(DbUuid(session)))
                .filter(sessions::ended_at.is_null());
            let ended = on!(&mut *conn, |c| diesel::update(row)
                .set(sessions::ended_at.eq(DbTimestamp(now)))
                .execute(c))?;
            if ended == 0 {
                return Err(StoreError::NotFound);
            }
            end_with_sessions(conn, no, &[DbUuid(session)])?;
            append(conn, no, &keys, &event, now)?;
            // The response to the end itself has no tokens, and stays.
            keep.map_or(Ok(()), |keep| keep.insert(conn, (no, None), DbTimestamp(now)))
        });
        write.await
    }

    /// Ends every session of an account but one, and stores the event and the response in the same transaction. Without
    /// another session nothing happens, and there is no event.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub async fn end_other_sessions(
        &self,
        account: Uuid,
        event: SecurityEvent,
        session: Uuid,
        keep: Option<StoredResponse>,
        now: i64,
    ) -> Result<()> {
        let keys = self.keys_of(account).await?;
        let write = self.data.write(move |conn| {
            if let Some(keep) = &keep {
                keep.claim(conn)?;
            }
            let no = account_no(conn, account)?;
            let ended = end_others(conn, no, session, now)?;
            if ended > 0 {
                let event = SecurityEvent {
                    count: u32::try_from(ended).ok(),
                    ..event
                };
                append(conn, no, &keys, &event, now)?;
            }
            keep.map_or(Ok(()), |keep| keep.insert(conn, (no, None), DbTimestamp(now)))
        });
        write.await
    }
}
