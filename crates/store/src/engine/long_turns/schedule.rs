//! Which long read runs next. It knows no clock and no thread, so that it can be tested with any.
//!
//! A read is light until it has run for [`DEAR`], and so is an account none of whose reads did lately. One place is for light
//! reads alone, and dear ones share the other. Of those who wait, the account comes first that has taken the least time lately.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::recent_use::RecentUse;

/// A read that has run for longer than this is dear, and pauses for others.
pub(super) const DEAR: Duration = Duration::from_millis(250);
/// Places for reads. At most one of them is for dear reads.
const PLACES: usize = 2;

/// The reads that run, pause or wait. Each waits with a `W`, by which it is told.
#[derive(Debug)]
pub(super) struct Schedule<W> {
    recent: RecentUse,
    running: Vec<Running>,
    waiting: Vec<Waiting<W>>,
    /// The most reads that have begun and not ended. Each holds a connection and what it has read.
    max_begun: usize,
    /// The number of reads so far.
    count: u64,
}

/// Names a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What becomes of a read that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told<W> {
    /// It runs.
    Run(W),
    /// It ends, although it had begun: it has taken the most, and makes room.
    End(W),
}

#[derive(Debug, Clone, Copy)]
struct Read {
    ticket: Ticket,
    account: Uuid,
    /// How long it has run, as far as that is added to what the account has taken.
    ran: Duration,
}

#[derive(Debug)]
struct Running {
    read: Read,
    /// Since when it runs without a pause.
    since: Instant,
    /// Until when its time is added to what the account has taken.
    counted: Instant,
}

#[derive(Debug)]
struct Waiting<W> {
    read: Read,
    /// Whether it pauses, rather than waits for its beginning.
    has_begun: bool,
    wake: W,
}

impl<W> Schedule<W> {
    /// Creates a schedule without reads. Begun at the same time are at most `max_begun`.
    pub fn new(max_begun: usize) -> Self {
        Self {
            recent: RecentUse::default(),
            running: Vec::new(),
            waiting: Vec::new(),
            max_begun,
            count: 0,
        }
    }

    /// Lets a read of an account wait.
    pub fn join(&mut self, account: Uuid, wake: W) -> Ticket {
        self.count += 1;
        let ticket = Ticket(self.count);
        let read = Read {
            ticket,
            account,
            ran: Duration::ZERO,
        };
        self.waiting.push(Waiting {
            read,
            has_begun: false,
            wake,
        });
        ticket
    }

    /// Counts the time of a read from now on: it has found a connection.
    pub fn begin(&mut self, ticket: Ticket, now: Instant) {
        if let Some(running) = self.running.iter_mut().find(|other| other.read.ticket == ticket) {
            (running.since, running.counted) = (now, now);
        }
    }

    /// Ends a read, wherever it is.
    pub fn end(&mut self, ticket: Ticket, now: Instant) {
        self.stop(ticket, now);
        self.waiting.retain(|other| other.read.ticket != ticket);
    }

    /// Whether a read that runs has to pause, so that one can run that has taken less.
    pub fn must_pause(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.count_time(ticket, now);
        let Some(running) = self.running.iter().find(|other| other.read.ticket == ticket) else {
            return false;
        };
        if now.duration_since(running.since) < DEAR {
            return false;
        }
        let mine = self.recent.total(running.read.account, now);
        let others = || (self.running.iter()).filter(|other| other.read.ticket != ticket);
        let (dear, light): (Vec<_>, Vec<_>) = others().partition(|other| self.is_dear(other, now));
        if !dear.is_empty() {
            // Only one of them goes on.
            return (dear.iter()).any(|other| self.recent.total(other.read.account, now) <= mine);
        }
        let has_room = self.begun() < self.max_begun;
        light.len() < PLACES
            && (self.waiting.iter())
                .filter(|other| other.has_begun || has_room)
                .any(|other| self.recent.total(other.read.account, now) < mine)
    }

    /// Lets a read that runs pause.
    pub fn pause(&mut self, ticket: Ticket, wake: W, now: Instant) {
        if let Some(read) = self.stop(ticket, now) {
            self.waiting.push(Waiting {
                read,
                has_begun: true,
                wake,
            });
        }
    }

    /// What becomes of the next read that waits. To be called until there is none.
    pub fn next(&mut self, now: Instant) -> Option<Told<W>> {
        let heaviest = self.heaviest_pause(now);
        let has_room = self.begun() < self.max_begun;
        let may_begin = |total| has_room || heaviest.is_some_and(|(heaviest, _)| total < heaviest);
        let (dear, light): (Vec<_>, Vec<_>) =
            (self.running.iter()).partition(|running| self.is_dear(running, now));
        let may_run = |read: &Read| {
            if self.has_been_dear(read, now) {
                dear.is_empty() && light.len() < PLACES
            } else {
                light.len() + dear.len().min(1) < PLACES
            }
        };
        let waiting = self.waiting.iter().enumerate().filter_map(|(index, waiting)| {
            let read = &waiting.read;
            let total = may_run(read).then(|| self.recent.total(read.account, now))?;
            (waiting.has_begun || may_begin(total)).then_some((total, read.ticket, index))
        });
        let (.., index) = waiting.min()?;
        match heaviest {
            Some((_, heaviest)) if !has_room && !self.waiting.get(index)?.has_begun => {
                Some(Told::End(self.waiting.remove(heaviest).wake))
            }
            _ => {
                let Waiting { read, wake, .. } = self.waiting.remove(index);
                self.running.push(Running {
                    read,
                    since: now,
                    counted: now,
                });
                Some(Told::Run(wake))
            }
        }
    }

    /// The number of reads that have begun.
    fn begun(&self) -> usize {
        self.running.len() + self.waiting.iter().filter(|waiting| waiting.has_begun).count()
    }

    /// Of the reads that pause the one whose account has taken the most, with its index.
    fn heaviest_pause(&self, now: Instant) -> Option<(Duration, usize)> {
        let paused = (self.waiting.iter().enumerate()).filter(|(_, waiting)| waiting.has_begun);
        paused
            .map(|(index, waiting)| (self.recent.total(waiting.read.account, now), index))
            .max()
    }

    /// Whether a read that waits is dear by what is known.
    fn has_been_dear(&self, read: &Read, now: Instant) -> bool {
        read.ran >= DEAR || self.recent.longest(read.account, now) >= DEAR
    }

    fn is_dear(&self, running: &Running, now: Instant) -> bool {
        let ran = running.read.ran + now.duration_since(running.counted);
        ran >= DEAR || self.has_been_dear(&running.read, now)
    }

    /// Takes a read from those that run.
    fn stop(&mut self, ticket: Ticket, now: Instant) -> Option<Read> {
        self.count_time(ticket, now);
        let index = self
            .running
            .iter()
            .position(|other| other.read.ticket == ticket)?;
        Some(self.running.remove(index).read)
    }

    /// Adds the time of a read that runs to what its account has taken.
    fn count_time(&mut self, ticket: Ticket, now: Instant) {
        if let Some(running) = self.running.iter_mut().find(|other| other.read.ticket == ticket) {
            let added = now.duration_since(running.counted);
            running.read.ran += added;
            running.counted = now;
            self.recent
                .add(running.read.account, added, running.read.ran, now);
        }
    }
}

#[cfg(test)]
mod tests;
