//! Passwords: one Unicode form for all keyboards, and the rules that refuse what is easily guessed.

mod common;
mod personal;
mod strength;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, RefOr, SchemaFormat,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

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
///
/// It is wiped from memory when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
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
        // A text with escapes is a copy of its own.
        let text = match Cow::<'de, str>::deserialize(deserializer)? {
            Cow::Borrowed(text) => return Self::parse(text).map_err(de::Error::custom),
            Cow::Owned(text) => Zeroizing::new(text),
        };
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

/// What is wrong with a password that is easily guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// Many people use it.
    Common,
    /// It is made of the address, of the name, or of the name of the app.
    Personal,
    /// It can be guessed in few tries.
    Guessable,
    /// It is in a list of leaked passwords.
    Leaked,
}

impl Weakness {
    /// Finds the weakness of a password. `about` lists what others know of its owner: the address, the name.
    pub fn of(password: &str, about: &[&str]) -> Option<Self> {
        if common::is_common(password) {
            Some(Self::Common)
        } else if personal::is_made_of(password, about) {
            Some(Self::Personal)
        } else if strength::is_guessable(password, about) {
            Some(Self::Guessable)
        } else {
            None
        }
    }

    /// What is wrong, and what to do.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Common => {
                "is one that many people use; take several words that have nothing to do with each other"
            }
            Self::Personal => {
                "is made of your address, your name or the name of the app; take several words that nobody connects with you"
            }
            Self::Leaked => {
                "was in a leak, so others know it; take several words that have nothing to do with each other"
            }
            Self::Guessable => {
                "is easy to guess; take several words that have nothing to do with each other, or a longer password"
            }
        }
    }

    /// The code of the finding.
    pub const fn code(self) -> FindingCode {
        match self {
            Self::Common | Self::Leaked => FindingCode::CommonPassword,
            Self::Personal | Self::Guessable => FindingCode::GuessablePassword,
        }
    }
}

/// Adds a finding for a password that is easily guessed. `about` lists what others know of its owner: the address, the name.
pub fn check(password: &str, about: &[&str], pointer: &str, findings: &mut Findings) {
    if let Some(weakness) = Weakness::of(password, about) {
        findings.add(pointer, weakness.code(), weakness.message());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ABOUT: [&str; 2] = ["sam.rivers@example.org", "Samantha"];

    #[test]
    fn what_is_easily_guessed_is_refused() {
        for (password, weakness) in [
            ("Password123!", Weakness::Common),
            ("Password1234", Weakness::Common),
            ("P@ssw0rd2026!", Weakness::Common),
            ("qwertyuiop[]", Weakness::Common),
            ("QWERTYUIOP{}", Weakness::Common),
            ("}{poiuytrewq", Weakness::Common),
            ("1qaz2wsx3edc", Weakness::Common),
            ("123456789101112", Weakness::Common),
            ("151413121110987", Weakness::Common),
            ("abcdefghijklm", Weakness::Common),
            ("aaaaaaaaaaaa", Weakness::Common),
            ("abcabcabcabc", Weakness::Common),
            ("riverriverriver", Weakness::Common),
            ("letmein-letmein", Weakness::Common),
            ("iloveyou123456", Weakness::Common),
            ("mainstay1234", Weakness::Personal),
            ("Mainstay-Mainstay!", Weakness::Personal),
            ("sam.rivers@example.org", Weakness::Personal),
            ("SAM.RIVERS@EXAMPLE.ORG1", Weakness::Personal),
            ("sam.rivers123", Weakness::Personal),
            ("samantha2026", Weakness::Personal),
            ("samanthasamrivers", Weakness::Personal),
            ("tomorrow1234", Weakness::Guessable),
            ("elephant19850312", Weakness::Guessable),
        ] {
            assert_eq!(Weakness::of(password, &ABOUT), Some(weakness), "{password}");
        }
    }

    #[test]
    fn unrelated_words_are_fine() {
        for password in [
            "correct horse battery staple",
            "Tr0ub4dor&3xyz",
            "rivers bend slowly",
            "mountains do not hurry",
            "m\u{fc}de fl\u{fc}sse am abend",
            "\u{43e}\u{434}\u{438}\u{43d} \u{434}\u{43e}\u{436}\u{434}\u{44c} \u{43d}\u{43e}\u{447}\u{44c}\u{44e}",
            "mainstay of every quiet harbour",
            "samantha walks ten miles home",
            "x7Qm2vLp9Zt4",
        ] {
            assert_eq!(Weakness::of(password, &ABOUT), None, "{password}");
        }
    }

    #[test]
    fn the_answer_says_what_to_do() {
        let mut findings = Findings::default();
        check("mainstay1234", &[], "/password", &mut findings);
        check("Password123!", &[], "/new_password", &mut findings);
        let found: Vec<(String, &str)> = findings
            .into_vec()
            .into_iter()
            .map(|f| (f.pointer, f.code.as_str()))
            .collect();
        let expected = [
            ("/new_password", "common-password"),
            ("/password", "guessable-password"),
        ];
        assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
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
