//! Craving events: from the onset of a craving to its end, with what was tried and whether it helped.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::{ItemKind, Kind, NewId, Record, Reference, Target, Timer, check_end, check_past},
    reference::practice,
    value::{
        list::{Ids, List},
        nullable,
        number::{Int, Rating},
        text::{Label, Note, text},
        timestamp::{Timestamp, example_time},
        validation::{FindingCode, Findings},
        vocabulary::{SituationCategory, Substance},
    },
};

/// An event that nobody ended closes by itself after this many hours, as `unsure`.
pub const CLOSES_AFTER_H: i64 = 4;

/// A rating of the craving at some point of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CravingRating {
    /// Seconds since the onset; the first is 0.
    pub offset_s: Int<0, 604_800>,
    /// How strong the craving was.
    pub value: Rating,
}

/// Where the person was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At home.
    Home,
    /// At work.
    Work,
    /// On the way.
    Transit,
    /// A bar, a club, a party.
    Venue,
    /// Outdoors.
    Outdoors,
    /// Elsewhere.
    Other,
}

/// In whose company the person was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Company {
    /// Alone.
    Alone,
    /// With people who use.
    WithUsers,
    /// With people who support.
    WithSupporters,
    /// With others.
    WithOthers,
}

/// How the event ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CravingOutcome {
    /// It goes on.
    #[default]
    Ongoing,
    /// It passed without use.
    RodeItOut,
    /// There was use.
    Used,
    /// Not known.
    Unsure,
}

/// A coping strategy that was tried: one of the plan, a library practice, or something in own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategyUse {
    /// Its id; made by the server if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// A strategy of one of the person's plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<Uuid>,
    /// A practice of the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practice: Option<Label>,
    /// Anything else, in own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Craving before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Rating>,
    /// Craving after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Rating>,
    /// Whether it helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helped: Option<bool>,
    /// How long it took, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Int<0, 86_400>>,
}

/// A craving, from its onset on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CravingEvent {
    /// What was craved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substance: Option<Substance>,
    /// Onset.
    pub occurred_at: Timestamp,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How strong it was over time; the first at 0 seconds, then rising.
    #[schema(value_type = Vec<CravingRating>, min_items = 1, max_items = 200)]
    pub ratings: List<CravingRating, 200>,
    /// The strongest of the ratings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub peak: Option<Rating>,
    /// Triggers of the plan that were at work.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    pub trigger_ids: Ids,
    /// What kind of situation it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<SituationCategory>,
    /// Where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// In whose company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<Company>,
    /// What was tried.
    #[serde(default)]
    #[schema(value_type = Vec<StrategyUse>, max_items = 50)]
    pub strategy_uses: List<StrategyUse, 50>,
    /// How it ended; `ongoing` if left out, which turns to `unsure` four hours after the onset.
    #[serde(default, deserialize_with = "nullable")]
    pub outcome: CravingOutcome,
    /// Whether the person acted on the craving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<bool>,
    /// Anything in own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

impl CravingEvent {
    /// When an event that is still ongoing is closed.
    fn closes_at(&self) -> Option<DateTime<Utc>> {
        (self.outcome == CravingOutcome::Ongoing)
            .then(|| self.occurred_at.to_utc() + TimeDelta::hours(CLOSES_AFTER_H))
    }

    /// Closes an event whose end nobody noted.
    fn close(&mut self) {
        self.outcome = CravingOutcome::Unsure;
    }
}

impl Record for CravingEvent {
    const KIND: Kind = Kind::CravingEvent;
    const TIMER: Option<Timer<Self>> = Some(Timer {
        due_at: Self::closes_at,
        on_timer: Self::close,
    });
    const READ_ONLY: &'static [&'static str] = &["peak"];

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
        check_end(self.occurred_at, self.ended_at, "/ended_at", now, findings);
        match self.ratings.first() {
            None => findings.add("/ratings", FindingCode::Length, "needs at least one rating"),
            Some(first) if first.offset_s.get() != 0 => {
                findings.add(
                    "/ratings/0/offset_s",
                    FindingCode::Order,
                    "the first rating is at 0 seconds",
                );
            }
            Some(_) => {}
        }
        for (n, pair) in self.ratings.windows(2).enumerate() {
            if let [before, after] = pair
                && after.offset_s <= before.offset_s
            {
                findings.add(
                    format!("/ratings/{}/offset_s", n + 1),
                    FindingCode::Order,
                    "must be after the rating before",
                );
            }
        }
        for (n, tried) in self.strategy_uses.iter().enumerate() {
            if tried.strategy_id.is_none() && tried.practice.is_none() && tried.label.is_none() {
                findings.add(
                    format!("/strategy_uses/{n}"),
                    FindingCode::Required,
                    "needs strategy_id, practice or label",
                );
            }
            if let Some(slug) = &tried.practice {
                practice::check(slug, &format!("/strategy_uses/{n}/practice"), findings);
            }
        }
        let mut ids: Vec<Uuid> = self.strategy_uses.iter().filter_map(|u| u.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        if ids.len() != count {
            findings.add(
                "/strategy_uses",
                FindingCode::Duplicate,
                "two uses have the same id",
            );
        }
    }

    fn complete(&mut self, now: DateTime<Utc>, new_id: NewId<'_>) {
        self.peak = self.ratings.iter().map(|r| r.value).max();
        for tried in self.strategy_uses.items_mut() {
            tried.id.get_or_insert_with(&mut *new_id);
        }
        if self.closes_at().is_some_and(|due| due <= now) {
            self.close();
        }
    }

    fn references(&self) -> Vec<Reference> {
        let mut all = Reference::each("/trigger_ids", &self.trigger_ids, Target::Item(ItemKind::Trigger));
        all.extend(self.strategy_uses.iter().enumerate().filter_map(|(n, tried)| {
            Some(Reference {
                pointer: format!("/strategy_uses/{n}/strategy_id"),
                id: tried.strategy_id?,
                target: Target::Item(ItemKind::Strategy),
            })
        }));
        all
    }

    fn example() -> Self {
        let rating = |offset: i64, value: i64| CravingRating {
            offset_s: Int::clamped(offset),
            value: Rating::clamped(value),
        };
        Self {
            substance: Some(Substance::Alcohol),
            occurred_at: example_time("2026-03-01T18:05:00-05:00"),
            ended_at: Some(example_time("2026-03-01T18:35:00-05:00")),
            ratings: List::of([rating(0, 6), rating(600, 8), rating(1800, 2)]),
            peak: Some(Rating::clamped(8)),
            trigger_ids: Ids::default(),
            category: Some(SituationCategory::UnpleasantEmotions),
            place: Some(Place::Home),
            company: Some(Company::Alone),
            strategy_uses: List::of([StrategyUse {
                id: None,
                strategy_id: None,
                practice: practice::LIBRARY.first().and_then(|p| Label::new(&p.slug)),
                label: None,
                before: Some(Rating::clamped(8)),
                after: Some(Rating::clamped(3)),
                helped: Some(true),
                seconds: Some(Int::clamped(900)),
            }]),
            outcome: CravingOutcome::RodeItOut,
            acted: Some(false),
            note: Some(text!("It came after the call, and it passed.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(at: &str) -> CravingEvent {
        CravingEvent {
            occurred_at: example_time(at),
            ended_at: None,
            outcome: CravingOutcome::Ongoing,
            ..CravingEvent::example()
        }
    }

    #[test]
    fn an_open_event_closes_as_unsure_after_four_hours() {
        let now = example_time("2026-03-01T16:00:00Z").to_utc();
        let mut recent = open("2026-03-01T12:00:01Z");
        recent.complete(now, &mut || Uuid::nil());
        assert_eq!(recent.outcome, CravingOutcome::Ongoing);
        let mut old = open("2026-03-01T12:00:00Z");
        old.complete(now, &mut || Uuid::nil());
        assert_eq!(old.outcome, CravingOutcome::Unsure);
    }

    #[test]
    fn the_peak_is_the_strongest_rating() {
        let mut event = CravingEvent {
            peak: None,
            ..CravingEvent::example()
        };
        event.complete(DateTime::UNIX_EPOCH, &mut || Uuid::nil());
        assert_eq!(event.peak.map(Rating::get), Some(8));
    }

    #[test]
    fn ratings_start_at_zero_and_rise() {
        let mut findings = Findings::default();
        let rating = |offset: i64| CravingRating {
            offset_s: Int::clamped(offset),
            value: Rating::clamped(1),
        };
        CravingEvent {
            ratings: List::of([rating(5), rating(5)]),
            ..CravingEvent::example()
        }
        .check(example_time("2026-04-01T00:00:00Z").to_utc(), &mut findings);
        let found: Vec<String> = findings.into_vec().into_iter().map(|f| f.pointer).collect();
        assert_eq!(found, ["/ratings/0/offset_s", "/ratings/1/offset_s"]);
    }
}
