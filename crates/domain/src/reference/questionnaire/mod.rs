//! Questionnaires: items, conditions, answers and scoring. Operators import the instruments that they are
//! licensed to use, as FHIR Questionnaires. Only one short questionnaire, written for this project, is
//! shipped.
//!
//! - this file: the wire form of a questionnaire, a flat list of items in order, each naming its parent;
//! - [`fhir`]: import from FHIR;
//! - [`answer`]: an answer to an item; [`form`]: enabled items and the validation of answers;
//! - [`scoring`]: rules for scores, bands and notes; [`score`]: applying the rules to answers;
//! - [`trend`]: scores over time.
//!
//! The person's record is [`crate::questionnaire_response`].

pub mod answer;
pub mod fhir;
pub mod form;
pub mod score;
pub mod scoring;
pub mod trend;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;
use uuid::Uuid;

use self::{answer::AnswerCoding, scoring::Scoring};

/// The maximum number of items in a questionnaire.
pub const MAX_ITEMS: usize = 1000;
/// The maximum number of options of an item.
pub const MAX_OPTIONS: usize = 500;
/// The maximum number of conditions of an item.
pub const MAX_CONDITIONS: usize = 100;

/// The status of a questionnaire. It can be read and answered in any status, because an app that was offline
/// may only have an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum QuestionnaireStatus {
    /// A draft.
    Draft,
    /// In use.
    Active,
    /// Should no longer be offered.
    Retired,
    /// Not known.
    Unknown,
}

impl QuestionnaireStatus {
    /// The name on the wire, in FHIR and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The type of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemType {
    /// Holds other items.
    Group,
    /// Text to be shown.
    Display,
    /// Yes or no.
    Boolean,
    /// A number.
    Decimal,
    /// A whole number.
    Integer,
    /// A date.
    Date,
    /// A date and time.
    DateTime,
    /// A time of day.
    Time,
    /// A short text.
    String,
    /// A longer text.
    Text,
    /// One of the options.
    Choice,
    /// One of the options, or the person's own text.
    OpenChoice,
    /// A number with a unit.
    Quantity,
}

impl ItemType {
    /// Whether the item takes an answer.
    pub const fn is_question(self) -> bool {
        !matches!(self, Self::Group | Self::Display)
    }
}

/// The comparison between an answer and the value of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnableOperator {
    /// An answer exists; with `answer_boolean` false, none exists.
    Exists,
    /// An answer equals the value.
    Equal,
    /// No answer equals the value.
    NotEqual,
    /// An answer is greater than the value.
    Greater,
    /// An answer is less than the value.
    Less,
    /// An answer is greater than or equal to the value.
    GreaterOrEqual,
    /// An answer is less than or equal to the value.
    LessOrEqual,
}

/// How several conditions combine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnableBehavior {
    /// All conditions must hold.
    #[default]
    All,
    /// At least one condition must hold.
    Any,
}

/// A condition under which an item is asked. It has exactly one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnableCondition {
    /// The item whose answers are compared.
    #[schema(max_length = 255)]
    pub link_id: String,
    /// The comparison.
    pub operator: EnableOperator,
    /// The value, if it is a boolean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_boolean: Option<bool>,
    /// The value, if it is a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_integer: Option<i64>,
    /// The value, if it is a number or a quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_decimal: Option<f64>,
    /// The value, if it is a date, a time, or a date and time, in the form that FHIR uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub answer_date: Option<String>,
    /// The value, if it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub answer_string: Option<String>,
    /// The value, if it is an option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_coding: Option<AnswerCoding>,
}

/// An answer option of an item. It has exactly one value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnswerOption {
    /// The value, if it is a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_coding: Option<AnswerCoding>,
    /// The value, if it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub value_string: Option<String>,
    /// The value, if it is a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_integer: Option<i64>,
    /// The value, if it is a date, which may lack day and month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 10)]
    pub value_date: Option<String>,
    /// The value, if it is a time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 12)]
    pub value_time: Option<String>,
    /// The weight in scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

/// One item of a questionnaire.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are members of the wire form, and each is independent of the others"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuestionnaireItem {
    /// The name of the item in the questionnaire.
    #[schema(max_length = 255)]
    pub link_id: String,
    /// The item that contains it; absent at the top level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub parent_link_id: Option<String>,
    /// The type.
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// A prefix of the text, such as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub prefix: Option<String>,
    /// The question or text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub text: Option<String>,
    /// Whether a completed response needs an answer if the item is asked. A required group needs an answer to
    /// at least one of its items.
    pub required: bool,
    /// Whether several answers are allowed.
    pub repeats: bool,
    /// Whether the item must not be shown to people. Items inside a hidden item are hidden as well. A hidden item
    /// takes no answer.
    #[serde(default)]
    pub hidden: bool,
    /// Whether a client must not answer the item.
    pub read_only: bool,
    /// The maximum number of characters in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_length: Option<i64>,
    /// The minimum number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<f64>,
    /// The maximum number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
    /// The unit of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub unit: Option<String>,
    /// The answer options.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub options: Vec<AnswerOption>,
    /// Conditions under which the item is asked; without any it always is. Items inside an item that is not
    /// asked are not asked either.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub enable_when: Vec<EnableCondition>,
    /// How several conditions combine.
    #[serde(default)]
    pub enable_behavior: EnableBehavior,
}

/// A questionnaire. The items of one address and version never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Questionnaire {
    /// The id, which is always the same for the same address and version.
    pub id: Uuid,
    /// The canonical address.
    #[schema(max_length = 500)]
    pub url: String,
    /// The version.
    #[schema(max_length = 60)]
    pub version: String,
    /// The title.
    #[schema(max_length = 255)]
    pub title: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// The status.
    pub status: QuestionnaireStatus,
    /// The terms under which it may be used. Show them where the licence requires it.
    #[schema(max_length = 4000)]
    pub licence: String,
    /// The authors. Show them with the questionnaire.
    #[schema(max_length = 4000)]
    pub attribution: String,
    /// The items in order. An item follows the item that contains it.
    #[schema(max_items = 1000)]
    pub items: Vec<QuestionnaireItem>,
    /// The scoring rules; absent if it is not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<Scoring>,
}

/// A summary of a questionnaire for lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuestionnaireSummary {
    /// The id.
    pub id: Uuid,
    /// The canonical address.
    #[schema(max_length = 500)]
    pub url: String,
    /// The version.
    #[schema(max_length = 60)]
    pub version: String,
    /// The title.
    #[schema(max_length = 255)]
    pub title: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// The status.
    pub status: QuestionnaireStatus,
    /// The terms under which it may be used.
    #[schema(max_length = 4000)]
    pub licence: String,
    /// The authors.
    #[schema(max_length = 4000)]
    pub attribution: String,
    /// The number of questions.
    #[schema(minimum = 0)]
    pub questions: usize,
    /// Whether it is scored.
    pub is_scored: bool,
}

impl From<&Questionnaire> for QuestionnaireSummary {
    fn from(whole: &Questionnaire) -> Self {
        Self {
            id: whole.id,
            url: whole.url.clone(),
            version: whole.version.clone(),
            title: whole.title.clone(),
            description: whole.description.clone(),
            status: whole.status,
            licence: whole.licence.clone(),
            attribution: whole.attribution.clone(),
            questions: whole.items.iter().filter(|item| item.kind.is_question()).count(),
            is_scored: whole.scoring.is_some(),
        }
    }
}

/// The short, free questionnaire that is shipped with every server. It also serves as an example of the
/// engine's features.
pub static SHIPPED: LazyLock<Option<Questionnaire>> = LazyLock::new(|| {
    // The file is part of the binary; a test proves that it parses.
    serde_json::from_str(include_str!("../../../data/questionnaire.json")).ok()
});

/// Returns the shipped questionnaire if the id is its id.
pub fn shipped(id: Uuid) -> Option<&'static Questionnaire> {
    SHIPPED.as_ref().filter(|own| own.id == id)
}

#[cfg(test)]
mod tests;
