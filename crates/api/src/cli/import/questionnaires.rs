//! Imports questionnaires. A questionnaire is imported whole or not at all.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use mainstay_domain::{
    reference::questionnaire::{
        Questionnaire, QuestionnaireStatus,
        fhir::{Imported, Refused, Terms, import},
        scoring::Scoring,
        shipped,
    },
    value::validation::Findings,
};
use mainstay_store::{Store, questionnaire::QuestionnaireImport};

use super::{Report, finding_lines, json_file::read_json, printable};
use crate::{
    http::schema_validation::InputSchema,
    openapi::schema::add_body,
    server::{clock::Clock, id::named_id},
};

/// The commands for questionnaires.
#[derive(Debug, Subcommand)]
pub enum QuestionnairesCommand {
    /// Import a FHIR Questionnaire (R4 or R5) that you have a licence for. Versions of a questionnaire exist side by side.
    Import(QuestionnairesImport),
}

/// The questionnaire to import, and facts that replace or complete those of its file.
#[derive(Debug, Default, Args)]
pub struct QuestionnairesImport {
    /// The questionnaire: a file with a FHIR Questionnaire (R4 or R5) in JSON.
    pub file: PathBuf,
    /// The licence of the questionnaire; the copyright of the resource if left out.
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// The authors to name; the copyright of the resource if left out.
    #[arg(long, value_name = "TEXT")]
    pub attribution: Option<String>,
    /// A JSON file with rules for scores; the sum of the weighted options if left out.
    #[arg(long, value_name = "FILE")]
    pub scoring: Option<PathBuf>,
    /// The title; that of the resource if left out.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The canonical URL; that of the resource if left out.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The version; that of the resource if left out.
    #[arg(long = "questionnaire-version", value_name = "VERSION")]
    pub version: Option<String>,
    /// The status: draft, active, retired or unknown; that of the resource if left out.
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    pub status: Option<QuestionnaireStatus>,
    /// Import nothing if anything would be imported otherwise than the resource says, or was not understood.
    #[arg(long)]
    pub strict: bool,
}

fn parse_status(name: &str) -> Result<QuestionnaireStatus, String> {
    name.parse::<QuestionnaireStatus>()
        .ok()
        .ok_or_else(|| "must be draft, active, retired or unknown".to_owned())
}

/// The heading of what does not prevent an import.
const REMARKS: &str = "not understood, or imported otherwise than the resource says";

/// Imports a questionnaire.
///
/// # Errors
/// The reason why it was not imported.
pub async fn questionnaires(store: &Store, from: &QuestionnairesImport) -> Result<Report, String> {
    let Imported {
        questionnaire,
        remarks,
        without_effect,
    } = read_questionnaire(from)?;
    let name = printable(&format!(
        "{} version {}",
        questionnaire.url, questionnaire.version
    ));
    if shipped(questionnaire.id).is_some() {
        return Err(format!("{name} is part of this program"));
    }
    let description = describe(&questionnaire);
    let outcome = store
        .import_questionnaire(questionnaire, Clock::default().micros())
        .await
        .map_err(|e| e.to_string())?;
    let verb = match outcome {
        QuestionnaireImport::New => "imported",
        QuestionnaireImport::Renewed => "renewed",
        QuestionnaireImport::Unchanged => "unchanged",
        QuestionnaireImport::AsksOther => {
            return Err(format!(
                "{name} exists and asks something else; \
                 import this one under another version with --questionnaire-version\n{}",
                finding_lines(REMARKS, &remarks)
            ));
        }
    };
    let text = format!("{verb} {name}\n{description}")
        + &finding_lines(REMARKS, &remarks)
        + &known_without_effect(&without_effect);
    Ok(Report {
        text,
        is_partial: false,
    })
}

fn read_questionnaire(from: &QuestionnairesImport) -> Result<Imported, String> {
    let resource = read_json(&from.file)?;
    let terms = Terms {
        licence: from.licence.clone(),
        attribution: from.attribution.clone(),
        title: from.title.clone(),
        url: from.url.clone(),
        version: from.version.clone(),
        status: from.status,
        scoring: from.scoring.as_deref().map(read_scoring).transpose()?,
    };
    let id_of = |url: &str, version: &str| named_id("questionnaire", &[url, version]);
    let imported = import(&resource, &terms, id_of).map_err(|Refused { faults, remarks }| {
        format!(
            "the questionnaire cannot be imported, so nothing was changed\n{}{}",
            finding_lines("faults", &faults),
            finding_lines(REMARKS, &remarks)
        )
    })?;
    if from.strict && !imported.remarks.is_empty() {
        let remarks = finding_lines(REMARKS, &imported.remarks);
        return Err(format!("--strict was given, so nothing was changed\n{remarks}"));
    }
    Ok(imported)
}

/// Reads scoring rules, and names every fault of their form at once.
fn read_scoring(path: &Path) -> Result<Scoring, String> {
    let rules = read_json(path)?;
    let mut findings = Findings::default();
    InputSchema::of::<Scoring>(add_body::<Scoring>, &[]).examine(rules.clone(), &mut findings);
    if !findings.is_empty() {
        let faults = finding_lines("faults", &findings.into_vec());
        return Err(format!(
            "{}: not scoring rules, so nothing was changed\n{faults}",
            path.display()
        ));
    }
    serde_path_to_error::deserialize(rules)
        .map_err(|e| printable(&format!("{}: at {}: {}", path.display(), e.path(), e.inner())))
}

/// Describes a questionnaire for the report of its import.
fn describe(questionnaire: &Questionnaire) -> String {
    let scores = questionnaire.scoring.as_ref().map_or_else(
        || "none".to_owned(),
        |rules| {
            let ids: Vec<&str> = rules.scores.iter().map(|rule| rule.id.as_str()).collect();
            format!("{} (rules {})", ids.join(", "), rules.version)
        },
    );
    let lines = [
        format!("  id: {}", questionnaire.id),
        format!("  title: {}", questionnaire.title),
        format!("  status: {}", questionnaire.status.as_str()),
        format!("  licence: {}", questionnaire.licence),
        format!("  attribution: {}", questionnaire.attribution),
        format!("  scores: {scores}"),
    ];
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// Lists the members and extensions that are known and have no effect here.
fn known_without_effect(names: &BTreeMap<String, usize>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names
        .iter()
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    printable(&format!("known, and without effect here: {}", names.join(", "))) + "\n"
}

#[cfg(test)]
mod tests {
    use mainstay_domain::reference::questionnaire::SHIPPED;

    use super::*;

    #[test]
    fn the_shipped_questionnaire_has_the_id_of_its_name() {
        let own = SHIPPED.as_ref().unwrap();
        assert_eq!(own.id, named_id("questionnaire", &[&own.url, &own.version]));
    }
}
