//! What a decision reads: the consents that name an account, those who share with it, and restrictions.

use mainstay_domain::{
    account::Role,
    consent::{Consent, ConsentStep, KnownConsent, Recipient, Revocation},
    invitation::{HelperRole, InvitationStep, NewInvitation},
    restriction::Restriction,
    sharing::Resource,
    support_contact::Relationship,
    value::{list::List, text::text, timestamp::Timestamp},
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, sign_up_as},
};
use crate::{
    Expected, LockedWriter, PersonScope, Store, StoreError, consent::reliance::consents_naming,
    restriction::agreed_restrictions, sharing::Reader,
};

/// The end of the consents, in microseconds.
const END: i64 = NOW + 86_400_000_000;

/// A person with the session.
struct Sharer {
    scope: PersonScope,
    session: Uuid,
}

impl Sharer {
    async fn new(store: &Store, id: u128) -> Self {
        let (scope, session) = sign_up_as(store, id, &format!("person{id}@example.org")).await;
        Self { scope, session }
    }

    async fn write<T: Send + 'static>(
        &self,
        store: &Store,
        work: impl FnOnce(&mut LockedWriter<'_, '_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let write = store.write(&self.scope, self.session, NOW, move |writer| {
            work(&mut writer.lock()?)
        });
        write.await.unwrap()
    }

    /// Stores a consent for accounts, and signs it.
    async fn consent(&self, store: &Store, id: u128, accounts: &[Uuid]) {
        let consent = Consent {
            recipients: List::of(accounts.iter().copied().map(Recipient::of_account)),
            expires_at: Some(Timestamp::from_micros(END)),
            ..Consent::example()
        };
        self.write(store, move |writer| {
            writer.create_consent(Uuid::from_u128(id), consent)?;
            writer.sign_consent(Uuid::from_u128(id), &Expected::Any, text!("Sam"))
        })
        .await;
    }

    async fn naming(&self, store: &Store, account: i64, now: i64) -> Vec<KnownConsent> {
        let (keys, no) = (self.scope.keys.clone(), self.scope.no);
        let read = store
            .data
            .read(move |conn| consents_naming(conn, &keys, no, account, now));
        read.await.unwrap()
    }

    async fn step(&self, store: &Store, id: u128, step: ConsentStep) {
        self.write(store, move |writer| {
            writer.step_consent(Uuid::from_u128(id), step, Revocation::default())
        })
        .await;
    }
}

fn ids(known: &[KnownConsent]) -> Vec<u128> {
    known.iter().map(|known| known.id.as_u128()).collect()
}

/// Makes an account a helper whom the person has confirmed.
async fn confirm(store: &Store, person: &Sharer, helper: &Sharer) {
    let id = Uuid::from_u128(helper.scope.account.as_u128() + 1000);
    let new = NewInvitation {
        id: None,
        role: HelperRole::Supporter,
        relationship: Relationship::Peer,
        support_contact_id: None,
        message: None,
    };
    let code = format!("{} {id}", person.scope.account);
    let (made, taken) = (store.invitation_index(&code), store.invitation_index(&code));
    person
        .write(store, move |writer| writer.invite(id, &new, made))
        .await;
    helper
        .write(store, move |writer| writer.take_invitation(taken, None))
        .await;
    person
        .write(store, move |writer| {
            writer.step_invitation(id, InvitationStep::Confirm)
        })
        .await;
}

/// The people who share something with an account.
async fn people(store: &Store, helper: &Sharer, now: i64) -> Vec<i64> {
    let reader = Reader {
        no: helper.scope.no,
        account: helper.scope.account,
        role: Role::Supporter,
        session: helper.session,
        name: None,
    };
    store.people_sharing_with(&reader, now).await.unwrap()
}

async fn only_what_is_in_force_is_found(database: &TestDatabase) {
    let store = database.store();
    let (sam, kim) = (Sharer::new(&store, 10).await, Sharer::new(&store, 20).await);
    let (robin, lee) = (Sharer::new(&store, 30).await, Sharer::new(&store, 40).await);
    let [robins, lees] = [&robin, &lee].map(|helper| (helper.scope.no, helper.scope.account));
    for (person, helper) in [(&sam, &robin), (&sam, &lee), (&kim, &robin)] {
        confirm(&store, person, helper).await;
    }
    sam.consent(&store, 1, &[robins.1, lees.1, robins.1]).await;
    sam.consent(&store, 2, &[robins.1]).await;
    kim.consent(&store, 1, &[robins.1]).await;
    let draft = Consent {
        recipients: List::of([Recipient::of_account(robins.1)]),
        ..Consent::example()
    };
    sam.write(&store, move |writer| {
        writer.create_consent(Uuid::from_u128(3), draft)
    })
    .await;

    let found = sam.naming(&store, robins.0, NOW).await;
    assert_eq!(ids(&found), [1, 2]);
    assert!(
        found
            .iter()
            .all(|known| known.version == 2 && known.consent.conforms() && known.consent.names(robins.1))
    );
    assert_eq!(ids(&sam.naming(&store, lees.0, NOW).await), [1]);
    assert_eq!(ids(&sam.naming(&store, robins.0, END - 1).await), [1, 2]);
    assert_eq!(ids(&sam.naming(&store, robins.0, END).await), [0; 0]);
    assert_eq!(people(&store, &robin, NOW).await, [sam.scope.no, kim.scope.no]);
    assert_eq!(people(&store, &lee, NOW).await, [sam.scope.no]);
    assert_eq!(people(&store, &robin, END).await, [0; 0]);
    assert_eq!(people(&store, &sam, NOW).await, [0; 0]);

    sam.step(&store, 1, ConsentStep::Revoke).await;
    assert_eq!(ids(&sam.naming(&store, robins.0, NOW).await), [2]);
    assert_eq!(people(&store, &lee, NOW).await, [0; 0]);
    sam.step(&store, 2, ConsentStep::EnterInError).await;
    assert_eq!(people(&store, &robin, NOW).await, [kim.scope.no]);

    // Neither is a consent found that names an erased account, nor one of an erased person.
    sam.consent(&store, 4, &[lees.1, robins.1]).await;
    store.erase_account(lees.1, NOW).await.unwrap();
    assert_eq!(ids(&sam.naming(&store, lees.0, NOW).await), [0; 0]);
    assert_eq!(people(&store, &lee, NOW).await, [0; 0]);
    assert_eq!(people(&store, &robin, NOW).await, [sam.scope.no, kim.scope.no]);
    store.erase_account(kim.scope.account, NOW).await.unwrap();
    assert_eq!(people(&store, &robin, NOW).await, [sam.scope.no]);
}

async fn restrictions_are_found_while_they_are_agreed(database: &TestDatabase) {
    let store = database.store();
    let sam = Sharer::new(&store, 50).await;
    let agreed = async || {
        let (keys, no) = (sam.scope.keys.clone(), sam.scope.no);
        let read = store.data.read(move |conn| agreed_restrictions(conn, &keys, no));
        read.await.unwrap()
    };
    sam.write(&store, |writer| {
        writer.create_restriction(Uuid::from_u128(1), Restriction::example())
    })
    .await;
    assert_eq!(agreed().await, [Restriction::example()]);
    sam.write(&store, |writer| writer.end_restriction(Uuid::from_u128(1)))
        .await;
    assert_eq!(agreed().await, []);
}

#[tokio::test]
async fn only_what_is_in_force_is_found_on_sqlite() {
    let database = TestDatabase::sqlite();
    only_what_is_in_force_is_found(&database).await;
    restrictions_are_found_while_they_are_agreed(&database).await;
}

#[tokio::test]
async fn only_what_is_in_force_is_found_on_postgresql() {
    let database = TestDatabase::postgres("consents");
    only_what_is_in_force_is_found(&database).await;
    restrictions_are_found_while_they_are_agreed(&database).await;
}
