//! An account whose address was stored before all spellings of a domain were one.

use diesel::{ExpressionMethods, RunQueryDsl};
use mainstay_domain::{
    account::{Profile, Role, SealedAccount},
    value::place::{Email, ZoneName},
};
use uuid::Uuid;

use super::database::TestDatabase;
use crate::{Store, account::NewAccount, engine::schema::logins, error::StoreError, on};

fn account(n: u128, address: &str) -> NewAccount {
    NewAccount {
        id: Uuid::from_u128(n),
        role: Role::Person,
        content: SealedAccount {
            email: Email::new(address).unwrap(),
            profile: Profile::new(ZoneName(chrono_tz::UTC)),
        },
        password_hash: "hash".to_owned(),
    }
}

async fn an_earlier_account_opens_and_keeps_its_address(store: &Store) {
    let ascii = "sam@xn--bcher-kva.example";
    store
        .create_account(account(1, ascii), None, None, 0)
        .await
        .unwrap();
    // As it was stored once: by the domain as it was written.
    let index = store.earlier_email_index(&Email::new(ascii).unwrap()).unwrap();
    let write = store.data.write(move |conn| {
        let change = diesel::update(logins::table).set(logins::email_index.eq(index));
        Ok(on!(conn, |c| change.execute(c))?)
    });
    assert_eq!(write.await.unwrap(), 1);
    for spelling in [ascii, "Sam@B\u{fc}cher.example", "sam@BU\u{308}CHER.EXAMPLE."] {
        let found = store.credentials(&Email::new(spelling).unwrap()).await.unwrap();
        assert_eq!(found.map(|c| c.account), Some(Uuid::from_u128(1)), "{spelling}");
        let again = store.create_account(account(2, spelling), None, None, 0).await;
        assert!(matches!(again, Err(StoreError::EmailTaken)), "{spelling}");
    }
    let other = Email::new("kim@b\u{fc}cher.example").unwrap();
    assert!(store.credentials(&other).await.unwrap().is_none());
}

#[tokio::test]
async fn an_earlier_account_opens_on_sqlite() {
    let database = TestDatabase::sqlite();
    an_earlier_account_opens_and_keeps_its_address(&database.store()).await;
}

#[tokio::test]
async fn an_earlier_account_opens_on_postgres() {
    let database = TestDatabase::postgres("earlier_address");
    an_earlier_account_opens_and_keeps_its_address(&database.store()).await;
}
