//! What is wrong with the shape of an input. Reading straight into the type is fast and stops at the first fault;
//! only then the document's own schema is asked for all of them.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are made right here"
)]

use std::{
    any::TypeId,
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use jsonschema::{Validator, error::ValidationErrorKind};
use mainstay_domain::value::validation::{FindingCode, Findings, pointer_segment};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::openapi::schema::{Components, add, extend, for_requests, settle};

/// The shape of one type of input.
pub struct Shape {
    validator: Option<Validator>,
}

static SHAPES: LazyLock<RwLock<HashMap<TypeId, Arc<Shape>>>> = LazyLock::new(RwLock::default);

impl Shape {
    /// The shape of `T`, made once.
    pub fn of<T: ToSchema + 'static>() -> Arc<Self> {
        let id = TypeId::of::<T>();
        if let Some(shape) = SHAPES.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Arc::clone(shape);
        }
        let shape = Arc::new(Self::make::<T>());
        SHAPES
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&shape));
        shape
    }

    fn make<T: ToSchema>() -> Self {
        let mut components = Components::new();
        let root = add::<T>(&mut components);
        let mut components = settle(&components);
        if let Some(own) = components.get_mut(&*T::name()) {
            extend(
                own,
                json!({ "id": { "type": "string", "format": "uuid" } }),
                json!({
                    "version": { "readOnly": true }, "created_at": { "readOnly": true }, "updated_at": { "readOnly": true },
                }),
            );
        }
        let schemas: Map<String, Value> = components
            .iter()
            .map(|(name, schema)| (name.clone(), for_requests(schema)))
            .collect();
        let document = json!({ "$ref": root["$ref"], "components": { "schemas": schemas } });
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_format("time-zone", |name| name.parse::<chrono_tz::Tz>().is_ok())
            .build(&document)
            .inspect_err(|error| log::error!("the schema of {} cannot be used: {error}", T::name()))
            .ok();
        Self { validator }
    }

    /// Notes every fault of the shape, up to a bound that keeps the answer readable.
    pub fn examine(&self, input: &Value, findings: &mut Findings) -> Examined {
        let mut examined = Examined {
            input: without_null(input),
            wrong: BTreeSet::new(),
        };
        let Some(validator) = &self.validator else {
            return examined;
        };
        for error in validator.iter_errors(&examined.input).take(MAX_FAULTS) {
            let at = error.instance_path().to_string();
            for (pointer, code, message) in explain(&at, error.kind()) {
                if pointer.len() <= MAX_POINTER && examined.wrong.len() < MAX_FAULTS {
                    findings.add(pointer.clone(), code, message);
                    examined.wrong.insert(pointer);
                }
            }
        }
        examined
    }
}

/// Most faults that one answer names.
const MAX_FAULTS: usize = 500;
/// The longest pointer that an answer holds.
const MAX_POINTER: usize = 2000;

/// An input with the pointers to what is wrong with its shape.
pub struct Examined {
    input: Value,
    wrong: BTreeSet<String>,
}

impl Examined {
    /// The input without exactly what is wrong, as far as that stands in objects.
    pub fn without_wrong(&self) -> Value {
        let mut rest = self.input.clone();
        for pointer in &self.wrong {
            let Some((parent, name)) = pointer.rsplit_once('/') else {
                continue;
            };
            if let Some(Value::Object(members)) = rest.pointer_mut(parent) {
                members.remove(&unescaped(name));
            }
        }
        rest
    }

    /// The input with something valid in the place of each member that is wrong anywhere inside.
    pub fn with_stand_ins(&self, stand_in: impl Fn(&str) -> Option<Value>) -> Value {
        let mut rest = self.input.clone();
        for pointer in &self.wrong {
            let name = first_segment(pointer);
            if let Value::Object(members) = &mut rest {
                members.remove(&name);
                members.extend(stand_in(&name).map(|value| (name, value)));
            }
        }
        rest
    }

    /// Whether a finding is about something that is known to be wrong, or lies inside or around it.
    pub fn covers(&self, pointer: &str) -> bool {
        self.wrong
            .iter()
            .any(|wrong| pointer.starts_with(wrong.as_str()) || wrong.starts_with(pointer))
    }

    /// Whether a finding is about a member that is wrong anywhere inside.
    pub fn covers_member(&self, pointer: &str) -> bool {
        self.wrong
            .iter()
            .any(|wrong| first_segment(wrong) == first_segment(pointer))
    }
}

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// A required member that is null is missing; a list inside keeps its nulls, which are wrong there.
fn without_null(input: &Value) -> Value {
    match input {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_null(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_null).collect(),
        other => other.clone(),
    }
}

fn first_segment(pointer: &str) -> String {
    let segment = pointer
        .strip_prefix('/')
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default();
    unescaped(segment)
}

/// Says in our own words, and without the value, what is wrong.
fn explain(at: &str, kind: &ValidationErrorKind) -> Vec<(String, FindingCode, String)> {
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
            .take(MAX_FAULTS)
            .map(|name| {
                (
                    member(name),
                    FindingCode::UnknownField,
                    "is no field of this object".to_owned(),
                )
            })
            .collect(),
        ValidationErrorKind::Minimum { limit } => {
            here(FindingCode::Range, format!("must be at least {limit}"))
        }
        ValidationErrorKind::Maximum { limit } => {
            here(FindingCode::Range, format!("must be at most {limit}"))
        }
        ValidationErrorKind::MinLength { limit } => here(
            FindingCode::Length,
            format!("must have at least {}", some(*limit, "character")),
        ),
        ValidationErrorKind::MaxLength { limit } => here(
            FindingCode::Length,
            format!("must have at most {}", some(*limit, "character")),
        ),
        ValidationErrorKind::MinItems { limit } => here(
            FindingCode::Length,
            format!("needs at least {}", some(*limit, "item")),
        ),
        ValidationErrorKind::MaxItems { limit } => here(
            FindingCode::Length,
            format!("must have at most {}", some(*limit, "item")),
        ),
        ValidationErrorKind::MinProperties { limit } => here(
            FindingCode::Required,
            format!("needs at least {}", some(*limit, "member")),
        ),
        ValidationErrorKind::Type { kind } => {
            here(FindingCode::Type, format!("must be of type {}", type_names(kind)))
        }
        ValidationErrorKind::Enum { options } => {
            here(FindingCode::Enum, format!("must be one of {}", words(options)))
        }
        ValidationErrorKind::Format { format } => here(
            FindingCode::Format,
            format!("must have the form of {}", article(format)),
        ),
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

/// A number with its noun.
fn some(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

fn words(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    options
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn article(format: &str) -> String {
    match format {
        "date-time" => "an RFC 3339 time with offset, such as 2026-03-01T21:30:00-05:00".to_owned(),
        "date" => "a date, such as 2026-03-01".to_owned(),
        "uuid" => "a UUID".to_owned(),
        "time-zone" => "the name of an IANA time zone, such as Europe/Berlin".to_owned(),
        "email" => "an e-mail address".to_owned(),
        other => format!("a {other}"),
    }
}
