//! Reads files as JSON. An object that has a member twice is refused: one of the two would be lost, and nobody could say
//! which was meant.

use std::{fs, path::Path};

use serde_json::Value;

use super::printable;
use crate::http::json_value::{JsonValue, read_json_value};

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
    let JsonValue { value, repeated } = read_json_value(bytes)
        .map_err(|e| format!("not valid JSON at line {}, column {}", e.line(), e.column()))?;
    if repeated.is_empty() {
        return Ok(value);
    }
    let lines: String = repeated
        .iter()
        .map(|at| printable(&format!("  {at}: is given more than once")) + "\n")
        .collect();
    Err(format!(
        "an object has a member twice, so nothing was changed\n{lines}"
    ))
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
