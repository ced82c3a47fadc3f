//! Kinds of meetings: programmes, and types of meetings.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The programme to which a meeting belongs.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    ToSchema,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Programme {
    /// Alcoholics Anonymous.
    Aa,
    /// Narcotics Anonymous.
    Na,
    /// Cocaine Anonymous.
    Ca,
    /// Crystal Meth Anonymous.
    Cma,
    /// Heroin Anonymous.
    Ha,
    /// Marijuana Anonymous.
    Ma,
    /// Nicotine Anonymous.
    NicA,
    /// Gamblers Anonymous.
    Ga,
    /// Al-Anon family groups.
    AlAnon,
    /// Nar-Anon family groups.
    NarAnon,
    /// Another twelve-step fellowship.
    OtherTwelveStep,
    /// SMART Recovery.
    Smart,
    /// `LifeRing` Secular Recovery.
    LifeRing,
    /// Recovery Dharma.
    RecoveryDharma,
    /// Refuge Recovery.
    RefugeRecovery,
    /// Women for Sobriety.
    WomenForSobriety,
    /// Secular Organizations for Sobriety.
    Sos,
    /// Celebrate Recovery.
    CelebrateRecovery,
    /// Wellbriety.
    Wellbriety,
    /// Any other.
    Other,
}

impl Programme {
    /// Every programme.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A type of meeting: open, step study, in Spanish, with wheelchair access, and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeetingType {
    /// The code in the feed.
    #[schema(max_length = 20, example = "O")]
    pub code: String,
    /// The name for people. Absent for a code whose meaning in this programme is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 60, example = "Open: everyone welcome")]
    pub name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programme_has_the_same_name_everywhere() {
        for programme in Programme::ALL {
            assert_eq!(serde_json::to_value(programme).unwrap(), programme.as_str());
            assert_eq!(programme.as_str().parse(), Ok(*programme));
        }
    }
}
