//! What all parties share in a database, and the turns before it: connections to PostgreSQL, long reads, the queue of the
//! writer, searches of public data.
//!
//! Each account, and each network that searches, has a few turns of its own first. Urgent work has turns of its own too, and
//! connections that nothing else takes.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use uuid::Uuid;

use super::{
    batch_thread::Lane,
    connection_turns::{ConnectionTurn, ConnectionTurns, Work},
    long_turns::{LongTurn, LongTurns},
    turns::{PartyTurn, PartyTurns},
};
use crate::error::{Result, StoreError};

/// How long a request may wait for its turns and a connection, all together.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(2);
/// Long reads of people's records at the same time, as a rule. They are fewer than there are connections, so that short reads
/// always find one.
const LONG_READS: usize = 2;
/// Long reads that have begun beyond these, on SQLite: they pause, or a turn was given to one that has taken little.
pub(super) const PAUSED_READS: u32 = 2;
/// One in so many ordinary connections to PostgreSQL is for such reads.
const PAUSED_SHARE: usize = 4;
/// Searches of public reference data at the same time, each with a connection of its own.
pub(super) const PUBLIC_SEARCHES: u32 = 1;
/// Large reads for help at the same time, on SQLite.
pub(super) const LARGE_READS: u32 = 4;
/// Short jobs of an account at a time on PostgreSQL, each with a connection.
const ACCOUNT_CONNECTIONS: usize = 4;
/// Jobs of an account that may be in the queue of SQLite's writer.
const ACCOUNT_QUEUED: usize = 32;
/// Requests of a party that may wait for a turn of their own. Waiting costs next to nothing; one that is refused comes again
/// at once, and costs much.
const MAY_WAIT: usize = 256;

/// On whose behalf a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Party {
    /// An account.
    Account(Uuid),
    /// An account whose person may be in a crisis.
    UrgentAccount(Uuid),
    /// A sign-in, a session or a key: what every request waits for, and what is bounded elsewhere.
    Service,
    /// Work that nobody waits for, such as sweeps and timers, or that a flood may ask for, such as registration.
    Background,
    /// Anybody who reads public data.
    Public,
}

impl Party {
    /// The lane in which a job waits for the writer.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Account(_) | Self::Background | Self::Public => Lane::Ordinary,
            Self::UrgentAccount(_) | Self::Service => Lane::Urgent,
        }
    }

    /// What its short jobs are to others who wait for a connection.
    fn work(&self) -> Work {
        match self {
            Self::UrgentAccount(_) => Work::Urgent,
            Self::Service => Work::Service,
            Self::Account(_) | Self::Background | Self::Public => Work::Ordinary,
        }
    }
}

/// A turn of a job. It ends when it is dropped.
#[derive(Default)]
pub(crate) struct Turn {
    _connection: Option<ConnectionTurn>,
    _shared: Option<OwnedSemaphorePermit>,
    _account: Option<PartyTurn<Uuid>>,
    /// Its caller holds it too, until it has looked at the result.
    _long: Option<Arc<PartyTurn<Uuid>>>,
    _network: Option<PartyTurn<String>>,
}

/// The turns of a database.
pub(super) struct SharedTurns {
    /// On PostgreSQL only.
    connections: Option<ConnectionTurns>,
    ordinary: PartyTurns<Uuid>,
    urgent: PartyTurns<Uuid>,
    long: PartyTurns<Uuid>,
    long_reads: LongTurns,
    large: PartyTurns<Uuid>,
    /// On SQLite only.
    large_reads: Option<Arc<Semaphore>>,
    networks: PartyTurns<String>,
    public_searches: Arc<Semaphore>,
}

impl SharedTurns {
    /// The turns of a database on SQLite.
    pub fn on_sqlite() -> Self {
        Self::new(None, ACCOUNT_QUEUED, count(PAUSED_READS))
    }

    /// The turns of a database on a PostgreSQL server, to which there are so many connections.
    pub fn on_postgres(connections: usize) -> Self {
        let connections = ConnectionTurns::new(connections);
        let paused = (connections.shared() / PAUSED_SHARE).min(count(PAUSED_READS));
        Self::new(Some(connections), ACCOUNT_CONNECTIONS, paused)
    }

    fn new(connections: Option<ConnectionTurns>, of_account: usize, paused: usize) -> Self {
        let large_reads = match connections {
            None => Some(Arc::new(Semaphore::new(count(LARGE_READS)))),
            Some(_) => None,
        };
        Self {
            connections,
            ordinary: PartyTurns::new(of_account, MAY_WAIT),
            urgent: PartyTurns::new(of_account, MAY_WAIT),
            long: PartyTurns::new(1, MAY_WAIT),
            long_reads: LongTurns::new(LONG_READS + paused),
            large: PartyTurns::new(1, MAY_WAIT),
            large_reads,
            networks: PartyTurns::new(1, MAY_WAIT),
            public_searches: Arc::new(Semaphore::new(count(PUBLIC_SEARCHES))),
        }
    }

    /// Waits for a turn of the party alone, for a job that is queued for another thread.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn queued(&self, party: &Party) -> Result<Turn> {
        soon(async {
            Ok(Turn {
                _account: self.of_account(party).await?,
                ..Turn::default()
            })
        })
        .await
    }

    /// Waits for the turn of a short job, with a connection.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn short(&self, party: &Party) -> Result<Turn> {
        soon(async {
            let account = self.of_account(party).await?;
            Ok(Turn {
                _connection: self.connection(party.work()).await?,
                _account: account,
                ..Turn::default()
            })
        })
        .await
    }

    /// Waits for the turn of an account's long read: one at a time.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn long_of_account(&self, account: Uuid) -> Result<Arc<PartyTurn<Uuid>>> {
        soon(self.long.wait(account)).await.map(Arc::new)
    }

    /// Waits for the turn of a long read among those of all accounts.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn long(&self, account: Option<Arc<PartyTurn<Uuid>>>) -> Result<(Turn, LongTurn)> {
        soon(async {
            // What the server reads for itself counts as one account.
            let party = account.as_ref().map_or(Uuid::nil(), |turn| *turn.party());
            let shared = self.long_reads.wait(party).await?;
            let turn = Turn {
                _connection: self.connection(Work::Long).await?,
                _long: account,
                ..Turn::default()
            };
            Ok((turn, shared))
        })
        .await
    }

    /// Waits for the turn of an account's large read: one at a time.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn large_of_account(&self, account: Uuid) -> Result<PartyTurn<Uuid>> {
        soon(self.large.wait(account)).await
    }

    /// Waits for the turn of a large read among those of all accounts. On PostgreSQL it takes a connection on behalf of the
    /// party.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn large(&self, account: PartyTurn<Uuid>, party: &Party) -> Result<Turn> {
        soon(async {
            let shared = match &self.large_reads {
                Some(turns) => Some(acquire(turns).await?),
                None => None,
            };
            Ok(Turn {
                _connection: self.connection(party.work()).await?,
                _shared: shared,
                _account: Some(account),
                ..Turn::default()
            })
        })
        .await
    }

    /// Waits for the turn of a search of public data, from a network.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if it does not come soon.
    pub async fn search(&self, network: String) -> Result<Turn> {
        soon(async {
            let network = self.networks.wait(network).await?;
            let shared = acquire(&self.public_searches).await?;
            Ok(Turn {
                _shared: Some(shared),
                _network: Some(network),
                ..Turn::default()
            })
        })
        .await
    }

    async fn of_account(&self, party: &Party) -> Result<Option<PartyTurn<Uuid>>> {
        Ok(match party {
            Party::Account(account) => Some(self.ordinary.wait(*account).await?),
            Party::UrgentAccount(account) => Some(self.urgent.wait(*account).await?),
            Party::Service | Party::Background | Party::Public => None,
        })
    }

    async fn connection(&self, work: Work) -> Result<Option<ConnectionTurn>> {
        match &self.connections {
            Some(connections) => connections.wait(work).await.map(Some),
            None => Ok(None),
        }
    }
}

fn count(turns: u32) -> usize {
    usize::try_from(turns).unwrap_or(1)
}

async fn acquire(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let turn = Arc::clone(turns).acquire_owned().await;
    turn.map_err(|e| StoreError::Internal(e.to_string()))
}

/// Waits for a turn, but not for long.
async fn soon<T>(turn: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(MAX_WAIT, turn)
        .await
        .map_err(|_elapsed| StoreError::Busy)?
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAM: Uuid = Uuid::from_u128(1);
    const KIM: Uuid = Uuid::from_u128(2);

    /// Whether a future gives its result at once.
    async fn at_once<T>(turn: impl Future<Output = Result<T>>) -> Option<T> {
        timeout(Duration::from_millis(20), turn).await.ok()?.ok()
    }

    #[tokio::test]
    async fn one_account_leaves_connections_to_others() {
        let turns = SharedTurns::on_postgres(12);
        let mut of_sam = Vec::new();
        while let Some(turn) = at_once(turns.short(&Party::Account(SAM))).await {
            of_sam.push(turn);
        }
        assert_eq!(of_sam.len(), ACCOUNT_CONNECTIONS);
        assert!(at_once(turns.short(&Party::Account(KIM))).await.is_some());
    }

    #[tokio::test]
    async fn urgent_work_finds_a_connection_when_others_have_taken_all() {
        let turns = SharedTurns::on_postgres(4);
        let mut taken = Vec::new();
        while let Some(turn) =
            at_once(turns.short(&Party::Account(Uuid::from_u128(taken.len() as u128)))).await
        {
            taken.push(turn);
        }
        assert_eq!(taken.len(), 3);
        assert!(at_once(turns.short(&Party::Background)).await.is_none());
        assert!(at_once(turns.short(&Party::UrgentAccount(KIM))).await.is_some());
        assert!(at_once(turns.short(&Party::Service)).await.is_some());
    }

    #[tokio::test]
    async fn background_work_takes_no_connection_of_urgent_work() {
        let turns = SharedTurns::on_postgres(4);
        let mut taken = Vec::new();
        while let Some(turn) = at_once(turns.short(&Party::Background)).await {
            taken.push(turn);
        }
        assert_eq!(taken.len(), 3);
        assert!(at_once(turns.short(&Party::Service)).await.is_some());
        assert_eq!(Party::Background.lane(), Lane::Ordinary);
    }

    #[tokio::test]
    async fn long_reads_of_one_account_come_one_after_the_other() {
        let turns = SharedTurns::on_sqlite();
        let sam = turns.long_of_account(SAM).await.unwrap();
        let _reading = turns.long(Some(sam)).await.unwrap();
        assert!(at_once(turns.long_of_account(SAM)).await.is_none());
        let kim = at_once(turns.long_of_account(KIM)).await;
        assert!(at_once(turns.long(kim)).await.is_some());
    }

    async fn large(turns: &SharedTurns, account: Uuid) -> Result<Turn> {
        let own = turns.large_of_account(account).await?;
        turns.large(own, &Party::UrgentAccount(account)).await
    }

    #[tokio::test]
    async fn large_reads_of_one_account_come_one_after_the_other_and_many_may_wait() {
        for turns in [SharedTurns::on_sqlite(), SharedTurns::on_postgres(12)] {
            let turns = Arc::new(turns);
            let first = large(&turns, SAM).await.unwrap();
            let waiting: Vec<_> = (0..MAY_WAIT)
                .map(|_| {
                    let turns = Arc::clone(&turns);
                    tokio::spawn(async move { large(&turns, SAM).await.map(drop) })
                })
                .collect();
            for _ in 0..MAY_WAIT {
                tokio::task::yield_now().await;
            }
            assert!(matches!(large(&turns, SAM).await, Err(StoreError::Busy)));
            assert!(at_once(large(&turns, KIM)).await.is_some());
            drop(first);
            for waiting in waiting {
                assert!(waiting.await.unwrap().is_ok());
            }
        }
    }

    #[tokio::test]
    async fn searches_of_one_network_wait_for_each_other_before_they_wait_for_all() {
        let turns = SharedTurns::on_sqlite();
        let first = turns.search("a".to_owned()).await.unwrap();
        let mut waiting = Vec::new();
        for network in ["a", "a", "b"] {
            let mut turn = Box::pin(turns.search(network.to_owned()));
            assert!(timeout(Duration::from_millis(1), turn.as_mut()).await.is_err());
            waiting.push(turn);
        }
        drop(first);
        // The second of the network was let to its own turn only after the other network had queued for the shared one.
        let other = waiting.pop().unwrap();
        assert!(at_once(other).await.is_some());
    }
}
