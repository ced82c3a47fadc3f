//! Small values that cannot be wrong: their range is part of the type, and the schema is made from the same constants.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// A whole number from `MIN` to `MAX`. `7.0` is a whole number too, as in JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

/// A self-report from 0 (not at all) to 10 (as strong as can be).
pub type Rating = Int<0, 10>;
/// A share or confidence from 0 to 100.
pub type Percent = Int<0, 100>;

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// The number, if it is in range.
    pub fn new(value: i64) -> Option<Self> {
        (MIN..=MAX).contains(&value).then_some(Self(value))
    }

    /// The nearest number in range; for constants and computed values.
    pub const fn clamped(value: i64) -> Self {
        if value < MIN {
            Self(MIN)
        } else if value > MAX {
            Self(MAX)
        } else {
            Self(value)
        }
    }

    /// The plain number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The plain number as a float, exact for the ranges in use.
    #[expect(clippy::cast_precision_loss, reason = "ranges in use are far below 2^53")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Int<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Int<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const MIN: i64, const MAX: i64>;
        impl<const MIN: i64, const MAX: i64> de::Visitor<'_> for Visitor<MIN, MAX> {
            type Value = Int<MIN, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
                Int::new(v).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(v), &self))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
                i64::try_from(v)
                    .ok()
                    .and_then(Int::new)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(v), &self))
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a float cast saturates, and the range is checked after it"
                )]
                let whole = v as i64;
                if v.fract() == 0.0 {
                    Int::new(whole).ok_or_else(|| E::invalid_value(de::Unexpected::Float(v), &self))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(v), &self))
                }
            }
        }
        deserializer.deserialize_any(Visitor::<MIN, MAX>)
    }
}

impl<const MIN: i64, const MAX: i64> PartialSchema for Int<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(MIN))
            .maximum(Some(MAX))
            .into()
    }
}

impl<const MIN: i64, const MAX: i64> ToSchema for Int<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        format!("Int_{MIN}_{MAX}").replace('-', "m").into()
    }
}

/// Text of `MIN` to `MAX` characters (Unicode scalar values).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// A short name.
pub type Label = Text<1, 200>;
/// Free text that may be empty.
pub type Note = Text<0, 4000>;
/// Free text that says something.
pub type Prose = Text<1, 4000>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text, cut to the longest allowed; for constants and computed values.
    pub fn of(text: &str) -> Self {
        Self(text.chars().take(MAX).collect())
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    /// Says how long the text is, never what it says: it may be a password or a person's own words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Counting characters is only needed when the bytes alone do not decide.
        let count = if text.len() <= MAX && text.len() >= MIN.saturating_mul(4) {
            MIN
        } else {
            text.chars().count()
        };
        if (MIN..=MAX).contains(&count) {
            Ok(Self(text))
        } else {
            Err(de::Error::custom(format!("must have {MIN} to {MAX} characters")))
        }
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length((MIN > 0).then_some(MIN))
            .max_length(Some(MAX))
            .into()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        format!("Text_{MIN}_{MAX}").into()
    }
}

/// Reads null as the default, like a member that is left out.
///
/// # Errors
/// If the value is neither null nor of the type.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list of at most `MAX` things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// Identifiers of things that a record refers to.
pub type Ids = List<uuid::Uuid, 100>;

impl<T, const MAX: usize> List<T, MAX> {
    /// The list, cut to the longest allowed; for constants and computed values.
    pub fn of(items: impl IntoIterator<Item = T>) -> Self {
        Self(items.into_iter().take(MAX).collect())
    }

    /// Adds an item at the end; false if the list is full.
    #[must_use]
    pub fn push(&mut self, item: T) -> bool {
        let has_room = self.0.len() < MAX;
        if has_room {
            self.0.push(item);
        }
        has_room
    }

    /// The items, to be changed in place.
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
        // A list that is null counts as left out, like every optional member.
        let items = Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default();
        if items.len() <= MAX {
            Ok(Self(items))
        } else {
            Err(de::Error::custom(format!("must have at most {MAX} items")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_are_whole_numbers() {
        assert_eq!(
            serde_json::from_str::<Rating>("10.0").ok().map(Rating::get),
            Some(10)
        );
        for wrong in [
            "10.5",
            "11",
            "-1",
            "1e300",
            "\"3\"",
            "null",
            "18446744073709551615",
        ] {
            assert!(serde_json::from_str::<Rating>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn text_is_counted_in_characters() {
        let four = serde_json::from_str::<Text<1, 4>>("\"äöüß\"");
        assert!(four.is_ok());
        assert!(serde_json::from_str::<Text<1, 4>>("\"äöüßa\"").is_err());
        assert!(serde_json::from_str::<Text<1, 4>>("\"\"").is_err());
        assert!(serde_json::from_str::<Text<2, 9>>("\"ä\"").is_err());
    }
}
