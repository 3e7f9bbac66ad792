// SPDX-License-Identifier: MIT OR Apache-2.0
//! A session under any datagrams and orders, and legs under any sequence of updates.

use std::collections::HashMap;
use std::net::SocketAddr;

use ale_media::codec::CodecSpec;
use ale_media::leg::{
    Direction, HeaderExtensions, Leg, LegConfig, LegControl, LegError, LegMedia, LegReceiver, Nack,
    ReceiveCodec, SendCodec, SrtpConfig, TelephoneEvents,
};
use ale_media::rtp::RtpPacket;
use ale_media::session::demux::{Protocol, classify};
use ale_media::session::{
    Incoming, Keying, PayloadTypes, ReceiveError, ReceiverStats, Role, SenderReportClock,
    SessionConfig, SessionControl, SessionReceiver, SessionSender, create,
};
use ale_media::srtp::{MasterKey, SessionConfig as Line, Suite};

const TICK_NS: u64 = 10_000_000;

/// Bytes that are used up one after the other; 0 when there are none left.
struct Input<'d>(&'d [u8]);

impl<'d> Input<'d> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn choice(&mut self, of: u8) -> u8 {
        self.byte() % of
    }

    fn datagram(&mut self) -> &'d [u8] {
        let length = usize::from(self.byte()) << 3 | usize::from(self.byte() & 7);
        let (datagram, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        datagram
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let choice = self.choice(5);
        (choice > 0).then(|| SocketAddr::from(([192, 0, 2, choice & 2], u16::from(choice & 1))))
    }
}

/// A suite and a key: lines of few kinds, so that they come back.
fn line(choice: u8) -> Line {
    let suite = if choice & 1 == 0 { Suite::AesCm128HmacSha1_80 } else { Suite::AeadAes128Gcm };
    let material = vec![7 + (choice >> 1 & 1); suite.key_bytes() + suite.salt_bytes()];
    let key = MasterKey::from_concatenated(suite, &material).expect("a key of the suite's length");
    Line::new(suite, key)
}

/// RFC 7983 section 7, by its table of first bytes.
fn table(datagram: &[u8]) -> Option<&'static [Protocol]> {
    Some(match datagram.first()? {
        0..=3 => &[Protocol::Stun],
        16..=19 => &[Protocol::Zrtp],
        20..=63 => &[Protocol::Dtls],
        64..=79 => &[Protocol::TurnChannel],
        128..=191 => &[Protocol::Rtp, Protocol::Rtcp],
        _ => return None,
    })
}

/// Datagrams that were refused, by the sum of what counts them.
fn refused(stats: &ReceiverStats) -> u64 {
    stats.malformed
        + stats.authentication_failed
        + stats.replayed
        + stats.srtp_refused
        + stats.unknown_payload_type
        + stats.unknown_ssrc
        + stats.own_ssrc
        + stats.foreign_address
}

/// A session without a leg: whatever comes is counted once, what is not RTP is handed back untouched, and
/// orders that are refused change nothing.
pub fn demux(data: &[u8]) {
    let mut input = Input(data);
    let choice = input.byte();
    let mut types = PayloadTypes::new();
    types.set(0, Role::Voice, 8_000);
    types.set(101, Role::Event, 8_000);
    types.set(96, Role::PassThrough, 90_000);
    let config = SessionConfig {
        keying: match choice & 3 {
            0 => Keying::Plain,
            1 => Keying::Pending,
            n => Keying::Srtp(Box::new(SrtpConfig { send: line(n), receive: line(n) })),
        },
        payload_types: types,
        max_sources: 2 + u16::from(choice >> 2 & 3),
        ..SessionConfig::new(1)
    };
    let (mut receiver, mut sender, mut control) = create(&config).expect("a session");
    let mut now_ns = 0;
    while !input.0.is_empty() {
        now_ns += TICK_NS * u64::from(input.choice(8)).pow(3);
        match input.choice(8) {
            0 => order(&mut control, &mut input),
            1 => speak(&mut sender, &mut receiver, now_ns, &mut input),
            _ => {
                let came = input.datagram();
                let from = input.address();
                take(&mut receiver, came, from, now_ns);
            }
        }
        while control.next_event().is_some() {}
    }
}

fn take(receiver: &mut SessionReceiver, came: &[u8], from: Option<SocketAddr>, now_ns: u64) {
    let (before, mut datagram) = (receiver.stats(), came.to_vec());
    let protocol = classify(came);
    let expected = table(came).unwrap_or(&[]);
    assert!(protocol.is_none_or(|protocol| expected.contains(&protocol)));
    let result = receiver.receive(&mut datagram, from, now_ns);
    let after = receiver.stats();
    assert_eq!(after.datagrams, before.datagrams + 1);
    // A datagram that is taken may bring those along that were kept.
    let more = refused(&after) - refused(&before);
    match result {
        Ok(Incoming::Rtp(rtp)) => {
            assert_eq!(protocol, Some(Protocol::Rtp));
            assert!(rtp.payload.len() + rtp.payload_offset <= came.len());
        }
        Ok(Incoming::Rtcp { .. }) => assert_eq!(protocol, Some(Protocol::Rtcp)),
        Ok(Incoming::Other(other)) => {
            assert_eq!(protocol, Some(other));
            assert_eq!((after.not_rtp, more), (before.not_rtp + 1, 0));
            assert_eq!(datagram, came);
        }
        Ok(Incoming::Kept) => assert_eq!(after.before_keys, before.before_keys + 1),
        Err(ReceiveError::NoKeys) => assert_eq!(after.before_keys, before.before_keys + 1),
        Err(_) => assert_eq!(more, 1),
    }
}

fn order(control: &mut SessionControl, input: &mut Input<'_>) {
    let (send, receive) = (line(input.choice(4)), line(input.choice(4)));
    let _ = match input.choice(6) {
        0 => control.set_keys(&SrtpConfig { send, receive }),
        1 => control.rekey(Some(&send), None),
        2 => control.rekey(None, Some(&receive)),
        3 => control.set_plain(),
        4 => control.relatch(input.address(), input.address()),
        _ => control.change_ssrc(1 + u32::from(input.choice(3))),
    };
}

/// What the session sends comes back to it: its own, or forged by a stranger in another's name.
fn speak(
    sender: &mut SessionSender,
    receiver: &mut SessionReceiver,
    now_ns: u64,
    input: &mut Input<'_>,
) {
    sender.apply_commands();
    let mut out = [0; 1_500];
    let clock = SenderReportClock::new(now_ns as u32);
    let goodbye = input.choice(2) == 0;
    if let Some(bytes) = sender.report(now_ns, clock, None, goodbye, &mut out) {
        take(receiver, &out[..bytes], input.address(), now_ns);
    }
}

struct End {
    receiver: LegReceiver,
    media: LegMedia,
    control: LegControl,
    config: LegConfig,
    /// Which line it sends under; `None` in plain.
    sends_under: Option<u8>,
}

/// Two legs, each changed in any way at any time: an update that is refused changes nothing that can be
/// seen, and under one key no index is sent twice, whatever is changed and changed back.
pub fn updates(data: &[u8]) {
    let mut input = Input(data);
    let mut ends = [1, 2].map(|ssrc| {
        let choice = input.choice(5);
        let mut config = LegConfig::plain(ssrc, 0, CodecSpec::Pcmu);
        let lines = choice.checked_sub(1).map(|n| (line(n), line(n)));
        config.srtp = lines.map(|(send, receive)| SrtpConfig { send, receive });
        let (receiver, media, control) = Leg::new(&config).expect("a leg");
        End { receiver, media, control, config, sends_under: choice.checked_sub(1) }
    });
    let mut sent = HashMap::new();
    let mut now_ns = 0;
    while !input.0.is_empty() {
        match input.choice(4) {
            0 => change(&mut ends[usize::from(input.choice(2))], &mut input),
            _ => {
                now_ns += TICK_NS;
                for n in 0..2 {
                    tick(&mut ends, n, now_ns, &mut sent);
                }
            }
        }
    }
}

/// A packet by its leg, line, source and sequence number, and its bytes.
type Sent = HashMap<(usize, u8, u32, u16), Vec<u8>>;

fn tick(ends: &mut [End; 2], n: usize, now_ns: u64, sent: &mut Sent) {
    let samples = ends[n].media.sample_rate_hz() as usize / 100;
    let mut pcm = vec![0; samples];
    ends[n].media.pull(now_ns, &mut pcm).expect("10 ms");
    pcm.iter_mut().enumerate().for_each(|(at, s)| *s = (at * 37 % 2_000) as i16);
    ends[n].media.push(&pcm).expect("10 ms");
    while let Some(datagram) = ends[n].media.poll_transmit(now_ns) {
        let mut datagram = datagram.to_vec();
        if let (Some(line), Ok(packet)) = (ends[n].sends_under, RtpPacket::parse(&datagram))
            && classify(&datagram) == Some(Protocol::Rtp)
        {
            let name = (n, line, packet.ssrc(), packet.sequence());
            let before = sent.insert(name, datagram.clone());
            assert!(before.is_none_or(|before| before == datagram), "an index twice: {name:?}");
        }
        let _ = ends[1 - n].receiver.receive(&mut datagram, now_ns);
    }
    // Sending never stops: SRTP would refuse an index that has been sent.
    assert_eq!(ends[n].media.stats().protect_errors, 0);
    while ends[n].control.next_event().is_some() {}
}

fn change(end: &mut End, input: &mut Input<'_>) {
    let mut new = end.config.clone();
    new.srtp = None;
    let codecs = [
        CodecSpec::Pcmu,
        CodecSpec::Pcma,
        CodecSpec::G722,
        CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 },
    ];
    let codec = codecs[usize::from(input.choice(4))].clone();
    let mut keyed = None;
    for _ in 0..=input.choice(3) {
        match input.choice(12) {
            0 => new.send = SendCodec { codec: codec.clone(), ..new.send },
            1 => new.send.packet_ms = 10 * u16::from(input.choice(14)),
            2 => new.send.payload_type = input.byte(),
            3 => {
                let payload_type = input.byte();
                new.receive = vec![ReceiveCodec { payload_type, codec: codec.clone() }];
            }
            4 => {
                let directions = [
                    Direction::SendReceive,
                    Direction::SendOnly,
                    Direction::ReceiveOnly,
                    Direction::Inactive,
                ];
                new.direction = directions[usize::from(input.choice(4))];
            }
            5 => {
                let choice = input.choice(4);
                keyed = Some(choice);
                new.srtp = Some(SrtpConfig { send: line(choice), receive: line(input.choice(4)) });
            }
            6 => new.local_ssrc = u32::from(input.choice(5)),
            7 => {
                new.header_extensions = HeaderExtensions::default();
                new.header_extensions.audio_level = Some(input.choice(17));
            }
            8 => {
                let clock_hz = (input.choice(2) == 0).then_some(8_000);
                let payload_type = input.byte();
                new.telephone_events = vec![TelephoneEvents { payload_type, clock_hz }];
            }
            9 => {
                new.nack =
                    [Nack::Off, Nack::Compound, Nack::ReducedSize][usize::from(input.choice(3))];
            }
            10 => new.plain = input.choice(2) == 0,
            _ => new.remote_ssrc = (input.choice(2) == 0).then_some(u32::from(input.choice(3))),
        }
    }
    let before = end.control.stats();
    let result = if input.choice(4) == 0 {
        new.sample_rate_hz = [None, Some(8_000), Some(16_000)][usize::from(input.choice(3))];
        Leg::renew(&new, &mut end.receiver, &mut end.media, &mut end.control)
    } else {
        end.control.update(&new)
    };
    match result {
        Ok(()) => {
            if keyed.is_some() {
                end.sends_under = keyed;
            } else if new.plain && !end.config.plain {
                end.sends_under = None;
            }
            end.config = new;
        }
        Err(error) => {
            assert!(error == LegError::Busy || !error.member().is_empty(), "{error}");
            assert_eq!(format!("{:?}", end.control.stats()), format!("{before:?}"));
        }
    }
}
