//! Values that cannot be wrong once they exist, and the findings that name what is wrong with an input.

pub mod amount;
pub mod geo;
pub mod kindness;
pub mod list;
pub mod number;
pub mod place;
pub mod text;
pub mod timestamp;
pub mod validation;
pub mod vocabulary;

use serde::{Deserialize, Deserializer};

/// Reads null as the default, like a member that is left out.
///
/// # Errors
/// If the value is neither null nor of the type.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
