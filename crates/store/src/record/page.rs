//! Pages of rows that are bounded in bytes too, also while they are read: two hundred records of a megabyte are no page.

use diesel::{define_sql_function, sql_types};

use crate::error::Result;

/// A page ends before it becomes larger than this, in sealed bytes, unless a single record is larger.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The number of rows that are read first. A usual page of 30 is one statement.
const FIRST_CHUNK: usize = 32;
/// The most rows that are read at a time.
const MAX_CHUNK: usize = 512;
/// So many times as many rows are read next, as long as all are small.
const GROWTH: usize = 4;
/// So many times fewer rows are read from then on, when one was too large for its chunk.
const SHRINKING: usize = 16;

define_sql_function! {
    /// The number of bytes. Neither engine reads the bytes for it.
    fn length(bytes: sql_types::Binary) -> sql_types::Integer;
}

/// Selects the number of sealed bytes, and the bytes themselves if they are not more than `max_bytes` of a [`Load`].
macro_rules! sealed_up_to {
    ($sealed:expr, $max_bytes:expr) => {
        (
            $crate::record::page::length($sealed),
            diesel::dsl::case_when($crate::record::page::length($sealed).le($max_bytes), $sealed),
        )
    };
}
pub(super) use sealed_up_to;

/// What [`sealed_up_to`] selects.
pub(super) type SealedUpTo = (i32, Option<Vec<u8>>);

/// How much of the rows after a row is to be loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// At most this many rows.
    pub rows: i64,
    /// Of each row its sealed bytes only if they are not more than this.
    pub max_bytes: i32,
}

impl Load {
    /// Loads rows of a chunk. Its small rows are together no larger than a page, and a single row has all its bytes.
    fn of(rows: usize, chunk: usize) -> Self {
        let max_bytes = if chunk == 1 { usize::MAX } else { MAX_BYTES / chunk };
        Self {
            rows: i64::try_from(rows).unwrap_or(1),
            max_bytes: i32::try_from(max_bytes).unwrap_or(i32::MAX),
        }
    }
}

/// A row that was loaded.
pub(super) struct Loaded<R> {
    /// The row. Its sealed bytes are empty if there are too many of them.
    row: R,
    /// The number of its sealed bytes.
    bytes: usize,
    /// Whether it has its sealed bytes.
    is_whole: bool,
}

impl<R> Loaded<R> {
    /// A row with what was selected of its sealed bytes.
    pub fn new((bytes, sealed): SealedUpTo, with: impl FnOnce(Vec<u8>) -> R) -> Self {
        Self {
            bytes: usize::try_from(bytes).unwrap_or(0),
            is_whole: sealed.is_some(),
            row: with(sealed.unwrap_or_default()),
        }
    }
}

/// Reads at most `limit` rows, and tells whether there are more. `load` reads rows after a row.
pub(super) fn read_page<R>(
    limit: usize,
    mut load: impl FnMut(Option<&R>, Load) -> Result<Vec<Loaded<R>>>,
) -> Result<(Vec<R>, bool)> {
    let mut rows: Vec<R> = Vec::new();
    let (mut bytes, mut size, mut growth) = (0_usize, FIRST_CHUNK, GROWTH);
    'chunks: loop {
        // One row more than the page has tells whether there is another page.
        let wanted = limit.saturating_sub(rows.len()).saturating_add(1).min(size);
        let chunk = load(rows.last(), Load::of(wanted, size))?;
        let is_end = chunk.len() < wanted;
        for loaded in chunk {
            let with_it = bytes.saturating_add(loaded.bytes);
            if rows.len() >= limit || with_it > MAX_BYTES && !rows.is_empty() {
                return Ok((rows, true));
            }
            if !loaded.is_whole {
                (size, growth) = ((size / SHRINKING).max(1), 1);
                continue 'chunks;
            }
            bytes = with_it;
            rows.push(loaded.row);
        }
        if is_end {
            return Ok((rows, false));
        }
        size = (size * growth).min(MAX_CHUNK);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A row of a database: its number and size.
    type Row = (usize, usize);

    /// Reads a page of rows of these sizes. Gives its rows, whether there are more, the number of statements, and the most bytes
    /// that were held.
    fn page(limit: usize, sizes: &[usize]) -> (Vec<Row>, bool, usize, usize) {
        let (mut statements, mut most) = (0, 0);
        let load = |after: Option<&Row>, load: Load| {
            statements += 1;
            let first = after.map_or(0, |(n, _)| n + 1);
            let is_small = |size: usize| i32::try_from(size).unwrap() <= load.max_bytes;
            let chunk: Vec<Loaded<Row>> = (first..sizes.len())
                .take(usize::try_from(load.rows).unwrap())
                .map(|n| {
                    let sealed = is_small(sizes[n]).then(|| vec![0; sizes[n]]);
                    Loaded::new((i32::try_from(sizes[n]).unwrap(), sealed), |sealed| {
                        (n, sealed.len())
                    })
                })
                .collect();
            let before: usize = sizes[..first].iter().sum();
            most = most.max(before + chunk.iter().map(|loaded| loaded.row.1).sum::<usize>());
            Ok(chunk)
        };
        let (rows, has_more) = read_page(limit, load).unwrap();
        (rows, has_more, statements, most)
    }

    fn count(limit: usize, rows: usize, bytes: usize) -> (usize, bool, usize) {
        let (page, has_more, statements, _) = page(limit, &vec![bytes; rows]);
        (page.len(), has_more, statements)
    }

    #[test]
    fn a_page_is_bounded_in_rows_and_in_bytes() {
        assert_eq!(count(30, 30, 100), (30, false, 1));
        assert_eq!(count(30, 31, 100), (30, true, 1));
        assert_eq!(count(200, 200, 100), (200, false, 3));
        assert_eq!(count(200, 201, 100), (200, true, 3));
        assert_eq!(count(200, 64, 100), (64, false, 2));
        assert_eq!(count(200, 0, 100), (0, false, 1));
        assert_eq!(count(20_000, 20_000, 100), (20_000, false, 41));
        assert_eq!(count(200, 300, MAX_BYTES / 32), (32, true, 2));
        assert_eq!(count(200, 300, MAX_BYTES / 2), (2, true, 3));
        assert_eq!(count(200, 300, MAX_BYTES * 2), (1, true, 4));
        assert_eq!(count(200, 1, MAX_BYTES * 2), (1, false, 4));
    }

    proptest! {
        #[test]
        fn no_more_is_held_than_a_page_a_chunk_and_a_record(
            limit in 0..400_usize,
            sizes in prop::collection::vec(prop_oneof![8 => 0..3000_usize, 1 => 0..100_000_usize, 1 => 0..1_100_000_usize], 0..300),
        ) {
            let (rows, has_more, statements, most) = page(limit, &sizes);
            let bytes: usize = rows.iter().map(|(_, bytes)| bytes).sum();
            let largest = sizes.iter().copied().max().unwrap_or(0);
            // No row is left out or comes without its bytes.
            prop_assert!(rows.iter().enumerate().all(|(n, row)| *row == (n, sizes[n])));
            prop_assert_eq!(has_more, rows.len() < sizes.len());
            prop_assert!(rows.len() <= limit && bytes <= MAX_BYTES.max(largest));
            let is_full = rows.len() == limit || sizes.get(rows.len()).is_none_or(|next| bytes + next > MAX_BYTES);
            prop_assert!(is_full);
            prop_assert!(most <= 2 * MAX_BYTES + largest, "{} bytes were held", most);
            prop_assert!(statements <= 6 + limit.min(sizes.len()), "{} statements", statements);
        }
    }
}
