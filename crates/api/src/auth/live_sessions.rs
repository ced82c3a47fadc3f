//! A cache of live sessions, which asks the store again after five seconds.

use mainstay_store::{Store, Urgency, session::Principal};
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::{auth::access_token::Claims, http::problem::HandlerResult};

/// How long an entry is used, in microseconds. An ended session stops working on every server within this time.
const MAX_AGE_US: i64 = 5_000_000;
/// The number of sessions in the cache.
const MAX_CACHED: usize = 50_000;

/// Sessions that were found live, or not, in the last seconds.
pub struct Sessions {
    cached: Cache<Uuid, (Principal, i64)>,
    /// When a session was found not to be live. Its access tokens are still signed, and must not cost a look-up each.
    ended: Cache<Uuid, i64>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            cached: Cache::new(MAX_CACHED),
            ended: Cache::new(MAX_CACHED),
        }
    }
}

impl Sessions {
    /// Returns the account and session of an access token, if the session is live. `now` is in microseconds since 1970.
    ///
    /// # Errors
    /// Any error of the store.
    pub async fn principal(
        &self,
        store: &Store,
        claims: &Claims,
        now: i64,
        urgency: Urgency,
    ) -> HandlerResult<Option<Principal>> {
        if let Some((principal, seen_at)) = self.cached.get(&claims.sid)
            && (0..MAX_AGE_US).contains(&(now - seen_at))
            && principal.scope.account() == claims.sub
        {
            return Ok(Some(principal));
        }
        let ended = self.ended.get(&claims.sid);
        if ended.is_some_and(|seen_at| (0..MAX_AGE_US).contains(&(now - seen_at))) {
            return Ok(None);
        }
        let found = store
            .principal_in_turn(claims.sub, claims.sid, now, urgency)
            .await?;
        if let Some(principal) = &found {
            self.cached.insert(claims.sid, (principal.clone(), now));
        } else {
            self.forget(claims.sid);
            self.ended.insert(claims.sid, now);
        }
        Ok(found)
    }

    /// Drops a session, so that the next request asks the store.
    pub fn forget(&self, session: Uuid) {
        self.cached.remove(&session);
        self.ended.remove(&session);
    }

    /// Drops every session.
    pub fn forget_all(&self) {
        self.cached.clear();
        self.ended.clear();
    }
}
