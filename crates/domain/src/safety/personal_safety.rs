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

/// Returns the answers of the last 24 hours that the person does not feel safe or is not sure, and the questionnaire
/// responses of these hours with a safety note.
///
/// A later `yes` takes an answer back if it is later in both ways: it is about a later time, and it was written later.
/// A craving has the time of its onset, so an answer that is written now may be about an earlier time than one that was
/// written before. The answer of the event that help is for is never taken back.
pub(super) fn feeling_unsafe(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let responses = situation.facts.responses.iter();
    let noted = responses
        .filter(|response| !response.record.safety_notes.is_empty())
        .filter(|response| situation.is_acute(response.id, response.record.occurred_at))
        .map(|response| {
            let at = response.record.occurred_at;
            SafetyInput::fact(Kind::QuestionnaireResponse, response.id, "safety_notes", at)
        });
    unsafe_answers(situation).into_iter().chain(noted).collect()
}

/// An answer about feeling safe.
struct Answer {
    feels_safe: FeelsSafe,
    /// When it was written: the time in milliseconds, and of the same time the number of the change of its record. An
    /// answer of which nothing is known counts as written now.
    written: (i64, i64),
    input: SafetyInput,
}

fn unsafe_answers(situation: &Situation<'_>) -> Vec<SafetyInput> {
    let mut answers: Vec<Answer> = answers(situation).collect();
    // From the latest time on. Of answers about the same moment, one that asks for help comes first, so that no `yes` of
    // that moment takes it back.
    answers.sort_by_key(|answer| {
        (
            std::cmp::Reverse(answer.input.at.millis()),
            !answer.feels_safe.needs_help(),
        )
    });
    // When the last `yes` about a later time was written.
    let mut last_yes = (i64::MIN, i64::MIN);
    let mut counted = Vec::new();
    for answer in answers {
        if !answer.feels_safe.needs_help() {
            last_yes = last_yes.max(answer.written);
        } else if situation.event == Some(answer.input.id) || last_yes <= answer.written {
            counted.push(answer.input);
        }
    }
    counted
}

fn written(at: Option<Timestamp>, rev: i64) -> (i64, i64) {
    (at.map_or(i64::MAX, |at| at.millis()), rev)
}

fn answers<'a>(situation: &Situation<'a>) -> impl Iterator<Item = Answer> + use<'a> {
    let situation = *situation;
    let check_ins = situation.facts.check_ins.iter().filter_map(|check_in| {
        let (record, id) = (&check_in.record, check_in.id);
        let at = record.occurred_at;
        Some(Answer {
            feels_safe: record.answers.feels_safe?,
            written: written(record.feels_safe_at, check_in.rev()),
            input: SafetyInput::fact(Kind::CheckIn, id, "answers.feels_safe", at),
        })
    });
    let cravings = situation.facts.cravings.iter().filter_map(|event| {
        Some(Answer {
            feels_safe: event.record.feels_safe?,
            written: written(event.record.feels_safe_at, event.rev()),
            input: SafetyInput::of_craving(event, "feels_safe"),
        })
    });
    check_ins
        .chain(cravings)
        .filter(move |answer| situation.is_acute(answer.input.id, answer.input.at))
}
