// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which payload type is decoded by what: [`DecoderMap`]. Built on any thread, then owned by the
//! audio thread.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::config::JitterError;
use crate::codec::Decoder;

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
}

/// Payload types and their decoders. A type that is not in it (telephone-event, say) is counted and
/// passed over.
pub struct DecoderMap {
    kinds: [Kind; 128],
    decoders: Vec<Box<dyn Decoder>>,
}

impl Default for DecoderMap {
    fn default() -> Self {
        Self::new()
    }
}

impl DecoderMap {
    /// An empty map.
    pub fn new() -> Self {
        Self { kinds: [Kind::Unknown; 128], decoders: Vec::new() }
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

    fn set(&mut self, payload_type: u8, kind: Kind) -> Result<(), JitterError> {
        if self.decoders.len() >= 128 {
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

    /// Replaces every decoder by what `f` makes of it.
    pub(crate) fn convert(
        &mut self,
        f: impl FnMut(Box<dyn Decoder>) -> Result<Box<dyn Decoder>, JitterError>,
    ) -> Result<(), JitterError> {
        self.decoders =
            core::mem::take(&mut self.decoders).into_iter().map(f).collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(crate) fn decoders(&self) -> &[Box<dyn Decoder>] {
        &self.decoders
    }
}

impl fmt::Debug for DecoderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.kinds.iter().enumerate().filter(|(_, kind)| **kind != Kind::Unknown);
        f.debug_map().entries(known).finish()
    }
}
