//! A plan for the documentation and the tests.

use chrono::NaiveDate;
use uuid::Uuid;

use super::{
    Int, Label, List, Plan, PlanContent, PlanKind, PlanSituation, PlanStatus, PlanStrategy, PlanText,
    PlanTrigger, PlanWarningSign, SituationStep, Stage, TriggerKind, first_number,
};
use crate::value::{
    list::Ids,
    number::{Percent, Rating},
    text::{Note, Prose},
    vocabulary::{SituationCategory, StrategyCategory},
};

fn item(n: u128) -> Uuid {
    Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0000 + n)
}

fn text(n: u128, text: &str) -> PlanText {
    PlanText {
        id: Some(item(n)),
        text: Prose::of(text),
    }
}

pub(super) fn plan() -> Plan {
    Plan {
        kind: PlanKind::RelapsePrevention,
        title: Label::of("Staying well"),
        status: PlanStatus::Draft,
        number: first_number(),
        review_on: NaiveDate::from_ymd_opt(2026, 6, 1),
        activated_at: None,
        content: PlanContent {
            reasons: List::of([text(1, "Breakfast with my daughter.")]),
            triggers: List::of([PlanTrigger {
                id: Some(item(2)),
                label: Label::of("Payday"),
                kind: TriggerKind::External,
                category: Some(SituationCategory::PleasantEmotions),
                likelihood: Some(Rating::clamped(7)),
                note: None,
            }]),
            warning_signs: List::of([PlanWarningSign {
                id: Some(item(3)),
                label: Label::of("Skipping meals"),
                stage: Stage::Emotional,
                note: None,
            }]),
            strategies: List::of([PlanStrategy {
                id: Some(item(4)),
                label: Label::of("Walk along the river"),
                category: StrategyCategory::MindfulWalking,
                practice: None,
                instructions: Some(Note::of("To the bridge and back, phone in the pocket.")),
                minutes: Some(Int::clamped(30)),
                trigger_ids: Ids::of([item(2)]),
            }]),
            situations: List::of([PlanSituation {
                id: Some(item(5)),
                label: Label::of("Friday evening alone"),
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
                        text: Some(Prose::of("Cook something slow.")),
                    },
                ]),
            }]),
            contact_ids: Ids::default(),
            lapse_response: List::of([text(6, "Stop, get somewhere safe, call Robin.")]),
            environment: List::of([text(7, "No bottles at home.")]),
            routines: List::of([text(8, "Up at seven, also on Sundays.")]),
            overdose_safety: None,
            safety_steps: List::default(),
        },
    }
}
