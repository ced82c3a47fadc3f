//! Meetings: reference data that operators import. It is the same for everyone.

use std::collections::HashSet;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, RunQueryDsl,
};
use mainstay_domain::{
    record::json,
    reference::meeting::{Meeting, Programme, Weekly},
    value::geo::{GeoBox, Point},
};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::{meeting_types, meetings},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    on,
};

/// Rows in one statement.
const ROWS: usize = 500;

/// The conditions of a search for meetings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MeetingSearch {
    /// In this part of the globe.
    pub area: Option<GeoBox>,
    /// Of this programme.
    pub programme: Option<Programme>,
    /// From this feed.
    pub source: Option<String>,
    /// With, or without, a way to take part online.
    pub online: Option<bool>,
    /// With, or without, a room.
    pub in_person: Option<bool>,
    /// Of all the types with these codes.
    pub type_codes: Vec<String>,
}

/// The part of a meeting by which it is ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The meeting's id.
    pub id: Uuid,
    /// Its location.
    pub point: Option<Point>,
    /// Its time in the week.
    pub weekly: Weekly,
}

/// The outcome of importing a feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replacement {
    /// The number of meetings that are new.
    pub added: usize,
    /// The number of meetings that were there before.
    pub kept: usize,
    /// The number of meetings that were removed.
    pub gone: usize,
}

/// Whether an import may leave a source with far fewer meetings than it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shrink {
    /// It is refused. A feed that lost most of its entries was probably cut off, or comes from a site with a fault.
    Refused,
    /// It is allowed.
    Allowed,
}

/// The outcome of an import of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedImport {
    /// The meetings of the source were replaced.
    Replaced(Replacement),
    /// The feed would leave the source with far fewer meetings. Nothing was changed.
    Shrunk {
        /// The number of meetings that the source has.
        stored: usize,
        /// The number of meetings that it would have.
        new: usize,
    },
}

/// Whether an import would leave a source with less than half of its meetings.
const fn is_shrunk(stored: usize, new: usize) -> bool {
    new.saturating_mul(2) < stored
}

#[derive(Insertable)]
#[diesel(table_name = meetings, treat_none_as_default_value = false)]
struct NewMeeting {
    id: DbUuid,
    source: String,
    programme: &'static str,
    in_person: bool,
    online: bool,
    latitude: Option<f64>,
    longitude: Option<f64>,
    days: i16,
    minutes: Option<i16>,
    time_zone: Option<String>,
    body: String,
    imported_at: DbTimestamp,
}

type CandidateRow = (DbUuid, Option<f64>, Option<f64>, i16, Option<i16>, Option<String>);

impl Store {
    /// Replaces all meetings of a feed, in one transaction, unless that is a shrinking that is refused. `now` is in
    /// microseconds.
    pub async fn replace_meetings(
        &self,
        source: &str,
        new: Vec<Meeting>,
        shrink: Shrink,
        now: i64,
    ) -> Result<FeedImport> {
        let source = source.to_owned();
        self.data
            .write(move |conn| replace(conn, &source, &new, shrink, DbTimestamp(now)))
            .await
    }

    /// Searches for meetings. `choose` picks from the candidates, and the result has its order. The search has turns of its
    /// own, one of the network that asks and one of all, and never takes one of a person's reads.
    pub async fn search_meetings<F>(
        &self,
        network: String,
        search: MeetingSearch,
        choose: F,
    ) -> Result<Vec<Meeting>>
    where
        F: FnOnce(Vec<Candidate>) -> Vec<Uuid> + Send + 'static,
    {
        let read = self.data.search_public(network, move |conn| {
            let chosen = choose(candidates(conn, &search)?);
            let keys: Vec<DbUuid> = chosen.iter().copied().map(DbUuid).collect();
            let query = meetings::table
                .filter(meetings::id.eq_any(keys))
                .select(meetings::body);
            let bodies: Vec<String> = on!(conn, |c| query.load(c))?;
            let mut found = bodies
                .iter()
                .map(|body| decode(body))
                .collect::<Result<Vec<_>>>()?;
            found.sort_by_key(|meeting| chosen.iter().position(|id| *id == meeting.id));
            Ok(found)
        });
        read.await
    }

    /// One meeting.
    pub async fn meeting(&self, id: Uuid) -> Result<Option<Meeting>> {
        let read = self.data.read_for(Party::Public, move |conn| {
            let query = meetings::table
                .filter(meetings::id.eq(DbUuid(id)))
                .select(meetings::body);
            let body: Option<String> = on!(conn, |c| query.first(c).optional())?;
            body.map(|body| decode(&body)).transpose()
        });
        read.await
    }
}

fn decode(body: &str) -> Result<Meeting> {
    serde_json::from_str(body)
        .map_err(|e| StoreError::Internal(format!("a stored meeting cannot be read: {e}")))
}

fn replace(
    conn: &mut Conn,
    source: &str,
    new: &[Meeting],
    shrink: Shrink,
    now: DbTimestamp,
) -> Result<FeedImport> {
    let of_source = meetings::table.filter(meetings::source.eq(source));
    let before: Vec<DbUuid> = on!(&mut *conn, |c| of_source.select(meetings::id).load(c))?;
    if shrink == Shrink::Refused && is_shrunk(before.len(), new.len()) {
        return Ok(FeedImport::Shrunk {
            stored: before.len(),
            new: new.len(),
        });
    }
    on!(&mut *conn, |c| diesel::delete(of_source).execute(c))?;
    let rows = new
        .iter()
        .map(|meeting| row(meeting, source, now))
        .collect::<Result<Vec<_>>>()?;
    for chunk in rows.chunks(ROWS) {
        on!(&mut *conn, |c| diesel::insert_into(meetings::table)
            .values(chunk)
            .execute(c))?;
    }
    insert_types(conn, new)?;
    let before: HashSet<Uuid> = before.into_iter().map(|key| key.0).collect();
    let kept = new.iter().filter(|meeting| before.contains(&meeting.id)).count();
    Ok(FeedImport::Replaced(Replacement {
        added: new.len() - kept,
        kept,
        gone: before.len() - kept,
    }))
}

fn insert_types(conn: &mut Conn, new: &[Meeting]) -> Result<()> {
    let types: Vec<_> = new
        .iter()
        .flat_map(|meeting| meeting.types.iter().map(|kind| (meeting.id, &kind.code)))
        .map(|(id, code)| {
            (
                meeting_types::code.eq(code.to_ascii_uppercase()),
                meeting_types::meeting_id.eq(DbUuid(id)),
            )
        })
        .collect();
    for chunk in types.chunks(ROWS) {
        on!(&mut *conn, |c| diesel::insert_into(meeting_types::table)
            .values(chunk)
            .execute(c))?;
    }
    Ok(())
}

fn row(meeting: &Meeting, source: &str, now: DbTimestamp) -> Result<NewMeeting> {
    let weekly = meeting.weekly();
    let body = String::from_utf8(json(meeting)).map_err(|e| StoreError::Internal(e.to_string()))?;
    Ok(NewMeeting {
        id: DbUuid(meeting.id),
        source: source.to_owned(),
        programme: meeting.programme.as_str(),
        in_person: meeting.in_person,
        online: meeting.online,
        latitude: meeting.latitude,
        longitude: meeting.longitude,
        days: i16::from(weekly.days),
        minutes: weekly.minutes.and_then(|minutes| i16::try_from(minutes).ok()),
        time_zone: weekly.time_zone.map(|zone| zone.name().to_owned()),
        body,
        imported_at: now,
    })
}

fn candidates(conn: &mut Conn, search: &MeetingSearch) -> Result<Vec<Candidate>> {
    let rows: Vec<CandidateRow> = on!(conn, |c| {
        let mut query = meetings::table
            .select((
                meetings::id,
                meetings::latitude,
                meetings::longitude,
                meetings::days,
                meetings::minutes,
                meetings::time_zone,
            ))
            .into_boxed();
        if let Some(area) = &search.area {
            let (first, second) = area.longitudes;
            query = query
                .filter(meetings::latitude.between(area.latitudes.0, area.latitudes.1))
                .filter(
                    meetings::longitude
                        .between(first.0, first.1)
                        .or(meetings::longitude.between(second.0, second.1)),
                );
        }
        if let Some(programme) = search.programme {
            query = query.filter(meetings::programme.eq(programme.as_str()));
        }
        if let Some(source) = &search.source {
            query = query.filter(meetings::source.eq(source));
        }
        if let Some(online) = search.online {
            query = query.filter(meetings::online.eq(online));
        }
        if let Some(in_person) = search.in_person {
            query = query.filter(meetings::in_person.eq(in_person));
        }
        for code in &search.type_codes {
            let of_type = meeting_types::table
                .filter(meeting_types::code.eq(code.to_ascii_uppercase()))
                .select(meeting_types::meeting_id);
            query = query.filter(meetings::id.eq_any(of_type));
        }
        query.load(c)
    })?;
    Ok(rows.into_iter().map(candidate).collect())
}

fn candidate((id, latitude, longitude, days, minutes, time_zone): CandidateRow) -> Candidate {
    Candidate {
        id: id.0,
        point: latitude
            .zip(longitude)
            .and_then(|(latitude, longitude)| Point::new(latitude, longitude)),
        weekly: Weekly {
            days: u8::try_from(days).unwrap_or(0),
            minutes: minutes.and_then(|minutes| u16::try_from(minutes).ok()),
            time_zone: time_zone.and_then(|name| name.parse().ok()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_may_lose_half_of_its_meetings_and_no_more() {
        for (stored, new, expected) in [
            (0, 0, false),
            (0, 5, false),
            (1, 0, true),
            (2, 1, false),
            (3, 1, true),
            (9, 1, true),
            (10, 5, false),
            (10, 4, true),
            (11, 6, false),
            (11, 5, true),
            (45, 0, true),
            (45, 90, false),
        ] {
            assert_eq!(is_shrunk(stored, new), expected, "{stored} {new}");
        }
    }
}
