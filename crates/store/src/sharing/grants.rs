//! What a reader may see of a person's record at a moment.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    account::Role,
    audit::{ConsentRef, DisclosureBasis},
    break_glass::covers,
    consent::{GrantRequest, grants},
    sharing::{Covered, DataClass, Purpose},
};
use uuid::Uuid;

use crate::{
    Store,
    break_glass::reading::emergency_access,
    consent::reliance::consents_naming,
    engine::{
        Party,
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, break_glass, consent_recipients, people},
        types::DbUuid,
    },
    error::{Result, StoreError},
    key::scope::{PersonScope, Urgency},
    on,
    restriction::agreed_restrictions,
    session::Principal,
};

/// Somebody who reads the record of another person.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) no: i64,
    /// The account.
    pub account: Uuid,
    /// The role of the account.
    pub role: Role,
    /// The session.
    pub session: Uuid,
    /// The name that the accounting knows the account by.
    pub name: Option<String>,
}

impl Reader {
    /// The same reader, with the name that the accounting knows them by.
    #[must_use]
    pub fn named(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }
}

impl From<&Principal> for Reader {
    fn from(principal: &Principal) -> Self {
        Self {
            no: principal.scope.no,
            account: principal.scope.account,
            role: principal.role,
            session: principal.session,
            name: None,
        }
    }
}

impl Reader {
    /// What an account of this role reads for.
    pub fn purposes(&self) -> &'static [Purpose] {
        Purpose::read_for_by(self.role)
    }

    pub(super) fn party(&self) -> Party {
        Party::Account(self.account)
    }
}

/// Why a class may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The legal basis.
    pub basis: DisclosureBasis,
    /// The consent, if that is the basis.
    pub consent: Option<ConsentRef>,
    /// The emergency access, if that is the basis.
    pub emergency: Option<Uuid>,
    /// What it was given for.
    pub purposes: Vec<Purpose>,
    /// When it ends, in microseconds.
    pub expires_at: Option<i64>,
}

/// What a reader may see at a moment: for each class, why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(pub(super) BTreeMap<DataClass, Grant>);

impl Grants {
    /// The classes.
    pub fn covered(&self) -> Covered {
        self.0.keys().copied().collect()
    }

    /// Whether nothing may be seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Why a class may be seen; `None` if it may not.
    pub fn of(&self, class: DataClass) -> Option<&Grant> {
        self.0.get(&class)
    }

    /// What a consent allows, without what an emergency does.
    #[must_use]
    pub fn by_consent_alone(&self) -> Self {
        let by_consent = self.0.iter().filter(|(_, grant)| grant.consent.is_some());
        Self(by_consent.map(|(class, grant)| (*class, grant.clone())).collect())
    }

    /// Each different reason, with the classes that it is for.
    pub fn by_reason(&self) -> Vec<(&Grant, BTreeSet<DataClass>)> {
        let mut all: Vec<(&Grant, BTreeSet<DataClass>)> = Vec::new();
        for (class, grant) in &self.0 {
            match all.iter_mut().find(|(other, _)| *other == grant) {
                Some((_, classes)) => {
                    classes.insert(*class);
                }
                None => all.push((grant, BTreeSet::from([*class]))),
            }
        }
        all
    }
}

/// What the reader may see of the person's record at `now`, in microseconds. Every consent that names the reader is judged
/// anew.
pub(crate) fn judge(conn: &mut Conn, owner: &PersonScope, reader: &Reader, now: i64) -> Result<Grants> {
    if reader.purposes().is_empty() {
        return Ok(Grants::default());
    }
    let consents = consents_naming(conn, &owner.keys, owner.no, reader.no, now)?;
    let restrictions = agreed_restrictions(conn, &owner.keys, owner.no)?;
    let request = GrantRequest {
        recipient: reader.account,
        purposes: reader.purposes(),
        now,
    };
    let by_consent = |(class, found): (DataClass, mainstay_domain::consent::ConsentRef)| {
        let grant = Grant {
            emergency: None,
            basis: DisclosureBasis::Consent,
            consent: Some(ConsentRef {
                id: found.id,
                version: found.version,
            }),
            purposes: found.purposes,
            expires_at: found.expires_at.map(|end| end.micros()),
        };
        (class, grant)
    };
    let mut all: BTreeMap<DataClass, Grant> = grants(&consents, &restrictions, &request)
        .into_iter()
        .map(by_consent)
        .collect();
    if reader.role == Role::Clinician
        && let Some((id, ends_at)) = emergency_access(conn, owner.no, reader.no, now)?
    {
        let emergency = Grant {
            emergency: Some(id),
            basis: DisclosureBasis::MedicalEmergency,
            consent: None,
            purposes: vec![Purpose::Treatment],
            expires_at: Some(ends_at),
        };
        for class in DataClass::ALL.iter().copied().filter(|class| covers(*class)) {
            all.entry(class).or_insert_with(|| emergency.clone());
        }
    }
    Ok(Grants(all))
}

impl Store {
    /// The record of a person who may share something with the reader. `None` for everybody else, whether there is such a
    /// person or not: both take the same queries.
    pub(super) async fn owner_for(&self, reader: &Reader, person: Uuid) -> Result<Option<PersonScope>> {
        let (reader_no, party) = (reader.no, reader.party());
        let read = self.data.read_for(party, move |conn| {
            let query = accounts::table
                .inner_join(people::table.on(people::person_no.eq(accounts::no)))
                .filter(accounts::id.eq(DbUuid(person)))
                .filter(accounts::state.eq(ACTIVE))
                .select((accounts::no, people::epoch));
            let found: Option<(i64, i64)> = on!(&mut *conn, |c| query.first(c).optional())?;
            // No account has this number, so that the same is asked if there is no such person.
            let person_no = found.map_or(0, |(no, _)| no);
            let is_related = is_related(conn, person_no, reader_no)?;
            Ok(found.filter(|_| is_related))
        });
        match read.await? {
            Some((no, epoch)) => self.owner_scope(no, person, epoch).await,
            None => Ok(None),
        }
    }

    pub(super) async fn owner_scope(
        &self,
        no: i64,
        account: Uuid,
        epoch: i64,
    ) -> Result<Option<PersonScope>> {
        let keys = match self.keys_of(account).await {
            Err(StoreError::PersonGone) => return Ok(None),
            keys => keys?,
        };
        Ok(Some(PersonScope {
            no,
            account,
            epoch,
            keys,
            urgency: Urgency::Ordinary,
            quota: self.quota,
        }))
    }
}

/// Whether a consent or an emergency access of a person names an account, in force or not.
fn is_related(conn: &mut Conn, person_no: i64, account_no: i64) -> Result<bool> {
    let by_consent = consent_recipients::table
        .filter(consent_recipients::person_no.eq(person_no))
        .filter(consent_recipients::account_no.eq(account_no))
        .select(consent_recipients::person_no);
    let by_emergency = break_glass::table
        .filter(break_glass::person_no.eq(person_no))
        .filter(break_glass::clinician_no.eq(Some(account_no)))
        .select(break_glass::person_no);
    let consented = on!(&mut *conn, |c| by_consent.first::<i64>(c).optional())?;
    let emergency = on!(&mut *conn, |c| by_emergency.first::<i64>(c).optional())?;
    Ok(consented.or(emergency).is_some())
}
