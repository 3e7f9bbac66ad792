// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs under criterion: 20 ms encoded and decoded.
#![allow(missing_docs)] // criterion's macros

use benches::codec::{specs, voice};
use criterion::{Criterion, criterion_group, criterion_main};

fn codec(c: &mut Criterion) {
    for (name, spec) in specs() {
        let pcm = voice(spec.format().sample_rate_hz);
        let mut payload = [0; 1_500];
        let mut out = vec![0; pcm.len()];
        let mut encoder = spec.encoder().expect("encoder");
        let mut decoder = spec.decoder(spec.format().sample_rate_hz).expect("decoder");
        c.bench_function(&format!("encode/{name}"), |b| {
            b.iter(|| encoder.encode(&pcm, &mut payload));
        });
        let length = encoder.encode(&pcm, &mut payload).expect("payload");
        c.bench_function(&format!("decode/{name}"), |b| {
            b.iter(|| decoder.decode(&payload[..length], &mut out));
        });
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
