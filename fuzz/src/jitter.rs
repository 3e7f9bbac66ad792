// SPDX-License-Identifier: MIT OR Apache-2.0
//! The jitter buffer under arbitrary packets, pulls and settings.

use ale_media::codec::g711::{G711, Law};
use ale_media::jitter::{self, DecoderMap, DelayMode, JitterConfig};

/// Takes the input as a list of commands: a byte that says what, then its arguments. After each
/// pull the delay is below its maximum and every packet is accounted for.
///
/// # Panics
/// When the buffer breaks one of its promises.
pub fn commands(data: &[u8]) {
    let mut map = DecoderMap::new();
    let made = map
        .insert(0, Box::new(G711(Law::Mu)))
        .and_then(|()| map.insert(8, Box::new(G711(Law::A))))
        .and_then(|()| map.insert_comfort_noise(13))
        .and_then(|()| map.insert_redundant(100));
    assert!(made.is_ok());
    let Ok((mut writer, mut reader, control)) = jitter::create(&JitterConfig::default(), map)
    else {
        return;
    };
    let (mut now_ns, mut max_ms, mut pulled) = (1_u64 << 40, 600.0_f32, 0_u64);
    let mut rest = data;
    while let Some((&what, after)) = rest.split_first() {
        rest = after;
        let mut take = |count: usize| {
            let (taken, after) = rest.split_at(count.min(rest.len()));
            rest = after;
            taken
        };
        match what {
            // Any bytes at all.
            0..=15 => {
                let _ = writer.insert(take(usize::from(what) * 4), now_ns);
            }
            // A packet with a header of its own and a payload of some length.
            16..=127 => {
                let fields = take(5);
                let &[kind, s0, s1, t0, t1] = fields else { return };
                let mut packet = [0x55_u8; 1600];
                packet[0] = 0x80;
                packet[1] = [0, 8, 13, 101, 100, 0, 0, 0][usize::from(kind & 7)];
                packet[2..4].copy_from_slice(&[s0, s1]);
                packet[4..8].copy_from_slice(&[kind >> 5, t0, t1, 0]);
                packet[8..12].copy_from_slice(&[0, 0, 0, kind >> 3 & 3]);
                let len = 12 + usize::from(what - 16) * 14;
                let _ = writer.insert(&packet[..len], now_ns.wrapping_sub(u64::from(s1) << 18));
            }
            128..=239 => {
                let frames = usize::from(what & 3) + 1;
                let mut pcm = vec![0; 80 * frames];
                let Ok(info) = reader.pull(now_ns, &mut pcm) else { return };
                assert!(info.delay_ms <= max_ms + 0.5, "{info:?}");
                pulled += pcm.len() as u64;
                now_ns += frames as u64 * 10_000_000;
                let s = reader.stats();
                let known = s.played + s.late + s.duplicate + s.dropped + s.flushed + s.passed;
                let refused = s.malformed + s.oversized + s.no_slot;
                assert_eq!(s.inserted, known + refused + s.waiting);
                assert_eq!(s.samples, pulled);
            }
            // Time moves, also backwards.
            240..=247 => {
                let &[b0, b1] = take(2) else { return };
                let step = i64::from(i16::from_be_bytes([b0, b1])) << 20;
                now_ns = now_ns.wrapping_add_signed(step);
            }
            _ => {
                let &[b0, b1] = take(2) else { return };
                let max = u16::from(b1) * 4;
                if control.set_delay_bounds_ms(u16::from(b0), max).is_ok() {
                    max_ms = f32::from(max);
                }
                control.set_mode(match what & 3 {
                    0 | 1 => DelayMode::Adaptive,
                    2 => DelayMode::Fixed,
                    _ => DelayMode::Frozen,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn arbitrary_commands_break_no_promise() {
        let mut seed = 1_u64;
        for _ in 0..2000 {
            let data: Vec<u8> = (0..600)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 56) as u8
                })
                .collect();
            super::commands(&data);
        }
    }
}
