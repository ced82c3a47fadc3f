//! Plans between a person and somebody who sees only a part of them and suggests changes.

use super::{Covered, DataClass, member};
use crate::{
    plan::{Plan, PlanContent, SituationStep},
    record::{Kind, json, stored::from_stored},
    value::list::List,
};

/// The plan with what is covered of it and nothing else. `None` if plans are not covered.
///
/// # Errors
/// If the plan cannot be serialised and read again.
pub fn shown_plan(plan: &Plan, covered: Covered) -> Result<Option<Plan>, serde_json::Error> {
    let shown = member::shown(Kind::Plan, covered, &json(plan))?;
    shown.map(|body| from_stored(&body)).transpose()
}

/// What somebody suggests who sees a part of a plan, with the parts that they do not see as they are in the plan. What they
/// say of those parts does not count.
#[must_use]
pub fn with_withheld(proposed: PlanContent, plan: &PlanContent, covered: Covered) -> PlanContent {
    let mut content = proposed;
    if !covered.contains(DataClass::Safety) {
        content.overdose_safety.clone_from(&plan.overdose_safety);
    }
    if !covered.contains(DataClass::SupportContacts) {
        content.contact_ids.clone_from(&plan.contact_ids);
        for situation in content.situations.items_mut() {
            let same = plan.situations.iter().find(|before| before.id == situation.id);
            let before = same.map(|before| &*before.steps);
            situation.steps = with_contacts(&situation.steps, before.unwrap_or_default());
        }
    }
    content
}

/// Steps with the contacts of the steps before: a step that is nothing but a contact stays at its place, and another one keeps
/// its contact as long as it stays as it is.
fn with_contacts(proposed: &[SituationStep], before: &[SituationStep]) -> List<SituationStep, 100> {
    let without_contact = |step: &SituationStep| SituationStep {
        contact_id: None,
        ..step.clone()
    };
    let bare = proposed.iter().map(without_contact);
    // Each with whether a step before was found in it.
    let mut steps: Vec<(SituationStep, bool)> = bare
        .filter(|step| !step.is_empty())
        .map(|step| (step, false))
        .collect();
    for (place, old) in before.iter().enumerate() {
        let bare = without_contact(old);
        if bare.is_empty() {
            steps.insert(place.min(steps.len()), (old.clone(), true));
        } else if let Some((same, is_found)) = steps
            .iter_mut()
            .find(|(step, is_found)| !is_found && *step == bare)
        {
            same.contact_id = old.contact_id;
            *is_found = true;
        }
    }
    List::of(steps.into_iter().map(|(step, _)| step))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        plan::{OverdoseSafety, PlanSituation},
        record::Record,
        value::{text::text, vocabulary::SituationCategory},
    };

    fn step(text: Option<&str>, contact: Option<u128>) -> SituationStep {
        SituationStep {
            strategy_id: None,
            contact_id: contact.map(Uuid::from_u128),
            text: text.map(|text| crate::value::text::Text::new(text).unwrap()),
        }
    }

    /// A plan with contacts, in the list and in the steps of a situation, and with something about overdoses.
    fn plan() -> Plan {
        let mut plan = Plan::example();
        plan.number = crate::value::number::Int::clamped(7);
        plan.content.contact_ids = List::of([Uuid::from_u128(90)]);
        plan.content.overdose_safety = Some(OverdoseSafety {
            naloxone_at_hand: true,
            note: None,
        });
        plan.content.situations = List::of([PlanSituation {
            id: Some(Uuid::from_u128(50)),
            label: text!("Payday"),
            category: SituationCategory::UnpleasantEmotions,
            likelihood: None,
            confidence: None,
            steps: List::of([
                step(Some("Breathe"), None),
                step(None, Some(90)),
                step(Some("Call"), Some(91)),
            ]),
        }]);
        plan
    }

    fn covered(classes: &[DataClass]) -> Covered {
        classes.iter().copied().collect()
    }

    #[test]
    fn what_was_seen_and_sent_back_changes_nothing() {
        use DataClass::{Plans, Safety, SupportContacts};
        let plan = plan();
        for classes in [
            [Plans].as_slice(),
            &[Plans, Safety],
            &[Plans, SupportContacts],
            &[Plans, Safety, SupportContacts],
        ] {
            let covered = covered(classes);
            let seen = shown_plan(&plan, covered).unwrap().unwrap();
            let back = with_withheld(seen.content, &plan.content, covered);
            assert_eq!(back, plan.content, "{classes:?}");
        }
        assert_eq!(shown_plan(&plan, covered(&[Safety])).unwrap(), None);
    }

    #[test]
    fn what_is_hidden_is_neither_seen_nor_changed() {
        let plan = plan();
        let covered = covered(&[DataClass::Plans]);
        let seen = shown_plan(&plan, covered).unwrap().unwrap();
        assert_eq!(seen.number.get(), 1);
        assert!(seen.content.contact_ids.is_empty() && seen.content.overdose_safety.is_none());
        let mut proposed = seen.content.clone();
        proposed.contact_ids = List::of([Uuid::from_u128(1)]);
        proposed.overdose_safety = Some(OverdoseSafety {
            naloxone_at_hand: false,
            note: None,
        });
        proposed.situations.items_mut()[0].steps =
            List::of([step(Some("Walk"), Some(1)), step(Some("Call"), None)]);
        let stored = with_withheld(proposed, &plan.content, covered);
        assert_eq!(stored.contact_ids, plan.content.contact_ids);
        assert_eq!(stored.overdose_safety, plan.content.overdose_safety);
        assert_eq!(
            *stored.situations[0].steps,
            [
                step(Some("Walk"), None),
                step(None, Some(90)),
                step(Some("Call"), Some(91))
            ]
        );
    }
}
