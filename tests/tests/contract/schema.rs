//! Checks the schemas of the OpenAPI document as a generator of clients reads them.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_api::{openapi::document::document, routes};
use mainstay_domain::record::{
    Kind, Record,
    registry::{ForNoun, for_noun},
};
use mainstay_tests::conformance::{is_explicit_null, references, requires};
use serde_json::{Value, json};

/// The member of answers that may be null: it is always there, and null says that the list ends.
const EXPLICIT_NULL: &str = "next_cursor";

/// Types of the platforms and languages that clients are written for.
const PLATFORM_TYPES: &str = "
    Actor Any AnyObject Array Bool Bundle Button Calendar Character Codable Collection Color Comparable Data Date
    DateInterval Decimal Decodable Dictionary Double Duration Encodable Encoder Error Float Font Form Formatter Gesture
    Group Hashable Identifiable Image Index Int Label Layout Lazy Link List Locale Measurement Menu Never Notification
    NSObject Operation Optional Path Picker Process Progress Publisher Range Region Result Scanner Scene Section
    Sequence Set Shape State Stepper String Style Substring Table Task Text Timer Toggle Transaction Transition Unit URL
    UUID View Void Window
    Annotation Channel Deferred Enum Exception Flow Function Instant Job Lock Mutex Nothing Pair Platform Regex Sequence
    Throwable Triple Unit
    Action Align AppBar Axis BigInt Border Builder Card Column Comparable Container Context Curve DateTime Direction
    Duration Element Expando Future Icon Intent Interval Invocation Isolate Iterable Iterator Map Match Navigator Null
    Object Overlay Page Pattern Record Route Row Rune Runes Sink StackTrace Stack Step Stopwatch Stream Symbol Theme
    Title Type Uri Widget Zone
    Animation Attr Audio Blob Body Cache Client Comment Credential Crypto Document Event File Headers History Lock
    Location Message Navigator Node Option Partial Performance Pick Plugin Promise Proxy Readonly Record Report Request
    Required Response Screen Selection Session Storage Touch Window Worker
    Boolean Byte Class Clock Compiler Cloneable Integer Iterable Long Math Module Month Number Override Package Period
    Readable Role Runnable Runtime Short System Thread Toolkit Year
    Callable Counter Generic Literal Protocol Tuple Union
    Answer Bucket Company Connection Credentials Finding Health Metric Model Place Run Saved Series Server
    Settings Share Stage Summary User Value Version
";

/// Words that a language keeps for itself, or that generated clients use for their own methods.
const RESERVED_WORDS: &str = "
    abstract actor and any as assert associatedtype async await base bool break case catch class companion const continue
    covariant crossinline data debugger def default defer deferred deinit del delete do dynamic elif else enum event
    except explicit export extends extension external factory false fileprivate final finally fixed for foreach from fun
    func function get global goto guard if implements implicit import in infix init inline inout instanceof interface
    internal is lambda late let library lock long match mixin mut mutating namespace native new nil none nonisolated
    nonlocal not null object on open operator optional or out override package part pass precedencegroup print private
    protected protocol public raise readonly reified repeat required rethrow rethrows return sealed self set show static
    string struct subscript super suspend switch sync synchronized tailrec this throw throws transient true try type
    typealias typeof val var virtual void volatile weak when where while willset with yield
    hashcode tostring equals copy
";

fn words(list: &str) -> BTreeSet<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

/// The document, and the schemas that are answered and sent.
struct Schemas {
    document: Value,
    answered: BTreeSet<String>,
    sent: BTreeSet<String>,
}

impl Schemas {
    fn read() -> Self {
        let document = document(&routes::endpoints());
        let (mut answered, mut sent) = (Vec::new(), Vec::new());
        for operation in operations(&document) {
            references(&operation["responses"], &mut answered);
            references(&operation["requestBody"], &mut sent);
        }
        references(&document["components"]["responses"], &mut answered);
        let [answered, sent] = [answered, sent].map(|names| closure(&document, names));
        Self { document, answered, sent }
    }

    fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    fn members(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.schema(name)["properties"].as_object().into_iter().flatten()
    }
}

fn operations(document: &Value) -> Vec<Value> {
    let paths = document["paths"].as_object().expect("paths");
    paths.values().flat_map(|item| item.as_object().expect("a path item").values().cloned()).collect()
}

fn closure(document: &Value, mut waiting: Vec<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if found.insert(name.clone()) {
            references(&document["components"]["schemas"][&name], &mut waiting);
        }
    }
    found
}

/// Calls a function for each object of a document, with its place.
fn each_object(at: &str, value: &Value, act: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| each_object(&format!("{at}/{n}"), item, act));
        }
        Value::Object(members) => {
            act(at, members);
            members.iter().for_each(|(name, member)| each_object(&format!("{at}/{name}"), member, act));
        }
        _ => {}
    }
}

#[test]
fn nothing_in_the_document_is_a_choice_between_shapes() {
    let mut faults = Vec::new();
    each_object("", &Schemas::read().document, &mut |at, members| {
        let is_schema = !at.ends_with("/properties") && !at.contains("/example");
        let choices = ["oneOf", "anyOf", "allOf", "not", "nullable"];
        if is_schema && choices.iter().any(|choice| members.contains_key(*choice)) {
            faults.push(at.to_owned());
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn strings_and_lists_are_bounded_enums_are_named_and_free_objects_say_so() {
    let schemas = Schemas::read();
    let mut faults = Vec::new();
    each_object("", &schemas.document, &mut |at, members| {
        if at.contains("/example") || at.ends_with("/properties") {
            return;
        }
        let schema = Value::Object(members.clone());
        let is = |kind: &str| {
            schema["type"] == kind
                || schema["type"].as_array().is_some_and(|all| all.iter().any(|k| k == kind))
        };
        let is_named = at.starts_with("/components/schemas/") && at.matches('/').count() == 3;
        let is_component = at.starts_with("/components/schemas/");
        if is("string") && !members.contains_key("enum") && is_component && !members.contains_key("maxLength")
        {
            faults.push(format!("{at} has no maxLength"));
        }
        if is("array") && !members.contains_key("maxItems") {
            faults.push(format!("{at} has no maxItems"));
        }
        if members.contains_key("enum") && !is_named {
            faults.push(format!("{at} is an enum without a name"));
        }
        if is("object")
            && !members.contains_key("properties")
            && members.get("additionalProperties") != Some(&json!(true))
        {
            faults.push(format!("{at} is neither an object with members nor a free one"));
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_reference_has_its_target_and_every_schema_is_referred_to() {
    let schemas = Schemas::read();
    let mut used = Vec::new();
    references(&schemas.document, &mut used);
    let used: BTreeSet<String> = used.into_iter().collect();
    let named: BTreeSet<String> =
        schemas.document["components"]["schemas"].as_object().expect("schemas").keys().cloned().collect();
    assert_eq!(used, named);
}

/// "No answer schema has an optional member that the server always gives, nor a nullable one": that it gives them always
/// is what `answer_schema.rs` sees.
#[test]
fn nothing_in_an_answer_is_null_but_the_end_of_a_list() {
    let schemas = Schemas::read();
    for name in &schemas.answered {
        for (member, schema) in schemas.members(name) {
            let is_null = is_explicit_null(schema) || is_explicit_null(&schema["items"]);
            assert_eq!(is_null, member == EXPLICIT_NULL, "{name}.{member}");
            assert_eq!(schema.get("readOnly"), None, "{name}.{member}");
            if is_null {
                assert!(requires(schemas.schema(name), member), "{name}.{member}");
            }
        }
        assert_eq!(schemas.schema(name).get("additionalProperties"), None, "{name} may grow");
    }
}

#[test]
fn an_input_refuses_what_it_does_not_name_and_takes_null_for_what_is_optional() {
    let schemas = Schemas::read();
    let named_in_inputs = schemas.sent.iter().filter(|name| !schemas.answered.contains(*name));
    let mut objects = 0;
    for name in named_in_inputs.filter(|name| schemas.schema(name)["properties"].is_object()) {
        objects += 1;
        assert_eq!(schemas.schema(name)["additionalProperties"], json!(false), "{name}");
        for (member, schema) in schemas.members(name) {
            // A patch may leave out what a record must have, and cannot unset it.
            let of = name.strip_suffix("Patch").unwrap_or(name);
            let input = format!("{of}Input");
            let input = if of != name && schemas.sent.contains(&input) { &input } else { of };
            let is_optional = !requires(schemas.schema(input), member);
            let is_read_only = schema["readOnly"] == json!(true);
            let takes_null = is_optional && !is_read_only && schema.get("$ref").is_none();
            assert_eq!(is_explicit_null(schema), takes_null, "{name}.{member}");
            assert!(is_optional || !is_read_only, "{name}.{member}");
        }
    }
    assert!(objects >= 30, "{objects}");
}

struct Pair<'a>(&'a Schemas);

impl ForNoun for Pair<'_> {
    type Output = ();

    fn run<T: Record>(self) {
        let (answer, input) = (T::name().into_owned(), format!("{}Input", T::name()));
        assert!(self.0.answered.contains(&answer), "{answer}");
        assert!(self.0.sent.contains(&input), "{input}");
        for member in ["id", "version", "created_at", "updated_at"] {
            assert!(requires(self.0.schema(&answer), member), "{answer}.{member}");
            assert!(!requires(self.0.schema(&input), member), "{input}.{member}");
        }
        for (member, schema) in self.0.members(&answer) {
            let is_given = schema["type"] == "array" || T::READ_ONLY.contains(&member.as_str());
            let may_be_absent =
                ["activated_at", "scoring_version", "next_follow_up_on", "support", "feels_safe_at"]
                    .contains(&member.as_str());
            if is_given && !may_be_absent {
                assert!(requires(self.0.schema(&answer), member), "{answer}.{member}");
            }
        }
        let [answered, sent] = [&answer, &input]
            .map(|name| self.0.members(name).map(|(member, _)| member.clone()).collect::<BTreeSet<String>>());
        assert_eq!(answered, sent, "an answer of {answer} can be sent back");
    }
}

#[test]
fn every_noun_has_a_schema_for_answers_and_one_for_inputs() {
    let schemas = Schemas::read();
    for kind in Kind::ALL.iter().copied() {
        for_noun(kind, Pair(&schemas));
    }
}

#[test]
fn no_schema_is_named_like_a_type_of_a_platform() {
    let schemas = Schemas::read();
    let reserved = words(PLATFORM_TYPES);
    let names = schemas.document["components"]["schemas"].as_object().expect("schemas").keys();
    let mut folded: BTreeMap<String, &String> = BTreeMap::new();
    for name in names {
        assert!(!reserved.contains(name), "{name} is a type of a platform");
        assert!(name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric), "{name}");
        if let Some(other) = folded.insert(name.to_lowercase(), name) {
            panic!("{name} and {other} would be the same file");
        }
    }
}

#[test]
fn no_operation_is_named_like_a_keyword_and_none_gets_in_the_way_of_a_schema() {
    let schemas = Schemas::read();
    let reserved = words(RESERVED_WORDS);
    let named = schemas.document["components"]["schemas"].as_object().expect("schemas");
    for operation in operations(&schemas.document) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(!reserved.contains(&id.to_lowercase()), "{id} is a keyword");
        let (first, rest) = id.split_at(1);
        let class = format!("{}{rest}", first.to_uppercase());
        // Generators name the parameters and the result of an operation so.
        for suffix in ["Request", "Response", "Result", "Body"] {
            let name = format!("{class}{suffix}");
            assert!(!named.contains_key(&name), "{id} and {name}");
        }
    }
}

#[test]
fn the_kinds_of_sync_are_the_collections() {
    let schemas = Schemas::read();
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.path()).collect();
    assert_eq!(schemas.schema("RecordKind")["enum"], json!(kinds));
    for name in ["SyncPush", "SyncResult", "SyncChange"] {
        let kind = &schemas.schema(name)["properties"]["kind"]["$ref"];
        assert_eq!(kind, "#/components/schemas/RecordKind", "{name}");
    }
}

#[test]
fn a_generated_file_begins_with_a_short_description_and_no_example_spoils_a_second_try() {
    let schemas = Schemas::read();
    let description = schemas.document["info"]["description"].as_str().expect("a description");
    assert!(description.lines().count() <= 14, "{}", description.lines().count());
    assert!(description.contains("unknown values"), "enums may grow");
    for operation in operations(&schemas.document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if ["Idempotency-Key", "If-None-Match"].contains(&parameter["name"].as_str().unwrap_or_default())
            {
                assert_eq!(parameter.get("example"), None, "{}", operation["operationId"]);
            }
        }
        let content = &operation["requestBody"]["content"]["application/json"];
        let example = &content["examples"]["example"]["value"];
        assert_eq!(example.get("id"), None, "{}", operation["operationId"]);
    }
}
