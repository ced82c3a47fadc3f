//! Amounts: numbers of units, such as drinks, that may have decimals, and the units that they count.

use serde::{Deserialize, Deserializer, Serialize, de};
use strum::{IntoStaticStr, VariantArray};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

use crate::value::{
    decimal::rounded,
    text::Text,
    validation::{FindingCode, Findings},
};

/// The largest allowed amount.
pub const MAX_AMOUNT: f64 = 1_000_000.0;

/// A number of units from 0 to 1 000 000.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Amount(f64);

impl Amount {
    /// Creates an amount; `None` if the value is out of range.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=MAX_AMOUNT).contains(&value).then_some(Self(value))
    }

    /// Returns the plain number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| de::Error::custom("must be a number from 0 to 1000000"))
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .minimum(Some(0))
            .maximum(Some(1_000_000))
            .into()
    }
}
impl ToSchema for Amount {}

/// The unit of an amount. More units may be added, so clients must accept names that they do not know.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, ToSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AmountUnit {
    /// Standard drinks of the person's country; in the United Kingdom, units.
    StandardDrink,
    /// Grams; for alcohol, grams of ethanol.
    G,
    /// Millilitres; for alcohol, of the drink, whose strength is in `abv`.
    Ml,
    /// Cigarettes.
    Cigarette,
    /// Pouches.
    Pouch,
    /// Joints.
    Joint,
    /// Pills.
    Pill,
    /// Doses.
    Dose,
    /// Hours.
    Hour,
    /// Money, such as 20.50.
    Currency,
    /// Anything else, such as bottles. `unit_label` has the person's own word for it.
    Other,
}

impl AmountUnit {
    /// Every unit.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the unit with a name on the wire. `None` if there is none of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|unit| unit.as_str() == name)
    }
}

/// The person's own word for a unit.
pub type UnitLabel = Text<1, 60>;

/// The strength of a drink: alcohol by volume in percent, above 0 and at most 100, with up to two decimals.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Abv(f64);

impl Abv {
    /// Creates a strength; `None` if it is out of range or has more than two decimals.
    pub fn new(percent: f64) -> Option<Self> {
        let rounded = rounded(percent, 2);
        // A client that computes 3.5 from 35 × 0.1 is a few billionths off.
        ((percent - rounded).abs() < 1e-6 && rounded > 0.0 && rounded <= 100.0).then_some(Self(rounded))
    }

    /// Returns the percentage.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Abv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).ok_or_else(|| {
            de::Error::custom("must be a percentage above 0 and at most 100, with up to two decimals")
        })
    }
}

impl PartialSchema for Abv {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .minimum(Some(0.01))
            .maximum(Some(100))
            .multiple_of(Some(0.01))
            .into()
    }
}
impl ToSchema for Abv {}

/// The unit of a record's amounts, with the members that say more about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitMembers<'a> {
    /// `unit`.
    pub unit: Option<AmountUnit>,
    /// `abv`.
    pub abv: Option<Abv>,
    /// `unit_label`.
    pub label: Option<&'a UnitLabel>,
}

impl UnitMembers<'_> {
    /// Adds a finding for each member that does not apply to the unit.
    pub fn check(self, findings: &mut Findings) {
        let rules = [
            (
                "/abv",
                self.abv.is_some(),
                AmountUnit::Ml,
                "a strength needs the unit ml",
            ),
            (
                "/unit_label",
                self.label.is_some(),
                AmountUnit::Other,
                "an own word for the unit needs the unit other",
            ),
        ];
        for (pointer, is_present, needed, message) in rules {
            match self.unit {
                None if is_present => findings.add("/unit", FindingCode::Required, message),
                Some(unit) if is_present && unit != needed => {
                    findings.add(pointer, FindingCode::NotApplicable, message);
                }
                _ => {}
            }
        }
    }

    /// Returns whether amounts in both units can be compared and added as they are.
    pub fn is_same(self, other: UnitMembers<'_>) -> bool {
        let word = |label: Option<&UnitLabel>| label.map(|label| label.trim().to_lowercase());
        match (self.unit, other.unit) {
            // Without a word for it, nothing is known of the unit.
            (Some(AmountUnit::Other), Some(AmountUnit::Other)) => {
                self.label.is_some() && word(self.label) == word(other.label)
            }
            (Some(AmountUnit::Ml), Some(AmountUnit::Ml)) => self.abv == other.abv,
            (Some(one), Some(two)) => one == two,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_unit_has_one_name_everywhere() {
        for unit in AmountUnit::ALL {
            assert_eq!(serde_json::to_value(unit).unwrap(), unit.as_str());
            assert_eq!(AmountUnit::from_name(unit.as_str()), Some(*unit));
        }
        for wrong in ["drinks", "G", " g", "", "StandardDrink"] {
            assert_eq!(AmountUnit::from_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn members_that_do_not_apply_to_the_unit_are_named() {
        let (abv, label) = (Abv::new(5.0), UnitLabel::new("bottles"));
        for unit in AmountUnit::ALL.iter().copied().map(Some).chain([None]) {
            for (abv, label) in [
                (None, None),
                (abv, None),
                (None, label.clone()),
                (abv, label.clone()),
            ] {
                let label = label.as_ref();
                let mut findings = Findings::default();
                UnitMembers { unit, abv, label }.check(&mut findings);
                let named: Vec<String> = findings.into_vec().into_iter().map(|f| f.pointer).collect();
                let wrong_abv = abv.is_some() && unit != Some(AmountUnit::Ml);
                let wrong_label = label.is_some() && unit != Some(AmountUnit::Other);
                let all = [(wrong_abv, "/abv"), (wrong_label, "/unit_label")];
                let expected: Vec<&str> = all
                    .into_iter()
                    .filter(|(wrong, _)| *wrong)
                    .map(|(_, at)| if unit.is_none() { "/unit" } else { at })
                    .collect();
                assert_eq!(named, expected, "{unit:?} {abv:?} {label:?}");
            }
        }
    }

    #[test]
    fn only_the_same_unit_is_the_same() {
        let members = |unit: &str, abv: Option<f64>| (AmountUnit::from_name(unit), abv.and_then(Abv::new));
        let (bottles, other_bottles, cans) = (
            UnitLabel::new("bottles"),
            UnitLabel::new(" Bottles"),
            UnitLabel::new("cans"),
        );
        let of = |(unit, abv), label: &Option<UnitLabel>| {
            let label = label.as_ref();
            UnitMembers { unit, abv, label }.is_same(UnitMembers {
                unit,
                abv,
                label: bottles.as_ref(),
            })
        };
        assert!(of(members("g", None), &None));
        assert!(of(members("ml", Some(5.0)), &None));
        assert!(of(members("other", None), &bottles));
        assert!(of(members("other", None), &other_bottles));
        assert!(!of(members("other", None), &cans));
        assert!(!of(members("other", None), &None));
        assert!(!of((None, None), &bottles));
    }

    proptest! {
        #[test]
        fn every_strength_with_two_decimals_is_read_as_it_was_sent(hundredths in 1_u32..=10_000) {
            let percent = f64::from(hundredths) / 100.0;
            let read: Abv = serde_json::from_str(&percent.to_string()).unwrap();
            prop_assert_eq!(read.get().to_string(), percent.to_string());
            prop_assert_eq!(serde_json::to_string(&Abv::new(f64::from(hundredths) * 0.01)).unwrap(), serde_json::to_string(&read).unwrap());
        }

        #[test]
        fn no_other_strength_is_taken(percent in prop_oneof![-1e9..0.0_f64, 100.001..1e9_f64, Just(0.0), Just(0.004), Just(4.125), Just(f64::NAN), Just(f64::INFINITY)]) {
            prop_assert_eq!(Abv::new(percent), None);
        }
    }
}
