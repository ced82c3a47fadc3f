//! Amounts of use in the unit of a goal, so that they can be added and compared with its limits.

use crate::{
    goal::Goal, reference::standard_drink::ethanol_grams, use_event::UseEvent, value::vocabulary::Substance,
};

/// The share of a limit by which a computed amount may differ from it and still be equal to it.
const TOLERANCE: f64 = 1e-9;

/// Returns the amount of a use event in the unit of a goal. `None` if it is not known.
///
/// Amounts of alcohol are converted by their grams of ethanol. All others are known only in the goal's own unit.
pub fn in_unit_of_goal(event: &UseEvent, goal: &Goal, standard_drink_g: Option<f64>) -> Option<f64> {
    let amount = event.amount?.get();
    let (used, counted) = (event.unit_members(), goal.unit_members());
    if used.is_same(counted) {
        return Some(amount);
    }
    if goal.substance != Substance::Alcohol {
        return None;
    }
    let grams_of_one = ethanol_grams(1.0, counted, standard_drink_g)?;
    Some(ethanol_grams(amount, used, standard_drink_g)? / grams_of_one)
}

/// Returns whether an amount is above a limit. Sums and conversions are not exact, so a hair's breadth is not
/// above it.
pub fn is_above(amount: f64, limit: f64) -> bool {
    amount - limit > TOLERANCE * limit.max(1.0)
}

/// Returns whether an amount has reached a threshold, or misses it by a hair's breadth only.
pub fn has_reached(amount: f64, threshold: f64) -> bool {
    threshold - amount <= TOLERANCE * threshold.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::Record,
        value::amount::{Abv, Amount, AmountUnit, UnitLabel},
    };

    fn converted(
        substance: Substance,
        used: (Option<f64>, &str, Option<f64>, &str),
        counted: (&str, Option<f64>, &str),
        standard_drink_g: Option<f64>,
    ) -> Option<f64> {
        let event = UseEvent {
            substance,
            amount: used.0.and_then(Amount::new),
            unit: AmountUnit::from_name(used.1),
            abv: used.2.and_then(Abv::new),
            unit_label: UnitLabel::new(used.3),
            ..UseEvent::example()
        };
        let goal = Goal {
            substance,
            unit: AmountUnit::from_name(counted.0),
            abv: counted.1.and_then(Abv::new),
            unit_label: UnitLabel::new(counted.2),
            ..Goal::example()
        };
        in_unit_of_goal(&event, &goal, standard_drink_g)
    }

    #[test]
    fn only_the_same_unit_and_grams_of_ethanol_are_compared() {
        use Substance::{Alcohol, Nicotine, Sedative};
        let us = Some(14.0);
        let drinks = ("standard_drink", None, "");
        #[rustfmt::skip]
        let cases = [
            // The same unit.
            (Alcohol, (Some(3.0), "standard_drink", None, ""), drinks, None, Some(3.0)),
            (Nicotine, (Some(3.0), "cigarette", None, ""), ("cigarette", None, ""), None, Some(3.0)),
            (Alcohol, (Some(2.0), "other", None, "bottles"), ("other", None, "Bottles "), us, Some(2.0)),
            (Alcohol, (Some(500.0), "ml", None, ""), ("ml", None, ""), us, Some(500.0)),
            // Convertible.
            (Alcohol, (Some(28.0), "g", None, ""), drinks, us, Some(2.0)),
            (Alcohol, (Some(2.0), "standard_drink", None, ""), ("g", None, ""), us, Some(28.0)),
            (Alcohol, (Some(500.0), "ml", Some(10.0), ""), ("ml", Some(5.0), ""), None, Some(1000.0)),
            // Not to be compared.
            (Alcohol, (Some(28.0), "g", None, ""), drinks, None, None),
            (Alcohol, (Some(2.0), "other", None, "bottles"), drinks, us, None),
            (Alcohol, (Some(2.0), "other", None, "standard drinks"), drinks, us, None),
            (Alcohol, (Some(2.0), "other", None, "bottles"), ("other", None, "cans"), us, None),
            (Alcohol, (Some(2.0), "other", None, ""), ("other", None, ""), us, None),
            (Alcohol, (Some(500.0), "ml", None, ""), drinks, us, None),
            (Alcohol, (Some(500.0), "ml", None, ""), ("ml", Some(5.0), ""), us, None),
            (Alcohol, (Some(2.0), "", None, ""), drinks, us, None),
            (Alcohol, (Some(2.0), "", None, ""), ("", None, ""), us, None),
            (Alcohol, (Some(2.0), "standard_drink", None, ""), ("", None, ""), us, None),
            (Alcohol, (None, "standard_drink", None, ""), drinks, us, None),
            (Nicotine, (Some(3.0), "pouch", None, ""), ("cigarette", None, ""), us, None),
            (Sedative, (Some(3.0), "g", None, ""), drinks, us, None),
        ];
        for (substance, used, counted, standard_drink_g, expected) in cases {
            let actual = converted(substance, used, counted, standard_drink_g);
            let is_equal = actual.is_some() == expected.is_some()
                && actual
                    .zip(expected)
                    .is_none_or(|(one, two)| (one - two).abs() < 1e-9);
            assert!(is_equal, "{substance:?} {used:?} in {counted:?}: {actual:?}");
        }
    }

    #[test]
    fn rounding_of_sums_and_conversions_neither_breaks_a_limit_nor_hides_a_heavy_day() {
        assert!(!is_above(0.1 + 0.2, 0.3) && is_above(0.31, 0.3) && !is_above(0.0, 0.0));
        assert!(has_reached(0.7 + 0.1, 0.8) && !has_reached(0.79, 0.8));
        assert!(!is_above(3.0 * 13.45 / 13.45, 3.0) && has_reached(40.35 / 13.45, 3.0));
        assert!(is_above(1e-6, 0.0));
    }
}
