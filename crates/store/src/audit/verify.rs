//! Walks the chains, and finds what was changed, deleted, inserted, put into another order, or cut.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl,
    dsl::{max, min},
};
use mainstay_domain::audit::{Access, Disclosure, canonical};
use strum::IntoStaticStr;
use uuid::Uuid;

use super::{
    chain::{ACCESS, DISCLOSURE, End, Link, open},
    checkpoint::HeadsAtCheckpoints,
};
use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{access_log, account_state::ERASING, accounts, audit_heads, disclosures},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::seal::DataKeys,
    on,
};

/// Accounts that are read at a time.
const ACCOUNTS: i64 = 500;
/// Entries that are read at a time.
const ENTRIES: i64 = 500;
/// The faults that are named of one chain. One that was altered may have many.
const MAX_FAULTS: usize = 20;

/// A fault in the audit of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    /// The account, if it is known.
    pub account: Option<Uuid>,
    /// The number of the entry, if it is one.
    pub no: Option<i64>,
    /// What is wrong.
    pub damage: Damage,
}

/// What is wrong with the audit of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum Damage {
    /// An entry does not open, or its code does not fit.
    #[strum(serialize = "the entry was altered, moved or inserted")]
    EntryAltered,
    /// A disclosure does not open, or belongs to no access.
    #[strum(serialize = "the disclosure was altered, moved or inserted")]
    DisclosureAltered,
    /// An entry is missing.
    #[strum(serialize = "the entry is missing")]
    EntryMissing,
    /// There are entries after the end.
    #[strum(serialize = "there are entries after the end of the chain")]
    BeyondTheEnd,
    /// The row of the end is missing, or its code does not fit.
    #[strum(serialize = "the end of the chain was altered or is missing")]
    EndAltered,
    /// A checkpoint has seen a longer chain.
    #[strum(
        serialize = "a checkpoint has seen this entry: the end of the chain was cut, or put back from a backup"
    )]
    Cut,
    /// A checkpoint has seen another entry.
    #[strum(serialize = "a checkpoint has seen another entry: the chain was written anew")]
    Rewritten,
    /// A checkpoint has seen a chain of an account that is gone, and was not erased.
    #[strum(serialize = "a checkpoint has seen a chain of an account that is gone, but was not erased")]
    ChainGone,
    /// The data key is missing or does not open.
    #[strum(serialize = "the data key of the account is missing, so nothing can be verified")]
    NoKey,
}

impl Damage {
    /// What is wrong, in words.
    pub fn words(self) -> &'static str {
        self.into()
    }
}

/// How much was verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditSummary {
    /// Accounts.
    pub accounts: usize,
    /// Entries of access logs.
    pub accesses: usize,
    /// Disclosures.
    pub disclosures: usize,
    /// Faults, as far as they were counted.
    pub faults: usize,
}

impl Store {
    /// Verifies the chain of every account, or of one. The faults of each go to `report`.
    ///
    /// # Errors
    /// Of the databases; [`StoreError::PersonGone`] if the one account is not there.
    pub async fn verify_audit(
        &self,
        only: Option<Uuid>,
        mut seen: HeadsAtCheckpoints,
        mut report: impl FnMut(&AuditFault),
    ) -> Result<AuditSummary> {
        let names = self.chain_names()?;
        let mut summary = AuditSummary::default();
        let mut after = 0;
        loop {
            let batch = self.accounts_after(after, only).await?;
            let Some((last, ..)) = batch.last() else { break };
            after = *last;
            for (no, account, is_active) in batch {
                let seen = seen.take(&names.name(account));
                if !is_active {
                    continue;
                }
                let walked = self.verify_chain(no, account, seen).await?;
                summary.accounts += 1;
                summary.accesses += walked.accesses;
                summary.disclosures += walked.disclosures;
                // An account that was erased meanwhile has no faults.
                if !walked.faults.is_empty() && self.is_active(account).await? {
                    summary.faults += walked.faults.len();
                    walked.faults.iter().for_each(&mut report);
                }
            }
        }
        match only {
            Some(_) if summary.accounts == 0 => return Err(StoreError::PersonGone),
            Some(_) => {}
            None => {
                let erased = self.keys.erased().await?;
                let erased: BTreeSet<_> = erased.into_iter().map(|(id, _)| names.name(id)).collect();
                for _gone in seen.names().filter(|name| !erased.contains(*name)) {
                    summary.faults += 1;
                    report(&AuditFault {
                        account: None,
                        no: None,
                        damage: Damage::ChainGone,
                    });
                }
            }
        }
        Ok(summary)
    }

    /// Some accounts after a number: number, id, and whether they are not being erased.
    pub(super) async fn accounts_after(
        &self,
        after: i64,
        only: Option<Uuid>,
    ) -> Result<Vec<(i64, Uuid, bool)>> {
        let read = self.data.read_long(None, move |conn| {
            let all = accounts::table
                .filter(accounts::no.gt(after))
                .order(accounts::no)
                .limit(ACCOUNTS)
                .select((accounts::no, accounts::id, accounts::state));
            let rows: Vec<(i64, DbUuid, String)> = match only {
                None => on!(conn, |c| all.load(c))?,
                Some(id) => {
                    let one = all.filter(accounts::id.eq(DbUuid(id)));
                    on!(conn, |c| one.load(c))?
                }
            };
            Ok(rows)
        });
        let rows = read.await?.into_iter();
        Ok(rows.map(|(no, id, state)| (no, id.0, state != ERASING)).collect())
    }

    async fn is_active(&self, account: Uuid) -> Result<bool> {
        let read = self.data.read_long(None, move |conn| {
            let query = accounts::table
                .filter(accounts::id.eq(DbUuid(account)))
                .filter(accounts::state.ne(ERASING))
                .select(accounts::no);
            Ok(on!(conn, |c| query.first::<i64>(c).optional())?.is_some())
        });
        read.await
    }

    async fn verify_chain(&self, no: i64, account: Uuid, seen: BTreeSet<(u64, [u8; 32])>) -> Result<Walked> {
        let keys = match self.keys_of(account).await {
            Ok(keys) => keys,
            Err(StoreError::PersonGone) => return Ok(Walked::default()),
            Err(StoreError::Sealed(_)) => {
                let mut walked = Walked::default();
                walked.faults.push(AuditFault {
                    account: Some(account),
                    no: None,
                    damage: Damage::NoKey,
                });
                return Ok(walked);
            }
            Err(error) => return Err(error),
        };
        let head = self.data.read_long(None, move |conn| load_head(conn, no)).await?;
        let mut walked = Walked::default();
        if head.lowest < 1 {
            walked.faults.push(AuditFault {
                account: Some(account),
                no: Some(head.lowest),
                damage: Damage::BeyondTheEnd,
            });
        }
        let mut walk = Walk {
            account,
            keys,
            end: End::beginning(),
            last_at: i64::MIN,
            seen: seen.into_iter().collect(),
            walked,
        };
        loop {
            let after = walk.end.count;
            let upto = head.count;
            let page = self
                .data
                .read_long(None, move |conn| load_page(conn, no, after, upto))
                .await?;
            let is_last = page.accesses.len() < usize::try_from(ENTRIES).unwrap_or(usize::MAX);
            walk.page(page, if is_last { upto } else { i64::MIN });
            if is_last || walk.walked.faults.len() >= MAX_FAULTS {
                break;
            }
        }
        walk.finish(&head);
        Ok(walk.walked)
    }
}

/// What the walk of a chain has found.
#[derive(Default)]
struct Walked {
    accesses: usize,
    disclosures: usize,
    faults: Vec<AuditFault>,
}

/// The row of an end, with the highest numbers that there are.
struct Head {
    /// 0 without a row.
    count: i64,
    at: i64,
    mac: Option<Vec<u8>>,
    highest: i64,
    /// The lowest number, 1 without entries.
    lowest: i64,
}

fn load_head(conn: &mut Conn, person: i64) -> Result<Head> {
    let highest_access = access_log::table
        .filter(access_log::person_no.eq(person))
        .select(max(access_log::no));
    let highest_disclosure = disclosures::table
        .filter(disclosures::person_no.eq(person))
        .select(max(disclosures::no));
    let lowest_access = access_log::table
        .filter(access_log::person_no.eq(person))
        .select(min(access_log::no));
    let lowest_disclosure = disclosures::table
        .filter(disclosures::person_no.eq(person))
        .select(min(disclosures::no));
    let query = audit_heads::table
        .filter(audit_heads::person_no.eq(person))
        .select((audit_heads::count, audit_heads::at, audit_heads::mac));
    // The highest numbers first: what is appended in between is covered by the end then.
    let access: Option<i64> = on!(&mut *conn, |c| highest_access.first(c))?;
    let disclosure: Option<i64> = on!(&mut *conn, |c| highest_disclosure.first(c))?;
    let lowest: Option<i64> = on!(&mut *conn, |c| lowest_access.first(c))?;
    let lowest_given: Option<i64> = on!(&mut *conn, |c| lowest_disclosure.first(c))?;
    let lowest = lowest.unwrap_or(1).min(lowest_given.unwrap_or(1));
    let row: Option<(i64, DbTimestamp, Vec<u8>)> = on!(conn, |c| query.first(c).optional())?;
    let highest = access.max(disclosure).unwrap_or(0);
    Ok(match row {
        None => Head {
            count: 0,
            at: i64::MIN,
            mac: None,
            highest,
            lowest,
        },
        Some((count, at, mac)) => Head {
            count,
            at: at.0,
            mac: Some(mac),
            highest,
            lowest,
        },
    })
}

struct AccessRow {
    no: i64,
    at: i64,
    by_others: bool,
    sealed: Vec<u8>,
    mac: Vec<u8>,
}

struct Page {
    accesses: Vec<AccessRow>,
    disclosures: VecDeque<(i64, Vec<u8>)>,
}

type AccessColumns = (i64, DbTimestamp, bool, Vec<u8>, Vec<u8>);

fn load_page(conn: &mut Conn, person: i64, after: i64, upto: i64) -> Result<Page> {
    let query = access_log::table
        .filter(access_log::person_no.eq(person))
        .filter(access_log::no.gt(after))
        .filter(access_log::no.le(upto))
        .order(access_log::no)
        .limit(ENTRIES)
        .select((
            access_log::no,
            access_log::at,
            access_log::by_others,
            access_log::sealed,
            access_log::mac,
        ));
    let accesses: Vec<AccessColumns> = on!(&mut *conn, |c| query.load(c))?;
    let is_last = accesses.len() < usize::try_from(ENTRIES).unwrap_or(usize::MAX);
    let last = accesses.last().filter(|_| !is_last).map_or(upto, |row| row.0);
    let query = disclosures::table
        .filter(disclosures::person_no.eq(person))
        .filter(disclosures::no.gt(after))
        .filter(disclosures::no.le(last))
        .order(disclosures::no)
        .select((disclosures::no, disclosures::sealed));
    let disclosures: Vec<(i64, Vec<u8>)> = on!(conn, |c| query.load(c))?;
    let access = |(no, at, by_others, sealed, mac): AccessColumns| AccessRow {
        no,
        at: at.0,
        by_others,
        sealed,
        mac,
    };
    Ok(Page {
        accesses: accesses.into_iter().map(access).collect(),
        disclosures: disclosures.into(),
    })
}

/// A walk along one chain.
struct Walk {
    account: Uuid,
    keys: Arc<DataKeys>,
    end: End,
    last_at: i64,
    /// The ends that checkpoints have seen and that are still to come.
    seen: VecDeque<(u64, [u8; 32])>,
    walked: Walked,
}

impl Walk {
    fn fault(&mut self, no: Option<i64>, damage: Damage) {
        if self.walked.faults.len() < MAX_FAULTS {
            self.walked.faults.push(AuditFault {
                account: Some(self.account),
                no,
                damage,
            });
        }
    }

    /// Walks some entries. Up to `upto` there are no others.
    fn page(&mut self, mut page: Page, upto: i64) {
        for row in &page.accesses {
            if row.no != self.end.count + 1 {
                self.fault(Some(self.end.count + 1), Damage::EntryMissing);
            }
            while let Some((no, _)) = page.disclosures.pop_front_if(|(no, _)| *no < row.no) {
                self.fault(Some(no), Damage::DisclosureAltered);
            }
            let disclosure = page.disclosures.pop_front_if(|(no, _)| *no == row.no);
            self.entry(row, disclosure.map(|(_, sealed)| sealed));
        }
        for (no, _) in page.disclosures {
            self.fault(Some(no), Damage::DisclosureAltered);
        }
        if self.end.count < upto {
            self.fault(Some(self.end.count + 1), Damage::EntryMissing);
        }
    }

    fn entry(&mut self, row: &AccessRow, disclosure: Option<Vec<u8>>) {
        self.walked.accesses += 1;
        let opened = open(&self.keys, ACCESS, row.no, &row.sealed).ok();
        let entry = opened.as_deref().and_then(canonical::decode::<Access>);
        let disclosed = disclosure.map(|sealed| {
            self.walked.disclosures += 1;
            open(&self.keys, DISCLOSURE, row.no, &sealed).ok()
        });
        let disclosure_at = match &disclosed {
            None => Some(row.at),
            Some(bytes) => bytes
                .as_deref()
                .and_then(canonical::decode::<Disclosure>)
                .map(|disclosure| disclosure.at),
        };
        if disclosure_at != Some(row.at) {
            self.fault(Some(row.no), Damage::DisclosureAltered);
        }
        let columns_fit = entry.is_some_and(|entry| {
            entry.at == row.at && row.at >= self.last_at && row.by_others == (entry.by != self.account)
        });
        let code = opened.map(|access| {
            self.end.link(
                &self.keys,
                &Link {
                    no: row.no,
                    access: &access,
                    disclosure: disclosed
                        .as_ref()
                        .map(|bytes| bytes.as_deref().unwrap_or_default()),
                },
            )
        });
        if !columns_fit || code.is_none_or(|code| code.as_slice() != row.mac) {
            self.fault(Some(row.no), Damage::EntryAltered);
        }
        // On with what is stored, so that one fault is named once.
        self.end = End::after(&self.keys, row.no, &row.mac);
        self.last_at = self.last_at.max(row.at);
        self.compare_with_checkpoints();
    }

    fn compare_with_checkpoints(&mut self) {
        let count = self.end.count.unsigned_abs();
        while let Some((seen_count, mac)) = self.seen.pop_front_if(|(seen, _)| *seen <= count) {
            if seen_count == count && mac.as_slice() != self.end.mac {
                self.fault(Some(self.end.count), Damage::Rewritten);
            }
        }
    }

    fn finish(&mut self, head: &Head) {
        if self.walked.faults.len() >= MAX_FAULTS {
            return;
        }
        if head.highest > head.count {
            self.fault(Some(head.count + 1), Damage::BeyondTheEnd);
        }
        let fits = match &head.mac {
            None => head.count == 0 && self.end.count == 0,
            Some(mac) => {
                head.count == self.end.count
                    && *mac == self.end.mac
                    && head.at == self.last_at
                    && head.count > 0
            }
        };
        if !fits {
            self.fault(None, Damage::EndAltered);
        }
        if let Some((count, _)) = self.seen.front() {
            let no = i64::try_from(*count).unwrap_or(i64::MAX);
            self.fault(Some(no), Damage::Cut);
        }
    }
}
