//! What an access was about: a collection or a view of the record, with its class and how many.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{record::Kind, sharing::DataClass};

/// One thing that an access was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The collection or view.
    pub what: What,
    /// The class by which it was covered. Absent where no consent was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// How many records. Of a person's own accesses: how many requests.
    pub count: u32,
}

impl Subject {
    /// Records of a collection.
    pub const fn records(kind: Kind, class: Option<DataClass>, count: u32) -> Self {
        let what = What::Records(kind);
        Self { what, class, count }
    }

    /// A view of the record, once.
    pub const fn view(view: View, class: Option<DataClass>) -> Self {
        Self {
            what: What::View(view),
            class,
            count: 1,
        }
    }
}

/// A collection, or a view of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Records of a collection.
    Records(Kind),
    /// A view.
    View(View),
}

impl What {
    /// The name on the wire and in stored entries: the path under `/v1/`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Records(kind) => kind.path(),
            Self::View(view) => view.as_str(),
        }
    }

    /// Every one of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.iter().copied().map(Self::Records);
        kinds.chain(View::VARIANTS.iter().copied().map(Self::View))
    }

    /// What it is called in a sentence, where it is not counted.
    pub fn words(self) -> String {
        match self {
            Self::Records(kind) => plural(kind.singular()),
            Self::View(view) => view.words().to_owned(),
        }
    }

    /// What that many of it are called in a sentence.
    pub fn counted(self, count: u32) -> String {
        match self {
            Self::Records(kind) if count == 1 => format!("1 {}", kind.singular()),
            Self::Records(kind) => format!("{count} {}", plural(kind.singular())),
            Self::View(view) => view.words().to_owned(),
        }
    }
}

impl FromStr for What {
    type Err = strum::ParseError;

    /// A view that a newer version wrote is [`View::Other`]: an entry stays readable.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(kind) = Kind::ALL.iter().find(|kind| kind.path() == name) {
            return Ok(Self::Records(*kind));
        }
        Ok(Self::View(name.parse().unwrap_or(View::Other)))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for What {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

fn plural(singular: &str) -> String {
    if singular.ends_with("feedback") {
        return singular.to_owned();
    }
    match singular.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{singular}s"),
    }
}

/// A view of the record, or a part of the service around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
pub enum View {
    /// Days without use.
    #[strum(serialize = "insights/abstinence")]
    Abstinence,
    /// Milestones.
    #[strum(serialize = "insights/milestones")]
    Milestones,
    /// Cravings over time.
    #[strum(serialize = "insights/cravings")]
    Cravings,
    /// Triggers.
    #[strum(serialize = "insights/triggers")]
    Triggers,
    /// What has helped.
    #[strum(serialize = "insights/strategies")]
    Strategies,
    /// Confidence by kind of situation.
    #[strum(serialize = "insights/self-efficacy")]
    SelfEfficacy,
    /// Days covered by medication.
    #[strum(serialize = "insights/medication")]
    MedicationCoverage,
    /// Measures over time.
    #[strum(serialize = "insights/series")]
    Series,
    /// Early warnings.
    #[strum(serialize = "insights/warnings")]
    Warnings,
    /// The most important figures.
    #[strum(serialize = "insights/summary")]
    Summary,
    /// The progress report and its charts.
    #[strum(serialize = "reports/progress")]
    ProgressReport,
    /// The summary for a care team.
    #[strum(serialize = "summary")]
    CareSummary,
    /// Help in a hard moment.
    #[strum(serialize = "support")]
    Support,
    /// Synchronisation with a device.
    #[strum(serialize = "sync")]
    Sync,
    /// The account and its profile.
    #[strum(serialize = "me")]
    Account,
    /// Sessions, sign-in and password.
    #[strum(serialize = "auth")]
    Sessions,
    /// Consents.
    #[strum(serialize = "consents")]
    Consents,
    /// Restrictions.
    #[strum(serialize = "restrictions")]
    Restrictions,
    /// Invitations.
    #[strum(serialize = "invitations")]
    Invitations,
    /// Proposals to a plan.
    #[strum(serialize = "proposals")]
    Proposals,
    /// Encouragements.
    #[strum(serialize = "encouragements")]
    Encouragements,
    /// Commitments that people who help share.
    #[strum(serialize = "shared-commitments")]
    SharedCommitments,
    /// Access in a medical emergency.
    #[strum(serialize = "break-glass")]
    BreakGlass,
    /// The access log.
    #[strum(serialize = "access-log")]
    AccessLog,
    /// The accounting of disclosures.
    #[strum(serialize = "disclosures")]
    Disclosures,
    /// The whole record.
    #[strum(serialize = "record")]
    Record,
    /// Something else.
    #[strum(serialize = "other")]
    Other,
}

impl View {
    /// The name on the wire and in stored entries.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it is called in a sentence, after "your".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Abstinence => "days without use",
            Self::Milestones => "milestones",
            Self::Cravings => "cravings over time",
            Self::Triggers => "triggers",
            Self::Strategies => "figures of what has helped",
            Self::SelfEfficacy => "confidence over time",
            Self::MedicationCoverage => "days covered by medication",
            Self::Series => "measures over time",
            Self::Warnings => "early warnings",
            Self::Summary => "most important figures",
            Self::ProgressReport => "progress report",
            Self::CareSummary => "summary for a care team",
            Self::Support => "help for a hard moment",
            Self::Sync => "record, to bring a device up to date",
            Self::Account => "account",
            Self::Sessions => "sign-ins and sessions",
            Self::Consents => "consents",
            Self::Restrictions => "restrictions",
            Self::Invitations => "invitations",
            Self::Proposals => "proposals",
            Self::Encouragements => "encouragements",
            Self::SharedCommitments => "list of what others promise themselves",
            Self::BreakGlass => "access in a medical emergency",
            Self::AccessLog => "access log",
            Self::Disclosures => "list of disclosures",
            Self::Record => "record",
            Self::Other => "other things",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_its_own_and_is_read_again() {
        let names: BTreeSet<_> = What::all().map(What::as_str).collect();
        assert_eq!(names.len(), What::all().count());
        for what in What::all() {
            assert_eq!(what.as_str().parse(), Ok(what));
        }
        assert_eq!("of-a-newer-version".parse(), Ok(What::View(View::Other)));
    }

    #[test]
    fn records_are_counted_in_words() {
        let counted = |kind, count| What::Records(kind).counted(count);
        assert_eq!(counted(Kind::CheckIn, 1), "1 check-in");
        assert_eq!(counted(Kind::CheckIn, 0), "0 check-ins");
        assert_eq!(counted(Kind::JournalEntry, 2), "2 journal entries");
        assert_eq!(counted(Kind::WarningFeedback, 2), "2 warning feedback");
        assert_eq!(What::View(View::Abstinence).counted(7), "days without use");
    }
}
