//! Imports feeds of meetings. An invalid entry is reported and left out, and the others are imported; the exit code then
//! says that the import is partial.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use clap::{Args, Subcommand};
use mainstay_domain::reference::meeting::{Feed, FeedSource, Programme, Remark, read_feed};
use mainstay_store::{
    Store,
    meeting::{FeedImport, Replacement, Shrink},
};
use serde_json::Value;

use super::{Report, finding_line, json_file::read_json, printable};
use crate::server::{clock::Clock, id::named_id};

/// The number of findings of one kind that a report lists. Others are counted.
const MAX_LISTED: usize = 20;

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
    /// Import the feed even if the source loses more than half of its meetings.
    #[arg(long)]
    pub allow_shrink: bool,
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

/// Imports a feed of meetings.
///
/// # Errors
/// The reason why nothing was imported.
pub async fn meetings(store: &Store, import: &MeetingsImport) -> Result<Report, String> {
    let stem = import.file.file_stem().and_then(|stem| stem.to_str());
    let name = import.source.as_deref().or(stem).unwrap_or_default().trim();
    if !(1..=60).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err("--source must have 1 to 60 characters, and no control characters".to_owned());
    }
    let Value::Array(entries) = read_json(&import.file)? else {
        return Err(format!("{}: must be a list of meetings", import.file.display()));
    };
    let source = FeedSource {
        name: name.to_owned(),
        programme: import.programme,
        time_zone: import.time_zone,
    };
    let mut feed = read_feed(&entries, &source, |slug| named_id("meeting", &[name, slug]));
    if feed.meetings.is_empty() && feed.entries > 0 {
        let faults = remarks(&feed.remarks.iter().collect::<Vec<_>>());
        return Err(format!(
            "no entry can be imported, so nothing was changed\n{faults}"
        ));
    }
    let shrink = if import.allow_shrink {
        Shrink::Allowed
    } else {
        Shrink::Refused
    };
    let summary = Summary::of(&feed);
    let new = std::mem::take(&mut feed.meetings);
    let imported = store.replace_meetings(name, new, shrink, Clock::default().micros());
    match imported.await.map_err(|e| e.to_string())? {
        FeedImport::Replaced(replacement) => Ok(report(name, &feed, &summary, replacement)),
        FeedImport::Shrunk { stored, new } => Err(format!(
            "{name} has {stored} meetings, and this feed would leave {new}, so nothing was changed; \
             look at the feed, and give --allow-shrink if it is right\n{}",
            details(&feed)
        )),
    }
}

/// The numbers of meetings of a feed.
struct Summary {
    meetings: usize,
    without_zone: usize,
}

impl Summary {
    fn of(feed: &Feed) -> Self {
        Self {
            meetings: feed.meetings.len(),
            without_zone: feed
                .meetings
                .iter()
                .filter(|meeting| meeting.time_zone.is_none())
                .count(),
        }
    }
}

fn report(name: &str, feed: &Feed, summary: &Summary, replacement: Replacement) -> Report {
    let mut text = format!(
        "{name}: {} of {} entries imported; {} new, {} known before, {} gone\n",
        summary.meetings, feed.entries, replacement.added, replacement.kept, replacement.gone
    );
    if summary.without_zone > 0 {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{} meetings have no time zone, so their next start is unknown; set one with --time-zone",
            summary.without_zone
        );
    }
    text.push_str(&details(feed));
    Report {
        text,
        is_partial: summary.meetings < feed.entries,
    }
}

/// What was left out, cut, cleaned or not understood.
fn details(feed: &Feed) -> String {
    let mut text = String::new();
    for (is_left_out, heading) in [
        (true, "entries that were left out:\n"),
        (false, "members that were left out or cut:\n"),
    ] {
        let chosen: Vec<&Remark> = feed
            .remarks
            .iter()
            .filter(|r| r.left_out == is_left_out)
            .collect();
        if !chosen.is_empty() {
            text.push_str(heading);
            text.push_str(&remarks(&chosen));
        }
    }
    if !feed.unknown.is_empty() {
        text.push_str("members that the format does not have, which were not read:\n");
        for (name, unknown) in feed.unknown.iter().take(MAX_LISTED) {
            let name: String = name.chars().take(100).collect();
            let meant = unknown
                .meant
                .map(|meant| format!("; {meant} may be meant"))
                .unwrap_or_default();
            let entries = if unknown.entries == 1 { "entry" } else { "entries" };
            let (count, first) = (unknown.entries, unknown.first);
            text.push_str(&printable(&format!(
                "  {name}: in {count} {entries}, first in /{first}{meant}"
            )));
            text.push('\n');
        }
        text.push_str(&others(feed.unknown.len()));
    }
    if feed.cleaned > 0 {
        let _ = writeln!(
            text,
            "markup, character references or control characters were taken out of {} texts",
            feed.cleaned
        );
    }
    text
}

/// Lists remarks, each kind of them by member and message up to a number.
fn remarks(remarks: &[&Remark]) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut text = String::new();
    for remark in remarks {
        let finding = &remark.finding;
        let count = counts
            .entry((member_of(&finding.pointer), finding.message.as_str()))
            .or_default();
        *count += 1;
        if *count <= MAX_LISTED {
            text.push_str(&finding_line(finding));
        }
    }
    for ((member, message), count) in counts.iter().filter(|(_, count)| **count > MAX_LISTED) {
        let more = count - MAX_LISTED;
        text.push_str(&printable(&format!("  and {more} more of {member}: {message}")));
        text.push('\n');
    }
    text
}

/// The member to which a pointer leads; `entry` if it leads to a whole entry.
fn member_of(pointer: &str) -> &str {
    pointer.splitn(3, '/').nth(2).unwrap_or("entry")
}

fn others(count: usize) -> String {
    match count.saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!("  and {more} more\n"),
    }
}
