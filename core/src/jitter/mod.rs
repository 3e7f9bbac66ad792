// SPDX-License-Identifier: MIT OR Apache-2.0
//! The jitter buffer: reorders RTP packets and plays them out as PCM every 10 ms.
//!
//! [`create`] takes all memory and gives three halves: [`JitterWriter`] for the network thread,
//! [`JitterReader`] for the audio thread, [`JitterControl`] for any thread.
//!
//! ```text
//! JitterWriter::insert -> arrival (slots, two rings) -> JitterReader::pull
//!                                                         delay    where packets belong in time, how
//!                                                                  late they come, how much to keep
//!                                                         window   packets in order
//!                                                         playout  decode, conceal, stretch, play
//!                                                         record   the black box, and its replay
//! ```
//!
//! RTP (RFC 3550), its audio profile (RFC 3551), comfort noise (RFC 3389) and redundant audio (RFC
//! 2198) are understood; RTCP is not this room's, nor is decryption. Nothing in here knows the time:
//! `arrival_ns` and `now_ns` are the host's.
//!
//! The ideas, and what each is worth, are measured against NetEQ and others with a judge that
//! listens from outside; the delay control weighs late packets against delay on the E-model's scale
//! (ITU-T G.107; Cole and Rosenbluth 2001).
//!
//! A second of packets, of which one in ten is lost, and each other is swapped with the next:
//!
//! ```
//! use ale_media::codec::CodecSpec;
//! use ale_media::jitter::{DecoderMap, JitterConfig, create};
//! use ale_media::rtp::RtpHeader;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut decoders = DecoderMap::new();
//! decoders.insert(8, CodecSpec::Pcma.decoder(8_000)?)?;
//! let (mut writer, mut reader, control) = create(&JitterConfig::default(), decoders)?;
//! let mut pcm = [0; 80];
//! for n in 0..50_u16 {
//!     let now_ns = u64::from(n) * 20_000_000;
//!     let sequence = n ^ 1;
//!     if sequence % 10 != 9 {
//!         let header = RtpHeader {
//!             payload_type: 8,
//!             sequence,
//!             timestamp: u32::from(sequence) * 160,
//!             ssrc: 0x21f0_93a7,
//!             ..RtpHeader::default()
//!         };
//!         let mut packet = [0xd5; 12 + 160]; // silence in A-law
//!         header.write(&mut packet)?;
//!         writer.insert(&packet, now_ns)?; // the network thread
//!     }
//!     for now_ns in [now_ns, now_ns + 10_000_000] {
//!         reader.pull(now_ns, &mut pcm)?; // the audio thread
//!     }
//! }
//! let stats = control.stats().ok_or("nothing was pulled")?;
//! assert_eq!((stats.inserted, stats.missing), (45, 4));
//! assert_eq!(stats.samples, 50 * 160);
//! # Ok(())
//! # }
//! ```

mod arrival;
mod config;
mod control;
mod decoders;
mod delay;
mod history;
#[cfg(all(test, feature = "std", feature = "opus", not(loom)))]
mod packet_time_tests;
mod playout;
#[cfg(all(test, feature = "std", not(loom)))]
mod property_tests;
mod reader;
mod record;
#[cfg(all(test, feature = "std", not(loom)))]
mod sender_tests;
#[cfg(all(test, feature = "std", not(loom)))]
mod source_tests;
mod stats;
#[cfg(all(test, feature = "std", not(loom)))]
mod stream_tests;
#[cfg(all(test, feature = "std", not(loom)))]
mod tests;
mod window;
mod writer;

pub use crate::rtp::rtcp::Missing;
pub(crate) use arrival::ingest::PacketMeta;
pub use config::{
    DelayMode, DriftMode, JitterConfig, JitterError, MAX_DELAY_MS, MAX_PACKET_MS,
    MAX_PAYLOAD_BYTES, MAX_SLOTS,
};
pub use control::JitterControl;
pub use decoders::{DecoderMap, PreparedDecoders};
pub(crate) use reader::Due;
pub use reader::{JitterReader, PullError};
pub use record::replay::{Replay, ReplayError, ReplayedPull};
pub use stats::{JitterStats, Operation, PullInfo};
pub use writer::{InsertError, JitterWriter};

use crate::sync::primitive::Arc;
use crate::sync::snapshot::snapshot;

/// Makes a jitter buffer: the network thread's half, the audio thread's, and one for any thread.
///
/// Real-time: no (takes all the memory that the buffer will ever use).
///
/// # Errors
/// What [`JitterConfig::validate`] says; [`JitterError::NoDecoder`] for an empty map, and
/// [`JitterError::DecoderFormat`] for a decoder that can't be played at the output rate.
pub fn create(
    config: &JitterConfig,
    decoders: DecoderMap,
) -> Result<(JitterWriter, JitterReader, JitterControl), JitterError> {
    config.validate()?;
    let decoders = decoders.prepare(config.sample_rate_hz)?.into_map();
    if decoders.is_empty() {
        return Err(JitterError::NoDecoder);
    }
    let config = &config.with_room_for(decoders.bytes_per_second())?;
    let (slot_writer, slot_reader) = arrival::ingest::pool(config.slots, config.slot_bytes);
    let playout = playout::Playout::new(config, slot_reader, decoders)?;
    let shared = Arc::new(control::Shared::new(config));
    let (publisher, stats) = snapshot(&JitterStats::default());
    shared.take_apart(playout.decoders.redundant_types());
    let writer = JitterWriter {
        begins: false,
        slots: slot_writer,
        shared: Arc::clone(&shared),
        max_payload_bytes: usize::from(config.max_payload_bytes),
    };
    let reader = JitterReader::new(config, playout, Arc::clone(&shared), publisher);
    Ok((writer, reader, JitterControl { shared, stats }))
}
