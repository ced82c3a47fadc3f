//! Erasures: no file of either engine has a key that opens, whoever reads and whatever fails in the middle.

use std::{collections::HashSet, fs, path::Path};

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Binary, Text},
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, sign_up, sign_up_as},
};
use crate::{
    KeyUse, MasterKeys, RotationLock, Store,
    account::ErasureProgress,
    engine::{
        connection::{Conn, DatabaseUrl},
        single,
    },
    on, rotate,
};

/// The length of a wrapped key: format, number, nonce, key and tag.
const WRAPPED: usize = 2 + 24 + 32 + 16;
const MINUTE: i64 = 60 * 1_000_000;

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = Binary)]
    bytes: Vec<u8>,
}

#[derive(QueryableByName)]
struct Words {
    #[diesel(sql_type = Text)]
    words: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

pub(super) fn execute(conn: &mut Conn, sql: &str) {
    on!(conn, |c| c.batch_execute(sql)).unwrap_or_else(|e| panic!("{e}: {sql}"));
}

pub(super) fn count(conn: &mut Conn, rows: &str) -> i64 {
    let found: Count = on!(conn, |c| sql_query(format!("SELECT count(*) AS n FROM {rows}"))
        .get_result(c))
    .unwrap_or_else(|e| panic!("{e}: {rows}"));
    found.n
}

fn words(conn: &mut Conn, expression: &str) -> String {
    let found: Words = on!(conn, |c| sql_query(format!("SELECT {expression} AS words"))
        .get_result(c))
    .unwrap_or_else(|e| panic!("{e}: {expression}"));
    found.words
}

fn wrapped_key(conn: &mut Conn, account: Uuid) -> Vec<u8> {
    let id = match conn {
        Conn::Sqlite(_) => format!("x'{}'", account.simple()),
        Conn::Postgres(_) => format!("'{account}'"),
    };
    let sql = format!("SELECT wrapped AS bytes FROM data_keys WHERE account_id = {id}");
    let found: Bytes = on!(conn, |c| sql_query(&sql).get_result(c)).unwrap();
    assert_eq!(found.bytes.len(), WRAPPED);
    found.bytes
}

/// The file of the log of PostgreSQL that is written to; empty on SQLite.
fn current_log(conn: &mut Conn) -> String {
    match conn {
        Conn::Sqlite(_) => String::new(),
        conn @ Conn::Postgres(_) => words(conn, "pg_walfile_name(pg_current_wal_insert_lsn())"),
    }
}

/// Every file that a database has written since its log was at `log`: with SQLite also log and index, with PostgreSQL the
/// folder of the database and the logs.
fn files(url: &DatabaseUrl, log: &str) -> Vec<Vec<u8>> {
    let of_folder = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let paths = match url {
        DatabaseUrl::Sqlite(path) => of_folder(path.parent().unwrap()),
        DatabaseUrl::Postgres(_) => {
            let conn = &mut single(url).unwrap();
            execute(conn, "CHECKPOINT; SELECT pg_switch_wal(); CHECKPOINT");
            let folder = words(conn, "current_setting('data_directory')");
            let oid = words(
                conn,
                "(SELECT oid::text FROM pg_database WHERE datname = current_database())",
            );
            let mut paths = of_folder(&Path::new(&folder).join("base").join(oid));
            let logs = of_folder(&Path::new(&folder).join("pg_wal"));
            paths.extend(
                logs.into_iter()
                    .filter(|path| path.file_name().is_some_and(|name| name.to_str().unwrap() >= log)),
            );
            paths
        }
    };
    let files = paths.iter().filter(|path| path.is_file());
    files.filter_map(|path| fs::read(path).ok()).collect()
}

/// Every part of a file that may be a wrapped key: it begins with format and number.
fn candidates(file: &[u8]) -> HashSet<&[u8]> {
    file.windows(WRAPPED)
        .filter(|window| window.starts_with(&[1, 1]))
        .collect()
}

fn holds(files: &[Vec<u8>], wrapped: &[u8]) -> bool {
    files.iter().any(|file| candidates(file).contains(wrapped))
}

/// Whether any part of the files is a key of the account that opens with one of the master keys. Every place is tried.
fn has_key_that_opens(files: &[Vec<u8>], account: Uuid, master: &MasterKeys) -> bool {
    files.iter().flat_map(|file| candidates(file)).any(|candidate| {
        let ids = master.ids();
        ids.into_iter()
            .any(|id| master.unwrap(id, account, candidate).is_ok())
    })
}

/// Files of both databases.
fn all_files(database: &TestDatabase, log: &str) -> Vec<Vec<u8>> {
    let mut found = files(&database.locations.data, log);
    found.extend(files(&database.locations.keys, log));
    found
}

fn master(database: &TestDatabase) -> MasterKeys {
    MasterKeys::parse(&database.master_key).unwrap()
}

/// On PostgreSQL: rotates and retires the master key. Returns what is left to open with.
fn rotated(database: &TestDatabase) -> MasterKeys {
    let new = MasterKeys::generate().unwrap();
    let both = MasterKeys::parse(&format!("{}\n{}", *new, database.master_key)).unwrap();
    let lock = RotationLock::take(&database.locations.keys).unwrap().unwrap();
    rotate(&database.locations, &both, &lock, |_| ()).unwrap();
    let left = MasterKeys::parse(&new).unwrap();
    let in_use = KeyUse::inspect(&database.locations).unwrap();
    assert!(
        in_use.is_all_under(left.current_id()),
        "the earlier one can be retired"
    );
    left
}

/// Fails if a file has a key that opens the records of the account, on PostgreSQL after the master key was rotated.
fn assert_no_key(database: &TestDatabase, (account, wrapped): (Uuid, &[u8]), log: &str) {
    match &database.locations.keys {
        DatabaseUrl::Sqlite(_) => {
            let files = all_files(database, log);
            assert!(!holds(&files, wrapped), "the wrapped key is in a file");
            assert!(!has_key_that_opens(&files, account, &master(database)));
        }
        DatabaseUrl::Postgres(_) => {
            let left = rotated(database);
            assert!(!has_key_that_opens(&all_files(database, log), account, &left));
        }
    }
}

/// A person, and what is searched for after their erasure.
struct Erased {
    account: Uuid,
    wrapped: Vec<u8>,
    log: String,
}

/// Signs up two people, and sees to it that the search finds the key of the first one.
async fn person(database: &TestDatabase, store: &Store) -> Erased {
    let mut keys = single(&database.locations.keys).unwrap();
    let log = current_log(&mut keys);
    let (scope, _) = sign_up(store).await;
    sign_up_as(store, 2, "kim@example.org").await;
    let erased = Erased {
        account: scope.account(),
        wrapped: wrapped_key(&mut keys, scope.account()),
        log,
    };
    let files = all_files(database, &erased.log);
    assert!(holds(&files, &erased.wrapped), "the search finds what is there");
    assert!(has_key_that_opens(&files, erased.account, &master(database)));
    erased
}

fn unfinished(database: &TestDatabase) -> i64 {
    let mut keys = single(&database.locations.keys).unwrap();
    count(&mut keys, "erasures WHERE finished_at IS NULL")
}

async fn after_an_erasure_no_key_is_left(database: TestDatabase) {
    let store = database.store();
    let erased = person(&database, &store).await;
    let progress = store.erase_account(erased.account, NOW).await.unwrap();
    assert_eq!(progress, ErasureProgress::Finished);
    assert_eq!(unfinished(&database), 0);
    assert_no_key(&database, (erased.account, &erased.wrapped), &erased.log);
}

#[tokio::test]
async fn on_sqlite_no_key_is_left() {
    after_an_erasure_no_key_is_left(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_no_key_is_left_that_opens_after_a_rotation() {
    after_an_erasure_no_key_is_left(TestDatabase::postgres("erased").with_keys_beside_the_record()).await;
}

/// Somebody reads the key store in one long transaction, as a backup does.
#[tokio::test]
async fn with_a_reader_the_erasure_goes_on_until_the_log_is_empty_also_after_a_restart() {
    let database = TestDatabase::sqlite();
    let store = database.store();
    let erased = person(&database, &store).await;
    let mut reader = single(&database.locations.keys).unwrap();
    execute(&mut reader, "BEGIN; SELECT count(*) FROM data_keys");
    let progress = store.erase_account(erased.account, NOW).await.unwrap();
    assert_eq!(progress, ErasureProgress::GoesOn);
    assert!(store.account(erased.account).await.is_err());
    drop(store);

    let store = database.store();
    store.resume_erasures(NOW).await.unwrap();
    assert_eq!(unfinished(&database), 1, "the reader is still there");
    execute(&mut reader, "COMMIT");
    store.resume_erasures(NOW).await.unwrap();
    assert_eq!(unfinished(&database), 0);
    assert_no_key(&database, (erased.account, &erased.wrapped), &erased.log);
}

fn refuse_deletions(keys: &mut Conn) {
    let trigger = match keys {
        Conn::Sqlite(_) => {
            "CREATE TRIGGER stubborn BEFORE DELETE ON data_keys BEGIN SELECT RAISE(ABORT, 'no'); END"
        }
        Conn::Postgres(_) => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; \
             CREATE TRIGGER stubborn BEFORE DELETE ON data_keys FOR EACH ROW EXECUTE FUNCTION refuse()"
        }
    };
    execute(keys, trigger);
}

fn allow_deletions(keys: &mut Conn) {
    match keys {
        Conn::Sqlite(_) => execute(keys, "DROP TRIGGER stubborn"),
        Conn::Postgres(_) => execute(keys, "DROP TRIGGER stubborn ON data_keys"),
    }
}

async fn a_key_store_that_fails_in_the_middle(database: TestDatabase) {
    let store = database.store();
    let erased = person(&database, &store).await;
    let mut keys = single(&database.locations.keys).unwrap();
    refuse_deletions(&mut keys);
    let progress = store.erase_account(erased.account, NOW).await.unwrap();
    assert_eq!(progress, ErasureProgress::GoesOn);
    assert!(store.resume_erasures(NOW).await.is_err());
    let email = "sam@example.org".to_owned();
    let email = mainstay_domain::value::place::Email::new(&email).unwrap();
    assert!(store.credentials(&email).await.unwrap().is_none());
    allow_deletions(&mut keys);
    assert_eq!(store.resume_erasures(NOW).await.unwrap(), 1);
    assert_eq!(
        count(&mut single(&database.locations.data).unwrap(), "accounts"),
        1
    );
    assert_eq!(unfinished(&database), 0);
    assert_no_key(&database, (erased.account, &erased.wrapped), &erased.log);
}

#[tokio::test]
async fn on_sqlite_the_job_goes_on_when_the_key_store_works_again() {
    a_key_store_that_fails_in_the_middle(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_the_job_goes_on_when_the_key_store_works_again() {
    a_key_store_that_fails_in_the_middle(TestDatabase::postgres("erasing").with_keys_beside_the_record())
        .await;
}

/// A server stops after each step of an erasure. Another one finishes it, once the lease of the first has run out.
async fn a_server_that_stops_after_any_step(database: TestDatabase) {
    let mut data = single(&database.locations.data).unwrap();
    let (lease, later) = match &data {
        Conn::Sqlite(_) => (format!("{}", NOW + MINUTE), 2 * MINUTE),
        Conn::Postgres(_) => (
            format!("to_timestamp({})", (NOW + MINUTE) / 1_000_000),
            2 * MINUTE,
        ),
    };
    for step in 1..=3_u128 {
        let store = database.store();
        let address = format!("person{step}@example.org");
        let (scope, _) = sign_up_as(&store, 10 + step, &address).await;
        let account = scope.account();
        execute(
            &mut data,
            &format!("UPDATE accounts SET state = 'erasing', erasure_leased_until = {lease}"),
        );
        if step > 1 {
            store
                .keys
                .erase(account, crate::engine::types::DbTimestamp(NOW))
                .await
                .unwrap();
        }
        if step > 2 {
            let no = scope.no;
            let delete = store.data.write(move |conn| {
                super::super::account::delete_rows(conn, no, crate::engine::types::DbTimestamp(NOW))
            });
            delete.await.unwrap();
        }
        drop(store);
        let store = database.store();
        assert_eq!(
            store.resume_erasures(NOW).await.unwrap(),
            0,
            "{step}: another server has the lease"
        );
        assert_eq!(
            store.resume_erasures(NOW + later).await.unwrap(),
            usize::from(step < 3)
        );
        assert_eq!(count(&mut data, "accounts"), 0, "{step}");
        assert_eq!(unfinished(&database), 0, "{step}");
    }
}

#[tokio::test]
async fn on_sqlite_another_server_finishes_an_erasure() {
    a_server_that_stops_after_any_step(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_another_server_finishes_an_erasure() {
    a_server_that_stops_after_any_step(TestDatabase::postgres("stopped")).await;
}

/// SQLite now and then leaves a copy of a row behind when it moves rows between pages, which `secure_delete` does not wipe.
/// Here it is switched off, so that every deleted key stays in its page.
#[tokio::test]
async fn on_sqlite_no_copy_of_a_key_stays_between_the_rows_of_a_page() {
    let database = TestDatabase::sqlite();
    let store = database.store();
    let mut keys = single(&database.locations.keys).unwrap();
    let mut people = Vec::new();
    for n in 1..=30_u128 {
        let (scope, _) = sign_up_as(&store, n, &format!("person{n}@example.org")).await;
        people.push((scope.account(), wrapped_key(&mut keys, scope.account())));
    }
    let (gone, living) = people.split_at(15);
    execute(&mut keys, "PRAGMA secure_delete = OFF");
    for (account, _) in gone {
        let hex = account.simple();
        execute(
            &mut keys,
            &format!("DELETE FROM data_keys WHERE account_id = x'{hex}'"),
        );
    }
    execute(&mut keys, "PRAGMA wal_checkpoint(TRUNCATE)");
    let left = |people: &[(Uuid, Vec<u8>)]| {
        let files = files(&database.locations.keys, "");
        people
            .iter()
            .filter(|(_, wrapped)| holds(&files, wrapped))
            .count()
    };
    assert!(left(gone) > 0, "the search finds what is left");
    assert!(store.keys.clean().await.unwrap());
    assert_eq!((left(gone), left(living)), (0, living.len()));
}
