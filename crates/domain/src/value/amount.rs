//! Amounts: numbers of units, such as drinks, that may have decimals.

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// The largest allowed amount.
pub const MAX_AMOUNT: f64 = 1_000_000.0;

/// A number of units from 0 to 1 000 000.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Amount(f64);

impl Amount {
    /// Creates an amount; `None` if the value is out of range.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=MAX_AMOUNT).contains(&value).then_some(Self(value))
    }

    /// Returns the plain number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| de::Error::custom("must be a number from 0 to 1000000"))
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .minimum(Some(0))
            .maximum(Some(1_000_000))
            .into()
    }
}
impl ToSchema for Amount {}
