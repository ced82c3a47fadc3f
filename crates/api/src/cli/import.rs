//! The commands that import reference data. An invalid entry is reported and left out, and the others are imported; the
//! exit code then says that the import is partial.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use mainstay_domain::{
    reference::{
        meeting::{Feed, FeedSource, Programme, read_feed},
        questionnaire::{
            Questionnaire, QuestionnaireStatus,
            fhir::{FhirQuestionnaire, Imported, Terms, import},
            shipped,
        },
    },
    value::validation::Finding,
};
use mainstay_store::{Store, meeting::Replacement, questionnaire::QuestionnaireImport};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::server::{clock::Clock, id::named_id};

/// The exit code of an import that left an entry out.
pub const PARTIAL_IMPORT: u8 = 2;

/// The commands for meetings.
#[derive(Debug, Subcommand)]
pub enum MeetingsCommand {
    /// Import a Meeting Guide feed. It replaces all meetings that were imported from the same source before.
    Import(MeetingsImport),
}

/// The feed to import, and facts that the feed does not contain.
#[derive(Debug, Args)]
pub struct MeetingsImport {
    /// The feed: a file with a JSON list in the Meeting Guide format.
    pub file: PathBuf,
    /// The name of the feed; the file's name without its extension if left out.
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The programme of the meetings, such as `aa`, `na` or `smart`.
    #[arg(long, value_name = "PROGRAMME", default_value = "aa", value_parser = parse_programme)]
    pub programme: Programme,
    /// The time zone of meetings without one, such as `America/Toronto`.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<chrono_tz::Tz>,
}

fn parse_programme(name: &str) -> Result<Programme, String> {
    name.parse().ok().ok_or_else(|| {
        let names: Vec<&str> = Programme::ALL
            .iter()
            .map(|programme| programme.as_str())
            .collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// The commands for questionnaires.
#[derive(Debug, Subcommand)]
pub enum QuestionnairesCommand {
    /// Import a FHIR R4 Questionnaire that you have a licence for. Versions of a questionnaire exist side by side.
    Import(QuestionnairesImport),
}

/// The questionnaire to import, and facts that replace or complete those of its file.
#[derive(Debug, Default, Args)]
pub struct QuestionnairesImport {
    /// The questionnaire: a file with a FHIR R4 Questionnaire in JSON.
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
    /// The canonical URL; that of the resource if left out.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The version; that of the resource if left out.
    #[arg(long = "questionnaire-version", value_name = "VERSION")]
    pub version: Option<String>,
    /// The status: draft, active, retired or unknown; that of the resource if left out.
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    pub status: Option<QuestionnaireStatus>,
}

fn parse_status(name: &str) -> Result<QuestionnaireStatus, String> {
    name.parse::<QuestionnaireStatus>()
        .ok()
        .ok_or_else(|| "must be draft, active, retired or unknown".to_owned())
}

/// The outcome of an import, to be printed.
#[derive(Debug)]
pub struct Report {
    /// The lines to print.
    pub text: String,
    /// Whether an entry was left out.
    pub is_partial: bool,
}

impl Report {
    /// Returns the exit code, which says whether an entry was left out.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_partial {
            ExitCode::from(PARTIAL_IMPORT)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Reads a file as JSON.
///
/// # Errors
/// If the file cannot be read, or does not hold JSON.
pub fn read_json(path: &Path) -> Result<Value, String> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    // Some programs write a byte-order mark at the beginning of a file.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(bytes).map_err(|e| {
        let (path, line, column) = (path.display(), e.line(), e.column());
        format!("{path}: not valid JSON at line {line}, column {column}")
    })
}

/// Formats a finding as a line.
pub fn finding_line(finding: &Finding) -> String {
    format!("  {}: {} ({})\n", finding.pointer, finding.message, finding.code)
}

/// Imports a feed of meetings.
///
/// # Errors
/// The reason why nothing was imported.
pub async fn meetings(store: &Store, import: &MeetingsImport) -> Result<Report, String> {
    let stem = import.file.file_stem().and_then(|stem| stem.to_str());
    let name = import.source.as_deref().or(stem).unwrap_or_default().trim();
    if !(1..=60).contains(&name.chars().count()) {
        return Err("--source must have 1 to 60 characters".to_owned());
    }
    let Value::Array(entries) = read_json(&import.file)? else {
        return Err(format!("{}: must be a list of meetings", import.file.display()));
    };
    let source = FeedSource {
        name: name.to_owned(),
        programme: import.programme,
        time_zone: import.time_zone,
    };
    let feed = read_feed(&entries, &source, |slug| named_id("meeting", &[name, slug]));
    if feed.meetings.is_empty() && feed.entries > 0 {
        let faults: String = feed
            .remarks
            .iter()
            .map(|remark| finding_line(&remark.finding))
            .collect();
        return Err(format!(
            "no entry can be imported, so nothing was changed\n{faults}"
        ));
    }
    let now = Clock::default().micros();
    let replacement = store
        .replace_meetings(name, feed.meetings.clone(), now)
        .await
        .map_err(|e| e.to_string())?;
    Ok(report(name, &feed, replacement))
}

fn report(name: &str, feed: &Feed, replacement: Replacement) -> Report {
    let mut text = format!(
        "{name}: {} of {} entries imported; {} new, {} known before, {} gone\n",
        feed.meetings.len(),
        feed.entries,
        replacement.added,
        replacement.kept,
        replacement.gone
    );
    let without_zone = feed.meetings.iter().filter(|m| m.time_zone.is_none()).count();
    if without_zone > 0 {
        let _ = writeln!(
            text,
            "{without_zone} meetings have no time zone, so their next start is unknown; set one with --time-zone"
        );
    }
    for (is_left_out, heading) in [
        (true, "entries that were left out:\n"),
        (false, "members that were left out or cut:\n"),
    ] {
        let remarks: Vec<_> = feed
            .remarks
            .iter()
            .filter(|r| r.left_out == is_left_out)
            .collect();
        if !remarks.is_empty() {
            text.push_str(heading);
            text.extend(remarks.iter().map(|remark| finding_line(&remark.finding)));
        }
    }
    Report {
        text,
        is_partial: feed.left_out() > 0,
    }
}

/// Reads a file as JSON of one type.
fn read_json_as<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_path_to_error::deserialize(read_json(path)?)
        .map_err(|e| format!("{}: at {}: {}", path.display(), e.path(), e.inner()))
}

/// Imports a questionnaire.
///
/// # Errors
/// The reason why it was not imported.
pub async fn questionnaires(store: &Store, from: &QuestionnairesImport) -> Result<Report, String> {
    let Imported {
        questionnaire,
        remarks,
    } = read_questionnaire(from)?;
    let name = format!("{} version {}", questionnaire.url, questionnaire.version);
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
                 import this one under another version with --questionnaire-version"
            ));
        }
    };
    let mut text = format!("{verb} {name}\n{description}");
    if !remarks.is_empty() {
        text.push_str("differences from the resource:\n");
        text.extend(remarks.iter().map(finding_line));
    }
    Ok(Report {
        text,
        is_partial: false,
    })
}

fn read_questionnaire(from: &QuestionnairesImport) -> Result<Imported, String> {
    let resource: FhirQuestionnaire = read_json_as(&from.file)?;
    let terms = Terms {
        licence: from.licence.clone(),
        attribution: from.attribution.clone(),
        url: from.url.clone(),
        version: from.version.clone(),
        status: from.status,
        scoring: from.scoring.as_deref().map(read_json_as).transpose()?,
    };
    let id_of = |url: &str, version: &str| named_id("questionnaire", &[url, version]);
    import(&resource, &terms, id_of).map_err(|findings| {
        let faults: String = findings.iter().map(finding_line).collect();
        format!("the questionnaire cannot be imported, so nothing was changed\n{faults}")
    })
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
    format!(
        "  id: {}\n  status: {}\n  licence: {}\n  attribution: {}\n  scores: {scores}\n",
        questionnaire.id,
        questionnaire.status.as_str(),
        questionnaire.licence,
        questionnaire.attribution,
    )
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
