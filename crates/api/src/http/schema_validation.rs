//! Validates an input against its OpenAPI schema, to name every invalid field.
//!
//! Deserialization is fast but stops at the first error. The schema is used only after it has failed.

use std::{
    any::{TypeId, type_name},
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use mainstay_domain::value::validation::{FindingCode, Findings, pointer_segment};
use serde_json::{Value, json};

use crate::{
    http::{
        faults::MAX_FAULTS,
        text_format::{self, FORMATS, with_text_formats},
    },
    openapi::{form::for_validation, schema::Components},
};

/// The compiled schema of one type of input.
pub struct InputSchema {
    validator: Option<Validator>,
}

static SCHEMAS: LazyLock<RwLock<HashMap<TypeId, Arc<InputSchema>>>> = LazyLock::new(RwLock::default);

impl InputSchema {
    /// Returns the schema of the input type `T`, which is compiled once. `add` adds it to a document, and members of the
    /// names in `read_only` may have any value.
    pub fn of<T: 'static>(add: fn(&mut Components) -> Value, read_only: &[&str]) -> Arc<Self> {
        let id = TypeId::of::<T>();
        if let Some(schema) = SCHEMAS.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Arc::clone(schema);
        }
        let schema = Arc::new(Self::compile::<T>(add, read_only));
        SCHEMAS
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&schema));
        schema
    }

    fn compile<T>(add: fn(&mut Components) -> Value, read_only: &[&str]) -> Self {
        let mut components = Components::new();
        let root = add(&mut components);
        let mut document = for_validation(&components, root);
        let root = document.get("$ref").and_then(Value::as_str);
        let pointer = root.and_then(|root| Some(format!("{}/properties", root.strip_prefix('#')?)));
        if let Some(Value::Object(members)) = pointer.and_then(|pointer| document.pointer_mut(&pointer)) {
            for name in read_only {
                members.insert((*name).to_owned(), json!(true));
            }
        }
        let document = with_text_formats(document);
        let mut options = jsonschema::draft202012::options().should_validate_formats(true);
        for (name, check) in FORMATS {
            options = options.with_format(name, move |text| check(text).is_none());
        }
        let validator = options
            .build(&document)
            .inspect_err(|error| {
                log::error!("the schema of {} cannot be compiled: {error}", type_name::<T>());
            })
            .ok();
        Self { validator }
    }

    /// Adds a finding for each violation of the schema, at most `MAX_FINDINGS`.
    pub fn examine(&self, mut input: Value, findings: &mut Findings) -> Examined {
        let mut invalid = BTreeSet::new();
        let Some(validator) = &self.validator else {
            remove_null(&mut input);
            return Examined { rest: input, invalid };
        };
        shorten_lists(&mut input);
        let mut add = |error: &ValidationError<'_>| {
            let at = error.instance_path().to_string();
            for (pointer, code, message) in explain(&at, error.kind(), error.instance()) {
                if invalid.len() < MAX_FINDINGS {
                    findings.add(pointer.clone(), code, message);
                    invalid.insert(pointer);
                }
            }
        };
        // A name that does not exist is wrong also where its value is null. Of the others null is the same as leaving them out.
        (validator.iter_errors(&input))
            .filter(|error| matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. }))
            .take(MAX_FINDINGS)
            .for_each(|error| add(&error));
        remove_null(&mut input);
        let values = (validator.iter_errors(&input))
            .filter(|error| !matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. }))
            .take(MAX_VIOLATIONS);
        without_consequences(values.collect()).iter().for_each(add);
        Examined { rest: input, invalid }
    }
}

/// Leaves out what follows from another fault of the same value: whatever else is wrong with a value that is none of the
/// variants of an enum, or else with one that has a wrong type, or else with one that lacks its form.
fn without_consequences(errors: Vec<ValidationError<'_>>) -> Vec<ValidationError<'_>> {
    let rank = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::Enum { .. } => 0,
        ValidationErrorKind::Type { .. } => 1,
        ValidationErrorKind::Format { .. } => 2,
        _ => 3,
    };
    let mut least: HashMap<String, u8> = HashMap::new();
    for error in &errors {
        let of_value = least.entry(error.instance_path().to_string()).or_insert(3);
        *of_value = (*of_value).min(rank(error));
    }
    let is_first = |error: &ValidationError<'_>| {
        least
            .get(error.instance_path().as_str())
            .is_none_or(|least| *least == rank(error))
    };
    errors.into_iter().filter(is_first).collect()
}

/// The largest number of findings about the schema: one more than a response names, so that it can say that there are more.
const MAX_FINDINGS: usize = MAX_FAULTS + 1;
/// The largest number of violations that are looked at. One value may have several.
const MAX_VIOLATIONS: usize = 10 * MAX_FINDINGS;
/// The number of items of a list that are examined: one more than any list may have.
const MAX_ITEMS: usize = 2001;

/// An input with pointers to its values that violate the schema.
pub struct Examined {
    /// The input, without what was taken out of it.
    rest: Value,
    invalid: BTreeSet<String>,
}

impl Examined {
    /// Takes the invalid values out of the input, as far as they are members of objects, and returns the rest.
    pub fn without_invalid(&mut self) -> &Value {
        for pointer in &self.invalid {
            let Some((parent, name)) = pointer.rsplit_once('/') else {
                continue;
            };
            if let Some(Value::Object(members)) = self.rest.pointer_mut(parent) {
                members.remove(&unescaped(name));
            }
        }
        &self.rest
    }

    /// Puts a valid value in the place of each top-level member of the input that has an invalid value inside.
    pub fn with_stand_ins(&mut self, stand_in: impl Fn(&str) -> Option<Value>) -> &Value {
        for pointer in &self.invalid {
            let name = first_segment(pointer);
            if let Value::Object(members) = &mut self.rest {
                members.remove(&name);
                members.extend(stand_in(&name).map(|value| (name, value)));
            }
        }
        &self.rest
    }

    /// Whether a finding is about an invalid value, or about a value inside or around one.
    pub fn covers(&self, pointer: &str) -> bool {
        self.invalid
            .iter()
            .any(|invalid| is_inside(pointer, invalid) || is_inside(invalid, pointer))
    }

    /// Whether a finding is about a top-level member that has an invalid value inside.
    pub fn covers_member(&self, pointer: &str) -> bool {
        self.invalid
            .iter()
            .any(|invalid| first_segment(invalid) == first_segment(pointer))
    }
}

/// Whether a pointer leads to a value or to one inside it.
fn is_inside(pointer: &str, value: &str) -> bool {
    let rest = pointer.strip_prefix(value);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Removes members that are null, so that a required one counts as missing. Items of a list stay, since null is not
/// valid there.
fn remove_null(input: &mut Value) {
    match input {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(remove_null);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_null),
        _ => {}
    }
}

/// Shortens lists that are longer than any may be. They stay too long, and nobody needs a finding for each of their items.
fn shorten_lists(input: &mut Value) {
    match input {
        Value::Object(members) => members.values_mut().for_each(shorten_lists),
        Value::Array(items) => {
            items.truncate(MAX_ITEMS);
            items.iter_mut().for_each(shorten_lists);
        }
        _ => {}
    }
}

fn first_segment(pointer: &str) -> String {
    let segment = pointer
        .strip_prefix('/')
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default();
    unescaped(segment)
}

/// Returns the findings for a violation, with messages that never repeat the value.
#[expect(clippy::too_many_lines, reason = "an arm for each kind of violation")]
fn explain(at: &str, kind: &ValidationErrorKind, value: &Value) -> Vec<(String, FindingCode, String)> {
    let member = |name: &str| format!("{at}/{}", pointer_segment(name));
    let here = |code, message: String| vec![(at.to_owned(), code, message)];
    match kind {
        ValidationErrorKind::Required { property } => {
            vec![(
                member(property.as_str().unwrap_or_default()),
                FindingCode::Required,
                "is missing".to_owned(),
            )]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .take(MAX_FINDINGS)
            .map(|name| {
                (
                    member(name),
                    FindingCode::UnknownField,
                    "is not a field of this object".to_owned(),
                )
            })
            .collect(),
        ValidationErrorKind::Minimum { limit } => {
            here(FindingCode::Range, format!("must be at least {limit}"))
        }
        ValidationErrorKind::Maximum { limit } => {
            here(FindingCode::Range, format!("must be at most {limit}"))
        }
        ValidationErrorKind::MultipleOf { multiple_of } => here(
            FindingCode::Format,
            format!("must be a multiple of {multiple_of}"),
        ),
        ValidationErrorKind::MinLength { limit } => here(
            FindingCode::Length,
            format!("must have at least {}", counted(*limit, "character")),
        ),
        ValidationErrorKind::MaxLength { limit } => here(
            FindingCode::Length,
            format!("must have at most {}", counted(*limit, "character")),
        ),
        ValidationErrorKind::MinItems { limit } => here(
            FindingCode::Length,
            format!("needs at least {}", counted(*limit, "item")),
        ),
        ValidationErrorKind::MaxItems { limit } => here(
            FindingCode::Length,
            format!("must have at most {}", counted(*limit, "item")),
        ),
        ValidationErrorKind::MinProperties { limit } => here(
            FindingCode::Required,
            format!("needs at least {}", counted(*limit, "member")),
        ),
        ValidationErrorKind::Type { kind } => {
            here(FindingCode::Type, format!("must be of type {}", type_names(kind)))
        }
        ValidationErrorKind::Enum { options } => {
            here(FindingCode::Enum, format!("must be one of {}", variants(options)))
        }
        ValidationErrorKind::Format { format } => {
            let (code, message) = text_format::finding(format, value).unwrap_or_else(|| {
                let message = format!("must have the form of {}", describe_format(format));
                (FindingCode::Format, message)
            });
            here(code, message)
        }
        ValidationErrorKind::Pattern { pattern } => {
            here(FindingCode::Format, format!("must match {pattern}"))
        }
        _ => here(FindingCode::Invalid, "is not valid here".to_owned()),
    }
}

fn type_names(kind: &jsonschema::error::TypeKind) -> String {
    match kind {
        jsonschema::error::TypeKind::Single(one) => one.to_string(),
        jsonschema::error::TypeKind::Multiple(set) => {
            set.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// Returns a number with its noun in the singular or plural.
fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

fn variants(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    options
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn describe_format(format: &str) -> String {
    match format {
        "date-time" => "an RFC 3339 time with offset, such as 2026-03-01T21:30:00-05:00".to_owned(),
        "date" => "a date, such as 2026-03-01".to_owned(),
        "uuid" => "a UUID".to_owned(),
        other => format!("a {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_covers_what_is_inside_and_around_it_and_nothing_beside_it() {
        let examined = Examined {
            rest: Value::Null,
            invalid: BTreeSet::from(["/items/1/unit".to_owned()]),
        };
        for pointer in ["/items/1/unit", "/items/1/unit/0", "/items/1", "/items", ""] {
            assert!(examined.covers(pointer), "{pointer}");
        }
        for pointer in [
            "/items/1/unit_label",
            "/items/1/un",
            "/items/10",
            "/items/0",
            "/item",
        ] {
            assert!(!examined.covers(pointer), "{pointer}");
        }
    }
}
