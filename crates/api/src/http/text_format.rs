//! Rules for texts that a JSON schema cannot express, as formats. The document shows some of them; the others are added
//! to the schema that an input is validated against.

use mainstay_domain::{
    account::{CurrentPassword, Password},
    value::{
        place::{Country, Email, Language, Locale},
        text::{TextFault, fault},
        validation::FindingCode,
    },
};
use serde_json::{Map, Value, json};

/// Checks a text. The result is the code and message of a finding.
type Check = fn(&str) -> Option<(FindingCode, String)>;

/// Text that may be empty.
const ANY_TEXT: &str = "any-text";
/// Text that shows something.
const VISIBLE_TEXT: &str = "visible-text";
/// A password of an account.
const PASSWORD: &str = "password";
/// A password that is chosen now.
const NEW_PASSWORD: &str = "new-password";

/// The formats by their name.
pub const FORMATS: [(&str, Check); 9] = [
    (ANY_TEXT, |text| of_text(text, 0)),
    (VISIBLE_TEXT, |text| of_text(text, 1)),
    (PASSWORD, |text| of_fault(CurrentPassword::parse(text).err())),
    (NEW_PASSWORD, |text| of_fault(Password::parse(text).err())),
    ("email", |text| {
        expect(Email::new(text).is_some(), Email::EXPECTED)
    }),
    ("country", |text| {
        expect(Country::new(text).is_some(), Country::EXPECTED)
    }),
    ("language", |text| {
        expect(Language::new(text).is_some(), Language::EXPECTED)
    }),
    ("language-tag", |text| {
        expect(Locale::new(text).is_some(), Locale::EXPECTED)
    }),
    ("time-zone", |text| {
        expect(
            text.parse::<chrono_tz::Tz>().is_ok(),
            "must be the name of an IANA time zone, such as Europe/Berlin",
        )
    }),
];

/// Returns the code and message for a text that does not have the format; `None` if the format is not one of these.
pub fn finding(format: &str, value: &Value) -> Option<(FindingCode, String)> {
    let (_, check) = FORMATS.iter().find(|(name, _)| *name == format)?;
    check(value.as_str()?)
}

/// The schema has the bounds of the length already.
fn of_text(text: &str, min: usize) -> Option<(FindingCode, String)> {
    let found = fault(text, min, usize::MAX);
    of_fault(found.filter(|fault| !matches!(fault, TextFault::Length(..))))
}

fn of_fault(fault: Option<TextFault>) -> Option<(FindingCode, String)> {
    fault.map(|fault| (fault.code(), fault.to_string()))
}

fn expect(is_valid: bool, expected: &str) -> Option<(FindingCode, String)> {
    (!is_valid).then(|| (FindingCode::Format, expected.to_owned()))
}

/// Gives every text in a schema the format of its rules: texts without a form of their own, and passwords, whose
/// length is counted otherwise than the schema does.
pub fn with_text_formats(schema: Value) -> Value {
    match schema {
        Value::Array(items) => items.into_iter().map(with_text_formats).collect(),
        Value::Object(members) => {
            let mut members: Map<String, Value> = members
                .into_iter()
                .map(|(name, value)| (name, with_text_formats(value)))
                .collect();
            if members.get("type").is_some_and(|kind| kind == "string") {
                add_format(&mut members);
            }
            Value::Object(members)
        }
        other => other,
    }
}

fn add_format(members: &mut Map<String, Value>) {
    let min = members.get("minLength").and_then(Value::as_u64).unwrap_or(0);
    if members.get("format").is_some_and(|format| format == PASSWORD) {
        members.retain(|name, _| name != "minLength" && name != "maxLength");
        let format = if min > 1 { NEW_PASSWORD } else { PASSWORD };
        members.insert("format".to_owned(), json!(format));
    } else if !["format", "pattern", "enum"]
        .iter()
        .any(|name| members.contains_key(*name))
    {
        let format = if min > 0 { VISIBLE_TEXT } else { ANY_TEXT };
        members.insert("format".to_owned(), json!(format));
    }
}
