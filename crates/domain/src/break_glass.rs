//! Break-glass: a clinician opens a person's record in a medical emergency, without consent (42 CFR 2.51). The person is told
//! at once, sees why, and may end it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    account::CurrentPassword,
    sharing::DataClass,
    value::{
        place::Email,
        text::{Label, Text},
        timestamp::Timestamp,
        validation::{FindingCode, Findings},
    },
};

/// How long an emergency access lasts, in microseconds: a day.
pub const GRANT_US: i64 = 24 * 3600 * 1_000_000;
/// The emergency accesses that a clinician can have at a time.
pub const MAX_LIVE: i64 = 3;
/// The tries that a clinician has in [`TRY_WINDOW_US`].
pub const MAX_TRIES: i64 = 5;
/// The time in which tries are counted, in microseconds: a day from the first one on.
pub const TRY_WINDOW_US: i64 = 24 * 3600 * 1_000_000;
/// The fewest characters of a justification.
const MIN_JUSTIFICATION: usize = 20;

/// The nature of an emergency.
pub type Emergency = Text<1, 500>;
/// Why a record has to be opened.
pub type Justification = Text<MIN_JUSTIFICATION, 2000>;
/// An e-mail address or the id of an account, as it was sent.
pub type PersonText = Text<1, 254>;

/// A request to open a person's record in an emergency.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBreakGlass)]
pub struct BreakGlassRequest {
    /// The id of the emergency access. If it is sent again with the same content, the response is that of the first request.
    pub id: Option<Uuid>,
    /// Whose record: the e-mail address or the id of an account.
    pub person: PersonText,
    /// Where the clinician works. The person sees it.
    pub affiliation: Label,
    /// The nature of the emergency. The person sees it.
    pub emergency: Emergency,
    /// Why the record has to be opened, in at least 20 characters. The person sees it.
    pub justification: Justification,
    /// The password of the clinician, as proof that nobody else asks.
    #[schema(write_only)]
    pub password: CurrentPassword,
}

/// Whose record is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedPerson {
    /// The account with that address.
    Email(Email),
    /// The account with that id.
    Account(Uuid),
}

impl BreakGlassRequest {
    /// The person that the request names; `None` if the text is neither an id nor an address.
    pub fn named_person(&self) -> Option<NamedPerson> {
        let text = self.person.trim();
        let id = text.parse::<Uuid>().ok().map(NamedPerson::Account);
        id.or_else(|| Email::new(text).map(NamedPerson::Email))
    }

    /// Adds a finding for each rule that the request breaks.
    pub fn check(&self, findings: &mut Findings) {
        if self.named_person().is_none() {
            let expected = "must be an e-mail address or the id of an account";
            findings.add("/person", FindingCode::Format, expected);
        }
        if self.justification.trim().chars().count() < MIN_JUSTIFICATION {
            let expected = "must have at least 20 characters, spaces at its ends aside";
            findings.add("/justification", FindingCode::Length, expected);
        }
    }
}

/// What is stored of an emergency access under the person's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBreakGlass {
    /// The account of the clinician.
    pub clinician_id: Uuid,
    /// The name of the clinician at that time. The record of an emergency must say who looked, also later
    /// (42 CFR 2.51(c)).
    pub clinician_name: Label,
    /// Where the clinician works.
    pub affiliation: Label,
    /// The nature of the emergency.
    pub emergency: Emergency,
    /// Why the record had to be opened.
    pub justification: Justification,
    /// The person as the request named them.
    pub person: PersonText,
    /// What was read since, by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reads: BTreeMap<DataClass, ClassReads>,
}

/// What was read of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassReads {
    /// The number of reads.
    pub reads: u32,
    /// The time of the first one, in microseconds.
    pub first: i64,
    /// The time of the latest one, in microseconds.
    pub last: i64,
}

impl SealedBreakGlass {
    /// What is stored for a request of a clinician.
    pub fn new(request: &BreakGlassRequest, clinician_id: Uuid, clinician_name: Label) -> Self {
        Self {
            clinician_id,
            clinician_name,
            affiliation: request.affiliation.clone(),
            emergency: request.emergency.clone(),
            justification: request.justification.clone(),
            person: request.person.clone(),
            reads: BTreeMap::new(),
        }
    }

    /// Whether a request of the same clinician has the same content.
    pub fn is_of(&self, request: &BreakGlassRequest) -> bool {
        self.person == request.person
            && self.affiliation == request.affiliation
            && self.emergency == request.emergency
            && self.justification == request.justification
    }

    /// Counts one read of these classes at `now` (microseconds).
    pub fn count_reads(&mut self, classes: impl IntoIterator<Item = DataClass>, now: i64) {
        for class in classes {
            let counted = self.reads.entry(class).or_insert(ClassReads {
                reads: 0,
                first: now,
                last: now,
            });
            counted.reads = counted.reads.saturating_add(1);
            counted.last = counted.last.max(now);
        }
    }
}

/// Whether an emergency access covers a class of data. Notes of counseling sessions stay closed.
pub const fn covers(class: DataClass) -> bool {
    !matches!(class, DataClass::CounselingNotes)
}

/// When an emergency access began and ends. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantTimes {
    /// When it was granted.
    pub granted_at: i64,
    /// When it ends by itself.
    pub ends_at: i64,
    /// When the person ended it.
    pub ended_at: Option<i64>,
}

impl GrantTimes {
    /// An access that is granted at `now`.
    pub const fn beginning(now: i64) -> Self {
        Self {
            granted_at: now,
            ends_at: now.saturating_add(GRANT_US),
            ended_at: None,
        }
    }

    /// Whether the access is in force at `now`.
    pub const fn is_live(&self, now: i64) -> bool {
        self.ended_at.is_none() && now < self.ends_at
    }
}

/// Whether an emergency access is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakGlassStatus {
    /// The clinician can read the record.
    Active,
    /// The clinician cannot read the record any more.
    Ended,
}

/// An emergency access as its clinician gets it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BreakGlassGrant {
    /// The id of the emergency access.
    pub id: Uuid,
    /// The account of the person.
    pub person_id: Uuid,
    /// When it began.
    pub granted_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
}

/// An emergency access as the person sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BreakGlassEntry {
    /// The id of the emergency access.
    pub id: Uuid,
    /// The account of the clinician.
    pub clinician_id: Uuid,
    /// The name of the clinician at that time.
    pub clinician_name: Label,
    /// Where the clinician works.
    pub affiliation: Label,
    /// The nature of the emergency, in the words of the clinician.
    pub emergency: Emergency,
    /// Why the record had to be opened, in the words of the clinician.
    pub justification: Justification,
    /// Whether it is in force.
    pub status: BreakGlassStatus,
    /// When it began.
    pub granted_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// When you ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What was read, by class of data.
    #[schema(max_items = 20)]
    pub reads: Vec<BreakGlassRead>,
}

/// What was read of one class of data in an emergency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BreakGlassRead {
    /// The class.
    pub data_class: DataClass,
    /// The number of reads.
    #[schema(minimum = 1)]
    pub reads: u32,
    /// The time of the first one.
    pub first_at: Timestamp,
    /// The time of the latest one.
    pub last_at: Timestamp,
}

impl BreakGlassEntry {
    /// Combines what is sealed with the times. `can_read` says whether the clinician's account is still there; `now` is in
    /// microseconds.
    pub fn new(
        id: Uuid,
        sealed: SealedBreakGlass,
        times: GrantTimes,
        clinician: ClinicianState,
        now: i64,
    ) -> Self {
        let is_active = clinician == ClinicianState::Present && times.is_live(now);
        let reads = sealed.reads.into_iter().map(|(data_class, read)| BreakGlassRead {
            data_class,
            reads: read.reads,
            first_at: Timestamp::from_micros(read.first),
            last_at: Timestamp::from_micros(read.last),
        });
        Self {
            id,
            clinician_id: sealed.clinician_id,
            clinician_name: sealed.clinician_name,
            affiliation: sealed.affiliation,
            emergency: sealed.emergency,
            justification: sealed.justification,
            status: if is_active {
                BreakGlassStatus::Active
            } else {
                BreakGlassStatus::Ended
            },
            granted_at: Timestamp::from_micros(times.granted_at),
            ends_at: Timestamp::from_micros(times.ends_at),
            ended_at: times.ended_at.map(Timestamp::from_micros),
            reads: reads.collect(),
        }
    }
}

/// Whether the account of a clinician is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClinicianState {
    /// It is there.
    Present,
    /// It was erased, which has ended the access.
    Erased,
}

/// The tries of a clinician. Each counts, whether there is such a person or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// Their number.
    pub count: i64,
    /// The time of the first one, in microseconds.
    pub since: i64,
}

impl Tries {
    /// Counts another try at `now` (microseconds). `before` are the tries so far.
    ///
    /// # Errors
    /// The seconds until there may be another one, if there were too many.
    pub fn with_another(before: Option<Self>, now: i64) -> Result<Self, i64> {
        // Tries of a clock that was ahead do not count.
        let recent = before.filter(|tries| (0..TRY_WINDOW_US).contains(&now.saturating_sub(tries.since)));
        let Some(tries) = recent else {
            return Ok(Self { count: 1, since: now });
        };
        if tries.count >= MAX_TRIES {
            let left = tries.since + TRY_WINDOW_US - now;
            return Err(left / 1_000_000 + 1);
        }
        Ok(Self {
            count: tries.count + 1,
            ..tries
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(members: &[(&str, &str)]) -> BreakGlassRequest {
        let mut body = json!({
            "person": "sam@example.org", "affiliation": "Harbor Hospital", "emergency": "unconscious",
            "justification": "Found unconscious, medication unknown.", "password": "rivers bend slowly",
        });
        for (name, value) in members {
            body[*name] = json!(value);
        }
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_request_names_each_wrong_field() {
        for (members, expected) in [
            (&[][..], &[][..]),
            (&[("person", "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40")], &[]),
            (&[("person", "Sam")], &["/person"]),
            (
                &[("person", "@"), ("justification", "help                      ")],
                &["/justification", "/person"],
            ),
        ] {
            let mut findings = Findings::default();
            request(members).check(&mut findings);
            let pointers: Vec<String> = findings.into_vec().into_iter().map(|f| f.pointer).collect();
            assert_eq!(pointers, expected, "{members:?}");
        }
    }

    #[test]
    fn five_tries_a_day_and_no_more() {
        let mut tries = None;
        for n in 0..MAX_TRIES {
            tries = Some(Tries::with_another(tries, n).unwrap());
        }
        assert_eq!(Tries::with_another(tries, TRY_WINDOW_US - 1_000_000), Err(2));
        let next = Tries {
            count: 1,
            since: TRY_WINDOW_US,
        };
        assert_eq!(Tries::with_another(tries, TRY_WINDOW_US), Ok(next));
        let ahead = Some(Tries {
            count: 5,
            since: TRY_WINDOW_US,
        });
        assert_eq!(Tries::with_another(ahead, 7), Ok(Tries { count: 1, since: 7 }));
    }

    #[test]
    fn an_access_ends_by_itself_or_by_the_person() {
        let times = GrantTimes::beginning(5);
        assert!(times.is_live(5) && times.is_live(4 + GRANT_US) && !times.is_live(5 + GRANT_US));
        let ended = GrantTimes {
            ended_at: Some(6),
            ..times
        };
        assert!(!ended.is_live(6));
    }

    #[test]
    fn reads_are_summed_up_by_class_and_the_same_content_is_recognised() {
        let request = request(&[]);
        let mut sealed = SealedBreakGlass::new(&request, Uuid::nil(), Label::new("Dr. Lee").unwrap());
        sealed.count_reads([DataClass::Medications, DataClass::Use], 10);
        sealed.count_reads([DataClass::Medications], 20);
        assert!(sealed.is_of(&request));
        let stored: SealedBreakGlass = serde_json::from_slice(&serde_json::to_vec(&sealed).unwrap()).unwrap();
        assert_eq!(stored, sealed);
        let times = GrantTimes::beginning(0);
        let entry = BreakGlassEntry::new(Uuid::nil(), stored, times, ClinicianState::Present, 30);
        let reads: Vec<_> = entry
            .reads
            .iter()
            .map(|r| (r.data_class, r.reads, r.last_at.micros()))
            .collect();
        assert_eq!(reads, [(DataClass::Use, 1, 0), (DataClass::Medications, 2, 0)]);
        assert_eq!(entry.status, BreakGlassStatus::Active);
    }

    #[test]
    fn notes_of_counseling_stay_closed() {
        let closed: Vec<_> = DataClass::ALL.iter().filter(|class| !covers(**class)).collect();
        assert_eq!(closed, [&DataClass::CounselingNotes]);
    }
}
