//! What was made of a person's record, remembered for as long as the record stays as it is. Every use asks the
//! database for the person's revision, so that an answer is never older than the last write, whichever server took it.

use std::sync::Arc;

use bytes::Bytes;
use mainstay_domain::record::Kind;
use quick_cache::{Weighter, sync::Cache};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Store,
    error::Result,
    record::{Change, Records, Since},
    revision::Revision,
    scope::PersonScope,
};

/// Most bytes that are remembered.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 200;
/// About how many entries there are.
const ENTRIES: usize = 4_000;
/// What nobody asked for in this time, in microseconds, is forgotten.
const FORGOTTEN_US: i64 = 10 * 60 * 1_000_000;

/// Bytes made of a record, with the tag that names them if there is one. They are overwritten when they are forgotten.
#[derive(Debug, Clone)]
pub struct Made {
    /// The bytes.
    pub bytes: Bytes,
    /// Their entity tag.
    pub tag: Option<String>,
    /// Where each record of a list stands in the bytes.
    pub places: Arc<[Place]>,
}

/// Where a record of a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
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
    pub made: Made,
    /// What changed in the collections that it is made of, in that order. One or the other change may be part of it
    /// already.
    pub changes: Vec<Change>,
}

impl Made {
    /// Bytes without a tag.
    pub fn new(bytes: Vec<u8>) -> Self {
        let bytes = Zeroizing::new(bytes);
        // Room that a growing answer left behind it would be kept with it.
        let exact = Zeroizing::new(bytes.as_slice().to_vec());
        Self {
            bytes: Bytes::from_owner(exact),
            tag: None,
            places: Arc::default(),
        }
    }
}

/// Whose record it was made of, and what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    person_no: i64,
    text: Box<str>,
}

#[derive(Clone)]
struct Entry {
    revision: Revision,
    made: Option<Made>,
    made_at: i64,
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<Question, Entry> for Bytewise {
    fn weight(&self, question: &Question, entry: &Entry) -> u64 {
        let bytes = entry.made.as_ref().map_or(0, |made| made.bytes.len());
        let places = entry
            .made
            .as_ref()
            .map_or(0, |made| made.places.len() * size_of::<Place>());
        u64::try_from(ENTRY_BYTES + question.text.len() + bytes + places).unwrap_or(u64::MAX)
    }
}

/// Answers that may be given again.
pub(crate) struct Remembered {
    answers: Cache<Question, Entry, Bytewise>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            answers: Cache::with_weighter(ENTRIES, MOST_BYTES, Bytewise),
        }
    }
}

impl Store {
    /// What was made of some collections of a person's record at their present state, made now if need be. The
    /// question says what was asked, and nothing but those collections may take part in the answer. Whoever makes it
    /// is told what was made before, if that helps. `now` is in microseconds.
    ///
    /// # Errors
    /// What the database or the making says.
    pub async fn remember<F>(
        &self,
        scope: &PersonScope,
        question: &str,
        of: &'static [Kind],
        now: i64,
        work: F,
    ) -> Result<Option<Made>>
    where
        F: FnOnce(&mut Records<'_>, Option<Stale>) -> Result<Option<Made>> + Send + 'static,
    {
        let (question, revision) = self.question(scope, question).await?;
        let before = self.remembered.answers.get(&question);
        if let Some(entry) = &before
            && entry.revision == revision
        {
            return Ok(entry.made.clone());
        }
        // Changes between the two reads make the entry newer than its revision says, which only costs a look more.
        let before = before.filter(|entry| entry.revision.epoch == revision.epoch);
        let (made, made_at) = self
            .read(scope, move |records| {
                let Some(Entry {
                    revision,
                    made,
                    made_at,
                }) = before
                else {
                    return Ok((work(records, None)?, now));
                };
                match records.since(revision.rev, of)? {
                    Since::Changed(changes) if changes.is_empty() => Ok((made, made_at)),
                    Since::Changed(changes) => {
                        let stale = made.map(|made| Stale { made, changes });
                        Ok((work(records, stale)?, now))
                    }
                    Since::TooMuch => Ok((work(records, None)?, now)),
                }
            })
            .await?;
        self.remembered.keep(question, revision, made.clone(), made_at);
        Ok(made)
    }

    /// What was made of a person's whole record at its present state, made now if need be, which may take its time.
    ///
    /// # Errors
    /// What the database or the making says.
    pub async fn remember_long<F>(
        &self,
        scope: &PersonScope,
        question: &str,
        now: i64,
        work: F,
    ) -> Result<Option<Made>>
    where
        F: FnOnce(&mut Records<'_>) -> Result<Option<Made>> + Send + 'static,
    {
        let (question, revision) = self.question(scope, question).await?;
        if let Some(entry) = self.remembered.current(&question, revision) {
            return Ok(entry.made);
        }
        let made = self.read_long(scope, work).await?;
        self.remembered.keep(question, revision, made.clone(), now);
        Ok(made)
    }

    /// The state of a person's record.
    ///
    /// # Errors
    /// What the database says.
    pub async fn revision(&self, scope: &PersonScope) -> Result<Revision> {
        self.data.revision(scope.no).await
    }

    async fn question(&self, scope: &PersonScope, text: &str) -> Result<(Question, Revision)> {
        let question = Question {
            person_no: scope.no,
            text: text.into(),
        };
        Ok((question, self.data.revision(scope.no).await?))
    }

    /// Forgets what was made long ago. `now` is in microseconds.
    pub fn sweep_remembered(&self, now: i64) {
        self.remembered
            .answers
            .retain(|_, entry| now - entry.made_at < FORGOTTEN_US);
    }
}

impl Remembered {
    /// The entry, if it was made at that revision.
    fn current(&self, question: &Question, revision: Revision) -> Option<Entry> {
        self.answers
            .get(question)
            .filter(|entry| entry.revision == revision)
    }

    fn keep(&self, question: Question, revision: Revision, made: Option<Made>, made_at: i64) {
        let entry = Entry {
            revision,
            made,
            made_at,
        };
        self.answers.insert(question, entry);
    }

    /// Forgets what was made of one person's record.
    pub fn forget_person(&self, person_no: i64) {
        self.answers.retain(|question, _| question.person_no != person_no);
    }
}
