//! The turns of one worker: which request runs at once, which one waits, and which one is refused.
//!
//! A worker is one thread with one event loop. While the loop comes round quickly, every request runs as it arrives. Once
//! a round takes longer, only urgent requests do. The others wait here, and each round lets a few of them run, as many as
//! fit into a short round. So the worker reads what arrives, answers what is urgent and refuses what is too much within a
//! few milliseconds, however much waits. All of it belongs to one thread, so it needs no locks.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use actix_web::rt;

use super::lane::{Lane, Limit};
use crate::http::priority::Priority;

/// The length of a round that the number of requests in it is adjusted to.
const ROUND: Duration = Duration::from_millis(8);
/// How soon after a round the next one is measured. Until then the event loop is taken to be as quick as it was.
const PAUSE: Duration = Duration::from_millis(1);
/// How often a worker whose turns are all taken looks for waiting requests that are to be refused.
const RECHECK: Duration = Duration::from_millis(5);
/// The largest number of requests that one round lets run.
const MAX_BATCH: usize = 64;
/// Of so many turns, one goes to those who sign in, so that a flood of other requests does not keep them out.
const SIGN_IN_SHARE: u32 = 16;

/// The turns of one worker. Clones share them.
#[derive(Clone)]
pub struct Turns(Rc<Shared>);

struct Shared {
    lanes: [Lane; 4],
    /// When the current round began; `None` if none is measured.
    round: Cell<Option<Instant>>,
    /// When the last round ended.
    rested: Cell<Instant>,
    /// Whether the task that measures rounds runs.
    is_measured: Cell<bool>,
    /// How many requests the next round lets run.
    batch: Cell<usize>,
    /// The number of turns that were given to waiting requests.
    given: Cell<u32>,
}

/// What becomes of a request.
pub enum Decision {
    /// It runs now.
    Run(Turn),
    /// It waits for its turn.
    Wait(Waiting),
    /// It is refused.
    Refuse,
}

/// The right to run. Dropping it ends the turn.
pub struct Turn {
    shared: Rc<Shared>,
    priority: Priority,
    began: Instant,
}

/// A request that waits. As a future it gives the turn, or `None` if the request is refused.
pub struct Waiting(Rc<Ticket>);

/// What a waiting request and the worker share.
pub(super) struct Ticket {
    pub(super) arrived: Instant,
    verdict: RefCell<Option<Verdict>>,
    waker: RefCell<Option<Waker>>,
}

/// What became of a waiting request.
enum Verdict {
    Run(Turn),
    Refuse,
}

impl Turns {
    /// Creates the turns of a worker that has nothing to do.
    pub fn new() -> Self {
        Self(Rc::new(Shared {
            lanes: Priority::ALL.map(Lane::new),
            round: Cell::new(None),
            rested: Cell::new(Instant::now()),
            is_measured: Cell::new(false),
            batch: Cell::new(1),
            given: Cell::new(0),
        }))
    }

    /// Decides what becomes of a request that arrives now.
    pub fn decide(&self, priority: Priority) -> Decision {
        let now = Instant::now();
        let Some(lane) = self.0.lane(priority) else {
            return Decision::Refuse;
        };
        let lag = self
            .0
            .round
            .get()
            .map_or(Duration::ZERO, |began| now.duration_since(began));
        let decision = if lane.is_calm(lag) && !self.0.someone_waits(priority) {
            Decision::Run(Turn::start(&self.0, priority, now))
        } else if lane.has_room(now) && !self.0.is_hopeless(priority, now) {
            let ticket = Rc::new(Ticket {
                arrived: now,
                verdict: RefCell::new(None),
                waker: RefCell::new(None),
            });
            lane.push(Rc::clone(&ticket));
            Decision::Wait(Waiting(ticket))
        } else {
            Decision::Refuse
        };
        self.measure(now, matches!(decision, Decision::Wait(_)));
        decision
    }

    /// Starts to measure rounds, unless that was just done and nothing waits.
    fn measure(&self, now: Instant, is_needed: bool) {
        let is_due = is_needed || now.duration_since(self.0.rested.get()) >= PAUSE;
        if is_due && !self.0.is_measured.replace(true) {
            self.0.round.set(Some(now));
            rt::spawn(run_rounds(Rc::clone(&self.0)));
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

/// Measures rounds of the event loop, and gives turns to waiting requests until none waits.
async fn run_rounds(shared: Rc<Shared>) {
    loop {
        // This comes back once everything that was ready has run and the sockets were looked at again.
        tokio::task::yield_now().await;
        let now = Instant::now();
        if let Some(began) = shared.round.replace(None) {
            shared.adjust_batch(now.duration_since(began));
        }
        shared.refuse_overdue(now);
        let given = shared.give_turns(now);
        if shared.lanes.iter().all(Lane::is_empty) {
            break;
        }
        if given == 0 {
            rt::time::sleep(RECHECK).await;
        }
        shared.round.set(Some(Instant::now()));
    }
    shared.rested.set(Instant::now());
    shared.is_measured.set(false);
}

impl Shared {
    fn lane(&self, priority: Priority) -> Option<&Lane> {
        self.lanes.get(priority as usize)
    }

    /// Whether a request of this priority, or of a more urgent one, waits.
    fn someone_waits(&self, priority: Priority) -> bool {
        self.lanes
            .iter()
            .take(priority as usize + 1)
            .any(|lane| !lane.is_empty())
    }

    /// Whether a request will surely not get its turn in time, since more urgent ones wait for long.
    fn is_hopeless(&self, priority: Priority, now: Instant) -> bool {
        priority == Priority::Deferrable && self.lanes.iter().any(|lane| lane.is_behind(now))
    }

    fn adjust_batch(&self, length: Duration) {
        let batch = self.batch.get();
        self.batch.set(if length > ROUND {
            (batch / 2).max(1)
        } else {
            (batch + batch / 4 + 1).min(MAX_BATCH)
        });
    }

    fn refuse_overdue(&self, now: Instant) {
        for lane in &self.lanes {
            while let Some(ticket) = lane.pop_if(|ticket| lane.is_overdue(ticket, now)) {
                ticket.settle(Verdict::Refuse);
            }
        }
    }

    /// Lets waiting requests run. Returns how many.
    fn give_turns(self: &Rc<Self>, now: Instant) -> usize {
        let mut given = 0;
        while given < self.batch.get() {
            let Some((priority, ticket)) = self.next(now) else {
                break;
            };
            self.given.set(self.given.get().wrapping_add(1));
            ticket.settle(Verdict::Run(Turn::start(self, priority, now)));
            given += 1;
        }
        given
    }

    /// Takes the next waiting request out of its lane.
    fn next(&self, now: Instant) -> Option<(Priority, Rc<Ticket>)> {
        let take = |priority: Priority| {
            let lane = self.lane(priority)?;
            let ticket = lane.is_open().then(|| lane.take(now)).flatten();
            ticket.map(|ticket| (priority, ticket))
        };
        let is_for_sign_in = self.given.get() % SIGN_IN_SHARE == SIGN_IN_SHARE - 1;
        let first = is_for_sign_in.then_some(Priority::SignIn);
        first.into_iter().chain(Priority::ALL).find_map(take)
    }
}

impl Turn {
    fn start(shared: &Rc<Shared>, priority: Priority, now: Instant) -> Self {
        if let Some(lane) = shared.lane(priority) {
            lane.running.set(lane.running.get() + 1);
        }
        Self {
            shared: Rc::clone(shared),
            priority,
            began: now,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(lane) = self.shared.lane(self.priority) else {
            return;
        };
        let running = lane.running.get();
        lane.running.set(running.saturating_sub(1));
        if let Limit::Adaptive(limit) = &lane.limit {
            let now = Instant::now();
            limit.observe(now, now.duration_since(self.began), running);
        }
    }
}

impl Ticket {
    /// Gives the request its turn, or refuses it. One that is gone drops its turn at once.
    fn settle(&self, verdict: Verdict) {
        *self.verdict.borrow_mut() = Some(verdict);
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Waiting {
    type Output = Option<Turn>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let verdict = self.0.verdict.borrow_mut().take();
        match verdict {
            Some(Verdict::Run(turn)) => Poll::Ready(Some(turn)),
            Some(Verdict::Refuse) => Poll::Ready(None),
            None => {
                *self.0.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
