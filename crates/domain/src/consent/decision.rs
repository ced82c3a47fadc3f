//! The decision: which classes of data an account may see now, and by which consent.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{content::Consent, status::ConsentStatus};
use crate::{
    restriction::Restriction,
    sharing::class::{DataClass, Purpose},
    value::timestamp::Timestamp,
};

/// A consent as it is stored, with its id and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownConsent {
    /// Its id.
    pub id: Uuid,
    /// Its version, from 1.
    pub version: i64,
    /// The consent.
    pub consent: Consent,
}

/// Who asks, for what, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantRequest<'a> {
    /// The account that asks.
    pub recipient: Uuid,
    /// The purposes for which the role of the account reads.
    pub purposes: &'a [Purpose],
    /// The time, in microseconds.
    pub now: i64,
}

/// The consent that covers a class of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRef {
    /// Its id.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// The purposes that it names and for which the account reads.
    pub purposes: Vec<Purpose>,
    /// When it ends, if it has an end date.
    pub expires_at: Option<Timestamp>,
}

/// The classes that an account may see now, each with the consent that covers it: the one that was signed first, and of
/// those the one with the lowest id.
///
/// A consent covers a class if it is active and not over, names the account and the class, is for one of the purposes, and
/// still has every element that its rule asks for. A class with an agreed restriction is not covered.
pub fn grants(
    consents: &[KnownConsent],
    restrictions: &[Restriction],
    request: &GrantRequest<'_>,
) -> BTreeMap<DataClass, ConsentRef> {
    let mut in_force: Vec<_> = consents
        .iter()
        .filter_map(|known| Some((known, covered_purposes(&known.consent, request)?)))
        .collect();
    in_force.sort_by_key(|(known, _)| (signed_at(&known.consent), known.id));
    let mut granted = BTreeMap::new();
    for (known, purposes) in in_force {
        for class in known.consent.data_classes.iter().copied() {
            let restricts = |restriction: &Restriction| restriction.restricts(class, request.recipient);
            if !restrictions.iter().any(restricts) {
                granted.entry(class).or_insert_with(|| ConsentRef {
                    id: known.id,
                    version: known.version,
                    purposes: purposes.clone(),
                    expires_at: known.consent.expires_at,
                });
            }
        }
    }
    granted
}

/// The purposes of a request that a consent covers now; `None` if it does not cover the request.
fn covered_purposes(consent: &Consent, request: &GrantRequest<'_>) -> Option<Vec<Purpose>> {
    let is_in_force = consent.status == ConsentStatus::Active && !consent.is_over(request.now);
    if !is_in_force || !consent.names(request.recipient) || !consent.conforms() {
        return None;
    }
    let covered = (consent.purposes.iter().copied())
        .filter(|purpose| request.purposes.contains(purpose))
        .collect::<Vec<_>>();
    (!covered.is_empty()).then_some(covered)
}

fn signed_at(consent: &Consent) -> i64 {
    let signature = consent.signature.as_ref();
    signature.map_or(i64::MAX, |signature| signature.signed_at.micros())
}
