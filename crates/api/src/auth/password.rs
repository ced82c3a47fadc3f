//! Passwords: hashing with argon2id and a pepper, in a pool of threads for each purpose, so that a flood of registrations
//! keeps nobody from signing in.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD};
use mainstay_domain::account::{CurrentPassword, Password};
use mainstay_store::key::seal::Secret;

use crate::{
    auth::{
        hash_pool::{HashPool, Purpose},
        turns::{Applicant, Precedence, Turn},
    },
    http::{
        admission::turns::aside,
        problem::{HandlerResult, Problem},
    },
};

// 19 MiB, 2 passes, 1 lane: the minimum of the OWASP Password Storage Cheat Sheet.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Creates and verifies password hashes.
pub struct Passwords {
    pepper: Arc<Secret>,
    /// The hash that is verified for an unknown address, so that it takes the same time.
    placeholder: Arc<str>,
    sign_in: Arc<HashPool>,
    confirmation: Arc<HashPool>,
    registration: Arc<HashPool>,
}

/// A turn to verify one password or to hash a new one, in the pool of its purpose.
pub struct HashTurn {
    pepper: Arc<Secret>,
    placeholder: Arc<str>,
    pool: Arc<HashPool>,
    turn: Turn,
}

impl Passwords {
    /// Creates a hasher for a server with so many workers. Sign-ins have as many threads as there are workers,
    /// confirmations half as many, and registrations a quarter.
    ///
    /// # Errors
    /// If the operating system gives no random bytes or starts no threads.
    pub fn new(pepper: Secret, workers: usize) -> Result<Self, String> {
        Ok(Self {
            pepper: Arc::new(pepper),
            placeholder: placeholder_hash()?.into(),
            sign_in: HashPool::start(Purpose::SignIn, workers)?.into(),
            confirmation: HashPool::start(Purpose::Confirmation, workers / 2)?.into(),
            registration: HashPool::start(Purpose::Registration, workers / 4)?.into(),
        })
    }

    /// Hashes the password of an account that a command creates. Nobody else asks for a turn there. The result is a PHC
    /// string.
    ///
    /// # Errors
    /// A fault, if the password cannot be hashed.
    pub async fn hash(&self, password: &Password) -> HandlerResult<String> {
        let operator = Applicant {
            customer: "",
            network: "",
            account: None,
            precedence: Precedence::Usual,
        };
        self.registration_turn(operator).await?.hash(password).await
    }

    /// Waits for a turn to hash the password of a new account.
    ///
    /// # Errors
    /// 503 at once if that would take long.
    pub async fn registration_turn(&self, applicant: Applicant<'_>) -> HandlerResult<HashTurn> {
        self.turn(&self.registration, applicant).await
    }

    /// Waits for a turn to verify the password of a sign-in.
    ///
    /// # Errors
    /// 503 at once if that would take long.
    pub async fn sign_in_turn(&self, applicant: Applicant<'_>) -> HandlerResult<HashTurn> {
        self.turn(&self.sign_in, applicant).await
    }

    /// Waits for a turn to confirm or change the password of an account.
    ///
    /// # Errors
    /// 503 at once if that would take long.
    pub async fn confirmation_turn(&self, applicant: Applicant<'_>) -> HandlerResult<HashTurn> {
        self.turn(&self.confirmation, applicant).await
    }

    async fn turn(&self, pool: &Arc<HashPool>, applicant: Applicant<'_>) -> HandlerResult<HashTurn> {
        Ok(HashTurn {
            pepper: Arc::clone(&self.pepper),
            placeholder: Arc::clone(&self.placeholder),
            pool: Arc::clone(pool),
            turn: aside(pool.turn(applicant)).await?,
        })
    }
}

impl HashTurn {
    /// Hashes a new password. The result is a PHC string.
    ///
    /// # Errors
    /// A fault, if the password cannot be hashed.
    pub async fn hash(self, password: &Password) -> HandlerResult<String> {
        let (pepper, password) = (self.pepper, password.composed().to_owned());
        let hash = self
            .pool
            .run(self.turn, move || hash(&pepper, password.as_bytes()));
        aside(hash).await?.map_err(Problem::internal)
    }

    /// Whether a password matches a hash, in its composed form or in the other one in which it may have been stored.
    /// Without a hash the result is false, after the same time.
    ///
    /// # Errors
    /// A fault, if the work panics.
    pub async fn verify(self, password: &CurrentPassword, hash: Option<String>) -> HandlerResult<bool> {
        let has_hash = hash.is_some();
        let (pepper, password) = (self.pepper, password.clone());
        let hash = hash.unwrap_or_else(|| self.placeholder.to_string());
        let verify = move || verify_forms(&pepper, &password, &hash);
        let is_match = self.pool.run(self.turn, verify).await?;
        Ok(is_match && has_hash)
    }
}

/// Returns random bytes in the form of a hash, which no known password matches. It is not computed, because the start
/// of the server should not take the time and memory for a hash.
fn placeholder_hash() -> Result<String, String> {
    let random = || Secret::random().map_err(|e| e.to_string());
    let (salt, output) = (random()?, random()?);
    let [salt, output] = [&salt, &output].map(|bytes| STANDARD_NO_PAD.encode(bytes.as_bytes()));
    Ok(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"
    ))
}

fn hasher(pepper: &Secret) -> Result<Argon2<'_>, String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| e.to_string())?;
    Argon2::new_with_secret(pepper.as_bytes(), Algorithm::Argon2id, Version::V0x13, params)
        .map_err(|e| e.to_string())
}

fn hash(pepper: &Secret, password: &[u8]) -> Result<String, String> {
    hasher(pepper)?
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(|e| e.to_string())
}

fn verify_forms(pepper: &Secret, password: &CurrentPassword, hash: &str) -> bool {
    let mut forms = [Some(password.composed()), password.other()]
        .into_iter()
        .flatten();
    forms.any(|form| verify(pepper, form.as_bytes(), hash))
}

fn verify(pepper: &Secret, password: &[u8], hash: &str) -> bool {
    let (Ok(hasher), Ok(hash)) = (hasher(pepper), PasswordHash::new(hash)) else {
        return false;
    };
    hasher.verify_password(password, &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_under_its_pepper_only() {
        let pepper = Secret::from_bytes([1; 32]);
        let real = hash(&pepper, b"rivers bend slowly").unwrap();
        assert!(real.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{real}");
        assert!(verify(&pepper, b"rivers bend slowly", &real));
        assert!(!verify(&pepper, b"rivers bend quickly", &real));
        assert!(!verify(
            &Secret::from_bytes([2; 32]),
            b"rivers bend slowly",
            &real
        ));
        assert_ne!(
            real,
            hash(&pepper, b"rivers bend slowly").unwrap(),
            "each has a salt of its own"
        );
    }

    #[test]
    fn a_password_opens_in_any_normal_form_also_if_it_was_stored_as_it_was_sent() {
        let pepper = Secret::from_bytes([1; 32]);
        let (composed, decomposed) = ("m\u{fc}de fl\u{fc}sse", "mu\u{308}de flu\u{308}sse");
        for stored in [composed, decomposed] {
            let hash = hash(&pepper, stored.as_bytes()).unwrap();
            for sent in [composed, decomposed] {
                let password = CurrentPassword::parse(sent).unwrap();
                assert!(verify_forms(&pepper, &password, &hash), "{stored:?} {sent:?}");
            }
            let other = CurrentPassword::parse("mude flusse").unwrap();
            assert!(!verify_forms(&pepper, &other, &hash));
        }
    }

    #[test]
    fn the_placeholder_costs_as_much_as_a_hash_and_matches_nothing() {
        let pepper = Secret::from_bytes([1; 32]);
        let placeholder = placeholder_hash().unwrap();
        let real = hash(&pepper, b"rivers bend slowly").unwrap();
        let cost = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (
                hash.algorithm,
                hash.version,
                hash.params.clone(),
                hash.hash.unwrap().len(),
            )
        };
        assert_eq!(cost(&placeholder), cost(&real));
        assert!(!verify(&pepper, b"", &placeholder));
        assert!(!verify(&pepper, b"rivers bend slowly", &placeholder));
    }
}
