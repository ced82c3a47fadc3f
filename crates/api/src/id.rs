//! The one place that makes identifiers.

use uuid::Uuid;

/// A new time-ordered identifier (UUID v7): rows that are written together lie together.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that makes ids for everything else"
)]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
