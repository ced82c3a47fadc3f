//! Reconciles a device with a server that was restored from a backup: what the server lost is given back, and nothing
//! that was written since is overwritten.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::Value;

use super::{
    content::{is_same, own_members},
    store::{KnownRecord, OfflineStore, PendingChange, RecordKey},
};

/// Changes that give back what the server lost.
#[derive(Default)]
struct GivenBack {
    /// Deletions. They come first, because they make room for others.
    deletions: Vec<PendingChange>,
    others: Vec<PendingChange>,
}

/// The times by which a device tells what a backup had.
struct Times {
    /// The latest time of the server in a response from before the restore. The server wrote everything later after it.
    heard: String,
    /// The backup has everything that was written before this time. It leaves a minute for requests that were under way.
    kept: Option<DateTime<FixedOffset>>,
}

impl Times {
    fn new(heard: String, server: &BTreeMap<RecordKey, KnownRecord>) -> Self {
        let times = server.values().map(updated_at).filter(|at| !at.is_empty() && *at <= heard.as_str());
        let kept = times.max().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        let kept = kept.and_then(|at| at.checked_sub_signed(TimeDelta::minutes(1)));
        Self { heard, kept }
    }

    /// Whether a record of the server is as it was in the backup.
    fn is_from_backup(&self, server: &KnownRecord) -> bool {
        let at = updated_at(server);
        !at.is_empty() && at <= self.heard.as_str()
    }

    /// Whether the server still has this version, as an earlier one.
    fn has_kept(&self, mine: &KnownRecord, server: &KnownRecord) -> bool {
        let at = DateTime::parse_from_rfc3339(updated_at(mine)).ok();
        mine.is_pulled
            && !mine.deleted
            && mine.version < server.version
            && at.zip(self.kept).is_some_and(|(at, kept)| at < kept)
    }
}

impl OfflineStore {
    /// Takes the records of the server for those that the device knew, after all of them were pulled, and prepares what is
    /// to be given back. It comes first in the outbox. No request from before can have an effect any more, because its
    /// cursor has expired, so the changes in the outbox may be altered.
    pub(super) fn reconcile(&mut self, server: BTreeMap<RecordKey, KnownRecord>) {
        self.waiting.clear();
        let times = Times::new(self.heard.clone(), &server);
        let mine = std::mem::replace(&mut self.known, server);
        self.delete_all_again();
        let mut back = GivenBack::default();
        for (key, mine) in mine {
            match self.known.get(&key).cloned() {
                None => self.give_back_missing(key, mine, &mut back),
                Some(server) if is_same(&key, &mine, &server, times.is_from_backup(&server)) => {
                    self.move_chain(&key, mine.version, server.version);
                }
                Some(server) => self.give_back_newer(key, mine, &server, &times, &mut back),
            }
        }
        self.outbox.splice(0..0, back.deletions.into_iter().chain(back.others));
    }

    /// The server does not have the record: it was created after the backup.
    fn give_back_missing(&mut self, key: RecordKey, mine: KnownRecord, back: &mut GivenBack) {
        match (mine.record, mine.deleted) {
            (Some(record), false) => {
                back.others.push(given_back(&key, None, Some(record)));
                self.move_chain(&key, mine.version, 1);
            }
            // Deleted, but still readable.
            (Some(record), true) => {
                back.others.push(given_back(&key, None, Some(record)));
                back.others.push(given_back(&key, Some(1), None));
                self.lose_chain(&key);
            }
            // There is nothing to delete, unless another device gives the record back.
            (None, _) => {
                self.lose_chain(&key);
                self.lost_deletions.insert(key, mine.version);
            }
        }
    }

    /// The server has the record with other content. If the device's version is higher and the server's was in the backup,
    /// the device's is newer. Otherwise somebody may have written the server's since.
    fn give_back_newer(
        &mut self,
        key: RecordKey,
        mine: KnownRecord,
        server: &KnownRecord,
        times: &Times,
        back: &mut GivenBack,
    ) {
        let is_newer = mine.version > server.version && times.is_from_backup(server);
        let base = Some(server.version);
        if mine.deleted && is_still_deleted(mine.version, server, &times.heard) {
            back.deletions.push(given_back(&key, base, None));
            self.lose_chain(&key);
        } else if is_newer && !mine.deleted && !server.deleted {
            back.others.push(given_back(&key, base, mine.record));
            self.move_chain(&key, mine.version, server.version + 1);
        } else if is_outcome_lost(&key, &mine, server) {
            let patch = mine.record.as_ref().map(|record| own_members(&key, record));
            back.others.push(PendingChange { patch, ..given_back(&key, base, mine.record) });
            self.move_chain(&key, mine.version, server.version + 1);
        } else {
            // A chain that was made to an earlier version cannot take effect: the server finds that it conflicts.
            if mine.version >= server.version {
                self.lose_chain(&key);
            }
            if !times.has_kept(&mine, server) {
                let base = Some(mine.version - 1).filter(|base| *base > 0);
                self.lost_edits.push(given_back(&key, base, mine.record));
            }
        }
    }

    /// Moves the pending changes to version `from` of a record to version `to`, which has the same content. Changes that
    /// were made to another version have lost their base.
    fn move_chain(&mut self, key: &RecordKey, from: i64, to: i64) {
        let mut chain: Vec<&mut PendingChange> =
            self.outbox.iter_mut().filter(|change| change.key == *key).collect();
        if from == to || chain.is_empty() {
            return;
        }
        if chain[0].base != Some(from) {
            self.lose_chain(key);
            return;
        }
        for (base, change) in (to..).zip(&mut chain) {
            change.base = Some(base);
        }
    }

    /// Moves the pending changes to a record to the lost edits.
    pub(super) fn lose_chain(&mut self, key: &RecordKey) {
        let lost = self.outbox.extract_if(.., |change| change.key == *key);
        self.lost_edits.extend(lost);
    }

    /// Looks for lost deletions among all records that the server has.
    pub(super) fn delete_all_again(&mut self) {
        let keys: Vec<RecordKey> = self.lost_deletions.keys().cloned().collect();
        for key in keys {
            if let Some(server) = self.known.get(&key).cloned() {
                self.delete_again(&key, &server);
            }
        }
    }

    /// Deletes a record again that another device has given back, if this device knows that it was deleted and nobody has
    /// changed it since.
    pub(super) fn delete_again(&mut self, key: &RecordKey, pulled: &KnownRecord) {
        let Some(version) = self.lost_deletions.remove(key) else { return };
        if is_still_deleted(version, pulled, &self.heard) {
            self.outbox.push(given_back(key, Some(pulled.version), None));
        } else if !pulled.deleted {
            self.lost_edits.push(given_back(key, Some(version - 1), None));
        }
    }
}

/// Whether a deletion that made a version is to be given back: nobody has changed the record since. Its first version is
/// either of the backup or given back by another device, and as it was.
fn is_still_deleted(deletion: i64, server: &KnownRecord, heard: &str) -> bool {
    let at = updated_at(server);
    let is_unchanged = server.version == 1 || (!at.is_empty() && at <= heard);
    !server.deleted && server.version < deletion && is_unchanged
}

/// Whether the server has closed a craving event, or holds it open, although the person had told its outcome.
fn is_outcome_lost((kind, _): &RecordKey, mine: &KnownRecord, server: &KnownRecord) -> bool {
    let is_open = |known: &KnownRecord| {
        let outcome = known.record.as_ref().and_then(|record| record["outcome"].as_str());
        outcome.is_none_or(|outcome| ["ongoing", "unsure"].contains(&outcome))
    };
    kind == "craving-events"
        && !mine.deleted
        && !server.deleted
        && mine.version >= server.version
        && is_open(server)
        && !is_open(mine)
}

fn given_back(key: &RecordKey, base: Option<i64>, record: Option<Value>) -> PendingChange {
    PendingChange { key: key.clone(), base, record, patch: None, gives_back: true }
}

/// The time at which the server wrote a record; empty for a deleted one that cannot be read. Such times are all written
/// alike, so that their texts compare as they do.
fn updated_at(known: &KnownRecord) -> &str {
    known.record.as_ref().and_then(|record| record["updated_at"].as_str()).unwrap_or_default()
}
