//! The lane of one priority on one worker: who waits in it, how many of it run, and how many may.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

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
/// A lane keeps up while it gives turns after shorter waits than this.
const SHORT_WAIT: Duration = Duration::from_millis(50);
/// A lane that has kept up within this time refuses nobody. A stall of the machine, or many clients who send at once, are
/// no overload.
const GRACE: Duration = Duration::from_millis(100);
/// How often the limit is adjusted.
const WINDOW: Duration = Duration::from_millis(100);
/// The fewest requests that say whether the quickest of them was slow.
const MIN_OBSERVED: u32 = 8;

/// The requests of one priority on one worker.
pub struct Lane<T> {
    priority: Priority,
    /// Those that wait, each with when it came, the oldest first.
    waiting: RefCell<VecDeque<(Instant, Rc<T>)>>,
    /// The number of those that run.
    pub running: Cell<usize>,
    /// The most that may run.
    pub limit: Limit,
    pace: Pace,
    /// When it last kept up: nobody waited, or one got a turn after a short wait.
    kept_up: Cell<Instant>,
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

impl<T> Lane<T> {
    /// Creates the empty lane of a priority.
    pub fn new(priority: Priority) -> Self {
        let ms = Duration::from_millis;
        // Most refusals come at once, since one can tell that the wait would be too long. The deadlines are for the others.
        let (limit, calm, patience, deadline) = match priority {
            Priority::Urgent => (Limit::Fixed(1024), ms(100), ms(1000), ms(2000)),
            Priority::Ordinary => (Limit::Adaptive(AdaptiveLimit::new()), ms(4), ms(250), ms(1000)),
            Priority::SignIn | Priority::Deferrable => (Limit::Fixed(64), ms(4), ms(100), ms(250)),
        };
        Self {
            priority,
            waiting: RefCell::default(),
            running: Cell::new(0),
            limit,
            pace: Pace {
                mean: Cell::default(),
                last: Cell::new(Instant::now()),
            },
            kept_up: Cell::new(Instant::now()),
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
        count < MAX_WAITING && self.wait_of(count, now) <= self.patience && self.age(now) <= self.patience
    }

    /// How long a request has to wait that has so many before it, as far as one can tell.
    fn wait_of(&self, ahead: usize, now: Instant) -> Duration {
        // An urgent request is not refused on a guess, and no other as long as the lane keeps up.
        if self.priority == Priority::Urgent || !self.is_behind(now) {
            return Duration::ZERO;
        }
        // A few turns come with each round, so the time since the last one says less than the mean.
        let since_last = now.duration_since(self.pace.last.get());
        let pace = self.pace.mean.get().max(since_last / 4);
        pace.saturating_mul(u32::try_from(ahead).unwrap_or(u32::MAX))
    }

    /// Takes the latest request if it has to wait for much longer than was to be seen when it came.
    pub fn take_excess(&self, now: Instant) -> Option<Rc<T>> {
        let ahead = self.waiting.borrow().len().saturating_sub(1);
        let is_excess = self.wait_of(ahead, now) > self.patience * 2;
        let (_, ticket) = is_excess.then(|| self.waiting.borrow_mut().pop_back())??;
        Some(ticket)
    }

    /// How long the oldest request has waited.
    pub fn age(&self, now: Instant) -> Duration {
        let waiting = self.waiting.borrow();
        let oldest = waiting.front();
        oldest.map_or(Duration::ZERO, |(arrived, _)| now.duration_since(*arrived))
    }

    /// Whether it has not kept up for some time: those that arrive have more to do than can be done.
    pub fn is_behind(&self, now: Instant) -> bool {
        !self.is_empty() && now.duration_since(self.kept_up.get()) > GRACE
    }

    /// Lets a request wait.
    pub fn push(&self, ticket: Rc<T>, now: Instant) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            self.pace.last.set(now);
            self.kept_up.set(now);
        }
        waiting.push_back((now, ticket));
    }

    /// Takes the request whose turn it is.
    pub fn take(&self, now: Instant) -> Option<Rc<T>> {
        let ticket = self.pop_if(|arrived| {
            if now.duration_since(arrived) < SHORT_WAIT {
                self.kept_up.set(now);
            }
            true
        })?;
        let took = now.duration_since(self.pace.last.replace(now)).min(SLOW);
        self.pace.mean.set(self.pace.mean.get() / 8 * 7 + took / 8);
        Some(ticket)
    }

    /// Takes the oldest request if it has waited too long, or if none of the lane will get its turn.
    pub fn take_overdue(&self, now: Instant, is_hopeless: bool) -> Option<Rc<T>> {
        self.pop_if(|arrived| is_hopeless || now.duration_since(arrived) > self.deadline)
    }

    /// Takes the oldest request, if there is one and a condition holds for when it came. Those whose client is gone are
    /// dropped.
    fn pop_if(&self, condition: impl Fn(Instant) -> bool) -> Option<Rc<T>> {
        let mut waiting = self.waiting.borrow_mut();
        // A request that is gone has dropped its half.
        while waiting
            .front()
            .is_some_and(|(_, ticket)| Rc::strong_count(ticket) == 1)
        {
            waiting.pop_front();
        }
        let (arrived, _) = waiting.front()?;
        condition(*arrived)
            .then(|| waiting.pop_front())?
            .map(|(_, ticket)| ticket)
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
