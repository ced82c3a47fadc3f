//! Passwords: one Unicode form for all keyboards, and the check that refuses commonly known ones.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, RefOr, SchemaFormat,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

use crate::value::{
    text::TextFault,
    unicode::{composed, decomposed},
    validation::{FindingCode, Findings},
};

/// The longest password in characters.
pub const MAX: usize = 128;
/// The largest number of characters of which one composed character consists.
const MAX_PARTS: usize = 4;

/// A password of `MIN` to 128 characters. They are counted in the composed form of Unicode (NFC), because one keyboard
/// sends `ü` as one character and another as two. Any character is allowed.
#[derive(Clone)]
pub struct PasswordText<const MIN: usize> {
    composed: String,
    other: Option<String>,
}

/// A new password.
pub type Password = PasswordText<12>;
/// The password of an account. The rules for new passwords do not apply.
pub type CurrentPassword = PasswordText<1>;

impl<const MIN: usize> PasswordText<MIN> {
    /// Creates a password.
    ///
    /// # Errors
    /// [`TextFault::Length`].
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        let is_in = |text: &str, max: usize| (MIN..=max).contains(&text.chars().count());
        let form = composed(text);
        if !is_in(text, MAX * MAX_PARTS) || !is_in(&form, MAX) {
            return Err(TextFault::Length(MIN, MAX));
        }
        // Once a password was stored as it was sent: in this form, or as a keyboard sends it that takes letters apart.
        let other = if *text == *form {
            decomposed(text)
        } else {
            Cow::Borrowed(text)
        };
        Ok(Self {
            other: (other != form).then(|| other.into_owned()),
            composed: form.into_owned(),
        })
    }

    /// The form that is stored and compared.
    pub fn composed(&self) -> &str {
        &self.composed
    }

    /// Another form in which the password may have been stored by an earlier version.
    pub fn other(&self) -> Option<&str> {
        self.other.as_deref()
    }
}

impl<const MIN: usize> fmt::Debug for PasswordText<MIN> {
    /// Shows nothing of the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordText")
    }
}

impl<'de, const MIN: usize> Deserialize<'de> for PasswordText<MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl<const MIN: usize> PartialSchema for PasswordText<MIN> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(MIN))
            .max_length(Some(MAX))
            .into()
    }
}

impl<const MIN: usize> ToSchema for PasswordText<MIN> {
    fn name() -> Cow<'static, str> {
        format!("Password_{MIN}").into()
    }
}

/// Long passwords that rank high in published lists of leaked passwords, in lower case.
const COMMON: [&str; 52] = [
    "0123456789012",
    "012345678910",
    "1029384756ab",
    "123123123123",
    "1234567890-=",
    "1234567890ab",
    "1234567890qw",
    "123456789abc",
    "123456abcdef",
    "1234qwerasdf",
    "1234qwerasdfzxcv",
    "123qweasdzxc",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "1qazxsw23edc",
    "abc123456789",
    "abcd12345678",
    "administrator",
    "adminadmin123",
    "asdfghjkl123",
    "asdfghjkl;'",
    "changeme1234",
    "changemeplease",
    "computer1234",
    "football1234",
    "iloveyou1234",
    "iloveyou123456",
    "letmein12345",
    "letmeinletmein",
    "mypassword123",
    "p@ssw0rd1234",
    "p@ssword1234",
    "passw0rd1234",
    "password!123",
    "password1234",
    "password12345",
    "password123456",
    "password2024",
    "password2025",
    "password2026",
    "passwordpassword",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyuiop12",
    "qwertyuiop123",
    "sunshine1234",
    "unbelievable",
    "welcome12345",
    "zaq12wsxcde3",
];

/// Adds a finding for a password that is commonly used, a run such as `abcdef`, or a repetition.
pub fn check(password: &str, pointer: &str, findings: &mut Findings) {
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) || is_repetition(&lower) || is_run(&lower) {
        findings.add(
            pointer,
            FindingCode::CommonPassword,
            "is too widely known; several unrelated words are safer",
        );
    }
}

/// Whether one to four characters repeat over and over.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=4).any(|period| {
        chars
            .iter()
            .skip(period)
            .eq(chars.iter().take(chars.len().saturating_sub(period)))
    })
}

/// Whether the characters ascend one by one, or descend one by one.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let step = |by: i64| {
        codes
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if b - a == by || (*a == 57 && *b == 48)))
    };
    codes.len() > 1 && (step(1) || step(-1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(password: &str) -> bool {
        let mut findings = Findings::default();
        check(password, "/password", &mut findings);
        !findings.is_empty()
    }

    #[test]
    fn well_known_ones_are_refused() {
        for password in [
            "Password1234",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "abcdefghijklm",
            "123456789012",
            "ponmlkjihgfedc",
        ] {
            assert!(refused(password), "{password}");
        }
    }

    #[test]
    fn unrelated_words_are_fine() {
        for password in [
            "correct horse battery staple",
            "Tr0ub4dor&3xyz",
            "rivers bend slowly",
            "abcdefgh1jklm",
        ] {
            assert!(!refused(password), "{password}");
        }
    }

    #[test]
    fn a_password_is_counted_in_its_composed_form() {
        let parse = |text: &str| Password::parse(text).map(|p| p.composed().chars().count());
        assert_eq!(parse(&"u\u{308}".repeat(12)), Ok(12));
        assert_eq!(parse(&"u\u{308}".repeat(128)), Ok(128));
        let fault = Err(TextFault::Length(12, 128));
        assert_eq!(parse(&"u\u{308}".repeat(11)), fault);
        assert_eq!(parse(&"\u{fc}".repeat(129)), fault);
        assert_eq!(parse(&"\u{301}".repeat(100_000)), fault);
        assert!(parse("any\u{0}\r\u{200b} characters").is_ok());
    }

    proptest! {
        #[test]
        fn both_normal_forms_of_a_password_are_one(text in "[\\PC]{1,40}") {
            let (nfc, nfd) = (composed(&text).into_owned(), decomposed(&text).into_owned());
            for sent in [&text, &nfc, &nfd] {
                let password = CurrentPassword::parse(sent).unwrap();
                prop_assert_eq!(password.composed(), &nfc);
                // What is stored may be what was sent, or what the other kind of keyboard sends.
                prop_assert!(sent == &nfc || password.other() == Some(sent.as_str()));
                prop_assert!(nfc == nfd || password.other().is_some());
            }
            if nfc != nfd {
                let password = CurrentPassword::parse(&nfc).unwrap();
                prop_assert_eq!(password.other(), Some(&*nfd));
            }
        }
    }
}
