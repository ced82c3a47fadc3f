//! Listing the latest 30 of a thousand check-ins from SQLite: read and opened, and remembered.

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use mainstay_domain::{
    account::{Role, SealedAccount, SealedSession},
    check_in::CheckIn,
    record::{Incoming, Kind, Record, draft},
};
use mainstay_store::{
    Locations, MasterKeys, PersonScope, Range, Store, account::NewAccount, cache::response_cache::CachedBody,
    engine::PoolSize, migrate_all, record::bulk::NewRecord, session::NewSession,
};
use serde_json::json;
use tokio::runtime::Builder;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: i64 = 1_000;
const PAGE: i64 = 30;
/// 2026-03-01, in microseconds.
const NOW: i64 = 1_772_323_200_000_000;

fn open(folder: &Path) -> Store {
    let url = |name: &str| {
        let path = folder.join(name);
        format!("sqlite:{}", path.display()).parse().expect("a URL")
    };
    let locations = Locations {
        data: url("mainstay.db"),
        keys: url("keys.db"),
        pool: PoolSize { connections: 2 },
        key_pool: PoolSize { connections: 2 },
    };
    migrate_all(&locations).expect("migrated");
    let master = MasterKeys::generate().expect("a key");
    Store::open(&locations, MasterKeys::parse(&master).expect("keys")).expect("a store")
}

async fn person(store: &Store) -> PersonScope {
    let content: SealedAccount = serde_json::from_value(json!({
        "email": "sam@example.org", "profile": { "time_zone": "Europe/Paris", "locale": "en", "country": "FR" },
    }))
    .expect("an account");
    let (id, session) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let new = NewAccount {
        id,
        role: Role::Person,
        content,
        password_hash: String::new(),
    };
    let begun = NewSession {
        id: session,
        refresh_hash: vec![0; 32],
        content: SealedSession::default(),
    };
    store
        .create_account(new, Some(begun), None, NOW)
        .await
        .expect("made");
    let principal = store.principal(id, session, 0).await.expect("found");
    principal.expect("a session").scope
}

fn check_ins(scope: &PersonScope) -> Vec<NewRecord> {
    let now = chrono::DateTime::from_timestamp_micros(NOW).expect("a time");
    (0..RECORDS)
        .map(|n| {
            let at = NOW - n * 3_600_000_000;
            let mut sent = serde_json::to_value(CheckIn::example()).expect("JSON");
            sent["kind"] = "momentary".into();
            sent["trigger_ids"] = json!([]);
            sent["warning_sign_ids"] = json!([]);
            let time = chrono::DateTime::from_timestamp_micros(at).expect("a time");
            sent["occurred_at"] = time.to_rfc3339().into();
            let incoming: Incoming<CheckIn> = serde_json::from_value(sent).expect("a check-in");
            let id = Uuid::from_u128(1_000 + u128::from(n.unsigned_abs()));
            let draft = draft(incoming, id, None, now, &mut Uuid::nil).expect("a draft");
            NewRecord {
                scope: scope.clone(),
                draft,
                at,
            }
        })
        .collect()
}

fn listing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (store, scope) = runtime.block_on(async {
        let store = open(folder.path());
        let scope = person(&store).await;
        store.create_in_bulk(check_ins(&scope)).await.expect("stored");
        (store, scope)
    });
    let range = Range {
        limit: PAGE,
        ..Range::default()
    };
    criterion.bench_function("read and open 30", |b| {
        b.iter(|| {
            let listed = store.read(&scope, move |records| records.list(Kind::CheckIn, &range));
            assert_eq!(runtime.block_on(listed).expect("listed").len(), 30);
        });
    });
    criterion.bench_function("give 30 again", |b| {
        b.iter(|| {
            let listed = store.get_or_compute(
                &scope,
                "latest",
                &[Kind::CheckIn],
                NOW,
                |_before| None,
                move |records| {
                    let found = records.list(Kind::CheckIn, &range)?;
                    Ok(Some(CachedBody::new(
                        found.into_iter().flat_map(|one| one.body).collect(),
                    )))
                },
            );
            assert!(runtime.block_on(listed).expect("listed").is_some());
        });
    });
}

criterion_group!(benches, listing);
criterion_main!(benches);
