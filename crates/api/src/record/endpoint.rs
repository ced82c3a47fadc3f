//! The endpoints that every collection has: create, list, read, replace, merge, delete and history.

use actix_web::{Error, FromRequest, Handler};
use mainstay_domain::record::{Deletion, Kind, Record};
use serde_json::Value;

use super::{
    change::{remove_handler, replace},
    create::create,
    example::{example, patch_example, request_example},
    history::history_endpoint,
    list::list_endpoint,
    merge::merge,
    missing::missing_first,
    parameter::{id_parameter, if_match, if_none_match, purge_parameter},
    read::read_handler,
    response::{path, path_of_one, with_article},
    write::remove_in,
};
use crate::{
    http::{
        problem::{HandlerResult, ProblemKind},
        replay::replaying,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::{add_input, add_patch, add_record},
    },
};

/// Returns all endpoints of a collection.
pub fn collection<T: Record>(tag: Tag) -> Vec<Endpoint> {
    vec![
        create_endpoint::<T>(tag),
        list_endpoint::<T>(tag),
        read_endpoint::<T>(tag),
        replace_endpoint::<T>(tag),
        merge_endpoint::<T>(tag),
        delete_endpoint::<T>(tag),
        history_endpoint::<T>(tag),
    ]
}

/// `POST /v1/{collection}`.
fn create_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::post(path::<T>(), replaying(create::<T>))
        .operation(tag, format!("create{name}"), format!("Store a new {one}"))
        .about(format!(
            "Stores {}. If it is sent again with the same id and content, the response is 200 with the current {one}.",
            with_article::<T>()
        ))
        .takes_schema(Box::new(add_input::<T>), request_example::<T>)
        .gives_schema(201, "Stored.", Box::new(add_record::<T>), example::<T>)
        .with_headers(&["ETag", "Location"])
        .gives_schema(
            200,
            "Stored before; the response has the current version.",
            Box::new(add_record::<T>),
            example::<T>,
        )
        .with_headers(&["ETag", "Location", "Idempotent-Replayed"])
        .problems(&[ProblemKind::IdConflict, ProblemKind::IdDeleted, ProblemKind::QuotaExceeded])
        .problems(slot_problems::<T>())
}

/// `GET /v1/{collection}/{id}`.
pub fn read_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(path_of_one::<T>(), read_handler(T::KIND))
        .operation(tag, format!("get{name}"), format!("Read one {one}"))
        .about(format!("Returns the current version of the {one}."))
        .parameter(id_parameter())
        .parameter(if_none_match())
        .gives_schema(
            200,
            "The current version.",
            Box::new(add_record::<T>),
            example::<T>,
        )
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

/// `PUT /v1/{collection}/{id}`.
pub fn replace_endpoint<T: Record>(tag: Tag) -> Endpoint {
    replace_endpoint_by::<T, _, _>(tag, replace::<T>, example::<T>)
}

/// `PUT /v1/{collection}/{id}` with a handler of its own, and the example of its response.
pub fn replace_endpoint_by<T: Record, F, Args>(tag: Tag, handler: F, answer: fn() -> Value) -> Endpoint
where
    F: Handler<Args, Output = HandlerResult>,
    Args: FromRequest<Error = Error> + 'static,
{
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::put(path_of_one::<T>(), missing_first(T::KIND, handler))
        .operation(tag, format!("replace{name}"), format!("Replace {}", with_article::<T>()))
        .about(format!(
            "Replaces the whole {one}. An optional member that is left out is unset. The earlier version stays in the history."
        ))
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(Box::new(add_input::<T>), request_example::<T>)
        .gives_schema(200, "Replaced.", Box::new(add_record::<T>), answer)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::QuotaExceeded])
        .problems(slot_problems::<T>())
        .problems(final_problems::<T>())
}

/// What every `PATCH` does.
pub const MERGES: &str = "A JSON Merge Patch (RFC 7396): a member that the body names is changed, and every other member stays. \
     Objects are merged member by member, lists are replaced whole, and null unsets a member. What results must be valid as for \
     PUT, and pointers in errors refer to it. Each request makes a new version, also if it changes nothing.";

/// `PATCH /v1/{collection}/{id}`.
pub fn merge_endpoint<T: Record>(tag: Tag) -> Endpoint {
    merge_endpoint_by::<T, _, _>(tag, merge::<T>, example::<T>)
}

/// `PATCH /v1/{collection}/{id}` with a handler of its own, and the example of its response.
pub fn merge_endpoint_by<T: Record, F, Args>(tag: Tag, handler: F, answer: fn() -> Value) -> Endpoint
where
    F: Handler<Args, Output = HandlerResult>,
    Args: FromRequest<Error = Error> + 'static,
{
    let name = T::name();
    endpoint::patch(path_of_one::<T>(), missing_first(T::KIND, handler))
        .operation(
            tag,
            format!("update{name}"),
            format!("Change members of {}", with_article::<T>()),
        )
        .about(MERGES)
        .parameter(id_parameter())
        .parameter(if_match())
        .takes_schema(Box::new(add_patch::<T>), patch_example::<T>)
        .gives_schema(200, "Changed.", Box::new(add_record::<T>), answer)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::QuotaExceeded])
        .problems(slot_problems::<T>())
        .problems(final_problems::<T>())
}

/// `DELETE /v1/{collection}/{id}`.
pub fn delete_endpoint<T: Record>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let about = match T::DELETION {
        Deletion::Tombstone => {
            let history = if T::KIND.is_purged_when_deleted() {
                "Its earlier versions go with it."
            } else {
                "Its earlier versions stay in its history, unless `purge` is true."
            };
            format!("Deletes the {one}. A deleted record cannot be created again under its id. {history}")
        }
        Deletion::Marked => format!(
            "Marks the {one} as entered in error. It leaves the lists, counts nowhere, and can still be read. With \
             `purge` its earlier versions go."
        ),
    };
    let handler = missing_first(T::KIND, remove_handler(remove_in::<T>));
    endpoint::delete(path_of_one::<T>(), handler)
        .operation(
            tag,
            format!("delete{name}"),
            format!("Delete {}", with_article::<T>()),
        )
        .about(about)
        .parameter(id_parameter())
        .parameter(if_match())
        .parameter(purge_parameter())
        .gives_nothing(204, "Deleted.")
        .problems(final_problems::<T>())
}

/// The problems of a noun of which only one record may hold a slot.
fn slot_problems<T: Record>() -> &'static [ProblemKind] {
    match T::KIND {
        Kind::Goal => &[ProblemKind::GoalExists],
        Kind::CheckIn => &[ProblemKind::SlotTaken],
        _ => &[],
    }
}

/// The problems of a noun whose deleted records stay readable and cannot be changed.
fn final_problems<T: Record>() -> &'static [ProblemKind] {
    match T::DELETION {
        Deletion::Marked => &[ProblemKind::EnteredInError],
        Deletion::Tombstone => &[],
    }
}
