//! Records that the server changes by itself when their time has come.

use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl, RunQueryDsl};
use mainstay_domain::{record::Kind, registry::fallen_due};

use crate::{
    Store,
    error::{Result, StoreError},
    on,
    record::{Expected, RecordWriter},
    schema::{accounts, timers},
    scope::PersonScope,
    types::{At, Key},
};

/// Most records changed in one go.
const AT_ONCE: i64 = 200;

impl Store {
    /// Changes the records whose time has come and says how many there were.
    pub async fn settle_due(&self, now: i64) -> Result<usize> {
        let read = self.data.read(move |conn| {
            let query = timers::table
                .inner_join(accounts::table.on(accounts::no.eq(timers::person_no)))
                .filter(timers::due_at.le(At(now)))
                .order(timers::due_at.asc())
                .limit(AT_ONCE)
                .select((timers::person_no, accounts::id, timers::collection, timers::id));
            Ok(on!(conn, |c| query.load::<(i64, Key, i16, Key)>(c))?)
        });
        let due = read.await?;
        let mut settled = 0;
        for (no, account, code, id) in due {
            let kind =
                Kind::from_code(code).ok_or(StoreError::Internal("an unknown collection".to_owned()))?;
            let scope = PersonScope {
                no,
                account: account.0,
                keys: self.keys.get(account.0).await?,
            };
            let write = self.data.write(move |conn| {
                let mut writer = RecordWriter::new(conn, &scope, At(now), None);
                writer.lock()?;
                // Another node, or the person, may have been first.
                let Some(before) = writer.get(kind, id.0)? else {
                    return Ok(false);
                };
                let after =
                    fallen_due(kind, id.0, &before.body).map_err(|e| StoreError::Internal(e.to_string()))?;
                if after.body == before.body {
                    writer.clear_timer(kind, id.0)?;
                    return Ok(false);
                }
                writer.replace(&after, Expected::Version(before.version))?;
                Ok(true)
            });
            settled += usize::from(write.await?);
        }
        Ok(settled)
    }
}
