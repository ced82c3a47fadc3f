//! Pages of rows that are bounded in bytes too: two hundred records of a megabyte are no page.

use crate::error::Result;

/// A page ends before it becomes larger than this, in sealed bytes, unless a single record is larger.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The number of rows that are read at a time. A usual page of 30 is one statement; of larger chunks, more is read in vain where
/// rows are large.
const CHUNK: usize = 32;

/// Reads at most `limit` rows, and tells whether there are more. `load` reads so many rows after a row.
pub(super) fn read_page<R>(
    limit: usize,
    size: impl Fn(&R) -> usize,
    mut load: impl FnMut(Option<&R>, i64) -> Result<Vec<R>>,
) -> Result<(Vec<R>, bool)> {
    let mut rows: Vec<R> = Vec::new();
    let mut bytes: usize = 0;
    loop {
        // One row more than the page has tells whether there is another page.
        let wanted = limit.saturating_sub(rows.len()).saturating_add(1).min(CHUNK);
        let chunk = load(rows.last(), i64::try_from(wanted).unwrap_or(1))?;
        let is_end = chunk.len() < wanted;
        for row in chunk {
            bytes = bytes.saturating_add(size(&row));
            if rows.len() >= limit || bytes > MAX_BYTES && !rows.is_empty() {
                return Ok((rows, true));
            }
            rows.push(row);
        }
        if is_end {
            return Ok((rows, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of the numbers from 1 to `count`, each of so many bytes, with the number of statements.
    fn page(limit: usize, count: usize, bytes: usize) -> (usize, bool, usize) {
        let mut statements = 0;
        let load = |after: Option<&usize>, wanted: i64| {
            statements += 1;
            let first = after.map_or(1, |after| after + 1);
            Ok((first..=count).take(usize::try_from(wanted).unwrap()).collect())
        };
        let (rows, has_more) = read_page(limit, |_| bytes, load).unwrap();
        assert_eq!(rows, (1..=rows.len()).collect::<Vec<_>>());
        (rows.len(), has_more, statements)
    }

    #[test]
    fn a_page_is_bounded_in_rows_and_in_bytes() {
        assert_eq!(page(30, 30, 100), (30, false, 1));
        assert_eq!(page(30, 31, 100), (30, true, 1));
        assert_eq!(page(200, 200, 100), (200, false, 7));
        assert_eq!(page(200, 201, 100), (200, true, 7));
        assert_eq!(page(200, 64, 100), (64, false, 3));
        assert_eq!(page(200, 0, 100), (0, false, 1));
        assert_eq!(page(200, 300, MAX_BYTES / 2), (2, true, 1));
        assert_eq!(page(200, 300, MAX_BYTES * 2), (1, true, 1));
        assert_eq!(page(200, 1, MAX_BYTES * 2), (1, false, 1));
    }
}
