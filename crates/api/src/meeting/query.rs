//! The query of a meeting list: its parameters, and the cursor of its pages.

use std::ops::Bound;

use actix_web::HttpRequest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use mainstay_domain::{
    reference::meeting::{MeetingFilter, MeetingOrder, Programme},
    value::{
        geo::{FARTHEST_KM, Point},
        place::TimeOfDay,
        text::Text,
        validation::FindingCode,
    },
};
use mainstay_store::meeting::MeetingSearch;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        page::page_limit,
        problem::HandlerResult,
        query::{Parameters, number},
    },
    openapi::endpoint::Parameter,
    record::{cursor_parameter, if_none_match, limit_parameter},
};

/// The radius of a search without `radius_km`, in kilometres.
const DEFAULT_RADIUS_KM: f64 = 25.0;
/// How long a cursor can be used, in hours. A cursor contains the time as of which the list is ordered.
const CURSOR_HOURS: i64 = 24;
/// The largest number of type codes in a request.
const MAX_TYPES: usize = 10;
/// The expected value of a time of day.
const EXPECTED_TIME: &str = "must be a time of day from 00:00 to 23:59";

/// Returns the parameters of the list.
#[expect(clippy::too_many_lines, reason = "a flat table")]
pub fn list_parameters() -> Vec<Parameter> {
    let flag = || json!({ "type": "boolean" });
    let time = || json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "maxLength": 5 });
    vec![
        Parameter::query(
            "near",
            "Only meetings around this place: latitude and longitude in degrees.",
            json!({ "type": "string", "maxLength": 60 }),
            json!("39.8,-89.65"),
        ),
        Parameter::query(
            "radius_km",
            "The radius around `near` in kilometres; 25 if left out.",
            json!({ "type": "number", "exclusiveMinimum": 0, "maximum": FARTHEST_KM }),
            json!(10),
        ),
        Parameter::query(
            "day",
            "Only meetings on this day of the week: Monday is 1, Sunday is 7 (or 0).",
            json!({ "type": "integer", "minimum": 0, "maximum": 7 }),
            json!(7),
        ),
        Parameter::query(
            "from_time",
            "Only meetings that start at this time of day or later.",
            time(),
            json!("17:00"),
        ),
        Parameter::query(
            "to_time",
            "Only meetings that start before this time of day. A time before `from_time` is on the next day.",
            time(),
            json!("21:00"),
        ),
        Parameter::query(
            "programme",
            "Only meetings of this programme.",
            json!({ "$ref": "#/components/schemas/Programme" }),
            json!("aa"),
        ),
        Parameter::query(
            "online",
            "Only meetings that can (or cannot) be joined online or by phone.",
            flag(),
            Value::Null,
        ),
        Parameter::query(
            "in_person",
            "Only meetings that do (or do not) take place in a room.",
            flag(),
            json!(true),
        ),
        Parameter::query(
            "type",
            "Only meetings with all of these type codes: at most 10, in upper or lower case, separated by commas.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,20}(,[A-Za-z0-9_-]{1,20}){0,9}$", "maxLength": 209 }),
            json!("O"),
        ),
        Parameter::query(
            "source",
            "Only meetings of this feed.",
            json!({ "type": "string", "minLength": 1, "maxLength": 60 }),
            Value::Null,
        ),
        Parameter::query(
            "sort",
            "The order: by `distance`, which needs `near`, or by the `next` start.",
            json!({ "$ref": "#/components/schemas/MeetingOrder" }),
            Value::Null,
        ),
        limit_parameter(),
        cursor_parameter(),
        if_none_match(),
    ]
}

const PARAMETERS: [&str; 13] = [
    "near",
    "radius_km",
    "day",
    "from_time",
    "to_time",
    "programme",
    "online",
    "in_person",
    "type",
    "source",
    "sort",
    "limit",
    "cursor",
];

/// The meetings that a list request asks for.
pub struct MeetingQuery {
    /// Conditions that the database checks.
    pub search: MeetingSearch,
    /// Conditions that are checked for each candidate, and the order.
    pub wanted: MeetingFilter,
    /// Items on a page.
    pub limit: usize,
    /// The position after which the page starts.
    pub after: Option<CursorPosition>,
}

/// A position in a list: behind a meeting, in the order as of a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CursorPosition {
    /// The time as of which the list is ordered.
    pub as_of: DateTime<Utc>,
    /// The sort key of the meeting.
    pub key: i64,
    /// The id of the meeting.
    pub id: Uuid,
}

impl MeetingQuery {
    /// Reads the query of a list request.
    ///
    /// # Errors
    /// 422 that names every invalid parameter.
    pub fn read(request: &HttpRequest, now: DateTime<Utc>) -> HandlerResult<Self> {
        let mut parameters = Parameters::read(request, &PARAMETERS);
        let (near, order) = near_and_order(&mut parameters);
        let wanted = MeetingFilter {
            near,
            day: parameters
                .number(
                    "day",
                    0..=7,
                    "must be a day of the week from 1, Monday, to 7, Sunday (or 0)",
                )
                // 0 is another number for Sunday.
                .map(|day: u8| if day == 0 { 7 } else { day }),
            from: parameters.get("from_time", FindingCode::Format, EXPECTED_TIME, minutes),
            to: parameters.get("to_time", FindingCode::Format, EXPECTED_TIME, minutes),
            order,
        };
        let search = search(&mut parameters, near);
        let limit = page_limit(&mut parameters);
        let expected = "must be a next_cursor of this list in this order, not older than a day";
        let after = parameters.get("cursor", FindingCode::Cursor, expected, |text| {
            decode(text, order, now)
        });
        parameters.finish()?;
        Ok(Self {
            search,
            wanted,
            limit: usize::try_from(limit).unwrap_or(1),
            after,
        })
    }
}

/// A place with a radius in kilometres.
type Area = (Point, f64);

/// Reads the place to search around, and the order, whose default depends on whether there is a place.
fn near_and_order(parameters: &mut Parameters) -> (Option<Area>, MeetingOrder) {
    let near = parameters.get(
        "near",
        FindingCode::Format,
        "must be latitude and longitude, such as 39.8,-89.65",
        point,
    );
    let radius = parameters.number(
        "radius_km",
        (Bound::Excluded(0.0), Bound::Included(FARTHEST_KM)),
        "must be a number above 0 and at most 20016",
    );
    let sort = parameters.get(
        "sort",
        FindingCode::Enum,
        "must be distance or next",
        |text| match text {
            "distance" => Some(MeetingOrder::Distance),
            "next" => Some(MeetingOrder::Next),
            _ => None,
        },
    );
    if !parameters.has("near") {
        for (name, is_set) in [
            ("radius_km", radius.is_some()),
            ("sort", sort == Some(MeetingOrder::Distance)),
        ] {
            if is_set {
                parameters.needs(name, "near");
            }
        }
    }
    let default = if near.is_some() {
        MeetingOrder::Distance
    } else {
        MeetingOrder::Next
    };
    let area = near.map(|centre| (centre, radius.unwrap_or(DEFAULT_RADIUS_KM)));
    (area, sort.unwrap_or(default))
}

/// Reads the conditions that the database can check.
fn search(parameters: &mut Parameters, near: Option<Area>) -> MeetingSearch {
    let flag = |text: &str| text.parse::<bool>().ok();
    MeetingSearch {
        area: near.map(|(centre, radius)| centre.box_around(radius)),
        programme: parameters.choice::<Programme>("programme"),
        source: parameters.get(
            "source",
            FindingCode::Length,
            "must be the name of a feed",
            |text| Text::<1, 60>::new(text).map(|name| name.to_string()),
        ),
        online: parameters.get("online", FindingCode::Type, "must be true or false", flag),
        in_person: parameters.get("in_person", FindingCode::Type, "must be true or false", flag),
        type_codes: parameters
            .get(
                "type",
                FindingCode::Format,
                "must be type codes of letters, digits and dashes, at most 10, with commas between them",
                type_codes,
            )
            .unwrap_or_default(),
    }
}

fn minutes(text: &str) -> Option<u32> {
    TimeOfDay::new(text).map(|time| time.minutes())
}

fn type_codes(text: &str) -> Option<Vec<String>> {
    let is_code_byte = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_code = |code: &str| (1..=20).contains(&code.len()) && code.bytes().all(is_code_byte);
    let codes: Vec<&str> = text.split(',').collect();
    let is_valid = codes.len() <= MAX_TYPES && codes.iter().all(|code| is_code(code));
    is_valid.then(|| codes.into_iter().map(str::to_owned).collect())
}

fn point(text: &str) -> Option<Point> {
    let (latitude, longitude) = text.split_once(',')?;
    Point::new(number(latitude)?, number(longitude)?)
}

/// Returns the byte that ties a cursor to its order.
const fn mark(order: MeetingOrder) -> u8 {
    match order {
        MeetingOrder::Distance => 1,
        MeetingOrder::Next => 2,
    }
}

/// Encodes a position as a cursor.
pub fn cursor(order: MeetingOrder, position: CursorPosition) -> String {
    let mut bytes = vec![mark(order)];
    bytes.extend_from_slice(&position.as_of.timestamp_micros().to_be_bytes());
    bytes.extend_from_slice(&position.key.to_be_bytes());
    bytes.extend_from_slice(position.id.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str, order: MeetingOrder, now: DateTime<Utc>) -> Option<CursorPosition> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (mark_read, rest) = bytes.split_first()?;
    let (as_of, rest) = rest.split_first_chunk::<8>()?;
    let (key, id) = rest.split_first_chunk::<8>()?;
    let as_of = DateTime::from_timestamp_micros(i64::from_be_bytes(*as_of))?;
    let is_valid = *mark_read == mark(order) && as_of <= now && as_of > now - TimeDelta::hours(CURSOR_HOURS);
    let position = CursorPosition {
        as_of,
        key: i64::from_be_bytes(*key),
        id: Uuid::from_slice(id).ok()?,
    };
    is_valid.then_some(position)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Option<MeetingQuery> {
        let request = TestRequest::with_uri(&format!("/v1/meetings?{text}")).to_http_request();
        MeetingQuery::read(&request, "2026-03-02T12:00:00Z".parse().unwrap()).ok()
    }

    proptest! {
        /// A plus that is not escaped comes as a space.
        #[test]
        fn a_plus_before_a_number_makes_no_difference(
            latitude in 0.0..=90.0, longitude in 0.0..=180.0, km in 0.1..=20_000.0, day in 1_u8..=7, limit in 1_usize..=200,
        ) {
            for plus in ["", "+", "%2B", "%20"] {
                let found = query(&format!(
                    "near={plus}{latitude},{plus}{longitude}&radius_km={plus}{km}&day={plus}{day}&limit={plus}{limit}"
                ));
                let found = found.map(|found| (found.wanted.near, found.wanted.day, found.limit));
                let area = Point::new(latitude, longitude).map(|centre| (centre, km));
                prop_assert_eq!(found, Some((area, Some(day), limit)));
            }
            let mixed = query(&format!("near=+{latitude},-{longitude}")).and_then(|found| found.wanted.near);
            prop_assert_eq!(mixed.map(|(centre, _)| centre), Point::new(latitude, -longitude));
        }
    }

    #[test]
    fn a_cursor_is_valid_for_its_order_and_for_a_day() {
        let now: DateTime<Utc> = "2026-03-02T12:00:00.123456Z".parse().unwrap();
        let position = CursorPosition {
            as_of: now,
            key: -5,
            id: Uuid::from_u128(9),
        };
        let text = cursor(MeetingOrder::Next, position);
        assert_eq!(decode(&text, MeetingOrder::Next, now), Some(position));
        assert_eq!(decode(&text, MeetingOrder::Distance, now), None);
        assert_eq!(
            decode(&text, MeetingOrder::Next, now - TimeDelta::seconds(1)),
            None
        );
        assert_eq!(
            decode(&text, MeetingOrder::Next, now + TimeDelta::hours(24)),
            None
        );
        for wrong in ["", "x", "AAAA", &text[1..]] {
            assert_eq!(decode(wrong, MeetingOrder::Next, now), None);
        }
    }
}
