//! The requests with an `Idempotency-Key` that this server is serving: of those with the same key one runs at a time.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// The keys of running requests, each with a channel that closes when its request ends.
type Running = HashMap<Vec<u8>, watch::Receiver<()>>;

/// The keys of running requests. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct RunningKeys(Arc<Mutex<Running>>);

/// The right to run the request with a key. Dropping it lets the next one run.
#[derive(Debug)]
pub struct Claim {
    keys: RunningKeys,
    key: Vec<u8>,
    _running: watch::Sender<()>,
}

impl RunningKeys {
    /// Waits until no other request with the key runs here. Returns `None` if one still does after `max_wait`.
    pub async fn claim(&self, key: &[u8], max_wait: Duration) -> Option<Claim> {
        let deadline = Instant::now() + max_wait;
        loop {
            let mut other = match self.lock().entry(key.to_vec()) {
                Entry::Occupied(entry) => entry.get().clone(),
                Entry::Vacant(entry) => {
                    let (running, other) = watch::channel(());
                    entry.insert(other);
                    return Some(Claim {
                        keys: self.clone(),
                        key: key.to_vec(),
                        _running: running,
                    });
                }
            };
            // Nothing is ever sent: the channel closes when the claim is dropped.
            timeout_at(deadline, other.changed()).await.ok()?.err()?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[actix_web::test]
    async fn one_request_with_a_key_runs_at_a_time() {
        let keys = RunningKeys::default();
        let first = keys.claim(b"a", SHORT).await.unwrap();
        let other_key = keys.claim(b"b", SHORT).await;
        assert!(other_key.is_some() && keys.claim(b"a", SHORT).await.is_none());
        let waiting = actix_web::rt::spawn({
            let keys = keys.clone();
            async move { keys.claim(b"a", LONG).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
        drop(other_key);
        assert!(keys.lock().is_empty(), "nothing stays behind");
    }
}
