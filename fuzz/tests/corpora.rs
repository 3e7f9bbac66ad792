// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replays the seed corpora, and bytes cut from and flipped in them, through every fuzz target.

use std::path::Path;

/// A target's name and body.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 31] = [
    ("rtp", ale_media_fuzz::rtp),
    ("rtcp", ale_media_fuzz::rtcp),
    ("capture", ale_media_fuzz::capture),
    ("srtp_unprotect", ale_media_fuzz::srtp::unprotect),
    ("srtp_round_trip", ale_media_fuzz::srtp::round_trip),
    ("srtp_kernels", ale_media_fuzz::srtp::kernels),
    ("srtp_checkpoint", ale_media_fuzz::srtp::checkpoint),
    ("sdes", ale_media_fuzz::srtp::sdes),
    ("jitter", ale_media_fuzz::jitter::commands),
    ("leg", ale_media_fuzz::leg),
    ("session", ale_media_fuzz::session::demux),
    ("updates", ale_media_fuzz::session::updates),
    ("conference", ale_media_fuzz::conference::commands),
    ("black_box", ale_media_fuzz::black_box::replay),
    ("c_api", ale_media_fuzz::c_api::calls),
    ("codec", ale_media_fuzz::codec),
    ("fmtp", ale_media_fuzz::fmtp),
    ("red", ale_media_fuzz::red),
    ("telephone_event", ale_media_fuzz::telephone_event),
    ("repacketizer", ale_media_fuzz::repacketizer),
    ("bencode", ale_media_fuzz::node::bencode),
    ("ng", ale_media_fuzz::node::ng),
    ("stun", ale_media_fuzz::node::stun),
    ("video", ale_media_fuzz::node::video),
    ("http", ale_media_fuzz::node::http),
    ("failover", ale_media_fuzz::node::failover),
    ("sdp", ale_media_fuzz::node::description),
    ("audiosocket", ale_media_fuzz::sinks::audiosocket),
    ("audit", ale_media_fuzz::sinks::audit),
    ("websocket", ale_media_fuzz::sinks::websocket),
    ("recording", ale_media_fuzz::sinks::recording),
];

#[test]
fn every_seed_and_its_neighbours_pass() {
    for (name, run) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let seeds: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a seed"))
            .collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            run(&seed);
            for at in 0..seed.len().min(200) {
                run(&seed[..at]);
                let mut flipped = seed.clone();
                flipped[at] ^= 1 << (at % 8);
                run(&flipped);
            }
        }
    }
}
