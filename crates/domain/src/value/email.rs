//! E-mail addresses in one form, so that every spelling of an address is the same address.

use std::{borrow::Cow, ops::Deref};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

use crate::value::unicode::{compatible, folded, is_invisible, is_visible};

/// The longest address: in characters as it is written, and in bytes in its one form (RFC 5321).
const MAX: usize = 254;
/// The longest part before the `@` in bytes (RFC 5321).
const MAX_LOCAL: usize = 64;
/// The ASCII characters of the part before the `@` beside letters and digits: those of RFC 5322 without quotes.
const LOCAL_SYMBOLS: &str = ".!#$%&'*+/=?^_`{|}~-";

/// An e-mail address in its one form.
///
/// The part before the `@` keeps its case and is in the compatible normal form of Unicode (NFKC). The domain is in
/// its ASCII form (IDNA, UTS 46) and in lower case, without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The rule in words, for people.
    pub const EXPECTED: &str = "must be an e-mail address such as sam@example.org: at most 254 characters, without quotes, \
                                spaces, control or invisible characters";

    /// Parses an address; `None` if the text is not one. Spaces around it do not count.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.chars().count() > MAX {
            return None;
        }
        let text = compatible(text);
        if text.chars().any(is_invisible) {
            return None;
        }
        let (local, domain) = text.rsplit_once('@')?;
        let domain = ascii_domain(domain)?;
        let is_valid = is_local_part(local) && local.len() + 1 + domain.len() <= MAX;
        is_valid.then(|| Self(format!("{local}@{domain}")))
    }

    /// The text that is the same for all spellings of the address, in upper or lower case.
    pub fn key(&self) -> String {
        let (local, domain) = self.parts();
        format!("{}@{domain}", folded(local))
    }

    /// The key that the address had before all its spellings became one, if it was another: the domain stayed as it was
    /// written.
    pub fn earlier_key(&self) -> Option<String> {
        let (local, domain) = self.parts();
        let (written, _) = idna::domain_to_unicode(domain);
        (written != domain).then(|| format!("{}@{written}", local.to_lowercase()))
    }

    /// The parts before and after the `@`.
    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').unwrap_or((&self.0, ""))
    }
}

/// The ASCII form of a domain; `None` if it is not one. An IP address in brackets is not.
fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::VerifyAllowRootDot,
    );
    let ascii = ascii.ok()?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    (!name.is_empty()).then(|| name.to_owned())
}

fn is_local_part(local: &str) -> bool {
    let is_allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || LOCAL_SYMBOLS.contains(c);
    (1..=MAX_LOCAL).contains(&local.len()) && local.chars().all(is_allowed) && local.chars().any(is_visible)
}

impl Deref for Email {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| de::Error::custom(Self::EXPECTED))
    }
}

/// Reads an address that was stored, whatever rules it was stored under, so that its account still opens.
///
/// # Errors
/// If the value is no string.
pub fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Email, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Email::new(&text).unwrap_or(Email(text)))
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::Email,
            )))
            .max_length(Some(MAX))
            .examples(["sam@example.org"])
            .into()
    }
}
impl ToSchema for Email {}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::value::unicode::{composed, decomposed};

    fn form(text: &str) -> Option<String> {
        Email::new(text).map(|email| email.to_string())
    }

    #[test]
    fn an_address_has_one_form() {
        for (written, expected) in [
            (" Sam@Example.ORG ", "Sam@example.org"),
            ("sam@example.org.", "sam@example.org"),
            ("sam@b\u{fc}cher.example", "sam@xn--bcher-kva.example"),
            ("sam@BU\u{308}CHER.example", "sam@xn--bcher-kva.example"),
            ("sam@XN--BCHER-KVA.example", "sam@xn--bcher-kva.example"),
            (
                "\u{ff53}\u{ff41}\u{ff4d}\u{ff20}\u{ff45}\u{ff58}.org",
                "sam@ex.org",
            ),
            ("sam@\u{4f8b}\u{3048}\u{3002}jp", "sam@xn--r8jz45g.jp"),
            ("jo\u{308}rg@example.org", "j\u{f6}rg@example.org"),
            ("sam+recovery@localhost", "sam+recovery@localhost"),
            (
                "o'hara_!#$%&*/=?^`{|}~-.@example.org",
                "o'hara_!#$%&*/=?^`{|}~-.@example.org",
            ),
        ] {
            assert_eq!(form(written).as_deref(), Some(expected), "{written:?}");
        }
    }

    #[test]
    fn a_text_of_another_form_is_no_address() {
        let long_label = format!("sam@{}.org", "x".repeat(64));
        let long_local = format!("{}@example.org", "x".repeat(65));
        let long = format!("sam@{}", "abcdefghi.".repeat(26));
        for wrong in [
            "",
            "sam",
            "@example.org",
            "sam@",
            "sam@.",
            "a@b@example.org",
            "sam@exa mple.org",
            "sa m@example.org",
            "\"sam\"@example.org",
            "sam@[127.0.0.1]",
            "sam@[IPv6:::1]",
            "sam@-example.org",
            "sam@ex_ample.org",
            "sam@example..org",
            "sam(me)@example.org",
            "sam@exam\u{ad}ple.org",
            "s\u{200b}am@example.org",
            "sam@exam\u{200d}ple.org",
            "sam\u{0}@example.org",
            "sam@example.org\u{0}",
            "\u{202a}sam@example.org\u{202c}",
            "\u{3164}@example.org",
            "\u{301}@example.org",
            "sam@xn--a.org",
            "sam@\u{2fe00}.org",
            &long_label,
            &long_local,
            &long,
        ] {
            assert_eq!(form(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_stored_address_is_read_under_any_rule() {
        #[derive(Deserialize)]
        struct Stored(#[serde(deserialize_with = "stored")] Email);
        let read = |text: &str| {
            serde_json::from_value::<Stored>(text.into())
                .unwrap()
                .0
                .to_string()
        };
        assert_eq!(read("sam@[127.0.0.1]"), "sam@[127.0.0.1]");
        assert_eq!(read("sam@B\u{fc}cher.example"), "sam@xn--bcher-kva.example");
    }

    #[test]
    fn the_earlier_key_has_the_domain_as_it_was_written() {
        let earlier = |text: &str| Email::new(text).unwrap().earlier_key();
        assert_eq!(earlier("Sam@Example.org"), None);
        assert_eq!(
            earlier("Sam@xn--bcher-kva.example").as_deref(),
            Some("sam@b\u{fc}cher.example")
        );
    }

    /// Full-width forms of the printable ASCII characters.
    fn wide(text: &str) -> String {
        let widen = |c: char| {
            let code = u32::from(c);
            char::from_u32(code + 0xfee0)
                .filter(|_| c.is_ascii_graphic())
                .unwrap_or(c)
        };
        text.chars().map(widen).collect()
    }

    fn domain_label() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z][a-z0-9]{0,9}",
            "[a-zäöüéçñø]{1,10}",
            "[а-я]{1,10}",
            "[α-ρτ-ω]{1,10}",
            "[一-鿋]{1,10}",
            "[ぁ-ん]{1,10}",
            "[א-ת]{1,10}",
            "[ก-ฮ]{1,10}",
        ]
    }

    fn spelling() -> impl Strategy<Value = fn(&str) -> String> {
        let spellings: Vec<fn(&str) -> String> = vec![
            str::to_owned,
            str::to_uppercase,
            |t| composed(t).into_owned(),
            |t| decomposed(t).into_owned(),
            |t| decomposed(&t.to_uppercase()).into_owned(),
            wide,
            |t| wide(&t.to_uppercase()),
        ];
        select(spellings)
    }

    proptest! {
        #[test]
        fn every_spelling_of_an_address_has_one_key(
            local in "[a-zA-Z0-9äéøжλ!#$%&'*+/=?^_`{|}~.-]{1,12}",
            labels in prop::collection::vec(domain_label(), 1..4),
            of_local in spelling(),
            of_domain in spelling(),
            is_ascii in any::<bool>(),
            end in select(vec!["", "."]),
        ) {
            let domain = labels.join(".");
            let plain = Email::new(&format!("{local}@{domain}")).unwrap();
            let ascii = plain.rsplit_once('@').unwrap().1.to_owned();
            let other = of_domain(if is_ascii { &ascii } else { &domain });
            let spelt = format!("{}@{other}{end}", of_local(&local));
            let spelt = Email::new(&spelt).ok_or_else(|| TestCaseError::fail(format!("{spelt:?} is refused")))?;
            prop_assert_eq!(spelt.key(), plain.key());
            prop_assert_eq!(spelt.earlier_key(), plain.earlier_key());
        }

        #[test]
        fn the_form_of_an_address_is_its_own_form(text in "\\PC{1,20}@\\PC{1,30}") {
            if let Some(email) = Email::new(&text) {
                prop_assert_eq!(Email::new(&email), Some(email.clone()));
                prop_assert_eq!(Email::new(&email.key()).map(|e| e.key()), Some(email.key()));
                prop_assert!(!email.chars().any(is_invisible) && email.len() <= MAX);
            }
        }

        #[test]
        fn a_character_that_is_not_seen_makes_no_second_address(
            hidden in select(vec![
                '\u{0}', '\u{7f}', '\u{85}', '\u{ad}', '\u{34f}', '\u{200b}', '\u{200d}', '\u{200f}', '\u{2060}',
                '\u{feff}', '\u{fe0f}', '\u{3164}', '\u{115f}', '\u{e0061}', '\u{2800}',
            ]),
            at in 0_usize..15,
        ) {
            let mut text = "sam@example.org".to_owned();
            text.insert(at, hidden);
            // Around the address some of them are spaces, which do not count.
            prop_assert!(Email::new(&text).is_none_or(|email| &*email == "sam@example.org" && text.trim() == &*email));
        }
    }
}
