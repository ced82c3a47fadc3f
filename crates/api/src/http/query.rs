//! Reads query parameters strictly, and names every invalid one.

use std::{collections::BTreeMap, ops::RangeBounds, str::FromStr};

use actix_web::{HttpRequest, web};
use mainstay_domain::value::{
    timestamp::Timestamp,
    validation::{Finding, FindingCode, Findings, pointer_segment},
};
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
            self.findings.add(format!("/{name}"), code, expected);
        }
        parsed
    }

    /// Parses the value of a parameter that is a time. The offset may be written without a colon.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        // An unescaped + in a query means a space.
        let parse = |text: &str| time(text).or_else(|| time(&text.replace(' ', "+")));
        self.get(name, FindingCode::Format, "must be an RFC 3339 time", parse)
    }

    /// Parses the value of a parameter that is a number. Spaces around it do not count.
    pub fn number<T: FromStr + PartialOrd>(
        &mut self,
        name: &str,
        range: impl RangeBounds<T>,
        expected: &str,
    ) -> Option<T> {
        let parse = |text: &str| number(text).filter(|number| range.contains(number));
        self.get(name, FindingCode::Range, expected, parse)
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

/// Parses a number. A `+` before it that was not escaped has become a space, so spaces around it do not count.
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    text.trim_matches(' ').parse().ok()
}

/// Parses a time. Its offset may be `+0200`, as many libraries write it.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let (start, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
        format!("{start}:{minutes}").parse().ok()
    })
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
    use mainstay_domain::plan::PlanKind;
    use proptest::prelude::*;

    use super::*;

    fn messages(query: &str) -> Vec<String> {
        let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
        let mut parameters = Parameters::read(&request, &["kind", "from"]);
        parameters.choice::<PlanKind>("kind");
        parameters.time("from");
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

    fn time_in(query: &str) -> Option<Timestamp> {
        let request = TestRequest::with_uri(&format!("/x?from={query}")).to_http_request();
        let mut parameters = Parameters::read(&request, &["from"]);
        let time = parameters.time("from");
        assert_eq!(time.is_none(), parameters.finish().is_err(), "{query}");
        time
    }

    #[test]
    fn a_time_is_read_in_every_spelling_of_its_offset() {
        for query in [
            "2026-03-01T01:30:00%2B02:00",
            "2026-03-01T01:30:00+02:00",
            "2026-03-01T01:30:00%2B0200",
            "2026-03-01T01:30:00+0200",
            "2026-03-01T01%3A30%3A00%2b02%3A00",
            "2026-03-01T01:30:00%2002:00",
            "2026-02-28T19:30:00-04:00",
            "2026-02-28T19:30:00-0400",
            "2026-02-28T23:30:00Z",
            "2026-02-28t23:30:00.000000z",
            "2026-02-28T23:30:00-0000",
        ] {
            let millis = time_in(query).map(|time| time.millis());
            assert_eq!(millis, Some(1_772_321_400_000), "{query}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for query in [
            "",
            "+",
            "a+b",
            "2026-03-01",
            "2026-03-01T00:00:00",
            "2026-03-01+00:00:00Z",
            "2026-03-01%2000:00:00Z",
            "2026-03-01T00:00:00+02",
            "2026-03-01T00:00:00+2",
            "2026-03-01T00:00:00++0200",
            "2026-03-01T00:00:00+02000",
            "2026-03-01T00:00:00%C2%B10200",
            "2026-03-01T00:00:00+0200%C3%A9",
        ] {
            assert_eq!(time_in(query), None, "{query}");
        }
        assert_eq!(messages("from=x"), ["must be an RFC 3339 time"]);
    }

    #[test]
    fn what_is_no_number_in_the_range_is_refused() {
        for query in [
            "", "%20", "+", "++", "%2B%2B5", "-%205", "5%206", "x", "201", "0", "-1", "1.0", "1e2", "%095",
            "%C2%A05",
        ] {
            assert_eq!(number_in(query), None, "{query}");
        }
    }

    fn number_in(query: &str) -> Option<i64> {
        let request = TestRequest::with_uri(&format!("/x?n={query}")).to_http_request();
        let mut parameters = Parameters::read(&request, &["n"]);
        let number = parameters.number("n", 1..=200, "must be a whole number from 1 to 200");
        assert_eq!(number.is_none(), parameters.finish().is_err(), "{query}");
        number
    }

    proptest! {
        #[test]
        fn a_plus_before_a_number_makes_no_difference(n in 1_i64..=200) {
            for sign in ["", "+", "%2B", "%20"] {
                prop_assert_eq!(number_in(&format!("{sign}{n}")), Some(n));
            }
        }

        #[test]
        fn the_colon_and_the_escape_of_the_plus_make_no_difference(
            ms in 0_i64..=4_000_000_000_000,
            zone in proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]),
        ) {
            let at = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
            let time = Timestamp::in_zone(at, zone);
            let text = time.to_string();
            let (start, minutes) = text.split_at(text.len() - 3);
            let without_colon = format!("{start}{}", &minutes[1..]);
            for text in [text, without_colon] {
                prop_assert_eq!(time_in(&text), Some(time));
                prop_assert_eq!(time_in(&text.replace('+', "%2B")), Some(time));
                prop_assert_eq!(time_in(&text.replace('+', "%20")), Some(time));
            }
        }
    }
}
