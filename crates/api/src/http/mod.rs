//! HTTP: reading requests, and building responses and problems, for every handler.

pub mod body;
pub mod body_pace;
pub mod caller;
pub mod conditional;
pub mod cors;
pub mod faults;
pub mod idempotency;
pub mod json_number;
pub mod json_value;
pub mod kept_request;
pub mod large_body;
pub mod media_type;
pub mod middleware;
pub mod network;
pub mod page;
pub mod patch;
pub mod problem;
pub mod query;
pub mod rate_limit;
pub mod replay;
pub mod running_keys;
pub mod schema_validation;
pub mod strict_json;
pub mod text_format;
