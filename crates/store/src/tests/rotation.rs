//! Rotation of the master key: what opens, and what is left, after any part of it.

use std::collections::BTreeSet;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use uuid::Uuid;

use super::database::TestDatabase;
use crate::{
    KeyUse, MasterKeys, RotationLock, Store, StoreError,
    engine::{
        connection::Conn,
        schema::{data_keys, key_store_installation},
        single,
        types::{DbTimestamp, DbUuid},
    },
    key::{key_store::INSTALLATION, rewrap::rewrap_batch, seal::Secret},
    on, rotate,
};

const KEYS: u128 = 25;

fn parse(lines: &[&str]) -> MasterKeys {
    MasterKeys::parse(&lines.join("\n")).unwrap()
}

fn line() -> String {
    MasterKeys::generate().unwrap().to_string()
}

/// Inserts keys of accounts, as a large key store has them.
fn insert_keys(conn: &mut Conn, master: &MasterKeys, accounts: impl Iterator<Item = u128>) {
    for account in accounts.map(Uuid::from_u128) {
        let data_key = Secret::from_bytes([u8::try_from(account.as_u128() % 251).unwrap(); 32]);
        let wrapped = master
            .wrap(master.current_id(), account, &data_key)
            .unwrap()
            .unwrap();
        let row = (
            data_keys::account_id.eq(DbUuid(account)),
            data_keys::master_key_id.eq(master.current_id()),
            data_keys::wrapped.eq(wrapped),
            data_keys::created_at.eq(DbTimestamp(1)),
            data_keys::pending.eq(false),
        );
        on!(&mut *conn, |c| diesel::insert_into(data_keys::table)
            .values(row)
            .execute(c))
        .unwrap();
    }
}

/// The accounts whose key opens with these master keys and is the one that was inserted. Fails if one does not.
fn opened(conn: &mut Conn, master: &MasterKeys) -> BTreeSet<u128> {
    let query = data_keys::table.select((
        data_keys::account_id,
        data_keys::master_key_id,
        data_keys::wrapped,
    ));
    let rows: Vec<(DbUuid, Vec<u8>, Vec<u8>)> = on!(conn, |c| query.load(c)).unwrap();
    rows.into_iter()
        .map(|(account, id, wrapped)| {
            let data_key = master.unwrap(&id, account.0, &wrapped).unwrap();
            let number = account.0.as_u128();
            assert!(account.0 == INSTALLATION || u128::from(data_key.as_bytes()[0]) == number % 251);
            number
        })
        .collect()
}

/// Runs a test on a key store of each engine, with 25 keys under its master key, whose line the test gets.
fn on_both_engines(name: &str, test: impl Fn(&TestDatabase, &mut Conn, &str)) {
    for database in [
        TestDatabase::sqlite(),
        TestDatabase::postgres(name).with_keys_beside_the_record(),
    ] {
        drop(database.store());
        let mut conn = single(&database.locations.keys).unwrap();
        let old = database.master_key.clone();
        insert_keys(&mut conn, &parse(&[&old]), 1..=KEYS);
        test(&database, &mut conn, &old);
    }
}

fn lock(database: &TestDatabase) -> RotationLock {
    RotationLock::take(&database.locations.keys).unwrap().unwrap()
}

#[test]
fn after_any_number_of_batches_every_key_opens_and_a_rotation_goes_on_from_there() {
    on_both_engines("rotation_batches", |database, conn, old| {
        let mut file = old.to_owned();
        let all: BTreeSet<u128> = (0..=KEYS).collect();
        for limit in [1, 4, 7, 26, 100] {
            let before = file.clone();
            file = format!("{}\n{file}", line());
            let master = parse(&[&file]);
            let (mut after, mut batches) = (None, 0);
            // Each rotation is stopped after a different part of it.
            while batches < 3 {
                let batch = rewrap_batch(conn, &master, after, limit).unwrap();
                batches += 1;
                assert_eq!(opened(conn, &master), all, "batch {batches} of {limit}");
                after = batch.next_after;
                if after.is_none() {
                    break;
                }
            }
            let rotated = rotate(&database.locations, &master, &lock(database), |_| ()).unwrap();
            assert_eq!((rotated.left, rotated.is_log_left), (0, false));
            assert!(rotated.damaged.is_empty());
            let current = parse(&[file.lines().next().unwrap()]);
            assert_eq!(opened(conn, &current), all);
            let in_use = KeyUse::inspect(&database.locations).unwrap();
            assert!(in_use.is_all_under(master.current_id()));
            assert!(!in_use.is_all_under(parse(&[&before]).current_id()));
        }
    });
}

#[test]
fn a_key_that_is_destroyed_meanwhile_stays_destroyed() {
    on_both_engines("rotation_erasure", |_, conn, old| {
        let (new, mut all): (String, BTreeSet<u128>) = (line(), (0..=KEYS).collect());
        let master = parse(&[&new, old]);
        let mut after = None;
        for erased in [3, 12, 25] {
            let batch = rewrap_batch(conn, &master, after, 5).unwrap();
            after = batch.next_after;
            let row = data_keys::table.filter(data_keys::account_id.eq(DbUuid(Uuid::from_u128(erased))));
            on!(&mut *conn, |c| diesel::delete(row).execute(c)).unwrap();
            all.remove(&erased);
        }
        while after.is_some() {
            after = rewrap_batch(conn, &master, after, 5).unwrap().next_after;
        }
        assert_eq!(opened(conn, &parse(&[&new])), all);
    });
}

#[test]
fn keys_that_do_not_open_stay_as_they_are_and_the_rotation_is_not_complete() {
    on_both_engines("rotation_damage", |database, conn, old| {
        let (foreign, new) = (line(), line());
        insert_keys(conn, &parse(&[&foreign]), 100..=101);
        let damaged = Uuid::from_u128(5);
        let row = data_keys::table.filter(data_keys::account_id.eq(DbUuid(damaged)));
        let change = diesel::update(row).set(data_keys::wrapped.eq(vec![1_u8; 74]));
        on!(&mut *conn, |c| change.execute(c)).unwrap();

        let master = parse(&[&new, old]);
        let rotated = rotate(&database.locations, &master, &lock(database), |_| ()).unwrap();
        assert_eq!(
            (rotated.rewrapped, rotated.left, rotated.damaged),
            (usize::try_from(KEYS).unwrap(), 3, vec![damaged])
        );
        let in_use = KeyUse::inspect(&database.locations).unwrap();
        assert_eq!(
            in_use.unknown(&master),
            [(parse(&[&foreign]).current_id(), 2)],
            "they are told"
        );
        assert_eq!(in_use.count(parse(&[old]).current_id()), 1);
        assert!(!in_use.is_all_under(master.current_id()));
    });
}

#[test]
fn one_process_at_a_time_rotates() {
    on_both_engines("rotation_lock", |database, _, _| {
        let first = lock(database);
        assert!(RotationLock::take(&database.locations.keys).unwrap().is_none());
        drop(first);
        drop(lock(database));
    });
}

async fn register(store: &Store, account: u128) -> Result<(), StoreError> {
    store
        .keys
        .create(Uuid::from_u128(account), DbTimestamp(1))
        .await
        .map(drop)
}

#[test]
fn new_keys_are_wrapped_by_the_master_key_that_is_current_in_the_key_store() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    on_both_engines("rotation_create", |database, conn, old| {
        let wrapping = |conn: &mut Conn, account: u128| -> Vec<u8> {
            let row = data_keys::table.filter(data_keys::account_id.eq(DbUuid(Uuid::from_u128(account))));
            on!(conn, |c| row.select(data_keys::master_key_id).first(c)).unwrap()
        };
        let new = line();
        let (before, both) = (parse(&[old]), parse(&[&new, old]));
        let store = database.store();
        // The file has a new first line, but nothing was rotated yet.
        assert!(
            runtime
                .block_on(store.replace_master_keys(parse(&[&new, old])))
                .unwrap()
        );
        runtime.block_on(register(&store, 100)).unwrap();
        assert_eq!(wrapping(conn, 100), before.current_id());

        // Another server has rotated, and this one has not looked at its file yet.
        let unaware = database.store();
        rotate(&database.locations, &both, &lock(database), |_| ()).unwrap();
        let told = unaware.clone();
        let keys = parse(&[&new, old]);
        let registered = runtime.block_on(async {
            let file = tokio::spawn(async move {
                told.master_key_wanted().await;
                told.replace_master_keys(keys).await
            });
            let registered = register(&unaware, 101).await;
            file.await.unwrap().unwrap();
            registered
        });
        registered.unwrap();
        assert_eq!(wrapping(conn, 101), both.current_id());
        assert_eq!(
            KeyUse::inspect(&database.locations)
                .unwrap()
                .count(before.current_id()),
            0
        );
    });
}

#[test]
fn master_keys_that_are_in_use_are_not_taken_away() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    on_both_engines("rotation_replace", |database, conn, old| {
        let store = database.store();
        let new = line();
        let refused = runtime.block_on(store.replace_master_keys(parse(&[&new])));
        assert!(matches!(refused, Err(StoreError::Mismatched(_))));
        assert!(
            !runtime
                .block_on(store.replace_master_keys(parse(&[old])))
                .unwrap(),
            "the same"
        );
        rotate(&database.locations, &parse(&[&new, old]), &lock(database), |_| ()).unwrap();
        assert!(
            runtime
                .block_on(store.replace_master_keys(parse(&[&new])))
                .unwrap()
        );
        runtime.block_on(store.check()).unwrap();
        let named: Vec<u8> = on!(conn, |c| key_store_installation::table
            .select(key_store_installation::master_key_id)
            .first(c))
        .unwrap();
        assert_eq!(named, parse(&[&new]).current_id());
    });
}
