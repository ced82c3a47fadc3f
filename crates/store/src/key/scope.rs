//! The right to reach a person's record. Only the store makes one: for a live session, or for its own work.

use std::sync::Arc;

use mainstay_domain::account::quota::Quota;
use uuid::Uuid;

use crate::{
    engine::{Lane, Party},
    key::seal::DataKeys,
};

/// A version of a record, or of a profile, in an epoch. A restore from a backup begins another epoch, since versions from
/// before come again with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionTag {
    /// The version, from 1.
    pub version: i64,
    /// The epoch.
    pub epoch: i64,
}

impl VersionTag {
    /// The epoch of a person whose record was never restored from a backup.
    pub const FIRST_EPOCH: i64 = 1;
}

/// The right to reach one person's record, with the keys that open it. Every query on a record takes one.
#[derive(Clone)]
pub struct PersonScope {
    pub(crate) no: i64,
    pub(crate) account: Uuid,
    /// The epoch of the record when the scope was made. A restore begins another one.
    pub(crate) epoch: i64,
    pub(crate) keys: Arc<DataKeys>,
    pub(crate) urgency: Urgency,
    /// The limits of the account when the scope was made.
    pub(crate) quota: Quota,
}

/// Whether work for a person goes before that for others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Urgency {
    /// It takes its turn.
    #[default]
    Ordinary,
    /// Someone may be in a crisis: it has turns of its own, and goes first.
    Urgent,
}

impl PersonScope {
    /// The same right, for work of that urgency.
    #[must_use]
    pub fn with_urgency(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }

    pub(crate) fn lane(&self) -> Lane {
        match self.urgency {
            Urgency::Ordinary => Lane::Ordinary,
            Urgency::Urgent => Lane::Urgent,
        }
    }

    pub(crate) fn party(&self) -> Party {
        match self.urgency {
            Urgency::Ordinary => Party::Account(self.account),
            Urgency::Urgent => Party::UrgentAccount(self.account),
        }
    }

    /// The person's account.
    pub fn account(&self) -> Uuid {
        self.account
    }

    /// The tag of a version in the epoch of this scope.
    pub fn tag(&self, version: i64) -> VersionTag {
        VersionTag {
            version,
            epoch: self.epoch,
        }
    }
}

impl std::fmt::Debug for PersonScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonScope")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
