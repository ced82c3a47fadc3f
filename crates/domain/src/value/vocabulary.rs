//! Enums that several nouns share: substances, kinds of situations, families of strategies.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The substance or behaviour that a goal or an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Substance {
    /// Alcohol.
    Alcohol,
    /// Heroin.
    OpioidHeroin,
    /// Fentanyl and its analogues.
    OpioidFentanyl,
    /// Prescription opioids.
    OpioidPrescription,
    /// Cannabis.
    Cannabis,
    /// Synthetic cannabinoids.
    SyntheticCannabinoid,
    /// Benzodiazepines and other sedatives.
    Sedative,
    /// Cocaine.
    Cocaine,
    /// Methamphetamine.
    Methamphetamine,
    /// Other stimulants.
    OtherStimulant,
    /// Hallucinogens.
    Hallucinogen,
    /// Inhalants.
    Inhalant,
    /// Nicotine.
    Nicotine,
    /// Kratom.
    Kratom,
    /// Gambling.
    Gambling,
    /// Another behaviour.
    OtherBehaviour,
    /// Anything else.
    Other,
}

impl Substance {
    /// The name on the wire; slots use it too.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it is an opioid: tolerance is lost quickly, and naloxone can reverse an overdose.
    pub const fn is_opioid(self) -> bool {
        matches!(
            self,
            Self::OpioidHeroin | Self::OpioidFentanyl | Self::OpioidPrescription
        )
    }

    /// Whether it is a drug: neither alcohol, nor nicotine, nor a behaviour.
    pub const fn is_drug(self) -> bool {
        !matches!(
            self,
            Self::Alcohol | Self::Nicotine | Self::Gambling | Self::OtherBehaviour
        )
    }

    /// Whether it is a stimulant drug.
    pub const fn is_stimulant(self) -> bool {
        matches!(self, Self::Cocaine | Self::Methamphetamine | Self::OtherStimulant)
    }
}

/// Whether the person feels safe. Only the person says so; it is never inferred and counts in no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeelsSafe {
    /// Yes.
    Yes,
    /// Not sure.
    NotSure,
    /// No.
    No,
}

impl FeelsSafe {
    /// Whether help for safety comes first. Not being sure is reason enough.
    pub const fn needs_help(self) -> bool {
        matches!(self, Self::NotSure | Self::No)
    }
}

/// The eight categories of high-risk situations (Marlatt and Gordon, 1985).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum SituationCategory {
    /// Sadness, anger, boredom, worry and the like.
    UnpleasantEmotions,
    /// Pain, illness, tiredness.
    PhysicalDiscomfort,
    /// Joy, celebration, excitement.
    PleasantEmotions,
    /// Testing whether one can use in a controlled way.
    TestingPersonalControl,
    /// Cues and sudden urges.
    UrgesAndTemptations,
    /// Conflict with others.
    InterpersonalConflict,
    /// Being offered or urged by others.
    SocialPressure,
    /// Good times in company.
    PleasantTimesWithOthers,
}

impl SituationCategory {
    /// Every category.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name of the category in sentences.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::UnpleasantEmotions => "hard feelings",
            Self::PhysicalDiscomfort => "physical discomfort",
            Self::PleasantEmotions => "strong good feelings",
            Self::TestingPersonalControl => "moments of testing your control",
            Self::UrgesAndTemptations => "sudden urges",
            Self::InterpersonalConflict => "conflict with someone",
            Self::SocialPressure => "pressure from others",
            Self::PleasantTimesWithOthers => "good times in company",
        }
    }
}

/// Families of coping strategies.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum StrategyCategory {
    /// Watching an urge rise, crest and fall.
    UrgeSurfing,
    /// Putting the decision off.
    Delay,
    /// Turning to something else.
    Distract,
    /// Looking at a thought from another side.
    CognitiveReframing,
    /// Coming back to the senses.
    Grounding,
    /// Breathing exercises.
    Breathing,
    /// Moving attention through the body.
    BodyScan,
    /// Walking with attention.
    MindfulWalking,
    /// Sitting meditation.
    Meditation,
    /// Moving the body.
    Exercise,
    /// Reaching a person.
    CallSomeone,
    /// Going to a mutual-help meeting.
    Meeting,
    /// Letting tension go.
    Relaxation,
    /// Eating, resting, washing, sleeping.
    SelfCare,
    /// Working on what lies behind the urge.
    ProblemSolving,
    /// Leaving, or changing the surroundings.
    ChangeScene,
    /// Anything else.
    Other,
}

impl StrategyCategory {
    /// Every category.
    pub const ALL: &'static [Self] = Self::VARIANTS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substance_has_the_same_name_in_slots_and_on_the_wire() {
        for substance in Substance::VARIANTS {
            assert_eq!(serde_json::to_value(substance).unwrap(), substance.as_str());
        }
    }
}
