//! Reads the type of an item with its options, and the constraint of R5 on answers.

use super::{node::Node, options::OptionReader};
use crate::{
    reference::questionnaire::{AnswerOption, ItemType, MAX_OPTIONS},
    value::validation::FindingCode,
};

/// The options of an item; a fault if there are too many, or none of them can be an answer.
pub(super) fn checked_options(
    item: &Node<'_>,
    kind: ItemType,
    reader: &mut OptionReader<'_>,
) -> Vec<AnswerOption> {
    let options = reader.read(item);
    if options.len() > MAX_OPTIONS {
        let message = format!("must have at most {MAX_OPTIONS} options");
        reader.faults.add(&item.at, FindingCode::Length, message);
    }
    let is_possible = |option: &AnswerOption| match kind {
        ItemType::Choice | ItemType::OpenChoice => true,
        ItemType::String | ItemType::Text => option.value_string.is_some(),
        ItemType::Integer | ItemType::Decimal | ItemType::Quantity => option.value_integer.is_some(),
        ItemType::Date | ItemType::DateTime => option.value_date.is_some(),
        ItemType::Time => option.value_time.is_some(),
        ItemType::Group | ItemType::Display | ItemType::Boolean => false,
    };
    if !options.iter().all(is_possible) {
        let name = if item.has("answerOption") {
            "answerOption"
        } else {
            "answerValueSet"
        };
        let message = "has options whose type is not that of the item, so that nobody could choose them";
        reader.faults.add(item.pointer(name), FindingCode::Type, message);
    }
    options
}

/// The type of an item with the constraint of R5 on its answers. If an answer need not be one of the options, the
/// item is an open choice.
pub(super) fn with_constraint(
    item: &Node<'_>,
    kind: ItemType,
    options: &[AnswerOption],
    reader: &mut OptionReader<'_>,
) -> ItemType {
    let at = item.pointer("answerConstraint");
    let (Some(constraint), Some(name)) = (item.str("answerConstraint"), item.str("type")) else {
        return kind;
    };
    let has_options = !options.is_empty() || item.has("answerValueSet");
    let contradicts = matches!(
        (constraint, name),
        ("optionsOnly", "open-choice") | ("optionsOrType" | "optionsOrString", "choice")
    );
    let (code, message) = match constraint {
        _ if contradicts => (
            FindingCode::Mismatch,
            "contradicts the type of the item, which is of R4",
        ),
        "optionsOnly" => return kind,
        "optionsOrString" | "optionsOrType" if !has_options => {
            let message = "has no effect on an item without options";
            reader.remarks.add(at, FindingCode::NotSupported, message);
            return kind;
        }
        "optionsOrString" => return ItemType::OpenChoice,
        "optionsOrType" if matches!(name, "string" | "text" | "open-choice") => return ItemType::OpenChoice,
        "optionsOrType" if name == "coding" => {
            let message = "an answer that is no option is given as text, not as a code";
            reader.remarks.add(at, FindingCode::NotSupported, message);
            return ItemType::OpenChoice;
        }
        "optionsOrType" => (
            FindingCode::NotSupported,
            "is not supported on this type: the answer would have to be one of the options",
        ),
        _ => (
            FindingCode::Enum,
            "must be optionsOnly, optionsOrType or optionsOrString",
        ),
    };
    reader.faults.add(at, code, message);
    kind
}

/// The type of item with a name in FHIR.
pub(super) fn kind(name: &str) -> Option<ItemType> {
    Some(match name {
        "group" => ItemType::Group,
        "display" => ItemType::Display,
        "boolean" => ItemType::Boolean,
        "decimal" => ItemType::Decimal,
        "integer" => ItemType::Integer,
        "date" => ItemType::Date,
        "dateTime" => ItemType::DateTime,
        "time" => ItemType::Time,
        "string" | "url" => ItemType::String,
        "text" => ItemType::Text,
        "choice" | "coding" => ItemType::Choice,
        "open-choice" => ItemType::OpenChoice,
        "quantity" => ItemType::Quantity,
        _ => return None,
    })
}
