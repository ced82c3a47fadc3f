//! A bare actix-web server: it checks the token as Mainstay does, and gives bytes that it was given.

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

use crate::{Outcome, http::Answer, population::Person};

/// What the bare server gives, and where.
#[derive(Debug, Args)]
pub struct Bare {
    /// Accounts with their answers.
    answers: std::path::PathBuf,
    /// The key that signs access tokens.
    signing_key: std::path::PathBuf,
    /// Where to listen.
    listen: SocketAddr,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    account: Uuid,
    headers: Vec<(String, String)>,
    body: String,
}

/// Keeps the answers of Mainstay for the bare server.
pub fn write_answers(file: &Path, answers: &[(Person, Answer)]) -> Outcome {
    let kept = answers.iter().map(|(person, answer)| {
        // These two the server makes by itself.
        let own = |name: &str| name == "date" || name == "content-length";
        Ok(Kept {
            account: person.account,
            headers: answer
                .headers
                .iter()
                .filter(|(name, _)| !own(name))
                .cloned()
                .collect(),
            body: String::from_utf8(answer.body.clone())?,
        })
    });
    let kept = kept.collect::<Outcome<Vec<_>>>()?;
    Ok(fs::write(file, serde_json::to_vec(&kept)?)?)
}

struct Given {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

struct Shared {
    tokens: Tokens,
    clock: Clock,
    given: HashMap<Uuid, Given>,
}

impl Bare {
    /// Serves until it is ended.
    pub fn serve(&self) -> Outcome {
        let kept: Vec<Kept> = serde_json::from_slice(&fs::read(&self.answers)?)?;
        let given = kept.into_iter().map(|kept| {
            let headers = kept.headers.iter();
            let headers = headers.map(|(name, value)| Ok((name.parse()?, value.parse()?)));
            let given = Given {
                headers: headers.collect::<Outcome<_>>()?,
                body: Bytes::from(kept.body),
            };
            Ok((kept.account, given))
        });
        let shared = Arc::new(Shared {
            tokens: Tokens::new(&fs::read_to_string(&self.signing_key)?, "mainstay")?,
            clock: Clock::default(),
            given: given.collect::<Outcome<_>>()?,
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
    let found = given(&request, &shared);
    let Some(given) = found else {
        return HttpResponse::Unauthorized().finish();
    };
    let mut answer = HttpResponse::Ok();
    for header in &given.headers {
        answer.insert_header(header.clone());
    }
    answer.body(given.body.clone())
}

fn given<'a>(request: &HttpRequest, shared: &'a Shared) -> Option<&'a Given> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?;
    let claims = shared.tokens.verify(token, shared.clock.now())?;
    shared.given.get(&claims.sub)
}
