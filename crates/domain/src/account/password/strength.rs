//! How many tries it takes to guess a password.

use zxcvbn::{Score, zxcvbn};

/// So many characters are judged at once. What zxcvbn takes grows with their square and more.
const MAX_JUDGED: usize = 32;

/// Whether a password can be guessed in so few tries that it protects little: zxcvbn gives it less than 3 of 4 points. Of a
/// long password the beginning is judged and the end, and one of them must be good enough.
pub(super) fn is_guessable(password: &str, about: &[&str]) -> bool {
    let mut known = about.to_vec();
    known.push("mainstay");
    let chars: Vec<char> = password.chars().collect();
    let is_weak = |part: &[char]| {
        let part: String = part.iter().collect();
        zxcvbn(&part, &known).score() < Score::Three
    };
    let beginning = chars.get(..MAX_JUDGED);
    let end = chars.get(chars.len().saturating_sub(MAX_JUDGED)..);
    match (beginning, end) {
        (Some(beginning), Some(end)) => is_weak(beginning) && is_weak(end),
        _ => is_weak(&chars),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_password_is_judged_at_both_ends() {
        let (weak, strong) = ("a".repeat(60), "x7Qm2vLp9Zt4");
        assert!(is_guessable(&weak, &[]));
        assert!(!is_guessable(&format!("{weak}{strong}"), &[]));
        assert!(!is_guessable(&format!("{strong}{weak}"), &[]));
    }
}
