// SPDX-License-Identifier: MIT OR Apache-2.0
//! The jitter buffer, for hosts that have their own RTP.

use ale_media::jitter::{
    self, DecoderMap, DelayMode, DriftMode, JitterConfig, JitterControl, JitterReader, JitterStats,
    JitterWriter, Operation, PullInfo,
};

use crate::codec::ale_codec;
use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;

/// The half that packets go in by. Exclusive, usually to the network thread.
pub struct ale_jitter_writer(JitterWriter);

/// The half that PCM comes out of. Exclusive, usually to the audio thread.
pub struct ale_jitter_reader {
    pub(crate) reader: JitterReader,
    pub(crate) control: JitterControl,
}

/// How the playout delay is chosen.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_delay_mode {
    /// From the network's behaviour.
    ALE_DELAY_ADAPTIVE = 0,
    /// Always the target delay.
    ALE_DELAY_FIXED = 1,
    /// The target delay without stretching or concealment, for modems and fax.
    ALE_DELAY_FROZEN = 2,
}

/// The mode behind a number; C may hold any.
pub(crate) fn delay_mode(number: i32) -> Result<DelayMode, ale_status> {
    use ale_delay_mode::{ALE_DELAY_ADAPTIVE, ALE_DELAY_FIXED, ALE_DELAY_FROZEN};
    [
        (ALE_DELAY_ADAPTIVE, DelayMode::Adaptive),
        (ALE_DELAY_FIXED, DelayMode::Fixed),
        (ALE_DELAY_FROZEN, DelayMode::Frozen),
    ]
    .into_iter()
    .find_map(|(known, mode)| (known as i32 == number).then_some(mode))
    .ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// What a jitter buffer is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_jitter_config {
    /// Size of this struct, filled by ale_jitter_config_init.
    pub struct_size: u32,
    /// Samples a second of the PCM that comes out: 8000, 16000, 32000 or 48000. Default 8000.
    pub sample_rate_hz: u32,
    /// What may come in. Default none.
    pub codecs: *const ale_codec,
    /// How many codecs.
    pub codec_count: usize,
    /// Payload type of comfort noise (RFC 3389), -1 for none. Default 13.
    pub comfort_noise_payload_type: i32,
    /// An ale_delay_mode. Default ALE_DELAY_ADAPTIVE.
    pub delay_mode: i32,
    /// The delay never goes below this, in ms. Default 0.
    pub min_delay_ms: u32,
    /// The delay never goes above this, in ms; at most 1000. Default 600.
    pub max_delay_ms: u32,
    /// The delay of the modes that keep one, in ms. Default 60.
    pub target_delay_ms: u32,
    /// Packets of 160 bytes that can wait, 8 to 1024; memory for all is taken at creation. Default 0, as
    /// many as it takes for the codecs, packets of 20 ms and the maximum delay (40 for G.711).
    pub slots: u32,
    /// Bytes of a log of what the buffer saw and decided, 0 for none; a minute of G.711 takes about
    /// 50 KB, with audio ten times that, and the oldest is dropped. Default 0.
    pub black_box_bytes: u32,
    /// Whether that log holds the audio too, so that it can be heard again. Default 0.
    pub black_box_audio: u32,
    /// Not 0 follows the sender's clock by resampling within 0.5 % instead of by splices: for music,
    /// recordings, trunks and modems. Default 0.
    pub resample_drift: u32,
    /// Milliseconds in the shortest packets that are to be expected, 1 to 200: what slots are reckoned with.
    /// Default 20.
    pub packet_ms: u32,
}

impl Default for ale_jitter_config {
    fn default() -> Self {
        let config = JitterConfig::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: config.sample_rate_hz,
            codecs: core::ptr::null(),
            codec_count: 0,
            comfort_noise_payload_type: 13,
            delay_mode: ale_delay_mode::ALE_DELAY_ADAPTIVE as i32,
            min_delay_ms: config.min_delay_ms.into(),
            max_delay_ms: config.max_delay_ms.into(),
            target_delay_ms: config.target_delay_ms.into(),
            slots: config.slots.into(),
            black_box_bytes: 0,
            black_box_audio: 0,
            resample_drift: 0,
            packet_ms: config.packet_ms.into(),
        }
    }
}

// SAFETY: repr(C), only integers and pointers, the size first.
unsafe impl Versioned for ale_jitter_config {}

/// What a pull did, mostly.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_jitter_operation {
    /// Played as sent.
    ALE_JITTER_NORMAL = 0,
    /// Took some time out.
    ALE_JITTER_ACCELERATE = 1,
    /// Put some time in.
    ALE_JITTER_EXPAND = 2,
    /// Made up for what is missing.
    ALE_JITTER_CONCEAL = 3,
    /// Joined audio to a concealment.
    ALE_JITTER_MERGE = 4,
    /// Comfort noise.
    ALE_JITTER_COMFORT_NOISE = 5,
    /// Silence, before the first packet.
    ALE_JITTER_SILENCE = 6,
}

impl From<Operation> for ale_jitter_operation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Normal => Self::ALE_JITTER_NORMAL,
            Operation::Accelerate => Self::ALE_JITTER_ACCELERATE,
            Operation::Expand => Self::ALE_JITTER_EXPAND,
            Operation::Conceal => Self::ALE_JITTER_CONCEAL,
            Operation::Merge => Self::ALE_JITTER_MERGE,
            Operation::ComfortNoise => Self::ALE_JITTER_COMFORT_NOISE,
            _ => Self::ALE_JITTER_SILENCE,
        }
    }
}

/// How a pull went.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_pull_info {
    /// What it did.
    pub operation: ale_jitter_operation,
    /// Delay in the buffer of the last sample, in ms.
    pub delay_ms: f32,
    /// Delay that is aimed at, in ms.
    pub target_delay_ms: f32,
    /// Packets that wait.
    pub waiting_packets: u32,
}

impl From<PullInfo> for ale_pull_info {
    fn from(info: PullInfo) -> Self {
        Self {
            operation: info.operation.into(),
            delay_ms: info.delay_ms,
            target_delay_ms: info.target_delay_ms,
            waiting_packets: info.waiting_packets.into(),
        }
    }
}

/// What a jitter buffer has done. Every packet that was inserted is in one of played, late,
/// duplicate, dropped, flushed, passed, malformed, oversized and no_slot, or still waits.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ale_jitter_counters {
    /// Packets given to insert.
    pub inserted: u64,
    /// Packets of which something was heard.
    pub played: u64,
    /// Packets that came when their time was over.
    pub late: u64,
    /// Packets that came before.
    pub duplicate: u64,
    /// Packets that a decoder refused, or that fitted no stream.
    pub dropped: u64,
    /// Packets skipped to shorten the delay, or left over when another stream began.
    pub flushed: u64,
    /// Packets of payload types without a decoder.
    pub passed: u64,
    /// Packets that are not RTP.
    pub malformed: u64,
    /// Packets with too large a payload.
    pub oversized: u64,
    /// Packets that came while all slots were taken.
    pub no_slot: u64,
    /// Packets that wait.
    pub waiting: u64,
    /// Packets that never came.
    pub missing: u64,
    /// Packets restored from redundancy.
    pub recovered: u64,
    /// Samples pulled.
    pub samples: u64,
    /// Samples made up for missing ones.
    pub concealed_samples: u64,
    /// Samples taken out to shorten the delay.
    pub removed_samples: u64,
    /// Samples put in to lengthen the delay.
    pub inserted_samples: u64,
    /// Mean delay in the buffer, in microseconds.
    pub mean_delay_us: u64,
    /// 95th percentile of it.
    pub delay_p95_us: u64,
    /// Delay that is aimed at just now, in microseconds.
    pub target_delay_us: u64,
    /// Pulls of 10 ms that took time out.
    pub accelerations: u64,
    /// Pulls of 10 ms that put time in.
    pub expansions: u64,
    /// Pulls of 10 ms that began a concealment.
    pub concealments: u64,
    /// Pulls of 10 ms that joined audio to a concealment.
    pub merges: u64,
    /// Samples of comfort noise.
    pub comfort_noise_samples: u64,
    /// Starts of another stream: SSRC, sequence numbers or timestamps that began anew.
    pub restarts: u64,
    /// The sender's clock against this one, in parts per million; positive when the sender is fast.
    pub drift_ppm: i64,
    /// Packets among those played that were not decoded, since their header said that they are silent.
    pub skipped_decodes: u64,
}

impl From<JitterStats> for ale_jitter_counters {
    fn from(stats: JitterStats) -> Self {
        Self {
            inserted: stats.inserted,
            played: stats.played,
            late: stats.late,
            duplicate: stats.duplicate,
            dropped: stats.dropped,
            flushed: stats.flushed,
            passed: stats.passed,
            malformed: stats.malformed,
            oversized: stats.oversized,
            no_slot: stats.no_slot,
            waiting: stats.waiting,
            missing: stats.missing,
            recovered: stats.recovered,
            samples: stats.samples,
            concealed_samples: stats.concealed_samples,
            removed_samples: stats.removed_samples,
            inserted_samples: stats.inserted_samples,
            mean_delay_us: stats.mean_delay_us,
            delay_p95_us: stats.delay_p95_us,
            target_delay_us: stats.target_delay_us,
            accelerations: stats.accelerations,
            expansions: stats.expansions,
            concealments: stats.concealments,
            merges: stats.merges,
            comfort_noise_samples: stats.comfort_noise_samples,
            restarts: stats.restarts,
            drift_ppm: stats.drift_ppm(),
            skipped_decodes: stats.skipped_decodes,
        }
    }
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_config_init(config: *mut ale_jitter_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_config_init_sized(
    config: *mut ale_jitter_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a jitter buffer and gives its two halves. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_NO_MEMORY, and ALE_ERR_UNSUPPORTED for a codec that is
/// not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_create(
    config: *const ale_jitter_config,
    writer: *mut *mut ale_jitter_writer,
    reader: *mut *mut ale_jitter_reader,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, writer_out, reader_out) = unsafe {
            (pointer::config(config)?, pointer::exclusive(writer)?, pointer::exclusive(reader)?)
        };
        // SAFETY: the header's contract.
        let (writer, reader) = heap::creating(|| unsafe { make(&config) })?;
        writer.give(writer_out);
        reader.give(reader_out);
        Ok(())
    })
}

type Halves = (Handle<ale_jitter_writer>, Handle<ale_jitter_reader>);

/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn make(config: &ale_jitter_config) -> Result<Halves, ale_status> {
    // SAFETY: the caller's.
    let map = unsafe { decoders(config) }?;
    let (writer, reader, control) = jitter::create(&settings(config)?, map)?;
    Ok((handle(ale_jitter_writer(writer)), handle(ale_jitter_reader { reader, control })))
}

/// What a jitter buffer of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_jitter_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_memory_required(
    config: *const ale_jitter_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        // SAFETY: the header's contract.
        *out = heap::measure(|| unsafe { make(&config) })?;
        Ok(())
    })
}

/// The decoders that a config asks for.
///
/// # Safety
/// The config's codecs must be as many as it says.
pub(crate) unsafe fn decoders(config: &ale_jitter_config) -> Result<DecoderMap, ale_status> {
    let mut map = DecoderMap::new();
    // SAFETY: the caller's contract.
    for codec in unsafe { pointer::slice(config.codecs, config.codec_count) }? {
        // SAFETY: the caller's contract.
        let decoder = unsafe { codec.spec() }?.decoder(config.sample_rate_hz)?;
        map.insert(codec.payload_type, decoder)?;
    }
    if let Some(payload_type) = optional_payload_type(config.comfort_noise_payload_type)? {
        map.insert_comfort_noise(payload_type)?;
    }
    Ok(map)
}

/// A payload type, or none for -1.
pub(crate) fn optional_payload_type(number: i32) -> Result<Option<u8>, ale_status> {
    match number {
        -1 => Ok(None),
        0..=127 => Ok(Some(number as u8)),
        _ => Err(ale_status::ALE_ERR_PAYLOAD_TYPE),
    }
}

/// The engine's settings behind C's.
pub(crate) fn settings(config: &ale_jitter_config) -> Result<JitterConfig, ale_status> {
    let narrow =
        |value: u32| u16::try_from(value).map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT);
    let mut settings = JitterConfig::at_rate(config.sample_rate_hz);
    settings.mode = delay_mode(config.delay_mode)?;
    settings.min_delay_ms = narrow(config.min_delay_ms)?;
    settings.max_delay_ms = narrow(config.max_delay_ms)?;
    settings.target_delay_ms = narrow(config.target_delay_ms)?;
    settings.slots = narrow(config.slots)?;
    settings.packet_ms = narrow(config.packet_ms)?;
    settings.black_box_bytes = config.black_box_bytes;
    settings.black_box_audio = config.black_box_audio != 0;
    if config.resample_drift != 0 {
        settings.drift = DriftMode::Resample;
    }
    Ok(settings)
}

/// Frees a half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_writer_destroy(writer: *mut ale_jitter_writer) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(writer) };
        Ok(())
    });
}

/// Frees a half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_reader_destroy(reader: *mut ale_jitter_reader) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(reader) };
        Ok(())
    });
}

/// Copies an RTP packet in; never waits. Real-time.
///
/// Can return ALE_ERR_MALFORMED, ALE_ERR_OVERSIZED and ALE_ERR_NO_SLOT; each is counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_insert(
    writer: *mut ale_jitter_writer,
    rtp: *const u8,
    length: usize,
    arrival_ns: u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (writer, rtp) = unsafe { (pointer::exclusive(writer)?, pointer::slice(rtp, length)?) };
        Ok(writer.0.insert(rtp, arrival_ns)?)
    })
}

/// Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
/// NULL. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_pull(
    reader: *mut ale_jitter_reader,
    now_ns: u64,
    pcm: *mut i16,
    samples: usize,
    info: *mut ale_pull_info,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (reader, pcm) =
            unsafe { (pointer::exclusive(reader)?, pointer::slice_mut(pcm, samples)?) };
        let pulled = reader.reader.pull(now_ns, pcm)?;
        // SAFETY: the header's contract.
        if let Some(out) = unsafe { info.as_mut() } {
            *out = pulled.into();
        }
        Ok(())
    })
}

/// Sets bounds of the delay in ms. Any thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_set_delay_bounds(
    reader: *const ale_jitter_reader,
    min_ms: u32,
    max_ms: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract; the control half is made for any thread.
        let reader = unsafe { pointer::shared(reader) }?;
        let narrow =
            |value: u32| u16::try_from(value).map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT);
        Ok(reader.control.set_delay_bounds_ms(narrow(min_ms)?, narrow(max_ms)?)?)
    })
}

/// Reads the counters. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_stats(
    reader: *const ale_jitter_reader,
    stats: *mut ale_jitter_counters,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (reader, out) = unsafe { (pointer::shared(reader)?, pointer::exclusive(stats)?) };
        *out = reader.reader.stats().into();
        Ok(())
    })
}
