//! The keys that sign access tokens: Ed25519 private keys in PEM, of which the first signs and all verify.

use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, crypto,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use zeroize::Zeroizing;

use crate::auth::ed25519;

/// The type of access tokens (RFC 9068). A token of another kind that the same keys sign has another type.
pub const TOKEN_TYPE: &str = "at+jwt";

/// The bytes before the 32 secret bytes in a PKCS#8 document of an Ed25519 key (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A key that verifies tokens.
pub struct VerifyingKey {
    /// Its thumbprint, by which tokens name it (`kid`).
    pub id: String,
    /// The public key.
    pub key: DecodingKey,
}

/// The signing keys of a file.
pub struct SigningKeys {
    /// The header of new tokens, which names the first key.
    pub header: Header,
    /// The first key, which signs.
    pub signing: EncodingKey,
    /// All keys, which verify.
    pub verifying: Vec<VerifyingKey>,
    /// The public keys, for other services that verify tokens.
    pub published: JwkSet,
}

impl SigningKeys {
    /// Reads one or more private keys in PEM.
    ///
    /// # Errors
    /// A message that names the key that cannot be used.
    pub fn parse(pem: &str) -> Result<Self, String> {
        ed25519::install();
        let mut verifying = Vec::new();
        let mut published = JwkSet { keys: Vec::new() };
        let mut first = None;
        for (n, key) in private_keys(pem).into_iter().enumerate() {
            let signing =
                EncodingKey::from_ed_pem(key.as_bytes()).map_err(|e| format!("key {}: {e}", n + 1))?;
            let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)
                .map_err(|e| format!("key {}: {e}", n + 1))?;
            let id = jwk
                .thumbprint(ThumbprintHash::SHA256)
                .map_err(|e| e.to_string())?;
            jwk.common.key_id = Some(id.clone());
            jwk.common.public_key_use = Some(PublicKeyUse::Signature);
            let key = DecodingKey::from_jwk(&jwk).map_err(|e| e.to_string())?;
            first.get_or_insert((signing, id.clone()));
            verifying.push(VerifyingKey { id, key });
            published.keys.push(jwk);
        }
        let (signing, id) = first.ok_or("the file holds no Ed25519 private key in PEM")?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(id);
        Ok(Self {
            header,
            signing,
            verifying,
            published,
        })
    }

    /// Signs a statement that is no token with the first key. Gives the id of the key with the signature in base64url.
    ///
    /// # Errors
    /// If the statement does not begin with a zero byte, as no token does, or cannot be signed.
    pub fn sign_statement(&self, statement: &[u8]) -> Result<(String, String), String> {
        if statement.first() != Some(&0) {
            return Err("a statement must not be taken for a token".to_owned());
        }
        let signature =
            crypto::sign(statement, &self.signing, Algorithm::EdDSA).map_err(|e| e.to_string())?;
        Ok((self.header.kid.clone().unwrap_or_default(), signature))
    }

    /// Whether a key has signed a statement. `None` if the key is not among these.
    pub fn has_signed(&self, id: &str, statement: &[u8], signature: &str) -> Option<bool> {
        let key = self.verifying.iter().find(|key| key.id == id)?;
        Some(crypto::verify(signature, statement, &key.key, Algorithm::EdDSA).unwrap_or(false))
    }

    /// The ids of the keys, the one that signs first.
    pub fn ids(&self) -> Vec<&str> {
        self.verifying.iter().map(|key| key.id.as_str()).collect()
    }
}

/// Splits a text into its PEM blocks. Text between and after them is left out.
pub fn private_keys(pem: &str) -> Vec<&str> {
    const BEGIN: &str = "-----BEGIN";
    const END: &str = "-----END PRIVATE KEY-----";
    pem.split_inclusive(END)
        .filter(|block| block.ends_with(END))
        .map(|block| block.find(BEGIN).and_then(|at| block.get(at..)).unwrap_or(block))
        .map(str::trim)
        .collect()
}

/// Generates a private key in PEM. The text is wiped from memory when it is dropped.
///
/// # Errors
/// If the operating system gives no random bytes.
pub fn generate_signing_key() -> Result<Zeroizing<String>, String> {
    let seed = mainstay_store::key::seal::Secret::random().map_err(|e| e.to_string())?;
    let der = Zeroizing::new([PKCS8_PREFIX.as_slice(), seed.as_bytes()].concat());
    let base64 = Zeroizing::new(BASE64_STANDARD.encode(&*der));
    Ok(Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *base64
    )))
}
