// SPDX-License-Identifier: MIT OR Apache-2.0
//! Near-end audio processing: echo cancellation, noise suppression and gain control, 10 ms at a time, in place.
//!
//! ```text
//!  thread that plays                 thread that captures
//!  Render::push ------ring------> Capture::process
//!                                   Reference: the part that belongs to this frame
//!                                   JumpFinder: has the echo moved?
//!                                   engines, each render then capture
//!                                   Leveller (near-end speech alone), limiter
//! ```
//!
//! Beside the chain there is the stage that hears tones and takes digits out, a [`ToneListener`], which a leg has
//! behind its `pull`.
//!
//! Engines are [`Processor`]s: `WebRtc`, `Sonora` and `RnNoise` behind features, or a host's own. The
//! chain takes all its memory when it is made; what an engine allocates, it says.
//!
//! What no canceller does is done before them: when a device has skipped or repeated, the echo is at another
//! time than before. Who knows tells ([`Capture::echo_moved`]); what nobody has told is found in the signal
//! (`jump.rs`). Either way the reference moves, and the engines find everything where it was.

mod capture;
mod echo_model;
mod jump;
mod leveller;
mod processor;
mod reference;
#[cfg(feature = "process-rnnoise")]
mod rnnoise;
#[cfg(feature = "process-sonora")]
mod sonora;
#[cfg(all(test, feature = "std", not(loom)))]
mod tests;
mod tone_listener;
#[cfg(feature = "process-webrtc")]
mod webrtc;

pub use capture::{Capture, CaptureStats, VoiceError};
pub use leveller::TARGET_LEVEL_DBOV;
pub use processor::{NoiseSuppression, Processor, Settings, Statistics};
pub use reference::Render;
#[cfg(feature = "process-rnnoise")]
pub use rnnoise::RnNoise;
#[cfg(feature = "process-sonora")]
pub use sonora::Sonora;
pub use tone_listener::{HeardTone, InbandTones, ToneListener};
#[cfg(feature = "process-webrtc")]
pub use webrtc::WebRtc;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::sync::ring;
use reference::{FRAMES, Reference};

/// Makes a chain of these engines, in their order, and splits it: one half for the thread that plays, one
/// for the thread that captures. `lead_ms` is how much later than it is pushed a sample counts as played: as
/// much as the two threads' callbacks may be apart, so that no reference comes too late; 250 at most.
///
/// Real-time: no.
///
/// # Errors
/// [`VoiceError::UnsupportedRate`].
pub fn create(
    rate_hz: u32,
    lead_ms: u32,
    settings: &Settings,
    engines: Vec<Box<dyn Processor>>,
) -> Result<(Render, Capture), VoiceError> {
    let (producer, consumer) = ring::channel(FRAMES);
    let lead = (rate_hz / 1_000) as usize * lead_ms.min(250) as usize;
    let reference = Reference::new(consumer, rate_hz, lead);
    Ok((Render::new(producer), Capture::new(rate_hz, settings, engines, reference)?))
}

/// The engines of this build for a hands-free phone, in their order: an echo canceller (libwebrtc's, else
/// Sonora's), and RNNoise where it is built in, else the canceller's own noise suppression.
///
/// Real-time: no.
///
/// # Errors
/// [`VoiceError::UnsupportedRate`], [`VoiceError::Engine`].
pub fn engines(rate_hz: u32) -> Result<Vec<Box<dyn Processor>>, VoiceError> {
    let mut engines: Vec<Box<dyn Processor>> = Vec::new();
    #[cfg(feature = "process-webrtc")]
    engines.push(Box::new(WebRtc::new(rate_hz)?));
    #[cfg(all(feature = "process-sonora", not(feature = "process-webrtc")))]
    engines.push(Box::new(Sonora::new(rate_hz)?));
    #[cfg(feature = "process-rnnoise")]
    engines.push(Box::new(RnNoise::new(rate_hz)?));
    let _ = (&mut engines, rate_hz);
    Ok(engines)
}
