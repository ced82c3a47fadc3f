//! What others write for a person: proposals, kind words, signatures.

use mainstay_domain::{
    account::Role, audit::AccessAction, invitation::HelperRole, sharing::DataClass,
    support_contact::Relationship,
};

use super::{
    account_for::{Account, account_for},
    grants::{Grants, Reader, judge},
    request::SharedRead,
    tally::Tally,
};
use crate::{
    Store,
    contribution::Author,
    engine::{connection::Conn, types::DbTimestamp},
    error::{Result, StoreError},
    idempotency::{IdempotencyKey, StoredResponse},
    invitation::HelperKey,
    key::scope::PersonScope,
    record::{LockedWriter, RecordWriter, Records},
};

/// What is written for somebody else, for the access log.
#[derive(Debug, Clone)]
pub struct SharedWrite {
    /// What the access log says if it is refused. What it says otherwise follows from what was written.
    pub access: SharedRead,
    /// The `Idempotency-Key` of the request.
    pub key: Option<IdempotencyKey>,
}

/// Somebody who writes for a person: a helper whom the person has confirmed, and lets see something by a consent.
#[derive(Debug, Clone)]
pub struct Contributor {
    /// The account, as the author of what it writes.
    pub author: Author,
    /// What they are to the person. Only the account of a clinician is one.
    pub role: HelperRole,
    /// Their relationship to the person.
    pub relationship: Relationship,
    /// What they may see.
    pub grants: Grants,
}

/// What was written, with what the access log and the accounting say of it.
#[derive(Debug, Clone)]
pub struct Written<T> {
    /// What is given out.
    pub value: T,
    /// What was done.
    pub action: AccessAction,
    /// What of the answer is accounted for.
    pub tally: Tally,
    /// What is stored under the key of the request, for a retry. It must hold nothing of the person's: what it names is read
    /// again, and judged again. `None` if the request may be sent again with its key.
    pub reply: Option<Vec<u8>>,
}

impl Store {
    /// Writes something for a person, in one transaction under the person's lock. `work` gets the writer as a helper whom the
    /// person has confirmed, and who may see something by a consent; an emergency access is no reason to write. `None` if they
    /// are none, or if `work` gives `None` or finds nothing: nothing is stored then. `now` is in microseconds.
    ///
    /// # Errors
    /// Those of the work and of the database; [`StoreError::KeyInUse`] if the request was carried out before.
    pub async fn write_shared<T, F>(
        &self,
        reader: &Reader,
        write: &SharedWrite,
        now: i64,
        work: F,
    ) -> Result<Option<(T, Grants)>>
    where
        T: Send + 'static,
        F: FnOnce(&mut LockedWriter<'_, '_>, &Contributor) -> Result<Option<Written<T>>> + Send + 'static,
    {
        let Some(owner) = self.owner_for(reader, write.access.person).await? else {
            return Ok(None);
        };
        let (by, request, scope) = (reader.clone(), write.clone(), owner.clone());
        let job = self.data.write_for(reader.party(), move |conn| {
            write_in(conn, &scope, (&by, &request), now, work)
        });
        let written = job.await?;
        if written.is_none() {
            self.log_denied(reader, &owner, &write.access, now);
        }
        Ok(written)
    }
}

fn write_in<T>(
    conn: &mut Conn,
    owner: &PersonScope,
    (by, request): (&Reader, &SharedWrite),
    now: i64,
    work: impl FnOnce(&mut LockedWriter<'_, '_>, &Contributor) -> Result<Option<Written<T>>>,
) -> Result<Option<(T, Grants)>> {
    let stored = |answer| {
        let key = request.key.clone()?;
        let in_place_of = None;
        Some(StoredResponse {
            key,
            answer,
            in_place_of,
        })
    };
    // Before the lock, which may be waited for long.
    if let Some(response) = stored(Vec::new()) {
        response.claim(conn)?;
    }
    let mut writer = RecordWriter::new(conn, owner, DbTimestamp(now), Some(by.session));
    match writer.lock() {
        Ok(_) => {}
        Err(StoreError::PersonGone) => return Ok(None),
        Err(error) => return Err(error),
    }
    let (conn, _, _) = writer.parts();
    let grants = judge(conn, owner, by, now)?;
    let Some(contributor) = Records::new(conn, owner).contributor(by, &grants)? else {
        return Ok(None);
    };
    let written = match work(&mut writer.lock()?, &contributor) {
        Err(StoreError::NotFound) => None,
        written => written?,
    };
    let Some(Written {
        value,
        action,
        tally,
        reply,
    }) = written
    else {
        return Ok(None);
    };
    let (conn, _, _) = writer.parts();
    let access = SharedRead {
        action,
        ..request.access.clone()
    };
    let given = Account {
        reader: by,
        read: &access,
        grants: &contributor.grants,
        tally: &tally,
    };
    account_for(conn, owner, &given, now)?;
    if let Some(response) = reply.and_then(stored) {
        response.insert(conn, (by.no, None), DbTimestamp(now))?;
    }
    Ok(Some((value, contributor.grants)))
}

impl Records<'_> {
    /// The reader as one who helps the person, and may write for them. `None` if the person has not confirmed them, or no
    /// consent lets them see anything.
    ///
    /// # Errors
    /// Of the database.
    pub fn contributor(&mut self, reader: &Reader, grants: &Grants) -> Result<Option<Contributor>> {
        if !grants
            .by_reason()
            .iter()
            .any(|(grant, _)| grant.consent.is_some())
        {
            return Ok(None);
        }
        // An emergency lets nobody write, and what it opens is no ground for a proposal.
        let grants = grants.by_consent_alone();
        let helper = self.confirmed_helper(HelperKey::Account(reader.account))?;
        Ok(helper.map(|helper| {
            let (role, as_author) = match (helper.role, reader.role) {
                (HelperRole::Clinician, Role::Clinician) => (HelperRole::Clinician, Role::Clinician),
                _ => (HelperRole::Supporter, Role::Supporter),
            };
            Contributor {
                author: Author {
                    no: reader.no,
                    account: reader.account,
                    role: as_author,
                    covered: grants.covered(),
                },
                role,
                relationship: helper.relationship,
                grants: grants.clone(),
            }
        }))
    }
}

impl Contributor {
    /// Whether a consent covers a class.
    pub fn may_see(&self, class: DataClass) -> bool {
        let grant = self.grants.of(class);
        grant.is_some_and(|grant| grant.consent.is_some())
    }
}
