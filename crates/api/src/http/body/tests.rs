//! Tests of what a body is refused for: not JSON, or invalid fields, each named once.

use mainstay_domain::{
    account::{AccountUpdate, Login, Refresh, Registration},
    check_in::CheckIn,
    medication::Medication,
    plan::Plan,
    record::{
        Incoming, Kind, Record,
        registry::{ForNoun, for_noun},
    },
};

use serde_json::json;

use super::*;
use crate::openapi::{form::finish, schema::add_input};

fn findings<T: Input>(text: &str) -> Vec<(String, String)> {
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let problem = parse::<T>(text.as_bytes(), now).err().unwrap();
    problem
        .errors
        .into_iter()
        .map(|f| (f.pointer, f.code.to_string()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(p, c)| ((*p).to_owned(), (*c).to_owned()))
        .collect()
}

#[test]
fn every_invalid_field_is_named_once() {
    let found = findings::<Incoming<CheckIn>>(
        r#"{"id":"x","kind":"noon","occurred_at":"2026-01-01","answers":{"craving":11,"moood":3,"sleep_minutes":"7h"},
            "trigger_ids":["nope"],"tags":"work","versoin":1}"#,
    );
    assert_eq!(
        found,
        pairs(&[
            ("/answers/craving", "range"),
            ("/answers/moood", "unknown-field"),
            ("/answers/sleep_minutes", "type"),
            ("/id", "format"),
            ("/kind", "enum"),
            ("/occurred_at", "format"),
            ("/tags", "type"),
            ("/trigger_ids/0", "format"),
            ("/versoin", "unknown-field"),
        ])
    );
}

#[test]
fn an_unknown_field_is_named_also_where_it_is_null() {
    let found = findings::<Incoming<CheckIn>>(
        r#"{"kind":"morning","occurred_at":null,"answers":{"craving":3,"mood":null,"moood":null},"note":null,"nots":null}"#,
    );
    assert_eq!(
        found,
        pairs(&[
            ("/answers/moood", "unknown-field"),
            ("/nots", "unknown-field"),
            ("/occurred_at", "required"),
        ])
    );
}

#[test]
fn a_limit_of_one_is_in_the_singular() {
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let text = r#"{"name":"","class":"other","route":"oral","schedule":"FREQ=DAILY","covers_days":1,"started_on":"2026-03-02"}"#;
    let problem = parse::<Incoming<Medication>>(text.as_bytes(), now).err().unwrap();
    let messages: Vec<String> = problem
        .errors
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(messages, ["must have at least 1 character"]);
}

#[test]
fn broken_rules_are_named_beside_violations_of_the_schema() {
    let found = findings::<Incoming<CheckIn>>(
        r#"{"kind":"morning","occurred_at":"2030-01-01T00:00:00Z","answers":{"craving":1},"note":7}"#,
    );
    assert_eq!(found, pairs(&[("/note", "type"), ("/occurred_at", "future")]));
}

#[test]
fn a_missing_member_is_named_by_its_own_pointer() {
    let found =
        findings::<Incoming<Plan>>(r#"{"kind":"safety","title":null,"content":{"triggers":[{"label":""}]}}"#);
    assert_eq!(
        found,
        pairs(&[
            ("/content/triggers/0/kind", "required"),
            ("/content/triggers/0/label", "length"),
            ("/title", "required")
        ])
    );
}

#[test]
fn a_value_that_only_the_type_refuses_is_named() {
    let found = findings::<Registration>(
        r#"{"email":"sam@example.org","password":"long enough words","time_zone":"Mars/Base"}"#,
    );
    assert_eq!(found, pairs(&[("/time_zone", "format")]));
}

#[test]
fn a_list_is_not_an_object_and_an_object_is_not_a_variant() {
    let found = findings::<Incoming<CheckIn>>(
        r#"{"kind":{"morning":null},"occurred_at":"2026-01-01T08:00:00Z","answers":[3,4]}"#,
    );
    assert_eq!(found, pairs(&[("/answers", "type"), ("/kind", "enum")]));
    let found = findings::<Incoming<Plan>>(
        r#"{"kind":"safety","title":"Mine","content":{"triggers":[[null,"Payday","external"]],"overdose_safety":[true]}}"#,
    );
    assert_eq!(
        found,
        pairs(&[
            ("/content/overdose_safety", "type"),
            ("/content/triggers/0", "type")
        ])
    );
    assert_eq!(
        findings::<Login>(r#"["sam@example.org","long enough words"]"#),
        pairs(&[("", "type")])
    );
}

#[test]
fn a_number_beyond_64_bits_is_named() {
    let found = findings::<Incoming<CheckIn>>(
        r#"{"kind":"morning","occurred_at":1e400,"answers":{"craving":1e400,"mood":-1e400,"stress":11},"nope":9e999}"#,
    );
    assert_eq!(
        found,
        pairs(&[
            ("/answers/craving", "range"),
            ("/answers/mood", "range"),
            ("/answers/stress", "range"),
            ("/nope", "unknown-field"),
            ("/occurred_at", "type"),
        ])
    );
    // A read-only member is not read at all.
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let text =
        br#"{"kind":"morning","occurred_at":"2026-01-01T08:00:00Z","answers":{"craving":1},"version":1e400}"#;
    assert!(parse::<Incoming<CheckIn>>(text, now).is_ok());
}

/// Sends the example of a noun with one fault, and with each optional member null and each read-only one of a wrong type.
struct NullAndReadOnly;

impl ForNoun for NullAndReadOnly {
    type Output = usize;

    fn run<T: Record>(self) -> usize {
        let mut components = Components::new();
        let mut root = add_input::<T>(&mut components);
        let schema = finish(&components, &mut root).remove(&*T::name()).unwrap();
        let members = schema["properties"].as_object().unwrap();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let optional = members
            .iter()
            .filter(|(name, _)| !required.contains(&json!(name)));
        let mut tried = 0;
        for (name, member) in optional {
            let is_read_only = member["readOnly"] == json!(true);
            let mut body = serde_json::to_value(T::example()).unwrap();
            body[name] = if is_read_only {
                json!([{ "any": 1 }])
            } else {
                Value::Null
            };
            let now = "2026-11-01T00:00:00Z".parse().unwrap();
            if let Err(problem) = parse::<Incoming<T>>(body.to_string().as_bytes(), now) {
                // A rule of the noun may need the member, but nothing about its form is wrong.
                let codes = problem.errors.iter().map(|finding| finding.code);
                assert_eq!(
                    codes.collect::<Vec<_>>(),
                    [FindingCode::Required],
                    "{} {name}",
                    T::KIND.path()
                );
                continue;
            }
            body["fault"] = json!(1);
            assert_eq!(
                findings::<Incoming<T>>(&body.to_string()),
                pairs(&[("/fault", "unknown-field")]),
                "{} {name}",
                T::KIND.path()
            );
            tried += 1;
        }
        tried
    }
}

#[test]
fn null_in_an_optional_member_and_anything_in_a_read_only_one_is_no_fault() {
    let tried: usize = Kind::ALL
        .iter()
        .map(|kind| for_noun(*kind, NullAndReadOnly))
        .sum();
    assert!(tried >= 150, "{tried}");
}

#[test]
fn an_id_of_an_account_to_be_is_an_unknown_field() {
    let found = findings::<Registration>(
        r#"{"id":"0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47","email":"x","password":"long enough words","time_zone":"UTC"}"#,
    );
    assert_eq!(found, pairs(&[("/email", "format"), ("/id", "unknown-field")]));
}

#[test]
fn a_member_that_is_given_twice_is_named() {
    assert_eq!(
        findings::<Incoming<CheckIn>>(
            r#"{"kind":"morning","kind":"noon","occurred_at":"2026-01-01T08:00:00Z","answers":{"mood":1,"mood":12}}"#
        ),
        pairs(&[
            ("/answers/mood", "duplicate"),
            ("/answers/mood", "range"),
            ("/kind", "duplicate"),
            ("/kind", "enum"),
        ])
    );
    for patch in [
        r#"{"a":{"b":1,"b":null},"a":1}"#,
        r#"{"a":{"b":1,"b":1},"a":1e999}"#,
    ] {
        let problem = parse_patch(patch.as_bytes()).err().unwrap();
        let named: Vec<&str> = problem
            .errors
            .iter()
            .map(|found| found.pointer.as_str())
            .collect();
        assert_eq!(
            (problem.kind, named),
            (ProblemKind::Validation, vec!["/a", "/a/b"])
        );
    }
    assert!(parse_patch(br#"{"a":{"b":1},"b":1}"#).is_ok());
}

#[test]
fn text_that_is_not_json_is_malformed() {
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    for text in [
        "{",
        "nope",
        "{\"kind\":}",
        "{\"kind\":1e400",
        "\"\\ud800\"",
        &"[".repeat(2000),
    ] {
        let problem = parse::<Incoming<CheckIn>>(text.as_bytes(), now).err().unwrap();
        assert_eq!(problem.kind, ProblemKind::MalformedJson, "{text:.20}");
    }
    assert_eq!(findings::<Incoming<CheckIn>>("[]"), pairs(&[("", "type")]));
}

/// The pointers to all texts in a value.
fn texts(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::String(_) => vec![at.to_owned()],
        Value::Array(items) => {
            let inside = items.iter().enumerate();
            inside
                .flat_map(|(n, item)| texts(item, &format!("{at}/{n}")))
                .collect()
        }
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| texts(value, &format!("{at}/{name}")))
            .collect(),
        _ => Vec::new(),
    }
}

/// The findings about an input with one of its values replaced; none if it is accepted.
fn findings_with<T: Input>(sound: &Value, pointer: &str, value: &Value) -> Vec<String> {
    let mut input = sound.clone();
    *input.pointer_mut(pointer).unwrap() = value.clone();
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let problem = parse::<T>(input.to_string().as_bytes(), now).err();
    let errors = problem.map(|problem| problem.errors).unwrap_or_default();
    errors.into_iter().map(|finding| finding.pointer).collect()
}

/// Asserts that each text of a sound input is refused with a control character, and without anything visible where it
/// must not be empty. Gives the number of texts.
fn assert_texts_are_checked<T: Input>(sound: &Value) -> usize {
    let all = texts(sound, "");
    for pointer in &all {
        // A member that only the server writes is not read, whatever it is.
        if findings_with::<T>(sound, pointer, &json!(7)).is_empty() {
            continue;
        }
        for control in ["\u{0}", "a\r\nb", "\u{85}"] {
            let found = findings_with::<T>(sound, pointer, &json!(control));
            // Beside it may be a reference to what it names.
            assert!(found.contains(pointer), "{control:?}: {found:?}");
        }
        if !findings_with::<T>(sound, pointer, &json!("")).is_empty() {
            for unseen in ["  ", "\u{200b}\u{3164}", "\u{301}\u{e000}"] {
                let found = findings_with::<T>(sound, pointer, &json!(unseen));
                assert!(found.contains(pointer), "{unseen:?}: {found:?}");
            }
        }
    }
    all.len()
}

struct TextsAreChecked;

impl ForNoun for TextsAreChecked {
    type Output = usize;
    fn run<T: Record>(self) -> usize {
        assert_texts_are_checked::<Incoming<T>>(&serde_json::to_value(T::example()).unwrap())
    }
}

#[test]
fn every_text_of_every_input_is_checked_and_named() {
    let of_nouns: usize = Kind::ALL
        .iter()
        .map(|kind| for_noun(*kind, TextsAreChecked))
        .sum();
    assert!(of_nouns > 100, "{of_nouns}");
    let account = json!({
        "email": "sam@example.org", "time_zone": "UTC", "display_name": "Sam", "locale": "en-US", "country": "US", "device_name": "phone",
    });
    let mut registration = account.clone();
    registration["password"] = json!("rivers bend slowly");
    let passwords = ["/password"];
    for pointer in texts(&registration, "")
        .iter()
        .filter(|p| !passwords.contains(&p.as_str()))
    {
        let found = findings_with::<Registration>(&registration, pointer, &json!("\u{0}\u{200b}"));
        assert!(
            !found.is_empty() && found.iter().all(|named| named == pointer),
            "{found:?}"
        );
    }
    let profile = json!({ "time_zone": "UTC", "display_name": "Sam", "locale": "en-US", "country": "US", "discretion": "plain" });
    assert_eq!(assert_texts_are_checked::<AccountUpdate>(&profile), 5);
    assert_eq!(
        assert_texts_are_checked::<Refresh>(&json!({ "refresh_token": "x" })),
        1
    );
}
