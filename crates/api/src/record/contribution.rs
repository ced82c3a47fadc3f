//! Pages of what people who help give to a person.

use actix_web::HttpResponse;
use mainstay_domain::{record::json as to_json, value::validation::FindingCode};
use mainstay_store::{ContributionPage, ContributionRange};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    list::list_body,
    parameter::{cursor_parameter, limit_parameter},
    response::json_response,
};
use crate::{
    http::{caller::Caller, page::page_limit, problem::HandlerResult, query::Parameters},
    openapi::{
        endpoint::Endpoint,
        schema::{add, add_list},
    },
};

/// The times of the years 1 to 9999, in microseconds.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Reads which page of contributions is requested.
///
/// # Errors
/// 422 that names every wrong parameter.
pub fn contribution_range(caller: &Caller) -> HandlerResult<ContributionRange> {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor"]);
    let limit = page_limit(&mut parameters);
    let after = parameters.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        position,
    );
    parameters.finish()?;
    Ok(ContributionRange { after, limit })
}

/// Responds with a page of contributions.
pub fn contribution_page<T: Serialize>(page: &ContributionPage<T>) -> HttpResponse {
    json_response(HttpResponse::Ok(), contribution_list(page))
}

/// Encodes a page of contributions.
pub fn contribution_list<T: Serialize>(page: &ContributionPage<T>) -> Vec<u8> {
    let next_cursor = page.next.map(cursor);
    let items = page.items.iter().map(to_json);
    list_body(items, next_cursor.as_deref())
}

/// Documents a page of contributions, newest first.
pub fn gives_contributions<T: ToSchema>(
    endpoint: Endpoint,
    name: &'static str,
    example: impl Fn() -> Value + 'static,
) -> Endpoint {
    let schema = move |components: &mut _| {
        let items = add::<T>(components);
        add_list(components, name, &items)
    };
    endpoint
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(schema),
            move || json!({ "items": [example()], "next_cursor": null }),
        )
}

/// The cursor of the page after a contribution, which is given by its time in microseconds and its id.
fn cursor((at, id): (i64, Uuid)) -> String {
    format!("c{at}.{id}")
}

fn position(text: &str) -> Option<(i64, Uuid)> {
    let (at, id) = text.strip_prefix('c')?.split_once('.')?;
    let at = at.parse().ok().filter(|at| TIMES.contains(at))?;
    Some((at, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_last_contribution_of_its_page() {
        let last = (1_772_418_600_000_000, Uuid::from_u128(5));
        assert_eq!(position(&cursor(last)), Some(last));
        for wrong in [
            "",
            "c",
            "c1",
            "c1.x",
            "v1",
            "c9223372036854775807.00000000-0000-0000-0000-000000000005",
        ] {
            assert_eq!(position(wrong), None, "{wrong}");
        }
    }
}
