// SPDX-License-Identifier: MIT OR Apache-2.0
//! What thousands of phones say, encoded once: all phones that say the same in a beat send the same
//! payload, each in packets of its own. Encoding it for each would keep the phones, not the bridge,
//! from being in time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ale_media::codec::{
    CodecError, CodecSpec, Decoder, Encoder, Format, HostCodec, SharedHostCodec,
};

/// A codec whose encoders are one.
pub(super) struct Tape {
    spec: CodecSpec,
    encoding: String,
    head: Arc<Mutex<Head>>,
}

struct Head {
    encoder: Box<dyn Encoder>,
    /// What was encoded in this beat; empty if nothing was yet, or if there is nothing to send.
    payload: Vec<u8>,
    is_fresh: bool,
}

impl Tape {
    /// A tape of what `spec`'s encoder makes.
    ///
    /// # Errors
    /// The encoder's.
    pub(super) fn new(spec: &CodecSpec) -> Result<Arc<Self>, CodecError> {
        let head = Head { encoder: spec.encoder()?, payload: Vec::new(), is_fresh: false };
        Ok(Arc::new(Self {
            spec: spec.clone(),
            encoding: format!("TAPE/{}", spec.format().rtp_clock_hz),
            head: Arc::new(Mutex::new(head)),
        }))
    }

    /// The codec that a phone sends with.
    pub(super) fn codec(self: &Arc<Self>) -> CodecSpec {
        CodecSpec::Host(SharedHostCodec(self.clone()))
    }

    /// The next beat: what is encoded first in it is what all send in it.
    pub(super) fn advance(&self) {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).is_fresh = false;
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tape").field(&self.spec).finish()
    }
}

impl HostCodec for Tape {
    fn encoding(&self) -> &str {
        &self.encoding
    }

    fn format(&self) -> Format {
        self.spec.format()
    }

    fn encoder(&self) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(Track { format: self.spec.format(), head: self.head.clone() }))
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
        self.spec.decoder(self.spec.format().sample_rate_hz)
    }
}

struct Track {
    format: Format,
    head: Arc<Mutex<Head>>,
}

impl Encoder for Track {
    fn format(&self) -> Format {
        self.format
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let head = &mut *head;
        if !head.is_fresh {
            head.payload.resize(payload.len(), 0);
            let bytes = head.encoder.encode(pcm, &mut head.payload)?;
            head.payload.truncate(bytes);
            head.is_fresh = true;
        }
        let bytes = head.payload.len();
        payload.get_mut(..bytes).ok_or(CodecError::Capacity)?.copy_from_slice(&head.payload);
        Ok(bytes)
    }

    // The others go on listening.
    fn reset(&mut self) {}
}
