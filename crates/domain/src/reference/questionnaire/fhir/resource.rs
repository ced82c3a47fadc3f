//! The types of the FHIR R4 resource, with only the members that an import reads.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{coding, weight};
use crate::reference::questionnaire::AnswerOption;

/// A FHIR R4 Questionnaire. Other members are ignored.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FhirQuestionnaire {
    #[serde(default)]
    pub(super) resource_type: String,
    pub(super) url: Option<String>,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) status: Option<String>,
    pub(super) description: Option<String>,
    pub(super) copyright: Option<String>,
    #[serde(default)]
    pub(super) extension: Vec<FhirExtension>,
    #[serde(default)]
    pub(super) contained: Vec<Value>,
    #[serde(default)]
    pub(super) item: Vec<FhirItem>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FhirItem {
    #[serde(default)]
    pub link_id: String,
    #[serde(rename = "type", default)]
    pub kind: String,
    pub prefix: Option<String>,
    pub text: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub required: bool,
    #[serde(default, deserialize_with = "flag")]
    pub repeats: bool,
    #[serde(default, deserialize_with = "flag")]
    pub read_only: bool,
    pub max_length: Option<i64>,
    pub answer_value_set: Option<String>,
    #[serde(default)]
    pub answer_option: Vec<FhirOption>,
    #[serde(default)]
    pub enable_when: Vec<FhirCondition>,
    pub enable_behavior: Option<String>,
    #[serde(default)]
    pub extension: Vec<FhirExtension>,
    #[serde(default)]
    pub item: Vec<FhirItem>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FhirOption {
    pub value_coding: Option<FhirCoding>,
    pub value_string: Option<String>,
    pub value_integer: Option<i32>,
    pub value_date: Option<String>,
    pub value_time: Option<String>,
    #[serde(default)]
    pub extension: Vec<FhirExtension>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FhirCondition {
    #[serde(default)]
    pub question: String,
    #[serde(default)]
    pub operator: String,
    pub answer_boolean: Option<bool>,
    /// Usually a number, but some files have other values here.
    pub answer_integer: Option<Value>,
    pub answer_decimal: Option<Value>,
    pub answer_date: Option<String>,
    pub answer_date_time: Option<String>,
    pub answer_time: Option<String>,
    pub answer_string: Option<String>,
    pub answer_coding: Option<FhirCoding>,
    pub answer_quantity: Option<FhirQuantity>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FhirQuantity {
    pub value: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FhirCoding {
    pub system: Option<String>,
    #[serde(default)]
    pub code: String,
    pub display: Option<String>,
    #[serde(default)]
    pub extension: Vec<FhirExtension>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FhirExtension {
    #[serde(default)]
    pub url: String,
    pub value_string: Option<String>,
    pub value_decimal: Option<f64>,
    pub value_integer: Option<i64>,
    pub value_coding: Option<FhirCoding>,
}

impl FhirExtension {
    /// The numeric value, if any.
    pub fn number(&self) -> Option<f64> {
        let whole = self
            .value_integer
            .and_then(|n| i32::try_from(n).ok())
            .map(f64::from);
        self.value_decimal.or(whole)
    }
}

/// A value set that the questionnaire contains.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FhirValueSet {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    compose: FhirCompose,
    #[serde(default)]
    expansion: FhirExpansion,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct FhirCompose {
    #[serde(default)]
    include: Vec<FhirInclude>,
}

#[derive(Debug, Clone, Deserialize)]
struct FhirInclude {
    system: Option<String>,
    #[serde(default)]
    concept: Vec<FhirCoding>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct FhirExpansion {
    #[serde(default)]
    contains: Vec<FhirCoding>,
}

impl FhirValueSet {
    /// The codes as options: those of the expansion if there is one, otherwise those of the composition.
    /// `None` stands for a concept without a code.
    pub fn concepts(&self) -> Vec<Option<AnswerOption>> {
        let option = |system: Option<&String>, concept: &FhirCoding| {
            Some(AnswerOption {
                value_coding: Some(coding(concept, system)?),
                weight: weight(&concept.extension),
                ..AnswerOption::default()
            })
        };
        if !self.expansion.contains.is_empty() {
            return self
                .expansion
                .contains
                .iter()
                .map(|concept| option(None, concept))
                .collect();
        }
        let included = self.compose.include.iter();
        included
            .flat_map(|include| {
                include
                    .concept
                    .iter()
                    .map(|concept| option(include.system.as_ref(), concept))
            })
            .collect()
    }
}

/// Deserialises a boolean, which some programs write as text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(flag),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err(de::Error::custom("must be true or false")),
    }
}
