//! Meetings: reference data that needs no sign-in.

use actix_web::HttpRequest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use mainstay_domain::{
    record::json as to_json,
    reference::meeting::{Meeting, MeetingFilter, MeetingMatch, MeetingOrder, Programme, next_start},
    value::{
        geo::{FARTHEST_KM, Point},
        place::TimeOfDay,
        validation::FindingCode,
    },
};
use mainstay_store::meeting::{Candidate, MeetingSearch};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        conditional::etag_of,
        network::client_address,
        page::page_limit,
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{add, add_list},
    },
    record::{cursor_parameter, id_parameter, if_none_match, limit_parameter, list_body, unless_current},
    server::state::State,
};

/// How far around a place meetings are looked for if the client does not say, in kilometres.
const DEFAULT_RADIUS_KM: f64 = 25.0;
/// How long the cursor of a list can be used: it says as of when the list was put in order.
const CURSOR_HOURS: i64 = 24;
/// Most type codes that are asked for at once.
const MOST_TYPES: usize = 10;
/// The next start of a meeting may be out of date after this time.
const CACHE: &str = "public, max-age=60";

/// The endpoints of meetings.
pub fn endpoints() -> Vec<Endpoint> {
    let list = endpoint::get("/v1/meetings", list)
        .public()
        .operation(Tag::Meetings, "listMeetings", "Find meetings")
        .about(
            "Needs no sign-in. With `near`, the nearest first; else those that take place next. Days and times are those of the \
             meeting's own time zone. A meeting has `next_at` if its day, time and time zone are known, and `distance_km` with `near`, \
             which leaves out those without a place on the map.",
        )
        .gives_schema(
            200,
            "A page.",
            Box::new(|c| {
                let items = add::<Meeting>(c);
                add_list(c, "MeetingList", &items)
            }),
            || json!({ "items": [Meeting::example()], "next_cursor": null }),
        )
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"]);
    let one = endpoint::get("/v1/meetings/{id}", read)
        .public()
        .operation(Tag::Meetings, "getMeeting", "Read one meeting")
        .about("Needs no sign-in. A meeting keeps its id for as long as its feed has it under the same name.")
        .parameter(Parameter {
            description: "The id of the meeting.",
            ..id_parameter()
        })
        .parameter(if_none_match())
        .gives::<Meeting>(200, "As its feed tells of it.", || {
            json!(Meeting {
                distance_km: None,
                ..Meeting::example()
            })
        })
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"]);
    vec![list_parameters().into_iter().fold(list, Endpoint::parameter), one]
}

fn list_parameters() -> Vec<Parameter> {
    let flag = || json!({ "type": "boolean" });
    let time = || json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "maxLength": 5 });
    vec![
        Parameter::query(
            "near",
            "Only around this place: latitude and longitude in degrees.",
            json!({ "type": "string", "maxLength": 60 }),
            json!("39.8,-89.65"),
        ),
        Parameter::query(
            "radius_km",
            "How far around `near`, in kilometres; 25 if left out.",
            json!({ "type": "number", "exclusiveMinimum": 0, "maximum": FARTHEST_KM }),
            json!(10),
        ),
        Parameter::query(
            "day",
            "Only on this day of the week: Monday is 1, Sunday 7 (or 0).",
            json!({ "type": "integer", "minimum": 0, "maximum": 7 }),
            json!(7),
        ),
        Parameter::query(
            "from_time",
            "Only those that begin at this time of day or later.",
            time(),
            json!("17:00"),
        ),
        Parameter::query(
            "to_time",
            "Only those that begin before this time of day; before `from_time` it is on the next day.",
            time(),
            json!("21:00"),
        ),
        Parameter::query(
            "programme",
            "Only of this programme.",
            json!({ "$ref": "#/components/schemas/Programme" }),
            json!("aa"),
        ),
        Parameter::query(
            "online",
            "Only those that can, or cannot, be joined online or by phone.",
            flag(),
            Value::Null,
        ),
        Parameter::query(
            "in_person",
            "Only those that do, or do not, take place in a room.",
            flag(),
            json!(true),
        ),
        Parameter::query(
            "type",
            "Only those with this type code, in capitals or not; with all of several, with commas between them, at most 10.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,20}(,[A-Za-z0-9_-]{1,20}){0,9}$", "maxLength": 209 }),
            json!("O"),
        ),
        Parameter::query(
            "source",
            "Only those of this feed.",
            json!({ "type": "string", "minLength": 1, "maxLength": 60 }),
            Value::Null,
        ),
        Parameter::query(
            "sort",
            "By `distance`, which needs `near`, or by the `next` start.",
            json!({ "type": "string", "enum": ["distance", "next"] }),
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

/// A list of meetings that is asked for.
struct Question {
    search: MeetingSearch,
    wanted: MeetingFilter,
    limit: usize,
    after: Option<CursorPosition>,
}

/// A place in a list: behind a meeting in the order as of a time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CursorPosition {
    as_of: DateTime<Utc>,
    key: i64,
    id: Uuid,
}

fn count(request: &HttpRequest, state: &State) -> HandlerResult<()> {
    let address = client_address(request, &state.trusted_proxies);
    state.limits.count_network(address, request)
}

async fn list(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    count(&request, &state)?;
    let now = state.clock.now();
    let Question {
        search,
        wanted,
        limit,
        after,
    } = question(&request, now)?;
    // Every page is of the order that the first one had.
    let as_of = after.map_or(now, |position| position.as_of);
    let choose = move |candidates: Vec<Candidate>| {
        let fitting = candidates.into_iter().filter_map(|candidate| {
            let fit = wanted.fit(candidate.point, candidate.weekly, as_of)?;
            Some((fit.key, candidate.id))
        });
        let mut fitting: Vec<(i64, Uuid)> = fitting
            .filter(|position| after.is_none_or(|after| *position > (after.key, after.id)))
            .collect();
        fitting.sort_unstable();
        fitting.into_iter().map(|(_, id)| id).take(limit + 1).collect()
    };
    let mut found = state.store.search_meetings(search, choose).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut last = None;
    for meeting in &mut found {
        if let Some(fit) = wanted.fit(meeting.point(), meeting.weekly(), as_of) {
            last = Some((fit.key, meeting.id));
            fill_in(meeting, &fit);
        }
    }
    let next = last
        .filter(|_| more)
        .map(|(key, id)| cursor(wanted.order, CursorPosition { as_of, key, id }));
    let body = list_body(found.iter().map(to_json), next.as_deref());
    Ok(unless_current(&request, &etag_of(&body), CACHE, || body))
}

async fn read(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    count(&request, &state)?;
    Parameters::read(&request, &[]).finish()?;
    let id = request.match_info().get("id").and_then(|id| id.parse().ok());
    let id: Uuid = id.ok_or(Problem::new(ProblemKind::NotFound))?;
    let found = state.store.meeting(id).await?;
    let mut meeting = found.ok_or(Problem::new(ProblemKind::NotFound))?;
    meeting.next_at = next_start(meeting.weekly(), state.clock.now());
    let body = to_json(&meeting);
    Ok(unless_current(&request, &etag_of(&body), CACHE, || body))
}

/// Puts in what depends on the question. Distances are good to the metre.
fn fill_in(meeting: &mut Meeting, fit: &MeetingMatch) {
    meeting.next_at = fit.next_at;
    meeting.distance_km = fit.distance_km.map(|km| (km * 1000.0).round() / 1000.0);
}

fn question(request: &HttpRequest, now: DateTime<Utc>) -> HandlerResult<Question> {
    let mut asked = Parameters::read(request, &PARAMETERS);
    let flag = |text: &str| text.parse::<bool>().ok();
    let time = "must be a time of day from 00:00 to 23:59";
    let minutes = |text: &str| TimeOfDay::new(text).map(|time| time.minutes());
    let near = asked.get(
        "near",
        FindingCode::Format,
        "must be latitude and longitude, such as 39.8,-89.65",
        point,
    );
    let radius = asked.get(
        "radius_km",
        FindingCode::Range,
        "must be a number above 0 and at most 20016",
        |text| {
            text.parse::<f64>()
                .ok()
                .filter(|km| *km > 0.0 && *km <= FARTHEST_KM)
        },
    );
    let sort = asked.get(
        "sort",
        FindingCode::Enum,
        "must be distance or next",
        |text| match text {
            "distance" => Some(MeetingOrder::Distance),
            "next" => Some(MeetingOrder::Next),
            _ => None,
        },
    );
    if !asked.has("near") {
        for (name, is_given) in [
            ("radius_km", radius.is_some()),
            ("sort", sort == Some(MeetingOrder::Distance)),
        ] {
            if is_given {
                asked.needs(name, "near");
            }
        }
    }
    let by_default = if near.is_some() {
        MeetingOrder::Distance
    } else {
        MeetingOrder::Next
    };
    let order = sort.unwrap_or(by_default);
    let near = near.map(|centre| (centre, radius.unwrap_or(DEFAULT_RADIUS_KM)));
    let day = asked.get(
        "day",
        FindingCode::Range,
        "must be a day of the week from 1, Monday, to 7, Sunday (or 0)",
        |text| {
            let day = text.parse::<u8>().ok().filter(|day| *day <= 7)?;
            Some(if day == 0 { 7 } else { day })
        },
    );
    let wanted = MeetingFilter {
        near,
        day,
        from: asked.get("from_time", FindingCode::Format, time, minutes),
        to: asked.get("to_time", FindingCode::Format, time, minutes),
        order,
    };
    let search = MeetingSearch {
        area: near.map(|(centre, radius)| centre.box_around(radius)),
        programme: asked.choice::<Programme>("programme"),
        source: asked.get(
            "source",
            FindingCode::Length,
            "must be the name of a feed",
            |text| (1..=60).contains(&text.chars().count()).then(|| text.to_owned()),
        ),
        online: asked.get("online", FindingCode::Type, "must be true or false", flag),
        in_person: asked.get("in_person", FindingCode::Type, "must be true or false", flag),
        type_codes: asked
            .get(
                "type",
                FindingCode::Format,
                "must be type codes of letters, digits and dashes, at most 10, with commas between them",
                type_codes,
            )
            .unwrap_or_default(),
    };
    let limit = page_limit(&mut asked);
    let expected = "must be a next_cursor of this list in this order, not older than a day";
    let after = asked.get("cursor", FindingCode::Cursor, expected, |text| {
        decode(text, order, now)
    });
    asked.finish()?;
    Ok(Question {
        search,
        wanted,
        limit: usize::try_from(limit).unwrap_or(1),
        after,
    })
}

fn type_codes(text: &str) -> Option<Vec<String>> {
    let is_of_code = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_code = |code: &str| (1..=20).contains(&code.len()) && code.bytes().all(is_of_code);
    let codes: Vec<&str> = text.split(',').collect();
    let all_are = codes.len() <= MOST_TYPES && codes.iter().all(|code| is_code(code));
    all_are.then(|| codes.into_iter().map(str::to_owned).collect())
}

fn point(text: &str) -> Option<Point> {
    let (latitude, longitude) = text.split_once(',')?;
    Point::new(latitude.trim().parse().ok()?, longitude.trim().parse().ok()?)
}

const fn mark(order: MeetingOrder) -> u8 {
    match order {
        MeetingOrder::Distance => 1,
        MeetingOrder::Next => 2,
    }
}

fn cursor(order: MeetingOrder, position: CursorPosition) -> String {
    let mut bytes = vec![mark(order)];
    bytes.extend_from_slice(&position.as_of.timestamp_micros().to_be_bytes());
    bytes.extend_from_slice(&position.key.to_be_bytes());
    bytes.extend_from_slice(position.id.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str, order: MeetingOrder, now: DateTime<Utc>) -> Option<CursorPosition> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (marked, rest) = bytes.split_first()?;
    let (as_of, rest) = rest.split_first_chunk::<8>()?;
    let (key, id) = rest.split_first_chunk::<8>()?;
    let as_of = DateTime::from_timestamp_micros(i64::from_be_bytes(*as_of))?;
    let is_good = *marked == mark(order) && as_of <= now && as_of > now - TimeDelta::hours(CURSOR_HOURS);
    let position = CursorPosition {
        as_of,
        key: i64::from_be_bytes(*key),
        id: Uuid::from_slice(id).ok()?,
    };
    is_good.then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_order_and_for_a_day() {
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
