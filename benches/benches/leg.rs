// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole legs under criterion: 20 ms of a conference of 100, everything but the socket.
#![allow(missing_docs)] // criterion's macros

use benches::leg::{Room, subjects};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const LEGS: usize = 100;

fn leg(c: &mut Criterion) {
    let mut group = c.benchmark_group("leg");
    group.throughput(Throughput::Elements(LEGS as u64));
    for (name, codec, suite) in subjects() {
        let mut room = Room::new(codec, suite, LEGS);
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| (0..iterations).map(|_| room.packet_time()).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, leg);
criterion_main!(benches);
