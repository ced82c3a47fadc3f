//! Mutual-help meetings of any programme. They are public data, which operators import from feeds.

mod feed;
mod kinds;
mod next;
mod order;
mod type_names;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::{
    feed::{Feed, FeedSource, Remark, read_feed},
    kinds::{MeetingType, Programme},
    next::{Weekly, next_start},
    order::{MeetingFilter, MeetingMatch, MeetingOrder},
};
use crate::value::{
    geo::Point,
    place::{TimeOfDay, ZoneName},
    timestamp::Timestamp,
};

/// A meeting, as described by its feed. Personal contacts are not imported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Meeting {
    /// The id, which is always the same for the same source and slug.
    pub id: Uuid,
    /// The name of the feed.
    #[schema(max_length = 60, example = "springfield")]
    pub source: String,
    /// The name of the meeting in the feed.
    #[schema(max_length = 200, example = "sunday-serenity-14")]
    pub slug: String,
    /// The programme.
    pub programme: Programme,
    /// The name.
    #[schema(max_length = 255)]
    pub name: String,
    /// Days of the week, Monday is 1 and Sunday 7; empty for a meeting by appointment.
    #[schema(max_items = 7, minimum = 1, maximum = 7)]
    pub days: Vec<u8>,
    /// The time at which it begins, in its time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeOfDay>,
    /// The time at which it ends, in its time zone. It is before `time` if the meeting ends on the next day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<TimeOfDay>,
    /// The time zone, if the feed or the operator names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<ZoneName>,
    /// Whether people meet in a room.
    pub in_person: bool,
    /// Whether people can take part online or by phone.
    pub online: bool,
    /// The types of the meeting.
    #[schema(max_items = 100)]
    pub types: Vec<MeetingType>,
    /// The building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub location: Option<String>,
    /// Notes on the building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub location_notes: Option<String>,
    /// The group that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub group: Option<String>,
    /// Notes on the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub group_notes: Option<String>,
    /// Notes on the meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub notes: Option<String>,
    /// The whole address in one line, if the feed has it in that form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub formatted_address: Option<String>,
    /// Street and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub address: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub city: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub state: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 40)]
    pub postal_code: Option<String>,
    /// Country, as the feed writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub country: Option<String>,
    /// The regions, from the widest to the narrowest.
    #[serde(default)]
    #[schema(max_items = 10, max_length = 255)]
    pub regions: Vec<String>,
    /// Degrees north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
    /// Whether the address is only approximate.
    pub approximate: bool,
    /// The address for taking part online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub conference_url: Option<String>,
    /// Notes on taking part online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub conference_url_notes: Option<String>,
    /// The number for taking part by phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub conference_phone: Option<String>,
    /// Notes on taking part by phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub conference_phone_notes: Option<String>,
    /// The web page of the meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub url: Option<String>,
    /// The service body that lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub entity: Option<String>,
    /// The service body's public phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 40)]
    pub entity_phone: Option<String>,
    /// The service body's web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub entity_url: Option<String>,
    /// The time of the last change in the feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// The next start, at the offset of its time zone. Absent if its day, time or time zone is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// The distance from the requested place, in kilometres as the crow flies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 20_038)]
    pub distance_km: Option<f64>,
}

impl MeetingType {
    /// Creates the type for a code, with the name that the programme has for it, if it is known.
    pub fn of(code: &str, programme: Programme) -> Self {
        let known = type_names::find(code, programme);
        Self {
            code: known.map_or(code, |(known, _)| known).to_owned(),
            name: known.map(|(_, name)| name.to_owned()),
        }
    }
}

impl Meeting {
    /// The location, if the feed has coordinates.
    pub fn point(&self) -> Option<Point> {
        Point::new(self.latitude?, self.longitude?)
    }

    /// The weekly times of the meeting, as far as they are known.
    pub fn weekly(&self) -> Weekly {
        Weekly {
            days: self
                .days
                .iter()
                .filter(|day| (1..=7).contains(*day))
                .fold(0, |mask, day| mask | 1 << (day - 1)),
            minutes: self
                .time
                .as_ref()
                .and_then(|time| u16::try_from(time.minutes()).ok()),
            time_zone: self.time_zone.map(|zone| zone.0),
        }
    }

    /// Creates a meeting for the documentation.
    pub fn example() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            id: Uuid::from_u128(0x5b5c_8f4e_0c1d_8a55_9d0d_9f3c_1b2a_4711),
            source: "springfield".to_owned(),
            slug: "sunday-serenity-14".to_owned(),
            programme: Programme::Aa,
            name: "Sunday Serenity".to_owned(),
            days: vec![7],
            time: Some(TimeOfDay::at(18, 0)),
            end_time: Some(TimeOfDay::at(19, 30)),
            time_zone: Some(ZoneName(chrono_tz::America::Chicago)),
            in_person: true,
            online: false,
            types: vec![
                MeetingType::of("O", Programme::Aa),
                MeetingType::of("D", Programme::Aa),
            ],
            location: text("Community hall"),
            location_notes: None,
            group: None,
            group_notes: None,
            notes: text("Ring the bell; second floor."),
            formatted_address: None,
            address: text("123 Main Street"),
            city: text("Springfield"),
            state: text("IL"),
            postal_code: text("62701"),
            country: text("US"),
            regions: vec!["Downtown".to_owned()],
            latitude: Some(39.8),
            longitude: Some(-89.65),
            approximate: false,
            conference_url: None,
            conference_url_notes: None,
            conference_phone: None,
            conference_phone_notes: None,
            url: None,
            entity: None,
            entity_phone: None,
            entity_url: None,
            updated: "2026-02-01T14:32:23Z".parse().ok(),
            next_at: "2026-03-08T18:00:00-05:00".parse().ok(),
            distance_km: Some(1.25),
        }
    }
}
