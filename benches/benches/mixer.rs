// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mixer under criterion: 20 ms for everybody, by rate and size.
#![allow(missing_docs)] // criterion's macros

use benches::mixer::{LEGS, RATES_HZ, Room};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn mixer(c: &mut Criterion) {
    for rate_hz in RATES_HZ {
        for gains in [false, true] {
            let how = if gains { "gains" } else { "plain" };
            let mut group = c.benchmark_group(format!("mix/{rate_hz} Hz/{how}"));
            for legs in LEGS {
                group.throughput(Throughput::Elements(legs as u64));
                group.bench_function(BenchmarkId::from_parameter(legs), |b| {
                    let mut room = Room::new(rate_hz, legs, false, 20);
                    b.iter(|| room.mix(gains));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, mixer);
criterion_main!(benches);
