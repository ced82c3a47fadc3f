//! Reading a questionnaire from FHIR R4 (hl7.org/fhir/R4/questionnaire.html). What the engine does not do is either
//! refused or told of in a remark, never passed over in silence where it changes what is asked.

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

/// What the operator says beside the resource.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Under which terms it may be used; the resource's `copyright` if left out.
    pub licence: Option<String>,
    /// Whose work it is; the resource's copyright label, or its `copyright`, if left out.
    pub attribution: Option<String>,
    /// Its canonical address in the place of the resource's.
    pub url: Option<String>,
    /// Its version in the place of the resource's.
    pub version: Option<String>,
    /// Its status in the place of the resource's.
    pub status: Option<QuestionnaireStatus>,
    /// How it is scored; by the weights of its options if left out.
    pub scoring: Option<Scoring>,
}

/// A questionnaire that can be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The questionnaire.
    pub questionnaire: Questionnaire,
    /// What is not as the resource has it. Pointers are from the root of the resource.
    pub remarks: Vec<Finding>,
}

/// Turns a resource into a questionnaire. `id_of` gives the id for an address and a version.
///
/// # Errors
/// Everything for which it cannot be taken. Pointers are from the root of the resource; those that begin with
/// `/scoring` are from the root of the rules.
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
    let scoring = terms.scoring.clone().or_else(|| Scoring::derived(&reader.items));
    if let Some(rules) = &scoring {
        let mut wrong = Findings::default();
        rules.check(&reader.items, &mut wrong);
        reader
            .findings
            .extend(wrong.into_vec().into_iter().map(|finding| Finding {
                pointer: format!("/scoring{}", finding.pointer),
                ..finding
            }));
    }
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
    let is_ordered = Form::new(&questionnaire, &[]).order().is_some();
    if !is_ordered {
        reader.findings.add(
            "/item",
            FindingCode::Circle,
            "has items whose conditions wait for each other",
        );
    }
    if reader.findings.is_empty() {
        Ok(Imported {
            questionnaire,
            remarks: reader.remarks.into_vec(),
        })
    } else {
        Err(reader.findings.into_vec())
    }
}

/// The first that says something.
fn first(choices: &[Option<&String>]) -> Option<String> {
    let said = choices.iter().flatten().map(|text| text.trim());
    said.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
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

/// The extension whose address ends with one of the names.
fn extension<'a>(extensions: &'a [FhirExtension], names: &[&str]) -> Option<&'a FhirExtension> {
    let is_named = |extension: &&FhirExtension| {
        let name = extension.url.rsplit('/').next().unwrap_or_default();
        names.contains(&name)
    };
    extensions.iter().find(is_named)
}

/// What an option counts, by whichever of the extensions for it.
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

/// The coding of a resource; `None` if it has no code. `system` stands in where it names none of its own.
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
