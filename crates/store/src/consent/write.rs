//! Writing consents under the person's lock.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, dsl::count_star};
use mainstay_domain::{
    consent::{
        Consent, ConsentStatus, ConsentStep, MissingElement, Revocation, Signature, SignerRelationship,
    },
    value::{
        text::Label,
        timestamp::Timestamp,
        validation::{Finding, FindingCode, Findings},
    },
};
use uuid::Uuid;

use super::{
    MAX_CONSENTS, SEAL, as_of, find,
    recipient::{RecipientAccount, recipient_account},
};
use crate::{
    account::locked_epoch,
    engine::{
        connection::Conn,
        schema::{consent_recipients, consents},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
    record::{Expected, LockedWriter},
    resource::{OpenedRow, Saved, StoredResource, seal},
};

impl LockedWriter<'_, '_> {
    /// Stores a new draft, or recognises it as a replay.
    ///
    /// # Errors
    /// [`StoreError::IdConflict`]; [`StoreError::Findings`] for recipients whom the person has not confirmed, and for an
    /// unknown consent in `supersedes`; [`StoreError::TooMany`].
    pub fn create_consent(&mut self, id: Uuid, consent: Consent) -> Result<Saved<Consent>> {
        let (conn, scope, now) = self.writer().parts();
        let epoch = locked_epoch(conn, scope.no)?;
        let origin = scope.keys.origin(&consent.canonical());
        if let Some(before) = find(conn, scope, id, epoch)? {
            return if before.origin == origin {
                Ok(Saved::Replayed(as_of(before.stored, now.0)))
            } else {
                Err(StoreError::IdConflict)
            };
        }
        check_references(conn, scope, id, &consent)?;
        make_room(conn, scope.no)?;
        let stored = StoredResource {
            id,
            version: 1,
            epoch,
            created_at: now.0,
            updated_at: now.0,
            value: consent,
        };
        let row = (
            consents::person_no.eq(scope.no),
            consents::id.eq(DbUuid(id)),
            consents::version.eq(stored.version),
            consents::status.eq(stored.value.status.as_str()),
            consents::expires_at.eq(end_of(&stored.value)),
            consents::created_at.eq(now),
            consents::updated_at.eq(now),
            consents::sealed.eq(seal(&scope.keys, SEAL, &stored, &origin)?),
        );
        on!(conn, |c| diesel::insert_into(consents::table)
            .values(row)
            .execute(c))?;
        Ok(Saved::New(stored))
    }

    /// Replaces the content of a draft.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`]; [`StoreError::Final`] if it is no draft;
    /// [`StoreError::Findings`] as [`Self::create_consent`].
    pub fn replace_consent(
        &mut self,
        id: Uuid,
        expected: &Expected,
        mut consent: Consent,
    ) -> Result<StoredResource<Consent>> {
        let (conn, scope, now) = self.writer().parts();
        let before = current(conn, scope, id, now)?;
        expected.check(before.stored.tag())?;
        if before.stored.value.status != ConsentStatus::Draft {
            return Err(StoreError::Final);
        }
        consent.adopt(&before.stored.value);
        check_references(conn, scope, id, &consent)?;
        save(conn, scope, &before, consent, now)
    }

    /// Signs a draft. A consent that it supersedes ends in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionMismatch`]; [`StoreError::Final`] if it is no draft;
    /// [`StoreError::Findings`] that name each element that is missing.
    pub fn sign_consent(
        &mut self,
        id: Uuid,
        expected: &Expected,
        name: Label,
    ) -> Result<StoredResource<Consent>> {
        let (conn, scope, now) = self.writer().parts();
        let before = current(conn, scope, id, now)?;
        expected.check(before.stored.tag())?;
        let mut consent = before.stored.value.clone();
        let status = consent.status.after(ConsentStep::Sign).ok_or(StoreError::Final)?;
        if status == consent.status {
            // Another signature lets recipients in again whom an ended invitation or a restore has left out.
            let mut missing = Vec::new();
            let accounts = resolve(conn, scope, &mut consent, &mut missing)?;
            if !missing.is_empty() {
                return Err(StoreError::Findings(missing));
            }
            insert_recipients(conn, scope.no, id, &accounts)?;
            return Ok(before.stored);
        }
        let signed_at = Timestamp::from_micros(now.0);
        let mut missing: Vec<Finding> = consent.missing(signed_at.to_utc()).iter().map(finding).collect();
        let mut findings = Findings::default();
        consent.check_rules(&mut findings);
        missing.extend(findings.into_vec());
        let accounts = resolve(conn, scope, &mut consent, &mut missing)?;
        let relationship = match consent.signer_relationship {
            Some(relationship) if missing.is_empty() => relationship,
            _ => return Err(StoreError::Findings(missing)),
        };
        if relationship == SignerRelationship::Patient && consent.patient.is_none() {
            consent.patient = Some(name.clone());
        }
        consent.status = status;
        consent.signature = Some(Signature {
            name,
            relationship,
            signed_at,
        });
        if let Some(earlier) = consent.supersedes {
            supersede(conn, scope, earlier, id, now)?;
        }
        let signed = save(conn, scope, &before, consent, now)?;
        insert_recipients(conn, scope.no, id, &accounts)?;
        Ok(signed)
    }

    /// Takes another step than a signature. A step that was taken already changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Final`] if the status does not allow the step.
    pub fn step_consent(
        &mut self,
        id: Uuid,
        step: ConsentStep,
        revocation: Revocation,
    ) -> Result<StoredResource<Consent>> {
        let (conn, scope, now) = self.writer().parts();
        let before = current(conn, scope, id, now)?;
        let mut consent = before.stored.value.clone();
        let status = consent.status.after(step).ok_or(StoreError::Final)?;
        if status == consent.status {
            return Ok(before.stored);
        }
        // A consent that has an end date expires with it, and not before.
        if step == ConsentStep::Expire && consent.expires_on_event.is_none() {
            return Err(StoreError::Final);
        }
        end(&mut consent, status, now);
        consent.revocation_reason = revocation.reason.or(consent.revocation_reason);
        save(conn, scope, &before, consent, now)
    }
}

/// Reads a consent as it is now. An end date that has come is part of it.
fn current(conn: &mut Conn, scope: &PersonScope, id: Uuid, now: DbTimestamp) -> Result<OpenedRow<Consent>> {
    let epoch = locked_epoch(conn, scope.no)?;
    let row = find(conn, scope, id, epoch)?.ok_or(StoreError::NotFound)?;
    Ok(OpenedRow {
        stored: as_of(row.stored, now.0),
        origin: row.origin,
    })
}

fn end(consent: &mut Consent, status: ConsentStatus, now: DbTimestamp) {
    consent.status = status;
    consent.ended_at = consent.ended_at.or(Some(Timestamp::from_micros(now.0)));
}

fn end_of(consent: &Consent) -> Option<DbTimestamp> {
    consent.expires_at.map(|end| DbTimestamp(end.micros()))
}

/// Stores the next version. One that is not active names nobody any more.
fn save(
    conn: &mut Conn,
    scope: &PersonScope,
    before: &OpenedRow<Consent>,
    consent: Consent,
    now: DbTimestamp,
) -> Result<StoredResource<Consent>> {
    let stored = StoredResource {
        version: before.stored.version + 1,
        updated_at: now.0,
        value: consent,
        ..before.stored
    };
    let row = consents::table
        .filter(consents::person_no.eq(scope.no))
        .filter(consents::id.eq(DbUuid(stored.id)));
    let change = diesel::update(row).set((
        consents::version.eq(stored.version),
        consents::status.eq(stored.value.status.as_str()),
        consents::expires_at.eq(end_of(&stored.value)),
        consents::updated_at.eq(now),
        consents::sealed.eq(seal(&scope.keys, SEAL, &stored, &before.origin)?),
    ));
    let named = consent_recipients::table
        .filter(consent_recipients::person_no.eq(scope.no))
        .filter(consent_recipients::consent_id.eq(DbUuid(stored.id)));
    on!(conn, |c| {
        change.execute(c)?;
        diesel::delete(named).execute(c)?;
    });
    Ok(stored)
}

/// Ends an active consent whose place another one takes. One that has ended already stays as it is.
fn supersede(conn: &mut Conn, scope: &PersonScope, earlier: Uuid, by: Uuid, now: DbTimestamp) -> Result<()> {
    let before = current(conn, scope, earlier, now)?;
    if before.stored.value.status != ConsentStatus::Active {
        return Ok(());
    }
    let mut consent = before.stored.value.clone();
    end(&mut consent, ConsentStatus::Superseded, now);
    consent.superseded_by = Some(by);
    save(conn, scope, &before, consent, now)?;
    Ok(())
}

fn insert_recipients(
    conn: &mut Conn,
    person_no: i64,
    consent: Uuid,
    accounts: &[RecipientAccount],
) -> Result<()> {
    for account in accounts {
        let row = (
            consent_recipients::person_no.eq(person_no),
            consent_recipients::consent_id.eq(DbUuid(consent)),
            consent_recipients::account_no.eq(account.no),
        );
        on!(&mut *conn, |c| diesel::insert_into(consent_recipients::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}

/// Finds the accounts of the recipients, and sets them in the consent.
fn resolve(
    conn: &mut Conn,
    scope: &PersonScope,
    consent: &mut Consent,
    unknown: &mut Vec<Finding>,
) -> Result<Vec<RecipientAccount>> {
    let mut accounts = Vec::new();
    for (n, recipient) in consent.recipients.items_mut().iter_mut().enumerate() {
        let member = match (recipient.invitation_id, recipient.account_id) {
            (Some(_), _) => "invitation_id",
            (None, Some(_)) => "account_id",
            (None, None) => continue,
        };
        match recipient_account(conn, scope.no, recipient)? {
            Some(account) if recipient.account_id.is_none_or(|id| id == account.id) => {
                recipient.account_id = Some(account.id);
                accounts.push(account);
            }
            _ => unknown.push(Finding {
                pointer: format!("/recipients/{n}/{member}"),
                code: FindingCode::UnknownReference,
                message: "is nobody whom you have invited and confirmed".to_owned(),
            }),
        }
    }
    Ok(accounts)
}

/// Succeeds if the person has confirmed every recipient, and has the consent that this one supersedes.
fn check_references(conn: &mut Conn, scope: &PersonScope, id: Uuid, consent: &Consent) -> Result<()> {
    let mut unknown = Vec::new();
    resolve(conn, scope, &mut consent.clone(), &mut unknown)?;
    if let Some(earlier) = consent.supersedes
        && (earlier == id || find(conn, scope, earlier, scope.epoch)?.is_none())
    {
        unknown.push(Finding {
            pointer: "/supersedes".to_owned(),
            code: FindingCode::UnknownReference,
            message: "is no other consent of this person".to_owned(),
        });
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Findings(unknown))
    }
}

/// Makes room for one more consent: the oldest draft that was put aside gives up its place.
///
/// # Errors
/// [`StoreError::TooMany`].
fn make_room(conn: &mut Conn, person_no: i64) -> Result<()> {
    let own = consents::table.filter(consents::person_no.eq(person_no));
    let count: i64 = on!(&mut *conn, |c| own.select(count_star()).first(c))?;
    if count < MAX_CONSENTS {
        return Ok(());
    }
    let oldest = own
        .filter(consents::status.eq(ConsentStatus::Rejected.as_str()))
        .order((consents::created_at.asc(), consents::id.asc()))
        .limit(1)
        .select(consents::id);
    let oldest: Option<DbUuid> = on!(&mut *conn, |c| oldest.first(c).optional())?;
    let oldest = oldest.ok_or(StoreError::TooMany { limit: MAX_CONSENTS })?;
    let dropped = consents::table
        .filter(consents::person_no.eq(person_no))
        .filter(consents::id.eq(oldest));
    on!(conn, |c| diesel::delete(dropped).execute(c))?;
    Ok(())
}

fn finding(missing: &MissingElement) -> Finding {
    Finding {
        pointer: missing.pointer.to_string(),
        code: FindingCode::Missing,
        message: missing.message.to_string(),
    }
}
