//! The chain over a person's audit: every change of its rows is found, on both engines.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    QueryableByName, RunQueryDsl, sql_query,
    sql_types::{BigInt, Binary},
};
use mainstay_domain::{
    account::Role,
    audit::{
        Access, AccessAction, AccessDecision, Disclosure, DisclosureBasis, DisclosureMethod, Subject, View,
        ids_hash, merkle::ChainHead,
    },
    record::Kind,
    sharing::{DataClass, Purpose},
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, sign_up},
};
use crate::{
    PersonScope, Store,
    audit::{
        AccessBy, AuditFault, AuditRange, AuditSummary, BreachQuery, Damage, HeadCursor, HeadsAtCheckpoints,
        OwnAccess,
    },
    engine::{connection::Conn, single},
    on,
};

const HELPER: Uuid = Uuid::from_u128(0xaaaa);
const MINUTE: i64 = 60_000_000;

fn access(at: i64, decision: AccessDecision) -> Access {
    Access {
        at,
        by: HELPER,
        role: Role::Supporter,
        session: Some(Uuid::from_u128(2)),
        action: AccessAction::Read,
        subject: vec![Subject::records(Kind::CheckIn, Some(DataClass::CheckIns), 2)],
        decision,
        consent: None,
        request_id: Some("request".to_owned()),
    }
}

fn disclosure(at: i64) -> Disclosure {
    Disclosure {
        at,
        recipient: HELPER,
        recipient_name: Some("Ana".to_owned()),
        classes: BTreeMap::from([(DataClass::CheckIns, 2)]),
        ids_hash: ids_hash([Uuid::from_u128(1), Uuid::from_u128(2)]),
        description: "Check-ins".to_owned(),
        purposes: vec![Purpose::RecoverySupport],
        basis: DisclosureBasis::Consent,
        consent: None,
        method: DisclosureMethod::Api,
        notice_version: "1".to_owned(),
        request_id: None,
    }
}

async fn append(store: &Store, scope: &PersonScope, entry: Access, disclosed: Option<Disclosure>) -> i64 {
    let write = store.write(scope, Uuid::nil(), NOW, move |writer| {
        let mut locked = writer.lock()?;
        match disclosed {
            Some(disclosure) => locked.append_disclosure(&entry, &disclosure),
            None => locked.append_access(&entry),
        }
    });
    write.await.unwrap()
}

/// Four entries, of which the second and the third have a disclosure.
async fn fill(store: &Store, scope: &PersonScope) {
    let permitted = |minute: i64| access(NOW + minute * MINUTE, AccessDecision::Permitted);
    append(store, scope, access(NOW, AccessDecision::Denied), None).await;
    for minute in [1, 2] {
        let disclosure = disclosure(NOW + minute * MINUTE);
        append(store, scope, permitted(minute), Some(disclosure)).await;
    }
    let own = OwnAccess {
        account: scope.account(),
        role: Role::Person,
        session: Uuid::from_u128(3),
        action: AccessAction::Insight,
        subject: vec![Subject::view(View::Abstinence, None)],
    };
    store.write_own_accesses(&[own], NOW + 3 * MINUTE).await.unwrap();
}

async fn verify(store: &Store, seen: &HeadsAtCheckpoints) -> (AuditSummary, Vec<AuditFault>) {
    let mut faults = Vec::new();
    let summary = store
        .verify_audit(None, seen.clone(), |fault| faults.push(fault.clone()))
        .await
        .unwrap();
    assert_eq!(summary.faults, faults.len());
    (summary, faults)
}

async fn faults(store: &Store) -> Vec<(Option<i64>, Damage)> {
    let (_, faults) = verify(store, &HeadsAtCheckpoints::default()).await;
    faults.into_iter().map(|fault| (fault.no, fault.damage)).collect()
}

#[derive(QueryableByName)]
struct Cell {
    #[diesel(sql_type = BigInt)]
    person_no: i64,
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
}

fn values(conn: &mut Conn, table: &str, column: &str, no: &str) -> Vec<Cell> {
    let sql = format!("SELECT person_no, {no} AS no, {column} AS value FROM {table} ORDER BY 1, 2");
    on!(conn, |c| sql_query(sql).load(c)).unwrap()
}

fn execute(conn: &mut Conn, sql: &str) {
    on!(conn, |c| sql_query(sql).execute(c)).unwrap_or_else(|e| panic!("{e}: {sql}"));
}

fn put(conn: &mut Conn, table: &str, column: &str, row: &str, bytes: &[u8]) {
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    let literal = match conn {
        Conn::Sqlite(_) => format!("x'{hex}'"),
        Conn::Postgres(_) => format!("'\\x{hex}'::bytea"),
    };
    execute(
        conn,
        &format!("UPDATE {table} SET {column} = {literal} WHERE {row}"),
    );
}

/// Does something to the rows, expects that it is found, and undoes it.
async fn spoiled(store: &Store, conn: &mut Conn, change: &[&str], expected: &[(Option<i64>, Damage)]) {
    for table in ["access_log", "disclosures", "audit_heads"] {
        execute(
            conn,
            &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"),
        );
    }
    for sql in change {
        execute(conn, sql);
    }
    let found = faults(store).await;
    for fault in expected {
        assert!(found.contains(fault), "{change:?}: {found:?} lacks {fault:?}");
    }
    for table in ["access_log", "disclosures", "audit_heads"] {
        execute(conn, &format!("DELETE FROM {table}"));
        execute(conn, &format!("INSERT INTO {table} SELECT * FROM kept_{table}"));
        execute(conn, &format!("DROP TABLE kept_{table}"));
    }
    assert_eq!(faults(store).await, [], "undone after {change:?}");
}

async fn every_change_is_found(database: TestDatabase) {
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    fill(&store, &scope).await;
    let (summary, found) = verify(&store, &HeadsAtCheckpoints::default()).await;
    assert_eq!(found, []);
    assert_eq!(
        (summary.accounts, summary.accesses, summary.disclosures),
        (1, 4, 2)
    );
    let conn = &mut single(&database.locations.data).unwrap();
    for (table, column, no) in [
        ("access_log", "sealed", "no"),
        ("access_log", "mac", "no"),
        ("disclosures", "sealed", "no"),
        ("audit_heads", "mac", "count"),
    ] {
        for Cell {
            person_no,
            no: number,
            value,
        } in values(conn, table, column, no)
        {
            let row = format!("person_no = {person_no} AND {no} = {number}");
            for at in 0..value.len() {
                let mut altered = value.clone();
                altered[at] ^= 1 << (at % 8);
                put(conn, table, column, &row, &altered);
                assert_ne!(faults(&store).await, [], "{table}.{column} {number}, byte {at}");
            }
            put(conn, table, column, &row, &[]);
            assert_ne!(faults(&store).await, [], "{table}.{column} {number}, emptied");
            put(conn, table, column, &row, &value);
        }
    }
    assert_eq!(faults(&store).await, []);
    changes_of_rows_are_found(&store, conn).await;
}

#[expect(clippy::too_many_lines, reason = "a line for each kind of damage")]
async fn changes_of_rows_are_found(store: &Store, conn: &mut Conn) {
    use Damage as D;

    let (later, other) = match conn {
        Conn::Sqlite(_) => ("at + 1", "1 - by_others"),
        Conn::Postgres(_) => ("at + interval '1 second'", "NOT by_others"),
    };
    let altered = |no| (Some(no), D::EntryAltered);
    for no in 1..=4 {
        let column = format!("UPDATE access_log SET at = {later} WHERE no = {no}");
        spoiled(store, conn, &[&column], &[altered(no)]).await;
        let column = format!("UPDATE access_log SET by_others = {other} WHERE no = {no}");
        spoiled(store, conn, &[&column], &[altered(no)]).await;
    }
    let heads = format!("UPDATE audit_heads SET at = {later}");
    spoiled(store, conn, &[&heads], &[(None, D::EndAltered)]).await;
    for no in [1, 2, 3] {
        let delete = format!("DELETE FROM access_log WHERE no = {no}");
        spoiled(store, conn, &[&delete], &[(Some(no), D::EntryMissing)]).await;
    }
    for no in [2, 3] {
        let delete = format!("DELETE FROM disclosures WHERE no = {no}");
        spoiled(store, conn, &[&delete], &[altered(no)]).await;
    }
    let copy = |table: &str, columns: &str, from: i64, to: i64| {
        format!("INSERT INTO {table} SELECT person_no, {to}, {columns} FROM {table} WHERE no = {from}")
    };
    let entry = "at, by_others, sealed, mac";
    let inserted = copy("access_log", entry, 4, 5);
    spoiled(store, conn, &[&inserted], &[(Some(5), D::BeyondTheEnd)]).await;
    let inserted = [
        copy("access_log", entry, 4, 5),
        "UPDATE audit_heads SET count = 5".to_owned(),
    ];
    spoiled(
        store,
        conn,
        &[&inserted[0], &inserted[1]],
        &[altered(5), (None, D::EndAltered)],
    )
    .await;
    for to in [1, 4, 7] {
        let inserted = copy("disclosures", "sealed", 2, to);
        let damage = if to == 7 {
            (Some(5), D::BeyondTheEnd)
        } else {
            altered(to)
        };
        spoiled(store, conn, &[&inserted], &[damage]).await;
    }
    let swap = |table: &str, one: i64, two: i64| {
        [(one, 99), (two, one), (99, two)]
            .map(|(from, to)| format!("UPDATE {table} SET no = {to} WHERE no = {from}"))
    };
    for (table, one, two) in [("access_log", 1, 2), ("access_log", 3, 4), ("disclosures", 2, 3)] {
        let steps = swap(table, one, two);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        spoiled(store, conn, &steps, &[altered(one), altered(two)]).await;
    }
    // The end was cut: as it is, with the count, and with the code of the entry that is the last now.
    let cut = "DELETE FROM access_log WHERE no = 4";
    let count = "UPDATE audit_heads SET count = 3, at = (SELECT at FROM access_log WHERE no = 3)";
    let mac = "UPDATE audit_heads SET mac = (SELECT mac FROM access_log WHERE no = 3)";
    spoiled(
        store,
        conn,
        &[cut],
        &[(Some(4), D::EntryMissing), (None, D::EndAltered)],
    )
    .await;
    spoiled(store, conn, &[cut, count], &[(None, D::EndAltered)]).await;
    spoiled(store, conn, &[cut, count, mac], &[(None, D::EndAltered)]).await;
    let end = "DELETE FROM audit_heads";
    spoiled(store, conn, &[end], &[(Some(1), D::BeyondTheEnd)]).await;
}

#[tokio::test]
async fn every_change_is_found_on_sqlite() {
    every_change_is_found(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn every_change_is_found_on_postgres() {
    every_change_is_found(TestDatabase::postgres("audit_changes")).await;
}

async fn heads(store: &Store) -> Vec<ChainHead> {
    let heads = store.audit_heads_after(HeadCursor::at(0), 10).await.unwrap();
    heads.into_iter().map(|changed| changed.head).collect()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn a_chain_that_was_put_back_is_found_by_a_checkpoint() {
    let database = TestDatabase::sqlite();
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    fill(&store, &scope).await;
    let conn = &mut single(&database.locations.data).unwrap();
    let early = heads(&store).await;
    for table in ["access_log", "audit_heads"] {
        execute(
            conn,
            &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"),
        );
    }
    append(
        &store,
        &scope,
        access(NOW + 9 * MINUTE, AccessDecision::Permitted),
        None,
    )
    .await;
    let mut seen = HeadsAtCheckpoints::default();
    early
        .iter()
        .chain(&heads(&store).await)
        .for_each(|head| seen.add(head));
    assert_eq!(
        verify(&store, &seen).await.1,
        [],
        "both ends are found on the way"
    );

    for table in ["access_log", "audit_heads"] {
        execute(conn, &format!("DELETE FROM {table}"));
        execute(conn, &format!("INSERT INTO {table} SELECT * FROM kept_{table}"));
    }
    assert_eq!(faults(&store).await, [], "the chain alone cannot tell");
    let found = verify(&store, &seen).await.1;
    assert_eq!(
        found
            .iter()
            .map(|fault| (fault.no, fault.damage))
            .collect::<Vec<_>>(),
        [(Some(5), Damage::Cut)]
    );
    // Someone with the keys writes another fifth entry.
    append(
        &store,
        &scope,
        access(NOW + 10 * MINUTE, AccessDecision::Permitted),
        None,
    )
    .await;
    let found = verify(&store, &seen).await.1;
    assert_eq!(
        found
            .iter()
            .map(|fault| (fault.no, fault.damage))
            .collect::<Vec<_>>(),
        [(Some(5), Damage::Rewritten)]
    );
    // The whole chain is gone.
    for table in ["access_log", "disclosures", "audit_heads"] {
        execute(conn, &format!("DELETE FROM {table}"));
    }
    assert_eq!(faults(&store).await, []);
    assert_eq!(verify(&store, &seen).await.1[0].damage, Damage::Cut);
}

#[tokio::test]
async fn an_erasure_takes_the_audit_along_and_leaves_that_of_others() {
    for database in [TestDatabase::sqlite(), TestDatabase::postgres("audit_erasure")] {
        let store = database.store();
        let (scope, _) = sign_up(&store).await;
        fill(&store, &scope).await;
        let mut seen = HeadsAtCheckpoints::default();
        heads(&store).await.iter().for_each(|head| seen.add(head));
        store.erase_account(scope.account(), NOW).await.unwrap();
        let conn = &mut single(&database.locations.data).unwrap();
        for (table, no) in [
            ("access_log", "no"),
            ("disclosures", "no"),
            ("audit_heads", "count"),
        ] {
            let column = if table == "disclosures" { "sealed" } else { "mac" };
            assert_eq!(values(conn, table, column, no).len(), 0, "{table}");
        }
        let (summary, found) = verify(&store, &seen).await;
        assert_eq!(
            (summary.accounts, found),
            (0, vec![]),
            "the checkpoint knows that it was erased"
        );
        // What is still counted for them is left out.
        let own = OwnAccess {
            account: scope.account(),
            role: Role::Person,
            session: Uuid::nil(),
            action: AccessAction::Read,
            subject: Vec::new(),
        };
        store.write_own_accesses(&[own], NOW).await.unwrap();
        // A chain of nobody who was erased.
        let mut unknown = HeadsAtCheckpoints::default();
        unknown.add(&ChainHead {
            name: [7; 16],
            count: 1,
            mac: [0; 32],
        });
        assert_eq!(verify(&store, &unknown).await.1[0].damage, Damage::ChainGone);
    }
}

#[tokio::test]
async fn entries_are_listed_in_pages_and_times_never_fall() {
    for database in [TestDatabase::sqlite(), TestDatabase::postgres("audit_lists")] {
        let store = database.store();
        let (scope, _) = sign_up(&store).await;
        fill(&store, &scope).await;
        // The clock of another server is behind.
        append(
            &store,
            &scope,
            access(NOW - MINUTE, AccessDecision::Permitted),
            None,
        )
        .await;
        let list = async |range: AuditRange, by| {
            let read = store.read(&scope, move |records| records.access_log(&range, by));
            let found = read.await.unwrap();
            found.iter().map(|entry| entry.no).collect::<Vec<_>>()
        };
        let all = AuditRange {
            from: None,
            to: None,
            before: None,
            limit: 10,
        };
        let at = |minute: i64| Some(NOW + minute * MINUTE);
        assert_eq!(list(all, AccessBy::All).await, [5, 4, 3, 2, 1]);
        assert_eq!(list(all, AccessBy::Others).await, [5, 3, 2, 1]);
        let page = AuditRange {
            before: Some(4),
            limit: 2,
            ..all
        };
        assert_eq!(list(page, AccessBy::All).await, [3, 2]);
        let part = AuditRange {
            from: at(1),
            to: at(3),
            ..all
        };
        assert_eq!(list(part, AccessBy::All).await, [3, 2]);
        let late = AuditRange { from: at(3), ..all };
        assert_eq!(
            list(late, AccessBy::All).await,
            [5, 4],
            "the fifth has the time of the fourth"
        );
        let none = AuditRange { from: at(4), ..all };
        assert_eq!(list(none, AccessBy::All).await, [0_i64; 0]);
        let read = store.read(&scope, move |records| records.disclosures(&part));
        let found = read.await.unwrap();
        assert_eq!(found[0].entry, disclosure(NOW + 2 * MINUTE));
        assert_eq!(found.len(), 2);
    }
}

#[tokio::test]
async fn those_whose_records_were_reached_are_found() {
    for database in [TestDatabase::sqlite(), TestDatabase::postgres("audit_breach")] {
        let store = database.store();
        let (scope, _) = sign_up(&store).await;
        fill(&store, &scope).await;
        let find = async |since: i64, accounts: &[Uuid]| {
            let query = BreachQuery {
                since,
                accounts: accounts.iter().copied().collect(),
            };
            let mut found = Vec::new();
            let (searched, _) = store
                .find_affected(&query, |person| found.push(person))
                .await
                .unwrap();
            assert_eq!(searched, 1);
            found.pop()
        };
        let person = find(NOW, &[HELPER]).await.unwrap();
        assert_eq!(person.account, scope.account());
        assert_eq!(
            (person.first_at, person.last_at),
            (NOW + MINUTE, NOW + 2 * MINUTE)
        );
        assert_eq!((person.accesses, person.by), (2, BTreeSet::from([HELPER])));
        assert_eq!(person.classes, BTreeMap::from([(DataClass::CheckIns, 4)]));
        assert_eq!(
            find(NOW, &[]).await.unwrap().accesses,
            2,
            "everyone but the person"
        );
        assert_eq!(find(NOW + 2 * MINUTE, &[HELPER]).await.unwrap().accesses, 1);
        assert_eq!(find(NOW + 3 * MINUTE, &[HELPER]).await, None);
        assert_eq!(find(NOW, &[Uuid::from_u128(9)]).await, None);
        let own = find(NOW, &[scope.account()]).await.unwrap();
        assert_eq!(
            (own.accesses, own.what),
            (1, BTreeSet::from(["insights/abstinence"]))
        );
    }
}
