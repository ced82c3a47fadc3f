//! The preview of a consent: what each recipient would see now.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use mainstay_domain::{
    consent::{Consent, preview},
    record::{Kind, json as to_json},
    sharing::{Resource, coverage::collections_of},
};
use mainstay_store::{Records, StoreError};
use serde_json::Value;

use crate::{
    http::{caller::Caller, problem::HandlerResult},
    record::json_response,
};

/// `GET /v1/consents/{id}/preview`.
pub(super) async fn read_preview(caller: Caller) -> HandlerResult {
    let (id, now) = (caller.path_id("id")?, caller.state.clock.micros());
    let read = caller.read_long(move |records: &mut Records<'_>| {
        let mut consent = records.consent(id, now)?.ok_or(StoreError::NotFound)?.value;
        let roles = records.set_recipient_accounts(&mut consent)?;
        let restrictions = records.agreed_restrictions()?;
        let classes = consent.data_classes.iter().copied();
        let kinds: Vec<Kind> = classes.flat_map(collections_of).collect();
        let totals = records.collection_totals(&kinds)?.into_iter();
        let totals: BTreeMap<Kind, preview::Total> = totals
            .map(|total| (total.kind, (total.records, total.newest)))
            .collect();
        let total = |kind: Kind| totals.get(&kind).copied().unwrap_or_default();
        Ok(preview::preview(&consent, &roles, &restrictions, total))
    });
    Ok(json_response(HttpResponse::Ok(), to_json(&read.await?)))
}

/// The example of a preview.
pub(super) fn preview_example() -> Value {
    let total = |_| (3, Some(1_772_418_600_000_000));
    serde_json::to_value(preview::preview(
        &Consent::example(),
        &BTreeMap::new(),
        &[],
        total,
    ))
    .unwrap_or_default()
}
