// SPDX-License-Identifier: MIT OR Apache-2.0
//! Situations of public bug reports, as real peers make them: each is named by what was reported.
#![cfg(not(any(loom, shuttle)))]

use ale_media::codec::CodecSpec;
use ale_media::leg::{
    Direction, Leg, LegConfig, LegControl, LegError, LegEvent, LegMedia, LegReceiver, PassThrough,
    ReceiveCodec, ReceiveError, Received, SendCodec, SrtpConfig, TelephoneEvents,
};
use ale_media::rtp::RtpHeader;
use ale_media::srtp::{MasterKey, Sender, SessionConfig, Suite};

const MS: u64 = 1_000_000;

struct Call {
    receiver: LegReceiver,
    media: LegMedia,
    control: LegControl,
    peer: Option<Sender>,
    now_ns: u64,
    heard: Vec<i16>,
}

fn key(byte: u8) -> SessionConfig {
    let master = MasterKey::new(&[byte; 16], &[byte; 14]).unwrap();
    SessionConfig::new(Suite::AesCm128HmacSha1_80, master)
}

fn call(config: &LegConfig) -> Call {
    let (receiver, media, control) = Leg::new(config).unwrap();
    Call { receiver, media, control, peer: None, now_ns: 1_000 * MS, heard: Vec::new() }
}

fn plain() -> LegConfig {
    let mut config = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    config.telephone_events.push(TelephoneEvents { payload_type: 101, clock_hz: None });
    config
}

fn sealed() -> Call {
    let mut config = LegConfig::new(1, 0, CodecSpec::Pcmu);
    config.srtp = Some(SrtpConfig { send: key(1), receive: key(2) });
    let mut call = call(&config);
    let mut peers = key(2);
    peers.max_streams = 64;
    call.peer = Some(Sender::new(&peers).unwrap());
    call
}

/// A loud 400 Hz tone, 20 ms from a timestamp on.
fn tone(timestamp: u32) -> [u8; 160] {
    std::array::from_fn(
        |n| if ((timestamp as usize + n) / 10).is_multiple_of(2) { 0x8f } else { 0x0f },
    )
}

impl Call {
    fn seal(&mut self, header: &RtpHeader<'_>, payload: &[u8]) -> Vec<u8> {
        let mut datagram = vec![0; 12 + payload.len() + 40];
        let at = header.write(&mut datagram).unwrap();
        datagram[at..at + payload.len()].copy_from_slice(payload);
        let mut length = at + payload.len();
        if let Some(peer) = &mut self.peer {
            length = peer.protect(&mut datagram, length).unwrap();
        }
        datagram.truncate(length);
        datagram
    }

    fn voice(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
    ) -> Result<Received, ReceiveError> {
        let header = RtpHeader { ssrc, sequence, timestamp, ..RtpHeader::default() };
        let mut datagram = self.seal(&header, &tone(timestamp));
        self.receiver.receive(&mut datagram, self.now_ns)
    }

    fn event(&mut self, sequence: u16, timestamp: u32, event: u8, end: bool, ticks: u16) {
        let header =
            RtpHeader { ssrc: 7, sequence, timestamp, payload_type: 101, ..RtpHeader::default() };
        let [high, low] = ticks.to_be_bytes();
        let mut datagram = self.seal(&header, &[event, u8::from(end) << 7 | 10, high, low]);
        let _ = self.receiver.receive(&mut datagram, self.now_ns);
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            let mut pcm = [0; 80];
            self.media.pull(self.now_ns, &mut pcm).unwrap();
            self.heard.extend(pcm);
            self.now_ns += 10 * MS;
        }
    }

    /// Packets of a source every 20 ms; how many were taken.
    fn stream(&mut self, ssrc: u32, sequence: u16, timestamp: u32, count: u16) -> usize {
        let mut taken = 0;
        for n in 0..count {
            let timestamp = timestamp.wrapping_add(160 * u32::from(n));
            let result = self.voice(ssrc, sequence.wrapping_add(n), timestamp);
            taken += usize::from(result == Ok(Received::Media));
            self.wait(20);
        }
        taken
    }

    fn digits(&mut self) -> Vec<(u8, u32)> {
        let events = std::iter::from_fn(|| self.control.next_event());
        let ended = |event| match event {
            LegEvent::DigitEnded { event, duration_ms } => Some((event, duration_ms)),
            _ => None,
        };
        events.filter_map(ended).collect()
    }

    fn loudness(&self, ms: usize) -> f64 {
        let tail = &self.heard[self.heard.len() - 8 * ms..];
        let power: f64 = tail.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        (power / tail.len() as f64).sqrt()
    }
}

#[test]
fn each_source_of_a_call_is_heard_however_many_there_were() {
    let mut call = sealed();
    for n in 0..20_u16 {
        assert_eq!(call.stream(100 + u32::from(n), n * 1_000, 77, 50), 49, "source {n}");
        assert!(call.loudness(100) > 1_000.0);
    }
}

#[test]
fn a_lost_rollover_counter_is_found_again() {
    for gap in [33_000, 50_000, 100_000, 200_000] {
        let mut call = sealed();
        let mut sequence = 65_500;
        call.stream(7, sequence, 0, 100);
        sequence = sequence.wrapping_add(100);
        for _ in 0..gap {
            let header = RtpHeader { ssrc: 7, sequence, ..RtpHeader::default() };
            call.seal(&header, &[0; 20]);
            sequence = sequence.wrapping_add(1);
        }
        assert!(call.stream(7, sequence, 1 << 25, 200) > 100, "after {gap}");
    }
    // The first packets are lost across a rollover.
    let mut call = sealed();
    for n in 0..10_u16 {
        let header =
            RtpHeader { ssrc: 7, sequence: 65_530_u16.wrapping_add(n), ..RtpHeader::default() };
        call.seal(&header, &[0; 20]);
    }
    assert!(call.stream(7, 4, 0, 200) > 100);
}

#[test]
fn of_two_sources_at_once_one_is_heard_and_a_second_stream_beside_it_goes_on() {
    let mut config = plain();
    config.pass_through.push(PassThrough { payload_type: 96, rtp_clock_hz: 90_000 });
    for mut call in [sealed(), call(&config)] {
        call.stream(7, 0, 0, 50);
        for n in 0..500_u16 {
            assert_eq!(call.voice(7, 50 + n, 8_000 + 160 * u32::from(n)), Ok(Received::Media));
            let other = call.voice(8, n, 160 * u32::from(n));
            assert_ne!(other, Ok(Received::Media));
            if call.peer.is_none() {
                let header = RtpHeader {
                    payload_type: 96,
                    ssrc: 9,
                    sequence: n,
                    timestamp: u32::from(n) * 1_800,
                    ..RtpHeader::default()
                };
                let mut video = call.seal(&header, &[1; 300]);
                let result = call.receiver.receive(&mut video, call.now_ns);
                assert!(n == 0 || matches!(result, Ok(Received::PassThrough(_))), "{result:?}");
            }
            call.wait(20);
        }
        assert_eq!(call.control.stats().receiver.source_changes, 0);
    }
}

#[test]
fn digits_that_share_a_timestamp_or_begin_anew_are_told_each_once() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 20);
    let mut sequence = 20;
    for digit in 1..=3 {
        for (end, ticks) in [(false, 160), (false, 320), (false, 480), (true, 640), (true, 640)] {
            call.event(sequence, 3_200, digit, end, ticks);
            sequence += 1;
            call.wait(20);
        }
    }
    assert_eq!(call.digits(), [(1, 80), (2, 80), (3, 80)]);
    // The same source begins anew at lower numbers.
    call.stream(7, 5, 13_440, 20);
    call.event(25, 16_640, 4, false, 160);
    // Its ends are lost, and nothing else comes: the audio half's clock ends it.
    call.wait(250);
    assert_eq!(call.digits(), [(4, 20)]);
}

#[test]
fn keepalives_and_unknown_payload_types_are_no_loss() {
    let mut call = call(&plain());
    for n in 0..1_000_u16 {
        if n % 10 == 9 {
            let header = RtpHeader {
                payload_type: 20,
                ssrc: 7,
                sequence: n,
                timestamp: u32::from(n) * 144,
                ..RtpHeader::default()
            };
            let mut keepalive = call.seal(&header, &[0; 4]);
            let result = call.receiver.receive(&mut keepalive, call.now_ns);
            assert_eq!(result, Err(ReceiveError::UnknownPayloadType(20)));
            continue;
        }
        call.voice(7, n, 160 * u32::from(n - n / 10)).unwrap();
        call.wait(20);
    }
    let stats = call.control.stats();
    assert_eq!((stats.loss_percent, stats.concealed_percent), (0.0, 0.0), "{stats:?}");
}

#[test]
fn a_hold_and_silence_leave_the_verdict_as_it_was() {
    let mut call = call(&plain());
    assert!(call.control.stats().quality.is_none(), "nothing was heard");
    call.stream(7, 0, 0, 500);
    let before = call.control.stats().quality.unwrap().mos;
    call.wait(60_000);
    assert!((call.control.stats().quality.unwrap().mos - before).abs() < 0.1);
    assert!(call.loudness(1_000) < 10.0);
    let events: Vec<_> = std::iter::from_fn(|| call.control.next_event()).collect();
    assert!(events.contains(&LegEvent::MediaStopped { reports: false }), "{events:?}");
}

#[test]
fn after_a_farewell_it_is_silent_at_once() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 100);
    call.voice(7, 100, 16_000).unwrap();
    let mut bye = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 1, 0, 0, 0, 7];
    assert_eq!(call.receiver.receive(&mut bye, call.now_ns), Ok(Received::Goodbye));
    call.wait(400);
    assert!(call.loudness(100) < 10.0, "{}", call.loudness(100));
    // Another source is heard at its second packet.
    assert_eq!(call.stream(8, 500, 9, 20), 19);
    assert!(call.loudness(100) > 1_000.0);
}

#[test]
fn an_update_changes_codec_and_direction_or_names_what_it_can_t() {
    let mut config = plain();
    let mut call = call(&config);
    call.stream(7, 0, 0, 50);
    config.receive.push(ReceiveCodec { payload_type: 9, codec: CodecSpec::G722 });
    config.send = SendCodec { payload_type: 9, codec: CodecSpec::G722, packet_ms: 40 };
    call.control.update(&config).unwrap();
    assert_eq!(call.stream(7, 50, 8_000, 50), 50);
    call.media.push(&[500; 320]).unwrap();
    let sent = call.media.poll_transmit(call.now_ns).unwrap();
    assert_eq!((sent[1] & 0x7f, sent.len()), (9, 12 + 320), "G.722 from a leg at 8 kHz");
    config.direction = Direction::Inactive;
    call.control.update(&config).unwrap();
    assert_eq!(call.voice(7, 100, 16_000), Ok(Received::NotWanted));
    call.media.push(&[500; 320]).unwrap();
    while let Some(datagram) = call.media.poll_transmit(call.now_ns) {
        assert!(ale_media::rtp::is_rtcp(datagram), "reports alone go on");
    }
    // Contradictions are named, and change nothing.
    config.direction = Direction::SendReceive;
    let mut wrong = config.clone();
    wrong.header_extensions.audio_level = Some(3);
    wrong.header_extensions.absolute_send_time = Some(3);
    assert_eq!(call.control.update(&wrong), Err(LegError::ExtensionId));
    let mut wrong = config.clone();
    wrong.jitter.slots += 1;
    let error = call.control.update(&wrong).unwrap_err();
    assert_eq!((error, error.member()), (LegError::Fixed("jitter"), "jitter"));
    assert_eq!(call.voice(7, 101, 16_160), Ok(Received::NotWanted));
    call.control.update(&config).unwrap();
    assert_eq!(call.voice(7, 102, 16_320), Ok(Received::Media));
}
