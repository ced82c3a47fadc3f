//! The accounting of disclosures: what was disclosed to whom, as JSON and as CSV.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are built here"
)]

mod csv;
mod summary;

use actix_web::{HttpResponse, http::header};
use mainstay_domain::{
    audit::{ConsentRef, Disclosure, DisclosureBasis, DisclosureMethod, NOTICE_SHORT, checkpoint::hex},
    record::json as to_json,
    sharing::{DataClass, Purpose},
    value::timestamp::Timestamp,
};
use mainstay_store::{
    Records, StoreError,
    audit::{AuditRange, Numbered},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use self::{
    csv::Table,
    summary::{SummaryRow, summed},
};
use crate::{
    access_log::{cut_page, range_parameters, read_range},
    http::{
        caller::Caller,
        media_type::is_named,
        problem::{HandlerResult, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        reference::MAY_BE_NULL,
        schema::{Components, add, add_list},
    },
    record::{cache_private, json_response, list_body},
};

/// The first letter of the cursors of the list.
const CURSOR: char = 'd';
/// The first letter of the cursors of the summed list.
const SUMMED_CURSOR: char = 's';
/// The most rows of a table, without its head and the notice.
const MAX_ROWS: usize = 10_000;
/// Disclosures that are read at a time.
const READ_AT_ONCE: i64 = 500;

/// Lists the endpoints of the accounting of disclosures.
pub fn endpoints() -> Vec<Endpoint> {
    let list = endpoint::get("/v1/disclosures", list)
        .operation(Tag::Sharing, "listDisclosures", "Read what was disclosed of your record")
        .about(
            "The accounting of disclosures (42 CFR 2.25, 45 CFR 164.528), the newest first: what was disclosed to whom, what for, and \
             why that was allowed. A disclosure is in the list before its recipient gets anything. With `summed=true` the repeats to \
             one recipient are one item: the first, the last, and how many. `Accept: text/csv` gives a table of up to 10 000 rows, \
             the newest first, whose last row is the notice of 42 CFR 2.32; `limit` and `cursor` do not count there. Entries are kept \
             as long as the account.",
        )
        .gives_schema(
            200,
            "A page.",
            Box::new(list_schema),
            || json!({ "items": [example()], "next_cursor": null }),
        )
        .gives_media(200, "A page.", "text/csv", || json!(table(&[]).text(NOTICE_SHORT)))
        .naming(Box::new(add::<Summed>))
        .parameter(Parameter::query(
            "summed",
            "Whether repeats are summed up: `true` or `false`; `false` if left out.",
            json!({ "$ref": "#/components/schemas/DisclosuresSummed" }),
            json!("true"),
        ))
        .problems(&[ProblemKind::Validation]);
    vec![range_parameters().into_iter().fold(list, Endpoint::parameter)]
}

/// Adds the schema of a page. Its items have one shape: what only disclosures have, and what only sums have, may be absent.
fn list_schema(components: &mut Components) -> Value {
    let item = add::<DisclosureView>(components);
    add::<DisclosureSummary>(components);
    let sum = components.remove(&*DisclosureSummary::name()).unwrap_or_default();
    if let Some(Value::Object(one)) = components.get_mut("Disclosure") {
        let both: Vec<Value> = [one.get("required"), sum.get("required")]
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .fold(None, |both: Option<Vec<Value>>, names| {
                Some(both.map_or_else(
                    || names.clone(),
                    |both| both.into_iter().filter(|name| names.contains(name)).collect(),
                ))
            })
            .unwrap_or_default();
        if let Some(Value::Object(members)) = one.get_mut("properties") {
            for (name, member) in sum["properties"].as_object().into_iter().flatten() {
                members.entry(name.clone()).or_insert_with(|| member.clone());
            }
            for (name, member) in members.iter_mut() {
                if !both.contains(&json!(name)) {
                    member[MAY_BE_NULL] = json!(true);
                }
            }
        }
        one.insert("required".to_owned(), json!(both));
    }
    add_list(components, "DisclosureList", &item)
}

/// Whether repeats are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DisclosuresSummed)]
pub enum Summed {
    /// They are.
    True,
    /// They are not.
    False,
}

/// A disclosure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Disclosure)]
pub struct DisclosureView {
    /// The number of its entry in the access log.
    #[schema(minimum = 1)]
    pub number: i64,
    /// When it was.
    pub at: Timestamp,
    /// The account of the recipient.
    pub recipient_id: Uuid,
    /// The name of the recipient, as it was known then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub recipient: Option<String>,
    /// How many records of each class.
    #[schema(max_items = 20)]
    pub classes: Vec<ClassCount>,
    /// The SHA-256 over the sorted ids of the records, in hexadecimal.
    #[schema(max_length = 64)]
    pub ids_hash: String,
    /// What was disclosed, in a few words.
    #[schema(max_length = 2000)]
    pub description: String,
    /// What for.
    #[schema(max_items = 20)]
    pub purposes: Vec<Purpose>,
    /// Why it was allowed.
    pub basis: DisclosureBasis,
    /// The consent that was relied on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentRef>,
    /// The way that it went.
    pub method: DisclosureMethod,
    /// The version of the notice that went with it.
    #[schema(max_length = 50)]
    pub notice_version: String,
    /// The id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub request_id: Option<String>,
}

/// A class with a number of records.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClassCount {
    /// The class.
    pub class: DataClass,
    /// How many records.
    #[schema(minimum = 0)]
    pub count: u32,
}

/// The disclosures of one class to one recipient for one purpose.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisclosureSummary {
    /// The account of the recipient.
    pub recipient_id: Uuid,
    /// The name of the recipient, as it was known the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub recipient: Option<String>,
    /// The class. Absent if nothing of any class was disclosed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// The purpose. Absent if none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The first disclosure.
    pub first_at: Timestamp,
    /// The last disclosure.
    pub last_at: Timestamp,
    /// How many disclosures.
    #[schema(minimum = 1)]
    pub count: u64,
}

async fn list(caller: Caller) -> HandlerResult {
    let known = ["limit", "cursor", "from", "to", "summed"];
    let mut parameters = Parameters::read(&caller.request, &known);
    let is_summed = parameters.choice::<Summed>("summed") == Some(Summed::True);
    let mark = if is_summed { SUMMED_CURSOR } else { CURSOR };
    let range = read_range(&mut parameters, mark);
    parameters.finish()?;
    match (wants_csv(&caller), is_summed) {
        (false, false) => page(&caller, range).await,
        (false, true) => {
            let rows = read_summed(&caller, range).await?;
            let start = range
                .before
                .map_or(0, |at| usize::try_from(at).unwrap_or(usize::MAX));
            let limit = usize::try_from(range.limit).unwrap_or(1);
            let end = start.saturating_add(limit);
            let next = (rows.len() > end).then(|| format!("{mark}{end}"));
            let items = rows.into_iter().skip(start).take(limit);
            let items = items.map(|row| to_json(&DisclosureSummary::from(row)));
            Ok(json_response(
                HttpResponse::Ok(),
                list_body(items, next.as_deref()),
            ))
        }
        (true, false) => {
            let work = move |records: &mut Records<'_>| {
                let mut rows = Vec::new();
                for_each(records, range, MAX_ROWS, |disclosure| rows.push(disclosure))?;
                Ok(table(&rows))
            };
            Ok(csv_response(caller.read_long(work).await?))
        }
        (true, true) => {
            let mut rows = read_summed(&caller, range).await?;
            rows.truncate(MAX_ROWS);
            Ok(csv_response(summary::table(&rows)))
        }
    }
}

/// Whether the client asks for a table, and not for JSON.
fn wants_csv(caller: &Caller) -> bool {
    let accept = || {
        let values = caller.request.headers().get_all(header::ACCEPT);
        values.filter_map(|value| value.to_str().ok())
    };
    is_named(accept(), "text/csv") && !is_named(accept(), "application/json")
}

async fn page(caller: &Caller, range: AuditRange) -> HandlerResult {
    let wanted = AuditRange {
        limit: range.limit + 1,
        ..range
    };
    let store = &caller.state.store;
    let read = store.read(caller.scope(), move |records| records.disclosures(&wanted));
    let mut found = read.await?;
    let next = cut_page(&mut found, range.limit, CURSOR);
    let items = found
        .into_iter()
        .map(|found| to_json(&DisclosureView::from(found)));
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next.as_deref()),
    ))
}

/// Sums up all disclosures between two times.
async fn read_summed(caller: &Caller, range: AuditRange) -> HandlerResult<Vec<SummaryRow>> {
    let work = move |records: &mut Records<'_>| {
        let mut sums = summary::Sums::default();
        for_each(records, range, usize::MAX, |disclosure| {
            sums.add(&disclosure.entry);
        })?;
        Ok(summed(sums))
    };
    Ok(caller.read_long(work).await?)
}

/// Visits disclosures between two times, the newest first.
fn for_each(
    records: &mut Records<'_>,
    range: AuditRange,
    at_most: usize,
    mut visit: impl FnMut(Numbered<Disclosure>),
) -> Result<(), StoreError> {
    let (mut before, mut left) = (None, at_most);
    while left > 0 {
        let part = AuditRange {
            before,
            limit: READ_AT_ONCE.min(i64::try_from(left).unwrap_or(READ_AT_ONCE)),
            ..range
        };
        let found = records.disclosures(&part)?;
        let Some(last) = found.last() else { break };
        before = Some(last.no);
        left = left.saturating_sub(found.len());
        found.into_iter().for_each(&mut visit);
    }
    Ok(())
}

impl From<Numbered<Disclosure>> for DisclosureView {
    fn from(found: Numbered<Disclosure>) -> Self {
        let Numbered { no, entry } = found;
        Self {
            number: no,
            at: Timestamp::from_micros(entry.at),
            recipient_id: entry.recipient,
            recipient: entry.recipient_name,
            classes: entry
                .classes
                .into_iter()
                .map(|(class, count)| ClassCount { class, count })
                .collect(),
            ids_hash: hex(&entry.ids_hash),
            description: entry.description,
            purposes: entry.purposes,
            basis: entry.basis,
            consent: entry.consent,
            method: entry.method,
            notice_version: entry.notice_version,
            request_id: entry.request_id,
        }
    }
}

fn csv_response(table: Table) -> HttpResponse {
    let mut response = cache_private(HttpResponse::Ok());
    response.insert_header((
        header::CONTENT_DISPOSITION,
        "attachment; filename=\"disclosures.csv\"",
    ));
    response
        .content_type("text/csv; charset=utf-8")
        .body(table.text(NOTICE_SHORT))
}

/// The table of disclosures.
fn table(rows: &[Numbered<Disclosure>]) -> Table {
    let mut table = Table::new(&[
        "number",
        "at",
        "recipient",
        "recipient_id",
        "classes",
        "description",
        "purposes",
        "basis",
        "consent_id",
        "consent_version",
        "method",
        "notice_version",
        "ids_hash",
        "request_id",
    ]);
    for Numbered { no, entry } in rows {
        let classes: Vec<String> = entry
            .classes
            .iter()
            .map(|(class, count)| format!("{} {count}", class.as_str()))
            .collect();
        let purposes: Vec<&str> = entry.purposes.iter().map(|purpose| purpose.as_str()).collect();
        let (consent, version) = entry.consent.map_or_else(<(String, String)>::default, |consent| {
            (consent.id.to_string(), consent.version.to_string())
        });
        table.row([
            no.to_string(),
            Timestamp::from_micros(entry.at).to_string(),
            entry.recipient_name.clone().unwrap_or_default(),
            entry.recipient.to_string(),
            classes.join("; "),
            entry.description.clone(),
            purposes.join("; "),
            entry.basis.as_str().to_owned(),
            consent,
            version,
            entry.method.as_str().to_owned(),
            entry.notice_version.clone(),
            hex(&entry.ids_hash),
            entry.request_id.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn example() -> Value {
    json!({
        "number": 12,
        "at": "2026-03-02T06:55:00Z",
        "recipient_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a44",
        "recipient": "Ana",
        "classes": [{ "class": "check_ins", "count": 3 }],
        "ids_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "description": "Check-ins",
        "purposes": ["recovery_support"],
        "basis": "consent",
        "consent": { "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a45", "version": 2 },
        "method": "api",
        "notice_version": "1",
        "request_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a46",
    })
}
