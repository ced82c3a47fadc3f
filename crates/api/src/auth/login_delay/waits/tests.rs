//! Waits: how they grow, whom they hold up, and that they end.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000 * SECOND_US;

fn count(key: DelayKey, subject: Subject, free: i64) -> Count {
    Count::new(key, subject, free)
}

fn own() -> Vec<Count> {
    vec![count(DelayKey::Account("own".to_owned()), Subject::Own, FREE_OWN)]
}

/// The counts of a sign-in from an IPv4 address: own, account, network.
fn of_sign_in() -> Vec<Count> {
    let key = || DelayKey::Account(String::new());
    vec![
        count(key(), Subject::Own, FREE_OWN),
        count(key(), Subject::Account, FREE_ACCOUNT),
        count(key(), Subject::Network, 50),
    ]
}

/// How long an attempt must wait.
fn wait(counts: &[Count], states: &[Failures], now: i64) -> i64 {
    judge(counts, states, now).wait(counts, states, now)
}

fn failures(count: i64, wait_s: i64) -> Failures {
    Failures {
        count,
        retry_at: NOW + wait_s * SECOND_US,
        last_at: NOW,
    }
}

#[test]
fn waits_grow_up_to_a_bound_and_start_again_after_a_pause() {
    let (mut states, mut waits, mut now) = (vec![Failures::default()], Vec::new(), NOW);
    for _ in 0..12 {
        states = one_more(&own(), &states, now);
        let left = wait(&own(), &states, now).max(0);
        waits.push(left / SECOND_US);
        now += left;
    }
    assert_eq!(waits, [0, 0, 0, 0, 2, 4, 8, 16, 30, 30, 30, 30]);
    now += FORGET_ALL_S * SECOND_US + SECOND_US;
    assert_eq!(one_more(&own(), &states, now)[0].count, 1);
}

#[test]
fn a_network_without_failures_of_its_own_is_held_up_by_very_many_elsewhere_only() {
    let states = |own, account| [failures(own, 0), failures(account, 30), failures(own, 0)];
    let wait = |own, account| wait(&of_sign_in(), &states(own, account), NOW) / SECOND_US;
    assert!(wait(0, 100) <= 0);
    assert_eq!(wait(1, 11), 30);
    let very_many = judge(&of_sign_in(), &states(0, 101), NOW);
    assert_eq!(very_many, Verdict::NeedsLines, "then all wait in line");
}

#[test]
fn the_failures_of_a_network_hold_up_everybody_there_who_has_no_device_token() {
    let states = [failures(0, 0), failures(0, 0), failures(60, 30)];
    assert_eq!(wait(&of_sign_in(), &states, NOW) / SECOND_US, 30);
}

#[test]
fn a_right_password_takes_back_its_own_try_and_no_other() {
    let before = vec![failures(3, 0), failures(12, 0), failures(70, 0)];
    let after = one_more(&of_sign_in(), &before, NOW);
    let alone = given_back(&of_sign_in(), &after, &before, &after);
    assert_eq!((alone[0].count, alone[1], alone[2]), (0, before[1], before[2]));
    // Another failure came in between: its wait stays.
    let later = one_more(&of_sign_in(), &after, NOW + 40 * SECOND_US);
    let with_other = given_back(&of_sign_in(), &later, &before, &after);
    assert_eq!(
        (with_other[1].count, with_other[1].retry_at),
        (later[1].count - 1, later[1].retry_at)
    );
}

#[test]
fn tries_without_a_wait_hold_up_nobody_whose_clock_is_behind() {
    let mut states = vec![Failures::default(); 3];
    for n in 0..FREE_OWN {
        states = one_more(&of_sign_in(), &states, NOW + n);
        assert!(wait(&of_sign_in(), &states, NOW - SECOND_US) <= 0);
    }
}

#[test]
fn a_clock_that_was_ahead_holds_nobody_up() {
    let ahead = NOW + 365 * 24 * 3600 * SECOND_US;
    let before = Failures {
        count: 20,
        retry_at: ahead,
        last_at: ahead,
    };
    let stored = one_more(&own(), &[before], ahead);
    assert!(wait(&own(), &stored, NOW) <= 0);
    let next = one_more(&own(), &stored, NOW);
    assert_eq!(
        wait(&own(), &next, NOW) / SECOND_US,
        MAX_WAIT_S,
        "and the failures are not forgotten"
    );
}

/// How often somebody can guess in ten minutes who tries on two servers each second. The clock of one is ahead.
fn guesses_on_two_servers(ahead_s: i64) -> usize {
    let (mut states, mut guesses) = (vec![Failures::default()], 0);
    for second in 0..600 {
        for ahead in [0, ahead_s] {
            let now = NOW + (second + ahead) * SECOND_US;
            if wait(&own(), &states, now) <= 0 {
                states = one_more(&own(), &states, now);
                guesses += 1;
            }
        }
    }
    guesses
}

#[test]
fn who_guesses_on_two_servers_gains_nothing_by_the_difference_of_their_clocks() {
    for ahead_s in [0, 1, 20, 31, 60, 120, 599] {
        let guesses = guesses_on_two_servers(ahead_s);
        assert!(
            guesses <= 50,
            "{guesses} guesses with {ahead_s} s between the clocks"
        );
    }
}

#[test]
fn a_server_whose_clock_is_behind_waits_for_the_longest_wait_at_most_at_a_time() {
    let ahead = NOW + 60 * SECOND_US;
    let mut states = vec![Failures::default()];
    for _ in 0..12 {
        states = one_more(&own(), &states, ahead);
    }
    assert_eq!(wait(&own(), &states, NOW) / SECOND_US, MAX_WAIT_S);
    assert!(wait(&own(), &states, ahead + MAX_WAIT_S * SECOND_US) <= 0);
}

/// Who tries to sign in to one account, and what is stored of that.
#[derive(Default)]
struct Account {
    states: HashMap<String, Failures>,
}

impl Account {
    /// The counts of a sign-in from a network of a customer.
    fn counts(customer: u32, network: u32) -> Vec<Count> {
        let key = |name: String| DelayKey::Account(name);
        let mut counts = vec![
            count(key(format!("own {customer} {network}")), Subject::Own, FREE_OWN),
            count(key(format!("customer {customer}")), Subject::Customer, 0),
            count(key("account".to_owned()), Subject::Account, FREE_ACCOUNT),
            count(
                key(format!("network {customer} {network}")),
                Subject::Network,
                FREE_NETWORKS[0],
            ),
        ];
        counts.extend((0..LINES).map(|line| count(key(format!("line {line}")), Subject::Line(line), 0)));
        counts
    }

    fn name(count: &Count) -> String {
        match &count.key {
            DelayKey::Account(name) => name.clone(),
            key => format!("{key:?}"),
        }
    }

    /// Tries once, wrongly. Gives the seconds to wait; `None` if the try was verified.
    fn try_once(&mut self, customer: u32, network: u32, second: i64) -> Option<i64> {
        let (counts, now) = (Self::counts(customer, network), NOW + second * SECOND_US);
        let names: Vec<String> = counts.iter().map(Self::name).collect();
        let states = names
            .iter()
            .map(|name| self.states.get(name).copied().unwrap_or_default());
        let states: Vec<Failures> = states.collect();
        let verdict = judge(&counts, &states, now);
        let next = match verdict {
            Verdict::Free => one_more(&counts, &states, now),
            Verdict::Place { line } => with_place(&counts, &states, line, now),
            Verdict::Wait(_) => states.clone(),
            Verdict::NeedsLines => panic!("the lines are there"),
        };
        self.states.extend(names.into_iter().zip(next));
        (verdict != Verdict::Free).then(|| verdict.wait(&counts, &states, now) / SECOND_US)
    }

    /// Each customer tries every four seconds, each time from another of its networks. Gives how many tries were verified.
    fn attack(&mut self, customers: u32, networks: u32, seconds: std::ops::Range<i64>) -> u32 {
        let mut verified = 0;
        for second in seconds.step_by(4) {
            let network = u32::try_from(second).unwrap_or(0) % networks;
            for customer in 1..=customers {
                verified += u32::from(self.try_once(customer, network, second).is_none());
            }
        }
        verified
    }

    /// The seconds until the owner's try is verified, who comes back each time after `Retry-After` while others try on.
    fn owner_waits(&mut self, customers: u32, networks: u32, from: i64) -> i64 {
        let mut second = from;
        while let Some(wait) = self.try_once(0, 0, second) {
            let next = second + wait.clamp(1, MAX_WAIT_S);
            self.attack(customers, networks, second..next);
            second = next;
            assert!(second - from < 4000, "the owner waits without end");
        }
        second - from
    }
}

#[test]
fn an_owner_in_a_new_network_waits_for_those_before_only_however_many_try() {
    for (customers, most) in [(1, 3), (30, 3 * 30), (200, 600)] {
        for at in [0, 1, 20, 100, 400, 1800, 3700] {
            let mut account = Account::default();
            account.attack(customers, 50, 0..at);
            let waited = account.owner_waits(customers, 50, at);
            assert!(waited <= most, "{customers} customers, {at} s: {waited} s");
        }
    }
}

#[test]
fn who_comes_later_does_not_delay_a_place_in_line() {
    let mut account = Account::default();
    for customer in 1..=200 {
        let _ = account.try_once(customer, 0, 0);
    }
    let wait = account.try_once(0, 0, 1).unwrap();
    assert!((250..=300).contains(&wait), "{wait}");
    account.attack(900, 50, 1..10);
    assert_eq!(account.try_once(0, 0, 10), Some(wait - 9), "the place stays");
    account.attack(900, 50, 11..wait);
    assert_eq!(account.try_once(0, 0, wait), Some(1));
    assert_eq!(account.try_once(0, 0, wait + 1), None);
}

#[test]
fn a_wrong_password_costs_the_next_try_a_bounded_wait_too() {
    let mut account = Account::default();
    account.attack(200, 50, 0..600);
    let first = account.owner_waits(200, 50, 600);
    let second = account.owner_waits(200, 50, 600 + first);
    assert!(second <= 200 * 12, "{second}");
}

#[test]
fn guesses_are_bounded_however_many_try() {
    // The first hour has those in addition that are free of a wait.
    for (customers, most) in [(1, 150), (30, 300), (200, 100 + 200 + 200 + 120), (1300, 1750)] {
        let guesses = Account::default().attack(customers, 50, 0..3600);
        assert!(guesses <= most, "{customers} customers: {guesses}");
    }
}

#[test]
fn the_networks_of_one_customer_are_no_crowd() {
    let mut account = Account::default();
    account.attack(1, 5000, 0..600);
    assert_eq!(account.try_once(2, 0, 600), None);
    assert_eq!(
        account.states["line 0"],
        Failures::default(),
        "nobody waits in line"
    );
}

#[test]
fn a_place_that_is_not_used_is_given_up() {
    let mut account = Account::default();
    account.attack(150, 1, 0..1);
    let wait = account.try_once(0, 0, 1).unwrap();
    let late = 1 + wait + PLACE_S;
    assert_eq!(account.try_once(0, 0, late), None);
    let mut states = account.states.clone();
    let place = states.remove("customer 150").unwrap().retry_at / SECOND_US - NOW / SECOND_US;
    account.attack(100, 1, late..late + 1);
    assert!(place > 0 && account.try_once(150, 0, place + PLACE_S + 1).is_none());
}

#[test]
fn a_line_from_a_wrong_clock_holds_nobody_up() {
    let mut account = Account::default();
    account.attack(150, 1, 10_000_000..10_000_001);
    account.attack(150, 1, 0..1);
    assert!(account.try_once(0, 0, 1).is_none_or(|wait| wait <= 3 * 150));
}

proptest! {
    /// Whatever is stored, a line gives out times in their order and with a pause, and a place is not far away.
    #[test]
    fn no_place_is_far_away(
        count in 0_i64..1_000_000, retry_s in -10_000_i64..100_000_000, last_s in -10_000_i64..100_000_000,
        tries in 0_i64..10,
    ) {
        let counts = Account::counts(1, 1);
        let mut states = vec![Failures::default(); counts.len()];
        states[1] = Failures { count: tries, retry_at: 0, last_at: NOW };
        states[2] = failures(101, 0);
        let line = Failures { count, retry_at: NOW + retry_s * SECOND_US, last_at: NOW + last_s * SECOND_US };
        states[4..].fill(line);
        let verdict = judge(&counts, &states, NOW);
        let next = match verdict {
            Verdict::Free => one_more(&counts, &states, NOW),
            Verdict::Place { line } => {
                let next = with_place(&counts, &states, line, NOW);
                prop_assert!((NOW..=NOW + MAX_LINE_S * SECOND_US).contains(&next[1].retry_at));
                next
            }
            verdict => {
                prop_assert_eq!(verdict, Verdict::Wait(MAX_WAIT_S * SECOND_US));
                states.clone()
            }
        };
        let number = usize::try_from(tries.min(2)).unwrap();
        if matches!(verdict, Verdict::Free | Verdict::Place { .. }) {
            let pause = next[4 + number].retry_at - next_time(&line, NOW);
            prop_assert_eq!(pause, PAUSES_S[number] * SECOND_US);
        }
    }

    /// Whatever is stored, nobody waits longer than the longest wait, nor again and again without a new failure.
    #[test]
    fn every_wait_ends(
        count in -5_i64..1_000_000, retry_s in -10_000_i64..100_000_000, last_s in -10_000_i64..100_000_000
    ) {
        let state = Failures { count, retry_at: NOW + retry_s * SECOND_US, last_at: NOW + last_s * SECOND_US };
        let states = [state; 3];
        let at = |seconds: i64| wait(&of_sign_in(), &states, NOW + seconds * SECOND_US);
        prop_assert!(at(0) <= MAX_WAIT_S * SECOND_US);
        let next = one_more(&of_sign_in(), &states, NOW);
        prop_assert!(next.iter().all(|next| next.retry_at - NOW <= MAX_WAIT_S * SECOND_US && next.count >= 1));
        if last_s <= 0 && retry_s <= MAX_WAIT_S {
            prop_assert!(at(MAX_WAIT_S) <= 0);
        }
    }
}
