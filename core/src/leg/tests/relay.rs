// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that go through two legs of a server without being decoded.

use super::*;
use crate::codec::Repacketizer;
use crate::rtp::RtpPacket;

/// The two legs of a server, and what it does with payloads in between.
struct Server {
    near: End,
    far: End,
    repacketizer: Option<Repacketizer>,
    sequence: u16,
}

fn server(a: &LegConfig, b: &LegConfig, packet_ms: Option<u16>) -> Server {
    let clock = a.send.codec.format().rtp_clock_hz;
    let leg = |ssrc, peer: &LegConfig| {
        let mut config = LegConfig::plain(ssrc, 0, CodecSpec::Pcmu);
        config.comfort_noise_payload_type = None;
        config.pass_through = vec![PassThrough { payload_type: 96, rtp_clock_hz: clock }];
        config.initial_sequence = 65_500;
        config.initial_timestamp = u32::MAX - 1_000;
        config.srtp = peer
            .srtp
            .as_ref()
            .map(|keys| SrtpConfig { send: keys.receive.clone(), receive: keys.send.clone() });
        end(&config)
    };
    let repacketizer = packet_ms.map(|ms| Repacketizer::new(&a.send.codec, ms).unwrap());
    Server { near: leg(0xc, a), far: leg(0xd, b), repacketizer, sequence: 0 }
}

impl Server {
    /// Takes a datagram from a, and returns those for b.
    fn forward(&mut self, datagram: &mut [u8], now_ns: u64) -> Vec<Vec<u8>> {
        let Ok(Received::PassThrough(passed)) = self.near.receiver.receive(datagram, now_ns) else {
            return Vec::new();
        };
        let payload =
            &datagram[passed.payload_offset..passed.payload_offset + passed.payload_bytes];
        let mut out = Vec::new();
        let Some(repacketizer) = &mut self.repacketizer else {
            out.extend(self.far.media.relay(&passed, payload).map(<[u8]>::to_vec));
            return out;
        };
        let (sequence, media) = (&mut self.sequence, &mut self.far.media);
        repacketizer
            .push(passed.timestamp, payload, |timestamp, payload| {
                let again = Passed { sequence: *sequence, timestamp, ..passed };
                *sequence = sequence.wrapping_add(1);
                out.extend(media.relay(&again, payload).map(<[u8]>::to_vec));
            })
            .unwrap();
        out
    }
}

/// What b hears of a through the server; every seventh packet overtakes the one before it.
fn through(a: &LegConfig, b: &LegConfig, packet_ms: Option<u16>) -> (Vec<i16>, Server) {
    let mut server = server(a, b, packet_ms);
    let (mut a, mut b) = (end(a), end(b));
    let rate = a.media.sample_rate_hz();
    let mut pcm = vec![0; (rate / 100) as usize];
    let (mut heard, mut held, mut count) = (Vec::new(), None, 0);
    for tick in 0..300_u64 {
        let now_ns = tick * TICK_NS;
        b.media.pull(now_ns, &mut pcm).unwrap();
        heard.extend_from_slice(&pcm);
        sound(1, tick, rate, &mut pcm);
        a.media.push(&pcm).unwrap();
        let mut sent = Vec::new();
        while let Some(datagram) = a.media.poll_transmit(now_ns) {
            sent.push(datagram.to_vec());
        }
        for datagram in sent {
            count += 1;
            if packet_ms.is_none() && count % 7 == 0 && held.is_none() {
                held = Some(datagram);
                continue;
            }
            for mut datagram in core::iter::once(datagram).chain(held.take()) {
                for mut onward in server.forward(&mut datagram, now_ns) {
                    let _ = b.receiver.receive(&mut onward, now_ns);
                }
            }
        }
    }
    (heard, server)
}

#[test]
fn payloads_go_through_untouched_between_different_keys_and_out_of_order() {
    let codec = CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 };
    for suites in [None, Some((Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm))] {
        let (a, mut b) = pair(codec.clone(), suites.map(|(a, _)| a));
        b.srtp = suites.map(|(_, b)| SrtpConfig { send: keys(b, 5), receive: keys(b, 6) });
        let (heard, server) = through(&a, &b, None);
        let like = likeness(&heard, 1, 16_000);
        assert!(like > 0.999, "{like}");
        let said = server.far.media.stats();
        assert_eq!((said.packets, said.protect_errors), (149, 0), "one is held back at the end");
        assert_eq!(server.near.receiver.stats().passed_through, said.packets);
        assert_eq!(server.near.receiver.stats().packets, 0, "nothing is decoded");
    }
}

#[test]
fn payloads_are_regrouped_on_their_way() {
    let opus = CodecSpec::Opus(OpusConfig { sample_rate_hz: 16_000, ..Default::default() });
    for codec in [CodecSpec::Pcma, CodecSpec::G722, opus] {
        let (a, b) = pair(codec.clone(), Some(Suite::AeadAes256Gcm));
        let (heard, server) = through(&a, &b, Some(60));
        let like = likeness(&heard, 1, b.send.codec.format().sample_rate_hz);
        assert!(like > 0.9, "{}: {like}", codec.name());
        let packets = server.far.media.stats().packets;
        assert!((45..=55).contains(&packets), "{packets}");
    }
}

#[test]
fn sound_of_the_legs_own_goes_on_behind_what_was_relayed() {
    let (a, b) = pair(CodecSpec::Pcmu, Some(Suite::AesCm128HmacSha1_80));
    let mut server = server(&a, &b, None);
    let (mut a, mut b) = (end(&a), end(&b));
    let mut packets: Vec<(u16, u32, u8, bool)> = Vec::new();
    for turn in 0..60_u64 {
        let now_ns = turn * 2 * TICK_NS;
        let own = (turn / 10) % 2 == 1;
        let mut pcm = [0; 160];
        sound(1, turn, 8_000, &mut pcm);
        let speaker = if own { &mut server.far } else { &mut a };
        speaker.media.push(&pcm).unwrap();
        let mut sent = Vec::new();
        while let Some(datagram) = speaker.media.poll_transmit(now_ns) {
            if !is_rtcp(datagram) {
                sent.push(datagram.to_vec());
            }
        }
        for mut datagram in sent {
            let onward = if own { vec![datagram] } else { server.forward(&mut datagram, now_ns) };
            for mut datagram in onward {
                b.receiver.srtp().unwrap().unprotect(&mut datagram).unwrap();
                let packet = RtpPacket::parse(&datagram).unwrap();
                assert_eq!(packet.ssrc(), 0xd);
                let fields = (packet.sequence(), packet.timestamp(), packet.payload_type());
                packets.push((fields.0, fields.1, fields.2, packet.marker()));
            }
        }
    }
    assert!(packets.len() > 55);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no number twice, none left out");
        assert_eq!(pair[1].1.wrapping_sub(pair[0].1), 160);
        assert_eq!(pair[1].3, pair[1].2 != pair[0].2, "a change of source starts a spurt");
    }
}

#[test]
fn what_is_passed_through_needs_a_clock_and_a_number_of_its_own() {
    let mut config = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    config.pass_through = vec![PassThrough { payload_type: 96, rtp_clock_hz: 0 }];
    assert_eq!(Leg::new(&config).err(), Some(LegError::Clock("pass_through")));
    config.pass_through = vec![PassThrough { payload_type: 0, rtp_clock_hz: 8_000 }];
    assert_eq!(Leg::new(&config).err(), Some(LegError::PayloadType(0, "pass_through")));
}
