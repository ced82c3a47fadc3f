//! Validation findings: all faults of an input are collected and reported together.

use serde::Serialize;
use strum::{Display, IntoStaticStr};
use utoipa::ToSchema;

/// The kind of a fault, for programs. The wire form is the name in kebab case.
///
/// Variants are in alphabetical order, in which the faults of one field are reported.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Display, IntoStaticStr, ToSchema,
)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[schema(as = InvalidFieldCode, description = "The kind of a fault, for programs.")]
pub enum FindingCode {
    /// The value fits several options, and does not say which is meant.
    Ambiguous,
    /// Items wait for each other in a circle.
    Circle,
    /// The password is one that many people use, or is known from a leak.
    CommonPassword,
    /// The text contains a control character other than line feed and tab.
    ControlCharacter,
    /// The cursor is not one of this list.
    Cursor,
    /// The value, member or parameter is given more than once.
    Duplicate,
    /// The value is not one of the allowed names.
    Enum,
    /// The value does not have the required form.
    Format,
    /// The time lies in the future.
    Future,
    /// The password is easily guessed.
    GuessablePassword,
    /// The field cannot change any more.
    Immutable,
    /// The value is not valid for a reason that no other code describes.
    Invalid,
    /// A text or list is too short or too long.
    Length,
    /// The value differs from another place that names the same thing.
    Mismatch,
    /// Part of a resource is absent.
    Missing,
    /// The item of a questionnaire takes no answer.
    NotAQuestion,
    /// The field belongs to another value of a second field.
    NotApplicable,
    /// The item of a questionnaire is not asked with these answers.
    NotEnabled,
    /// The feature of a resource is not supported.
    NotSupported,
    /// The text has no visible character.
    NotVisible,
    /// The answer is not one of the options of its item.
    Option,
    /// Two values are in the wrong order.
    Order,
    /// A number, date or time is out of range.
    Range,
    /// The field is computed by the server.
    ReadOnly,
    /// The item of a questionnaire takes one answer only.
    Repeated,
    /// The field or parameter is missing.
    Required,
    /// The value takes too many bytes.
    Size,
    /// The value has the wrong JSON type.
    Type,
    /// The text contains a word that blames or labels.
    Unkind,
    /// The object has no such field.
    UnknownField,
    /// The questionnaire has no such item.
    UnknownItem,
    /// The operation has no such query parameter.
    UnknownParameter,
    /// The id or name refers to nothing that this person or server has.
    UnknownReference,
    /// The questionnaire has no such score.
    UnknownScore,
}

impl FindingCode {
    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One wrong field of an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = InvalidField)]
pub struct Finding {
    /// JSON pointer (RFC 6901) to the field, from the root of the body; for a query parameter, `/` and its name.
    #[schema(max_length = 2000, example = "/answers/craving")]
    pub pointer: String,
    /// The kind of fault, for programs.
    pub code: FindingCode,
    /// The expectation in words, for people. Never repeats the value that was sent.
    #[schema(max_length = 1000, example = "must be a whole number from 0 to 10")]
    pub message: String,
}

/// Collects findings.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding.
    pub fn add(&mut self, pointer: impl Into<String>, code: FindingCode, message: impl Into<String>) {
        self.0.push(Finding {
            pointer: pointer.into(),
            code,
            message: message.into(),
        });
    }

    /// Adds an existing finding.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds existing findings.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the findings in the order of their pointers, each once.
    pub fn into_vec(mut self) -> Vec<Finding> {
        self.0.sort();
        self.0.dedup();
        self.0.sort_by_cached_key(|finding| steps(&finding.pointer));
        self.0
    }
}

/// A segment of a pointer. Indices of a list sort by number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(u64),
    Member(String),
}

fn steps(pointer: &str) -> Vec<Step> {
    let step = |text: &str| {
        text.parse()
            .map_or_else(|_| Step::Member(text.to_owned()), Step::Index)
    };
    pointer.split('/').map(step).collect()
}

/// Escapes one member name for use in a JSON pointer.
pub fn pointer_segment(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn codes_are_sent_as_named_and_sort_by_their_name() {
        let names: Vec<&str> = FindingCode::VARIANTS.iter().map(|code| code.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        for code in FindingCode::VARIANTS {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert_eq!(FindingCode::NotAQuestion.as_str(), "not-a-question");
    }

    #[test]
    fn every_fault_of_a_field_is_reported() {
        let mut findings = Findings::default();
        for (code, message) in [
            (FindingCode::Range, "must be a year"),
            (FindingCode::Order, "must not be before"),
            (FindingCode::Range, "must be a year"),
        ] {
            findings.add("/ended_on", code, message);
        }
        let codes: Vec<FindingCode> = findings
            .into_vec()
            .into_iter()
            .map(|finding| finding.code)
            .collect();
        assert_eq!(codes, [FindingCode::Order, FindingCode::Range]);
    }

    #[test]
    fn faults_are_reported_in_the_order_of_the_body_once_each() {
        let mut findings = Findings::default();
        for pointer in [
            "/answers/10/text",
            "/answers/2",
            "/answers/2",
            "/answers",
            "/name",
            "",
            "/answers/10",
        ] {
            findings.add(pointer, FindingCode::Range, "must be other");
        }
        let pointers: Vec<String> = findings
            .into_vec()
            .into_iter()
            .map(|finding| finding.pointer)
            .collect();
        assert_eq!(
            pointers,
            [
                "",
                "/answers",
                "/answers/2",
                "/answers/10",
                "/answers/10/text",
                "/name"
            ]
        );
    }
}
