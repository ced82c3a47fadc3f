//! What every handler can reach.

use std::{ops::Deref, sync::Arc};

use actix_web::HttpRequest;
use ipnet::IpNet;
use mainstay_store::Store;
use tokio::sync::Semaphore;

use crate::{
    auth::{
        access_token::Tokens, live_sessions::Sessions, password::Passwords, refresh_token::RefreshTokens,
    },
    http::rate_limit::Limits,
    server::{clock::Clock, metrics::Metrics},
};

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Parts>);

/// The parts of the application.
pub struct Parts {
    /// The databases.
    pub store: Store,
    /// Access tokens.
    pub tokens: Tokens,
    /// Refresh tokens.
    pub refresh: RefreshTokens,
    /// Passwords.
    pub passwords: Passwords,
    /// Live sessions.
    pub sessions: Sessions,

    /// Turns for those who push changes.
    pub pushes: Arc<Semaphore>,
    /// Rate limits.
    pub limits: Limits,
    /// Figures.
    pub metrics: Metrics,
    /// How long deletions are told of, in days.
    pub tombstone_days: i64,
    /// The time.
    pub clock: Clock,
    /// Proxies whose word on the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
}

impl Deref for State {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl State {
    /// The state that is made of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What the application of a request is made of.
    ///
    /// # Panics
    /// Never: every application is built with its state.
    #[expect(
        clippy::expect_used,
        reason = "every application is built with its state, in this module"
    )]
    pub fn of(request: &HttpRequest) -> Self {
        request
            .app_data::<Self>()
            .expect("the application has its state")
            .clone()
    }
}
