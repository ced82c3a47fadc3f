//! Imports of reference data from the command line. What is wrong with one entry is told of and stops no other; the
//! exit code then says that something was left out.

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
            QuestionnaireStatus,
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

/// The exit code of an import that left something out.
pub const LEFT_OUT: u8 = 2;

/// What can be done with meetings.
#[derive(Debug, Subcommand)]
pub enum MeetingsCommand {
    /// Import a Meeting Guide feed. It takes the place of all that the same source had before.
    Import(MeetingsImport),
}

/// Which feed to import, and what it does not say itself.
#[derive(Debug, Args)]
pub struct MeetingsImport {
    /// The feed: a JSON list in the Meeting Guide format.
    pub file: PathBuf,
    /// The name of the feed; the file's name without its ending if left out.
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The programme of its meetings, such as `aa`, `na` or `smart`.
    #[arg(long, value_name = "PROGRAMME", default_value = "aa", value_parser = programme)]
    pub programme: Programme,
    /// The time zone of meetings that name none, such as `America/Toronto`.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<chrono_tz::Tz>,
}

fn programme(word: &str) -> Result<Programme, String> {
    word.parse().ok().ok_or_else(|| {
        let words: Vec<&str> = Programme::ALL
            .iter()
            .map(|programme| programme.as_str())
            .collect();
        format!("must be one of {}", words.join(", "))
    })
}

/// What can be done with questionnaires.
#[derive(Debug, Subcommand)]
pub enum QuestionnairesCommand {
    /// Import a FHIR R4 Questionnaire that you may use. Another version of one stands beside it.
    Import(QuestionnairesImport),
}

/// Which questionnaire to import, and what it does not say itself.
#[derive(Debug, Default, Args)]
pub struct QuestionnairesImport {
    /// The questionnaire: a FHIR R4 Questionnaire in JSON.
    pub file: PathBuf,
    /// Under which terms it may be used; the resource's copyright if left out.
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// Whose work it is; the resource's copyright if left out.
    #[arg(long, value_name = "TEXT")]
    pub attribution: Option<String>,
    /// Rules for its scores, in JSON; the sum of its weighted options if left out.
    #[arg(long, value_name = "FILE")]
    pub scoring: Option<PathBuf>,
    /// Its canonical address, in the place of the resource's.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Its version, in the place of the resource's.
    #[arg(long = "questionnaire-version", value_name = "VERSION")]
    pub version: Option<String>,
    /// Its status, in the place of the resource's: draft, active, retired or unknown.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<QuestionnaireStatus>,
}

fn status(word: &str) -> Result<QuestionnaireStatus, String> {
    word.parse::<QuestionnaireStatus>()
        .ok()
        .ok_or_else(|| "must be draft, active, retired or unknown".to_owned())
}

/// What an import did, for whoever runs it.
#[derive(Debug)]
pub struct Report {
    /// Lines to print.
    pub text: String,
    /// Whether something was left out.
    pub is_partial: bool,
}

impl Report {
    /// The exit code that says whether something was left out.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_partial {
            ExitCode::from(LEFT_OUT)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// A file as JSON.
///
/// # Errors
/// If it cannot be read, or is no JSON.
pub fn read_json(path: &Path) -> Result<Value, String> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    // Some programs begin a file with a byte-order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(bytes).map_err(|e| {
        let (path, line, column) = (path.display(), e.line(), e.column());
        format!("{path}: no JSON: it breaks off at line {line}, column {column}")
    })
}

/// A line for a finding.
pub fn line(finding: &Finding) -> String {
    format!("  {}: {} ({})\n", finding.pointer, finding.message, finding.code)
}

/// Imports a feed of meetings.
///
/// # Errors
/// If nothing was imported, and why.
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
        let faults: String = feed.remarks.iter().map(|remark| line(&remark.finding)).collect();
        return Err(format!("no entry can be taken, so nothing was changed\n{faults}"));
    }
    let now = Clock::default().micros();
    let done = store
        .replace_meetings(name, feed.meetings.clone(), now)
        .await
        .map_err(|e| e.to_string())?;
    Ok(report(name, &feed, done))
}

fn report(name: &str, feed: &Feed, done: Replacement) -> Report {
    let mut text = format!(
        "{name}: {} of {} entries imported; {} new, {} known before, {} gone\n",
        feed.meetings.len(),
        feed.entries,
        done.added,
        done.kept,
        done.gone
    );
    let without_zone = feed.meetings.iter().filter(|m| m.time_zone.is_none()).count();
    if without_zone > 0 {
        let _ = writeln!(
            text,
            "{without_zone} have no time zone, so it is not known when they take place next; give --time-zone"
        );
    }
    for (left_out, heading) in [
        (true, "entries that were left out:\n"),
        (false, "members that were left out or cut:\n"),
    ] {
        let remarks: Vec<_> = feed.remarks.iter().filter(|r| r.left_out == left_out).collect();
        if !remarks.is_empty() {
            text.push_str(heading);
            text.extend(remarks.iter().map(|remark| line(&remark.finding)));
        }
    }
    Report {
        text,
        is_partial: feed.left_out() > 0,
    }
}

/// A file as JSON of one shape.
fn read_shape<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_path_to_error::deserialize(read_json(path)?)
        .map_err(|e| format!("{}: at {}: {}", path.display(), e.path(), e.inner()))
}

/// Imports a questionnaire.
///
/// # Errors
/// If it was not imported, and why.
pub async fn questionnaires(store: &Store, from: &QuestionnairesImport) -> Result<Report, String> {
    let resource: FhirQuestionnaire = read_shape(&from.file)?;
    let terms = Terms {
        licence: from.licence.clone(),
        attribution: from.attribution.clone(),
        url: from.url.clone(),
        version: from.version.clone(),
        status: from.status,
        scoring: from.scoring.as_deref().map(read_shape).transpose()?,
    };
    let id_of = |url: &str, version: &str| named_id("questionnaire", &[url, version]);
    let Imported {
        questionnaire,
        remarks,
    } = import(&resource, &terms, id_of).map_err(|findings| {
        let faults: String = findings.iter().map(line).collect();
        format!("the questionnaire cannot be taken, so nothing was changed\n{faults}")
    })?;
    let (id, url, version) = (
        questionnaire.id,
        questionnaire.url.clone(),
        questionnaire.version.clone(),
    );
    if shipped(id).is_some() {
        return Err(format!("{url} version {version} is part of this program"));
    }
    let mut text = format!(
        "{url} version {version}\n  id: {id}\n  status: {}\n  licence: {}\n  attribution: {}\n  scores: {}\n",
        questionnaire.status.as_str(),
        questionnaire.licence,
        questionnaire.attribution,
        questionnaire.scoring.as_ref().map_or_else(
            || "none".to_owned(),
            |rules| {
                let ids: Vec<&str> = rules.scores.iter().map(|rule| rule.id.as_str()).collect();
                format!("{} (rules {})", ids.join(", "), rules.version)
            }
        )
    );
    let done = store
        .import_questionnaire(questionnaire, Clock::default().micros())
        .await
        .map_err(|e| e.to_string())?;
    text.insert_str(
        0,
        match done {
            QuestionnaireImport::New => "imported ",
            QuestionnaireImport::Renewed => "renewed ",
            QuestionnaireImport::Unchanged => "unchanged ",
            QuestionnaireImport::AsksOther => {
                return Err(format!(
                    "{url} version {version} is there and asks something else; give this one a version of its own with --questionnaire-version"
                ));
            }
        },
    );
    if !remarks.is_empty() {
        text.push_str("what is not as the resource has it:\n");
        text.extend(remarks.iter().map(line));
    }
    Ok(Report {
        text,
        is_partial: false,
    })
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
