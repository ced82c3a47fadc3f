//! Suggests the known name that was probably meant by a misspelt one.

/// The longest name that is compared. No known name is longer, and comparing takes the product of the lengths.
const MAX_LENGTH: usize = 60;

/// Returns the known name that is nearest to a name, if one is so near that the name is probably a
/// misspelling of it: the same but for upper and lower case, `_` and `-`, or with at most a third of its
/// letters wrong, and at most two.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = letters(name);
    if letters.is_empty() || letters.len() > MAX_LENGTH {
        return None;
    }
    let distances = known
        .into_iter()
        .map(|candidate| (distance(&letters, &self::letters(candidate)), candidate));
    let (least, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= 2 && least * 3 <= letters.len()).then_some(candidate)
}

/// The letters of a name in lower case, without separators.
fn letters(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .take(MAX_LENGTH + 1)
        .collect()
}

/// The number of letters to insert, remove, replace or swap with their neighbour, to make one text of the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous_letter = None;
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_target = None;
        for (column, target) in to.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(letter != target);
            let mut cost = replaced
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            if previous_letter == Some(target)
                && previous_target == Some(letter)
                && let Some(two_before) = column.checked_sub(1)
            {
                cost = cost.min(at(&before_last, two_before) + 1);
            }
            current.push(cost);
            previous_target = Some(target);
        }
        before_last = std::mem::replace(&mut last, current);
        previous_letter = Some(letter);
    }
    last.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_another_word_is_not() {
        let known = ["enableWhen", "linkId", "required", "text", "type", "item", "code"];
        for (name, meant) in [
            ("enableWen", Some("enableWhen")),
            ("enable_when", Some("enableWhen")),
            ("linkid", Some("linkId")),
            ("reqiured", Some("required")),
            ("txt", Some("text")),
            ("items", Some("item")),
            ("colour", None),
            ("answerValueSet_TBD", None),
            ("x", None),
            ("", None),
            ("_", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest(&"text".repeat(1_000_000), known), None);
    }
}
