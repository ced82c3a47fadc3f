//! Self-efficacy: the person's confidence to cope in each of the eight kinds of high-risk situations (Marlatt
//! and Gordon, 1985), and the two kinds that deserve attention first.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Insight,
    facts::{AsOf, BasisBuilder, Facts, Window, WithId},
};
use crate::{
    record::Kind,
    self_efficacy_profile::SelfEfficacyProfile,
    value::{timestamp::Timestamp, vocabulary::SituationCategory},
};

/// Maximum number of profiles in one response.
pub const MAX_PROFILES: usize = 200;
/// Number of kinds of situations in the focus.
const FOCUS_SIZE: usize = 2;

/// Confidence in one kind of situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoryConfidence {
    /// The kind of situation.
    pub category: SituationCategory,
    /// Confidence of the person, 0–100.
    #[schema(minimum = 0, maximum = 100)]
    pub confidence: i64,
    /// Change since the first profile of the window, if the window has more than one profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -100, maximum = 100)]
    pub change: Option<i64>,
}

/// One profile in the course of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ProfilePoint {
    /// Id of the profile.
    pub id: Uuid,
    /// When it was filled in.
    pub occurred_at: Timestamp,
    /// Mean confidence over the eight kinds of situations, 0–100.
    #[schema(minimum = 0, maximum = 100)]
    pub mean: f64,
}

/// Confidence by kind of high-risk situation, from the profiles of a window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SelfEfficacy {
    /// Id of the latest profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_id: Option<Uuid>,
    /// The eight kinds of situations in the latest profile. Empty without a profile.
    #[schema(max_items = 8)]
    pub categories: Vec<CategoryConfidence>,
    /// The two kinds of situations with the least confidence, the lowest first. Of equal ones, the earlier in
    /// the list comes first.
    #[schema(max_items = 2)]
    pub focus: Vec<SituationCategory>,
    /// The profiles in chronological order, at most the newest 200.
    #[schema(max_items = 200)]
    pub profiles: Vec<ProfilePoint>,
}

/// Computes confidence by kind of high-risk situation from the profiles of the window.
pub fn self_efficacy(facts: &Facts, as_of: &AsOf, window: Window) -> Insight<SelfEfficacy> {
    let facts = &*facts.until_today(as_of);
    let today = as_of.today();
    let mut profiles: Vec<&WithId<SelfEfficacyProfile>> = facts
        .profiles
        .iter()
        .filter(|profile| window.contains(profile.record.occurred_at.local_date(), today))
        .collect();
    profiles.sort_by_key(|profile| (profile.record.occurred_at.millis(), profile.id));
    let basis = BasisBuilder::default()
        .records(
            Kind::SelfEfficacyProfile,
            profiles
                .iter()
                .map(|p| p.record.occurred_at.local_date())
                .map(|day| (day, day)),
        )
        .build(as_of, window);
    let latest = profiles.last();
    let first = profiles.first().filter(|_| profiles.len() > 1);
    let categories: Vec<CategoryConfidence> = latest.map_or_else(Vec::new, |latest| {
        let each = latest.record.confidence.each().into_iter();
        each.map(|(category, confidence)| {
            let before = first.and_then(|first| {
                let mut each = first.record.confidence.each().into_iter();
                each.find(|(other, _)| *other == category)
            });
            CategoryConfidence {
                category,
                confidence: confidence.get(),
                change: before.map(|(_, before)| confidence.get() - before.get()),
            }
        })
        .collect()
    });
    let mut lowest = categories.clone();
    lowest.sort_by_key(|category| category.confidence);
    let skipped = profiles.len().saturating_sub(MAX_PROFILES);
    let result = SelfEfficacy {
        latest_id: latest.map(|latest| latest.id),
        focus: lowest
            .iter()
            .take(FOCUS_SIZE)
            .map(|category| category.category)
            .collect(),
        categories,
        profiles: profiles
            .iter()
            .skip(skipped)
            .map(|profile| point(profile))
            .collect(),
    };
    Insight { basis, result }
}

fn point(profile: &WithId<SelfEfficacyProfile>) -> ProfilePoint {
    let sum: f64 = profile
        .record
        .confidence
        .each()
        .iter()
        .map(|(_, c)| c.as_f64())
        .sum();
    ProfilePoint {
        id: profile.id,
        occurred_at: profile.record.occurred_at,
        mean: sum / 8.0,
    }
}
