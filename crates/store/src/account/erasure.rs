//! Erases accounts, and enters the erasures into the ledger.

use std::{collections::BTreeSet, time::Duration};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, RunQueryDsl, sql_query};
use uuid::Uuid;

use super::first_error;
use crate::{
    Store,
    break_glass::delete_break_glass,
    contribution::delete_contributions,
    engine::{
        Party,
        connection::Conn,
        panicked,
        schema::{
            access_log, account_state::ERASING, accounts, audit_heads, consent_recipients, consents,
            disclosures, kept_answers, logins, peer_profiles, people, record_history, record_items, records,
            restrictions, security_events, sessions, shared_looks, swept_ids, timers,
        },
        sweep::parameter,
        types::{DbTimestamp, DbUuid, Identifier, Instant},
    },
    erasure_ledger::Erasure,
    error::{Result, StoreError},
    idempotency::end_with_account,
    invitation::end_with_account as leave_invitations,
    login_delay::{CLOCK_SLACK_US, forget_failures},
    on,
};

/// How long a server has for the erasure of an account before another one takes it over, in microseconds: a minute.
const LEASE_US: i64 = 60 * 1_000_000;
/// The most erasures that a run of the job takes over.
const ERASED_AT_ONCE: i64 = 20;
/// The most erasures whose end a run of the job sees to.
const FINISHED_AT_ONCE: i64 = 1000;
/// How often an erasure tries to empty the logs before it leaves that to the job.
const CLEAN_ATTEMPTS: usize = 6;
/// The pause between two tries.
const CLEAN_PAUSE: Duration = Duration::from_millis(150);

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureProgress {
    /// Nothing is left to do.
    Finished,
    /// The account is closed for good, and the job of any server goes on: a database was out of reach, or somebody who reads
    /// kept a log from being emptied.
    GoesOn,
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = Identifier)]
    id: DbUuid,
}

impl Store {
    /// Erases an account and everything that belongs to it. First it is marked: nobody can sign in any more, and the erasure
    /// goes on until it is finished, whatever fails. Then its data key is destroyed, from when on nothing opens, and entered
    /// into the ledger at `now` (microseconds); then the rows go; and at last the logs of SQLite are emptied.
    ///
    /// # Errors
    /// Only of the mark. Then nothing has happened.
    pub async fn erase_account(&self, id: Uuid, now: i64) -> Result<ErasureProgress> {
        let until = DbTimestamp(now + LEASE_US);
        let mark = self.data.write_for(Party::Background, move |conn| {
            let change = diesel::update(accounts::table.filter(accounts::id.eq(DbUuid(id))))
                .set((
                    accounts::state.eq(ERASING),
                    accounts::erasure_leased_until.eq(until),
                ))
                .returning(accounts::no);
            let no: Option<i64> = on!(&mut *conn, |c| change.get_result(c).optional())?;
            no.map(|no| end_with_account(conn, no).map(|()| no)).transpose()
        });
        let no = mark.await?;
        self.forget(id, no);
        match self.go_on(id, now).await {
            Ok(progress) => Ok(progress),
            Err(error) => {
                log::warn!("an erasure has begun, and the job goes on with it: {error}");
                Ok(ErasureProgress::GoesOn)
            }
        }
    }

    /// Goes on with the erasures that no server has under way. Gives the number of those that it took over.
    ///
    /// # Errors
    /// The first error, after all were tried.
    pub async fn resume_erasures(&self, now: i64) -> Result<usize> {
        let claimed = self
            .data
            .write_for(Party::Background, move |conn| claim_some(conn, now));
        let pending = claimed.await?;
        let mut outcome = Ok(pending.len());
        for id in pending {
            // One that fails must not keep the others waiting.
            outcome = first_error(outcome, self.erase_rows(id, now).await);
        }
        first_error(outcome, self.finish_erasures(now).await.map(drop))
    }

    /// Erases what is left of a marked account, and finishes the erasure if nobody is in the way.
    async fn go_on(&self, id: Uuid, now: i64) -> Result<ErasureProgress> {
        self.erase_rows(id, now).await?;
        for attempt in 1..=CLEAN_ATTEMPTS {
            if self.finish_erasures(now).await? {
                return Ok(ErasureProgress::Finished);
            }
            if attempt < CLEAN_ATTEMPTS {
                tokio::time::sleep(CLEAN_PAUSE).await;
            }
        }
        Ok(ErasureProgress::GoesOn)
    }

    /// Removes what was erased from the logs, and notes that these erasures are finished, unless rows of an account are left.
    /// False if somebody was in the way.
    async fn finish_erasures(&self, now: i64) -> Result<bool> {
        let unfinished = self.keys.unfinished_erasures(FINISHED_AT_ONCE).await?;
        if unfinished.is_empty() {
            return Ok(true);
        }
        let mut gone = Vec::new();
        for id in unfinished {
            if self.account_no(id).await?.is_none() {
                gone.push(id);
            }
        }
        let is_clean = self.keys.clean().await? && self.data.truncate_log().await?;
        if is_clean {
            self.keys.finish_erasures(&gone, DbTimestamp(now)).await?;
        }
        Ok(is_clean)
    }

    /// Drops everything of an account from the memory of this server.
    fn forget(&self, id: Uuid, no: Option<i64>) {
        self.keys.forget(id);
        if let Some(no) = no {
            self.cache.forget_person(no);
        }
    }

    /// Deletes the rows of an account whose data key is missing, which frees its address. It is no erasure: if a key store
    /// with the key turns up in a backup, the account may be restored with it. `now` is in microseconds.
    pub async fn prune_account(&self, id: Uuid, now: i64) -> Result<()> {
        // The key store may have been put back since the account was found.
        match self.keys.get(id).await {
            Err(StoreError::Sealed(_)) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error),
        }
        if let Some(no) = self.account_no(id).await? {
            self.delete_rows(id, no, now).await?;
            self.forget(id, Some(no));
        }
        Ok(())
    }

    /// Erases an account of which this server has the lease. If that fails, the next run of the job tries again.
    async fn erase_rows(&self, id: Uuid, now: i64) -> Result<()> {
        let erased = self.erase_key_and_rows(id, now).await;
        if erased.is_err() {
            // If this fails too, the lease runs out.
            let _ = self.give_lease_back(id).await;
        }
        erased
    }

    async fn erase_key_and_rows(&self, id: Uuid, now: i64) -> Result<()> {
        self.keys.erase(id, DbTimestamp(now)).await?;
        // The table of the key store has the erasure. If this fails, the job does it.
        if let Err(error) = self.enter_into_ledger(vec![Erasure::new(id, now)]).await {
            log::warn!("an erasure is not in the file of the ledger yet: {error}");
        }
        if let Some(no) = self.account_no(id).await? {
            self.delete_rows(id, no, now).await?;
            // Again, since requests that had the key already could read until now.
            self.forget(id, Some(no));
        }
        Ok(())
    }

    async fn give_lease_back(&self, id: Uuid) -> Result<()> {
        let write = self.data.write_for(Party::Background, move |conn| {
            let change = diesel::update(accounts::table.filter(accounts::id.eq(DbUuid(id))))
                .set(accounts::erasure_leased_until.eq(None::<DbTimestamp>));
            on!(conn, |c| change.execute(c))?;
            Ok(())
        });
        write.await
    }

    async fn delete_rows(&self, id: Uuid, no: i64, now: i64) -> Result<()> {
        let blind_index = self.blind_index.clone();
        self.data
            .write_for(Party::Background, move |conn| {
                forget_failures(conn, &blind_index, (id, no))?;
                delete_rows(conn, no, DbTimestamp(now))
            })
            .await
    }

    /// Enters the erasures of the key store into the file of the ledger, as far as they are missing there. Warns of those
    /// that only the file has: then a key store was put back, and nobody has told.
    ///
    /// # Errors
    /// Those of the file and of the key store.
    pub async fn complete_erasure_ledger(&self) -> Result<()> {
        let Some(ledger) = self.ledger.clone() else {
            return Ok(());
        };
        // The file first: an erasure in between is then in the table.
        let file = tokio::task::spawn_blocking(move || ledger.read());
        let in_file = file.await.map_err(|_panic| panicked())?;
        let in_file = in_file.inspect_err(|error| log::warn!("{error}"))?;
        let known = self.keys.erased().await?;
        let known: Vec<Erasure> = known.into_iter().map(|(id, at)| Erasure::new(id, at)).collect();
        self.enter_into_ledger(known.clone()).await?;
        let known: BTreeSet<Uuid> = known.into_iter().map(|erasure| erasure.account_id).collect();
        let unknown = in_file
            .iter()
            .filter(|erasure| !known.contains(&erasure.account_id));
        match unknown.count() {
            0 => {}
            count => log::warn!(
                "the ledger has {count} erasures that the key store does not know; run `mainstay erasures replay`, or \
                 `mainstay restore --declare` if databases were put back from a backup"
            ),
        }
        Ok(())
    }

    async fn enter_into_ledger(&self, erasures: Vec<Erasure>) -> Result<()> {
        let Some(ledger) = self.ledger.clone() else {
            return Ok(());
        };
        let append = tokio::task::spawn_blocking(move || ledger.append_missing(&erasures));
        append.await.map_err(|_panic| panicked())??;
        Ok(())
    }
}

/// Takes over some erasures that no server has under way. In SQL of our own: the partial index is used only if the condition
/// is a constant. A lease that seems to end far ahead was taken while a clock was wrong.
fn claim_some(conn: &mut Conn, now: i64) -> Result<Vec<Uuid>> {
    let (until, free, wrong) = (parameter(conn, 1), parameter(conn, 2), parameter(conn, 3));
    let skip = match conn {
        Conn::Sqlite(_) => "",
        Conn::Postgres(_) => " FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE accounts SET erasure_leased_until = {until} WHERE no IN (SELECT no FROM accounts WHERE state = '{ERASING}' \
         AND (erasure_leased_until IS NULL OR erasure_leased_until <= {free} OR erasure_leased_until > {wrong}) \
         ORDER BY no LIMIT {ERASED_AT_ONCE}{skip}) RETURNING id"
    );
    let claim = sql_query(sql)
        .bind::<Instant, _>(DbTimestamp(now + LEASE_US))
        .bind::<Instant, _>(DbTimestamp(now))
        .bind::<Instant, _>(DbTimestamp(now + LEASE_US + CLOCK_SLACK_US));
    let claimed: Vec<Claimed> = on!(conn, |c| claim.load(c))?;
    Ok(claimed.into_iter().map(|claimed| claimed.id.0).collect())
}

/// Deletes everything of an account from the record. Its address is free again. What it took of others ends at `now`.
pub(crate) fn delete_rows(conn: &mut Conn, no: i64, now: DbTimestamp) -> Result<()> {
    // The person first, as every other writer does: nothing of theirs is added from here on, and nobody waits in a circle.
    if let Conn::Postgres(c) = &mut *conn {
        let person = people::table.filter(people::person_no.eq(no));
        let _held: Option<i64> = person.select(people::rev).for_update().first(c).optional()?;
    }
    leave_invitations(conn, no, now)?;
    end_with_account(conn, no)?;
    delete_contributions(conn, no)?;
    delete_break_glass(conn, no)?;
    on!(conn, |c| {
        diesel::delete(kept_answers::table.filter(kept_answers::person_no.eq(no))).execute(c)?;
        diesel::delete(swept_ids::table.filter(swept_ids::person_no.eq(no))).execute(c)?;
        // The account may be a recipient of other people's consents too.
        let named = consent_recipients::table.filter(consent_recipients::account_no.eq(no));
        diesel::delete(named).execute(c)?;
        let own = consent_recipients::table.filter(consent_recipients::person_no.eq(no));
        diesel::delete(own).execute(c)?;
        diesel::delete(consents::table.filter(consents::person_no.eq(no))).execute(c)?;
        diesel::delete(restrictions::table.filter(restrictions::person_no.eq(no))).execute(c)?;
        diesel::delete(timers::table.filter(timers::person_no.eq(no))).execute(c)?;
        diesel::delete(shared_looks::table.filter(shared_looks::person_no.eq(no))).execute(c)?;
        diesel::delete(shared_looks::table.filter(shared_looks::account_no.eq(no))).execute(c)?;
        diesel::delete(record_items::table.filter(record_items::person_no.eq(no))).execute(c)?;
        diesel::delete(record_history::table.filter(record_history::person_no.eq(no))).execute(c)?;
        diesel::delete(records::table.filter(records::person_no.eq(no))).execute(c)?;
        diesel::delete(peer_profiles::table.filter(peer_profiles::person_no.eq(no))).execute(c)?;
        diesel::delete(audit_heads::table.filter(audit_heads::person_no.eq(no))).execute(c)?;
        diesel::delete(disclosures::table.filter(disclosures::person_no.eq(no))).execute(c)?;
        diesel::delete(access_log::table.filter(access_log::person_no.eq(no))).execute(c)?;
        diesel::delete(people::table.filter(people::person_no.eq(no))).execute(c)?;
        diesel::delete(sessions::table.filter(sessions::account_no.eq(no))).execute(c)?;
        diesel::delete(security_events::table.filter(security_events::account_no.eq(no))).execute(c)?;
        diesel::delete(logins::table.filter(logins::account_no.eq(no))).execute(c)?;
        diesel::delete(accounts::table.filter(accounts::no.eq(no))).execute(c)?;
    });
    Ok(())
}
