//! The right to reach a person's record. Only the store makes one: for a live session, or for its own work.

use std::sync::Arc;

use uuid::Uuid;

use crate::key::seal::DataKeys;

/// The right to reach one person's record, with the keys that open it. Every query on a record takes one.
#[derive(Clone)]
pub struct PersonScope {
    pub(crate) no: i64,
    pub(crate) account: Uuid,
    pub(crate) keys: Arc<DataKeys>,
}

impl PersonScope {
    /// The person's account.
    pub fn account(&self) -> Uuid {
        self.account
    }
}

impl std::fmt::Debug for PersonScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonScope")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
