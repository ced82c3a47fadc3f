//! People who are created in the database directly, for tests that need hundreds of them.

use mainstay_api::server::id::new_id;
use mainstay_domain::account::Role;
use mainstay_store::{
    account::NewAccount,
    session::{BegunFrom, NewSession},
};
use serde_json::json;

use crate::{app::TestApp, client::Client};

/// Creates a person who is signed in, without the time that hashing a password takes. Nobody can sign in as this person
/// again.
pub async fn quick_person(app: &TestApp) -> Client {
    let (state, account, session) = (app.state(), new_id(), new_id());
    let content = json!({ "email": format!("{account}@example.org"), "profile": { "time_zone": "UTC" } });
    let new_account = NewAccount {
        id: account,
        role: Role::Person,
        content: serde_json::from_value(content).expect("an account"),
        password_hash: "none".to_owned(),
    };
    let new_session = NewSession {
        id: session,
        refresh_hash: session.as_bytes().repeat(2),
        content: serde_json::from_value(json!({})).expect("a session"),
        begun_from: BegunFrom::default(),
    };
    state
        .store
        .create_account(new_account, Some(new_session), None, app.clock.micros())
        .await
        .expect("an account");
    let token = state.tokens.issue(account, session, Role::Person, app.clock.now()).expect("a token");
    app.client().with_token(&token)
}
