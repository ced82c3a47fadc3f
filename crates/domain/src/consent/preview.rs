//! The preview of a consent: what each recipient would see, class by class, and what stays hidden.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    content::{Consent, Designation, Recipient},
    status::ConsentStatus,
};
use crate::{
    account::Role,
    record::Kind,
    restriction::Restriction,
    sharing::{
        class::{DataClass, Purpose},
        coverage::collections_of,
    },
    value::{text::Label, timestamp::Timestamp},
};

/// What stays private, whatever a consent says.
pub const ALWAYS_PRIVATE: [&str; 5] = [
    "your journal",
    "thought records",
    "attended meetings",
    "commitments",
    "your notes on early warnings",
];

/// What each recipient of a consent would see now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentPreview {
    /// The recipients, in the order of the consent.
    #[schema(max_items = 20)]
    pub recipients: Vec<PreviewRecipient>,
    /// What nobody else ever sees, in words.
    #[schema(value_type = Vec<Label>, max_items = 20)]
    pub always_private: [&'static str; 5],
}

/// What one recipient would see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConsentPreviewRecipient)]
pub struct PreviewRecipient {
    /// The invitation of the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<Uuid>,
    /// The account of the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    /// The name in the consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// Whether the recipient would see it in the app. One without a confirmed account does not.
    pub sees_in_app: bool,
    /// The classes that the consent covers for the recipient.
    #[schema(max_items = 20)]
    pub shown: Vec<ShownClass>,
    /// The classes that stay hidden.
    #[schema(max_items = 20)]
    pub hidden: Vec<HiddenClass>,
}

/// A class that a recipient would see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConsentShownClass)]
pub struct ShownClass {
    /// The class.
    pub data_class: DataClass,
    /// The class in words.
    #[schema(max_length = 100)]
    pub words: &'static str,
    /// How many records there are now; left out for a class that has no records of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub records: Option<i64>,
    /// The time of the newest record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
}

/// A class that stays hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConsentHiddenClass)]
pub struct HiddenClass {
    /// The class.
    pub data_class: DataClass,
    /// The class in words.
    #[schema(max_length = 100)]
    pub words: &'static str,
    /// Why.
    pub reason: HiddenReason,
}

/// Why a class stays hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConsentHiddenReason)]
pub enum HiddenReason {
    /// The consent does not name it.
    NotChosen,
    /// The consent is for none of the purposes for which the recipient reads in the app.
    OtherPurpose,
    /// A restriction hides it.
    Restricted,
    /// The consent has ended, or was put aside.
    NotInForce,
}

/// How many records a collection has, and the time of the newest in microseconds.
pub type Total = (i64, Option<i64>);

/// Says what each recipient would see. A draft is judged as if it were signed. The accounts of recipients are those that
/// the person has confirmed, and `roles` has the role of each. The purposes of a recipient without an account are not
/// judged, since they do not read in the app.
pub fn preview(
    consent: &Consent,
    roles: &BTreeMap<Uuid, Role>,
    restrictions: &[Restriction],
    total: impl Fn(Kind) -> Total,
) -> ConsentPreview {
    let recipients = consent.recipients.iter();
    ConsentPreview {
        recipients: recipients
            .map(|recipient| {
                let role = recipient.account_id.and_then(|account| roles.get(&account));
                preview_of(consent, (recipient, role.copied()), restrictions, &total)
            })
            .collect(),
        always_private: ALWAYS_PRIVATE,
    }
}

fn preview_of(
    consent: &Consent,
    (recipient, role): (&Recipient, Option<Role>),
    restrictions: &[Restriction],
    total: impl Fn(Kind) -> Total,
) -> PreviewRecipient {
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for class in DataClass::ALL.iter().copied() {
        match reason_to_hide(consent, (recipient, role), class, restrictions) {
            Some(reason) => hidden.push(HiddenClass {
                data_class: class,
                words: class.words(),
                reason,
            }),
            None => shown.push(shown_class(class, &total)),
        }
    }
    PreviewRecipient {
        invitation_id: recipient.invitation_id,
        account_id: recipient.account_id,
        name: recipient.name.clone(),
        sees_in_app: recipient.account_id.is_some()
            && recipient.designation == Designation::Named
            && !shown.is_empty(),
        shown,
        hidden,
    }
}

fn reason_to_hide(
    consent: &Consent,
    (recipient, role): (&Recipient, Option<Role>),
    class: DataClass,
    restrictions: &[Restriction],
) -> Option<HiddenReason> {
    if !matches!(consent.status, ConsentStatus::Draft | ConsentStatus::Active) {
        return Some(HiddenReason::NotInForce);
    }
    if !consent.data_classes.contains(&class) {
        return Some(HiddenReason::NotChosen);
    }
    let is_read_for = |role| {
        Purpose::read_for_by(role)
            .iter()
            .any(|purpose| consent.purposes.contains(purpose))
    };
    // Purposes that are still missing are no other ones.
    if !consent.purposes.is_empty() && !role.is_none_or(is_read_for) {
        return Some(HiddenReason::OtherPurpose);
    }
    // A recipient without an account is met by the restrictions for everyone.
    let account = recipient.account_id.unwrap_or_default();
    let is_restricted = restrictions
        .iter()
        .any(|restriction| restriction.restricts(class, account));
    is_restricted.then_some(HiddenReason::Restricted)
}

fn shown_class(class: DataClass, total: impl Fn(Kind) -> Total) -> ShownClass {
    let totals: Vec<Total> = collections_of(class).map(total).collect();
    let newest = totals.iter().filter_map(|(_, newest)| *newest).max();
    ShownClass {
        data_class: class,
        words: class.words(),
        records: (!totals.is_empty()).then(|| totals.iter().map(|(records, _)| records).sum()),
        newest: newest.map(Timestamp::from_micros),
    }
}
