//! Texts whose length is part of their type. Validation and the OpenAPI schema use the same bounds.
//!
//! No text contains control characters but line feed and tab. A text that is not empty shows something: at least one
//! of its characters is visible.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};
use zeroize::Zeroize;

use crate::value::{
    unicode::{is_refused_control, is_visible},
    validation::FindingCode,
};

/// Text of `MIN` to `MAX` characters (Unicode scalar values) without control characters but line feed and tab. If
/// `MIN` is at least 1, at least one character is visible.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// A short name.
pub type Label = Text<1, 200>;
/// Free text that may be empty.
pub type Note = Text<0, 4000>;
/// Free text that shows something.
pub type Prose = Text<1, 4000>;

/// The reason for which a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    /// It is shorter or longer than this number of characters.
    Length(usize, usize),
    /// It contains a control character other than line feed and tab.
    Control,
    /// It has only characters that show nothing.
    NotVisible,
}

impl TextFault {
    /// The code of a finding about it.
    pub const fn code(self) -> FindingCode {
        match self {
            Self::Length(..) => FindingCode::Length,
            Self::Control => FindingCode::ControlCharacter,
            Self::NotVisible => FindingCode::NotVisible,
        }
    }
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(min, max) => write!(f, "must have {min} to {max} characters"),
            Self::Control => f.write_str("must not contain control characters other than line feed and tab"),
            Self::NotVisible => f.write_str("must have at least one visible character"),
        }
    }
}

/// The facts about a text that decide whether it is valid.
struct Scan {
    characters: usize,
    has_control: bool,
    is_visible: bool,
}

impl Scan {
    fn of(text: &str) -> Self {
        // One pass over the bytes is enough for ASCII, which nearly all texts are.
        let (mut has_control, mut is_visible_ascii, mut is_ascii) = (false, false, true);
        for byte in text.bytes() {
            has_control |= (byte < b' ' && byte != b'\n' && byte != b'\t') || byte == 0x7f;
            is_visible_ascii |= byte > b' ' && byte < 0x7f;
            is_ascii &= byte < 0x80;
        }
        if is_ascii {
            return Self {
                characters: text.len(),
                has_control,
                is_visible: is_visible_ascii,
            };
        }
        let mut characters = 0;
        let mut is_shown = is_visible_ascii;
        for c in text.chars() {
            characters += 1;
            has_control |= is_refused_control(c);
            // The table is asked only until something visible is found.
            is_shown = is_shown || is_visible(c);
        }
        Self {
            characters,
            has_control,
            is_visible: is_shown,
        }
    }
}

/// Examines a text for a type with these bounds. A bound of `min` 0 allows texts that show nothing.
pub fn fault(text: &str, min: usize, max: usize) -> Option<TextFault> {
    let scan = Scan::of(text);
    if !(min..=max).contains(&scan.characters) {
        return Some(TextFault::Length(min, max));
    }
    if scan.has_control {
        return Some(TextFault::Control);
    }
    (min > 0 && !scan.is_visible).then_some(TextFault::NotVisible)
}

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Creates a text; `None` if it is not valid.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Self::parse(text.into()).ok()
    }

    /// Creates a text.
    ///
    /// # Errors
    /// The reason for which it is not valid.
    pub fn parse(text: String) -> Result<Self, TextFault> {
        match fault(&text, MIN, MAX) {
            Some(fault) => Err(fault),
            None => Ok(Self(text)),
        }
    }

    /// Creates a text cut to the maximum length; `None` if the rest is not valid.
    pub fn truncated(text: &str) -> Option<Self> {
        Self::new(text.chars().take(MAX).collect::<String>())
    }

    /// Appends another text without its control characters, and cuts the result to the maximum length.
    #[must_use]
    pub fn followed_by(self, more: &str) -> Self {
        let room = MAX.saturating_sub(self.0.chars().count());
        let more = more.chars().filter(|c| !is_refused_control(*c)).take(room);
        Self(self.0 + &more.collect::<String>())
    }

    /// Converts to a type with wider bounds. The compiler checks that they are wider.
    pub fn widened<const LOW: usize, const HIGH: usize>(self) -> Text<LOW, HIGH> {
        const { assert!(LOW <= MIN && MAX <= HIGH, "the bounds are not wider") };
        Text(self.0)
    }
}

/// A literal that was checked by the compiler; [`text!`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Literal<const MIN: usize, const MAX: usize>(&'static str);

impl<const MIN: usize, const MAX: usize> Literal<MIN, MAX> {
    /// Checks a literal: its length, that it has no control characters of ASCII but line feed and tab, and that it is not
    /// blank. In a constant, a fault is a compile error.
    ///
    /// # Panics
    /// If the literal is not allowed.
    pub const fn new(text: &'static str) -> Self {
        let mut rest = text.as_bytes();
        let (mut count, mut is_blank) = (0, MIN > 0);
        while let Some((byte, more)) = rest.split_first() {
            // Every byte begins a character except UTF-8 continuation bytes.
            if *byte & 0b1100_0000 != 0b1000_0000 {
                count += 1;
            }
            assert!(
                *byte >= b' ' && *byte != 0x7f || matches!(*byte, b'\n' | b'\t'),
                "the text has a control character"
            );
            is_blank = is_blank && *byte <= b' ';
            rest = more;
        }
        assert!(!is_blank, "the text shows nothing");
        assert!(MIN <= count && count <= MAX, "the text is too short or too long");
        Self(text)
    }
}

impl<const MIN: usize, const MAX: usize> From<Literal<MIN, MAX>> for Text<MIN, MAX> {
    fn from(literal: Literal<MIN, MAX>) -> Self {
        Self(literal.0.to_owned())
    }
}

/// Makes a [`Text`] from a literal, which the compiler checks.
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

impl<const MIN: usize, const MAX: usize> Zeroize for Text<MIN, MAX> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
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
mod tests;
