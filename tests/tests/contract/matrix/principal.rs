//! The callers of the matrix.

use chrono::TimeDelta;
use mainstay_domain::account::Role;
use mainstay_tests::{Client, Person, TestApp};
use uuid::Uuid;

use crate::document::Operation;

/// An id that nothing has.
pub const UNKNOWN_ID: &str = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a99";

/// A kind of caller. A helper whom the owner has consented to see something, in each state of the consent, is another one:
/// add a variant, its role, its client, and what was decided of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Nobody is signed in.
    Anonymous,
    /// An access token of the owner's that has expired.
    ExpiredToken,
    /// A valid access token of a session of the owner's that has ended.
    EndedSession,
    /// The person whose records the paths name.
    Owner,
    /// Another person.
    OtherPerson,
    /// A supporter whom the owner does not know.
    Supporter,
    /// A clinician whom the owner does not know.
    Clinician,
    /// An operator.
    Operator,
}

impl Principal {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::ExpiredToken,
        Self::EndedSession,
        Self::Owner,
        Self::OtherPerson,
        Self::Supporter,
        Self::Clinician,
        Self::Operator,
    ];

    /// The role of the account; `None` for one who is not signed in.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Anonymous | Self::ExpiredToken | Self::EndedSession => None,
            Self::Owner | Self::OtherPerson => Some(Role::Person),
            Self::Supporter => Some(Role::Supporter),
            Self::Clinician => Some(Role::Clinician),
            Self::Operator => Some(Role::Operator),
        }
    }
}

/// Operations that end sessions, so that each caller of them is a new one.
const ENDING: [&str; 4] = ["changePassword", "deleteMe", "endOtherSessions", "logout"];

/// The callers of a server.
pub struct Principals {
    /// The person whose records the paths name.
    pub owner: Person,
    expired: String,
    ended: String,
    others: [(Principal, Person); 4],
}

impl Principals {
    /// Creates them.
    pub async fn create(app: &TestApp) -> Self {
        let owner = app.person().await;
        let state = app.state();
        let id =
            |value: &serde_json::Value| -> Uuid { value.as_str().expect("an id").parse().expect("an id") };
        let (account, session) = (id(&owner.account["id"]), id(&owner.tokens["session_id"]));
        let earlier = app.clock.now() - TimeDelta::minutes(11);
        let expired = state.tokens.issue(account, session, Role::Person, earlier).expect("a token");
        let device = owner.another_device().await;
        device.post_empty("/v1/auth/logout").await.expect(204);
        Self {
            expired,
            ended: device.client.token.clone().expect("a token"),
            others: [
                (Principal::OtherPerson, app.person().await),
                (Principal::Supporter, app.account_of(Role::Supporter).await),
                (Principal::Clinician, app.account_of(Role::Clinician).await),
                (Principal::Operator, app.account_of(Role::Operator).await),
            ],
            owner,
        }
    }

    /// The client of a caller for an operation.
    pub async fn client(&self, app: &TestApp, principal: Principal, operation: &Operation) -> Client {
        if let Some(role) = principal.role().filter(|_| ENDING.contains(&operation.id())) {
            return app.account_of(role).await.client;
        }
        match principal {
            Principal::Anonymous => app.client(),
            Principal::ExpiredToken => app.client().with_token(&self.expired),
            Principal::EndedSession => app.client().with_token(&self.ended),
            Principal::Owner => self.owner.client.clone(),
            other => {
                let found = self.others.iter().find(|(principal, _)| *principal == other);
                found.expect("each has a client").1.client.clone()
            }
        }
    }
}
