//! The state that all handlers and background jobs share.

use std::{ops::Deref, sync::Arc};

use actix_web::HttpRequest;
use ipnet::IpNet;
use mainstay_domain::audit::Notice;
use mainstay_store::Store;

use crate::{
    auth::{
        access_token::Tokens, device_token::DeviceTokens, failed_tries::FailedTries, live_sessions::Sessions,
        password::Passwords, password_filter::PasswordFilter, refresh_token::RefreshTokens,
        registration_policy::RegistrationPolicy,
    },
    http::{large_body::LargeBodies, rate_limit::Limits, running_keys::RunningKeys},
    server::{
        checkpoints::Checkpoints, clock::Clock, key_watch::KeyWatch, metrics::Metrics,
        own_accesses::OwnAccesses, push_turns::PushTurns,
    },
};

/// A shared handle on the parts of the application, as cheap to clone as an [`Arc`].
#[derive(Clone)]
pub struct State(Arc<Parts>);

/// The parts of the application.
pub struct Parts {
    /// The databases.
    pub store: Store,
    /// Issues and verifies access tokens.
    pub tokens: Tokens,
    /// Issues and reads refresh tokens.
    pub refresh: RefreshTokens,
    /// Issues and verifies device tokens.
    pub devices: DeviceTokens,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// The filter of leaked passwords, if there is one.
    pub password_filter: Option<PasswordFilter>,
    /// The cache of live sessions.
    pub sessions: Sessions,
    /// Turns for those who push changes.
    pub pushes: PushTurns,
    /// The keys of the requests that are being served.
    pub running_keys: RunningKeys,
    /// Turns for work on large bodies.
    pub large_bodies: LargeBodies,
    /// Rate limits.
    pub limits: Limits,
    /// Who may register, and how many.
    pub registration: RegistrationPolicy,
    /// What people do in sessions of their own, until it is written to their access logs.
    pub own_accesses: OwnAccesses,
    /// Wrong passwords, until they are written to the events of their accounts.
    pub failed_tries: FailedTries,
    /// Writes checkpoints of the audit.
    pub checkpoints: Checkpoints,
    /// The notice that goes with disclosures.
    pub notice: Notice,
    /// Metrics of this process.
    pub metrics: Metrics,
    /// Where to report a fault that endangers people, as URIs.
    pub security_contact: Vec<String>,
    /// The URL under which clients reach the server, if it is known.
    pub public_url: Option<String>,
    /// How long sync reports a deletion, in days.
    pub tombstone_days: i64,
    /// The clock.
    pub clock: Clock,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Watches the files of the keys, if they come from files.
    pub key_watch: Option<KeyWatch>,
}

// A handle like `Arc`, which gives what it shares.
impl Deref for State {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl State {
    /// Shares these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns the state of the application that serves a request.
    ///
    /// # Panics
    /// Never: every application is built with its state.
    #[expect(
        clippy::expect_used,
        reason = "`Application::serve` builds every application with its state"
    )]
    pub fn of(request: &HttpRequest) -> Self {
        request
            .app_data::<Self>()
            .expect("the application has its state")
            .clone()
    }
}
