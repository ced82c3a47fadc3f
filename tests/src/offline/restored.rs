//! Reconciles a device with a server that was restored from a backup: what the server lost is given back, and nothing
//! that was written since is overwritten.

use std::collections::BTreeMap;

use serde_json::Value;

use super::store::{KnownRecord, OfflineStore, PendingChange, RecordKey};

/// Changes that give back what the server lost, each with the time at which its record was created.
type GivenBack = Vec<(String, PendingChange)>;

impl OfflineStore {
    /// Takes the records of the server for those that the device knew, after all of them were pulled, and prepares what is
    /// to be given back. It comes first in the outbox. No request from before can have an effect any more, because its
    /// cursor has expired, so the changes in the outbox may be altered.
    pub(super) fn reconcile(&mut self, server: BTreeMap<RecordKey, KnownRecord>) {
        let mut mine = std::mem::replace(&mut self.known, server);
        // Deletions that an earlier restore has lost, and that nobody has undone.
        for (key, version) in std::mem::take(&mut self.lost_deletions) {
            mine.entry(key).or_insert(KnownRecord { version, deleted: true, record: None });
        }
        let mut back = GivenBack::new();
        for (key, mine) in mine {
            match self.known.get(&key).cloned() {
                None => self.give_back_missing(key, mine, &mut back),
                Some(server) if is_same(&mine, &server) => {
                    self.move_chain(&key, mine.version, server.version);
                }
                Some(server) => self.give_back_newer(key, mine, &server, &mut back),
            }
        }
        // A record comes after those that it refers to, which were created earlier. One that was acknowledged, but never
        // pulled, has no time yet.
        back.sort_by(|(one, a), (other, b)| {
            (one.is_empty(), one, a.key.1, a.base).cmp(&(other.is_empty(), other, b.key.1, b.base))
        });
        self.outbox.splice(0..0, back.into_iter().map(|(_, change)| change));
    }

    /// The server does not have the record: it was created after the backup.
    fn give_back_missing(&mut self, key: RecordKey, mine: KnownRecord, back: &mut GivenBack) {
        let change = |base, record| given_back(&key, base, record);
        match (&mine.record, mine.deleted) {
            (Some(record), false) => {
                back.push((time(record, "created_at"), change(None, mine.record.clone())));
                self.move_chain(&key, mine.version, 1);
            }
            // Deleted, but still readable.
            (Some(record), true) => {
                back.push((time(record, "created_at"), change(None, mine.record.clone())));
                back.push((time(record, "created_at"), change(Some(1), None)));
                self.lose_chain(&key);
            }
            // There is nothing to delete, unless another device gives the record back.
            (None, _) => {
                self.lose_chain(&key);
                self.lost_deletions.insert(key, mine.version);
            }
        }
    }

    /// The server has the record with other content. If the device's version is higher and the server's is not from a
    /// later time, the server's was in the backup. Otherwise somebody may have written it since.
    fn give_back_newer(
        &mut self,
        key: RecordKey,
        mine: KnownRecord,
        server: &KnownRecord,
        back: &mut GivenBack,
    ) {
        let is_newer = mine.version > server.version;
        let base = Some(server.version);
        let at = |known: &KnownRecord| known.record.as_ref().map(|record| time(record, "updated_at"));
        if is_newer && mine.deleted && !server.deleted {
            back.push((String::new(), given_back(&key, base, None)));
            self.lose_chain(&key);
        } else if is_newer && !mine.deleted && !server.deleted && at(&mine) >= at(server) {
            let record = mine.record.expect("a record that is not deleted");
            back.push((time(&record, "created_at"), given_back(&key, base, Some(record))));
            self.move_chain(&key, mine.version, server.version + 1);
        } else {
            // A chain that was made to an earlier version cannot take effect: the server finds that it conflicts.
            if mine.version >= server.version {
                self.lose_chain(&key);
            }
            let base = Some(mine.version - 1).filter(|base| *base > 0);
            self.lost_edits.push(given_back(&key, base, mine.record));
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
    fn lose_chain(&mut self, key: &RecordKey) {
        let lost = self.outbox.extract_if(.., |change| change.key == *key);
        self.lost_edits.extend(lost);
    }

    /// Deletes a record again that another device has given back, if this device knows that it was deleted.
    pub(super) fn delete_again(&mut self, key: &RecordKey, pulled: &KnownRecord) {
        if let Some(version) = self.lost_deletions.remove(key)
            && !pulled.deleted
            && pulled.version < version
        {
            self.outbox.push(given_back(key, Some(pulled.version), None));
        }
    }
}

fn given_back(key: &RecordKey, base: Option<i64>, record: Option<Value>) -> PendingChange {
    PendingChange { key: key.clone(), base, record, patch: None, gives_back: true }
}

/// Whether two versions say the same, apart from what the server sets at each change.
fn is_same(one: &KnownRecord, other: &KnownRecord) -> bool {
    let content = |known: &KnownRecord| {
        let mut record = known.record.clone()?;
        for name in ["version", "created_at", "updated_at"] {
            record.as_object_mut()?.remove(name);
        }
        Some(record)
    };
    one.deleted == other.deleted && content(one) == content(other)
}

/// A time that the server has set. Such times are all written alike, so that their texts compare as they do.
fn time(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}
