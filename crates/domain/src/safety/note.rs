//! A safety note in a response, and the helplines that come with it.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Danger, SafetyTopic, text::safety_text};
use crate::reference::helpline::{self, Helpline, HelplineTopic};

/// Maximum number of helplines with a note.
pub const MAX_HELPLINES: usize = 5;

/// A safety note, with helplines to call. No feedback mutes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SafetyNote {
    /// Topic of the note.
    pub topic: SafetyTopic,
    /// Text of the note.
    #[schema(max_length = 1000)]
    pub text: String,
    /// The clinician who reviewed the text. Absent as long as nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub reviewed_by: Option<String>,
    /// The date of that review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_on: Option<NaiveDate>,
    /// Helplines to call, the emergency number first; at least one.
    #[schema(max_items = 5)]
    pub helplines: Vec<Helpline>,
}

impl SafetyNote {
    /// Creates the note about a danger, with the most urgent of the helplines.
    pub fn about(danger: &Danger, helplines: &[Helpline]) -> Self {
        let found = safety_text(danger.topic);
        Self {
            topic: danger.topic,
            text: found.text.to_owned(),
            reviewed_by: found.review.map(|review| review.by.to_owned()),
            reviewed_on: found.review.map(|review| review.on),
            helplines: with_helplines(danger.topic, helplines),
        }
    }
}

/// How urgent a helpline is: danger to life first, then crises.
const fn urgency(topic: HelplineTopic) -> u8 {
    match topic {
        HelplineTopic::Emergency => 0,
        HelplineTopic::Crisis => 1,
        HelplineTopic::SubstanceUse => 2,
        HelplineTopic::Gambling | HelplineTopic::Smoking => 3,
    }
}

/// Puts the emergency number first, then the crisis lines. Otherwise the order stays.
pub fn most_urgent_first(helplines: &mut [Helpline]) {
    helplines.sort_by_key(|line| urgency(line.topic));
}

/// Selects the helplines of a note, the emergency number first. Without an emergency number among them, the one that
/// works in most countries is added, so that no note comes without.
pub fn with_helplines(topic: SafetyTopic, helplines: &[Helpline]) -> Vec<Helpline> {
    let has_emergency = helplines
        .iter()
        .any(|line| line.topic == HelplineTopic::Emergency);
    let anywhere = helpline::select(None, None)
        .into_iter()
        .filter(|_| !has_emergency);
    let mut selected: Vec<Helpline> = (helplines.iter().chain(anywhere))
        .filter(|line| urgency(line.topic) <= urgency(HelplineTopic::SubstanceUse))
        .cloned()
        .collect();
    selected.sort_by_key(|line| match line.topic {
        HelplineTopic::SubstanceUse if !topic.is_crisis() => 1,
        HelplineTopic::Crisis if !topic.is_crisis() => 2,
        other => urgency(other),
    });
    selected.truncate(MAX_HELPLINES);
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_country(country: Option<&str>) -> Vec<Helpline> {
        let found = helpline::select(country, None);
        found.into_iter().cloned().collect()
    }

    #[test]
    fn every_note_names_an_emergency_number_first_in_every_country() {
        let countries = helpline::SHIPPED.iter().map(|line| Some(line.country.as_str()));
        for country in countries.chain([Some("AQ"), None]) {
            for topic in SafetyTopic::ALL {
                let lines = with_helplines(*topic, &of_country(country));
                assert!((1..=MAX_HELPLINES).contains(&lines.len()));
                assert_eq!(lines[0].topic, HelplineTopic::Emergency, "{country:?}");
                assert!(lines[1..].iter().all(|line| line.topic != HelplineTopic::Smoking));
            }
        }
        assert_eq!(
            with_helplines(SafetyTopic::Overdose, &[])[0].id,
            "international-112"
        );
    }

    #[test]
    fn the_second_line_fits_the_topic() {
        let second = |topic| {
            with_helplines(topic, &of_country(Some("US")))
                .get(1)
                .map(|line| line.id.clone())
        };
        assert_eq!(second(SafetyTopic::FeelingUnsafe).as_deref(), Some("us-988"));
        assert_eq!(
            second(SafetyTopic::AlcoholWithdrawal).as_deref(),
            Some("us-samhsa")
        );
    }
}
