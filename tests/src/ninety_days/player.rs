//! Plays a program over HTTP, and goes on where it was when the server comes back.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Program, Step,
    compare::{changed, differences},
    model::{Model, State},
};
use crate::{
    app::PASSWORD,
    client::{Answer, Client, Person},
};

/// Counts the steps that several players begin, for whoever waits for some number of them.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<watch::Sender<u64>>);

impl Pulse {
    fn beat(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Waits until that many steps were begun.
    pub async fn reached(&self, count: u64) {
        let mut beats = self.0.subscribe();
        beats.wait_for(|now| *now >= count).await.expect("the pulse holds the sender");
    }
}

/// How playing came to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// Every step was acknowledged.
    Finished,
    /// The connection broke, or the server could not answer just then; the step is still open.
    Interrupted,
}

/// What happened on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers that were there and did not count, as if they had been lost.
    pub unheard: usize,
    /// Connections that broke before the answer came.
    pub lost: usize,
    /// Times that the server said that it was not available.
    pub turned_away: usize,
    /// Steps that had been taken in although the answer was not heard.
    pub taken_in: usize,
    /// Times that the access token was replaced.
    pub renewed: usize,
}

/// A person with a phone.
pub struct Player {
    /// What happened on the way.
    pub tally: Tally,
    pub(super) program: Program,
    pub(super) model: Model,
    client: Client,
    email: String,
    refresh_token: Value,
    next: usize,
    /// The step was sent before, and its answer was not heard.
    again: bool,
}

impl Player {
    /// Registers at a server.
    pub async fn register(url: &str, program: Program) -> Self {
        let person = Person::register(url, program.registration.clone()).await;
        Self {
            tally: Tally::default(),
            program,
            model: Model::default(),
            client: person.client,
            email: person.email,
            refresh_token: person.tokens["refresh_token"].clone(),
            next: 0,
            again: false,
        }
    }

    /// Plays until every step is acknowledged, or the connection breaks. To be called again when the server is back.
    pub async fn play(&mut self, pulse: Option<&Pulse>) -> Played {
        // Connections from before may be dead.
        let token = self.client.token.take();
        self.client = Client::new(&self.client.url);
        self.client.token = token;
        while let Some(step) = self.program.steps.get(self.next).cloned() {
            if let Some(pulse) = pulse {
                pulse.beat();
            }
            if self.next == self.program.steps.len() / 2 && self.tally.renewed == 0 {
                // As if ten minutes had gone by.
                self.client = self.client.with_token("expired");
            }
            let Some(answer) = self.send(&step).await else {
                self.again = true;
                return Played::Interrupted;
            };
            if self.program.unheard.contains(&self.next) && !self.again {
                self.tally.unheard += 1;
                self.again = true;
                continue;
            }
            if self.settle(&step, &answer).await.is_none() {
                self.again = true;
                return Played::Interrupted;
            }
            self.next += 1;
            self.again = false;
        }
        Played::Finished
    }

    /// Sends a step. `None` if no answer came.
    async fn send(&mut self, step: &Step) -> Option<Answer> {
        match step {
            Step::Create { collection, id, body } => self.create(collection, *id, body).await,
            Step::Replay { index } => match self.program.steps[*index].clone() {
                Step::Create { collection, id, body } => self.create(collection, id, &body).await,
                other => panic!("only what was created is replayed, not {other:?}"),
            },
            Step::Collide { id, body, .. } => self.create("check-ins", *id, body).await,
            Step::Replace { collection, id, change } => {
                let path = format!("/v1/{collection}/{id}");
                let kept = self.model.get(collection, *id);
                let (version, mut body) = (kept.version, changed(&kept.sent, change));
                if self.next.is_multiple_of(3) {
                    // Many phones change what they read, and send it back with all that is read-only.
                    body = changed(&self.call("GET", &path, None, None).await?.expect(200).body, change);
                }
                self.call("PUT", &path, Some(version), Some(&body)).await
            }
            Step::Delete { collection, id } => {
                let version = self.model.get(collection, *id).version;
                self.call("DELETE", &format!("/v1/{collection}/{id}"), Some(version), None).await
            }
            Step::Activate { id } => self.call("POST", &format!("/v1/plans/{id}/activate"), None, None).await,
            Step::PutReview { id, body } => {
                let version = self.model.get("use-events", *id).review.as_ref().map(|(_, version)| *version);
                self.call("PUT", &format!("/v1/use-events/{id}/review"), version, Some(body)).await
            }
        }
    }

    async fn create(&mut self, collection: &str, id: Uuid, body: &Value) -> Option<Answer> {
        let mut body = body.clone();
        body["id"] = json!(id);
        self.call("POST", &format!("/v1/{collection}"), None, Some(&body)).await
    }

    /// Judges the answer to a step and takes the step in. `None` if that needed a further answer, which did not come.
    async fn settle(&mut self, step: &Step, answer: &Answer) -> Option<()> {
        match step {
            Step::Create { collection, id, .. } => {
                let status = self.expect(answer, if self.again { &[201, 200] } else { &[201] });
                self.taken_in_if(status == 200);
                self.model.take(step);
                self.same(&self.model.read(collection, *id), inner(collection, &answer.body));
            }
            Step::Replay { index } => self.settle_replay(*index, answer),
            Step::Collide { holder, .. } => {
                self.expect(answer, &[409]);
                assert_eq!(answer.problem(), "slot-taken", "{}", self.place());
                assert_eq!(answer.body["existing_id"], json!(holder), "{}", self.place());
            }
            Step::Replace { collection, id, .. } => {
                let path = format!("/v1/{collection}/{id}");
                let status = self.expect(answer, if self.again { &[200, 412] } else { &[200] });
                let body = if status == 412 { self.read(&path).await? } else { answer.body.clone() };
                self.model.take(step);
                self.same(&self.model.read(collection, *id), &body);
            }
            Step::Delete { collection, .. } => self.settle_delete(step, collection, answer),
            Step::Activate { id } => {
                self.expect(answer, &[200]);
                self.model.take(step);
                self.same(&self.model.read("plans", *id), &answer.body);
            }
            Step::PutReview { id, .. } => {
                let good: &[u16] = match (self.model.read_review(*id).is_some(), self.again) {
                    (false, false) => &[201],
                    (false, true) => &[201, 200],
                    (true, false) => &[200],
                    (true, true) => &[200, 412],
                };
                let first = good[0];
                let status = self.expect(answer, good);
                let path = format!("/v1/use-events/{id}/review");
                let body = if status == 412 { self.read(&path).await? } else { answer.body.clone() };
                self.taken_in_if(status == 200 && first == 201);
                self.model.take(step);
                self.same(&self.model.read_review(*id).expect("just taken in"), &body);
            }
        }
        Some(())
    }

    /// What was acknowledged once is known for ever: 201 here would mean that it had been lost.
    fn settle_replay(&self, index: usize, answer: &Answer) {
        let Step::Create { collection, id, .. } = &self.program.steps[index] else {
            panic!("only what was created is replayed");
        };
        if self.model.get(collection, *id).state == State::Live {
            self.expect(answer, &[200]);
            assert_eq!(answer.header("idempotent-replayed"), "true", "{}", self.place());
            self.same(&self.model.read(collection, *id), inner(collection, &answer.body));
        } else {
            self.expect(answer, &[409]);
            assert_eq!(answer.problem(), "id-deleted", "{}", self.place());
        }
    }

    fn settle_delete(&mut self, step: &Step, collection: &'static str, answer: &Answer) {
        let done = if collection == "use-events" { 409 } else { 404 };
        let good = [204, done];
        let status = self.expect(answer, if self.again { &good } else { &[204] });
        self.taken_in_if(status == done);
        self.model.take(step);
        if status == 409 {
            assert_eq!(answer.problem(), "entered-in-error", "{}", self.place());
        }
    }

    /// A record whose change was in doubt.
    async fn read(&mut self, path: &str) -> Option<Value> {
        self.tally.taken_in += 1;
        Some(self.call("GET", path, None, None).await?.expect(200).body)
    }

    const fn taken_in_if(&mut self, taken_in: bool) {
        self.tally.taken_in += taken_in as usize;
    }

    /// Sends a request, with a new access token if the one at hand has ended. `None` if no answer came.
    pub(super) async fn call(
        &mut self,
        method: &str,
        path: &str,
        version: Option<i64>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let version = version.map(|version| format!("\"{version}\""));
        let headers: Vec<(&str, &str)> =
            version.iter().map(|version| ("if-match", version.as_str())).collect();
        let body = body.map(|body| body.to_string().into_bytes());
        for _ in 0..2 {
            let Some(answer) = self.client.try_send(method, path, &headers, body.clone()).await else {
                self.tally.lost += 1;
                return None;
            };
            match answer.status {
                401 => {
                    if self.renew().await.is_none() {
                        self.tally.lost += 1;
                        return None;
                    }
                }
                503 => {
                    self.tally.turned_away += 1;
                    return None;
                }
                _ => return Some(answer),
            }
        }
        panic!("{}: a new access token is refused", self.place());
    }

    /// Gets new tokens: by the refresh token, or by signing in again if that has ended.
    async fn renew(&mut self) -> Option<()> {
        let mut plain = self.client.clone();
        plain.token = None;
        let send = |path: &'static str, body: Value| {
            let plain = plain.clone();
            async move { plain.try_send("POST", path, &[], Some(body.to_string().into_bytes())).await }
        };
        let refresh = json!({ "refresh_token": self.refresh_token });
        let mut answer = send("/v1/auth/refresh", refresh).await?;
        if answer.status == 401 {
            answer = send("/v1/auth/login", json!({ "email": self.email, "password": PASSWORD })).await?;
        }
        self.expect(&answer, &[200]);
        let tokens = &answer.body["tokens"];
        self.refresh_token = tokens["refresh_token"].clone();
        self.client = self.client.with_token(tokens["access_token"].as_str().expect("a token"));
        self.tally.renewed += 1;
        Some(())
    }

    /// Where in the program it is, for messages.
    pub(super) fn place(&self) -> String {
        let again = if self.again { ", again" } else { "" };
        format!("{}, step {}{again}: {:?}", self.program.name, self.next, self.program.steps.get(self.next))
    }

    fn expect(&self, answer: &Answer, good: &[u16]) -> u16 {
        assert!(good.contains(&answer.status), "{}\n{} {}", self.place(), answer.status, answer.text);
        answer.status
    }

    /// Panics with every difference.
    pub(super) fn same(&self, expected: &Value, found: &Value) {
        let found = differences(expected, found);
        assert_eq!(found, Vec::<String>::new(), "{}", self.place());
    }
}

/// The record in the answer that stored it.
fn inner<'a>(collection: &str, body: &'a Value) -> &'a Value {
    match collection {
        "craving-events" => &body["craving_event"],
        "use-events" => &body["use_event"],
        _ => body,
    }
}
