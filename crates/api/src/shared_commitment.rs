//! Commitments that supporters share, as the person reads them.

use mainstay_domain::shared_commitment::SharedCommitment;
use serde_json::Value;

use crate::{
    http::{caller::Caller, problem::HandlerResult},
    openapi::endpoint::{self, Endpoint, Tag},
    record::{contribution_page, contribution_range, gives_contributions},
};

/// Returns the endpoints of shared commitments.
pub fn endpoints() -> Vec<Endpoint> {
    let endpoint = endpoint::get("/v1/shared-commitments", list)
        .operation(
            Tag::Sharing,
            "listSharedCommitments",
            "List what your supporters promise themselves",
        )
        .about("Commitments of people who help, which they share with you, newest first.");
    vec![gives_contributions::<SharedCommitment>(
        endpoint,
        "SharedCommitmentList",
        commitment_example,
    )]
}

fn commitment_example() -> Value {
    serde_json::to_value(SharedCommitment::example()).unwrap_or_default()
}

async fn list(caller: Caller) -> HandlerResult {
    let range = contribution_range(&caller)?;
    let read = caller.read_long(move |records| records.shared_commitments(range));
    Ok(contribution_page(&read.await?))
}
