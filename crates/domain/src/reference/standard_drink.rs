//! Grams of ethanol in an amount of alcohol.
//!
//! A standard drink holds another amount of ethanol in each country. Its size is from national guidelines; each
//! entry of the data file names its source, and says which figure was chosen where the source gives a range. Most
//! countries that define one, and the AUDIT of the World Health Organization, say 10 g.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::Deserialize;

use crate::value::amount::{AmountUnit, UnitMembers};

/// Grams in a millilitre of ethanol at 20 °C.
const ETHANOL_DENSITY: f64 = 0.789;
/// Grams of ethanol in a standard drink of a country without an entry.
const DEFAULT_GRAMS: f64 = 10.0;

/// The standard drink of a country.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardDrink {
    /// Two-letter country code (ISO 3166-1).
    pub country: String,
    /// Grams of ethanol.
    pub grams: f64,
    /// The source of the figure.
    pub source: String,
    /// The date on which the figure was last reviewed.
    pub reviewed_on: NaiveDate,
}

/// The standard drinks that are shipped with the server, in the order of their countries.
pub static SHIPPED: LazyLock<Vec<StandardDrink>> = LazyLock::new(|| {
    // The file is part of the binary; a test proves that it parses.
    serde_json::from_str(include_str!("../../data/standard_drinks.json")).unwrap_or_default()
});

/// Returns the grams of ethanol in a standard drink of a country, 10 if the country has no entry. `None`
/// without a country: the size could be anything from 8 to 20 g.
pub fn standard_drink_g(country: Option<&str>) -> Option<f64> {
    let country = country?;
    let known = SHIPPED.iter().find(|drink| drink.country == country);
    Some(known.map_or(DEFAULT_GRAMS, |drink| drink.grams))
}

/// Returns the grams of ethanol in an amount of alcohol. `None` if they are not known: nobody can say how much
/// is in bottles, in millilitres without a strength, or in an amount without a unit.
///
/// `standard_drink_g` is the result of [`standard_drink_g`] for the person's country.
pub fn ethanol_grams(amount: f64, members: UnitMembers<'_>, standard_drink_g: Option<f64>) -> Option<f64> {
    let grams_of_one = match members.unit? {
        AmountUnit::StandardDrink => standard_drink_g?,
        AmountUnit::G => 1.0,
        AmountUnit::Ml => members.abv?.get() / 100.0 * ETHANOL_DENSITY,
        AmountUnit::Cigarette
        | AmountUnit::Pouch
        | AmountUnit::Joint
        | AmountUnit::Pill
        | AmountUnit::Dose
        | AmountUnit::Hour
        | AmountUnit::Currency
        | AmountUnit::Other => return None,
    };
    Some(amount * grams_of_one)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::amount::{Abv, UnitLabel};

    fn members(unit: AmountUnit, abv: Option<Abv>) -> UnitMembers<'static> {
        UnitMembers {
            unit: Some(unit),
            abv,
            label: None,
        }
    }

    #[test]
    fn every_entry_has_one_plausible_figure_with_a_source() {
        assert!(SHIPPED.len() > 20);
        let countries: Vec<&str> = SHIPPED.iter().map(|drink| drink.country.as_str()).collect();
        assert!(
            countries.is_sorted_by(|a, b| a < b),
            "sorted, each once: {countries:?}"
        );
        for drink in SHIPPED.iter() {
            assert!(crate::value::place::Country::new(&drink.country).is_some());
            assert!((8.0..=20.0).contains(&drink.grams), "{}", drink.country);
            assert!(drink.source.len() > 10, "{}", drink.country);
        }
    }

    #[test]
    fn a_standard_drink_is_that_of_the_country() {
        for (country, grams) in [
            (Some("US"), Some(14.0)),
            (Some("CA"), Some(13.45)),
            (Some("AU"), Some(10.0)),
            (Some("GB"), Some(8.0)),
            (Some("IE"), Some(10.0)),
            (Some("NZ"), Some(10.0)),
            (Some("BR"), Some(10.0)),
            (None, None),
        ] {
            assert_eq!(standard_drink_g(country), grams, "{country:?}");
        }
    }

    #[test]
    fn a_pint_of_beer_is_a_little_over_two_british_units() {
        let pint = members(AmountUnit::Ml, Abv::new(4.0));
        let grams = ethanol_grams(568.0, pint, None).unwrap();
        assert!((grams - 17.926).abs() < 0.001);
        assert!((grams / standard_drink_g(Some("GB")).unwrap() - 2.24).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn only_what_can_be_converted_has_grams(
            amount in 0.0..1e6_f64, unit in prop::sample::select(AmountUnit::ALL), hundredths in prop::option::of(1_u16..=10_000),
            country in prop::option::of(prop::sample::select(&["US", "GB", "AT", "ZZ"][..])),
        ) {
            let abv = hundredths.and_then(|n| Abv::new(f64::from(n) / 100.0));
            let label = UnitLabel::new("standard drinks");
            let drink = standard_drink_g(country);
            let grams = ethanol_grams(amount, UnitMembers { unit: Some(unit), abv, label: label.as_ref() }, drink);
            let is_known = match unit {
                AmountUnit::StandardDrink => country.is_some(),
                AmountUnit::G => true,
                AmountUnit::Ml => abv.is_some(),
                _ => false,
            };
            prop_assert_eq!(grams.is_some(), is_known);
            // No drink holds more ethanol than pure ethanol, and none a negative amount.
            prop_assert!(grams.is_none_or(|grams| (0.0..=amount * 20.0).contains(&grams)));
            if unit == AmountUnit::Ml {
                prop_assert!(grams.is_none_or(|grams| grams <= amount * 0.79));
            }
            prop_assert_eq!(ethanol_grams(amount, UnitMembers { unit: None, abv, label: None }, drink), None);
        }

        #[test]
        fn more_of_the_same_is_never_fewer_grams(one in 0.0..1e6_f64, two in 0.0..1e6_f64, unit in prop::sample::select(AmountUnit::ALL)) {
            let of = |amount| ethanol_grams(amount, members(unit, Abv::new(5.0)), Some(14.0));
            prop_assert_eq!(of(one.min(two)) <= of(one.max(two)), true);
        }
    }
}
