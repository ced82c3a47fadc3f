//! Lists: `GET /v1/{collection}`. A cached first page is brought up to date with new records instead of being read again.

use std::cmp::Ordering;

use actix_web::{Handler, HttpResponse};
use mainstay_domain::record::{Kind, Record, json as to_json};
use mainstay_store::{
    Change, KeyedRecords, Order, Range, Records, StoreError,
    cache::response_cache::{CachedBody, ItemSpan, Stale},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    example::example,
    parameter::page_parameters,
    response::{encode, json_response, path},
};
use crate::{
    http::{
        caller::Caller,
        page::{cursor, page},
        problem::{HandlerResult, Problem},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add_enum, add_page},
    },
};

/// Pages whose cache key is longer than this, in bytes, are not cached.
const MAX_CACHE_KEY_BYTES: usize = 200;

/// `GET /v1/{collection}`.
pub fn list_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let endpoint = endpoint::get(path::<T>(), list_handler(T::KIND))
        .operation(tag, format!("list{}", plural(&name)), format!("List {}", plural(one)))
        .about("Newest first unless `order` says otherwise. Pages neither repeat nor skip a record while others are written.")
        .gives_schema(200, "A page.", Box::new(add_page::<T>), || json!({ "items": [example::<T>()], "next_cursor": null }))
        .naming(Box::new(|c| add_enum(c, "ListOrder", "The order of a list, by the time of its records.", &["asc", "desc"])));
    page_parameters().into_iter().fold(endpoint, Endpoint::parameter)
}

/// The plural of a noun.
pub fn plural(word: &str) -> String {
    word.strip_suffix('y')
        .map_or_else(|| format!("{word}s"), |stem| format!("{stem}ies"))
}

/// Returns the handler that lists a collection. It is the same code for every noun.
fn list_handler(kind: Kind) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| list(caller, kind)
}

async fn list(caller: Caller, kind: Kind) -> HandlerResult {
    let range = page(&caller.request, kind)?;
    let cache_key = format!("list {} {}", kind.path(), caller.request.query_string());
    let page = if cache_key.len() > MAX_CACHE_KEY_BYTES {
        let read = move |records: &mut Records<'_>| read_page(&mut records.keyed(kind.alone()), kind, range);
        caller.state.store.read(caller.scope(), read).await?
    } else {
        let cached = caller.get_or_compute(
            &cache_key,
            kind.alone(),
            |stale| add_new_records(stale, kind, &range),
            move |records| read_page(records, kind, range).map(Some),
        );
        cached.await?.ok_or(Problem::internal("a list without a body"))?
    };
    Ok(json_response(HttpResponse::Ok(), page.bytes))
}

/// The time that orders a record in its collection, in microseconds, and its id.
type SortKey = (i64, Uuid);

/// Reads a page.
fn read_page(records: &mut KeyedRecords<'_, '_>, kind: Kind, range: Range) -> Result<CachedBody, StoreError> {
    let (page, has_more) = records.page(kind, &range)?;
    let encoded: Vec<(SortKey, Vec<u8>)> = page
        .iter()
        .map(|record| ((record.occurred_at, record.id), encode(record)))
        .collect();
    let items: Vec<(SortKey, &[u8])> = encoded
        .iter()
        .map(|(key, item)| (*key, item.as_slice()))
        .collect();
    Ok(encode_page(items, range.limit, has_more, kind, range.order))
}

/// Adds new records to a cached page. Returns `None` if the page must be read again: if anything but new records
/// changed, or if the page is not the first one of the whole collection.
fn add_new_records(stale: &Stale, kind: Kind, range: &Range) -> Option<CachedBody> {
    if range.from.is_some() || range.to.is_some() || range.after.is_some() {
        return None;
    }
    let CachedBody { bytes, spans, .. } = &stale.body;
    let new_records = stale.changes.iter().map(|change| match change {
        Change {
            version: 1,
            deleted: false,
            record: Some(record),
            ..
        } => Some(record),
        _ => None,
    });
    let new_records = new_records.collect::<Option<Vec<_>>>()?;
    let encoded: Vec<(SortKey, Vec<u8>)> = new_records
        .into_iter()
        .filter(|record| spans.iter().all(|span| span.key.1 != record.id))
        .map(|record| ((record.occurred_at, record.id), encode(record)))
        .collect();
    let mut items = spans
        .iter()
        .map(|span| Some((span.key, bytes.get(span.start..span.end)?)))
        .collect::<Option<Vec<_>>>()?;
    let has_more = !bytes.ends_with(LAST_PAGE);
    let last = items.last().map(|(key, _)| *key);
    for (key, item) in &encoded {
        // A record behind the last item of a full page belongs to another page.
        if !(has_more && last.is_some_and(|last| compare(&last, key, range.order).is_lt())) {
            let at = items.partition_point(|(other, _)| compare(other, key, range.order).is_lt());
            items.insert(at, (*key, item));
        }
    }
    Some(encode_page(items, range.limit, has_more, kind, range.order))
}

fn compare(one: &SortKey, other: &SortKey, order: Order) -> Ordering {
    match order {
        Order::Ascending => one.cmp(other),
        Order::Descending => other.cmp(one),
    }
}

/// Encodes at most `limit` items as a page, with the cursor of the next page if there are more.
fn encode_page(
    mut items: Vec<(SortKey, &[u8])>,
    limit: i64,
    has_more: bool,
    kind: Kind,
    order: Order,
) -> CachedBody {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = has_more || items.len() > limit;
    items.truncate(limit);
    let next_cursor = items
        .last()
        .filter(|_| has_more)
        .map(|(key, _)| cursor(*key, kind, order));
    let mut start = FIRST_ITEM;
    let spans = items
        .iter()
        .map(|(key, item)| {
            let span = ItemSpan {
                key: *key,
                start,
                end: start + item.len(),
            };
            // A comma follows.
            start = span.end + 1;
            span
        })
        .collect();
    let body = list_body(items.into_iter().map(|(_, item)| item), next_cursor.as_deref());
    CachedBody {
        spans,
        ..CachedBody::new(body)
    }
}

const OPENING: &[u8] = b"{\"items\":[";
/// The offset of the first item of a list.
const FIRST_ITEM: usize = OPENING.len();
/// The end of a list that has no next page.
const LAST_PAGE: &[u8] = b"],\"next_cursor\":null}";

/// Encodes a list: `{"items": […], "next_cursor": …}`.
pub fn list_body(items: impl Iterator<Item = impl AsRef<[u8]>>, next_cursor: Option<&str>) -> Vec<u8> {
    let mut out = OPENING.to_vec();
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item.as_ref());
    }
    out.extend_from_slice(b"],\"next_cursor\":");
    out.extend_from_slice(&to_json(&next_cursor));
    out.push(b'}');
    out
}
