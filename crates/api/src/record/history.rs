//! The earlier versions of a record.

use actix_web::{Handler, HttpResponse};
use mainstay_domain::{
    record::{Kind, Record, json as to_json},
    value::timestamp::Timestamp,
};
use mainstay_store::{Replaced, StoreError};
use serde_json::{Value, json};

use super::{
    EXAMPLE_ID, cursor_parameter, id_parameter, json_response, limit_parameter, list_body, numbered_page,
    one_of, path_of_one,
};
use crate::{
    http::{caller::Caller, problem::HandlerResult},
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{Components, add_list, add_record},
    },
};

/// `GET /v1/{collection}/{id}/history`.
pub fn history_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(format!("{}/history", path_of_one::<T>()), history_of(T::KIND))
        .operation(tag, format!("list{name}History"), format!("List the earlier versions of {}", one_of::<T>()))
        .about(format!("Each version of the {one} that was replaced, newest first, with when and by which session; of a deleted {one} too."))
        .parameter(id_parameter())
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(200, "A page.", Box::new(history_schema::<T>), || json!({ "items": [history_example::<T>()], "next_cursor": null }))
}

fn history_of(kind: Kind) -> impl Handler<(Caller,), Output = HandlerResult> {
    move |caller| history(caller, kind)
}

async fn history(caller: Caller, kind: Kind) -> HandlerResult {
    let id = caller.path_id("id")?;
    let (limit, below) = numbered_page(&caller, 'v')?;
    let read = caller.state.store.read_long(caller.scope(), move |records| {
        records.latest_change(kind, id)?.ok_or(StoreError::NotFound)?;
        records.history(kind, id)
    });
    let mut earlier = read
        .await?
        .into_iter()
        .rev()
        .filter(|old| below.is_none_or(|below| old.version < below));
    let page: Vec<Replaced> = earlier.by_ref().take(limit).collect();
    let next = earlier
        .next()
        .and(page.last())
        .map(|last| format!("v{}", last.version));
    let items = page.iter().map(|old| {
        let time = |micros| Timestamp::from_micros(micros).to_string();
        let mut item = serde_json::Map::from_iter([
            ("version".to_owned(), json!(old.version)),
            ("written_at".to_owned(), json!(time(old.written_at))),
            ("replaced_at".to_owned(), json!(time(old.replaced_at))),
        ]);
        if let Some(session) = old.replaced_by {
            item.insert("replaced_by_session_id".to_owned(), json!(session));
        }
        let mut out = to_json(&item);
        out.pop();
        out.extend_from_slice(b",\"record\":{\"id\":");
        out.extend_from_slice(&to_json(&id));
        out.push(b',');
        out.extend_from_slice(old.body.strip_prefix(b"{").unwrap_or_default());
        out.push(b'}');
        out
    });
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next.as_deref()),
    ))
}

fn history_schema<T: Record>(components: &mut Components) -> Value {
    let record = add_record::<T>(components);
    let name = format!("{}Version", T::name());
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "description": description });
    components.insert(name.clone(), json!({
        "type": "object",
        "description": format!("An earlier version of a {}.", T::KIND.singular()),
        "required": ["version", "written_at", "replaced_at", "record"],
        "properties": {
            "version": { "type": "integer", "minimum": 1, "description": "The version." },
            "written_at": time("When it was written."),
            "replaced_at": time("When it was replaced or deleted."),
            "replaced_by_session_id": { "type": "string", "format": "uuid", "maxLength": 36, "description": "By which session; left out if it was the server." },
            "record": record,
        },
    }));
    add_list(
        components,
        &format!("{}VersionList", T::name()),
        &json!({ "$ref": format!("#/components/schemas/{name}") }),
    )
}

fn history_example<T: Record>() -> Value {
    let mut record = serde_json::to_value(T::example()).unwrap_or_default();
    if let Value::Object(members) = &mut record {
        members.insert("id".to_owned(), json!(EXAMPLE_ID));
    }
    json!({
        "version": 1,
        "written_at": "2026-03-02T02:30:00Z",
        "replaced_at": "2026-03-02T08:10:00Z",
        "replaced_by_session_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41",
        "record": record,
    })
}
