//! The hash of a password as it is stored, and how it is made and verified.
//!
//! A hash is bound to its account: argon2id gets a keyed hash of the account's id and the password, so the hash of one account
//! opens no other one. Such a hash begins with `2`, and then comes the PHC format. A hash in the PHC format alone is of an
//! earlier version. It is not bound, and is replaced when its password is used.

use argon2::{
    Algorithm, Argon2, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD};
use mainstay_domain::account::{CurrentPassword, Password};
use mainstay_store::{credentials::BOUND_HASH, key::seal::Secret};
use uuid::Uuid;

use crate::auth::password::cost::HashCost;

/// Makes and verifies hashes with a pepper and a cost.
pub struct Hashes {
    pepper: Secret,
    cost: HashCost,
}

/// The form of a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Whether it is bound to its account.
    pub is_bound: bool,
    /// What it costs to verify.
    pub cost: HashCost,
}

impl Form {
    /// Reads the form of a stored hash, or of all of it but the salt and the hash value. `None` if it is no hash of any version.
    pub fn of(stored: &str) -> Option<Self> {
        let (is_bound, hash) = parse(stored)?;
        Some(Self {
            is_bound,
            cost: HashCost::of(&hash)?,
        })
    }
}

fn parse(stored: &str) -> Option<(bool, PasswordHash)> {
    let bound = stored.strip_prefix(BOUND_HASH);
    let hash = PasswordHash::new(bound.unwrap_or(stored)).ok()?;
    Some((bound.is_some(), hash))
}

impl Hashes {
    /// Creates them.
    pub const fn new(pepper: Secret, cost: HashCost) -> Self {
        Self { pepper, cost }
    }

    /// Hashes a new password of an account.
    ///
    /// # Errors
    /// If argon2 fails, for want of memory for example.
    pub fn hash(&self, account: Uuid, password: &Password) -> Result<String, String> {
        self.hash_form(account, password.composed())
    }

    /// Hashes a password of an account that was verified.
    ///
    /// # Errors
    /// As of [`Self::hash`].
    pub fn renew(&self, account: Uuid, password: &CurrentPassword) -> Result<String, String> {
        self.hash_form(account, password.composed())
    }

    fn hash_form(&self, account: Uuid, composed: &str) -> Result<String, String> {
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.params()?);
        let hash = hasher.hash_password(&self.bound(account, composed));
        hash.map(|hash| format!("{BOUND_HASH}{hash}"))
            .map_err(|e| e.to_string())
    }

    /// Whether a password matches a stored hash of an account. Both forms in which it may have been stored are tried, also where
    /// only one can have been: so this takes the same time for every hash of the same cost.
    pub fn verify(&self, account: Uuid, password: &CurrentPassword, stored: &str) -> bool {
        let mut forms = [Some(password.composed()), password.other()]
            .into_iter()
            .flatten();
        forms.any(|form| self.verify_form(account, form, stored))
    }

    fn verify_form(&self, account: Uuid, form: &str, stored: &str) -> bool {
        let Some((is_bound, hash)) = parse(stored) else {
            return false;
        };
        if HashCost::of(&hash).is_none() {
            return false;
        }
        if is_bound {
            let input = self.bound(account, form);
            return Argon2::default().verify_password(&input, &hash).is_ok();
        }
        // Hashes of the earlier version have the pepper in argon2 itself.
        let params = HashCost::DEFAULT.params();
        let hasher = params.ok().and_then(|params| {
            Argon2::new_with_secret(
                self.pepper.as_bytes(),
                Algorithm::Argon2id,
                Version::V0x13,
                params,
            )
            .ok()
        });
        hasher.is_some_and(|hasher| hasher.verify_password(form.as_bytes(), &hash).is_ok())
    }

    /// Whether a stored hash is one that [`Self::hash`] would make: bound, and of the present cost.
    pub fn is_current(&self, stored: &str) -> bool {
        Form::of(stored)
            == Some(Form {
                is_bound: true,
                cost: self.cost,
            })
    }

    /// What argon2 hashes: the password under the pepper, with the account.
    fn bound(&self, account: Uuid, form: &str) -> [u8; 32] {
        let parts: [&[u8]; 3] = [b"password", account.as_bytes(), form.as_bytes()];
        self.pepper.mac(&parts)
    }

    /// A place for an address from 0 to the largest number. It is the same for every spelling and every server.
    pub fn place(&self, address: &str) -> u64 {
        let mac = self.pepper.mac(&[b"placeholder", address.as_bytes()]);
        mac.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// Returns random bytes in the form of a hash, which no known password matches. It is not computed, because that would take
/// the time and memory of a hash.
///
/// # Errors
/// If the operating system gives no random bytes.
pub fn placeholder(cost: HashCost) -> Result<String, String> {
    let random = || Secret::random().map_err(|e| e.to_string());
    let (salt, output) = (random()?, random()?);
    let salt = STANDARD_NO_PAD.encode(salt.as_bytes().get(..16).unwrap_or_default());
    let output = STANDARD_NO_PAD.encode(output.as_bytes());
    let HashCost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    Ok(format!(
        "{BOUND_HASH}$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAM: Uuid = Uuid::from_u128(1);
    const ROBIN: Uuid = Uuid::from_u128(2);
    const SMALL: HashCost = HashCost {
        memory_kib: 7168,
        passes: 5,
        lanes: 1,
    };

    fn hashes(pepper: u8) -> Hashes {
        Hashes::new(Secret::from_bytes([pepper; 32]), HashCost::DEFAULT)
    }

    fn password(text: &str) -> CurrentPassword {
        CurrentPassword::parse(text).unwrap()
    }

    /// Hashes as the earlier version did, in the form in which it was sent.
    fn unbound(pepper: u8, sent: &str) -> String {
        let pepper = [pepper; 32];
        let params = HashCost::DEFAULT.params().unwrap();
        let hasher = Argon2::new_with_secret(&pepper, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        hasher.hash_password(sent.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn a_hash_matches_its_password_for_its_account_and_under_its_pepper_only() {
        let hashes_1 = hashes(1);
        let new = Password::parse("rivers bend slowly").unwrap();
        let real = hashes_1.hash(SAM, &new).unwrap();
        assert!(real.starts_with("2$argon2id$v=19$m=19456,t=2,p=1$"), "{real}");
        let right = password("rivers bend slowly");
        assert!(hashes_1.verify(SAM, &right, &real));
        assert!(!hashes_1.verify(SAM, &password("rivers bend quickly"), &real));
        assert!(!hashes_1.verify(ROBIN, &right, &real), "it is of another account");
        assert!(!hashes(2).verify(SAM, &right, &real));
        // Without its mark it is no hash of the earlier version.
        assert!(!hashes_1.verify(SAM, &right, real.strip_prefix('2').unwrap()));
        assert_ne!(
            real,
            hashes_1.hash(SAM, &new).unwrap(),
            "each has a salt of its own"
        );
        assert!(hashes_1.is_current(&real));
    }

    #[test]
    fn a_hash_of_the_earlier_version_opens_in_the_form_in_which_it_was_sent() {
        let (composed, decomposed) = ("m\u{fc}de fl\u{fc}sse", "mu\u{308}de flu\u{308}sse");
        for stored in [composed, decomposed] {
            let hash = unbound(1, stored);
            for sent in [composed, decomposed] {
                assert!(
                    hashes(1).verify(SAM, &password(sent), &hash),
                    "{stored:?} {sent:?}"
                );
            }
            assert!(!hashes(1).verify(SAM, &password("mude flusse"), &hash));
            assert!(!hashes(1).is_current(&hash));
        }
    }

    #[test]
    fn a_password_opens_from_every_keyboard() {
        let (composed, decomposed) = ("m\u{fc}de fl\u{fc}sse", "mu\u{308}de flu\u{308}sse");
        for typed in [composed, decomposed] {
            let hash = hashes(1).renew(SAM, &password(typed)).unwrap();
            for sent in [composed, decomposed] {
                assert!(
                    hashes(1).verify(SAM, &password(sent), &hash),
                    "{typed:?} {sent:?}"
                );
            }
        }
    }

    #[test]
    fn a_hash_of_another_cost_opens_and_is_not_current() {
        let small = Hashes::new(Secret::from_bytes([1; 32]), SMALL);
        let hash = small.renew(SAM, &password("rivers bend slowly")).unwrap();
        assert!(small.is_current(&hash));
        assert!(hashes(1).verify(SAM, &password("rivers bend slowly"), &hash));
        assert!(!hashes(1).is_current(&hash));
    }

    #[test]
    fn what_is_no_hash_matches_nothing() {
        let dear = placeholder(HashCost {
            memory_kib: u32::MAX,
            ..SMALL
        });
        for stored in [
            "",
            "2",
            "2$",
            "$argon2id$",
            "3$argon2id$v=19$m=19456,t=2,p=1$aaaa",
            &dear.unwrap(),
        ] {
            assert!(
                !hashes(1).verify(SAM, &password("rivers bend slowly"), stored),
                "{stored}"
            );
            assert_eq!(Form::of(stored), None, "{stored}");
        }
    }

    #[test]
    fn the_placeholder_has_the_form_of_a_hash_and_matches_nothing() {
        let placeholder = placeholder(HashCost::DEFAULT).unwrap();
        let real = hashes(1).renew(SAM, &password("rivers bend slowly")).unwrap();
        assert_eq!(Form::of(&placeholder), Form::of(&real));
        assert_eq!(placeholder.len(), real.len());
        assert!(!hashes(1).verify(SAM, &password("rivers bend slowly"), &placeholder));
    }

    #[test]
    fn the_form_can_be_read_without_salt_and_hash() {
        let real = hashes(1).renew(SAM, &password("rivers bend slowly")).unwrap();
        let cut = &real[..real.len() - mainstay_store::credentials::SALT_AND_HASH];
        assert!(cut.ends_with(",p=1"), "{cut}");
        assert_eq!(Form::of(cut), Form::of(&real));
    }
}
