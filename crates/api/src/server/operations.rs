//! What ops teams and developers look at: health, keys, the document and its reference page, problem pages.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
    web::Bytes,
};
use mainstay_domain::record::json as to_json;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use crate::{
    http::problem::{HandlerResult, Problem, ProblemKind},
    openapi::endpoint::{self, Endpoint, Parameter, Tag},
    routes::document_text,
    server::state::State,
};

/// The reference page loads from this server alone. Its style sheet is partly written by its own script.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The endpoints of operations.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Operations;
    vec![
        endpoint::get("/health/live", live)
            .public()
            .operation(tag, "getLiveness", "Is the process alive?")
            .about("Asks nothing else.")
            .gives::<Health>(200, "Alive.", || json!({ "status": "ok" })),
        endpoint::get("/health/ready", ready)
            .public()
            .operation(tag, "getReadiness", "Can requests be served?")
            .about("Asks whether the databases answer, are migrated, and open with the master key.")
            .gives::<Health>(200, "Ready.", || json!({ "status": "ok" }))
            .problems(&[ProblemKind::Unavailable]),
        endpoint::get("/.well-known/jwks.json", jwks)
            .public()
            .operation(tag, "getJwks", "The public keys of the access tokens")
            .about("A JSON Web Key Set (RFC 7517).")
            .gives::<KeySet>(
                200,
                "The keys.",
                || json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "rgX0…", "x": "11qY…" }] }),
            ),
        endpoint::get("/openapi.json", openapi)
            .public()
            .operation(tag, "getOpenapi", "This document")
            .about("The contract, in OpenAPI 3.1.")
            .gives_schema(200, "The document.", Box::new(|_| json!({ "type": "object", "additionalProperties": true })), || json!({ "openapi": "3.1.0" })),
        endpoint::get("/docs", docs_page)
            .public()
            .operation(tag, "getDocs", "The interactive reference")
            .about("A page for trying the operations out. Everything it needs comes from this server.")
            .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…")),
        endpoint::get("/docs/{file}", docs_file).hidden(),
        endpoint::get("/problems/{slug}", problem_page)
            .public()
            .operation(tag, "getProblemPage", "What a problem type means")
            .about("The page that a problem's `type` names.")
            .parameter(Parameter {
                name: "slug",
                place: "path",
                required: true,
                description: "The last part of the type.",
                schema: json!({ "type": "string", "enum": ProblemKind::ALL.iter().map(|k| k.slug()).collect::<Vec<_>>() }),
                example: json!("validation"),
            })
            .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…")),
    ]
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(max_length = 20)]
    pub status: &'static str,
}

/// A public key (RFC 7517, RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JsonWebKey)]
pub struct PublicKey {
    /// Key type: `OKP`.
    #[schema(max_length = 10)]
    pub kty: String,
    /// Curve: `Ed25519`.
    #[schema(max_length = 20)]
    pub crv: String,
    /// Algorithm: `EdDSA`.
    #[schema(max_length = 20)]
    pub alg: String,
    /// Use: `sig`.
    #[serde(rename = "use")]
    #[schema(max_length = 10)]
    pub usage: String,
    /// The key's thumbprint (RFC 7638), named by the tokens that it signed.
    #[schema(max_length = 100)]
    pub kid: String,
    /// The public key, base64url.
    #[schema(max_length = 100)]
    pub x: String,
}

/// Public keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JsonWebKeySet)]
pub struct KeySet {
    /// The keys.
    #[schema(max_items = 20)]
    pub keys: Vec<PublicKey>,
}

fn json_answer<T: Serialize>(value: &T) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(to_json(value))
}

async fn live() -> HandlerResult {
    Ok(json_answer(&Health { status: "ok" }))
}

async fn ready(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    match state.store.check().await {
        Ok(()) => Ok(json_answer(&Health { status: "ok" })),
        Err(error) => {
            log::warn!("not ready: {error}");
            Err(Problem::retry(ProblemKind::Unavailable, 2))
        }
    }
}

async fn jwks(request: HttpRequest) -> HandlerResult {
    let keys = to_json(State::of(&request).tokens.published());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    Ok(answer.content_type("application/json").body(keys))
}

/// Made when it is first asked for; most servers are never asked.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document_text().into());

async fn openapi() -> HandlerResult {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    Ok(answer.content_type("application/json").body(DOCUMENT.clone()))
}

async fn docs_page() -> HandlerResult {
    let page = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mainstay API</title>\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
        <link rel=\"stylesheet\" href=\"/docs/swagger-ui.css\"><link rel=\"icon\" href=\"/docs/favicon-32x32.png\"></head>\
        <body><div id=\"swagger-ui\"></div><script src=\"/docs/swagger-ui-bundle.js\"></script>\
        <script src=\"/docs/swagger-ui-standalone-preset.js\"></script><script src=\"/docs/swagger-initializer.js\"></script></body></html>";
    Ok(docs_answer("text/html; charset=utf-8").body(page))
}

async fn docs_file(request: HttpRequest) -> HandlerResult {
    let name = request.match_info().get("file").unwrap_or_default();
    let config = Arc::new(
        Config::from("/openapi.json")
            .try_it_out_enabled(true)
            .persist_authorization(false)
            .validator_url("none"),
    );
    let file = utoipa_swagger_ui::serve(name, config).map_err(Problem::internal)?;
    let file = file.ok_or(Problem::new(ProblemKind::NotFound))?;
    Ok(docs_answer(&file.content_type).body(file.bytes.into_owned()))
}

fn docs_answer(content_type: &str) -> HttpResponseBuilder {
    let mut answer = HttpResponseBuilder::new(StatusCode::OK);
    answer.insert_header((header::CONTENT_SECURITY_POLICY, DOCS_POLICY));
    answer.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    answer.content_type(content_type);
    answer
}

async fn problem_page(request: HttpRequest) -> HandlerResult {
    let slug = request.match_info().get("slug").unwrap_or_default();
    let kind = ProblemKind::ALL
        .iter()
        .find(|kind| kind.slug() == slug)
        .ok_or(Problem::new(ProblemKind::NotFound))?;
    let (title, status, text) = (kind.title(), kind.status().as_u16(), kind.explanation());
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}code{{color:#555}}</style></head>\
         <body><h1>{title}</h1><p><code>{slug}</code>, status {status}</p><p>{text}</p></body></html>"
    );
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY));
    answer.insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    Ok(answer.content_type("text/html; charset=utf-8").body(page))
}
