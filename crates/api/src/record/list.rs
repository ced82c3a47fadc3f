//! Lists: a page of a collection, and how a page that was given before is brought up to date.

use std::cmp::Ordering;

use actix_web::{Handler, HttpResponse};
use mainstay_domain::record::{Kind, Record, json as to_json};
use mainstay_store::{
    Change, Order, Range, StoreError, Stored,
    cache::response_cache::{CachedBody, ItemSpan, Stale},
};
use serde_json::json;
use uuid::Uuid;

use super::{encode, example, json_response, page_parameters, path};
use crate::{
    http::{
        caller::Caller,
        page::{cursor, page},
        problem::{HandlerResult, Problem},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::add_page,
    },
};

/// Lists that were asked for in more words than this are not remembered.
const MAX_CACHED_LIMIT: usize = 200;

/// `GET /v1/{collection}`.
pub fn list_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let endpoint = endpoint::get(path::<T>(), listing(T::KIND))
        .operation(tag, format!("list{}", plural(&name)), format!("List {}", plural(one)))
        .about("Newest first unless `order` says otherwise. A page never repeats or skips a record while others are written.")
        .gives_schema(200, "A page.", Box::new(add_page::<T>), || json!({ "items": [example::<T>()], "next_cursor": null }));
    page_parameters().into_iter().fold(endpoint, Endpoint::parameter)
}

/// Several of what a word names.
fn plural(word: &str) -> String {
    word.strip_suffix('y')
        .map_or_else(|| format!("{word}s"), |stem| format!("{stem}ies"))
}

/// What answers for a collection. It is the same code for all, as wherever a noun's type is of no matter.
fn listing(kind: Kind) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| list(caller, kind)
}

async fn list(caller: Caller, kind: Kind) -> HandlerResult {
    let range = page(&caller.request, kind)?;
    let question = format!("list {} {}", kind.path(), caller.request.query_string());
    let listed = if question.len() > MAX_CACHED_LIMIT {
        let store = &caller.state.store;
        store
            .read(caller.scope(), move |r| {
                listed(&range, kind, |range| r.list(kind, range))
            })
            .await?
    } else {
        let remembered = caller.get_or_compute(
            &question,
            kind.alone(),
            |before| with_new(before, kind, &range),
            move |records| listed(&range, kind, |range| records.list(kind, range)).map(Some),
        );
        remembered
            .await?
            .ok_or(Problem::internal("a list without a body"))?
    };
    Ok(json_response(HttpResponse::Ok(), listed.bytes))
}

type Key = (i64, Uuid);

/// Reads a page with one record more, which tells whether there is a next page.
fn listed(
    range: &Range,
    kind: Kind,
    list: impl FnOnce(&Range) -> Result<Vec<Stored>, StoreError>,
) -> Result<CachedBody, StoreError> {
    let limit = range.limit;
    let with_next = Range {
        limit: limit + 1,
        ..*range
    };
    let found: Vec<(Key, Vec<u8>)> = list(&with_next)?
        .iter()
        .map(|record| ((record.occurred_at, record.id), encode(record)))
        .collect();
    let items: Vec<(Key, &[u8])> = found.iter().map(|(key, item)| (*key, item.as_slice())).collect();
    Ok(page_of(items, limit, false, kind, range.order))
}

/// The page of before with what is new since, if nothing else has changed; most often that is the latest entry of a
/// diary. Anything else is read again.
fn with_new(before: &Stale, kind: Kind, range: &Range) -> Option<CachedBody> {
    if range.from.is_some() || range.to.is_some() || range.after.is_some() {
        return None;
    }
    let CachedBody { bytes, spans, .. } = &before.body;
    let new = before.changes.iter().map(|change| match change {
        Change {
            version: 1,
            deleted: false,
            record: Some(record),
            ..
        } => Some(record),
        _ => None,
    });
    let new = new.collect::<Option<Vec<_>>>()?;
    let wires: Vec<(Key, Vec<u8>)> = new
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
    for (key, item) in &wires {
        // What belongs behind the last item of a full page is on another page.
        if !(has_more && last.is_some_and(|last| in_order(&last, key, range.order).is_lt())) {
            let at = items.partition_point(|(other, _)| in_order(other, key, range.order).is_lt());
            items.insert(at, (*key, item));
        }
    }
    Some(page_of(items, range.limit, has_more, kind, range.order))
}

fn in_order(one: &Key, other: &Key, order: Order) -> Ordering {
    match order {
        Order::Ascending => one.cmp(other),
        Order::Descending => other.cmp(one),
    }
}

/// A page of at most so many of the items, which says where the next one begins if there are more.
fn page_of(mut items: Vec<(Key, &[u8])>, limit: i64, has_more: bool, kind: Kind, order: Order) -> CachedBody {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = has_more || items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| has_more)
        .map(|(key, _)| cursor(*key, kind, order));
    let mut spans = Vec::with_capacity(items.len());
    let body = list_body(
        items.into_iter().map(|(key, item)| {
            spans.push((key, item.len()));
            item
        }),
        next.as_deref(),
    );
    let mut start = FIRST_ITEM;
    let spans = spans
        .into_iter()
        .map(|(key, length)| {
            let span = ItemSpan {
                key,
                start,
                end: start + length,
            };
            start = span.end + 1;
            span
        })
        .collect();
    CachedBody {
        spans,
        ..CachedBody::new(body)
    }
}

const OPENING: &[u8] = b"{\"items\":[";
/// Where the first item of a list begins.
const FIRST_ITEM: usize = OPENING.len();
/// How a list ends that has no next page.
const LAST_PAGE: &[u8] = b"],\"next_cursor\":null}";

/// `{"items": […], "next_cursor": …}`.
pub fn list_body(items: impl Iterator<Item = impl AsRef<[u8]>>, next: Option<&str>) -> Vec<u8> {
    let mut out = OPENING.to_vec();
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item.as_ref());
    }
    out.extend_from_slice(b"],\"next_cursor\":");
    out.extend_from_slice(&to_json(&next));
    out.push(b'}');
    out
}
