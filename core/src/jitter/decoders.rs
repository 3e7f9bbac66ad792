// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which payload type is decoded by what: [`DecoderMap`]. Built on any thread, then owned by the
//! audio thread.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::config::{JitterError, MAX_PACKET_MS};
use crate::codec::convert::to_mono_at;
use crate::codec::{CodecError, Decoder, Format};
use crate::within::push_in;

/// What a payload type means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing that is decoded here.
    Unknown,
    /// Comfort noise (RFC 3389).
    ComfortNoise,
    /// Redundant audio (RFC 2198) around other payload types.
    Redundant,
    /// Sound, by the decoder with this index.
    Sound(u8),
    /// Sound, by the decoder that another map has for this payload type.
    Kept(u8),
}

/// Payload types and their decoders. A type that is not in it (telephone-event, say) is counted and
/// passed over.
pub struct DecoderMap {
    kinds: [Kind; 128],
    decoders: Vec<Box<dyn Decoder>>,
    /// How many more come from the map that this one takes the place of.
    kept: usize,
}

/// A map whose decoders give what a buffer plays, with room for those that it keeps.
#[derive(Debug)]
pub struct PreparedDecoders(DecoderMap);

impl Default for DecoderMap {
    fn default() -> Self {
        Self::new()
    }
}

impl DecoderMap {
    /// An empty map.
    pub fn new() -> Self {
        Self { kinds: [Kind::Unknown; 128], decoders: Vec::new(), kept: 0 }
    }

    /// Decodes `payload_type` with `decoder`, in place of what it meant before.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`JitterError::PayloadType`] above 127.
    pub fn insert(
        &mut self,
        payload_type: u8,
        decoder: Box<dyn Decoder>,
    ) -> Result<(), JitterError> {
        let index = self.decoders.len();
        self.set(payload_type, Kind::Sound(index as u8))?;
        self.decoders.push(decoder);
        Ok(())
    }

    /// Marks `payload_type` as comfort noise (RFC 3389); 13 is the static type.
    ///
    /// # Errors
    /// [`JitterError::PayloadType`] above 127.
    pub fn insert_comfort_noise(&mut self, payload_type: u8) -> Result<(), JitterError> {
        self.set(payload_type, Kind::ComfortNoise)
    }

    /// Marks `payload_type` as redundant audio (RFC 2198); what it wraps is played, and its older
    /// blocks stand in for packets that were lost.
    ///
    /// # Errors
    /// [`JitterError::PayloadType`] above 127.
    pub fn insert_redundant(&mut self, payload_type: u8) -> Result<(), JitterError> {
        self.set(payload_type, Kind::Redundant)
    }

    /// Decodes `payload_type` by what decodes `was` in the map that this one takes the place of
    /// ([`JitterReader::replace_decoders`](super::JitterReader::replace_decoders)): the same decoder,
    /// with all that it remembers. Where there is none, the type is unknown.
    ///
    /// # Errors
    /// [`JitterError::PayloadType`] above 127.
    pub fn keep(&mut self, payload_type: u8, was: u8) -> Result<(), JitterError> {
        self.set(payload_type, Kind::Kept(was & 0x7f))?;
        self.kept += 1;
        Ok(())
    }

    fn set(&mut self, payload_type: u8, kind: Kind) -> Result<(), JitterError> {
        if self.decoders.len() + self.kept >= 128 {
            return Err(JitterError::PayloadType);
        }
        let slot = self.kinds.get_mut(usize::from(payload_type));
        *slot.ok_or(JitterError::PayloadType)? = kind;
        Ok(())
    }

    /// The payload types of redundant audio, a bit each.
    pub(crate) fn redundant_types(&self) -> u128 {
        let kinds = self.kinds.iter().enumerate();
        kinds.filter(|(_, kind)| **kind == Kind::Redundant).fold(0, |all, (n, _)| all | 1 << n)
    }

    #[inline]
    pub(crate) fn kind(&self, payload_type: u8) -> Kind {
        self.kinds[usize::from(payload_type & 0x7f)]
    }

    #[inline]
    pub(crate) fn decoder(&self, index: u8) -> Option<&dyn Decoder> {
        self.decoders.get(usize::from(index)).map(|d| &**d)
    }

    #[inline]
    pub(crate) fn decoder_mut(&mut self, index: u8) -> Option<&mut Box<dyn Decoder>> {
        self.decoders.get_mut(usize::from(index))
    }

    /// Of the codec that takes most.
    pub(crate) fn bytes_per_second(&self) -> u32 {
        self.decoders.iter().map(|decoder| decoder.bytes_per_second()).max().unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.decoders.is_empty()
    }

    /// Makes every decoder give mono PCM at `sample_rate_hz`.
    pub(crate) fn prepare(self, sample_rate_hz: u32) -> Result<PreparedDecoders, JitterError> {
        let mut decoders = Vec::with_capacity(self.decoders.len() + self.kept);
        for decoder in self.decoders {
            let mono = to_mono_at(decoder, sample_rate_hz, MAX_PACKET_MS);
            decoders.push(mono.ok_or(JitterError::DecoderFormat)?);
        }
        if decoders.capacity() == 0 {
            return Err(JitterError::NoDecoder);
        }
        Ok(PreparedDecoders(Self { decoders, ..self }))
    }

    /// Puts `new` in this map's place and gives this one back, without the decoders that the new one
    /// keeps. `current` is the index of a decoder before and after, if it is kept.
    pub(crate) fn replace(
        &mut self,
        new: PreparedDecoders,
        current: &mut Option<u8>,
    ) -> PreparedDecoders {
        let mut old = core::mem::replace(self, new.0);
        let was_current = current.take();
        // A decoder that is kept for several payload types is one decoder there, too.
        let mut moved = [None; 128];
        for kind in &mut self.kinds {
            let Kind::Kept(was) = *kind else { continue };
            *kind = Kind::Unknown;
            let Kind::Sound(index) = old.kind(was) else { continue };
            let (Some(place), Some(taken)) =
                (moved.get_mut(usize::from(index)), old.decoders.get_mut(usize::from(index)))
            else {
                continue;
            };
            let at = *place.get_or_insert_with(|| {
                // A box of nothing takes no memory.
                let decoder = core::mem::replace(taken, Box::new(Gone));
                push_in(&mut self.decoders, decoder);
                (self.decoders.len() - 1) as u8
            });
            *kind = Kind::Sound(at);
            if was_current == Some(index) {
                *current = Some(at);
            }
        }
        self.kept = 0;
        PreparedDecoders(old)
    }
}

impl PreparedDecoders {
    pub(crate) fn into_map(self) -> DecoderMap {
        // There is no map before this one to keep anything of.
        let mut map = self.0;
        for kind in &mut map.kinds {
            if matches!(kind, Kind::Kept(_)) {
                *kind = Kind::Unknown;
            }
        }
        map
    }
}

/// What is left in a map of a decoder that went to another.
struct Gone;

impl Decoder for Gone {
    fn format(&self) -> Format {
        Format { sample_rate_hz: 8000, channels: 1, rtp_clock_hz: 8000 }
    }
    fn packet_samples(&self, _: &[u8]) -> Result<usize, CodecError> {
        Err(CodecError::Unsupported)
    }
    fn decode(&mut self, _: &[u8], _: &mut [i16]) -> Result<usize, CodecError> {
        Err(CodecError::Unsupported)
    }
    fn reset(&mut self) {}
}

impl fmt::Debug for DecoderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.kinds.iter().enumerate().filter(|(_, kind)| **kind != Kind::Unknown);
        f.debug_map().entries(known).finish()
    }
}
