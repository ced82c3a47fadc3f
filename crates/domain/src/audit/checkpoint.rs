//! Checkpoints: signed roots over the ends of all chains. With a list of them a chain whose end was cut can be told.
//!
//! A server writes a run of them, from its start to its stop. Each names the one before, so that a missing one shows, and the
//! ends that changed since. The first ones of a run name the end of every chain.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::merkle::{ChainHead, ChainName, Hash};

/// The most leaves of one checkpoint.
pub const MAX_LEAVES: usize = 1000;

/// The present form.
const FORM: u8 = 1;

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The form of the checkpoint, 1.
    pub v: u8,
    /// The run of the server that wrote it.
    pub run: Uuid,
    /// Its number in the run, from 1.
    pub seq: u64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// How many chains the root is over.
    pub chains: u64,
    /// The root over the ends of the chains.
    pub root: Hex<32>,
    /// The hash of the checkpoint before, or zeros.
    pub prev: Hex<32>,
    /// The ends that changed since the checkpoint before.
    pub leaves: Vec<Leaf>,
}

/// The end of a chain in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The name of the chain.
    pub chain: Hex<16>,
    /// How many entries it has.
    pub count: u64,
    /// The code of its end.
    pub mac: Hex<32>,
}

impl From<&ChainHead> for Leaf {
    fn from(head: &ChainHead) -> Self {
        Self {
            chain: Hex(head.name),
            count: head.count,
            mac: Hex(head.mac),
        }
    }
}

impl From<&Leaf> for ChainHead {
    fn from(leaf: &Leaf) -> Self {
        let (name, count, mac): (ChainName, u64, Hash) = (leaf.chain.0, leaf.count, leaf.mac.0);
        Self { name, count, mac }
    }
}

/// A line of the file: a checkpoint with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCheckpoint {
    /// The checkpoint.
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// The id of the key that signed it.
    pub kid: String,
    /// The Ed25519 signature of [`Checkpoint::signed_bytes`], in base64url without padding.
    pub signature: String,
}

impl Checkpoint {
    /// The form of new checkpoints.
    pub const FORM: u8 = FORM;

    /// The bytes that are signed. They begin with a zero byte, so they are never those of a JWT.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut leaves = Sha256::new();
        for leaf in &self.leaves {
            leaves.update(leaf.chain.0);
            leaves.update(leaf.count.to_be_bytes());
            leaves.update(leaf.mac.0);
        }
        let leaves: Hash = leaves.finalize().into();
        let parts: [&[u8]; 9] = [
            b"\0mainstay checkpoint\0",
            &[self.v],
            self.run.as_bytes(),
            &self.seq.to_be_bytes(),
            &self.at.to_be_bytes(),
            &self.chains.to_be_bytes(),
            &self.root.0,
            &self.prev.0,
            &leaves,
        ];
        parts.concat()
    }

    /// The hash by which the next checkpoint of the run names this one.
    pub fn hash(&self) -> Hash {
        Sha256::digest(self.signed_bytes()).into()
    }
}

/// Bytes that are written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        let is_lower_hex =
            text.len() == 2 * N && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_lower_hex {
            return Err(de::Error::custom("not in hexadecimal"));
        }
        for (to, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(de::Error::custom)?;
            *to = u8::from_str_radix(digits, 16).map_err(de::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            v: Checkpoint::FORM,
            run: Uuid::from_u128(1),
            seq: 2,
            at: 3,
            chains: 4,
            root: Hex([5; 32]),
            prev: Hex([6; 32]),
            leaves: vec![Leaf {
                chain: Hex([7; 16]),
                count: 8,
                mac: Hex([9; 32]),
            }],
        }
    }

    #[test]
    fn every_member_is_signed_and_the_bytes_are_not_those_of_a_token() {
        let signed = checkpoint().signed_bytes();
        assert_eq!(signed.first(), Some(&0));
        let changes: [fn(&mut Checkpoint); 10] = [
            |c| c.v = 9,
            |c| c.run = Uuid::from_u128(9),
            |c| c.seq = 9,
            |c| c.at = 9,
            |c| c.chains = 9,
            |c| c.root = Hex([9; 32]),
            |c| c.prev = Hex([9; 32]),
            |c| c.leaves.clear(),
            |c| c.leaves[0].count = 9,
            |c| c.leaves[0].mac = Hex([8; 32]),
        ];
        for change in changes {
            let mut other = checkpoint();
            change(&mut other);
            assert_ne!(other.signed_bytes(), signed);
        }
    }

    #[test]
    fn a_line_is_read_again() {
        let line = SignedCheckpoint {
            checkpoint: checkpoint(),
            kid: "k".to_owned(),
            signature: "s".to_owned(),
        };
        let text = serde_json::to_string(&line).unwrap();
        assert!(
            text.contains("\"chain\":\"07070707070707070707070707070707\",\"count\":8"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<SignedCheckpoint>(&text).unwrap(), line);
        assert!(serde_json::from_str::<SignedCheckpoint>(&text.replace("0707", "0x07")).is_err());
    }
}
