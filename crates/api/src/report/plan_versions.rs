//! The versions of a plan that the report shows as changes.

use mainstay_domain::{
    insight::over_time::{MAX_PLAN_CHANGES, PlanVersion},
    plan::{Plan, PlanStatus},
    record::Kind,
    value::timestamp::Timestamp,
};
use mainstay_store::{Records, StoreError, VersionRange};
use uuid::Uuid;

use crate::{
    insight::{facts::earliest_start, request::InsightRequest},
    record::decode,
};

/// The number of versions read at a time.
const PAGE: usize = 50;

/// Reads the versions of a plan from which its changes in the window follow, oldest first.
///
/// Reading goes from the newest version back. It ends with the last version before the window, or as soon as there are
/// more changes than the report shows.
pub(super) fn plan_versions(
    records: &mut Records<'_>,
    id: Uuid,
    request: &InsightRequest,
) -> Result<Vec<PlanVersion>, StoreError> {
    let window_start = request.first_day().and_then(earliest_start).unwrap_or(i64::MIN);
    let current = records.get(Kind::Plan, id)?;
    let mut newest_first = Vec::new();
    if let Some(current) = current {
        newest_first.push(version(&current.body, current.updated_at)?);
    }
    let is_complete = |versions: &[PlanVersion]| {
        let is_before_window = |last: &PlanVersion| last.written_at.micros() < window_start;
        versions.last().is_some_and(is_before_window)
            || changes(versions, request.as_of.at.timestamp_micros()) > MAX_PLAN_CHANGES
    };
    let mut below = None;
    while !is_complete(&newest_first) {
        let page = records.history(Kind::Plan, id, VersionRange { below, limit: PAGE })?;
        below = page.versions.last().map(|last| last.version);
        for replaced in page.versions {
            newest_first.push(version(&replaced.body, replaced.written_at)?);
        }
        if !page.has_more {
            break;
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

fn version(body: &[u8], written_at: i64) -> Result<PlanVersion, StoreError> {
    Ok(PlanVersion {
        plan: decode::<Plan>(body)?,
        written_at: Timestamp::from_micros(written_at),
    })
}

/// Counts the changes up to a moment, in microseconds, that follow from versions, newest first: the plan came in use, or
/// got a new number while it was in use. The oldest version counts as no change, because the one before it is not known.
fn changes(newest_first: &[PlanVersion], upto: i64) -> usize {
    let pairs = newest_first.iter().zip(newest_first.iter().skip(1));
    let is_change = |(newer, older): &(&PlanVersion, &PlanVersion)| {
        newer.plan.status == PlanStatus::Active
            && newer.written_at.micros() <= upto
            && (older.plan.status != PlanStatus::Active || older.plan.number != newer.plan.number)
    };
    pairs.filter(is_change).count()
}
