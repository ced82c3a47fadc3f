//! The parameters that operations on records share.

use mainstay_domain::value::validation::FindingCode;
use mainstay_store::VersionRange;
use serde_json::{Value, json};

use super::example::EXAMPLE_ID;
use crate::{
    http::{caller::Caller, page::page_limit, problem::HandlerResult, query::Parameters},
    openapi::endpoint::Parameter,
};

/// Reads which page is requested of a list that is ordered by falling versions. `mark` is the first letter of the list's
/// cursors.
///
/// # Errors
/// 422 that names every wrong parameter.
pub fn numbered_page(caller: &Caller, mark: char) -> HandlerResult<VersionRange> {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let below = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| text.strip_prefix(mark)?.parse::<i64>().ok(),
    );
    parameters.finish()?;
    Ok(VersionRange {
        below,
        limit: usize::try_from(limit).unwrap_or(1),
    })
}

/// The `limit` of a page.
pub fn limit_parameter() -> Parameter {
    Parameter::query(
        "limit",
        "The largest number of items on the page.",
        json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        json!(50),
    )
}

/// The `cursor` at which a page begins.
pub fn cursor_parameter() -> Parameter {
    Parameter::query(
        "cursor",
        "The `next_cursor` of the page before.",
        json!({ "type": "string", "maxLength": 200 }),
        Value::Null,
    )
}

/// The id in the path.
pub fn id_parameter() -> Parameter {
    Parameter {
        name: "id",
        place: "path",
        required: true,
        description: "The id of the record.",
        schema: json!({ "type": "string", "format": "uuid", "maxLength": 36 }),
        example: json!(EXAMPLE_ID),
    }
}

/// The precondition of a change.
pub fn if_match() -> Parameter {
    Parameter {
        name: "If-Match",
        place: "header",
        required: true,
        description: "The ETag of the version that is to be changed, or `*`.",
        schema: json!({ "type": "string" }),
        example: json!("\"1\""),
    }
}

/// Whether the earlier versions of a deleted record go too.
pub fn purge_parameter() -> Parameter {
    Parameter::query(
        "purge",
        "Whether everything that was ever written in the record goes: its earlier versions, the responses that are kept for an \
         `Idempotency-Key`, and what others gave to a plan. A record that was deleted before can be purged too.",
        json!({ "type": "boolean", "default": false }),
        Value::Null,
    )
}

/// The entity tag that the client has.
pub fn if_none_match() -> Parameter {
    Parameter {
        name: "If-None-Match",
        place: "header",
        required: false,
        description: "The ETag that the client has; the response is 304 if nothing changed.",
        schema: json!({ "type": "string" }),
        // The reference page would send an example by itself, and get a 304 for it.
        example: Value::Null,
    }
}

/// The parameters of a page of records.
pub fn page_parameters() -> Vec<Parameter> {
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 64 });
    vec![
        Parameter {
            description: "The largest number of records on the page.",
            ..limit_parameter()
        },
        cursor_parameter(),
        Parameter::query(
            "from",
            "Only records from this time on.",
            time.clone(),
            Value::Null,
        ),
        Parameter::query("to", "Only records before this time.", time, Value::Null),
        Parameter::query(
            "order",
            "Newest (`desc`) or oldest (`asc`) first; `desc` if left out.",
            json!({ "$ref": "#/components/schemas/ListOrder" }),
            json!("desc"),
        ),
    ]
}
