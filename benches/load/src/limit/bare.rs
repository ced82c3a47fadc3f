//! The limit of actix-web itself: a server that checks the token as Mainstay does and sends responses from memory.

use std::{collections::HashMap, fs, net::SocketAddr, path::Path, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::header::{AUTHORIZATION, HeaderName, HeaderValue},
    web::{self, Bytes},
};
use clap::Args;
use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Outcome, http::Response, population::Person};

/// The options of `load bare`.
#[derive(Debug, Args)]
pub struct Bare {
    /// The file with the response for each account.
    responses: std::path::PathBuf,
    /// The file with the signing key of the access tokens.
    signing_key: std::path::PathBuf,
    /// The address to listen on.
    listen: SocketAddr,
}

#[derive(Serialize, Deserialize)]
struct StoredResponse {
    account: Uuid,
    headers: Vec<(String, String)>,
    body: String,
}

/// Writes the responses of Mainstay to a file for the bare server.
pub fn write_responses(file: &Path, responses: &[(Person, Response)]) -> Outcome {
    let stored = responses.iter().map(|(person, response)| {
        // The bare server sets these two itself.
        let is_set_by_server = |name: &str| name == "date" || name == "content-length";
        Ok(StoredResponse {
            account: person.account,
            headers: response
                .headers
                .iter()
                .filter(|(name, _)| !is_set_by_server(name))
                .cloned()
                .collect(),
            body: String::from_utf8(response.body.clone())?,
        })
    });
    let stored = stored.collect::<Outcome<Vec<_>>>()?;
    Ok(fs::write(file, serde_json::to_vec(&stored)?)?)
}

struct PlanResponse {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

struct Shared {
    tokens: Tokens,
    clock: Clock,
    responses: HashMap<Uuid, PlanResponse>,
}

impl Bare {
    /// Serves until the process is stopped.
    pub fn serve(&self) -> Outcome {
        let stored: Vec<StoredResponse> = serde_json::from_slice(&fs::read(&self.responses)?)?;
        let responses = stored.into_iter().map(|stored| {
            let headers = stored.headers.iter();
            let headers = headers.map(|(name, value)| Ok((name.parse()?, value.parse()?)));
            let response = PlanResponse {
                headers: headers.collect::<Outcome<_>>()?,
                body: Bytes::from(stored.body),
            };
            Ok((stored.account, response))
        });
        let shared = Arc::new(Shared {
            tokens: Tokens::new(&fs::read_to_string(&self.signing_key)?, "mainstay")?,
            clock: Clock::default(),
            responses: responses.collect::<Outcome<_>>()?,
        });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::from(Arc::clone(&shared)))
                .route("/v1/plans/active", web::get().to(plan))
                .route("/health/ready", web::get().to(HttpResponse::Ok))
        });
        let server = server.bind(self.listen)?;
        actix_web::rt::System::new().block_on(server.run())?;
        Ok(())
    }
}

async fn plan(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let Some(stored) = response_for(&request, &shared) else {
        return HttpResponse::Unauthorized().finish();
    };
    let mut response = HttpResponse::Ok();
    for header in &stored.headers {
        response.insert_header(header.clone());
    }
    response.body(stored.body.clone())
}

/// The stored response for the account of a valid token.
fn response_for<'a>(request: &HttpRequest, shared: &'a Shared) -> Option<&'a PlanResponse> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?;
    let claims = shared.tokens.verify(token, shared.clock.now())?;
    shared.responses.get(&claims.sub)
}
