//! Answers to items. An answer is flat, with one member for each type of value, so that a generated client
//! needs no union types.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AnswerOption, EnableCondition, ItemType, QuestionnaireItem};
use crate::value::text::Text;

/// A code of a coding system, such as the value of an option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerCoding {
    /// The coding system; may be left out where the code alone identifies the option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub system: Option<Text<1, 500>>,
    /// The code.
    pub code: Text<1, 255>,
    /// The text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    pub display: Option<Text<0, 4000>>,
}

impl AnswerCoding {
    /// Whether both are the same code, and of the same system if both name one.
    pub fn is_same(&self, other: &Self) -> bool {
        self.code == other.code
            && match (&self.system, &other.system) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            }
    }
}

/// A number with a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerQuantity {
    /// The number.
    pub value: f64,
    /// The unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 255)]
    pub unit: Option<Text<1, 255>>,
}

/// One answer to one item. It has exactly one value, of the item's type. An item that repeats has one entry
/// for each of its answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuestionnaireAnswer)]
pub struct Answer {
    /// The item to which it is the answer.
    pub link_id: Text<1, 255>,
    /// The value for `boolean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_boolean: Option<bool>,
    /// The value for `integer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_integer: Option<Whole>,
    /// The value for `decimal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_decimal: Option<f64>,
    /// The value for `date`: `YYYY-MM-DD`, or without day, or without month and day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_date: Option<Text<4, 10>>,
    /// The value for `date_time` (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_date_time: Option<Text<4, 64>>,
    /// The value for `time`: `HH:MM` or `HH:MM:SS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_time: Option<Text<5, 12>>,
    /// The value for `string` and `text`, and for the person's own answer to `open_choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_string: Option<Text<0, 4000>>,
    /// The value for `choice` and `open_choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_coding: Option<AnswerCoding>,
    /// The value for `quantity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_quantity: Option<AnswerQuantity>,
}

/// A whole number of 32 bits, as in FHIR.
pub type Whole = crate::value::number::Int<{ i32::MIN as i64 }, { i32::MAX as i64 }>;

/// The value of an answer, an option or a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Yes or no.
    Boolean(bool),
    /// A number, with or without a unit.
    Number(f64),
    /// A date, a time or both, in the form that FHIR uses. Within the precision of both, a later one is
    /// greater as text.
    When(&'a str),
    /// Text.
    Text(&'a str),
    /// A code.
    Coding(&'a AnswerCoding),
}

impl Value<'_> {
    /// Compares two values; `None` if they cannot be compared. Codes are either equal or cannot be compared.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(&b)),
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(&b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::When(a), Self::When(b)) => compare_when(a, b),
            (Self::Coding(a), Self::Coding(b)) => a.is_same(b).then_some(Ordering::Equal),
            _ => None,
        }
    }
}

/// Compares dates or times to the precision of both. Two complete dates with times are compared as instants.
fn compare_when(a: &str, b: &str) -> Option<Ordering> {
    let instant = |text: &str| {
        text.parse::<crate::value::timestamp::Timestamp>()
            .map(|at| at.millis())
            .ok()
    };
    if let (Some(a), Some(b)) = (instant(a), instant(b)) {
        return Some(a.cmp(&b));
    }
    let shared = a.len().min(b.len());
    let (start_a, start_b) = (a.get(..shared)?, b.get(..shared)?);
    match start_a.cmp(start_b) {
        // The same time may be written with and without seconds.
        Ordering::Equal if a.len() != b.len() => {
            let rest = a.get(shared..)?.to_owned() + b.get(shared..)?;
            let is_time =
                start_a.contains(':') && rest.bytes().all(|byte| matches!(byte, b':' | b'.' | b'0'));
            is_time.then_some(Ordering::Equal)
        }
        other => Some(other),
    }
}

impl Answer {
    /// The values that are present, with the names of their members.
    pub fn values(&self) -> Vec<(&'static str, Value<'_>)> {
        let all = [
            ("value_boolean", self.value_boolean.map(Value::Boolean)),
            (
                "value_integer",
                self.value_integer.map(|n| Value::Number(n.as_f64())),
            ),
            ("value_decimal", self.value_decimal.map(Value::Number)),
            ("value_date", self.value_date.as_deref().map(Value::When)),
            (
                "value_date_time",
                self.value_date_time.as_deref().map(Value::When),
            ),
            ("value_time", self.value_time.as_deref().map(Value::When)),
            ("value_string", self.value_string.as_deref().map(Value::Text)),
            ("value_coding", self.value_coding.as_ref().map(Value::Coding)),
            (
                "value_quantity",
                self.value_quantity
                    .as_ref()
                    .map(|quantity| Value::Number(quantity.value)),
            ),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Its one value, if any.
    pub fn value(&self) -> Option<Value<'_>> {
        self.values().first().map(|(_, value)| *value)
    }

    /// Creates an answer to an item, without a value.
    pub fn to(link_id: Text<1, 255>) -> Self {
        Self {
            link_id,
            value_boolean: None,
            value_integer: None,
            value_decimal: None,
            value_date: None,
            value_date_time: None,
            value_time: None,
            value_string: None,
            value_coding: None,
            value_quantity: None,
        }
    }
}

impl AnswerOption {
    /// Its one value, if any.
    pub fn value(&self) -> Option<Value<'_>> {
        let number = self
            .value_integer
            .and_then(|n| i32::try_from(n).ok())
            .map(f64::from);
        self.value_coding
            .as_ref()
            .map(Value::Coding)
            .or(self.value_string.as_deref().map(Value::Text))
            .or(number.map(Value::Number))
            .or(self.value_date.as_deref().map(Value::When))
            .or(self.value_time.as_deref().map(Value::When))
    }
}

impl EnableCondition {
    /// Its one value, if any.
    pub fn value(&self) -> Option<Value<'_>> {
        let number = self
            .answer_integer
            .and_then(|n| i32::try_from(n).ok())
            .map(f64::from);
        self.answer_coding
            .as_ref()
            .map(Value::Coding)
            .or(self.answer_string.as_deref().map(Value::Text))
            .or(number.map(Value::Number))
            .or(self.answer_decimal.map(Value::Number))
            .or(self.answer_date.as_deref().map(Value::When))
            .or(self.answer_boolean.map(Value::Boolean))
    }
}

impl QuestionnaireItem {
    /// The systems of the options between which a code without a system does not decide, as a list for people;
    /// `None` if the code is that of one option at most.
    pub fn ambiguous(&self, coding: &AnswerCoding) -> Option<String> {
        let codings = self
            .options
            .iter()
            .filter_map(|option| option.value_coding.as_ref());
        let candidates: Vec<&AnswerCoding> = codings.filter(|own| own.is_same(coding)).collect();
        let is_decided = candidates
            .iter()
            .all(|own| candidates.first().is_some_and(|first| own.system == first.system));
        (!is_decided).then(|| systems(&candidates))
    }

    /// The members of an answer that may hold the value for this item.
    pub fn members(&self) -> Vec<&'static str> {
        let own = match self.kind {
            ItemType::Group | ItemType::Display => return Vec::new(),
            ItemType::Boolean => "value_boolean",
            ItemType::Decimal => "value_decimal",
            ItemType::Integer => "value_integer",
            ItemType::Date => "value_date",
            ItemType::DateTime => "value_date_time",
            ItemType::Time => "value_time",
            ItemType::String | ItemType::Text => "value_string",
            ItemType::Quantity => "value_quantity",
            ItemType::Choice | ItemType::OpenChoice => return self.members_of_options(),
        };
        vec![own]
    }

    fn members_of_options(&self) -> Vec<&'static str> {
        let has = |of: fn(&AnswerOption) -> bool| self.options.iter().any(of);
        let all = [
            (
                "value_coding",
                self.options.is_empty() || has(|o| o.value_coding.is_some()),
            ),
            ("value_integer", has(|o| o.value_integer.is_some())),
            ("value_date", has(|o| o.value_date.is_some())),
            ("value_time", has(|o| o.value_time.is_some())),
            (
                "value_string",
                self.kind == ItemType::OpenChoice || has(|o| o.value_string.is_some()),
            ),
        ];
        all.into_iter()
            .filter(|(_, is_one)| *is_one)
            .map(|(name, _)| name)
            .collect()
    }
}

/// The systems of codes, as a list for people. Long names are cut, and so is a long list.
fn systems(codings: &[&AnswerCoding]) -> String {
    const MAX_NAMED: usize = 4;
    let mut names: Vec<String> = Vec::new();
    for coding in codings {
        let name = coding
            .system
            .as_deref()
            .unwrap_or("no system")
            .chars()
            .take(120)
            .collect();
        if !names.contains(&name) && names.len() < MAX_NAMED {
            names.push(name);
        }
    }
    names.join(", ")
}

/// Whether a text is a date in the form that FHIR uses: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        10 => text.to_owned(),
        _ => return false,
    };
    crate::value::timestamp::strict_date(&whole).is_some_and(|date| chrono::Datelike::year(&date) >= 1)
}

/// Whether a text is a time of day: `HH:MM` or `HH:MM:SS`, optionally with a fraction.
pub fn is_time(text: &str) -> bool {
    let (hours, seconds) = text.split_at_checked(5).unwrap_or((text, ""));
    let is_second = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        whole.len() == 2 && digits(whole) && whole < "60" && !fraction.is_empty() && digits(fraction)
    };
    crate::value::place::TimeOfDay::new(hours).is_some()
        && (seconds.is_empty() || seconds.strip_prefix(':').is_some_and(is_second))
}
