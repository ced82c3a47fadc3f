//! What was made of a person's record, remembered for as long as the record stays as it is. Every use asks the
//! database for the person's revision, so that an answer is never older than the last write, whichever server took it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use mainstay_domain::record::Kind;
use quick_cache::{Weighter, sync::Cache};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Store,
    cache::revision::{CachedRevision, Revision, RevisionSnapshot},
    error::{Result, StoreError},
    key::scope::PersonScope,
    record::{Change, Records, Since, since},
};

/// Most bytes that are remembered, packed.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 200;
/// About how many entries there are.
const ENTRIES: usize = 4_000;
/// What nobody asked for in this time, in microseconds, is forgotten.
const FORGOTTEN_US: i64 = 10 * 60 * 1_000_000;

/// Bytes made of a record, with the tag that names them if there is one. They are overwritten when they are forgotten.
#[derive(Debug, Clone)]
pub struct CachedBody {
    /// The bytes.
    pub bytes: Bytes,
    /// Their entity tag.
    pub tag: Option<String>,
    /// Where each record of a list stands in the bytes.
    pub spans: Arc<[ItemSpan]>,
}

/// Where a record of a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemSpan {
    /// The time by which it is ordered, in microseconds, and its id.
    pub key: (i64, Uuid),
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
}

/// What was made before, and what has changed since.
#[derive(Debug, Clone)]
pub struct Stale {
    /// What was made.
    pub made: CachedBody,
    /// What changed in the collections that it is made of, in that order. One or the other change may be part of it
    /// already.
    pub changes: Vec<Change>,
}

/// The revision of a person's record as a request observed it, before it reads the record.
#[derive(Debug, Clone, Copy)]
pub struct ObservedRevision {
    /// The revision.
    pub revision: Revision,
    /// How many people the cache had forgotten by then.
    forgotten: u64,
}

impl CachedBody {
    /// Bytes without a tag.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Bytes::from_owner(Zeroizing::new(bytes)),
            tag: None,
            spans: Arc::default(),
        }
    }
}

/// Whose record it was made of, and what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CacheKey {
    person_no: i64,
    text: Box<str>,
}

impl CacheKey {
    fn of(scope: &PersonScope, text: &str) -> Self {
        Self {
            person_no: scope.no,
            text: text.into(),
        }
    }
}

#[derive(Clone)]
struct Entry {
    revision: Revision,
    made: Option<Packed>,
    made_at: i64,
}

/// What was made, in a form that takes little room: answers are JSON, in which much is said again and again.
#[derive(Clone)]
struct Packed {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    tag: Option<String>,
    spans: Arc<[ItemSpan]>,
}

impl Packed {
    fn of(made: &CachedBody) -> Self {
        let packed = Zeroizing::new(compress_prepend_size(&made.bytes));
        Self {
            // Without the room that was kept for what does not get smaller.
            bytes: Arc::new(Zeroizing::new(packed.as_slice().to_vec())),
            tag: made.tag.clone(),
            spans: Arc::clone(&made.spans),
        }
    }

    fn unpack(&self) -> Result<CachedBody> {
        let bytes = decompress_size_prepended(&self.bytes)
            .map_err(|e| StoreError::Internal(format!("a cached body: {e}")))?;
        Ok(CachedBody {
            // On its way into an answer, of which other copies are made.
            bytes: bytes.into(),
            tag: self.tag.clone(),
            spans: Arc::clone(&self.spans),
        })
    }
}

impl Entry {
    fn of(made: Option<&CachedBody>, revision: Revision, made_at: i64) -> Self {
        Self {
            revision,
            made: made.map(Packed::of),
            made_at,
        }
    }

    fn unpack(&self) -> Result<Option<CachedBody>> {
        self.made.as_ref().map(Packed::unpack).transpose()
    }
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<CacheKey, Entry> for Bytewise {
    fn weight(&self, question: &CacheKey, entry: &Entry) -> u64 {
        let bytes = entry.made.as_ref().map_or(0, |made| made.bytes.len());
        let spans = entry
            .made
            .as_ref()
            .map_or(0, |made| made.spans.len() * size_of::<ItemSpan>());
        u64::try_from(ENTRY_BYTES + question.text.len() + bytes + spans).unwrap_or(u64::MAX)
    }
}

/// Answers that may be given again.
pub(crate) struct ResponseCache {
    answers: Cache<CacheKey, Entry, Bytewise>,
    /// How often somebody was forgotten.
    forgotten: AtomicU64,
}

impl Default for ResponseCache {
    fn default() -> Self {
        Self {
            answers: Cache::with_weighter(ENTRIES, MAX_BYTES, Bytewise),
            forgotten: AtomicU64::new(0),
        }
    }
}

impl Store {
    /// What was made of some collections of a person's record at their present state, made now if need be. The
    /// question says what was asked, and nothing but those collections may take part in the answer. Whoever can bring
    /// what was made before up to date is asked first. `now` is in microseconds.
    ///
    /// # Errors
    /// What the database or the making says.
    pub async fn get_or_compute<G, F>(
        &self,
        scope: &PersonScope,
        question: &str,
        of: &'static [Kind],
        now: i64,
        apply_changes: G,
        work: F,
    ) -> Result<Option<CachedBody>>
    where
        G: FnOnce(&Stale) -> Option<CachedBody>,
        F: FnOnce(&mut Records<'_>) -> Result<Option<CachedBody>> + Send + 'static,
    {
        let question = CacheKey::of(scope, question);
        let forgotten = self.response_cache.forgotten();
        let before = self.response_cache.answers.get(&question);
        let known = before
            .as_ref()
            .map(|entry| CachedRevision::of(entry.revision, of));
        let RevisionSnapshot { revision, changed } = self.data.fetch_revision(scope.no, known).await?;
        if let Some(entry) = before.filter(|entry| entry.revision.epoch == revision.epoch) {
            if entry.revision == revision {
                return entry.unpack();
            }
            // A change that came while they were looked up makes the entry newer than its revision says, which only
            // costs a look more.
            if let Since::Changed(changes) = since(&changed, of, scope)? {
                let made = entry.unpack()?;
                if changes.is_empty() {
                    let entry = Entry { revision, ..entry };
                    self.response_cache.put(&question, entry, forgotten);
                    return Ok(made);
                }
                if let Some(made) = made.and_then(|made| apply_changes(&Stale { made, changes })) {
                    let entry = Entry::of(Some(&made), revision, now);
                    self.response_cache.put(&question, entry, forgotten);
                    return Ok(Some(made));
                }
            }
        }
        let made = self.read(scope, work).await?;
        let entry = Entry::of(made.as_ref(), revision, now);
        self.response_cache.put(&question, entry, forgotten);
        Ok(made)
    }

    /// Returns what was computed from a person's whole record at the observed revision; computes it if it is not cached,
    /// which may take long. `now` is in microseconds.
    ///
    /// # Errors
    /// Errors of the database and of `work`.
    pub async fn get_or_compute_long<F>(
        &self,
        scope: &PersonScope,
        question: &str,
        observed: ObservedRevision,
        now: i64,
        work: F,
    ) -> Result<Option<CachedBody>>
    where
        F: FnOnce(&mut Records<'_>) -> Result<Option<CachedBody>> + Send + 'static,
    {
        let question = CacheKey::of(scope, question);
        let ObservedRevision { revision, forgotten } = observed;
        if let Some(entry) = self.response_cache.current(&question, revision) {
            return entry.unpack();
        }
        let made = self.read_long(scope, work).await?;
        let entry = Entry::of(made.as_ref(), revision, now);
        self.response_cache.put(&question, entry, forgotten);
        Ok(made)
    }

    /// Returns the revision of a person's record. A request observes it once and hands it on.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn revision(&self, scope: &PersonScope) -> Result<ObservedRevision> {
        // Read before the revision: what is computed for somebody who is erased from here on is not cached.
        let forgotten = self.response_cache.forgotten();
        let revision = self.data.fetch_revision(scope.no, None).await?.revision;
        Ok(ObservedRevision { revision, forgotten })
    }

    /// Forgets what was made long ago. `now` is in microseconds.
    pub fn sweep_response_cache(&self, now: i64) {
        self.response_cache
            .answers
            .retain(|_, entry| now - entry.made_at < FORGOTTEN_US);
    }
}

impl ResponseCache {
    /// The entry, if it was made at that revision.
    fn current(&self, question: &CacheKey, revision: Revision) -> Option<Entry> {
        self.answers
            .get(question)
            .filter(|entry| entry.revision == revision)
    }

    /// How often somebody was forgotten so far: to be asked before the record is looked at.
    fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    /// Remembers an answer, unless somebody was forgotten since the record was looked at: it may have been them.
    fn put(&self, question: &CacheKey, entry: Entry, forgotten: u64) {
        self.answers.insert(question.clone(), entry);
        if self.forgotten() != forgotten {
            self.answers.remove(question);
        }
    }

    /// Forgets what was made of one person's record.
    pub fn forget_person(&self, person_no: i64) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.answers.retain(|question, _| question.person_no != person_no);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_of_somebody_who_is_forgotten_meanwhile_is_not_kept() {
        let question = |person_no| CacheKey {
            person_no,
            text: "latest".into(),
        };
        let entry = || {
            Entry::of(
                Some(&CachedBody::new(b"{}".to_vec())),
                Revision { rev: 1, epoch: 1 },
                0,
            )
        };
        let response_cache = ResponseCache::default();
        let before = response_cache.forgotten();
        response_cache.put(&question(1), entry(), before);
        response_cache.put(&question(2), entry(), before);
        response_cache.forget_person(1);
        assert!(response_cache.answers.get(&question(1)).is_none());
        assert!(response_cache.answers.get(&question(2)).is_some());
        // Somebody looked before that and comes back only now.
        response_cache.put(&question(1), entry(), before);
        assert!(response_cache.answers.get(&question(1)).is_none());
    }

    #[test]
    fn what_is_packed_comes_back_as_it_was_and_took_less_room() {
        let made = CachedBody {
            tag: Some("\"1\"".to_owned()),
            ..CachedBody::new(b"{\"craving\":3,\"mood\":6},".repeat(50))
        };
        let packed = Packed::of(&made);
        let again = packed.unpack().unwrap();
        assert_eq!((&again.bytes, &again.tag), (&made.bytes, &made.tag));
        assert!(
            packed.bytes.len() < made.bytes.len() / 10,
            "{}",
            packed.bytes.len()
        );
        assert_eq!(packed.bytes.capacity(), packed.bytes.len());
        assert!(
            Packed::of(&CachedBody::new(Vec::new()))
                .unpack()
                .unwrap()
                .bytes
                .is_empty()
        );
    }
}
