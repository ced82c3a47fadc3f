//! Threads that serve queued requests in batches, and reply to each request.
//!
//! Group commit, batched inserts, batched revision queries and checkpoints all run on a [`BatchThread`]: a bounded queue, one
//! thread or several, a reply for each request, and an orderly end when the owner is dropped.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
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
}

/// The queue as its threads see it.
pub(crate) struct Queue<Request, Response>(Arc<Mutex<Receiver<Pending<Request, Response>>>>);

impl<Request, Response> Clone for Queue<Request, Response> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Request, Response> Queue<Request, Response> {
    /// Waits for a request. `None` when there will be no more.
    pub fn next(&self) -> Option<Pending<Request, Response>> {
        self.receiver().recv().ok()
    }

    /// Waits for a request, but no longer than that.
    pub fn next_within(&self, wait: Duration) -> Next<Request, Response> {
        match self.receiver().recv_timeout(wait) {
            Ok(pending) => Next::Request(pending),
            Err(RecvTimeoutError::Timeout) => Next::Idle,
            Err(RecvTimeoutError::Disconnected) => Next::Closed,
        }
    }

    /// A request that is waiting already.
    pub fn try_next(&self) -> Option<Pending<Request, Response>> {
        self.receiver().try_recv().ok()
    }

    /// Waits for a request and takes all queued requests with it, up to `max` in all. `None` when there will be no more.
    pub fn next_batch(&self, max: usize) -> Option<Vec<Pending<Request, Response>>> {
        let receiver = self.receiver();
        let mut batch = vec![receiver.recv().ok()?];
        batch.extend(receiver.try_iter().take(max.saturating_sub(1)));
        Some(batch)
    }

    /// Takes the queued requests, up to `max`, unless another thread is waiting at the queue.
    pub fn try_batch(&self, max: usize) -> Vec<Pending<Request, Response>> {
        let receiver = self.0.try_lock().ok();
        receiver.map_or_else(Vec::new, |receiver| receiver.try_iter().take(max).collect())
    }

    fn receiver(&self) -> std::sync::MutexGuard<'_, Receiver<Pending<Request, Response>>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    requests: Option<SyncSender<Pending<Request, Response>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<Request, Response> BatchThread<Request, Response>
where
    Request: Send + 'static,
    Response: Send + 'static,
{
    /// Starts one thread for each of `serve`, all with the same name and the same queue of `capacity` requests. A thread
    /// serves until the queue says that there will be no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the system gives no thread.
    pub fn start<F>(name: &str, capacity: usize, serve: impl IntoIterator<Item = F>) -> Result<Self>
    where
        F: FnOnce(&Queue<Request, Response>) + Send + 'static,
    {
        let (requests, receiver) = sync_channel(capacity);
        let queue = Queue(Arc::new(Mutex::new(receiver)));
        let threads = serve.into_iter().map(|serve| {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || serve(&queue))
                .map_err(|e| StoreError::Unavailable(e.to_string()))
        });
        Ok(Self {
            threads: threads.collect::<Result<_>>()?,
            requests: Some(requests),
        })
    }

    /// Queues a request and waits for its result.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the queue is full, [`StoreError::OutcomeUnknown`] if the thread ended without a reply, and
    /// whatever the thread replies.
    pub async fn call(&self, request: Request) -> Result<Response> {
        let (reply, result) = oneshot::channel();
        self.queue(Pending {
            request,
            reply: Reply(reply),
        })?;
        result
            .await
            .map_err(|_dropped| StoreError::OutcomeUnknown("a thread ended without a reply".to_owned()))?
    }

    /// Queues a request whose result nobody waits for. A full queue drops it.
    pub fn notify(&self, request: Request) {
        let (reply, _nobody) = oneshot::channel();
        let _ = self.queue(Pending {
            request,
            reply: Reply(reply),
        });
    }

    fn queue(&self, pending: Pending<Request, Response>) -> Result<()> {
        let requests = self.requests.as_ref().ok_or(StoreError::Busy)?;
        requests.try_send(pending).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Internal("a thread has ended".to_owned()),
        })
    }
}

impl<Request, Response> Drop for BatchThread<Request, Response> {
    /// Lets the threads finish what is queued, and waits for them.
    fn drop(&mut self) {
        drop(self.requests.take());
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
            thread.call(0),
            thread.call(1),
            thread.call(2),
            thread.call(3),
            thread.call(4)
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
        while !matches!(thread.queue(pending(1)), Ok(())) {}
        while !matches!(thread.queue(pending(2)), Ok(())) {}
        assert!(matches!(thread.call(3).await, Err(StoreError::Busy)));
        drop(open);
        drop(thread);
        assert_eq!(served.iter().collect::<Vec<_>>(), [1, 2]);
    }

    fn pending(request: u32) -> Pending<u32, ()> {
        Pending {
            request,
            reply: Reply(oneshot::channel().0),
        }
    }

    #[tokio::test]
    async fn a_thread_that_ends_without_a_reply_leaves_the_outcome_unknown() {
        let thread =
            BatchThread::<u32, ()>::start("test", 1, [|queue: &Queue<u32, ()>| drop(queue.next())]).unwrap();
        assert!(matches!(thread.call(1).await, Err(StoreError::OutcomeUnknown(_))));
    }
}
