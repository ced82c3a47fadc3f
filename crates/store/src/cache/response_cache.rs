//! Responses in the cache: their bytes, compressed, with what is needed to bring them up to date.

use std::sync::Arc;

use bytes::Bytes;
use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use mainstay_domain::record::Kind;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    CacheKey, Content, Entry,
    revision::{CachedRevision, ObservedRevision, Revision, RevisionSnapshot},
};
use crate::{
    Store,
    error::{Result, StoreError},
    key::scope::PersonScope,
    record::{Change, KeyedRecords, Records, Since, since},
};

/// The body of a response, with its entity tag if it has one.
#[derive(Debug, Clone)]
pub struct CachedBody {
    /// The bytes. They are overwritten when they are dropped.
    pub bytes: Bytes,
    /// Their entity tag.
    pub tag: Option<String>,
    /// The places of a list's records in the bytes.
    pub spans: Arc<[ItemSpan]>,
}

/// The place of a list's record in the bytes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemSpan {
    /// The time by which it is ordered, in microseconds, and its id.
    pub key: (i64, Uuid),
    /// The index of its first byte.
    pub start: usize,
    /// The index after its last byte.
    pub end: usize,
}

/// A cached response with the changes since it was derived.
#[derive(Debug, Clone)]
pub struct Stale {
    /// The response.
    pub body: CachedBody,
    /// The changes of the collections it is derived from, in their order. Some of them may be part of it already.
    pub changes: Vec<Change>,
}

impl CachedBody {
    /// A body without an entity tag.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Bytes::from_owner(Zeroizing::new(bytes)),
            tag: None,
            spans: Arc::default(),
        }
    }
}

/// A body compressed with LZ4. Bodies are JSON, in which much is said again and again: a third of the size is left.
#[derive(Clone)]
pub(crate) struct CompressedBody {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    tag: Option<String>,
    spans: Arc<[ItemSpan]>,
}

impl CompressedBody {
    fn compress(body: &CachedBody) -> Self {
        let compressed = Zeroizing::new(compress_prepend_size(&body.bytes));
        Self {
            // Without the spare room for bytes that do not compress.
            bytes: Arc::new(Zeroizing::new(compressed.as_slice().to_vec())),
            tag: body.tag.clone(),
            spans: Arc::clone(&body.spans),
        }
    }

    fn decompress(&self) -> Result<CachedBody> {
        let bytes = decompress_size_prepended(&self.bytes)
            .map_err(|e| StoreError::Internal(format!("a cached body: {e}")))?;
        Ok(CachedBody {
            // On the way into a response, of which other copies are made.
            bytes: bytes.into(),
            tag: self.tag.clone(),
            spans: Arc::clone(&self.spans),
        })
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.spans.len() * size_of::<ItemSpan>()
    }
}

impl Entry {
    fn of_body(body: Option<&CachedBody>, revision: Revision, derived_at: i64) -> Self {
        Self {
            revision,
            derived_at,
            content: Content::Body(body.map(CompressedBody::compress)),
        }
    }

    fn body(&self) -> Result<Option<CachedBody>> {
        match &self.content {
            Content::Body(body) => body.as_ref().map(CompressedBody::decompress).transpose(),
            Content::Opened(..) => Err(StoreError::Internal(
                "opened records in the place of a body".to_owned(),
            )),
        }
    }
}

impl Store {
    /// Gives the response with that name at the present revision of a person's record: from the cache, or computed now.
    ///
    /// The response may be derived from the collections in `kinds` and from nothing else: `compute` gets no others to read.
    /// `apply_changes` brings a cached response up to date where it can. `now` is in microseconds.
    ///
    /// # Errors
    /// Those of the database and of `compute`.
    pub async fn get_or_compute<A, F>(
        &self,
        scope: &PersonScope,
        name: &str,
        kinds: &'static [Kind],
        now: i64,
        apply_changes: A,
        compute: F,
    ) -> Result<Option<CachedBody>>
    where
        A: FnOnce(&Stale) -> Option<CachedBody>,
        F: FnOnce(&mut KeyedRecords<'_, '_>) -> Result<Option<CachedBody>> + Send + 'static,
    {
        let key = CacheKey::new(scope, name);
        let generation = self.cache.generation();
        let cached = self.cache.get(&key);
        let cached_revision = cached
            .as_ref()
            .map(|entry| CachedRevision::of(entry.revision, kinds));
        let RevisionSnapshot { revision, changed } = self.fetch_revision(scope, cached_revision).await?;
        if let Some(entry) = cached.filter(|entry| entry.revision.epoch == revision.epoch) {
            if entry.revision == revision {
                return entry.body();
            }
            // A change that came while the changes were read makes the response newer than its revision, which only costs
            // one more look.
            if let Since::Changed(changes) = since(&changed, kinds, scope)? {
                let body = entry.body()?;
                if changes.is_empty() {
                    let entry = Entry { revision, ..entry };
                    self.cache.put(&key, entry, generation);
                    return Ok(body);
                }
                if let Some(body) = body.and_then(|body| apply_changes(&Stale { body, changes })) {
                    let entry = Entry::of_body(Some(&body), revision, now);
                    self.cache.put(&key, entry, generation);
                    return Ok(Some(body));
                }
            }
        }
        let compute = move |records: &mut Records<'_>| compute(&mut KeyedRecords::new(records, kinds));
        let body = self.read(scope, compute).await?;
        let entry = Entry::of_body(body.as_ref(), revision, now);
        self.cache.put(&key, entry, generation);
        Ok(body)
    }

    /// Gives the response with that name, derived from a person's whole record at the observed revision: from the cache, or
    /// computed on a thread that may block. `now` is in microseconds.
    ///
    /// # Errors
    /// Those of the database and of `compute`.
    pub async fn get_or_compute_long<F>(
        &self,
        scope: &PersonScope,
        name: &str,
        observed: ObservedRevision,
        now: i64,
        compute: F,
    ) -> Result<Option<CachedBody>>
    where
        F: FnOnce(&mut Records<'_>) -> Result<Option<CachedBody>> + Send + 'static,
    {
        let key = CacheKey::new(scope, name);
        let ObservedRevision { revision, generation } = observed;
        if let Some(entry) = self.cache.get(&key).filter(|entry| entry.revision == revision) {
            return entry.body();
        }
        let turn = self.data.long_turn(scope.account).await?;
        // The same may have been computed while this request waited.
        if let Some(entry) = self.cache.get(&key).filter(|entry| entry.revision == revision) {
            return entry.body();
        }
        let body = self.read_long_in_turn(Arc::clone(&turn), scope, compute).await?;
        let entry = Entry::of_body(body.as_ref(), revision, now);
        self.cache.put(&key, entry, generation);
        // Those who waited for the turn find the entry.
        drop(turn);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_body_comes_back_as_it_was_and_takes_less_room() {
        let body = CachedBody {
            tag: Some("\"1\"".to_owned()),
            ..CachedBody::new(b"{\"craving\":3,\"mood\":6},".repeat(50))
        };
        let compressed = CompressedBody::compress(&body);
        let again = compressed.decompress().unwrap();
        assert_eq!((&again.bytes, &again.tag), (&body.bytes, &body.tag));
        assert!(compressed.size() < body.bytes.len() / 10, "{}", compressed.size());
        assert_eq!(compressed.bytes.capacity(), compressed.bytes.len());
        let empty = CompressedBody::compress(&CachedBody::new(Vec::new()));
        assert!(empty.decompress().unwrap().bytes.is_empty());
    }
}
