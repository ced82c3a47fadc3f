//! The end of a job's patience: it stops when its caller has gone away, or when it has run for too long. A long read also
//! pauses here, while others have their turn.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::long_turns::LongTurn;
use crate::error::{Result, StoreError};

/// How long a large or long read may take, pauses aside. The longest record that the budgets allow takes less.
const MAX_TIME: Duration = Duration::from_secs(5);
/// How long the pauses of a long read may be, all together.
const MAX_PAUSES: Duration = Duration::from_secs(5);

thread_local! {
    static CURRENT: RefCell<Option<JobLimit>> = const { RefCell::new(None) };
}

/// When a job is to stop.
pub(crate) struct JobLimit {
    /// When it has run for too long, if it does not pause any more.
    deadline: Instant,
    /// How long it has paused.
    paused: Duration,
    is_abandoned: Arc<AtomicBool>,
    /// The turn of a long read. It ends with the job.
    turn: Option<LongTurn>,
}

/// Stands for the caller of a job. When it is dropped, the job is abandoned.
pub(crate) struct JobCaller(Arc<AtomicBool>);

impl Drop for JobCaller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl JobLimit {
    /// The limit of a job that begins now, with what its caller has to hold until it has the result.
    pub fn of_caller() -> (Self, JobCaller) {
        let is_abandoned = Arc::<AtomicBool>::default();
        let limit = Self {
            deadline: Instant::now() + MAX_TIME,
            paused: Duration::ZERO,
            is_abandoned: Arc::clone(&is_abandoned),
            turn: None,
        };
        (limit, JobCaller(is_abandoned))
    }

    /// The same for a long read, which pauses while others have their turn.
    pub(super) fn in_turn(self, turn: LongTurn) -> Self {
        Self {
            turn: Some(turn),
            ..self
        }
    }

    /// Runs work under this limit on the calling thread.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        if let Some(turn) = &self.turn {
            turn.begin();
        }
        let _end = End(CURRENT.replace(Some(self)));
        work()
    }

    fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Pauses for others, and succeeds if the work may go on.
    fn check(&mut self) -> Result<()> {
        if self.is_abandoned() || Instant::now() > self.deadline {
            return Err(StoreError::Busy);
        }
        let Some(turn) = &self.turn else {
            return Ok(());
        };
        let is_over = |pause| self.is_abandoned() || self.paused + pause > MAX_PAUSES;
        let pause = turn.pause_for_others(is_over)?;
        self.paused += pause;
        self.deadline += pause;
        Ok(())
    }
}

/// Puts the limit from before back, after a panic too.
struct End(Option<JobLimit>);

impl Drop for End {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Succeeds while the work on this thread may go on, after a pause if others are to run first. To be called wherever a job
/// reads more, and where it holds nothing that others wait for.
///
/// # Errors
/// [`StoreError::Busy`].
pub(crate) fn check() -> Result<()> {
    CURRENT.with_borrow_mut(|limit| limit.as_mut().map_or(Ok(()), JobLimit::check))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_stops_when_its_caller_is_gone_or_its_time_is_over() {
        assert!(check().is_ok(), "without a limit");
        let (limit, caller) = JobLimit::of_caller();
        limit.run(|| {
            assert!(check().is_ok());
            drop(caller);
            assert!(matches!(check(), Err(StoreError::Busy)));
        });
        assert!(check().is_ok(), "the limit ends with its job");
        let (limit, _caller) = JobLimit::of_caller();
        let late = JobLimit {
            deadline: Instant::now(),
            ..limit
        };
        std::thread::sleep(Duration::from_millis(1));
        late.run(|| assert!(check().is_err()));
    }
}
