//! Erases accounts, and enters the erasures into the ledger.

use std::collections::BTreeSet;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
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
            restrictions, security_events, sessions, shared_looks, timers,
        },
        types::{DbTimestamp, DbUuid},
    },
    erasure_ledger::Erasure,
    error::{Result, StoreError},
    invitation::end_with_account,
    on,
};

impl Store {
    /// Erases an account and everything that belongs to it. The data key is destroyed first: from then on nothing opens.
    /// The erasure is entered into the ledger at `now` (microseconds).
    pub async fn erase_account(&self, id: Uuid, now: i64) -> Result<()> {
        let mark = self.data.write_for(Party::Background, move |conn| {
            let change = diesel::update(accounts::table.filter(accounts::id.eq(DbUuid(id))))
                .set(accounts::state.eq(ERASING));
            Ok(on!(conn, |c| change.execute(c))?)
        });
        mark.await?;
        self.finish_erasure(id, now).await
    }

    /// Completes erasures that a stop of the server interrupted. Gives their number.
    pub async fn resume_erasures(&self, now: i64) -> Result<usize> {
        let read = self.data.read_for(Party::Background, |conn| {
            let query = accounts::table
                .filter(accounts::state.eq(ERASING))
                .select(accounts::id);
            Ok(on!(conn, |c| query.load::<DbUuid>(c))?)
        });
        let pending = read.await?;
        let mut outcome = Ok(pending.len());
        for id in pending {
            // One that fails must not keep the others waiting.
            outcome = first_error(outcome, self.finish_erasure(id.0, now).await);
        }
        outcome
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
            self.delete_rows(no, now).await?;
            self.cache.forget_person(no);
        }
        Ok(())
    }

    async fn finish_erasure(&self, id: Uuid, now: i64) -> Result<()> {
        self.keys.erase(id, DbTimestamp(now)).await?;
        // The table of the key store has the erasure. If this fails, the job does it.
        if let Err(error) = self.enter_into_ledger(vec![Erasure::new(id, now)]).await {
            log::warn!("an erasure is not in the file of the ledger yet: {error}");
        }
        if let Some(no) = self.account_no(id).await? {
            self.cache.forget_person(no);
            self.delete_rows(no, now).await?;
            // Again, since requests that had the key already could read until now.
            self.cache.forget_person(no);
        }
        // If somebody is in the way, the erasures job tries again.
        self.data.truncate_log().await.map(drop)
    }

    /// Empties the logs that hold what was erased, because somebody was in the way before.
    ///
    /// # Errors
    /// Of the databases.
    pub async fn empty_logs_that_are_left(&self) -> Result<()> {
        self.keys.empty_log_that_is_left().await?;
        self.data.empty_log_that_is_left().await
    }

    async fn delete_rows(&self, no: i64, now: i64) -> Result<()> {
        self.data
            .write_for(Party::Background, move |conn| {
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

/// Deletes everything of an account from the record. Its address is free again. What it took of others ends at `now`.
pub(crate) fn delete_rows(conn: &mut Conn, no: i64, now: DbTimestamp) -> Result<()> {
    // The person first, as every other writer does: nothing of theirs is added from here on, and nobody waits in a circle.
    if let Conn::Postgres(c) = &mut *conn {
        let person = people::table.filter(people::person_no.eq(no));
        let _held: Option<i64> = person.select(people::rev).for_update().first(c).optional()?;
    }
    end_with_account(conn, no, now)?;
    delete_contributions(conn, no)?;
    delete_break_glass(conn, no)?;
    on!(conn, |c| {
        diesel::delete(kept_answers::table.filter(kept_answers::person_no.eq(no))).execute(c)?;
        diesel::delete(kept_answers::table.filter(kept_answers::account_no.eq(no))).execute(c)?;
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
