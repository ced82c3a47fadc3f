//! Languages, and the language tags that phones and browsers send.

use std::{borrow::Cow, fmt, ops::Deref};

use language_tags::LanguageTag;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, SchemaFormat,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

use crate::value::country::Country;

/// The longest language tag in bytes. Tags of phones with several extensions have some 60.
const MAX: usize = 100;

/// A language and region as a tag (BCP 47), such as `en-US`, with extensions if there are any.
///
/// It is in the usual case (`zh-Hans-CN`), with hyphens, and otherwise as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// The rule in words, for people.
    pub const EXPECTED: &str = "must be a language tag (BCP 47) of at most 100 characters, such as en-US";

    /// Parses a tag; `None` if the text has another form. The forms of Java, POSIX and Apple are accepted too, such as
    /// `en_US.UTF-8` and `zh_TW_#Hant`; what they say behind a `.` or an `@` is left out.
    pub fn new(text: &str) -> Option<Self> {
        if text.len() > MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let name = text.split(['.', '@']).next().unwrap_or_default();
        let tag = LanguageTag::parse(&hyphenated(name)).ok()?;
        // A whole tag of the old registry, such as i-klingon, has a language today.
        let tag = if tag.primary_language().contains('-') {
            tag.canonicalize().unwrap_or(tag)
        } else {
            tag
        };
        Some(Self(tag.into_string()))
    }

    /// The language by its code today, such as `he` for the tag `iw-IL`; none if the tag names none.
    pub fn language(&self) -> Option<String> {
        let tag = self.tag()?;
        let language = tag.primary_language();
        if language.contains('-') {
            return None;
        }
        Some(current(language).unwrap_or_else(|| language.to_owned()))
    }

    /// The country, if the tag names one.
    pub fn country(&self) -> Option<Country> {
        Country::new(self.tag()?.region()?)
    }

    fn tag(&self) -> Option<LanguageTag> {
        LanguageTag::parse(&self.0).ok()
    }
}

/// Writes a tag with hyphens. Java writes the script behind the region: `zh_TW_#Hant_u-hc-h12`.
fn hyphenated(text: &str) -> String {
    let (name, behind) = text.split_once("_#").unwrap_or((text, ""));
    let name = name.trim_end_matches('_').replace('_', "-");
    let behind = behind.replace('_', "-");
    if behind.is_empty() {
        return name;
    }
    let script = behind.split('-').next().unwrap_or_default();
    if script.len() != 4 {
        return format!("{name}-{behind}");
    }
    let extensions = behind.get(script.len()..).unwrap_or_default();
    let (language, region) = name.split_at(name.find('-').unwrap_or(name.len()));
    format!("{language}-{script}{region}{extensions}")
}

/// The code that a language has today; none if no language has that code.
fn current(code: &str) -> Option<String> {
    let tag = LanguageTag::parse(code).ok()?;
    tag.validate().ok()?;
    let today = tag.canonicalize().ok()?;
    Some(today.primary_language().to_owned())
}

/// A language by its two- or three-letter code (ISO 639), in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Language(String);

impl Language {
    /// The rule in words, for people.
    pub const EXPECTED: &str = "must be a language code (ISO 639), such as en";

    /// Parses a code in upper or lower case; `None` if no language has it. A code of former times becomes that of
    /// today: `iw` is `he`.
    pub fn new(text: &str) -> Option<Self> {
        let is_code = matches!(text.len(), 2 | 3) && text.bytes().all(|b| b.is_ascii_alphabetic());
        is_code
            .then(|| current(&text.to_ascii_lowercase()))
            .flatten()
            .map(Self)
    }
}

/// Implements what the types of this file have in common.
macro_rules! checked_text {
    ($name:ident, $example:literal, $description:literal, $format:literal, $max:expr, $pattern:expr) => {
        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).ok_or_else(|| de::Error::custom(Self::EXPECTED))
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::String))
                    .description(Some($description))
                    .format(Some(SchemaFormat::Custom($format.to_owned())))
                    .max_length(Some($max))
                    .pattern($pattern)
                    .examples([$example])
                    .into()
            }
        }
        impl ToSchema for $name {}
    };
}

checked_text!(
    Locale,
    "en-US",
    "A language and region as a language tag (BCP 47).",
    "language-tag",
    MAX,
    None::<String>
);
checked_text!(
    Language,
    "en",
    "A language by its code (ISO 639).",
    "language",
    3,
    Some("^[A-Za-z]{2,3}$")
);

#[cfg(test)]
mod tests;
