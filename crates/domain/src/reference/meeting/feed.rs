//! Parser for feeds in the Meeting Guide format (github.com/code4recovery/spec). Feeds are written by hand
//! and by many programs. Numbers may come as text, text as numbers, and unknown values as null or empty text.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Meeting, MeetingType, Programme, kinds::CLOSED_LOCATION};
use crate::value::{
    geo::Point,
    place::{TimeOfDay, ZoneName},
    timestamp::Timestamp,
    validation::{Finding, FindingCode},
};

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

/// The parsed content of a feed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Feed {
    /// The number of entries.
    pub entries: usize,
    /// The meetings in the order of the entries.
    pub meetings: Vec<Meeting>,
    /// The faults in the order of the entries.
    pub remarks: Vec<Remark>,
}

impl Feed {
    /// The number of entries that were skipped.
    pub fn left_out(&self) -> usize {
        self.entries - self.meetings.len()
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
        let mut reader = Reader {
            n,
            members: entry.as_object(),
            remarks: Vec::new(),
        };
        let meeting = reader.meeting(source, &id_of);
        if let Some(meeting) = meeting
            && !reader.remarks.iter().any(|remark| remark.left_out)
        {
            match seen.insert(meeting.id, n) {
                None => feed.meetings.push(meeting),
                Some(first) => {
                    seen.insert(meeting.id, first);
                    reader.fault(
                        "slug",
                        FindingCode::Duplicate,
                        &format!("is the slug of entry {first} as well"),
                    );
                }
            }
        }
        feed.remarks.append(&mut reader.remarks);
    }
    feed
}

struct Reader<'a> {
    n: usize,
    members: Option<&'a Map<String, Value>>,
    remarks: Vec<Remark>,
}

impl Reader<'_> {
    fn add(&mut self, member: &str, code: FindingCode, message: &str, left_out: bool) {
        let pointer = if member.is_empty() {
            format!("/{}", self.n)
        } else {
            format!("/{}/{member}", self.n)
        };
        self.remarks.push(Remark {
            finding: Finding {
                pointer,
                code,
                message: message.to_owned(),
            },
            left_out,
        });
    }

    /// Adds a fault for which the whole entry is skipped.
    fn fault(&mut self, member: &str, code: FindingCode, message: &str) {
        self.add(member, code, message, true);
    }

    /// Adds a fault for which only the member is skipped or cut.
    fn remark(&mut self, member: &str, code: FindingCode, message: &str) {
        self.add(member, code, message, false);
    }

    /// Returns a member that is neither null nor blank.
    fn value(&self, member: &str) -> Option<&Value> {
        self.members?
            .get(member)
            .filter(|value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty()))
    }

    /// Reads a text, or a number as text.
    fn text(&mut self, member: &str, longest: usize) -> Option<String> {
        let text = match self.value(member)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.remark(member, FindingCode::Type, "must be text");
                return None;
            }
        };
        if text.chars().count() > longest {
            self.remark(
                member,
                FindingCode::Length,
                &format!("was cut to {longest} characters"),
            );
            return Some(text.chars().take(longest).collect());
        }
        Some(text)
    }

    /// Reads a required text.
    fn needed(&mut self, member: &str, longest: usize) -> Option<String> {
        if matches!(self.value(member), Some(Value::String(_) | Value::Number(_))) {
            return self.text(member, longest);
        }
        self.fault(member, FindingCode::Required, "must be given as text");
        None
    }

    fn web_address(&mut self, member: &str) -> Option<String> {
        let text = self.text(member, 1000)?;
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("https://") || lower.starts_with("http://") {
            Some(text)
        } else {
            self.remark(
                member,
                FindingCode::Format,
                "must be an address that begins with https:// or http://",
            );
            None
        }
    }

    /// Reads the days of the week. In the feed Sunday is 0; in the result Monday is 1 and Sunday is 7.
    fn days(&mut self) -> Vec<u8> {
        let Some(value) = self.value("day") else {
            return Vec::new();
        };
        let day = |value: &Value| {
            let number = value
                .as_u64()
                .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))?;
            let number = u8::try_from(number).ok().filter(|number| *number <= 6)?;
            Some(if number == 0 { 7 } else { number })
        };
        let days: Option<Vec<u8>> = match value {
            Value::Array(items) => items.iter().map(day).collect(),
            one => day(one).map(|one| vec![one]),
        };
        if let Some(mut days) = days {
            days.sort_unstable();
            days.dedup();
            return days;
        }
        self.fault(
            "day",
            FindingCode::Range,
            "must be a number from 0, Sunday, to 6, or a list of such numbers",
        );
        Vec::new()
    }

    /// Reads a time of day; seconds are dropped.
    fn time(&mut self, member: &str) -> Option<TimeOfDay> {
        let parsed = self.value(member)?.as_str().and_then(|text| {
            let mut parts = text.trim().split(':');
            let (hour, minute) = (parts.next()?, parts.next()?);
            TimeOfDay::new(&format!("{hour:0>2}:{minute}"))
        });
        if parsed.is_none() {
            self.fault(
                member,
                FindingCode::Format,
                "must be a time of day as HH:MM, from 00:00 to 23:59",
            );
        }
        parsed
    }

    fn degrees(&mut self, member: &str, most: f64) -> Option<f64> {
        let value = self.value(member)?;
        let degrees = value
            .as_f64()
            .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
            .filter(|degrees: &f64| degrees.abs() <= most);
        if degrees.is_none() {
            self.fault(
                member,
                FindingCode::Range,
                &format!("must be a number from -{most} to {most}"),
            );
        }
        degrees
    }

    fn point(&mut self) -> Option<Point> {
        let (latitude, longitude) = (self.degrees("latitude", 90.0), self.degrees("longitude", 180.0));
        match (latitude, longitude) {
            (Some(latitude), Some(longitude)) => Point::new(latitude, longitude),
            (Some(_), None) if self.value("longitude").is_none() => {
                self.fault(
                    "longitude",
                    FindingCode::Required,
                    "a latitude needs its longitude",
                );
                None
            }
            (None, Some(_)) if self.value("latitude").is_none() => {
                self.fault(
                    "latitude",
                    FindingCode::Required,
                    "a longitude needs its latitude",
                );
                None
            }
            _ => None,
        }
    }

    fn zone(&mut self, source: &FeedSource) -> Option<ZoneName> {
        let Some(value) = self.value("timezone") else {
            return source.time_zone.map(ZoneName);
        };
        let zone = value.as_str().and_then(|name| name.trim().parse().ok());
        if zone.is_none() {
            self.fault(
                "timezone",
                FindingCode::Format,
                "must be the name of an IANA time zone, such as Europe/Berlin",
            );
        }
        zone.map(ZoneName)
    }

    fn types(&mut self) -> Vec<MeetingType> {
        let codes: Vec<String> = match self.value("types") {
            None => return Vec::new(),
            Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::Number(number) => number.to_string(),
                    other => other.as_str().unwrap_or_default().to_owned(),
                })
                .collect(),
            Some(_) => {
                self.remark("types", FindingCode::Type, "must be a list of codes");
                return Vec::new();
            }
        };
        let is_code = |code: &str| {
            (1..=20).contains(&code.len())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let mut types: Vec<MeetingType> = Vec::new();
        for code in &codes {
            let code = code.trim();
            if !is_code(code) {
                self.remark(
                    "types",
                    FindingCode::Format,
                    "has an invalid code; a code has 1 to 20 letters, digits, dashes or underscores",
                );
            } else if types.len() < 100
                && !types
                    .iter()
                    .any(|meeting_type| meeting_type.code.eq_ignore_ascii_case(code))
            {
                types.push(MeetingType::of(code));
            }
        }
        types
    }

    fn regions(&mut self) -> Vec<String> {
        if let Some(Value::Array(items)) = self.value("regions") {
            let named = items.iter().filter_map(Value::as_str).map(str::trim);
            return named
                .filter(|name| !name.is_empty())
                .take(10)
                .map(|name| name.chars().take(255).collect())
                .collect();
        }
        let (region, sub_region) = (self.text("region", 255), self.text("sub_region", 255));
        region.into_iter().chain(sub_region).collect()
    }

    fn updated(&mut self) -> Option<Timestamp> {
        let parsed = self.value("updated")?.as_str().and_then(|text| {
            let text = text.trim();
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
                .map(|at| Timestamp::utc(at.and_utc()))
                .ok()
                .or_else(|| text.parse().ok())
        });
        if parsed.is_none() {
            self.remark(
                "updated",
                FindingCode::Format,
                "must be a time in UTC as YYYY-MM-DD HH:MM:SS",
            );
        }
        parsed
    }

    /// Whether the feed says that the address is approximate.
    fn is_approximate(&self) -> bool {
        match self.value("approximate") {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => {
                matches!(text.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "1")
            }
            _ => false,
        }
    }

    /// Reads an entry. It is long because it has one line for each member of the format.
    fn meeting(&mut self, source: &FeedSource, id_of: &impl Fn(&str) -> Uuid) -> Option<Meeting> {
        if self.members.is_none() {
            self.fault("", FindingCode::Type, "must be an object");
            return None;
        }
        let (name, slug) = (self.needed("name", 255), self.needed("slug", 200));
        let (days, time, end_time) = (self.days(), self.time("time"), self.time("end_time"));
        let (time_zone, point, types) = (self.zone(source), self.point(), self.types());
        let (conference_url, conference_phone) = (
            self.web_address("conference_url"),
            self.text("conference_phone", 255),
        );
        let has_type = |code: &str| types.iter().any(|meeting_type| meeting_type.code == code);
        let approximate = self.is_approximate();
        let online = conference_url.is_some() || conference_phone.is_some() || has_type("ONL");
        let address_members = ["address", "formatted_address", "location"];
        let has_place = point.is_some() || address_members.iter().any(|member| self.value(member).is_some());
        let in_person = has_place && !has_type(CLOSED_LOCATION) && !(online && approximate);
        let (name, slug) = (name?, slug?);
        Some(Meeting {
            id: id_of(&slug),
            source: source.name.clone(),
            slug,
            programme: source.programme,
            name,
            days,
            time,
            end_time,
            time_zone,
            in_person,
            online,
            types,
            location: self.text("location", 255),
            location_notes: self.text("location_notes", 4000),
            group: self.text("group", 255),
            group_notes: self.text("group_notes", 4000),
            notes: self.text("notes", 4000),
            formatted_address: self.text("formatted_address", 500),
            address: self.text("address", 255),
            city: self.text("city", 255),
            state: self.text("state", 255),
            postal_code: self.text("postal_code", 40),
            country: self.text("country", 100),
            regions: self.regions(),
            latitude: point.map(Point::latitude),
            longitude: point.map(Point::longitude),
            approximate,
            conference_url,
            conference_url_notes: self.text("conference_url_notes", 1000),
            conference_phone,
            conference_phone_notes: self.text("conference_phone_notes", 1000),
            url: self.web_address("url"),
            entity: self.text("entity", 255),
            entity_phone: self.text("entity_phone", 40),
            entity_url: self
                .web_address("entity_website_url")
                .or_else(|| self.web_address("entity_url")),
            updated: self.updated(),
            next_at: None,
            distance_km: None,
        })
    }
}

#[cfg(test)]
mod tests;
