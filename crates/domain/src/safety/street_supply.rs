//! Drugs that do not come from a pharmacy and may hold fentanyl.

use super::situation::{RECENT_USE_DAYS, SafetyInput, Situation};
use crate::{
    insight::facts::use_span,
    value::{
        amount::{AmountUnit, UnitMembers},
        vocabulary::Substance,
    },
};

/// Words for pills, without the `s` or `n` of the plural.
const PILLS: [&str; 16] = [
    "pill",
    "tab",
    "tablet",
    "tablette",
    "cap",
    "capsule",
    "caplet",
    "softgel",
    "lozenge",
    "bar",
    "pille",
    "kapsel",
    "comprimé",
    "comprimido",
    "pastilla",
    "gélule",
];

/// Returns the cravings and uses of the last 7 days of stimulants, sedatives and pills that were not prescribed. A
/// craving without a substance is for what the record is about.
pub(super) fn street_supply(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let uses = situation.facts.counted_uses();
    let of_use = uses
        .filter(|event| may_hold_fentanyl(event.record.substance, event.record.unit_members()))
        .filter(|event| situation.is_recent(event.id, use_span(&event.record).1))
        .map(|event| SafetyInput::of_use(event, "substance"));
    let about: Vec<SafetyInput> = (situation.subjects(RECENT_USE_DAYS))
        .filter(|subject| may_hold_fentanyl(subject.substance, subject.unit))
        .map(|subject| subject.input)
        .collect();
    let of_craving = (situation.facts.cravings.iter())
        .filter(|event| {
            event
                .record
                .substance
                .map_or(!about.is_empty(), is_often_counterfeit)
        })
        .filter(|event| situation.is_recent(event.id, event.record.occurred_at.local_date()))
        .map(|event| SafetyInput::of_craving(event, "substance"));
    let mut inputs: Vec<SafetyInput> = of_use.chain(of_craving).collect();
    if situation.asks_for_help {
        inputs.extend(about);
    }
    inputs
}

/// Whether a substance is often something else than what it is sold as.
const fn is_often_counterfeit(substance: Substance) -> bool {
    substance.is_stimulant() || matches!(substance, Substance::Sedative | Substance::OpioidPrescription)
}

fn may_hold_fentanyl(substance: Substance, unit: UnitMembers<'_>) -> bool {
    is_often_counterfeit(substance) || (substance.is_drug() && is_pill(unit))
}

/// Whether amounts count pills, by the unit or by the person's own word for it.
fn is_pill(unit: UnitMembers<'_>) -> bool {
    let is_own_word = matches!(unit.unit, None | Some(AmountUnit::Other));
    let label = unit
        .label
        .filter(|_| is_own_word)
        .map(|label| label.to_lowercase());
    let mut words = (label.iter()).flat_map(|label| label.split(|c: char| !c.is_alphanumeric()));
    let is_word_for_pill = |word: &str| PILLS.iter().any(|pill| word == *pill || is_plural(word, pill));
    unit.unit == Some(AmountUnit::Pill) || words.any(is_word_for_pill)
}

fn is_plural(word: &str, singular: &str) -> bool {
    let ending = word.strip_prefix(singular);
    ending.is_some_and(|ending| matches!(ending, "s" | "n" | "es"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::amount::UnitLabel;

    fn is_pill_with(unit: Option<AmountUnit>, label: &str) -> bool {
        let label = UnitLabel::new(label);
        is_pill(UnitMembers {
            unit,
            abv: None,
            label: label.as_ref(),
        })
    }

    #[test]
    fn a_pill_is_told_by_its_unit_or_by_the_own_word_for_it() {
        assert!(is_pill_with(Some(AmountUnit::Pill), ""));
        for label in [
            "pills",
            " Pills ",
            "tab",
            "TABS",
            "blue tablets",
            "caps",
            "10-mg pill",
            "Tabletten",
            "Pillen",
        ] {
            assert!(is_pill_with(Some(AmountUnit::Other), label), "{label}");
            assert!(is_pill_with(None, label), "{label}");
        }
        for label in ["bottles", "lines", "pillows", "table", "bags", ""] {
            assert!(!is_pill_with(Some(AmountUnit::Other), label), "{label}");
        }
        assert!(!is_pill_with(Some(AmountUnit::G), "pills"));
        assert!(!is_pill_with(None, ""));
    }
}
