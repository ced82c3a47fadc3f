//! Peer profiles, each sealed under the key of the account that it introduces.

use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{peer_profile::PeerProfile, record::json};
use uuid::Uuid;

use crate::{
    Store,
    contribution::lock,
    engine::{
        Party,
        schema::{account_state::ACTIVE, accounts, peer_profiles},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

/// What the seal of a profile is bound to.
const PLACE: &str = "peer profile";

impl Store {
    /// How an account introduces itself. `None` if it does not, or is being erased.
    ///
    /// # Errors
    /// Of the databases.
    pub async fn peer_profile(&self, account: Uuid) -> Result<Option<PeerProfile>> {
        let read = self.data.read_for(Party::Account(account), move |conn| {
            let query = peer_profiles::table
                .inner_join(accounts::table.on(accounts::no.eq(peer_profiles::person_no)))
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.eq(ACTIVE))
                .select(peer_profiles::sealed);
            Ok(on!(conn, |c| query.first::<Vec<u8>>(c).optional())?)
        });
        let Some(sealed) = read.await? else {
            return Ok(None);
        };
        let keys = match self.keys_of(account).await {
            Err(StoreError::PersonGone) => return Ok(None),
            keys => keys?,
        };
        let plain = keys.open(PLACE, account, &sealed)?;
        // The parser's message is left out, since it may quote the profile.
        let read = serde_json::from_slice(&plain);
        read.map(Some)
            .map_err(|e| StoreError::Internal(format!("a peer profile cannot be read: {:?}", e.classify())))
    }

    /// Writes or replaces the peer profile of an account.
    ///
    /// # Errors
    /// [`StoreError::PersonGone`].
    pub async fn put_peer_profile(&self, scope: &PersonScope, profile: PeerProfile, now: i64) -> Result<()> {
        let scope = scope.clone();
        let sealed = scope.keys.seal(PLACE, scope.account, &json(&profile))?;
        let write = self.data.write_for(scope.party(), move |conn| {
            lock(conn, &scope)?;
            let values = (
                peer_profiles::updated_at.eq(DbTimestamp(now)),
                peer_profiles::sealed.eq(sealed),
            );
            let row = peer_profiles::table.filter(peer_profiles::person_no.eq(scope.no));
            let replaced = on!(&mut *conn, |c| diesel::update(row).set(values.clone()).execute(c))?;
            if replaced == 0 {
                let row = (peer_profiles::person_no.eq(scope.no), values);
                on!(conn, |c| diesel::insert_into(peer_profiles::table)
                    .values(row)
                    .execute(c))?;
            }
            Ok(())
        });
        write.await
    }

    /// Deletes the peer profile of an account. False if it has none.
    ///
    /// # Errors
    /// Of the database.
    pub async fn delete_peer_profile(&self, scope: &PersonScope) -> Result<bool> {
        let (no, party) = (scope.no, scope.party());
        let write = self.data.write_for(party, move |conn| {
            let row = peer_profiles::table.filter(peer_profiles::person_no.eq(no));
            Ok(on!(conn, |c| diesel::delete(row).execute(c))? > 0)
        });
        write.await
    }
}
