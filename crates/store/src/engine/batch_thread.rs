//! Threads that serve queued requests in batches, and reply to each request.
//!
//! Group commit, batched inserts, batched revision queries and checkpoints all run on a [`BatchThread`]: a bounded queue, one
//! thread or several, a reply for each request, and an orderly end when the owner is dropped.

use std::{
    collections::VecDeque,
    iter,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;

use crate::error::{Result, StoreError};

/// A request with the way back to its caller.
pub(crate) struct Pending<Request, Response> {
    /// The request.
    pub request: Request,
    /// The way back.
    pub reply: Reply<Response>,
}

/// The way back to a caller.
pub(crate) struct Reply<Response>(oneshot::Sender<Result<Response>>);

impl<Response> Reply<Response> {
    /// Gives the caller its result. A caller that has gone away needs none.
    pub fn send(self, result: Result<Response>) {
        let _ = self.0.send(result);
    }

    /// True if the caller has gone away, as when the client has closed its connection.
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

/// The lane of a queue in which a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Served before all others.
    Urgent,
    /// Everything else.
    Ordinary,
}

/// The queue as its threads see it. Urgent requests come first; those of a lane come in their order.
pub(crate) struct Queue<Request, Response>(Arc<Shared<Request, Response>>);

struct Shared<Request, Response> {
    lanes: Mutex<Lanes<Pending<Request, Response>>>,
    /// Something was queued, or the queue was closed.
    changed: Condvar,
}

struct Lanes<T> {
    urgent: VecDeque<T>,
    ordinary: VecDeque<T>,
    /// The number of threads that wait for a request.
    waiting: usize,
    /// The number of threads that serve.
    serving: usize,
    is_closed: bool,
}

impl<T> Lanes<T> {
    fn pop(&mut self) -> Option<T> {
        self.urgent.pop_front().or_else(|| self.ordinary.pop_front())
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.ordinary.is_empty()
    }

    fn of(&mut self, lane: Lane) -> &mut VecDeque<T> {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Ordinary => &mut self.ordinary,
        }
    }
}

impl<Request, Response> Clone for Queue<Request, Response> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Request, Response> Queue<Request, Response> {
    fn new() -> Self {
        Self(Arc::new(Shared {
            lanes: Mutex::new(Lanes {
                urgent: VecDeque::new(),
                ordinary: VecDeque::new(),
                waiting: 0,
                serving: 0,
                is_closed: false,
            }),
            changed: Condvar::new(),
        }))
    }

    /// Queues a request, unless its lane holds `capacity` already.
    fn push(&self, lane: Lane, capacity: usize, pending: Pending<Request, Response>) -> Result<()> {
        let mut lanes = self.lanes();
        if lanes.is_closed {
            return Err(StoreError::Internal("a thread has ended".to_owned()));
        }
        let requests = lanes.of(lane);
        if requests.len() >= capacity {
            return Err(StoreError::Busy);
        }
        requests.push_back(pending);
        let is_awaited = lanes.waiting > 0;
        drop(lanes);
        if is_awaited {
            self.0.changed.notify_one();
        }
        Ok(())
    }

    fn close(&self) {
        self.lanes().is_closed = true;
        self.0.changed.notify_all();
    }

    /// Waits for a request. `None` when there will be no more.
    pub fn next(&self) -> Option<Pending<Request, Response>> {
        self.awaited().pop()
    }

    /// Waits for a request, but no longer than that.
    pub fn next_within(&self, wait: Duration) -> Next<Request, Response> {
        let mut lanes = self.lanes();
        lanes.waiting += 1;
        let is_idle = |lanes: &mut Lanes<_>| lanes.is_empty() && !lanes.is_closed;
        let awaited = self.0.changed.wait_timeout_while(lanes, wait, is_idle);
        let (mut lanes, _elapsed) = awaited.unwrap_or_else(PoisonError::into_inner);
        lanes.waiting -= 1;
        match lanes.pop() {
            Some(pending) => Next::Request(pending),
            None if lanes.is_closed => Next::Closed,
            None => Next::Idle,
        }
    }

    /// A request that is waiting already.
    pub fn try_next(&self) -> Option<Pending<Request, Response>> {
        self.lanes().pop()
    }

    /// Waits for a request and takes all queued requests with it, up to `max` in all. `None` when there will be no more.
    pub fn next_batch(&self, max: usize) -> Option<Vec<Pending<Request, Response>>> {
        let mut lanes = self.awaited();
        let mut batch = vec![lanes.pop()?];
        batch.extend(iter::from_fn(|| lanes.pop()).take(max.saturating_sub(1)));
        Some(batch)
    }

    /// Takes the queued requests, up to `max`, unless another thread is waiting at the queue.
    pub fn try_batch(&self, max: usize) -> Vec<Pending<Request, Response>> {
        let mut lanes = self.lanes();
        if lanes.waiting > 0 {
            return Vec::new();
        }
        iter::from_fn(|| lanes.pop()).take(max).collect()
    }

    /// The lanes, once there is a request or the queue is closed.
    fn awaited(&self) -> MutexGuard<'_, Lanes<Pending<Request, Response>>> {
        let mut lanes = self.lanes();
        if lanes.is_empty() && !lanes.is_closed {
            lanes.waiting += 1;
            let is_idle = |lanes: &mut Lanes<_>| lanes.is_empty() && !lanes.is_closed;
            let awaited = self.0.changed.wait_while(lanes, is_idle);
            lanes = awaited.unwrap_or_else(PoisonError::into_inner);
            lanes.waiting -= 1;
        }
        lanes
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<Pending<Request, Response>>> {
        // Nothing panics while it is held.
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of waiting for a limited time.
pub(crate) enum Next<Request, Response> {
    /// A request.
    Request(Pending<Request, Response>),
    /// Nothing so far.
    Idle,
    /// There will be no more requests.
    Closed,
}

/// Threads that serve requests from one bounded queue. Dropping it lets them finish what is queued.
pub(crate) struct BatchThread<Request, Response> {
    queue: Queue<Request, Response>,
    /// The number of requests that each lane holds at most.
    capacity: usize,
    threads: Vec<JoinHandle<()>>,
}

impl<Request, Response> BatchThread<Request, Response>
where
    Request: Send + 'static,
    Response: Send + 'static,
{
    /// Starts one thread for each of `serve`, all with the same name and the same queue, of which each lane holds `capacity`
    /// requests. A thread serves until the queue says that there will be no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the system gives no thread.
    pub fn start<F>(name: &str, capacity: usize, serve: impl IntoIterator<Item = F>) -> Result<Self>
    where
        F: FnOnce(&Queue<Request, Response>) + Send + 'static,
    {
        let queue = Queue::new();
        let started = serve.into_iter().map(|serve| {
            let serving = Serving::at(&queue);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || serve(&serving.0))
                .map_err(|e| StoreError::Unavailable(e.to_string()))
        });
        let threads = started.collect::<Result<_>>().inspect_err(|_| queue.close())?;
        Ok(Self {
            queue,
            capacity,
            threads,
        })
    }

    /// Queues a request and waits for its result.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the lane is full, [`StoreError::OutcomeUnknown`] if the thread ended without a reply, and
    /// whatever the thread replies.
    pub async fn call(&self, lane: Lane, request: Request) -> Result<Response> {
        let (reply, result) = oneshot::channel();
        let reply = Reply(reply);
        self.queue.push(lane, self.capacity, Pending { request, reply })?;
        result
            .await
            .map_err(|_dropped| StoreError::OutcomeUnknown("a thread ended without a reply".to_owned()))?
    }

    /// Queues a request whose result nobody waits for. A full queue drops it.
    pub fn notify(&self, request: Request) {
        let reply = Reply(oneshot::channel().0);
        let pending = Pending { request, reply };
        let _ = self.queue.push(Lane::Ordinary, self.capacity, pending);
    }
}

/// A thread that serves a queue. The last one that ends, by a panic too, closes it: nobody must wait in it for ever.
struct Serving<Request, Response>(Queue<Request, Response>);

impl<Request, Response> Serving<Request, Response> {
    fn at(queue: &Queue<Request, Response>) -> Self {
        queue.lanes().serving += 1;
        Self(queue.clone())
    }
}

impl<Request, Response> Drop for Serving<Request, Response> {
    fn drop(&mut self) {
        let mut lanes = self.0.lanes();
        lanes.serving -= 1;
        if lanes.serving == 0 {
            lanes.is_closed = true;
            let left: Vec<_> = iter::from_fn(|| lanes.pop()).collect();
            drop(lanes);
            drop(left);
        }
    }
}

impl<Request, Response> Drop for BatchThread<Request, Response> {
    /// Lets the threads finish what is queued, and waits for them.
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one to each number, in batches of at most three; refuses zero.
    fn add_one(queue: &Queue<u32, u32>) {
        while let Some(batch) = queue.next_batch(3) {
            assert!(batch.len() <= 3);
            for Pending { request, reply } in batch {
                reply.send(if request == 0 {
                    Err(StoreError::Final)
                } else {
                    Ok(request + 1)
                });
            }
        }
    }

    #[tokio::test]
    async fn every_request_gets_its_own_reply() {
        let thread = BatchThread::start("test", 8, [add_one, add_one]).unwrap();
        let results = tokio::join!(
            thread.call(Lane::Ordinary, 0),
            thread.call(Lane::Ordinary, 1),
            thread.call(Lane::Ordinary, 2),
            thread.call(Lane::Ordinary, 3),
            thread.call(Lane::Ordinary, 4)
        );
        assert!(matches!(
            results,
            (Err(StoreError::Final), Ok(2), Ok(3), Ok(4), Ok(5))
        ));
    }

    #[tokio::test]
    async fn a_full_queue_turns_requests_away_and_the_end_serves_what_is_queued() {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let (seen, served) = std::sync::mpsc::channel();
        let thread = BatchThread::<u32, ()>::start(
            "test",
            1,
            [move |queue: &Queue<u32, ()>| {
                while let Some(pending) = queue.next() {
                    let _ = gate.recv();
                    seen.send(pending.request).unwrap();
                }
            }],
        )
        .unwrap();
        // One is being served, one waits; how soon the first is taken does not matter.
        for request in [1, 2] {
            while !matches!(thread.queue.push(Lane::Ordinary, 1, pending(request)), Ok(())) {}
        }
        assert!(matches!(
            thread.call(Lane::Ordinary, 3).await,
            Err(StoreError::Busy)
        ));
        drop(open);
        drop(thread);
        assert_eq!(served.iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn urgent_requests_come_first_and_a_full_lane_leaves_room_in_the_other() {
        let queue = Queue::new();
        for request in [1, 2] {
            queue.push(Lane::Ordinary, 2, pending(request)).unwrap();
        }
        assert!(matches!(
            queue.push(Lane::Ordinary, 2, pending(3)),
            Err(StoreError::Busy)
        ));
        queue.push(Lane::Urgent, 2, pending(4)).unwrap();
        assert_eq!(queue.next().map(|pending| pending.request), Some(4));
        let rest: Vec<u32> = queue.try_batch(5).into_iter().map(|p| p.request).collect();
        assert_eq!(rest, [1, 2]);
    }

    fn pending(request: u32) -> Pending<u32, ()> {
        Pending {
            request,
            reply: Reply(oneshot::channel().0),
        }
    }

    #[tokio::test]
    async fn a_thread_that_ends_without_a_reply_leaves_the_outcome_unknown() {
        let serve = |queue: &Queue<u32, ()>| drop(queue.next());
        let thread = BatchThread::<u32, ()>::start("test", 1, [serve]).unwrap();
        let outcome = thread.call(Lane::Ordinary, 1).await;
        assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))));
        // From then on nobody serves, and nobody waits.
        let outcome = thread.call(Lane::Ordinary, 2).await;
        assert!(outcome.is_err());
    }
}
