//! Endpoints of mutual-help meetings. They need no sign-in, because meetings are public reference data.

mod query;

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use mainstay_domain::{
    record::json as to_json,
    reference::meeting::{Meeting, MeetingFilter, MeetingMatch, next_start},
};
use mainstay_store::meeting::Candidate;
use serde_json::json;
use uuid::Uuid;

use self::query::{CursorPosition, MeetingQuery, cursor, list_parameters};
use crate::{
    http::{
        admission::turns::aside,
        conditional::etag_of,
        network::{client_address, network},
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::{add, add_enum, add_list},
    },
    record::{id_parameter, if_none_match, list_body, unless_current},
    server::state::State,
};

/// How long a response may be cached: after a minute the next start of a meeting may be out of date.
const CACHE: &str = "public, max-age=60";

/// Lists the endpoints of meetings.
pub fn endpoints() -> Vec<Endpoint> {
    let list = endpoint::get("/v1/meetings", list)
        .priority(Priority::Deferrable)
        .public()
        .operation(Tag::Meetings, "listMeetings", "Find meetings")
        .about(
            "Needs no sign-in. With `near` the nearest meetings come first; without it, those that start next. Days and times are \
             in the time zone of the meeting. A meeting has `next_at` if its day, time and time zone are known. With `near` it has \
             `distance_km`, and meetings without coordinates are left out.",
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
        .with_headers(&["ETag"])
        .naming(Box::new(|c| add_enum(c, "MeetingOrder", "The order of meetings.", &["distance", "next"])));
    let one = endpoint::get("/v1/meetings/{id}", read)
        .priority(Priority::Deferrable)
        .public()
        .operation(Tag::Meetings, "getMeeting", "Read one meeting")
        .about("Needs no sign-in. A meeting keeps its id as long as its feed has it under the same name.")
        .parameter(Parameter {
            description: "The id of the meeting.",
            ..id_parameter()
        })
        .parameter(if_none_match())
        .gives::<Meeting>(200, "The meeting, as its feed describes it.", || {
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

fn count_request(request: &HttpRequest, state: &State) -> HandlerResult<()> {
    let address = client_address(request, &state.trusted_proxies);
    state.limits.count_network(address, request)
}

async fn list(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    count_request(&request, &state)?;
    let now = state.clock.now();
    let MeetingQuery {
        search,
        wanted,
        limit,
        after,
    } = MeetingQuery::read(&request, now)?;
    // Every page has the order of the first one.
    let as_of = after.map_or(now, |position| position.as_of);
    // One more than fits on the page says whether there is a next page.
    let choose = move |candidates| page_of(candidates, &wanted, as_of, after, limit + 1);
    let network = network(client_address(&request, &state.trusted_proxies));
    let mut found = aside(state.store.search_meetings(network, search, choose)).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let mut last = None;
    for meeting in &mut found {
        if let Some(fit) = wanted.fit(meeting.point(), meeting.weekly(), as_of) {
            last = Some((fit.key, meeting.id));
            fill_in(meeting, &fit);
        }
    }
    let next = last
        .filter(|_| has_more)
        .map(|(key, id)| cursor(wanted.order, CursorPosition { as_of, key, id }));
    let body = list_body(found.iter().map(to_json), next.as_deref());
    Ok(unless_current(&request, &etag_of(&body), CACHE, || body))
}

/// Returns the ids of the first meetings behind a position, in the requested order.
fn page_of(
    candidates: Vec<Candidate>,
    wanted: &MeetingFilter,
    as_of: DateTime<Utc>,
    after: Option<CursorPosition>,
    limit: usize,
) -> Vec<Uuid> {
    let fitting = candidates.into_iter().filter_map(|candidate| {
        let fit = wanted.fit(candidate.point, candidate.weekly, as_of)?;
        Some((fit.key, candidate.id))
    });
    let mut fitting: Vec<(i64, Uuid)> = fitting
        .filter(|position| after.is_none_or(|after| *position > (after.key, after.id)))
        .collect();
    fitting.sort_unstable();
    fitting.into_iter().map(|(_, id)| id).take(limit).collect()
}

async fn read(request: HttpRequest) -> HandlerResult {
    let state = State::of(&request);
    count_request(&request, &state)?;
    Parameters::read(&request, &[]).finish()?;
    let id = request.match_info().get("id").and_then(|id| id.parse().ok());
    let id: Uuid = id.ok_or(Problem::new(ProblemKind::NotFound))?;
    let found = state.store.meeting(id).await?;
    let mut meeting = found.ok_or(Problem::new(ProblemKind::NotFound))?;
    meeting.next_at = next_start(meeting.weekly(), state.clock.now());
    let body = to_json(&meeting);
    Ok(unless_current(&request, &etag_of(&body), CACHE, || body))
}

/// Sets the members that depend on the request. Distances are rounded to the metre.
fn fill_in(meeting: &mut Meeting, fit: &MeetingMatch) {
    meeting.next_at = fit.next_at;
    meeting.distance_km = fit.distance_km.map(|km| (km * 1000.0).round() / 1000.0);
}
