//! The list of words that no text for a person in recovery may contain.

/// Words that blame, label or shame.
const UNKIND: [&str; 22] = [
    "abuse",
    "abused",
    "abuser",
    "abusing",
    "addict",
    "addicts",
    "alcoholic",
    "broke",
    "broken",
    "clean",
    "dirty",
    "drunk",
    "fail",
    "failed",
    "fails",
    "failure",
    "junkie",
    "relapsed",
    "reset",
    "shameful",
    "weak",
    "willpower",
];

/// Finds the unkind words in a text. Only whole words count; case does not matter.
pub fn unkind_words(text: &str) -> Vec<&'static str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    UNKIND
        .into_iter()
        .filter(|unkind| words.contains(unkind))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_whatever_their_case() {
        assert_eq!(unkind_words("You FAILED; start clean."), ["clean", "failed"]);
        assert_eq!(unkind_words("A cleaner breakfast."), Vec::<&str>::new());
    }
}
