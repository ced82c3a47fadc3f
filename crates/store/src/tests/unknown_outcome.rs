//! A connection that is lost around a COMMIT: whether it happened is not known, and no key may be destroyed for it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use diesel::{RunQueryDsl, sql_query};
use mainstay_domain::{
    account::{Profile, Role, SealedAccount},
    value::place::{Email, ZoneName},
};
use uuid::Uuid;

use super::database::TestDatabase;
use crate::{
    DatabaseUrl, Locations, Store, StoreError,
    account::NewAccount,
    engine::{connection::Conn, single},
    on,
};

/// The proxy passes everything on.
const PASS: u8 = 0;
/// It cuts the connection after the server has carried out the next COMMIT.
const CUT_AFTER: u8 = 1;
/// It cuts the connection instead of passing the next COMMIT on.
const CUT_BEFORE: u8 = 2;

/// A proxy before a PostgreSQL server that can cut a connection around a COMMIT.
struct CuttingProxy {
    address: String,
    mode: Arc<AtomicU8>,
}

impl CuttingProxy {
    fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mode = Arc::new(AtomicU8::new(PASS));
        let own_mode = Arc::clone(&mode);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let cut = Arc::new(AtomicU8::new(PASS));
                let responses = (
                    server.try_clone().unwrap(),
                    client.try_clone().unwrap(),
                    Arc::clone(&cut),
                );
                std::thread::spawn(move || pass_responses(responses.0, responses.1, &responses.2));
                let mode = Arc::clone(&own_mode);
                std::thread::spawn(move || pass_requests(client, server, &mode, &cut));
            }
        });
        Self { address, mode }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

fn pass_requests(mut client: TcpStream, mut server: TcpStream, mode: &AtomicU8, cut: &AtomicU8) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let is_commit = buffer[..count].windows(6).any(|part| part == b"COMMIT");
        match mode.load(Ordering::SeqCst) {
            CUT_BEFORE if is_commit => break,
            CUT_AFTER if is_commit => cut.store(CUT_AFTER, Ordering::SeqCst),
            _ => {}
        }
        if server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

fn pass_responses(mut server: TcpStream, mut client: TcpStream, cut: &AtomicU8) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        if cut.load(Ordering::SeqCst) == CUT_AFTER || client.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

fn new_account(n: u128) -> NewAccount {
    NewAccount {
        id: Uuid::from_u128(n),
        role: Role::Person,
        content: SealedAccount {
            email: email(n),
            profile: Profile::new(ZoneName(chrono_tz::UTC)),
        },
        password_hash: "hash".to_owned(),
    }
}

fn email(n: u128) -> Email {
    Email::new(&format!("person{n}@example.org")).unwrap()
}

/// A store behind a proxy, another one beside it, and the proxy.
fn stores(database: &TestDatabase) -> (Store, Store, CuttingProxy) {
    let DatabaseUrl::Postgres(url) = &database.locations.data else {
        panic!("a database of another engine");
    };
    let server = url
        .split('@')
        .next_back()
        .unwrap()
        .trim_start_matches("postgres://");
    let server = server.split('/').next().unwrap();
    let proxy = CuttingProxy::start(server.to_owned());
    let locations = Locations {
        data: DatabaseUrl::Postgres(url.replacen(server, &proxy.address, 1)),
        ..database.locations.clone()
    };
    (database.store_at(&locations), database.store(), proxy)
}

#[tokio::test]
async fn an_account_whose_commit_was_not_heard_of_keeps_its_key() {
    let database = TestDatabase::postgres("unheard");
    let (store, beside, proxy) = stores(&database);
    store.create_account(new_account(1), None, None, 0).await.unwrap();
    proxy.set(CUT_AFTER);
    let outcome = store.create_account(new_account(2), None, None, 0).await;
    assert!(
        matches!(outcome, Err(StoreError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    proxy.set(PASS);
    // The account was committed: it can be read, and its address is taken.
    beside.account(Uuid::from_u128(2)).await.unwrap();
    assert!(beside.credentials(&email(2)).await.unwrap().is_some());
    let again = NewAccount {
        id: Uuid::from_u128(3),
        ..new_account(2)
    };
    let refused = beside.create_account(again, None, None, 0).await;
    assert!(matches!(refused, Err(StoreError::EmailTaken)));
    // The sweep confirms its key, and finds nothing to do the next time.
    assert_eq!(beside.sweep_pending_keys(1).await.unwrap(), 1);
    assert_eq!(beside.sweep_pending_keys(1).await.unwrap(), 0);
    database.store().account(Uuid::from_u128(2)).await.unwrap();
}

#[tokio::test]
async fn the_key_of_an_account_that_was_not_committed_is_swept() {
    let database = TestDatabase::postgres("uncommitted");
    let (store, beside, proxy) = stores(&database);
    store.create_account(new_account(1), None, None, 0).await.unwrap();
    proxy.set(CUT_BEFORE);
    let outcome = store.create_account(new_account(2), None, None, 0).await;
    assert!(
        matches!(outcome, Err(StoreError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    proxy.set(PASS);
    assert!(beside.credentials(&email(2)).await.unwrap().is_none());
    assert_eq!(beside.sweep_pending_keys(0).await.unwrap(), 0, "it is too young");
    assert_eq!(beside.sweep_pending_keys(1).await.unwrap(), 1);
    assert_eq!(beside.sweep_pending_keys(1).await.unwrap(), 0);
    // The address is free.
    store.create_account(new_account(2), None, None, 0).await.unwrap();
    beside.account(Uuid::from_u128(1)).await.unwrap();
}

/// Makes every commit of a new account fail on SQLite, by a row that breaks a deferred rule.
const BREAK_COMMITS: [&str; 3] = [
    "CREATE TABLE parents (n INTEGER PRIMARY KEY)",
    "CREATE TABLE children (n INTEGER REFERENCES parents (n) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TRIGGER broken AFTER INSERT ON accounts BEGIN INSERT INTO children VALUES (1); END",
];

#[tokio::test]
async fn a_commit_that_fails_on_sqlite_leaves_the_key_until_the_log_is_empty() {
    let database = TestDatabase::sqlite();
    let mut beside = single(&database.locations.data).unwrap();
    let execute = |conn: &mut Conn, sql: &str| on!(conn, |c| sql_query(sql).execute(c)).unwrap();
    for sql in BREAK_COMMITS {
        execute(&mut beside, sql);
    }
    let store = database.store();
    let outcome = store.create_account(new_account(1), None, None, 0).await;
    assert!(
        matches!(outcome, Err(StoreError::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    execute(&mut beside, "DROP TRIGGER broken");
    // While somebody reads, the log cannot be emptied, and the key stays.
    execute(&mut beside, "BEGIN");
    execute(&mut beside, "SELECT * FROM people");
    assert_eq!(store.sweep_pending_keys(1).await.unwrap(), 0);
    execute(&mut beside, "ROLLBACK");
    assert_eq!(store.sweep_pending_keys(1).await.unwrap(), 1);
    assert_eq!(store.sweep_pending_keys(1).await.unwrap(), 0);
    store.create_account(new_account(1), None, None, 0).await.unwrap();
    store.account(Uuid::from_u128(1)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_destroys_the_key_at_once() {
    let database = TestDatabase::sqlite();
    let store = database.store();
    store.create_account(new_account(1), None, None, 0).await.unwrap();
    let again = NewAccount {
        id: Uuid::from_u128(2),
        ..new_account(1)
    };
    let refused = store.create_account(again, None, None, 0).await;
    assert!(matches!(refused, Err(StoreError::EmailTaken)));
    assert_eq!(store.sweep_pending_keys(1).await.unwrap(), 0);
    store.account(Uuid::from_u128(1)).await.unwrap();
}
