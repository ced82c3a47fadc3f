//! Tests of what a body is refused for: not JSON, or invalid fields, each named once.

use mainstay_domain::{check_in::CheckIn, medication::Medication, plan::Plan};

use super::*;

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
