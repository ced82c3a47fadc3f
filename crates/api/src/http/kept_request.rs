//! Keeps who sent a request and its body, for the responses to refused requests that still need them.
//!
//! Only a handler that asks for it has them kept: the body of a push would otherwise stay in memory until its response.

use actix_web::{HttpMessage, HttpRequest, web::Bytes};
use mainstay_store::session::Principal;

/// The sender and the body of a request, as far as they are known.
#[derive(Debug, Default)]
struct KeptRequest {
    principal: Option<Principal>,
    body: Option<Bytes>,
}

/// Has the sender and the body of a request kept from here on.
pub fn keep(request: &HttpRequest) {
    request.extensions_mut().insert(KeptRequest::default());
}

/// Keeps the sender of a request, if that is asked for.
pub fn keep_principal(request: &HttpRequest, principal: &Principal) {
    if let Some(kept) = request.extensions_mut().get_mut::<KeptRequest>() {
        kept.principal = Some(principal.clone());
    }
}

/// Keeps the body of a request, if that is asked for.
pub fn keep_body(request: &HttpRequest, body: &Bytes) {
    if let Some(kept) = request.extensions_mut().get_mut::<KeptRequest>() {
        kept.body = Some(body.clone());
    }
}

/// Takes the sender and the body out. `None` unless both were kept.
pub fn take(request: &HttpRequest) -> Option<(Principal, Bytes)> {
    let kept = request.extensions_mut().remove::<KeptRequest>()?;
    kept.principal.zip(kept.body)
}
