//! Turns of parties: each account or network has a few at a time, whatever it asks for, and only then waits for what all
//! share. So one party never holds all of a shared thing.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Result, StoreError};

/// The turns of all parties. Cheap to clone. A party that has no turn and waits for none takes no memory.
///
/// ```
/// use mainstay_store::{StoreError, turns::PartyTurns};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let turns = PartyTurns::new(1, 0);
/// let first = turns.wait("sam").await?;
/// assert!(matches!(turns.wait("sam").await, Err(StoreError::Busy)));
/// turns.wait("kim").await?;
/// drop(first);
/// turns.wait("sam").await?;
/// # Ok::<_, StoreError>(()) })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct PartyTurns<K: Eq + Hash + Clone> {
    parties: Arc<Mutex<HashMap<K, Party>>>,
    at_a_time: usize,
    may_wait: usize,
}

struct Party {
    turns: Arc<Semaphore>,
    /// How many have a turn or wait for one.
    members: usize,
}

/// A turn of a party. It ends when it is dropped.
pub struct PartyTurn<K: Eq + Hash + Clone> {
    _turn: OwnedSemaphorePermit,
    member: Member<K>,
}

impl<K: Eq + Hash + Clone> PartyTurn<K> {
    /// The party whose turn it is.
    pub fn party(&self) -> &K {
        &self.member.party
    }
}

/// One that has a turn or waits for one.
struct Member<K: Eq + Hash + Clone> {
    parties: Arc<Mutex<HashMap<K, Party>>>,
    party: K,
}

impl<K: Eq + Hash + Clone> Clone for PartyTurns<K> {
    fn clone(&self) -> Self {
        Self {
            parties: Arc::clone(&self.parties),
            at_a_time: self.at_a_time,
            may_wait: self.may_wait,
        }
    }
}

impl<K: Eq + Hash + Clone> PartyTurns<K> {
    /// Gives each party so many turns at a time, and lets so many more wait for one.
    pub fn new(at_a_time: usize, may_wait: usize) -> Self {
        Self {
            parties: Arc::default(),
            at_a_time,
            may_wait,
        }
    }

    /// Waits for a turn of a party. Those of one party come in their order. The caller bounds the time.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if too many of the party wait already.
    pub async fn wait(&self, party: K) -> Result<PartyTurn<K>> {
        let (turns, member) = self.join(party)?;
        let turn = turns.acquire_owned().await;
        Ok(PartyTurn {
            _turn: turn.map_err(|e| StoreError::Internal(e.to_string()))?,
            member,
        })
    }

    fn join(&self, party: K) -> Result<(Arc<Semaphore>, Member<K>)> {
        let mut parties = locked(&self.parties);
        let entry = parties.entry(party.clone()).or_insert_with(|| Party {
            turns: Arc::new(Semaphore::new(self.at_a_time)),
            members: 0,
        });
        if entry.members >= self.at_a_time + self.may_wait {
            return Err(StoreError::Busy);
        }
        entry.members += 1;
        let member = Member {
            parties: Arc::clone(&self.parties),
            party,
        };
        Ok((Arc::clone(&entry.turns), member))
    }
}

impl<K: Eq + Hash + Clone> Drop for Member<K> {
    fn drop(&mut self) {
        let mut parties = locked(&self.parties);
        if let Some(party) = parties.get_mut(&self.party) {
            party.members = party.members.saturating_sub(1);
            if party.members == 0 {
                parties.remove(&self.party);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_party_waits_for_its_own_turns_only_and_too_many_are_refused() {
        let turns = PartyTurns::new(2, 1);
        let first = turns.wait(1).await.unwrap();
        let _second = turns.wait(1).await.unwrap();
        let other = timeout(Duration::from_secs(5), turns.wait(2)).await;
        assert!(other.unwrap().is_ok(), "another party does not wait");
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait(1).await.map(drop) }
        });
        while locked(&turns.parties)[&1].members < 3 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(turns.wait(1).await, Err(StoreError::Busy)));
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_party_that_has_ended_or_given_up_leaves_nothing() {
        let turns = PartyTurns::new(1, 5);
        let first = turns.wait(1).await.unwrap();
        assert!(timeout(Duration::from_millis(1), turns.wait(1)).await.is_err());
        assert_eq!(locked(&turns.parties)[&1].members, 1);
        drop(first);
        assert!(locked(&turns.parties).is_empty());
    }
}
