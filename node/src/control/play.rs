// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are played to parties, and announced in conferences.

use ale_media::conference::{ConferenceControl, JoinOptions, MemberId};
use ale_media::talk::{Talk, TalkConfig, TalkEvent, TalkWriter};

use super::{Control, addressed};
use crate::call::CallError;
use crate::ng::bencode::DictionaryWriter;
use crate::ng::command::Request;
use crate::play::{Player, Rounds, Sound};

/// What an announcement is written in at a time.
const PART_MS: u32 = 100;
/// How much of one waits to be heard: two looks of the control thread and one that is late.
const AHEAD_MS: u32 = 500;
/// The mark behind all of it.
const ITS_END: u64 = 1;
/// Rate at which conferences hear it.
const MEMBER_RATE_HZ: u32 = 16_000;

/// Who alone is to hear something, and at which rate it hears.
#[derive(Debug, Clone, Copy)]
struct Listener {
    id: MemberId,
    rate_hz: u32,
}

/// A file that is announced in a conference.
pub(super) struct Announcement {
    writer: TalkWriter,
    player: Player,
    part: Vec<i16>,
    id: MemberId,
}

impl core::fmt::Debug for Announcement {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Announcement").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Announcement {
    /// One that all hear, or one alone.
    fn begin(
        sound: Sound,
        rounds: Rounds,
        to: Option<Listener>,
        control: &ConferenceControl,
    ) -> Result<Self, CallError> {
        let mut config = TalkConfig::default();
        config.sample_rate_hz = sound.rate_hz();
        config.member_rate_hz = to.map_or(MEMBER_RATE_HZ, |to| to.rate_hz);
        config.capacity_ms = 2 * (AHEAD_MS + PART_MS);
        config.high_water_ms = AHEAD_MS;
        let part = vec![0; (sound.rate_hz() * PART_MS / 1_000) as usize];
        let made = Talk::new(&config);
        let (writer, end) = made.map_err(|_| CallError::NotDone("A file of this rate"))?;
        let options = JoinOptions { private: to.is_some(), ..JoinOptions::default() };
        let joined = control.join_talk(Box::new(end), options);
        let id = joined.map_err(|(error, _)| CallError::Conference(error))?;
        if let Some(listener) = to
            && let Err(error) = control.set_pair_gain(listener.id, id, Some(1.0))
        {
            let _ = control.leave(id);
            return Err(CallError::Conference(error));
        }
        let mut announcement = Self { writer, player: Player::new(sound, rounds), part, id };
        announcement.go_on();
        Ok(announcement)
    }

    /// Writes as much as may wait; whether there is more to be heard.
    pub(super) fn go_on(&mut self) -> bool {
        while self.player.is_playing() && !self.writer.is_high() {
            self.player.fill(&mut self.part);
            if self.writer.write(0, &self.part).is_err() {
                return false;
            }
            if !self.player.is_playing() {
                self.writer.mark(ITS_END);
            }
        }
        let mut events = core::iter::from_fn(|| self.writer.next_event());
        !events.any(|event| event == TalkEvent::Mark(ITS_END))
    }

    /// Its member, which is to leave.
    pub(super) fn end(mut self) -> MemberId {
        self.writer.cancel(0, 20);
        self.id
    }
}

impl Control {
    /// Plays a file to a party of a call, to both, or in a conference.
    pub(super) fn play_media(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let play = &request.play;
        let sound = match (play.file, play.blob) {
            (Some(file), None) => Sound::open(self.sounds.as_deref(), file),
            (None, Some(blob)) => Sound::read(blob),
            (None, None) => return Err(String::from("No file or blob in message")),
            (Some(_), Some(_)) => return Err(String::from("Both a file and a blob in message")),
        };
        let sound = sound.map_err(|error| error.to_string())?;
        let rounds = Rounds {
            times: play.times.unwrap_or(1),
            limit_ms: play.limit_ms,
            start_ms: play.start_ms.unwrap_or(0),
        };
        let duration_ms = sound.duration_ms();
        if let Some((conference, to)) = self.audience(request)? {
            self.conferences.announce(&conference, to.map(|to| to.id), |control| {
                Announcement::begin(sound, rounds, to, control).map_err(|error| error.to_string())
            })?;
        } else {
            let (call, party, worker) = addressed(&mut self.calls, &self.workers, request)?;
            call.play(party, &sound, rounds, worker).map_err(|error| error.to_string())?;
        }
        answer.number("duration", duration_ms).string("result", "ok");
        Ok(())
    }

    /// Plays nothing more.
    pub(super) fn stop_media(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        if let Some((conference, to)) = self.audience(request)? {
            self.conferences.stop_announcing(&conference, to.map(|to| to.id))?;
        } else {
            let (call, party, worker) = addressed(&mut self.calls, &self.workers, request)?;
            if let Some(position_ms) = call.stop_playing(party, worker) {
                answer.number("last-frame-pos", position_ms);
            }
        }
        answer.string("result", "ok");
        Ok(())
    }

    /// The conference in which something is to be heard, and who is to hear it if not all are; nothing for a call
    /// between two.
    fn audience(
        &mut self,
        request: &Request<'_>,
    ) -> Result<Option<(String, Option<Listener>)>, String> {
        if let (None, Some(conference)) = (request.call_id, request.flags.conference.as_deref()) {
            return Ok(Some((conference.to_owned(), None)));
        }
        let (call, ..) = addressed(&mut self.calls, &self.workers, request)?;
        Ok(call.member.as_ref().map(|member| {
            let listener = Listener { id: member.id, rate_hz: member.sample_rate_hz() };
            (member.conference.clone(), Some(listener))
        }))
    }
}
