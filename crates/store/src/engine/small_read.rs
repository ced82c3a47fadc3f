//! Small reads: work on the thread that serves requests, which is given up once it turns out not to be small.

use std::cell::Cell;

use crate::error::{Result, StoreError};

/// Records that a small read may open. These and their bytes bound its time to a millisecond or two.
const MAX_RECORDS: usize = 128;
/// Sealed bytes that a small read may open, but for the record that exceeds it.
const MAX_BYTES: usize = 128 * 1024;

thread_local! {
    static CURRENT: Cell<Option<Allowance>> = const { Cell::new(None) };
}

/// What the small read on this thread may still open.
#[derive(Clone, Copy)]
struct Allowance {
    records: usize,
    bytes: usize,
    is_exceeded: bool,
}

/// Ends the small read on this thread, after a panic too.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Runs work that reads. `None` if it came upon more than a small read may open.
pub(crate) fn run<T>(work: impl FnOnce() -> Result<T>) -> Option<Result<T>> {
    CURRENT.set(Some(Allowance {
        records: MAX_RECORDS,
        bytes: MAX_BYTES,
        is_exceeded: false,
    }));
    let _end = End;
    let result = work();
    let is_exceeded = CURRENT.get().is_some_and(|allowance| allowance.is_exceeded);
    (!is_exceeded).then_some(result)
}

/// Succeeds if the work on this thread may open a record of this length. To be called before each.
///
/// # Errors
/// [`StoreError::Busy`], if it is a small read that has opened as much as it may.
pub(crate) fn take(bytes: usize) -> Result<()> {
    let Some(mut allowance) = CURRENT.get() else {
        return Ok(());
    };
    allowance.is_exceeded |= allowance.records == 0 || allowance.bytes == 0;
    allowance.records = allowance.records.saturating_sub(1);
    allowance.bytes = allowance.bytes.saturating_sub(bytes);
    CURRENT.set(Some(allowance));
    if allowance.is_exceeded {
        Err(StoreError::Busy)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(records: usize, bytes: usize) -> Option<Result<()>> {
        run(|| (0..records).try_for_each(|_| take(bytes)))
    }

    #[test]
    fn a_read_is_small_as_long_as_it_opens_few_records_and_few_bytes() {
        assert!(matches!(open(MAX_RECORDS, 1), Some(Ok(()))));
        assert!(open(MAX_RECORDS + 1, 1).is_none());
        assert!(matches!(open(1, MAX_BYTES * 2), Some(Ok(()))));
        assert!(open(2, MAX_BYTES).is_none());
        assert!(take(MAX_BYTES * 2).is_ok(), "there is no bound outside of it");
    }

    #[test]
    fn work_that_hides_the_refusal_is_given_up_too_and_other_errors_are_its_own() {
        assert!(run(|| Ok((0..=MAX_RECORDS).flat_map(|_| take(1)).count())).is_none());
        assert!(matches!(
            run(|| Err::<(), _>(StoreError::NotFound)),
            Some(Err(StoreError::NotFound))
        ));
    }
}
