//! Runs a test on both database engines.
//!
//! A test is an ordinary function that takes a [`Fixture`]. [`both_engines!`](crate::both_engines) lists the functions
//! and turns each of them into two tests, `NAME::sqlite` and `NAME::postgres`:
//!
//! ```
//! use mainstay_tests::{TestApp, both_engines};
//! use serde_json::json;
//!
//! both_engines!(a_goal_is_stored);
//!
//! async fn a_goal_is_stored(app: &TestApp) {
//!     let sam = app.person().await;
//!     let goal = json!({ "substance": "alcohol", "kind": "abstain", "started_on": "2026-10-01" });
//!     sam.post("/v1/goals", &goal).await.expect(201);
//! }
//! # fn main() {}
//! ```
//!
//! The compiler warns of a function that is missing from the list, because nothing calls it.

use crate::{
    app::TestApp,
    database::{Database, Engine},
};

/// Something that a test needs and that exists on either engine. Each test gets a fresh one.
pub trait Fixture: Sized {
    /// Creates one.
    fn create_on(engine: Engine) -> impl Future<Output = Self>;
}

impl Fixture for Database {
    async fn create_on(engine: Engine) -> Self {
        Self::create(engine)
    }
}

/// For tests that set up a server of their own.
impl Fixture for Engine {
    async fn create_on(engine: Engine) -> Self {
        engine
    }
}

/// A server without rate limits.
impl Fixture for TestApp {
    async fn create_on(engine: Engine) -> Self {
        Self::start(engine).await
    }
}

/// Runs a test on a fresh fixture of one engine.
pub async fn run<F: Fixture>(engine: Engine, test: impl AsyncFnOnce(&F)) {
    test(&F::create_on(engine).await).await;
}

/// Makes two tests, on SQLite and on PostgreSQL, of each function that it lists. The function takes a reference to a
/// [`Fixture`](crate::Fixture).
#[macro_export]
macro_rules! both_engines {
    ($($test:ident),+ $(,)?) => {
        $(
            mod $test {
                #[tokio::test]
                async fn sqlite() {
                    $crate::engines::run($crate::Engine::Sqlite, super::$test).await;
                }

                #[tokio::test]
                async fn postgres() {
                    $crate::engines::run($crate::Engine::Postgres, super::$test).await;
                }
            }
        )+
    };
}
