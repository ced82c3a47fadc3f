//! Parser for feeds in the Meeting Guide format (github.com/code4recovery/spec). Feeds are written by hand
//! and by many programs. Numbers may come as text, text as numbers, and unknown values as null or empty text.

mod entry;
mod known;
mod member;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use uuid::Uuid;

use self::{entry::read_entry, known::is_known, member::EntryReader};
use super::{Meeting, MeetingType, Programme};
use crate::value::validation::{Finding, FindingCode};

/// The source of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSource {
    /// The name of the feed, 1 to 60 characters.
    pub name: String,
    /// The programme of the meetings.
    pub programme: Programme,
    /// The time zone of meetings without one of their own.
    pub time_zone: Option<chrono_tz::Tz>,
}

/// A fault in one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The fault. The pointer begins with the index of the entry.
    pub finding: Finding,
    /// Whether the whole entry was skipped and not only the member.
    pub left_out: bool,
}

/// A member that the format does not have, so that nothing was read from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownMember {
    /// The number of entries that have it.
    pub entries: usize,
    /// The index of the first entry that has it.
    pub first: usize,
    /// The member that was probably meant.
    pub meant: Option<&'static str>,
}

/// The parsed content of a feed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Feed {
    /// The number of entries.
    pub entries: usize,
    /// The meetings in the order of the entries.
    pub meetings: Vec<Meeting>,
    /// The faults in the order of the entries.
    pub remarks: Vec<Remark>,
    /// The members that the format does not have, by their names.
    pub unknown: BTreeMap<String, UnknownMember>,
    /// The number of texts from which markup, character references or control characters were taken out.
    pub cleaned: usize,
}

impl Feed {
    /// The number of entries that were skipped.
    pub fn left_out(&self) -> usize {
        self.entries - self.meetings.len()
    }

    fn count_unknown(&mut self, n: usize, entry: &Value) {
        let names = entry.as_object().into_iter().flat_map(|members| members.keys());
        for name in names.filter(|name| !is_known(name)) {
            let unknown = self.unknown.entry(name.clone()).or_insert_with(|| UnknownMember {
                entries: 0,
                first: n,
                meant: known::meant(name),
            });
            unknown.entries += 1;
        }
    }
}

/// Parses every entry of a feed. An entry that cannot be imported is reported and skipped. `id_of` returns
/// the id for a slug.
pub fn read_feed(entries: &[Value], source: &FeedSource, id_of: impl Fn(&str) -> Uuid) -> Feed {
    let mut feed = Feed {
        entries: entries.len(),
        ..Feed::default()
    };
    let mut seen: HashMap<Uuid, usize> = HashMap::new();
    for (n, entry) in entries.iter().enumerate() {
        feed.count_unknown(n, entry);
        let mut reader = EntryReader::new(n, entry);
        let meeting = read_entry(&mut reader, source, &id_of);
        if let Some(meeting) = meeting
            && !reader.remarks.iter().any(|remark| remark.left_out)
        {
            match seen.insert(meeting.id, n) {
                None => feed.meetings.push(meeting),
                Some(first) => {
                    seen.insert(meeting.id, first);
                    let message = format!("is the slug of entry {first} as well");
                    reader.fault("slug", FindingCode::Duplicate, &message);
                }
            }
        }
        feed.cleaned += reader.cleaned;
        feed.remarks.append(&mut reader.remarks);
    }
    feed
}

#[cfg(test)]
mod tests;
