//! Creates a draft of the next plan from the review of a use event.

use uuid::Uuid;

use crate::plan::{
    OverdoseSafety, Plan, PlanContent, PlanKind, PlanSection, PlanSituation, PlanStatus, PlanStrategy,
    PlanText, PlanTrigger, PlanWarningSign, SafetyStep, SituationStep, Stage, TriggerKind, first_number,
};
use crate::{
    reference::practice,
    use_event::{ProposedItem, UseEvent, UseEventReview},
    value::{
        list::{Ids, List},
        number::Int,
        text::{Label, Note, Prose, text},
        validation::{Finding, FindingCode, Findings},
        vocabulary::{SituationCategory, StrategyCategory},
    },
};

/// The name of a draft if no plan is active.
const TITLE: &str = "My plan";
/// The step of a safety plan for things that a person can do alone.
const ALONE: i64 = 2;

/// Creates a draft of the relapse-prevention plan: the content of the active plan, followed by the items that
/// the review proposes.
///
/// An item is not added if its section already has an item with the same id, or with the same name without
/// regard to case. `contact` finds a support contact by name; a proposed contact without a support contact is
/// left out. [`ProposedItem`] documents the defaults.
///
/// # Errors
/// A finding for each proposed item whose section is full.
pub fn plan_from_review(
    active: Option<&Plan>,
    event: &UseEvent,
    review: &UseEventReview,
    contact: impl Fn(&str) -> Option<Uuid>,
) -> Result<Plan, Vec<Finding>> {
    let mut content = active.map(|plan| plan.content.clone()).unwrap_or_default();
    let mut findings = Findings::default();
    for (n, item) in review.proposed_items.iter().enumerate() {
        let is_there = (content.item_ids().iter()).any(|(_, id)| Some(*id) == item.id);
        if !is_there && !add(&mut content, item, event, &contact) {
            findings.add(
                format!("/proposed_items/{n}"),
                FindingCode::Length,
                "its part of the plan has no room",
            );
        }
    }
    if !findings.is_empty() {
        return Err(findings.into_vec());
    }
    Ok(Plan {
        kind: PlanKind::RelapsePrevention,
        title: active.map_or_else(|| text!(TITLE), |plan| plan.title.clone()),
        status: PlanStatus::Draft,
        number: first_number(),
        review_on: active.and_then(|plan| plan.review_on),
        content,
        activated_at: None,
    })
}

/// Adds an item to its section unless it is already there. Returns false if the section is full.
fn add(
    content: &mut PlanContent,
    item: &ProposedItem,
    event: &UseEvent,
    contact: impl Fn(&str) -> Option<Uuid>,
) -> bool {
    match item.section {
        PlanSection::Reasons => add_text(&mut content.reasons, item),
        PlanSection::LapseResponse => add_text(&mut content.lapse_response, item),
        PlanSection::Environment => add_text(&mut content.environment, item),
        PlanSection::Routines => add_text(&mut content.routines, item),
        PlanSection::Triggers => {
            let is_present = content
                .triggers
                .iter()
                .any(|t| is_same_name(&t.label, &item.label));
            is_present || content.triggers.push(trigger(item, event))
        }
        PlanSection::WarningSigns => {
            let is_present = content
                .warning_signs
                .iter()
                .any(|s| is_same_name(&s.label, &item.label));
            is_present || content.warning_signs.push(warning_sign(item))
        }
        PlanSection::Strategies => {
            let is_present = content
                .strategies
                .iter()
                .any(|s| is_same_name(&s.label, &item.label));
            is_present || content.strategies.push(strategy(item))
        }
        PlanSection::Situations => {
            let is_present = content
                .situations
                .iter()
                .any(|s| is_same_name(&s.label, &item.label));
            is_present || content.situations.push(situation(item, event))
        }
        PlanSection::ContactIds => match contact(&item.label) {
            Some(id) => content.contact_ids.contains(&id) || content.contact_ids.push(id),
            None => true,
        },
        PlanSection::OverdoseSafety => add_overdose_safety(content, item),
        PlanSection::SafetySteps => {
            let is_present = (content.safety_steps.iter()).any(|s| is_same_text(&s.text, item));
            is_present || content.safety_steps.push(safety_step(item))
        }
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The text of an item for a section whose items have no notes.
fn text(item: &ProposedItem) -> Prose {
    match &item.note {
        Some(note) if !note.trim().is_empty() => {
            let label: Prose = item.label.clone().widened();
            label.followed_by(": ").followed_by(note)
        }
        _ => item.label.clone().widened(),
    }
}

fn is_same_text(line: &str, item: &ProposedItem) -> bool {
    is_same_name(line, &item.label) || is_same_name(line, &text(item))
}

fn add_text(lines: &mut List<PlanText, 100>, item: &ProposedItem) -> bool {
    lines.iter().any(|line| is_same_text(&line.text, item))
        || lines.push(PlanText {
            id: item.id,
            text: text(item),
        })
}

fn trigger(item: &ProposedItem, event: &UseEvent) -> PlanTrigger {
    PlanTrigger {
        id: item.id,
        label: item.label.clone(),
        kind: item.trigger_kind.unwrap_or(TriggerKind::External),
        category: item.situation_category.or(event.category),
        likelihood: None,
        note: item.note.clone(),
    }
}

fn warning_sign(item: &ProposedItem) -> PlanWarningSign {
    PlanWarningSign {
        id: item.id,
        label: item.label.clone(),
        stage: item.stage.unwrap_or(Stage::Emotional),
        note: item.note.clone(),
    }
}

fn strategy(item: &ProposedItem) -> PlanStrategy {
    let practice = item.practice.as_ref().and_then(|slug| practice::find(slug));
    let category = item.strategy_category.or(practice.map(|p| p.category));
    PlanStrategy {
        id: item.id,
        label: item.label.clone(),
        category: category.unwrap_or(StrategyCategory::Other),
        // A practice that was removed from the library since is no reason to refuse the draft.
        practice: practice.and_then(|p| Label::new(&p.slug)),
        instructions: item.note.clone(),
        minutes: None,
        trigger_ids: Ids::default(),
    }
}

fn situation(item: &ProposedItem, event: &UseEvent) -> PlanSituation {
    let category = item.situation_category.or(event.category);
    PlanSituation {
        id: item.id,
        label: item.label.clone(),
        category: category.unwrap_or(SituationCategory::UrgesAndTemptations),
        likelihood: None,
        confidence: None,
        steps: List::of(
            item.note
                .iter()
                .filter(|note| !note.trim().is_empty())
                .filter_map(|note| Prose::new(&**note))
                .map(|text| SituationStep {
                    strategy_id: None,
                    contact_id: None,
                    text: Some(text),
                }),
        ),
    }
}

fn safety_step(item: &ProposedItem) -> SafetyStep {
    SafetyStep {
        id: item.id,
        step: item.step.unwrap_or(Int::clamped(ALONE)),
        text: text(item),
    }
}

/// Adds the item as a line to the one note on overdose safety.
fn add_overdose_safety(content: &mut PlanContent, item: &ProposedItem) -> bool {
    let safety = content.overdose_safety.get_or_insert(OverdoseSafety {
        naloxone_at_hand: false,
        note: None,
    });
    let before = safety.note.as_deref().unwrap_or_default();
    if before.lines().any(|line| is_same_text(line, item)) {
        return true;
    }
    let line = text(item);
    let note = if before.is_empty() {
        line.to_string()
    } else {
        format!("{before}\n{line}")
    };
    let Some(note) = Note::new(note) else {
        return false;
    };
    safety.note = Some(note);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    const ROBIN: Uuid = Uuid::from_u128(77);

    fn item(n: u128, section: PlanSection, label: &str) -> ProposedItem {
        let example = UseEventReview::example().proposed_items[0].clone();
        ProposedItem {
            id: Some(Uuid::from_u128(n)),
            section,
            label: Label::new(label).unwrap(),
            stage: None,
            ..example
        }
    }

    fn draft(active: Option<&Plan>, items: Vec<ProposedItem>) -> Result<Plan, Vec<Finding>> {
        let review = UseEventReview {
            proposed_items: List::of(items),
            ..UseEventReview::example()
        };
        let contact = |name: &str| (name == "Robin").then_some(ROBIN);
        plan_from_review(active, &UseEvent::example(), &review, contact)
    }

    const SECTIONS: [PlanSection; 11] = [
        PlanSection::Reasons,
        PlanSection::Triggers,
        PlanSection::WarningSigns,
        PlanSection::Strategies,
        PlanSection::Situations,
        PlanSection::ContactIds,
        PlanSection::LapseResponse,
        PlanSection::Environment,
        PlanSection::Routines,
        PlanSection::OverdoseSafety,
        PlanSection::SafetySteps,
    ];

    #[test]
    fn each_item_goes_to_its_section_with_defaults() {
        let items = (1..)
            .zip(SECTIONS)
            .map(|(n, section)| item(n, section, "Robin"))
            .collect();
        let plan = draft(None, items).unwrap();
        let content = &plan.content;
        assert_eq!((plan.status, &*plan.title), (PlanStatus::Draft, TITLE));
        for lines in [
            &content.reasons,
            &content.lapse_response,
            &content.environment,
            &content.routines,
        ] {
            assert_eq!(lines.iter().map(|l| &*l.text).collect::<Vec<_>>(), ["Robin"]);
        }
        // The category of the event is the default.
        let category = UseEvent::example().category;
        assert_eq!(
            (content.triggers[0].kind, content.triggers[0].category),
            (TriggerKind::External, category)
        );
        assert_eq!(content.warning_signs[0].stage, Stage::Emotional);
        assert_eq!(content.strategies[0].category, StrategyCategory::Other);
        assert_eq!(Some(content.situations[0].category), category);
        assert_eq!(*content.contact_ids, [ROBIN]);
        assert_eq!(content.safety_steps[0].step.get(), 2);
        let safety = content.overdose_safety.as_ref().unwrap();
        assert_eq!(
            (safety.naloxone_at_hand, safety.note.as_deref()),
            (false, Some("Robin"))
        );
        let mut findings = Findings::default();
        plan.check(chrono::DateTime::UNIX_EPOCH, &mut findings);
        assert_eq!(findings.into_vec(), []);
    }

    #[test]
    fn the_active_plan_is_kept_whole_and_its_items_are_not_added_twice() {
        let mut active = Plan::example();
        active.activate(chrono::DateTime::UNIX_EPOCH);
        let duplicates = [
            item(1, PlanSection::Triggers, " payday"),
            item(2, PlanSection::Routines, "UP AT SEVEN, also on Sundays."),
            item(3, PlanSection::ContactIds, "Nobody I know"),
            item(4, PlanSection::Strategies, "Tea"),
            item(5, PlanSection::Strategies, "tea"),
        ];
        let plan = draft(Some(&active), duplicates.to_vec()).unwrap();
        let mut expected = active.content.clone();
        assert!(expected.strategies.push(strategy(&duplicates[3])));
        assert_eq!(
            (&plan.content, plan.status, plan.activated_at),
            (&expected, PlanStatus::Draft, None)
        );
        // An item that was renamed in the plan is still the same item.
        let mut renamed = plan.clone();
        renamed.content.strategies.items_mut()[1].label = text!("Green tea");
        assert_eq!(
            draft(Some(&renamed), duplicates[..4].to_vec()).unwrap().content,
            renamed.content
        );
    }

    #[test]
    fn details_from_the_review_are_copied() {
        let mut walk = item(1, PlanSection::Strategies, "Ride it");
        walk.practice = practice::LIBRARY.first().and_then(|p| Label::new(&p.slug));
        walk.note = Some(text!("On the balcony."));
        let mut party = item(2, PlanSection::Situations, "A party");
        party.situation_category = Some(SituationCategory::PleasantTimesWithOthers);
        party.note = Some(text!("Leave at ten."));
        let mut line = item(3, PlanSection::LapseResponse, "Call Robin");
        line.note = Some(text!("the same day"));
        let content = draft(None, vec![walk, party, line]).unwrap().content;
        let strategy = &content.strategies[0];
        assert_eq!(
            Some(strategy.category),
            practice::LIBRARY.first().map(|p| p.category)
        );
        assert_eq!(strategy.instructions.as_deref(), Some("On the balcony."));
        assert_eq!(
            content.situations[0].steps[0].text.as_deref(),
            Some("Leave at ten.")
        );
        assert_eq!(&*content.lapse_response[0].text, "Call Robin: the same day");
    }

    #[test]
    fn a_full_section_is_named() {
        let mut active = Plan::example();
        let line = active.content.routines[0].clone();
        active.content.routines = List::of((0..100).map(|n| PlanText {
            id: Some(Uuid::from_u128(1000 + n)),
            ..line.clone()
        }));
        let full = draft(
            Some(&active),
            vec![
                item(1, PlanSection::Reasons, "Mum"),
                item(2, PlanSection::Routines, "Swim"),
            ],
        );
        let pointers: Vec<String> = full.unwrap_err().into_iter().map(|f| f.pointer).collect();
        assert_eq!(pointers, ["/proposed_items/1"]);
    }
}
