//! Sealing: XChaCha20-Poly1305 over a person's content, bound to the row where it is stored.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Result, StoreError};

/// First byte of a sealed value: the format.
const FORMAT: u8 = 1;
/// Second byte of a sealed value: the number of the person's data key.
const DATA_KEY: u8 = 1;
const NONCE: usize = 24;
/// The length of the tag that ends a ciphertext.
const TAG: usize = 16;

/// The length of the sealed form of a value with that length.
pub(crate) fn sealed_len(plain: usize) -> i64 {
    i64::try_from(2 + NONCE + plain + TAG).unwrap_or(i64::MAX)
}

/// 32 secret bytes, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Fresh random bytes.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A secret of the given bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storing or for keying.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for another purpose, by HKDF-SHA-256.
    pub fn derive(&self, purpose: &str) -> Result<Self> {
        let mut out = [0; 32];
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(purpose.as_bytes(), &mut out)
            .map_err(|e| StoreError::Internal(e.to_string()))?;
        Ok(Self(out))
    }

    /// HMAC-SHA-256 of the parts, each with its length so that no two lists of parts are the same input.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // A key shorter than a block is filled with zeros (RFC 2104).
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block.into());
        block.zeroize();
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Fills with random bytes of the operating system.
pub fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| StoreError::Internal(format!("no random bytes: {e}")))
}

/// Seals with a key. The result is format, key number, nonce, and ciphertext with its tag.
fn seal_with(cipher: &XChaCha20Poly1305, place: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    // A nonce need not be secret, only unique: a generator that the operating system seeds is enough.
    let mut nonce = [0; NONCE];
    rand::rng().fill_bytes(&mut nonce);
    let sealed = cipher
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plain,
                aad: place,
            },
        )
        .map_err(|_opaque| StoreError::Internal("a value cannot be sealed".to_owned()))?;
    let mut out = Vec::with_capacity(2 + NONCE + sealed.len());
    out.extend_from_slice(&[FORMAT, DATA_KEY]);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(out)
}

fn open_with(cipher: &XChaCha20Poly1305, place: &[u8], sealed: &[u8], what: &'static str) -> Result<Vec<u8>> {
    let refused = || StoreError::Sealed(what);
    let (header, rest) = sealed.split_at_checked(2).ok_or_else(refused)?;
    if header != [FORMAT, DATA_KEY] {
        return Err(refused());
    }
    let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or_else(refused)?;
    cipher
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: body,
                aad: place,
            },
        )
        .map_err(|_opaque| refused())
}

/// Wraps a data key with a key derived from the master key.
pub fn wrap(master: &Secret, account: Uuid, data_key: &Secret) -> Result<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new(&master.derive("mainstay wrap 1")?.0.into());
    seal_with(&cipher, &wrap_place(account), &data_key.0)
}

/// Opens a wrapped data key.
pub fn unwrap(master: &Secret, account: Uuid, wrapped: &[u8]) -> Result<Secret> {
    let cipher = XChaCha20Poly1305::new(&master.derive("mainstay wrap 1")?.0.into());
    let plain = Zeroizing::new(open_with(
        &cipher,
        &wrap_place(account),
        wrapped,
        "the key store",
    )?);
    let bytes: [u8; 32] = plain
        .as_slice()
        .try_into()
        .map_err(|_length| StoreError::Sealed("the key store"))?;
    Ok(Secret(bytes))
}

fn wrap_place(account: Uuid) -> Vec<u8> {
    [b"data-key".as_slice(), account.as_bytes()].concat()
}

/// The keys of one account, unwrapped.
pub struct DataKeys {
    cipher: XChaCha20Poly1305,
    marks: Secret,
    audit: Secret,
    account: Uuid,
}

impl DataKeys {
    /// Derives the keys from the account's data key.
    pub fn new(account: Uuid, data_key: &Secret) -> Result<Self> {
        Ok(Self {
            cipher: XChaCha20Poly1305::new(&data_key.derive("mainstay seal 1")?.0.into()),
            marks: data_key.derive("mainstay marks 1")?,
            audit: data_key.derive("mainstay audit 1")?,
            account,
        })
    }

    /// Seals a record so that it opens at its own collection, id and version only.
    pub fn seal_record(&self, collection: i16, id: Uuid, version: i64, plain: &[u8]) -> Result<Vec<u8>> {
        seal_with(&self.cipher, &self.record_place(collection, id, version), plain)
    }

    /// Opens a record.
    pub fn open_record(&self, collection: i16, id: Uuid, version: i64, sealed: &[u8]) -> Result<Vec<u8>> {
        open_with(
            &self.cipher,
            &self.record_place(collection, id, version),
            sealed,
            "a record",
        )
    }

    /// Seals another value of the account, such as the profile or a session's device.
    pub fn seal(&self, what: &'static str, id: Uuid, plain: &[u8]) -> Result<Vec<u8>> {
        seal_with(&self.cipher, &self.place(what, id), plain)
    }

    /// Opens another value of the account.
    pub fn open(&self, what: &'static str, id: Uuid, sealed: &[u8]) -> Result<Vec<u8>> {
        open_with(&self.cipher, &self.place(what, id), sealed, what)
    }

    /// The keyed hash of a slot, which is stored in clear.
    pub fn slot(&self, collection: i16, slot: &str) -> Vec<u8> {
        half(
            &self
                .marks
                .mac(&[b"slot", &collection.to_be_bytes(), slot.as_bytes()]),
        )
    }

    /// The keyed hash of a record's canonical form, by which a replay is recognised.
    pub fn origin(&self, canonical: &[u8]) -> Vec<u8> {
        half(&self.marks.mac(&[b"origin", canonical]))
    }

    /// The code of an entry, or of the end, of the chain over the account's audit.
    pub fn audit_mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.audit.mac(parts)
    }

    fn record_place(&self, collection: i16, id: Uuid, version: i64) -> [u8; 48] {
        let mut place = [0; 48];
        let parts: [&[u8]; 5] = [
            b"record",
            self.account.as_bytes(),
            &collection.to_be_bytes(),
            id.as_bytes(),
            &version.to_be_bytes(),
        ];
        for (to, from) in place.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        place
    }

    fn place(&self, what: &'static str, id: Uuid) -> Vec<u8> {
        [what.as_bytes(), b"\0", self.account.as_bytes(), id.as_bytes()].concat()
    }
}

fn half(mac: &[u8; 32]) -> Vec<u8> {
    mac.iter().take(16).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> DataKeys {
        DataKeys::new(Uuid::from_u128(7), &Secret::from_bytes([3; 32])).unwrap()
    }

    #[test]
    fn a_record_opens_only_where_it_was_sealed() {
        let keys = keys();
        let id = Uuid::from_u128(1);
        let sealed = keys.seal_record(3, id, 1, b"words").unwrap();
        assert_eq!(keys.open_record(3, id, 1, &sealed).unwrap(), b"words");
        assert!(keys.open_record(4, id, 1, &sealed).is_err(), "another collection");
        assert!(
            keys.open_record(3, Uuid::from_u128(2), 1, &sealed).is_err(),
            "another id"
        );
        assert!(keys.open_record(3, id, 2, &sealed).is_err(), "another version");
        let stranger = DataKeys::new(Uuid::from_u128(8), &Secret::from_bytes([3; 32])).unwrap();
        assert!(stranger.open_record(3, id, 1, &sealed).is_err(), "another person");
    }

    #[test]
    fn an_altered_or_cut_value_does_not_open() {
        let keys = keys();
        let sealed = keys.seal("profile", Uuid::nil(), b"words").unwrap();
        for cut in 0..sealed.len() {
            assert!(keys.open("profile", Uuid::nil(), &sealed[..cut]).is_err());
            let mut altered = sealed.clone();
            altered[cut] ^= 1;
            assert!(keys.open("profile", Uuid::nil(), &altered).is_err());
        }
    }

    #[test]
    fn a_wrapped_key_opens_for_its_account_under_its_master_only() {
        let (master, key) = (Secret::from_bytes([1; 32]), Secret::from_bytes([2; 32]));
        let wrapped = wrap(&master, Uuid::from_u128(1), &key).unwrap();
        assert_eq!(
            unwrap(&master, Uuid::from_u128(1), &wrapped).unwrap().as_bytes(),
            key.as_bytes()
        );
        assert!(unwrap(&master, Uuid::from_u128(2), &wrapped).is_err());
        assert!(unwrap(&Secret::from_bytes([9; 32]), Uuid::from_u128(1), &wrapped).is_err());
    }

    #[test]
    fn parts_of_a_mac_are_told_apart() {
        let key = Secret::from_bytes([1; 32]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert_ne!(keys().slot(1, "x"), keys().slot(2, "x"));
    }
}
