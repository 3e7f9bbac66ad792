// SPDX-License-Identifier: MIT OR Apache-2.0
//! The call quality report.

use alloc::string::String;
use core::ffi::c_char;

use ale_media::leg::CallQualityReport;

use crate::leg::ale_leg_control;
use crate::leg_stats::UNAVAILABLE;
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// A call in figures; all are of what this leg has heard, unless they say otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_leg_ticket {
    /// Encoding name of the codec received.
    pub codec: [c_char; 16],
    /// SRTP suite by its name in session descriptions, empty for plain RTP.
    pub suite: [c_char; 40],
    /// Our source.
    pub local_ssrc: u32,
    /// The source listened to last, 0 for none.
    pub remote_ssrc: u32,
    /// Times that the source changed.
    pub source_changes: u64,
    /// From the first datagram to the last, in ms.
    pub duration_ms: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received and taken.
    pub packets_received: u64,
    /// Payload bytes received.
    pub octets_received: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Packets that came too late.
    pub packets_late: u64,
    /// Packets restored from redundancy.
    pub packets_recovered: u64,
    /// Datagrams refused: malformed, forged, replayed, of strangers, without a free slot.
    pub datagrams_refused: u64,
    /// The sender's clock against ours, in parts per million.
    pub drift_ppm: i64,
    /// Loss in percent.
    pub loss_percent: f32,
    /// Loss within bursts in percent (RFC 3611).
    pub burst_loss_percent: f32,
    /// The bursts' mean length in packets.
    pub burst_packets: f32,
    /// Loss in gaps in percent.
    pub gap_loss_percent: f32,
    /// The gaps' mean length in packets.
    pub gap_packets: f32,
    /// Interarrival jitter at the end, in ms (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// Round-trip time, in ms; 0 if unknown.
    pub round_trip_ms: f32,
    /// Mean time in the jitter buffer, in ms.
    pub buffer_ms: f32,
    /// Its 95th percentile, in ms.
    pub buffer_p95_ms: f32,
    /// Sound made up, in percent.
    pub concealed_percent: f32,
    /// Transmission rating R (ITU-T G.107); 127, like the next four, where nothing was heard (RFC 3611:
    /// unavailable).
    pub rating: f32,
    /// Listening quality, 1 to 4.5.
    pub mos_lq: f32,
    /// Conversational quality, 1 to 4.5.
    pub mos_cq: f32,
    /// Rating on the wide-band scale, 0 to 129 (ITU-T G.107.1).
    pub wide_band_rating: f32,
    /// Conversational quality on the wide-band scale, on which narrow-band reaches 3.7.
    pub wide_band_mos: f32,
    /// What the peer says of its side (RFC 3611): rating R, 0 if it has said nothing.
    pub remote_rating: f32,
    /// Fraction that the peer has lost of what we sent, by its last report, in percent.
    pub remote_loss_percent: f32,
}

/// A string of at most `N - 1` bytes with zeros behind it.
fn text<const N: usize>(from: &str) -> [c_char; N] {
    let mut out = [0; N];
    for (to, byte) in out[..N - 1].iter_mut().zip(from.bytes()) {
        *to = byte as c_char;
    }
    out
}

impl From<CallQualityReport> for ale_leg_ticket {
    fn from(ticket: CallQualityReport) -> Self {
        Self {
            codec: text(&ticket.codec),
            suite: text(ticket.suite.unwrap_or("")),
            local_ssrc: ticket.local_ssrc,
            remote_ssrc: ticket.remote_ssrc,
            source_changes: ticket.source_changes,
            duration_ms: ticket.duration_ms,
            packets_sent: ticket.packets_sent,
            packets_received: ticket.packets_received,
            octets_received: ticket.octets_received,
            packets_lost: ticket.packets_lost,
            packets_late: ticket.packets_late,
            packets_recovered: ticket.packets_recovered,
            datagrams_refused: ticket.datagrams_refused,
            drift_ppm: ticket.drift_ppm,
            loss_percent: ticket.loss_percent,
            burst_loss_percent: ticket.burst_loss_percent,
            burst_packets: ticket.burst_packets,
            gap_loss_percent: ticket.gap_loss_percent,
            gap_packets: ticket.gap_packets,
            jitter_ms: ticket.jitter_ms,
            round_trip_ms: ticket.round_trip_ms,
            buffer_ms: ticket.buffer_ms,
            buffer_p95_ms: ticket.buffer_p95_ms,
            concealed_percent: ticket.concealed_percent,
            rating: ticket.rating.unwrap_or(UNAVAILABLE),
            mos_lq: ticket.mos_lq.unwrap_or(UNAVAILABLE),
            mos_cq: ticket.mos_cq.unwrap_or(UNAVAILABLE),
            wide_band_rating: ticket.wide_band_rating.unwrap_or(UNAVAILABLE),
            wide_band_mos: ticket.wide_band_mos.unwrap_or(UNAVAILABLE),
            remote_rating: ticket.remote_rating as f32,
            remote_loss_percent: ticket.remote_loss_percent,
        }
    }
}

/// Gives the ticket of the call up to now; to be taken when it ends. Any number of threads.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_ticket_read(
    control: *const ale_leg_control,
    ticket: *mut ale_leg_ticket,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (pointer::shared(control)?, pointer::exclusive(ticket)?) };
        *out = control.0.quality_report().into();
        Ok(())
    })
}

/// Writes the ticket as a JSON object with a zero byte behind it, at most 1024 bytes. length may be
/// NULL; it does not count the zero byte. Any number of threads. Not real-time.
///
/// Can return ALE_ERR_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_ticket_json(
    control: *const ale_leg_control,
    json: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) =
            unsafe { (pointer::shared(control)?, pointer::slice_mut(json, capacity)?) };
        let mut text = String::new();
        let written = control.0.quality_report().write_json(&mut text);
        written.map_err(|_| ale_status::ALE_ERR_INTERNAL)?;
        if text.len() >= out.len() {
            return Err(ale_status::ALE_ERR_CAPACITY);
        }
        for (to, byte) in out.iter_mut().zip(text.bytes().chain([0])) {
            *to = byte as c_char;
        }
        // SAFETY: the header's contract.
        if let Some(length) = unsafe { length.as_mut() } {
            *length = text.len();
        }
        Ok(())
    })
}
