// SPDX-License-Identifier: MIT OR Apache-2.0
//! Collisions and loops, addresses that change or are forged, hold and resume, and a day on the line.

use core::net::SocketAddr;

use super::*;
use crate::rtp::RtpHeader;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// The datagrams that `end` sends in a packet time.
fn packet_time(end: &mut End, tick: u64) -> Vec<Vec<u8>> {
    let rate = end.media.sample_rate_hz();
    let mut pcm = vec![0; (rate / 50) as usize];
    sound(1, tick / 2, rate, &mut pcm);
    end.media.push(&pcm).unwrap();
    let mut sent = Vec::new();
    while let Some(datagram) = end.media.poll_transmit(tick * TICK_NS) {
        sent.push(datagram.to_vec());
    }
    sent
}

fn hear(end: &mut End, tick: u64) {
    let mut pcm = vec![0; (end.media.sample_rate_hz() / 50) as usize];
    end.media.pull(tick * TICK_NS, &mut pcm).unwrap();
}

/// What a leg has to tell, but for what it refused.
pub(super) fn events(end: &mut End) -> Vec<LegEvent> {
    core::iter::from_fn(|| end.control.next_event())
        .filter(|event| !matches!(event, LegEvent::Refused { .. }))
        .collect()
}

#[test]
fn our_own_packets_coming_back_are_told_once_and_a_new_source_says_goodbye_for_the_old() {
    let (a, b) = pair(CodecSpec::Pcma, None);
    let (mut a, mut b) = (end(&a), end(&b));
    for tick in (0..20).step_by(2) {
        for mut datagram in packet_time(&mut a, tick) {
            let mut echo = datagram.clone();
            assert_eq!(a.receiver.receive(&mut echo, tick), Err(ReceiveError::OwnSsrc(0xa)));
            b.receiver.receive(&mut datagram, tick).unwrap();
        }
    }
    assert!(a.receiver.stats().own_ssrc >= 9);
    assert_eq!(events(&mut a), [LegEvent::SsrcCollision { ssrc: 0xa }]);
    a.control.change_ssrc(0xaa).unwrap();
    let mut sources = Vec::new();
    let mut goodbyes = 0;
    for tick in (20..220).step_by(2) {
        hear(&mut b, tick);
        for mut datagram in packet_time(&mut a, tick) {
            match b.receiver.receive(&mut datagram, tick * TICK_NS) {
                Ok(Received::Goodbye) => goodbyes += 1,
                _ if is_rtcp(&datagram) => {}
                _ => sources.push(u32::from_be_bytes(datagram[8..12].try_into().unwrap())),
            }
        }
    }
    assert_eq!(goodbyes, 1);
    assert!(sources.len() == 100 && sources.iter().all(|&ssrc| ssrc == 0xaa));
    // Nobody vouches for a plain goodbye: the next source is let in when the old one has been
    // silent for a second.
    assert_eq!(b.receiver.stats().remote_ssrc, 0xaa);
    // Somebody who now uses the old number is no collision any more.
    let mut stranger = vec![0; 172];
    RtpHeader { payload_type: 96, ssrc: 0xa, ..Default::default() }.write(&mut stranger).unwrap();
    assert_eq!(a.receiver.receive(&mut stranger, 1), Ok(Received::Probation));
}

#[test]
fn what_is_wrong_with_datagrams_is_counted_and_named_now_and_then() {
    let (config, _) = pair(CodecSpec::Pcma, None);
    let mut config = config;
    config.redundancy = Some(Redundant { payload_type: 121, generations: 1, follows_loss: false });
    let mut end = end(&config);
    let rtp = |sequence: u16, payload_type: u8, payload: &[u8]| {
        let mut packet = vec![0; 12];
        let header = RtpHeader { sequence, payload_type, ssrc: 9, ..Default::default() };
        header.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    };
    let mut datagrams = vec![rtp(1, 96, &[1; 160]), rtp(2, 96, &[1; 160])];
    for n in 3..8 {
        // Redundant audio whose block is longer than the packet, and a report that ends too soon.
        datagrams.push(rtp(n, 121, &[0x80 | 96, 2, 128, 200, 96, 1]));
        datagrams.push(vec![0x81, 201, 0, 7, 0, 0, 0, 9]);
        datagrams.push(rtp(n, 50, &[1; 20]));
    }
    let mut told = Vec::new();
    for (n, mut datagram) in datagrams.into_iter().enumerate() {
        let _ = end.receiver.receive(&mut datagram, n as u64);
        while let Some(event) = end.control.next_event() {
            if let LegEvent::Refused { error, count } = event {
                told.push((error, count));
            }
        }
    }
    let of = |wanted: ReceiveError| -> Vec<u64> {
        told.iter().filter(|(error, _)| *error == wanted).map(|(_, count)| *count).collect()
    };
    assert_eq!(of(ReceiveError::UnknownPayloadType(50)), [1, 2, 4]);
    assert_eq!(of(ReceiveError::Malformed), [1, 2, 4, 8]);
    assert_eq!(end.receiver.stats().malformed, 10);
}

#[test]
fn an_odd_packet_in_a_compound_is_counted_and_costs_no_other() {
    let (config, _) = pair(CodecSpec::Pcma, None);
    let mut end = end(&config);
    let mut report = vec![0; 32];
    let block = ReportBlock { ssrc: config.local_ssrc, ..ReportBlock::default() };
    CompoundWriter::new(&mut report).receiver_report(0xaa, &[block]).unwrap();
    // A NACK without entries, an SDES cut within its item; transport-wide feedback, whose padding is 3
    // bytes, is none of those that are read, and so not odd.
    let odd: [&[u8]; 3] = [
        &[0x81, 205, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1],
        &[0x81, 202, 0, 2, 0, 0, 0, 9, 1, 200, b'a', b'b'],
        &[0xaf, 205, 0, 3, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 3],
    ];
    for (n, odd) in odd.iter().enumerate() {
        let mut compound = [&report[..], odd, &report].concat();
        assert_eq!(end.receiver.receive(&mut compound, n as u64), Ok(Received::Report));
        assert_eq!(end.receiver.stats().reports_received, 2 * (n as u64 + 1));
    }
    assert_eq!(end.receiver.stats().rtcp_skipped, 2);
    assert_eq!(end.receiver.stats().malformed, 0);
}

#[test]
fn a_plain_leg_latches_once_and_nobody_else_gets_in() {
    let (a, b) = pair(CodecSpec::Pcma, None);
    let (mut a, mut b) = (end(&a), end(&b));
    let (home, thief) = (address(4_000), address(6_666));
    assert_eq!(b.receiver.remote_address(), None);
    for tick in (0..400).step_by(2) {
        hear(&mut b, tick);
        for datagram in packet_time(&mut a, tick) {
            let now_ns = tick * TICK_NS;
            let mut forged = datagram.clone();
            b.receiver.receive_from(&mut datagram.clone(), home, now_ns).unwrap();
            if tick >= 2 {
                // Perfect forgeries, and even after the true peer has long been silent.
                let later = now_ns + 60_000_000_000;
                forged[3] = forged[3].wrapping_add(1);
                let refused = b.receiver.receive_from(&mut forged, thief, later);
                assert_eq!(refused, Err(ReceiveError::ForeignAddress));
            }
        }
    }
    assert_eq!(b.receiver.remote_address(), Some(home));
    let stats = b.receiver.stats();
    assert!(stats.foreign_address > 190 && stats.sequence_jumps == 0);
    let heard = events(&mut b);
    assert!(heard.contains(&LegEvent::AddressChanged { address: home }));

    // The signalling has named another address.
    b.control.unlatch().unwrap();
    for tick in (400..410).step_by(2) {
        for mut datagram in packet_time(&mut a, tick) {
            b.receiver.receive_from(&mut datagram, thief, tick * TICK_NS).unwrap();
        }
    }
    assert_eq!(b.receiver.remote_address(), Some(thief));
}

#[test]
fn an_encrypted_leg_follows_its_peer_and_neither_forgeries_nor_old_packets() {
    let (a, b) = pair(CodecSpec::Pcma, Some(Suite::AeadAes128Gcm));
    let (mut a, mut b) = (end(&a), end(&b));
    let (home, roaming, thief) = (address(4_000), address(4_001), address(6_666));
    let mut late = None;
    for tick in (0..200).step_by(2) {
        hear(&mut b, tick);
        let from = if tick < 100 { home } else { roaming };
        for datagram in packet_time(&mut a, tick).into_iter().filter(|d| !is_rtcp(d)) {
            let now_ns = tick * TICK_NS;
            if tick == 98 {
                late = Some(datagram);
                continue;
            }
            let mut forged = datagram.clone();
            forged[20] ^= 1;
            assert!(b.receiver.receive_from(&mut forged, thief, now_ns).is_err());
            b.receiver.receive_from(&mut datagram.clone(), from, now_ns).unwrap();
            // Once it is known, a copy from elsewhere is a replay.
            assert!(b.receiver.receive_from(&mut datagram.clone(), thief, now_ns).is_err());
            assert_eq!(b.receiver.remote_address(), Some(from));
        }
        if tick == 110 {
            // It is authentic, but older than what has come since from the new address.
            b.receiver.receive_from(&mut late.take().unwrap(), home, tick * TICK_NS).unwrap();
            assert_eq!(b.receiver.remote_address(), Some(roaming));
        }
    }
    let changes = events(&mut b)
        .into_iter()
        .filter(|event| matches!(event, LegEvent::AddressChanged { .. }))
        .count();
    assert_eq!(changes, 2);
}

#[test]
fn the_encoder_prepares_for_the_loss_that_the_peer_reports() {
    let opus = OpusConfig { sample_rate_hz: 16_000, ..Default::default() };
    let (a, b) = pair(CodecSpec::Opus(opus), None);
    let (mut a, mut b) = (end(&a), end(&b));
    assert_eq!(a.media.stats().expected_loss_percent, 10);
    let mut count = 0;
    talk(&mut a, &mut b, 0..1_000, |to_b, datagram, _| {
        count += u32::from(to_b);
        if to_b && count % 5 == 0 && !is_rtcp(datagram) {
            datagram.clear();
        }
    });
    let lossy = a.media.stats().expected_loss_percent;
    assert!((15..=25).contains(&lossy), "{lossy} percent at 20 percent loss");
    assert!(b.control.stats().jitter.recovered > 0 || b.control.stats().jitter.concealments > 0);
    talk(&mut a, &mut b, 1_000..4_000, |_, _, _| {});
    assert!(a.media.stats().expected_loss_percent <= 2);
}

/// A network that loses every tenth packet from a to b, and a peer that sends again what it is asked
/// for: what b had to make up, in packets, and how many packets it asked for.
fn with_requests(nack: Nack, suite: Option<Suite>) -> (u64, u64) {
    let (a, mut b) = pair(CodecSpec::Pcma, suite);
    b.nack = nack;
    // Room for a round trip.
    b.jitter.min_delay_ms = 100;
    let (mut a, mut b) = (end(&a), end(&b));
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let mut reader = suite.map(|suite| crate::srtp::Receiver::new(&keys(suite, 2)).unwrap());
    let (mut lost, mut asked) = (0, 0);
    let mut again: Vec<u16> = Vec::new();
    talk(&mut a, &mut b, 0..3_000, |to_b, datagram, target| {
        if to_b && !is_rtcp(datagram) {
            // What was asked for comes along with the next packet.
            let arrival_ns = sent.len() as u64 * 2 * TICK_NS + WAY_NS;
            for sequence in again.drain(..) {
                let mut copy = sent[usize::from(sequence)].clone();
                let _ = target.receiver.receive(&mut copy, arrival_ns);
            }
            sent.push(datagram.clone());
            if sent.len() % 10 == 9 {
                lost += 1;
                datagram.clear();
            }
        } else if !to_b && is_rtcp(datagram) {
            let mut plain = datagram.clone();
            let length = match &mut reader {
                Some(session) => session.unprotect_rtcp(&mut plain).unwrap(),
                None => plain.len(),
            };
            let first = Packets::new(&plain[..length]).next().unwrap().unwrap();
            let alone = matches!(first, Packet::Nack(..));
            for packet in Packets::new(&plain[..length]).flatten() {
                let Packet::Nack(_, media, sequences) = packet else { continue };
                assert_eq!((media, alone), (0xa, nack == Nack::ReducedSize));
                again.extend(sequences);
                asked += sequences.count() as u64;
            }
        }
    });
    assert!(lost > 100);
    let stats = b.control.stats();
    assert_eq!(stats.media.requested_packets, asked);
    assert_eq!(a.receiver.stats().nacked_packets, asked);
    (stats.jitter.concealed_samples / 160, asked)
}

#[test]
fn missing_packets_are_asked_for_in_either_form_and_heard_when_they_come() {
    let (concealed, asked) = with_requests(Nack::Off, None);
    assert!(concealed > 100 && asked == 0, "{concealed} concealed, {asked} asked for");
    for suite in [None, Some(Suite::AeadAes128Gcm)] {
        for nack in [Nack::Compound, Nack::ReducedSize] {
            let (concealed, asked) = with_requests(nack, suite);
            assert!(concealed < 10 && (100..300).contains(&asked), "{concealed}, {asked}");
        }
    }
}

#[test]
fn a_call_on_hold_is_resumed_and_early_media_is_heard() {
    for suite in [None, Some(Suite::AesCm128HmacSha1_80)] {
        let (a, b) = pair(CodecSpec::G722, suite);
        let (mut a, mut b) = (end(&a), end(&b));
        // Early media: b has not answered, so it sends nothing, but hears.
        let heard = talk(&mut a, &mut b, 0..150, |to_b, datagram, _| {
            if !to_b {
                datagram.clear();
            }
        });
        assert!(likeness(&heard, 1, 16_000) > 0.9);
        talk(&mut a, &mut b, 150..300, |_, _, _| {});
        // On hold: a sends nothing for two minutes.
        let mut pcm = vec![0; 160];
        for tick in 300..12_300_u64 {
            b.media.pull(tick * TICK_NS, &mut pcm).unwrap();
        }
        assert!(pcm.iter().all(|&sample| sample.abs() < 200), "hiss at most");
        // Resumed where it stopped (the phone's clock stood still) and at another place.
        let heard = talk(&mut a, &mut b, 12_300..12_600, |_, _, _| {});
        let mut said = vec![0; heard.len()];
        for (n, frame) in said.chunks_exact_mut(160).enumerate() {
            sound(1, 12_300 + n as u64, 16_000, frame);
        }
        let best = correlation(&heard, &said);
        assert!(best > 0.9, "{suite:?}: {best}");
    }
}

/// The best correlation of the end of what was heard with what was said.
fn correlation(heard: &[i16], said: &[i16]) -> f32 {
    let window = 4_000;
    let dot = |a: &[i16], b: &[i16]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let tail = &heard[heard.len() - window..];
    (0..4_000)
        .map(|lag| {
            let end = said.len() - lag;
            let other = &said[end - window..end];
            (dot(tail, other) / (dot(tail, tail) * dot(other, other)).sqrt().max(1.0)) as f32
        })
        .fold(0.0, f32::max)
}

/// 24 hours in packets of 120 ms: the sequence number wraps 11 times, the rollover counter counts
/// on, the RTP timestamp and the NTP time wrap on the way.
#[test]
fn a_day_on_the_line_passes_every_wrap_unheard() {
    const DAY_PACKETS: u64 = 24 * 3_600 * 1_000 / 120;
    let opus = OpusConfig { sample_rate_hz: 8_000, ..Default::default() };
    let opus_clock = CodecSpec::Opus(opus);
    for (codec, suite) in
        [(CodecSpec::Pcma, Suite::AesCm128HmacSha1_80), (opus_clock, Suite::AeadAes128Gcm)]
    {
        // The one with the fast clock only over the wrap of its timestamp.
        let packets = if codec == CodecSpec::Pcma { DAY_PACKETS } else { 2_000 };
        let (mut a, mut b) = pair(codec.clone(), Some(suite));
        (a.rtcp_interval_ms, b.rtcp_interval_ms) = (5_000, 5_000);
        (a.send.packet_ms, b.send.packet_ms) = (120, 120);
        (a.initial_sequence, a.initial_timestamp) = (65_000, u32::MAX - 1_000_000);
        // A quarter of an hour before the NTP era ends.
        (a.ntp_at_zero, b.ntp_at_zero) = (u64::MAX - (900 << 32), u64::MAX - (900 << 32));
        let rate = codec.format().sample_rate_hz as usize;
        let (mut a, mut b) = (end(&a), end(&b));
        let mut said = vec![0_i16; rate * 120 / 1_000];
        let mut heard = vec![0_i16; rate * 20 / 1_000];
        let mut heard_packets = 0;
        for n in 0..packets {
            let now_ns = n * 12 * TICK_NS;
            // Another constant in each packet, so that sums don't cancel.
            said.fill(1_000 + (n % 500) as i16 * 16);
            a.media.push(&said).unwrap();
            while let Some(datagram) = a.media.poll_transmit(now_ns) {
                let mut datagram = datagram.to_vec();
                heard_packets +=
                    u64::from(b.receiver.receive(&mut datagram, now_ns) == Ok(Received::Media));
            }
            while let Some(datagram) = b.media.poll_transmit(now_ns) {
                a.receiver.receive(&mut datagram.to_vec(), now_ns).unwrap();
            }
            for pull in 0..6 {
                b.media.pull(now_ns + pull * 2 * TICK_NS, &mut heard).unwrap();
            }
        }
        let stats = b.control.stats();
        let expected = packets - 1; // the first is probation's
        if codec == CodecSpec::Pcma {
            assert_eq!(heard_packets, expected);
            // Of the first number the top bit is not used.
            assert_eq!(stats.receiver.highest_sequence, 65_000 - 0x8000 + packets - 1);
        }
        assert_eq!(stats.receiver.expected, stats.receiver.received);
        assert_eq!((stats.loss_percent, stats.receiver.sequence_jumps), (0.0, 0));
        assert!(stats.jitter.concealed_samples < rate as u64, "{}", stats.jitter.concealed_samples);
        assert!(a.control.stats().round_trip_ms < 130.0);
        assert!(a.receiver.stats().reports_received >= packets / 60);
    }
}

#[test]
fn reports_keep_their_pace_on_a_clock_that_stands_at_its_end_or_is_set_back() {
    let (a, _) = pair(CodecSpec::Pcma, None);
    let mut a = end(&a);
    let mut reports = |now_ns: u64| {
        a.media.push(&[0; 80]).unwrap();
        let sent = core::iter::from_fn(|| a.media.poll_transmit(now_ns).map(is_rtcp)).take(1_000);
        sent.filter(|is_rtcp| *is_rtcp).count()
    };
    let at_the_end: usize = (0..100).map(|_| reports(u64::MAX)).sum();
    assert!(at_the_end <= 1, "{at_the_end} reports in no time");
    let set_back: usize = (0..500).map(|tick| reports(tick * TICK_NS)).sum();
    assert!((5..=20).contains(&set_back), "{set_back} reports in five seconds");
}

/// The packet time that a source is on probation must not become the delay of the call; and who was first
/// must not keep the call if it was somebody else.
#[test]
fn the_first_packet_costs_no_delay_and_binds_nobody() {
    for stranger in [false, true] {
        let (mut receiver, mut media, control) =
            Leg::new(&LegConfig::plain(1, 0, CodecSpec::Pcmu)).unwrap();
        let mut delay_ms = 0.0;
        for tick in 0..100_u64 {
            let now_ns = tick * TICK_NS;
            if stranger && tick == 0 {
                let _ = receiver.receive(&mut packet(9, 0, 50_000, 160), now_ns);
            } else if tick % 2 == 0 {
                let _ = receiver.receive(&mut packet(7, 0, 1 + tick as u16 / 2, 160), now_ns);
            }
            delay_ms = media.pull(now_ns, &mut [0; 80]).unwrap().delay_ms;
        }
        let stats = control.stats();
        assert_eq!(stats.receiver.remote_ssrc, 7);
        // As much as a jitter buffer by itself, which knows of no probation, starts with.
        let most_ms = if stranger { 40.0 } else { 20.0 };
        assert!(delay_ms <= most_ms, "{delay_ms} ms, stranger {stranger}");
        assert_eq!(stats.jitter.missing, 0);
        assert_eq!(stats.jitter.restarts, u64::from(stranger));
    }
}
