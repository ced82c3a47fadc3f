//! The OpenAPI document, built from the same list of endpoints that routes the requests.

pub mod document;
pub mod endpoint;
pub mod form;
pub mod reference;
pub mod roles;
pub mod schema;
pub mod tag;
