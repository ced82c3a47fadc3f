//! Passwords: argon2id with a pepper, in a pool no larger than the cores, so that a flood of sign-ins does not
//! slow a check-in.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD};
use mainstay_store::{engine::log_label::keep_label, key::seal::Secret};
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};

use crate::http::problem::{HandlerResult, Problem, ProblemKind};

/// How long a sign-in may wait for its turn.
const WAIT: Duration = Duration::from_secs(10);

// 19 MiB, 2 passes, 1 lane: the least that OWASP's password storage advice asks for.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Makes and checks password hashes.
pub struct Passwords {
    pepper: Arc<Secret>,
    turns: Arc<Semaphore>,
    /// One try at a time for each account, so that guesses at the same moment do not pass the delay together.
    tries: Cache<String, Arc<Mutex<()>>>,
    /// What stands for the hash of an unknown address, to spend the same time on it.
    nobody: String,
}

impl Passwords {
    /// A pool for that many hashes at a time.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn new(pepper: Secret, at_once: usize) -> Result<Self, String> {
        let nobody = nobodys()?;
        Ok(Self {
            pepper: Arc::new(pepper),
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            tries: Cache::new(10_000),
            nobody,
        })
    }

    /// Waits until no other try to sign in to the account is under way on this node.
    pub async fn one_at_a_time(&self, account: &str) -> OwnedMutexGuard<()> {
        let lock = match self.tries.get(account) {
            Some(lock) => lock,
            None => self
                .tries
                .get_or_insert_with(account, || Ok::<_, std::convert::Infallible>(Arc::default()))
                .unwrap_or_default(),
        };
        lock.lock_owned().await
    }

    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: &str) -> HandlerResult<String> {
        let (pepper, password) = (Arc::clone(&self.pepper), password.to_owned());
        self.in_turn(move || hash(&pepper, password.as_bytes()))
            .await?
            .map_err(Problem::internal)
    }

    /// Whether a password belongs to a hash. Without a hash it takes the same time and does not.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> HandlerResult<bool> {
        let known = hash.is_some();
        let (pepper, password) = (Arc::clone(&self.pepper), password.to_owned());
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let fits = self
            .in_turn(move || verify(&pepper, password.as_bytes(), &hash))
            .await?;
        Ok(fits && known)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> HandlerResult<T> {
        let turn = tokio::time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned());
        let turn = turn
            .await
            .map_err(|_elapsed| Problem::retry(ProblemKind::Unavailable, 5))?;
        let turn = turn.map_err(Problem::internal)?;
        let run = keep_label(move || {
            let _turn = turn;
            work()
        });
        tokio::task::spawn_blocking(run).await.map_err(Problem::internal)
    }
}

/// Random bytes in the form of a hash: no password is known to give them. Nothing is computed, as the start of the
/// server should neither wait for a hash nor have touched its memory.
fn nobodys() -> Result<String, String> {
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
    fn a_hash_fits_its_password_under_its_pepper_only() {
        let pepper = Secret::from_bytes([1; 32]);
        let made = hash(&pepper, b"rivers bend slowly").unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert!(verify(&pepper, b"rivers bend slowly", &made));
        assert!(!verify(&pepper, b"rivers bend quickly", &made));
        assert!(!verify(
            &Secret::from_bytes([2; 32]),
            b"rivers bend slowly",
            &made
        ));
        assert_ne!(
            made,
            hash(&pepper, b"rivers bend slowly").unwrap(),
            "each has a salt of its own"
        );
    }

    #[test]
    fn what_stands_for_nobodys_hash_costs_as_much_and_fits_nothing() {
        let pepper = Secret::from_bytes([1; 32]);
        let (nobodys, made) = (nobodys().unwrap(), hash(&pepper, b"rivers bend slowly").unwrap());
        let cost = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (
                hash.algorithm,
                hash.version,
                hash.params.clone(),
                hash.hash.unwrap().len(),
            )
        };
        assert_eq!(cost(&nobodys), cost(&made));
        assert!(!verify(&pepper, b"", &nobodys));
        assert!(!verify(&pepper, b"rivers bend slowly", &nobodys));
    }
}
