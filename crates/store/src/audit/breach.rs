//! Finds the people whose records were reached by some accounts since a time, for the notices after a breach.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    audit::{Access, AccessDecision, Disclosure, canonical},
    sharing::DataClass,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    chain::{ACCESS, DISCLOSURE, open},
    list::first_at,
};
use crate::{
    Store,
    engine::schema::{access_log, disclosures},
    error::{Result, StoreError},
    key::seal::DataKeys,
    on,
};

/// Entries that are read at a time.
const ENTRIES: i64 = 500;

/// Which accesses count.
#[derive(Debug, Clone, Default)]
pub struct BreachQuery {
    /// Those from this time on, in microseconds.
    pub since: i64,
    /// Those of these accounts. Empty: of everyone but the person.
    pub accounts: BTreeSet<Uuid>,
}

/// A person whose record was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffectedPerson {
    /// The account of the person.
    pub account: Uuid,
    /// The first access, in microseconds.
    pub first_at: i64,
    /// The last access, in microseconds.
    pub last_at: i64,
    /// How many entries of the access log.
    pub accesses: u64,
    /// The accounts that reached it.
    pub by: BTreeSet<Uuid>,
    /// How many records of each class. A record that was read twice counts twice.
    pub classes: BTreeMap<DataClass, u64>,
    /// What was reached.
    pub what: BTreeSet<&'static str>,
}

impl Store {
    /// Finds everyone whose record was reached, account by account. Gives how many were searched, and the accounts that
    /// could not be, since their key is missing or their log was altered.
    ///
    /// # Errors
    /// Of the databases.
    pub async fn find_affected(
        &self,
        query: &BreachQuery,
        mut report: impl FnMut(AffectedPerson),
    ) -> Result<(usize, Vec<Uuid>)> {
        let (mut searched, mut without_key, mut after) = (0, Vec::new(), 0);
        loop {
            let batch = self.accounts_after(after, None).await?;
            let Some((last, ..)) = batch.last() else { break };
            after = *last;
            for (no, account, _) in batch.into_iter().filter(|(.., is_active)| *is_active) {
                match self.keys_of(account).await {
                    Ok(keys) => {
                        searched += 1;
                        match self.find_in_log(no, account, &keys, query).await {
                            Ok(found) => found.into_iter().for_each(&mut report),
                            // One log that was altered must not keep the others from being found.
                            Err(StoreError::Sealed(_)) => without_key.push(account),
                            Err(error) => return Err(error),
                        }
                    }
                    Err(StoreError::PersonGone) => {}
                    Err(StoreError::Sealed(_)) => without_key.push(account),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((searched, without_key))
    }

    async fn find_in_log(
        &self,
        no: i64,
        account: Uuid,
        keys: &DataKeys,
        query: &BreachQuery,
    ) -> Result<Option<AffectedPerson>> {
        // The person's own entries count only if their own credentials leaked.
        let with_own = query.accounts.contains(&account);
        let since = query.since;
        let mut after = self
            .data
            .read_long(None, move |conn| Ok(first_at(conn, no, since)? - 1))
            .await?;
        let mut affected = None;
        loop {
            let read = self.data.read_long(None, move |conn| {
                let rows = access_log::table
                    .filter(access_log::person_no.eq(no))
                    .filter(access_log::no.gt(after))
                    .order(access_log::no)
                    .limit(ENTRIES)
                    .select((access_log::no, access_log::sealed));
                Ok(if with_own {
                    on!(conn, |c| rows.load::<(i64, Vec<u8>)>(c))?
                } else {
                    let rows = rows.filter(access_log::by_others.eq(true));
                    on!(conn, |c| rows.load::<(i64, Vec<u8>)>(c))?
                })
            });
            let rows = read.await?;
            let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else {
                return Ok(affected);
            };
            let (first, upto) = (*first, *last);
            after = upto;
            let read = self.data.read_long(None, move |conn| {
                let given = disclosures::table
                    .filter(disclosures::person_no.eq(no))
                    .filter(disclosures::no.between(first, upto))
                    .select((disclosures::no, disclosures::sealed));
                Ok(on!(conn, |c| given.load::<(i64, Vec<u8>)>(c))?)
            });
            let given: BTreeMap<i64, Vec<u8>> = read.await?.into_iter().collect();
            for (no, sealed) in rows {
                let entry: Access = decode(&open(keys, ACCESS, no, &sealed)?)?;
                if counts(&entry, query) {
                    let given = given.get(&no).map(|sealed| open(keys, DISCLOSURE, no, sealed));
                    let given = given.transpose()?.map(|plain| decode(&plain)).transpose()?;
                    add(&mut affected, account, &entry, given.as_ref());
                }
            }
        }
    }
}

/// Whether an access counts. One that was refused showed nothing.
fn counts(entry: &Access, query: &BreachQuery) -> bool {
    let by = query.accounts.is_empty() || query.accounts.contains(&entry.by);
    by && entry.at >= query.since && entry.decision != AccessDecision::Denied
}

fn decode<T: DeserializeOwned>(plain: &[u8]) -> Result<T> {
    canonical::decode(plain).ok_or(StoreError::Sealed("an entry of the audit"))
}

fn add(
    affected: &mut Option<AffectedPerson>,
    account: Uuid,
    entry: &Access,
    disclosure: Option<&Disclosure>,
) {
    let person = affected.get_or_insert_with(|| AffectedPerson {
        account,
        first_at: entry.at,
        last_at: entry.at,
        accesses: 0,
        by: BTreeSet::new(),
        classes: BTreeMap::new(),
        what: BTreeSet::new(),
    });
    person.last_at = entry.at;
    person.accesses += 1;
    person.by.insert(entry.by);
    for subject in &entry.subject {
        person.what.insert(subject.what.as_str());
        if let Some(class) = subject.class {
            *person.classes.entry(class).or_default() += u64::from(subject.count);
        }
    }
    // Members of other classes go along with records, and are counted with those.
    for class in disclosure.into_iter().flat_map(|given| given.classes.keys()) {
        person.classes.entry(*class).or_default();
    }
}
