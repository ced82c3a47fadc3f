//! Tests of texts: their length, what they must not contain, and that they show something.

use proptest::{prelude::*, sample::select};

use super::*;
use crate::value::unicode::composed;

fn read<const MIN: usize, const MAX: usize>(text: &str) -> Result<Text<MIN, MAX>, String> {
    serde_json::from_value(text.into()).map_err(|e| e.to_string())
}

#[test]
fn text_is_counted_in_characters() {
    assert!(read::<1, 4>("äöüß").is_ok());
    for (wrong, fault) in [
        ("äöüßa", "must have 1 to 4 characters"),
        ("", "must have 1 to 4 characters"),
        (
            "a\rb",
            "must not contain control characters other than line feed and tab",
        ),
        ("\u{3164}", "must have at least one visible character"),
    ] {
        assert_eq!(read::<1, 4>(wrong).unwrap_err(), fault, "{wrong:?}");
    }
    assert!(read::<2, 9>("ä").is_err());
}

#[test]
fn no_constructor_makes_a_text_that_cannot_be_read_again() {
    let literal: Text<2, 4> = text!("äö");
    assert_eq!(&*literal, "äö");
    for input in ["", "ä", "äö", "äöüß", "äöüßa", "\u{0}\r", "  ", &"ä".repeat(20)] {
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

#[test]
fn line_feeds_and_tabs_are_allowed_and_an_empty_note_is() {
    for note in ["", "\n", " \t ", "\u{200b}", "one\n\ttwo", "👩🏽‍⚕️"] {
        assert!(read::<0, 4000>(note).is_ok(), "{note:?}");
    }
    // Names as people write them, of one character too.
    for name in [
        "J",
        "李",
        "José\u{301}",
        "नेहा",
        "👩🏽‍⚕️",
        "مریم\u{200c}ها",
        "\u{f8ff} Sam",
        "…",
        "O'Hara\n",
    ] {
        assert!(read::<1, 200>(name).is_ok(), "{name:?}");
    }
}

/// Characters that show nothing and are no refused control characters: every space, format character and filler of
/// Unicode, marks, characters for private use.
fn unseen() -> impl Strategy<Value = char> {
    let spaces = any::<char>().prop_filter("not visible", |c| !is_visible(*c) && !is_refused_control(*c));
    let well_known = select(vec![
        ' ',
        '\n',
        '\t',
        '\u{a0}',
        '\u{3000}',
        '\u{200b}',
        '\u{200d}',
        '\u{2060}',
        '\u{feff}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{3164}',
        '\u{ffa0}',
        '\u{17b4}',
        '\u{2800}',
        '\u{fe0f}',
        '\u{e0061}',
        '\u{e0100}',
        '\u{301}',
        '\u{20e3}',
        '\u{e000}',
        '\u{2028}',
        '\u{202e}',
        '\u{2066}',
        '\u{fffc}',
    ]);
    prop_oneof![spaces, well_known]
}

proptest! {
    #[test]
    fn a_text_that_shows_nothing_is_no_name_but_may_be_a_note(unseen in prop::collection::vec(unseen(), 1..40)) {
        let text: String = unseen.into_iter().collect();
        prop_assert_eq!(Text::<1, 200>::parse(text.clone()), Err(TextFault::NotVisible));
        prop_assert!(Text::<0, 200>::parse(text.clone()).is_ok());
        let other = composed(&text).into_owned();
        prop_assert_eq!(Text::<1, 200>::parse(other), Err(TextFault::NotVisible));
        // One visible character is enough.
        prop_assert!(Text::<1, 200>::parse(text + "x").is_ok());
    }

    #[test]
    fn a_control_character_is_refused_wherever_it_stands(
        before in "\\PC{0,10}", after in "\\PC{0,10}",
        control in select(('\0'..='\u{ff}').filter(|c| is_refused_control(*c)).collect::<Vec<_>>()),
    ) {
        let text = format!("{before}{control}{after}");
        prop_assert_eq!(Text::<0, 200>::parse(text.clone()), Err(TextFault::Control));
        prop_assert_eq!(Text::<1, 200>::parse(text), Err(TextFault::Control));
    }

    #[test]
    fn a_scan_agrees_with_the_definition(text in any::<String>(), min in 0_usize..3, max in 0_usize..40) {
        let is_valid = (min..=max).contains(&text.chars().count())
            && !text.chars().any(is_refused_control)
            && (min == 0 || text.chars().any(is_visible));
        prop_assert_eq!(fault(&text, min, max).is_none(), is_valid);
    }

    #[test]
    fn what_follows_a_text_leaves_it_valid(text in "\\PC{1,20}", more in any::<String>()) {
        if let Some(text) = Text::<1, 30>::new(text) {
            prop_assert_eq!(fault(&text.followed_by(&more), 1, 30), None);
        }
    }
}
