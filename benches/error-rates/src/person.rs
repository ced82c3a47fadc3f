//! The records of a simulated person.

use chrono::{NaiveDate, TimeDelta};
use mainstay_domain::{
    craving_event::{CravingEvent, CravingOutcome, CravingRating, StrategyUse},
    insight::facts::{AsOf, Facts, WithId},
    record::Record,
    value::{
        list::List,
        number::{Int, Rating},
        text::Label,
        timestamp::Timestamp,
    },
};
use uuid::Uuid;

/// The moment for which everything is computed.
pub fn as_of() -> AsOf {
    AsOf {
        at: "2026-03-14T20:00:00Z".parse().expect("a moment"),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: None,
    }
}

/// A rating as a person would give it: a whole point from 0 to 10.
pub fn rating(value: f64) -> Rating {
    (0..=10)
        .rev()
        .map(Rating::clamped)
        .find(|rating| rating.as_f64() <= value + 0.5)
        .unwrap_or(Rating::clamped(0))
}

/// A craving some days ago with its ratings.
pub fn craving(days_ago: i64, ratings: &[Rating]) -> CravingEvent {
    CravingEvent {
        occurred_at: Timestamp::utc(as_of().at - TimeDelta::days(days_ago) - TimeDelta::hours(2)),
        ratings: List::of(
            (0..)
                .step_by(600)
                .zip(ratings)
                .map(|(offset, value)| CravingRating {
                    offset_s: Int::clamped(offset),
                    value: *value,
                }),
        ),
        outcome: CravingOutcome::RodeItOut,
        category: None,
        strategy_uses: List::default(),
        ..CravingEvent::example()
    }
}

/// A use of a strategy that was rated before and after.
pub fn tried(label: &str, before: Rating, after: Rating) -> StrategyUse {
    StrategyUse {
        id: None,
        strategy_id: None,
        practice: None,
        label: Label::new(label),
        before: Some(before),
        after: Some(after),
        helped: None,
        seconds: None,
    }
}

/// The record of a person with these cravings.
pub fn facts(cravings: Vec<CravingEvent>) -> Facts {
    Facts {
        cravings: (1..)
            .zip(cravings)
            .map(|(n, record)| WithId {
                written: None,
                id: Uuid::from_u128(n),
                record,
            })
            .collect(),
        ..Facts::default()
    }
}

/// Today.
pub fn today() -> NaiveDate {
    as_of().today()
}
