// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where members of conferences sit, for what is kept of them, and those that another process has kept.

use ale_media::conference::{ConferenceControl, ConferenceError};

use super::{Conferences, Meeting};
use crate::call::{Call, CallError, Member, Video};
use crate::worker::{Seat, Worker};

impl Conferences {
    /// The worker of the conference of a name.
    pub(in crate::control) fn worker(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).map(|meeting| meeting.tapped.worker)
    }

    /// The seat of a member in its conference.
    pub(in crate::control) fn seat(&self, member: &Member) -> Option<Seat> {
        let mix = self.by_name.get(&member.conference)?.tapped.id;
        Some(Seat { mix, member: member.id })
    }

    /// What a conference of a name lets a member have of video.
    pub(in crate::control) fn video(&self, name: &str) -> Option<Video> {
        Some(self.video_of(self.by_name.get(name)?))
    }

    pub(super) fn video_of(&self, meeting: &Meeting) -> Video {
        let limit_bps = u64::from(self.limits.max_video_kbps) * 1_000;
        Video { mix: meeting.tapped.id, codec: meeting.codec, limit_bps }
    }

    /// What the first who has video speaks is what all speak.
    pub(in crate::control) fn settle_codec(&mut self, name: &str, call: &Call) {
        if let Some(meeting) = self.by_name.get_mut(name) {
            meeting.codec = meeting.codec.or(call.member.as_ref().and_then(Member::video));
        }
    }

    /// Another member of a conference, which begins on this worker if it is not there.
    pub(in crate::control) fn take_in(
        &mut self,
        name: &str,
        (number, worker): (usize, &Worker),
        join: impl FnOnce(&ConferenceControl) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        let full = CallError::Conference(ConferenceError::Full);
        if !self.is_there(name) {
            if self.count() >= self.limits.max_conferences as usize {
                return Err(full);
            }
            let (meeting, mix) = self.make(name, number)?;
            join(&meeting.tapped.control)?;
            self.by_name.insert(name.to_owned(), meeting);
            worker.open_mix(mix);
        } else {
            let (_, control) = self.place(name)?;
            join(&control)?;
        }
        self.count_in(name);
        Ok(())
    }
}
