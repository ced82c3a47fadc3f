//! Queries on the contributions of every noun.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension,
    QueryDsl, RunQueryDsl,
};
use mainstay_domain::record::json;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Contribution, ContributionKind, ContributionPage, ContributionRange, NewContribution, OPEN, Selection,
    States,
};
use crate::{
    engine::{
        connection::Conn,
        schema::{account_state::ACTIVE, accounts, contributions, people},
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    key::scope::PersonScope,
    on,
};

type Columns = (
    DbUuid,
    Option<i64>,
    Option<DbUuid>,
    Option<DbUuid>,
    i16,
    DbTimestamp,
    Vec<u8>,
);

fn open<T: DeserializeOwned>(
    scope: &PersonScope,
    kind: ContributionKind,
    (id, author_no, author, plan_id, state, created_at, sealed): Columns,
) -> Result<Contribution<T>> {
    let plain = scope.keys.open(kind.place(), id.0, &sealed)?;
    // The parser's message is left out, since it may quote the content.
    let content = serde_json::from_slice(&plain).map_err(|e| {
        StoreError::Internal(format!("a {} cannot be read: {:?}", kind.place(), e.classify()))
    })?;
    Ok(Contribution {
        id: id.0,
        author: author_no.zip(author.map(|account| account.0)),
        plan_id: plan_id.map(|plan| plan.0),
        state,
        created_at: created_at.0,
        content,
    })
}

/// The rows of a kind with the accounts of their authors, by a selection. It is a macro since a boxed query has its engine
/// in its type.
macro_rules! selected {
    ($scope:expr, $kind:expr, $selection:expr) => {{
        let authors = accounts::table.on(contributions::author_no.eq(accounts::no.nullable()));
        let mut query = contributions::table
            .left_join(authors)
            .filter(contributions::person_no.eq($scope.no))
            .filter(contributions::kind.eq($kind.code()))
            .into_boxed();
        if let Some(author_no) = $selection.author_no {
            query = query.filter(contributions::author_no.eq(author_no));
        }
        if let Some(plan_id) = $selection.plan_id {
            query = query.filter(contributions::plan_id.eq(DbUuid(plan_id)));
        }
        match $selection.states {
            States::All => query,
            States::Only(state) => query.filter(contributions::state.eq(state)),
            States::AllBut(state) => query.filter(contributions::state.ne(state)),
        }
    }};
}

/// The columns of [`Columns`].
macro_rules! columns {
    () => {
        (
            contributions::id,
            contributions::author_no,
            accounts::id.nullable(),
            contributions::plan_id,
            contributions::state,
            contributions::created_at,
            contributions::sealed,
        )
    };
}

/// The contribution with an id.
pub(crate) fn find<T: DeserializeOwned>(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    id: Uuid,
) -> Result<Option<Contribution<T>>> {
    let all = Selection::default();
    let row: Option<Columns> = on!(conn, |c| selected!(scope, kind, all)
        .filter(contributions::id.eq(DbUuid(id)))
        .select(columns!())
        .first(c)
        .optional())?;
    row.map(|row| open(scope, kind, row)).transpose()
}

/// A page of a kind, newest first.
pub(crate) fn page<T: DeserializeOwned>(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    selection: Selection,
    range: ContributionRange,
) -> Result<ContributionPage<Contribution<T>>> {
    // No time is later than the year 9999.
    let (at, id) = range.after.unwrap_or((253_402_300_799_999_999, Uuid::max()));
    let (at, id) = (DbTimestamp(at), DbUuid(id));
    let rows: Vec<Columns> = on!(conn, |c| selected!(scope, kind, selection)
        .filter(contributions::created_at.le(at))
        .filter(contributions::created_at.lt(at).or(contributions::id.lt(id)))
        .order((contributions::created_at.desc(), contributions::id.desc()))
        .limit(range.limit.saturating_add(1))
        .select(columns!())
        .load(c))?;
    let limit = usize::try_from(range.limit).unwrap_or(0);
    let has_more = rows.len() > limit;
    let opened = rows.into_iter().take(limit).map(|row| open(scope, kind, row));
    let items: Vec<Contribution<T>> = opened.collect::<Result<_>>()?;
    let next = items
        .last()
        .filter(|_| has_more)
        .map(|last| (last.created_at, last.id));
    Ok(ContributionPage { items, next })
}

/// The newest contributions of a kind by an author.
pub(crate) fn newest_of<T: DeserializeOwned>(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    selection: Selection,
    limit: i64,
) -> Result<Vec<Contribution<T>>> {
    let range = ContributionRange { after: None, limit };
    Ok(page(conn, scope, kind, selection, range)?.items)
}

/// The number of contributions of a kind.
pub(crate) fn count(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    selection: Selection,
) -> Result<i64> {
    Ok(on!(conn, |c| selected!(scope, kind, selection)
        .count()
        .get_result(c))?)
}

/// Stores a new contribution. The caller holds the lock of the person, and has looked whether the id is free.
///
/// # Errors
/// [`StoreError::PersonGone`] if the author's account is being erased.
pub(crate) fn insert<T: Serialize>(
    conn: &mut Conn,
    scope: &PersonScope,
    new: &NewContribution<'_, T>,
    now: i64,
) -> Result<()> {
    hold_author(conn, new.author.no)?;
    let plain = json(new.content);
    let sealed = scope.keys.seal(new.kind.place(), new.id, &plain)?;
    let row = (
        contributions::person_no.eq(scope.no),
        contributions::kind.eq(new.kind.code()),
        contributions::id.eq(DbUuid(new.id)),
        contributions::author_no.eq(new.author.no),
        contributions::plan_id.eq(new.plan_id.map(DbUuid)),
        contributions::state.eq(OPEN),
        contributions::created_at.eq(DbTimestamp(now)),
        contributions::updated_at.eq(DbTimestamp(now)),
        contributions::sealed.eq(sealed),
    );
    on!(conn, |c| diesel::insert_into(contributions::table)
        .values(row)
        .execute(c))?;
    Ok(())
}

/// Replaces state and content of a contribution. The caller holds the lock of the person.
pub(crate) fn update<T: Serialize>(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    (id, state): (Uuid, i16),
    content: &T,
    now: i64,
) -> Result<()> {
    let plain = json(content);
    let sealed = scope.keys.seal(kind.place(), id, &plain)?;
    let row = contributions::table.find((scope.no, kind.code(), DbUuid(id)));
    let change = diesel::update(row).set((
        contributions::state.eq(state),
        contributions::updated_at.eq(DbTimestamp(now)),
        contributions::sealed.eq(sealed),
    ));
    on!(conn, |c| change.execute(c))?;
    Ok(())
}

/// Deletes a contribution.
pub(crate) fn delete(conn: &mut Conn, scope: &PersonScope, kind: ContributionKind, id: Uuid) -> Result<()> {
    let row = contributions::table.find((scope.no, kind.code(), DbUuid(id)));
    on!(conn, |c| diesel::delete(row).execute(c))?;
    Ok(())
}

/// Deletes the oldest of a selection until there is room for another one below a bound.
pub(crate) fn make_room(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    selection: Selection,
    bound: i64,
) -> Result<()> {
    let surplus = count(conn, scope, kind, selection)? + 1 - bound;
    if surplus > 0 {
        let oldest = oldest(conn, scope, kind, selection, surplus)?;
        for (id, _plan) in oldest {
            delete(conn, scope, kind, id)?;
        }
    }
    Ok(())
}

/// The ids of the oldest of a selection, with those of their plans.
pub(crate) fn oldest(
    conn: &mut Conn,
    scope: &PersonScope,
    kind: ContributionKind,
    selection: Selection,
    limit: i64,
) -> Result<Vec<(Uuid, Option<Uuid>)>> {
    let ids: Vec<(DbUuid, Option<DbUuid>)> = on!(conn, |c| selected!(scope, kind, selection)
        .order((contributions::created_at.asc(), contributions::id.asc()))
        .limit(limit)
        .select((contributions::id, contributions::plan_id))
        .load(c))?;
    let pairs = ids.into_iter().map(|(id, plan)| (id.0, plan.map(|plan| plan.0)));
    Ok(pairs.collect())
}

/// Takes the person's lock: what is read afterwards stays as it is until the transaction ends.
///
/// # Errors
/// [`StoreError::PersonGone`].
pub(crate) fn lock(conn: &mut Conn, scope: &PersonScope) -> Result<()> {
    let row = people::table
        .filter(people::person_no.eq(scope.no))
        .select(people::rev);
    let found: Option<i64> = match conn {
        Conn::Sqlite(c) => row.first(c).optional()?,
        Conn::Postgres(c) => row.for_update().first(c).optional()?,
    };
    found.map(drop).ok_or(StoreError::PersonGone)
}

/// Keeps the author's account from being erased until the transaction ends, so that no contribution names an account that is
/// gone, whose number another account may have one day.
fn hold_author(conn: &mut Conn, author_no: i64) -> Result<()> {
    let row = accounts::table
        .filter(accounts::no.eq(author_no))
        .filter(accounts::state.eq(ACTIVE))
        .select(accounts::no);
    let found: Option<i64> = match conn {
        Conn::Sqlite(c) => row.first(c).optional()?,
        Conn::Postgres(c) => row.for_share().first(c).optional()?,
    };
    found.map(drop).ok_or(StoreError::PersonGone)
}

/// Deletes what others gave to an erased account, and the commitments that it shared. What else it gave to others is theirs,
/// and stays without its name.
pub(crate) fn delete_contributions(conn: &mut Conn, no: i64) -> Result<()> {
    if let Conn::Postgres(c) = conn {
        // Two erasures may meet in the contributions of each other: both lock them in the same order.
        contributions::table
            .filter(
                contributions::person_no
                    .eq(no)
                    .or(contributions::author_no.eq(no)),
            )
            .order((contributions::person_no, contributions::kind, contributions::id))
            .select(contributions::id)
            .for_update()
            .load::<DbUuid>(c)?;
    }
    let received = contributions::table.filter(contributions::person_no.eq(no));
    let given = contributions::table.filter(contributions::author_no.eq(no));
    let shared = given.filter(contributions::kind.eq(ContributionKind::SharedCommitment.code()));
    on!(conn, |c| {
        diesel::delete(received).execute(c)?;
        diesel::delete(shared).execute(c)?;
        diesel::update(given)
            .set(contributions::author_no.eq(None::<i64>))
            .execute(c)?;
    });
    Ok(())
}
