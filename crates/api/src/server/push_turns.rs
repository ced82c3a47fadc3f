//! The turns of pushes: one at a time for each account, and so many for all together.

use std::{sync::Arc, time::Duration};

use mainstay_store::{
    StoreError,
    turns::{PartyTurn, PartyTurns},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use uuid::Uuid;

/// The number of pushes that are validated and written at a time: enough to keep a database busy. Of the others the server
/// holds only the request, not what is derived from it.
pub const CONCURRENT_PUSHES: usize = 32;
/// The number of pushes of an account that may wait for each other: more than a person has devices.
const MAY_WAIT: usize = 32;
/// The time that a push waits for its turns.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The turns of all accounts.
pub struct PushTurns {
    accounts: PartyTurns<Uuid>,
    shared: Arc<Semaphore>,
}

/// The turn of a push. It ends when it is dropped.
pub struct PushTurn {
    _shared: OwnedSemaphorePermit,
    _account: PartyTurn<Uuid>,
}

impl Default for PushTurns {
    fn default() -> Self {
        Self {
            accounts: PartyTurns::new(1, MAY_WAIT),
            shared: Arc::new(Semaphore::new(CONCURRENT_PUSHES)),
        }
    }
}

impl PushTurns {
    /// Waits until the account has no other push under way, and fewer than [`CONCURRENT_PUSHES`] others are.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if that takes more than two seconds.
    pub async fn wait(&self, account: Uuid) -> Result<PushTurn, StoreError> {
        let turn = timeout(MAX_WAIT, async {
            let account = self.accounts.wait(account).await?;
            let shared = Arc::clone(&self.shared).acquire_owned().await;
            Ok(PushTurn {
                _shared: shared.map_err(|e| StoreError::Internal(e.to_string()))?,
                _account: account,
            })
        });
        turn.await.map_err(|_elapsed| StoreError::Busy)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pushes_of_one_account_hold_one_turn_of_all() {
        let turns = PushTurns::default();
        let first = turns.wait(Uuid::nil()).await.unwrap();
        let mut second = Box::pin(turns.wait(Uuid::nil()));
        let waited = timeout(Duration::from_millis(1), second.as_mut()).await;
        assert!(waited.is_err());
        assert_eq!(turns.shared.available_permits(), CONCURRENT_PUSHES - 1);
        drop(first);
        assert!(second.await.is_ok());
    }
}
