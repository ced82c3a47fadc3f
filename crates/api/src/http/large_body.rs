//! Turns for work on large bodies, which is done on threads that may block: reading one, or explaining what is wrong with
//! it, takes long enough to delay others that are served by the same thread.

use std::{sync::Arc, time::Duration};

use mainstay_store::{StoreError, engine::log_label::keep_label, turns::PartyTurns};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use uuid::Uuid;

use crate::http::problem::{HandlerResult, Problem};

/// The largest text that is read on the thread that serves requests, in bytes. Bodies without sign-in are shorter.
pub const MAX_INLINE: usize = 16 * 1024;
/// The number of large bodies of an account that may wait for each other. Each takes memory while it waits.
const MAY_WAIT: usize = 8;
/// How long a request waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Turns for work on large bodies: one for each account, and a number of them at a time.
pub struct LargeBodies {
    accounts: PartyTurns<Uuid>,
    turns: Arc<Semaphore>,
}

impl LargeBodies {
    /// Creates turns for that many at a time.
    pub fn new(at_a_time: usize) -> Self {
        Self {
            accounts: PartyTurns::new(1, MAY_WAIT),
            turns: Arc::new(Semaphore::new(at_a_time.max(1))),
        }
    }

    /// Does work on a text: at once if the text is short, otherwise when it is the turn of the account. Those of an account
    /// come in their order.
    ///
    /// # Errors
    /// 503 if no turn comes within two seconds, and at once if too many of the account wait already.
    pub async fn work_on<T: Send + 'static>(
        &self,
        length: usize,
        account: Option<Uuid>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> HandlerResult<T> {
        if length <= MAX_INLINE {
            return Ok(work());
        }
        let turns = timeout(MAX_WAIT, async {
            let of_account = self.accounts.wait(account.unwrap_or_default()).await?;
            let shared = Arc::clone(&self.turns).acquire_owned().await;
            let shared = shared.map_err(|e| StoreError::Internal(e.to_string()))?;
            Ok::<_, StoreError>((of_account, shared))
        });
        let turns = turns.await.map_err(|_elapsed| StoreError::Busy)??;
        // Held until the work is done, even if the client is gone by then.
        let work = keep_label(move || {
            let _turns = turns;
            work()
        });
        spawn_blocking(work).await.map_err(Problem::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::{FutureExt, future::join_all};

    use super::*;
    use crate::http::problem::ProblemKind;

    #[tokio::test]
    async fn few_large_bodies_of_an_account_wait_and_others_do_not_wait_for_them() {
        let bodies = LargeBodies::new(2);
        let of = |account: u128| Some(Uuid::from_u128(account));
        let (open, gate) = channel::<()>();
        let first = bodies.work_on(MAX_INLINE + 1, of(1), move || gate.recv().is_err());
        let mut waiting: Vec<_> = (0..MAY_WAIT)
            .map(|_| Box::pin(bodies.work_on(MAX_INLINE + 1, of(1), || ())))
            .collect();
        let mut first = Box::pin(first);
        assert!((&mut first).now_or_never().is_none());
        assert!(waiting.iter_mut().all(|body| body.now_or_never().is_none()));
        let refused = bodies.work_on(MAX_INLINE + 1, of(1), || ()).now_or_never();
        assert_eq!(refused.unwrap().unwrap_err().kind, ProblemKind::Unavailable);
        assert_eq!(
            bodies.work_on(MAX_INLINE, of(1), || 7).await.unwrap(),
            7,
            "short ones have no turn"
        );
        assert_eq!(bodies.work_on(MAX_INLINE + 1, of(2), || 8).await.unwrap(), 8);
        drop(open);
        assert!(first.await.unwrap());
        assert!(join_all(waiting).await.iter().all(Result::is_ok));
    }
}
