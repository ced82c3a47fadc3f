//! Checked value types, and the findings that name the faults of an input. A value of these types is always
//! valid: no constructor makes one that its own deserialisation would refuse.

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
pub mod warning_rule;

use serde::{Deserialize, Deserializer};

/// Deserialises null as the default, as if the member were absent.
///
/// # Errors
/// If the value is neither null nor valid for the type.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
