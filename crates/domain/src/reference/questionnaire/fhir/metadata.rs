//! Reads what a resource says about itself: address, version, title, terms of use.

use super::{Terms, extensions::COPYRIGHT_LABEL, node::Node};
use crate::{
    reference::{plain_text, questionnaire::QuestionnaireStatus},
    value::validation::{FindingCode, Findings},
};

/// The metadata of a questionnaire.
pub(super) struct Metadata {
    pub url: String,
    pub version: String,
    pub title: String,
    pub description: Option<String>,
    pub status: QuestionnaireStatus,
    pub licence: String,
    pub attribution: String,
}

/// Collects faults and remarks on the metadata.
pub(super) struct MetadataReader<'a> {
    pub root: &'a Node<'a>,
    pub terms: &'a Terms,
    pub faults: &'a mut Findings,
    pub remarks: &'a mut Findings,
}

impl MetadataReader<'_> {
    pub fn read(&mut self) -> Metadata {
        if self
            .root
            .str("resourceType")
            .is_none_or(|kind| kind != "Questionnaire")
        {
            self.faults
                .add("/resourceType", FindingCode::Enum, "must be Questionnaire");
        }
        let title = self.title();
        let copyright = self.text("copyright");
        let label = self.text("copyrightLabel").or_else(|| {
            let label = self.root.extension(&[COPYRIGHT_LABEL])?;
            first(&[label.str("valueString")])
        });
        let (terms, root) = (self.terms, self.root);
        let licence = first(&[terms.licence.as_deref(), copyright.as_deref()]);
        let attribution = first(&[
            terms.attribution.as_deref(),
            label.as_deref(),
            copyright.as_deref(),
        ]);
        let version = first(&[terms.version.as_deref(), root.str("version")]);
        Metadata {
            url: self.address(&title),
            version: self.checked(version.unwrap_or_else(|| "1".to_owned()), 60, "/version"),
            description: self.description(),
            status: self.status(),
            licence: self.term(licence, "licence", "under which terms it may be used"),
            attribution: self.term(attribution, "attribution", "whose work it is"),
            title,
        }
    }

    /// A text for people. Words that stand only in markup are remarked on.
    fn text(&mut self, name: &str) -> Option<String> {
        let text = self.root.text(name)?;
        if text.is_from_markup {
            self.remarks
                .add(format!("/_{name}"), FindingCode::Format, FROM_MARKUP);
        }
        Some(text.text.trim().to_owned())
    }

    /// Adds a finding for a text that is too long or has control characters.
    fn checked(&mut self, text: String, longest: usize, pointer: &str) -> String {
        if text.chars().count() > longest {
            let message = format!("must have at most {longest} characters");
            self.faults.add(pointer, FindingCode::Length, message);
        } else if has_controls(&text) {
            self.faults.add(pointer, FindingCode::Format, NO_CONTROLS);
        }
        text
    }

    /// The title; without one, the name in words, or the end of the address or the id, with a remark.
    fn title(&mut self) -> String {
        if let Some(title) = first(&[self.terms.title.as_deref()]).or_else(|| self.text("title")) {
            return self.checked(title, 255, "/title");
        }
        let url = self.terms.url.as_deref().or_else(|| self.root.str("url"));
        let sources = [
            self.root.str("name"),
            url.and_then(last_part),
            self.root.str("id"),
        ];
        let derived = sources
            .into_iter()
            .flatten()
            .map(in_words)
            .find(|title| plain_text::is_visible(title));
        if self.root.has("title") && self.root.str("title").is_none() {
            // The fault of its type has been named.
            return String::new();
        }
        let Some(title) = derived else {
            let message = "the resource has no title, name, address or id; give --title";
            self.faults.add("/title", FindingCode::Required, message);
            return String::new();
        };
        let title: String = title.chars().take(255).collect();
        let message = format!("there is none, so it is \u{201c}{title}\u{201d}; --title gives it another");
        self.remarks.add("/title", FindingCode::Missing, message);
        title
    }

    /// The canonical address; without one, an address from the name or title, with a remark.
    fn address(&mut self, title: &str) -> String {
        if let Some(url) = first(&[self.terms.url.as_deref(), self.root.str("url")]) {
            return self.checked(url, 500, "/url");
        }
        let name = first(&[self.root.str("name")]).unwrap_or_else(|| title.to_owned());
        let words: Vec<String> = name
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let url: String = format!("urn:mainstay:questionnaire:{}", words.join("-"))
            .chars()
            .take(500)
            .collect();
        let message = format!("there is none, so it is {url}; --url gives it another");
        self.remarks.add("/url", FindingCode::Missing, message);
        url
    }

    fn description(&mut self) -> Option<String> {
        let text = self.text("description")?;
        let text = self.checked_controls(text, "/description");
        if text.chars().count() > 4000 {
            self.remarks
                .add("/description", FindingCode::Length, "was cut to 4000 characters");
            return Some(text.chars().take(4000).collect());
        }
        Some(text)
    }

    fn checked_controls(&mut self, text: String, pointer: &str) -> String {
        if has_controls(&text) {
            self.faults.add(pointer, FindingCode::Format, NO_CONTROLS);
        }
        text
    }

    fn status(&mut self) -> QuestionnaireStatus {
        let own = self.root.str("status");
        let status = own.and_then(|status| status.parse().ok());
        if own.is_some() && status.is_none() {
            let message = "must be draft, active, retired or unknown";
            self.faults.add("/status", FindingCode::Enum, message);
        } else if !self.root.has("status") && self.terms.status.is_none() {
            let message = "there is none, so it is unknown; --status gives it another";
            self.remarks.add("/status", FindingCode::Missing, message);
        }
        self.terms
            .status
            .or(status)
            .unwrap_or(QuestionnaireStatus::Unknown)
    }

    /// The licence or attribution; a fault if neither the resource nor the operator gives it.
    fn term(&mut self, text: Option<String>, name: &str, what: &str) -> String {
        let pointer = format!("/{name}");
        if let Some(text) = text {
            return self.checked(text, 4000, &pointer);
        }
        let message = format!("the resource does not say {what}; find out, and give --{name}");
        self.faults.add(pointer, FindingCode::Required, message);
        String::new()
    }
}

/// The remark on words that stand only in markup.
pub(super) const FROM_MARKUP: &str = "the words stand only in markup, and are taken as plain text";
/// The fault of a text with control characters.
pub(super) const NO_CONTROLS: &str = "must have no control characters but tab and line feed";

/// Whether a text has control characters other than those of line breaks and tabs.
pub(super) fn has_controls(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// The first text with a visible character, trimmed.
fn first(choices: &[Option<&str>]) -> Option<String> {
    let texts = choices.iter().flatten().map(|text| text.trim());
    texts
        .into_iter()
        .find(|text| plain_text::is_visible(text))
        .map(str::to_owned)
}

/// The last part of an address.
fn last_part(url: &str) -> Option<&str> {
    let end = url.split(['?', '#', '|']).next()?;
    end.trim_end_matches('/').rsplit(['/', ':']).next()
}

/// A name for programs as words: `EveningReview_2` is `Evening Review 2`.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    let mut letters = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(letter) = letters.next() {
        let ends_word = before.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit());
        let begins_word = letters.peek().is_some_and(|next| next.is_lowercase());
        let follows_acronym = before.is_some_and(char::is_uppercase) && begins_word;
        if letter.is_uppercase() && (ends_word || follows_acronym) {
            words.push(' ');
        }
        words.push(if matches!(letter, '_' | '-' | '.') || letter.is_control() {
            ' '
        } else {
            letter
        });
        before = Some(letter);
    }
    plain_text::in_one_line(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_programs_become_words() {
        for (name, words) in [
            ("EveningReview_2", "Evening Review 2"),
            ("PHQ9Form", "PHQ9 Form"),
            ("MyHTTPForm", "My HTTP Form"),
            ("a-look.at_the-week", "a look at the week"),
            ("Already in words", "Already in words"),
            ("\u{7}__", ""),
        ] {
            assert_eq!(in_words(name), words);
        }
        for (url, part) in [
            ("https://example.org/q/evening/?a#b", "evening"),
            ("urn:example:evening", "evening"),
            ("https://example.org/evening|2", "evening"),
        ] {
            assert_eq!(last_part(url), Some(part));
        }
    }
}
