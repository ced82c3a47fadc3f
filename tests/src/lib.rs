//! What black-box tests share: servers on fresh databases of both engines, and clients that speak to them.
//!
//! A test is written once and runs on both engines:
//!
//! ```text
//! on_both_databases! {
//!     async fn a_sentence_that_says_what_holds(app) {
//!         let sam = app.person().await;
//!         sam.post("/v1/goals", &json!({ … })).await.expect(201);
//!     }
//! }
//! ```

pub mod app;
pub mod client;
pub mod database;
pub mod ninety_days;
pub mod offline;
pub mod process;

pub use app::TestApp;
pub use client::{Answer, Client, Person};
pub use database::{Database, Engine};
pub use process::Process;

/// Runs a test on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident) $body:block)*) => {
        $(mod $name {
            use super::*;

            $(#[$meta])*
            async fn story($app: &$crate::TestApp) $body

            #[tokio::test]
            async fn on_sqlite() {
                story(&$crate::TestApp::start($crate::Engine::Sqlite).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                story(&$crate::TestApp::start($crate::Engine::Postgres).await).await;
            }
        })*
    };
}
