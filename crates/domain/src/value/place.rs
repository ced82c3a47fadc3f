//! Checked text formats: time zones, phone numbers, times of day, currencies. Countries, languages and e-mail
//! addresses have files of their own.

use std::{borrow::Cow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

pub use crate::value::{
    country::Country,
    email::Email,
    locale::{Language, Locale},
};

/// An IANA time zone, serialised by its name, such as `Europe/Berlin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneName(pub chrono_tz::Tz);

impl Serialize for ZoneName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        chrono_tz::Tz::from_str(&name).map(Self).map_err(|_unnamed| {
            de::Error::custom("must be the name of an IANA time zone, such as Europe/Berlin")
        })
    }
}

impl PartialSchema for ZoneName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .description(Some("The name of an IANA time zone."))
            .format(Some(utoipa::openapi::SchemaFormat::Custom(
                "time-zone".to_owned(),
            )))
            .min_length(Some(1))
            .max_length(Some(64))
            .examples(["Europe/Berlin"])
            .into()
    }
}
impl ToSchema for ZoneName {}

/// Defines a string type with a pattern that is both checked and documented.
macro_rules! patterned {
    ($(#[$doc:meta])* $name:ident, max $max:literal, pattern $pattern:literal, example $example:literal, $check:expr, $message:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses a value; `None` if the text has another form.
            pub fn new(text: &str) -> Option<Self> {
                let check: fn(&str) -> bool = $check;
                (text.len() <= $max && check(text)).then(|| Self(text.to_owned()))
            }
        }

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
                Self::new(&text).ok_or_else(|| de::Error::custom($message))
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::String))
                    .description(Some($message))
                    .max_length(Some($max))
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }
        impl ToSchema for $name {}
    };
}

fn is_all(text: &str, from: usize, to: usize, ok: fn(u8) -> bool) -> bool {
    (from..=to).contains(&text.len()) && text.bytes().all(ok)
}

patterned! {
    /// A phone number in the international form (ITU-T E.164).
    Phone, max 16, pattern "^\\+[1-9][0-9]{1,14}$", example "+12025550143",
    |t| t.strip_prefix('+').is_some_and(|d| is_all(d, 2, 15, |b| b.is_ascii_digit()) && !d.starts_with('0')),
    "must be a phone number in the international form (E.164), such as +12025550143"
}

patterned! {
    /// A time of day in the form `HH:MM`.
    TimeOfDay, max 5, pattern "^([01][0-9]|2[0-3]):[0-5][0-9]$", example "18:30",
    |t| {
        t.len() == 5
            && t.split_once(':').is_some_and(|(h, m)| {
                let two = |s: &str, below: u8| is_all(s, 2, 2, |b| b.is_ascii_digit()) && s.parse().is_ok_and(|n: u8| n < below);
                two(h, 24) && two(m, 60)
            })
    },
    "must be a time of day from 00:00 to 23:59"
}

impl TimeOfDay {
    /// Creates the time at an hour and minute, capped at 23 and 59; for constants.
    pub fn at(hour: u8, minute: u8) -> Self {
        Self(format!("{:02}:{:02}", hour.min(23), minute.min(59)))
    }

    /// Minutes since midnight, 0–1439.
    pub fn minutes(&self) -> u32 {
        self.0
            .split_once(':')
            .and_then(|(h, m)| Some(h.parse::<u32>().ok()? * 60 + m.parse::<u32>().ok()?))
            .unwrap_or(0)
    }
}

patterned! {
    /// A currency by its three-letter code (ISO 4217).
    Currency, max 3, pattern "^[A-Z]{3}$", example "EUR",
    |t| is_all(t, 3, 3, |b| b.is_ascii_uppercase()),
    "must be a currency code (ISO 4217), such as EUR"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_international() {
        assert!(Phone::new("+4930901820").is_some());
        for wrong in ["4930901820", "+0301234", "+1 202 555", "+", "+1234567890123456"] {
            assert!(Phone::new(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn times_of_day_end_before_midnight() {
        assert_eq!(TimeOfDay::new("23:59").map(|t| t.minutes()), Some(1439));
        for wrong in ["24:00", "7:00", "12:60", "12-30", "ab:cd", "+1:30"] {
            assert!(TimeOfDay::new(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn zones_are_known_by_name() {
        assert!(serde_json::from_str::<ZoneName>("\"Pacific/Apia\"").is_ok());
        assert!(serde_json::from_str::<ZoneName>("\"Mars/Base\"").is_err());
    }
}
