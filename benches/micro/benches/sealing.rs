//! Times sealing and opening of records, and the keyed hashes that the database stores in place of clear values.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mainstay_domain::record::Kind;
use mainstay_store::key::seal::{DataKeys, Secret};
use uuid::Uuid;

/// The sizes of a check-in with a note, of a full plan, and of the largest body, in bytes.
const SIZES: [usize; 3] = [400, 4_096, 1_048_576];

fn sealing(criterion: &mut Criterion) {
    let key = Secret::from_bytes([7; 32]);
    let keys = DataKeys::new(Uuid::from_u128(1), &key).expect("a key");
    let (collection, id) = (Kind::CheckIn.code(), Uuid::from_u128(2));
    for size in SIZES {
        let mut group = criterion.benchmark_group(format!("{size} bytes"));
        group.throughput(Throughput::Bytes(size as u64));
        let plain = vec![b'a'; size];
        let sealed = keys.seal_record(collection, id, 1, &plain).expect("sealed");
        group.bench_function("seal", |b| {
            b.iter(|| keys.seal_record(collection, id, 1, black_box(&plain)));
        });
        group.bench_function("open", |b| {
            b.iter(|| keys.open_record(collection, id, 1, black_box(&sealed)));
        });
        group.bench_function("origin", |b| b.iter(|| keys.origin(black_box(&plain))));
    }
    criterion.bench_function("slot", |b| {
        b.iter(|| keys.slot(collection, black_box("morning 2026-03-01")));
    });
}

criterion_group!(benches, sealing);
criterion_main!(benches);
