//! Sends the requests of a program, and resumes where it stopped after the server was down.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Program, Step,
    compare::differences,
    model::{Model, State},
};
use crate::{
    PASSWORD,
    client::{Client, Person, Response},
};

/// Counts the steps that several players begin, so that a test can wait for a number of them.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<watch::Sender<u64>>);

impl Pulse {
    fn beat(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Waits until that many steps have begun.
    pub async fn reached(&self, count: u64) {
        let mut beats = self.0.subscribe();
        beats.wait_for(|now| *now >= count).await.expect("the pulse holds the sender");
    }
}

/// The reason for which playing stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// Every step was acknowledged.
    Finished,
    /// The connection broke, or the response was a 503. The current step is still to be acknowledged.
    Interrupted,
}

/// Counts of faults while playing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Responses that were ignored, as if they had been lost.
    pub ignored_responses: usize,
    /// Connections that broke before the response arrived.
    pub broken_connections: usize,
    /// Responses with 503.
    pub unavailable: usize,
    /// Steps that took effect although their first response was lost.
    pub applied_without_response: usize,
    /// Renewals of the access token.
    pub token_renewals: usize,
    /// Changes that were refused because their entity tag was from before a restore.
    pub tags_from_before: usize,
}

/// A person whose phone sends the requests of a program.
pub struct Player {
    /// Counts of faults so far.
    pub tally: Tally,
    pub(super) program: Program,
    pub(super) model: Model,
    client: Client,
    email: String,
    refresh_token: Value,
    device_token: Value,
    pub(super) next: usize,
    /// Whether the current step was sent before and its response was lost.
    pub(super) is_resent: bool,
    /// What entity tags have after the version since the last restore.
    tag_end: String,
    /// The cursor of sync; null until the server asks for one.
    pub(super) cursor: Value,
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
            device_token: person.tokens["device_token"].clone(),
            next: 0,
            is_resent: false,
            tag_end: String::new(),
            cursor: Value::Null,
        }
    }

    /// Plays until every step is acknowledged or the connection breaks. Call it again when the server is back.
    pub async fn play(&mut self, pulse: Option<&Pulse>) -> Played {
        // Connections to a killed server are broken.
        let token = self.client.token.take();
        self.client = Client::new(&self.client.url);
        self.client.token = token;
        while let Some(step) = self.program.steps.get(self.next).cloned() {
            if let Some(pulse) = pulse {
                pulse.beat();
            }
            if self.next == self.program.steps.len() / 2 && self.tally.token_renewals == 0 {
                // As if the token had expired after ten minutes.
                self.client = self.client.with_token("expired");
            }
            let Some(response) = self.send(&step).await else {
                self.is_resent = true;
                return Played::Interrupted;
            };
            if self.program.lost_responses.contains(&self.next) && !self.is_resent {
                self.tally.ignored_responses += 1;
                self.is_resent = true;
                continue;
            }
            if self.check_response(&step, &response).await.is_none() {
                self.is_resent = true;
                return Played::Interrupted;
            }
            self.next += 1;
            self.is_resent = false;
        }
        Played::Finished
    }

    /// Sends a step. Returns `None` if there is no response.
    async fn send(&mut self, step: &Step) -> Option<Response> {
        match step {
            Step::Create { collection, id, body } => self.create(collection, *id, body).await,
            Step::Replay { index } => match self.program.steps[*index].clone() {
                Step::Create { collection, id, body } => self.create(collection, id, &body).await,
                other => panic!("only what was created is replayed, not {other:?}"),
            },
            Step::Conflict { id, body, .. } => self.create("check-ins", *id, body).await,
            Step::Replace { collection, id, change } => self.edit(collection, *id, change).await,
            Step::Delete { collection, id } => {
                let version = self.model.get(collection, *id).version;
                self.call("DELETE", &format!("/v1/{collection}/{id}"), Some(version), None).await
            }
            Step::Activate { id } => self.call("POST", &format!("/v1/plans/{id}/activate"), None, None).await,
            Step::PutReview { id, body } => self.put_review(*id, body).await,
        }
    }

    async fn create(&mut self, collection: &str, id: Uuid, body: &Value) -> Option<Response> {
        let mut body = body.clone();
        body["id"] = json!(id);
        self.call("POST", &format!("/v1/{collection}"), None, Some(&body)).await
    }

    /// Checks the response to a step and applies the step to the model. Returns `None` if a further request that this
    /// needs gets no response.
    async fn check_response(&mut self, step: &Step, response: &Response) -> Option<()> {
        match step {
            Step::Create { collection, id, .. } => {
                let status = self.expect(response, if self.is_resent { &[201, 200] } else { &[201] });
                self.count_applied_if(status == 200);
                self.model.apply(step);
                self.assert_same(
                    &self.model.expected_body(collection, *id),
                    record_in(collection, &response.body),
                );
            }
            Step::Replay { index } => self.check_replay(*index, response),
            Step::Conflict { existing, .. } => {
                self.expect(response, &[409]);
                assert_eq!(response.problem(), "slot-taken", "{}", self.position());
                assert_eq!(response.body["existing_id"], json!(existing), "{}", self.position());
            }
            Step::Replace { collection, id, .. } => {
                let path = format!("/v1/{collection}/{id}");
                let status = self.expect(response, if self.is_resent { &[200, 412] } else { &[200] });
                let body = if status == 412 { self.read(&path).await? } else { response.body.clone() };
                self.model.apply(step);
                self.assert_same(&self.model.expected_body(collection, *id), &body);
            }
            Step::Delete { collection, .. } => self.check_delete(step, collection, response),
            Step::Activate { id } => {
                self.expect(response, &[200]);
                self.model.apply(step);
                self.assert_same(&self.model.expected_body("plans", *id), &response.body);
            }
            Step::PutReview { id, .. } => {
                let expected: &[u16] = match (self.model.expected_review(*id).is_some(), self.is_resent) {
                    (false, false) => &[201],
                    (false, true) => &[201, 200],
                    (true, false) => &[200],
                    (true, true) => &[200, 412],
                };
                let first = expected[0];
                let status = self.expect(response, expected);
                let path = format!("/v1/use-events/{id}/review");
                let body = if status == 412 { self.read(&path).await? } else { response.body.clone() };
                self.count_applied_if(status == 200 && first == 201);
                self.model.apply(step);
                self.assert_same(&self.model.expected_review(*id).expect("just taken in"), &body);
            }
        }
        Some(())
    }

    /// Checks the response to the replay of an acknowledged `POST`. A 201 would mean that the record had been lost.
    fn check_replay(&self, index: usize, response: &Response) {
        let Step::Create { collection, id, .. } = &self.program.steps[index] else {
            panic!("only what was created is replayed");
        };
        if self.model.get(collection, *id).state == State::Live {
            self.expect(response, &[200]);
            assert_eq!(response.header("idempotent-replayed"), "true", "{}", self.position());
            self.assert_same(
                &self.model.expected_body(collection, *id),
                record_in(collection, &response.body),
            );
        } else {
            self.expect(response, &[409]);
            assert_eq!(response.problem(), "id-deleted", "{}", self.position());
        }
    }

    fn check_delete(&mut self, step: &Step, collection: &'static str, response: &Response) {
        let done = if collection == "use-events" { 409 } else { 404 };
        let expected = [204, done];
        let status = self.expect(response, if self.is_resent { &expected } else { &[204] });
        self.count_applied_if(status == done);
        self.model.apply(step);
        if status == 409 {
            assert_eq!(response.problem(), "entered-in-error", "{}", self.position());
        }
    }

    /// Reads a record whose change may have taken effect.
    async fn read(&mut self, path: &str) -> Option<Value> {
        self.tally.applied_without_response += 1;
        Some(self.call("GET", path, None, None).await?.expect(200).body)
    }

    pub(super) const fn count_applied_if(&mut self, applied_without_response: bool) {
        self.tally.applied_without_response += applied_without_response as usize;
    }

    /// Sends a request. If its entity tag is from before a restore, the player learns the new form and sends it again.
    /// Returns `None` if there is no response.
    pub(super) async fn call(
        &mut self,
        method: &str,
        path: &str,
        version: Option<i64>,
        body: Option<&Value>,
    ) -> Option<Response> {
        let response = self.call_once(method, path, version, body).await?;
        let Some(version) = version.filter(|_| response.status == 412) else { return Some(response) };
        let current = self.call_once("GET", path, None, None).await?;
        let tag = current.header("etag");
        let end = tag.trim_matches('"').strip_prefix(&version.to_string()).unwrap_or_default();
        if !end.starts_with('.') || end == self.tag_end {
            return Some(response);
        }
        end.clone_into(&mut self.tag_end);
        self.tally.tags_from_before += 1;
        self.call_once(method, path, Some(version), body).await
    }

    /// Sends a request, with a new access token if the current one has expired. Returns `None` if there is no response.
    async fn call_once(
        &mut self,
        method: &str,
        path: &str,
        version: Option<i64>,
        body: Option<&Value>,
    ) -> Option<Response> {
        let version = version.map(|version| format!("\"{version}{}\"", self.tag_end));
        let mut headers: Vec<(&str, &str)> =
            version.iter().map(|version| ("if-match", version.as_str())).collect();
        if method == "PATCH" {
            headers.push(("content-type", "application/merge-patch+json"));
        }
        let body = body.map(|body| body.to_string().into_bytes());
        for _ in 0..2 {
            let Some(response) = self.client.try_send(method, path, &headers, body.clone()).await else {
                self.tally.broken_connections += 1;
                return None;
            };
            match response.status {
                401 => {
                    if self.renew_token().await.is_none() {
                        self.tally.broken_connections += 1;
                        return None;
                    }
                }
                503 => {
                    self.tally.unavailable += 1;
                    return None;
                }
                _ => return Some(response),
            }
        }
        panic!("{}: a new access token is refused", self.position());
    }

    /// Gets new tokens: with the refresh token, or by signing in again if that has expired.
    async fn renew_token(&mut self) -> Option<()> {
        let mut plain = self.client.clone();
        plain.token = None;
        let send = |path: &'static str, body: Value| {
            let plain = plain.clone();
            async move { plain.try_send("POST", path, &[], Some(body.to_string().into_bytes())).await }
        };
        let refresh = json!({ "refresh_token": self.refresh_token });
        let mut response = send("/v1/auth/refresh", refresh).await?;
        if response.status == 401 {
            let login =
                json!({ "email": self.email, "password": PASSWORD, "device_token": self.device_token });
            response = send("/v1/auth/login", login).await?;
        }
        self.expect(&response, &[200]);
        let tokens = &response.body["tokens"];
        self.refresh_token = tokens["refresh_token"].clone();
        self.device_token = tokens["device_token"].clone();
        self.client = self.client.with_token(tokens["access_token"].as_str().expect("a token"));
        self.tally.token_renewals += 1;
        Some(())
    }

    /// The current position in the program, for messages.
    pub(super) fn position(&self) -> String {
        let again = if self.is_resent { ", again" } else { "" };
        format!("{}, step {}{again}: {:?}", self.program.name, self.next, self.program.steps.get(self.next))
    }

    fn expect(&self, response: &Response, expected: &[u16]) -> u16 {
        assert!(
            expected.contains(&response.status),
            "{}\n{} {}",
            self.position(),
            response.status,
            response.text
        );
        response.status
    }

    /// Compares two bodies. Panics with all differences.
    pub(super) fn assert_same(&self, expected: &Value, found: &Value) {
        let found = differences(expected, found);
        assert_eq!(found, Vec::<String>::new(), "{}", self.position());
    }
}

/// The record in the response to the request that stored it.
fn record_in<'a>(collection: &str, body: &'a Value) -> &'a Value {
    match collection {
        "craving-events" => &body["craving_event"],
        "use-events" => &body["use_event"],
        _ => body,
    }
}
