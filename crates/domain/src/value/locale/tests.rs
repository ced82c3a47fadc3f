//! Tests of languages and language tags.

use proptest::{prelude::*, sample::select};

use super::*;

fn form(text: &str) -> Option<String> {
    Locale::new(text).map(|locale| locale.to_string())
}

#[test]
fn tags_of_phones_are_taken_and_written_as_usual() {
    for (sent, expected) in [
        ("EN-us", "en-US"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("en-US-u-hc-h12", "en-US-u-hc-h12"),
        ("en-u-hc-h12", "en-u-hc-h12"),
        ("de-DE-u-co-phonebk-x-foo", "de-DE-u-co-phonebk-x-foo"),
        (
            "en-GB-u-ca-gregory-fw-mon-hc-h23-mu-celsius-nu-latn-rg-uszzzz",
            "en-GB-u-ca-gregory-fw-mon-hc-h23-mu-celsius-nu-latn-rg-uszzzz",
        ),
        ("de-419", "de-419"),
        ("ca-valencia", "ca-valencia"),
        ("de-CH-1996", "de-CH-1996"),
        ("en-US-POSIX", "en-US-posix"),
        ("zh-cmn-Hans-CN", "zh-cmn-Hans-CN"),
        ("fil-PH", "fil-PH"),
        ("iw-IL", "iw-IL"),
        ("x-us", "x-us"),
        ("i-klingon", "tlh"),
        ("en-t-jp-m0-true", "en-t-jp-m0-true"),
        // Java and Android, POSIX, Apple.
        ("en_US", "en-US"),
        ("sr_Latn_RS", "sr-Latn-RS"),
        ("zh_TW_#Hant", "zh-Hant-TW"),
        ("zh__#Hant", "zh-Hant"),
        ("sr_RS_#Latn_u-hc-h12", "sr-Latn-RS-u-hc-h12"),
        ("en_US_#u-mu-celsius", "en-US-u-mu-celsius"),
        ("de_DE.UTF-8", "de-DE"),
        ("de_DE.UTF-8@euro", "de-DE"),
        ("zh-Hans_CN", "zh-Hans-CN"),
        ("en_GB@calendar=gregorian", "en-GB"),
    ] {
        assert_eq!(form(sent).as_deref(), Some(expected), "{sent}");
    }
}

#[test]
fn a_text_of_another_form_is_no_tag() {
    for wrong in [
        "",
        "C",
        "1",
        "e",
        "-",
        "_",
        "en-",
        "-en",
        "en--US",
        "en US",
        "en-US\n",
        "en-u",
        "en-x",
        "x-",
        "en-abcdefghi",
        "dé",
        "en-U\u{200b}S",
        "@",
        ".",
        "#",
        "_#",
        "_#Latn",
        "en-a-b-",
    ] {
        assert_eq!(form(wrong), None, "{wrong:?}");
    }
    assert_eq!(form(&format!("en-x-{}", "a-".repeat(60))), None);
}

#[test]
fn the_country_is_the_region_and_nothing_else() {
    let country = |text: &str| Locale::new(text).unwrap().country().map(|c| c.to_string());
    for (tag, expected) in [
        ("en-US", Some("US")),
        ("de-Latn-AT-1996-u-co-phonebk", Some("AT")),
        ("en-UK", Some("GB")),
        ("zh_TW_#Hant", Some("TW")),
        ("en-u-hc-h12", None),
        ("en-x-us", None),
        ("x-us", None),
        ("es-419", None),
        ("en-ZZ", None),
        ("de-t-en-us", None),
        ("i-klingon", None),
    ] {
        assert_eq!(country(tag).as_deref(), expected, "{tag}");
    }
}

#[test]
fn a_language_is_known_by_its_code_of_today() {
    let language = |text: &str| Locale::new(text).unwrap().language();
    for (tag, expected) in [
        ("de-AT", Some("de")),
        ("iw-IL", Some("he")),
        ("in-ID", Some("id")),
        ("fil-PH", Some("fil")),
        ("x-us", None),
    ] {
        assert_eq!(language(tag).as_deref(), expected, "{tag}");
    }
    for (code, expected) in [
        ("EN", Some("en")),
        ("iw", Some("he")),
        ("fil", Some("fil")),
        ("haw", Some("haw")),
    ] {
        assert_eq!(Language::new(code).as_deref(), expected, "{code}");
    }
    for wrong in ["", "e", "zz", "english", "e1", "dé", "en-US"] {
        assert_eq!(Language::new(wrong), None, "{wrong}");
    }
}

/// A tag by the grammar of RFC 5646 (section 2.1), with the region that it has.
fn tag() -> impl Strategy<Value = (String, Option<String>)> {
    let optional = |pattern: &'static str| prop::option::of(pattern);
    (
        "[a-z]{2,3}|[a-z]{5,8}",
        optional("[A-Z][a-z]{3}"),
        optional("[A-Z]{2}|[0-9]{3}"),
        prop::collection::vec("[a-z0-9]{5,8}|[0-9][a-z0-9]{3}", 0..2),
        prop::collection::vec("[a-wy-z0-9](-[a-z0-9]{2,8}){1,3}", 0..3),
        optional("x(-[a-z0-9]{1,8}){1,2}"),
    )
        .prop_map(|(language, script, region, variants, extensions, private)| {
            let all: Vec<String> = [language]
                .into_iter()
                .chain(script)
                .chain(region.clone())
                .chain(variants)
                .chain(extensions)
                .chain(private)
                .collect();
            (all.join("-"), region)
        })
        .prop_filter("short enough", |(tag, _)| tag.len() <= MAX)
}

proptest! {
    #[test]
    fn every_tag_of_the_grammar_is_taken_in_any_case(
        (tag, region) in tag(),
        respell in select(vec![str::to_owned as fn(&str) -> String, str::to_uppercase, str::to_lowercase, |t| t.replace('-', "_")]),
    ) {
        let sent = respell(&tag);
        let locale = Locale::new(&sent).ok_or_else(|| TestCaseError::fail(sent.clone()))?;
        prop_assert!(locale.eq_ignore_ascii_case(&tag), "{}", sent);
        prop_assert_eq!(Locale::new(&tag), Some(locale.clone()));
        prop_assert_eq!(locale.country(), region.as_deref().and_then(Country::new));
    }

    #[test]
    fn any_text_is_refused_or_has_a_form_of_its_own(text in "[a-zA-Z0-9_#@.-]{0,40}|\\PC{0,20}") {
        if let Some(locale) = Locale::new(&text) {
            prop_assert_eq!(Locale::new(&locale), Some(locale.clone()));
            locale.country();
            locale.language();
        }
    }
}
