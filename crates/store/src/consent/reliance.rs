//! What a decision reads: the consents that name an account. Restrictions are beside them.
//!
//! These functions run inside the transaction of a shared read, which holds the person's lock.

use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl, RunQueryDsl};
use mainstay_domain::consent::{ConsentStatus, KnownConsent};

use super::{COLUMNS, SEAL};
use crate::{
    engine::{
        connection::Conn,
        schema::{consent_recipients, consents},
        types::DbTimestamp,
    },
    error::Result,
    invitation::is_confirmed_helper,
    key::{scope::VersionTag, seal::DataKeys},
    on,
    resource::{ResourceRow, open},
};

/// The active consents of a person that name an account, at a time in microseconds. None if the account is no helper whom
/// the person has confirmed.
pub(crate) fn consents_naming(
    conn: &mut Conn,
    keys: &DataKeys,
    person_no: i64,
    account_no: i64,
    now: i64,
) -> Result<Vec<KnownConsent>> {
    if !is_confirmed_helper(conn, person_no, account_no)? {
        return Ok(Vec::new());
    }
    let on_consent = consents::person_no
        .eq(consent_recipients::person_no)
        .and(consents::id.eq(consent_recipients::consent_id));
    let query = consent_recipients::table
        .inner_join(consents::table.on(on_consent))
        .filter(consent_recipients::account_no.eq(account_no))
        .filter(consent_recipients::person_no.eq(person_no))
        .filter(consents::status.eq(ConsentStatus::Active.as_str()))
        .filter(
            consents::expires_at
                .is_null()
                .or(consents::expires_at.gt(DbTimestamp(now))),
        )
        .order(consents::id)
        .select(COLUMNS);
    let rows = on!(conn, |c| query.load::<ResourceRow>(c))?;
    let opened = rows.into_iter().map(|row| {
        // A decision compares no tags.
        let stored = open(keys, SEAL, row, VersionTag::FIRST_EPOCH)?.stored;
        Ok(KnownConsent {
            id: stored.id,
            version: stored.version,
            consent: stored.value,
        })
    });
    opened.collect()
}
