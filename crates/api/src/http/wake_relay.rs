//! Passes wakes from other threads on to the tasks of a worker.
//!
//! A worker runs its tasks one after the other. Tasks that the worker itself wakes, as for a socket that has something to
//! read, queue in one place, and those that another thread wakes, as for a result from the database, in another. Of the
//! latter tokio's `LocalSet` takes one for every thirty of the former. Under a flood of requests the results would wait ever
//! longer. So they are collected here: one task that is woken from outside wakes all the others from inside, and they queue
//! with everything else.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, ThreadId},
};

use actix_web::rt;
use futures_util::task::AtomicWaker;

/// The wakes of one worker. Clones share them.
#[derive(Clone)]
pub struct WakeRelay(Arc<Shared>);

struct Shared {
    worker: ThreadId,
    /// The tasks that other threads have woken since they were last passed on.
    woken: Mutex<Vec<Waker>>,
    /// The task that passes them on.
    relay: AtomicWaker,
}

/// A future whose wakes are passed on.
pub struct Relayed<F> {
    shared: Arc<Shared>,
    future: F,
    /// The task that polls it, and what stands for that task.
    task: Option<(Waker, Waker)>,
}

/// Stands for a task.
struct Proxy {
    shared: Arc<Shared>,
    task: Waker,
}

impl WakeRelay {
    /// Starts to pass wakes on to the tasks of the present thread, which must run a `LocalSet`.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            worker: thread::current().id(),
            woken: Mutex::default(),
            relay: AtomicWaker::new(),
        });
        let relay = Arc::clone(&shared);
        rt::spawn(std::future::poll_fn(move |context| relay.pass_on(context)));
        Self(shared)
    }

    /// Passes on what wakes a future.
    pub fn relayed<F: Future + Unpin>(&self, future: F) -> Relayed<F> {
        Relayed {
            shared: Arc::clone(&self.0),
            future,
            task: None,
        }
    }
}

impl Shared {
    /// Wakes the tasks that other threads have woken. Never ends.
    fn pass_on(&self, context: &Context<'_>) -> Poll<()> {
        self.relay.register(context.waker());
        let woken = mem::take(&mut *self.woken());
        woken.into_iter().for_each(Waker::wake);
        Poll::Pending
    }

    fn woken(&self) -> MutexGuard<'_, Vec<Waker>> {
        // Nothing panics while it is held.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Proxy {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if thread::current().id() == self.shared.worker {
            self.task.wake_by_ref();
            return;
        }
        let mut woken = self.shared.woken();
        woken.push(self.task.clone());
        let is_first = woken.len() == 1;
        drop(woken);
        if is_first {
            self.shared.relay.wake();
        }
    }
}

impl<F: Future + Unpin> Future for Relayed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let relayed = self.get_mut();
        let task = context.waker();
        let (_, proxy) = match &mut relayed.task {
            Some(known) if known.0.will_wake(task) => known,
            other => {
                let proxy = Arc::new(Proxy {
                    shared: Arc::clone(&relayed.shared),
                    task: task.clone(),
                });
                other.insert((task.clone(), Waker::from(proxy)))
            }
        };
        Pin::new(&mut relayed.future).poll(&mut Context::from_waker(proxy))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use tokio::sync::oneshot;

    use super::*;

    const RESULTS: usize = 200;
    const BUSY: usize = 50;

    /// Lets the tasks run that are queued already, like a socket that has something to read again.
    async fn queue_again() {
        let mut is_queued = false;
        std::future::poll_fn(|context| {
            if mem::replace(&mut is_queued, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// How often busy tasks run until all results from another thread have arrived.
    async fn runs_until_results_arrive(relay: Option<WakeRelay>) -> usize {
        let runs = Rc::new(Cell::new(0));
        for _ in 0..BUSY {
            let runs = Rc::clone(&runs);
            rt::spawn(async move {
                while runs.get() < BUSY * 10_000 {
                    runs.set(runs.get() + 1);
                    queue_again().await;
                }
            });
        }
        let (senders, results): (Vec<_>, Vec<_>) = (0..RESULTS).map(|_| oneshot::channel::<()>()).unzip();
        let tasks: Vec<_> = results
            .into_iter()
            .map(|result| match &relay {
                Some(relay) => rt::spawn(relay.relayed(result)),
                None => rt::spawn(result),
            })
            .collect();
        // Every task has run once by then.
        while runs.get() < (BUSY + RESULTS) * 2 {
            queue_again().await;
        }
        // The worker is busy meanwhile.
        let database = thread::spawn(move || senders.into_iter().for_each(|sender| sender.send(()).unwrap()));
        database.join().unwrap();
        let before = runs.get();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let took = runs.get() - before;
        runs.set(usize::MAX / 2);
        took
    }

    #[actix_web::test]
    async fn results_from_other_threads_do_not_wait_for_thirty_tasks_each() {
        let with = runs_until_results_arrive(Some(WakeRelay::start())).await;
        assert!(with < RESULTS * 5, "{with}");
        // If this fails, the relay is needed no longer.
        let without = runs_until_results_arrive(None).await;
        assert!(without > RESULTS * 20, "{without}");
    }

    #[actix_web::test]
    async fn a_wake_from_the_worker_itself_goes_straight_to_the_task() {
        let relay = WakeRelay::start();
        let (sender, result) = oneshot::channel();
        let task = rt::spawn(relay.relayed(result));
        tokio::task::yield_now().await;
        sender.send(5).unwrap();
        assert!(relay.0.woken().is_empty());
        assert_eq!(task.await.unwrap(), Ok(5));
    }
}
