//! Authentication: accounts, passwords, access and refresh tokens, sessions.

pub mod access_token;
pub mod account;
pub mod device_token;
mod ed25519;
pub mod failed_tries;
pub mod hash_pool;
pub mod live_sessions;
pub mod login_delay;
pub mod password;
pub mod password_filter;
pub mod refresh;
pub mod refresh_token;
pub mod registration;
pub mod registration_policy;
pub mod session;
pub mod sign_in;
pub mod signing_key;
pub mod turns;
pub mod verification;
