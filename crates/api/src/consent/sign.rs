//! Signing a consent: the signer confirms the password of the account.

use mainstay_domain::consent::Signing;
use mainstay_store::{Expected, StoreError};

use super::read::{find_by_path_id, problem};
use crate::{
    http::{
        body::Body,
        conditional,
        idempotency::perform,
        problem::{HandlerResult, Problem, ProblemKind},
        step_up::confirm_password,
    },
    record::{encode_resource, resource_reply},
};

/// `POST /v1/consents/{id}/sign`.
pub(super) async fn sign(body: Body<Signing>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let id = find_by_path_id(&caller).await?.id;
    let expected = conditional::if_match_optional(&caller.request)?.unwrap_or(Expected::Any);
    let Signing { name, password } = value.into_inner();
    confirm_password(&caller, &password).await?;
    let now = caller.state.clock.now();
    perform(&caller, key, now, signing_problem, move |writer| {
        let signed = writer.lock()?.sign_consent(id, &expected, name)?;
        Ok(resource_reply(signed.tag(), encode_resource(&signed)))
    })
    .await
}

/// Converts a refusal of the store to a problem of signing: what is missing is named element by element.
fn signing_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Findings(missing) => Problem {
            kind: ProblemKind::ConsentIncomplete,
            detail: Some("Something is still missing. Nothing is shared yet.".to_owned()),
            ..Problem::validation(missing)
        },
        other => problem(other),
    }
}
