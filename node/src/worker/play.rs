// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is played to a peer in place of what the other says: as PCM where lines are translated, and as packets of its
//! own where packets go on as they are.

use ale_media::codec::Encoder;

use super::{End, Relay, TICK_NS, count};
use crate::play::Player;

/// Samples of a tick at the highest rate.
const MAX_SAMPLES: usize = (48 * TICK_NS / 1_000_000) as usize;
const HEADER_BYTES: usize = 12;
/// The longest payload: Opus's (RFC 6716 section 3.4), above those of G.711 and G.722.
const MAX_PAYLOAD_BYTES: usize = 1_275;
/// Room behind a packet for what SRTP adds.
const ROOM_BYTES: usize = 64;

/// A source of RTP (RFC 3550) of its own.
pub struct Source {
    /// What the peer knows the codec by.
    pub payload_type: u8,
    /// The codec, of one channel; its rate is the player's.
    pub encoder: Box<dyn Encoder>,
    /// A random number that is no other source's.
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    /// Of its first sample.
    pub timestamp: u32,
}

impl core::fmt::Debug for Source {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Source").field("payload_type", &self.payload_type).finish_non_exhaustive()
    }
}

/// A sound on its way to a peer.
#[derive(Debug)]
pub struct Playing {
    /// The sound.
    pub player: Player,
    /// Who sends it, where nobody else makes packets.
    pub source: Option<Source>,
    /// Whether nothing was sent yet.
    pub begins: bool,
}

impl Playing {
    /// Whether the peer hears it, and nothing else.
    pub(super) fn is_heard(&self) -> bool {
        self.player.is_playing()
    }
}

/// Plays on to a peer whose packets are passed on; whether there is more to come.
pub(super) fn send_on(end: &mut End<Relay>) -> bool {
    let End { facing, media } = end;
    let to = facing.to(false, media.receiver.remote_address());
    let Some(playing) = facing.playing.as_deref_mut().filter(|playing| playing.is_heard()) else {
        return false;
    };
    let Some(source) = &mut playing.source else { return false };
    let format = source.encoder.format();
    let of_a_tick = |hz: u32| u64::from(hz) * TICK_NS / 1_000_000_000;
    let mut room = [0; MAX_SAMPLES];
    let Some(pcm) = room.get_mut(..of_a_tick(format.sample_rate_hz) as usize) else { return false };
    playing.player.fill(pcm);
    let mut packet = [0; HEADER_BYTES + MAX_PAYLOAD_BYTES + ROOM_BYTES];
    let (header, rest) = packet.split_at_mut(HEADER_BYTES);
    let marker = u8::from(core::mem::take(&mut playing.begins)) << 7;
    let words = [
        &[0x80, marker | source.payload_type][..],
        &source.sequence.to_be_bytes(),
        &source.timestamp.to_be_bytes(),
        &source.ssrc.to_be_bytes(),
    ];
    for (place, byte) in header.iter_mut().zip(words.into_iter().flatten()) {
        *place = *byte;
    }
    let payload = rest.get_mut(..MAX_PAYLOAD_BYTES).unwrap_or_default();
    let Ok(bytes) = source.encoder.encode(pcm, payload) else { return false };
    source.sequence = source.sequence.wrapping_add(1);
    source.timestamp = source.timestamp.wrapping_add(of_a_tick(format.rtp_clock_hz) as u32);
    media.receiver.apply_commands();
    media.sender.apply_commands();
    let sealed = media.sender.seal(HEADER_BYTES + bytes, bytes, &mut packet);
    if !facing.sockets.send(false, &packet, sealed, to) {
        count(&facing.counters.unsent, 1);
    }
    playing.is_heard()
}
