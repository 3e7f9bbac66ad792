// SPDX-License-Identifier: MIT OR Apache-2.0
//! A phone's own end: legs, the [`voice`] chain, and a sound card's two clocks.
//!
//! | half | thread | what it does |
//! |---|---|---|
//! | [`Microphone`] | the capturing callback | cleans, mixes up to three lines, sends, gives to the loudspeaker |
//! | [`Speaker`] | the playing callback | plays, at its own clock |
//! | [`EndpointControl`] | any one | lines, hold, mute, tones, volumes, statistics |
//!
//! The microphone's clock is the call's: with every 10 ms that it has captured, lines are pulled and pushed. The
//! loudspeaker follows by an asynchronous resampler, up to 1000 ppm and more. What it plays comes back as the echo
//! canceller's reference *before* that resampler, so that the canceller sees one clock. Where a device runs dry
//! or loses blocks, silence stands in on the side that knows, and the echo stays where it was.

mod command;
mod config;
mod control;
mod microphone;
mod speaker;
#[cfg(all(test, feature = "std", not(loom)))]
mod tests;

pub use config::{EndpointConfig, EndpointError, LINES, LineId, Profile};
pub use control::EndpointControl;
pub use microphone::{Microphone, MicrophoneStats};
pub use speaker::{Speaker, SpeakerStats};

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::sync::ring;
use crate::sync::snapshot::snapshot;
use crate::voice::{self, Processor, VoiceError};

/// Makes endpoints.
#[derive(Debug)]
pub struct Endpoint;

impl Endpoint {
    /// Makes an endpoint without lines and splits it; `engines` are its chain's, as from
    /// [`voice::engines`].
    ///
    /// Real-time: no (takes all memory).
    ///
    /// # Errors
    /// [`EndpointError::SampleRate`], [`EndpointError::Delay`].
    #[allow(clippy::new_ret_no_self)] // An endpoint is its three halves.
    pub fn new(
        config: &EndpointConfig,
        engines: Vec<Box<dyn Processor>>,
    ) -> Result<(Microphone, Speaker, EndpointControl), EndpointError> {
        if !(10..=200).contains(&config.playout_ms) || config.device_delay_ms > 250 {
            return Err(EndpointError::Delay);
        }
        let rate_hz = config.sample_rate_hz;
        let unsupported = |_: VoiceError| EndpointError::SampleRate;
        let settings = config.profile.settings();
        let (render, capture) = voice::create(rate_hz, config.device_delay_ms, &settings, engines)
            .map_err(unsupported)?;
        let (feeder, speaker, speaker_view) = speaker::create(rate_hz, config.playout_ms, render);
        let (orders, commands) = ring::channel(command::COMMANDS);
        // As many as commands: each leaves one at most.
        let (spent, back) = ring::channel(command::COMMANDS);
        let (publisher, view) = snapshot(&MicrophoneStats::default());
        let microphone = Microphone::new(config, capture, feeder, commands, spent, publisher)?;
        let control = EndpointControl::new(rate_hz, orders, back, view, speaker_view);
        Ok((microphone, speaker, control))
    }
}
