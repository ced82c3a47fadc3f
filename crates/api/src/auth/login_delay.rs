//! Growing delays after wrong passwords.
//!
//! An account is never locked, because an attacker must not be able to keep a person in crisis out. So the longest wait is
//! half a minute, and what others do elsewhere delays a person as little as possible:
//!
//! - A device that the account knows is counted by itself alone, and so is a session that confirms its password.
//! - A network without a wrong try of its own is not delayed by those from other networks, unless these are very many.
//!
//! Nothing depends on whether the address has an account, or on where the account was used before. Otherwise the waits would
//! tell that somebody has an account here.
//!
//! A try counts before its password is verified, in one transaction that also looks whether it may be made. So tries at
//! the same moment all count, on however many servers. A right password gives its own try back.

use std::net::IpAddr;

use mainstay_store::{
    Store, StoreError,
    login_delay::{CLOCK_SLACK_US, DelayKey, Failures},
};
use uuid::Uuid;

use crate::{
    http::{
        network::networks,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::clock::Clock,
};

/// The longest wait, in seconds.
const MAX_WAIT_S: i64 = 30;
/// In this time one failure is forgotten, in seconds. Guesses at this rate are never delayed further.
const FORGET_ONE_S: i64 = MAX_WAIT_S;
/// After this long without another failure all are forgotten, in seconds.
const FORGET_ALL_S: i64 = 15 * 60;
/// With more failures than this for the account, a network without failures of its own is delayed by them too.
const MAX_FROM_ELSEWHERE: i64 = 100;

/// Failures without a wait, for one account from one network, and for a device or session.
const FREE_OWN: i64 = 4;
/// Failures without a wait for one account, from all networks.
const FREE_ACCOUNT: i64 = 10;
/// Failures without a wait from one network for any account: of an IPv4 address or a /64, and of the /56 and the /48
/// around it.
const FREE_NETWORKS: [i64; 3] = [50, 200, 800];

const SECOND_US: i64 = 1_000_000;

/// Whose failures a count has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Those of the one who tries. A right password clears them.
    Own,
    /// Those for the account, from everywhere.
    Account,
    /// Those from the network, for any account.
    Network,
}

/// A count that an attempt takes part in.
#[derive(Debug, Clone)]
struct Count {
    key: DelayKey,
    subject: Subject,
    /// Failures without a wait.
    free: i64,
}

/// An attempt to sign in, or to confirm a password.
pub struct Attempt {
    store: Store,
    counts: Vec<Count>,
    clock: Clock,
}

/// An attempt that was counted.
#[derive(Debug, Clone)]
pub struct Counted {
    before: Vec<Failures>,
    after: Vec<Failures>,
}

impl Attempt {
    /// Creates an attempt to sign in to an account, by its address, from an IP address.
    pub fn sign_in(store: &Store, email: &str, address: Option<IpAddr>, clock: &Clock) -> Self {
        let networks = networks(address);
        let pair = DelayKey::Pair {
            email: email.to_owned(),
            network: networks.first().cloned().unwrap_or_default(),
        };
        let of_account = [
            count(pair, Subject::Own, FREE_OWN),
            count(
                DelayKey::Account(email.to_owned()),
                Subject::Account,
                FREE_ACCOUNT,
            ),
        ];
        let of_networks = networks.into_iter().zip(FREE_NETWORKS);
        let of_networks =
            of_networks.map(|(network, free)| count(DelayKey::Network(network), Subject::Network, free));
        Self {
            store: store.clone(),
            counts: of_account.into_iter().chain(of_networks).collect(),
            clock: clock.clone(),
        }
    }

    /// The same attempt by a device that the account knows: it is counted by itself alone.
    #[must_use]
    pub fn by_device(self, account: Uuid, device: Uuid) -> Self {
        let key = DelayKey::Device { account, device };
        Self {
            counts: vec![count(key, Subject::Own, FREE_OWN)],
            ..self
        }
    }

    /// Creates an attempt of a session to confirm the password of its account.
    pub fn confirmation(store: &Store, account: Uuid, session: Uuid, clock: &Clock) -> Self {
        let key = DelayKey::Session { account, session };
        Self {
            store: store.clone(),
            counts: vec![count(key, Subject::Own, FREE_OWN)],
            clock: clock.clone(),
        }
    }

    /// Checks that the attempt needs no wait, and counts nothing.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub async fn look(&self) -> HandlerResult<()> {
        let states = self.store.failures(&self.keys()).await?;
        refuse(wait(&self.counts, &states, self.clock.micros()))
    }

    /// Checks that the attempt needs no wait, and counts it as failed.
    ///
    /// # Errors
    /// 429 with the time to wait. Then it is not counted.
    pub async fn count(&self) -> HandlerResult<Counted> {
        // The time of now: the attempt may have waited for its turn since it was looked at.
        let (counts, now) = (self.counts.clone(), self.clock.micros());
        let next = move |states: &[Failures]| {
            (wait(&counts, states, now) <= 0).then(|| one_more(&counts, states, now))
        };
        let before = self.store.change_failures(&self.keys(), next).await?;
        refuse(wait(&self.counts, &before, now))?;
        let after = one_more(&self.counts, &before, now);
        Ok(Counted { before, after })
    }

    /// Takes the count of an attempt back whose password was right. Failures of others stay counted: somebody who guesses
    /// must gain nothing by the owner signing in meanwhile.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn succeeded(&self, counted: &Counted) -> Result<(), StoreError> {
        let (counts, counted) = (self.counts.clone(), counted.clone());
        let next = move |states: &[Failures]| Some(given_back(&counts, states, &counted));
        self.store.change_failures(&self.keys(), next).await?;
        Ok(())
    }

    fn keys(&self) -> Vec<DelayKey> {
        self.counts.iter().map(|count| count.key.clone()).collect()
    }
}

const fn count(key: DelayKey, subject: Subject, free: i64) -> Count {
    Count { key, subject, free }
}

fn refuse(wait: i64) -> HandlerResult<()> {
    if wait > 0 {
        let seconds = (wait + SECOND_US - 1) / SECOND_US;
        return Err(Problem::retry(ProblemKind::TooManyRequests, seconds));
    }
    Ok(())
}

/// How long an attempt must wait, in microseconds; 0 or less if it need not.
fn wait(counts: &[Count], states: &[Failures], now: i64) -> i64 {
    let states = || counts.iter().zip(states);
    let is_first =
        states().any(|(count, state)| count.subject == Subject::Own && failures_at(state, now) == 0);
    let applies = |(count, state): &(&Count, &Failures)| match count.subject {
        Subject::Own | Subject::Network => true,
        Subject::Account => !is_first || failures_at(state, now) > MAX_FROM_ELSEWHERE,
    };
    let waits = states().filter(applies).map(|(_, state)| wait_of(state, now));
    waits.max().unwrap_or(0)
}

/// What is left of a stored wait. It is never longer than the longest one, whatever a clock said when it was stored. A
/// state that is much further ahead than clocks of servers differ holds nobody up: its clock was wrong, and the wait would
/// begin anew each time.
fn wait_of(state: &Failures, now: i64) -> i64 {
    if is_from_a_wrong_clock(state, now) {
        return 0;
    }
    (state.retry_at - now).min(MAX_WAIT_S * SECOND_US)
}

const fn is_from_a_wrong_clock(state: &Failures, now: i64) -> bool {
    state.last_at > now + CLOCK_SLACK_US
}

/// The failures that are not forgotten yet. A state from the future counts as of now.
fn failures_at(state: &Failures, now: i64) -> i64 {
    let since = (now - state.last_at).max(0) / SECOND_US;
    if since > FORGET_ALL_S {
        return 0;
    }
    (state.count - since / FORGET_ONE_S).max(0)
}

/// The states after one more failure.
fn one_more(counts: &[Count], states: &[Failures], now: i64) -> Vec<Failures> {
    let after = |(count, state): (&Count, &Failures)| {
        let failures = failures_at(state, now) + 1;
        let wait_s = match failures - count.free {
            ..=0 => 0,
            excess => (1_i64 << excess.min(20)).min(MAX_WAIT_S),
        };
        Failures {
            count: failures,
            // No time at all if there is no wait: the clock of another server may be a little behind.
            retry_at: if wait_s == 0 { 0 } else { now + wait_s * SECOND_US },
            // Never back in time: otherwise a server whose clock is ahead takes the difference for a pause, in which
            // failures are forgotten.
            last_at: if is_from_a_wrong_clock(state, now) {
                now
            } else {
                state.last_at.max(now)
            },
        }
    };
    counts.iter().zip(states).map(after).collect()
}

/// The states without one attempt that was counted. Its own failures are cleared.
fn given_back(counts: &[Count], states: &[Failures], counted: &Counted) -> Vec<Failures> {
    let attempt = counted.before.iter().zip(&counted.after);
    let without = |((count, state), (before, after)): ((&Count, &Failures), (&Failures, &Failures))| {
        if count.subject == Subject::Own {
            return Failures {
                count: 0,
                retry_at: 0,
                ..*state
            };
        }
        Failures {
            count: (state.count - 1).max(0),
            // Unless another failure has set a wait since, the one before the attempt holds again.
            retry_at: if state.retry_at == after.retry_at {
                before.retry_at
            } else {
                state.retry_at
            },
            last_at: state.last_at,
        }
    };
    counts.iter().zip(states).zip(attempt).map(without).collect()
}

#[cfg(test)]
mod tests;
