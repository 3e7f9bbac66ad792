// SPDX-License-Identifier: MIT OR Apache-2.0
//! The jitter buffer under criterion: a second of playing is 100 pulls with their inserts.
#![allow(missing_docs)] // criterion's macros make public items

use benches::jitter::{NETWORKS, PACKETS, PULLS, insert, packets, play};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn jitter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jitter");
    group.sample_size(20);
    for network in NETWORKS {
        let packets = packets(network);
        group.throughput(Throughput::Elements(PULLS as u64));
        group.bench_function(format!("pull/{}", network.name), |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| play(&packets)).sum());
        });
    }
    let calm = packets(NETWORKS[0]);
    group.throughput(Throughput::Elements(PACKETS as u64));
    group.bench_function("insert", |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| insert(&calm)).sum());
    });
    group.finish();
}

criterion_group!(benches, jitter);
criterion_main!(benches);
