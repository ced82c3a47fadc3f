//! Sends the requests of devices over a network that loses, repeats, delays and reorders them.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use mainstay_tests::offline::{OnConflict, PendingChange, PushRequest, SyncReply, send_sync};
use serde_json::Value;

use crate::{
    change::is_invalid,
    history::{HeldRequest, History},
};

/// A reply with the phase of the restores in which its request was sent.
pub struct Reply {
    pub reply: SyncReply,
    phase: u64,
}

/// Whether a change was rejected only because it refers to what is not there.
fn is_unknown_reference(problem: &Value) -> bool {
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    !errors.is_empty() && errors.iter().all(|error| error["code"] == "unknown-reference")
}

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
    pub async fn deliver(&mut self, body: &Value) -> Reply {
        let phase = self.phase();
        let reply = send_sync(&self.client, body).await;
        self.observe(reply, phase).await
    }

    /// Delivers a request that was held up. If the server was restored since, it has no effect.
    pub async fn deliver_late(&mut self, late: &HeldRequest) {
        let reply = self.deliver(&late.body).await;
        if let SyncReply::Response(response) = reply.reply {
            let is_pull = late.body["changes"].as_array().is_some_and(Vec::is_empty);
            assert!(is_pull || late.phase / 2 == reply.phase / 2, "{}\nhad {response}", late.body);
        }
    }

    /// Records a reply to a request that was sent in that phase of the restores.
    async fn observe(&mut self, reply: SyncReply, phase: u64) -> Reply {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let SyncReply::Response(response) = &reply {
            self.ledger.observe(response);
        }
        if let Some(restores) = &self.mode.restores {
            match &reply {
                SyncReply::NoResponse => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => restores.count_response(),
            }
        }
        Reply { reply, phase }
    }

    /// Lets a device receive a reply.
    pub fn receive(&mut self, n: usize, push: &PushRequest, reply: Reply) -> Option<Value> {
        match reply.reply {
            SyncReply::Response(response) => {
                self.apply_response(n, push, &response, reply.phase);
                Some(response)
            }
            SyncReply::NoResponse => None,
            SyncReply::CursorExpired(reason) => {
                self.expire(n, reason);
                None
            }
        }
    }

    /// Applies the response to a request that was sent in that phase of the restores to the store of a device.
    fn apply_response(&mut self, n: usize, push: &PushRequest, response: &Value, phase: u64) {
        let random = &mut self.random;
        let mut conflict_rule = |_: &PendingChange| {
            if random.chance(50) { OnConflict::KeepServerVersion } else { OnConflict::Reapply }
        };
        let outcome = self.devices[n].store.apply_response(push, response, &mut conflict_rule);
        for (change, problem) in &outcome.rejected {
            // After a restore a record may refer to one that no device has any more.
            let refers_to_lost = self.mode.restores.is_some() && is_unknown_reference(problem);
            assert!(
                is_invalid(change.record.as_ref()) || refers_to_lost,
                "{change:?} was rejected: {problem}"
            );
        }
        // What is stored between a backup and its restore may be lost.
        if phase.is_multiple_of(2) && phase == self.phase() {
            self.ledger.acknowledged.extend(outcome.acknowledged);
        }
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
            25..35 => {
                let phase = self.phase();
                self.held.push(HeldRequest { body: push.body, phase });
            }
            // The request arrives twice in a row, and the device receives one of the responses.
            35..43 => {
                let first = self.deliver(&push.body).await;
                let second = self.deliver(&push.body).await;
                let received = if self.random.chance(50) { first } else { second };
                self.receive(n, &push, received);
            }
            // The request arrives twice at the same time.
            43..48 => {
                let phase = self.phase();
                let (first, second) =
                    tokio::join!(send_sync(&self.client, &push.body), send_sync(&self.client, &push.body));
                let (first, second) = (self.observe(first, phase).await, self.observe(second, phase).await);
                let received = if self.random.chance(50) { first } else { second };
                self.receive(n, &push, received);
            }
            _ => {
                let reply = self.deliver(&push.body).await;
                self.receive(n, &push, reply);
            }
        }
    }

    /// Lets two devices send a request at the same time.
    pub async fn sync_together(&mut self, one: usize, other: usize) {
        let (first, second) = (self.push(one), self.push(other));
        let phase = self.phase();
        let (a, b) =
            tokio::join!(send_sync(&self.client, &first.body), send_sync(&self.client, &second.body));
        for (n, push, reply) in [(one, first, a), (other, second, b)] {
            let reply = self.observe(reply, phase).await;
            self.receive(n, &push, reply);
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
                    let reply = self.deliver(&push.body).await;
                    if matches!(reply.reply, SyncReply::NoResponse) {
                        tokio::time::sleep(Duration::from_millis(40)).await;
                    }
                    let Some(response) = self.receive(n, &push, reply) else {
                        quiet = false;
                        continue;
                    };
                    let new = response["changes"].as_array().is_some_and(|new| !new.is_empty());
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
