//! Rotations: queues that have their turns one after the other.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::Waiter;

/// Those who wait, in the order of their turns. A path names the queue of a waiter, the widest rotation first.
pub(super) trait Waiters: Default {
    /// How many wait.
    fn len(&self) -> usize;

    /// How many places an account has.
    fn count_of(&self, account: Uuid) -> usize;

    /// How many have their turn before a newcomer.
    fn before(&self, path: &[String]) -> usize;

    /// Adds a newcomer.
    fn push(&mut self, path: &[String], waiter: Waiter);

    /// Takes the one whose turn it is.
    fn next(&mut self) -> Option<Waiter>;

    /// Removes the waiter with that number.
    fn remove(&mut self, path: &[String], number: u64);

    /// Whether nobody waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whoever came first is first.
impl Waiters for VecDeque<Waiter> {
    fn len(&self) -> usize {
        self.len()
    }

    fn count_of(&self, account: Uuid) -> usize {
        self.iter()
            .filter(|waiter| waiter.account == Some(account))
            .count()
    }

    fn before(&self, _path: &[String]) -> usize {
        self.len()
    }

    fn push(&mut self, _path: &[String], waiter: Waiter) {
        self.push_back(waiter);
    }

    fn next(&mut self) -> Option<Waiter> {
        self.pop_front()
    }

    fn remove(&mut self, _path: &[String], number: u64) {
        self.retain(|waiter| waiter.number != number);
    }
}

/// Queues by name. One of each has its turn, and then the next one of each. None of them is empty.
#[derive(Debug)]
pub(super) struct Rotation<Q> {
    order: VecDeque<String>,
    queues: HashMap<String, Q>,
}

impl<Q> Default for Rotation<Q> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            queues: HashMap::new(),
        }
    }
}

impl<Q: Waiters> Waiters for Rotation<Q> {
    fn len(&self) -> usize {
        self.queues.values().map(Q::len).sum()
    }

    fn count_of(&self, account: Uuid) -> usize {
        self.queues.values().map(|queue| queue.count_of(account)).sum()
    }

    /// Of each other queue they are as many as of the newcomer's own, and one more that may be ahead in the rotation.
    fn before(&self, path: &[String]) -> usize {
        let Some((name, rest)) = path.split_first() else {
            return self.len();
        };
        let own = self.queues.get(name).map_or(0, |queue| queue.before(rest));
        let others = self.queues.iter().filter(|(other, _)| *other != name);
        own + others.map(|(_, queue)| queue.len().min(own + 1)).sum::<usize>()
    }

    fn push(&mut self, path: &[String], waiter: Waiter) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        if !self.queues.contains_key(name) {
            self.order.push_back(name.clone());
        }
        let queue = self.queues.entry(name.clone()).or_default();
        queue.push(rest, waiter);
    }

    fn next(&mut self) -> Option<Waiter> {
        let name = self.order.pop_front()?;
        let queue = self.queues.get_mut(&name)?;
        let waiter = queue.next();
        if queue.is_empty() {
            self.queues.remove(&name);
        } else {
            self.order.push_back(name);
        }
        waiter
    }

    fn remove(&mut self, path: &[String], number: u64) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        queue.remove(rest, number);
        if queue.is_empty() {
            self.queues.remove(name);
            self.order.retain(|other| other != name);
        }
    }
}

impl<Q> Rotation<Q> {
    /// The queues that have turns, and those that hold waiters.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.order.len(), self.queues.len())
    }
}
