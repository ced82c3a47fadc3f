//! Whole numbers whose range is part of their type. Validation and the OpenAPI schema use the same bounds.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// A whole number from `MIN` to `MAX`. As in JSON Schema, `7.0` counts as whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

/// A self-report from 0 (not at all) to 10 (as strong as can be).
pub type Rating = Int<0, 10>;
/// A share or confidence from 0 to 100.
pub type Percent = Int<0, 100>;

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// Creates a number; `None` if it is out of range.
    pub fn new(value: i64) -> Option<Self> {
        (MIN..=MAX).contains(&value).then_some(Self(value))
    }

    /// Creates the nearest number in range; for constants and computed values.
    pub const fn clamped(value: i64) -> Self {
        if value < MIN {
            Self(MIN)
        } else if value > MAX {
            Self(MAX)
        } else {
            Self(value)
        }
    }

    /// Returns the plain number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the number as a float; exact for the ranges in use.
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
}
