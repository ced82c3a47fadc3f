//! What is wrong with an input: every fault is collected, none hides another.

use serde::Serialize;
use utoipa::ToSchema;

/// One wrong field of an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Finding {
    /// JSON pointer (RFC 6901) to the field, from the root of the body; for a query parameter, `/` and its name.
    #[schema(max_length = 2000, example = "/answers/craving")]
    pub pointer: String,
    /// What kind of fault, for programs: `required`, `type`, `range`, `length`, `format`, `unknown-field`, …
    #[schema(max_length = 60, example = "range")]
    pub code: String,
    /// What is expected, for people; never repeats the value that was sent.
    #[schema(max_length = 1000, example = "must be a whole number from 0 to 10")]
    pub message: String,
}

/// A collector of findings.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Notes one fault.
    pub fn add(&mut self, pointer: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.0.push(Finding {
            pointer: pointer.into(),
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Notes a fault that was found elsewhere.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Notes faults that were found elsewhere.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    /// True as long as nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was found, in the order of the pointers, one for each.
    pub fn into_vec(mut self) -> Vec<Finding> {
        self.0.sort();
        self.0.dedup_by(|a, b| a.pointer == b.pointer);
        self.0.sort_by_cached_key(|finding| steps(&finding.pointer));
        self.0
    }
}

/// A step of a pointer; the places of a list are in the order of their numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Place(u64),
    Member(String),
}

fn steps(pointer: &str) -> Vec<Step> {
    let step = |text: &str| {
        text.parse()
            .map_or_else(|_| Step::Member(text.to_owned()), Step::Place)
    };
    pointer.split('/').map(step).collect()
}

/// Escapes one member name for use in a JSON pointer.
pub fn pointer_segment(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_the_order_of_the_body_once_each() {
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
            findings.add(pointer, "range", "must be other");
        }
        let told: Vec<String> = findings
            .into_vec()
            .into_iter()
            .map(|finding| finding.pointer)
            .collect();
        assert_eq!(
            told,
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
