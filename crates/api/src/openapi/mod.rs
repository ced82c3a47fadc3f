//! The OpenAPI document, made from the same list that routes the requests.

pub mod document;
pub mod endpoint;
pub mod schema;
