//! The trait that makes a type a noun of the person's record, and the checks and preparation that all nouns
//! share.
//!
//! A noun's domain type is also its wire form. The store never sees the type: [`draft`] turns an input into a
//! [`Draft`], which has everything needed to store, order, constrain and cross-check the record.

mod check;
mod kind;
pub mod merge_patch;
mod offset;
pub mod registry;
pub mod stored;

use std::{borrow::Cow, fmt, marker::PhantomData, sync::Arc};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess},
};
use utoipa::ToSchema;
use uuid::Uuid;

use self::offset::{canonical, resolve_offsets};
pub use self::{
    check::{check_end, check_past, check_past_date},
    kind::{ItemKind, Kind},
    offset::may_need_zone,
};
use crate::{
    reference::{helpline::Helpline, questionnaire::Questionnaire},
    value::{
        timestamp::Timestamp,
        validation::{Finding, FindingCode, Findings},
    },
};

/// Members of every record that only the server writes. A client may send them back; they are ignored.
pub const ALWAYS_READ_ONLY: [&str; 3] = ["version", "created_at", "updated_at"];

/// The target that a reference must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An item that one of the person's plans has or had.
    Item(ItemKind),
    /// A record of the person. A deleted record still counts, so that history stays valid.
    Record(Kind),
}

/// An id in a record that must refer to a record or item of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// JSON pointer to the id.
    pub pointer: String,
    /// The id.
    pub id: Uuid,
    /// The target that the id must have.
    pub target: Target,
}

impl Reference {
    /// Creates a reference for each id of a list.
    pub fn each(pointer: &str, ids: &[Uuid], target: Target) -> Vec<Self> {
        ids.iter()
            .enumerate()
            .map(|(n, id)| Self {
                pointer: format!("{pointer}/{n}"),
                id: *id,
                target,
            })
            .collect()
    }
}

/// Generates ids for items that the client sent without one.
pub type NewId<'a> = &'a mut dyn FnMut() -> Uuid;

/// The effect of deleting a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The content is destroyed and a tombstone remains.
    Tombstone,
    /// The record remains but is marked as deleted, and no list or computation includes it.
    Marked,
}

/// Reference data that the validation of a record needs.
#[derive(Debug, Clone)]
pub struct ValidationContext {
    /// The questionnaire with the id from [`Record::depends_on_questionnaire`].
    pub questionnaire: Arc<Questionnaire>,
    /// Helplines of the person's country.
    pub helplines: Arc<[Helpline]>,
}

/// A change that the server makes to a record by itself at a certain time.
pub struct Timer<T> {
    /// The time of the change; `None` if the record needs none.
    pub due_at: fn(&T) -> Option<DateTime<Utc>>,
    /// Makes the change. Afterwards `due_at` is `None`.
    pub on_timer: fn(&mut T),
}

/// A noun of the person's record.
///
/// A noun that implements this trait and has a row in [`Kind`] and a line in [`registry`] is stored,
/// versioned, replayed, listed, synchronised and deleted like all others.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use mainstay_domain::{
///     record::{Incoming, Kind, Record, check_past, draft},
///     value::{number::Rating, timestamp::Timestamp, validation::Findings},
/// };
/// use serde::{Deserialize, Serialize};
/// use utoipa::ToSchema;
/// use uuid::Uuid;
///
/// /// A mood at a moment.
/// #[derive(Clone, Serialize, Deserialize, ToSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Mood {
///     occurred_at: Timestamp,
///     mood: Rating,
/// }
///
/// impl Record for Mood {
///     const KIND: Kind = Kind::JournalEntry;
///
///     fn occurred_at(&self) -> Option<Timestamp> {
///         Some(self.occurred_at)
///     }
///
///     fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
///         vec![Some(&mut self.occurred_at)]
///     }
///
///     fn check(&self, now: DateTime<Utc>, findings: &mut Findings) {
///         check_past(self.occurred_at, "/occurred_at", now, findings);
///     }
///
///     fn example() -> Self {
///         Self { occurred_at: Timestamp::utc(DateTime::UNIX_EPOCH), mood: Rating::clamped(7) }
///     }
/// }
///
/// let sent = r#"{ "occurred_at": "2026-03-01T08:15:00+01:00", "mood": 7 }"#;
/// let incoming: Incoming<Mood> = serde_json::from_str(sent)?;
/// let too_early = "2026-02-01T00:00:00Z".parse()?;
/// let zone = chrono_tz::Europe::Berlin;
/// let findings = draft(incoming, Uuid::nil(), None, too_early, zone, &mut Uuid::nil).unwrap_err();
/// assert_eq!(findings[0].pointer, "/occurred_at");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Record: Serialize + DeserializeOwned + ToSchema + Clone + Send + Sync + 'static {
    /// The collection of these records.
    const KIND: Kind;
    /// Members that the server computes, in addition to [`ALWAYS_READ_ONLY`].
    const READ_ONLY: &'static [&'static str] = &[];

    /// The parent collection, if these records have the id of their parent instead of one of their own.
    const PARENT: Option<Kind> = None;
    /// The effect of deleting a record.
    const DELETION: Deletion = Deletion::Tombstone;
    /// The timer of these records, if the server changes them by itself. [`registry::has_timers`] follows
    /// from this constant.
    const TIMER: Option<Timer<Self>> = None;

    /// Whether the server sets `occurred_at` if the client leaves it out.
    const TIMED_BY_SERVER: bool = false;

    /// The time that orders the collection; `None` orders by the time of creation.
    fn occurred_at(&self) -> Option<Timestamp>;

    /// The times that a client writes, always in the same order; `None` stands for one that is absent. [`draft`] gives
    /// each its local offset, and the offset makes no difference to the content.
    fn times_mut(&mut self) -> Vec<Option<&mut Timestamp>> {
        Vec::new()
    }

    /// Adds a finding for each fault of the record on its own. Times may not have their local offset yet, so rules compare
    /// instants and no local dates.
    fn check(&self, now: DateTime<Utc>, findings: &mut Findings);

    /// Adds a finding for each fault of the record as the next version of `before`.
    fn check_change(&self, _before: &Self, _findings: &mut Findings) {}

    /// The questionnaire that the validation needs. [`draft`] refuses a record whose questionnaire is not in
    /// its [`ValidationContext`].
    fn depends_on_questionnaire(&self) -> Option<Uuid> {
        None
    }

    /// Adds a finding for each fault that only the context reveals.
    fn check_with(&self, _context: &ValidationContext, _findings: &mut Findings) {}

    /// Sets the members that are computed from the context.
    fn complete_with(&mut self, _context: &ValidationContext) {}

    /// Sets the members that the server owns: computed members, ids of items, and states that time has
    /// already changed. An `Option` that it always fills is marked `#[schema(nullable = false)]`.
    fn complete(&mut self, _now: DateTime<Utc>, _new_id: NewId<'_>) {}

    /// Copies members that a client cannot set from the previous version.
    fn adopt(&mut self, _before: &Self) {}

    /// The slot of the record. At most one record of a collection may hold a slot, such as the check-in of a
    /// morning.
    fn slot(&self) -> Option<String> {
        None
    }

    /// The references to other records and items.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// The items of this record that other records may refer to.
    fn items(&self) -> Vec<(Uuid, ItemKind)> {
        Vec::new()
    }

    /// Marks the record as deleted; for collections with [`Deletion::Marked`].
    fn mark_deleted(&mut self) {}

    /// Returns the present form of a body that an earlier release stored in a form that is no longer valid.
    /// `None` if the body is in its present form. A stored record must stay readable for ever.
    fn in_current_form(_stored: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// Creates a valid record for documentation and tests.
    fn example() -> Self;
}

/// A record as a client sent it: its id, if the client chose one, and its body without read-only members.
#[derive(Debug, Clone)]
pub struct Incoming<T> {
    /// The id that the client chose.
    pub id: Option<Uuid>,
    /// The record.
    pub body: T,
    /// The validation context, if the record needs one and it was looked up.
    pub context: Option<ValidationContext>,
}

impl<'de, T: Record> Deserialize<'de> for Incoming<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Record> de::Visitor<'de> for Visitor<T> {
            type Value = Incoming<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let (id, body) = read_writable(map, T::READ_ONLY)?;
                Ok(Incoming {
                    id,
                    body,
                    context: None,
                })
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// Deserialises the members of an object that a client may write, and its id. Read-only members are dropped.
///
/// # Errors
/// If the object is not valid for the type.
pub(crate) fn read_writable<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: A,
    read_only: &'static [&'static str],
) -> Result<(Option<Uuid>, T), A::Error> {
    let mut id = None;
    let writable = Writable {
        map,
        id: &mut id,
        read_only,
    };
    let body = T::deserialize(de::value::MapAccessDeserializer::new(writable))?;
    Ok((id, body))
}

/// Deserialises an object: passes on the members that a client may write, extracts the id, and drops
/// read-only members.
struct Writable<'a, A> {
    map: A,
    id: &'a mut Option<Uuid>,
    read_only: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Writable<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<Cow<'de, str>>()? {
            if key == "id" {
                *self.id = self.map.next_value()?;
            } else if ALWAYS_READ_ONLY.contains(&&*key) || self.read_only.contains(&&*key) {
                self.map.next_value::<de::IgnoredAny>()?;
            } else {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A checked record, ready to be stored. The store knows nothing else about a noun.
///
/// Outside of this crate only [`draft`], which validates, and [`to_draft`] can make one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// The collection of these records.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// The JSON object of the record without `id`, `version`, `created_at`, `updated_at`.
    pub body: Vec<u8>,
    /// The client's input in canonical form, in which times are instants. Two inputs have the same content exactly if
    /// these bytes are equal.
    pub canonical: Vec<u8>,
    /// The time that orders the collection, in microseconds since 1970; `None` means the time of creation.
    pub occurred_at: Option<i64>,
    /// The slot of the record. At most one record of a collection may hold a slot, such as the check-in of a
    /// morning.
    pub slot: Option<String>,
    /// The references whose targets must exist.
    pub references: Vec<Reference>,
    /// The items that other records may refer to.
    pub items: Vec<(Uuid, ItemKind)>,
    /// The time at which the server changes the record by itself.
    pub due_at: Option<DateTime<Utc>>,
}

/// Checks and completes an input, and prepares it for storing.
///
/// A time without a local offset takes the one that `before` has for the same instant in the same member, else the one
/// that `zone`, the person's time zone, has then. If [`Incoming::needs_zone`] is false, `zone` has no effect.
///
/// # Errors
/// All findings, if there are any.
pub fn draft<T: Record>(
    incoming: Incoming<T>,
    id: Uuid,
    before: Option<&T>,
    now: DateTime<Utc>,
    zone: Tz,
    new_id: NewId<'_>,
) -> Result<Draft, Vec<Finding>> {
    let mut record = incoming.body;
    resolve_offsets(&mut record, before, zone);
    let mut findings = Findings::default();
    record.check(now, &mut findings);
    if let Some(before) = before {
        record.check_change(before, &mut findings);
    }
    let context = match record.depends_on_questionnaire() {
        None => None,
        Some(id) => {
            let context = incoming.context.filter(|context| context.questionnaire.id == id);
            match &context {
                Some(context) => record.check_with(context, &mut findings),
                None => findings.add(
                    "/questionnaire_id",
                    FindingCode::UnknownReference,
                    "is no questionnaire of this server",
                ),
            }
            context
        }
    };
    if !findings.is_empty() {
        return Err(findings.into_vec());
    }
    let canonical = canonical(&mut record);
    if let Some(before) = before {
        record.adopt(before);
    }
    record.complete(now, new_id);
    if let Some(context) = &context {
        record.complete_with(context);
    }
    if T::TIMED_BY_SERVER {
        resolve_offsets(&mut record, None, zone);
    }
    Ok(to_draft(&record, id, canonical))
}

/// Prepares a record for storing without checks; for records that the server itself changed.
pub fn to_draft<T: Record>(record: &T, id: Uuid, canonical: Vec<u8>) -> Draft {
    let mut references = record.references();
    references.extend(T::PARENT.map(|parent| Reference {
        pointer: "/id".to_owned(),
        id,
        target: Target::Record(parent),
    }));
    Draft {
        kind: T::KIND,
        id,
        body: json(record),
        canonical,
        occurred_at: record.occurred_at().map(|t| t.micros()),
        slot: record.slot(),
        references,
        items: record.items(),
        due_at: T::TIMER.and_then(|timer| (timer.due_at)(record)),
    }
}

/// Serialises a value as JSON.
///
/// # Panics
/// If a map in the value has keys that are not strings. None of our types does, and storing anything else
/// instead would lose data.
#[expect(
    clippy::expect_used,
    reason = "an empty body in the place of a record would be a loss"
)]
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("the value has a form in JSON")
}
