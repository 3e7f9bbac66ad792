// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call as it is kept for another process, and as that takes it over.

use std::time::{Duration, UNIX_EPOCH};

use ale_media::conference::{JoinOptions, MemberId};
use ale_media::leg::LegMedia;

use super::line::CallLine;
use super::{Call, CallError, Member, Room};
use crate::failover::CallRecord;
use crate::worker::{EndCheckpoint, Path};

/// A call that was kept.
pub(crate) struct Resumed {
    pub(crate) call: Call,
    /// What its worker is to have.
    pub(crate) paths: Vec<Path>,
    /// What its conference is to have, if it is with one.
    pub(crate) media: Option<LegMedia>,
}

impl Call {
    /// Whether it is one that is kept: packets run, and it is not a link, which its node dials again.
    pub(crate) fn is_kept(&self) -> bool {
        let mut lines = self.lines.iter().filter(|line| line.path().is_some()).peekable();
        !self.member.as_ref().is_some_and(Member::is_link)
            && lines.peek().is_some()
            && lines.all(CallLine::is_kept)
    }

    /// The numbers of its paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = u64> + '_ {
        self.lines.iter().filter_map(CallLine::path)
    }

    /// The sessions of a path of its are kept as this; whether the path is of this call.
    pub(crate) fn set_checkpoint(&mut self, path: u64, taken: Vec<EndCheckpoint>) -> bool {
        let line = self.lines.iter_mut().find(|line| line.is_path(path));
        line.map(|line| line.set_checkpoint(taken)).is_some()
    }

    /// What is kept of it; `None` before there are checkpoints of all of its lines.
    pub(crate) fn record(&self, call_id: &str, room: &Room, now_ms: u64) -> Option<CallRecord> {
        let speech = self.member.as_ref().map(Member::speech);
        let lines = self.lines.iter().map(|line| match line.path() {
            Some(_) => line.record(speech, room).map(Some),
            None => Some(None),
        });
        Some(CallRecord {
            written_ms: now_ms,
            call_id: call_id.to_owned(),
            created_us: self.created_us(),
            tags: self.tags.clone(),
            lines: lines.collect::<Option<_>>()?,
            member: self.member.as_ref().map(Member::record),
            subscriptions: Vec::new(),
        })
    }

    /// The call that was kept, so many ms ago.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) fn resume(
        record: &CallRecord,
        elapsed_ms: u64,
        worker: usize,
        room: &mut Room,
        key: &[u8; 32],
        now_ns: u64,
    ) -> Result<Resumed, CallError> {
        let mut call = Self::new("", worker, now_ns);
        call.tags.clone_from(&record.tags);
        call.created = UNIX_EPOCH + Duration::from_micros(record.created_us);
        // Grants are not kept: nobody is recorded on who has not said so again.
        for party in 0..call.tags.len() {
            let ends = record.lines.iter().flatten().filter_map(|line| line.ends.get(party));
            call.set_preference(party, &ends.map(|end| end.said.clone()).collect::<Vec<_>>());
        }
        let (mut paths, mut seated) = (Vec::new(), None);
        for record in record.lines.iter().take(room.max_lines) {
            let line = match record {
                Some(record) => {
                    let (line, path, media) = CallLine::resume(record, elapsed_ms, room, key)?;
                    paths.push(path);
                    seated = media.or(seated);
                    line
                }
                None => CallLine::default(),
            };
            call.lines.push(line);
        }
        if seated.is_some() != record.member.is_some() {
            return Err(CallError::NotDone("A member without a conference"));
        }
        Ok(Resumed { call, paths, media: seated })
    }

    /// Lets a call that was kept into its conference again, by `join`, as it was there.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) fn enter_again(
        &mut self,
        record: &CallRecord,
        media: LegMedia,
        join: impl FnOnce(LegMedia, JoinOptions) -> Result<MemberId, CallError>,
    ) -> Result<(), CallError> {
        let path = self.paths().next().ok_or(CallError::NoOffer)?;
        let spoken = record.lines.iter().flatten().find_map(|line| line.spoken.first());
        let kept = record.member.as_ref().zip(spoken);
        let (member, speech) = kept.ok_or(CallError::NoOffer)?;
        let options = JoinOptions {
            muted: self.is_held() || !member.says,
            listening: member.hears,
            ..JoinOptions::tagged(path)
        };
        let id = join(media, options)?;
        self.member = Some(Member::of(member, speech, id)?);
        Ok(())
    }
}
