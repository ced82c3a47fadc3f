//! The chain over a person's entries.

use mainstay_domain::audit::canonical;
use uuid::Uuid;

use crate::{error::Result, key::seal::DataKeys};

/// The end of a chain before its first entry.
const BEGINNING: &[u8] = b"";

/// An entry of the access log as its row has it, with the bytes of its disclosure.
pub(super) struct Link<'a> {
    pub no: i64,
    /// The canonical bytes of the access.
    pub access: &'a [u8],
    /// The canonical bytes of the disclosure, if there was one.
    pub disclosure: Option<&'a [u8]>,
}

/// The end of a chain: how many entries, and its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub count: i64,
    pub mac: Vec<u8>,
}

impl End {
    /// The end of an empty chain.
    pub fn beginning() -> Self {
        Self {
            count: 0,
            mac: BEGINNING.to_vec(),
        }
    }

    /// The code of an entry that comes next.
    pub fn link(&self, keys: &DataKeys, link: &Link<'_>) -> [u8; 32] {
        let disclosure = link.disclosure.map(canonical::hash);
        keys.audit_mac(&[
            b"entry",
            &self.mac,
            &link.no.to_be_bytes(),
            link.access,
            disclosure.as_ref().map_or(&[], <[u8; 32]>::as_slice),
        ])
    }

    /// The end after an entry with that code.
    pub fn after(keys: &DataKeys, no: i64, entry_mac: &[u8]) -> Self {
        let mac = keys.audit_mac(&[b"end", &no.to_be_bytes(), entry_mac]);
        Self {
            count: no,
            mac: mac.to_vec(),
        }
    }
}

/// Seals the bytes of an access or a disclosure for its number.
pub(super) fn seal(keys: &DataKeys, what: &'static str, no: i64, bytes: &[u8]) -> Result<Vec<u8>> {
    keys.seal(what, place(no), bytes)
}

/// Opens the bytes of an access or a disclosure.
pub(super) fn open(keys: &DataKeys, what: &'static str, no: i64, sealed: &[u8]) -> Result<Vec<u8>> {
    keys.open(what, place(no), sealed)
}

/// What the bytes of an access are sealed as.
pub(super) const ACCESS: &str = "access";
/// What the bytes of a disclosure are sealed as.
pub(super) const DISCLOSURE: &str = "disclosure";

fn place(no: i64) -> Uuid {
    Uuid::from_u64_pair(0, no.unsigned_abs())
}
