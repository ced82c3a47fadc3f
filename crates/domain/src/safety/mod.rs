//! Safety notes: what to say when the record tells of acute danger, with helplines.
//!
//! The notes stand outside of every score, and no feedback mutes them. The same rules speak in the help of a response
//! and in the early warnings. Each rule is in the file that is named after it, and all texts are in [`text`]. A rule
//! reads a bounded part of the record: the last year of use events, four weeks or less of most other events, and the doses
//! that may still work.
//!
//! Where an amount, a time or a substance is not known, the note is shown: a note too many costs a moment.
//!
//! The facts behind the rules:
//!
//! - Tolerance to opioids falls within days of not using. Breathing can then stop at an amount that was usual before.
//!   Naloxone reverses this for a while (World Health Organization, "Community management of opioid overdose", 2014).
//! - The first weeks after a stay without opioids have the most deaths: after prison (Merrall and others, "Meta-analysis
//!   of drug-related deaths soon after release from prison", Addiction, 2010), and after inpatient detoxification
//!   (Strang and others, "Loss of tolerance and overdose mortality after inpatient opiate detoxification", BMJ, 2003).
//! - Mortality is highest in the four weeks after leaving methadone or buprenorphine (Sordo and others, "Mortality risk
//!   during and after opioid substitution treatment", BMJ, 2017).
//! - As naltrexone wears off, smaller amounts of opioids than before can be fatal (prescribing information of
//!   naltrexone in the United States, "Vulnerability to opioid overdose").
//! - Pills and powders that do not come from a pharmacy often hold fentanyl (Drug Enforcement Administration of the
//!   United States, "One Pill Can Kill"; Centers for Disease Control and Prevention, "Stop Overdose").
//! - Kratom acts on the opioid receptor, and deaths with it are mostly of people who had taken other substances too
//!   (Centers for Disease Control and Prevention, "Unintentional drug overdose deaths with kratom detected", Morbidity and
//!   Mortality Weekly Report, 2019).
//! - Opioids together with sedatives or alcohol can stop the breathing (Food and Drug Administration of the United
//!   States, boxed warning on opioids with benzodiazepines and other depressants, 2016).
//! - After heavy daily drinking, or daily sedatives, stopping at once can bring seizures and confusion that endanger
//!   life. Alcohol withdrawal is at its worst within about a week, that of long-acting sedatives later (American Society
//!   of Addiction Medicine, "Clinical practice guideline on alcohol withdrawal management", 2020).
//! - A safety plan with someone to call lowers suicidal behaviour after a crisis (Stanley and others, "Comparison of the
//!   safety planning intervention with follow-up vs usual care", JAMA Psychiatry, 2018).

mod level_of_care;
mod mixing;
mod note;
mod opioid_medication;
mod opioid_tolerance;
mod personal_safety;
mod situation;
mod street_supply;
pub mod text;
mod withdrawal;

use serde::Serialize;
use strum::VariantArray;
use utoipa::ToSchema;

pub use self::{
    note::{MAX_HELPLINES, SafetyNote, most_urgent_first, with_helplines},
    situation::{SafetyInput, Situation},
};
use crate::value::vocabulary::Substance;

/// Topic of a safety note, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum SafetyTopic {
    /// An overdose.
    Overdose,
    /// An injury.
    Injury,
    /// The person does not feel safe, or is not sure, or an answer to a questionnaire says so.
    FeelingUnsafe,
    /// Opioids, alcohol and sedatives together, which slow the breathing.
    MixedDepressants,
    /// Opioids after days without, or in the first weeks after a stay that kept them away, or after a medication against
    /// them or in their place.
    OpioidTolerance,
    /// A drug that may hold fentanyl.
    StreetSupply,
    /// Alcohol stopped or much reduced at once after heavy daily use.
    AlcoholWithdrawal,
    /// Sedatives stopped at once after daily use.
    SedativeWithdrawal,
}

impl SafetyTopic {
    /// Every topic, the most urgent first.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether the emergency number, the crisis line and the safety plan come before everything else.
    pub const fn is_crisis(self) -> bool {
        matches!(self, Self::Overdose | Self::Injury | Self::FeelingUnsafe)
    }
}

/// A danger that the record tells of.
#[derive(Debug, Clone, PartialEq)]
pub struct Danger {
    /// The topic.
    pub topic: SafetyTopic,
    /// The inputs that tell of it, newest first; at least one.
    pub inputs: Vec<SafetyInput>,
}

/// Finds the dangers of a situation, the most urgent first.
pub fn dangers(situation: &Situation<'_>) -> Vec<Danger> {
    let found = SafetyTopic::ALL.iter().map(|topic| {
        let inputs = match topic {
            SafetyTopic::Overdose => personal_safety::overdose(situation),
            SafetyTopic::Injury => personal_safety::injury(situation),
            SafetyTopic::FeelingUnsafe => personal_safety::feeling_unsafe(situation),
            SafetyTopic::MixedDepressants => mixing::mixed_depressants(situation),
            SafetyTopic::OpioidTolerance => opioid_tolerance::opioid_tolerance(situation),
            SafetyTopic::StreetSupply => street_supply::street_supply(situation),
            SafetyTopic::AlcoholWithdrawal => withdrawal::stopped_at_once(situation, Substance::Alcohol),
            SafetyTopic::SedativeWithdrawal => withdrawal::stopped_at_once(situation, Substance::Sedative),
        };
        (*topic, inputs)
    });
    found
        .filter(|(_, inputs)| !inputs.is_empty())
        .map(|(topic, mut inputs)| {
            // Ids make the order of records of the same moment certain.
            inputs.sort_by_key(|input| (std::cmp::Reverse((input.at.millis(), input.id)), input.member));
            inputs.dedup();
            Danger { topic, inputs }
        })
        .collect()
}
