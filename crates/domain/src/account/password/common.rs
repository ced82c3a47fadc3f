//! Passwords that many people use: lists of leaked passwords show the same few habits again and again.
//!
//! The habits are rules here, not a list: a run of characters, a repetition, a walk over the keyboard, counting, and a word that
//! is used very often with digits and signs around it. Only what fits no rule is listed by itself.

/// Words of which the most used passwords of public counts consist, the same ones every year. In lower case and without digits.
const WORDS: [&str; 76] = [
    "abc",
    "access",
    "admin",
    "administrator",
    "angel",
    "anthony",
    "ashley",
    "asdf",
    "baseball",
    "basketball",
    "batman",
    "buster",
    "change",
    "changeme",
    "charlie",
    "cheese",
    "chelsea",
    "chocolate",
    "computer",
    "cookie",
    "daniel",
    "default",
    "donald",
    "dragon",
    "family",
    "flower",
    "football",
    "forever",
    "freedom",
    "friends",
    "hello",
    "hunter",
    "iloveu",
    "iloveyou",
    "internet",
    "jennifer",
    "jessica",
    "jordan",
    "justin",
    "killer",
    "letmein",
    "liverpool",
    "login",
    "loveme",
    "lovely",
    "master",
    "michael",
    "michelle",
    "monkey",
    "mustang",
    "my",
    "password",
    "passw",
    "pass",
    "please",
    "pokemon",
    "princess",
    "qwer",
    "qwert",
    "qwerty",
    "qwertyuiop",
    "root",
    "secret",
    "shadow",
    "soccer",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "test",
    "trustno",
    "welcome",
    "whatever",
    "winter",
    "user",
    "zxcvbn",
];

/// What people use of twelve characters and more that fits none of the rules.
const OTHERS: [&str; 12] = [
    "1029384756ab",
    "1234567890ab",
    "1234567890qw",
    "123456abcdef",
    "abcd12345678",
    "123qweasdzxc",
    "qazwsxedcrfv",
    "thequickbrownfox",
    "tobeornottobe",
    "unbelievable",
    "whatdoiknow",
    "zaqxswcdevfr",
];

/// Rows of the keyboard with and without shift, and its columns downwards.
const KEYBOARD: [&str; 11] = [
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "qwertyuiop[]\\",
    "qwertyuiop{}|",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1qazxsw23edcvfr45tgbnhy67ujm",
    "zaq12wsxcde34rfvbgt56yhnmju7",
];

/// The shortest part of a walk over the keyboard that counts as one.
const MIN_WALK: usize = 3;

/// Whether many people use a password.
pub(super) fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    if lower.is_empty() {
        return false;
    }
    is_repetition(&lower)
        || is_run(&lower)
        || is_counting(&lower)
        || is_walk(&lower)
        || OTHERS.contains(&lower.as_str())
        || is_word_with_trimmings(&lower)
}

/// Whether a part of up to a third of the text repeats over and over.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let longest = (chars.len() / 3).max(4);
    (1..=longest.min(chars.len().saturating_sub(1))).any(|period| {
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

/// Whether somebody counted up or down, as in 123456789101112.
fn is_counting(text: &str) -> bool {
    let first = (1..=4).filter_map(|length| text.get(..length)?.parse::<i64>().ok());
    first.into_iter().any(|first| {
        [1, -1].into_iter().any(|step| {
            let (mut rest, mut number) = (text, first);
            while !rest.is_empty() && number >= 0 {
                match rest.strip_prefix(&number.to_string()) {
                    Some(after) => rest = after,
                    // The last number may be cut.
                    None => return number.to_string().starts_with(rest),
                }
                number += step;
            }
            rest.is_empty()
        })
    })
}

/// Whether the whole text consists of walks along the keyboard, in any direction.
fn is_walk(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut rest = chars.as_slice();
    while !rest.is_empty() {
        let length = (MIN_WALK..=rest.len())
            .take_while(|length| rest.get(..*length).is_some_and(is_part_of_keyboard))
            .last();
        let Some(after) = length.and_then(|length| rest.get(length..)) else {
            return false;
        };
        rest = after;
    }
    true
}

fn is_part_of_keyboard(part: &[char]) -> bool {
    let forwards: String = part.iter().collect();
    let backwards: String = part.iter().rev().collect();
    KEYBOARD
        .iter()
        .any(|row| row.contains(&forwards) || row.contains(&backwards))
}

/// Whether there is nothing but common words, digits and signs, also if letters between the first and the last one are written
/// as digits and signs that look like them.
fn is_word_with_trimmings(lower: &str) -> bool {
    let as_letters: String = lower
        .trim_matches(|c: char| !c.is_alphabetic())
        .chars()
        .map(look_alike)
        .collect();
    [lower, &as_letters].into_iter().any(|text| {
        let letters: String = text.chars().filter(|c| c.is_alphabetic()).collect();
        !letters.is_empty() && consists_of_words(&letters)
    })
}

/// Whether a text is a row of common words. A password has 128 characters at most, so this is soon done.
fn consists_of_words(text: &str) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached.iter_mut().take(1).for_each(|start| *start = true);
    for start in 0..text.len() {
        let Some(rest) = text.get(start..).filter(|_| reached.get(start) == Some(&true)) else {
            continue;
        };
        for word in WORDS.iter().filter(|word| rest.starts_with(**word)) {
            if let Some(end) = reached.get_mut(start + word.len()) {
                *end = true;
            }
        }
    }
    reached.last() == Some(&true)
}

/// The letter for which a digit or sign is often written.
const fn look_alike(c: char) -> char {
    match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_are_refused() {
        for password in [
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
        ] {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn what_only_begins_like_a_habit_is_no_habit() {
        for password in [
            "rivers bend slowly",
            "abcdefgh1jklm",
            "1234 rivers bend",
            "password of the hill people",
            "qwertz rivers bend",
            "123456789101113",
            "\u{fc}\u{e9}\u{1f31e}",
            "",
        ] {
            assert!(!is_common(password), "{password}");
        }
    }
}
