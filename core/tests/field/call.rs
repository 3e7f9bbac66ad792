// SPDX-License-Identifier: MIT OR Apache-2.0
//! A leg, a peer that sends what a test says, and a clock that the test moves.

use std::net::SocketAddr;

use ale_media::codec::CodecSpec;
use ale_media::leg::{
    Leg, LegConfig, LegControl, LegEvent, LegMedia, LegReceiver, ReceiveError, Received,
    SrtpConfig, TelephoneEvents,
};
use ale_media::rtp::RtpHeader;
use ale_media::srtp::{MasterKey, Sender, SessionConfig, Suite};

pub(crate) const MS: u64 = 1_000_000;

/// A leg under test, and the peer's keys.
pub(crate) struct Call {
    pub(crate) receiver: LegReceiver,
    pub(crate) media: LegMedia,
    pub(crate) control: LegControl,
    pub(crate) peer: Option<Sender>,
    pub(crate) now_ns: u64,
    pub(crate) heard: Vec<i16>,
}

pub(crate) fn key(byte: u8) -> SessionConfig {
    let master = MasterKey::new(&[byte; 16], &[byte; 14]).unwrap();
    SessionConfig::new(Suite::AesCm128HmacSha1_80, master)
}

pub(crate) fn call(config: &LegConfig) -> Call {
    let (receiver, media, control) = Leg::new(config).unwrap();
    Call { receiver, media, control, peer: None, now_ns: 1_000 * MS, heard: Vec::new() }
}

pub(crate) fn plain() -> LegConfig {
    let mut config = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    config.telephone_events.push(TelephoneEvents { payload_type: 101, clock_hz: None });
    config
}

pub(crate) fn sealed() -> Call {
    let mut peers = key(2);
    peers.max_streams = 64;
    sealed_by(&key(2), Some(Sender::new(&peers).unwrap()))
}

/// A leg that receives by a line, and its peer.
pub(crate) fn sealed_by(receive: &SessionConfig, peer: Option<Sender>) -> Call {
    let mut config = LegConfig::new(1, 0, CodecSpec::Pcmu);
    config.srtp = Some(SrtpConfig { send: key(1), receive: receive.clone() });
    Call { peer, ..call(&config) }
}

/// A loud 400 Hz tone, 20 ms from a timestamp on.
pub(crate) fn tone(timestamp: u32) -> [u8; 160] {
    std::array::from_fn(
        |n| if ((timestamp as usize + n) / 10).is_multiple_of(2) { 0x8f } else { 0x0f },
    )
}

impl Call {
    /// Another key for what the peer sends.
    pub(crate) fn peer_sends_under(&mut self, line: &SessionConfig) {
        self.peer = Some(Sender::new(line).unwrap());
    }

    pub(crate) fn seal(&mut self, header: &RtpHeader<'_>, payload: &[u8]) -> Vec<u8> {
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

    pub(crate) fn voice(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
    ) -> Result<Received, ReceiveError> {
        let header = RtpHeader { ssrc, sequence, timestamp, ..RtpHeader::default() };
        let mut datagram = self.seal(&header, &tone(timestamp));
        self.receiver.receive(&mut datagram, self.now_ns)
    }

    /// 20 ms of voice from an address.
    pub(crate) fn voice_from(&mut self, from: SocketAddr, ssrc: u32, sequence: u16) -> bool {
        let timestamp = 160 * u32::from(sequence);
        let header = RtpHeader { ssrc, sequence, timestamp, ..RtpHeader::default() };
        let mut datagram = self.seal(&header, &tone(timestamp));
        let result = self.receiver.receive_from(&mut datagram, from, self.now_ns);
        result == Ok(Received::Media)
    }

    /// RTCP from the peer, in plain.
    pub(crate) fn rtcp(&mut self, datagram: &[u8]) -> Result<Received, ReceiveError> {
        self.receiver.receive(&mut datagram.to_vec(), self.now_ns)
    }

    pub(crate) fn events(&mut self) -> Vec<LegEvent> {
        std::iter::from_fn(|| self.control.next_event()).collect()
    }

    pub(crate) fn event(
        &mut self,
        sequence: u16,
        timestamp: u32,
        event: u8,
        end: bool,
        ticks: u16,
    ) {
        self.event_of(7, sequence, timestamp, event, end, ticks);
    }

    pub(crate) fn event_of(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        event: u8,
        end: bool,
        ticks: u16,
    ) {
        let header =
            RtpHeader { ssrc, sequence, timestamp, payload_type: 101, ..RtpHeader::default() };
        let [high, low] = ticks.to_be_bytes();
        let mut datagram = self.seal(&header, &[event, u8::from(end) << 7 | 10, high, low]);
        let _ = self.receiver.receive(&mut datagram, self.now_ns);
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            let mut pcm = [0; 80];
            self.media.pull(self.now_ns, &mut pcm).unwrap();
            self.heard.extend(pcm);
            self.now_ns += 10 * MS;
        }
    }

    /// Packets of a source every 20 ms; how many were taken.
    pub(crate) fn stream(&mut self, ssrc: u32, sequence: u16, timestamp: u32, count: u16) -> usize {
        let mut taken = 0;
        for n in 0..count {
            let timestamp = timestamp.wrapping_add(160 * u32::from(n));
            let result = self.voice(ssrc, sequence.wrapping_add(n), timestamp);
            taken += usize::from(result == Ok(Received::Media));
            self.wait(20);
        }
        taken
    }

    pub(crate) fn digits(&mut self) -> Vec<(u8, u32)> {
        let events = self.events().into_iter();
        let ended = |event| match event {
            LegEvent::DigitEnded { event, duration_ms } => Some((event, duration_ms)),
            _ => None,
        };
        events.filter_map(ended).collect()
    }

    pub(crate) fn loudness(&self, ms: usize) -> f64 {
        let tail = &self.heard[self.heard.len() - 8 * ms..];
        let power: f64 = tail.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        (power / tail.len() as f64).sqrt()
    }
}
