//! Counts wrong passwords in memory, until they are written to the events of their accounts.
//!
//! A try with a wrong password only adds to a number here, so its response waits for nothing that one for an unknown address
//! does not wait for. After an event of an account further tries are counted for an hour and become one event, so a flood makes
//! few of them. A server that is killed loses what it has counted since it wrote last.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mainstay_domain::security_event::{SecurityEvent, SecurityEventCode};
use mainstay_store::{
    Store, StoreError,
    security_event::{Collapse, CountedFailures},
};
use uuid::Uuid;

/// The accounts from which on everything is written, whatever holds it back.
const FULL: usize = 10_000;
/// The accounts from which on no further one is counted, while the database cannot be reached.
const OVERFULL: usize = 2 * FULL;

/// A try with a wrong password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTry {
    /// The account.
    pub account: Uuid,
    /// Whether it was to sign in or to confirm something.
    pub code: SecurityEventCode,
    /// The session that it came from.
    pub session: Option<Uuid>,
    /// The network that it came from, named coarsely.
    pub network: Option<String>,
    /// When it was, in microseconds.
    pub at: i64,
}

/// The tries of some accounts since they were written last.
#[derive(Default)]
pub struct FailedTries {
    counted: Mutex<Counted>,
}

type Counted = HashMap<(Uuid, SecurityEventCode), CountedFailures>;

impl FailedTries {
    /// Counts a try.
    pub fn count(&self, failed: FailedTry) {
        self.add(CountedFailures {
            account: failed.account,
            last_at: failed.at,
            event: SecurityEvent {
                session: failed.session,
                network: failed.network,
                count: Some(1),
                first_at: Some(failed.at),
                ..SecurityEvent::new(failed.code)
            },
        });
    }

    fn add(&self, more: CountedFailures) {
        let mut counted = self.lock();
        let key = (more.account, more.event.code);
        if counted.len() >= OVERFULL && !counted.contains_key(&key) {
            return;
        }
        let Some(before) = counted.remove(&key) else {
            counted.insert(key, more);
            return;
        };
        counted.insert(key, together(before, more));
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was counted to the events of the accounts.
    ///
    /// # Errors
    /// Of the databases. What could not be written is counted further, and written the next time.
    pub async fn write(&self, store: &Store, collapse: Collapse) -> Result<(), StoreError> {
        let counted = mem::take(&mut *self.lock());
        let collapse = if counted.len() >= FULL {
            Collapse::Never
        } else {
            collapse
        };
        let mut outcome = Ok(());
        for failures in counted.into_values() {
            match store.add_counted_failures(failures.clone(), collapse).await {
                // It may have been written. Once too few is better than twice.
                Ok(true) | Err(StoreError::OutcomeUnknown(_)) => {}
                Ok(false) => self.add(failures),
                // One whose events cannot be written must not keep the others waiting.
                Err(error) => {
                    if matches!(error, StoreError::Busy | StoreError::Unavailable(_)) {
                        self.add(failures);
                    }
                    outcome = Err(error);
                }
            }
        }
        outcome
    }
}

/// Adds up tries of the same account. A network or a session that is not the same for all is left out.
fn together(one: CountedFailures, other: CountedFailures) -> CountedFailures {
    let count = |failures: &CountedFailures| failures.event.count.unwrap_or(1);
    CountedFailures {
        last_at: one.last_at.max(other.last_at),
        event: SecurityEvent {
            count: Some(count(&one).saturating_add(count(&other))),
            first_at: one.event.first_at.min(other.event.first_at),
            network: one
                .event
                .network
                .filter(|network| Some(network) == other.event.network.as_ref()),
            session: one
                .event
                .session
                .filter(|session| Some(session) == other.event.session.as_ref()),
            ..other.event
        },
        account: one.account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(account: u128, network: &str, at: i64) -> FailedTry {
        FailedTry {
            account: Uuid::from_u128(account),
            code: SecurityEventCode::SignInFailed,
            session: None,
            network: Some(network.to_owned()),
            at,
        }
    }

    #[test]
    fn tries_of_an_account_are_added_up_and_name_a_network_only_if_it_is_one() {
        let tries = FailedTries::default();
        for (account, network, at) in [
            (1, "192.0.0.0/16", 5),
            (1, "192.0.0.0/16", 7),
            (2, "192.0.0.0/16", 6),
            (2, "198.51.0.0/16", 9),
        ] {
            tries.count(failed(account, network, at));
        }
        let counted = tries.lock();
        let of = |account| {
            let key = (Uuid::from_u128(account), SecurityEventCode::SignInFailed);
            let found = counted.get(&key).unwrap();
            let event = &found.event;
            (
                event.count,
                event.first_at,
                found.last_at,
                event.network.as_deref(),
            )
        };
        assert_eq!(of(1), (Some(2), Some(5), 7, Some("192.0.0.0/16")));
        assert_eq!(of(2), (Some(2), Some(6), 9, None));
    }

    #[test]
    fn a_full_map_stays_bounded_and_goes_on_counting_those_it_has() {
        let tries = FailedTries::default();
        for account in 0..OVERFULL as u128 + 10 {
            tries.count(failed(account, "192.0.0.0/16", 1));
        }
        tries.count(failed(0, "192.0.0.0/16", 2));
        let counted = tries.lock();
        assert_eq!(counted.len(), OVERFULL);
        let first = counted
            .get(&(Uuid::from_u128(0), SecurityEventCode::SignInFailed))
            .unwrap();
        assert_eq!(first.event.count, Some(2));
    }
}
