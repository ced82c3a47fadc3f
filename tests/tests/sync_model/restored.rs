//! Histories with restores: how devices learn of one, and the proof of what a restore must not undo.

use std::collections::BTreeMap;

use mainstay_tests::offline::{Expiry, OfflineStore, RecordKey};

use crate::{
    change::marker,
    history::History,
    proof::is_purged,
    restores::{RESTORES, Witness},
};

impl History {
    /// The phase of the restores; always the same if there are none.
    pub fn phase(&self) -> u64 {
        self.mode.restores.as_ref().map_or(0, |restores| restores.phase())
    }

    /// Whether the history may come to its end.
    pub fn may_end(&self) -> bool {
        self.mode.restores.as_ref().is_none_or(|restores| restores.are_over())
    }

    /// Tells a device that its cursor has expired.
    pub fn expire(&mut self, n: usize, reason: Expiry) {
        assert!(self.mode.restores.is_some(), "no cursor expires here");
        assert_eq!(reason, Expiry::Restored);
        self.witness(n);
        self.devices[n].store.restart_from_scratch(reason);
    }

    /// Records what a device knows when it learns of a restore.
    fn witness(&mut self, n: usize) {
        let phase = self.phase();
        let witness = &mut self.ledger.witness;
        if witness.phase != phase {
            *witness = Witness { phase, ..Witness::default() };
        }
        for (key, known) in self.devices[n].store.known() {
            match &known.record {
                Some(record) if !known.deleted => {
                    witness.versions.insert((key.clone(), marker(key, record)));
                }
                Some(_) => {}
                None => {
                    witness.deletions.insert((key.clone(), n, known.version));
                }
            }
        }
    }

    /// Proves that nothing was lost that a device had when it learnt of the last restore, and that no deletion was undone
    /// unless another device has changed the record so often since.
    pub fn prove_restored(&self, fresh: &OfflineStore, markers: &BTreeMap<RecordKey, Vec<String>>) {
        let witness = &self.ledger.witness;
        if witness.phase != 2 * RESTORES {
            return;
        }
        let is_lost_edit = |n: Option<usize>, key: &RecordKey, wanted: Option<&String>| {
            let devices = self.devices.iter().enumerate().filter(|(m, _)| n.is_none_or(|n| n == *m));
            let mut lost = devices.flat_map(|(_, device)| &device.store.lost_edits);
            lost.any(|edit| {
                edit.key == *key && edit.record.as_ref().map(|record| marker(key, record)).as_ref() == wanted
            })
        };
        for (key, wanted) in &witness.versions {
            let is_stored = markers.get(key).is_some_and(|all| all.contains(wanted));
            let is_purged = fresh.known().get(key).is_some_and(|known| is_purged(key, known));
            assert!(
                is_stored || is_purged || is_lost_edit(None, key, Some(wanted)),
                "{key:?}: {wanted} was lost"
            );
        }
        for (key, n, version) in &witness.deletions {
            let stays = fresh.known().get(key).is_none_or(|known| known.deleted || known.version >= *version);
            assert!(stays || is_lost_edit(Some(*n), key, None), "{key:?} was deleted and came back");
        }
    }
}
