//! Writes the access and the disclosures of one answer to somebody else.

use std::collections::BTreeMap;

use mainstay_domain::{
    audit::{Access, AccessDecision, Disclosure, DisclosureMethod, Subject},
    sharing::DataClass,
};

use super::{
    grants::{Grant, Grants, Reader},
    request::SharedRead,
    tally::Tally,
};
use crate::{
    audit::append::{append_access, append_disclosure},
    break_glass::reading::note_reads,
    engine::connection::Conn,
    error::Result,
    key::scope::PersonScope,
};

/// What is accounted for: who, what, and what it rests on.
pub(super) struct Account<'a> {
    pub(super) reader: &'a Reader,
    pub(super) read: &'a SharedRead,
    pub(super) grants: &'a Grants,
    pub(super) tally: &'a Tally,
}

/// Writes what was given out into the access log with its disclosure: an entry for each consent that the answer rests on. What
/// belongs to no class has an entry of its own, under the first of the consents, and a disclosure only if it is what the person
/// said. The caller holds the person's lock. `now` is in microseconds.
pub(super) fn account_for(conn: &mut Conn, owner: &PersonScope, given: &Account<'_>, now: i64) -> Result<()> {
    let Account {
        reader,
        read,
        grants,
        tally,
    } = given;
    let reasons = grants.by_reason();
    for (grant, classes) in &reasons {
        let counts = tally.of(classes);
        if counts.is_empty() {
            continue;
        }
        if let Some(emergency) = grant.emergency {
            note_reads(conn, owner, emergency, counts.keys().copied(), now)?;
        }
        let access = permitted(reader, read, grant, tally.subjects(classes), now);
        let disclosure = disclosure(given, grant, (counts, tally.ids_hash(classes)), now);
        append_disclosure(conn, owner, &access, &disclosure)?;
    }
    let unclassed = tally.unclassed();
    if let Some((grant, _)) = reasons.first().filter(|_| !unclassed.is_empty()) {
        let access = permitted(reader, read, grant, unclassed, now);
        match tally.words_hash() {
            Some(hash) => {
                let disclosure = disclosure(given, grant, (BTreeMap::new(), hash), now);
                append_disclosure(conn, owner, &access, &disclosure)?;
            }
            None => {
                append_access(conn, owner, &access)?;
            }
        }
    }
    Ok(())
}

/// The disclosure of some numbers of records, whose ids have that hash.
fn disclosure(
    given: &Account<'_>,
    grant: &Grant,
    (classes, ids_hash): (BTreeMap<DataClass, u32>, Vec<u8>),
    now: i64,
) -> Disclosure {
    Disclosure {
        at: now,
        recipient: given.reader.account,
        recipient_name: given.reader.name.clone(),
        classes,
        ids_hash,
        description: given.read.description.clone(),
        purposes: grant.purposes.clone(),
        basis: grant.basis,
        consent: grant.consent,
        method: DisclosureMethod::Api,
        notice_version: given.read.notice_version.clone(),
        request_id: given.read.request_id.clone(),
    }
}

/// The entry about something that a consent or an emergency allowed.
fn permitted(reader: &Reader, read: &SharedRead, grant: &Grant, subject: Vec<Subject>, now: i64) -> Access {
    Access {
        decision: AccessDecision::Permitted,
        consent: grant.consent,
        ..access(reader, read, subject, now)
    }
}

/// The entry about a read that was refused.
pub(super) fn denied(reader: &Reader, read: &SharedRead, now: i64) -> Access {
    let asked = Subject {
        what: read.what,
        class: None,
        count: 1,
    };
    access(reader, read, vec![asked], now)
}

fn access(reader: &Reader, read: &SharedRead, subject: Vec<Subject>, now: i64) -> Access {
    Access {
        at: now,
        by: reader.account,
        role: reader.role,
        session: Some(reader.session),
        action: read.action,
        subject,
        decision: AccessDecision::Denied,
        consent: None,
        request_id: read.request_id.clone(),
    }
}
