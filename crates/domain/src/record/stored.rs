//! Reading the body of a stored record, also of one whose texts are no longer taken from a client.

use std::borrow::Cow;

use serde_json::Value;

use super::{Record, json};
use crate::value::unicode::{is_refused_control, is_visible};

/// What a text that shows nothing is read as, where a text has to show something.
const NOTHING_VISIBLE: &str = "–";

/// Reads a stored record.
///
/// Control characters, and texts that show nothing, are refused today and were stored before. A record that has
/// such texts is read without the control characters, and with a dash where a name shows nothing.
///
/// # Errors
/// If the body is no record of the collection.
pub fn from_stored<T: Record>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| {
        let stored: Value = serde_json::from_slice(body)?;
        let mut value = stored.clone();
        each_text(&mut value, &without_controls);
        if let Ok(record) = T::deserialize(&value) {
            return Ok(record);
        }
        value = stored;
        each_text(&mut value, &|text| {
            if !text.is_empty() && !text.chars().any(is_visible) {
                NOTHING_VISIBLE.clone_into(text);
            }
            without_controls(text);
        });
        // The first error is about the record as it was stored.
        T::deserialize(&value).or(Err(error))
    })
}

fn without_controls(text: &mut String) {
    text.retain(|c| !is_refused_control(c));
}

/// Returns the body of a stored record as a client may send it back.
///
/// # Errors
/// If the body is no record of the collection.
pub fn valid_form<T: Record>(body: &[u8]) -> Result<Cow<'_, [u8]>, serde_json::Error> {
    if serde_json::from_slice::<T>(body).is_ok() {
        return Ok(Cow::Borrowed(body));
    }
    Ok(Cow::Owned(json(&from_stored::<T>(body)?)))
}

/// Changes each text of a value, at any depth. The recursion goes as deep as the value, whose depth the JSON parser
/// limits.
fn each_text(value: &mut Value, change: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| each_text(member, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        record::Kind,
        record::registry::{ForNoun, for_noun},
        value::text::{Label, Note},
    };

    /// Puts another text in the place of each text of the example that can be any text, one at a time.
    struct ReadsEarlierTexts;

    impl ForNoun for ReadsEarlierTexts {
        type Output = usize;

        fn run<T: Record>(self) -> usize {
            let example = serde_json::to_value(T::example()).unwrap();
            let mut count = 0;
            for at in 0.. {
                let mut changed = example.clone();
                let Some(was) = replace(&mut changed, at, "free text") else {
                    break;
                };
                let is_free = was != "free text" && T::deserialize(&changed).is_ok();
                if !is_free {
                    continue;
                }
                count += 1;
                for earlier in ["\u{0}\u{7}tea\u{9b}", " ", "\u{200b}\u{2800}", "\u{1}"] {
                    let mut changed = example.clone();
                    replace(&mut changed, at, earlier);
                    let body = json(&changed);
                    let read = from_stored::<T>(&body);
                    let read = read.unwrap_or_else(|error| panic!("{}: {was:?}: {error}", T::KIND.path()));
                    let sent_back = valid_form::<T>(&body).unwrap();
                    let sent_back: T = serde_json::from_slice(&sent_back).unwrap();
                    assert_eq!(json(&sent_back), json(&read));
                }
            }
            count
        }
    }

    /// Replaces the text that is the `at`th of a value, and returns what it was.
    fn replace(value: &mut Value, at: usize, text: &str) -> Option<String> {
        let seen = std::cell::Cell::new(0);
        let was = std::cell::Cell::new(None);
        each_text(value, &|found| {
            if seen.replace(seen.get() + 1) == at {
                was.set(Some(std::mem::replace(found, text.to_owned())));
            }
        });
        was.into_inner()
    }

    #[test]
    fn every_record_with_texts_of_before_stays_readable() {
        let texts: usize = Kind::ALL
            .iter()
            .map(|kind| for_noun(*kind, ReadsEarlierTexts))
            .sum();
        assert!(texts >= 40, "{texts}");
    }

    #[test]
    fn what_a_text_shows_stays() {
        let mut contact = serde_json::to_value(crate::support_contact::SupportContact::example()).unwrap();
        contact["name"] = json!("Sam\u{0} the \u{1b}baker");
        let read: crate::support_contact::SupportContact = from_stored(&json(&contact)).unwrap();
        assert_eq!(Some(read.name), Label::new("Sam the baker"));
        let mut check_in = serde_json::to_value(crate::check_in::CheckIn::example()).unwrap();
        check_in["note"] = json!("a\u{0}b\n");
        let read: crate::check_in::CheckIn = from_stored(&json(&check_in)).unwrap();
        assert_eq!(read.note, Note::new("ab\n"));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        assert!(from_stored::<crate::check_in::CheckIn>(b"{}").is_err());
        assert!(from_stored::<crate::check_in::CheckIn>(b"no json").is_err());
    }
}
