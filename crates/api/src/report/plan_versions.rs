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
const PAGE: usize = 20;

/// Reads the versions of a plan from which its changes in the window follow, oldest first.
///
/// Reading goes from the newest version back. It ends with the last version before the window, or as soon as there are
/// more changes than the report shows.
pub(super) fn plan_versions(
    records: &mut Records<'_>,
    id: Uuid,
    request: &InsightRequest,
) -> Result<Vec<PlanVersion>, StoreError> {
    let mut collected = Collected {
        newest_first: Vec::new(),
        changes: 0,
        window_start: request.first_day().and_then(earliest_start).unwrap_or(i64::MIN),
        as_of: request.as_of.at.timestamp_micros(),
    };
    let Some(current) = records.get(Kind::Plan, id)? else {
        return Ok(Vec::new());
    };
    collected.add(&current.body, current.updated_at)?;
    let mut below = None;
    loop {
        let page = records.history(Kind::Plan, id, VersionRange { below, limit: PAGE })?;
        below = page.versions.last().map(|last| last.version);
        for replaced in &page.versions {
            if collected.is_complete() {
                break;
            }
            collected.add(&replaced.body, replaced.written_at)?;
        }
        if collected.is_complete() || !page.has_more {
            collected.newest_first.reverse();
            return Ok(collected.newest_first);
        }
    }
}

/// The versions that were read so far.
struct Collected {
    newest_first: Vec<PlanVersion>,
    /// How many changes of the plan, up to the moment of the report, follow from them.
    changes: usize,
    /// The beginning of the window, in microseconds.
    window_start: i64,
    /// The moment of the report, in microseconds.
    as_of: i64,
}

impl Collected {
    fn add(&mut self, body: &[u8], written_at: i64) -> Result<(), StoreError> {
        let older = PlanVersion {
            plan: decode::<Plan>(body)?,
            written_at: Timestamp::from_micros(written_at),
        };
        if let Some(newer) = self.newest_first.last()
            && newer.written_at.micros() <= self.as_of
            && is_change(&older.plan, &newer.plan)
        {
            self.changes += 1;
        }
        self.newest_first.push(older);
        Ok(())
    }

    /// Whether older versions make no difference to the report.
    fn is_complete(&self) -> bool {
        let last = self.newest_first.last();
        last.is_some_and(|last| last.written_at.micros() < self.window_start)
            || self.changes > MAX_PLAN_CHANGES
    }
}

/// Whether the plan came in use, or got a new number while it was in use.
fn is_change(older: &Plan, newer: &Plan) -> bool {
    newer.status == PlanStatus::Active && (older.status != PlanStatus::Active || older.number != newer.number)
}
