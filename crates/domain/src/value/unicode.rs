//! Facts about characters, and the normal forms of Unicode.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup},
};

/// Letters and symbols by their category that are drawn as nothing: the empty Braille pattern, the placeholder of an
/// embedded object, the null notehead, and the blanks of Egyptian hieroglyphs.
const BLANKS: [char; 5] = ['\u{2800}', '\u{fffc}', '\u{1d159}', '\u{13441}', '\u{13442}'];

/// Whether a character shows something by itself. Spaces, control, format and filler characters, marks without a
/// base, and characters for private use do not.
pub fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    if is_ignorable(c) || BLANKS.contains(&c) {
        return false;
    }
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        // Places that Unicode keeps for emoji. A phone may know emoji that this table does not know yet.
        GeneralCategory::Unassigned => CodePointSetData::new::<ExtendedPictographic>().contains(c),
        category => {
            let hidden = GeneralCategoryGroup::Other
                .union(GeneralCategoryGroup::Separator)
                .union(GeneralCategoryGroup::Mark);
            !hidden.contains(category)
        }
    }
}

/// Whether a character may stand among visible ones without being seen, so that two spellings look the same.
pub fn is_invisible(c: char) -> bool {
    !is_visible(c) && !GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
        || is_ignorable(c)
}

/// Whether Unicode says that a character is drawn as nothing where it has no effect (`Default_Ignorable_Code_Point`).
fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character is a control character that no text may contain. Line feed and tab are allowed.
pub fn is_refused_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// The composed normal form (NFC).
pub fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// The decomposed normal form (NFD).
pub fn decomposed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    DecomposingNormalizerBorrowed::new_nfd().normalize(text)
}

/// The compatible, composed normal form (NFKC), in which for example full-width letters are ordinary ones.
pub fn compatible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// The form that all spellings of a text in upper and lower case and in any normal form have in common.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut now = compatible(text).into_owned();
    // Twice is enough for nearly all characters. The bound only makes sure that it ends.
    for _ in 0..4 {
        // Each character by itself, since the lower case of a whole word depends on the place of a sigma.
        let lower: String = now
            .chars()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .collect();
        let next = compatible(&lower).into_owned();
        if next == now {
            break;
        }
        now = next;
    }
    now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fillers_spaces_and_lone_marks_show_nothing() {
        let invisible = [
            "\u{0}\t\n\r\u{7f}\u{85}\u{9f} \u{a0}\u{1680}\u{2028}\u{2029}\u{3000}",
            "\u{ad}\u{34f}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{2060}\u{2064}\u{2069}",
            "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{17b4}\u{17b5}\u{2800}\u{fffc}\u{feff}\u{fe00}\u{fe0f}\u{e0100}\u{e0041}",
            "\u{301}\u{20dd}\u{903}\u{e000}\u{f8ff}\u{10ffff}\u{fdd0}\u{378}\u{1d159}\u{13441}",
        ];
        for c in invisible.concat().chars() {
            assert!(!is_visible(c), "U+{:04X}", u32::from(c));
        }
        // The last is a place that is kept for emoji.
        for c in "aß9!§é字あ한ไ🙂👍🏽\u{1fae9}\u{1faff}".chars() {
            assert!(is_visible(c), "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn a_character_is_not_both_visible_and_invisible(c in any::<char>()) {
            prop_assert!(!(is_visible(c) && is_invisible(c)));
            prop_assert!(!is_visible(c) || !(c.is_whitespace() || c.is_control()));
        }

        #[test]
        fn every_spelling_has_one_folded_form(text in "[\\PC]{0,12}") {
            let form = folded(&text);
            prop_assert_eq!(folded(&form), form.clone());
            for spelling in [
                text.to_uppercase(), text.to_lowercase(), composed(&text).into_owned(), decomposed(&text).into_owned(),
                compatible(&text).into_owned(),
            ] {
                prop_assert_eq!(folded(&spelling), form.clone(), "{:?}", spelling);
            }
        }
    }
}
