//! Keyset pagination: pages neither repeat nor skip a record while other records are written.

use actix_web::HttpRequest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mainstay_domain::{record::Kind, value::validation::FindingCode};
use mainstay_store::{Order, Range};
use uuid::Uuid;

use crate::http::{problem::HandlerResult, query::Parameters};

/// Records on a page without a `limit`.
pub const DEFAULT_LIMIT: i64 = 50;
/// The largest `limit`.
pub const MAX_LIMIT: i64 = 200;
/// The query parameters of every list.
pub const PARAMETERS: [&str; 5] = ["limit", "cursor", "from", "to", "order"];

/// Reads the requested page of a collection from the query.
///
/// # Errors
/// 422 that names every invalid parameter.
pub fn page(request: &HttpRequest, kind: Kind) -> HandlerResult<Range> {
    let mut parameters = Parameters::read(request, &PARAMETERS);
    let range = range(&mut parameters, kind);
    parameters.finish()?;
    Ok(range)
}

/// Reads the requested range of a collection from the parameters.
pub fn range(parameters: &mut Parameters, kind: Kind) -> Range {
    let order = parameters
        .get(
            "order",
            FindingCode::Enum,
            "must be asc or desc",
            |text| match text {
                "asc" => Some(Order::Ascending),
                "desc" => Some(Order::Descending),
                _ => None,
            },
        )
        .unwrap_or_default();
    Range {
        from: parameters.time("from").map(|from| from.micros()),
        to: parameters.time("to").map(|to| to.micros()),
        limit: page_limit(parameters),
        after: parameters.get(
            "cursor",
            FindingCode::Cursor,
            "must be a next_cursor of this list in this order",
            |text| decode(text, kind, order),
        ),
        order,
    }
}

/// Reads the requested number of items on a page.
pub fn page_limit(parameters: &mut Parameters) -> i64 {
    parameters
        .number("limit", 1..=MAX_LIMIT, "must be a whole number from 1 to 200")
        .unwrap_or(DEFAULT_LIMIT)
}

/// Builds the cursor for the page after a record, which is given by its time in microseconds and its id.
pub fn cursor(last: (i64, Uuid), kind: Kind, order: Order) -> String {
    encode_cursor(last, mark(kind, order))
}

/// Builds a cursor with the bytes that tie it to its list.
pub fn encode_cursor(last: (i64, Uuid), mark: [u8; 3]) -> String {
    let mut bytes = [0; 27];
    let parts: [&[u8]; 3] = [&mark, &last.0.to_be_bytes(), last.1.as_bytes()];
    for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str, kind: Kind, order: Order) -> Option<(i64, Uuid)> {
    decode_cursor(text, mark(kind, order))
}

/// Reads a cursor of [`encode_cursor`]; `None` if it is none of that list.
pub fn decode_cursor(text: &str, mark: [u8; 3]) -> Option<(i64, Uuid)> {
    let bytes: [u8; 27] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (mark_read, rest) = bytes.split_first_chunk::<3>()?;
    let (at, id) = rest.split_first_chunk::<8>()?;
    let at = i64::from_be_bytes(*at);
    // Records have times in the years 1 to 9999.
    let is_possible = (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&at);
    (is_possible && *mark_read == mark).then_some((at, Uuid::from_slice(id).ok()?))
}

/// Returns the bytes that tie a cursor to its list and its order.
const fn mark(kind: Kind, order: Order) -> [u8; 3] {
    let [high, low] = kind.code().to_be_bytes();
    [
        high,
        low,
        match order {
            Order::Ascending => 1,
            Order::Descending => 2,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_for_its_own_list_and_order_only() {
        let text = cursor((-7, Uuid::from_u128(5)), Kind::CheckIn, Order::Descending);
        assert_eq!(
            decode(&text, Kind::CheckIn, Order::Descending),
            Some((-7, Uuid::from_u128(5)))
        );
        assert_eq!(decode(&text, Kind::CheckIn, Order::Ascending), None);
        assert_eq!(decode(&text, Kind::Goal, Order::Descending), None);
        assert_eq!(decode("x", Kind::Goal, Order::Descending), None);
    }
}
