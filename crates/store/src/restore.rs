//! After a restore from a backup: everybody's record begins another epoch, so that what devices know from before is not
//! taken for what the record holds now.
//!
//! [`from_backup`] puts back a backup, and [`finish`] does what every restore needs, also one by other means: epochs,
//! sessions, and the erasures since the backup ([`replay`]).

pub mod finish;
pub mod from_backup;
pub mod replay;
mod target;

use diesel::{RunQueryDsl, sql_query, sql_types::BigInt};

use crate::{
    Store,
    engine::{Party, connection::Conn},
    error::Result,
    on,
};

/// Raises the epoch of every person. Gives their number. `now` is the time of the restore in microseconds: an epoch that
/// was only counted up would come again if the same backup were restored a second time.
pub fn raise_epochs(conn: &mut Conn, now: i64) -> Result<usize> {
    let sql = match conn {
        Conn::Sqlite(_) => "UPDATE people SET epoch = max(epoch + 1, ?)",
        Conn::Postgres(_) => "UPDATE people SET epoch = greatest(epoch + 1, $1)",
    };
    Ok(on!(conn, |c| sql_query(sql).bind::<BigInt, _>(now).execute(c))?)
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
