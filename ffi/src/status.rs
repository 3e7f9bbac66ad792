// SPDX-License-Identifier: MIT OR Apache-2.0
//! Status codes, numbered once and for ever, grouped by origin.

use core::ffi::c_char;

use ale_media::codec::CodecError;
use ale_media::conference::ConferenceError;
use ale_media::jitter::{InsertError, JitterError, PullError};
use ale_media::leg::{ControlError, LegError, MediaError, ReceiveError};
use ale_media::mixer::MixerError;
use ale_media::srtp::SrtpError;

/// What a function has to say. 0 is success, everything else is negative and names a reason.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_status {
    /// Done.
    ALE_OK = 0,
    /// A NULL pointer, a value out of range, or a struct of a newer header.
    ALE_ERR_INVALID_ARGUMENT = -1,
    /// A bug in the library, which stopped it in the middle; the object is not to be used further.
    ALE_ERR_INTERNAL = -2,
    /// The caller's buffer is too small.
    ALE_ERR_CAPACITY = -3,
    /// All places are taken.
    ALE_ERR_FULL = -4,
    /// Earlier commands still wait: the other thread is not running.
    ALE_ERR_BUSY = -5,
    /// No such participant, member or handle.
    ALE_ERR_NOT_FOUND = -6,
    /// Not in this build, or not possible for this codec.
    ALE_ERR_UNSUPPORTED = -7,
    /// Nothing there just now.
    ALE_ERR_NOTHING = -8,
    /// The host's allocator had no memory.
    ALE_ERR_NO_MEMORY = -9,
    /// The library has been in use already.
    ALE_ERR_TOO_LATE = -10,
    /// A struct that its init function has not filled, or of a newer header.
    ALE_ERR_STRUCT_SIZE = -11,
    /// PCM whose length is not a multiple of 10 ms, or not what the object works with.
    ALE_ERR_PCM_LENGTH = -12,

    /// A payload type above 127, from 64 to 95, or given twice.
    ALE_ERR_PAYLOAD_TYPE = -20,
    /// No encoding where a codec has to be named, or one whose settings can't be read.
    ALE_ERR_ENCODING = -21,
    /// A sample rate that the codec has not, or can't be converted to.
    ALE_ERR_SAMPLE_RATE = -22,
    /// A packet time that is not a multiple of 10 ms up to 120, or gives packets too large.
    ALE_ERR_PACKET_TIME = -23,
    /// Keys for one direction, and none for the other.
    ALE_ERR_ONE_DIRECTION = -24,
    /// A canonical name that is empty or longer than 255 bytes.
    ALE_ERR_CNAME = -25,
    /// Smallest, kept and largest delay that contradict each other, or are out of range.
    ALE_ERR_DELAY = -26,
    /// A header extension identifier that is not 1 to 14, or that of another element.
    ALE_ERR_EXTENSION_ID = -27,
    /// No telephone events negotiated, an unknown digit, or a duration or volume out of range.
    ALE_ERR_DIGIT = -28,
    /// What only a new object can have.
    ALE_ERR_FIXED = -29,

    /// Neither RTP nor RTCP, or truncated.
    ALE_ERR_MALFORMED = -100,
    /// A payload type that was not negotiated.
    ALE_ERR_UNKNOWN_PAYLOAD_TYPE = -101,
    /// A source (SSRC) that is not listened to.
    ALE_ERR_UNKNOWN_SSRC = -102,
    /// A packet larger than a slot of the jitter buffer, or than any datagram.
    ALE_ERR_OVERSIZED = -103,
    /// The jitter buffer has no free slot: the audio thread has stalled.
    ALE_ERR_NO_SLOT = -104,
    /// A payload that the codec can't read.
    ALE_ERR_PAYLOAD = -105,
    /// A packet that is said to come from our own source: a collision or a loop.
    ALE_ERR_OWN_SSRC = -106,
    /// A packet from another address than the one that the leg has latched to.
    ALE_ERR_FOREIGN_ADDRESS = -107,

    /// SRTP authentication failed: forged, damaged, or keys, suite or rollover counter differ.
    ALE_ERR_SRTP_AUTHENTICATION = -200,
    /// The packet was received before.
    ALE_ERR_SRTP_REPLAYED = -201,
    /// The packet lies before the replay window.
    ALE_ERR_SRTP_TOO_OLD = -202,
    /// A master key identifier (MKI) that is not one of the session's.
    ALE_ERR_SRTP_UNKNOWN_MKI = -203,
    /// One more stream than the session was made for.
    ALE_ERR_SRTP_STREAM_LIMIT = -204,
    /// Sending this packet would use a key stream twice.
    ALE_ERR_SRTP_INDEX_REUSED = -205,
    /// The key has protected as many packets as it may; the session needs a new one.
    ALE_ERR_SRTP_KEY_EXHAUSTED = -206,
    /// Key, salt or identifier of the wrong length, missing, or too many.
    ALE_ERR_SRTP_KEY = -207,
    /// Not permitted by the policy or without an explicit flag.
    ALE_ERR_SRTP_NOT_PERMITTED = -208,
    /// Another reason of SRTP's.
    ALE_ERR_SRTP_OTHER = -209,
    /// An `a=crypto` line that can't be read (RFC 4568).
    ALE_ERR_SRTP_CRYPTO_LINE = -210,
    /// The stream has sent as many packets as an index can count.
    ALE_ERR_SRTP_INDEX_EXHAUSTED = -211,
    /// The reservation of the last confirmed checkpoint is used up.
    ALE_ERR_SRTP_CHECKPOINT_DUE = -212,
    /// A checkpoint that is damaged, of another version, or wrapped with another key.
    ALE_ERR_SRTP_CHECKPOINT = -213,
    /// The backend lacks the suite, or failed.
    ALE_ERR_SRTP_BACKEND = -214,
}

use ale_status::{
    ALE_ERR_BUSY, ALE_ERR_CAPACITY, ALE_ERR_CNAME, ALE_ERR_DELAY, ALE_ERR_DIGIT, ALE_ERR_ENCODING,
    ALE_ERR_EXTENSION_ID, ALE_ERR_FIXED, ALE_ERR_FULL, ALE_ERR_INTERNAL, ALE_ERR_INVALID_ARGUMENT,
    ALE_ERR_MALFORMED, ALE_ERR_NO_SLOT, ALE_ERR_NOT_FOUND, ALE_ERR_ONE_DIRECTION,
    ALE_ERR_OVERSIZED, ALE_ERR_PACKET_TIME, ALE_ERR_PAYLOAD, ALE_ERR_PAYLOAD_TYPE,
    ALE_ERR_PCM_LENGTH, ALE_ERR_SAMPLE_RATE, ALE_ERR_SRTP_AUTHENTICATION, ALE_ERR_SRTP_BACKEND,
    ALE_ERR_SRTP_CHECKPOINT, ALE_ERR_SRTP_CHECKPOINT_DUE, ALE_ERR_SRTP_INDEX_EXHAUSTED,
    ALE_ERR_SRTP_INDEX_REUSED, ALE_ERR_SRTP_KEY, ALE_ERR_SRTP_KEY_EXHAUSTED,
    ALE_ERR_SRTP_NOT_PERMITTED, ALE_ERR_SRTP_OTHER, ALE_ERR_SRTP_REPLAYED,
    ALE_ERR_SRTP_STREAM_LIMIT, ALE_ERR_SRTP_TOO_OLD, ALE_ERR_SRTP_UNKNOWN_MKI, ALE_ERR_STRUCT_SIZE,
    ALE_ERR_UNKNOWN_PAYLOAD_TYPE, ALE_ERR_UNKNOWN_SSRC, ALE_ERR_UNSUPPORTED,
};

/// The library's version, "MAJOR.MINOR.PATCH"; lives as long as the program.
///
/// Any thread. Real-time.
#[unsafe(no_mangle)]
pub extern "C" fn ale_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// A sentence in English for an ale_status, also for numbers that are none; lives as long as the
/// program.
///
/// Any thread. Real-time.
#[unsafe(no_mangle)]
pub extern "C" fn ale_status_message(status: i32) -> *const c_char {
    MESSAGES
        .iter()
        .find(|(known, _)| *known as i32 == status)
        .map_or(c"unknown status", |(_, message)| *message)
        .as_ptr()
}

const MESSAGES: [(ale_status, &core::ffi::CStr); 46] = [
    (ale_status::ALE_OK, c"done"),
    (ALE_ERR_INVALID_ARGUMENT, c"an argument is NULL, out of range, or of a newer header"),
    (ALE_ERR_INTERNAL, c"bug in the library; do not use the object any further"),
    (ALE_ERR_CAPACITY, c"buffer too small"),
    (ALE_ERR_FULL, c"all places are taken"),
    (ALE_ERR_BUSY, c"earlier orders still wait for the other thread"),
    (ALE_ERR_NOT_FOUND, c"no such participant or member"),
    (ALE_ERR_UNSUPPORTED, c"not in this build, or not possible for this codec"),
    (ale_status::ALE_ERR_NOTHING, c"nothing there just now"),
    (ale_status::ALE_ERR_NO_MEMORY, c"the allocator had no memory"),
    (ale_status::ALE_ERR_TOO_LATE, c"the library has been in use already"),
    (ALE_ERR_STRUCT_SIZE, c"config not filled by its init function, or of a newer header"),
    (ALE_ERR_PCM_LENGTH, c"PCM is not a multiple of 10 ms, or not what the object works with"),
    (ALE_ERR_PAYLOAD_TYPE, c"payload type is above 127, from 64 to 95, or given twice"),
    (ALE_ERR_ENCODING, c"no encoding, or codec settings that can't be read"),
    (ALE_ERR_SAMPLE_RATE, c"sample rate is not one of the codec's, or can't be converted to"),
    (ALE_ERR_PACKET_TIME, c"packet time is not a multiple of 10 ms up to 120, or too long"),
    (ALE_ERR_ONE_DIRECTION, c"keys for one direction, and none for the other"),
    (ALE_ERR_CNAME, c"canonical name is empty or longer than 255 bytes"),
    (ALE_ERR_DELAY, c"delays contradict each other, or are out of range"),
    (ALE_ERR_EXTENSION_ID, c"header extension identifiers are 1 to 14, each used once"),
    (ALE_ERR_DIGIT, c"no telephone events negotiated, or a digit, duration or volume out of range"),
    (ALE_ERR_FIXED, c"only a new object can have another value of this member"),
    (ALE_ERR_MALFORMED, c"neither RTP nor RTCP, or truncated"),
    (ALE_ERR_UNKNOWN_PAYLOAD_TYPE, c"payload type was not negotiated"),
    (ALE_ERR_UNKNOWN_SSRC, c"source (SSRC) is not listened to"),
    (ALE_ERR_OVERSIZED, c"packet larger than a slot of the jitter buffer, or than any datagram"),
    (ALE_ERR_NO_SLOT, c"jitter buffer full: the audio thread has stalled"),
    (ALE_ERR_PAYLOAD, c"payload is not valid for its codec"),
    (ale_status::ALE_ERR_OWN_SSRC, c"source (SSRC) is our own: a collision or a loop"),
    (ale_status::ALE_ERR_FOREIGN_ADDRESS, c"from another address than the one latched to"),
    (ALE_ERR_SRTP_AUTHENTICATION, c"SRTP authentication failed: forged, or the keys differ"),
    (ALE_ERR_SRTP_REPLAYED, c"SRTP packet was received before"),
    (ALE_ERR_SRTP_TOO_OLD, c"SRTP packet lies before the replay window"),
    (ALE_ERR_SRTP_UNKNOWN_MKI, c"SRTP master key identifier is not one of the session's"),
    (ALE_ERR_SRTP_STREAM_LIMIT, c"more SRTP streams than the session was made for"),
    (ALE_ERR_SRTP_INDEX_REUSED, c"SRTP index was sent before"),
    (ALE_ERR_SRTP_KEY_EXHAUSTED, c"SRTP key has reached its lifetime"),
    (ALE_ERR_SRTP_KEY, c"SRTP key, salt or identifier missing or of the wrong length"),
    (ALE_ERR_SRTP_NOT_PERMITTED, c"not permitted by the SRTP policy"),
    (ALE_ERR_SRTP_OTHER, c"SRTP refused"),
    (ale_status::ALE_ERR_SRTP_CRYPTO_LINE, c"a=crypto line can't be read"),
    (ALE_ERR_SRTP_INDEX_EXHAUSTED, c"SRTP index can't grow further"),
    (ALE_ERR_SRTP_CHECKPOINT_DUE, c"reservation of the last SRTP checkpoint is used up"),
    (ALE_ERR_SRTP_CHECKPOINT, c"SRTP checkpoint damaged or wrapped with another key"),
    (ALE_ERR_SRTP_BACKEND, c"SRTP backend lacks the suite, or failed"),
];

impl From<SrtpError> for ale_status {
    fn from(error: SrtpError) -> Self {
        match error {
            SrtpError::Malformed => ALE_ERR_MALFORMED,
            SrtpError::Capacity => ALE_ERR_CAPACITY,
            SrtpError::AuthenticationFailed => ALE_ERR_SRTP_AUTHENTICATION,
            SrtpError::Replayed => ALE_ERR_SRTP_REPLAYED,
            SrtpError::TooOld => ALE_ERR_SRTP_TOO_OLD,
            SrtpError::UnknownMki => ALE_ERR_SRTP_UNKNOWN_MKI,
            SrtpError::UnknownSsrc => ALE_ERR_UNKNOWN_SSRC,
            SrtpError::StreamLimit => ALE_ERR_SRTP_STREAM_LIMIT,
            SrtpError::IndexReused => ALE_ERR_SRTP_INDEX_REUSED,
            SrtpError::IndexExhausted => ALE_ERR_SRTP_INDEX_EXHAUSTED,
            SrtpError::KeyExhausted => ALE_ERR_SRTP_KEY_EXHAUSTED,
            SrtpError::CheckpointDue => ALE_ERR_SRTP_CHECKPOINT_DUE,
            SrtpError::InvalidCheckpoint => ALE_ERR_SRTP_CHECKPOINT,
            SrtpError::UnavailableBackend | SrtpError::Backend => ALE_ERR_SRTP_BACKEND,
            SrtpError::Oversized => ALE_ERR_OVERSIZED,
            SrtpError::KeyLength | SrtpError::KeyCount | SrtpError::Mki => ALE_ERR_SRTP_KEY,
            SrtpError::NotPermitted => ALE_ERR_SRTP_NOT_PERMITTED,
            SrtpError::InvalidConfig | SrtpError::ReplayWindow => ALE_ERR_INVALID_ARGUMENT,
            _ => ALE_ERR_SRTP_OTHER,
        }
    }
}

impl From<CodecError> for ale_status {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Malformed => ALE_ERR_PAYLOAD,
            CodecError::Capacity => ALE_ERR_CAPACITY,
            CodecError::Unsupported => ALE_ERR_UNSUPPORTED,
            CodecError::InvalidArgument => ALE_ERR_INVALID_ARGUMENT,
            _ => ALE_ERR_INTERNAL,
        }
    }
}

impl From<MixerError> for ale_status {
    fn from(error: MixerError) -> Self {
        match error {
            MixerError::Full => ALE_ERR_FULL,
            MixerError::UnknownParticipant => ALE_ERR_NOT_FOUND,
            _ => ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

impl From<ConferenceError> for ale_status {
    fn from(error: ConferenceError) -> Self {
        match error {
            ConferenceError::Full => ALE_ERR_FULL,
            ConferenceError::Busy => ALE_ERR_BUSY,
            ConferenceError::UnknownMember | ConferenceError::UnknownTap => ALE_ERR_NOT_FOUND,
            ConferenceError::UnsupportedRate => ALE_ERR_SAMPLE_RATE,
            _ => ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

impl From<JitterError> for ale_status {
    fn from(error: JitterError) -> Self {
        match error {
            JitterError::SampleRate | JitterError::DecoderFormat => ALE_ERR_SAMPLE_RATE,
            JitterError::PacketTime => ALE_ERR_PACKET_TIME,
            JitterError::Delay => ALE_ERR_DELAY,
            JitterError::PayloadType => ALE_ERR_PAYLOAD_TYPE,
            JitterError::NoDecoder => ALE_ERR_ENCODING,
            _ => ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

impl From<InsertError> for ale_status {
    fn from(error: InsertError) -> Self {
        match error {
            InsertError::Oversized => ALE_ERR_OVERSIZED,
            InsertError::NoSlot => ALE_ERR_NO_SLOT,
            _ => ALE_ERR_MALFORMED,
        }
    }
}

impl From<PullError> for ale_status {
    fn from(_: PullError) -> Self {
        ALE_ERR_PCM_LENGTH
    }
}

impl From<MediaError> for ale_status {
    fn from(_: MediaError) -> Self {
        ALE_ERR_PCM_LENGTH
    }
}

impl From<ReceiveError> for ale_status {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Srtp(error) => error.into(),
            ReceiveError::UnknownPayloadType(_) => ALE_ERR_UNKNOWN_PAYLOAD_TYPE,
            ReceiveError::UnknownSsrc(_) => ALE_ERR_UNKNOWN_SSRC,
            ReceiveError::OwnSsrc(_) => ale_status::ALE_ERR_OWN_SSRC,
            ReceiveError::ForeignAddress => ale_status::ALE_ERR_FOREIGN_ADDRESS,
            ReceiveError::Oversized => ALE_ERR_OVERSIZED,
            ReceiveError::NoSlot => ALE_ERR_NO_SLOT,
            _ => ALE_ERR_MALFORMED,
        }
    }
}

impl From<LegError> for ale_status {
    fn from(error: LegError) -> Self {
        match error {
            LegError::Codec(error) => error.into(),
            LegError::Jitter(error) => error.into(),
            LegError::Srtp(error) => error.into(),
            LegError::Busy => ALE_ERR_BUSY,
            LegError::Fixed(_) => ALE_ERR_FIXED,
            LegError::PayloadType(..) => ALE_ERR_PAYLOAD_TYPE,
            LegError::ExtensionId(_) => ALE_ERR_EXTENSION_ID,
            LegError::SampleRate | LegError::Channels => ALE_ERR_SAMPLE_RATE,
            LegError::OneDirection => ALE_ERR_ONE_DIRECTION,
            LegError::NoReceiveCodec => ALE_ERR_ENCODING,
            LegError::PacketTime(_) | LegError::PacketSize(_) => ALE_ERR_PACKET_TIME,
            LegError::CanonicalName => ALE_ERR_CNAME,
            _ => ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

impl From<ControlError> for ale_status {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Srtp(error) => error.into(),
            ControlError::Busy => ALE_ERR_BUSY,
            ControlError::OneDirection => ALE_ERR_ONE_DIRECTION,
            ControlError::Digit => ALE_ERR_DIGIT,
            ControlError::Recording => ALE_ERR_CAPACITY,
            _ => ALE_ERR_INVALID_ARGUMENT,
        }
    }
}
