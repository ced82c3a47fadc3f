//! Parts of several collections, read in one statement.

use mainstay_domain::{
    check_in::CheckIn,
    goal::Goal,
    record::{Kind, Record},
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    plans::{NOW, alone, sign_up},
};
use crate::{Expected, History, Part};

async fn each_part_has_its_newest_records(database: TestDatabase) {
    let store = database.store();
    let (scope, session) = sign_up(&store).await;
    let at = CheckIn::example().occurred_at.micros();
    for n in 1..=5_i64 {
        let mut draft = alone::<CheckIn>(u128::try_from(n).unwrap());
        (draft.occurred_at, draft.slot) = (Some(at + n), None);
        store.create(&scope, session, NOW, draft).await.unwrap();
    }
    store
        .create(&scope, session, NOW, alone::<Goal>(9))
        .await
        .unwrap();
    store
        .write(&scope, session, NOW, |writer| {
            writer.remove(Kind::CheckIn, Uuid::from_u128(4), &Expected::Any, History::Kept)
        })
        .await
        .unwrap();
    let part = |kind, from, to, limit| Part {
        kind,
        from,
        to,
        limit,
    };
    let parts = [
        part(Kind::CheckIn, Some(at + 2), None, 10),
        part(Kind::Goal, None, None, 10),
        part(Kind::CheckIn, None, None, 1),
        part(Kind::CheckIn, Some(at + 1), Some(at + 3), 10),
        part(Kind::Dose, None, None, 10),
    ];
    let found = store
        .read(&scope, move |records| records.parts(parts))
        .await
        .unwrap();
    let found: Vec<(Kind, u128)> = found
        .iter()
        .map(|(kind, stored)| (*kind, stored.id.as_u128()))
        .collect();
    let expected = [
        (Kind::CheckIn, 5),
        (Kind::CheckIn, 3),
        (Kind::CheckIn, 2),
        (Kind::Goal, 9),
        (Kind::CheckIn, 5),
        (Kind::CheckIn, 2),
        (Kind::CheckIn, 1),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn on_sqlite_each_part_has_its_newest_records() {
    each_part_has_its_newest_records(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_each_part_has_its_newest_records() {
    each_part_has_its_newest_records(TestDatabase::postgres("parts")).await;
}
