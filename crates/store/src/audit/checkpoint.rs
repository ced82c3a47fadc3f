//! The ends of all chains, for checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl, RunQueryDsl};
use mainstay_domain::audit::merkle::{ChainHead, ChainName};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        schema::{accounts, audit_heads},
        types::{DbTimestamp, DbUuid},
    },
    error::Result,
    key::seal::Secret,
    on,
};

/// A position in the list of the ends by the time of their last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeadCursor {
    at: i64,
    person_no: i64,
}

impl HeadCursor {
    /// Before every end that changed at that time (microseconds) or later.
    pub const fn at(at: i64) -> Self {
        Self {
            at,
            person_no: i64::MIN,
        }
    }
}

/// The end of a chain, with its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedHead {
    /// Its position.
    pub cursor: HeadCursor,
    /// The end.
    pub head: ChainHead,
}

/// Names chains by keyed hashes of the installation, which tell of nobody.
pub(super) struct ChainNames(Secret);

impl ChainNames {
    pub fn name(&self, account: Uuid) -> ChainName {
        let mac = self.0.mac(&[b"chain", account.as_bytes()]);
        let mut name = ChainName::default();
        name.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        name
    }
}

impl Store {
    pub(super) fn chain_names(&self) -> Result<ChainNames> {
        Ok(ChainNames(self.keys.derive("mainstay checkpoints 1")?))
    }

    /// The ends of chains after a position, in the order of their last change.
    ///
    /// # Errors
    /// Of the database.
    pub async fn audit_heads_after(&self, after: HeadCursor, limit: usize) -> Result<Vec<ChangedHead>> {
        let names = self.chain_names()?;
        let read = self.data.read_long(None, move |conn| {
            let at = DbTimestamp(after.at);
            let query = audit_heads::table
                .inner_join(accounts::table.on(accounts::no.eq(audit_heads::person_no)))
                .filter(audit_heads::at.ge(at))
                .filter(
                    audit_heads::at
                        .gt(at)
                        .or(audit_heads::person_no.gt(after.person_no)),
                )
                .order((audit_heads::at, audit_heads::person_no))
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select((
                    audit_heads::at,
                    audit_heads::person_no,
                    accounts::id,
                    audit_heads::count,
                    audit_heads::mac,
                ));
            Ok(on!(conn, |c| query
                .load::<(DbTimestamp, i64, DbUuid, i64, Vec<u8>)>(c))?)
        });
        let rows = read.await?.into_iter();
        let heads = rows.map(|(at, person_no, account, count, mac)| ChangedHead {
            cursor: HeadCursor { at: at.0, person_no },
            head: ChainHead {
                name: names.name(account.0),
                count: count.unsigned_abs(),
                // A code of another length was altered. It must not stop checkpoints: `audit verify` names it.
                mac: mac.try_into().unwrap_or_default(),
            },
        });
        Ok(heads.collect())
    }
}

/// The ends of chains that checkpoints have named.
#[derive(Debug, Clone, Default)]
pub struct HeadsAtCheckpoints(BTreeMap<ChainName, BTreeSet<(u64, [u8; 32])>>);

impl HeadsAtCheckpoints {
    /// Adds the end of a chain.
    pub fn add(&mut self, head: &ChainHead) {
        self.0
            .entry(head.name)
            .or_default()
            .insert((head.count, head.mac));
    }

    /// Takes out the ends of one chain, in the order of their counts.
    pub(super) fn take(&mut self, name: &ChainName) -> BTreeSet<(u64, [u8; 32])> {
        self.0.remove(name).unwrap_or_default()
    }

    /// The names of the chains that are left.
    pub(super) fn names(&self) -> impl Iterator<Item = &ChainName> {
        self.0.keys()
    }
}
