// SPDX-License-Identifier: MIT OR Apache-2.0
//! A packet of a tap's, and how it lies in a ring that is made for frames of PCM.

use crate::jitter::{MAX_PAYLOAD_BYTES, PacketMeta};
use crate::member::MemberId;
use crate::within::Within;

/// Words of 16 bits in front of a payload.
const PREFIX: usize = 9;
/// Words that a packet takes at most.
pub(crate) const PACKET_WORDS: usize = PREFIX + MAX_PAYLOAD_BYTES / 2;

const MARKER: u16 = 1 << 8;

/// A packet of a member's, as it came in, decrypted and not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapPacket {
    /// The tick in which it was taken, by the time of [`TapFrame::time_ns`](super::TapFrame::time_ns).
    pub time_ns: u64,
    /// When it arrived, by the host's clock.
    pub arrival_ns: u64,
    /// Whose.
    pub member: MemberId,
    /// RTP's source.
    pub ssrc: u32,
    /// RTP's sequence number.
    pub sequence: u16,
    /// RTP's timestamp.
    pub timestamp: u32,
    /// RTP's payload type; of redundant audio (RFC 2198) that of the primary block, which is its payload here.
    pub payload_type: u8,
    /// RTP's marker bit.
    pub marker: bool,
    /// Bytes of payload.
    pub bytes: usize,
    /// Packets before this one that were lost because nobody read.
    pub lost_packets: u64,
}

/// Writes a packet down for the ring; returns how many words it takes.
pub(crate) fn pack(meta: &PacketMeta, payload: &[u8], words: &mut [i16]) -> usize {
    let payload = payload.head(payload.len().min(MAX_PAYLOAD_BYTES));
    let marker = if meta.marker { MARKER } else { 0 };
    let (time, at) = (meta.timestamp, meta.arrival_ns);
    let prefix: [u16; PREFIX] = [
        meta.sequence,
        (time >> 16) as u16,
        time as u16,
        u16::from(meta.payload_type) | marker,
        payload.len() as u16,
        (at >> 48) as u16,
        (at >> 32) as u16,
        (at >> 16) as u16,
        at as u16,
    ];
    let (pairs, odd) = payload.as_chunks::<2>();
    let pairs = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let all = prefix.into_iter().chain(pairs).chain(odd.first().map(|last| u16::from(*last)));
    let mut count = 0;
    for (to, from) in words.iter_mut().zip(all) {
        *to = from.cast_signed();
        count += 1;
    }
    count
}

/// Reads what [`pack`] has written: the packet but for what stands in the ring's head, and its payload to the
/// front of `payload`, which has room for any.
pub(crate) fn unpack(words: &[i16], member: MemberId, payload: &mut [u8]) -> Option<TapPacket> {
    let (prefix, body) = words.split_first_chunk::<PREFIX>()?;
    let [sequence, time_high, time_low, kind, bytes, at @ ..] = prefix.map(i16::cast_unsigned);
    let bytes = usize::from(bytes);
    let payload = payload.get_mut(..bytes)?;
    for (to, from) in payload.chunks_mut(2).zip(body) {
        to.iter_mut().zip(from.to_le_bytes()).for_each(|(to, from)| *to = from);
    }
    Some(TapPacket {
        time_ns: 0,
        arrival_ns: at.iter().fold(0, |at, part| at << 16 | u64::from(*part)),
        member,
        ssrc: 0,
        sequence,
        timestamp: u32::from(time_high) << 16 | u32::from(time_low),
        payload_type: kind as u8,
        marker: kind & MARKER != 0,
        bytes,
        lost_packets: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_any_length_come_out_as_they_went_in() {
        let member = MemberId { index: 3, generation: 1 };
        for bytes in (0..20).chain([159, 160, MAX_PAYLOAD_BYTES]) {
            let payload: alloc::vec::Vec<u8> = (0..bytes).map(|n| (n * 7 + 1) as u8).collect();
            let mut meta = PacketMeta::default();
            meta.arrival_ns = 0x0123_4567_89ab_cdef;
            (meta.timestamp, meta.sequence) = (0xfedc_ba98, 0xabcd);
            (meta.payload_type, meta.marker) = (127, bytes & 1 == 0);
            let mut words = [-1; PACKET_WORDS];
            let count = pack(&meta, &payload, &mut words);
            assert_eq!(count, PREFIX + bytes.div_ceil(2));
            let mut out = [0; MAX_PAYLOAD_BYTES];
            let packet = unpack(&words[..count], member, &mut out).unwrap();
            assert_eq!((packet.bytes, &out[..bytes]), (bytes, &payload[..]));
            assert_eq!(packet.arrival_ns, meta.arrival_ns);
            assert_eq!((packet.timestamp, packet.sequence), (meta.timestamp, meta.sequence));
            assert_eq!((packet.payload_type, packet.marker), (127, meta.marker));
            assert!(
                unpack(&words[..count], member, &mut out[..bytes.saturating_sub(1)]).is_none()
                    || bytes == 0
            );
        }
        assert!(unpack(&[0; PREFIX - 1], member, &mut []).is_none());
    }
}
