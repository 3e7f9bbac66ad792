// SPDX-License-Identifier: MIT OR Apache-2.0
//! What C says of a leg, read member by member: a refusal knows which one it is about.

use alloc::borrow::ToOwned;
use core::ffi::{CStr, c_char};

use ale_media::jitter::DriftMode;
use ale_media::leg::{
    Direction, InbandTones, LegConfig, LevelTrust, Mid, Nack, PassThrough, ReceiveCodec, Redundant,
    SendCodec, SrtpConfig, TelephoneEvents,
};

use ale_media::srtp::SessionConfig;

use crate::codec::ale_codec;
use crate::jitter::{delay_mode, optional_payload_type};
use crate::leg_relay::ale_pass_through;
use crate::mistake::{Of, Refusal};
use crate::panic::guard;
use crate::pointer::{self, Versioned};
use crate::srtp::{
    self, ALE_SRTP_ALLOW_NULL_CIPHER, ALE_SRTP_CRYPTEX, ale_srtp_config, ale_srtp_policy, session,
};
use crate::srtp_keys::{ale_srtp_crypto, attribute};
use crate::status::ale_status;

/// What a leg is made for. The library makes no random numbers: what RFC 3550 section 5.1 wants
/// random comes from the host.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_leg_config {
    /// Size of this struct, filled by ale_leg_config_init.
    pub struct_size: u32,
    /// Source (SSRC) of what the leg sends; random.
    pub local_ssrc: u32,
    /// The only source to listen to if has_remote_ssrc is not 0.
    pub remote_ssrc: u32,
    /// 0 listens to whoever proves valid first. Default 0.
    pub has_remote_ssrc: u32,
    /// Sequence number of the first packet; random. Its top bit (0x8000) is not used: where the first
    /// packets are lost, SRTP peers that see a wrap first never hear what follows (RFC 3711 section 3.3.1).
    pub initial_sequence: u32,
    /// Timestamp of the first packet; random.
    pub initial_timestamp: u32,
    /// Canonical name in RTCP, 1 to 255 bytes. Default "ale-media".
    pub cname: *const c_char,
    /// What is sent; its sample rate is that of the leg's PCM in both directions.
    pub send: ale_codec,
    /// Packet time of what is sent, in ms: a multiple of 10, at most 120. Default 20.
    pub packet_ms: u32,
    /// What may come in. Default NULL, which means what is sent.
    pub receive: *const ale_codec,
    /// How many codecs may come in.
    pub receive_count: usize,
    /// Payload type of comfort noise (RFC 3389), -1 for none. Default 13.
    pub comfort_noise_payload_type: i32,
    /// Mean time between RTCP reports in ms, 0 for none. Default 5000.
    pub rtcp_interval_ms: u32,
    /// NTP time (32.32 fixed point) at the zero of the host's clock, 0 if unknown.
    pub ntp_at_zero: u64,
    /// Keys for what is sent, an a=crypto line (RFC 4568); NULL for plain RTP. A leg made anew with the keys
    /// and the source of another sends under the same key stream again, which gives the text away: change
    /// the living leg by ale_leg_update, or give the new one another key or source.
    pub send_crypto: *const c_char,
    /// Keys for what is received; NULL for plain RTP. Both or neither.
    pub receive_crypto: *const c_char,
    /// An ale_delay_mode. Default ALE_DELAY_ADAPTIVE.
    pub delay_mode: i32,
    /// The delay in the buffer never goes below this, in ms. Default 0.
    pub min_delay_ms: u32,
    /// The delay in the buffer never goes above this, in ms. Default 600.
    pub max_delay_ms: u32,
    /// The delay of the modes that keep one, in ms. Default 60.
    pub target_delay_ms: u32,
    /// Payload type of telephone events (RFC 4733) both ways, -1 for none. Default -1. See
    /// telephone_event_clock_hz.
    pub telephone_event_payload_type: i32,
    /// Payload type of redundant audio (RFC 2198) both ways, -1 for none. Default -1.
    pub redundancy_payload_type: i32,
    /// How many earlier payloads each packet repeats then, 1 to 4. Default 1.
    pub redundancy_generations: u32,
    /// Not 0 sends no audio in pauses: comfort noise (RFC 3389) for codecs with an RTP clock of 8000
    /// Hz, Opus's own with Opus. Default 0.
    pub silence_suppression: u32,
    /// Header extension identifier (RFC 8285) of audio levels (RFC 6464), 1 to 14, 0 for none.
    pub audio_level_id: u32,
    /// The same of absolute send times.
    pub absolute_send_time_id: u32,
    /// The same of the media description's name (RFC 9143), which mid names.
    pub mid_id: u32,
    /// 1 to 16 bytes; NULL without mid_id.
    pub mid: *const c_char,
    /// What is done about tones in what is received: 0 nothing; 1 digits, fax and modem tones and
    /// beeps are reported as events; 2 the same, and digits are not heard, for which all audio comes 45
    /// ms later. Default 0.
    pub inband_tones: u32,
    /// Not 0 sends extended reports (RFC 3611) with RTCP's. Default 1.
    pub extended_reports: u32,
    /// What is handed on undecoded, as ALE_RECEIVED_PASS_THROUGH and to ale_leg_relay; or NULL.
    pub pass_through: *const ale_pass_through,
    /// How many payload types are.
    pub pass_through_count: usize,
    /// Not 0 freezes the jitter buffer (ALE_DELAY_FROZEN) when a fax or modem is heard (1100 or 2100
    /// Hz); the tone is reported as an event then, too. Default 0.
    pub freeze_for_modems: u32,
    /// Whether packets that would still be played are asked for again (generic NACK, RFC 4585): 0
    /// no; 1 in compound RTCP packets; 2 in reduced-size ones (RFC 5506). Default 0.
    pub nack: u32,
    /// An ale_srtp_policy. Default ALE_SRTP_INTEROP.
    pub srtp_policy: i32,
    /// ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0.
    pub srtp_flags: u32,
    /// Whether RFC 6464 levels from the peer are trusted: what they call silent need not be decoded in a
    /// conference: 0 nobody's; 1 that of authenticated peers; 2 everybody's. Default 1.
    pub level_trust: u32,
    /// Header extension identifier of contributing sources' levels (RFC 6465), 1 to 14, 0 for none: a
    /// conference informs the peer of who is heard, and ale_leg_contributors who is heard in its mix.
    pub mixer_levels_id: u32,
    /// Which way media goes (RFC 3264), seen from the leg: 0 both ways; 1 it sends only; 2 it plays only;
    /// 3 neither. Default 0.
    pub direction: u32,
    /// Without crypto lines: 0 plain RTP; not 0 waits for keys, which come with ale_leg_rekey (DTLS, a late
    /// answer): nothing is sent, and what comes is kept. Default 0.
    pub keys_pending: u32,
    /// Ticks a second of telephone events, as telephone-event/8000 says beside opus/48000; 0 where it is
    /// not known, which counts what is sent in the codec's clock and finds out the peer's. Default 0.
    pub telephone_event_clock_hz: u32,
    /// Silence after which ALE_LEG_MEDIA_STOPPED comes, in ms; 0 for never. Default 5000.
    pub media_timeout_ms: u32,
    /// Sources (SSRC) known at a time, 2 to 256. Default 8.
    pub max_sources: u32,
    /// How long other addresses are learnt, in ms from the first valid packet and after each
    /// ale_leg_unlatch and ale_leg_relatch. Default 2000.
    pub learning_ms: u32,
    /// Samples a second of the leg's PCM, whatever the codecs: 8000, 16000, 32000, 48000; 0 for that of
    /// what is sent. Default 0.
    pub sample_rate_hz: u32,
    /// Rollover counter (RFC 3711) of the first packet to come, for a leg that joins late. Default 0.
    pub receive_roc: u32,
    /// Not 0 makes redundancy_generations the most, and has what is sent follow the loss that the peer reports:
    /// nothing, and not a byte more, below 1 %; else what heals it at the least bits, of this and of what Opus
    /// has of its own where its parameters let it. Default 0.
    pub redundancy_follows_loss: u32,
    /// Not 0 reports dial, ringing, busy, congestion and special information tones in what is received by name.
    /// Default 0.
    pub call_progress: u32,
    /// Time without an RTP packet sent after which one without payload goes out, to keep the way through
    /// address translators open (RFC 6263 section 4.6), whichever way media goes and in pauses, in ms; 0
    /// for never, 15000 is advised. ale_leg_poll_transmit gives it; peers throw it away. Default 0.
    pub keepalive_ms: u32,
    /// Payload type of those packets, which neither side uses; -1 for the highest of 96 to 127 that this leg
    /// does not. Default -1.
    pub keepalive_payload_type: i32,
    /// What is asked of SRTP beside keys: replay window, streams, tries, a backend, and the like; its crypto
    /// lines are not looked at. It stands for srtp_policy, srtp_flags and receive_roc, too. Read by what is
    /// given the config, not kept. Default NULL.
    pub srtp: *const ale_srtp_config,
    /// Keys for what is sent as bytes, in place of send_crypto; NULL for a line or none. Default NULL.
    pub send_keys: *const ale_srtp_crypto,
    /// The same for what is received. Default NULL.
    pub receive_keys: *const ale_srtp_crypto,
    /// Packets of 160 bytes that can wait in the jitter buffer, 8 to 1024. Default 0, as many as it takes for
    /// the codecs, the packet time and the maximum delay.
    pub jitter_slots: u32,
    /// Bytes of a log of what the jitter buffer saw and decided, for ale_leg_black_box; 0 for none. Default 0.
    pub black_box_bytes: u32,
    /// Not 0: that log holds the audio too, so that it can be heard again. Default 0.
    pub black_box_audio: u32,
    /// Not 0 follows the sender's clock by resampling instead of by splices: for music, recordings, trunks and
    /// modems. Default 0.
    pub resample_drift: u32,
}

impl Default for ale_leg_config {
    fn default() -> Self {
        let jitter = ale_media::jitter::JitterConfig::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            local_ssrc: 0,
            remote_ssrc: 0,
            has_remote_ssrc: 0,
            initial_sequence: 0,
            initial_timestamp: 0,
            cname: c"ale-media".as_ptr(),
            send: ale_codec::NONE,
            packet_ms: 20,
            receive: core::ptr::null(),
            receive_count: 0,
            comfort_noise_payload_type: 13,
            rtcp_interval_ms: 5_000,
            ntp_at_zero: 0,
            send_crypto: core::ptr::null(),
            receive_crypto: core::ptr::null(),
            delay_mode: 0,
            min_delay_ms: jitter.min_delay_ms.into(),
            max_delay_ms: jitter.max_delay_ms.into(),
            target_delay_ms: jitter.target_delay_ms.into(),
            telephone_event_payload_type: -1,
            redundancy_payload_type: -1,
            redundancy_generations: 1,
            silence_suppression: 0,
            audio_level_id: 0,
            absolute_send_time_id: 0,
            mid_id: 0,
            mid: core::ptr::null(),
            inband_tones: 0,
            extended_reports: 1,
            pass_through: core::ptr::null(),
            pass_through_count: 0,
            freeze_for_modems: 0,
            nack: 0,
            srtp_policy: ale_srtp_policy::ALE_SRTP_INTEROP as i32,
            srtp_flags: 0,
            level_trust: 1,
            mixer_levels_id: 0,
            direction: 0,
            keys_pending: 0,
            telephone_event_clock_hz: 0,
            media_timeout_ms: 5_000,
            max_sources: 8,
            learning_ms: 2_000,
            sample_rate_hz: 0,
            receive_roc: 0,
            redundancy_follows_loss: 0,
            call_progress: 0,
            keepalive_ms: 0,
            keepalive_payload_type: -1,
            srtp: core::ptr::null(),
            send_keys: core::ptr::null(),
            receive_keys: core::ptr::null(),
            jitter_slots: jitter.slots.into(),
            black_box_bytes: 0,
            black_box_audio: 0,
            resample_drift: 0,
        }
    }
}

// SAFETY: repr(C), only integers, pointers and structs of them, the size first.
unsafe impl Versioned for ale_leg_config {}

impl ale_leg_config {
    /// # Safety
    /// Pointers are NULL or what the header says.
    pub(crate) unsafe fn read(self) -> Result<LegConfig, Refusal> {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        let narrow = |value: u32| u16::try_from(value).map_err(|_| invalid);
        let byte = |value: u32| u8::try_from(value).map_err(|_| invalid);
        // SAFETY: the caller's.
        let send = unsafe { self.send.spec() }.of(c"send")?;
        let mut config = LegConfig::new(self.local_ssrc, self.send.payload_type, send.clone());
        config.send = SendCodec {
            payload_type: self.send.payload_type,
            codec: send,
            packet_ms: narrow(self.packet_ms)
                .map_err(|_| ale_status::ALE_ERR_PACKET_TIME)
                .of(c"packet_ms")?,
        };
        // SAFETY: the caller's.
        let receive = unsafe { pointer::slice(self.receive, self.receive_count) }.of(c"receive")?;
        if !receive.is_empty() {
            config.receive = receive
                .iter()
                .map(|codec| {
                    let payload_type = codec.payload_type;
                    // SAFETY: the caller's.
                    let spec = unsafe { codec.spec() };
                    Ok(ReceiveCodec { payload_type, codec: spec.of(c"receive")? })
                })
                .collect::<Result<_, Refusal>>()?;
        }
        // SAFETY: the caller's.
        let passed = unsafe { pointer::slice(self.pass_through, self.pass_through_count) };
        let passed = passed.of(c"pass_through")?;
        for passed in passed {
            let payload_type = byte(passed.payload_type);
            let payload_type =
                payload_type.map_err(|_| ale_status::ALE_ERR_PAYLOAD_TYPE).of(c"pass_through")?;
            let rtp_clock_hz = passed.rtp_clock_hz;
            config.pass_through.push(PassThrough { payload_type, rtp_clock_hz });
        }
        config.remote_ssrc = (self.has_remote_ssrc != 0).then_some(self.remote_ssrc);
        config.initial_sequence = narrow(self.initial_sequence).of(c"initial_sequence")?;
        config.initial_timestamp = self.initial_timestamp;
        // SAFETY: the caller's.
        config.cname = unsafe { pointer::text(self.cname) }
            .and_then(|name| name.ok_or(ale_status::ALE_ERR_CNAME))
            .of(c"cname")?
            .to_owned();
        config.comfort_noise_payload_type = optional_payload_type(self.comfort_noise_payload_type)
            .of(c"comfort_noise_payload_type")?;
        if let Some(payload_type) = optional_payload_type(self.telephone_event_payload_type)
            .of(c"telephone_event_payload_type")?
        {
            let clock_hz =
                (self.telephone_event_clock_hz != 0).then_some(self.telephone_event_clock_hz);
            config.telephone_events.push(TelephoneEvents { payload_type, clock_hz });
        }
        config.direction = match self.direction {
            0 => Direction::SendReceive,
            1 => Direction::SendOnly,
            2 => Direction::ReceiveOnly,
            3 => Direction::Inactive,
            _ => return Err(invalid).of(c"direction"),
        };
        config.plain = self.keys_pending == 0;
        config.media_timeout_ms = self.media_timeout_ms;
        config.keepalive_ms = self.keepalive_ms;
        config.keepalive_payload_type =
            optional_payload_type(self.keepalive_payload_type).of(c"keepalive_payload_type")?;
        config.max_sources = narrow(self.max_sources).of(c"max_sources")?;
        config.remote.learning_ms = self.learning_ms;
        config.sample_rate_hz = (self.sample_rate_hz != 0).then_some(self.sample_rate_hz);
        if let Some(payload_type) =
            optional_payload_type(self.redundancy_payload_type).of(c"redundancy_payload_type")?
        {
            let generations = byte(self.redundancy_generations).of(c"redundancy_generations")?;
            config.redundancy = Some(match self.redundancy_follows_loss {
                0 => Redundant::always(payload_type, generations),
                _ => Redundant::following_loss(payload_type, generations),
            });
        }
        config.inband_tones = match self.inband_tones {
            0 => InbandTones::Ignored,
            1 => InbandTones::Told,
            2 => InbandTones::DigitsRemoved,
            _ => return Err(invalid).of(c"inband_tones"),
        };
        config.call_progress = self.call_progress != 0;
        config.freeze_for_modems = self.freeze_for_modems != 0;
        config.nack = match self.nack {
            0 => Nack::Off,
            1 => Nack::Compound,
            2 => Nack::ReducedSize,
            _ => return Err(invalid).of(c"nack"),
        };
        config.level_trust = match self.level_trust {
            0 => LevelTrust::Nobody,
            1 => LevelTrust::Authenticated,
            2 => LevelTrust::Everybody,
            _ => return Err(invalid).of(c"level_trust"),
        };
        config.silence_suppression = self.silence_suppression != 0;
        config.extended_reports = self.extended_reports != 0;
        let id = |value: u32, member| {
            let id = byte(value).map_err(|_| ale_status::ALE_ERR_EXTENSION_ID).of(member)?;
            Ok::<_, Refusal>(Some(id).filter(|id| *id != 0))
        };
        // SAFETY: the caller's.
        let name = unsafe { pointer::text(self.mid) }.of(c"mid")?;
        let extensions = &mut config.header_extensions;
        extensions.audio_level = id(self.audio_level_id, c"audio_level_id")?;
        extensions.mixer_levels = id(self.mixer_levels_id, c"mixer_levels_id")?;
        extensions.absolute_send_time = id(self.absolute_send_time_id, c"absolute_send_time_id")?;
        extensions.mid = match id(self.mid_id, c"mid_id")? {
            Some(id) => Some((id, name.and_then(Mid::new).ok_or(invalid).of(c"mid")?)),
            None => None,
        };
        config.rtcp_interval_ms = self.rtcp_interval_ms;
        config.ntp_at_zero = self.ntp_at_zero;
        // SAFETY: the caller's.
        config.srtp = unsafe { self.read_srtp() }?;
        config.jitter.mode = delay_mode(self.delay_mode).of(c"delay_mode")?;
        let delay =
            |value: u32, member| narrow(value).map_err(|_| ale_status::ALE_ERR_DELAY).of(member);
        config.jitter.min_delay_ms = delay(self.min_delay_ms, c"min_delay_ms")?;
        config.jitter.max_delay_ms = delay(self.max_delay_ms, c"max_delay_ms")?;
        config.jitter.target_delay_ms = delay(self.target_delay_ms, c"target_delay_ms")?;
        config.jitter.slots = narrow(self.jitter_slots).of(c"jitter_slots")?;
        config.jitter.black_box_bytes = self.black_box_bytes;
        config.jitter.black_box_audio = self.black_box_audio != 0;
        if self.resample_drift != 0 {
            config.jitter.drift = DriftMode::Resample;
        }
        Ok(config)
    }

    /// Keys of both directions, or of none, and what is asked of SRTP beside them.
    ///
    /// # Safety
    /// Pointers are NULL or what the header says.
    unsafe fn read_srtp(&self) -> Result<Option<SrtpConfig>, Refusal> {
        // SAFETY: the caller's.
        let (send, receive) = unsafe {
            (
                keys(self.send_crypto, c"send_crypto", self.send_keys, c"send_keys")?,
                keys(self.receive_crypto, c"receive_crypto", self.receive_keys, c"receive_keys")?,
            )
        };
        let policy = srtp::policy(self.srtp_policy).of(c"srtp_policy")?;
        let flags = srtp::flags(self.srtp_flags).of(c"srtp_flags")?;
        // SAFETY: the caller's.
        let settings = match self.srtp.is_null() {
            true => None,
            // SAFETY: the caller's; not NULL.
            false => Some(
                unsafe { srtp::settings(&pointer::config(self.srtp).of(c"srtp")?) }.of(c"srtp")?,
            ),
        };
        let (mut send, mut receive) = match (send, receive) {
            (Some(send), Some(receive)) => (send, receive),
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(ale_status::ALE_ERR_ONE_DIRECTION).of(c"send_crypto"),
            (Some(_), None) => return Err(ale_status::ALE_ERR_ONE_DIRECTION).of(c"receive_crypto"),
        };
        if let Some(settings) = settings {
            return Ok(Some(SrtpConfig {
                send: settings.rekeyed(&send),
                receive: settings.rekeyed(&receive),
            }));
        }
        for session in [&mut send, &mut receive] {
            session.policy = policy;
            session.allow_null_cipher = flags & ALE_SRTP_ALLOW_NULL_CIPHER != 0;
            session.cryptex = flags & ALE_SRTP_CRYPTEX != 0;
        }
        receive.initial_roc = self.receive_roc;
        Ok(Some(SrtpConfig { send, receive }))
    }
}

/// Keys of one direction, as a line or as bytes, not both.
///
/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn keys(
    line: *const c_char,
    line_member: &'static CStr,
    bytes: *const ale_srtp_crypto,
    bytes_member: &'static CStr,
) -> Result<Option<SessionConfig>, Refusal> {
    if bytes.is_null() {
        // SAFETY: the caller's.
        return unsafe { session(line) }.of(line_member);
    }
    if !line.is_null() {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT).of(bytes_member);
    }
    // SAFETY: the caller's.
    let attribute = unsafe { attribute(bytes) }.of(bytes_member)?;
    Ok(Some(attribute.to_config().of(bytes_member)?))
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_config_init(config: *mut ale_leg_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_config_init_sized(
    config: *mut ale_leg_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}
