//! Checked value types, and the findings that name the faults of an input. A value of these types is always
//! valid: no constructor makes one that its own deserialisation would refuse.

pub mod amount;
pub mod country;
pub mod decimal;
pub mod email;
pub mod geo;
pub mod kindness;
pub mod list;
pub mod locale;
pub mod number;
pub mod place;
pub mod secret_text;
pub mod text;
pub mod timestamp;
pub mod unicode;
pub mod validation;
pub mod vocabulary;
pub mod warning_rule;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// Deserialises null as the default, as if the member were absent.
///
/// # Errors
/// If the value is neither null nor valid for the type.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Deserialises a stored member. A value that an earlier version took and this one refuses counts as absent, so that
/// what holds it still opens.
///
/// # Errors
/// If the member cannot be read at all.
pub fn if_still_valid<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}
