//! Turns for the connections to a PostgreSQL server. Urgent work comes first, and has some that nothing else takes.
//!
//! What runs on the other connections makes urgent work slower too, since they share the processors of the server. So while
//! there is urgent work, fewer ordinary jobs begin.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::error::{Result, StoreError};

/// One in so many connections is for urgent work alone.
const URGENT_SHARE: usize = 4;
/// While there is urgent work, ordinary jobs have one in so many connections.
const NARROW_SHARE: usize = 4;
/// Ordinary jobs are refused as they come while the first of those that wait has waited for so long. A load of 256 clients
/// that each wait for the response stays below it.
const MAX_AGE: Duration = Duration::from_millis(750);
/// Between two jobs of an urgent request, it counts as urgent work for so long.
const BETWEEN_JOBS: Duration = Duration::from_millis(20);

/// What a job is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// It waits for no other work.
    Urgent,
    /// What every request waits for, the urgent ones too. It waits for no other work either.
    Service,
    /// A long read. Turns elsewhere bound how many there are.
    Long,
    /// Any other.
    Ordinary,
}

/// The turns for all connections. Clones share them.
#[derive(Clone)]
pub(super) struct ConnectionTurns(Arc<Mutex<State>>);

/// The right to use a connection. It ends when it is dropped.
pub(super) struct ConnectionTurn {
    turns: ConnectionTurns,
    work: Work,
}

struct State {
    /// Connections that nobody uses.
    free: usize,
    /// So many are for urgent work, whether it uses them now or not.
    reserved: usize,
    /// The most ordinary jobs while there is urgent work.
    narrow: usize,
    urgent: Queue,
    service: Queue,
    long: Queue,
    ordinary: Queue,
    /// When the latest urgent job ended.
    urgent_until: Option<Instant>,
}

/// The jobs of one kind.
#[derive(Default)]
struct Queue {
    running: usize,
    /// Those that wait, each with when it came, the oldest first.
    waiting: VecDeque<(Instant, oneshot::Sender<ConnectionTurn>)>,
}

impl ConnectionTurns {
    /// The turns for so many connections.
    pub fn new(connections: usize) -> Self {
        let reserved = (connections / URGENT_SHARE).max(1);
        Self(Arc::new(Mutex::new(State {
            free: connections.max(reserved + 1),
            reserved,
            narrow: (connections / NARROW_SHARE).max(1),
            urgent: Queue::default(),
            service: Queue::default(),
            long: Queue::default(),
            ordinary: Queue::default(),
            urgent_until: None,
        })))
    }

    /// How many connections may be used by other than urgent work.
    pub fn shared(&self) -> usize {
        let state = self.state();
        state.free.saturating_sub(state.reserved)
    }

    /// Waits for a connection. Jobs of a kind come in their order. The caller bounds the time.
    ///
    /// # Errors
    /// [`StoreError::Busy`] for ordinary work if it would surely wait for too long.
    pub async fn wait(&self, work: Work) -> Result<ConnectionTurn> {
        let waiting = {
            let mut state = self.state();
            let now = Instant::now();
            let oldest = state.queue(work).oldest();
            if oldest.is_none() && state.may_begin(work, now) {
                return Ok(state.begin(work, self));
            }
            let is_too_long = oldest.is_some_and(|came| now.duration_since(came) > MAX_AGE);
            if work == Work::Ordinary && is_too_long {
                return Err(StoreError::Busy);
            }
            let (turn, waiting) = oneshot::channel();
            state.queue(work).waiting.push_back((now, turn));
            waiting
        };
        waiting.await.map_err(|e| StoreError::Internal(e.to_string()))
    }

    /// Gives turns to those who wait, as long as there are any.
    fn give(&self) {
        loop {
            let mut state = self.state();
            let Some((next, turn)) = state.next(Instant::now(), self) else {
                return;
            };
            drop(state);
            // Dropped if its caller has just gone away, and then the next one gets it.
            drop(next.send(turn));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, work: Work) -> &mut Queue {
        match work {
            Work::Urgent => &mut self.urgent,
            Work::Service => &mut self.service,
            Work::Long => &mut self.long,
            Work::Ordinary => &mut self.ordinary,
        }
    }

    fn may_begin(&self, work: Work, now: Instant) -> bool {
        match work {
            Work::Urgent | Work::Service => self.free > 0,
            Work::Long => self.has_shared(),
            Work::Ordinary => {
                self.has_shared() && (self.ordinary.running < self.narrow || !self.has_urgent_work(now))
            }
        }
    }

    /// Whether a connection is free that is not for urgent work.
    fn has_shared(&self) -> bool {
        let used = self.urgent.running + self.service.running;
        self.free > self.reserved.saturating_sub(used)
    }

    fn has_urgent_work(&self, now: Instant) -> bool {
        self.urgent.running > 0
            || self
                .urgent_until
                .is_some_and(|ended| now.duration_since(ended) < BETWEEN_JOBS)
    }

    fn begin(&mut self, work: Work, turns: &ConnectionTurns) -> ConnectionTurn {
        self.free = self.free.saturating_sub(1);
        self.queue(work).running += 1;
        ConnectionTurn {
            turns: turns.clone(),
            work,
        }
    }

    fn end(&mut self, work: Work, now: Instant) {
        self.free += 1;
        let queue = self.queue(work);
        queue.running = queue.running.saturating_sub(1);
        if work == Work::Urgent {
            self.urgent_until = Some(now);
        }
    }

    /// The next job that may begin, and its turn.
    fn next(
        &mut self,
        now: Instant,
        turns: &ConnectionTurns,
    ) -> Option<(oneshot::Sender<ConnectionTurn>, ConnectionTurn)> {
        let work = [Work::Urgent, Work::Service, Work::Long, Work::Ordinary]
            .into_iter()
            .find(|work| self.queue(*work).oldest().is_some() && self.may_begin(*work, now))?;
        let (_, next) = self.queue(work).waiting.pop_front()?;
        Some((next, self.begin(work, turns)))
    }
}

impl Queue {
    /// When the oldest of those that wait came. Those whose callers have gone away are dropped.
    fn oldest(&mut self) -> Option<Instant> {
        while self.waiting.front().is_some_and(|(_, turn)| turn.is_closed()) {
            self.waiting.pop_front();
        }
        self.waiting.front().map(|(came, _)| *came)
    }
}

impl Drop for ConnectionTurn {
    fn drop(&mut self) {
        self.turns.state().end(self.work, Instant::now());
        self.turns.give();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// As many turns as one gets at once.
    async fn all(turns: &ConnectionTurns, work: Work) -> Vec<ConnectionTurn> {
        let mut all = Vec::new();
        while let Ok(turn) = timeout(Duration::from_millis(5), turns.wait(work)).await {
            all.push(turn.unwrap());
        }
        all
    }

    #[tokio::test]
    async fn urgent_work_has_connections_that_nothing_else_takes() {
        let turns = ConnectionTurns::new(12);
        assert_eq!(turns.shared(), 9);
        let ordinary = all(&turns, Work::Ordinary).await;
        let long = all(&turns, Work::Long).await;
        assert_eq!((ordinary.len(), long.len()), (9, 0));
        assert_eq!(all(&turns, Work::Urgent).await.len(), 3);
    }

    #[tokio::test]
    async fn there_is_an_ordinary_connection_however_few_there_are() {
        for connections in 0..4 {
            let turns = ConnectionTurns::new(connections);
            let _urgent = turns.wait(Work::Urgent).await.unwrap();
            assert_eq!(all(&turns, Work::Ordinary).await.len(), 1, "{connections}");
        }
    }

    #[tokio::test]
    async fn fewer_ordinary_jobs_begin_while_there_is_urgent_work_and_all_when_it_is_over() {
        let turns = ConnectionTurns::new(12);
        let _session = turns.wait(Work::Service).await.unwrap();
        let mut ordinary = all(&turns, Work::Ordinary).await;
        let urgent = turns.wait(Work::Urgent).await.unwrap();
        ordinary.truncate(3);
        assert!(all(&turns, Work::Ordinary).await.is_empty(), "three run already");
        assert_eq!(
            all(&turns, Work::Long).await.len(),
            6,
            "long reads have bounds of their own"
        );
        drop(urgent);
        let urgent = turns.wait(Work::Urgent).await.unwrap();
        drop(urgent);
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait(Work::Ordinary).await.map(drop) }
        });
        tokio::time::sleep(BETWEEN_JOBS * 2).await;
        drop(ordinary.pop());
        assert!(waiting.await.unwrap().is_ok());
        assert_eq!(all(&turns, Work::Ordinary).await.len(), 7);
    }

    #[tokio::test]
    async fn ordinary_work_is_refused_at_once_while_others_have_waited_for_too_long() {
        let turns = ConnectionTurns::new(2);
        let ordinary = turns.wait(Work::Ordinary).await.unwrap();
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait(Work::Ordinary).await }
        });
        tokio::time::sleep(MAX_AGE + Duration::from_millis(50)).await;
        assert!(matches!(turns.wait(Work::Ordinary).await, Err(StoreError::Busy)));
        assert_eq!(all(&turns, Work::Urgent).await.len(), 1);
        drop(ordinary);
        drop(waiting.await.unwrap().unwrap());
        assert_eq!(all(&turns, Work::Ordinary).await.len(), 1);
    }

    #[tokio::test]
    async fn urgent_work_comes_first_and_those_who_have_gone_away_leave_nothing() {
        let turns = ConnectionTurns::new(2);
        let ordinary = turns.wait(Work::Ordinary).await.unwrap();
        let urgent = turns.wait(Work::Urgent).await.unwrap();
        assert!(
            timeout(Duration::from_millis(5), turns.wait(Work::Ordinary))
                .await
                .is_err()
        );
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait(Work::Ordinary).await }
        });
        tokio::task::yield_now().await;
        let first = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait(Work::Urgent).await }
        });
        tokio::task::yield_now().await;
        drop(ordinary);
        let first = first.await.unwrap().unwrap();
        assert!(!second.is_finished());
        drop((urgent, first));
        assert!(second.await.unwrap().is_ok());
        assert_eq!(turns.state().free, 2);
    }
}
