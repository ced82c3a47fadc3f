//! Questionnaires: what an instrument asks, who may answer what, and how it is scored. Operators import the
//! instruments that they may use, as FHIR R4 Questionnaires; none is shipped but a short one of our own.
//!
//! - this file: a questionnaire as this server gives it, flat: items in their order, each naming its parent;
//! - [`fhir`]: reading one from FHIR;
//! - [`answer`]: an answer to an item; [`form`]: which items are asked, and what is wrong with answers;
//! - [`scoring`]: rules for scores, bands and notes; [`score`]: what the rules make of answers;
//! - [`trend`]: scores over time. The record is [`crate::questionnaire_response`].

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

/// Most items of a questionnaire.
pub const MAX_ITEMS: usize = 1000;
/// Most options of an item.
pub const MAX_OPTIONS: usize = 500;

/// Where a questionnaire stands. Whatever its status, it can be read and answered: an app that was offline may know
/// the older one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum QuestionnaireStatus {
    /// Being worked on.
    Draft,
    /// In use.
    Active,
    /// Not to be offered any more.
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

/// What an item is.
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
    /// A time on a date.
    DateTime,
    /// A time of day.
    Time,
    /// A short text.
    String,
    /// A longer text.
    Text,
    /// One of the options.
    Choice,
    /// One of the options, or a text of one's own.
    OpenChoice,
    /// A number with a unit.
    Quantity,
}

impl ItemType {
    /// Whether it asks for an answer.
    pub const fn is_question(self) -> bool {
        !matches!(self, Self::Group | Self::Display)
    }
}

/// How an answer is compared with the value of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnableOperator {
    /// There is an answer, or with `answer_boolean` false there is none.
    Exists,
    /// An answer equals the value.
    Equal,
    /// No answer equals the value.
    NotEqual,
    /// An answer is greater than the value.
    Greater,
    /// An answer is less than the value.
    Less,
    /// An answer is greater than the value or equals it.
    GreaterOrEqual,
    /// An answer is less than the value or equals it.
    LessOrEqual,
}

/// How several conditions go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnableBehavior {
    /// Every one must hold.
    #[default]
    All,
    /// One must hold.
    Any,
}

/// A condition under which an item is asked. It has one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnableCondition {
    /// The item whose answers are looked at.
    #[schema(max_length = 255)]
    pub link_id: String,
    /// How they are compared.
    pub operator: EnableOperator,
    /// The value, if it is yes or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_boolean: Option<bool>,
    /// The value, if it is a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_integer: Option<i64>,
    /// The value, if it is a number; also that of a quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_decimal: Option<f64>,
    /// The value, if it is a date, a time, or a time on a date: as FHIR writes them.
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

/// Something that an item offers as its answer. It has one value.
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
    /// What it counts in scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

/// One item of a questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuestionnaireItem {
    /// Its name in the questionnaire.
    #[schema(max_length = 255)]
    pub link_id: String,
    /// The item that it stands in; left out at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub parent_link_id: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// What stands before the text, such as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub prefix: Option<String>,
    /// What it asks or says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub text: Option<String>,
    /// Whether a completed response needs an answer, if it is asked. A required group needs one inside.
    pub required: bool,
    /// Whether it may have several answers.
    pub repeats: bool,
    /// Whether the server or nobody answers it: a client may not.
    pub read_only: bool,
    /// Most characters of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_length: Option<i64>,
    /// The least number that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<f64>,
    /// The greatest number that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
    /// The unit of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub unit: Option<String>,
    /// What it offers as answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub options: Vec<AnswerOption>,
    /// Conditions under which it is asked; without any it always is. What stands in an item that is not asked is not
    /// asked either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub enable_when: Vec<EnableCondition>,
    /// How several conditions go together.
    #[serde(default)]
    pub enable_behavior: EnableBehavior,
}

/// A questionnaire. Under one address and version what it asks never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Questionnaire {
    /// Its id: always the same for the same address and version.
    pub id: Uuid,
    /// Its canonical address.
    #[schema(max_length = 500)]
    pub url: String,
    /// Its version.
    #[schema(max_length = 60)]
    pub version: String,
    /// What it is called.
    #[schema(max_length = 255)]
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Where it stands.
    pub status: QuestionnaireStatus,
    /// Under which terms it may be used. Show it where the licence asks for it.
    #[schema(max_length = 4000)]
    pub licence: String,
    /// Whose work it is. Show it with the questionnaire.
    #[schema(max_length = 4000)]
    pub attribution: String,
    /// The items in their order; one stands behind the item that it stands in.
    #[schema(max_items = 1000)]
    pub items: Vec<QuestionnaireItem>,
    /// How it is scored; left out if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<Scoring>,
}

/// What a list tells of a questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuestionnaireSummary {
    /// Its id.
    pub id: Uuid,
    /// Its canonical address.
    #[schema(max_length = 500)]
    pub url: String,
    /// Its version.
    #[schema(max_length = 60)]
    pub version: String,
    /// What it is called.
    #[schema(max_length = 255)]
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Where it stands.
    pub status: QuestionnaireStatus,
    /// Under which terms it may be used.
    #[schema(max_length = 4000)]
    pub licence: String,
    /// Whose work it is.
    #[schema(max_length = 4000)]
    pub attribution: String,
    /// How many questions it has.
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

/// The questionnaire of our own that every server has: short, free, and an example of what the engine can do.
pub static SHIPPED: LazyLock<Option<Questionnaire>> = LazyLock::new(|| {
    // The file is part of the program; a test proves that it reads.
    serde_json::from_str(include_str!("../../../data/questionnaire.json")).ok()
});

/// The shipped questionnaire, if that is its id.
pub fn shipped(id: Uuid) -> Option<&'static Questionnaire> {
    SHIPPED.as_ref().filter(|own| own.id == id)
}

#[cfg(test)]
mod tests;
