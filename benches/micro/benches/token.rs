//! Times issuing an access token, its first verification, and each later one.

use std::hint::black_box;

use chrono::{DateTime, Utc};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mainstay_api::auth::access_token::{Tokens, generate_signing_key};
use mainstay_domain::account::Role;
use uuid::Uuid;

fn token(criterion: &mut Criterion) {
    let key = generate_signing_key().expect("a key");
    let new_tokens = || Tokens::new(&key, "https://mainstay.example").expect("tokens");
    let at = DateTime::<Utc>::from_timestamp(1_770_000_000, 0).expect("a time");
    let tokens = new_tokens();
    let issue = || tokens.issue(Uuid::from_u128(1), Uuid::from_u128(2), Role::Person, at);
    let token = issue().expect("a token");
    criterion.bench_function("issue", |b| b.iter(issue));
    criterion.bench_function("first verification", |b| {
        b.iter_batched(
            new_tokens,
            |fresh| fresh.verify(black_box(&token), at),
            BatchSize::LargeInput,
        );
    });
    criterion.bench_function("later verification", |b| {
        b.iter(|| tokens.verify(black_box(&token), at));
    });
}

criterion_group!(benches, token);
criterion_main!(benches);
