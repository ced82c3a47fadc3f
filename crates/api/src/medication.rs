//! The endpoints of medications, and the list of the doses that are due.

use std::ops::ControlFlow;

use actix_web::HttpResponse;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use mainstay_domain::{
    account::Profile,
    dose::Dose,
    medication::{DueDose, Medication, due_doses, next_due, tolerance},
    record::{Kind, Record, json as to_json},
    value::{
        place::ZoneName,
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
    },
};
use mainstay_store::{Order, Range, Records, StoreError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        problem::{HandlerResult, Problem},
        query::Parameters,
    },
    openapi::endpoint::{self, Endpoint, Parameter, Tag},
    record::{EXAMPLE_ID, collection, decode, id_parameter, json_response},
};

/// The longest period that can be requested, in days.
const MAX_DAYS: i64 = 92;
/// How far ahead the period may end, in days.
const MAX_AHEAD_DAYS: i64 = 366;
/// The first year in which a period may begin.
const FIRST_YEAR: i32 = 1900;
/// The days before and after now that are shown if the request names no period.
const DEFAULT_DAYS: i64 = 7;
/// How many days before the period doses are read, except for a long-acting medication, of which all are read. The
/// period may begin 366 days ahead.
const DAYS_READ_BEFORE: i64 = 400;
/// How many days after the period doses are read: the longest tolerance, and a day for time zones.
const DAYS_READ_AFTER: i64 = 8;
/// The largest number of doses that are read, of all medications, the newest ones.
const MAX_DOSES: i64 = 5000;

/// Returns the endpoints of medications.
pub fn endpoints() -> Vec<Endpoint> {
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 64 });
    let mut all = collection::<Medication>(Tag::Medications);
    all.push(
        endpoint::get("/v1/medications/{id}/due", due)
            .operation(Tag::Medications, "listDueDoses", "List the due doses of a medication")
            .about(
                "Lists the due doses, earliest first, each with the doses that are recorded for it. A recorded dose counts for the due \
                 time in its `due_at`; without one, for the nearest due time within the tolerance, which is half of the time that a \
                 dose covers, at most seven days. A due dose without a recorded one is `open` until the tolerance has passed, and \
                 `missed` afterwards. If a dose covers seven days or more, the next is due that long after the last one was given. \
                 Such a dose stays `open`, with `overdue_days`, until it is given, and is listed even if it was due before `from`. \
                 After a `skipped` dose the next is due that long after the skipped one was due. Times are in the account's time \
                 zone.",
            )
            .parameter(id_parameter())
            .parameter(Parameter::query(
                "from",
                "The beginning. If left out: seven days ago, or fourteen days before `to`.",
                time.clone(),
                json!("2026-03-01T00:00:00Z"),
            ))
            .parameter(Parameter::query(
                "to",
                "The end, which is not included: at most 92 days after `from` and 366 days ahead. If left out: seven days ahead, or \
                 fourteen days after `from`.",
                time,
                json!("2026-03-15T00:00:00Z"),
            ))
            .gives::<MedicationDue>(200, "The due doses.", due_example),
    );
    all
}

/// The due doses of a medication.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MedicationDue {
    /// The id of the medication.
    pub medication_id: Uuid,
    /// The time zone of the account, in which the schedule is read.
    pub time_zone: ZoneName,
    /// The beginning.
    pub from: Timestamp,
    /// The end, not included.
    pub to: Timestamp,
    /// How many hours before and after its due time a dose still counts for it.
    #[schema(minimum = 12, maximum = 168)]
    pub tolerance_hours: i64,
    /// The due doses, earliest first.
    #[schema(max_items = 4000)]
    pub items: Vec<DueDose>,
    /// The next dose to take, whether it is open already or due later. A long-acting dose that was recorded as missed
    /// counts too, because it is still to be given. Left out if nothing is due within 400 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<DueDose>,
}

async fn due(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let now = caller.state.clock.now();
    let (from, to) = requested_period(&caller, now)?;
    let account = caller.state.store.account_of(caller.scope()).await?;
    let zone = Profile::from(&account).time_zone;
    let read = caller.read_long(move |records| {
        let (medication, doses) = read_doses(records, id, from, to.max(now))?;
        Ok(to_json(&MedicationDue {
            medication_id: id,
            time_zone: zone,
            from: Timestamp::in_zone(from, zone.0),
            to: Timestamp::in_zone(to, zone.0),
            tolerance_hours: tolerance(&medication).num_hours(),
            items: due_doses(&medication, &doses, zone.0, &(from..to), now),
            next: next_due(&medication, &doses, zone.0, now),
        }))
    });
    Ok(json_response(HttpResponse::Ok(), read.await?))
}

/// Reads the period that is requested.
fn requested_period(caller: &Caller, now: DateTime<Utc>) -> HandlerResult<(DateTime<Utc>, DateTime<Utc>)> {
    let mut parameters = Parameters::read(&caller.request, &["from", "to"]);
    let from = parameters.time("from").map(|from| from.to_utc());
    let to = parameters.time("to").map(|to| to.to_utc());
    parameters.finish()?;
    let default = TimeDelta::days(DEFAULT_DAYS);
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, from + default * 2),
        (None, Some(to)) => (to - default * 2, to),
        (None, None) => (now - default, now + default),
    };
    let mut findings = Findings::default();
    if from.year() < FIRST_YEAR {
        findings.add("/from", FindingCode::Range, "the year must be from 1900");
    }
    if to <= from {
        findings.add("/to", FindingCode::Order, "must be after from");
    } else if to - from > TimeDelta::days(MAX_DAYS) {
        findings.add("/to", FindingCode::Range, "must be at most 92 days after from");
    } else if to > now + TimeDelta::days(MAX_AHEAD_DAYS) {
        findings.add("/to", FindingCode::Range, "must be at most 366 days ahead");
    }
    if findings.is_empty() {
        Ok((from, to))
    } else {
        Err(Problem::validation(findings.into_vec()))
    }
}

/// Reads a medication with its doses around a period.
fn read_doses(
    records: &mut Records<'_>,
    id: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<(Medication, Vec<(Uuid, Dose)>), StoreError> {
    let found = records.get(Kind::Medication, id)?.ok_or(StoreError::NotFound)?;
    let medication: Medication = decode(&found.body)?;
    // The next due time of a long-acting medication depends on all doses before it.
    let first =
        (!medication.is_long_acting()).then(|| (from - TimeDelta::days(DAYS_READ_BEFORE)).timestamp_micros());
    let range = Range {
        from: first,
        to: Some((to + TimeDelta::days(DAYS_READ_AFTER)).timestamp_micros()),
        order: Order::Descending,
        limit: MAX_DOSES,
        ..Range::default()
    };
    let mut doses = Vec::new();
    records.for_each(Kind::Dose, &range, |stored| {
        let dose: Dose = decode(&stored.body)?;
        if dose.medication_id == id {
            doses.push((stored.id, dose));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((medication, doses))
}

fn due_example() -> Value {
    let (medication, dose) = (Medication::example(), Dose::example());
    let zone = chrono_tz::America::New_York;
    let now = dose.occurred_at.to_utc() + TimeDelta::hours(4);
    let (from, to) = (now - TimeDelta::days(1), now + TimeDelta::days(1));
    let id = EXAMPLE_ID.parse().unwrap_or_default();
    let doses = [(id, dose)];
    let response = MedicationDue {
        medication_id: id,
        time_zone: ZoneName(zone),
        from: Timestamp::in_zone(from, zone),
        to: Timestamp::in_zone(to, zone),
        tolerance_hours: tolerance(&medication).num_hours(),
        items: due_doses(&medication, &doses, zone, &(from..to), now),
        next: next_due(&medication, &doses, zone, now),
    };
    serde_json::to_value(response).unwrap_or_default()
}
