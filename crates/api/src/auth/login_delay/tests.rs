//! Waits: how they grow, whom they hold up, and that they end.

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000 * SECOND_US;

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
    assert_eq!(wait(0, 101), 30);
    assert_eq!(wait(1, 11), 30);
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
    let counted = Counted {
        before: before.clone(),
        after: after.clone(),
    };
    let alone = given_back(&of_sign_in(), &after, &counted);
    assert_eq!((alone[0].count, alone[1], alone[2]), (0, before[1], before[2]));
    // Another failure came in between: its wait stays.
    let later = one_more(&of_sign_in(), &after, NOW + 40 * SECOND_US);
    let with_other = given_back(&of_sign_in(), &later, &counted);
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

proptest! {
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
