//! Reading some collections of a person's record and no others.

use std::ops::ControlFlow;

use mainstay_domain::record::Kind;
use uuid::Uuid;

use super::{Range, Records, Stored};
use crate::error::{Result, StoreError};

/// Reads the collections on which a cached response is keyed. Reading another one is an error, since a change of it would
/// not be noticed.
pub struct KeyedRecords<'r, 'a> {
    records: &'r mut Records<'a>,
    kinds: &'static [Kind],
}

impl<'a> Records<'a> {
    /// Reads these collections and no others.
    pub fn keyed(&mut self, kinds: &'static [Kind]) -> KeyedRecords<'_, 'a> {
        KeyedRecords::new(self, kinds)
    }
}

impl<'r, 'a> KeyedRecords<'r, 'a> {
    pub(crate) fn new(records: &'r mut Records<'a>, kinds: &'static [Kind]) -> Self {
        Self { records, kinds }
    }

    /// The record of that id, as [`Records::get`].
    pub fn get(&mut self, kind: Kind, id: Uuid) -> Result<Option<Stored>> {
        self.check(kind)?.get(kind, id)
    }

    /// The record that holds a slot, as [`Records::by_slot`].
    pub fn by_slot(&mut self, kind: Kind, slot: &str) -> Result<Option<Stored>> {
        self.check(kind)?.by_slot(kind, slot)
    }

    /// Visits a part of a collection, as [`Records::for_each`].
    pub fn for_each(
        &mut self,
        kind: Kind,
        range: &Range,
        visit: impl FnMut(Stored) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.check(kind)?.for_each(kind, range, visit)
    }

    /// A page of a collection, as [`Records::page`].
    pub fn page(&mut self, kind: Kind, range: &Range) -> Result<(Vec<Stored>, bool)> {
        self.check(kind)?.page(kind, range)
    }

    fn check(&mut self, kind: Kind) -> Result<&mut Records<'a>> {
        if self.kinds.contains(&kind) {
            Ok(self.records)
        } else {
            Err(StoreError::Internal(format!(
                "a cached response is not keyed on {}",
                kind.path()
            )))
        }
    }
}
