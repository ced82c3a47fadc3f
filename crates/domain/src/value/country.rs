//! Countries by their code.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, SchemaFormat,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// The officially assigned codes of ISO 3166-1, and `XK`, by which the world knows Kosovo.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM \
    PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT \
    ZA ZM ZW";

/// A country by its two-letter code (ISO 3166-1), in capitals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Country(String);

impl Country {
    /// The rule in words, for people.
    pub const EXPECTED: &str = "must be a two-letter country code (ISO 3166-1), such as US";

    /// Parses a code in upper or lower case; `None` if no country has it. `UK` means `GB`.
    pub fn new(text: &str) -> Option<Self> {
        let code = match text.to_ascii_uppercase() {
            code if code == "UK" => "GB".to_owned(),
            code => code,
        };
        (code.len() == 2 && CODES.split(' ').any(|known| known == code)).then_some(Self(code))
    }
}

impl Deref for Country {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| de::Error::custom(Self::EXPECTED))
    }
}

impl PartialSchema for Country {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .description(Some("A country by its two-letter code (ISO 3166-1)."))
            .format(Some(SchemaFormat::Custom("country".to_owned())))
            .max_length(Some(2))
            .pattern(Some("^[A-Za-z]{2}$"))
            .examples(["US"])
            .into()
    }
}
impl ToSchema for Country {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_one_of_the_list_in_upper_or_lower_case() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 250);
        assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 2));
        for code in codes {
            assert_eq!(Country::new(code).as_deref(), Some(code));
            assert_eq!(Country::new(&code.to_lowercase()).as_deref(), Some(code));
        }
        assert_eq!(Country::new("uk").as_deref(), Some("GB"));
        assert_eq!(Country::new("XK").as_deref(), Some("XK"));
        for wrong in ["", "U", "ZZ", "XX", "EU", "USA", "U S", "Ü", "ÅX", "AD AE"] {
            assert_eq!(Country::new(wrong), None, "{wrong}");
        }
    }
}
