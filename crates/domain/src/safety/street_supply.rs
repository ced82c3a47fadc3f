//! Drugs that do not come from a pharmacy and may hold fentanyl.

use super::situation::{SafetyInput, Situation};
use crate::{
    insight::facts::use_span,
    use_event::UseEvent,
    value::{amount::AmountUnit, vocabulary::Substance},
};

/// Returns the cravings and uses of the last 7 days of stimulants, sedatives and pills that were not prescribed.
pub(super) fn street_supply(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let uses = situation.facts.counted_uses();
    let of_use = uses
        .filter(|event| may_hold_fentanyl(&event.record))
        .filter(|event| situation.is_recent(event.id, use_span(&event.record).1))
        .map(|event| SafetyInput::of_use(event, "substance"));
    let of_craving = (situation.facts.cravings.iter())
        .filter(|event| event.record.substance.is_some_and(is_often_counterfeit))
        .filter(|event| situation.is_recent(event.id, event.record.occurred_at.local_date()))
        .map(|event| SafetyInput::of_craving(event, "substance"));
    of_use.chain(of_craving).collect()
}

/// Whether a substance is often something else than what it is sold as.
const fn is_often_counterfeit(substance: Substance) -> bool {
    substance.is_stimulant() || matches!(substance, Substance::Sedative | Substance::OpioidPrescription)
}

fn may_hold_fentanyl(event: &UseEvent) -> bool {
    use Substance::{Alcohol, Gambling, Nicotine, OtherBehaviour};
    let is_drug = !matches!(event.substance, Alcohol | Nicotine | Gambling | OtherBehaviour);
    is_often_counterfeit(event.substance) || (is_drug && event.unit == Some(AmountUnit::Pill))
}
