//! What people who help give: bounds, seals, and what an erasure leaves.

use diesel::{QueryDsl, RunQueryDsl};
use mainstay_domain::{
    account::Role,
    encouragement::{EncouragementText, NewThanks},
    peer_profile::PeerProfile,
    plan::Plan,
    proposal::{Decision, NewProposal, ProposalDraft, ProposalStatus},
    record::{Kind, Record},
    shared_commitment::NewSharedCommitment,
    sign_off::NewSignOff,
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up, sign_up_as},
};
use crate::{
    Author, ContributionRange, ContributionRefusal, Expected, History, LockedWriter, PersonScope, Store,
    StoreError,
    engine::{schema::contributions, single},
    on,
};

const ALL: ContributionRange = ContributionRange {
    after: None,
    limit: 300,
};

/// A new proposal with that id.
fn proposal(id: u128) -> ProposalDraft {
    let new = NewProposal {
        id: Some(Uuid::from_u128(id)),
        ..NewProposal::example()
    };
    new.into_draft(&mut || Uuid::from_u128(id + 1))
}

/// Does and reads everything that one person can get of people who help, in a plan with the id 13.
pub(super) async fn receive_help(store: &Store, scope: &PersonScope, session: Uuid) {
    let author = Author::of(scope, Role::Supporter);
    let plan = Uuid::from_u128(13);
    let work = move |writer: &mut LockedWriter<'_, '_>| {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for id in [one, two] {
            let text = EncouragementText::new("One step.").unwrap();
            writer.encourage(&author, (id, text))?;
        }
        writer.thank(one, NewThanks::default())?;
        writer.hide_encouragement(two)?;
        let new: NewSharedCommitment =
            serde_json::from_str(r#"{ "text": "A walk.", "on": "2026-03-02" }"#).unwrap();
        writer.share_commitment(&author, (one, new))?;
        writer.set_outcome(&author, (one, None))?;
        writer.propose(&author, plan, proposal(1))?;
        writer.propose(&author, plan, proposal(2))?;
        writer.withdraw(&author, plan, one)?;
        writer.decide_proposal(plan, two, Decision::Declined(None))?;
        let number = Plan::example().number;
        writer.sign_off(&author, plan, (one, NewSignOff { number }))?;
        let records = writer.records();
        records.own_proposals(&author, plan, ALL)?;
        records.own_encouragements(&author, ALL)?;
        records.own_shared_commitments(&author, ALL)?;
        records.proposals(plan, ALL)?;
        records.sign_offs(plan, ALL)?;
        records.encouragements(ALL)?;
        records.shared_commitments(ALL)?;
        writer.unshare_commitment(&author, one)
    };
    write(store, scope, session, work).await.unwrap();
    let profile = PeerProfile::example();
    store.put_peer_profile(scope, profile.clone(), NOW).await.unwrap();
    assert_eq!(store.peer_profile(scope.account()).await.unwrap(), Some(profile));
    assert!(store.delete_peer_profile(scope).await.unwrap());
}

async fn write<T: Send + 'static>(
    store: &Store,
    scope: &PersonScope,
    session: Uuid,
    work: impl FnOnce(&mut LockedWriter<'_, '_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let write = store.write(scope, session, NOW, move |writer| work(&mut writer.lock()?));
    write.await
}

/// Creates a plan with that id.
async fn create_plan(store: &Store, scope: &PersonScope, session: Uuid, id: u128) -> Uuid {
    let plan = alone::<Plan>(id);
    store.create(scope, session, NOW, plan).await.unwrap();
    Uuid::from_u128(id)
}

async fn proposals_are_bounded(database: TestDatabase) {
    let store = database.store();
    let (sam, session) = sign_up(&store).await;
    let (kim, _) = sign_up_as(&store, 11, "kim@example.org").await;
    let author = Author::of(&kim, Role::Clinician);
    let first = create_plan(&store, &sam, session, 100).await;
    // Of those that were decided, the oldest gives way.
    let kept = write(&store, &sam, session, move |writer| {
        for id in 0..205 {
            writer.propose(&author, first, proposal(1000 + id))?;
            writer.withdraw(&author, first, Uuid::from_u128(1000 + id))?;
        }
        Ok(writer.records().proposals(first, ALL)?.items)
    });
    let kept = kept.await.unwrap();
    assert_eq!(kept.len(), 200);
    assert!(kept.iter().all(|one| one.id.as_u128() >= 1005));
    assert!(kept.iter().all(|one| one.status == ProposalStatus::Withdrawn));
    // Open ones do not, unless their plan is gone.
    for n in 0..10 {
        let plan = create_plan(&store, &sam, session, 200 + n).await;
        let filled = write(&store, &sam, session, move |writer| {
            for id in 0..20 {
                writer.propose(&author, plan, proposal(10_000 + 100 * n + id))?;
            }
            Ok(())
        });
        filled.await.unwrap();
    }
    let more = move |writer: &mut LockedWriter<'_, '_>| writer.propose(&author, first, proposal(1));
    let refused = write(&store, &sam, session, more).await;
    let too_many = ContributionRefusal::TooMany;
    assert!(matches!(refused, Err(StoreError::Contribution(refusal)) if refusal == too_many));
    let removed = write(&store, &sam, session, |writer| {
        writer.remove(Kind::Plan, Uuid::from_u128(200), &Expected::Any, History::Kept)
    });
    removed.await.unwrap();
    write(&store, &sam, session, more).await.unwrap();
}

async fn what_is_given_is_sealed_and_goes_with_the_person(database: TestDatabase) {
    let store = database.store();
    let (sam, session) = sign_up(&store).await;
    let (kim, other_session) = sign_up_as(&store, 11, "kim@example.org").await;
    // Each has given to the other, so that both erasures meet.
    for (from, to, session) in [(&kim, &sam, session), (&sam, &kim, other_session)] {
        let author = Author::of(from, Role::Supporter);
        let words = EncouragementText::new("canary in the words").unwrap();
        let given = write(&store, to, session, move |writer| {
            writer.encourage(&author, (Uuid::from_u128(1), words))
        });
        given.await.unwrap();
    }
    let rows = || -> Vec<(i64, Option<i64>, Vec<u8>)> {
        let mut conn = single(&database.locations.data).unwrap();
        let columns = (
            contributions::person_no,
            contributions::author_no,
            contributions::sealed,
        );
        on!(&mut conn, |c| contributions::table.select(columns).load(c)).unwrap()
    };
    let before = rows();
    assert_eq!(before.len(), 2);
    for (_, _, sealed) in before {
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
    }
    store.erase_account(kim.account(), NOW).await.unwrap();
    let left: Vec<_> = rows()
        .into_iter()
        .map(|(person, author, _)| (person, author))
        .collect();
    assert_eq!(left, [(sam.no, None)]);
    store.erase_account(sam.account(), NOW).await.unwrap();
    assert!(rows().is_empty());
}

async fn two_erasures_that_meet_both_end(database: TestDatabase) {
    let store = database.store();
    let (sam, session) = sign_up(&store).await;
    let (kim, other_session) = sign_up_as(&store, 11, "kim@example.org").await;
    for (from, to, session) in [(&kim, &sam, session), (&sam, &kim, other_session)] {
        let author = Author::of(from, Role::Supporter);
        let plan = create_plan(&store, to, session, 100).await;
        let given = write(&store, to, session, move |writer| {
            for id in 0..20 {
                writer.propose(&author, plan, proposal(1000 + id))?;
            }
            Ok(())
        });
        given.await.unwrap();
    }
    let (one, other) = tokio::join!(
        store.erase_account(sam.account(), NOW),
        store.erase_account(kim.account(), NOW)
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(store.resume_erasures(NOW).await.unwrap(), 0);
}

#[tokio::test]
async fn on_sqlite_proposals_are_bounded() {
    proposals_are_bounded(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_proposals_are_bounded() {
    proposals_are_bounded(TestDatabase::postgres("proposals")).await;
}

#[tokio::test]
async fn on_sqlite_what_is_given_is_sealed_and_goes_with_the_person() {
    what_is_given_is_sealed_and_goes_with_the_person(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_what_is_given_is_sealed_and_goes_with_the_person() {
    what_is_given_is_sealed_and_goes_with_the_person(TestDatabase::postgres("given")).await;
}

#[tokio::test]
async fn on_sqlite_two_erasures_that_meet_both_end() {
    two_erasures_that_meet_both_end(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_two_erasures_that_meet_both_end() {
    two_erasures_that_meet_both_end(TestDatabase::postgres("meeting_erasures")).await;
}
