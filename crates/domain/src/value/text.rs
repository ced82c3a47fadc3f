//! Texts whose length is part of their type. The schema is made from the same constants.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_counted_in_characters() {
        let four = serde_json::from_str::<Text<1, 4>>("\"äöüß\"");
        assert!(four.is_ok());
        assert!(serde_json::from_str::<Text<1, 4>>("\"äöüßa\"").is_err());
        assert!(serde_json::from_str::<Text<1, 4>>("\"\"").is_err());
        assert!(serde_json::from_str::<Text<2, 9>>("\"ä\"").is_err());
    }
}
