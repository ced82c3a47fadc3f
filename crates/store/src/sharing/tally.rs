//! What a read brought to light, as the accounting of disclosures says it: classes, numbers and a hash of ids, no content.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_domain::{
    audit::{Subject, View, What, ids_hash},
    record::Kind,
    sharing::DataClass,
};
use uuid::Uuid;

/// The records of which something is given out, by class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<DataClass, u32>,
    subjects: Vec<Subject>,
    ids: BTreeMap<DataClass, BTreeSet<Uuid>>,
    /// The ids of what the person said to the reader, which no class covers.
    words: BTreeSet<Uuid>,
}

impl Tally {
    /// Counts a record of a class.
    pub fn add(&mut self, kind: Kind, class: DataClass, id: Uuid) {
        self.ids.entry(class).or_default().insert(id);
        self.subject(What::Records(kind), class, 1);
    }

    /// Counts a collection of which no record was there, which is told too.
    pub fn add_empty(&mut self, kind: Kind, class: DataClass) {
        self.subject(What::Records(kind), class, 0);
    }

    /// Counts a view of a class, such as a figure.
    pub fn add_view(&mut self, view: View, class: DataClass) {
        self.subject(What::View(view), class, 1);
    }

    /// Counts a class of which members beside its own records are given out.
    pub fn add_class(&mut self, class: DataClass) {
        self.counts.entry(class).or_insert(0);
    }

    /// Counts something around the record that belongs to no class, such as what the reader gave. By itself it is an access
    /// and no disclosure.
    pub fn add_unclassed(&mut self, view: View) {
        self.note(What::View(view), None, 1);
    }

    /// Counts what the person said to the reader about something with that id, such as thanks. It is disclosed, although no
    /// class covers it.
    pub fn add_words(&mut self, view: View, id: Uuid) {
        self.words.insert(id);
        self.note(What::View(view), None, 1);
    }

    fn subject(&mut self, what: What, class: DataClass, count: u32) {
        let sum = self.counts.entry(class).or_insert(0);
        *sum = sum.saturating_add(count);
        self.note(what, Some(class), count);
    }

    fn note(&mut self, what: What, class: Option<DataClass>, count: u32) {
        let same = |subject: &&mut Subject| subject.what == what && subject.class == class;
        match self.subjects.iter_mut().find(same) {
            Some(subject) => subject.count = subject.count.saturating_add(count),
            None => self.subjects.push(Subject { what, class, count }),
        }
    }

    /// The classes.
    pub fn classes(&self) -> impl Iterator<Item = DataClass> + '_ {
        self.counts.keys().copied()
    }

    /// The classes of some that something is given out of, with how many records of each.
    pub(super) fn of(&self, classes: &BTreeSet<DataClass>) -> BTreeMap<DataClass, u32> {
        let counts = self.counts.iter().filter(|(class, _)| classes.contains(class));
        counts.map(|(class, count)| (*class, *count)).collect()
    }

    /// What the access log says was looked at of some classes.
    pub(super) fn subjects(&self, classes: &BTreeSet<DataClass>) -> Vec<Subject> {
        let is_of = |subject: &&Subject| subject.class.is_some_and(|class| classes.contains(&class));
        self.subjects.iter().filter(is_of).cloned().collect()
    }

    /// What the access log says of what belongs to no class.
    pub(super) fn unclassed(&self) -> Vec<Subject> {
        let subjects = self.subjects.iter().filter(|subject| subject.class.is_none());
        subjects.cloned().collect()
    }

    /// The hash of the ids of what the person said to the reader. `None` if there is nothing.
    pub(super) fn words_hash(&self) -> Option<Vec<u8>> {
        (!self.words.is_empty()).then(|| ids_hash(self.words.iter().copied()))
    }

    /// The hash of the ids of the records of some classes.
    pub(super) fn ids_hash(&self, classes: &BTreeSet<DataClass>) -> Vec<u8> {
        let of = self.ids.iter().filter(|(class, _)| classes.contains(class));
        ids_hash(of.flat_map(|(_, ids)| ids.iter().copied()))
    }
}

/// What a read found, with what the accounting says of it.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// What is given out.
    pub value: T,
    /// What of it is accounted for.
    pub tally: Tally,
}
