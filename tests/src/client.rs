//! HTTP clients of a server, with and without a signed-in person.

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

/// The password of every person in the tests.
pub const PASSWORD: &str = "rivers bend slowly";

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// The URL of the server.
    pub url: String,
    /// The access token, if the client is signed in.
    pub token: Option<String>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null if it is not JSON.
    pub body: Value,
}

impl Response {
    /// Returns the response if it has that status, otherwise panics with the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// A header as text; empty if it is missing.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The slug of the problem.
    pub fn problem(&self) -> String {
        self.body["type"].as_str().unwrap_or_default().trim_start_matches("/problems/").to_owned()
    }

    /// The findings of a validation problem, as pointer and code.
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
    /// Creates a client that is not signed in.
    pub fn new(url: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), token: None }
    }

    /// A copy of the client with another access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Sends a request. Panics if there is no response.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Response {
        self.try_send(method, path, headers, body).await.expect("a response")
    }

    /// Sends a request. Returns `None` if the connection breaks before the whole response has arrived.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Option<Response> {
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
        Some(Response { status, headers, text, body })
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], None).await
    }

    /// Sends a `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[], Some(body.to_string().into_bytes())).await
    }

    /// Sends a `POST` with a JSON body and an `Idempotency-Key`.
    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Response {
        let bytes = body.to_string().into_bytes();
        self.send("POST", path, &[("idempotency-key", key)], Some(bytes)).await
    }

    /// Sends a `POST` without a body.
    pub async fn post_empty(&self, path: &str) -> Response {
        self.send("POST", path, &[], None).await
    }

    /// Sends a `PUT` with a JSON body. `version` goes in `If-Match`.
    pub async fn put(&self, path: &str, version: i64, body: &Value) -> Response {
        self.send(
            "PUT",
            path,
            &[("if-match", &format!("\"{version}\""))],
            Some(body.to_string().into_bytes()),
        )
        .await
    }

    /// Sends a `PATCH` with a JSON Merge Patch. `version` goes in `If-Match`.
    pub async fn patch(&self, path: &str, version: i64, change: &Value) -> Response {
        let tag = format!("\"{version}\"");
        let headers = [("if-match", tag.as_str()), ("content-type", "application/merge-patch+json")];
        self.send("PATCH", path, &headers, Some(change.to_string().into_bytes())).await
    }

    /// Sends a `DELETE`. `version` goes in `If-Match`.
    pub async fn delete(&self, path: &str, version: i64) -> Response {
        self.send("DELETE", path, &[("if-match", &format!("\"{version}\""))], None).await
    }
}

/// A person with an account, who is signed in.
#[derive(Clone)]
pub struct Person {
    /// The signed-in client.
    pub client: Client,
    /// The e-mail address of the account.
    pub email: String,
    /// The account in the response to the registration.
    pub account: Value,
    /// The tokens in the response to the registration.
    pub tokens: Value,
}

impl Person {
    /// Registers at a server. `members` replace those of the default registration.
    pub async fn register(url: &str, members: Value) -> Self {
        let client = Client::new(url);
        let mut registration = json!({
            "email": "sam@example.org", "password": PASSWORD, "time_zone": "America/New_York", "country": "US", "locale": "en-US",
        });
        for (name, value) in members.as_object().expect("an object") {
            registration[name] = value.clone();
        }
        let response = client.post("/v1/auth/register", &registration).await.expect(201);
        let (account, tokens) = (response.body["account"].clone(), response.body["tokens"].clone());
        let email = account["email"].as_str().expect("an address").to_owned();
        let client = client.with_token(tokens["access_token"].as_str().expect("a token"));
        Self { client, email, account, tokens }
    }

    /// Signs in to an account that exists.
    pub async fn sign_in(url: &str, email: &str) -> Self {
        let login = json!({ "email": email, "password": PASSWORD, "device_name": "another" });
        let client = Client::new(url);
        let response = client.post("/v1/auth/login", &login).await.expect(200);
        let tokens = response.body["tokens"].clone();
        let client = client.with_token(tokens["access_token"].as_str().expect("a token"));
        Self { client, email: email.to_owned(), account: response.body["account"].clone(), tokens }
    }

    /// Signs in again, as another device of the same person.
    pub async fn another_device(&self) -> Self {
        Self::sign_in(&self.client.url, &self.email).await
    }

    /// Sends a request. Panics if there is no response.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Response {
        self.client.send(method, path, headers, body).await
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.client.get(path).await
    }

    /// Sends a `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(path, body).await
    }

    /// Sends a `POST` with a JSON body and an `Idempotency-Key`.
    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Response {
        self.client.post_with_key(path, key, body).await
    }

    /// Sends a `POST` without a body.
    pub async fn post_empty(&self, path: &str) -> Response {
        self.client.post_empty(path).await
    }

    /// Sends a `PUT` with a JSON body. `version` goes in `If-Match`.
    pub async fn put(&self, path: &str, version: i64, body: &Value) -> Response {
        self.client.put(path, version, body).await
    }

    /// Sends a `PATCH` with a JSON Merge Patch. `version` goes in `If-Match`.
    pub async fn patch(&self, path: &str, version: i64, change: &Value) -> Response {
        self.client.patch(path, version, change).await
    }

    /// Sends a `DELETE`. `version` goes in `If-Match`.
    pub async fn delete(&self, path: &str, version: i64) -> Response {
        self.client.delete(path, version).await
    }
}
