//! Numbers that are JSON, and too large to be held.

use serde::de::IgnoredAny;

/// The same text, with the largest powers of ten that can be held in the place of larger numbers: whoever refuses
/// a number for its size refuses these too, and can say where it stands. Everything keeps its line and column.
pub fn within_reach(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let (token, after) = rest.split_at(match first {
            b'"' => length_of_string(rest),
            b'-' | b'0'..=b'9' => rest.iter().position(|b| !is_of_number(*b)).unwrap_or(rest.len()),
            _ => 1,
        });
        rest = after;
        if is_out_of_reach(token) {
            // No number out of reach is shorter.
            let largest: &[u8] = if token.starts_with(b"-") {
                b"-1e308"
            } else {
                b"1e308"
            };
            let padded = largest.iter().chain(std::iter::repeat(&b' '));
            out.extend(padded.take(token.len()));
        } else {
            out.extend_from_slice(token);
        }
    }
    out
}

/// The length of the string that the text begins with.
fn length_of_string(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|b| {
        let is_end = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

fn is_out_of_reach(token: &[u8]) -> bool {
    let is_number =
        token.last().is_some_and(u8::is_ascii_digit) && serde_json::from_slice::<IgnoredAny>(token).is_ok();
    is_number && serde_json::from_slice::<f64>(token).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_brought_within_reach_in_its_place() {
        for (text, expected) in [
            (r#"{"a":1e400,"b":[-9e999, 2]}"#, r#"{"a":1e308,"b":[-1e308, 2]}"#),
            (r#"{"1e400\"1e400":"1e400\\"}"#, r#"{"1e400\"1e400":"1e400\\"}"#),
            ("1e400000", "1e308   "),
            ("1e300 -0 12.5e-400 1e", "1e300 -0 12.5e-400 1e"),
            ("01e999 1.e999 -", "01e999 1.e999 -"),
            ("\"1e400", "\"1e400"),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(String::from_utf8_lossy(&within_reach(text.as_bytes())), expected);
        }
        let digits = "9".repeat(400);
        assert!(within_reach(digits.as_bytes()).starts_with(b"1e308  "));
    }
}
