//! Passwords: hashing with argon2id and a pepper, in a pool of threads for each purpose, so that a flood of registrations
//! keeps nobody from signing in.

pub mod cost;
mod costs;
pub mod hash;

use std::sync::Arc;

use mainstay_domain::account::{CurrentPassword, Password};
use mainstay_store::{
    credentials::{Credentials, HashRenewal},
    key::seal::Secret,
};
use uuid::Uuid;

use crate::{
    auth::{
        hash_pool::{HashPool, Purpose},
        password::{
            cost::HashCost,
            costs::Costs,
            hash::{Form, Hashes, placeholder},
        },
        turns::{Applicant, Precedence, Turn},
    },
    http::{
        admission::turns::aside,
        problem::{HandlerResult, Problem},
    },
};

/// Creates and verifies password hashes.
pub struct Passwords {
    hashes: Arc<Hashes>,
    costs: Arc<Costs>,
    sign_in: Arc<HashPool>,
    confirmation: Arc<HashPool>,
    registration: Arc<HashPool>,
}

/// A turn to verify one password or to hash a new one, in the pool of its purpose.
pub struct HashTurn {
    hashes: Arc<Hashes>,
    costs: Arc<Costs>,
    pool: Arc<HashPool>,
    turn: Turn,
}

/// Whose password is verified.
#[derive(Clone)]
pub enum Claimed {
    /// That of an account.
    Account(Credentials),
    /// That of an address without an account, as the key of the address. It is never right, after the same time.
    Nobody(String),
}

/// A right password.
pub struct Verified {
    /// The hash in the place of one that is not bound, or of another cost.
    pub renewal: Option<HashRenewal>,
}

impl Passwords {
    /// Creates a hasher for a server with so many workers. Sign-ins have as many threads as there are workers,
    /// confirmations half as many, and registrations a quarter.
    ///
    /// # Errors
    /// If the operating system starts no threads.
    pub fn new(pepper: Secret, cost: HashCost, workers: usize) -> Result<Self, String> {
        Ok(Self {
            hashes: Arc::new(Hashes::new(pepper, cost)),
            costs: Arc::new(Costs::new(cost)),
            sign_in: HashPool::start(Purpose::SignIn, workers)?.into(),
            confirmation: HashPool::start(Purpose::Confirmation, workers / 2)?.into(),
            registration: HashPool::start(Purpose::Registration, workers / 4)?.into(),
        })
    }

    /// Hashes the password of an account that a command creates. Nobody else asks for a turn there.
    ///
    /// # Errors
    /// A fault, if the password cannot be hashed.
    pub async fn hash(&self, account: Uuid, password: &Password) -> HandlerResult<String> {
        let operator = Applicant {
            customer: "",
            network: "",
            account: None,
            precedence: Precedence::Usual,
        };
        self.registration_turn(operator)
            .await?
            .hash(account, password)
            .await
    }

    /// Takes up a count of the forms in which the hashes of all accounts are stored.
    pub fn set_forms(&self, forms: &[(String, u64)]) {
        let cost = |(form, count): &(String, u64)| Some((Form::of(form)?.cost, *count));
        self.costs.set(forms.iter().filter_map(cost));
    }

    /// Whether the hashes of all accounts are known to have the present cost.
    pub fn are_costs_settled(&self) -> bool {
        self.costs.are_settled()
    }

    /// Notes that the renewed hash of an account was stored.
    pub fn renewed(&self, renewal: &HashRenewal) {
        self.costs
            .renewed(Form::of(&renewal.verified).map(|form| form.cost));
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
            hashes: Arc::clone(&self.hashes),
            costs: Arc::clone(&self.costs),
            pool: Arc::clone(pool),
            turn: aside(pool.turn(applicant)).await?,
        })
    }
}

impl HashTurn {
    /// Hashes a new password of an account.
    ///
    /// # Errors
    /// A fault, if the password cannot be hashed.
    pub async fn hash(self, account: Uuid, password: &Password) -> HandlerResult<String> {
        let (hashes, password) = (self.hashes, password.clone());
        let hash = self.pool.run(self.turn, move || hashes.hash(account, &password));
        let hash = aside(hash).await?.map_err(Problem::internal)?;
        self.costs.renewed(None);
        Ok(hash)
    }

    /// Verifies a password, in its composed form or in the other one in which it may have been stored. If its hash is not bound
    /// to the account, or has another cost, it is hashed anew in the same turn.
    ///
    /// # Errors
    /// A fault, if the work panics, or if no placeholder can be made.
    pub async fn verify(
        self,
        password: &CurrentPassword,
        claimed: Claimed,
    ) -> HandlerResult<Option<Verified>> {
        let (hashes, password) = (self.hashes, password.clone());
        let (account, stored) = match claimed {
            Claimed::Account(credentials) => (Some(credentials.account), credentials.password_hash),
            Claimed::Nobody(address) => {
                let cost = self.costs.at(hashes.place(&address));
                (None, placeholder(cost).map_err(Problem::internal)?)
            }
        };
        let verify = move || {
            let is_match = hashes.verify(account.unwrap_or_default(), &password, &stored);
            let account = account.filter(|_| is_match)?;
            Some(Verified {
                renewal: renewal(&hashes, account, &password, stored),
            })
        };
        self.pool.run(self.turn, verify).await
    }
}

/// Hashes a right password anew, if the stored hash is not one that would be made today. If that fails, the stored one stays.
fn renewal(
    hashes: &Hashes,
    account: Uuid,
    password: &CurrentPassword,
    verified: String,
) -> Option<HashRenewal> {
    if hashes.is_current(&verified) {
        return None;
    }
    match hashes.renew(account, password) {
        Ok(renewed) => Some(HashRenewal {
            account,
            verified,
            renewed,
        }),
        Err(error) => {
            log::warn!("a password could not be hashed anew, and keeps its earlier hash: {error}");
            None
        }
    }
}
