//! The check that refuses commonly known passwords.

use crate::value::validation::{FindingCode, Findings};

/// Long passwords that rank high in published lists of leaked passwords, in lower case.
const COMMON: [&str; 52] = [
    "0123456789012",
    "012345678910",
    "1029384756ab",
    "123123123123",
    "1234567890-=",
    "1234567890ab",
    "1234567890qw",
    "123456789abc",
    "123456abcdef",
    "1234qwerasdf",
    "1234qwerasdfzxcv",
    "123qweasdzxc",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "1qazxsw23edc",
    "abc123456789",
    "abcd12345678",
    "administrator",
    "adminadmin123",
    "asdfghjkl123",
    "asdfghjkl;'",
    "changeme1234",
    "changemeplease",
    "computer1234",
    "football1234",
    "iloveyou1234",
    "iloveyou123456",
    "letmein12345",
    "letmeinletmein",
    "mypassword123",
    "p@ssw0rd1234",
    "p@ssword1234",
    "passw0rd1234",
    "password!123",
    "password1234",
    "password12345",
    "password123456",
    "password2024",
    "password2025",
    "password2026",
    "passwordpassword",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyuiop12",
    "qwertyuiop123",
    "sunshine1234",
    "unbelievable",
    "welcome12345",
    "zaq12wsxcde3",
];

/// Adds a finding for a password that is commonly used, a run such as `abcdef`, or a repetition.
pub fn check(password: &str, pointer: &str, findings: &mut Findings) {
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) || is_repetition(&lower) || is_run(&lower) {
        findings.add(
            pointer,
            FindingCode::CommonPassword,
            "is too widely known; several unrelated words are safer",
        );
    }
}

/// Whether one to four characters repeat over and over.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=4).any(|period| {
        chars
            .iter()
            .skip(period)
            .eq(chars.iter().take(chars.len().saturating_sub(period)))
    })
}

/// Whether the characters ascend one by one, or descend one by one.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let step = |by: i64| {
        codes
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if b - a == by || (*a == 57 && *b == 48)))
    };
    codes.len() > 1 && (step(1) || step(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        let mut findings = Findings::default();
        check(password, "/password", &mut findings);
        !findings.is_empty()
    }

    #[test]
    fn well_known_ones_are_refused() {
        for password in [
            "Password1234",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "abcdefghijklm",
            "123456789012",
            "ponmlkjihgfedc",
        ] {
            assert!(refused(password), "{password}");
        }
    }

    #[test]
    fn unrelated_words_are_fine() {
        for password in [
            "correct horse battery staple",
            "Tr0ub4dor&3xyz",
            "rivers bend slowly",
            "abcdefgh1jklm",
        ] {
            assert!(!refused(password), "{password}");
        }
    }
}
