//! Mutual-help meetings of any programme. Operators import them from feeds; they are public.

mod feed;
mod kinds;
mod next;
mod order;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::{
    feed::{Feed, FeedSource, Remark, read_feed},
    kinds::{MeetingType, Programme},
    next::{Weekly, next_start},
    order::{Fit, MeetingOrder, Wanted},
};
use crate::value::{
    geo::Point,
    place::{TimeOfDay, ZoneName},
    timestamp::Timestamp,
};

/// A meeting, as its feed tells of it. Contacts by name are not taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Meeting {
    /// Its id: always the same for the same source and slug.
    pub id: Uuid,
    /// The feed that it comes from.
    #[schema(max_length = 60, example = "springfield")]
    pub source: String,
    /// Its name in the feed.
    #[schema(max_length = 200, example = "sunday-serenity-14")]
    pub slug: String,
    /// The programme.
    pub programme: Programme,
    /// Its name.
    #[schema(max_length = 255)]
    pub name: String,
    /// Days of the week, Monday is 1 and Sunday 7; empty for a meeting by appointment.
    #[schema(max_items = 7, minimum = 1, maximum = 7)]
    pub days: Vec<u8>,
    /// When it begins, in its time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeOfDay>,
    /// When it ends, in its time zone; before `time` if that is on the next day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<TimeOfDay>,
    /// The time zone of its times, if the feed or the operator says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<ZoneName>,
    /// Whether people meet in a room.
    pub in_person: bool,
    /// Whether one can take part online or by phone.
    pub online: bool,
    /// What it is like.
    #[schema(max_items = 100)]
    pub types: Vec<MeetingType>,
    /// The building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub location: Option<String>,
    /// What to know about the building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub location_notes: Option<String>,
    /// The group that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub group: Option<String>,
    /// What to know about the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub group_notes: Option<String>,
    /// What to know about the meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub notes: Option<String>,
    /// The whole address in one line, if the feed has it so.
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
    /// The part of the area, from the widest to the narrowest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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
    /// True if the address says only roughly where it is.
    pub approximate: bool,
    /// Where to take part online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub conference_url: Option<String>,
    /// What to know for taking part online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub conference_url_notes: Option<String>,
    /// The number to take part by phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub conference_phone: Option<String>,
    /// What to know for taking part by phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub conference_phone_notes: Option<String>,
    /// Its page.
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
    /// The service body's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub entity_url: Option<String>,
    /// When the feed last changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// When it takes place next, at the offset of its time zone; left out if its day, time or time zone is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// How far it is from the place that was asked for, in kilometres as the crow flies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 20_038)]
    pub distance_km: Option<f64>,
}

impl Meeting {
    /// Where it is, if the feed says.
    pub fn point(&self) -> Option<Point> {
        Point::new(self.latitude?, self.longitude?)
    }

    /// When it takes place each week, if that is known.
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

    /// A meeting for the documentation.
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
            types: vec![MeetingType::of("O"), MeetingType::of("D")],
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
