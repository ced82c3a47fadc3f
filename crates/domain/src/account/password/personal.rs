//! Passwords that are made of what others know of their owner.

/// The names of the app and of what it is for, which are the first guesses here.
const PRODUCT: [&str; 4] = ["mainstay", "recovery", "sober", "sobriety"];

/// The shortest name that counts.
const MIN_NAME: usize = 3;
/// So many letters beside the names are enough.
const MIN_OTHER: usize = 6;

/// Whether a password holds hardly anything but the names of the app and what is known of its owner: the address, its parts,
/// and the words of the name.
pub(super) fn is_made_of(password: &str, about: &[&str]) -> bool {
    let mut names: Vec<String> = PRODUCT.iter().map(|name| (*name).to_owned()).collect();
    for known in about {
        let known = known.to_lowercase();
        names.extend(known.split('@').map(str::to_owned));
        let words = known.split(|c: char| !c.is_alphanumeric());
        names.extend(words.map(str::to_owned));
        names.push(known);
    }
    names.retain(|name| name.chars().count() >= MIN_NAME);
    // The longest first, so that the whole address goes before its parts.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let lower = password.to_lowercase();
    let mut rest = lower.clone();
    for name in &names {
        rest = rest.replace(name, " ");
    }
    rest != lower && rest.chars().filter(|c| c.is_alphabetic()).count() < MIN_OTHER
}
