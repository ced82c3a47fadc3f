//! Restrictions: classes of data that a person keeps from some or all others, whatever a consent says.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::json,
    sharing::{class::DataClass, resource::Resource},
    value::{
        list::List,
        text::{Text, text},
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
    },
};

/// The status of a restriction.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RestrictionStatus {
    /// Agreed and enforced. The service can enforce every restriction by itself, so it agrees at once.
    #[default]
    Agreed,
    /// Ended by the person.
    Ended,
}

impl RestrictionStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A restriction: classes that nobody sees, or that some recipients do not see, although a consent covers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    /// The classes that stay hidden.
    #[schema(value_type = Vec<DataClass>, min_items = 1, max_items = 20)]
    pub data_classes: List<DataClass, 20>,
    /// The accounts from which they are hidden; from everyone if it is empty.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 20)]
    pub recipients: List<Uuid, 20>,
    /// Why, in the person's own words. Nobody has to give a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<1, 1000>>,
    /// The status.
    #[serde(default)]
    #[schema(read_only)]
    pub status: RestrictionStatus,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub ended_at: Option<Timestamp>,
}

impl Restriction {
    /// Whether it hides a class from an account.
    pub fn restricts(&self, class: DataClass, account: Uuid) -> bool {
        self.status == RestrictionStatus::Agreed
            && self.data_classes.contains(&class)
            && (self.recipients.is_empty() || self.recipients.contains(&account))
    }

    /// Ends it. False if it had ended before.
    pub fn end(&mut self, now: Timestamp) -> bool {
        let was_agreed = self.status == RestrictionStatus::Agreed;
        if was_agreed {
            self.status = RestrictionStatus::Ended;
            self.ended_at = Some(now);
        }
        was_agreed
    }

    /// The canonical form of what the person wrote.
    pub fn canonical(&self) -> Vec<u8> {
        json(self)
    }
}

impl Resource for Restriction {
    const READ_ONLY: &'static [&'static str] = &["status", "ended_at"];

    fn check(&self, _now: DateTime<Utc>, findings: &mut Findings) {
        if self.data_classes.is_empty() {
            findings.add("/data_classes", FindingCode::Length, "must have at least 1 item");
        }
        for (n, class) in self.data_classes.iter().enumerate() {
            if self.data_classes.iter().take(n).any(|before| before == class) {
                findings.add(
                    format!("/data_classes/{n}"),
                    FindingCode::Duplicate,
                    "is given more than once",
                );
            }
        }
    }

    fn example() -> Self {
        Self {
            data_classes: List::of([DataClass::Medications]),
            recipients: List::default(),
            reason: Some(text!("That is between my doctor and me.")),
            status: RestrictionStatus::Agreed,
            ended_at: None,
        }
    }
}
