//! Reads an entry of a feed as a meeting. A wrong member costs as little as is safe: a wrong day or time would send people
//! to a closed door, so the entry is skipped; another wrong member is left out.

use chrono::NaiveDateTime;
use serde_json::Value;
use uuid::Uuid;

use super::{FeedSource, Meeting, MeetingType, Programme, member::EntryReader};
use crate::{
    reference::{
        meeting::type_names::{CLOSED_LOCATION, ONLINE},
        plain_text::{in_one_line, is_visible},
    },
    value::{
        geo::Point,
        place::{TimeOfDay, ZoneName},
        timestamp::Timestamp,
        validation::FindingCode,
    },
};

/// The maximum number of types of a meeting.
const MAX_TYPES: usize = 100;
/// The maximum number of regions of a meeting.
const MAX_REGIONS: usize = 10;

/// Reads an entry; `None` if it is no object, or has no name or no slug.
pub(super) fn read_entry(
    reader: &mut EntryReader<'_>,
    source: &FeedSource,
    id_of: &impl Fn(&str) -> Uuid,
) -> Option<Meeting> {
    if reader.members.is_none() {
        reader.fault("", FindingCode::Type, "must be an object");
        return None;
    }
    read_members(reader, source, id_of)
}

/// Reads the members of an entry. It is long because it has one line for each member of the format.
fn read_members(
    reader: &mut EntryReader<'_>,
    source: &FeedSource,
    id_of: &impl Fn(&str) -> Uuid,
) -> Option<Meeting> {
    let (name, slug) = (reader.needed("name", 255), reader.needed("slug", 200));
    let (days, time) = (reader.days(), reader.time());
    let (end_time, time_zone) = (reader.end_time(time.as_ref()), reader.zone(source));
    let (point, types) = (reader.point(), reader.types(source.programme));
    let conference_url = reader.web_address("conference_url");
    let conference_phone = reader.text("conference_phone", 255);
    let has_type = |code: &str| types.iter().any(|meeting_type| meeting_type.code == code);
    let approximate = reader.is_approximate();
    let online = conference_url.is_some() || conference_phone.is_some() || has_type(ONLINE);
    let (location, formatted_address) = (
        reader.text("location", 255),
        reader.text("formatted_address", 500),
    );
    let address = reader.text("address", 255);
    let has_place = point.is_some() || location.is_some() || formatted_address.is_some() || address.is_some();
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
        location,
        location_notes: reader.notes("location_notes", 4000),
        group: reader.text("group", 255),
        group_notes: reader.notes("group_notes", 4000),
        notes: reader.notes("notes", 4000),
        formatted_address,
        address,
        city: reader.text("city", 255),
        state: reader.text("state", 255),
        postal_code: reader.text("postal_code", 40),
        country: reader.text("country", 100),
        regions: reader.regions(),
        latitude: point.map(Point::latitude),
        longitude: point.map(Point::longitude),
        approximate,
        conference_url,
        conference_url_notes: reader.notes("conference_url_notes", 1000),
        conference_phone,
        conference_phone_notes: reader.notes("conference_phone_notes", 1000),
        url: reader.web_address("url"),
        entity: reader.text("entity", 255),
        entity_phone: reader.text("entity_phone", 40),
        entity_url: reader
            .web_address("entity_website_url")
            .or_else(|| reader.web_address("entity_url")),
        updated: reader.updated(),
        next_at: None,
        distance_km: None,
    })
}

impl EntryReader<'_> {
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

    fn time(&mut self) -> Option<TimeOfDay> {
        let value = self.value("time")?;
        let parsed = time_of_day(value);
        if parsed.is_none() {
            self.fault("time", FindingCode::Format, EXPECTED_TIME);
        }
        parsed
    }

    /// Reads the end. A wrong one costs the end and not the meeting.
    fn end_time(&mut self, time: Option<&TimeOfDay>) -> Option<TimeOfDay> {
        let parsed = time_of_day(self.value("end_time")?);
        let (code, message) = match (&parsed, time) {
            (None, _) => (FindingCode::Format, EXPECTED_TIME),
            (Some(_), None) => (FindingCode::Mismatch, "needs a time at which the meeting begins"),
            (Some(end), Some(begin)) if end == begin => (
                FindingCode::Order,
                "must not be the time at which the meeting begins",
            ),
            _ => return parsed,
        };
        self.remark("end_time", code, message);
        None
    }

    fn degrees(&mut self, member: &str, most: f64) -> Option<f64> {
        let value = self.value(member)?;
        let degrees = value
            .as_f64()
            .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
            .filter(|degrees: &f64| degrees.abs() <= most);
        if degrees.is_none() {
            let message = format!("must be a number from -{most} to {most}");
            self.remark(member, FindingCode::Range, &message);
        }
        degrees
    }

    /// Reads the position. Programs that find none often write 0 for both degrees, which is in the open sea.
    fn point(&mut self) -> Option<Point> {
        let (latitude, longitude) = (self.degrees("latitude", 90.0), self.degrees("longitude", 180.0));
        match (latitude, longitude) {
            (Some(0.0), Some(0.0)) => {
                let message = "0 for both degrees stands for a position that is not known";
                self.remark("latitude", FindingCode::Range, message);
                None
            }
            (Some(latitude), Some(longitude)) => Point::new(latitude, longitude),
            (Some(_), None) if self.value("longitude").is_none() => {
                self.remark(
                    "longitude",
                    FindingCode::Required,
                    "a latitude needs its longitude",
                );
                None
            }
            (None, Some(_)) if self.value("latitude").is_none() => {
                self.remark(
                    "latitude",
                    FindingCode::Required,
                    "a longitude needs its latitude",
                );
                None
            }
            _ => None,
        }
    }

    /// Reads the time zone. A wrong one is not replaced by that of the feed, which would give wrong times.
    fn zone(&mut self, source: &FeedSource) -> Option<ZoneName> {
        let Some(value) = self.value("timezone") else {
            return source.time_zone.map(ZoneName);
        };
        let zone = value.as_str().and_then(|name| name.trim().parse().ok());
        if zone.is_none() {
            let message = "must be the name of an IANA time zone, such as Europe/Berlin";
            self.remark("timezone", FindingCode::Format, message);
        }
        zone.map(ZoneName)
    }

    fn types(&mut self, programme: Programme) -> Vec<MeetingType> {
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
        for code in codes.iter().map(|code| code.trim()) {
            let is_listed = |listed: &MeetingType| listed.code.eq_ignore_ascii_case(code);
            if !is_code(code) {
                let message =
                    "has an invalid code; a code has 1 to 20 letters, digits, dashes or underscores";
                self.remark("types", FindingCode::Format, message);
            } else if types.len() == MAX_TYPES {
                let message = format!("was cut to {MAX_TYPES} codes");
                self.remark("types", FindingCode::Length, &message);
                break;
            } else if !types.iter().any(is_listed) {
                types.push(MeetingType::of(code, programme));
            }
        }
        types
    }

    fn regions(&mut self) -> Vec<String> {
        let Some(Value::Array(items)) = self.value("regions") else {
            if self.value("regions").is_some() {
                self.remark("regions", FindingCode::Type, "must be a list of names");
            }
            let (region, sub_region) = (self.text("region", 255), self.text("sub_region", 255));
            return region.into_iter().chain(sub_region).collect();
        };
        let mut regions = Vec::new();
        for item in items {
            let name = item.as_str().map(|name| self.clean(name));
            let name = name.map(|name| in_one_line(&name)).unwrap_or_default();
            if !is_visible(&name) {
                continue;
            }
            if regions.len() == MAX_REGIONS {
                let message = format!("was cut to {MAX_REGIONS} names");
                self.remark("regions", FindingCode::Length, &message);
                break;
            }
            if name.chars().count() > 255 {
                self.remark(
                    "regions",
                    FindingCode::Length,
                    "has a name that was cut to 255 characters",
                );
            }
            regions.push(name.chars().take(255).collect());
        }
        regions
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
            let message = "must be a time in UTC as YYYY-MM-DD HH:MM:SS";
            self.remark("updated", FindingCode::Format, message);
        }
        parsed
    }

    /// Whether the feed says that the address is approximate.
    fn is_approximate(&mut self) -> bool {
        let says = match self.value("approximate") {
            None => Some(false),
            Some(Value::Bool(flag)) => Some(*flag),
            Some(value) => match value
                .as_str()
                .map(|text| text.trim().to_ascii_lowercase())
                .as_deref()
            {
                Some("yes" | "true" | "1") => Some(true),
                Some("no" | "false" | "0") => Some(false),
                _ => None,
            },
        };
        if says.is_none() {
            self.remark("approximate", FindingCode::Enum, "must be yes or no");
        }
        says.unwrap_or(false)
    }
}

/// What a time of day must be.
const EXPECTED_TIME: &str = "must be a time of day as HH:MM, from 00:00 to 23:59";

/// Reads a time of day; seconds are dropped.
fn time_of_day(value: &Value) -> Option<TimeOfDay> {
    let mut parts = value.as_str()?.trim().split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    TimeOfDay::new(&format!("{hour:0>2}:{minute}"))
}
