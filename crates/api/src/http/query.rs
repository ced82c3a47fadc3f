//! Query parameters: read strictly, every wrong one named.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use mainstay_domain::value::validation::{Finding, FindingCode, Findings, pointer_segment};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as ValueError};
use utoipa::PartialSchema;

use crate::http::problem::{HandlerResult, Problem};

/// The query parameters of a request.
#[derive(Debug)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    findings: Findings,
}

impl Parameters {
    /// Reads the query. A parameter that is not among `known`, or comes twice, is an error.
    pub fn read(request: &HttpRequest, known: &[&str]) -> Self {
        let mut findings = Findings::default();
        let mut values = BTreeMap::new();
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        match pairs {
            Ok(pairs) => {
                for (name, value) in pairs.into_inner() {
                    let pointer = format!("/{}", pointer_segment(&name));
                    if !known.contains(&name.as_str()) {
                        findings.add(
                            pointer,
                            FindingCode::UnknownParameter,
                            "is no query parameter of this operation",
                        );
                    } else if values.insert(name, value).is_some() {
                        findings.add(pointer, FindingCode::Duplicate, "may be given once only");
                    }
                }
            }
            Err(_) => findings.add("", FindingCode::Format, "the query cannot be read"),
        }
        Self { values, findings }
    }

    /// The value of a parameter as `parse` reads it, or a finding.
    pub fn get<T>(
        &mut self,
        name: &str,
        code: FindingCode,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.values.get(name)?;
        let parsed = parse(value);
        if parsed.is_none() {
            // In a query a bare + is a space.
            let was_plus = value.contains(' ') && parse(&value.replace(' ', "+")).is_some();
            let hint = if was_plus { "; write + as %2B" } else { "" };
            self.findings
                .add(format!("/{name}"), code, format!("{expected}{hint}"));
        }
        parsed
    }

    /// The value of a parameter that takes the words of an enum, or a finding that lists them.
    pub fn choice<T: DeserializeOwned + PartialSchema>(&mut self, name: &str) -> Option<T> {
        let value = self.values.get(name)?;
        let chosen: Result<T, ValueError> = T::deserialize(value.as_str().into_deserializer());
        if chosen.is_err() {
            let message = format!("must be one of {}", words_of::<T>());
            self.findings.add(format!("/{name}"), FindingCode::Enum, message);
        }
        chosen.ok()
    }

    /// Notes it if a parameter is not given.
    pub fn require(&mut self, name: &str) {
        if !self.values.contains_key(name) {
            self.findings
                .add(format!("/{name}"), FindingCode::Required, "is required");
        }
    }

    /// Notes a fault of a parameter that was found elsewhere.
    pub fn add(&mut self, name: &str, code: FindingCode, expected: &str) {
        self.findings.add(format!("/{name}"), code, expected);
    }

    /// Whether a parameter is given, rightly or not.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Notes that a parameter that is given makes no sense without another, which is what is missing.
    pub fn needs(&mut self, name: &str, other: &str) {
        self.findings.add(
            format!("/{other}"),
            FindingCode::Required,
            format!("is required with {name}"),
        );
    }

    /// Notes a finding of one's own.
    pub fn add_finding(&mut self, finding: Finding) {
        self.findings
            .add(finding.pointer, FindingCode::Format, finding.message);
    }

    /// Succeeds if nothing was wrong.
    pub fn finish(self) -> HandlerResult<()> {
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(self.findings.into_vec()))
        }
    }
}

/// The words of an enum, as the document lists them.
fn words_of<T: PartialSchema>() -> String {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let words = schema.get("enum").and_then(serde_json::Value::as_array);
    let words: Vec<&str> = words
        .into_iter()
        .flatten()
        .filter_map(|word| word.as_str())
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use mainstay_domain::{plan::PlanKind, value::timestamp::Timestamp};

    use super::*;

    fn messages(query: &str) -> Vec<String> {
        let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
        let mut asked = Parameters::read(&request, &["kind", "from"]);
        asked.choice::<PlanKind>("kind");
        asked.get("from", FindingCode::Format, "must be a time", |text| {
            text.parse::<Timestamp>().ok()
        });
        asked
            .findings
            .into_vec()
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        assert_eq!(messages("kind=safety"), Vec::<String>::new());
        assert_eq!(messages("kind=x"), ["must be one of relapse_prevention, safety"]);
    }

    #[test]
    fn a_bare_plus_in_a_time_is_pointed_out() {
        assert_eq!(
            messages("from=2026-03-01T00:00:00+01:00"),
            ["must be a time; write + as %2B"]
        );
        assert_eq!(messages("from=2026-03-01T00:00:00%2B01:00"), Vec::<String>::new());
        assert_eq!(messages("from=a+b"), ["must be a time"]);
    }
}
