//! What an attempt has to wait for. Nothing here reads or writes.
//!
//! With very many failures for an account from elsewhere, those who try wait in lines. A line gives out times, one after the
//! other with a pause in between. Whoever asks first gets the next time, and may try from then on. So nobody who comes later
//! delays them. There is a line for customers that have not tried lately, one for those that have tried once, and one for
//! the others. The pauses bound the guesses: see `docs/api-guide.md`.

use mainstay_store::login_delay::{CLOCK_SLACK_US, DelayKey, Failures};

/// The longest wait after a wrong password, in seconds.
pub const MAX_WAIT_S: i64 = 30;
/// In this time one failure is forgotten, in seconds. Guesses at this rate are never delayed further.
const FORGET_ONE_S: i64 = MAX_WAIT_S;
/// After this long without another failure all are forgotten, in seconds.
pub const FORGET_ALL_S: i64 = 15 * 60;
/// With more failures than this for the account, a network without failures of its own is delayed by them too.
const MAX_FROM_ELSEWHERE: i64 = 100;
/// So many networks of one customer count as ones without failures of their own.
const MAX_FIRST_OF_CUSTOMER: i64 = 16;

/// Failures without a wait, for one account from one network, and for a device or session.
pub const FREE_OWN: i64 = 4;
/// Failures without a wait for one account, from all networks.
pub const FREE_ACCOUNT: i64 = 10;
/// Failures without a wait from one network for any account: of an IPv4 address or a /64, and of the /56 and the /48
/// around it.
pub const FREE_NETWORKS: [i64; 3] = [50, 200, 800];

/// The time between two tries of each line, in seconds: for customers that have not tried, have tried once, and more often.
const PAUSES_S: [i64; 3] = [3, 12, 30];
/// The number of lines.
pub const LINES: u8 = 3;
/// The tries of a customer are forgotten after this long without another one, in seconds.
const FORGET_CUSTOMER_S: i64 = 3600;
/// A place is good for this long after its time, in seconds.
const PLACE_S: i64 = 5 * 60;
/// The longest line, in seconds. A state is stored for an hour, so a longer place could be lost.
const MAX_LINE_S: i64 = 50 * 60;

/// Microseconds of a second.
pub const SECOND_US: i64 = 1_000_000;

/// Whose failures a count has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Those of the one who tries. A right password clears them.
    Own,
    /// Those for the account, from everywhere.
    Account,
    /// Those for the account, from all networks of the customer. Its `retry_at` is the time of its place in line, or 0.
    Customer,
    /// A line of the account. Its `retry_at` is the next time to be given out.
    Line(u8),
    /// Those from the network, for any account.
    Network,
}

/// A count that an attempt takes part in.
#[derive(Debug, Clone)]
pub struct Count {
    /// What is counted for.
    pub key: DelayKey,
    subject: Subject,
    /// Failures without a wait.
    free: i64,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be made.
    Free,
    /// It must wait so many microseconds.
    Wait(i64),
    /// It must wait in line, and takes a place in this one.
    Place {
        /// The number of the line.
        line: u8,
    },
    /// It must wait in line, and the lines are not among the counts.
    NeedsLines,
}

impl Count {
    /// Creates a count with so many failures without a wait.
    pub const fn new(key: DelayKey, subject: Subject, free: i64) -> Self {
        Self { key, subject, free }
    }
}

impl Verdict {
    /// How long the attempt must wait, in microseconds; 0 if it need not. `states` are those that were judged.
    pub fn wait(self, counts: &[Count], states: &[Failures], now: i64) -> i64 {
        match self {
            Self::Free | Self::NeedsLines => 0,
            Self::Wait(wait) => wait,
            Self::Place { line } => state_of(counts, states, Subject::Line(line)).retry_at - now,
        }
    }
}

/// The state of the first count of a subject; none if there is no such count.
fn state_of(counts: &[Count], states: &[Failures], subject: Subject) -> Failures {
    let state = find(counts, states, subject);
    state.copied().unwrap_or_default()
}

fn find<'a>(counts: &[Count], states: &'a [Failures], subject: Subject) -> Option<&'a Failures> {
    let mut states = counts.iter().zip(states);
    states.find_map(|(count, state)| (count.subject == subject).then_some(state))
}

/// Decides what becomes of an attempt.
pub fn judge(counts: &[Count], states: &[Failures], now: i64) -> Verdict {
    let is_always_looked_at =
        |(count, _): &(&Count, &Failures)| matches!(count.subject, Subject::Own | Subject::Network);
    let always = counts.iter().zip(states).filter(is_always_looked_at);
    let wait = always.map(|(_, state)| wait_of(state, now)).max().unwrap_or(0);
    if wait > 0 {
        return Verdict::Wait(wait);
    }
    let Some(account) = find(counts, states, Subject::Account) else {
        return Verdict::Free;
    };
    if is_crowded(account, now) {
        return judge_line(counts, states, now);
    }
    let own = state_of(counts, states, Subject::Own);
    let customer = state_of(counts, states, Subject::Customer);
    let is_first = failures_at(&own, now) == 0 && tries_at(&customer, now) < MAX_FIRST_OF_CUSTOMER;
    match wait_of(account, now) {
        wait if wait > 0 && !is_first => Verdict::Wait(wait),
        _ => Verdict::Free,
    }
}

/// Whether so many try to sign in to an account that they wait in lines.
fn is_crowded(account: &Failures, now: i64) -> bool {
    failures_at(account, now) > MAX_FROM_ELSEWHERE
}

/// Decides what becomes of an attempt that must wait in line.
fn judge_line(counts: &[Count], states: &[Failures], now: i64) -> Verdict {
    let customer = state_of(counts, states, Subject::Customer);
    if let Some(place) = place_of(&customer, now) {
        return if place > now {
            Verdict::Wait(place - now)
        } else {
            Verdict::Free
        };
    }
    let line = line_of(&customer, now);
    let Some(state) = find(counts, states, Subject::Line(line)) else {
        return Verdict::NeedsLines;
    };
    match next_time(state, now) - now {
        ..=0 => Verdict::Free,
        wait if wait > MAX_LINE_S * SECOND_US => Verdict::Wait(MAX_WAIT_S * SECOND_US),
        _ => Verdict::Place { line },
    }
}

/// The time of a customer's place in line, if it has one that is still good.
fn place_of(customer: &Failures, now: i64) -> Option<i64> {
    let place = customer.retry_at;
    let is_good = place > 0 && now <= place + PLACE_S * SECOND_US && !is_from_a_wrong_clock(customer, now);
    is_good.then_some(place)
}

/// The line of a customer.
fn line_of(customer: &Failures, now: i64) -> u8 {
    let line = tries_at(customer, now).min(i64::from(LINES) - 1);
    u8::try_from(line).unwrap_or(0)
}

/// The next time that a line gives out.
fn next_time(line: &Failures, now: i64) -> i64 {
    if is_from_a_wrong_clock(line, now) {
        now
    } else {
        line.retry_at.max(now)
    }
}

/// The time after one that a line has given out.
fn after_pause(time: i64, line: u8) -> i64 {
    let pause = PAUSES_S.get(usize::from(line)).copied();
    time + pause.unwrap_or(MAX_WAIT_S) * SECOND_US
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

/// The tries of a customer that are not forgotten yet.
fn tries_at(customer: &Failures, now: i64) -> i64 {
    let since = (now - customer.last_at).max(0) / SECOND_US;
    if since > FORGET_CUSTOMER_S {
        return 0;
    }
    customer.count.max(0)
}

/// The time of the latest failure, if there is one now. Never back in time: otherwise a server whose clock is ahead takes the
/// difference for a pause, in which failures are forgotten.
fn latest(state: &Failures, now: i64) -> i64 {
    if is_from_a_wrong_clock(state, now) {
        now
    } else {
        state.last_at.max(now)
    }
}

/// The states after one more failure. A place in line is used, or else the next time of the line.
pub fn one_more(counts: &[Count], states: &[Failures], now: i64) -> Vec<Failures> {
    let customer = state_of(counts, states, Subject::Customer);
    let account = state_of(counts, states, Subject::Account);
    // The time of a line is taken only by those who had no place before.
    let taken = match place_of(&customer, now) {
        None if is_crowded(&account, now) => Some(line_of(&customer, now)),
        _ => None,
    };
    let after = |(count, state): (&Count, &Failures)| match count.subject {
        Subject::Own | Subject::Account | Subject::Network => one_failure_more(count, state, now),
        Subject::Customer => Failures {
            count: tries_at(state, now) + 1,
            retry_at: 0,
            last_at: latest(state, now),
        },
        Subject::Line(line) if taken == Some(line) => Failures {
            count: 1,
            retry_at: after_pause(next_time(state, now), line),
            last_at: latest(state, now),
        },
        Subject::Line(_) => *state,
    };
    counts.iter().zip(states).map(after).collect()
}

fn one_failure_more(count: &Count, state: &Failures, now: i64) -> Failures {
    let failures = failures_at(state, now) + 1;
    let wait_s = match failures - count.free {
        ..=0 => 0,
        excess => (1_i64 << excess.min(20)).min(MAX_WAIT_S),
    };
    Failures {
        count: failures,
        // No time at all if there is no wait: the clock of another server may be a little behind.
        retry_at: if wait_s == 0 { 0 } else { now + wait_s * SECOND_US },
        last_at: latest(state, now),
    }
}

/// The states after the customer has taken the next time of a line as its place.
pub fn with_place(counts: &[Count], states: &[Failures], line: u8, now: i64) -> Vec<Failures> {
    let place = next_time(&state_of(counts, states, Subject::Line(line)), now);
    let after = |(count, state): (&Count, &Failures)| match count.subject {
        Subject::Customer => Failures {
            count: tries_at(state, now),
            retry_at: place,
            last_at: latest(state, now),
        },
        Subject::Line(number) if number == line => Failures {
            count: 1,
            retry_at: after_pause(place, line),
            last_at: latest(state, now),
        },
        _ => *state,
    };
    counts.iter().zip(states).map(after).collect()
}

/// The states without one attempt that was counted, with those before and after it. Its own failures are cleared.
pub fn given_back(
    counts: &[Count],
    states: &[Failures],
    before: &[Failures],
    after: &[Failures],
) -> Vec<Failures> {
    let attempt = before.iter().zip(after);
    let without = |((count, state), (before, after)): ((&Count, &Failures), (&Failures, &Failures))| {
        let one_less = (state.count - 1).max(0);
        match count.subject {
            Subject::Own => Failures {
                count: 0,
                retry_at: 0,
                ..*state
            },
            // The place was used, and somebody else may have another one by now.
            Subject::Customer => Failures {
                count: one_less,
                ..*state
            },
            Subject::Line(_) => *state,
            Subject::Account | Subject::Network => Failures {
                count: one_less,
                // Unless another failure has set a wait since, the one before the attempt holds again.
                retry_at: if state.retry_at == after.retry_at {
                    before.retry_at
                } else {
                    state.retry_at
                },
                last_at: state.last_at,
            },
        }
    };
    counts.iter().zip(states).zip(attempt).map(without).collect()
}

#[cfg(test)]
mod tests;
