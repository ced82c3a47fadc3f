//! Where a person lived before a discharge: in a stay, away from opioids, or in freedom.

/// Beginnings of words that tell of a stay, whatever else is said.
const STAY: [&str; 19] = [
    "inpatient",
    "residential",
    "detox",
    "rehab",
    "jail",
    "prison",
    "penitentiary",
    "detention",
    "detained",
    "custod",
    "correction",
    "incarcerat",
    "remand",
    "ward",
    "sober",
    "halfway",
    "stationär",
    "entgiftung",
    "gefängnis",
];
/// Pairs of words that tell of a stay, such as a nursing home or a therapeutic community.
const STAY_PAIRS: [(&str, &str); 8] = [
    ("in", "patient"),
    ("nursing", "home"),
    ("care", "home"),
    ("recovery", "home"),
    ("recovery", "house"),
    ("group", "home"),
    ("therapeutic", "community"),
    ("home", "confinement"),
];
/// Beginnings of words that tell of life in freedom, also with a hospital.
const OUTPATIENT: [&str; 4] = ["outpatient", "ambulan", "ambulat", "aftercare"];
/// Pairs of words of the same meaning.
const OUTPATIENT_PAIRS: [(&str, &str); 2] = [("out", "patient"), ("after", "care")];
/// Words that tell of life in freedom, unless a hospital is named.
const FREE: [&str; 2] = ["home", "community"];

/// Whether a level of care says that the person lived in freedom there.
///
/// Words of a stay count for more than words of freedom: home detention is no freedom. A hospital is a stay too, except
/// its outpatient clinic. A level without any of these words is taken for a stay.
pub(super) fn is_in_freedom(level: &str) -> bool {
    let spaced = spaced(level);
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let begins = |stems: &[&str]| (words.iter()).any(|word| stems.iter().any(|stem| word.starts_with(stem)));
    let has_pair = |pairs: &[(&str, &str)]| {
        (words.iter().zip(words.iter().skip(1))).any(|(one, two)| {
            (pairs.iter())
                .any(|(first, second)| one == first && two.strip_suffix('s').unwrap_or(two) == *second)
        })
    };
    if begins(&STAY) || has_pair(&STAY_PAIRS) {
        return false;
    }
    let is_outpatient = begins(&OUTPATIENT) || has_pair(&OUTPATIENT_PAIRS);
    is_outpatient || (!begins(&["hospital"]) && words.iter().any(|word| FREE.contains(word)))
}

/// Writes a level in small letters, with a space between its words: `IntensiveOutpatient` is two.
fn spaced(level: &str) -> String {
    let mut spaced = String::with_capacity(level.len() + 8);
    let mut is_after_small = false;
    for c in level.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && is_after_small) {
            spaced.push(' ');
        }
        if c.is_alphanumeric() {
            spaced.extend(c.to_lowercase());
        }
        is_after_small = c.is_lowercase();
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_stay_count_for_more_than_words_of_freedom() {
        for level in [
            "community hospital",
            "Nursing Home",
            "nursing homes",
            "home detention",
            "recovery home",
            "community residential re-entry",
            "Community Corrections Center",
            "in-patient (community)",
            "inpatient, then outpatient",
            "hospital at home",
            "outpatient detox",
            "sober-living home",
            "therapeutic community",
            "residential_outpatient",
            "ambulante Entgiftung",
        ] {
            assert!(!is_in_freedom(level), "{level}");
        }
    }

    #[test]
    fn an_outpatient_clinic_of_a_hospital_is_freedom() {
        for level in [
            "intensive_outpatient",
            "IntensiveOutpatient",
            "Out-Patient",
            "outpatient hospital clinic",
            "hospital outpatient",
            "home",
            "at home, in the community",
            "community",
            "aftercare",
            "ambulatory care",
            "ambulante Therapie",
        ] {
            assert!(is_in_freedom(level), "{level}");
        }
    }

    #[test]
    fn a_level_that_nobody_knows_is_taken_for_a_stay() {
        for level in [
            "",
            "Haus am See",
            "homeless shelter",
            "level 3.5",
            "day programme",
            "🏠",
        ] {
            assert!(!is_in_freedom(level), "{level}");
        }
    }
}
