// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the halves of a leg have for each other: the control half's commands to the other two, what comes
//! back of them to be freed, and what the network half tells the audio half beside packets.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use super::config::{Direction, LegConfig, LevelTrust};
use super::digits::{Digit, Press};
use super::keepalive::Keepalive;
use super::packetizer::Packetizer;
use super::quality::Assessor;
use super::recording::Recorder;
use super::timeout::MediaTimeout;
use crate::codec::CodecError;
use crate::jitter::PreparedDecoders;
use crate::session::Nack;
use crate::sync::ring::Consumer;
use crate::voice::{InbandTones, ToneListener};

/// Commands that may wait for the audio half at a time.
pub(super) const MEDIA_COMMANDS: usize = 16;
/// The same for the network half, which has fewer.
pub(super) const RECEIVER_COMMANDS: usize = 4;
/// Notes that may wait: 160 ms of events without a pull.
pub(super) const NOTES: usize = 8;
/// PCM that may wait to be sent, in ms: a packet and as much again, and no less than this.
const MIN_BACKLOG_MS: u32 = 60;

/// A command to the network thread's half, beside the session's.
#[derive(Debug)]
pub(super) enum LegReceiverCommand {
    Update(Box<LegReceiverUpdate>),
}

/// What that half does with a packet's header extensions, events and direction.
#[derive(Debug)]
pub(super) struct LegReceiverUpdate {
    pub(super) receives: bool,
    /// Identifier of audio levels in header extensions.
    pub(super) audio_level_id: Option<u8>,
    pub(super) level_trust: LevelTrust,
    pub(super) mixer_levels_id: Option<u8>,
    pub(super) event_types: [u8; 4],
    pub(super) event_clocks_hz: [u32; 4],
    pub(super) codec_clock_hz: u32,
}

/// A command to the audio thread's half, beside the session's.
#[derive(Debug)]
pub(super) enum MediaCommand {
    SetMuted(bool),
    /// Of the digits ever given, so many.
    StopDigits {
        given: u32,
    },
    Update(Box<MediaUpdate>),
    /// From now on, or no longer.
    Record(Option<Box<Recorder>>),
}

/// What an update changes in the audio half; made by the control half, and given back with what was
/// there before.
pub(super) struct MediaUpdate {
    pub(super) packetizer: Packetizer,
    /// `None` where what is received stays as it is.
    pub(super) decoders: Option<PreparedDecoders>,
    pub(super) backlog: Box<[i16]>,
    pub(super) trailer_bytes: usize,
    pub(super) direction: Direction,
    pub(super) tones: Option<Box<ToneListener>>,
    pub(super) freeze_for_modems: bool,
    pub(super) asks: bool,
    pub(super) assessor: Assessor,
    pub(super) timeout: MediaTimeout,
    pub(super) keepalive: Keepalive,
}

impl fmt::Debug for MediaUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaUpdate").field("direction", &self.direction).finish_non_exhaustive()
    }
}

impl MediaUpdate {
    /// `digits` are for a packetizer that is not to go on where another was.
    pub(super) fn new(
        config: &LegConfig,
        digits: Consumer<Digit>,
        decoders: Option<PreparedDecoders>,
    ) -> Result<Self, CodecError> {
        let rate_hz = config.rate_hz();
        let packet_ms = u32::from(config.send.packet_ms);
        let backlog_ms = (2 * packet_ms).max(MIN_BACKLOG_MS);
        Ok(Self {
            packetizer: Packetizer::new(config, digits)?,
            decoders,
            backlog: vec![0; (rate_hz / 1_000 * backlog_ms) as usize].into(),
            trailer_bytes: config.trailer_bytes(),
            direction: config.direction,
            tones: tone_listener(config, rate_hz),
            freeze_for_modems: config.freeze_for_modems,
            asks: config.nack != Nack::Off,
            assessor: config.assessor(),
            timeout: MediaTimeout::new(config.media_timeout_ms),
            keepalive: Keepalive::new(config),
        })
    }
}

/// What listens for the tones that the configuration asks for, if any. What is large on the way is in a frame of
/// its own.
#[inline(never)]
fn tone_listener(config: &LegConfig, rate_hz: u32) -> Option<Box<ToneListener>> {
    let tones = config.inband_tones;
    let for_modems = tones != InbandTones::Ignored || config.freeze_for_modems;
    ToneListener::listening(rate_hz, tones, for_modems, config.call_progress).map(Box::new)
}

/// What a command has replaced, on its way to be freed.
#[derive(Debug)]
#[allow(dead_code)] // Held only to be dropped.
pub(super) enum LegSpent {
    Receiver(Box<LegReceiverUpdate>),
    Media(Box<MediaUpdate>),
    Recorder(Box<Recorder>),
}

/// One thing to tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note {
    /// What is known of a press of a digit.
    Digit(Press),
    /// The source listened to has said goodbye.
    Goodbye,
}
