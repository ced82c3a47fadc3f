//! The notice that goes with every disclosure of a record that federal law protects (42 CFR 2.32), in our own words.
//!
//! The texts of a version never change. Another text is another version, since disclosures name the version that went with
//! them.

use super::{canonical::hash, checkpoint::hex};

/// The version of the notice.
pub const NOTICE_VERSION: &str = "1";

/// The short form, for headers and the last row of a table. ASCII.
pub const NOTICE_SHORT: &str = "42 CFR part 2 prohibits unauthorized use or disclosure of these records.";

/// The long form. ASCII, one paragraph a line.
pub const NOTICE_LONG: &str = "\
This record is protected by federal confidentiality rules (42 CFR part 2).

These rules prohibit you from using or disclosing this record, or testimony that describes what is in it, in any civil, \
criminal, administrative, or legislative proceeding against the person whom it is about by any federal, state, or local \
authority, unless that person consents in writing, or a court orders it under 42 CFR part 2, subpart E, after notice and an \
opportunity to be heard is given to the person or to the holder of the record where the rules ask for it.

They also prohibit you from any other use or disclosure of this record, unless at least one of these applies:
(i) the written consent of the person whom it is about expressly permits it, or 42 CFR part 2 permits it otherwise;
(ii) you are a covered entity or business associate, you received it for treatment, payment, or health care operations, and \
the HIPAA regulations permit it, but never in a proceeding against the person;
(iii) you are a covered entity or business associate, or have received it from one as the HIPAA regulations permit, and the \
use or disclosure is made in accord with 45 CFR 164.502, 164.504, and 164.506.

A general authorization for the release of medical or other information is NOT sufficient for this purpose.
";

/// The longest text that an operator may put in its place, in bytes.
pub const MAX_NOTICE: usize = 16 * 1024;

/// The notice that a service gives: ours, or that of its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its version, which disclosures name.
    pub version: String,
    /// The long form.
    pub long: String,
}

impl Default for Notice {
    fn default() -> Self {
        Self {
            version: NOTICE_VERSION.to_owned(),
            long: NOTICE_LONG.to_owned(),
        }
    }
}

impl Notice {
    /// The notice of an operator. Its version follows from its text, so that another text is another version.
    ///
    /// # Errors
    /// A message that says why the text cannot be used.
    pub fn of_operator(text: &str) -> Result<Self, String> {
        let long = text.trim();
        if long.is_empty() || long.len() > MAX_NOTICE {
            return Err(format!("must hold a text of at most {MAX_NOTICE} bytes"));
        }
        if long
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err("must hold plain text without control characters".to_owned());
        }
        let hash = hex(&hash(long.as_bytes()));
        let version = hash.chars().take(12).collect::<String>();
        Ok(Self {
            version: format!("operator-{version}"),
            long: format!("{long}\n"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_is_ascii_and_says_what_the_rule_asks_for() {
        assert!(NOTICE_SHORT.is_ascii() && NOTICE_LONG.is_ascii() && NOTICE_LONG.len() < MAX_NOTICE);
        // A header is one line.
        assert!(NOTICE_SHORT.chars().all(|c| (' '..='~').contains(&c)));
        for words in [
            "protected by federal confidentiality rules (42 CFR part 2)",
            "civil, criminal, administrative, or legislative proceeding",
            "court orders it",
            "HIPAA regulations permit",
            "general authorization",
        ] {
            assert!(NOTICE_LONG.contains(words), "{words}");
        }
    }

    #[test]
    fn a_notice_of_the_operator_has_a_version_of_its_own() {
        let notice = Notice::of_operator("Protected.\n").unwrap();
        assert_eq!(notice.long, "Protected.\n");
        assert!(notice.version.starts_with("operator-") && notice.version.len() == 21);
        assert_ne!(Notice::of_operator("protected.").unwrap().version, notice.version);
        for wrong in ["", " \n", "a\u{1}b", &"x".repeat(MAX_NOTICE + 1)] {
            assert!(Notice::of_operator(wrong).is_err());
        }
    }
}
