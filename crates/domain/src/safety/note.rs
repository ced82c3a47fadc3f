//! A safety note in a response, and the helplines that come with it.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Danger, SafetyTopic,
    text::{Circumstance, NoteContext, has_overdose_signs, safety_text},
};
pub use crate::reference::helpline::most_urgent_first;
use crate::{
    reference::helpline::{self, ANYWHERE, Helpline, HelplineChannelKind, HelplineTopic},
    value::vocabulary::Substance,
};

/// Maximum number of helplines with a note.
pub const MAX_HELPLINES: usize = 5;

/// A safety note, with helplines to call. No feedback mutes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SafetyNote {
    /// Topic of the note.
    pub topic: SafetyTopic,
    /// Text of the note.
    #[schema(max_length = 1200)]
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
    /// Creates the notes about dangers, the most urgent first, each with the most urgent of the helplines. What several of
    /// them have in common is said by the first.
    pub fn about(dangers: &[Danger], context: &NoteContext<'_>) -> Vec<Self> {
        let first_with_signs = dangers.iter().position(|danger| has_overdose_signs(danger.topic));
        let notes = dangers.iter().enumerate().map(|(n, danger)| {
            let helplines = with_helplines(danger.topic, context.helplines);
            let mut circumstances = circumstances(danger, &helplines, context);
            if first_with_signs.is_some_and(|first| first < n) {
                circumstances.push(Circumstance::SignsAbove);
            }
            if n == 0 && helplines.first().is_some_and(|line| line.country == ANYWHERE) {
                circumstances.push(Circumstance::UnknownCountry);
            }
            let found = safety_text(danger.topic, &circumstances);
            Self {
                topic: danger.topic,
                text: found.text,
                reviewed_by: found.review.map(|review| review.by.to_owned()),
                reviewed_on: found.review.map(|review| review.on),
                helplines,
            }
        });
        notes.collect()
    }
}

/// Returns the circumstances of one note by itself.
fn circumstances(danger: &Danger, helplines: &[Helpline], context: &NoteContext<'_>) -> Vec<Circumstance> {
    use HelplineChannelKind::{Chat, Text};
    let has_crisis_line = helplines.iter().any(|line| line.topic == HelplineTopic::Crisis);
    let is_written = |line: &Helpline| {
        (line.channels.iter()).any(|channel| matches!(channel.kind, Text | Chat))
            && line.topic.urgency() <= HelplineTopic::Crisis.urgency()
    };
    let may_be_of_stimulant = (context.facts.uses.iter())
        .filter(|event| danger.inputs.iter().any(|input| input.id == event.id))
        .any(|event| event.record.substance.is_stimulant() || event.record.substance == Substance::Other);
    [
        has_crisis_line.then_some(Circumstance::CrisisLine),
        helplines
            .iter()
            .any(is_written)
            .then_some(Circumstance::WrittenLine),
        may_be_of_stimulant.then_some(Circumstance::Stimulant),
        context.safety_plan,
    ]
    .into_iter()
    .flatten()
    .collect()
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
        .filter(|line| line.topic.urgency() <= HelplineTopic::SubstanceUse.urgency())
        .cloned()
        .collect();
    selected.sort_by_key(|line| match line.topic {
        HelplineTopic::SubstanceUse if !topic.is_crisis() => 1,
        HelplineTopic::Crisis if !topic.is_crisis() => 2,
        other => other.urgency(),
    });
    selected.truncate(MAX_HELPLINES);
    selected
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::{
        insight::facts::{Facts, WithId},
        record::Record,
        safety::SafetyInput,
        use_event::UseEvent,
    };

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

    /// The notes about dangers of these topics that one use of a substance tells of.
    fn notes(topics: &[SafetyTopic], substance: Substance, country: Option<&str>) -> Vec<SafetyNote> {
        let event = WithId {
            id: Uuid::from_u128(1),
            record: UseEvent {
                substance,
                ..UseEvent::example()
            },
            written: None,
        };
        let danger = |topic: &SafetyTopic| Danger {
            topic: *topic,
            inputs: vec![SafetyInput::of_use(&event, "harm")],
        };
        let dangers: Vec<Danger> = topics.iter().map(danger).collect();
        let facts = Facts {
            uses: vec![event],
            ..Facts::default()
        };
        let context = NoteContext {
            facts: &facts,
            helplines: &of_country(country),
            safety_plan: None,
        };
        SafetyNote::about(&dangers, &context)
    }

    #[test]
    fn the_signs_of_an_overdose_are_said_once_by_the_most_urgent_note_that_needs_them() {
        use SafetyTopic::{Injury, MixedDepressants, OpioidTolerance, Overdose, StreetSupply};
        for (topics, says) in [
            (
                vec![Overdose, Injury, MixedDepressants, OpioidTolerance, StreetSupply],
                0,
            ),
            (vec![Injury, MixedDepressants, OpioidTolerance], 1),
            (vec![StreetSupply], 0),
        ] {
            let found = notes(&topics, Substance::OpioidHeroin, Some("US"));
            let with_signs: Vec<usize> = (0..found.len())
                .filter(|n| found[*n].text.contains("cannot be woken"))
                .collect();
            assert_eq!(with_signs, [says], "{topics:?}");
        }
    }

    #[test]
    fn an_overdose_of_a_stimulant_has_its_own_signs_and_naloxone_too() {
        let overdose = |substance| {
            notes(&[SafetyTopic::Overdose], substance, Some("US"))[0]
                .text
                .clone()
        };
        for substance in [Substance::Cocaine, Substance::Methamphetamine, Substance::Other] {
            for said in [
                "very hot",
                "chest pain",
                "seizure",
                "cool the skin",
                "give naloxone",
            ] {
                assert!(overdose(substance).contains(said), "{substance:?}: {said}");
            }
        }
        assert!(!overdose(Substance::OpioidFentanyl).contains("stimulant"));
    }

    #[test]
    fn a_note_speaks_of_a_crisis_line_exactly_if_it_has_one() {
        let countries: BTreeSet<&str> = helpline::SHIPPED
            .iter()
            .map(|line| line.country.as_str())
            .collect();
        for country in countries.into_iter().map(Some).chain([None, Some("AQ")]) {
            for topic in [SafetyTopic::FeelingUnsafe, SafetyTopic::Injury] {
                let note = notes(&[topic], Substance::Alcohol, country).remove(0);
                let has_line = note
                    .helplines
                    .iter()
                    .any(|line| line.topic == HelplineTopic::Crisis);
                assert_eq!(
                    note.text.contains("crisis line"),
                    has_line,
                    "{country:?}: {}",
                    note.text
                );
                let is_anywhere = note.helplines[0].country == ANYWHERE;
                assert_eq!(
                    note.text.contains("911 in the Americas"),
                    is_anywhere,
                    "{country:?}"
                );
            }
        }
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
