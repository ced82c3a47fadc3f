//! Peer profiles: how someone who helps introduces themselves, in their own words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{
    list::List,
    locale::Locale,
    text::{Text, text},
};

/// How someone who helps introduces themselves. The people whose invitations they took can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerProfile {
    /// About themselves.
    pub about: Text<1, 1000>,
    /// The languages that they speak (BCP 47).
    #[serde(default)]
    #[schema(value_type = Vec<Locale>, max_items = 20)]
    pub languages: List<Locale, 20>,
    /// When they can usually be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Text<1, 500>>,
    /// What they want to say of their own recovery. Nobody has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lived_experience: Option<Text<1, 1000>>,
}

impl PeerProfile {
    /// A valid profile for documentation and tests.
    pub fn example() -> Self {
        Self {
            about: text!("I am Robin. I listen well and I like long walks."),
            languages: List::of([Locale::new("en"), Locale::new("de")].into_iter().flatten()),
            availability: Some(text!("In the evenings, and at any time when it is urgent.")),
            lived_experience: Some(text!("Sober since 2019, after more than one beginning.")),
        }
    }
}
