//! Words that several nouns share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a goal or an event is about: a substance or a behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
    /// The word used in slots; equal to the wire form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alcohol => "alcohol",
            Self::OpioidHeroin => "opioid_heroin",
            Self::OpioidFentanyl => "opioid_fentanyl",
            Self::OpioidPrescription => "opioid_prescription",
            Self::Cannabis => "cannabis",
            Self::SyntheticCannabinoid => "synthetic_cannabinoid",
            Self::Sedative => "sedative",
            Self::Cocaine => "cocaine",
            Self::Methamphetamine => "methamphetamine",
            Self::OtherStimulant => "other_stimulant",
            Self::Hallucinogen => "hallucinogen",
            Self::Inhalant => "inhalant",
            Self::Nicotine => "nicotine",
            Self::Kratom => "kratom",
            Self::Gambling => "gambling",
            Self::OtherBehaviour => "other_behaviour",
            Self::Other => "other",
        }
    }

    /// True for the opioids, where tolerance is lost quickly and an overdose can be reversed with naloxone.
    pub const fn is_opioid(self) -> bool {
        matches!(
            self,
            Self::OpioidHeroin | Self::OpioidFentanyl | Self::OpioidPrescription
        )
    }
}

/// The eight categories of high-risk situations (Marlatt and Gordon, 1985).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SituationCategory {
    /// Sadness, anger, boredom, worry and the like.
    UnpleasantEmotions,
    /// Pain, illness, tiredness.
    PhysicalDiscomfort,
    /// Joy, celebration, excitement.
    PleasantEmotions,
    /// Wanting to see whether one can use in a controlled way.
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
    pub const ALL: [Self; 8] = [
        Self::UnpleasantEmotions,
        Self::PhysicalDiscomfort,
        Self::PleasantEmotions,
        Self::TestingPersonalControl,
        Self::UrgesAndTemptations,
        Self::InterpersonalConflict,
        Self::SocialPressure,
        Self::PleasantTimesWithOthers,
    ];

    /// What the category is called in sentences.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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
    pub const ALL: [Self; 17] = [
        Self::UrgeSurfing,
        Self::Delay,
        Self::Distract,
        Self::CognitiveReframing,
        Self::Grounding,
        Self::Breathing,
        Self::BodyScan,
        Self::MindfulWalking,
        Self::Meditation,
        Self::Exercise,
        Self::CallSomeone,
        Self::Meeting,
        Self::Relaxation,
        Self::SelfCare,
        Self::ProblemSolving,
        Self::ChangeScene,
        Self::Other,
    ];
}
