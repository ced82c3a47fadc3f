//! The form of use events before amounts had units of a list: `unit` was any text of up to 60 characters.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::UseEvent;
use crate::{
    record::json,
    value::amount::{AmountUnit, UnitLabel},
};

/// The members that tell the two forms apart.
#[derive(Deserialize)]
struct Unit {
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    amount: Option<IgnoredAny>,
}

/// Returns a stored use event with a unit of the list. A text that is no name of a unit becomes `other` with
/// the text as its label. A unit without an amount is left out, because it says nothing. `None` if nothing has
/// to change.
pub(super) fn with_listed_unit(stored: &[u8]) -> Option<Vec<u8>> {
    let members: Unit = serde_json::from_slice(stored).ok()?;
    let text = members.unit?;
    if members.amount.is_some() && AmountUnit::from_name(&text).is_some() {
        return None;
    }
    let mut event: Map<String, Value> = serde_json::from_slice(stored).ok()?;
    event.remove("unit");
    if members.amount.is_some() {
        event.insert("unit".to_owned(), AmountUnit::Other.as_str().into());
        // A word that no longer is a valid label would make the whole record unreadable.
        if let Some(label) = UnitLabel::new(text) {
            event.insert("unit_label".to_owned(), label.to_string().into());
        }
    } else {
        event.remove("abv");
        event.remove("unit_label");
    }
    let event: UseEvent = serde_json::from_value(event.into()).ok()?;
    Some(json(&event))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        record::Record,
        value::{timestamp::example_time, validation::Findings},
    };

    fn now() -> DateTime<Utc> {
        example_time("2026-09-01T00:00:00Z").to_utc()
    }

    fn stored(unit: &str, amount: Option<f64>) -> Value {
        let mut event = serde_json::to_value(UseEvent::example()).unwrap();
        event["unit"] = unit.into();
        event["amount"] = amount.into();
        event
    }

    #[test]
    fn a_record_in_the_present_form_is_left_as_it_is() {
        assert_eq!(with_listed_unit(&json(&UseEvent::example())), None);
        let without = UseEvent {
            unit: None,
            ..UseEvent::example()
        };
        assert_eq!(with_listed_unit(&json(&without)), None);
        assert_eq!(with_listed_unit(b"not json"), None);
    }

    #[test]
    fn an_own_word_becomes_the_label() {
        let current = with_listed_unit(&json(&stored("Flaschen \"Bier\"", Some(2.0)))).unwrap();
        let current: Value = serde_json::from_slice(&current).unwrap();
        assert_eq!(
            (&current["unit"], &current["unit_label"]),
            (&json!("other"), &json!("Flaschen \"Bier\""))
        );
        assert_eq!(current["amount"], json!(2.0));
        let without_amount = with_listed_unit(&json(&stored("mg", None))).unwrap();
        let without_amount: Value = serde_json::from_slice(&without_amount).unwrap();
        assert_eq!(
            (without_amount.get("unit"), without_amount.get("unit_label")),
            (None, None)
        );
    }

    proptest! {
        #[test]
        fn every_earlier_record_stays_readable_and_valid(unit in any::<String>(), listed in prop::option::of(prop::sample::select(AmountUnit::ALL)), amount in prop::option::of(0.0..1e6_f64)) {
            let unit = listed.map_or(unit, |listed| listed.as_str().to_owned());
            let before = json(&stored(&unit, amount));
            let after = UseEvent::in_current_form(&before).unwrap_or(before);
            let event: UseEvent = serde_json::from_slice(&after).unwrap();
            let mut findings = Findings::default();
            event.check(now(), &mut findings);
            prop_assert_eq!(findings.into_vec(), []);
            prop_assert_eq!(UseEvent::in_current_form(&after), None, "once is enough");
            // Nothing but the unit changes.
            let rest = UseEvent { unit: None, unit_label: None, ..event };
            prop_assert_eq!(rest, UseEvent { amount: amount.and_then(crate::value::amount::Amount::new), unit: None, ..UseEvent::example() });
        }
    }
}
