// SPDX-License-Identifier: MIT OR Apache-2.0
//! The microphone's side, whose clock is the call's: it cleans what is captured, talks on the lines, and
//! gives the loudspeaker what they say.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use super::command::{Command, Spent};
use super::config::{EndpointConfig, EndpointError, LINES, LineId};
use super::speaker::Feeder;
use crate::dsp::level::{SILENCE_DBOV, level_dbov};
use crate::dsp::tones::Player;
use crate::leg::LegMedia;
use crate::mixer::{Mixer, MixerConfig, ParticipantId};
use crate::stats::counters;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Publisher;
use crate::voice::Capture;
use crate::within::Within;

/// What a voice is turned down to while a tone of the phone's own sounds over it: -12 dB.
const DUCKED: f32 = 0.25;
/// Silence that stands in for lost samples at most: a second. What lasts longer is no lost block.
const MOST_LOST_S: u32 = 1;

counters! {
    /// Counters and measures of the microphone's side.
    pub struct MicrophoneStats {
        /// Frames of 10 ms.
        pub frames,
        /// Samples that the device has lost, for which silence stood in.
        pub lost_samples,
        /// Frames that found no room on their way to the loudspeaker.
        pub dropped_frames,
        /// Jumps of the echo's delay that were found in the signal.
        pub jumps_found,
        /// Frames whose reference had not come.
        pub missing_reference_frames,
        /// Levels of what is captured, of what is sent, and of what is heard, in -dBov.
        pub captured_level_dbov,
        /// See [`MicrophoneStats::captured_level_dbov`].
        pub sent_level_dbov,
        /// See [`MicrophoneStats::captured_level_dbov`].
        pub heard_level_dbov,
        /// By how much the echo is made softer, in tenths of a dB; 0 where that is not known.
        pub echo_return_loss_enhancement_db_x10,
    }
}

/// One call.
struct Line {
    media: Box<LegMedia>,
    held: bool,
}

/// The half of the microphone's callback.
pub struct Microphone {
    rate_hz: u32,
    voice: Capture,
    lines: [Option<Line>; LINES],
    mixer: Mixer,
    /// The near end's place in the mix, and the lines'.
    near: ParticipantId,
    places: [ParticipantId; LINES],
    tones: Player,
    muted: bool,
    side_tone: f32,
    volume: f32,
    voice_gain: f32,
    /// What is captured and does not fill a frame yet.
    frame: Box<[i16]>,
    filled: usize,
    captured: Box<[i16]>,
    heard: Box<[i16]>,
    feeder: Feeder,
    commands: Consumer<Command>,
    spent: Producer<Spent>,
    stats: MicrophoneStats,
    publisher: Publisher<{ MicrophoneStats::WORDS }>,
}

impl Microphone {
    pub(super) fn new(
        config: &EndpointConfig,
        voice: Capture,
        feeder: Feeder,
        commands: Consumer<Command>,
        spent: Producer<Spent>,
        publisher: Publisher<{ MicrophoneStats::WORDS }>,
    ) -> Result<Self, EndpointError> {
        let rate_hz = config.sample_rate_hz;
        let mix = MixerConfig {
            sample_rate_hz: rate_hz,
            max_participants: LINES + 1,
            ..MixerConfig::default()
        };
        let unsupported = |_| EndpointError::SampleRate;
        let mut mixer = Mixer::new(&mix).map_err(unsupported)?;
        let near = mixer.add().map_err(unsupported)?;
        let mut places = [near; LINES];
        for place in &mut places {
            *place = mixer.add().map_err(unsupported)?;
        }
        let frame = (rate_hz / 100) as usize;
        Ok(Self {
            rate_hz,
            voice,
            lines: [const { None }; LINES],
            mixer,
            near,
            places,
            tones: Player::new(rate_hz, config.tones).map_err(|_| EndpointError::SampleRate)?,
            muted: false,
            side_tone: config.profile.side_tone(),
            volume: 1.0,
            voice_gain: 1.0,
            frame: vec![0; frame].into_boxed_slice(),
            filled: 0,
            captured: vec![0; frame].into_boxed_slice(),
            heard: vec![0; frame].into_boxed_slice(),
            feeder,
            commands,
            spent,
            stats: MicrophoneStats::default(),
            publisher,
        })
    }

    /// Takes what the device has captured, any number of samples, the last of them at `now_ns`; each datagram
    /// that is to be sent is given to `send` with the line that it belongs to.
    ///
    /// Real-time: as the chain's engines, and `send`.
    pub fn capture(&mut self, now_ns: u64, pcm: &[i16], mut send: impl FnMut(LineId, &[u8])) {
        self.apply_commands();
        let mut rest = pcm;
        while !rest.is_empty() {
            let count = rest.len().min(self.frame.len() - self.filled);
            let (part, behind) = rest.cut(count);
            self.frame.span_mut(self.filled..self.filled + count).copy_of(part);
            self.filled += count;
            rest = behind;
            if self.filled == self.frame.len() {
                self.filled = 0;
                let at_ns = now_ns.saturating_sub(self.span_ns(rest.len()));
                self.tick(at_ns, &mut send);
            }
        }
    }

    /// Says that the device has lost so many samples since the last capture. Silence stands in for them, so
    /// that lines and loudspeaker go on and the echo stays where it was.
    ///
    /// Real-time: as [`Microphone::capture`].
    pub fn lost(&mut self, now_ns: u64, samples: u64, mut send: impl FnMut(LineId, &[u8])) {
        let count = samples.min(u64::from(self.rate_hz * MOST_LOST_S));
        self.stats.lost_samples += count;
        let silence = [0; 80];
        let mut left = count as usize;
        while left > 0 {
            let part = left.min(silence.len());
            left -= part;
            let at_ns = now_ns.saturating_sub(self.span_ns(left));
            self.capture(at_ns, silence.head(part), &mut send);
        }
    }

    /// Counters.
    pub fn stats(&self) -> MicrophoneStats {
        self.stats
    }

    /// The chain of the near end, to change what is done there; not real-time then.
    pub fn voice_mut(&mut self) -> &mut Capture {
        &mut self.voice
    }

    /// How long so many samples last.
    fn span_ns(&self, samples: usize) -> u64 {
        // A rate of 0 is refused long before, which the compiler does not see.
        (samples as u64).saturating_mul(1_000_000_000) / u64::from(self.rate_hz.max(1))
    }

    fn tick(&mut self, now_ns: u64, send: &mut impl FnMut(LineId, &[u8])) {
        self.captured.copy_of(&self.frame);
        // A frame of the endpoint's own length is never refused.
        let _ = self.voice.process(&mut self.captured);
        self.mix(now_ns);
        for (n, line) in self.lines.iter_mut().enumerate() {
            let (Some(line), Some(place)) = (line, self.places.get(n)) else { continue };
            if line.held {
                self.heard.fill(0);
            } else {
                let _ = self.mixer.output(*place, &mut self.heard);
            }
            let _ = line.media.push(&self.heard);
            while let Some(datagram) = line.media.poll_transmit(now_ns) {
                send(LineId(n as u8), datagram);
            }
        }
        self.give(now_ns);
        self.count();
    }

    /// Near end and lines into the mixer.
    fn mix(&mut self, now_ns: u64) {
        if !self.muted
            && let Ok(row) = self.mixer.input(self.near)
        {
            row.copy_of(&self.captured);
        }
        for (line, place) in self.lines.iter_mut().zip(&self.places) {
            let Some(line) = line else { continue };
            // Who is held is pulled too, so that his clock goes on.
            if line.media.pull(now_ns, &mut self.heard).is_ok()
                && !line.held
                && let Ok(row) = self.mixer.input(*place)
            {
                row.copy_of(&self.heard);
            }
        }
        self.mixer.run();
    }

    /// What the near end hears: the lines, softer under a tone, the tone, and a little of itself.
    fn give(&mut self, now_ns: u64) {
        let _ = self.mixer.output(self.near, &mut self.heard);
        let ducked = if self.tones.is_playing() { DUCKED } else { 1.0 };
        let (from, to) = (self.voice_gain, self.volume * ducked);
        self.voice_gain = to;
        let step = (to - from) / self.heard.len() as f32;
        let side_tone = if self.muted { 0.0 } else { self.side_tone };
        for (n, (out, own)) in self.heard.iter_mut().zip(&self.captured).enumerate() {
            let gain = from + step * n as f32;
            let sum = f32::from(*out) * gain + f32::from(*own) * side_tone;
            *out = crate::math::round_ties_even(sum) as i16;
        }
        self.tones.add(&mut self.heard);
        self.feeder.give(now_ns, &self.heard);
    }

    fn count(&mut self) {
        let chain = self.voice.stats();
        let loss = self.voice.statistics().echo_return_loss_enhancement_db.unwrap_or(0.0);
        let sent = if self.muted { SILENCE_DBOV } else { level_dbov(&self.captured) };
        self.stats = MicrophoneStats {
            frames: self.stats.frames + 1,
            lost_samples: self.stats.lost_samples,
            dropped_frames: self.feeder.dropped_frames(),
            jumps_found: chain.jumps_found,
            missing_reference_frames: chain.missing_reference_frames,
            captured_level_dbov: u64::from(level_dbov(&self.frame)),
            sent_level_dbov: u64::from(sent),
            heard_level_dbov: u64::from(level_dbov(&self.heard)),
            echo_return_loss_enhancement_db_x10: (loss.max(0.0) * 10.0) as u64,
        };
        self.publisher.publish(&self.stats);
    }

    fn apply_commands(&mut self) {
        while let Some(command) = self.commands.pop() {
            match command {
                Command::Add { line, media } => {
                    let place = self.lines.get_mut(usize::from(line.0));
                    if let Some(place) = place
                        && let Some(before) = place.replace(Line { media, held: false })
                    {
                        let _ = self.spent.push(Spent { line, media: before.media });
                    }
                }
                Command::Remove(line) => {
                    let place = self.lines.get_mut(usize::from(line.0));
                    if let Some(Line { media, .. }) = place.and_then(Option::take) {
                        let _ = self.spent.push(Spent { line, media });
                    }
                }
                Command::Hold(line, held) => {
                    if let Some(Some(line)) = self.lines.get_mut(usize::from(line.0)) {
                        line.held = held;
                    }
                }
                Command::Mute(muted) => self.muted = muted,
                Command::Volume(volume) => self.volume = volume,
                Command::SideTone(gain) => self.side_tone = gain,
                Command::Play(signal, level) => {
                    // The level was looked at when it was ordered.
                    let _ = self.tones.play(signal, level);
                }
                Command::Silence => self.tones.stop(),
            }
        }
    }
}

impl fmt::Debug for Microphone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Microphone")
            .field("rate_hz", &self.rate_hz)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
