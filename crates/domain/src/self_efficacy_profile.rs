//! Self-efficacy profiles: a person's confidence in coping with each of the eight kinds of high-risk
//! situations (Marlatt and Gordon, 1985). The app words the questions itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{Kind, Record, check_past},
    value::{
        number::Percent,
        timestamp::{Timestamp, example_time},
        validation::Findings,
        vocabulary::SituationCategory,
    },
};

/// The person's confidence in each of the eight kinds of situations, 0 (none) to 100 (complete).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfEfficacyConfidence {
    /// Sadness, anger, boredom, worry and the like.
    pub unpleasant_emotions: Percent,
    /// Pain, illness, tiredness.
    pub physical_discomfort: Percent,
    /// Joy, celebration, excitement.
    pub pleasant_emotions: Percent,
    /// Testing whether one can use in a controlled way.
    pub testing_personal_control: Percent,
    /// Cues and sudden urges.
    pub urges_and_temptations: Percent,
    /// Conflict with others.
    pub interpersonal_conflict: Percent,
    /// Being offered or urged by others.
    pub social_pressure: Percent,
    /// Good times in company.
    pub pleasant_times_with_others: Percent,
}

impl SelfEfficacyConfidence {
    /// Every category with its confidence.
    pub const fn each(&self) -> [(SituationCategory, Percent); 8] {
        [
            (SituationCategory::UnpleasantEmotions, self.unpleasant_emotions),
            (SituationCategory::PhysicalDiscomfort, self.physical_discomfort),
            (SituationCategory::PleasantEmotions, self.pleasant_emotions),
            (
                SituationCategory::TestingPersonalControl,
                self.testing_personal_control,
            ),
            (SituationCategory::UrgesAndTemptations, self.urges_and_temptations),
            (
                SituationCategory::InterpersonalConflict,
                self.interpersonal_conflict,
            ),
            (SituationCategory::SocialPressure, self.social_pressure),
            (
                SituationCategory::PleasantTimesWithOthers,
                self.pleasant_times_with_others,
            ),
        ]
    }
}

/// A self-efficacy profile. All eight kinds of situations are rated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfEfficacyProfile {
    /// The time at which it was filled in.
    pub occurred_at: Timestamp,
    /// The confidence in coping without use.
    pub confidence: SelfEfficacyConfidence,
}

impl Record for SelfEfficacyProfile {
    const KIND: Kind = Kind::SelfEfficacyProfile;

    fn occurred_at(&self) -> Option<Timestamp> {
        Some(self.occurred_at)
    }

    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        vec![Some(&mut self.occurred_at)]
    }

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        check_past(self.occurred_at, "/occurred_at", now, findings);
    }

    fn example() -> Self {
        Self {
            occurred_at: example_time("2026-03-01T20:00:00-05:00"),
            confidence: SelfEfficacyConfidence {
                unpleasant_emotions: Percent::clamped(45),
                physical_discomfort: Percent::clamped(70),
                pleasant_emotions: Percent::clamped(80),
                testing_personal_control: Percent::clamped(65),
                urges_and_temptations: Percent::clamped(60),
                interpersonal_conflict: Percent::clamped(55),
                social_pressure: Percent::clamped(40),
                pleasant_times_with_others: Percent::clamped(75),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_has_the_confidence_of_its_own_name() {
        let confidence = SelfEfficacyProfile::example().confidence;
        let wire = serde_json::to_value(&confidence).unwrap();
        for (category, value) in confidence.each() {
            let name = serde_json::to_value(category).unwrap();
            assert_eq!(wire[name.as_str().unwrap()], value.get());
        }
        assert_eq!(wire.as_object().map(serde_json::Map::len), Some(8));
    }
}
