// SPDX-License-Identifier: MIT OR Apache-2.0
//! Legs: whole RTP session endpoints.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use core::ffi::c_char;
use core::net::SocketAddr;

use ale_media::leg::{
    Direction, HeaderExtensions, InbandTones, Leg, LegConfig, LegControl, LegMedia, LegReceiver,
    LevelTrust, Mid, Nack, PassThrough, Passed, ReceiveCodec, Received, Redundant, SendCodec,
    SrtpConfig, TelephoneEvents,
};
use ale_media::session::demux::Protocol;

use crate::codec::ale_codec;
use crate::heap;
use crate::jitter::{ale_pull_info, delay_mode, optional_payload_type};
use crate::leg_relay::ale_pass_through;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::srtp::{self, ALE_SRTP_ALLOW_NULL_CIPHER, ALE_SRTP_CRYPTEX, ale_srtp_policy, session};
use crate::status::ale_status;

/// The half that datagrams go in by. Exclusive, usually to the network thread.
pub struct ale_leg_receiver {
    pub(crate) receiver: LegReceiver,
    /// What was last passed through.
    pub(crate) passed: Option<Passed>,
}

/// The half that PCM comes out of and goes in by. Exclusive, usually to the audio thread.
pub struct ale_leg_media(pub(crate) Box<LegMedia>);

/// The half for orders and statistics. Exclusive, to any thread.
pub struct ale_leg_control(pub(crate) LegControl);

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
    /// Not 0 sends no sound in pauses: comfort noise (RFC 3389) for codecs with an RTP clock of 8000
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
    /// beeps are told as events; 2 the same, and digits are not heard, for which all sound comes 45
    /// ms later. Default 0.
    pub inband_tones: u32,
    /// Not 0 sends extended reports (RFC 3611) with RTCP's. Default 1.
    pub extended_reports: u32,
    /// What is handed on undecoded, as ALE_RECEIVED_PASS_THROUGH and to ale_leg_relay; or NULL.
    pub pass_through: *const ale_pass_through,
    /// How many payload types are.
    pub pass_through_count: usize,
    /// Not 0 freezes the jitter buffer (ALE_DELAY_FROZEN) when a fax or modem is heard (1100 or 2100
    /// Hz); the tone is told as an event then, too. Default 0.
    pub freeze_for_modems: u32,
    /// Whether packets that would still be played are asked for again (generic NACK, RFC 4585): 0
    /// no; 1 in compound RTCP packets; 2 in reduced-size ones (RFC 5506). Default 0.
    pub nack: u32,
    /// An ale_srtp_policy. Default ALE_SRTP_INTEROP.
    pub srtp_policy: i32,
    /// ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0.
    pub srtp_flags: u32,
    /// Whose word is taken for it that a packet is silent (RFC 6464) and need not be decoded in a
    /// conference: 0 nobody's; 1 that of authenticated peers; 2 everybody's. Default 1.
    pub level_trust: u32,
    /// Header extension identifier of contributing sources' levels (RFC 6465), 1 to 14, 0 for none: a
    /// conference tells the peer who is heard, and ale_leg_contributors who is heard in its mix.
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
    /// Not 0 makes redundancy_generations the most, and has how many it is follow the loss that the peer
    /// reports: none, and not a byte more, below 1 %. Default 0.
    pub redundancy_follows_loss: u32,
    /// Not 0 tells dial tone, ringing, busy and congestion in what is received as events, by name.
    /// Default 0.
    pub call_progress: u32,
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
        }
    }
}

// SAFETY: repr(C), only integers, pointers and structs of them, the size first.
unsafe impl Versioned for ale_leg_config {
    const BASE: usize = core::mem::offset_of!(Self, srtp_policy);
}

impl ale_leg_config {
    /// # Safety
    /// Pointers are NULL or what the header says.
    unsafe fn to_leg_config(self) -> Result<LegConfig, ale_status> {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        let narrow = |value: u32| u16::try_from(value).map_err(|_| invalid);
        // SAFETY: the caller's.
        let send = unsafe { self.send.spec() }?;
        let mut config = LegConfig::new(self.local_ssrc, self.send.payload_type, send.clone());
        config.send = SendCodec {
            payload_type: self.send.payload_type,
            codec: send,
            packet_ms: narrow(self.packet_ms)?,
        };
        // SAFETY: the caller's.
        let receive = unsafe { pointer::slice(self.receive, self.receive_count) }?;
        if !receive.is_empty() {
            config.receive = receive
                .iter()
                .map(|codec| {
                    let payload_type = codec.payload_type;
                    // SAFETY: the caller's.
                    Ok(ReceiveCodec { payload_type, codec: unsafe { codec.spec() }? })
                })
                .collect::<Result<_, ale_status>>()?;
        }
        // SAFETY: the caller's.
        let passed = unsafe { pointer::slice(self.pass_through, self.pass_through_count) }?;
        for passed in passed {
            let payload_type = u8::try_from(passed.payload_type).map_err(|_| invalid)?;
            let rtp_clock_hz = passed.rtp_clock_hz;
            config.pass_through.push(PassThrough { payload_type, rtp_clock_hz });
        }
        config.remote_ssrc = (self.has_remote_ssrc != 0).then_some(self.remote_ssrc);
        config.initial_sequence = narrow(self.initial_sequence)?;
        config.initial_timestamp = self.initial_timestamp;
        // SAFETY: the caller's.
        config.cname = unsafe { pointer::text(self.cname) }?.ok_or(invalid)?.to_owned();
        config.comfort_noise_payload_type = optional_payload_type(self.comfort_noise_payload_type)?;
        if let Some(payload_type) = optional_payload_type(self.telephone_event_payload_type)? {
            let clock_hz =
                (self.telephone_event_clock_hz != 0).then_some(self.telephone_event_clock_hz);
            config.telephone_events.push(TelephoneEvents { payload_type, clock_hz });
        }
        config.direction = match self.direction {
            0 => Direction::SendReceive,
            1 => Direction::SendOnly,
            2 => Direction::ReceiveOnly,
            3 => Direction::Inactive,
            _ => return Err(invalid),
        };
        config.plain = self.keys_pending == 0;
        config.media_timeout_ms = self.media_timeout_ms;
        config.max_sources = narrow(self.max_sources)?;
        config.remote.learning_ms = self.learning_ms;
        config.sample_rate_hz = (self.sample_rate_hz != 0).then_some(self.sample_rate_hz);
        let byte = |value: u32| u8::try_from(value).map_err(|_| invalid);
        if let Some(payload_type) = optional_payload_type(self.redundancy_payload_type)? {
            let generations = byte(self.redundancy_generations)?;
            config.redundancy = Some(Redundant {
                payload_type,
                generations,
                follows_loss: self.redundancy_follows_loss != 0,
            });
        }
        config.inband_tones = match self.inband_tones {
            0 => InbandTones::Ignored,
            1 => InbandTones::Told,
            2 => InbandTones::DigitsRemoved,
            _ => return Err(invalid),
        };
        config.call_progress = self.call_progress != 0;
        config.freeze_for_modems = self.freeze_for_modems != 0;
        config.nack = match self.nack {
            0 => Nack::Off,
            1 => Nack::Compound,
            2 => Nack::ReducedSize,
            _ => return Err(invalid),
        };
        config.level_trust = match self.level_trust {
            0 => LevelTrust::Nobody,
            1 => LevelTrust::Authenticated,
            2 => LevelTrust::Everybody,
            _ => return Err(invalid),
        };
        config.silence_suppression = self.silence_suppression != 0;
        config.extended_reports = self.extended_reports != 0;
        let id = |value: u32| Ok::<_, ale_status>(Some(byte(value)?).filter(|id| *id != 0));
        // SAFETY: the caller's.
        let name = unsafe { pointer::text(self.mid) }?;
        config.header_extensions = HeaderExtensions {
            audio_level: id(self.audio_level_id)?,
            mixer_levels: id(self.mixer_levels_id)?,
            absolute_send_time: id(self.absolute_send_time_id)?,
            mid: match id(self.mid_id)? {
                Some(id) => Some((id, name.and_then(Mid::new).ok_or(invalid)?)),
                None => None,
            },
        };
        config.rtcp_interval_ms = self.rtcp_interval_ms;
        config.ntp_at_zero = self.ntp_at_zero;
        // SAFETY: the caller's.
        let keys = unsafe { (session(self.send_crypto)?, session(self.receive_crypto)?) };
        let policy = srtp::policy(self.srtp_policy)?;
        let flags = srtp::flags(self.srtp_flags)?;
        config.srtp = match keys {
            (Some(mut send), Some(mut receive)) => {
                for session in [&mut send, &mut receive] {
                    session.policy = policy;
                    session.allow_null_cipher = flags & ALE_SRTP_ALLOW_NULL_CIPHER != 0;
                    session.cryptex = flags & ALE_SRTP_CRYPTEX != 0;
                }
                receive.initial_roc = self.receive_roc;
                Some(SrtpConfig { send, receive })
            }
            (None, None) => None,
            _ => return Err(invalid),
        };
        config.jitter.mode = delay_mode(self.delay_mode)?;
        config.jitter.min_delay_ms = narrow(self.min_delay_ms)?;
        config.jitter.max_delay_ms = narrow(self.max_delay_ms)?;
        config.jitter.target_delay_ms = narrow(self.target_delay_ms)?;
        Ok(config)
    }
}

/// What became of a datagram.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_received {
    /// RTP, now in the jitter buffer.
    ALE_RECEIVED_MEDIA = 0,
    /// RTP of a source that has not proved itself yet.
    ALE_RECEIVED_PROBATION = 1,
    /// RTCP, read.
    ALE_RECEIVED_REPORT = 2,
    /// RTCP with a BYE of the source listened to.
    ALE_RECEIVED_GOODBYE = 3,
    /// RTP that is handed on undecoded; ale_leg_passed says what.
    ALE_RECEIVED_PASS_THROUGH = 4,
    /// STUN, as of ICE: untouched, for the host. So are the next three.
    ALE_RECEIVED_STUN = 5,
    /// DTLS.
    ALE_RECEIVED_DTLS = 6,
    /// ZRTP.
    ALE_RECEIVED_ZRTP = 7,
    /// Data of a TURN channel.
    ALE_RECEIVED_TURN = 8,
    /// Kept until keys come.
    ALE_RECEIVED_KEPT = 9,
    /// RTP that is not played since the leg does not receive just now (direction).
    ALE_RECEIVED_NOT_WANTED = 10,
}

impl From<Received> for ale_received {
    fn from(outcome: Received) -> Self {
        match outcome {
            Received::Media => Self::ALE_RECEIVED_MEDIA,
            Received::Goodbye => Self::ALE_RECEIVED_GOODBYE,
            Received::Report => Self::ALE_RECEIVED_REPORT,
            Received::PassThrough(_) => Self::ALE_RECEIVED_PASS_THROUGH,
            Received::Other(Protocol::Stun) => Self::ALE_RECEIVED_STUN,
            Received::Other(Protocol::Dtls) => Self::ALE_RECEIVED_DTLS,
            Received::Other(Protocol::Zrtp) => Self::ALE_RECEIVED_ZRTP,
            Received::Other(_) => Self::ALE_RECEIVED_TURN,
            Received::Kept => Self::ALE_RECEIVED_KEPT,
            Received::NotWanted => Self::ALE_RECEIVED_NOT_WANTED,
            _ => Self::ALE_RECEIVED_PROBATION,
        }
    }
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_config_init(config: *mut ale_leg_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a config of struct_size bytes, as that of an older header has less; what
/// ale_leg_config_init stands for in programs. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_config_init_sized(
    config: *mut ale_leg_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a leg and gives its three halves, each to be destroyed by itself. Takes some 72 KiB of stack with
/// SRTP. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_UNSUPPORTED for a codec that is not known,
/// ALE_ERR_NO_MEMORY, and ALE_ERR_SRTP_CRYPTO_LINE and the other keys' statuses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_create(
    config: *const ale_leg_config,
    receiver: *mut *mut ale_leg_receiver,
    media: *mut *mut ale_leg_media,
    control: *mut *mut ale_leg_control,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, receiver_out, media_out, control_out) = unsafe {
            (
                pointer::config(config)?,
                pointer::exclusive(receiver)?,
                pointer::exclusive(media)?,
                pointer::exclusive(control)?,
            )
        };
        // SAFETY: the header's contract.
        let (receiver, media, control) = heap::creating(|| unsafe { make(&config) })?;
        receiver.give(receiver_out);
        media.give(media_out);
        control.give(control_out);
        Ok(())
    })
}

type Halves = (Handle<ale_leg_receiver>, Handle<ale_leg_media>, Handle<ale_leg_control>);

/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn make(config: &ale_leg_config) -> Result<Halves, ale_status> {
    // SAFETY: the caller's.
    let (receiver, media, control) = Leg::new(&unsafe { config.to_leg_config() }?)?;
    Ok((
        handle(ale_leg_receiver { receiver, passed: None }),
        handle(ale_leg_media(Box::new(media))),
        handle(ale_leg_control(control)),
    ))
}

/// What a leg of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_leg_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_memory_required(
    config: *const ale_leg_config,
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

/// Frees a half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_receiver_destroy(receiver: *mut ale_leg_receiver) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(receiver) };
        Ok(())
    });
}

/// Frees a half; not one that has joined a conference. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_media_destroy(media: *mut ale_leg_media) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(media) };
        Ok(())
    });
}

/// Frees a half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_control_destroy(control: *mut ale_leg_control) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(control) };
        Ok(())
    });
}

/// Takes a datagram, RTP or RTCP, and decrypts it in place. received may be NULL. Real-time.
///
/// Can return ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_PAYLOAD_TYPE, ALE_ERR_UNKNOWN_SSRC,
/// ALE_ERR_OWN_SSRC, ALE_ERR_OVERSIZED, ALE_ERR_NO_SLOT and the ALE_ERR_SRTP group; each is counted, and the leg goes
/// on. The datagram's bytes may have changed then too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_receive(
    receiver: *mut ale_leg_receiver,
    datagram: *mut u8,
    length: usize,
    arrival_ns: u64,
    received: *mut ale_received,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { receive(receiver, datagram, length, None, arrival_ns, received) })
}

/// # Safety
/// The header's contract for receiving.
pub(crate) unsafe fn receive(
    receiver: *mut ale_leg_receiver,
    datagram: *mut u8,
    length: usize,
    from: Option<SocketAddr>,
    arrival_ns: u64,
    received: *mut ale_received,
) -> Result<(), ale_status> {
    // SAFETY: the caller's.
    let (receiver, datagram) =
        unsafe { (pointer::exclusive(receiver)?, pointer::slice_mut(datagram, length)?) };
    let outcome = match from {
        Some(from) => receiver.receiver.receive_from(datagram, from, arrival_ns)?,
        None => receiver.receiver.receive(datagram, arrival_ns)?,
    };
    if let Received::PassThrough(passed) = outcome {
        receiver.passed = Some(passed);
    }
    // SAFETY: the caller's.
    if let Some(out) = unsafe { received.as_mut() } {
        *out = outcome.into();
    }
    Ok(())
}

/// Samples a second of the leg's PCM; 0 for NULL. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_sample_rate_hz(media: *const ale_leg_media) -> u32 {
    // SAFETY: the header's contract.
    unsafe { media.as_ref() }.map_or(0, |media| media.0.sample_rate_hz())
}

/// Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
/// NULL. Takes some 25 KiB of stack with Opus. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_pull(
    media: *mut ale_leg_media,
    now_ns: u64,
    pcm: *mut i16,
    samples: usize,
    info: *mut ale_pull_info,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, pcm) =
            unsafe { (pointer::exclusive(media)?, pointer::slice_mut(pcm, samples)?) };
        let pulled = media.0.pull(now_ns, pcm)?;
        // SAFETY: the header's contract.
        if let Some(out) = unsafe { info.as_mut() } {
            *out = pulled.into();
        }
        Ok(())
    })
}

/// Takes PCM to be sent, a multiple of 10 ms; ale_leg_poll_transmit makes packets of it. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_push(
    media: *mut ale_leg_media,
    pcm: *const i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, pcm) = unsafe { (pointer::exclusive(media)?, pointer::slice(pcm, samples)?) };
        Ok(media.0.push(pcm)?)
    })
}

/// Hands out the datagram that `make` makes.
///
/// # Safety
/// The pointers are what the header says.
unsafe fn datagram_by(
    media: *mut ale_leg_media,
    datagram: *mut *const u8,
    length: *mut usize,
    make: impl FnOnce(&mut LegMedia) -> Option<&[u8]>,
) -> Result<(), ale_status> {
    // SAFETY: the caller's.
    let (media, datagram, length) = unsafe {
        (pointer::exclusive(media)?, pointer::exclusive(datagram)?, pointer::exclusive(length)?)
    };
    let bytes = make(&mut media.0).ok_or(ale_status::ALE_ERR_NOTHING)?;
    (*datagram, *length) = (bytes.as_ptr(), bytes.len());
    Ok(())
}

/// Gives the next datagram to send, RTP or RTCP, valid until the half is used again. To be called
/// until it returns ALE_ERR_NOTHING. Takes some 45 KiB of stack with Opus.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_poll_transmit(
    media: *mut ale_leg_media,
    now_ns: u64,
    datagram: *mut *const u8,
    length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { datagram_by(media, datagram, length, |media| media.poll_transmit(now_ns)) })
}

/// Gives a last RTCP datagram with a BYE, valid until the half is used again. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_goodbye(
    media: *mut ale_leg_media,
    now_ns: u64,
    datagram: *mut *const u8,
    length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { datagram_by(media, datagram, length, |media| media.goodbye(now_ns)) })
}

/// Sends silence in place of what is pushed (muted not 0), or no longer (0). Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_set_muted(
    control: *mut ale_leg_control,
    muted: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        Ok(control.0.set_muted(muted != 0)?)
    })
}

/// Replaces keys while the call goes on, each by an a=crypto line, which counts whole: suite, key and
/// session parameters; NULL leaves a direction as it is. Counters go on, both directions change or neither,
/// and the same line again changes nothing. Also gives the first keys to a leg without. Exclusive. Not
/// real-time.
///
/// Can return ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_NOT_PERMITTED and the other keys' statuses,
/// ALE_ERR_INVALID_ARGUMENT for one direction of a leg that has no keys for the other, and ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_rekey(
    control: *mut ale_leg_control,
    send_crypto: *const c_char,
    receive_crypto: *const c_char,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        // SAFETY: the header's contract.
        let (send, receive) = unsafe { (session(send_crypto)?, session(receive_crypto)?) };
        Ok(control.0.rekey(send.as_ref(), receive.as_ref())?)
    })
}

/// Makes a living leg what a config says, as after a re-INVITE: codecs and payload types both ways, packet
/// time, direction, keys, sources, header extensions, telephone events, reports. Each half changes at its
/// next call; SRTP, statistics, sequence numbers, digits and the jitter buffer go on, and so do the keys
/// where both crypto lines are NULL. The sample rate stays that of the leg, whatever the codec. Exclusive.
/// Not real-time.
///
/// Can return what ale_leg_create can, ALE_ERR_UNSUPPORTED for what only a new leg can have (another jitter
/// buffer, max_sources, sample_rate_hz), and ALE_ERR_BUSY; nothing has changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_update(
    control: *mut ale_leg_control,
    config: *const ale_leg_config,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, config) = unsafe { (pointer::exclusive(control)?, pointer::config(config)?) };
        // SAFETY: the header's contract.
        let config = unsafe { config.to_leg_config() }?;
        Ok(control.0.update(&config)?)
    })
}

/// Makes a new leg of a living one, for what ale_leg_update can't change: sample_rate_hz, the jitter buffer.
/// The three handles stay, and are those of the new leg. Keys, counters, sequence numbers, addresses,
/// statistics of the transport, digits that wait and muting go on; codecs, jitter buffer and events begin
/// anew. Takes some 68 KiB of stack. Exclusive, with all three halves: no other thread may be using any,
/// and the media half is in no conference. Not real-time.
///
/// Can return what ale_leg_create can, ALE_ERR_INVALID_ARGUMENT for halves of different legs,
/// ALE_ERR_UNSUPPORTED for another max_sources, and ALE_ERR_BUSY; nothing has changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_renew(
    receiver: *mut ale_leg_receiver,
    media: *mut ale_leg_media,
    control: *mut ale_leg_control,
    config: *const ale_leg_config,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let receiver = unsafe { pointer::exclusive(receiver) }?;
        // SAFETY: the header's contract.
        let (media, control) =
            unsafe { (pointer::exclusive(media)?, pointer::exclusive(control)?) };
        // SAFETY: the header's contract.
        let config = unsafe { pointer::config(config)?.to_leg_config() }?;
        receiver.passed = None;
        Ok(Leg::renew(&config, &mut receiver.receiver, &mut media.0, &mut control.0)?)
    })
}
