//! Clients: plain ones, and people who are signed in.

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::app::PASSWORD;

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Where the server listens.
    pub url: String,
    /// The access token, if signed in.
    pub token: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as text.
    pub text: String,
    /// Its body as JSON; null if it is none.
    pub body: Value,
}

impl Answer {
    /// The answer, if it has that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The problem's slug.
    pub fn problem(&self) -> String {
        self.body["type"].as_str().unwrap_or_default().trim_start_matches("/problems/").to_owned()
    }

    /// The pointers of a validation problem with their codes.
    pub fn faults(&self) -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
    }

    /// The pointers of a validation problem.
    pub fn pointers(&self) -> Vec<String> {
        self.faults().into_iter().map(|(pointer, _)| pointer).collect()
    }

    /// The record's id.
    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }

    /// The items of a list.
    pub fn items(&self) -> Vec<Value> {
        self.body["items"].as_array().cloned().expect("a list")
    }
}

impl Client {
    /// A client that is not signed in.
    pub fn new(url: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), token: None }
    }

    /// The same client with another access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Sends a request; panics if there is no answer.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    /// Sends a request; `None` if the connection broke before the whole answer came.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Option<Answer> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Some(Answer { status, headers, text, body })
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(body.to_string().into_bytes())).await
    }

    /// `POST` without a body.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.send("POST", path, &[], None).await
    }

    /// `PUT` with a JSON body to the version that the record is expected to have.
    pub async fn put(&self, path: &str, version: i64, body: &Value) -> Answer {
        self.send(
            "PUT",
            path,
            &[("if-match", &format!("\"{version}\""))],
            Some(body.to_string().into_bytes()),
        )
        .await
    }

    /// `DELETE` of the version that the record is expected to have.
    pub async fn delete(&self, path: &str, version: i64) -> Answer {
        self.send("DELETE", path, &[("if-match", &format!("\"{version}\""))], None).await
    }
}

/// Someone with an account, signed in.
#[derive(Clone)]
pub struct Person {
    /// The signed-in client.
    pub client: Client,
    /// The address of the account.
    pub email: String,
    /// The account, as registering answered it.
    pub account: Value,
    /// The tokens, as registering answered them.
    pub tokens: Value,
}

impl std::ops::Deref for Person {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Person {
    /// Registers at a server; `members` replace those of a plain registration.
    pub async fn register(url: &str, members: Value) -> Self {
        let client = Client::new(url);
        let mut registration = json!({
            "email": "sam@example.org", "password": PASSWORD, "time_zone": "America/New_York", "country": "US", "locale": "en-US",
        });
        for (name, value) in members.as_object().expect("an object") {
            registration[name] = value.clone();
        }
        let answer = client.post("/v1/auth/register", &registration).await.expect(201);
        let (account, tokens) = (answer.body["account"].clone(), answer.body["tokens"].clone());
        let email = account["email"].as_str().expect("an address").to_owned();
        let client = client.with_token(tokens["access_token"].as_str().expect("a token"));
        Self { client, email, account, tokens }
    }

    /// Signs in once more, as another device of the same person.
    pub async fn another_device(&self) -> Self {
        let login = json!({ "email": self.email, "password": PASSWORD, "device_name": "another" });
        let plain = Client { token: None, ..self.client.clone() };
        let answer = plain.post("/v1/auth/login", &login).await.expect(200);
        let tokens = answer.body["tokens"].clone();
        let client = self.client.with_token(tokens["access_token"].as_str().expect("a token"));
        Self { client, email: self.email.clone(), account: answer.body["account"].clone(), tokens }
    }
}
