// SPDX-License-Identifier: MIT OR Apache-2.0
//! How C names codecs, and session descriptions do.

use alloc::string::String;
#[cfg(feature = "opus")]
use alloc::string::ToString;
use core::ffi::c_char;

use ale_media::codec::CodecSpec;
#[cfg(feature = "opus")]
use ale_media::codec::fmtp::OpusFmtp;
use ale_media::rtp::is_payload_type;

use crate::codec_host::ale_host_codec;
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// A codec under a payload type, as in an a=rtpmap line (RFC 8866 section 6.6).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_codec {
    /// 0 to 127; not 64 to 95.
    pub payload_type: u8,
    /// "PCMU/8000", "PCMA/8000", "G722/8000", "L16/16000" (or 8000, 32000, 48000) or
    /// "opus/48000/2"; case does not matter.
    pub encoding: *const c_char,
    /// For Opus, samples a second of its PCM: 8000, 16000 or 48000; 0 for 48000. Else ignored.
    pub sample_rate_hz: u32,
    /// For Opus, 6000 to 510000; 0 for 24000. Else ignored.
    pub bit_rate_bps: u32,
    /// For Opus, what the encoder may spend, 1 to 10; 0 for 5. Else ignored.
    pub complexity: u32,
    /// For Opus, what the decoder may spend, 0 to 10: from 5 on losses are concealed by a neural
    /// network, from 6 on speech is enhanced. ALE_ERR_UNSUPPORTED in a library that was built without.
    pub decoder_complexity: u32,
    /// For Opus, the past that every packet repeats by deep redundancy, in ms, at most 1040; 0 for
    /// none. ALE_ERR_UNSUPPORTED in a library that was built without.
    pub dred_ms: u32,
    /// For Opus, the parameters of the peer's a=fmtp line (RFC 7587 section 6.1), which narrow what is
    /// sent: "useinbandfec=1;usedtx=1". NULL for in-band FEC and nothing else. Else ignored.
    pub fmtp: *const c_char,
    /// A codec of the host's, which goes before the encoding; NULL for a built-in one.
    pub host: *const ale_host_codec,
}

impl ale_codec {
    pub(crate) const NONE: Self = Self {
        payload_type: 0,
        encoding: core::ptr::null(),
        sample_rate_hz: 0,
        bit_rate_bps: 0,
        complexity: 0,
        decoder_complexity: 0,
        dred_ms: 0,
        fmtp: core::ptr::null(),
        host: core::ptr::null(),
    };

    /// The codec that this names, as the peer's parameters narrow it.
    ///
    /// # Safety
    /// `encoding` and `fmtp` are NULL or strings, and `host` NULL or a codec.
    pub(crate) unsafe fn spec(&self) -> Result<CodecSpec, ale_status> {
        // SAFETY: the caller's.
        if let Some(host) = unsafe { self.host.as_ref() } {
            return Ok(host.spec());
        }
        // SAFETY: the caller's.
        let encoding = unsafe { pointer::text(self.encoding) }?;
        let encoding = encoding.ok_or(ale_status::ALE_ERR_ENCODING)?;
        let spec = CodecSpec::from_rtpmap(encoding).ok_or(ale_status::ALE_ERR_UNSUPPORTED)?;
        #[cfg(feature = "opus")]
        if let CodecSpec::Opus(mut config) = spec {
            if self.sample_rate_hz != 0 {
                if ![8_000, 16_000, 48_000].contains(&self.sample_rate_hz) {
                    return Err(ale_status::ALE_ERR_SAMPLE_RATE);
                }
                config.sample_rate_hz = self.sample_rate_hz;
            }
            if self.bit_rate_bps != 0 {
                config.bit_rate_bps = self.bit_rate_bps;
            }
            if self.complexity != 0 {
                config.complexity = narrow(self.complexity)?;
            }
            config.decoder_complexity = narrow(self.decoder_complexity)?;
            config.dred_ms = narrow(self.dred_ms)?;
            // SAFETY: the caller's.
            if let Some(fmtp) = unsafe { pointer::text(self.fmtp) }? {
                let invalid = |_| ale_status::ALE_ERR_ENCODING;
                config = OpusFmtp::parse(fmtp).map_err(invalid)?.apply(config);
            }
            return Ok(CodecSpec::Opus(config));
        }
        Ok(spec)
    }

    /// What a description says of it as a receiver.
    fn parameters(&self, spec: &CodecSpec) -> String {
        match spec {
            #[cfg(feature = "opus")]
            CodecSpec::Opus(config) => {
                let mut fmtp = OpusFmtp::of(config);
                // A host that has set none does not mean to hold the peer to the default.
                fmtp.maxaveragebitrate = fmtp.maxaveragebitrate.filter(|_| self.bit_rate_bps != 0);
                fmtp.to_string()
            }
            _ => String::new(),
        }
    }
}

/// Reads a codec out of a session description (RFC 8866 section 6.6): what stands behind the payload type
/// in its a=rtpmap line, "opus/48000/2", and in its a=fmtp line, NULL where there is none. A static
/// payload type (RFC 3551 section 6) needs no rtpmap: NULL. The codec's strings are these two, not copied:
/// they have to last until something has been made of it. All other members are 0. Comfort noise, telephone
/// events and redundancy are no codecs: they are numbers in an ale_leg_config. Any thread. Not real-time.
///
/// Can return ALE_ERR_PAYLOAD_TYPE, ALE_ERR_UNSUPPORTED for a codec that is not known, and
/// ALE_ERR_ENCODING for parameters of Opus (RFC 7587 section 6.1) with impossible values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_codec_parse(
    payload_type: u32,
    rtpmap: *const c_char,
    fmtp: *const c_char,
    codec: *mut ale_codec,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(codec) }?;
        let payload_type = u8::try_from(payload_type).ok();
        let payload_type = payload_type.filter(|n| is_payload_type(*n));
        let payload_type = payload_type.ok_or(ale_status::ALE_ERR_PAYLOAD_TYPE)?;
        let encoding = if rtpmap.is_null() { static_encoding(payload_type)? } else { rtpmap };
        let parsed = ale_codec { payload_type, encoding, fmtp, ..ale_codec::NONE };
        // SAFETY: the header's contract.
        unsafe { parsed.spec() }?;
        *out = parsed;
        Ok(())
    })
}

/// The encoding of a static payload type.
fn static_encoding(payload_type: u8) -> Result<*const c_char, ale_status> {
    let encoding = match payload_type {
        0 => c"PCMU/8000",
        8 => c"PCMA/8000",
        9 => c"G722/8000",
        10 => c"L16/44100/2",
        11 => c"L16/44100",
        _ => return Err(ale_status::ALE_ERR_UNSUPPORTED),
    };
    Ok(encoding.as_ptr())
}

/// Writes what a session description says of a codec that is to be received: what stands behind the payload
/// type in its a=rtpmap line, and in its a=fmtp line, which is "" where nothing need be said. Opus says
/// what this side wants to be sent (RFC 7587 section 6.1): a rate below 48000, the bit rate where one is
/// set, mono, in-band FEC, no discontinuous transmission, which a host that wants it asks for in its place;
/// codec->fmtp is the peer's, and has no part in it. 64 and 192 bytes are enough. Each ends with a zero
/// byte. Any thread. Not real-time.
///
/// Can return ALE_ERR_CAPACITY, and what ale_codec_parse can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_codec_print(
    codec: *const ale_codec,
    rtpmap: *mut c_char,
    rtpmap_capacity: usize,
    fmtp: *mut c_char,
    fmtp_capacity: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (codec, rtpmap, fmtp) = unsafe {
            (
                pointer::shared(codec)?,
                pointer::slice_mut(rtpmap, rtpmap_capacity)?,
                pointer::slice_mut(fmtp, fmtp_capacity)?,
            )
        };
        let ours = ale_codec { fmtp: core::ptr::null(), ..*codec };
        // SAFETY: the header's contract.
        let spec = unsafe { ours.spec() }?;
        let (encoding, parameters) = (spec.rtpmap(), ours.parameters(&spec));
        // Both are measured before either is written.
        if rtpmap.len() <= encoding.len() || fmtp.len() <= parameters.len() {
            return Err(ale_status::ALE_ERR_CAPACITY);
        }
        pointer::write_text(&encoding, rtpmap)?;
        pointer::write_text(&parameters, fmtp)
    })
}

/// A number in as many bits as the engine has for it.
#[cfg(feature = "opus")]
fn narrow<T: TryFrom<u32>>(number: u32) -> Result<T, ale_status> {
    number.try_into().map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_types_are_those_of_the_engine() {
        for number in 0..128 {
            let named = static_encoding(number).ok().map(|encoding| {
                // SAFETY: a literal.
                let text = unsafe { core::ffi::CStr::from_ptr(encoding) };
                String::from(text.to_str().unwrap())
            });
            let spec = CodecSpec::from_static_payload_type(number);
            assert_eq!(named, spec.map(|spec| spec.rtpmap()), "{number}");
        }
    }
}
