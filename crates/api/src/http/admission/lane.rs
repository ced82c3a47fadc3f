//! The lane of one priority on one worker: who waits in it, how many of it run, and how many may.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use super::turns::Ticket;
use crate::http::priority::Priority;

/// The most requests that wait in a lane.
const MAX_WAITING: usize = 512;
/// The most ordinary requests that run on a worker.
const MAX_ORDINARY: usize = 512;
/// The fewest ordinary requests that a worker lets run, however long they take.
const MIN_ORDINARY: usize = 16;
/// Ordinary requests take this long only if they wait for something, such as a connection to the database. The limit of
/// those that run falls once even the quickest takes longer. A load of 256 clients that each wait for the response stays
/// below it.
const SLOW: Duration = Duration::from_millis(750);
/// Requests that can wait are refused as they arrive while others have waited for longer than this.
const BEHIND: Duration = Duration::from_millis(10);
/// How often the limit is adjusted.
const WINDOW: Duration = Duration::from_millis(100);
/// The fewest requests that say whether the quickest of them was slow.
const MIN_OBSERVED: u32 = 8;

/// The requests of one priority on one worker.
pub struct Lane {
    /// Those that wait, the oldest first.
    waiting: RefCell<VecDeque<Rc<Ticket>>>,
    /// The number of those that run.
    pub running: Cell<usize>,
    /// The most that may run.
    pub limit: Limit,
    pace: Pace,
    /// A request runs as it arrives as long as the round takes no longer than this.
    calm: Duration,
    /// A request is refused as it arrives if it would have to wait longer than this.
    patience: Duration,
    /// A request that has waited this long is refused.
    deadline: Duration,
}

/// How quickly the waiting requests of a lane get their turns.
struct Pace {
    /// The time from one turn to the next, as a moving average.
    mean: Cell<Duration>,
    /// When the last turn was given, or when the first request began to wait.
    last: Cell<Instant>,
}

/// The most requests of a lane that may run.
pub enum Limit {
    /// Always as many.
    Fixed(usize),
    /// As many as the databases serve in good time.
    Adaptive(AdaptiveLimit),
}

/// A limit that falls quickly when requests are slow, and rises slowly when they are not.
pub struct AdaptiveLimit {
    limit: Cell<usize>,
    window: Cell<Window>,
}

/// The requests that ended in a short time.
#[derive(Clone, Copy)]
struct Window {
    began: Instant,
    quickest: Duration,
    count: u32,
}

impl Lane {
    /// Creates the empty lane of a priority.
    pub fn new(priority: Priority) -> Self {
        let ms = Duration::from_millis;
        // A refusal must come within 50 ms. So requests that would be refused after they waited may not wait for long.
        let (limit, calm, patience, deadline) = match priority {
            Priority::Urgent => (Limit::Fixed(1024), ms(100), ms(1000), ms(2000)),
            Priority::Ordinary => (Limit::Adaptive(AdaptiveLimit::new()), ms(4), ms(100), ms(1000)),
            Priority::SignIn => (Limit::Fixed(64), ms(4), ms(30), ms(30)),
            Priority::Deferrable => (Limit::Fixed(64), ms(4), ms(20), ms(20)),
        };
        Self {
            waiting: RefCell::default(),
            running: Cell::new(0),
            limit,
            pace: Pace {
                mean: Cell::default(),
                last: Cell::new(Instant::now()),
            },
            calm,
            patience,
            deadline,
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Whether another request may run.
    pub fn is_open(&self) -> bool {
        self.running.get() < self.limit.get()
    }

    /// Whether a request may run as it arrives, if the round has taken this long.
    pub fn is_calm(&self, lag: Duration) -> bool {
        lag <= self.calm && self.is_open()
    }

    /// Whether a request that arrives now may wait: whether those before it wait for a short time, as far as one can tell.
    pub fn has_room(&self, now: Instant) -> bool {
        let count = self.waiting.borrow().len();
        let ahead = self
            .pace
            .mean
            .get()
            .saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        count < MAX_WAITING && ahead <= self.patience && self.age(now) <= self.patience
    }

    /// How long the oldest request has waited.
    pub fn age(&self, now: Instant) -> Duration {
        let waiting = self.waiting.borrow();
        let oldest = waiting.front();
        oldest.map_or(Duration::ZERO, |oldest| now.duration_since(oldest.arrived))
    }

    /// Whether those of this lane wait for so long that a request that can wait need not even try.
    pub fn is_behind(&self, now: Instant) -> bool {
        self.age(now) > BEHIND
    }

    /// Lets a request wait.
    pub fn push(&self, ticket: Rc<Ticket>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            self.pace.last.set(ticket.arrived);
        }
        waiting.push_back(ticket);
    }

    /// Takes the request whose turn it is.
    pub fn take(&self, now: Instant) -> Option<Rc<Ticket>> {
        let ticket = self.pop_if(|_any| true)?;
        let took = now.duration_since(self.pace.last.replace(now)).min(SLOW);
        self.pace.mean.set(self.pace.mean.get() / 8 * 7 + took / 8);
        Some(ticket)
    }

    /// Whether a request has waited too long.
    pub fn is_overdue(&self, ticket: &Ticket, now: Instant) -> bool {
        now.duration_since(ticket.arrived) > self.deadline
    }

    /// Takes the oldest waiting request, if it is still there and meets a condition. Those whose client is gone are
    /// dropped.
    pub fn pop_if(&self, condition: impl Fn(&Ticket) -> bool) -> Option<Rc<Ticket>> {
        let mut waiting = self.waiting.borrow_mut();
        // A request that is gone has dropped its half.
        while waiting
            .front()
            .is_some_and(|ticket| Rc::strong_count(ticket) == 1)
        {
            waiting.pop_front();
        }
        if condition(waiting.front()?) {
            waiting.pop_front()
        } else {
            None
        }
    }
}

impl Limit {
    fn get(&self) -> usize {
        match self {
            Self::Fixed(limit) => *limit,
            Self::Adaptive(limit) => limit.limit.get(),
        }
    }
}

impl AdaptiveLimit {
    fn new() -> Self {
        Self {
            limit: Cell::new(MAX_ORDINARY),
            window: Cell::new(Window::new(Instant::now())),
        }
    }

    /// Takes account of a request that has ended, of so many that ran.
    pub fn observe(&self, now: Instant, took: Duration, running: usize) {
        let mut window = self.window.get();
        window.quickest = window.quickest.min(took);
        window.count = window.count.saturating_add(1);
        if now.duration_since(window.began) >= WINDOW {
            let is_slow = window.count >= MIN_OBSERVED && window.quickest > SLOW;
            let limit = self.limit.get();
            self.limit.set(if is_slow {
                (running / 4 * 3).clamp(MIN_ORDINARY, limit)
            } else {
                (limit + limit / 8 + 1).min(MAX_ORDINARY)
            });
            window = Window::new(now);
        }
        self.window.set(window);
    }
}

impl Window {
    fn new(began: Instant) -> Self {
        Self {
            began,
            quickest: Duration::MAX,
            count: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends requests for a second, and returns the limit.
    fn limit_after(limit: &AdaptiveLimit, start: Instant, took: Duration) -> usize {
        for n in 0..100 {
            limit.observe(start + Duration::from_millis(n * 10), took, 200);
        }
        limit.limit.get()
    }

    #[test]
    fn the_limit_falls_while_every_request_is_slow_and_rises_again() {
        let (limit, start) = (AdaptiveLimit::new(), Instant::now());
        assert_eq!(
            limit_after(&limit, start, Duration::from_millis(300)),
            MAX_ORDINARY
        );
        assert_eq!(limit_after(&limit, start + Duration::from_secs(1), SLOW * 2), 150);
        let later = start + Duration::from_secs(2);
        assert!(limit_after(&limit, later, Duration::from_millis(5)) > 300);
    }

    #[test]
    fn few_slow_requests_say_nothing() {
        let (limit, start) = (AdaptiveLimit::new(), Instant::now());
        for n in 0..20 {
            limit.observe(start + Duration::from_millis(n * 50), SLOW * 2, 20);
        }
        assert_eq!(limit.limit.get(), MAX_ORDINARY);
    }
}
