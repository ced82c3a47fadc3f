//! Who may register, and how many at a time. Each server counts for itself, in memory.
//!
//! A registration costs the hash of a password and a row that stays. So they are bounded for each network, with room for a
//! group that registers at the same place, and for all networks together. Of the bound of all each customer has a share,
//! so that no party uses it up with many networks.
//!
//! A registration that ends before it costs a hash is taken back: the guard of its count is dropped.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    auth::turns::Precedence,
    http::{
        network::{customer, networks, provider},
        problem::{HandlerResult, Problem, ProblemKind},
        rate_limit::LimitMode,
        retry::jittered,
    },
};

use self::counts::{Networks, Refusal, Shares};

mod counts;

/// So many times the registrations of a network may come from it and from each wider one that it is a part of.
const TIMES: [u32; 3] = [1, 4, 16];
/// So many times the registrations of a network may it send codes of invites that are looked up.
const CODES: u32 = 10;
/// The longest time by which clients that are refused together are spread, in seconds.
const MAX_SPREAD_S: i64 = 30;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Everyone.
    Open,
    /// Those who have the code of an invite.
    Invite,
    /// Nobody. Accounts are created on the command line.
    Closed,
}

/// Who may register, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationSettings {
    /// Who may register.
    pub mode: RegistrationMode,
    /// Registrations of one network an hour, at least 1.
    pub per_network: u32,
    /// Registrations of all networks together an hour, at least 1.
    pub per_hour: u32,
}

impl Default for RegistrationSettings {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Open,
            per_network: 60,
            per_hour: 1000,
        }
    }
}

/// Decides who may register, and counts registrations.
pub struct RegistrationPolicy {
    /// Who may register.
    pub mode: RegistrationMode,
    began: Instant,
    counts: Option<Mutex<Counts>>,
}

struct Counts {
    /// Registrations, by network.
    networks: Networks,
    /// Codes of invites, by network.
    codes: Networks,
    /// Registrations of all, with the share of each.
    all: Shares,
}

/// A count that was taken. Dropping it takes it back.
#[must_use]
pub struct Counted<'a> {
    policy: &'a RegistrationPolicy,
    /// `None` if nothing is to be taken back.
    what: Option<What>,
}

impl std::fmt::Debug for Counted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted")
    }
}

enum What {
    Registration(Vec<String>),
    Code(Vec<String>),
    /// One of all, from these sharers.
    Share(Vec<String>),
}

impl RegistrationPolicy {
    /// Creates a policy, whose limits are on or off.
    pub fn new(settings: RegistrationSettings, limits: LimitMode) -> Self {
        let counts = || {
            let networks =
                |per_network: u32| Networks::new(&TIMES.map(|times| per_network.saturating_mul(times)));
            Mutex::new(Counts {
                networks: networks(settings.per_network),
                codes: networks(settings.per_network.saturating_mul(CODES)),
                all: Shares::new(settings.per_hour),
            })
        };
        Self {
            mode: settings.mode,
            began: Instant::now(),
            counts: (limits == LimitMode::On).then(counts),
        }
    }

    /// Counts a registration from a network.
    ///
    /// # Errors
    /// 429 after too many.
    pub fn count_network(&self, address: Option<IpAddr>) -> HandlerResult<Counted<'_>> {
        let networks = networks(address);
        self.count(What::Registration(networks), |counts, networks, now| {
            counts.networks.take(networks, now).map_err(too_many)
        })
    }

    /// Counts the code of an invite that a network sent and that is about to be looked up. The bound is wide: others in
    /// the network of somebody who guesses have good codes.
    ///
    /// # Errors
    /// 429 after very many.
    pub fn count_code(&self, address: Option<IpAddr>) -> HandlerResult<Counted<'_>> {
        self.count(What::Code(networks(address)), |counts, networks, now| {
            counts.codes.take(networks, now).map_err(too_many)
        })
    }

    /// Counts a registration for the bound of all. Those who have registered little lately come first.
    ///
    /// # Errors
    /// 503 after too many from all networks together; 429 if the network has used up its share.
    pub fn count_all(&self, address: Option<IpAddr>) -> HandlerResult<(Counted<'_>, Precedence)> {
        let mut precedence = Precedence::Usual;
        let sharers = vec![customer(address), provider(address)];
        let counted = self.count(What::Share(sharers), |counts, sharers, now| {
            precedence = counts.all.take(sharers, now).map_err(refused)?;
            Ok(())
        });
        Ok((counted?, precedence))
    }

    /// Counts a registration by invite for the bound of all. It takes no share: a group may have been invited at one place.
    ///
    /// # Errors
    /// 503 after too many from all networks together.
    pub fn count_invited(&self) -> HandlerResult<Counted<'_>> {
        self.count(What::Share(Vec::new()), |counts, _, now| {
            counts.all.take(&[], now).map_err(refused).map(drop)
        })
    }

    /// Drops the counts of networks that may send as many as ever.
    pub fn sweep(&self) {
        if let Some((mut counts, now)) = self.lock() {
            counts.networks.sweep(now);
            counts.codes.sweep(now);
            counts.all.sweep(now);
        }
    }

    fn count(
        &self,
        what: What,
        take: impl FnOnce(&mut Counts, &[String], Duration) -> HandlerResult<()>,
    ) -> HandlerResult<Counted<'_>> {
        let Some((mut counts, now)) = self.lock() else {
            return Ok(Counted {
                policy: self,
                what: None,
            });
        };
        take(&mut counts, what.names(), now)?;
        Ok(Counted {
            policy: self,
            what: Some(what),
        })
    }

    /// The counts and the time since the start, if the limits are on.
    fn lock(&self) -> Option<(MutexGuard<'_, Counts>, Duration)> {
        let counts = self.counts.as_ref()?;
        let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        Some((counts, self.began.elapsed()))
    }
}

impl What {
    fn names(&self) -> &[String] {
        match self {
            Self::Registration(names) | Self::Code(names) | Self::Share(names) => names,
        }
    }
}

impl Counted<'_> {
    /// Lets the count stand: a hash is computed, or a question was answered.
    pub fn keep(mut self) {
        self.what = None;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let Some(what) = self.what.take() else { return };
        let Some((mut counts, now)) = self.policy.lock() else {
            return;
        };
        match what {
            What::Registration(networks) => counts.networks.give_back(&networks),
            What::Code(networks) => counts.codes.give_back(&networks),
            What::Share(sharers) => counts.all.give_back(&sharers, now),
        }
    }
}

fn too_many(wait: Duration) -> Problem {
    Problem::retry(ProblemKind::TooManyRequests, seconds(wait))
}

/// Those who are refused together do not come back together.
fn refused(refusal: Refusal) -> Problem {
    let (kind, wait) = match refusal {
        Refusal::Full(wait) => (ProblemKind::Unavailable, wait),
        Refusal::ShareUsed(wait) => (ProblemKind::TooManyRequests, wait),
    };
    Problem::retry(kind, seconds(wait) + jittered(0, MAX_SPREAD_S))
}

/// The seconds of a wait, rounded up.
fn seconds(wait: Duration) -> i64 {
    i64::try_from(wait.as_secs())
        .unwrap_or(i64::MAX)
        .saturating_add(1)
}

#[cfg(test)]
mod tests;
