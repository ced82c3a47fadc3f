//! Reads any JSON value, and finds the members that an object has more than once. Nobody could say which of them is
//! meant, so what has one is refused, and each is named.

use std::fmt;

use mainstay_domain::value::validation::pointer_segment;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::http::faults::MAX_FAULTS;

/// The largest number of pointers to repeated members: one more than a response names, so that it can say that there are more.
const MAX_REPEATED: usize = MAX_FAULTS + 1;
/// The longest pointer, in bytes.
const MAX_POINTER: usize = 2000;

/// A JSON value with what its text had more than once.
#[derive(Debug)]
pub struct JsonValue {
    /// The value. Of repeated members it has the last.
    pub value: Value,
    /// Pointers to repeated members, each once, at most 101. One that would be too long leads to an object around the
    /// member.
    pub repeated: Vec<String>,
}

/// Reads a JSON text. The work is in proportion to its length.
///
/// # Errors
/// If the text is not JSON.
pub fn read_json_value(text: &[u8]) -> Result<JsonValue, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut place = Place::default();
    let value = Node { place: &mut place }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(JsonValue {
        value,
        repeated: place.repeated,
    })
}

/// The place in the text that is being read.
#[derive(Default)]
struct Place {
    /// The pointer to it. What is inside adds its segment and takes it away again.
    at: String,
    repeated: Vec<String>,
}

impl Place {
    fn name_repeated(&mut self) {
        let mut at = self.at.as_str();
        while at.len() > MAX_POINTER {
            at = at.rsplit_once('/').map_or("", |(around, _)| around);
        }
        if self.repeated.len() < MAX_REPEATED && self.repeated.last().is_none_or(|last| last != at) {
            self.repeated.push(at.to_owned());
        }
    }
}

/// A value to be read at a place.
struct Node<'a> {
    place: &'a mut Place,
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
        let place = self.place;
        let length = place.at.len();
        let mut list = Vec::new();
        loop {
            place.at.push('/');
            place.at.push_str(&list.len().to_string());
            let item = items.next_element_seed(Node { place })?;
            place.at.truncate(length);
            match item {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let place = self.place;
        let length = place.at.len();
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            place.at.push('/');
            place.at.push_str(&pointer_segment(&name));
            if object.contains_key(&name) {
                place.name_repeated();
            }
            let value = members.next_value_seed(Node { place })?;
            place.at.truncate(length);
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn repeated(text: &str) -> Vec<String> {
        read_json_value(text.as_bytes()).unwrap().repeated
    }

    #[test]
    fn a_repeated_member_is_named_at_every_depth() {
        assert_eq!(
            repeated(r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#),
            Vec::<String>::new()
        );
        assert_eq!(
            repeated(r#"{"a":1,"a":1,"b":{"x/y":1,"c":2,"x/y":1},"c":[3,{"a":1,"\u0061":2}],"a":3}"#),
            ["/a", "/b/x~1y", "/c/1/a", "/a"]
        );
        assert_eq!(repeated(r#"{"a":{"b":1,"b":2},"a":{"b":3}}"#), ["/a/b", "/a"]);
        assert_eq!(
            read_json_value(br#"{"a":1,"a":2}"#).unwrap().value,
            json!({ "a": 2 })
        );
        for text in ["", "{", "{} x", "[1,]", "\"\\ud800\"", "{\"a\":1e400}"] {
            assert!(read_json_value(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pointer_that_is_too_long_leads_to_what_is_around_it() {
        let long = "n".repeat(3_000);
        assert_eq!(repeated(&format!(r#"{{"{long}":1,"{long}":1}}"#)), [""]);
        assert_eq!(
            repeated(&format!(r#"{{"a":{{"{long}":{{"b":1,"b":2}}}}}}"#)),
            ["/a"]
        );
        let many = format!("{{{}}}", vec![r#""a":0,"b":0"#; 2_000].join(","));
        assert_eq!(repeated(&many).len(), MAX_REPEATED);
    }

    proptest! {
        #[test]
        fn a_value_is_read_as_the_parser_reads_it(text in "[\\[\\]{}\",:a0-9.eE+\\-\\\\u ntruefalse]{0,40}") {
            let expected = serde_json::from_str::<Value>(&text).ok();
            prop_assert_eq!(read_json_value(text.as_bytes()).ok().map(|read| read.value), expected);
        }
    }
}
