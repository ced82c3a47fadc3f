//! Passwords: hashing with argon2id and a pepper. As many hashes run at a time as there are workers, so that a flood of
//! sign-ins does not slow down a check-in.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD};
use mainstay_domain::account::{CurrentPassword, Password};
use mainstay_store::{engine::log_label::keep_label, key::seal::Secret};
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};

use crate::http::problem::{HandlerResult, Problem, ProblemKind};

/// How long a sign-in may wait for a permit.
const MAX_WAIT: Duration = Duration::from_secs(10);

// 19 MiB, 2 passes, 1 lane: the minimum of the OWASP Password Storage Cheat Sheet.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Creates and verifies password hashes.
pub struct Passwords {
    pepper: Arc<Secret>,
    /// Limits how many hashes are computed at a time.
    permits: Arc<Semaphore>,
    /// A lock for each account, so that simultaneous guesses cannot all pass the check for delays.
    attempts: Cache<String, Arc<Mutex<()>>>,
    /// The hash that is verified for an unknown address, so that it takes the same time.
    placeholder: String,
}

impl Passwords {
    /// Creates a hasher that runs so many hashes at a time.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn new(pepper: Secret, concurrency: usize) -> Result<Self, String> {
        Ok(Self {
            pepper: Arc::new(pepper),
            permits: Arc::new(Semaphore::new(concurrency.max(1))),
            attempts: Cache::new(10_000),
            placeholder: placeholder_hash()?,
        })
    }

    /// Waits until no other attempt to sign in to the account runs on this server. The guard ends the attempt.
    pub async fn one_at_a_time(&self, account: &str) -> OwnedMutexGuard<()> {
        let lock = match self.attempts.get(account) {
            Some(lock) => lock,
            None => self
                .attempts
                .get_or_insert_with(account, || Ok::<_, std::convert::Infallible>(Arc::default()))
                .unwrap_or_default(),
        };
        lock.lock_owned().await
    }

    /// Hashes a password. The result is a PHC string.
    ///
    /// # Errors
    /// 503 if no permit becomes free in time.
    pub async fn hash(&self, password: &Password) -> HandlerResult<String> {
        let (pepper, password) = (Arc::clone(&self.pepper), password.composed().to_owned());
        self.with_permit(move || hash(&pepper, password.as_bytes()))
            .await?
            .map_err(Problem::internal)
    }

    /// Whether a password matches a hash, in its composed form or in the other one in which it may have been stored.
    /// Without a hash the result is false, after the same time.
    ///
    /// # Errors
    /// 503 if no permit becomes free in time.
    pub async fn verify(&self, password: &CurrentPassword, hash: Option<String>) -> HandlerResult<bool> {
        let has_hash = hash.is_some();
        let (pepper, password) = (Arc::clone(&self.pepper), password.clone());
        let hash = hash.unwrap_or_else(|| self.placeholder.clone());
        let is_match = self
            .with_permit(move || verify_forms(&pepper, &password, &hash))
            .await?;
        Ok(is_match && has_hash)
    }

    async fn with_permit<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> HandlerResult<T> {
        let permit = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.permits).acquire_owned());
        let permit = permit
            .await
            .map_err(|_elapsed| Problem::retry(ProblemKind::Unavailable, 5))?;
        let permit = permit.map_err(Problem::internal)?;
        let run = keep_label(move || {
            let _permit = permit;
            work()
        });
        tokio::task::spawn_blocking(run).await.map_err(Problem::internal)
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
