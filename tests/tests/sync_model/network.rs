//! What the network does to the requests of devices.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use mainstay_tests::offline::{Exchange, OnConflict, Pending, Push, exchange};
use serde_json::Value;

use crate::{change::is_bad, history::History};

impl History {
    /// A request with all or the oldest of what is pending, in some order.
    fn push(&mut self, n: usize) -> Push {
        let most = if self.random.chance(70) { 500 } else { self.random.place(4) + 1 };
        let limit = if self.random.chance(50) { 50 } else { self.random.between(1, 50) };
        let shuffled = self.random.chance(40);
        let random = &mut self.random;
        self.devices[n].store.push_in_order(most, limit, |order| {
            if shuffled {
                for last in (1..order.len()).rev() {
                    order.swap(last, random.place(last + 1));
                }
            }
        })
    }

    /// A request reaches the server, and the network sees the answer.
    pub async fn deliver(&mut self, body: &Value) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match exchange(&self.client, body).await {
            Exchange::Answered(answer) => {
                self.ledger.hear(&answer);
                Some(answer)
            }
            Exchange::Unheard => None,
            Exchange::Expired => panic!("no cursor expires here"),
        }
    }

    /// A device hears an answer.
    pub fn take(&mut self, n: usize, push: &Push, answer: &Value) {
        let random = &mut self.random;
        let mut rule = |_: &Pending| {
            if random.chance(50) { OnConflict::KeepTheirs } else { OnConflict::MakeAgain }
        };
        let taken = self.devices[n].store.take(push, answer, &mut rule);
        for (change, problem) in &taken.rejected {
            assert!(is_bad(change.record.as_ref()), "{change:?} was rejected: {problem}");
        }
        self.ledger.acknowledged.extend(taken.acknowledged);
    }

    /// A device tries to sync.
    pub async fn connect(&mut self, n: usize) {
        let push = self.push(n);
        match self.random.number() % 100 {
            // The request is lost.
            0..10 => {}
            // The answer is lost.
            10..25 => {
                self.deliver(&push.body).await;
            }
            // The request arrives later.
            25..35 => self.held.push(push.body),
            // The request arrives twice, one after the other, and either answer is heard.
            35..43 => {
                let first = self.deliver(&push.body).await;
                let second = self.deliver(&push.body).await;
                let heard = if self.random.chance(50) { first } else { second };
                if let Some(answer) = heard {
                    self.take(n, &push, &answer);
                }
            }
            // The request arrives twice at the same moment.
            43..48 => {
                let (first, second) =
                    tokio::join!(exchange(&self.client, &push.body), exchange(&self.client, &push.body));
                let (first, second) = (self.heard(first), self.heard(second));
                let heard = if self.random.chance(50) { first } else { second };
                if let Some(answer) = heard {
                    self.take(n, &push, &answer);
                }
            }
            _ => {
                if let Some(answer) = self.deliver(&push.body).await {
                    self.take(n, &push, &answer);
                }
            }
        }
    }

    /// The network sees an answer, if there is one.
    fn heard(&mut self, came: Exchange) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match came {
            Exchange::Answered(answer) => {
                self.ledger.hear(&answer);
                Some(answer)
            }
            _ => None,
        }
    }

    /// Two devices sync at the same moment.
    pub async fn meet(&mut self, one: usize, other: usize) {
        let (first, second) = (self.push(one), self.push(other));
        let (a, b) = tokio::join!(exchange(&self.client, &first.body), exchange(&self.client, &second.body));
        for (n, push, came) in [(one, first, a), (other, second, b)] {
            if let Some(answer) = self.heard(came) {
                self.take(n, &push, &answer);
            }
        }
    }

    /// Every device syncs until nothing is pending anywhere and nobody hears anything new.
    pub async fn come_to_rest(&mut self) {
        let started = Instant::now();
        for round in 0.. {
            assert!(round < 30, "the devices do not come to rest");
            let mut quiet = true;
            for n in 0..self.devices.len() {
                loop {
                    assert!(started.elapsed() < Duration::from_mins(4), "the devices do not come to rest");
                    let push = self.push(n);
                    let Some(answer) = self.deliver(&push.body).await else {
                        tokio::time::sleep(Duration::from_millis(40)).await;
                        continue;
                    };
                    let new = answer["changes"].as_array().is_some_and(|new| !new.is_empty());
                    self.take(n, &push, &answer);
                    quiet &= push.changes() == 0 && !new;
                    if self.devices[n].store.outbox().is_empty() && answer["has_more"] == false {
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
