//! What every noun of the record shares, and the one trait by which a noun plugs in.
//!
//! A noun's wire form is its domain type. The store never sees the type: [`draft`] turns an input into a
//! [`Draft`], which carries all that storing, ordering, constraining and cross-checking needs.

mod kind;
pub mod registry;

use std::{borrow::Cow, fmt, marker::PhantomData, sync::Arc};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess},
};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::kind::{ItemKind, Kind};
use crate::{
    reference::{helpline::Helpline, questionnaire::Questionnaire},
    value::{
        timestamp::Timestamp,
        validation::{Finding, Findings},
    },
};

/// Members that the server alone writes on every record; a client may send them back, they are ignored.
pub const ALWAYS_READ_ONLY: [&str; 3] = ["version", "created_at", "updated_at"];

/// What a reference must point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An item that one of the person's plans has or had.
    Item(ItemKind),
    /// A record of the person. A deleted one still counts: history stays valid.
    Record(Kind),
}

/// An id in a record that must name something else of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// JSON pointer to the id.
    pub pointer: String,
    /// The id.
    pub id: Uuid,
    /// What it must name.
    pub target: Target,
}

impl Reference {
    /// References to each id of a list.
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

/// Makes ids for items that the client sent without one.
pub type NewId<'a> = &'a mut dyn FnMut() -> Uuid;

/// What deleting a record leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// A tombstone without content.
    Tombstone,
    /// The record itself, marked, out of every list and computation.
    Marked,
}

/// What a record is judged by that is no part of the person's record.
#[derive(Debug, Clone)]
pub struct ValidationContext {
    /// The questionnaire that [`Record::depends_on_questionnaire`] names.
    pub questionnaire: Arc<Questionnaire>,
    /// Helplines of the person's country.
    pub helplines: Arc<[Helpline]>,
}

/// A noun of the person's record.
pub trait Record: Serialize + DeserializeOwned + ToSchema + Clone + Send + Sync + 'static {
    /// Its collection.
    const KIND: Kind;
    /// Members that the server computes, besides [`ALWAYS_READ_ONLY`].
    const READ_ONLY: &'static [&'static str] = &[];

    /// The collection under whose records' ids these records live, if they have none of their own.
    const PARENT: Option<Kind> = None;
    /// What deleting one leaves behind.
    const DELETION: Deletion = Deletion::Tombstone;

    /// The time that orders the collection; without one the time of creation does.
    fn occurred_at(&self) -> Option<Timestamp>;

    /// Notes everything that is wrong with the record on its own.
    fn check(&self, now: DateTime<Utc>, findings: &mut Findings);

    /// Notes everything that is wrong with the record as the successor of `before`.
    fn check_change(&self, _before: &Self, _findings: &mut Findings) {}

    /// The questionnaire by which the record is judged. What names one is not stored unless it was looked up.
    fn depends_on_questionnaire(&self) -> Option<Uuid> {
        None
    }

    /// Notes everything that is wrong with the record by what it is judged by.
    fn check_with(&self, _basis: &ValidationContext, _findings: &mut Findings) {}

    /// Completes what follows from what the record is judged by.
    fn complete_with(&mut self, _basis: &ValidationContext) {}

    /// Completes what the server owns: computed members, ids of items, states that time has already changed.
    fn complete(&mut self, _now: DateTime<Utc>, _new_id: NewId<'_>) {}

    /// Takes over from the version before what a client cannot set.
    fn adopt(&mut self, _before: &Self) {}

    /// The place that only one record of the collection may hold.
    fn slot(&self) -> Option<String> {
        None
    }

    /// What the record refers to.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// The items that others may refer to from now on.
    fn items(&self) -> Vec<(Uuid, ItemKind)> {
        Vec::new()
    }

    /// When the server changes the record by itself.
    fn due_at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Marks the record as deleted, where [`Deletion::Marked`] says that it stays.
    fn mark_deleted(&mut self) {}

    /// Changes the record because its time has come.
    fn on_timer(&mut self) {}

    /// A valid record for the documentation and the tests.
    fn example() -> Self;
}

/// A record as a client sends it: its id if it chose one, and the body without what is read-only.
#[derive(Debug, Clone)]
pub struct Incoming<T> {
    /// The id that the client chose.
    pub id: Option<Uuid>,
    /// The record.
    pub body: T,
    /// What it is judged by, once that was looked up.
    pub basis: Option<ValidationContext>,
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
                let mut id = None;
                let writable = Writable {
                    map,
                    id: &mut id,
                    read_only: T::READ_ONLY,
                };
                let body = T::deserialize(de::value::MapAccessDeserializer::new(writable))?;
                Ok(Incoming {
                    id,
                    body,
                    basis: None,
                })
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// Passes on what a client may write, keeps the id, drops what is read-only.
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

/// A checked record, ready to be stored; all that the store knows of a noun.
///
/// Only [`draft`], which validates, and [`stored`] make one, so that nothing else can reach the store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// Its collection.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// The JSON object of the record without `id`, `version`, `created_at`, `updated_at`.
    pub body: Vec<u8>,
    /// What the client sent, in one canonical form: two inputs are the same content exactly if these bytes are equal.
    pub canonical: Vec<u8>,
    /// The time that orders the collection, in microseconds; `None` is the time of creation.
    pub occurred_at: Option<i64>,
    /// The place that only one record of the collection may hold.
    pub slot: Option<String>,
    /// What must exist.
    pub references: Vec<Reference>,
    /// What others may refer to from now on.
    pub items: Vec<(Uuid, ItemKind)>,
    /// When the server changes the record by itself.
    pub due_at: Option<DateTime<Utc>>,
}

/// Checks and completes an input and makes it ready to be stored.
///
/// # Errors
/// Every finding, if there is any.
pub fn draft<T: Record>(
    incoming: Incoming<T>,
    id: Uuid,
    before: Option<&T>,
    now: DateTime<Utc>,
    new_id: NewId<'_>,
) -> Result<Draft, Vec<Finding>> {
    let mut record = incoming.body;
    let mut findings = Findings::default();
    record.check(now, &mut findings);
    if let Some(before) = before {
        record.check_change(before, &mut findings);
    }
    let basis = match record.depends_on_questionnaire() {
        None => None,
        Some(id) => {
            let basis = incoming.basis.filter(|basis| basis.questionnaire.id == id);
            match &basis {
                Some(basis) => record.check_with(basis, &mut findings),
                None => findings.add(
                    "/questionnaire_id",
                    "unknown-reference",
                    "is no questionnaire of this server",
                ),
            }
            basis
        }
    };
    if !findings.is_empty() {
        return Err(findings.into_vec());
    }
    let canonical = json(&record);
    if let Some(before) = before {
        record.adopt(before);
    }
    record.complete(now, new_id);
    if let Some(basis) = &basis {
        record.complete_with(basis);
    }
    Ok(stored(&record, id, canonical))
}

/// A record that the server itself changed, ready to be stored.
pub fn stored<T: Record>(record: &T, id: Uuid, canonical: Vec<u8>) -> Draft {
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
        due_at: record.due_at(),
    }
}

/// The JSON of a value.
///
/// # Panics
/// If it has keys that are no strings: none of our types does, and nothing must ever be stored in its place.
#[expect(
    clippy::expect_used,
    reason = "an empty body in the place of a record would be a loss"
)]
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("the value has a form in JSON")
}

/// Notes a time that lies in the future.
pub fn check_past(at: Timestamp, pointer: &str, now: DateTime<Utc>, findings: &mut Findings) {
    if at.is_future(now) {
        findings.add(pointer, "future", "must not be more than 5 minutes in the future");
    }
}

/// Notes a date that has begun nowhere on earth yet.
pub fn check_past_date(date: NaiveDate, pointer: &str, now: DateTime<Utc>, findings: &mut Findings) {
    // The easternmost zones are 14 hours ahead.
    if date > (now + TimeDelta::hours(14)).date_naive() {
        findings.add(pointer, "future", "must not be in the future");
    }
}

/// Notes an end that lies before its beginning, or in the future.
pub fn check_end(
    start: Timestamp,
    end: Option<Timestamp>,
    pointer: &str,
    now: DateTime<Utc>,
    findings: &mut Findings,
) {
    if let Some(end) = end {
        check_past(end, pointer, now, findings);
        if end.millis() < start.millis() {
            findings.add(pointer, "order", "must not be before occurred_at");
        }
    }
}
