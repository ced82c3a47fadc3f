//! Growing delays after wrong passwords.
//!
//! An account is never locked, because an attacker must not be able to keep a person in crisis out. So the longest wait after
//! a wrong password is half a minute, and what others do elsewhere delays a person as little as possible:
//!
//! - A device that the account knows is counted by itself alone, and so is a session that confirms its password. While
//!   somebody else guesses with a copy of its token, the device is treated as one without a token.
//! - A network without a wrong try of its own is not delayed by those from other networks, unless these are very many. Then
//!   all who try wait in line, and each keeps its place. Those who have tried less lately have a line of their own, which
//!   is faster.
//!
//! Nothing depends on whether the address has an account, or on where the account was used before. Otherwise the waits would
//! tell that somebody has an account here.
//!
//! A try counts before its password is verified, in one transaction that also looks whether it may be made. So tries at
//! the same moment all count, on however many servers. A right password gives its own try back.

use std::net::IpAddr;

use mainstay_store::{
    Store, StoreError,
    login_delay::{DelayKey, Failures},
};
use uuid::Uuid;

use crate::{
    http::{
        network::{customer, networks},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::clock::Clock,
};

use self::waits::{
    Count, FREE_ACCOUNT, FREE_NETWORKS, FREE_OWN, LINES, MAX_WAIT_S, SECOND_US, Subject, Verdict, given_back,
    judge, one_more, with_place,
};

mod waits;

/// An attempt to sign in, or to confirm a password.
pub struct Attempt {
    store: Store,
    /// The ways in which it may be counted. The first one without a wait counts.
    ways: Vec<Vec<Count>>,
    clock: Clock,
}

/// An attempt that was counted.
#[derive(Debug, Clone)]
pub struct Counted {
    counts: Vec<Count>,
    before: Vec<Failures>,
    after: Vec<Failures>,
}

impl Attempt {
    /// Creates an attempt to sign in to an account, by its address, from an IP address.
    pub fn sign_in(store: &Store, email: &str, address: Option<IpAddr>, clock: &Clock) -> Self {
        Self {
            store: store.clone(),
            ways: vec![counts_of_sign_in(email, address)],
            clock: clock.clone(),
        }
    }

    /// The same attempt by a device that the account knows: it is counted by itself alone. Only if that delays it, it is
    /// counted as one without a token, since somebody else may have a copy.
    #[must_use]
    pub fn by_device(mut self, account: Uuid, device: Uuid) -> Self {
        let key = DelayKey::Device { account, device };
        self.ways.insert(0, vec![Count::new(key, Subject::Own, FREE_OWN)]);
        self
    }

    /// Creates an attempt of a session to confirm the password of its account.
    pub fn confirmation(store: &Store, account: Uuid, session: Uuid, clock: &Clock) -> Self {
        let key = DelayKey::Session { account, session };
        Self {
            store: store.clone(),
            ways: vec![vec![Count::new(key, Subject::Own, FREE_OWN)]],
            clock: clock.clone(),
        }
    }

    /// Checks that the attempt needs no wait, and counts nothing. If it must wait in line, it takes a place.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub async fn look(&self) -> HandlerResult<()> {
        let mut shortest = None;
        for counts in &self.ways {
            match self.look_at(counts).await? {
                ..=0 => return Ok(()),
                wait => shortest = Some(shortest.map_or(wait, |other: i64| other.min(wait))),
            }
        }
        refuse(shortest.unwrap_or(0))
    }

    /// Checks that the attempt needs no wait, and counts it as failed.
    ///
    /// # Errors
    /// 429 with the time to wait. Then it is not counted.
    pub async fn count(&self) -> HandlerResult<Counted> {
        let mut shortest = i64::MAX;
        for counts in &self.ways {
            match self.count_as(counts).await? {
                Ok(counted) => return Ok(counted),
                Err(wait) => shortest = shortest.min(wait),
            }
        }
        Err(too_early(shortest))
    }

    /// Takes the count of an attempt back whose password was right. Failures of others stay counted: somebody who guesses
    /// must gain nothing by the owner signing in meanwhile.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn succeeded(&self, counted: &Counted) -> Result<(), StoreError> {
        let taken = counted.clone();
        let next =
            move |states: &[Failures]| Some(given_back(&taken.counts, states, &taken.before, &taken.after));
        self.store.change_failures(&keys(&counted.counts), next).await?;
        Ok(())
    }

    /// How long an attempt that is counted in one way must wait, in microseconds; 0 or less if it need not.
    async fn look_at(&self, counts: &[Count]) -> HandlerResult<i64> {
        let (mut counts, now) = (counts.to_vec(), self.clock.micros());
        loop {
            let states = self.store.failures(&keys(&counts)).await?;
            match judge(&counts, &states, now) {
                Verdict::Free => return Ok(0),
                Verdict::Wait(wait) => return Ok(wait),
                Verdict::NeedsLines => counts = with_lines(counts),
                Verdict::Place { .. } => break,
            }
        }
        let judged = counts.clone();
        let next = move |states: &[Failures]| match judge(&judged, states, now) {
            Verdict::Place { line } => Some(with_place(&judged, states, line, now)),
            _ => None,
        };
        let before = self.store.change_failures(&keys(&counts), next).await?;
        Ok(judge(&counts, &before, now).wait(&counts, &before, now))
    }

    /// Counts an attempt in one way, or else gives the time to wait in microseconds.
    async fn count_as(&self, counts: &[Count]) -> HandlerResult<Result<Counted, i64>> {
        // The time of now: the attempt may have waited for its turn since it was looked at.
        let (mut counts, now) = (counts.to_vec(), self.clock.micros());
        loop {
            let judged = counts.clone();
            let next = move |states: &[Failures]| match judge(&judged, states, now) {
                Verdict::Free => Some(one_more(&judged, states, now)),
                Verdict::Place { line } => Some(with_place(&judged, states, line, now)),
                Verdict::Wait(_) | Verdict::NeedsLines => None,
            };
            let before = self.store.change_failures(&keys(&counts), next).await?;
            match judge(&counts, &before, now) {
                Verdict::NeedsLines => counts = with_lines(counts),
                Verdict::Free => {
                    let after = one_more(&counts, &before, now);
                    return Ok(Ok(Counted {
                        counts,
                        before,
                        after,
                    }));
                }
                refused => return Ok(Err(refused.wait(&counts, &before, now))),
            }
        }
    }
}

/// The counts that a sign-in without a device token takes part in.
fn counts_of_sign_in(email: &str, address: Option<IpAddr>) -> Vec<Count> {
    let (networks, email) = (networks(address), email.to_owned());
    let pair = DelayKey::Pair {
        email: email.clone(),
        network: networks.first().cloned().unwrap_or_default(),
    };
    let of_customer = DelayKey::Customer {
        email: email.clone(),
        customer: customer(address),
    };
    let of_account = [
        Count::new(pair, Subject::Own, FREE_OWN),
        Count::new(of_customer, Subject::Customer, 0),
        Count::new(DelayKey::Account(email), Subject::Account, FREE_ACCOUNT),
    ];
    let of_networks = networks.into_iter().zip(FREE_NETWORKS);
    let of_networks =
        of_networks.map(|(network, free)| Count::new(DelayKey::Network(network), Subject::Network, free));
    of_account.into_iter().chain(of_networks).collect()
}

/// The same counts with the lines of the account, which are looked at only when there are any.
fn with_lines(mut counts: Vec<Count>) -> Vec<Count> {
    let email = counts.iter().find_map(|count| match &count.key {
        DelayKey::Account(email) => Some(email.clone()),
        _ => None,
    });
    let email = email.unwrap_or_default();
    counts.extend((0..LINES).map(|line| {
        let key = DelayKey::Line {
            email: email.clone(),
            line,
        };
        Count::new(key, Subject::Line(line), 0)
    }));
    counts
}

fn keys(counts: &[Count]) -> Vec<DelayKey> {
    counts.iter().map(|count| count.key.clone()).collect()
}

fn refuse(wait: i64) -> HandlerResult<()> {
    if wait > 0 {
        return Err(too_early(wait));
    }
    Ok(())
}

/// The problem of an attempt that must wait so many microseconds. Whoever waits in line is asked to come back earlier, and
/// keeps the place.
fn too_early(wait: i64) -> Problem {
    let seconds = (wait + SECOND_US - 1) / SECOND_US;
    let problem = Problem::retry(ProblemKind::TooManyRequests, seconds.min(MAX_WAIT_S));
    if seconds <= MAX_WAIT_S {
        return problem;
    }
    Problem {
        detail: Some(format!(
            "Very many others are trying to sign in with this address. You keep your place in line: about {} minutes.",
            (seconds + 59) / 60
        )),
        ..problem
    }
}
