//! Rate limits, generous ones against runaway clients and floods. Each server counts for itself, in memory.

use std::{iter::once, net::IpAddr, num::NonZeroU32, time::Duration};

use actix_web::{HttpMessage, HttpRequest};
use governor::{
    DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};
use uuid::Uuid;

use crate::http::{
    network::networks,
    problem::{HandlerResult, Problem, ProblemKind},
};

type Limiter<K> = RateLimiter<
    K,
    governor::state::keyed::DefaultKeyedStateStore<K>,
    DefaultClock,
    StateInformationMiddleware,
>;

/// Requests of one account in [`WINDOW_S`].
const ACCOUNT_REQUESTS: u32 = 6000;
/// Requests without sign-in of one network in [`WINDOW_S`].
const NETWORK_REQUESTS: u32 = 1200;
/// Requests of one device in [`WINDOW_S`] for new tokens.
const DEVICE_REQUESTS: u32 = 120;
/// Requests of one network for helplines in [`WINDOW_S`]. They are many, since nobody may be kept from help, and the lists
/// are built already.
const HELPLINE_REQUESTS: u32 = 6000;
/// Codes of invitations that one account may try in [`CODE_WINDOW_S`].
const ACCOUNT_CODES: u32 = 20;
/// The length of the window for codes, in seconds: an hour.
const CODE_WINDOW_S: u32 = 3600;
/// So many times the requests of a network may come from each wider one that it is a part of.
const WIDER: [u32; 2] = [4, 16];
/// The length of the window, in seconds.
const WINDOW_S: u32 = 60;

/// The limiters of accounts and networks.
pub struct Limits {
    limiters: Option<Limiters>,
}

struct Limiters {
    accounts: Limiter<Uuid>,
    /// For codes of invitations.
    codes: Limiter<Uuid>,
    networks: Limiter<String>,
    /// For the wider networks of IPv6 addresses, the narrower one first.
    wider: Vec<Limiter<String>>,
    devices: Limiter<(DeviceProof, Uuid)>,
    /// For requests for helplines, by network, the narrowest first.
    helplines: Vec<Limiter<String>>,
}

impl Limiters {
    fn new() -> Option<Self> {
        let network = |requests| Some(DefaultKeyedRateLimiter::keyed(quota(requests)?).with_middleware());
        let wider: Option<Vec<_>> = WIDER
            .iter()
            .map(|times| network(NETWORK_REQUESTS * times))
            .collect();
        Some(Self {
            accounts: DefaultKeyedRateLimiter::keyed(quota(ACCOUNT_REQUESTS)?).with_middleware(),
            codes: DefaultKeyedRateLimiter::keyed(quota_in(ACCOUNT_CODES, CODE_WINDOW_S)?).with_middleware(),
            networks: network(NETWORK_REQUESTS)?,
            wider: wider?,
            devices: DefaultKeyedRateLimiter::keyed(quota(DEVICE_REQUESTS)?).with_middleware(),
            helplines: once(1)
                .chain(WIDER)
                .map(|times| network(HELPLINE_REQUESTS * times))
                .collect::<Option<Vec<_>>>()?,
        })
    }
}

/// The rate limit headers of a response.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitStatus {
    /// The name of the policy.
    pub policy: &'static str,
    /// Requests in the window.
    pub quota: u32,
    /// Requests that are left in the window.
    pub remaining: u32,
}

impl RateLimitStatus {
    /// The value of `RateLimit-Policy`.
    pub fn policy_header(&self) -> String {
        format!("\"{}\";q={};w={WINDOW_S}", self.policy, self.quota)
    }

    /// The value of `RateLimit`.
    pub fn header(&self) -> String {
        format!("\"{}\";r={};t=1", self.policy, self.remaining)
    }
}

impl Limits {
    /// Creates limiters that are on or off.
    pub fn new(mode: LimitMode) -> Self {
        let limiters = match mode {
            LimitMode::Off => None,
            LimitMode::On => Limiters::new(),
        };
        Self { limiters }
    }

    /// Counts a request of an account.
    ///
    /// # Errors
    /// 429 after too many.
    pub fn count_account(&self, account: Uuid, request: &HttpRequest) -> HandlerResult<()> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        count(&limiters.accounts, &account, "account", ACCOUNT_REQUESTS, request)
    }

    /// Counts the code of an invitation that an account sent and that is about to be looked up.
    ///
    /// # Errors
    /// 429 after too many.
    pub fn count_code(&self, account: Uuid) -> HandlerResult<()> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        let counted = limiters.codes.check_key(&account);
        counted.map(drop).map_err(|until| too_many(&until))
    }

    /// Counts a request without sign-in from a network.
    ///
    /// # Errors
    /// 429 after too many.
    pub fn count_network(&self, address: Option<IpAddr>, request: &HttpRequest) -> HandlerResult<()> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        let mut networks = networks(address).into_iter();
        let narrowest = networks.next().unwrap_or_default();
        // The narrowest first: what it is refused does not count for the wider ones, which its neighbours share.
        count(
            &limiters.networks,
            &narrowest,
            "network",
            NETWORK_REQUESTS,
            request,
        )?;
        let of_narrowest = request.extensions().get::<RateLimitStatus>().copied();
        for ((limiter, times), network) in limiters.wider.iter().zip(WIDER).zip(networks) {
            count(limiter, &network, "network", NETWORK_REQUESTS * times, request)?;
        }
        // The headers of a response tell of the narrowest network, and those of a refusal of the one that is refused.
        if let Some(status) = of_narrowest {
            request.extensions_mut().insert(status);
        }
        Ok(())
    }

    /// Counts a request of a device that has shown a token that was issued here. So a flood from its network does not shut
    /// it out.
    ///
    /// # Errors
    /// 429 after too many with tokens of that kind.
    pub fn count_device(
        &self,
        (proof, device): (DeviceProof, Uuid),
        request: &HttpRequest,
    ) -> HandlerResult<()> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        count(
            &limiters.devices,
            &(proof, device),
            "device",
            DEVICE_REQUESTS,
            request,
        )
    }

    /// Counts a request for helplines from a network, apart from its other requests.
    ///
    /// # Errors
    /// 429 after too many.
    pub fn count_helplines(&self, address: Option<IpAddr>, request: &HttpRequest) -> HandlerResult<()> {
        let Some(limiters) = &self.limiters else {
            return Ok(());
        };
        let mut narrowest = None;
        let counts = limiters.helplines.iter().zip(once(1).chain(WIDER));
        for ((limiter, times), network) in counts.zip(networks(address)) {
            count(limiter, &network, "helplines", HELPLINE_REQUESTS * times, request)?;
            // The headers of the response tell of the narrowest.
            narrowest = narrowest.or_else(|| request.extensions().get::<RateLimitStatus>().copied());
        }
        if let Some(status) = narrowest {
            request.extensions_mut().insert(status);
        }
        Ok(())
    }

    /// Drops the counts of accounts, devices and networks that have sent nothing for a window.
    pub fn sweep(&self) {
        if let Some(limiters) = &self.limiters {
            limiters.accounts.retain_recent();
            limiters.codes.retain_recent();
            limiters.devices.retain_recent();
            let of_networks = limiters.wider.iter().chain([&limiters.networks]);
            for networks in of_networks.chain(&limiters.helplines) {
                networks.retain_recent();
            }
        }
    }
}

/// What shows that a request comes from a device. Each kind is counted apart: whoever has a copy of a device token must not
/// keep the device from refreshing its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceProof {
    /// A refresh or access token of its session.
    Session,
    /// Its device token.
    DeviceToken,
}

/// Whether rate limits apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitMode {
    /// They apply.
    On,
    /// They do not apply.
    Off,
}

fn quota(requests: u32) -> Option<Quota> {
    quota_in(requests, WINDOW_S)
}

/// So many requests in a window of so many seconds.
fn quota_in(requests: u32, window_s: u32) -> Option<Quota> {
    let burst = NonZeroU32::new(requests)?;
    let period = Duration::from_secs(u64::from(window_s)).checked_div(requests)?;
    Some(Quota::with_period(period)?.allow_burst(burst))
}

/// The problem of a request too many, with the time to wait.
fn too_many(until: &NotUntil<<DefaultClock as Clock>::Instant>) -> Problem {
    let wait = until.wait_time_from(DefaultClock::default().now());
    let seconds = i64::try_from(wait.as_secs())
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    Problem::retry(ProblemKind::TooManyRequests, seconds)
}

fn count<K: std::hash::Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    key: &K,
    policy: &'static str,
    quota: u32,
    request: &HttpRequest,
) -> HandlerResult<()> {
    let (remaining, outcome) = match limiter.check_key(key) {
        Ok(state) => (state.remaining_burst_capacity(), Ok(())),
        Err(until) => (0, Err(too_many(&until))),
    };
    request.extensions_mut().insert(RateLimitStatus {
        policy,
        quota,
        remaining,
    });
    outcome
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_flood_is_refused_with_a_time_to_try_again() {
        let limits = Limits::new(LimitMode::On);
        let request = TestRequest::default().to_http_request();
        for _ in 0..NETWORK_REQUESTS {
            assert!(limits.count_network(None, &request).is_ok());
        }
        let problem = limits.count_network(None, &request).unwrap_err();
        assert_eq!(
            (problem.kind, problem.retry_after),
            (ProblemKind::TooManyRequests, Some(1))
        );
        assert!(
            limits.count_account(Uuid::nil(), &request).is_ok(),
            "an account has a limit of its own"
        );
        assert!(Limits::new(LimitMode::Off).count_network(None, &request).is_ok());
    }

    #[test]
    fn codes_of_invitations_are_few_an_hour() {
        let limits = Limits::new(LimitMode::On);
        for _ in 0..ACCOUNT_CODES {
            assert!(limits.count_code(Uuid::nil()).is_ok());
        }
        let problem = limits.count_code(Uuid::nil()).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::TooManyRequests);
        assert!(problem.retry_after.is_some_and(|seconds| seconds > 100));
        assert!(limits.count_code(Uuid::max()).is_ok(), "each account by itself");
        assert!(Limits::new(LimitMode::Off).count_code(Uuid::nil()).is_ok());
    }

    #[test]
    fn helplines_and_devices_are_counted_apart_from_their_network() {
        let limits = Limits::new(LimitMode::On);
        let request = TestRequest::default().to_http_request();
        while limits.count_network(None, &request).is_ok() {}
        for _ in 0..HELPLINE_REQUESTS {
            assert!(limits.count_helplines(None, &request).is_ok());
        }
        // A slow machine has got some back meanwhile.
        while limits.count_helplines(None, &request).is_ok() {}
        assert!(limits.count_helplines("192.0.2.1".parse().ok(), &request).is_ok());
        let device = |proof, device| limits.count_device((proof, device), &request);
        for _ in 0..DEVICE_REQUESTS {
            assert!(device(DeviceProof::DeviceToken, Uuid::nil()).is_ok());
        }
        assert!(device(DeviceProof::DeviceToken, Uuid::nil()).is_err());
        assert!(device(DeviceProof::DeviceToken, Uuid::max()).is_ok());
        assert!(device(DeviceProof::Session, Uuid::nil()).is_ok());
    }

    #[test]
    fn many_networks_of_one_customer_share_a_wider_limit() {
        let limits = Limits::new(LimitMode::On);
        let request = TestRequest::default().to_http_request();
        let address = |n: u32| format!("2001:db8:1:{:x}::1", n % 256).parse().ok();
        let allowed = (0..10_000).take_while(|n| limits.count_network(address(*n), &request).is_ok());
        let (allowed, most) = (allowed.count(), NETWORK_REQUESTS as usize * 4);
        assert!(allowed >= most && allowed < most + most / 10, "{allowed}");
        let elsewhere = "2001:db8:2::1".parse().ok();
        assert!(limits.count_network(elsewhere, &request).is_ok());
    }

    #[test]
    fn what_one_network_is_refused_uses_up_nothing_of_its_neighbours() {
        let limits = Limits::new(LimitMode::On);
        let request = TestRequest::default().to_http_request();
        let flood = "2001:db8:1:1::1".parse().ok();
        let allowed = (0..30_000)
            .filter(|_| limits.count_network(flood, &request).is_ok())
            .count();
        assert!(allowed < NETWORK_REQUESTS as usize * 2, "{allowed}");
        for neighbour in ["2001:db8:1:2::1", "2001:db8:1:ff00::1"] {
            assert!(
                limits.count_network(neighbour.parse().ok(), &request).is_ok(),
                "{neighbour}"
            );
            let status = request.extensions().get::<RateLimitStatus>().copied().unwrap();
            assert_eq!(
                (status.quota, status.remaining),
                (NETWORK_REQUESTS, NETWORK_REQUESTS - 1)
            );
        }
    }
}
