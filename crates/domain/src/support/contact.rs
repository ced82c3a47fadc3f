//! The contacts of a toolkit: whom to reach now.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::occasion::Sources;
use crate::{
    support::availability::{Reach, reach},
    support_contact::{Channel, ContactStatus, Relationship},
    value::{
        place::{Email, Phone},
        timestamp::Timestamp,
    },
};

/// The maximum number of contacts in a toolkit.
pub const MAX_CONTACTS: usize = 20;

/// A person to reach, with the reason for their position.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolkitContact {
    /// The support contact.
    pub id: Uuid,
    /// The name.
    #[schema(max_length = 200)]
    pub name: String,
    /// Their relationship to the person.
    pub relationship: Relationship,
    /// The phone number in international form (E.164).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The channel that they prefer.
    pub preferred_channel: Channel,
    /// The position in the calling order.
    #[schema(minimum = 1, maximum = 99)]
    pub position: i64,
    /// Whether they can be reached now, in their own time zone.
    pub reachable_now: bool,
    /// If not, the time from which they can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachable_from: Option<Timestamp>,
    /// Whether they may be called in a crisis at any hour.
    pub in_crisis: bool,
    /// The reason for their position.
    #[schema(max_length = 400)]
    pub why: String,
}

/// Whom to reach first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContactOrder {
    /// Those who are reachable now in their own time zone, then by position.
    ReachableFirst,
    /// Those who may be called in a crisis at any hour, then as always.
    CrisisFirst,
}

/// Returns the contacts in order.
pub(super) fn contacts(sources: &Sources<'_>, order: ContactOrder) -> Vec<ToolkitContact> {
    let now = sources.as_of.at;
    let available = (sources.contacts.iter())
        .filter(|(_, c)| !matches!(c.status, ContactStatus::Declined | ContactStatus::Ended));
    let mut contacts: Vec<ToolkitContact> = available
        .map(|(id, contact)| {
            let zone = contact.time_zone.map_or(sources.as_of.zone, |z| z.0);
            let reach = reach(&contact.availability, zone, now);
            let from = match reach {
                Reach::From(at) => Some(at),
                Reach::Now | Reach::Unknown => None,
            };
            let relationship = contact.relationship.phrase();
            let why = match (reach, contact.in_crisis) {
                (Reach::Now, _) => format!("Reachable now: {relationship}."),
                (_, true) => format!("May be called in a crisis at any hour: {relationship}."),
                (Reach::From(at), false) => {
                    format!(
                        "Reachable from {} in their time zone: {relationship}.",
                        at.with_timezone(&zone).format("%A %H:%M")
                    )
                }
                (Reach::Unknown, false) => format!("In your list: {relationship}."),
            };
            ToolkitContact {
                id: *id,
                name: contact.name.to_string(),
                relationship: contact.relationship,
                phone: contact.phone.clone(),
                email: contact.email.clone(),
                preferred_channel: contact.channel(),
                position: contact.position.get(),
                reachable_now: reach == Reach::Now,
                reachable_from: from.map(Timestamp::utc),
                in_crisis: contact.in_crisis,
                why,
            }
        })
        .collect();
    let is_first = |contact: &ToolkitContact| order == ContactOrder::CrisisFirst && contact.in_crisis;
    contacts.sort_by(|a, b| {
        (is_first(b).cmp(&is_first(a)))
            .then(b.reachable_now.cmp(&a.reachable_now))
            .then(a.position.cmp(&b.position))
            .then_with(|| a.name.cmp(&b.name))
            .then(a.id.cmp(&b.id))
    });
    contacts.truncate(MAX_CONTACTS);
    contacts
}
