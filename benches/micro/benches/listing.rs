//! Times a list of the latest 30 of a thousand check-ins on SQLite: from the database, and from the response cache.

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use mainstay_domain::{
    account::{Role, SealedAccount, SealedSession},
    check_in::CheckIn,
    record::{Incoming, Kind, Record, draft},
};
use mainstay_store::{
    Locations, MasterKeys, PersonScope, Range, Store,
    account::NewAccount,
    cache::response_cache::CachedBody,
    engine::PoolSize,
    migrate_all,
    record::bulk::NewRecord,
    session::{BegunFrom, NewSession},
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
    migrate_all(&locations).expect("migrations");
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
    let first_session = NewSession {
        id: session,
        refresh_hash: vec![0; 32],
        content: SealedSession::default(),
        begun_from: BegunFrom::default(),
    };
    store
        .create_account(new, Some(first_session), None, NOW)
        .await
        .expect("an account");
    let principal = store.principal(id, session, 0).await.expect("a principal");
    principal.expect("a session").scope
}

fn check_ins(scope: &PersonScope) -> Vec<NewRecord> {
    let now = chrono::DateTime::from_timestamp_micros(NOW).expect("a time");
    (0..RECORDS)
        .map(|n| {
            let at = NOW - n * 3_600_000_000;
            let mut body = serde_json::to_value(CheckIn::example()).expect("JSON");
            body["kind"] = "momentary".into();
            body["trigger_ids"] = json!([]);
            body["warning_sign_ids"] = json!([]);
            let time = chrono::DateTime::from_timestamp_micros(at).expect("a time");
            body["occurred_at"] = time.to_rfc3339().into();
            let incoming: Incoming<CheckIn> = serde_json::from_value(body).expect("a check-in");
            let id = Uuid::from_u128(1_000 + u128::from(n.unsigned_abs()));
            let draft = draft(incoming, id, None, now, chrono_tz::UTC, &mut Uuid::nil).expect("a draft");
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
        store.create_in_bulk(check_ins(&scope)).await.expect("records");
        (store, scope)
    });
    let range = Range {
        limit: PAGE,
        ..Range::default()
    };
    criterion.bench_function("read and decrypt 30", |b| {
        b.iter(|| {
            let records = store.read(&scope, move |records| records.page(Kind::CheckIn, &range));
            assert_eq!(runtime.block_on(records).expect("a list").0.len(), 30);
        });
    });
    criterion.bench_function("30 from the response cache", |b| {
        b.iter(|| {
            let response = store.get_or_compute(
                &scope,
                "latest",
                &[Kind::CheckIn],
                NOW,
                |_before| None,
                move |records| {
                    let (listed, _has_more) = records.page(Kind::CheckIn, &range)?;
                    Ok(Some(CachedBody::new(
                        listed.into_iter().flat_map(|record| record.body).collect(),
                    )))
                },
            );
            assert!(runtime.block_on(response).expect("a response").is_some());
        });
    });
}

criterion_group!(benches, listing);
criterion_main!(benches);
