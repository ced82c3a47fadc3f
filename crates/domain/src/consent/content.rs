//! What a consent says: the members that a person writes and those that the server sets, and the rules among them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::VariantArray;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    element::{MissingElement, RuleVersion, Statement},
    signing::{Signature, SignerRelationship},
    status::ConsentStatus,
};
use crate::{
    record::json,
    sharing::{
        class::{DataClass, Purpose},
        resource::Resource,
    },
    support_contact::Relationship,
    value::{
        list::List,
        nullable,
        text::{Label, Text, text},
        timestamp::{Timestamp, example_time},
        validation::{FindingCode, Findings},
    },
};

/// The type of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, VariantArray, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentType {
    /// For recipients by name.
    NamedDisclosure,
    /// One consent for all future treatment, payment and health care operations.
    TpoSingle,
    /// For notes of counseling sessions, and nothing else.
    CounselingNotes,
    /// For civil, criminal, administrative or legislative proceedings, and nothing else.
    LegalProceedings,
    /// For research.
    Research,
}

/// How a recipient is designated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecipientDesignation)]
pub enum Designation {
    /// By name, or by an account.
    #[default]
    Named,
    /// As a class, such as "my treating providers"; only in a consent for treatment, payment and operations. Nobody sees
    /// anything in the app by it.
    Class,
}

/// A recipient of a consent: an account that took an invitation, or a name. Only accounts see anything in the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsentRecipient)]
pub struct Recipient {
    /// The invitation by which the recipient was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<Uuid>,
    /// The account of the recipient. The server sets it for a recipient with an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    /// The name of the recipient, or the words for a class of recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// How the recipient is designated; `named` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub designation: Designation,
    /// The relationship to the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationship: Option<Relationship>,
    /// Whether the recipient is an intermediary, such as a health information exchange, that passes records on to others.
    #[serde(default, deserialize_with = "nullable")]
    pub intermediary: bool,
}

impl Recipient {
    /// A recipient with an account.
    pub fn of_account(account_id: Uuid) -> Self {
        Self {
            account_id: Some(account_id),
            name: None,
            ..Self::of_name(text!("A helper"))
        }
    }

    /// A recipient with a name only.
    pub fn of_name(name: Label) -> Self {
        Self {
            invitation_id: None,
            account_id: None,
            name: Some(name),
            designation: Designation::Named,
            relationship: None,
            intermediary: false,
        }
    }
}

/// An intermediary, and to whom it may pass records on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsentIntermediary)]
pub struct Intermediary {
    /// Its name.
    pub name: Label,
    /// The names of its members that may receive records.
    #[serde(default)]
    #[schema(value_type = Vec<Label>, max_items = 50)]
    pub participants: List<Label, 50>,
    /// Whether every member that treats the person may receive records, also one that is not named.
    #[serde(default, deserialize_with = "nullable")]
    pub treating_providers: bool,
}

/// A consent to share classes of the record with named recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The type. Consents for counseling notes and for legal proceedings stand alone.
    #[serde(rename = "type")]
    pub kind: ConsentType,
    /// Whose record it is, by name. It is needed if someone else signs; otherwise the name of the signer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<Label>,
    /// The person, entity or class that may disclose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discloser: Option<Label>,
    /// Who may receive.
    #[serde(default)]
    #[schema(value_type = Vec<Recipient>, max_items = 20)]
    pub recipients: List<Recipient, 20>,
    /// The intermediary, if a recipient is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediary: Option<Intermediary>,
    /// What may be disclosed, class by class. Nothing else is.
    #[serde(default)]
    #[schema(value_type = Vec<DataClass>, max_items = 20)]
    pub data_classes: List<DataClass, 20>,
    /// What may be disclosed, in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<1, 2000>>,
    /// What it is for. The person's own request is enough.
    #[serde(default)]
    #[schema(value_type = Vec<Purpose>, max_items = 10)]
    pub purposes: List<Purpose, 10>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The event with which it ends, such as the end of the treatment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on_event: Option<Label>,
    /// Whether it has no end; only for treatment, payment and operations.
    #[serde(default, deserialize_with = "nullable")]
    pub no_expiry: bool,
    /// Who signs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer_relationship: Option<SignerRelationship>,
    /// The statements that the person has read and accepted.
    #[serde(default)]
    #[schema(value_type = Vec<Statement>, max_items = 10)]
    pub statements_accepted: List<Statement, 10>,
    /// A consent of the person whose place this one takes when it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Uuid>,
    /// The status.
    #[serde(default)]
    #[schema(read_only)]
    pub status: ConsentStatus,
    /// The version of the rule by which it is judged.
    #[serde(default)]
    #[schema(read_only)]
    pub rule_version: RuleVersion,
    /// What a draft still needs before it can be signed.
    #[serde(default)]
    #[schema(value_type = Vec<MissingElement>, read_only, max_items = 20)]
    pub missing: List<MissingElement, 20>,
    /// The signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub signature: Option<Signature>,
    /// When it ended, or was put aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub ended_at: Option<Timestamp>,
    /// The reason of a revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub revocation_reason: Option<Text<1, 1000>>,
    /// The consent that has taken its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub superseded_by: Option<Uuid>,
}

impl Resource for Consent {
    const READ_ONLY: &'static [&'static str] = &[
        "status",
        "rule_version",
        "missing",
        "signature",
        "ended_at",
        "revocation_reason",
        "superseded_by",
    ];

    fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
        self.check_rules(findings);
        if (self.expires_at).is_some_and(|end| end.to_utc() <= now) {
            findings.add("/expires_at", FindingCode::Range, "must be later than now");
        }
    }

    fn times_mut(&mut self) -> Vec<&mut Timestamp> {
        self.expires_at.iter_mut().collect()
    }

    fn example() -> Self {
        Self {
            kind: ConsentType::NamedDisclosure,
            patient: None,
            discloser: Some(text!("Mainstay")),
            recipients: List::of([Recipient {
                relationship: Some(Relationship::Sponsor),
                ..Recipient::of_name(text!("Robin"))
            }]),
            intermediary: None,
            data_classes: List::of([DataClass::Abstinence, DataClass::Warnings]),
            description: None,
            purposes: List::of([Purpose::RecoverySupport]),
            expires_at: Some(example_time("2027-03-01T00:00:00.000+01:00")),
            expires_on_event: None,
            no_expiry: false,
            signer_relationship: Some(SignerRelationship::Patient),
            statements_accepted: List::of([Statement::RightToRevoke]),
            supersedes: None,
            status: ConsentStatus::Draft,
            rule_version: RuleVersion::V2024,
            missing: List::default(),
            signature: None,
            ended_at: None,
            revocation_reason: None,
            superseded_by: None,
        }
    }
}

impl Consent {
    /// The canonical form of what the person wrote. Two inputs have the same content exactly if these bytes are equal.
    pub fn canonical(&self) -> Vec<u8> {
        let mut content = self.clone();
        for time in content.times_mut() {
            *time = time.without_offset();
        }
        json(&content)
    }

    /// Sets the members that only the server writes from the consent that this one replaces.
    pub fn adopt(&mut self, before: &Self) {
        self.status = before.status;
        self.rule_version = before.rule_version;
        self.signature.clone_from(&before.signature);
        self.ended_at = before.ended_at;
        self.revocation_reason.clone_from(&before.revocation_reason);
        self.superseded_by = before.superseded_by;
    }

    /// Whether its end date has come at a time in microseconds.
    pub fn is_over(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|end| end.micros() <= now)
    }

    /// Whether it names an account as a recipient. Class wording never does.
    pub fn names(&self, account: Uuid) -> bool {
        let named = |recipient: &Recipient| {
            recipient.designation == Designation::Named && recipient.account_id == Some(account)
        };
        self.recipients.iter().any(named)
    }

    /// Adds a finding for each member that contradicts another, or that the type does not allow.
    pub fn check_rules(&self, findings: &mut Findings) {
        self.check_recipients(findings);
        check_repeated(&self.data_classes, "/data_classes", findings);
        check_repeated(&self.purposes, "/purposes", findings);
        check_repeated(&self.statements_accepted, "/statements_accepted", findings);
        for (n, class) in self.data_classes.iter().enumerate() {
            let is_notes = *class == DataClass::CounselingNotes;
            if is_notes != (self.kind == ConsentType::CounselingNotes) {
                let message = if is_notes {
                    "counseling notes need a consent of their own, with the type counseling_notes"
                } else {
                    "a consent for counseling notes covers nothing else"
                };
                findings.add(format!("/data_classes/{n}"), FindingCode::NotApplicable, message);
            }
        }
        for (n, purpose) in self.purposes.iter().enumerate() {
            if let Some(message) = self.kind.refusal_of(*purpose) {
                findings.add(format!("/purposes/{n}"), FindingCode::NotApplicable, message);
            }
        }
        if self.no_expiry {
            let has_other_end = self.expires_at.is_some() || self.expires_on_event.is_some();
            if self.kind != ConsentType::TpoSingle {
                findings.add(
                    "/no_expiry",
                    FindingCode::NotApplicable,
                    "only a consent of the type tpo_single can be without an end",
                );
            } else if has_other_end {
                findings.add(
                    "/no_expiry",
                    FindingCode::NotApplicable,
                    "must not stand beside an end date or event",
                );
            }
        }
    }

    fn check_recipients(&self, findings: &mut Findings) {
        for (n, recipient) in self.recipients.iter().enumerate() {
            let pointer = format!("/recipients/{n}");
            let has_account = recipient.invitation_id.is_some() || recipient.account_id.is_some();
            if !has_account && recipient.name.is_none() {
                findings.add(
                    &pointer,
                    FindingCode::Required,
                    "needs an invitation_id, an account_id or a name",
                );
            }
            if recipient.designation == Designation::Named {
                continue;
            }
            if self.kind != ConsentType::TpoSingle {
                findings.add(
                    format!("{pointer}/designation"),
                    FindingCode::NotApplicable,
                    "only a consent of the type tpo_single can have a class of recipients",
                );
            } else if has_account {
                findings.add(
                    format!("{pointer}/designation"),
                    FindingCode::NotApplicable,
                    "an account is no class of recipients",
                );
            }
        }
    }
}

impl ConsentType {
    /// Why a consent of this type cannot be for a purpose; `None` if it can.
    fn refusal_of(self, purpose: Purpose) -> Option<&'static str> {
        let is_legal = purpose == Purpose::LegalProceedings;
        match self {
            Self::LegalProceedings if !is_legal => {
                Some("a consent for legal proceedings is never combined with another purpose")
            }
            Self::NamedDisclosure | Self::CounselingNotes if is_legal => {
                Some("legal proceedings need a consent of their own, with the type legal_proceedings")
            }
            Self::TpoSingle if !purpose.is_tpo() => Some(
                "a consent of the type tpo_single is for treatment, payment and health care operations only",
            ),
            Self::Research if purpose != Purpose::Research => {
                Some("a consent of the type research is for research only")
            }
            _ => None,
        }
    }
}

/// Adds a finding for each value of a list that was there before.
fn check_repeated<T: PartialEq>(values: &[T], pointer: &str, findings: &mut Findings) {
    for (n, value) in values.iter().enumerate() {
        if values.iter().take(n).any(|before| before == value) {
            findings.add(
                format!("{pointer}/{n}"),
                FindingCode::Duplicate,
                "is given more than once",
            );
        }
    }
}
