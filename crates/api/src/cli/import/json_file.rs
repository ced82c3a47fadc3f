//! Reads files as JSON. An object that has a member twice is refused: one of the two would be lost, and nobody could say
//! which was meant.

use std::{fmt, fs, path::Path};

use mainstay_domain::value::validation::pointer_segment;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::printable;

/// The maximum size of a file in bytes. The longest public feeds have a few megabytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Reads a file as JSON.
///
/// # Errors
/// If the file cannot be read or is too large, does not hold JSON, or has a member twice in an object.
pub(super) fn read_json(path: &Path) -> Result<Value, String> {
    let fault = |e: std::io::Error| format!("{}: {e}", path.display());
    if fs::metadata(path).map_err(fault)?.len() > MAX_BYTES {
        return Err(format!("{}: is larger than {MAX_BYTES} bytes", path.display()));
    }
    let bytes = fs::read(path).map_err(fault)?;
    // Some programs write a byte-order mark at the beginning of a file.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    parse(bytes).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let node = Node {
        at: String::new(),
        duplicates: &mut duplicates,
    };
    let parsed = node
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    let value = parsed.map_err(|e| format!("not valid JSON at line {}, column {}", e.line(), e.column()))?;
    if duplicates.is_empty() {
        return Ok(value);
    }
    let lines: String = duplicates
        .iter()
        .map(|at| printable(&format!("  {at}: is given more than once")) + "\n")
        .collect();
    Err(format!(
        "an object has a member twice, so nothing was changed\n{lines}"
    ))
}

/// A value to be read, with the pointer to it. Pointers to members that an object has twice are collected.
struct Node<'a> {
    at: String,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let at = format!("{}/{}", self.at, list.len());
            let Some(value) = items.next_element_seed(Node {
                at,
                duplicates: self.duplicates,
            })?
            else {
                return Ok(Value::Array(list));
            };
            list.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let at = format!("{}/{}", self.at, pointer_segment(&name));
            if object.contains_key(&name) {
                self.duplicates.push(at.clone());
            }
            let value = members.next_value_seed(Node {
                at,
                duplicates: self.duplicates,
            })?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_member_that_is_there_twice_is_named() {
        let fault = parse(br#"{ "a": 1, "b": [{ "c": 1, "c": 2 }, { "d/e": { "f": 1, "f": 1 } }], "a": 2 }"#)
            .unwrap_err();
        for at in ["/a: ", "/b/0/c: ", "/b/1/d~1e/f: "] {
            assert!(
                fault.contains(&format!("  {at}is given more than once")),
                "{fault}"
            );
        }
    }

    #[test]
    fn values_are_those_of_the_file() {
        let text = r#"{ "a": [null, true, -7, 18446744073709551615, 1.5, "x\u00e4"], "b": {} }"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes()), Ok(expected));
        assert_eq!(
            parse(b"[] x"),
            Err("not valid JSON at line 1, column 4".to_owned())
        );
        assert_eq!(parse(b"[]"), Ok(json!([])));
        assert!(parse(&b"[".repeat(1_000_000)).is_err());
    }
}
