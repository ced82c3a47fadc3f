//! Looking up the stored response to a request of a person outside a writing transaction.

use uuid::Uuid;

use super::Records;
use crate::{
    error::Result,
    idempotency::{IdempotencyKey, find},
};

impl Records<'_> {
    /// Returns the first response to a request of this person, if it is still stored.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`](crate::StoreError::KeyReused) if the key was used for another request.
    pub fn stored_response(&mut self, key: &IdempotencyKey) -> Result<Option<Vec<u8>>> {
        let sealed = find(self.conn, self.scope.no, key)?;
        sealed
            .map(|sealed| self.scope.keys.open("answer", Uuid::nil(), &sealed))
            .transpose()
    }
}
