//! A page of the history opens the versions that it returns, and no other: one that cannot be opened is in the way of
//! its own page only.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use diesel::sql_query;
use mainstay_domain::{
    journal_entry::JournalEntry,
    record::{Draft, Incoming, Record, draft, to_draft},
};

use super::*;
use crate::{
    StoreError,
    engine::{
        connection::{Conn, DatabaseUrl},
        migration::{Database, migrate},
        schema::{accounts, people},
        single,
    },
    key::{
        scope::Urgency,
        seal::{DataKeys, Secret},
    },
    record::{Expected, RecordWriter},
};

const KIND: Kind = Kind::JournalEntry;
const ID: Uuid = Uuid::from_u128(7);

fn scope(conn: &mut Conn) -> PersonScope {
    let account = Uuid::from_u128(1);
    let now = DbTimestamp(0);
    let row = (
        accounts::id.eq(DbUuid(account)),
        accounts::role.eq("person"),
        accounts::state.eq("active"),
        accounts::version.eq(1_i64),
        accounts::sealed.eq(vec![0_u8]),
        accounts::password_hash.eq(""),
        accounts::password_changed_at.eq(now),
        accounts::created_at.eq(now),
        accounts::updated_at.eq(now),
    );
    on!(&mut *conn, |c| diesel::insert_into(accounts::table)
        .values(row)
        .execute(c))
    .unwrap();
    let no: i64 = on!(&mut *conn, |c| accounts::table
        .filter(accounts::id.eq(DbUuid(account)))
        .select(accounts::no)
        .first(c))
    .unwrap();
    let person = (
        people::person_no.eq(no),
        people::rev.eq(0_i64),
        people::epoch.eq(1_i64),
        people::floor_rev.eq(0_i64),
    );
    on!(&mut *conn, |c| diesel::insert_into(people::table)
        .values(person)
        .execute(c))
    .unwrap();
    let keys = DataKeys::new(account, &Secret::from_bytes([3; 32])).unwrap();
    PersonScope {
        no,
        account,
        epoch: 1,
        keys: Arc::new(keys),
        urgency: Urgency::Ordinary,
        quota: mainstay_domain::account::quota::Quota::DEFAULT,
    }
}

/// A version as a client sends it.
fn sent() -> Draft {
    let incoming = Incoming {
        id: None,
        body: JournalEntry::example(),
        context: None,
    };
    let now: DateTime<Utc> = "2026-03-02T12:00:00Z".parse().unwrap();
    draft(incoming, ID, None, now, chrono_tz::UTC, &mut || ID).unwrap()
}

/// A version as the server writes it.
fn server_written() -> Draft {
    to_draft(&JournalEntry::example(), ID, Vec::new())
}

fn page(below: Option<i64>, limit: usize) -> VersionRange {
    VersionRange { below, limit }
}

fn write_versions(conn: &mut Conn, scope: &PersonScope) {
    let mut writer = RecordWriter::new(conn, scope, DbTimestamp(1), None);
    writer.create(&sent()).unwrap();
    for draft in [
        sent(),
        server_written(),
        sent(),
        server_written(),
        server_written(),
    ] {
        writer.replace(&draft, &Expected::Any).unwrap();
    }
}

/// Versions 1, 2 and 4 of six are a client's. Version 1 cannot be opened any more.
fn a_version_that_cannot_be_opened_fails_its_own_page_only(conn: &mut Conn) {
    migrate(conn, Database::Data).unwrap();
    let scope = scope(conn);
    write_versions(conn, &scope);
    let damage = "UPDATE record_history SET sealed = digest WHERE version = 1";
    assert_eq!(on!(&mut *conn, |c| sql_query(damage).execute(c)).unwrap(), 1);

    let mut records = Records::new(conn, &scope);
    let mut replaced = |range| {
        records
            .history(KIND, ID, range)
            .map(|page| (numbers(&page), page.has_more))
    };
    assert_eq!(replaced(page(None, 2)).unwrap(), (vec![5, 4], true));
    assert_eq!(replaced(page(Some(4), 2)).unwrap(), (vec![3, 2], true));
    assert!(matches!(replaced(page(Some(4), 3)), Err(StoreError::Sealed(_))));
    assert_eq!(replaced(page(Some(1), 3)).unwrap(), (vec![], false));

    let mut sent = |range| {
        let page = records.client_versions(KIND, ID, range)?;
        let versions: Vec<i64> = page.versions.iter().map(|version| version.version).collect();
        Ok::<_, StoreError>((versions, page.has_more))
    };
    assert_eq!(sent(page(None, 2)).unwrap(), (vec![4, 2], true));
    assert_eq!(sent(page(Some(4), 1)).unwrap(), (vec![2], true));
    assert!(sent(page(Some(4), 2)).is_err());
    let mut nth = |number| {
        records
            .client_version(KIND, ID, number)
            .map(|found| found.map(|it| it.version))
    };
    assert!(nth(1).is_err());
    assert_eq!(
        [2, 3, 4].map(|number| nth(number).unwrap()),
        [Some(2), Some(4), None]
    );
}

fn numbers(page: &VersionPage<Replaced>) -> Vec<i64> {
    page.versions.iter().map(|old| old.version).collect()
}

/// The current version is a client's last one until the server writes another.
fn the_current_version_counts_while_it_is_a_clients(conn: &mut Conn) {
    migrate(conn, Database::Data).unwrap();
    let scope = scope(conn);
    let mut writer = RecordWriter::new(conn, &scope, DbTimestamp(1), None);
    writer.create(&sent()).unwrap();
    writer.replace(&sent(), &Expected::Any).unwrap();
    let nth = |writer: &mut RecordWriter<'_>, number| {
        writer
            .records
            .client_version(KIND, ID, number)
            .unwrap()
            .map(|found| found.version)
    };
    assert_eq!(
        [1, 2, 3].map(|number| nth(&mut writer, number)),
        [Some(1), Some(2), None]
    );
    writer.replace(&server_written(), &Expected::Any).unwrap();
    assert_eq!(
        [1, 2, 3].map(|number| nth(&mut writer, number)),
        [Some(1), Some(2), None]
    );
    let versions = writer
        .records
        .client_versions(KIND, ID, page(None, 9))
        .unwrap()
        .versions;
    assert_eq!(
        versions.iter().map(|version| version.version).collect::<Vec<_>>(),
        [2, 1]
    );
}

fn on_sqlite(name: &str, test: fn(&mut Conn)) {
    let file: PathBuf = std::env::temp_dir().join(format!("mainstay-{name}-{}.db", std::process::id()));
    test(&mut single(&DatabaseUrl::Sqlite(file.clone())).unwrap());
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

fn on_postgres(name: &str, test: fn(&mut Conn)) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test command passes the server's address this way"
    )]
    let server = std::env::var("MAINSTAY_TEST_POSTGRES_URL").expect("run the tests with scripts/test");
    let name = format!("{name}_{}", std::process::id());
    let mut admin = single(&server.parse().unwrap()).unwrap();
    on!(&mut admin, |c| sql_query(format!("CREATE DATABASE {name}"))
        .execute(c))
    .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    test(&mut single(&format!("{base}/{name}").parse().unwrap()).unwrap());
    on!(&mut admin, |c| sql_query(format!(
        "DROP DATABASE {name} WITH (FORCE)"
    ))
    .execute(c))
    .unwrap();
}

#[test]
fn a_damaged_version_fails_its_own_page_only_on_sqlite() {
    on_sqlite(
        "history-damaged",
        a_version_that_cannot_be_opened_fails_its_own_page_only,
    );
}

#[test]
fn a_damaged_version_fails_its_own_page_only_on_postgres() {
    on_postgres(
        "history_damaged",
        a_version_that_cannot_be_opened_fails_its_own_page_only,
    );
}

#[test]
fn the_current_version_counts_on_sqlite() {
    on_sqlite(
        "history-current",
        the_current_version_counts_while_it_is_a_clients,
    );
}

#[test]
fn the_current_version_counts_on_postgres() {
    on_postgres(
        "history_current",
        the_current_version_counts_while_it_is_a_clients,
    );
}
