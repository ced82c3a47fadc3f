//! Growing delays after sign-ins that did not succeed. Never a lock: someone who attacks must not be able to keep
//! a person in crisis out, so the longest wait is short, and a network that has signed in before is judged on its own.

use chrono::{DateTime, Utc};
use mainstay_store::{
    Store,
    login_delay::{DelayKey, Failures},
};

use crate::http::problem::{HandlerResult, Problem, ProblemKind};

/// Failures are forgotten after this long without a further one, in seconds.
const FORGET_S: i64 = 15 * 60;

/// How many failures are free, and how long the wait can become.
#[derive(Debug, Clone, Copy)]
struct Policy {
    free: i64,
    longest_s: i64,
}

/// One account from one network.
const PAIR: Policy = Policy {
    free: 4,
    longest_s: 60,
};
/// One account from networks that never signed in to it.
const ACCOUNT: Policy = Policy {
    free: 10,
    longest_s: 30,
};
/// One network, whatever the account.
const NETWORK: Policy = Policy {
    free: 50,
    longest_s: 60,
};

impl Policy {
    /// The state after one failure more.
    fn after(self, before: Failures, now: i64) -> Failures {
        let count = if now - before.last_at > FORGET_S * 1_000_000 {
            1
        } else {
            before.count + 1
        };
        let over = count - self.free;
        let wait_s = if over <= 0 {
            0
        } else {
            (1_i64 << over.min(20)).min(self.longest_s)
        };
        Failures {
            count,
            retry_at: now + wait_s * 1_000_000,
            last_at: now,
        }
    }
}

/// A try to sign in to an address from a network.
pub struct Attempt<'a> {
    store: &'a Store,
    pair: DelayKey,
    account: DelayKey,
    network: DelayKey,
    known: DelayKey,
    now: i64,
}

impl<'a> Attempt<'a> {
    /// A try at that time.
    pub fn new(store: &'a Store, email: &str, network: &str, now: DateTime<Utc>) -> Self {
        Self {
            store,
            pair: DelayKey::Account(format!("{email}\n{network}")),
            account: DelayKey::Account(email.to_owned()),
            network: DelayKey::Network(network.to_owned()),
            known: DelayKey::Network(format!("{email}\n{network}")),
            now: now.timestamp_micros(),
        }
    }

    /// Succeeds if the try may be made now.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub async fn check(&self) -> HandlerResult<()> {
        let mut retry_at = 0;
        for key in self.counted().await? {
            retry_at = retry_at.max(self.store.failures(key).await?.retry_at);
        }
        let wait = retry_at - self.now;
        if wait > 0 {
            Err(Problem::retry(ProblemKind::TooManyRequests, wait / 1_000_000 + 1))
        } else {
            Ok(())
        }
    }

    /// Notes that the try did not succeed.
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

    /// Notes that the try succeeded: the network is known from now on.
    pub async fn succeeded(&self) -> HandlerResult<()> {
        self.store.clear_failures(&self.pair).await?;
        let now = self.now;
        self.store
            .note_failure(&self.known, move |_| Failures {
                count: 0,
                retry_at: 0,
                last_at: now,
            })
            .await?;
        Ok(())
    }

    /// The keys whose delays count for this try.
    async fn counted(&self) -> HandlerResult<Vec<&DelayKey>> {
        if self.store.failures(&self.known).await?.last_at == 0 {
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
    fn waits_grow_up_to_a_bound_and_are_forgotten() {
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
