//! Who may register, and how many at a time. Each server counts for itself, in memory.
//!
//! A registration costs the hash of a password and a row that stays. So they are bounded for each network, with room for a
//! group that registers at the same place, and for all networks together.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use crate::http::{
    network::networks,
    problem::{HandlerResult, Problem, ProblemKind},
    rate_limit::LimitMode,
    retry::jittered,
};

/// So many times the registrations of a network may come from it and from each wider one that it is a part of.
const TIMES: [u32; 3] = [1, 4, 16];
/// This part of the registrations of an hour may come at once.
const BURST_PART: u32 = 3;
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
    limiters: Option<Limiters>,
}

struct Limiters {
    /// The narrowest networks first.
    networks: Vec<DefaultKeyedRateLimiter<String>>,
    /// For codes of invites. The narrowest networks first.
    codes: Vec<DefaultKeyedRateLimiter<String>>,
    all: DefaultDirectRateLimiter,
}

impl RegistrationPolicy {
    /// Creates a policy, whose limits are on or off.
    pub fn new(settings: RegistrationSettings, limits: LimitMode) -> Self {
        Self {
            mode: settings.mode,
            limiters: match limits {
                LimitMode::Off => None,
                LimitMode::On => Limiters::new(settings),
            },
        }
    }

    /// Counts a registration from a network.
    ///
    /// # Errors
    /// 429 after too many.
    pub fn count_network(&self, address: Option<IpAddr>) -> HandlerResult<()> {
        let limiters = self.limiters.as_ref();
        limiters.map_or(Ok(()), |limiters| count_in_each(&limiters.networks, address))
    }

    /// Counts the code of an invite that a network sent and that is about to be looked up. The bound is wide: others in
    /// the network of somebody who guesses have good codes.
    ///
    /// # Errors
    /// 429 after very many.
    pub fn count_code(&self, address: Option<IpAddr>) -> HandlerResult<()> {
        let limiters = self.limiters.as_ref();
        limiters.map_or(Ok(()), |limiters| count_in_each(&limiters.codes, address))
    }

    /// Counts a registration that is about to be carried out.
    ///
    /// # Errors
    /// 503 after too many from all networks together.
    pub fn count_all(&self) -> HandlerResult<()> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        limiters.all.check().map_err(|until| {
            Problem::retry(
                ProblemKind::Unavailable,
                seconds(&until) + jittered(0, MAX_SPREAD_S),
            )
        })
    }

    /// Drops the counts of networks that may send as many as ever.
    pub fn sweep(&self) {
        if let Some(limiters) = &self.limiters {
            for networks in limiters.networks.iter().chain(&limiters.codes) {
                networks.retain_recent();
            }
        }
    }
}

impl Limiters {
    fn new(settings: RegistrationSettings) -> Option<Self> {
        let networks = |per_network: u32| -> Option<Vec<_>> {
            let of = |times: &u32| Some(RateLimiter::keyed(quota(per_network.saturating_mul(*times))?));
            TIMES.iter().map(of).collect()
        };
        Some(Self {
            networks: networks(settings.per_network)?,
            codes: networks(settings.per_network.saturating_mul(CODES))?,
            all: RateLimiter::direct(quota(settings.per_hour)?),
        })
    }
}

/// Counts for a network, and for the wider ones that it is a part of.
fn count_in_each(limiters: &[DefaultKeyedRateLimiter<String>], address: Option<IpAddr>) -> HandlerResult<()> {
    // The narrowest first: what it is refused does not count for the wider ones, which others share.
    for (limiter, network) in limiters.iter().zip(networks(address)) {
        limiter
            .check_key(&network)
            .map_err(|until| Problem::retry(ProblemKind::TooManyRequests, seconds(&until)))?;
    }
    Ok(())
}

/// So many an hour, and a part of them at once.
fn quota(per_hour: u32) -> Option<Quota> {
    let period = Duration::from_hours(1).checked_div(per_hour)?;
    let burst = NonZeroU32::new((per_hour / BURST_PART).max(1))?;
    Some(Quota::with_period(period)?.allow_burst(burst))
}

/// The seconds until the next try may succeed, rounded up.
fn seconds(until: &NotUntil<<DefaultClock as Clock>::Instant>) -> i64 {
    let wait = until.wait_time_from(DefaultClock::default().now());
    i64::try_from(wait.as_secs())
        .unwrap_or(i64::MAX)
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(per_network: u32, per_hour: u32) -> RegistrationPolicy {
        let settings = RegistrationSettings {
            per_network,
            per_hour,
            ..RegistrationSettings::default()
        };
        RegistrationPolicy::new(settings, LimitMode::On)
    }

    fn address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn a_group_may_register_at_one_place_and_then_one_a_minute() {
        let policy = RegistrationPolicy::new(RegistrationSettings::default(), LimitMode::On);
        for _ in 0..20 {
            policy.count_network(address("192.0.2.1")).unwrap();
        }
        let refused = policy.count_network(address("::ffff:192.0.2.1")).unwrap_err();
        assert_eq!(refused.kind, ProblemKind::TooManyRequests);
        assert!(
            refused.retry_after.is_some_and(|s| (55..=61).contains(&s)),
            "{refused:?}"
        );
        policy.count_network(address("192.0.2.2")).unwrap();
        let off = RegistrationPolicy::new(RegistrationSettings::default(), LimitMode::Off);
        assert!((0..2000).all(|_| off.count_network(None).and_then(|()| off.count_all()).is_ok()));
    }

    #[test]
    fn many_networks_of_one_customer_share_a_wider_bound_and_none_uses_up_that_of_its_neighbours() {
        let policy = policy(30, 1000);
        let of = |n: u32| address(&format!("2001:db8:0:{n:x}::1"));
        // One network asks without end, and is given its own share only.
        let given = (0..500).filter(|_| policy.count_network(of(0)).is_ok()).count();
        assert_eq!(given, 10);
        let neighbours = (1..256).filter(|n| policy.count_network(of(*n)).is_ok()).count();
        assert_eq!(neighbours, 30, "the /56 is good for four times as many");
        let others = (256..2000)
            .filter(|n| policy.count_network(of(*n)).is_ok())
            .count();
        assert_eq!(others, 120, "the /48 is good for sixteen times as many");
        policy.count_network(address("2001:db8:1::1")).unwrap();
    }

    #[test]
    fn codes_have_a_wide_bound_of_their_own() {
        let policy = policy(30, 1000);
        let (here, elsewhere) = (address("192.0.2.1"), address("192.0.2.2"));
        let given = (0..500).filter(|_| policy.count_code(here).is_ok()).count();
        assert_eq!(given, 100, "ten times as many as registrations");
        let refused = policy.count_code(here).unwrap_err();
        assert_eq!(refused.kind, ProblemKind::TooManyRequests);
        policy.count_code(elsewhere).unwrap();
        policy.count_network(here).unwrap();
    }

    #[test]
    fn all_together_are_bounded_and_come_back_at_different_times() {
        let policy = policy(60, 300);
        assert!((0..100).all(|_| policy.count_all().is_ok()));
        let refused: Vec<Problem> = (0..50).map(|_| policy.count_all().unwrap_err()).collect();
        assert!(
            refused
                .iter()
                .all(|problem| problem.kind == ProblemKind::Unavailable)
        );
        let waits: std::collections::BTreeSet<i64> = refused.iter().filter_map(|p| p.retry_after).collect();
        let range = waits.first().unwrap()..=waits.last().unwrap();
        assert!(
            waits.len() > 5 && **range.start() >= 1 && **range.end() <= 13 + MAX_SPREAD_S,
            "{waits:?}"
        );
    }

    #[test]
    fn the_smallest_bounds_let_one_through() {
        let policy = policy(1, 1);
        policy.count_network(None).unwrap();
        policy.count_all().unwrap();
        let refused = policy.count_network(None).unwrap_err();
        assert!(
            refused.retry_after.is_some_and(|s| (3590..=3601).contains(&s)),
            "{refused:?}"
        );
    }
}
