// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a conference for a call's taps is made of: both ends of its first line of audio.

use ale_media::conference::LinkEnd;
use ale_media::leg::{Leg, LegControl, LegMedia};

use super::line::CallLine;
use super::{Call, CallError, voice};
use crate::sdp::Format;
use crate::worker::{Ear, Worker};

/// What can be heard of a call: where something of it changes, its taps begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    path: u64,
    tags: [Option<String>; 2],
    formats: [Vec<Format>; 2],
}

/// What such a conference takes in for an end.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // One an end.
pub enum Overheard {
    /// A leg that hears packets.
    Leg(Box<LegMedia>, LegControl),
    /// A line with sound that is decoded anyway.
    Link(Box<LinkEnd>),
}

impl Call {
    fn audio(&self) -> Option<(u64, &CallLine)> {
        let is_audio = |line: &&CallLine| {
            let said = line.end(0).and_then(|end| end.said.as_ref());
            said.is_some_and(|said| said.media == "audio")
        };
        let line = self.lines.iter().find(is_audio)?;
        Some((line.path()?, line))
    }

    /// What can be heard; nothing before an answer, and of a conference's member.
    pub fn heard(&self) -> Option<Heard> {
        let (path, line) = self.audio().filter(|_| self.member.is_none())?;
        let [Some(first), Some(second)] = &line.ends else { return None };
        let formats = |said: Option<&crate::sdp::Line>| said.map(|said| said.formats.clone());
        let formats = [formats(first.said.as_ref())?, formats(second.said.as_ref())?];
        Some(Heard { path, tags: self.tags.clone(), formats })
    }

    /// What hears a party, and what is heard of it.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn overhear(&self, party: usize) -> Result<(Ear, Overheard), CallError> {
        let (_, line) = self.audio().ok_or(CallError::NoOffer)?;
        line.overhear(party)
    }

    /// Has a worker hand over what comes from each party.
    pub fn overheard_by(&self, ears: Vec<Ear>, worker: &Worker) {
        let Some((path, _)) = self.audio() else { return };
        for (party, ear) in ears.into_iter().enumerate() {
            worker.overhear(path, party, Some(ear));
        }
    }

    /// Has it hand over nothing more.
    pub fn overhear_no_more(&self, worker: &Worker) {
        let Some((path, _)) = self.audio() else { return };
        for party in 0..2 {
            worker.overhear(path, party, None);
        }
    }

    /// Whether the other does not hear a party, as has been asked for.
    pub fn is_silent(&self, party: usize) -> bool {
        let end = self.audio().and_then(|(_, line)| line.end(party));
        end.is_some_and(|end| end.passing.blocked || end.passing.silenced)
    }
}

impl CallLine {
    fn overhear(&self, party: usize) -> Result<(Ear, Overheard), CallError> {
        if let Some(speeches) = &self.speeches {
            let speech = speeches.get(party).ok_or(CallError::NoOffer)?;
            let link = LinkEnd::pair(speech.sample_rate_hz);
            let (near, far) = link.map_err(|_| CallError::NotDone("A tap at this rate"))?;
            return Ok((Ear::Sound(Box::new(near)), Overheard::Link(Box::new(far))));
        }
        let said = |party| self.end(party).and_then(|end| end.said.as_ref());
        // What a party may say has the numbers by which the other takes it.
        let lines = said(1 - party).zip(said(party)).ok_or(CallError::NoOffer)?;
        let config = voice::overhearing([lines.0, lines.1])?;
        let (receiver, media, control) = Leg::new(&config).map_err(CallError::Leg)?;
        Ok((Ear::Packets(Box::new(receiver)), Overheard::Leg(Box::new(media), control)))
    }
}
