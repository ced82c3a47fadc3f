//! Identifiers: the only module that creates UUIDs.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// Creates a time-ordered identifier (UUID v7), so that rows written together lie close together in the database.
#[expect(
    clippy::disallowed_methods,
    reason = "every other module takes its ids from here"
)]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Derives the identifier of something that has a name. The same kind and names always give the same identifier (UUID
/// v8 of a SHA-256, as in RFC 9562, appendix B.2).
pub fn named_id(kind: &str, names: &[&str]) -> Uuid {
    let mut hash = Sha256::new_with_prefix(b"mainstay named id 1");
    for part in [&kind].into_iter().chain(names) {
        // The length keeps apart lists of names that would be the same when joined.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_id() {
        let id = named_id("meeting", &["a", "bc"]);
        assert_eq!(id, named_id("meeting", &["a", "bc"]));
        assert_eq!(id.get_version_num(), 8);
        for other in [named_id("meeting", &["ab", "c"]), named_id("other", &["a", "bc"])] {
            assert_ne!(id, other);
        }
    }
}
