//! Searches bytes for texts in several encodings.

use std::collections::HashMap;

/// The byte strings to search for, by their first bytes.
pub struct Needles(HashMap<[u8; 6], Vec<(Vec<u8>, String)>>);

impl Needles {
    /// Encodes each text in every way: as UTF-8 and UTF-16, in base64 at any alignment, in hexadecimal, and as numbers.
    pub fn of(texts: &[String]) -> Self {
        let mut all: HashMap<[u8; 6], Vec<(Vec<u8>, String)>> = HashMap::new();
        for text in texts {
            let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let digits =
                |byte: u8| [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
            let hex = text.bytes().flat_map(digits).collect();
            // A list of numbers, as JSON represents bytes.
            let list: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
            let mut forms = vec![text.clone().into_bytes(), wide, hex, list.join(",").into_bytes()];
            forms.extend((0..3).map(|before| base64_inside(text.as_bytes(), before)));
            for form in forms {
                let first: [u8; 6] = form[..6].try_into().expect("six bytes");
                all.entry(first).or_default().push((form, text.clone()));
            }
        }
        Self(all)
    }

    /// The texts that the bytes contain in any encoding.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for at in 0..bytes.len().saturating_sub(5) {
            let first: [u8; 6] = bytes[at..at + 6].try_into().expect("six bytes");
            let matches =
                self.0.get(&first).into_iter().flatten().filter(|(form, _)| bytes[at..].starts_with(form));
            found.extend(matches.map(|(_, text)| text.clone()));
        }
        found.sort();
        found.dedup();
        found
    }
}

/// Whether the bytes contain a part.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The base64 characters that depend only on these bytes, if so many others (modulo 3) come before them.
fn base64_inside(bytes: &[u8], before: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |n: usize| bytes[n / 8] >> (7 - n % 8) & 1;
    // The first character begins at the next multiple of six bits, counted from before the bytes.
    let skipped = (6 - before * 8 % 6) % 6;
    let full_digits = (bytes.len() * 8 - skipped) / 6;
    let digit = |n: usize| (0..6).fold(0, |digit, bit| digit << 1 | bits(skipped + n * 6 + bit));
    (0..full_digits).map(|n| DIGITS[usize::from(digit(n))]).collect()
}

#[test]
fn texts_are_found_in_every_encoding() {
    let needles = Needles::of(&["kanarie-7".to_owned()]);
    let found = |bytes: &[u8]| !needles.found_in(bytes).is_empty();
    assert!(
        found(b"a kanarie-7 b") && found(b"\0k\0a\0n\0a\0r\0i\0e\0-\x007\0") && found(b"6b616e617269652d37")
    );
    // "kanarie-7", "xkanarie-7" and "xxkanarie-7!" in base64.
    assert!(found(b"a2FuYXJpZS03") && found(b"eGthbmFyaWUtNw==") && found(b"eHhrYW5hcmllLTch"));
    assert!(found(b"[107,97,110,97,114,105,101,45,55]"));
    assert!(!found(b"kanarie-8") && !found(b""));
}
