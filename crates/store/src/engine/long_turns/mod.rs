//! The turns of long reads, which all accounts share fairly: whoever has taken little lately never waits for those who have
//! taken much.
//!
//! [`schedule`] decides. A long read looks here whenever it looks at the record, and pauses there while others run.

mod recent_use;
mod schedule;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

use self::schedule::{Schedule, Ticket, Told};
use crate::error::{Result, StoreError};

/// How often one that waits looks whether it may run. A read that goes on becomes dear without telling anybody.
const AGAIN: Duration = Duration::from_millis(50);

/// The turns of all long reads. Clones share them.
#[derive(Clone)]
pub(super) struct LongTurns(Arc<Shared>);

struct Shared {
    schedule: Mutex<Schedule<Wake>>,
    /// When one that waits last looked.
    looked: Mutex<Instant>,
}

/// A long read from when it begins to wait. Dropping it ends its turn.
pub(super) struct LongTurn {
    turns: LongTurns,
    ticket: Ticket,
}

/// Tells one that waits that it may run. If it is dropped, the read is to end.
enum Wake {
    Task(oneshot::Sender<()>),
    Thread(SyncSender<()>),
}

impl Wake {
    /// One that is gone ends its turn by itself.
    fn wake(self) {
        match self {
            Self::Task(wake) => drop(wake.send(())),
            Self::Thread(wake) => drop(wake.try_send(())),
        }
    }
}

impl LongTurns {
    /// Creates the turns. At most `max_begun` reads have begun at the same time, whether they run or pause.
    pub fn new(max_begun: usize) -> Self {
        Self(Arc::new(Shared {
            schedule: Mutex::new(Schedule::new(max_begun)),
            looked: Mutex::new(Instant::now()),
        }))
    }

    /// Waits for the turn of a read of an account. The caller bounds the time.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it is not to run.
    pub async fn wait(&self, account: Uuid) -> Result<LongTurn> {
        let (wake, mut woken) = oneshot::channel();
        let turn = LongTurn {
            turns: self.clone(),
            ticket: self.schedule().join(account, Wake::Task(wake)),
        };
        self.give();
        loop {
            match timeout(AGAIN, &mut woken).await {
                Ok(Ok(())) => return Ok(turn),
                Ok(Err(_dropped)) => return Err(StoreError::Busy),
                Err(_elapsed) => self.give_again(),
            }
        }
    }

    /// Tells those that wait what becomes of them.
    fn give(&self) {
        loop {
            let told = self.schedule().next(Instant::now());
            match told {
                Some(Told::Run(wake)) => wake.wake(),
                Some(Told::End(wake)) => drop(wake),
                None => break,
            }
        }
    }

    /// The same, unless another one that waits has just done it. However many wait, it costs the same.
    fn give_again(&self) {
        let now = Instant::now();
        let mut looked = locked(&self.0.looked);
        if now.duration_since(*looked) >= AGAIN / 2 {
            *looked = now;
            drop(looked);
            self.give();
        }
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule<Wake>> {
        locked(&self.0.schedule)
    }
}

impl LongTurn {
    /// Says that the read begins now, with a connection.
    pub fn begin(&self) {
        self.turns.schedule().begin(self.ticket, Instant::now());
    }

    /// Pauses if others are to run first, and returns how long. Blocks the thread meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the read is to end: it has taken the most, or `is_over` says so of a pause of some length.
    pub fn pause_for_others(&self, is_over: impl Fn(Duration) -> bool) -> Result<Duration> {
        let began = Instant::now();
        let (wake, woken) = sync_channel(1);
        let mut schedule = self.turns.schedule();
        if !schedule.must_pause(self.ticket, began) {
            return Ok(Duration::ZERO);
        }
        schedule.pause(self.ticket, Wake::Thread(wake), began);
        drop(schedule);
        self.turns.give();
        loop {
            match woken.recv_timeout(AGAIN) {
                Ok(()) => return Ok(began.elapsed()),
                Err(RecvTimeoutError::Timeout) if !is_over(began.elapsed()) => self.turns.give_again(),
                Err(_over) => return Err(StoreError::Busy),
            }
        }
    }
}

impl Drop for LongTurn {
    fn drop(&mut self) {
        self.turns.schedule().end(self.ticket, Instant::now());
        self.turns.give();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
