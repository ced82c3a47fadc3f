//! Dangers that the person tells of: an overdose, an injury, or not feeling safe.

use super::situation::{SafetyInput, Situation};
use crate::{
    record::Kind,
    use_event::Harm,
    value::{timestamp::Timestamp, vocabulary::FeelsSafe},
};

/// Returns the use events of the last 24 hours with an overdose.
pub(super) fn overdose(situation: &Situation<'_>) -> Vec<SafetyInput> {
    harm(situation, Harm::Overdose)
}

/// Returns the use events of the last 24 hours with an injury.
pub(super) fn injury(situation: &Situation<'_>) -> Vec<SafetyInput> {
    harm(situation, Harm::Injury)
}

fn harm(situation: &Situation<'_>, harm: Harm) -> Vec<SafetyInput> {
    let with_harm = situation
        .all_uses()
        .filter(|event| event.record.harm == Some(harm));
    with_harm
        .filter(|event| {
            let end = event.record.ended_at.unwrap_or(event.record.occurred_at);
            situation.is_acute(event.id, end)
        })
        .map(|event| SafetyInput::of_use(event, "harm"))
        .collect()
}

/// Returns the newest answer of the last 24 hours about feeling safe, unless it is `yes`, and the questionnaire
/// responses of these hours with a safety note.
pub(super) fn feeling_unsafe(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let responses = situation.facts.responses.iter();
    let noted = responses
        .filter(|response| !response.record.safety_notes.is_empty())
        .filter(|response| situation.is_acute(response.id, response.record.occurred_at))
        .map(|response| {
            let at = response.record.occurred_at;
            SafetyInput::fact(Kind::QuestionnaireResponse, response.id, "safety_notes", at)
        });
    newest_unsafe_answer(situation).into_iter().chain(noted).collect()
}

fn newest_unsafe_answer(situation: &Situation<'_>) -> Option<SafetyInput> {
    let check_ins = situation.facts.check_ins.iter().map(|check_in| {
        let (record, id) = (&check_in.record, check_in.id);
        let at = record.occurred_at;
        let input = SafetyInput::fact(Kind::CheckIn, id, "answers.feels_safe", at);
        (record.answers.feels_safe, input)
    });
    let cravings = situation.facts.cravings.iter().map(|event| {
        (
            event.record.feels_safe,
            SafetyInput::of_craving(event, "feels_safe"),
        )
    });
    let answers = check_ins
        .chain(cravings)
        .filter_map(|(answer, input)| Some((answer?, input)))
        .filter(|(_, input)| situation.is_acute(input.id, input.at));
    // Of two answers of the same moment, the one that asks for help counts.
    let rank = |(answer, input): &(FeelsSafe, SafetyInput)| {
        let at: Timestamp = input.at;
        (at.millis(), answer.needs_help(), input.id)
    };
    let (answer, input) = answers.max_by_key(rank)?;
    answer.needs_help().then_some(input)
}
