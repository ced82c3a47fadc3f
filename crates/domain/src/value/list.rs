//! Lists whose maximum length is part of their type.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, de};

/// A list of at most `MAX` items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// Ids of items or records that a record refers to.
pub type Ids = List<uuid::Uuid, 100>;

impl<T, const MAX: usize> List<T, MAX> {
    /// Collects at most the first `MAX` items; for constants and computed values.
    pub fn of(items: impl IntoIterator<Item = T>) -> Self {
        Self(items.into_iter().take(MAX).collect())
    }

    /// Appends an item; returns false if the list is full.
    #[must_use]
    pub fn push(&mut self, item: T) -> bool {
        let has_room = self.0.len() < MAX;
        if has_room {
            self.0.push(item);
        }
        has_room
    }

    /// Keeps the items for which `is_kept` is true.
    pub fn retain(&mut self, is_kept: impl FnMut(&T) -> bool) {
        self.0.retain(is_kept);
    }

    /// The items for changes in place; the length cannot change.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Null means the same as an absent member, as for every optional member.
        let items = Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default();
        if items.len() <= MAX {
            Ok(Self(items))
        } else {
            Err(de::Error::custom(format!("must have at most {MAX} items")))
        }
    }
}
