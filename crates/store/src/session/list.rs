//! The list of devices that are signed in.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use mainstay_domain::account::{SealedSession, SessionTimes};
use uuid::Uuid;

use super::parse_role;
use crate::{
    Store,
    engine::{
        Party,
        schema::{accounts, sessions},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    on,
};

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: Uuid,
    /// When it began and was last used.
    pub times: SessionTimes,
    /// When it ends unless it is used before, in microseconds.
    pub ends_at: i64,
    /// The name of the device.
    pub content: SealedSession,
}

/// A part of the list. Sessions are in the order in which they began, the newest first: that order does not change while
/// somebody turns pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRange {
    /// Sessions after the one that began then (microseconds) and has that id.
    pub after: Option<(i64, Uuid)>,
    /// How many at most.
    pub limit: usize,
}

impl SessionRange {
    /// The whole list.
    pub const ALL: Self = Self {
        after: None,
        limit: usize::MAX,
    };
}

type Row = (DbUuid, (DbTimestamp, DbTimestamp), Vec<u8>, String);

impl Store {
    /// A part of the sessions of an account that are live at `now` (microseconds).
    ///
    /// # Errors
    /// Of the databases.
    pub async fn sessions(&self, account: Uuid, now: i64, range: SessionRange) -> Result<Vec<Device>> {
        let keys = self.keys_of(account).await?;
        let read = self.data.read_for(Party::Account(account), move |conn| {
            let query = sessions::table
                .inner_join(accounts::table)
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(sessions::ended_at.is_null())
                .order((sessions::created_at.desc(), sessions::id.desc()))
                .select((
                    sessions::id,
                    (sessions::created_at, sessions::last_used_at),
                    sessions::sealed,
                    accounts::role,
                ));
            // An account has few, so all are read and the part is cut out.
            let rows: Vec<Row> = on!(conn, |c| query.load(c))?;
            let mut devices = Vec::new();
            for (id, (created_at, last_used_at), sealed, role) in rows {
                let role = parse_role(&role)?;
                let times = SessionTimes {
                    created_at: created_at.0,
                    last_used_at: last_used_at.0,
                };
                let is_after = range.after.is_none_or(|after| (created_at.0, id.0) < after);
                if !is_after || !times.is_live(role, now) {
                    continue;
                }
                if devices.len() == range.limit {
                    break;
                }
                let plain = keys.open("session", id.0, &sealed)?;
                devices.push(Device {
                    id: id.0,
                    times,
                    ends_at: times.ends_at(role),
                    content: serde_json::from_slice(&plain)
                        .map_err(|e| StoreError::Internal(e.to_string()))?,
                });
            }
            Ok(devices)
        });
        read.await
    }
}
