//! The generic operations on every collection of a person's record, with their part of the OpenAPI document.

mod change;
mod contribution;
mod create;
mod endpoint;
mod example;
mod history;
mod list;
mod merge;
mod missing;
mod parameter;
mod read;
mod resource;
mod response;
mod validation_context;
mod write;

pub use self::{
    change::replace_record,
    contribution::{contribution_list, contribution_page, contribution_range, gives_contributions},
    create::{CreateResponder, Creation, ReadContext, create, create_with},
    endpoint::{
        MERGES, collection, delete_endpoint, merge_endpoint, merge_endpoint_by, read_endpoint,
        replace_endpoint, replace_endpoint_by,
    },
    example::{EXAMPLE_ID, example, patch_example, request_example},
    history::history_endpoint,
    list::{list_body, list_endpoint, plural},
    merge::{as_findings, merge_record, merged, read_incoming},
    missing::{missing_first, missing_unless},
    parameter::{
        cursor_parameter, id_parameter, if_match, if_none_match, limit_parameter, numbered_page,
        page_parameters,
    },
    read::{find_by_path_id, read_handler},
    resource::{
        encode_resource, page_response, resource_example, resource_page, resource_reply,
        resource_request_example, saved_reply, with_offsets, with_path_id,
    },
    response::{
        cache_private, created_response, encode, json_response, path, path_of_one, tagged, unless_current,
        versioned,
    },
    validation_context::{
        ValidationContexts, profile, questionnaire, validation_contexts, zone_for, zone_of,
    },
    write::{
        changed, current, decode, new_draft, problem, problem_of, remove_in, replace_in, store_new, write,
        written,
    },
};
