//! Import of questionnaires from FHIR R4 (hl7.org/fhir/R4/questionnaire.html). Features that the engine does
//! not support are refused or reported in a remark. Nothing that changes which questions are asked is ignored
//! silently.

mod reader;
mod resource;

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

pub use self::resource::FhirQuestionnaire;
use self::{
    reader::Reader,
    resource::{FhirCoding, FhirExtension, FhirValueSet},
};
use super::{Questionnaire, QuestionnaireStatus, answer::AnswerCoding, form::Form, scoring::Scoring};
use crate::value::{
    text::Text,
    validation::{Finding, FindingCode, Findings},
};

/// Settings of an import that the operator gives in addition to the resource.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The terms of use; the resource's `copyright` if left out.
    pub licence: Option<String>,
    /// The authors; the resource's copyright label, or its `copyright`, if left out.
    pub attribution: Option<String>,
    /// The canonical address; replaces that of the resource.
    pub url: Option<String>,
    /// The version; replaces that of the resource.
    pub version: Option<String>,
    /// The status; replaces that of the resource.
    pub status: Option<QuestionnaireStatus>,
    /// The scoring rules; derived from the weights of the options if left out.
    pub scoring: Option<Scoring>,
}

/// An imported questionnaire, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The questionnaire.
    pub questionnaire: Questionnaire,
    /// The differences from the resource. Pointers are from the root of the resource.
    pub remarks: Vec<Finding>,
}

/// Converts a resource to a questionnaire. `id_of` returns the id for an address and a version.
///
/// # Errors
/// All faults for which it cannot be imported. Pointers are from the root of the resource; those that begin
/// with `/scoring` are followed by a pointer from the root of the rules.
pub fn import(
    resource: &FhirQuestionnaire,
    terms: &Terms,
    id_of: impl Fn(&str, &str) -> Uuid,
) -> Result<Imported, Vec<Finding>> {
    let mut reader = Reader {
        contained: contained(&resource.contained),
        items: Vec::new(),
        findings: Findings::default(),
        remarks: Findings::default(),
    };
    if resource.resource_type != "Questionnaire" {
        reader
            .findings
            .add("/resourceType", FindingCode::Enum, "must be Questionnaire");
    }
    for (n, item) in resource.item.iter().enumerate() {
        reader.item(item, None, &format!("/item/{n}"));
    }
    reader.check_items();
    let title = first(&[resource.title.as_ref(), resource.name.as_ref()]);
    let title = title.or_else(|| resource.url.clone());
    let (title, url) = (
        reader.needed(title, 255, "/title"),
        reader.address(resource, terms),
    );
    let version =
        first(&[terms.version.as_ref(), resource.version.as_ref()]).unwrap_or_else(|| "1".to_owned());
    let version = reader.needed(Some(version), 60, "/version");
    let copyright = resource.copyright.as_ref();
    let label = extension(&resource.extension, &["artifact-copyrightLabel"])
        .and_then(|label| label.value_string.as_ref());
    let licence = first(&[terms.licence.as_ref(), copyright]);
    let attribution = first(&[terms.attribution.as_ref(), label, copyright]);
    let licence = reader.term(licence, "licence", "under which terms it may be used");
    let attribution = reader.term(attribution, "attribution", "whose work it is");
    let scoring = reader.scoring(terms);
    let status = resource.status.as_deref().and_then(|status| status.parse().ok());
    let description = resource
        .description
        .as_ref()
        .map(|text| text.chars().take(4000).collect());
    let questionnaire = Questionnaire {
        id: id_of(&url, &version),
        url,
        version,
        title,
        description,
        status: terms.status.or(status).unwrap_or(QuestionnaireStatus::Unknown),
        licence,
        attribution,
        items: reader.items,
        scoring,
    };
    check_order(&questionnaire, &mut reader.findings);
    if reader.findings.is_empty() {
        Ok(Imported {
            questionnaire,
            remarks: reader.remarks.into_vec(),
        })
    } else {
        Err(reader.findings.into_vec())
    }
}

/// Adds a finding if conditions wait for each other.
fn check_order(questionnaire: &Questionnaire, findings: &mut Findings) {
    if Form::new(questionnaire, &[]).order().is_none() {
        findings.add(
            "/item",
            FindingCode::Circle,
            "has items whose conditions wait for each other",
        );
    }
}

/// The first text that is not blank.
fn first(choices: &[Option<&String>]) -> Option<String> {
    let texts = choices.iter().flatten().map(|text| text.trim());
    texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
}

fn contained(resources: &[Value]) -> HashMap<String, FhirValueSet> {
    let sets = resources.iter().filter(|resource| {
        resource
            .get("resourceType")
            .is_some_and(|kind| kind == "ValueSet")
    });
    sets.filter_map(|set| serde_json::from_value::<FhirValueSet>(set.clone()).ok())
        .map(|set| (set.id.clone(), set))
        .collect()
}

/// Finds the extension whose URL ends with one of the names.
fn extension<'a>(extensions: &'a [FhirExtension], names: &[&str]) -> Option<&'a FhirExtension> {
    let is_named = |extension: &&FhirExtension| {
        let name = extension.url.rsplit('/').next().unwrap_or_default();
        names.contains(&name)
    };
    extensions.iter().find(is_named)
}

/// The weight of an option, from any of the extensions for weights.
fn weight(extensions: &[FhirExtension]) -> Option<f64> {
    const NAMES: [&str; 5] = [
        "ordinalValue",
        "itemWeight",
        "questionnaire-ordinalValue",
        "valueset-ordinalValue",
        "codesystem-ordinalValue",
    ];
    extension(extensions, &NAMES).and_then(FhirExtension::number)
}

/// Converts a coding; `None` if it has no code. `system` is used if the coding names no system of its own.
fn coding(coding: &FhirCoding, system: Option<&String>) -> Option<AnswerCoding> {
    Some(AnswerCoding {
        system: coding
            .system
            .as_ref()
            .or(system)
            .and_then(|system| Text::truncated(system)),
        code: Text::truncated(&coding.code)?,
        display: coding.display.as_deref().and_then(Text::truncated),
    })
}

#[cfg(test)]
mod tests;
