//! The end of a job's patience: it stops when its caller has gone away, or when it has run for too long.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::error::{Result, StoreError};

/// How long a long read may take. The longest record that the budgets allow takes less.
const MAX_TIME: Duration = Duration::from_secs(5);

thread_local! {
    static CURRENT: RefCell<Option<JobLimit>> = const { RefCell::new(None) };
}

/// When a job is to stop.
#[derive(Clone)]
pub(crate) struct JobLimit {
    deadline: Instant,
    is_abandoned: Arc<AtomicBool>,
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
            is_abandoned: Arc::clone(&is_abandoned),
        };
        (limit, JobCaller(is_abandoned))
    }

    /// Runs work under this limit on the calling thread.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let _end = End(CURRENT.replace(Some(self)));
        work()
    }

    fn is_over(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed) || Instant::now() > self.deadline
    }
}

/// Puts the limit from before back, after a panic too.
struct End(Option<JobLimit>);

impl Drop for End {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Succeeds while the work on this thread may go on. To be called wherever a job reads more.
///
/// # Errors
/// [`StoreError::Busy`].
pub(crate) fn check() -> Result<()> {
    let is_over = CURRENT.with_borrow(|limit| limit.as_ref().is_some_and(JobLimit::is_over));
    if is_over { Err(StoreError::Busy) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_stops_when_its_caller_is_gone_or_its_time_is_over() {
        assert!(check().is_ok(), "without a limit");
        let (limit, caller) = JobLimit::of_caller();
        limit.clone().run(|| assert!(check().is_ok()));
        drop(caller);
        limit.run(|| assert!(matches!(check(), Err(StoreError::Busy))));
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
