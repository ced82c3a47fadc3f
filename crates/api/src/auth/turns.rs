//! Turns: a short and fair queue for work of which only a little can run at a time.
//!
//! Each customer of a provider gets a turn in rotation, and so does each network of the customer, and each account in the
//! network. So a flood from one customer delays another one by one turn at most, however many networks and accounts the flood
//! comes from. Some come before the others, such as devices that the account knows. Whoever would wait too long is refused
//! at once, and whoever stops waiting leaves the queue.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

use self::rotation::{Rotation, Waiters};

mod rotation;

/// The longest wait that is expected of anybody. Who would wait longer is refused at once.
const MAX_EXPECTED: Duration = Duration::from_secs(2);
/// The longest wait, should turns take longer than expected.
const MAX_WAIT: Duration = Duration::from_secs(4);
/// How long a turn is thought to take before any was measured.
const FIRST_GUESS: Duration = Duration::from_millis(50);
/// The share of the latest turn in the mean is one in so many.
const SMOOTHING: u32 = 8;
/// The largest number of places that one account has in the queue.
const MAX_OF_ACCOUNT: usize = 4;
/// While others wait, one of them follows after so many who come first.
const FIRST_IN_A_ROW: u32 = 4;

/// Who asks for a turn.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// The customer: an IPv4 /24 or an IPv6 /48.
    pub customer: &'a str,
    /// The network of the customer: an IPv4 address or an IPv6 /64.
    pub network: &'a str,
    /// The account, if it is proven that the applicant belongs to it. Otherwise others could take its places.
    pub account: Option<Uuid>,
    /// Whether the applicant comes before others.
    pub precedence: Precedence,
}

/// Who comes before whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// Before the others.
    First,
    /// After those who come first. Still the others have one turn in five.
    Usual,
}

/// A number of turns at a time, and the queue for them. Clones share them.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Mutex<Queue>>);

/// A turn. Dropping it gives it to the next one.
#[derive(Debug)]
pub struct Turn {
    /// `None` once it was given on.
    turns: Option<Turns>,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    size: u32,
    first: Line,
    others: Line,
    /// Those who came first and had their turn since one of the others had.
    first_in_a_row: u32,
    next_number: u64,
    /// How long a turn takes on average.
    mean: Duration,
}

/// Those who wait: by customer, by network within one, and by account within that.
type Line = Rotation<Rotation<Rotation<VecDeque<Waiter>>>>;
/// The place in the rotations, the widest first.
type Path = [String; 3];

#[derive(Debug)]
struct Waiter {
    number: u64,
    account: Option<Uuid>,
    turn: oneshot::Sender<Turn>,
}

/// A place in the queue. Dropping it leaves the queue.
struct Place {
    turns: Turns,
    number: u64,
    path: Path,
    precedence: Precedence,
    turn: oneshot::Receiver<Turn>,
}

impl Applicant<'_> {
    fn path(&self) -> Path {
        let account = self.account.map(|account| account.to_string());
        [
            self.customer.to_owned(),
            self.network.to_owned(),
            account.unwrap_or_default(),
        ]
    }
}

impl Turns {
    /// Creates so many turns.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self(Arc::new(Mutex::new(Queue {
            free: size,
            size: u32::try_from(size).unwrap_or(u32::MAX),
            first: Line::default(),
            others: Line::default(),
            first_in_a_row: 0,
            next_number: 0,
            mean: FIRST_GUESS,
        })))
    }

    /// Waits for a turn. `None` if that would take too long.
    pub async fn acquire(&self, applicant: Applicant<'_>) -> Option<Turn> {
        let mut place = match self.enter(applicant)? {
            Ok(turn) => return Some(turn),
            Err(place) => place,
        };
        timeout(MAX_WAIT, &mut place.turn).await.ok()?.ok()
    }

    /// Takes a free turn, or else a place in the queue. `None` if the wait would be too long.
    fn enter(&self, applicant: Applicant<'_>) -> Option<Result<Turn, Place>> {
        let mut queue = self.lock();
        if queue.free > 0 {
            queue.free -= 1;
            drop(queue);
            return Some(Ok(Turn {
                turns: Some(self.clone()),
            }));
        }
        let path = applicant.path();
        if queue.expected_wait(applicant.precedence, &path) > MAX_EXPECTED || queue.is_crowded(applicant) {
            return None;
        }
        let (sender, turn) = oneshot::channel();
        let number = queue.next_number;
        queue.next_number += 1;
        let waiter = Waiter {
            number,
            account: applicant.account,
            turn: sender,
        };
        queue.line(applicant.precedence).push(&path, waiter);
        Some(Err(Place {
            turns: self.clone(),
            number,
            path,
            precedence: applicant.precedence,
            turn,
        }))
    }

    /// Gives a turn to the next one, or else frees it.
    fn pass_on(&self) {
        loop {
            let mut queue = self.lock();
            let Some(next) = queue.next() else {
                queue.free += 1;
                return;
            };
            drop(queue);
            let turn = Turn {
                turns: Some(self.clone()),
            };
            match next.turn.send(turn) {
                Ok(()) => return,
                // This one has just left. The turn is still in hand, so it must not be passed on a second time.
                Err(mut refused) => drop(refused.turns.take()),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Ends the turn, with the time that its work took.
    pub fn end(self, took: Duration) {
        if let Some(turns) = &self.turns {
            let mut queue = turns.lock();
            queue.mean = (queue.mean * (SMOOTHING - 1) + took) / SMOOTHING;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.pass_on();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.turns.lock();
        queue.line(self.precedence).remove(&self.path, self.number);
    }
}

impl Queue {
    fn line(&mut self, precedence: Precedence) -> &mut Line {
        match precedence {
            Precedence::First => &mut self.first,
            Precedence::Usual => &mut self.others,
        }
    }

    /// How long a newcomer is expected to wait.
    fn expected_wait(&self, precedence: Precedence, path: &[String]) -> Duration {
        let before = match precedence {
            Precedence::First => self.first.before(path),
            Precedence::Usual => self.first.len() + self.others.before(path),
        };
        self.mean * u32::try_from(before).unwrap_or(u32::MAX) / self.size
    }

    /// Whether the account of a newcomer has as many places as it may have. Without this, one account could fill the places
    /// of all who are in its network.
    fn is_crowded(&self, newcomer: Applicant<'_>) -> bool {
        let places = |account| self.first.count_of(account) + self.others.count_of(account);
        newcomer
            .account
            .is_some_and(|account| places(account) >= MAX_OF_ACCOUNT)
    }

    fn next(&mut self) -> Option<Waiter> {
        let others_are_due = self.first_in_a_row >= FIRST_IN_A_ROW && !self.others.is_empty();
        if !others_are_due && let Some(first) = self.first.next() {
            self.first_in_a_row += 1;
            return Some(first);
        }
        self.first_in_a_row = 0;
        self.others.next()
    }
}

#[cfg(test)]
mod tests;
