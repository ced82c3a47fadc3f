//! The endpoints that change a record and respond with help if it tells of acute danger.

use mainstay_domain::{record::Record, support::toolkit::HelpOccasion};

use super::{
    document::example_beside_help,
    refusal::helping,
    responder::{merge_with_help, replace_with_help},
};
use crate::{
    openapi::endpoint::{Endpoint, Tag},
    record::{merge_endpoint_by, replace_endpoint_by},
};

/// What a change of these records says beside what every change does.
const HELP: &str = " If the record now tells of acute danger (`feels_safe` is `no` or `not_sure`, `harm` is `overdose` or \
     `injury`), the response also has `support`: help as in `GET /v1/support`. Show it at once. A problem has `support` too if \
     the body tells of acute danger.";

/// `PUT /v1/{collection}/{id}`, with help if the record tells of acute danger.
pub fn replace_endpoint_with_help<T: Record + HelpOccasion>(tag: Tag) -> Endpoint {
    let handler = helping::<T, _, _>(replace_with_help::<T>);
    with_help(replace_endpoint_by::<T, _, _>(
        tag,
        handler,
        example_beside_help::<T>,
    ))
}

/// `PATCH /v1/{collection}/{id}`, with help if the record tells of acute danger.
pub fn merge_endpoint_with_help<T: Record + HelpOccasion>(tag: Tag) -> Endpoint {
    let handler = helping::<T, _, _>(merge_with_help::<T>);
    with_help(merge_endpoint_by::<T, _, _>(
        tag,
        handler,
        example_beside_help::<T>,
    ))
}

fn with_help(mut endpoint: Endpoint) -> Endpoint {
    endpoint.description.push_str(HELP);
    endpoint
}
