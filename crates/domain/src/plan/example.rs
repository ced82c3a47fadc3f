//! An example plan for documentation and tests.

use chrono::NaiveDate;
use uuid::Uuid;

use super::{
    Int, List, Plan, PlanContent, PlanKind, PlanSituation, PlanStatus, PlanStrategy, PlanText, PlanTrigger,
    PlanWarningSign, SituationStep, Stage, TriggerKind, first_number,
};
use crate::value::{
    list::Ids,
    number::{Percent, Rating},
    text::{Prose, text},
    vocabulary::{SituationCategory, StrategyCategory},
};

fn item(n: u128) -> Uuid {
    Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0000 + n)
}

fn line(n: u128, text: Prose) -> PlanText {
    PlanText {
        id: Some(item(n)),
        text,
    }
}

/// A valid draft.
pub(super) fn plan() -> Plan {
    Plan {
        kind: PlanKind::RelapsePrevention,
        title: text!("Staying well"),
        status: PlanStatus::Draft,
        number: first_number(),
        review_on: NaiveDate::from_ymd_opt(2026, 6, 1),
        activated_at: None,
        content: content(),
    }
}

fn content() -> PlanContent {
    PlanContent {
        reasons: List::of([line(1, text!("Breakfast with my daughter."))]),
        triggers: List::of([PlanTrigger {
            id: Some(item(2)),
            label: text!("Payday"),
            kind: TriggerKind::External,
            category: Some(SituationCategory::PleasantEmotions),
            likelihood: Some(Rating::clamped(7)),
            note: None,
        }]),
        warning_signs: List::of([PlanWarningSign {
            id: Some(item(3)),
            label: text!("Skipping meals"),
            stage: Stage::Emotional,
            note: None,
        }]),
        strategies: List::of([PlanStrategy {
            id: Some(item(4)),
            label: text!("Walk along the river"),
            category: StrategyCategory::MindfulWalking,
            practice: None,
            instructions: Some(text!("To the bridge and back, phone in the pocket.")),
            minutes: Some(Int::clamped(30)),
            trigger_ids: Ids::of([item(2)]),
        }]),
        situations: List::of([PlanSituation {
            id: Some(item(5)),
            label: text!("Friday evening alone"),
            category: SituationCategory::UnpleasantEmotions,
            likelihood: Some(Rating::clamped(6)),
            confidence: Some(Percent::clamped(55)),
            steps: List::of([
                SituationStep {
                    strategy_id: Some(item(4)),
                    contact_id: None,
                    text: None,
                },
                SituationStep {
                    strategy_id: None,
                    contact_id: None,
                    text: Some(text!("Cook something slow.")),
                },
            ]),
        }]),
        contact_ids: Ids::default(),
        lapse_response: List::of([line(6, text!("Stop, get somewhere safe, call Robin."))]),
        environment: List::of([line(7, text!("No bottles at home."))]),
        routines: List::of([line(8, text!("Up at seven, also on Sundays."))]),
        overdose_safety: None,
        safety_steps: List::default(),
    }
}
