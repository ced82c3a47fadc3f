//! Applies scoring rules to the answers of a response.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ItemType, Questionnaire, QuestionnaireItem,
    answer::{Answer, Value},
    form::Form,
    scoring::{MissingRule, ScoreGate, ScoreMethod, ScoreRule, Scoring},
};
use crate::value::decimal::rounded;

/// The text of a safety note for which the operator gave none.
const NOTE: &str = "Thank you for telling. You do not have to carry this alone: talking to someone now can help. \
    The numbers beside this note answer, and calling does not commit you to anything.";

/// One score of a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// The id of the rule.
    #[schema(max_length = 60)]
    pub id: String,
    /// The name for people.
    #[schema(max_length = 200)]
    pub label: String,
    /// The value; absent if too many answers are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The lowest possible value with these items, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest: Option<f64>,
    /// The highest possible value with these items, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<f64>,
    /// The number of its items that were answered.
    #[schema(maximum = 1000)]
    pub answered: usize,
    /// The number of its items that were asked.
    #[schema(maximum = 1000)]
    pub asked: usize,
    /// Whether missing answers were replaced by the mean of the others.
    pub prorated: bool,
    /// The name of the band that contains the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub band: Option<String>,
}

/// A safety note that follows from an answer or a score. Show it at once, with helplines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QuestionnaireSafetyNote)]
pub struct SafetyNote {
    /// The id of the gate.
    #[schema(max_length = 60)]
    pub id: String,
    /// The text.
    #[schema(max_length = 1000)]
    pub text: String,
}

/// The result of scoring a response.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The version of the rules.
    pub version: Option<String>,
    /// The scores; empty while the response is in progress.
    pub scores: Vec<Score>,
    /// Safety notes, also while the response is in progress.
    pub notes: Vec<SafetyNote>,
}

/// Scores the answers to a questionnaire.
pub fn score(questionnaire: &Questionnaire, answers: &[Answer], is_completed: bool) -> Outcome {
    let Some(rules) = &questionnaire.scoring else {
        return Outcome::default();
    };
    let form = Form::new(questionnaire, answers);
    let scores: Vec<Score> = if is_completed {
        rules
            .scores
            .iter()
            .map(|rule| score_by_rule(rule, &form))
            .collect()
    } else {
        Vec::new()
    };
    let notes = notes(rules, &form, &scores);
    Outcome {
        version: (is_completed || !notes.is_empty()).then(|| rules.version.clone()),
        scores,
        notes,
    }
}

/// The value of an item: the weight of the chosen option, the number, or 1 for yes and 0 for no. Several
/// answers are summed. `None` without an answer that counts.
fn value(item: &QuestionnaireItem, answers: &[&Answer]) -> Option<f64> {
    let values = answers.iter().filter_map(|answer| count(item, answer.value()?));
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn count(item: &QuestionnaireItem, value: Value<'_>) -> Option<f64> {
    let is_chosen = |option: &&super::AnswerOption| {
        option.value().and_then(|v| v.compare(value)) == Some(std::cmp::Ordering::Equal)
    };
    let weight = item
        .options
        .iter()
        .find(is_chosen)
        .and_then(|option| option.weight);
    weight.or(match (item.kind, value) {
        (ItemType::Boolean, Value::Boolean(yes)) => Some(f64::from(u8::from(yes))),
        (ItemType::Integer | ItemType::Decimal | ItemType::Quantity, Value::Number(number)) => Some(number),
        _ => None,
    })
}

/// Computes one score. Items that are not asked, given these answers, do not count at all: they add nothing
/// to a sum, a mean is that of the other items, and they are not missing.
fn score_by_rule(rule: &ScoreRule, form: &Form<'_>) -> Score {
    let asked = rule.items.iter().filter(|link_id| form.is_asked(link_id));
    let asked: Vec<&QuestionnaireItem> = asked.filter_map(|link_id| form.item(link_id)).collect();
    let is_reversed = |item: &QuestionnaireItem| rule.reverse.contains(&item.link_id);
    let values = asked.iter().filter_map(|item| {
        let plain = value(item, &form.answers(&item.link_id))?;
        match item.range() {
            Some((least, most)) if is_reversed(item) => Some(least + most - plain),
            _ => Some(plain),
        }
    });
    let values: Vec<f64> = values.collect();
    let missing = asked.len() - values.len();
    let (lowest, highest) = bounds(rule, &asked);
    // If items have different ranges, the mean for a missing answer may exceed the range of its item.
    let clamped = |value: f64| {
        lowest
            .zip(highest)
            .map_or(value, |(lowest, highest)| value.clamp(lowest, highest))
    };
    let result = result(rule, &values, missing).map(|value| clamped(scaled_and_rounded(rule, value)));
    Score {
        id: rule.id.clone(),
        label: rule.label.clone(),
        value: result,
        lowest,
        highest,
        answered: values.len(),
        asked: asked.len(),
        prorated: result.is_some() && missing > 0 && rule.missing == MissingRule::Prorate,
        band: result.and_then(|value| band(rule, value)),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a questionnaire has at most 1000 items"
)]
fn result(rule: &ScoreRule, values: &[f64], missing: usize) -> Option<f64> {
    if values.is_empty() || missing > usize::try_from(rule.max_missing).unwrap_or(usize::MAX) {
        return None;
    }
    let (sum, given) = (values.iter().sum::<f64>(), values.len() as f64);
    let total = given + missing as f64;
    Some(match (rule.method, rule.missing) {
        (ScoreMethod::Sum, MissingRule::Zero) => sum,
        (ScoreMethod::Sum, MissingRule::Prorate) => sum / given * total,
        (ScoreMethod::Mean, MissingRule::Zero) => sum / total,
        (ScoreMethod::Mean, MissingRule::Prorate) => sum / given,
    })
}

/// Multiplies and rounds a value as the rule says.
fn scaled_and_rounded(rule: &ScoreRule, value: f64) -> f64 {
    rounded(value * rule.multiply.unwrap_or(1.0), rule.decimals.unwrap_or(2))
}

/// Computes the lowest and the highest possible value with these items. Reversing an item does not change its
/// range.
#[expect(
    clippy::cast_precision_loss,
    reason = "a questionnaire has at most 1000 items"
)]
fn bounds(rule: &ScoreRule, asked: &[&QuestionnaireItem]) -> (Option<f64>, Option<f64>) {
    let ranges: Option<Vec<(f64, f64)>> = asked
        .iter()
        .map(|item| item.range().filter(|_| !item.repeats))
        .collect();
    let Some(ranges) = ranges.filter(|ranges| !ranges.is_empty()) else {
        return (None, None);
    };
    let of = |sum: f64| match rule.method {
        ScoreMethod::Sum => scaled_and_rounded(rule, sum),
        ScoreMethod::Mean => scaled_and_rounded(rule, sum / ranges.len() as f64),
    };
    let ends = [
        of(ranges.iter().map(|(least, _)| least).sum()),
        of(ranges.iter().map(|(_, most)| most).sum()),
    ];
    // A negative factor swaps them.
    (
        ends.iter().copied().reduce(f64::min),
        ends.iter().copied().reduce(f64::max),
    )
}

fn band(rule: &ScoreRule, value: f64) -> Option<String> {
    let below = rule.bands.iter().rev();
    below
        .into_iter()
        .find(|band| band.from <= value)
        .map(|band| band.label.clone())
}

fn notes(rules: &Scoring, form: &Form<'_>, scores: &[Score]) -> Vec<SafetyNote> {
    let is_open = |gate: &&ScoreGate| {
        let of_item = gate.item.as_deref().and_then(|link_id| {
            let item = form.item(link_id)?;
            value(item, &form.answers(link_id))
        });
        let of_score = gate
            .score
            .as_deref()
            .and_then(|id| scores.iter().find(|score| score.id == id)?.value);
        of_item.or(of_score).is_some_and(|value| value >= gate.at_least)
    };
    let open = rules.gates.iter().filter(is_open);
    open.map(|gate| SafetyNote {
        id: gate.id.clone(),
        text: gate.text.clone().unwrap_or_else(|| NOTE.to_owned()),
    })
    .collect()
}

#[cfg(test)]
mod tests;
