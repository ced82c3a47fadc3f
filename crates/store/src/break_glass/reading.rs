//! What reading by an emergency access asks for, inside of the transaction of the read.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::sharing::DataClass;
use uuid::Uuid;

use super::{open, seal};
use crate::{
    engine::{
        connection::Conn,
        schema::break_glass,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

/// The emergency access by which a clinician may read the record of a person at `now` (microseconds), with its end: the one
/// that ends last. [`covers`](mainstay_domain::break_glass::covers) says which classes it opens. The caller holds the
/// person's lock, so that the person cannot end it meanwhile.
pub(crate) fn emergency_access(
    conn: &mut Conn,
    person_no: i64,
    clinician_no: i64,
    now: i64,
) -> Result<Option<(Uuid, i64)>> {
    let query = break_glass::table
        .filter(break_glass::person_no.eq(person_no))
        .filter(break_glass::clinician_no.eq(clinician_no))
        .filter(break_glass::ended_at.is_null())
        .filter(break_glass::ends_at.gt(DbTimestamp(now)))
        .order((break_glass::ends_at.desc(), break_glass::id.desc()))
        .select((break_glass::id, break_glass::ends_at));
    let found: Option<(DbUuid, DbTimestamp)> = on!(conn, |c| query.first(c).optional())?;
    Ok(found.map(|(id, ends_at)| (id.0, ends_at.0)))
}

/// Enters into an emergency access that these classes were read, in the transaction of the read, whose caller holds the
/// person's lock. The person sees it in the access.
pub(crate) fn note_reads(
    conn: &mut Conn,
    scope: &PersonScope,
    id: Uuid,
    classes: impl IntoIterator<Item = DataClass>,
    now: i64,
) -> Result<()> {
    let of_person = || {
        break_glass::table
            .filter(break_glass::person_no.eq(scope.no))
            .filter(break_glass::id.eq(DbUuid(id)))
    };
    let query = of_person().select(break_glass::sealed);
    let sealed: Option<Vec<u8>> = on!(&mut *conn, |c| query.first(c).optional())?;
    let mut content = open(&scope.keys, id, &sealed.ok_or(StoreError::NotFound)?)?;
    content.count_reads(classes, now);
    let sealed = seal(&scope.keys, id, &content)?;
    let change = diesel::update(of_person()).set(break_glass::sealed.eq(sealed));
    on!(conn, |c| change.execute(c))?;
    Ok(())
}
