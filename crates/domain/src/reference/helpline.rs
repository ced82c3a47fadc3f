//! Helplines by country and language.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The topic of a helpline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HelplineTopic {
    /// Someone to talk to in a crisis.
    Crisis,
    /// Alcohol and other drugs.
    SubstanceUse,
    /// Gambling.
    Gambling,
    /// Smoking.
    Smoking,
    /// Danger to life.
    Emergency,
}

impl HelplineTopic {
    /// How urgent a helpline is, 0 for danger to life, then crises.
    pub const fn urgency(self) -> u8 {
        match self {
            Self::Emergency => 0,
            Self::Crisis => 1,
            Self::SubstanceUse => 2,
            Self::Gambling | Self::Smoking => 3,
        }
    }
}

/// The kind of a channel to a helpline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HelplineChannelKind {
    /// A phone call.
    Call,
    /// A text message.
    Text,
    /// A chat on a web page.
    Chat,
    /// A text telephone.
    Tty,
}

/// One way to reach a helpline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HelplineChannel {
    /// The kind of channel.
    pub kind: HelplineChannelKind,
    /// The number as dialled in the country, or the address of the page.
    #[schema(max_length = 200)]
    pub value: String,
    /// The word to send in the first text message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 20, pattern = "^[A-Z]+$", example = "HOME")]
    pub keyword: Option<String>,
    /// A note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub note: Option<String>,
}

/// A helpline, with the source of its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Helpline {
    /// The name in references.
    #[schema(max_length = 60, example = "us-988")]
    pub id: String,
    /// Two-letter country code (ISO 3166-1); `ZZ` for numbers that work in most countries.
    #[schema(max_length = 2, example = "US")]
    pub country: String,
    /// The name for people.
    #[schema(max_length = 200)]
    pub name: String,
    /// The topic.
    pub topic: HelplineTopic,
    /// Languages spoken (ISO 639).
    #[schema(max_items = 20, max_length = 3)]
    pub languages: Vec<String>,
    /// The channels by which to reach it.
    #[schema(max_items = 10)]
    pub channels: Vec<HelplineChannel>,
    /// The opening hours, for people.
    #[schema(max_length = 200, example = "24/7")]
    pub hours: String,
    /// Whether it is open at every hour.
    pub always_open: bool,
    /// The service that it offers.
    #[schema(max_length = 1000)]
    pub description: String,
    /// The source of the data.
    #[schema(max_length = 500)]
    pub source: String,
    /// The date on which the data was last compared with its source. Absent as long as nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_on: Option<NaiveDate>,
}

/// The country code of numbers that work in most countries.
pub const ANYWHERE: &str = "ZZ";

/// All helplines that are shipped with the server.
pub static SHIPPED: LazyLock<Vec<Helpline>> = LazyLock::new(|| {
    // The file is part of the binary; a test proves that it parses.
    serde_json::from_str(include_str!("../../data/helplines.json")).unwrap_or_default()
});

/// Whether a country has a helpline to talk to. An emergency number alone is none.
pub fn has_country(country: &str) -> bool {
    of_country(country).any(|line| line.topic != HelplineTopic::Emergency)
}

fn of_country(country: &str) -> impl Iterator<Item = &'static Helpline> {
    SHIPPED.iter().filter(move |line| line.country == country)
}

/// Selects the helplines of a country, those in the language first. Without any for the country, selects
/// those that work in most countries.
pub fn select(country: Option<&str>, language: Option<&str>) -> Vec<&'static Helpline> {
    let country = country.filter(|c| of_country(c).next().is_some());
    let mut helplines: Vec<&Helpline> = of_country(country.unwrap_or(ANYWHERE)).collect();
    // The sort is stable: within a language the order of the file is preserved, with crisis lines first.
    helplines.sort_by_key(|h| {
        let spoken = language.is_none_or(|l| h.languages.iter().any(|have| have == l));
        (!spoken, h.topic)
    });
    helplines
}

/// Puts the emergency number first, then the crisis lines. Otherwise the order stays.
pub fn most_urgent_first(helplines: &mut [Helpline]) {
    helplines.sort_by_key(|line| line.topic.urgency());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::place::Country;

    #[test]
    fn every_named_country_has_someone_to_call() {
        for country in ["US", "CA", "GB", "IE", "AU", "NZ", "DE", "FR", "ES", "IN"] {
            let helplines = select(Some(country), None);
            assert!(
                helplines.iter().any(|h| h.topic == HelplineTopic::Crisis),
                "{country}"
            );
            assert!(
                helplines
                    .iter()
                    .all(|h| h.country == country && !h.channels.is_empty())
            );
        }
    }

    #[test]
    fn the_first_line_of_a_country_with_an_emergency_number_is_its_own() {
        for (country, number, crisis) in [
            ("JP", "119", Some("jp-yorisoi")),
            ("ZA", "112", Some("za-sadag")),
            ("MX", "911", Some("mx-saptel")),
            ("BR", "192", Some("br-cvv")),
            ("KR", "119", Some("kr-109")),
            ("TN", "190", None),
        ] {
            let lines = select(Some(country), None);
            let emergency = lines.iter().find(|line| line.topic == HelplineTopic::Emergency);
            assert_eq!(
                emergency.map(|line| line.channels[0].value.as_str()),
                Some(number),
                "{country}"
            );
            let first = lines.iter().find(|line| line.topic == HelplineTopic::Crisis);
            assert_eq!(first.map(|line| line.id.as_str()), crisis, "{country}");
            assert_eq!(has_country(country), crisis.is_some(), "{country}");
        }
    }

    #[test]
    fn every_line_has_an_id_of_its_own_a_country_and_a_source_and_every_country_an_emergency_number() {
        let mut ids: Vec<&str> = SHIPPED.iter().map(|line| line.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), SHIPPED.len());
        for line in SHIPPED.iter() {
            assert!(line.source.starts_with("https://"), "{}", line.id);
            assert!(
                !line.languages.is_empty() && !line.channels.is_empty(),
                "{}",
                line.id
            );
            assert!(
                line.country == ANYWHERE || Country::new(&line.country).is_some(),
                "{}",
                line.id
            );
            let emergencies = of_country(&line.country).filter(|one| one.topic == HelplineTopic::Emergency);
            assert_eq!(emergencies.count(), 1, "{}", line.country);
        }
    }

    #[test]
    fn the_national_lines_of_the_united_states_have_their_numbers() {
        let numbers: Vec<&str> = select(Some("US"), None)
            .into_iter()
            .flat_map(|h| &h.channels)
            .map(|c| c.value.as_str())
            .collect();
        for number in ["1-800-662-4357", "1-800-487-4889", "988"] {
            assert!(numbers.contains(&number), "{number}");
        }
    }

    #[test]
    fn a_keyword_belongs_to_text_messages_and_is_said_in_the_note() {
        for channel in SHIPPED.iter().flat_map(|line| &line.channels) {
            let Some(word) = &channel.keyword else { continue };
            assert_eq!(channel.kind, HelplineChannelKind::Text);
            assert!(word.bytes().all(|byte| byte.is_ascii_uppercase()), "{word}");
            assert!(
                channel.note.as_ref().is_some_and(|note| note.contains(word)),
                "{word}"
            );
        }
    }

    #[test]
    fn an_unknown_country_gets_the_number_that_works_in_most() {
        assert_eq!(
            select(Some("AQ"), None).first().map(|h| h.id.as_str()),
            Some("international-112")
        );
        assert_eq!(
            select(None, Some("en")).first().map(|h| h.country.as_str()),
            Some(ANYWHERE)
        );
    }

    #[test]
    fn the_language_comes_first() {
        let french = select(Some("CA"), Some("fr"));
        assert!(
            french
                .first()
                .is_some_and(|h| h.languages.iter().any(|l| l == "fr"))
        );
    }
}
