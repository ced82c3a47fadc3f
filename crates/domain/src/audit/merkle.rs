//! A Merkle tree over the ends of all chains, whose root is made anew with little work after a few of them changed.
//!
//! Leaves are sorted by the names of their chains, in 4096 buckets by the first bits of the name. The root is that of the
//! roots of the buckets. Hashes are those of RFC 6962: a leaf cannot be taken for a node.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// How many buckets there are.
const BUCKETS: usize = 4096;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The name of a chain: a keyed hash, which tells of nobody.
pub type ChainName = [u8; 16];

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The name of the chain.
    pub name: ChainName,
    /// How many entries it has.
    pub count: u64,
    /// The code of its end, which covers all entries.
    pub mac: Hash,
}

impl ChainHead {
    fn leaf(&self) -> Hash {
        let mut hash = Sha256::new();
        hash.update([0]);
        hash.update(self.name);
        hash.update(self.count.to_be_bytes());
        hash.update(self.mac);
        hash.finalize().into()
    }
}

/// The ends of all chains that were put in.
#[derive(Debug)]
pub struct HeadTree {
    buckets: Vec<Bucket>,
    len: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    leaves: BTreeMap<ChainName, Hash>,
    /// `None` after a change.
    root: Option<Hash>,
}

impl Default for HeadTree {
    fn default() -> Self {
        let mut buckets = Vec::new();
        buckets.resize_with(BUCKETS, Bucket::default);
        Self { buckets, len: 0 }
    }
}

impl HeadTree {
    /// Puts in the end of a chain, in place of an earlier one. False if it was there already.
    pub fn set(&mut self, head: &ChainHead) -> bool {
        let [first, second, ..] = head.name;
        let no = (usize::from(first) << 4) | (usize::from(second) >> 4);
        let Some(bucket) = self.buckets.get_mut(no) else {
            return false;
        };
        let leaf = head.leaf();
        let before = bucket.leaves.insert(head.name, leaf);
        if before == Some(leaf) {
            return false;
        }
        bucket.root = None;
        self.len += u64::from(before.is_none());
        true
    }

    /// How many chains were put in.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The root.
    pub fn root(&mut self) -> Hash {
        let roots = self.buckets.iter_mut().map(|bucket| {
            let leaves = &bucket.leaves;
            *bucket
                .root
                .get_or_insert_with(|| root(leaves.values().copied().collect()))
        });
        root(roots.collect())
    }
}

/// The root over a list of hashes. A hash without a partner moves up as it is.
fn root(mut level: Vec<Hash>) -> Hash {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let mut hash = Sha256::new();
                    hash.update([1]);
                    hash.update(left);
                    hash.update(right);
                    hash.finalize().into()
                }
                rest => rest.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    level
        .first()
        .copied()
        .unwrap_or_else(|| Sha256::digest([]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(no: u8, count: u64) -> ChainHead {
        let mut name = [0; 16];
        // Some share a bucket, and some do not.
        name[0] = no % 3;
        name[15] = no;
        ChainHead {
            name,
            count,
            mac: [no; 32],
        }
    }

    #[test]
    fn the_root_depends_on_every_head_and_not_on_the_order_of_changes() {
        let mut one = HeadTree::default();
        let empty = one.root();
        for no in 0..9 {
            assert!(one.set(&head(no, 1)));
        }
        assert!(!one.set(&head(3, 1)), "there already");
        let root = one.root();
        assert_ne!(root, empty);
        let mut other = HeadTree::default();
        for no in (0..9).rev() {
            other.set(&head(no, 7));
            other.root();
            other.set(&head(no, 1));
        }
        assert_eq!((other.root(), other.len()), (root, 9));
        for no in 0..9 {
            one.set(&head(no, 2));
            assert_ne!(one.root(), root);
            one.set(&head(no, 1));
            assert_eq!(one.root(), root);
        }
    }
}
