//! Endpoints for operators and developers: health, public keys, the OpenAPI document, its reference page, and a page
//! for each problem type.

use std::sync::{Arc, OnceLock};

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
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::add_enum,
    },
    server::state::State,
};

/// The policy of the reference page, which loads everything from this server. Its script writes some styles.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The policy of a problem page, which runs no script.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lists the endpoints of operations.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Operations;
    vec![
        endpoint::get("/health/live", live)
            .priority(Priority::Urgent)
            .public()
            .operation(tag, "getLiveness", "Check that the process runs")
            .about("Succeeds while the process runs. It does not check the databases.")
            .gives::<Health>(200, "Alive.", || json!({ "status": "ok" })),
        endpoint::get("/health/ready", ready)
            .priority(Priority::Urgent)
            .public()
            .operation(tag, "getReadiness", "Check that requests can be served")
            .about("Checks that both databases can be reached and are migrated, and that the master key opens them.")
            .gives::<Health>(200, "Ready.", || json!({ "status": "ok" }))
            .problems(&[ProblemKind::Unavailable]),
        endpoint::get("/.well-known/jwks.json", jwks)
            .priority(Priority::Urgent)
            .public()
            .operation(tag, "getJwks", "List the public keys of the access tokens")
            .about("A JSON Web Key Set (RFC 7517).")
            .gives::<KeySet>(
                200,
                "The keys.",
                || json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "rgX0…", "x": "11qY…" }] }),
            ),
        endpoint::get("/openapi.json", openapi)
            .priority(Priority::Deferrable)
            .public()
            .operation(tag, "getOpenapi", "Get this document")
            .about("The contract, in OpenAPI 3.1.")
            .gives_schema(200, "The document.", Box::new(|_| json!({ "type": "object", "additionalProperties": true })), || json!({ "openapi": "3.1.0" })),
        endpoint::get("/docs", docs_page)
            .priority(Priority::Deferrable)
            .public()
            .operation(tag, "getDocs", "Open the interactive reference")
            .about("A page on which every operation can be tried. It loads everything from this server.")
            .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…")),
        endpoint::get("/docs/{file}", docs_file).priority(Priority::Deferrable).hidden(),
        endpoint::get("/problems/{slug}", problem_page)
            .priority(Priority::Deferrable)
            .public()
            .operation(tag, "getProblemPage", "Explain a problem type")
            .about("The page that the `type` of a problem refers to.")
            .parameter(Parameter {
                name: "slug",
                place: "path",
                required: true,
                description: "The last segment of the `type`.",
                schema: json!({ "$ref": "#/components/schemas/ProblemSlug" }),
                example: json!("validation"),
            })
            .naming(Box::new(|c| {
                let slugs: Vec<&str> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
                add_enum(c, "ProblemSlug", "A kind of problem.", &slugs)
            }))
            .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…")),
    ]
}

/// The OpenAPI document of an application. It is built for the first request that asks for it, which most servers never
/// get.
pub struct OpenapiDocument {
    build: fn() -> Vec<u8>,
    text: OnceLock<Bytes>,
}

impl OpenapiDocument {
    /// Creates a document whose text the function builds.
    pub const fn new(build: fn() -> Vec<u8>) -> Self {
        Self {
            build,
            text: OnceLock::new(),
        }
    }

    fn text(&self) -> Bytes {
        self.text.get_or_init(|| (self.build)().into()).clone()
    }
}

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServerHealth)]
pub struct Health {
    /// Always `ok`; a service that is not ready responds with a problem.
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
    /// The thumbprint of the key (RFC 7638). A token names the key that signed it by this value.
    #[schema(max_length = 100)]
    pub kid: String,
    /// The public key in base64url.
    #[schema(max_length = 100)]
    pub x: String,
}

/// A set of public keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JsonWebKeySet)]
pub struct KeySet {
    /// The keys.
    #[schema(max_items = 20)]
    pub keys: Vec<PublicKey>,
}

fn health_response() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(to_json(&Health { status: "ok" }))
}

async fn live() -> HandlerResult {
    Ok(health_response())
}

async fn ready(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    match state.store.check().await {
        Ok(()) => Ok(health_response()),
        Err(error) => {
            log::warn!("not ready to serve requests: {error}");
            Err(Problem::retry(ProblemKind::Unavailable, 2))
        }
    }
}

async fn jwks(request: HttpRequest) -> HandlerResult {
    let keys = to_json(&State::of(&request).tokens.published());
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    Ok(response.content_type("application/json").body(keys))
}

async fn openapi(request: HttpRequest) -> HandlerResult {
    let document = request
        .app_data::<Arc<OpenapiDocument>>()
        .ok_or(Problem::internal("the application has no OpenAPI document"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    Ok(response.content_type("application/json").body(document.text()))
}

async fn docs_page() -> HandlerResult {
    let page = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mainstay API</title>\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
        <link rel=\"stylesheet\" href=\"/docs/swagger-ui.css\"><link rel=\"icon\" href=\"/docs/favicon-32x32.png\"></head>\
        <body><div id=\"swagger-ui\"></div><script src=\"/docs/swagger-ui-bundle.js\"></script>\
        <script src=\"/docs/swagger-ui-standalone-preset.js\"></script><script src=\"/docs/swagger-initializer.js\"></script></body></html>";
    Ok(docs_response("text/html; charset=utf-8").body(page))
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
    Ok(docs_response(&file.content_type).body(file.bytes.into_owned()))
}

fn docs_response(content_type: &str) -> HttpResponseBuilder {
    let mut response = HttpResponseBuilder::new(StatusCode::OK);
    response.insert_header((header::CONTENT_SECURITY_POLICY, DOCS_POLICY));
    response.insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    response.content_type(content_type);
    response
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
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY));
    response.insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    Ok(response.content_type("text/html; charset=utf-8").body(page))
}
