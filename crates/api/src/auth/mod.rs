//! Authentication: accounts, passwords, access and refresh tokens, sessions.

pub mod access_token;
pub mod account;
pub mod live_sessions;
pub mod login_delay;
pub mod password;
pub mod refresh_token;
pub mod registration;
pub mod registration_policy;
pub mod session;
pub mod signing_key;
