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
    finding::Finding,
    meeting::{Feed, FeedSource, Programme, read_feed},
};
use mainstay_store::{Store, meeting::Replacement};
use serde_json::Value;

use crate::{clock::Clock, id::named_id};

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
    Programme::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = Programme::WORDS.iter().map(|(_, word)| *word).collect();
        format!("must be one of {}", words.join(", "))
    })
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
