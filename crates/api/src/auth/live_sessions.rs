//! The live sessions: asked of the store, remembered for five seconds at most.

use mainstay_store::{Store, session::Principal};
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::{
    auth::{access_token::Claims, refresh_token::IDLE_S},
    http::problem::HandlerResult,
};

/// How long a session's state is believed, in microseconds: an ended session stops everywhere within this time.
const BELIEVED_US: i64 = 5_000_000;
/// Sessions that are remembered.
const REMEMBERED: usize = 50_000;

/// The sessions of late.
pub struct Sessions {
    remembered: Cache<Uuid, (Principal, i64)>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            remembered: Cache::new(REMEMBERED),
        }
    }
}

impl Sessions {
    /// Who is behind the session of an access token, if it lives.
    pub async fn principal(
        &self,
        store: &Store,
        claims: &Claims,
        now: i64,
    ) -> HandlerResult<Option<Principal>> {
        if let Some((principal, seen_at)) = self.remembered.get(&claims.sid)
            && (0..BELIEVED_US).contains(&(now - seen_at))
            && principal.scope.account() == claims.sub
        {
            return Ok(Some(principal));
        }
        let found = store
            .principal(claims.sub, claims.sid, now - IDLE_S * 1_000_000)
            .await?;
        match &found {
            Some(principal) => self.remembered.insert(claims.sid, (principal.clone(), now)),
            None => self.forget(claims.sid),
        }
        Ok(found)
    }

    /// Asks the store again next time.
    pub fn forget(&self, session: Uuid) {
        self.remembered.remove(&session);
    }

    /// Asks the store again for every session.
    pub fn forget_all(&self) {
        self.remembered.clear();
    }
}
