//! Import of questionnaires from FHIR, R4 (hl7.org/fhir/R4/questionnaire.html) and R5
//! (hl7.org/fhir/R5/questionnaire.html). Every member of a resource is used, or is known to have no effect, or is
//! named: in a fault if it must not be ignored, otherwise in a remark.
//!
//! - `member`, `schema`, `datatypes`, `extensions`: what is known of FHIR;
//! - `walk`: names what is not known, and what has a wrong type;
//! - `node`: access to the members of an object;
//! - `metadata`, `reader`, `kind`, `options`, `condition`: read the resource.

mod condition;
mod datatypes;
mod extensions;
mod kind;
mod member;
mod metadata;
mod node;
mod options;
mod reader;
mod schema;
mod walk;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};
use uuid::Uuid;

use self::{
    metadata::{Metadata, MetadataReader},
    node::Node,
    reader::Reader,
    walk::Walk,
};
use super::{Questionnaire, QuestionnaireStatus, form::Form, scoring::Scoring};
use crate::value::validation::{Finding, FindingCode, Findings};

/// Settings of an import that the operator gives in addition to the resource.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The terms of use; the resource's `copyright` if left out.
    pub licence: Option<String>,
    /// The authors; the resource's copyright label, or its `copyright`, if left out.
    pub attribution: Option<String>,
    /// The title; replaces that of the resource.
    pub title: Option<String>,
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
    /// What was not understood, and the differences from the resource. Pointers are from the root of the resource.
    pub remarks: Vec<Finding>,
    /// The members and extensions that are known and have no effect here, with how often they occur.
    pub without_effect: BTreeMap<String, usize>,
}

/// The reasons why a resource cannot be imported. Pointers are from the root of the resource; those that begin
/// with `/scoring` are followed by a pointer from the root of the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// All faults that prevent the import.
    pub faults: Vec<Finding>,
    /// What an import without these faults would remark on.
    pub remarks: Vec<Finding>,
}

/// Converts a resource to a questionnaire. `id_of` returns the id for an address and a version.
///
/// # Errors
/// All faults for which it cannot be imported, at once.
pub fn import(
    resource: &Value,
    terms: &Terms,
    id_of: impl Fn(&str, &str) -> Uuid,
) -> Result<Imported, Refused> {
    let Some(members) = resource.as_object() else {
        let mut faults = Findings::default();
        faults.add("", FindingCode::Type, "must be an object with a Questionnaire");
        return Err(Refused {
            faults: faults.into_vec(),
            remarks: Vec::new(),
        });
    };
    let walk = Walk::through(members);
    let root = Node::new(members, "");
    let mut reader = Reader::new(value_sets(members), walk.faults, walk.remarks);
    let metadata = MetadataReader {
        root: &root,
        terms,
        faults: &mut reader.faults,
        remarks: &mut reader.remarks,
    }
    .read();
    reader.items(&root);
    if reader.has_types_of_r4 {
        for at in walk.of_r5 {
            let message = "is of R5, while the types choice and open-choice are of R4; it is read as R5 says";
            reader.remarks.add(at, FindingCode::Mismatch, message);
        }
    }
    let scoring = reader.scoring(terms);
    let questionnaire = with_items(metadata, &mut reader, scoring, id_of);
    check_order(&questionnaire, &reader.conditions, &mut reader.faults);
    let remarks = reader.remarks.into_vec();
    if reader.faults.is_empty() {
        Ok(Imported {
            questionnaire,
            remarks,
            without_effect: walk.without_effect,
        })
    } else {
        Err(Refused {
            faults: reader.faults.into_vec(),
            remarks,
        })
    }
}

fn with_items(
    metadata: Metadata,
    reader: &mut Reader<'_>,
    scoring: Option<Scoring>,
    id_of: impl Fn(&str, &str) -> Uuid,
) -> Questionnaire {
    Questionnaire {
        id: id_of(&metadata.url, &metadata.version),
        url: metadata.url,
        version: metadata.version,
        title: metadata.title,
        description: metadata.description,
        status: metadata.status,
        licence: metadata.licence,
        attribution: metadata.attribution,
        items: std::mem::take(&mut reader.items),
        scoring,
    }
}

/// Adds a finding for each condition of items that wait for each other. `pointers` has the pointers to the conditions
/// of each item.
fn check_order(questionnaire: &Questionnaire, pointers: &[Vec<String>], findings: &mut Findings) {
    for (item, condition) in Form::new(questionnaire, &[]).circular_conditions() {
        if let Some(at) = pointers.get(item).and_then(|of_item| of_item.get(condition)) {
            let message = "waits for an item that waits for this one";
            findings.add(format!("{at}/question"), FindingCode::Circle, message);
        }
    }
}

/// The contained value sets by their ids.
fn value_sets(members: &Map<String, Value>) -> HashMap<String, Node<'_>> {
    let contained = Node::new(members, "").nodes("contained").into_iter();
    let sets = contained.filter(|resource| resource.str("resourceType") == Some("ValueSet"));
    sets.filter_map(|set| Some((set.str("id")?.to_owned(), set)))
        .collect()
}

#[cfg(test)]
mod tests;
