//! The turns of one worker: which request runs at once, which one waits, and which one is refused.
//!
//! A worker is one thread with one event loop. While the loop comes round quickly, every request runs as it arrives. Once
//! a round takes longer, only urgent requests do. The others wait here, and each round lets a few of them run, as many as
//! fit into a short round. So the worker reads what arrives, answers what is urgent and refuses what is too much within a
//! few milliseconds, however much waits. All of it belongs to one thread, so it needs no locks.

use std::{
    cell::{Cell, RefCell},
    ops::RangeInclusive,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use actix_web::rt;

use super::lane::{Lane, Limit};
use crate::http::priority::Priority;

/// The length of a round that the number of requests in it is adjusted to.
const ROUND: Duration = Duration::from_millis(15);
/// How soon after a round the next one is measured. Until then the event loop is taken to be as quick as it was.
const PAUSE: Duration = Duration::from_millis(1);
/// How often a worker whose turns are all taken looks for waiting requests that are to be refused.
const RECHECK: Duration = Duration::from_millis(5);
/// The smallest and the largest number of requests that one round lets run.
const BATCH: RangeInclusive<usize> = 2..=64;
/// The number of urgent requests that every round lets run, however long rounds take.
const URGENT_BATCH: usize = 32;
/// Of so many turns, one goes to those who sign in, so that a flood of other requests does not keep them out.
const SIGN_IN_SHARE: u32 = 16;

tokio::task_local! {
    /// The turn of the request that is served.
    pub(super) static TURN: Option<Rc<Turn>>;
}

/// Lets other requests run until the result is dropped, while the present one waits for something.
pub fn step_aside() -> Option<Aside> {
    let turn = TURN.try_with(Clone::clone).ok().flatten();
    turn.map(|turn| turn.step_aside())
}

/// Waits for something within a request, and lets others run meanwhile: a turn elsewhere, for instance.
pub async fn aside<F: Future>(wait: F) -> F::Output {
    let _aside = step_aside();
    wait.await
}

/// The turns of one worker. Clones share them.
#[derive(Clone)]
pub struct Turns(Rc<Shared>);

struct Shared {
    lanes: [Lane<Ticket>; 4],
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
    /// When it began, later by the time that it stood aside.
    began: Cell<Instant>,
    /// How many wait for something within the turn. Meanwhile it takes no place of its lane.
    aside: Cell<u32>,
}

/// A request that waits for something within its turn: the rest of its body, or a turn elsewhere. Others run meanwhile.
pub struct Aside {
    turn: Rc<Turn>,
    since: Instant,
}

/// A request that waits. As a future it gives the turn, or `None` if the request is refused.
pub struct Waiting(Rc<Ticket>);

/// What a waiting request and the worker share.
struct Ticket {
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
            batch: Cell::new(*BATCH.start()),
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
                verdict: RefCell::new(None),
                waker: RefCell::new(None),
            });
            lane.push(Rc::clone(&ticket), now);
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
    fn lane(&self, priority: Priority) -> Option<&Lane<Ticket>> {
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
        // Those who sign in take turns of their own, and few of them.
        let before = [Priority::Urgent, Priority::Ordinary, Priority::Deferrable];
        priority == Priority::Deferrable
            && (before.iter())
                .filter_map(|before| self.lane(*before))
                .any(|lane| lane.is_behind(now))
    }

    fn adjust_batch(&self, length: Duration) {
        let batch = self.batch.get();
        self.batch.set(if length > ROUND {
            (batch / 2).max(*BATCH.start())
        } else {
            (batch + batch / 4 + 1).min(*BATCH.end())
        });
    }

    /// Refuses those that have waited for too long, or would. The sooner they know the better.
    fn refuse_overdue(&self, now: Instant) {
        for (lane, priority) in self.lanes.iter().zip(Priority::ALL) {
            let is_hopeless = self.is_hopeless(priority, now);
            let next = || {
                lane.take_overdue(now, is_hopeless)
                    .or_else(|| lane.take_excess(now))
            };
            while let Some(ticket) = next() {
                ticket.settle(Verdict::Refuse);
            }
        }
    }

    /// Lets waiting requests run. Returns how many.
    fn give_turns(self: &Rc<Self>, now: Instant) -> usize {
        let urgent = (0..URGENT_BATCH).map_while(|_| self.take(Priority::Urgent, now));
        let others = (0..self.batch.get()).map_while(|_| self.next(now));
        let mut given = 0;
        for (priority, ticket) in urgent.chain(others) {
            self.given.set(self.given.get().wrapping_add(1));
            ticket.settle(Verdict::Run(Turn::start(self, priority, now)));
            given += 1;
        }
        given
    }

    /// Takes the oldest waiting request of a priority out of its lane, if it may run.
    fn take(&self, priority: Priority, now: Instant) -> Option<(Priority, Rc<Ticket>)> {
        let lane = self.lane(priority)?;
        let ticket = lane.is_open().then(|| lane.take(now)).flatten();
        ticket.map(|ticket| (priority, ticket))
    }

    /// Takes the next waiting request out of its lane.
    fn next(&self, now: Instant) -> Option<(Priority, Rc<Ticket>)> {
        let is_for_sign_in = self.given.get() % SIGN_IN_SHARE == SIGN_IN_SHARE - 1;
        let first = is_for_sign_in.then_some(Priority::SignIn);
        first
            .into_iter()
            .chain(Priority::ALL)
            .find_map(|priority| self.take(priority, now))
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
            began: Cell::new(now),
            aside: Cell::new(0),
        }
    }

    /// Lets others run until the result is dropped.
    pub fn step_aside(self: &Rc<Self>) -> Aside {
        if self.aside.replace(self.aside.get() + 1) == 0
            && let Some(lane) = self.shared.lane(self.priority)
        {
            lane.running.set(lane.running.get().saturating_sub(1));
        }
        Aside {
            turn: Rc::clone(self),
            since: Instant::now(),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let turn = &self.turn;
        turn.aside.set(turn.aside.get().saturating_sub(1));
        if turn.aside.get() == 0 {
            turn.began.set(turn.began.get() + self.since.elapsed());
            if let Some(lane) = turn.shared.lane(turn.priority) {
                // It goes on at once: what it waited for is there.
                lane.running.set(lane.running.get() + 1);
            }
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
            limit.observe(now, now.duration_since(self.began.get()), running);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(decision: Decision) -> Option<Waiting> {
        match decision {
            Decision::Wait(waiting) => Some(waiting),
            _ => None,
        }
    }

    #[actix_web::test]
    async fn every_request_runs_while_the_loop_comes_round_quickly() {
        let turns = Turns::new();
        for priority in Priority::ALL {
            assert!(matches!(turns.decide(priority), Decision::Run(_)));
        }
    }

    #[actix_web::test]
    async fn a_request_that_waits_for_its_body_takes_no_place() {
        let turns = Turns::new();
        let running = || turns.0.lane(Priority::SignIn).unwrap().running.get();
        let start = || match turns.decide(Priority::SignIn) {
            Decision::Run(turn) => Some(Rc::new(turn)),
            _ => None,
        };
        let mut waiting = Vec::new();
        for _ in 0..500 {
            let turn = start().unwrap();
            waiting.push((turn.step_aside(), turn.step_aside()));
            tokio::task::yield_now().await;
        }
        assert_eq!(running(), 0);
        let turn = start().unwrap();
        assert_eq!(running(), 1);
        let (first, second) = waiting.pop().unwrap();
        drop(first);
        assert_eq!(running(), 1, "it still waits for something");
        drop(second);
        assert_eq!(running(), 1, "it went on, and ended");
        drop((turn, waiting));
        assert_eq!(running(), 0);
    }

    #[actix_web::test]
    async fn after_a_long_round_only_urgent_requests_run_and_the_others_get_their_turns() {
        let turns = Turns::new();
        std::thread::sleep(PAUSE);
        let _first = turns.decide(Priority::Ordinary);
        // The loop does not come round meanwhile.
        std::thread::sleep(Duration::from_millis(20));
        let waiting: Vec<Waiting> = (0..20)
            .filter_map(|_| waits(turns.decide(Priority::Ordinary)))
            .collect();
        assert_eq!(waiting.len(), 20);
        assert!(matches!(turns.decide(Priority::Urgent), Decision::Run(_)));
        let gone = waits(turns.decide(Priority::Ordinary));
        drop(gone);
        for waiting in waiting {
            assert!(waiting.await.is_some());
        }
        let running = turns.0.lane(Priority::Ordinary).unwrap().running.get();
        assert_eq!(running, 1, "each turn ended, but the first");
    }

    #[actix_web::test]
    async fn what_can_wait_is_refused_while_others_wait_for_long() {
        let turns = Turns::new();
        std::thread::sleep(PAUSE);
        let _first = turns.decide(Priority::Ordinary);
        std::thread::sleep(Duration::from_millis(20));
        let deferrable = waits(turns.decide(Priority::Deferrable)).unwrap();
        let ordinary = waits(turns.decide(Priority::Ordinary)).unwrap();
        std::thread::sleep(Duration::from_millis(120));
        assert!(matches!(turns.decide(Priority::Deferrable), Decision::Refuse));
        assert!(deferrable.await.is_none() && ordinary.await.is_some());
    }
}
