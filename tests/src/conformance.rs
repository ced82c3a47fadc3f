//! Compares responses with the answer schemas of the OpenAPI document, more strictly than a validator does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A member of a named schema.
type Member = (String, String);

/// What was found in the responses so far.
pub struct Conformance {
    document: Value,
    /// The validator of each response, by operation and status.
    validators: HashMap<(String, u16), Validator>,
    /// How often an object of each schema was seen.
    seen: BTreeMap<String, usize>,
    /// The members that were absent at least once.
    absent: BTreeSet<Member>,
    /// The faults, each with its place.
    faults: BTreeSet<String>,
}

impl Conformance {
    /// Creates a comparison with a document.
    pub fn new(document: Value) -> Self {
        Self {
            document,
            validators: HashMap::new(),
            seen: BTreeMap::new(),
            absent: BTreeSet::new(),
            faults: BTreeSet::new(),
        }
    }

    /// Compares the JSON body of a response with the schema that the operation has for its status.
    pub fn compare(&mut self, operation_id: &str, status: u16, body: &Value) {
        let schema = self.response_schema(operation_id, status);
        assert!(!schema.is_null(), "{operation_id} describes no body of a {status}");
        let validator = self.validators.entry((operation_id.to_owned(), status)).or_insert_with(|| {
            let mut document = json!({ "components": self.document["components"] });
            document["allOf"] = json!([schema]);
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            options.build(&document).expect("a good schema")
        });
        let errors = validator.iter_errors(body);
        self.faults.extend(
            errors.map(|error| format!("{operation_id} {status} {}: {error}", error.instance_path())),
        );
        self.compare_shape(operation_id, &schema, body);
    }

    /// Compares the members of a value with those of a schema: none is missing, none is null, none is unknown.
    pub fn compare_shape(&mut self, at: &str, schema: &Value, value: &Value) {
        let reference = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/components/schemas/"));
        let (name, target) = match reference {
            Some(name) => (name.to_owned(), self.document["components"]["schemas"][name].clone()),
            None => (at.to_owned(), schema.clone()),
        };
        match value {
            Value::Null if !is_explicit_null(&target) => {
                self.faults.insert(format!("{at} is null"));
            }
            Value::Array(items) => {
                for item in items {
                    self.compare_shape(&format!("{at}[]"), &target["items"], item);
                }
            }
            Value::Object(members) if target["properties"].is_object() => {
                *self.seen.entry(name.clone()).or_default() += 1;
                let properties = target["properties"].as_object().cloned().unwrap_or_default();
                for (member, schema) in &properties {
                    match members.get(member) {
                        Some(value) => self.compare_shape(&format!("{name}.{member}"), schema, value),
                        None if requires(&target, member) => {
                            self.faults.insert(format!("{name}.{member} is missing"));
                        }
                        None => {
                            self.absent.insert((name.clone(), member.clone()));
                        }
                    }
                }
                let unknown = members.keys().filter(|member| !properties.contains_key(*member));
                self.faults.extend(unknown.map(|member| format!("{name}.{member} is not in the document")));
            }
            _ => {}
        }
    }

    /// The schema of a response.
    pub fn response_schema(&self, operation_id: &str, status: u16) -> Value {
        let paths = self.document["paths"].as_object().expect("paths");
        let mut operations = paths.values().flat_map(|item| item.as_object().expect("a path item").values());
        let operation = operations.find(|operation| operation["operationId"] == operation_id);
        let operation = operation.unwrap_or_else(|| panic!("no operation {operation_id}"));
        operation["responses"][status.to_string()]["content"]["application/json"]["schema"].clone()
    }

    /// The faults that were found.
    pub fn faults(&self) -> Vec<String> {
        self.faults.iter().cloned().collect()
    }

    /// Every schema that a schema refers to, and those that they refer to.
    pub fn inside(&self, schema: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting = Vec::new();
        references(schema, &mut waiting);
        while let Some(name) = waiting.pop() {
            if found.insert(name.clone()) {
                references(&self.document["components"]["schemas"][&name], &mut waiting);
            }
        }
        found
    }

    /// Those of the schemas of which no object was seen.
    pub fn unseen<'a>(&self, schemas: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        let is_object = |name: &str| self.document["components"]["schemas"][name]["properties"].is_object();
        schemas
            .into_iter()
            .filter(|name| is_object(name) && !self.seen.contains_key(*name))
            .cloned()
            .collect()
    }

    /// The optional members of the schemas that were never absent, although objects of their schema were seen.
    pub fn never_absent<'a>(&self, schemas: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        let mut found = Vec::new();
        for name in schemas.into_iter().filter(|name| self.seen.contains_key(*name)) {
            let schema = &self.document["components"]["schemas"][name];
            let members = schema["properties"].as_object().into_iter().flat_map(|members| members.keys());
            let optional = members.filter(|member| !requires(schema, member));
            found.extend(
                optional
                    .filter(|member| !self.absent.contains(&(name.clone(), (*member).clone())))
                    .map(|member| format!("{name}.{member}")),
            );
        }
        found
    }
}

/// Whether a schema requires a member.
pub fn requires(schema: &Value, member: &str) -> bool {
    schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == member))
}

/// Whether a schema has null among its types.
pub fn is_explicit_null(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"))
}

/// Collects the names of the schemas that a value refers to.
pub fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().and_then(|text| text.strip_prefix("#/components/schemas/")) {
                    Some(target) if name == "$ref" => found.push(target.to_owned()),
                    _ => references(member, found),
                }
            }
        }
        _ => {}
    }
}
