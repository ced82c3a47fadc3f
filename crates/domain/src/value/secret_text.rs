//! Texts that are secrets, such as tokens.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};
use zeroize::Zeroizing;

use crate::value::text::Text;

/// A [`Text`] that is a secret: it is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct SecretText<const MIN: usize, const MAX: usize>(Zeroizing<Text<MIN, MAX>>);

impl<const MIN: usize, const MAX: usize> Deref for SecretText<MIN, MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for SecretText<MIN, MAX> {
    /// Shows nothing of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for SecretText<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Zeroizing::new).map(Self)
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for SecretText<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        Text::<MIN, MAX>::schema()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for SecretText<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        Text::<MIN, MAX>::name()
    }
}
