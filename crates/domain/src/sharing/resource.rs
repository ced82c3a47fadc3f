//! Resources that belong to a person but are no records of theirs, such as consents: how a client sends one.

use std::{fmt, marker::PhantomData};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de, de::DeserializeOwned};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    record::read_writable,
    value::{timestamp::Timestamp, validation::Findings},
};

/// A resource that is sent and answered in one form. It has an id that the client may choose, and a version.
pub trait Resource: serde::Serialize + DeserializeOwned + ToSchema + Clone + Send + 'static {
    /// Members that only the server writes. A client may send them back; they are ignored.
    const READ_ONLY: &'static [&'static str];

    /// Adds a finding for each fault.
    fn check(&self, now: DateTime<Utc>, findings: &mut Findings);

    /// The times that a client writes.
    fn times_mut(&mut self) -> Vec<&mut Timestamp> {
        Vec::new()
    }

    /// Creates a valid one for documentation and tests.
    fn example() -> Self;
}

/// A resource as a client sent it, without its read-only members.
#[derive(Debug, Clone)]
pub struct IncomingResource<T> {
    /// The id that the client chose.
    pub id: Option<Uuid>,
    /// The resource.
    pub value: T,
}

impl<'de, T: Resource> Deserialize<'de> for IncomingResource<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Resource> de::Visitor<'de> for Visitor<T> {
            type Value = IncomingResource<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let (id, value) = read_writable(map, T::READ_ONLY)?;
                Ok(IncomingResource { id, value })
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}
