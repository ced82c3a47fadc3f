//! Kinds of meetings: programmes, and the type codes of the Meeting Guide format with their names.

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

/// The names of the codes that the format reserves, and of a few others in wide use.
const NAMES: [(&str, &str); 82] = [
    ("11", "Eleventh-step meditation"),
    ("12x12", "Steps and traditions text"),
    ("A", "Secular"),
    ("ABSI", "As Bill Sees It"),
    ("AL", "Alateen at the same time"),
    ("AL-AN", "Al-Anon at the same time"),
    ("AM", "In Amharic"),
    ("ASL", "American Sign Language"),
    ("B", "Big Book"),
    ("BA", "Child care on site"),
    ("BE", "For newcomers"),
    ("BI", "For bisexual people"),
    ("BRK", "With breakfast"),
    ("BV-I", "For blind and partially sighted people"),
    ("C", "Closed: for those who want to stop"),
    ("CAN", "By candlelight"),
    ("CF", "Children welcome"),
    ("D", "Discussion"),
    ("D-HOH", "For deaf and hard-of-hearing people"),
    ("DA", "In Danish"),
    ("DB", "Digital collection"),
    ("DD", "Dual diagnosis"),
    ("DE", "In German"),
    ("DR", "Daily Reflections"),
    ("EL", "In Greek"),
    ("EN", "In English"),
    ("FA", "In Persian"),
    ("FF", "Without fragrances"),
    ("FR", "In French"),
    ("G", "For gay people"),
    ("GR", "Grapevine"),
    ("H", "Anniversaries"),
    ("HE", "In Hebrew"),
    ("HI", "In Hindi"),
    ("HR", "In Croatian"),
    ("HU", "In Hungarian"),
    ("ITA", "In Italian"),
    ("JA", "In Japanese"),
    ("KOR", "In Korean"),
    ("L", "For lesbian people"),
    ("LGBTQ", "LGBTQ"),
    ("LIT", "Literature"),
    ("LO-I", "For people who live far off or alone"),
    ("LS", "Living Sober"),
    ("LT", "In Lithuanian"),
    ("M", "For men"),
    ("MED", "Meditation"),
    ("ML", "In Malayalam"),
    ("N", "For Native Americans"),
    ("NB", "For non-binary people"),
    ("NDG", "For Indigenous people"),
    ("NO", "In Norwegian"),
    ("O", "Open: everyone welcome"),
    ("ONL", "Online"),
    ("OUT", "Outdoors"),
    ("P", "For professionals"),
    ("POA", "Proof of attendance given"),
    ("POC", "For people of colour"),
    ("POL", "In Polish"),
    ("POR", "In Portuguese"),
    ("PUN", "In Punjabi"),
    ("QSL", "Quebec Sign Language"),
    ("RSL", "Russian Sign Language"),
    ("RUS", "In Russian"),
    ("S", "In Spanish"),
    ("SEN", "For seniors"),
    ("SK", "In Slovak"),
    ("SM", "Smoking allowed"),
    ("SP", "With a speaker"),
    ("ST", "Step study"),
    ("SV", "In Swedish"),
    ("T", "For transgender people"),
    (CLOSED_LOCATION, "Location closed for now"),
    ("TH", "In Thai"),
    ("TL", "In Tagalog"),
    ("TR", "Tradition study"),
    ("UK", "In Ukrainian"),
    ("W", "For women"),
    ("X", "Wheelchair access"),
    ("XB", "Wheelchair-accessible bathroom"),
    ("XT", "Cross talk allowed"),
    ("Y", "For young people"),
];

/// The code of a meeting whose location is closed for now.
pub(super) const CLOSED_LOCATION: &str = "TC";

/// A type of meeting: open, step study, in Spanish, with wheelchair access, and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeetingType {
    /// The code in the feed.
    #[schema(max_length = 20, example = "O")]
    pub code: String,
    /// The name for people. Absent for a code that only this feed uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 60, example = "Open: everyone welcome")]
    pub name: Option<String>,
}

impl MeetingType {
    /// Creates the type for a code, with its name if the code is known.
    pub fn of(code: &str) -> Self {
        let name = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
        Self {
            code: name.map_or(code, |(known, _)| known).to_owned(),
            name: name.map(|(_, name)| (*name).to_owned()),
        }
    }
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

    #[test]
    fn codes_have_names_whatever_their_case_and_unknown_ones_none() {
        assert_eq!(MeetingType::of("12X12").code, "12x12");
        assert_eq!(MeetingType::of("y").name.as_deref(), Some("For young people"));
        assert_eq!(MeetingType::of("ZZZ").name, None);
    }

    #[test]
    fn no_code_is_listed_twice_and_every_name_is_kind() {
        let mut codes: Vec<&str> = NAMES.iter().map(|(code, _)| *code).collect();
        codes.dedup();
        assert_eq!(codes.len(), NAMES.len());
        assert!(codes.is_sorted());
        for (_, name) in NAMES {
            assert_eq!(
                crate::value::kindness::unkind_words(name),
                Vec::<&str>::new(),
                "{name}"
            );
        }
    }
}
