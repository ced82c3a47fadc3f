//! Support contacts: people whom a person wants to reach when it gets hard.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    record::{Kind, NewId, Record},
    value::{
        list::List,
        nullable,
        number::Int,
        place::{Email, Phone, TimeOfDay, ZoneName},
        text::{Label, Note, text},
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
    },
};

/// The contact's relationship to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ContactRelationship)]
pub enum Relationship {
    /// Sponsor in a mutual-help programme.
    Sponsor,
    /// Someone with the same experience.
    Peer,
    /// Recovery coach.
    RecoveryCoach,
    /// Family.
    Family,
    /// Partner.
    Partner,
    /// Friend.
    Friend,
    /// Therapist.
    Therapist,
    /// Counselor.
    Counselor,
    /// Prescriber of the medication.
    Prescriber,
    /// Primary care.
    PrimaryCare,
    /// Case manager.
    CaseManager,
    /// Clergy.
    Clergy,
    /// Anyone else.
    Other,
}

impl Relationship {
    /// The name of the relationship in sentences.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Sponsor => "your sponsor",
            Self::Peer => "a peer",
            Self::RecoveryCoach => "your recovery coach",
            Self::Family => "family",
            Self::Partner => "your partner",
            Self::Friend => "a friend",
            Self::Therapist => "your therapist",
            Self::Counselor => "your counselor",
            Self::Prescriber => "your prescriber",
            Self::PrimaryCare => "your primary care",
            Self::CaseManager => "your case manager",
            Self::Clergy => "your clergy",
            Self::Other => "someone you trust",
        }
    }
}

/// The channel by which the contact prefers to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ContactChannel)]
pub enum Channel {
    /// A phone call.
    Call,
    /// A text message.
    Text,
    /// An e-mail.
    Email,
    /// Through the app.
    App,
}

/// An event of which the contact wants to be notified. Nothing is sent without a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyOn {
    /// The person asks for support.
    SupportRequest,
    /// A craving is reported.
    CravingEvent,
    /// A use event is reported.
    UseEvent,
    /// Check-ins are missing.
    MissedCheckIns,
    /// Early warning signs build up.
    Warning,
    /// A milestone is reached.
    Milestone,
}

/// The status of a contact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactStatus {
    /// Noted by the person.
    #[default]
    Listed,
    /// Invited to an account.
    Invited,
    /// Accepted the invitation.
    Accepted,
    /// Declined the invitation.
    Declined,
    /// No longer a supporter.
    Ended,
}

/// A weekly span in which the contact can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContactAvailability)]
pub struct Availability {
    /// Days of the week on which the span begins; Monday is 1.
    #[schema(value_type = Vec<Int<1, 7>>, max_items = 7)]
    pub days: List<Int<1, 7>, 7>,
    /// The start, in the contact's time zone.
    pub from: TimeOfDay,
    /// The end. If it is at or before `from`, it is on the next day.
    pub to: TimeOfDay,
}

/// A person to reach. A contact can read nothing without a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SupportContact {
    /// What the person calls them.
    pub name: Label,
    /// Their relationship to the person.
    pub relationship: Relationship,
    /// The phone number in international form (E.164).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The channel that they prefer; by default a call if there is a phone number, otherwise an e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub preferred_channel: Option<Channel>,
    /// The times at which they can be reached; empty means always.
    #[serde(default)]
    #[schema(value_type = Vec<Availability>, max_items = 50)]
    pub availability: List<Availability, 50>,
    /// Their time zone; by default the person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<ZoneName>,
    /// The position in the calling order; 1 is first, 50 if left out.
    #[serde(default = "middle", deserialize_with = "position")]
    pub position: Int<1, 99>,
    /// Whether they may be called in a crisis at any hour.
    #[serde(default, deserialize_with = "nullable")]
    pub in_crisis: bool,
    /// Events of which they want to be notified.
    #[serde(default)]
    #[schema(value_type = Vec<NotifyOn>, max_items = 20)]
    pub notify_on: List<NotifyOn, 20>,
    /// The status; `listed` if left out.
    #[serde(default, deserialize_with = "nullable")]
    pub status: ContactStatus,
    /// A free note in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

const fn middle() -> Int<1, 99> {
    Int::clamped(50)
}

fn position<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Int<1, 99>, D::Error> {
    Option::deserialize(deserializer).map(|place| place.unwrap_or(middle()))
}

impl SupportContact {
    /// The channel to try first.
    pub fn channel(&self) -> Channel {
        self.preferred_channel.unwrap_or(if self.phone.is_some() {
            Channel::Call
        } else {
            Channel::Email
        })
    }
}

impl Record for SupportContact {
    const KIND: Kind = Kind::SupportContact;

    fn occurred_at(&self) -> Option<Timestamp> {
        None
    }

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        if self.phone.is_none() && self.email.is_none() {
            findings.add(
                "/phone",
                FindingCode::Required,
                "needs a phone number or an e-mail address",
            );
        }
        for (n, span) in self.availability.iter().enumerate() {
            if span.days.is_empty() {
                findings.add(
                    format!("/availability/{n}/days"),
                    FindingCode::Length,
                    "needs at least one day",
                );
            }
        }
    }

    fn complete(&mut self, _now: DateTime<Utc>, _new_id: NewId<'_>) {
        self.preferred_channel = Some(self.channel());
    }

    fn example() -> Self {
        Self {
            name: text!("Robin"),
            relationship: Relationship::Sponsor,
            phone: Phone::new("+12025550143"),
            email: None,
            preferred_channel: Some(Channel::Call),
            availability: List::of([Availability {
                days: List::of((1..=5).map(Int::clamped)),
                from: TimeOfDay::at(17, 0),
                to: TimeOfDay::at(23, 30),
            }]),
            time_zone: Some(ZoneName(chrono_tz::America::New_York)),
            position: Int::clamped(1),
            in_crisis: true,
            notify_on: List::of([NotifyOn::SupportRequest]),
            status: ContactStatus::Listed,
            note: None,
        }
    }
}
