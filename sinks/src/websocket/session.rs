// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection's protocol, without I/O.

use std::collections::VecDeque;

use ale_media::codec::g711::Law;
use ale_media::talk::{TalkEvent, TalkWriter};

use super::twilio::Stream;
use super::{Command, Malformed, Mark, Message, binary, twilio};
use crate::client::{Packer, TURN, to_bytes, to_pcm};

/// The longest name of a mark.
pub const MAX_NAME_BYTES: usize = 256;
/// Marks that may wait to be heard: as many as a voice takes.
const MARKS: usize = 256;
/// Messages that may wait to be sent before a server that does not read is left.
const WAITING: usize = 1_024;
/// How fast what is flushed falls silent.
const FADE_MS: u32 = 20;

/// How sound is encoded in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// G.711 mu-law at 8 kHz: Twilio's own.
    Pcmu,
    /// 16-bit PCM, little-endian.
    L16,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Binary sound and control in JSON.
    Binary,
    /// All in JSON.
    Twilio(Encoding),
}

/// What a connection is about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How the server is spoken to.
    pub dialect: Dialect,
    /// Samples a second, of the tap and the voice.
    pub sample_rate_hz: u32,
    /// The stream's name: Asterisk's connection id, Twilio's `streamSid`.
    pub stream: String,
    /// The call's name: Asterisk's channel, Twilio's `callSid`.
    pub call: String,
    /// Twilio's `accountSid`.
    pub account: String,
    /// What else the server is told at the beginning.
    pub parameters: Vec<(String, String)>,
    /// For servers of audio_fork's kind: what they are told first, in place of Asterisk's `MEDIA_START`.
    pub preamble: Option<String>,
}

impl SessionConfig {
    /// One with this name for stream and call.
    pub fn new(dialect: Dialect, sample_rate_hz: u32, name: &str) -> Self {
        Self {
            dialect,
            sample_rate_hz,
            stream: name.to_owned(),
            call: name.to_owned(),
            account: String::new(),
            parameters: Vec::new(),
            preamble: None,
        }
    }

    /// Whether the dialect has this rate.
    pub fn is_valid(&self) -> bool {
        match self.dialect {
            Dialect::Twilio(Encoding::Pcmu) => self.sample_rate_hz == 8_000,
            _ => (8_000..=48_000).contains(&self.sample_rate_hz),
        }
    }
}

/// Why a connection is to be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// What the server says is not of its dialect.
    Malformed,
    /// It asks and does not read what it is answered.
    Flood,
    /// It wants no more.
    HangUp,
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A connection's protocol: frames and messages in, messages out.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    voice: Option<TalkWriter>,
    packer: Packer,
    stream: Stream,
    out: VecDeque<Message>,
    /// Marks that have not been heard, by the numbers that the voice has for them.
    marks: VecDeque<(u64, Mark)>,
    next_mark: u64,
    /// Half a sample, the rest of which comes with the next message.
    half: Option<u8>,
    reports_drained: bool,
    paused: bool,
    /// The server has been told to wait.
    held: bool,
    samples: u64,
    refused: u64,
}

impl Session {
    /// One that is not connected yet. Of a voice, whose rate is the session's, what the server says goes there.
    pub fn new(config: SessionConfig, voice: Option<TalkWriter>) -> Self {
        Self {
            packer: Packer::new(config.sample_rate_hz),
            stream: Stream::new(&config),
            config,
            voice,
            out: VecDeque::new(),
            marks: VecDeque::new(),
            next_mark: 0,
            half: None,
            reports_drained: false,
            paused: false,
            held: false,
            samples: 0,
            refused: 0,
        }
    }

    /// Begins a connection. What was left of the one before is forgotten, but for what waits to be heard.
    pub fn connect(&mut self) {
        self.packer = Packer::new(self.config.sample_rate_hz);
        self.stream = Stream::new(&self.config);
        self.out.clear();
        self.marks.clear();
        self.half = None;
        (self.reports_drained, self.held) = (false, false);
        self.set_paused(false);
        let config = &self.config;
        let texts = match (config.dialect, &config.preamble) {
            (Dialect::Binary, Some(preamble)) => vec![preamble.clone()],
            (Dialect::Binary, None) => vec![binary::start(
                &config.stream,
                &config.call,
                config.sample_rate_hz,
                &config.parameters,
            )],
            (Dialect::Twilio(encoding), _) => {
                vec![Stream::connected(), self.stream.start(config, encoding)]
            }
        };
        self.out.extend(texts.into_iter().map(Message::Text));
    }

    /// Takes 10 ms of the tap.
    pub fn frame(&mut self, time_ns: u64, pcm: &[i16]) {
        let Self { packer, stream, out, config, .. } = self;
        packer.add(time_ns, pcm, &mut |time_ns, pcm| {
            out.push_back(sound(config.dialect, stream, time_ns, pcm));
        });
    }

    /// Says goodbye.
    pub fn end(&mut self) {
        let Self { packer, stream, out, config, .. } = self;
        packer.end(&mut |time_ns, pcm| {
            out.push_back(sound(config.dialect, stream, time_ns, pcm));
        });
        if let Dialect::Twilio(_) = config.dialect {
            out.push_back(Message::Text(stream.stop()));
        }
    }

    /// Tells the server that a digit was pressed.
    pub fn digit(&mut self, digit: char) {
        let text = match self.config.dialect {
            Dialect::Binary => binary::digit(digit),
            Dialect::Twilio(_) => self.stream.digit(digit),
        };
        self.out.push_back(Message::Text(text));
    }

    /// Takes a text message of the server's.
    ///
    /// # Errors
    /// [`Refused`]: the connection is to be left; for [`Refused::HangUp`], for good.
    pub fn hear_text(&mut self, text: &str) -> Result<(), Refused> {
        let command = match self.config.dialect {
            Dialect::Binary => binary::parse(text),
            Dialect::Twilio(_) => twilio::parse(text),
        };
        let command = command.inspect_err(|_| self.refused += 1)?;
        self.obey(command)?;
        if self.out.len() > WAITING { Err(Refused::Flood) } else { Ok(()) }
    }

    /// Takes a binary message of the server's.
    ///
    /// # Errors
    /// [`Refused`]: the dialect has none.
    pub fn hear_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if self.config.dialect != Dialect::Binary {
            self.refused += 1;
            return Err(Refused::Malformed);
        }
        self.say(bytes);
        Ok(())
    }

    fn obey(&mut self, command: Command) -> Result<(), Refused> {
        match command {
            Command::Sound(bytes) => match self.config.dialect {
                Dialect::Twilio(Encoding::Pcmu) => {
                    let mut pcm = vec![0; bytes.len()];
                    Law::Mu.decode(&bytes, &mut pcm);
                    self.speak(&pcm);
                }
                _ => self.say(&bytes),
            },
            Command::Pcm { sample_rate_hz, bytes } => {
                if sample_rate_hz == self.config.sample_rate_hz {
                    self.speak(&to_pcm(&bytes));
                } else {
                    self.refused += bytes.len() as u64 / 2;
                }
            }
            Command::Mark(mark) => self.mark(mark),
            Command::Flush => self.flush(),
            Command::ClearMarks => self.clear_marks(),
            Command::SetPaused(paused) => self.set_paused(paused),
            Command::ReportDrained => {
                self.reports_drained = true;
                if self.voice.as_ref().is_none_or(|voice| voice.waiting_ms() == 0) {
                    self.drained();
                }
            }
            Command::Status => {
                let waiting_ms = self.voice.as_ref().map_or(0, TalkWriter::waiting_ms);
                let full = self.voice.as_ref().is_some_and(TalkWriter::is_high);
                self.text(binary::status(waiting_ms, full, self.paused));
            }
            Command::HangUp => return Err(Refused::HangUp),
            Command::Nothing => (),
            Command::Other => self.refused += 1,
        }
        Ok(())
    }

    /// Takes bytes of PCM that end anywhere.
    fn say(&mut self, bytes: &[u8]) {
        let mut pcm = Vec::new();
        let mut bytes = bytes;
        if let (Some(low), Some((high, rest))) = (self.half, bytes.split_first()) {
            pcm.push(i16::from_le_bytes([low, *high]));
            (self.half, bytes) = (None, rest);
        }
        pcm.extend(to_pcm(bytes));
        if let ([.., low], 1) = (bytes, bytes.len() % 2) {
            self.half = Some(*low);
        }
        self.speak(&pcm);
    }

    fn speak(&mut self, pcm: &[i16]) {
        self.samples += pcm.len() as u64;
        let Some(voice) = &mut self.voice else { return };
        if voice.write(TURN, pcm).is_err() {
            self.refused += pcm.len() as u64;
        }
        if voice.is_high() && !self.held && self.is_asterisk() {
            self.held = true;
            self.text(binary::event("MEDIA_XOFF"));
        }
    }

    fn mark(&mut self, mark: Mark) {
        let Some(voice) = &mut self.voice else {
            // Nothing is heard: nothing is to be waited for.
            self.tell(&mark, false);
            return;
        };
        if self.marks.len() < MARKS && voice.mark(self.next_mark) {
            self.marks.push_back((self.next_mark, mark));
            self.next_mark += 1;
        } else {
            self.refused += 1;
        }
    }

    /// Also goes on: a flush ends a pause.
    fn flush(&mut self) {
        if let Some(voice) = &mut self.voice {
            voice.flush(FADE_MS);
        }
        self.half = None;
        self.set_paused(false);
        self.clear_marks();
    }

    fn clear_marks(&mut self) {
        for (_, mark) in std::mem::take(&mut self.marks) {
            self.tell(&mark, true);
        }
    }

    fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        if let Some(voice) = &mut self.voice {
            voice.set_paused(paused);
        }
    }

    /// Tells the server what its voice has come to. To be called several times a second.
    pub fn look(&mut self) {
        while let Some(event) = self.voice.as_mut().and_then(TalkWriter::next_event) {
            match event {
                // One that the connection before had set, or that was flushed, is not there.
                TalkEvent::Mark(number) => {
                    let place = self.marks.iter().position(|(other, _)| *other == number);
                    if let Some((_, mark)) = place.and_then(|place| self.marks.remove(place)) {
                        self.tell(&mark, false);
                    }
                }
                TalkEvent::Drained => self.drained(),
                TalkEvent::Low if std::mem::take(&mut self.held) => {
                    self.text(binary::event("MEDIA_XON"));
                }
                _ => (),
            }
        }
    }

    fn drained(&mut self) {
        if std::mem::take(&mut self.reports_drained) {
            self.text(binary::event("QUEUE_DRAINED"));
        }
    }

    fn tell(&mut self, mark: &Mark, flushed: bool) {
        let text = match (self.config.dialect, mark) {
            (Dialect::Twilio(_), Mark::Named(name)) => self.stream.mark(name),
            // Asterisk tells nothing of what was flushed.
            (_, Mark::Correlated(_) | Mark::Buffered(_)) if flushed => return,
            _ => binary::mark(mark, flushed),
        };
        self.text(text);
    }

    fn text(&mut self, text: String) {
        self.out.push_back(Message::Text(text));
    }

    fn is_asterisk(&self) -> bool {
        self.config.dialect == Dialect::Binary && self.config.preamble.is_none()
    }

    /// The next message for the server.
    pub fn next_message(&mut self) -> Option<Message> {
        self.out.pop_front()
    }

    /// Samples received.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Messages that were not understood, marks too many, samples for which there was no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

fn sound(dialect: Dialect, stream: &mut Stream, time_ns: u64, pcm: &[i16]) -> Message {
    match dialect {
        Dialect::Binary => Message::Binary(to_bytes(pcm)),
        Dialect::Twilio(Encoding::L16) => Message::Text(stream.media(time_ns, &to_bytes(pcm))),
        Dialect::Twilio(Encoding::Pcmu) => {
            let mut codes = vec![0; pcm.len()];
            Law::Mu.encode(pcm, &mut codes);
            Message::Text(stream.media(time_ns, &codes))
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
