//! Turns: a short and fair queue for work of which only a little can run at a time.
//!
//! Each network gets its turn in rotation, so a flood from one network delays another network by one turn at most.
//! Devices that the account knows come before the others. Whoever would wait too long is refused at once, and whoever
//! stops waiting leaves the queue.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

/// The longest wait that is expected of anybody. Who would wait longer is refused at once.
const MAX_EXPECTED: Duration = Duration::from_secs(2);
/// The longest wait, should turns take longer than expected.
const MAX_WAIT: Duration = Duration::from_secs(4);
/// How long a turn is thought to take before any was measured.
const FIRST_GUESS: Duration = Duration::from_millis(50);
/// The share of the latest turn in the mean is one in so many.
const SMOOTHING: u32 = 8;
/// The largest number of one account's known devices in the queue.
const MAX_OF_ACCOUNT: usize = 4;
/// While others wait, one of them follows after so many known devices.
const DEVICES_IN_A_ROW: u32 = 4;

/// Who asks for a turn.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// The network, or whatever else shares its turns.
    pub network: &'a str,
    /// The account that knows the device, if it does.
    pub known_to: Option<Uuid>,
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
    devices: Line,
    others: Line,
    /// Known devices that had their turn since one of the others had.
    devices_in_a_row: u32,
    next_number: u64,
    /// How long a turn takes on average.
    mean: Duration,
}

/// Those who wait, by network, with the networks in the order of their turns.
#[derive(Debug, Default)]
struct Line {
    rotation: VecDeque<String>,
    waiting: HashMap<String, VecDeque<Waiter>>,
}

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
    network: String,
    is_known: bool,
    turn: oneshot::Receiver<Turn>,
}

impl Turns {
    /// Creates so many turns.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self(Arc::new(Mutex::new(Queue {
            free: size,
            size: u32::try_from(size).unwrap_or(u32::MAX),
            devices: Line::default(),
            others: Line::default(),
            devices_in_a_row: 0,
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
        if queue.expected_wait(applicant) > MAX_EXPECTED || queue.is_crowded(applicant) {
            return None;
        }
        let (sender, turn) = oneshot::channel();
        let number = queue.next_number;
        queue.next_number += 1;
        let waiter = Waiter {
            number,
            account: applicant.known_to,
            turn: sender,
        };
        let is_known = applicant.known_to.is_some();
        queue.line(is_known).push(applicant.network, waiter);
        Some(Err(Place {
            turns: self.clone(),
            number,
            network: applicant.network.to_owned(),
            is_known,
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
        self.turns
            .lock()
            .line(self.is_known)
            .remove(&self.network, self.number);
    }
}

impl Queue {
    fn line(&mut self, is_known: bool) -> &mut Line {
        if is_known {
            &mut self.devices
        } else {
            &mut self.others
        }
    }

    /// How long a newcomer is expected to wait.
    fn expected_wait(&self, newcomer: Applicant<'_>) -> Duration {
        let before = if newcomer.known_to.is_some() {
            self.devices.before(newcomer.network)
        } else {
            self.devices.len() + self.others.before(newcomer.network)
        };
        self.mean * u32::try_from(before).unwrap_or(u32::MAX) / self.size
    }

    /// Whether the account of a known device has as many in the queue as it may have. Without it, whoever has an account
    /// could fill the places of all known devices in their network.
    fn is_crowded(&self, newcomer: Applicant<'_>) -> bool {
        let of_account = |waiter: &&Waiter| waiter.account == newcomer.known_to;
        newcomer.known_to.is_some()
            && self.devices.waiting.values().flatten().filter(of_account).count() >= MAX_OF_ACCOUNT
    }

    fn next(&mut self) -> Option<Waiter> {
        let others_come_first = self.devices_in_a_row >= DEVICES_IN_A_ROW && !self.others.rotation.is_empty();
        if !others_come_first && let Some(device) = self.devices.next() {
            self.devices_in_a_row += 1;
            return Some(device);
        }
        self.devices_in_a_row = 0;
        self.others.next()
    }
}

impl Line {
    fn len(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// How many have their turn before a newcomer from a network. Of each other network they are as many as of its own,
    /// and one more that may be ahead in the rotation.
    fn before(&self, network: &str) -> usize {
        let own = self.waiting.get(network).map_or(0, VecDeque::len);
        self.waiting.values().map(|line| line.len().min(own + 1)).sum()
    }

    fn push(&mut self, network: &str, waiter: Waiter) {
        if let Some(line) = self.waiting.get_mut(network) {
            line.push_back(waiter);
        } else {
            self.rotation.push_back(network.to_owned());
            self.waiting.insert(network.to_owned(), VecDeque::from([waiter]));
        }
    }

    fn next(&mut self) -> Option<Waiter> {
        let network = self.rotation.pop_front()?;
        let line = self.waiting.get_mut(&network)?;
        let waiter = line.pop_front();
        if line.is_empty() {
            self.waiting.remove(&network);
        } else {
            self.rotation.push_back(network);
        }
        waiter
    }

    fn remove(&mut self, network: &str, number: u64) {
        let Some(line) = self.waiting.get_mut(network) else {
            return;
        };
        line.retain(|waiter| waiter.number != number);
        if line.is_empty() {
            self.waiting.remove(network);
            self.rotation.retain(|other| other != network);
        }
    }
}

#[cfg(test)]
mod tests;
