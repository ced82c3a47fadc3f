//! Handles JSON numbers that are too large for a 64-bit float, which the JSON parser refuses.

use serde::de::IgnoredAny;

/// Replaces each number that is too large by the largest power of ten that a float can hold. A schema that limits the
/// number refuses the replacement too, and can name its field. Everything keeps its line and column.
pub fn clamp_large_numbers(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let (token, after) = rest.split_at(match first {
            b'"' => length_of_string(rest),
            b'-' | b'0'..=b'9' => rest
                .iter()
                .position(|b| !is_number_byte(*b))
                .unwrap_or(rest.len()),
            _ => 1,
        });
        rest = after;
        if is_too_large(token) {
            // A number that is too large is at least as long as its replacement.
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

/// Returns the length of the JSON string at the beginning of the text, with its quotes.
fn length_of_string(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|b| {
        let is_end = *b == b'"' && !is_escaped;
        is_escaped = *b == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

fn is_too_large(token: &[u8]) -> bool {
    let is_number =
        token.last().is_some_and(u8::is_ascii_digit) && serde_json::from_slice::<IgnoredAny>(token).is_ok();
    is_number && serde_json::from_slice::<f64>(token).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_too_large_is_replaced_in_its_place() {
        for (text, expected) in [
            (r#"{"a":1e400,"b":[-9e999, 2]}"#, r#"{"a":1e308,"b":[-1e308, 2]}"#),
            (r#"{"1e400\"1e400":"1e400\\"}"#, r#"{"1e400\"1e400":"1e400\\"}"#),
            ("1e400000", "1e308   "),
            ("1e300 -0 12.5e-400 1e", "1e300 -0 12.5e-400 1e"),
            ("01e999 1.e999 -", "01e999 1.e999 -"),
            ("\"1e400", "\"1e400"),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&clamp_large_numbers(text.as_bytes())),
                expected
            );
        }
        let digits = "9".repeat(400);
        assert!(clamp_large_numbers(digits.as_bytes()).starts_with(b"1e308  "));
    }
}
