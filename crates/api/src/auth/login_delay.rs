//! Growing delays after failed sign-ins.
//!
//! An account is never locked, because an attacker must not be able to keep a person in crisis out. So the longest wait
//! is short, and failures elsewhere do not delay a network from which the account has signed in before.

use chrono::{DateTime, Utc};
use mainstay_store::{
    Store,
    login_delay::{DelayKey, Failures},
};

use crate::http::problem::{HandlerResult, Problem, ProblemKind};

/// After this long without another failure the count starts again, in seconds.
const FORGET_S: i64 = 15 * 60;

/// The number of failures without a wait, and the longest wait.
#[derive(Debug, Clone, Copy)]
struct Policy {
    free_failures: i64,
    max_wait_s: i64,
}

/// Failures for one account from one network.
const PAIR: Policy = Policy {
    free_failures: 4,
    max_wait_s: 60,
};
/// Failures for one account from networks that never signed in to it.
const ACCOUNT: Policy = Policy {
    free_failures: 10,
    max_wait_s: 30,
};
/// Failures from one network for any account.
const NETWORK: Policy = Policy {
    free_failures: 50,
    max_wait_s: 60,
};

impl Policy {
    /// Returns the state after one more failure. `now` is in microseconds since 1970.
    fn after(self, before: Failures, now: i64) -> Failures {
        let count = if now - before.last_at > FORGET_S * 1_000_000 {
            1
        } else {
            before.count + 1
        };
        let excess = count - self.free_failures;
        let wait_s = if excess <= 0 {
            0
        } else {
            (1_i64 << excess.min(20)).min(self.max_wait_s)
        };
        Failures {
            count,
            retry_at: now + wait_s * 1_000_000,
            last_at: now,
        }
    }
}

/// An attempt to sign in to an account from a network.
pub struct Attempt<'a> {
    store: &'a Store,
    pair: DelayKey,
    account: DelayKey,
    network: DelayKey,
    known_network: DelayKey,
    now: i64,
}

impl<'a> Attempt<'a> {
    /// Creates an attempt at a time.
    pub fn new(store: &'a Store, email: &str, network: &str, now: DateTime<Utc>) -> Self {
        Self {
            store,
            pair: DelayKey::Account(format!("{email}\n{network}")),
            account: DelayKey::Account(email.to_owned()),
            network: DelayKey::Network(network.to_owned()),
            known_network: DelayKey::Network(format!("{email}\n{network}")),
            now: now.timestamp_micros(),
        }
    }

    /// Checks that the attempt needs no wait.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub async fn check(&self) -> HandlerResult<()> {
        let mut retry_at = 0;
        for key in self.relevant_keys().await? {
            retry_at = retry_at.max(self.store.failures(key).await?.retry_at);
        }
        let wait = retry_at - self.now;
        if wait > 0 {
            Err(Problem::retry(ProblemKind::TooManyRequests, wait / 1_000_000 + 1))
        } else {
            Ok(())
        }
    }

    /// Counts the attempt as failed.
    pub async fn failed(&self) -> HandlerResult<()> {
        let now = self.now;
        for (key, policy) in [
            (&self.pair, PAIR),
            (&self.account, ACCOUNT),
            (&self.network, NETWORK),
        ] {
            self.store
                .note_failure(key, move |before| policy.after(before, now))
                .await?;
        }
        Ok(())
    }

    /// Clears the failures, and stores that the account has signed in from this network.
    pub async fn succeeded(&self) -> HandlerResult<()> {
        self.store.clear_failures(&self.pair).await?;
        let now = self.now;
        self.store
            .note_failure(&self.known_network, move |_| Failures {
                count: 0,
                retry_at: 0,
                last_at: now,
            })
            .await?;
        Ok(())
    }

    /// Returns the keys whose delays apply to this attempt.
    async fn relevant_keys(&self) -> HandlerResult<Vec<&DelayKey>> {
        if self.store.failures(&self.known_network).await?.last_at == 0 {
            Ok(vec![&self.pair, &self.network, &self.account])
        } else {
            Ok(vec![&self.pair])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_start_again_after_a_pause() {
        let mut state = Failures::default();
        let mut waits = Vec::new();
        let mut now = FORGET_S * 2_000_000;
        for _ in 0..12 {
            state = PAIR.after(state, now);
            waits.push((state.retry_at - now) / 1_000_000);
            now = state.retry_at;
        }
        assert_eq!(waits, [0, 0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60]);
        now += FORGET_S * 1_000_000 + 1;
        assert_eq!(PAIR.after(state, now).count, 1);
    }
}
