//! Failed sign-ins and the delays after them, stored so that every server knows them, also after a restart.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};

use crate::{
    Store,
    engine::{schema::login_delays, types::DbTimestamp},
    error::Result,
    on,
};

/// The subject of a delay. Only a keyed hash of it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelayKey {
    /// An e-mail address, whether it has an account or not.
    Account(String),
    /// A network.
    Network(String),
}

/// Recent failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// Their number.
    pub count: i64,
    /// The earliest time of the next try, in microseconds.
    pub retry_at: i64,
    /// The time of the latest one, in microseconds.
    pub last_at: i64,
}

impl Store {
    /// The recent failures of a key.
    pub async fn failures(&self, key: &DelayKey) -> Result<Failures> {
        let key = self.delay_index(key);
        let read = self.data.read(move |conn| {
            let query = login_delays::table.filter(login_delays::key.eq(key)).select((
                login_delays::failures,
                login_delays::retry_at,
                login_delays::updated_at,
            ));
            Ok(on!(conn, |c| query
                .first::<(i64, DbTimestamp, DbTimestamp)>(c)
                .optional())?)
        });
        let found = read.await?;
        Ok(
            found.map_or_else(Failures::default, |(count, retry_at, last_at)| Failures {
                count,
                retry_at: retry_at.0,
                last_at: last_at.0,
            }),
        )
    }

    /// Records one more failure. `next` computes the new state from the present one, inside the transaction.
    pub async fn note_failure(
        &self,
        key: &DelayKey,
        next: impl FnOnce(Failures) -> Failures + Send + 'static,
    ) -> Result<()> {
        let key = self.delay_index(key);
        let write = self.data.write(move |conn| {
            // The row is locked first, so that failures at the same moment all count.
            let first = (
                login_delays::key.eq(&key),
                login_delays::failures.eq(0),
                login_delays::retry_at.eq(DbTimestamp(0)),
                login_delays::updated_at.eq(DbTimestamp(0)),
            );
            on!(&mut *conn, |c| {
                diesel::insert_into(login_delays::table)
                    .values(first)
                    .on_conflict_do_nothing()
                    .execute(c)
            })?;
            let lock = diesel::update(login_delays::table.filter(login_delays::key.eq(&key)))
                .set(login_delays::failures.eq(login_delays::failures))
                .returning((
                    login_delays::failures,
                    login_delays::retry_at,
                    login_delays::updated_at,
                ));
            let (count, retry_at, last_at): (i64, DbTimestamp, DbTimestamp) =
                on!(&mut *conn, |c| lock.get_result(c))?;
            let after = next(Failures {
                count,
                retry_at: retry_at.0,
                last_at: last_at.0,
            });
            let change = diesel::update(login_delays::table.filter(login_delays::key.eq(&key))).set((
                login_delays::failures.eq(after.count),
                login_delays::retry_at.eq(DbTimestamp(after.retry_at)),
                login_delays::updated_at.eq(DbTimestamp(after.last_at)),
            ));
            on!(&mut *conn, |c| change.execute(c))?;
            Ok(())
        });
        write.await
    }

    /// Deletes the failures of a key.
    pub async fn clear_failures(&self, key: &DelayKey) -> Result<()> {
        let key = self.delay_index(key);
        let write = self.data.write(move |conn| {
            on!(conn, |c| diesel::delete(
                login_delays::table.filter(login_delays::key.eq(key))
            )
            .execute(c))?;
            Ok(())
        });
        write.await
    }

    /// Deletes failures from before that time (microseconds). Gives the number of keys.
    pub async fn sweep_failures(&self, before: i64) -> Result<usize> {
        let write = self.data.write(move |conn| {
            let old = login_delays::table.filter(login_delays::updated_at.lt(DbTimestamp(before)));
            Ok(on!(conn, |c| diesel::delete(old).execute(c))?)
        });
        write.await
    }

    fn delay_index(&self, key: &DelayKey) -> Vec<u8> {
        let mac = match key {
            DelayKey::Account(email) => self.blind_index.mac(&[b"delay-account", email.as_bytes()]),
            DelayKey::Network(network) => self.blind_index.mac(&[b"delay-network", network.as_bytes()]),
        };
        mac.to_vec()
    }
}
