//! The parameters that operations on records share.

use mainstay_domain::value::validation::FindingCode;
use serde_json::{Value, json};

use super::EXAMPLE_ID;
use crate::{
    http::{caller::Caller, page::page_limit, problem::HandlerResult, query::Parameters},
    openapi::endpoint::Parameter,
};

/// The page of a list that is ordered by falling numbers: how many, and below which number.
///
/// # Errors
/// 422 that names every wrong parameter.
pub fn numbered_page(caller: &Caller, mark: char) -> HandlerResult<(usize, Option<i64>)> {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let below = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| text.strip_prefix(mark)?.parse::<i64>().ok(),
    );
    parameters.finish()?;
    Ok((usize::try_from(limit).unwrap_or(1), below))
}

/// How many items a page may have.
pub fn limit_parameter() -> Parameter {
    Parameter::query(
        "limit",
        "Most items on the page.",
        json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        json!(50),
    )
}

/// Where a page begins.
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
        description: "The ETag of the version that the change is made to, or `*`.",
        schema: json!({ "type": "string" }),
        example: json!("\"1\""),
    }
}

/// The version that the client has.
pub fn if_none_match() -> Parameter {
    Parameter {
        name: "If-None-Match",
        place: "header",
        required: false,
        description: "The ETag that the client has; the answer is 304 if nothing changed.",
        schema: json!({ "type": "string" }),
        example: json!("\"1\""),
    }
}

/// The parameters of a page.
pub fn page_parameters() -> Vec<Parameter> {
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 64 });
    vec![
        Parameter {
            description: "Most records on the page.",
            ..limit_parameter()
        },
        cursor_parameter(),
        Parameter::query(
            "from",
            "Only records from this time on.",
            time.clone(),
            json!("2026-03-01T00:00:00Z"),
        ),
        Parameter::query(
            "to",
            "Only records before this time.",
            time,
            json!("2026-04-01T00:00:00Z"),
        ),
        Parameter::query(
            "order",
            "Newest (`desc`) or oldest (`asc`) first.",
            json!({ "type": "string", "enum": ["asc", "desc"], "default": "desc" }),
            json!("desc"),
        ),
    ]
}
