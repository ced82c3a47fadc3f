//! People without a password, for tests with thousands of them.

use mainstay_api::server::id::new_id;
use mainstay_domain::account::Role;
use mainstay_store::{account::NewAccount, session::NewSession};
use serde_json::json;

use crate::{app::TestApp, client::Client};

/// A new person, signed in. Nobody can sign in as them again: the hash is no password's, and so costs no time.
pub async fn quick_person(app: &TestApp) -> Client {
    let (state, account, session) = (app.state(), new_id(), new_id());
    let content = json!({ "email": format!("{account}@example.org"), "profile": { "time_zone": "UTC" } });
    let new = NewAccount {
        id: account,
        role: Role::Person,
        content: serde_json::from_value(content).expect("an account"),
        password_hash: "none".to_owned(),
    };
    let session_of = NewSession {
        id: session,
        refresh_hash: session.as_bytes().repeat(2),
        content: serde_json::from_value(json!({})).expect("a session"),
    };
    state.store.create_account(new, Some(session_of), None, app.clock.micros()).await.expect("an account");
    let token = state.tokens.issue(account, session, Role::Person, app.clock.now()).expect("a token");
    app.client().with_token(&token)
}
