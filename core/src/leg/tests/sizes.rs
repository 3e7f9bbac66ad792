// SPDX-License-Identifier: MIT OR Apache-2.0
//! A leg that can be made can speak: what would not fit a datagram is refused at once.

use super::*;

/// Every constant-rate codec, packet time, and lot of things around the payload: refused, or each
/// packet time is one packet that the peer accepts.
#[test]
fn whatever_is_accepted_fits_a_datagram() {
    let linear = |sample_rate_hz| CodecSpec::L16 { sample_rate_hz, channels: 1 };
    let (mut refused, mut largest) = (0, 0);
    for codec in [CodecSpec::Pcma, CodecSpec::G722, linear(8_000), linear(32_000), linear(48_000)] {
        for packet_ms in [10, 20, 40, 60, 120] {
            for (suite, extended, redundant) in [
                (None, false, false),
                (None, true, true),
                (Some(Suite::AeadAes256Gcm), false, true),
                (Some(Suite::AeadAes256Gcm), true, false),
            ] {
                let (mut a, mut b) = pair(codec.clone(), suite);
                for end in [&mut a, &mut b] {
                    end.rtcp_interval_ms = 0;
                    end.send.packet_ms = packet_ms;
                    end.redundancy = redundant.then_some(Redundant {
                        payload_type: 121,
                        generations: 2,
                        follows_loss: false,
                    });
                    if extended {
                        end.header_extensions = HeaderExtensions {
                            audio_level: Some(1),
                            mixer_levels: Some(2),
                            absolute_send_time: Some(3),
                            mid: Mid::new("sixteen letters!").map(|mid| (4, mid)),
                        };
                    }
                }
                match Leg::new(&a) {
                    Err(LegError::PacketSize(bytes)) => {
                        assert!(bytes > MAX_DATAGRAM_BYTES);
                        refused += 1;
                        continue;
                    }
                    made => assert!(made.is_ok(), "{:?}", made.err()),
                }
                let (mut a, mut b) = (end(&a), end(&b));
                let everybody = (0..20).map(|ssrc| Contributor { ssrc, level_dbov: Some(9) });
                if extended {
                    a.media.set_contributors(&Contributors::new(everybody));
                }
                let pcm =
                    vec![7_000; usize::from(packet_ms) * a.media.sample_rate_hz() as usize / 1_000];
                for n in 0..4_u64 {
                    a.media.push(&pcm).unwrap();
                    let mut datagram =
                        a.media.poll_transmit(n * TICK_NS).expect("a packet").to_vec();
                    largest = largest.max(datagram.len());
                    b.receiver.receive(&mut datagram, n * TICK_NS).unwrap();
                }
                assert_eq!(a.media.stats().encode_errors, 0);
            }
        }
    }
    assert!(
        refused > 20 && largest > 1_400 && largest <= MAX_DATAGRAM_BYTES,
        "{refused} {largest}"
    );
}
