//! Reads the conditions under which an item is asked, and judges them by the items that they compare.

use std::collections::HashMap;

use super::{node::Node, options::OptionReader};
use crate::{
    reference::questionnaire::{
        EnableCondition, EnableOperator, ItemType, QuestionnaireItem,
        answer::{Value, is_date, is_time},
    },
    value::{timestamp::Timestamp, validation::FindingCode},
};

/// The members of a condition that hold its value.
const ANSWERS: [&str; 9] = [
    "answerBoolean",
    "answerInteger",
    "answerDecimal",
    "answerDate",
    "answerDateTime",
    "answerTime",
    "answerString",
    "answerCoding",
    "answerQuantity",
];

/// Reads a condition; `None` if it has no operator.
pub(super) fn read(condition: &Node<'_>, reader: &mut OptionReader<'_>) -> Option<EnableCondition> {
    if !condition.has("question") {
        reader.faults.add(
            condition.pointer("question"),
            FindingCode::Required,
            "must be given",
        );
    }
    let operator = condition.str("operator").and_then(operator);
    if operator.is_none() && (condition.str("operator").is_some() || !condition.has("operator")) {
        let message = "must be exists, =, !=, >, <, >= or <=";
        reader
            .faults
            .add(condition.pointer("operator"), FindingCode::Enum, message);
    }
    let operator = operator?;
    let values: Vec<&str> = ANSWERS.into_iter().filter(|name| condition.has(name)).collect();
    let is_reference = condition.has("answerReference");
    let needs_boolean = operator == EnableOperator::Exists && values != ["answerBoolean"];
    if (values.len() != 1 || needs_boolean) && !is_reference {
        let message =
            "must have an answerBoolean for exists, and for the others one value that is no reference";
        reader.faults.add(&condition.at, FindingCode::Required, message);
    }
    let coding = condition.node("answerCoding");
    let quantity = condition.node("answerQuantity");
    if let Some(quantity) = quantity.as_ref().filter(|quantity| !quantity.has("value")) {
        reader
            .faults
            .add(quantity.pointer("value"), FindingCode::Required, "must be given");
    }
    Some(EnableCondition {
        link_id: condition.str("question").unwrap_or_default().to_owned(),
        operator,
        answer_boolean: condition.flag("answerBoolean"),
        answer_integer: condition.integer("answerInteger"),
        answer_decimal: condition
            .number("answerDecimal")
            .or_else(|| quantity.and_then(|quantity| quantity.number("value"))),
        answer_date: when(condition, reader),
        answer_string: condition.str("answerString").map(str::to_owned),
        answer_coding: coding.and_then(|coding| reader.coding(&coding, None)),
    })
}

/// The date or time of a condition, also one in the place of a number.
fn when(condition: &Node<'_>, reader: &mut OptionReader<'_>) -> Option<String> {
    for name in ["answerDate", "answerDateTime", "answerTime"] {
        if let Some(text) = condition.str(name) {
            let is_valid = match name {
                "answerDate" => is_date(text),
                "answerTime" => is_time(text),
                _ => is_date(text) || text.parse::<Timestamp>().is_ok(),
            };
            if !is_valid {
                let message = "must be a date, a time, or both, in the form of FHIR";
                reader
                    .faults
                    .add(condition.pointer(name), FindingCode::Format, message);
            }
            return Some(text.to_owned());
        }
    }
    ["answerInteger", "answerDecimal"]
        .iter()
        .find_map(|name| condition.str(name))
        .map(str::to_owned)
}

/// The operator with a name in FHIR.
fn operator(name: &str) -> Option<EnableOperator> {
    Some(match name {
        "exists" => EnableOperator::Exists,
        "=" => EnableOperator::Equal,
        "!=" => EnableOperator::NotEqual,
        ">" => EnableOperator::Greater,
        "<" => EnableOperator::Less,
        ">=" => EnableOperator::GreaterOrEqual,
        "<=" => EnableOperator::LessOrEqual,
        _ => return None,
    })
}

/// Judges the conditions of all items by the items that they compare. `pointers` has the pointers to the conditions
/// of each item. `is_faulty` says of a link id that is no item's whether an item with a fault has it.
pub(super) fn judge(
    items: &[QuestionnaireItem],
    pointers: &[Vec<String>],
    is_faulty: impl Fn(&str) -> bool,
    reader: &mut OptionReader<'_>,
) {
    let by_link: HashMap<&str, &QuestionnaireItem> =
        items.iter().map(|item| (item.link_id.as_str(), item)).collect();
    for (item, pointers) in items.iter().zip(pointers) {
        for (condition, at) in item.enable_when.iter().zip(pointers) {
            let link_id = condition.link_id.as_str();
            match by_link.get(link_id) {
                None if link_id.is_empty() || is_faulty(link_id) => {}
                Some(question) if question.kind.is_question() => compare(condition, question, at, reader),
                _ => {
                    let message = "must be the linkId of a question of this questionnaire";
                    reader
                        .faults
                        .add(format!("{at}/question"), FindingCode::UnknownItem, message);
                }
            }
        }
    }
}

fn compare(
    condition: &EnableCondition,
    question: &QuestionnaireItem,
    at: &str,
    reader: &mut OptionReader<'_>,
) {
    if question.read_only {
        let message = "is a question that nobody answers here, so there is never an answer to compare";
        reader
            .remarks
            .add(format!("{at}/question"), FindingCode::ReadOnly, message);
    }
    if condition.operator == EnableOperator::Exists {
        return;
    }
    let Some(value) = condition.value() else {
        return;
    };
    if let Some(coding) = &condition.answer_coding
        && let Some(candidates) = question.ambiguous(coding)
    {
        let message = format!("must name the system: options have this code in {candidates}");
        reader
            .faults
            .add(format!("{at}/answerCoding"), FindingCode::Ambiguous, message);
    } else if !is_comparable(question, value) {
        let message = "compares with a value that no answer to this question has";
        reader.remarks.add(at, FindingCode::Mismatch, message);
    }
}

/// Whether an answer to a question can equal a value as far as its type goes, and its options.
fn is_comparable(question: &QuestionnaireItem, value: Value<'_>) -> bool {
    let is_offered = || {
        question.options.is_empty()
            || question
                .options
                .iter()
                .any(|option| option.value().and_then(|own| own.compare(value)).is_some())
    };
    matches!(
        (question.kind, value),
        (ItemType::Boolean, Value::Boolean(_))
            | (
                ItemType::Integer | ItemType::Decimal | ItemType::Quantity,
                Value::Number(_)
            )
            | (
                ItemType::Date | ItemType::DateTime | ItemType::Time,
                Value::When(_)
            )
            | (
                ItemType::String | ItemType::Text | ItemType::OpenChoice,
                Value::Text(_)
            )
    ) || (matches!(question.kind, ItemType::Choice | ItemType::OpenChoice) && is_offered())
}
