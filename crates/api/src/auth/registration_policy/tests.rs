//! Bounds of registrations, and what gives a count back.

use super::*;

fn policy(per_network: u32, per_hour: u32) -> RegistrationPolicy {
    let settings = RegistrationSettings {
        per_network,
        per_hour,
        ..RegistrationSettings::default()
    };
    RegistrationPolicy::new(settings, LimitMode::On)
}

/// Counts a registration of a network that costs a hash.
fn network(policy: &RegistrationPolicy, address: Option<IpAddr>) -> HandlerResult<()> {
    policy.count_network(address).map(Counted::keep)
}

fn code(policy: &RegistrationPolicy, address: Option<IpAddr>) -> HandlerResult<()> {
    policy.count_code(address).map(Counted::keep)
}

/// Counts a registration of all that costs a hash. Gives whether it comes first.
fn of_all(policy: &RegistrationPolicy, address: Option<IpAddr>) -> HandlerResult<bool> {
    let (counted, precedence) = policy.count_all(address)?;
    counted.keep();
    Ok(precedence == Precedence::First)
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

#[test]
fn a_group_may_register_at_one_place_and_then_one_a_minute() {
    let policy = RegistrationPolicy::new(RegistrationSettings::default(), LimitMode::On);
    for _ in 0..20 {
        network(&policy, address("192.0.2.1")).unwrap();
    }
    let refused = network(&policy, address("::ffff:192.0.2.1")).unwrap_err();
    assert_eq!(refused.kind, ProblemKind::TooManyRequests);
    assert!(
        refused.retry_after.is_some_and(|s| (55..=61).contains(&s)),
        "{refused:?}"
    );
    network(&policy, address("192.0.2.2")).unwrap();
    let off = RegistrationPolicy::new(RegistrationSettings::default(), LimitMode::Off);
    assert!((0..2000).all(|_| network(&off, None).is_ok() && of_all(&off, None).is_ok()));
}

#[test]
fn many_networks_of_one_customer_share_a_wider_bound_and_none_uses_up_that_of_its_neighbours() {
    let policy = policy(30, 1000);
    let of = |n: u32| address(&format!("2001:db8:0:{n:x}::1"));
    // One network asks without end, and is given its own share only.
    let given = (0..500).filter(|_| network(&policy, of(0)).is_ok()).count();
    assert_eq!(given, 10);
    let neighbours = (1..256).filter(|n| network(&policy, of(*n)).is_ok()).count();
    assert_eq!(neighbours, 30, "the /56 is good for four times as many");
    let others = (256..2000).filter(|n| network(&policy, of(*n)).is_ok()).count();
    assert_eq!(others, 120, "the /48 is good for sixteen times as many");
    network(&policy, address("2001:db8:1::1")).unwrap();
}

#[test]
fn codes_have_a_wide_bound_of_their_own() {
    let policy = policy(30, 1000);
    let (here, elsewhere) = (address("192.0.2.1"), address("192.0.2.2"));
    let given = (0..500).filter(|_| code(&policy, here).is_ok()).count();
    assert_eq!(given, 100, "ten times as many as registrations");
    let refused = code(&policy, here).unwrap_err();
    assert_eq!(refused.kind, ProblemKind::TooManyRequests);
    code(&policy, elsewhere).unwrap();
    network(&policy, here).unwrap();
}

/// An address of a provider's customer that no other number has.
fn customer_number(n: u32) -> Option<IpAddr> {
    address(&format!("10.{}.{}.1", n % 250, n / 250))
}

#[test]
fn all_together_are_bounded_and_come_back_at_different_times() {
    let policy = policy(60, 300);
    assert!((0..100).all(|n| of_all(&policy, customer_number(n)).is_ok()));
    let refused: Vec<Problem> = (100..150)
        .map(|n| of_all(&policy, customer_number(n)).unwrap_err())
        .collect();
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
fn one_party_with_many_networks_leaves_half() {
    for of in [
        &(|n: u32| address(&format!("2001:db8:1:{n:x}::1"))) as &dyn Fn(u32) -> Option<IpAddr>,
        &|n| address(&format!("192.0.2.{}", n % 250)),
    ] {
        let policy = policy(60, 1000);
        let given = (0..2000).filter(|n| of_all(&policy, of(*n)).is_ok()).count();
        assert_eq!(given, 167);
        let refused = of_all(&policy, of(1)).unwrap_err();
        assert_eq!(refused.kind, ProblemKind::TooManyRequests);
        let wait = refused.retry_after;
        assert!(
            wait.is_some_and(|s| (1..=13 + MAX_SPREAD_S).contains(&s)),
            "{wait:?}"
        );
        // A group elsewhere, and first come first.
        let elsewhere = (0..80).map(|_| of_all(&policy, address("198.51.100.1")).unwrap());
        assert_eq!(elsewhere.filter(|is_first| *is_first).count(), 1);
    }
}

#[test]
fn thirty_networks_that_flood_leave_room_for_newcomers() {
    let policy = policy(60, 1000);
    for _ in 0..40 {
        for n in 0..30 {
            let _ = of_all(&policy, customer_number(n));
        }
    }
    assert!(of_all(&policy, customer_number(3)).is_err());
    for n in 100..108 {
        assert!(
            of_all(&policy, customer_number(n)).unwrap(),
            "a newcomer comes first"
        );
    }
}

#[test]
fn a_provider_with_very_many_networks_leaves_room_for_others() {
    let policy = policy(60, 1000);
    let of = |n: u32| address(&format!("2001:db8:{n:x}::1"));
    let given = (0..2000).filter(|n| of_all(&policy, of(*n)).is_ok()).count();
    assert!((310..330).contains(&given), "{given}");
    let others = (0..8).all(|n| of_all(&policy, customer_number(n)).is_ok());
    assert!(others);
}

#[test]
fn who_is_invited_takes_no_share() {
    let policy = policy(60, 300);
    for _ in 0..100 {
        policy.count_invited().unwrap().keep();
    }
    assert_eq!(policy.count_invited().unwrap_err().kind, ProblemKind::Unavailable);
}

#[test]
fn what_costs_no_hash_is_taken_back() {
    let policy = policy(9, 15);
    let (here, customers) = (address("2001:db8::1"), 10..15);
    for _ in 0..100 {
        drop((
            policy.count_network(here).unwrap(),
            policy.count_code(here).unwrap(),
        ));
        drop(policy.count_all(here).unwrap());
        drop(policy.count_invited().unwrap());
    }
    for _ in 0..3 {
        network(&policy, here).unwrap();
    }
    // One that a wider network refuses counts for none.
    assert!(network(&policy, here).is_err());
    for n in customers {
        assert!(of_all(&policy, customer_number(n)).unwrap());
    }
    assert!(of_all(&policy, customer_number(20)).is_err());
}

#[test]
fn the_smallest_bounds_let_one_through() {
    let policy = policy(1, 1);
    network(&policy, None).unwrap();
    of_all(&policy, None).unwrap();
    let refused = network(&policy, None).unwrap_err();
    assert!(
        refused.retry_after.is_some_and(|s| (3590..=3601).contains(&s)),
        "{refused:?}"
    );
}

fn sharers(n: u32) -> [String; 2] {
    [n.to_string(), (n / 100).to_string()]
}

/// Registers every second for some hours, as often as is let through.
fn flood(shares: &mut Shares, parties: u32, hours: u64) -> u32 {
    let mut given = 0;
    for second in 0..hours * 3600 {
        for n in 0..parties {
            given += u32::from(shares.take(&sharers(n), Duration::from_secs(second)).is_ok());
        }
    }
    given
}

#[test]
fn a_flood_of_hours_leaves_room_at_every_moment_and_the_bound_holds() {
    for parties in [1, 2, 30, 90] {
        let mut shares = Shares::new(1000);
        let given = flood(&mut shares, parties, 4);
        assert!(given <= 4000 + 333, "{given}");
        let now = Duration::from_hours(4);
        for n in 0..3 {
            assert_eq!(shares.take(&sharers(10_000 + n), now).unwrap(), Precedence::First);
        }
    }
}

#[test]
fn what_was_registered_is_forgotten_and_swept() {
    let mut shares = Shares::new(1000);
    flood(&mut shares, 30, 1);
    let later = Duration::from_hours(8);
    assert_eq!(shares.take(&sharers(1), later).unwrap(), Precedence::First);
    shares.sweep(later);
    assert_eq!(shares.sizes(), [1, 1]);
}
