//! Query parameters: read strictly, every wrong one named.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use mainstay_domain::finding::{Finding, Findings, pointer_segment};

use crate::problem::{Outcome, Problem};

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
                            "unknown-parameter",
                            "is no query parameter of this operation",
                        );
                    } else if values.insert(name, value).is_some() {
                        findings.add(pointer, "duplicate", "may be given once only");
                    }
                }
            }
            Err(_) => findings.add("", "format", "the query cannot be read"),
        }
        Self { values, findings }
    }

    /// The value of a parameter as `parse` reads it, or a finding.
    pub fn get<T>(
        &mut self,
        name: &str,
        code: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.values.get(name)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.findings.add(format!("/{name}"), code, expected);
        }
        parsed
    }

    /// The value of a parameter that must be given.
    pub fn required<T>(
        &mut self,
        name: &str,
        code: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.values.contains_key(name) {
            self.findings.add(format!("/{name}"), "required", "is required");
        }
        self.get(name, code, expected, parse)
    }

    /// Notes a fault of a parameter that was found elsewhere.
    pub fn add(&mut self, name: &str, code: &'static str, expected: &str) {
        self.findings.add(format!("/{name}"), code, expected);
    }

    /// Whether a parameter is given, rightly or not.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Notes that a parameter makes no sense without another.
    pub fn needs(&mut self, name: &str, other: &str) {
        self.findings
            .add(format!("/{name}"), "required", format!("needs {other}"));
    }

    /// Notes a finding of one's own.
    pub fn add_finding(&mut self, finding: Finding) {
        self.findings.add(finding.pointer, "format", finding.message);
    }

    /// Succeeds if nothing was wrong.
    pub fn finish(self) -> Outcome<()> {
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(self.findings.into_vec()))
        }
    }
}
