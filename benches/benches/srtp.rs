// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP under criterion: suites and payloads, one session and 256, single and in batches.
#![allow(missing_docs)] // criterion's macros

use std::time::Duration;

use ale_media::srtp::Engine;
use benches::srtp::{PAYLOADS, SUITES, ours};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Packets that one run of `ours` handles.
const PACKETS: u64 = 1024;

fn srtp(c: &mut Criterion) {
    for suite in SUITES {
        for (sessions, batch) in [(1, false), (256, false), (256, true)] {
            for sending in [true, false] {
                let verb = if sending { "protect" } else { "unprotect" };
                let how = if batch { "batch" } else { "single" };
                let name = format!("{}/{verb}/{sessions} sessions {how}", suite.sdes_name());
                let mut group = c.benchmark_group(name);
                group.throughput(Throughput::Elements(1));
                for payload in PAYLOADS {
                    group.bench_function(BenchmarkId::from_parameter(payload), |b| {
                        let mut side = ours(suite, payload, sessions, sending, batch, Engine::Best);
                        b.iter_custom(|iterations| {
                            let runs = iterations.div_ceil(PACKETS);
                            let total: Duration = (0..runs).map(|_| (side.run)()).sum();
                            total.mul_f64(iterations as f64 / (runs * PACKETS) as f64)
                        });
                    });
                }
                group.finish();
            }
        }
    }
}

criterion_group!(benches, srtp);
criterion_main!(benches);
