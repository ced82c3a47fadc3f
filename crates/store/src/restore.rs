//! After a restore from a backup: everybody's record begins another epoch, so that what devices know from before is not
//! taken for what the record holds now.
//!
//! [`from_backup`] puts back a backup, and [`finish`] does what every restore needs, also one by other means: epochs,
//! sessions, and the erasures since the backup ([`replay`]).

pub mod finish;
pub mod from_backup;
pub mod replay;
mod target;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, sql_query, sql_types::BigInt};

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::{break_glass, consent_recipients},
        types::DbTimestamp,
    },
    error::Result,
    on,
};

/// Raises the epoch of every person, and lets no helper see anything until the person signs again: a consent may have been
/// taken back since the backup. Gives the number of people. `now` is the time of the restore in microseconds: an epoch that
/// was only counted up would come again if the same backup were restored a second time.
pub fn raise_epochs(conn: &mut Conn, now: i64) -> Result<usize> {
    let sql = match conn {
        Conn::Sqlite(_) => "UPDATE people SET epoch = max(epoch + 1, ?)",
        Conn::Postgres(_) => "UPDATE people SET epoch = greatest(epoch + 1, $1)",
    };
    let raised = on!(&mut *conn, |c| sql_query(sql).bind::<BigInt, _>(now).execute(c))?;
    let live = break_glass::table.filter(break_glass::ended_at.is_null());
    on!(conn, |c| {
        // A consent may have been taken back since, and an emergency ended: nobody is let in until the person signs again.
        diesel::delete(consent_recipients::table).execute(c)?;
        diesel::update(live)
            .set(break_glass::ended_at.eq(DbTimestamp(now)))
            .execute(c)?;
    });
    Ok(raised)
}

impl Store {
    /// Raises the epoch of every person while this server runs, as [`raise_epochs`]. Other parts of the server notice within
    /// seconds; a write notices at once.
    pub async fn raise_epochs(&self, now: i64) -> Result<usize> {
        self.data
            .write_for(Party::Background, move |conn| raise_epochs(conn, now))
            .await
    }
}
