//! Reads query parameters strictly, and names every invalid one.

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
    /// Reads the query. A parameter that is not `known`, or is repeated, is an error.
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
                            "is not a query parameter of this operation",
                        );
                    } else if values.insert(name, value).is_some() {
                        findings.add(pointer, FindingCode::Duplicate, "must not be repeated");
                    }
                }
            }
            Err(_) => findings.add("", FindingCode::Format, "the query string is not valid"),
        }
        Self { values, findings }
    }

    /// Parses the value of a parameter. A value that cannot be parsed becomes a finding.
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
            // An unescaped + in a query means a space.
            let was_plus = value.contains(' ') && parse(&value.replace(' ', "+")).is_some();
            let hint = if was_plus { "; write + as %2B" } else { "" };
            self.findings
                .add(format!("/{name}"), code, format!("{expected}{hint}"));
        }
        parsed
    }

    /// Parses the value of a parameter whose type is an enum. Another value becomes a finding that lists the variants.
    pub fn choice<T: DeserializeOwned + PartialSchema>(&mut self, name: &str) -> Option<T> {
        let value = self.values.get(name)?;
        let chosen: Result<T, ValueError> = T::deserialize(value.as_str().into_deserializer());
        if chosen.is_err() {
            let message = format!("must be one of {}", variants_of::<T>());
            self.findings.add(format!("/{name}"), FindingCode::Enum, message);
        }
        chosen.ok()
    }

    /// Adds a finding if a parameter is missing.
    pub fn require(&mut self, name: &str) {
        if !self.values.contains_key(name) {
            self.findings
                .add(format!("/{name}"), FindingCode::Required, "is required");
        }
    }

    /// Adds a finding about a parameter that was checked elsewhere.
    pub fn add(&mut self, name: &str, code: FindingCode, expected: &str) {
        self.findings.add(format!("/{name}"), code, expected);
    }

    /// Whether a parameter is present, valid or not.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Adds a finding that a parameter is missing, without which another one has no meaning.
    pub fn needs(&mut self, name: &str, other: &str) {
        self.findings.add(
            format!("/{other}"),
            FindingCode::Required,
            format!("is required with {name}"),
        );
    }

    /// Adds a finding.
    pub fn add_finding(&mut self, finding: Finding) {
        self.findings
            .add(finding.pointer, FindingCode::Format, finding.message);
    }

    /// Succeeds if there are no findings.
    ///
    /// # Errors
    /// 422 with all findings.
    pub fn finish(self) -> HandlerResult<()> {
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(self.findings.into_vec()))
        }
    }
}

/// Lists the variants of an enum, as the OpenAPI document does.
fn variants_of<T: PartialSchema>() -> String {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let variants = schema.get("enum").and_then(serde_json::Value::as_array);
    let variants: Vec<&str> = variants
        .into_iter()
        .flatten()
        .filter_map(|variant| variant.as_str())
        .collect();
    variants.join(", ")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use mainstay_domain::{plan::PlanKind, value::timestamp::Timestamp};

    use super::*;

    fn messages(query: &str) -> Vec<String> {
        let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
        let mut parameters = Parameters::read(&request, &["kind", "from"]);
        parameters.choice::<PlanKind>("kind");
        parameters.get("from", FindingCode::Format, "must be a time", |text| {
            text.parse::<Timestamp>().ok()
        });
        parameters
            .findings
            .into_vec()
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_finding_about_an_unknown_variant_lists_the_known_ones() {
        assert_eq!(messages("kind=safety"), Vec::<String>::new());
        assert_eq!(messages("kind=x"), ["must be one of relapse_prevention, safety"]);
    }

    #[test]
    fn an_unescaped_plus_in_a_time_gets_a_hint() {
        assert_eq!(
            messages("from=2026-03-01T00:00:00+01:00"),
            ["must be a time; write + as %2B"]
        );
        assert_eq!(messages("from=2026-03-01T00:00:00%2B01:00"), Vec::<String>::new());
        assert_eq!(messages("from=a+b"), ["must be a time"]);
    }
}
