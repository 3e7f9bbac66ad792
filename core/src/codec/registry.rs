// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs by the names of session descriptions.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::CodecError;
use super::host::{HostCodec, SharedHostCodec, check, split};
use super::spec::CodecSpec;

/// Codecs by the names of session descriptions: the host's first, then the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct CodecRegistry {
    host: Vec<SharedHostCodec>,
}

impl CodecRegistry {
    /// One with the built-in codecs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a codec of the host's. It goes before one of the same encoding, built-in or not.
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`] unless its encoding has a name and the clock of its format,
    /// and its format is one that can be played.
    pub fn register(&mut self, codec: Arc<dyn HostCodec>) -> Result<(), CodecError> {
        check(codec.as_ref())?;
        self.host.insert(0, SharedHostCodec(codec));
        Ok(())
    }

    /// The codec of an `a=rtpmap` encoding, as [`CodecSpec::from_rtpmap`].
    pub fn from_rtpmap(&self, encoding: &str) -> Option<CodecSpec> {
        let host = self.host.iter().find(|codec| same_encoding(codec.0.encoding(), encoding));
        host.map(|codec| CodecSpec::Host(codec.clone()))
            .or_else(|| CodecSpec::from_rtpmap(encoding))
    }

    /// The codec of a static payload type (RFC 3551 section 6).
    pub fn from_static_payload_type(&self, payload_type: u8) -> Option<CodecSpec> {
        let of_type =
            |codec: &&SharedHostCodec| codec.0.static_payload_type() == Some(payload_type);
        let host = self.host.iter().find(of_type);
        host.map(|codec| CodecSpec::Host(codec.clone()))
            .or_else(|| CodecSpec::from_static_payload_type(payload_type))
    }
}

/// Names are compared without regard to case, and channels may be left out.
fn same_encoding(a: &str, b: &str) -> bool {
    match (split(a), split(b)) {
        (Some((a, a_hz)), Some((b, b_hz))) => a.eq_ignore_ascii_case(b) && a_hz == b_hz,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;
    use crate::codec::g711::{self, G711, Law};
    use crate::codec::{Decoder, Encoder, Format};

    #[derive(Debug)]
    struct Named(&'static str, Option<u8>);

    impl HostCodec for Named {
        fn encoding(&self) -> &str {
            self.0
        }
        fn format(&self) -> Format {
            g711::FORMAT
        }
        fn static_payload_type(&self) -> Option<u8> {
            self.1
        }
        fn encoder(&self) -> Result<Box<dyn Encoder>, CodecError> {
            Ok(Box::new(G711(Law::A)))
        }
        fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
            Ok(Box::new(G711(Law::A)))
        }
    }

    #[test]
    fn the_hosts_codecs_are_found_by_name_and_number_before_our_own() {
        let mut registry = CodecRegistry::new();
        assert_eq!(registry.from_rtpmap("G729/8000"), None);
        registry.register(Arc::new(Named("G729/8000", Some(18)))).unwrap();
        registry.register(Arc::new(Named("PCMU/8000/1", Some(0)))).unwrap();
        let g729 = registry.from_rtpmap("g729/8000/1").unwrap();
        assert_eq!(g729.name(), "G729");
        assert_eq!(registry.from_static_payload_type(18), Some(g729.clone()));
        assert_ne!(registry.from_rtpmap("PCMU/8000"), Some(CodecSpec::Pcmu));
        assert_eq!(registry.from_rtpmap("PCMA/8000"), Some(CodecSpec::Pcma));
        assert_eq!(registry.from_rtpmap("G729/16000"), None);
        assert_ne!(g729, registry.from_rtpmap("PCMU/8000").unwrap());
    }

    #[test]
    fn impossible_codecs_are_refused() {
        for encoding in ["", "G729", "/8000", "G729/x", "G729/16000", "G\"729/8000"] {
            let refused = CodecRegistry::new().register(Arc::new(Named(encoding, None)));
            assert_eq!(refused, Err(CodecError::InvalidArgument), "{encoding}");
        }
    }
}
