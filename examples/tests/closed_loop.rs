// SPDX-License-Identifier: MIT OR Apache-2.0
//! The judge's closed loop: nothing is repeated over a clean network, and over one that loses, most of what
//! is lost comes again once reports have told so.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use examples::capture;

/// Which packets of a call came, and the timestamps whose sound came, in whatever packet.
fn call(name: &str, loses: fn(usize) -> bool) -> (Vec<u8>, HashSet<u32>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |ending: &str| folder.join(format!("{name}.{ending}"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(file("wav"), spec).unwrap();
    (0..80_000).for_each(|n| wav.write_sample((n * 37 % 4_001) as i16).unwrap());
    wav.finalize().unwrap();
    let line = |n: usize| match loses(n) {
        true => format!("{n},\n"),
        false => format!("{n},{}\n", 60 + n * 20),
    };
    std::fs::write(file("csv"), (0..1_000).map(line).collect::<String>()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_closed-loop"));
    let run = command.args([file("wav"), file("csv"), file("pcap")]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let mut types = Vec::new();
    let mut heard = HashSet::new();
    for datagram in capture::read(&file("pcap")).unwrap().datagrams {
        let p = &datagram.payload;
        let timestamp = u32::from_be_bytes([p[4], p[5], p[6], p[7]]);
        heard.insert(timestamp);
        types.push(p[1] & 0x7f);
        // RFC 2198: a block's header says how far back its sound lies.
        let blocks =
            p[12..].chunks(4).take_while(|block| types.last() == Some(&98) && block[0] & 0x80 != 0);
        heard.extend(blocks.map(|block| {
            timestamp.wrapping_sub(u32::from(u16::from_be_bytes([block[1], block[2]]) >> 2))
        }));
    }
    (types, heard)
}

#[test]
fn redundancy_follows_what_the_trace_loses() {
    let (types, heard) = call("clean", |_| false);
    assert!(types.iter().all(|&kind| kind == 0), "not one repeated on a clean network");
    assert_eq!((types.len(), heard.len()), (1_000, 1_000));
    // One in ten is lost.
    let (types, heard) = call("lossy", |n| n % 10 == 5);
    assert_eq!(types.len(), 900);
    assert!(types.iter().filter(|&&kind| kind == 98).count() > 600);
    assert!(heard.len() > 980, "{}", heard.len());
}
