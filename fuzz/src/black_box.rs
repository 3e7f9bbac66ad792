// SPDX-License-Identifier: MIT OR Apache-2.0
//! A jitter buffer's log, damaged in any way: it is refused, or it is played back to its end.

use ale_media::codec::g711::{G711, Law};
use ale_media::jitter::{self, DecoderMap, JitterConfig, Replay};
use ale_media::rtp::RtpHeader;

fn decoders() -> DecoderMap {
    let mut map = DecoderMap::new();
    map.insert(0, Box::new(G711(Law::Mu))).expect("a free payload type");
    map
}

/// The log of a short call with losses.
fn log(packets: u16, with_audio: bool) -> Vec<u8> {
    let mut config = JitterConfig::default();
    config.black_box_bytes = 4_000;
    config.black_box_audio = with_audio;
    let (mut writer, mut reader, _) = jitter::create(&config, decoders()).expect("fits");
    let mut pcm = [0; 80];
    for sequence in 0..packets {
        let mut packet = [0x55; 172];
        let timestamp = u32::from(sequence) * 160;
        let header = RtpHeader { sequence, timestamp, ssrc: 1, ..RtpHeader::default() };
        header.write(&mut packet).expect("room");
        let now_ns = u64::from(sequence) * 20_000_000;
        if sequence % 7 != 3 {
            writer.insert(&packet, now_ns).expect("a good packet");
        }
        for half in 0..2 {
            reader.pull(now_ns + half * 10_000_000, &mut pcm).expect("10 ms");
        }
    }
    reader.black_box()
}

fn play(log: &[u8]) {
    let Ok(mut replay) = Replay::new(log, decoders()) else { return };
    // A record has a byte at least.
    for _ in 0..=log.len() {
        match replay.pull() {
            Ok(Some((_, pcm))) => assert!(replay_has(pcm)),
            Ok(None) | Err(_) => return,
        }
    }
    panic!("a log with more pulls than bytes");
}

/// A pull is 10 ms or a few, or nothing where the log has no audio.
fn replay_has(pcm: &[i16]) -> bool {
    pcm.is_empty() || pcm.len().is_multiple_of(80)
}

/// The input as a log; then, as pairs of a place and a byte, as damage to a true one, which its first
/// byte chooses.
pub fn replay(data: &[u8]) {
    play(data);
    let Some((&choice, damage)) = data.split_first() else { return };
    let mut log = log(u16::from(choice >> 1), choice & 1 == 1);
    for (place, byte) in damage.as_chunks::<3>().0.iter().map(|&[a, b, c]| ([a, b], c)) {
        let place = usize::from(u16::from_be_bytes(place));
        if place % 17 == 16 {
            log.truncate(place);
        } else if let Some(at) = log.get_mut(place) {
            *at = byte;
        }
    }
    play(&log);
}
