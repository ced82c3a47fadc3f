//! Emergency accesses: who may read by them, what is entered into them, and what an erasure leaves.

use mainstay_domain::{
    break_glass::{
        BreakGlassEntry, BreakGlassRequest, BreakGlassStatus, GRANT_US, GrantTimes, MAX_LIVE, MAX_TRIES,
        NamedPerson, SealedBreakGlass, TRY_WINDOW_US,
    },
    sharing::DataClass,
    value::{place::Email, text::Label},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, sign_up, sign_up_as},
};
use crate::{
    PersonScope, Result, Store, StoreError,
    break_glass::{
        BreakGlassRefusal, EmergencyPerson, NewBreakGlass,
        reading::{emergency_access, note_reads},
    },
};

/// A new access at that time.
fn new_access(id: u128, clinician: &PersonScope, at: i64) -> NewBreakGlass {
    let request: BreakGlassRequest = serde_json::from_value(json!({
        "person": "sam@example.org", "affiliation": "Harbor Hospital", "emergency": "unconscious",
        "justification": "Medication must be known first.", "password": "rivers bend slowly",
    }))
    .unwrap();
    NewBreakGlass {
        id: Uuid::from_u128(id),
        times: GrantTimes::beginning(at),
        content: SealedBreakGlass::new(&request, clinician.account(), Label::new("Dr. Lee").unwrap()),
    }
}

async fn found(store: &Store, clinician: &PersonScope, person: &PersonScope) -> EmergencyPerson {
    let named = NamedPerson::Account(person.account());
    store.emergency_person(clinician, &named).await.unwrap().unwrap()
}

/// Does all that a clinician and a person do with an emergency access.
pub(super) async fn open_in_emergency(store: &Store, person: &PersonScope, session: Uuid) {
    let (clinician, _) = sign_up_as(store, 50, "lee@example.org").await;
    store
        .take_break_glass_try(&clinician, NOW)
        .await
        .unwrap()
        .unwrap();
    store
        .take_break_glass_try(&clinician, NOW)
        .await
        .unwrap()
        .unwrap();
    let named = NamedPerson::Email(Email::new("sam@example.org").unwrap());
    let same = store.emergency_person(&clinician, &named).await.unwrap().unwrap();
    assert_eq!(same.account(), person.account());
    let target = found(store, &clinician, person).await;
    let new = new_access(60, &clinician, NOW);
    store
        .grant_break_glass(&clinician, target, new, None)
        .await
        .unwrap()
        .unwrap();
    let earlier = store.earlier_break_glass(&clinician, Uuid::from_u128(60)).await;
    assert_eq!(earlier.unwrap().unwrap().0.person_id, person.account());
    note(store, person, 60, NOW).await.unwrap();
    access(store, &clinician, person, NOW).await;
    assert_eq!(listed(store, person, NOW).await.len(), 1);
    let end = |writer: &mut crate::RecordWriter<'_>| writer.end_break_glass(Uuid::from_u128(60));
    store.write(person, session, NOW, end).await.unwrap();
    store.erase_account(clinician.account(), NOW).await.unwrap();
}

async fn listed(store: &Store, person: &PersonScope, now: i64) -> Vec<BreakGlassEntry> {
    store
        .read(person, move |records| records.break_glass(None, 20, now))
        .await
        .unwrap()
}

async fn note(store: &Store, person: &PersonScope, id: u128, now: i64) -> Result<()> {
    let scope = person.clone();
    let write = store.data.write_for(person.party(), move |conn| {
        let classes = [DataClass::Medications, DataClass::Safety];
        note_reads(conn, &scope, Uuid::from_u128(id), classes, now)
    });
    write.await
}

/// The access of a clinician to a record, which both ways of asking agree on.
async fn access(
    store: &Store,
    clinician: &PersonScope,
    person: &PersonScope,
    now: i64,
) -> Option<(Uuid, i64)> {
    let (person_no, clinician_no) = (person.no, clinician.no);
    let read = store.data.read_for(clinician.party(), move |conn| {
        emergency_access(conn, person_no, clinician_no, now)
    });
    read.await.unwrap()
}

async fn an_access_is_for_one_clinician_and_one_person_and_a_day(database: TestDatabase) {
    let store = database.store();
    let (sam, session) = sign_up(&store).await;
    let (lee, _) = sign_up_as(&store, 20, "lee@example.org").await;
    let (kim, _) = sign_up_as(&store, 30, "kim@example.org").await;
    for (id, at) in [(60, NOW), (61, NOW + 5)] {
        let target = found(&store, &lee, &sam).await;
        let new = new_access(id, &lee, at);
        store
            .grant_break_glass(&lee, target, new, None)
            .await
            .unwrap()
            .unwrap();
    }
    let latest = Some((Uuid::from_u128(61), NOW + 5 + GRANT_US));
    assert_eq!(access(&store, &lee, &sam, NOW + 6).await, latest);
    assert_eq!(access(&store, &lee, &sam, NOW + 4 + GRANT_US).await, latest);
    assert_eq!(access(&store, &lee, &sam, NOW + 5 + GRANT_US).await, None);
    for (clinician, person) in [(&sam, &lee), (&kim, &sam), (&lee, &kim)] {
        assert_eq!(access(&store, clinician, person, NOW + 6).await, None);
    }
    // Each read is in the access by which it was.
    note(&store, &sam, 61, NOW + 7).await.unwrap();
    note(&store, &sam, 61, NOW + 9_000).await.unwrap();
    assert!(matches!(
        note(&store, &sam, 62, NOW).await,
        Err(StoreError::NotFound)
    ));
    let [second, first] = listed(&store, &sam, NOW + 10_000).await.try_into().unwrap();
    assert_eq!(first.reads.len(), 0);
    let reads: Vec<_> = second
        .reads
        .iter()
        .map(|read| (read.data_class, read.reads))
        .collect();
    assert_eq!(reads, [(DataClass::Medications, 2), (DataClass::Safety, 2)]);
    // From the end of one on there is none of that clinician. Ended again, it stays as it is.
    for (id, at) in [(61, NOW + 10_000), (61, NOW + 12_000), (60, NOW + 14_000)] {
        let end = move |writer: &mut crate::RecordWriter<'_>| writer.end_break_glass(Uuid::from_u128(id));
        let ended = store.write(&sam, session, at, end).await.unwrap();
        assert_eq!(ended.ended_at.map(|at| at.micros()), Some(NOW + 10_000));
        assert_eq!(access(&store, &lee, &sam, at + 1).await, None);
    }
}

async fn bounds_hold_for_each_clinician(database: TestDatabase) {
    let store = database.store();
    let (sam, _) = sign_up(&store).await;
    let (lee, _) = sign_up_as(&store, 20, "lee@example.org").await;
    for id in 0..MAX_LIVE {
        let target = found(&store, &lee, &sam).await;
        let new = new_access(100 + u128::try_from(id).unwrap(), &lee, NOW);
        store
            .grant_break_glass(&lee, target, new, None)
            .await
            .unwrap()
            .unwrap();
    }
    // Looked at again in the transaction, since two tries may be under way.
    let target = found(&store, &lee, &sam).await;
    let refused = store
        .grant_break_glass(&lee, target, new_access(200, &lee, NOW), None)
        .await;
    assert_eq!(refused.unwrap(), Err(BreakGlassRefusal::TooManyLive));
    let refused = store.take_break_glass_try(&lee, NOW).await.unwrap();
    assert_eq!(refused, Err(BreakGlassRefusal::TooManyLive));
    let later = NOW + GRANT_US;
    for _ in 0..MAX_TRIES {
        store.take_break_glass_try(&lee, later).await.unwrap().unwrap();
    }
    let refused = store.take_break_glass_try(&lee, later).await.unwrap();
    let retry_after = TRY_WINDOW_US / 1_000_000 + 1;
    assert_eq!(refused, Err(BreakGlassRefusal::TooManyTries { retry_after }));
    let (kim, _) = sign_up_as(&store, 30, "kim@example.org").await;
    let target = found(&store, &kim, &sam).await;
    let taken = store
        .grant_break_glass(&kim, target, new_access(100, &kim, later), None)
        .await;
    assert!(matches!(taken, Err(StoreError::IdConflict)), "{taken:?}");
}

async fn an_erasure_of_either_ends_the_access(database: TestDatabase) {
    let store = database.store();
    let (sam, _) = sign_up(&store).await;
    let (lee, _) = sign_up_as(&store, 20, "lee@example.org").await;
    let (kim, _) = sign_up_as(&store, 30, "kim@example.org").await;
    for (id, clinician) in [(60, &lee), (61, &kim)] {
        store.take_break_glass_try(clinician, NOW).await.unwrap().unwrap();
        let target = found(&store, clinician, &sam).await;
        let new = new_access(id, clinician, NOW);
        store
            .grant_break_glass(clinician, target, new, None)
            .await
            .unwrap()
            .unwrap();
    }
    let target = found(&store, &kim, &sam).await;
    store.erase_account(lee.account(), NOW).await.unwrap();
    assert_eq!(access(&store, &lee, &sam, NOW).await, None);
    let statuses: Vec<_> = listed(&store, &sam, NOW)
        .await
        .iter()
        .map(|entry| entry.status)
        .collect();
    assert_eq!(statuses, [BreakGlassStatus::Active, BreakGlassStatus::Ended]);
    store.erase_account(sam.account(), NOW).await.unwrap();
    assert_eq!(access(&store, &kim, &sam, NOW).await, None);
    let gone = store
        .grant_break_glass(&kim, target, new_access(62, &kim, NOW), None)
        .await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    let earlier = store
        .earlier_break_glass(&kim, Uuid::from_u128(61))
        .await
        .unwrap();
    assert!(earlier.is_none());
    let erased = store.take_break_glass_try(&lee, NOW).await;
    assert!(matches!(erased, Err(StoreError::PersonGone)), "{erased:?}");
}

/// Runs a test on both engines.
macro_rules! on_both {
    ($($test:ident $sqlite:ident $postgres:ident;)*) => {
        $(
            #[tokio::test]
            async fn $sqlite() {
                $test(TestDatabase::sqlite()).await;
            }

            #[tokio::test]
            async fn $postgres() {
                $test(TestDatabase::postgres(stringify!($postgres))).await;
            }
        )*
    };
}

on_both! {
    an_access_is_for_one_clinician_and_one_person_and_a_day break_glass_access_sqlite break_glass_access;
    bounds_hold_for_each_clinician break_glass_bounds_sqlite break_glass_bounds;
    an_erasure_of_either_ends_the_access break_glass_erasure_sqlite break_glass_erasure;
}
