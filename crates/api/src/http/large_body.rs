//! Turns for work on large bodies, which is done on threads that may block: reading one, or explaining what is wrong with
//! it, takes long enough to delay others that are served by the same thread.

use std::{sync::Arc, time::Duration};

use mainstay_store::{StoreError, engine::log_label::keep_label};
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::http::{
    problem::{HandlerResult, Problem},
    running_keys::RunningKeys,
};

/// The largest text that is read on the thread that serves requests, in bytes.
pub const MAX_INLINE: usize = 16 * 1024;
/// How long a request waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Turns for work on large bodies: one for each account, and a number of them at a time.
#[derive(Debug)]
pub struct LargeBodies {
    accounts: RunningKeys,
    turns: Arc<Semaphore>,
}

impl LargeBodies {
    /// Creates turns for that many at a time.
    pub fn new(at_a_time: usize) -> Self {
        Self {
            accounts: RunningKeys::default(),
            turns: Arc::new(Semaphore::new(at_a_time.max(1))),
        }
    }

    /// Does work on a text: at once if the text is short, otherwise when it is the turn of the account.
    ///
    /// # Errors
    /// 503 if no turn comes within two seconds.
    pub async fn work_on<T: Send + 'static>(
        &self,
        length: usize,
        account: Option<Uuid>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> HandlerResult<T> {
        if length <= MAX_INLINE {
            return Ok(work());
        }
        let deadline = Instant::now() + MAX_WAIT;
        let account = account.unwrap_or_default();
        let claim = self.accounts.claim(account.as_bytes(), MAX_WAIT).await;
        let claim = claim.ok_or(StoreError::Busy)?;
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(StoreError::Busy)?;
        // Held until the work is done, even if the client is gone by then.
        let work = keep_label(move || {
            let _turns = (claim, turn);
            work()
        });
        spawn_blocking(work).await.map_err(Problem::internal)
    }
}
