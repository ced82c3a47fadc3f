//! Threads that hash passwords, a few for each purpose, with a turn for each hash.
//!
//! The threads yield to those that serve requests, so that hashing does not slow down a craving.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::Instant,
};

use mainstay_store::engine::log_label::keep_label;
use tokio::sync::oneshot;

use crate::{
    auth::turns::{Applicant, Turn, Turns},
    http::{
        problem::{HandlerResult, Problem, ProblemKind},
        retry::jittered,
    },
};

/// The seconds of `Retry-After` are from 1 to this number, so that those who were refused do not all come back at once.
const MAX_RETRY_S: i64 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// The purpose of a pool, which says how its threads are called and how much they yield to others.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Confirming a password, or changing it.
    Confirmation,
    /// New accounts.
    Registration,
}

impl Purpose {
    /// The name of the threads; Linux shows 15 characters.
    const fn thread_name(self) -> &'static str {
        match self {
            Self::SignIn => "hash-sign-in",
            Self::Confirmation => "hash-confirm",
            Self::Registration => "hash-register",
        }
    }

    /// How much the threads yield, as an increment of the nice value.
    const fn niceness(self) -> i32 {
        match self {
            Self::SignIn | Self::Confirmation => 5,
            Self::Registration => 10,
        }
    }
}

/// A few threads that hash, and the queue for them.
pub struct HashPool {
    turns: Turns,
    jobs: Sender<Job>,
}

impl HashPool {
    /// Starts so many threads. They end with the pool.
    ///
    /// # Errors
    /// If the operating system starts no thread.
    pub fn start(purpose: Purpose, threads: usize) -> Result<Self, String> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(purpose.thread_name().to_owned())
                .spawn(move || run_jobs(&queue, purpose.niceness()))
                .map_err(|e| format!("a thread for hashing cannot be started: {e}"))?;
        }
        Ok(Self {
            turns: Turns::new(threads),
            jobs,
        })
    }

    /// Waits for a turn, a few seconds at most.
    ///
    /// # Errors
    /// 503 at once if the wait would be long.
    pub async fn turn(&self, applicant: Applicant<'_>) -> HandlerResult<Turn> {
        let turn = self.turns.acquire(applicant).await;
        turn.ok_or_else(|| Problem::retry(ProblemKind::Unavailable, jittered(1, MAX_RETRY_S)))
    }

    /// Runs work on a thread of the pool, and then ends the turn. If nobody waits for the result any more when the thread
    /// gets to the work, it is left undone.
    ///
    /// # Errors
    /// A fault, if the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> HandlerResult<T> {
        let (reply, result) = oneshot::channel();
        let job = keep_label(move || {
            if reply.is_closed() {
                return;
            }
            let start = Instant::now();
            let output = work();
            turn.end(start.elapsed());
            // Fails only if the caller is gone.
            let _ = reply.send(output);
        });
        self.jobs.send(Box::new(job)).map_err(Problem::internal)?;
        result
            .await
            .map_err(|_dropped| Problem::internal("a hash was not computed"))
    }
}

/// Runs jobs until their queue ends.
fn run_jobs(queue: &Mutex<Receiver<Job>>, niceness: i32) {
    yield_to_others(niceness);
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The caller of a job that panics gets no reply, and reports it.
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}

/// Lowers the priority of the calling thread. On Linux each thread has its own.
#[cfg(target_os = "linux")]
fn yield_to_others(niceness: i32) {
    if let Err(error) = rustix::process::nice(niceness) {
        log::warn!("threads that hash passwords keep the usual priority: {error}");
    }
}

/// Does nothing: here the priority belongs to the process.
#[cfg(not(target_os = "linux"))]
const fn yield_to_others(_niceness: i32) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::turns::Precedence;

    const ANYBODY: Applicant<'_> = Applicant {
        customer: "192.0.2.1",
        network: "192.0.2.1",
        account: None,
        precedence: Precedence::Usual,
    };

    #[tokio::test]
    async fn work_whose_caller_is_gone_is_left_undone_and_the_turn_passes_on() {
        let pool = HashPool::start(Purpose::Registration, 1).unwrap();
        let (open, gate) = channel::<()>();
        // The only thread is busy with work that has no turn.
        pool.jobs
            .send(Box::new(move || {
                let _ = gate.recv();
            }))
            .unwrap();
        let turn = pool.turn(ANYBODY).await.unwrap();
        let (done, seen) = channel::<()>();
        let abandoned = pool.run(turn, move || done.send(()).is_ok());
        assert!(futures_util::FutureExt::now_or_never(abandoned).is_none());
        drop(open);
        let turn = pool.turn(ANYBODY).await.unwrap();
        assert_eq!(pool.run(turn, || 7).await.unwrap(), 7);
        assert!(seen.recv().is_err(), "the work was dropped");
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_the_thread_goes_on() {
        let pool = HashPool::start(Purpose::SignIn, 1).unwrap();
        let turn = pool.turn(ANYBODY).await.unwrap();
        let panicked = pool.run(turn, || -> u8 { panic!("on purpose") }).await;
        assert_eq!(panicked.unwrap_err().kind, ProblemKind::Internal);
        let turn = pool.turn(ANYBODY).await.unwrap();
        assert_eq!(pool.run(turn, || 7).await.unwrap(), 7);
    }

    #[test]
    fn those_who_are_refused_come_back_at_different_times() {
        let waits: std::collections::BTreeSet<i64> = (0..200).map(|_| jittered(1, MAX_RETRY_S)).collect();
        assert_eq!(waits, (1..=5).collect());
    }
}
