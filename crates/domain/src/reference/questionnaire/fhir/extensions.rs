//! The extensions that an import knows, and what it does with each.

use super::member::Place;

/// What an import does with an extension.
#[derive(Debug, Clone, Copy)]
pub(super) enum Treatment {
    /// It is used in this place, with one of these members as its value.
    Used(Place, &'static [&'static str]),
    /// It is used as far as the message says.
    InPart(&'static str),
    /// It is known and has no effect here: it says how a form looks, or serves other programs.
    NoEffect,
    /// It must not be ignored, and is not supported.
    Refused(&'static str),
}

/// The extensions for weights of options, in the order in which they are looked for.
pub(super) const WEIGHTS: [&str; 5] = [
    "ordinalValue",
    "itemWeight",
    "questionnaire-ordinalValue",
    "valueset-ordinalValue",
    "codesystem-ordinalValue",
];

/// The extension for an item that is not shown to people.
pub(super) const HIDDEN: &str = "questionnaire-hidden";
/// The extension for the unit of a number.
pub(super) const UNIT: &str = "questionnaire-unit";
/// The extension for an expression that works out the answer.
pub(super) const CALCULATED: &str = "sdc-questionnaire-calculatedExpression";
/// The extension for a condition that is an expression.
pub(super) const ENABLED_BY_EXPRESSION: &str = "sdc-questionnaire-enableWhenExpression";
/// The extensions with which R4 says whose work it is.
pub(super) const COPYRIGHT_LABEL: &str = "artifact-copyrightLabel";
/// The extensions for text with markup.
pub(super) const MARKUP: [&str; 2] = ["rendering-markdown", "rendering-xhtml"];

const NUMBERS: &[&str] = &["valueDecimal", "valueInteger"];
const NOT_CHECKED: Treatment = Treatment::InPart("is a rule for answers that is not checked");
const UNITS: Treatment = Treatment::InPart("is about units on offer, which are not kept: any unit is taken");

/// The name of an extension that HL7 defines: the last part of its address.
pub(super) fn hl7_name(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("http://hl7.org/fhir/")
        .or_else(|| url.strip_prefix("https://hl7.org/fhir/"))?;
    rest.contains("StructureDefinition/")
        .then(|| rest.rsplit('/').next())?
}

/// What an import does with the extension of an address; `None` if it does not know it.
pub(super) fn treatment(url: &str) -> Option<Treatment> {
    let name = hl7_name(url)?;
    let known = WEIGHTS
        .contains(&name)
        .then_some(Treatment::Used(Place::Option, NUMBERS));
    known
        .or_else(|| of_item(name))
        .or_else(|| of_rule(name))
        .or_else(|| of_text(name))
        .or_else(|| without_effect(name))
}

fn of_item(name: &str) -> Option<Treatment> {
    Some(match name {
        HIDDEN => Treatment::Used(Place::Item, &["valueBoolean"]),
        UNIT => Treatment::Used(Place::Item, &["valueCoding"]),
        "minValue" | "maxValue" => Treatment::Used(
            Place::Item,
            &[
                "valueDecimal",
                "valueInteger",
                "valueDate",
                "valueDateTime",
                "valueTime",
                "valueQuantity",
            ],
        ),
        CALCULATED => Treatment::InPart(
            "is not worked out: the item takes no answer; scores are made by the scoring rules",
        ),
        ENABLED_BY_EXPRESSION => {
            Treatment::InPart("is not worked out: the item is always asked, and needs no answer")
        }
        "sdc-questionnaire-answerExpression" | "sdc-questionnaire-candidateExpression" => {
            Treatment::InPart("is not worked out: options that come from it are not offered")
        }
        "sdc-questionnaire-answerOptionsToggleExpression" => {
            Treatment::InPart("is not worked out: every option is offered at all times")
        }
        "sdc-questionnaire-initialExpression" | "questionnaire-initialExpression" => {
            Treatment::InPart("is not worked out: no answer is filled in beforehand")
        }
        "sdc-questionnaire-subQuestionnaire" => Treatment::Refused(
            "stands for the items of another questionnaire; import a version that has them in it",
        ),
        "sdc-questionnaire-assemble-expectation" => {
            Treatment::InPart("is about putting questionnaires together, which is not done here")
        }
        "questionnaire-usageMode" => {
            Treatment::InPart("is not kept: the item is asked and shown at all times")
        }
        "questionnaire-optionExclusive" => {
            Treatment::InPart("is not checked: the option can be chosen together with others")
        }
        "questionnaire-signatureRequired" => Treatment::InPart("is not done: nobody signs an answer here"),
        "sdc-questionnaire-itemMedia" | "sdc-questionnaire-itemAnswerMedia" => {
            Treatment::InPart("is a picture, sound or film, which is not kept")
        }
        COPYRIGHT_LABEL => Treatment::Used(Place::Root, &["valueString"]),
        _ => return None,
    })
}

fn of_rule(name: &str) -> Option<Treatment> {
    Some(match name {
        "questionnaire-minOccurs"
        | "questionnaire-maxOccurs"
        | "minLength"
        | "regex"
        | "maxDecimalPlaces"
        | "mimeType"
        | "maxSize"
        | "questionnaire-constraint"
        | "targetConstraint"
        | "sdc-questionnaire-minQuantity"
        | "sdc-questionnaire-maxQuantity" => NOT_CHECKED,
        "questionnaire-unitOption"
        | "questionnaire-unitValueSet"
        | "sdc-questionnaire-unitOpen"
        | "sdc-questionnaire-unitSupplementalSystem" => UNITS,
        _ => return None,
    })
}

fn of_text(name: &str) -> Option<Treatment> {
    Some(match name {
        "rendering-markdown" => Treatment::Used(Place::Primitive, &["valueMarkdown", "valueString"]),
        "rendering-xhtml" => Treatment::Used(Place::Primitive, &["valueString"]),
        "cqf-expression" => Treatment::InPart("is not worked out: the text stays as it is written"),
        "translation" => Treatment::InPart("is a translation, which is not kept"),
        "data-absent-reason" => Treatment::InPart("says why there is no value, which is not kept"),
        _ => return None,
    })
}

/// Extensions without effect: how a form looks, and what serves other programs.
const OF_FORM: &[&str] = &[
    "questionnaire-itemControl",
    "questionnaire-choiceOrientation",
    "questionnaire-displayCategory",
    "questionnaire-optionPrefix",
    "questionnaire-sliderStepValue",
    "questionnaire-supportLink",
    "questionnaire-baseType",
    "questionnaire-fhirType",
    "questionnaire-referenceFilter",
    "questionnaire-referenceProfile",
    "questionnaire-referenceResource",
    "rendering-style",
    "rendering-styleSensitive",
    "entryFormat",
    "designNote",
    "variable",
    "cqf-library",
    "terminology-server",
    "preferredTerminologyServer",
];

/// Extensions without effect whose name begins with `sdc-questionnaire-` (Structured Data Capture).
const OF_SDC: &[&str] = &[
    "assembledFrom",
    "assembleContext",
    "choiceColumn",
    "collapsible",
    "columnCount",
    "definitionExtract",
    "definitionExtractValue",
    "endpoint",
    "entryMode",
    "extractAllocateId",
    "isSubject",
    "itemContext",
    "itemExtractionContext",
    "itemPopulationContext",
    "keyboard",
    "launchContext",
    "lookupQuestionnaire",
    "observation-extract-category",
    "observationExtract",
    "observationExtractCategory",
    "observationExtractEntry",
    "observationLinkPeriod",
    "openLabel",
    "performerType",
    "preferredTerminologyServer",
    "prepopulate-subject",
    "preferredContained",
    "shortText",
    "sourceQueries",
    "sourceStructureMap",
    "targetStructureMap",
    "templateExtract",
    "templateExtractBundle",
    "templateExtractContext",
    "templateExtractValue",
    "width",
];

fn without_effect(name: &str) -> Option<Treatment> {
    const PREFIXES: [&str; 3] = ["artifact-", "resource-", "structuredefinition-"];
    let is_of_sdc = name
        .strip_prefix("sdc-questionnaire-")
        .is_some_and(|rest| OF_SDC.contains(&rest));
    let is_known =
        OF_FORM.contains(&name) || is_of_sdc || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    is_known.then_some(Treatment::NoEffect)
}
