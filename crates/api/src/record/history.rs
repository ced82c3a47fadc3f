//! The earlier versions of a record: `GET /v1/{collection}/{id}/history`.

use actix_web::{Handler, HttpResponse};
use mainstay_domain::{
    record::{Kind, Record, json as to_json},
    value::timestamp::Timestamp,
};
use mainstay_store::{Replaced, StoreError, Stored, VersionTag};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    example::example,
    list::list_body,
    parameter::{cursor_parameter, id_parameter, limit_parameter, numbered_page},
    response::{encode, json_response, path_of_one, with_article},
};
use crate::{
    http::{caller::Caller, problem::HandlerResult},
    openapi::{
        endpoint::{self, Endpoint, Priority, Tag},
        reference::Form,
        schema::{Components, add_list, add_record},
    },
};

/// `GET /v1/{collection}/{id}/history`.
pub fn history_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(format!("{}/history", path_of_one::<T>()), history_handler(T::KIND))
        .priority(Priority::Deferrable)
        .operation(
            tag,
            format!("list{name}History"),
            format!("List the earlier versions of {}", with_article::<T>()),
        )
        .about(format!(
            "Lists the versions of the {one} that were replaced, newest first, each with when it was replaced and by which \
             session. {}",
            after_deletion(T::KIND)
        ))
        .parameter(id_parameter())
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(history_schema::<T>),
            || json!({ "items": [history_example::<T>()], "next_cursor": null }),
        )
}

/// What becomes of the history when a record is deleted.
fn after_deletion(kind: Kind) -> String {
    let one = kind.singular();
    if kind.is_purged_when_deleted() {
        format!("A deleted {one} has no history.")
    } else {
        format!("A deleted {one} keeps its history, unless it was purged.")
    }
}

fn history_handler(kind: Kind) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| history(caller, kind)
}

async fn history(caller: Caller, kind: Kind) -> HandlerResult {
    let id = caller.path_id("id")?;
    let range = numbered_page(&caller, 'v')?;
    let read = caller.read_long(move |records| {
        let latest = records.latest_change(kind, id)?.ok_or(StoreError::NotFound)?;
        Ok((latest.created_at, records.history(kind, id, range)?))
    });
    let (created_at, page) = read.await?;
    let next_cursor = page
        .versions
        .last()
        .filter(|_| page.has_more)
        .map(|last| format!("v{}", last.version));
    let items = page
        .versions
        .into_iter()
        .map(|replaced| encode_version(id, created_at, replaced));
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next_cursor.as_deref()),
    ))
}

/// Encodes an earlier version, with the record as it was answered then. The stored body is copied without being parsed.
fn encode_version(id: Uuid, created_at: i64, replaced: Replaced) -> Vec<u8> {
    let time = |micros| Timestamp::from_micros(micros).to_string();
    let mut members = serde_json::Map::from_iter([
        ("version".to_owned(), json!(replaced.version)),
        ("written_at".to_owned(), json!(time(replaced.written_at))),
        ("replaced_at".to_owned(), json!(time(replaced.replaced_at))),
    ]);
    if let Some(session) = replaced.replaced_by {
        members.insert("replaced_by_session_id".to_owned(), json!(session));
    }
    let mut item = to_json(&members);
    item.pop();
    item.extend_from_slice(b",\"record\":");
    item.extend_from_slice(&encode(&Stored {
        id,
        version: replaced.version,
        epoch: VersionTag::FIRST_EPOCH,
        rev: None,
        occurred_at: 0,
        created_at,
        updated_at: replaced.written_at,
        body: replaced.body,
    }));
    item.push(b'}');
    item
}

fn history_schema<T: Record>(components: &mut Components) -> Value {
    let record = add_record::<T>(components);
    let name = format!("{}Version", T::name());
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "description": description });
    let session = json!({
        "type": ["string", "null"], "format": "uuid", "maxLength": 36,
        "description": "The session that replaced or deleted it; left out if the server did.",
    });
    components.insert(
        name.clone(),
        json!({
            "type": "object",
            "description": format!("An earlier version of a {}.", T::KIND.singular()),
            "required": ["version", "written_at", "replaced_at", "record"],
            "properties": {
                "version": { "type": "integer", "minimum": 1, "description": "The number of the version." },
                "written_at": time("When it was written."),
                "replaced_at": time("When it was replaced or deleted."),
                "replaced_by_session_id": session,
                "record": record,
            },
        }),
    );
    add_list(
        components,
        &format!("{}VersionList", T::name()),
        &Form::Answer.reference(&name),
    )
}

fn history_example<T: Record>() -> Value {
    json!({
        "version": 1,
        "written_at": "2026-03-02T02:30:00Z",
        "replaced_at": "2026-03-02T08:10:00Z",
        "replaced_by_session_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "record": example::<T>(),
    })
}
