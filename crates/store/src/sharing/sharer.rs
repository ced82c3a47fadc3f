//! The people who share something with a reader.

use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl, RunQueryDsl};
use mainstay_domain::{account::Profile, support_contact::Relationship};
use uuid::Uuid;

use super::grants::{Grants, Reader, judge};
use crate::{
    Store,
    engine::{
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, break_glass, consent_recipients, people},
        types::DbUuid,
    },
    error::{Result, StoreError},
    invitation::HelperKey,
    key::scope::PersonScope,
    on,
    record::Records,
};

/// The most people that are listed.
pub const MAX_SHARERS: i64 = 200;

/// Somebody who shares something with a reader.
#[derive(Debug, Clone)]
pub struct Sharer {
    /// The person's account.
    pub person: Uuid,
    /// The name that they go by.
    pub display_name: Option<String>,
    /// What the reader is to them.
    pub relationship: Option<Relationship>,
    /// What they share.
    pub grants: Grants,
}

/// What a reader needs to know of a person before anything is computed for them: the zone of their days, and the like.
#[derive(Debug, Clone)]
pub struct SharerProfile {
    /// The profile.
    pub profile: Profile,
    /// The version of the account.
    pub version: i64,
}

impl Store {
    /// The people who share something with the reader at `now` (microseconds), 200 at most.
    pub async fn sharers(&self, reader: &Reader, now: i64) -> Result<Vec<Sharer>> {
        let (reader_no, party) = (reader.no, reader.party());
        let read = self.data.read_for(party, move |conn| {
            let people = related_people(conn, reader_no)?;
            let query = accounts::table
                .inner_join(people::table.on(people::person_no.eq(accounts::no)))
                .filter(accounts::no.eq_any(people))
                .filter(accounts::state.eq(ACTIVE))
                .order(accounts::no.asc())
                .limit(MAX_SHARERS)
                .select((accounts::no, accounts::id, people::epoch));
            Ok(on!(conn, |c| query.load::<(i64, DbUuid, i64)>(c))?)
        });
        let mut sharers = Vec::new();
        for (no, account, epoch) in read.await? {
            let Some(owner) = self.owner_scope(no, account.0, epoch).await? else {
                continue;
            };
            if let Some(sharer) = self.sharer(reader, owner, now).await? {
                sharers.push(sharer);
            }
        }
        Ok(sharers)
    }

    /// What a person shares with the reader at `now` (microseconds). `None` if that is nothing.
    pub async fn sharer_of(&self, reader: &Reader, person: Uuid, now: i64) -> Result<Option<Sharer>> {
        match self.owner_for(reader, person).await? {
            Some(owner) => self.sharer(reader, owner, now).await,
            None => Ok(None),
        }
    }

    /// The numbers of the people who share something with the reader.
    #[cfg(test)]
    pub(crate) async fn people_sharing_with(&self, reader: &Reader, now: i64) -> Result<Vec<i64>> {
        let mut found = Vec::new();
        for sharer in self.sharers(reader, now).await? {
            found.extend(self.account_no(sharer.person).await?);
        }
        Ok(found)
    }

    async fn sharer(&self, reader: &Reader, owner: PersonScope, now: i64) -> Result<Option<Sharer>> {
        let by = reader.clone();
        let read = self.data.read_for(reader.party(), move |conn| {
            let grants = judge(conn, &owner, &by, now)?;
            if grants.is_empty() {
                return Ok(None);
            }
            let helper = Records::new(conn, &owner).confirmed_helper(HelperKey::Account(by.account))?;
            let account = match Records::new(conn, &owner).account() {
                Err(StoreError::PersonGone) => return Ok(None),
                account => account?,
            };
            Ok(Some(Sharer {
                person: owner.account,
                display_name: account.display_name.map(|name| name.to_string()),
                relationship: helper.map(|helper| helper.relationship),
                grants,
            }))
        });
        read.await
    }

    /// The profile of a person who shares something with the reader. `None` if they share nothing.
    pub async fn sharer_profile(
        &self,
        reader: &Reader,
        person: Uuid,
        now: i64,
    ) -> Result<Option<SharerProfile>> {
        let Some(owner) = self.owner_for(reader, person).await? else {
            return Ok(None);
        };
        let by = reader.clone();
        let read = self.data.read_for(reader.party(), move |conn| {
            if judge(conn, &owner, &by, now)?.is_empty() {
                return Ok(None);
            }
            match Records::new(conn, &owner).account() {
                Err(StoreError::PersonGone) => Ok(None),
                account => {
                    let account = account?;
                    Ok(Some(SharerProfile {
                        profile: Profile::from(&account),
                        version: account.version,
                    }))
                }
            }
        });
        read.await
    }
}

/// The numbers of people with a consent or an emergency access that names an account, in force or not.
fn related_people(conn: &mut Conn, account_no: i64) -> Result<Vec<i64>> {
    let by_consent = consent_recipients::table
        .filter(consent_recipients::account_no.eq(account_no))
        .order(consent_recipients::person_no.asc())
        .limit(MAX_SHARERS)
        .select(consent_recipients::person_no)
        .distinct();
    let by_emergency = break_glass::table
        .filter(break_glass::clinician_no.eq(Some(account_no)))
        .order(break_glass::person_no.asc())
        .limit(MAX_SHARERS)
        .select(break_glass::person_no)
        .distinct();
    let mut all: Vec<i64> = on!(&mut *conn, |c| by_consent.load(c))?;
    let emergencies: Vec<i64> = on!(&mut *conn, |c| by_emergency.load(c))?;
    all.extend(emergencies);
    Ok(all)
}
