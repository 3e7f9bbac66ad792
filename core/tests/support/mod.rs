// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference call with everything switched on, over a network that loses and forges, all of it in
//! memory that was taken before: [`Call::tick`] calls what is documented as real-time and nothing else.

use ale_media::codec::CodecSpec;
#[cfg(feature = "opus")]
use ale_media::codec::opus::OpusConfig;
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, LinkEnd, MemberId, Outgoing,
};
use ale_media::jitter::DriftMode;
use ale_media::leg::{
    Arrival, InbandTones, Leg, LegConfig, LegControl, LegMedia, LegReceiver, Mid, Nack,
    PassThrough, Received, Redundant, SrtpConfig, receive_batch,
};
use ale_media::srtp::Suite;
use ale_media::tap::{
    Basis, Grant, Purpose, Purposes, SinkId, TapConfig, TapReader, TapSource, TapState,
};
use testkit::keys;

const PHONES: usize = 4;
const TICK_NS: u64 = 10_000_000;
/// Datagrams that a phone may send in a tick.
const BURST: usize = 8;
const RELAYED: u8 = 110;

pub(crate) const SUITES: [Option<Suite>; 5] = [
    None,
    Some(Suite::AesCm128HmacSha1_80),
    Some(Suite::AesCm128HmacSha1_32),
    Some(Suite::AeadAes128Gcm),
    Some(Suite::AeadAes256Gcm),
];

/// What a call is made of.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) codec: CodecSpec,
    pub(crate) suite: Option<Suite>,
    /// Digits, redundancy, extensions, pauses, tones, requests for packets, resampling, the black
    /// box.
    pub(crate) features: bool,
}

/// Every codec with every suite, plain and with all features.
pub(crate) fn settings() -> Vec<Setting> {
    #[cfg_attr(not(feature = "opus"), allow(unused_mut))]
    let mut codecs = vec![
        CodecSpec::Pcmu,
        CodecSpec::Pcma,
        CodecSpec::G722,
        CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 },
    ];
    #[cfg(feature = "opus")]
    codecs.extend([16_000, 48_000].map(|sample_rate_hz| {
        CodecSpec::Opus(OpusConfig { sample_rate_hz, complexity: 1, ..Default::default() })
    }));
    #[cfg(feature = "opus-dred")]
    codecs.push(CodecSpec::Opus(OpusConfig {
        sample_rate_hz: 16_000,
        bit_rate_bps: 40_000,
        expected_loss_percent: 20,
        dred_ms: 400,
        decoder_complexity: 5,
        ..Default::default()
    }));
    let mut settings = Vec::new();
    for codec in codecs {
        for suite in SUITES {
            for features in [false, true] {
                settings.push(Setting { codec: codec.clone(), suite, features });
            }
        }
    }
    settings
}

struct Phone {
    receiver: LegReceiver,
    media: LegMedia,
    control: LegControl,
}

/// A datagram under way.
#[derive(Clone, Copy)]
struct Packet {
    phone: usize,
    length: usize,
    bytes: [u8; 2_048],
}

pub(crate) struct Call {
    conference: Conference,
    control: ConferenceControl,
    phones: Vec<Phone>,
    bridge: Vec<LegReceiver>,
    bridge_controls: Vec<LegControl>,
    line: LinkEnd,
    taps: Vec<TapReader>,
    outgoing: Outgoing,
    pcm: Vec<i16>,
    packets: Vec<Packet>,
    count: usize,
    features: bool,
    /// Sound that was heard, so that a test can tell that the call took place.
    pub(crate) heard: u64,
    /// The same of taps, and how often one began to take sound.
    pub(crate) tapped: u64,
    pub(crate) began: u64,
}

impl Call {
    pub(crate) fn new(setting: &Setting) -> Self {
        let Setting { codec, suite, features } = setting;
        let config = ConferenceConfig {
            max_members: PHONES + 1,
            max_speakers: if *features { 2 } else { 0 },
            max_pair_gains: 2,
            limiter: true,
            ..ConferenceConfig::default()
        };
        let (conference, control) = Conference::new(&config).unwrap();
        let mut call = Self {
            conference,
            control,
            phones: Vec::new(),
            bridge: Vec::new(),
            bridge_controls: Vec::new(),
            line: LinkEnd::pair(8_000).unwrap().0,
            taps: Vec::new(),
            outgoing: Outgoing::new(4 * PHONES),
            pcm: vec![0; (codec.format().sample_rate_hz / 100) as usize],
            packets: vec![Packet { phone: 0, length: 0, bytes: [0; 2_048] }; PHONES * BURST],
            count: 0,
            features: *features,
            heard: 0,
            tapped: 0,
            began: 0,
        };
        for n in 0..PHONES {
            let mut near = LegConfig::plain(n as u32, 96, codec.clone());
            near.rtcp_interval_ms = 300;
            if *features {
                switch_on(&mut near);
            }
            let mut far = near.clone();
            far.local_ssrc = 100 + n as u32;
            if let Some(suite) = suite {
                let (up, down) = (keys(*suite, n as u8), keys(*suite, n as u8 + 9));
                near.srtp = Some(SrtpConfig { send: up.clone(), receive: down.clone() });
                far.srtp = Some(SrtpConfig { send: down, receive: up });
            }
            let (receiver, media, control) = Leg::new(&near).unwrap();
            call.phones.push(Phone { receiver, media, control });
            let (receiver, media, leg) = Leg::new(&far).unwrap();
            let options = JoinOptions::tagged(n as u64);
            call.control.join(Box::new(media), options).map_err(|(error, _)| error).unwrap();
            call.bridge.push(receiver);
            call.bridge_controls.push(leg);
        }
        let (here, there) = LinkEnd::pair(8_000).unwrap();
        let joined = call.control.join_link(Box::new(there), JoinOptions::default());
        joined.map_err(|(error, _)| error).unwrap();
        call.line = here;
        let sources = [TapSource::Mix, TapSource::Member(MemberId::from_u64(0))];
        for (source, sample_rate_hz) in sources.into_iter().zip([48_000, 16_000]) {
            let mut config = TapConfig::new(source, Purpose::Record, SinkId(1));
            config.sample_rate_hz = sample_rate_hz;
            call.taps.push(call.control.tap(&config).unwrap());
        }
        call
    }

    /// Orders of the control threads; they may allocate.
    pub(crate) fn order(&mut self, tick: u64) {
        let member = MemberId::from_u64;
        while let Some(event) = self.control.next_tap_event() {
            self.began += u64::from(matches!(event.state, TapState::Taking { .. }));
        }
        match tick {
            3 => {
                self.grant(0);
                self.grant(1);
            }
            40 => self.control.withdraw(member(0), Purposes::ALL).unwrap(),
            50 => self.grant(0),
            100 => self.control.pause_tap(self.taps[0].id(), true).unwrap(),
            110 => self.control.pause_tap(self.taps[0].id(), false).unwrap(),
            200 => self.control.end_tap(self.taps[1].id()).unwrap(),
            5 => {
                // Refused where the two have different rates, or too many commands wait.
                let _ = self.control.set_pair_gain(member(0), member(1), Some(0.5));
                self.control.set_private(member(2), true).unwrap();
                self.control.set_gain(member(1), 0.7).unwrap();
            }
            30 if self.features => {
                self.phones[0].control.send_digit(5, 100, 8).unwrap();
                self.bridge_controls[1].send_digit(11, 60, 8).unwrap();
            }
            60 => self.control.set_muted(member(1), true).unwrap(),
            90 => self.control.set_muted(member(1), false).unwrap(),
            120 => self.phones[1].control.change_ssrc(77).unwrap(),
            150 => self.control.leave(member(3)).unwrap(),
            _ => {}
        }
    }

    fn grant(&mut self, member: u64) {
        let grant = Grant {
            purposes: Purpose::Record.into(),
            basis: Basis::Consent,
            sink: SinkId(1),
            notice_version: 1,
            until_ns: None,
        };
        self.control.grant(MemberId::from_u64(member), &grant).unwrap();
    }

    /// 10 ms of everybody's life.
    pub(crate) fn tick(&mut self, tick: u64) {
        let now_ns = tick * TICK_NS;
        self.count = 0;
        for n in 0..PHONES {
            self.speak(n, tick, now_ns);
        }
        self.relay(tick, now_ns);
        let mut some = self.packets[..self.count].iter_mut();
        let mut arrivals: [Arrival<'_>; PHONES * BURST] =
            std::array::from_fn(|_| match some.next() {
                Some(packet) => {
                    Arrival::new(packet.phone, &mut packet.bytes[..packet.length], now_ns)
                }
                None => Arrival::new(usize::MAX, &mut [], now_ns),
            });
        receive_batch(&mut self.bridge, &mut arrivals[..self.count]);
        let mut voice = [0; 80];
        self.line.pull(&mut voice);
        self.line.push(&voice.map(|sample| sample / 8));
        self.conference.tick(now_ns, &mut self.outgoing);
        for sent in self.outgoing.iter() {
            let packet = &mut self.packets[0];
            packet.bytes[..sent.bytes.len()].copy_from_slice(sent.bytes);
            let Some(phone) = self.phones.get_mut(sent.tag as usize) else { continue };
            let _ = phone.receiver.receive(&mut packet.bytes[..sent.bytes.len()], now_ns);
        }
        let mut pcm = [0; 480];
        for tap in &mut self.taps {
            // One of them not in time.
            while tick % 150 > 100 && tap.read(&mut pcm).is_some() {
                self.tapped += pcm.iter().map(|s| u64::from(s.unsigned_abs())).sum::<u64>();
            }
        }
        for leg in &mut self.bridge_controls {
            while leg.next_event().is_some() {}
            std::hint::black_box(leg.stats());
        }
    }

    /// A phone hears, speaks, and sends; the network loses and forges some of it.
    fn speak(&mut self, n: usize, tick: u64, now_ns: u64) {
        let phone = &mut self.phones[n];
        phone.media.pull(now_ns, &mut self.pcm).unwrap();
        self.heard += self.pcm.iter().map(|sample| u64::from(sample.unsigned_abs())).sum::<u64>();
        let silent = self.features && (tick / 50 + n as u64).is_multiple_of(3);
        for (i, sample) in self.pcm.iter_mut().enumerate() {
            let noise = ((tick as usize * 80 + i) * (n + 3) * 97 % 4_001) as i16 - 2_000;
            *sample = if silent { noise / 500 } else { noise };
        }
        phone.media.push(&self.pcm).unwrap();
        while let Some(sent) = phone.media.poll_transmit(now_ns) {
            let Some(packet) = self.packets.get_mut(self.count) else { break };
            if (tick + n as u64).is_multiple_of(17) {
                continue;
            }
            (packet.phone, packet.length) = (n, sent.len());
            packet.bytes[..sent.len()].copy_from_slice(sent);
            packet.bytes[sent.len() - 1] ^= u8::from(tick.is_multiple_of(23));
            self.count += 1;
        }
    }

    /// A payload that nobody here decodes crosses from the first phone to the second.
    fn relay(&mut self, tick: u64, now_ns: u64) {
        if !self.features {
            return;
        }
        let payload = [tick as u8; 40];
        let passed = ale_media::leg::Passed {
            payload_type: RELAYED,
            sequence: tick as u16,
            timestamp: tick as u32 * 900,
            ssrc: 5,
            marker: false,
            payload_offset: 0,
            payload_bytes: payload.len(),
        };
        let [first, second, ..] = &mut self.phones[..] else { return };
        let Some(sent) = first.media.relay(&passed, &payload) else { return };
        let mut datagram = [0; 256];
        let length = sent.len();
        datagram[..length].copy_from_slice(sent);
        if let Ok(Received::PassThrough(passed)) =
            self.bridge[0].receive(&mut datagram[..length], now_ns)
        {
            let end = passed.payload_offset + passed.payload_bytes;
            let _ = second.media.relay(&passed, &datagram[passed.payload_offset..end]);
        }
    }
}

fn switch_on(config: &mut LegConfig) {
    config.telephone_events =
        vec![ale_media::leg::TelephoneEvents { payload_type: 101, clock_hz: None }];
    config.redundancy = Some(Redundant::always(121, 2));
    config.header_extensions.audio_level = Some(1);
    config.header_extensions.mixer_levels = Some(2);
    config.header_extensions.absolute_send_time = Some(3);
    config.header_extensions.mid = Mid::new("audio").map(|mid| (4, mid));
    config.silence_suppression = true;
    config.inband_tones = InbandTones::DigitsRemoved;
    config.call_progress = true;
    config.freeze_for_modems = true;
    config.nack = Nack::ReducedSize;
    config.pass_through = vec![PassThrough { payload_type: RELAYED, rtp_clock_hz: 90_000 }];
    config.jitter.black_box_bytes = 20_000;
    config.jitter.black_box_audio = true;
    config.jitter.drift = DriftMode::Resample;
}
