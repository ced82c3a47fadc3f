//! The one place that makes identifiers.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// A new time-ordered identifier (UUID v7): rows that are written together lie together.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that makes ids for everything else"
)]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// The identifier of something that has a name: always the same for the same kind of thing and the same names
/// (UUID v8 of a SHA-256, as in RFC 9562, appendix B.2).
pub fn named_id(kind: &str, names: &[&str]) -> Uuid {
    let mut hash = Sha256::new_with_prefix(b"mainstay named id 1");
    for part in [&kind].into_iter().chain(names) {
        // With its length, so that no two lists of names run together alike.
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
