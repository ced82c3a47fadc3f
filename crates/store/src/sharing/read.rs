//! Reads of somebody else's record.

use super::{
    account_for::{Account, account_for, denied},
    grants::{Grants, Reader, judge},
    look::note_look,
    request::{Reach, SharedRead},
    tally::{Found, Tally},
};
use crate::{
    Store,
    engine::{connection::Conn, types::DbTimestamp},
    error::{Result, StoreError},
    key::scope::PersonScope,
    record::{RecordWriter, Records},
};

/// How often a read begins anew because what the reader may see has changed meanwhile.
const MAX_TRIES: usize = 3;

/// Whether what was read may be given out.
enum Verdict {
    Accounted,
    Changed,
    Gone,
}

impl Store {
    /// Reads somebody else's record. `work` gets what the reader may see, and gives `None` if that does not cover what was
    /// asked for, or if it is not there. The result is `None` then, as it is for a person who shares nothing with the reader,
    /// or who does not exist. `work` runs again if what the reader may see changes meanwhile. `clock` gives the time in
    /// microseconds.
    ///
    /// # Errors
    /// Those of the work and of the database. Nothing that was read is given out then.
    pub async fn read_shared<T, F, C>(
        &self,
        reader: &Reader,
        read: &SharedRead,
        clock: C,
        work: F,
    ) -> Result<Option<(T, Grants)>>
    where
        T: Send + 'static,
        F: Fn(&mut Records<'_>, &Grants) -> Result<Option<Found<T>>> + Clone + Send + 'static,
        C: Fn() -> i64 + Clone + Send + 'static,
    {
        let Some(owner) = self.owner_for(reader, read.person).await? else {
            return Ok(None);
        };
        for _ in 0..MAX_TRIES {
            let found = self.read_as(reader, read.reach, &owner, clock(), work.clone());
            let Some((Found { value, tally }, grants)) = found.await? else {
                self.log_denied(reader, &owner, read, clock());
                return Ok(None);
            };
            match self
                .give_account((reader, read), &owner, &grants, tally, clock.clone())
                .await?
            {
                Verdict::Accounted => return Ok(Some((value, grants))),
                Verdict::Changed => {}
                Verdict::Gone => return Ok(None),
            }
        }
        Err(StoreError::Busy)
    }

    async fn read_as<T, F>(
        &self,
        reader: &Reader,
        reach: Reach,
        owner: &PersonScope,
        now: i64,
        work: F,
    ) -> Result<Option<(Found<T>, Grants)>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>, &Grants) -> Result<Option<Found<T>>> + Send + 'static,
    {
        let (by, owner) = (reader.clone(), owner.clone());
        let job = move |conn: &mut Conn| {
            let grants = judge(conn, &owner, &by, now)?;
            if grants.is_empty() {
                return Ok(None);
            }
            let found = work(&mut Records::new(conn, &owner), &grants)?;
            Ok(found.map(|found| (found, grants)))
        };
        match reach {
            Reach::Short => self.data.read_for(reader.party(), job).await,
            Reach::Long => {
                let turn = self.data.long_turn(reader.account).await?;
                self.data.read_long(Some(turn), job).await
            }
        }
    }

    /// Judges again, and writes what is given out into the log and the accounting, all under the person's lock. What counts is
    /// the time at which the lock is there.
    async fn give_account(
        &self,
        (reader, read): (&Reader, &SharedRead),
        owner: &PersonScope,
        grants: &Grants,
        tally: Tally,
        clock: impl Fn() -> i64 + Send + 'static,
    ) -> Result<Verdict> {
        let (by, read, owner, grants) = (reader.clone(), read.clone(), owner.clone(), grants.clone());
        let write = self.data.write_for(reader.party(), move |conn| {
            let mut writer = RecordWriter::new(conn, &owner, DbTimestamp(clock()), Some(by.session));
            match writer.lock() {
                Ok(_) => {}
                Err(StoreError::PersonGone) => return Ok(Verdict::Gone),
                Err(error) => return Err(error),
            }
            let now = clock();
            let (conn, _, _) = writer.parts();
            if judge(conn, &owner, &by, now)? != grants {
                return Ok(Verdict::Changed);
            }
            let given = Account {
                reader: &by,
                read: &read,
                grants: &grants,
                tally: &tally,
            };
            account_for(conn, &owner, &given, now)?;
            if let Some(look) = read.look {
                note_look(conn, &owner, &by, look)?;
            }
            Ok(Verdict::Accounted)
        });
        write.await
    }

    /// Writes into the access log that a reader was refused something by a person who shares something else with them.
    /// Nobody waits for it, so that the refusal takes as long as any other.
    ///
    /// Of the same refusals one is written in a minute, so that nobody fills the log of somebody else.
    pub(super) fn log_denied(&self, reader: &Reader, owner: &PersonScope, read: &SharedRead, now: i64) {
        if !self.refusals.is_first((reader.no, owner.no, read.what), now) {
            return;
        }
        let (store, account, entry) = (self.clone(), owner.account, denied(reader, read, now));
        tokio::spawn(async move {
            if let Err(error) = store.write_access(account, entry).await {
                log::warn!("a refused access is not in the access log: {error}");
            }
        });
    }
}
