// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs that the host brings, as tables of C functions.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ffi::{c_char, c_void};

use ale_media::codec::{
    CodecError, CodecSpec, Decoder, Encoder, Format, HostCodec, SharedHostCodec,
};
use ale_media::stats::emodel::Impairment;

use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;

/// A codec from outside, like G.729, iLBC, AMR-WB or EVS, made of functions of the host's. State is
/// what encoder_create and decoder_create make; one state is used by one thread at a time. All
/// functions but those that create and destroy must be real-time.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_host_codec_config {
    /// Size of this struct, filled by ale_host_codec_config_init.
    pub struct_size: u32,
    /// Samples a second of its PCM: 8000 (the default), 16000, 32000 or 48000; mono.
    pub sample_rate_hz: u32,
    /// As in its a=rtpmap line, "G729/8000". Copied.
    pub encoding: *const c_char,
    /// RTP clock in ticks a second, which the encoding names too. Default 8000.
    pub rtp_clock_hz: u32,
    /// Equipment impairment factor Ie in the E-model (ITU-T G.113 appendix I), in tenths; 110 for
    /// G.729. Default 0.
    pub impairment_x10: u32,
    /// Packet-loss robustness factor Bpl, in tenths; 190 for G.729. Default 251, G.711's.
    pub loss_robustness_x10: u32,
    /// Equipment impairment factor on the wide-band scale (G.113 appendix IV), in tenths. Default 360,
    /// that of the narrow band.
    pub wide_band_impairment_x10: u32,
    /// Passed to encoder_create and decoder_create; must outlive the codec and its legs.
    pub context: *mut c_void,
    /// Makes an encoder's state; NULL if it can't. NULL for a codec that only decodes.
    pub encoder_create: Option<unsafe extern "C" fn(context: *mut c_void) -> *mut c_void>,
    /// Encodes samples of PCM into at most capacity bytes: how many, 0 for nothing to send, or
    /// negative if it can't.
    pub encode: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            pcm: *const i16,
            samples: usize,
            payload: *mut u8,
            capacity: usize,
        ) -> i32,
    >,
    /// Frees what encoder_create made.
    pub encoder_destroy: Option<unsafe extern "C" fn(state: *mut c_void)>,
    /// Makes a decoder's state; NULL if it can't.
    pub decoder_create: Option<unsafe extern "C" fn(context: *mut c_void) -> *mut c_void>,
    /// How many samples a payload has, without decoding it; negative if it is malformed. Payloads
    /// come from the network.
    pub packet_samples:
        Option<unsafe extern "C" fn(state: *mut c_void, payload: *const u8, length: usize) -> i32>,
    /// Decodes a payload into at most capacity samples: how many, or negative if it is malformed.
    pub decode: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            payload: *const u8,
            length: usize,
            pcm: *mut i16,
            capacity: usize,
        ) -> i32,
    >,
    /// Optional: makes up for so many lost samples; 0, or negative if it can't. Without it the jitter
    /// buffer conceals.
    pub conceal:
        Option<unsafe extern "C" fn(state: *mut c_void, pcm: *mut i16, samples: usize) -> i32>,
    /// Frees what decoder_create made.
    pub decoder_destroy: Option<unsafe extern "C" fn(state: *mut c_void)>,
    /// Optional: forgets what was heard or said, as for a new stream, of either kind of state.
    pub reset: Option<unsafe extern "C" fn(state: *mut c_void)>,
}

impl Default for ale_host_codec_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: 8_000,
            encoding: core::ptr::null(),
            rtp_clock_hz: 8_000,
            impairment_x10: 0,
            loss_robustness_x10: 251,
            wide_band_impairment_x10: 360,
            context: core::ptr::null_mut(),
            encoder_create: None,
            encode: None,
            encoder_destroy: None,
            decoder_create: None,
            packet_samples: None,
            decode: None,
            conceal: None,
            decoder_destroy: None,
            reset: None,
        }
    }
}

// SAFETY: repr(C), integers, pointers, and function pointers that may be NULL, the size first.
// Bytes of a function pointer that are no function's address are the caller's fault.
unsafe impl Versioned for ale_host_codec_config {}

/// A codec of the host's; named in the codecs of any number of legs and jitter buffers.
pub struct ale_host_codec(SharedHostCodec);

impl ale_host_codec {
    pub(crate) fn spec(&self) -> CodecSpec {
        CodecSpec::Host(self.0.clone())
    }
}

/// Fills a config with the defaults and no functions. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_host_codec_config_init(
    config: *mut ale_host_codec_config,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_host_codec_config_init_sized(
    config: *mut ale_host_codec_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a codec of the host's functions, which are copied. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT: an encoding without name or with another clock, a rate that
/// can't be played, a decoding function that is missing, or only some of the encoding ones; and
/// ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_host_codec_create(
    config: *const ale_host_codec_config,
    codec: *mut *mut ale_host_codec,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (functions, out) = unsafe { (pointer::config(config)?, pointer::exclusive(codec)?) };
        // SAFETY: the header's contract.
        heap::creating(|| unsafe { make(functions) })?.give(out);
        Ok(())
    })
}

/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn make(functions: ale_host_codec_config) -> Result<Handle<ale_host_codec>, ale_status> {
    // SAFETY: the caller's.
    let encoding = unsafe { pointer::text(functions.encoding) }?;
    let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
    let table = Table { functions, encoding: encoding.ok_or(invalid)?.into() };
    let encodes = [
        functions.encoder_create.is_some(),
        functions.encode.is_some(),
        functions.encoder_destroy.is_some(),
    ];
    let complete = functions.decoder_create.is_some()
        && functions.packet_samples.is_some()
        && functions.decode.is_some()
        && functions.decoder_destroy.is_some()
        && encodes.iter().all(|&is| is == encodes[0]);
    let rates = [8_000, 16_000, 32_000, 48_000];
    if !complete || !rates.contains(&functions.sample_rate_hz) {
        return Err(invalid);
    }
    let codec: Arc<dyn HostCodec> = Arc::new(table);
    ale_media::codec::CodecRegistry::new().register(codec.clone()).map_err(|_| invalid)?;
    Ok(handle(ale_host_codec(SharedHostCodec(codec))))
}

/// Frees a codec, which its legs and jitter buffers go on to use until they are destroyed. Any
/// thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_host_codec_destroy(codec: *mut ale_host_codec) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(codec) };
        Ok(())
    });
}

#[derive(Clone)]
struct Table {
    functions: ale_host_codec_config,
    encoding: Box<str>,
}

// SAFETY: the host is told that states are made and used on the threads of their legs; the table
// itself is only read, and its context is the host's to share.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl core::fmt::Debug for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Table").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

impl Table {
    fn format(&self) -> Format {
        Format {
            sample_rate_hz: self.functions.sample_rate_hz,
            channels: 1,
            rtp_clock_hz: self.functions.rtp_clock_hz,
        }
    }

    fn state(
        &self,
        create: Option<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
        destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> Result<State, CodecError> {
        let (Some(create), Some(destroy)) = (create, destroy) else {
            return Err(CodecError::Unsupported);
        };
        // SAFETY: the header's contract.
        let state = unsafe { create(self.functions.context) };
        if state.is_null() {
            return Err(CodecError::Unsupported);
        }
        Ok(State { state, table: self.clone(), destroy })
    }
}

impl HostCodec for Table {
    fn encoding(&self) -> &str {
        &self.encoding
    }

    fn format(&self) -> Format {
        self.format()
    }

    fn impairment(&self) -> Impairment {
        Impairment {
            equipment: self.functions.impairment_x10 as f32 / 10.0,
            loss_robustness: self.functions.loss_robustness_x10 as f32 / 10.0,
            wide_band_equipment: self.functions.wide_band_impairment_x10 as f32 / 10.0,
        }
    }

    fn encoder(&self) -> Result<Box<dyn Encoder>, CodecError> {
        let functions = &self.functions;
        Ok(Box::new(self.state(functions.encoder_create, functions.encoder_destroy)?))
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
        let functions = &self.functions;
        Ok(Box::new(self.state(functions.decoder_create, functions.decoder_destroy)?))
    }
}

/// An encoder or a decoder.
struct State {
    state: *mut c_void,
    table: Table,
    destroy: unsafe extern "C" fn(*mut c_void),
}

// SAFETY: the host is told that a state moves between threads, one at a time.
unsafe impl Send for State {}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: the header's contract; made by this table's create, and freed once.
        unsafe { (self.destroy)(self.state) };
    }
}

impl State {
    fn reset_state(&mut self) {
        if let Some(reset) = self.table.functions.reset {
            // SAFETY: the header's contract.
            unsafe { reset(self.state) };
        }
    }
}

/// A count that a function of the host's has returned; what is out of range is its failure, and what
/// is negative means `error`.
fn counted(count: i32, limit: usize, error: CodecError) -> Result<usize, CodecError> {
    let count = usize::try_from(count).map_err(|_| error)?;
    if count <= limit { Ok(count) } else { Err(CodecError::Internal) }
}

impl Encoder for State {
    fn format(&self) -> Format {
        self.table.format()
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let encode = self.table.functions.encode.ok_or(CodecError::Unsupported)?;
        let (samples, capacity) = (pcm.len(), payload.len());
        // SAFETY: the header's contract; pointers and lengths are slices'.
        let bytes =
            unsafe { encode(self.state, pcm.as_ptr(), samples, payload.as_mut_ptr(), capacity) };
        counted(bytes, capacity, CodecError::InvalidArgument)
    }

    fn reset(&mut self) {
        self.reset_state();
    }
}

impl Decoder for State {
    fn format(&self) -> Format {
        self.table.format()
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        let samples = self.table.functions.packet_samples.ok_or(CodecError::Unsupported)?;
        // SAFETY: the header's contract; pointer and length are a slice's.
        let samples = unsafe { samples(self.state, payload.as_ptr(), payload.len()) };
        match counted(samples, ale_media::codec::MAX_PACKET_SAMPLES, CodecError::Malformed)? {
            0 => Err(CodecError::Malformed),
            samples => Ok(samples),
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let decode = self.table.functions.decode.ok_or(CodecError::Unsupported)?;
        let (length, capacity) = (payload.len(), pcm.len());
        // SAFETY: the header's contract; pointers and lengths are slices'.
        let samples =
            unsafe { decode(self.state, payload.as_ptr(), length, pcm.as_mut_ptr(), capacity) };
        counted(samples, capacity, CodecError::Malformed)
    }

    fn conceals(&self) -> bool {
        self.table.functions.conceal.is_some()
    }

    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        let conceal = self.table.functions.conceal.ok_or(CodecError::Unsupported)?;
        // SAFETY: the header's contract; pointer and length are a slice's.
        let done = unsafe { conceal(self.state, pcm.as_mut_ptr(), pcm.len()) };
        if done < 0 { Err(CodecError::Internal) } else { Ok(pcm.len()) }
    }

    fn reset(&mut self) {
        self.reset_state();
    }
}
