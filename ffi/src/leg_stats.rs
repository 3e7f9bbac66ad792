// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said of a leg.

use ale_media::leg::LegStats;

use crate::jitter::ale_jitter_counters;
use crate::leg::ale_leg_control;
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// What can be said of a leg just now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_leg_counters {
    /// Datagrams given to ale_leg_receive.
    pub datagrams: u64,
    /// RTP packets among them that reached the jitter buffer.
    pub packets_received: u64,
    /// Datagrams that were neither RTP nor RTCP.
    pub malformed: u64,
    /// Datagrams whose authentication failed.
    pub authentication_failed: u64,
    /// Datagrams received before.
    pub replayed: u64,
    /// Datagrams that SRTP refused for another reason.
    pub srtp_refused: u64,
    /// RTP packets of a payload type that was not negotiated.
    pub unknown_payload_type: u64,
    /// RTP packets of a source that is not listened to.
    pub unknown_ssrc: u64,
    /// Packets that were said to come from our own source.
    pub own_ssrc: u64,
    /// Datagrams from another address than the one latched to.
    pub foreign_address: u64,
    /// RTP packets handed on undecoded.
    pub passed_through: u64,
    /// RTP packets larger than a slot of the jitter buffer.
    pub oversized: u64,
    /// RTP packets for which no slot was free.
    pub no_slot: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Packets asked for again, and those of ours that the peer asked for.
    pub packets_requested: u64,
    /// See packets_requested.
    pub packets_nacked: u64,
    /// RTCP datagrams received and sent.
    pub rtcp_received: u64,
    /// See rtcp_received.
    pub rtcp_sent: u64,
    /// The source listened to.
    pub remote_ssrc: u32,
    /// Level of what was pulled last, in -dBov.
    pub pulled_level_dbov: u32,
    /// Level of what was pushed last, in -dBov.
    pub pushed_level_dbov: u32,
    /// Packets that the network lost, in percent.
    pub loss_percent: f32,
    /// Sound that had to be made up, in percent.
    pub concealed_percent: f32,
    /// Interarrival jitter in ms (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// Round-trip time in ms, 0 if unknown.
    pub round_trip_ms: f32,
    /// Loss that the encoder prepares for, in percent.
    pub expected_loss_percent: u32,
    /// Mean opinion score of what is heard, 1 to 4.5, by the E-model (ITU-T G.107); 127, like the next,
    /// where nothing was heard (RFC 3611: unavailable).
    pub mos: f32,
    /// The same on the wide-band scale (G.107.1), on which narrow-band reaches 3.7.
    pub wide_band_mos: f32,
    /// The jitter buffer.
    pub jitter: ale_jitter_counters,
}

/// What stands for a score that is unavailable (RFC 3611 section 4.7.5).
pub(crate) const UNAVAILABLE: f32 = 127.0;

impl From<LegStats> for ale_leg_counters {
    fn from(stats: LegStats) -> Self {
        let (received, sent) = (stats.receiver, stats.media);
        Self {
            datagrams: received.datagrams,
            packets_received: received.packets,
            malformed: received.malformed,
            authentication_failed: received.authentication_failed,
            replayed: received.replayed,
            srtp_refused: received.srtp_refused,
            unknown_payload_type: received.unknown_payload_type,
            unknown_ssrc: received.unknown_ssrc,
            own_ssrc: received.own_ssrc,
            foreign_address: received.foreign_address,
            passed_through: received.passed_through,
            oversized: received.oversized,
            no_slot: received.no_slot,
            packets_sent: sent.packets,
            packets_requested: sent.requested_packets,
            packets_nacked: received.nacked_packets,
            rtcp_received: received.rtcp_packets,
            rtcp_sent: sent.rtcp_packets,
            remote_ssrc: received.remote_ssrc as u32,
            pulled_level_dbov: sent.pulled_level_dbov as u32,
            pushed_level_dbov: sent.pushed_level_dbov as u32,
            loss_percent: stats.loss_percent,
            concealed_percent: stats.concealed_percent,
            jitter_ms: stats.jitter_ms,
            round_trip_ms: stats.round_trip_ms,
            expected_loss_percent: sent.expected_loss_percent as u32,
            mos: stats.quality.map_or(UNAVAILABLE, |quality| quality.mos),
            wide_band_mos: stats.quality.map_or(UNAVAILABLE, |quality| quality.wide_band_mos),
            jitter: stats.jitter.into(),
        }
    }
}

/// Reads what can be said of a leg just now. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_stats(
    control: *const ale_leg_control,
    stats: *mut ale_leg_counters,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (pointer::shared(control)?, pointer::exclusive(stats)?) };
        *out = control.0.stats().into();
        Ok(())
    })
}

/// What the leg's transport has seen beside ale_leg_counters. Grows at its end: see
/// ale_leg_session_stats.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_leg_session_counters {
    /// RTP of sources that have not yet proved valid (RFC 3550 appendix A.1).
    pub probation: u64,
    /// STUN, DTLS, ZRTP and TURN, handed back.
    pub not_rtp: u64,
    /// Datagrams that came before the keys, the first of which are kept.
    pub before_keys: u64,
    /// RTP not played because of the leg's direction.
    pub not_wanted: u64,
    /// Times that the source began anew under its SSRC.
    pub restarts: u64,
    /// Times that the leg turned to another source.
    pub source_changes: u64,
    /// Packets of RTCP compounds that could not be read, beside others that could.
    pub rtcp_skipped: u64,
    /// Packets that could not be protected: the key is used up, or none has come yet.
    pub not_protected: u64,
    /// RTP packets that may still be sent under the key in use, of its lifetime (RFC 3711 section 9.2); what
    /// was known when the audio half last ran. UINT64_MAX in plain RTP, 0 while there are no keys.
    pub packets_left: u64,
}

impl From<LegStats> for ale_leg_session_counters {
    fn from(stats: LegStats) -> Self {
        let (received, sent) = (stats.receiver, stats.media);
        Self {
            probation: received.probation,
            not_rtp: received.not_rtp,
            before_keys: received.before_keys,
            not_wanted: received.not_wanted,
            restarts: received.restarts,
            source_changes: received.source_changes,
            rtcp_skipped: received.rtcp_skipped,
            not_protected: sent.protect_errors + sent.without_keys,
            packets_left: stats.packets_left,
        }
    }
}

/// Reads counters of a leg's transport: so many bytes of them as the caller's struct has (sizeof). What a
/// newer header has and this library does not know is 0. Any number of threads. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_session_stats(
    control: *const ale_leg_control,
    counters: *mut ale_leg_session_counters,
    size: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::shared(control) }?;
        let read = ale_leg_session_counters::from(control.0.stats());
        // SAFETY: the header's contract; the struct is 64-bit words throughout.
        unsafe { pointer::write_sized(counters, size, &read) }
    })
}

/// A source whose audio is in a mix.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_contributor {
    /// Its synchronization source.
    pub ssrc: u32,
    /// How loud it is, in -dBov; 255 if the mixer does not say.
    pub level_dbov: u32,
}

/// Writes who is heard in what the peer sends, by the last packet that came (RFC 6465), to as many
/// places as there are (15 is enough), and how many there are to *count. Nobody is where
/// mixer_levels_id is 0. Real-time.
///
/// Can return ALE_ERR_CAPACITY; nothing is written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_contributors(
    control: *const ale_leg_control,
    contributors: *mut ale_contributor,
    capacity: usize,
    count: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out, count) = unsafe {
            (
                pointer::shared(control)?,
                pointer::slice_mut(contributors, capacity)?,
                pointer::exclusive(count)?,
            )
        };
        let heard = control.0.contributors();
        let heard = heard.as_slice();
        let out = out.get_mut(..heard.len()).ok_or(ale_status::ALE_ERR_CAPACITY)?;
        for (to, from) in out.iter_mut().zip(heard) {
            let level_dbov = from.level_dbov.map_or(255, u32::from);
            *to = ale_contributor { ssrc: from.ssrc, level_dbov };
        }
        *count = heard.len();
        Ok(())
    })
}
