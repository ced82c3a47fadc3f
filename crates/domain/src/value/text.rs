//! Texts whose length is part of their type. Validation and the OpenAPI schema use the same bounds.

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
/// Free text that is not empty.
pub type Prose = Text<1, 4000>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Creates a text; `None` if its length is out of bounds.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        // Characters are counted only if the number of bytes does not decide.
        let is_surely_allowed = text.len() <= MAX && text.len() >= MIN.saturating_mul(4);
        (is_surely_allowed || (MIN..=MAX).contains(&text.chars().count())).then_some(Self(text))
    }

    /// Creates a text cut to the maximum length; `None` if it is too short.
    pub fn truncated(text: &str) -> Option<Self> {
        Self::new(text.chars().take(MAX).collect::<String>())
    }

    /// Appends another text and cuts the result to the maximum length.
    #[must_use]
    pub fn followed_by(self, more: &str) -> Self {
        let room = MAX.saturating_sub(self.0.chars().count());
        Self(self.0 + &more.chars().take(room).collect::<String>())
    }

    /// Converts to a type with wider bounds. The compiler checks that they are wider.
    pub fn widened<const LOW: usize, const HIGH: usize>(self) -> Text<LOW, HIGH> {
        const { assert!(LOW <= MIN && MAX <= HIGH, "the bounds are not wider") };
        Text(self.0)
    }
}

/// A literal whose length was checked by the compiler; [`text!`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Literal<const MIN: usize, const MAX: usize>(&'static str);

impl<const MIN: usize, const MAX: usize> Literal<MIN, MAX> {
    /// Checks the length of a literal. In a constant, a wrong length is a compile error.
    ///
    /// # Panics
    /// If the length is not allowed.
    pub const fn new(text: &'static str) -> Self {
        let mut rest = text.as_bytes();
        let mut count = 0;
        while let Some((byte, more)) = rest.split_first() {
            // Every byte begins a character except UTF-8 continuation bytes.
            if *byte & 0b1100_0000 != 0b1000_0000 {
                count += 1;
            }
            rest = more;
        }
        assert!(MIN <= count && count <= MAX, "the text is too short or too long");
        Self(text)
    }
}

impl<const MIN: usize, const MAX: usize> From<Literal<MIN, MAX>> for Text<MIN, MAX> {
    fn from(literal: Literal<MIN, MAX>) -> Self {
        Self(literal.0.to_owned())
    }
}

/// Makes a [`Text`] from a literal, whose length the compiler checks.
#[macro_export]
#[doc(hidden)]
macro_rules! text_literal {
    ($text:expr) => {
        $crate::value::text::Text::from(const { $crate::value::text::Literal::new($text) })
    };
}
pub use text_literal as text;

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    /// Shows the length and never the content, which may be a password or a person's own words.
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
        Self::new(String::deserialize(deserializer)?)
            .ok_or_else(|| de::Error::custom(format!("must have {MIN} to {MAX} characters")))
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

    #[test]
    fn no_constructor_makes_a_text_that_cannot_be_read_again() {
        let literal: Text<2, 4> = text!("äö");
        assert_eq!(&*literal, "äö");
        for input in ["", "ä", "äö", "äöüß", "äöüßa", &"ä".repeat(20)] {
            let longer = literal.clone().followed_by(input);
            for text in [Text::<2, 4>::new(input), Text::truncated(input), Some(longer)]
                .into_iter()
                .flatten()
            {
                let json = serde_json::to_string(&text).unwrap();
                assert_eq!(
                    serde_json::from_str::<Text<2, 4>>(&json).unwrap(),
                    text,
                    "{input}"
                );
            }
        }
        assert_eq!(Text::<2, 4>::truncated("äöüßa").as_deref(), Some("äöüß"));
        assert_eq!(Text::<2, 4>::truncated("ä"), None);
    }
}
