//! Sends the requests of devices over a network that loses, repeats, delays and reorders them.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use mainstay_tests::offline::{OnConflict, PendingChange, PushRequest, SyncReply, send_sync};
use serde_json::Value;

use crate::{change::is_invalid, history::History};

impl History {
    /// Builds a request with all or the oldest pending changes, in a random order.
    fn push(&mut self, n: usize) -> PushRequest {
        let max = if self.random.chance(70) { 500 } else { self.random.index(4) + 1 };
        let limit = if self.random.chance(50) { 50 } else { self.random.between(1, 50) };
        let shuffled = self.random.chance(40);
        let random = &mut self.random;
        self.devices[n].store.push_in_order(max, limit, |order| {
            if shuffled {
                for last in (1..order.len()).rev() {
                    order.swap(last, random.index(last + 1));
                }
            }
        })
    }

    /// Delivers a request to the server, and records the response.
    pub async fn deliver(&mut self, body: &Value) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match send_sync(&self.client, body).await {
            SyncReply::Response(response) => {
                self.ledger.observe(&response);
                Some(response)
            }
            SyncReply::NoResponse => None,
            SyncReply::CursorExpired => panic!("no cursor expires here"),
        }
    }

    /// Applies a response to the store of a device.
    pub fn apply_response(&mut self, n: usize, push: &PushRequest, response: &Value) {
        let random = &mut self.random;
        let mut conflict_rule = |_: &PendingChange| {
            if random.chance(50) { OnConflict::KeepServerVersion } else { OnConflict::Reapply }
        };
        let outcome = self.devices[n].store.apply_response(push, response, &mut conflict_rule);
        for (change, problem) in &outcome.rejected {
            assert!(is_invalid(change.record.as_ref()), "{change:?} was rejected: {problem}");
        }
        self.ledger.acknowledged.extend(outcome.acknowledged);
    }

    /// Lets a device send one request. The request or the response may get lost, repeated or delayed.
    pub async fn sync_once(&mut self, n: usize) {
        let push = self.push(n);
        match self.random.number() % 100 {
            // The request is lost.
            0..10 => {}
            // The response is lost.
            10..25 => {
                self.deliver(&push.body).await;
            }
            // The request arrives later.
            25..35 => self.held.push(push.body),
            // The request arrives twice in a row, and the device receives one of the responses.
            35..43 => {
                let first = self.deliver(&push.body).await;
                let second = self.deliver(&push.body).await;
                let received = if self.random.chance(50) { first } else { second };
                if let Some(response) = received {
                    self.apply_response(n, &push, &response);
                }
            }
            // The request arrives twice at the same time.
            43..48 => {
                let (first, second) =
                    tokio::join!(send_sync(&self.client, &push.body), send_sync(&self.client, &push.body));
                let (first, second) = (self.observe(first), self.observe(second));
                let received = if self.random.chance(50) { first } else { second };
                if let Some(response) = received {
                    self.apply_response(n, &push, &response);
                }
            }
            _ => {
                if let Some(response) = self.deliver(&push.body).await {
                    self.apply_response(n, &push, &response);
                }
            }
        }
    }

    /// Records a response, if there is one.
    fn observe(&mut self, reply: SyncReply) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match reply {
            SyncReply::Response(response) => {
                self.ledger.observe(&response);
                Some(response)
            }
            _ => None,
        }
    }

    /// Lets two devices send a request at the same time.
    pub async fn sync_together(&mut self, one: usize, other: usize) {
        let (first, second) = (self.push(one), self.push(other));
        let (a, b) =
            tokio::join!(send_sync(&self.client, &first.body), send_sync(&self.client, &second.body));
        for (n, push, reply) in [(one, first, a), (other, second, b)] {
            if let Some(response) = self.observe(reply) {
                self.apply_response(n, &push, &response);
            }
        }
    }

    /// Lets all devices sync until no device has pending changes or pulls anything new.
    pub async fn sync_until_quiet(&mut self) {
        let started = Instant::now();
        for round in 0.. {
            assert!(round < 30, "the devices do not stop syncing");
            let mut quiet = true;
            for n in 0..self.devices.len() {
                loop {
                    assert!(started.elapsed() < Duration::from_mins(4), "the devices do not stop syncing");
                    let push = self.push(n);
                    let Some(response) = self.deliver(&push.body).await else {
                        tokio::time::sleep(Duration::from_millis(40)).await;
                        continue;
                    };
                    let new = response["changes"].as_array().is_some_and(|new| !new.is_empty());
                    self.apply_response(n, &push, &response);
                    quiet &= push.changes() == 0 && !new;
                    if self.devices[n].store.outbox().is_empty() && response["has_more"] == false {
                        break;
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }
}
