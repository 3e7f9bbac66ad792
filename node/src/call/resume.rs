// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call as it is kept for another process, and as that takes it over.

use std::time::{Duration, UNIX_EPOCH};

use super::line::CallLine;
use super::{Call, CallError, Room};
use crate::failover::CallRecord;
use crate::worker::{EndCheckpoint, Path};

impl Call {
    /// Whether it is one that is kept: between two parties, with packets that go on as they are.
    pub(crate) fn is_kept(&self) -> bool {
        let mut lines = self.lines.iter().filter(|line| line.path().is_some()).peekable();
        self.member.is_none() && lines.peek().is_some() && lines.all(CallLine::is_kept)
    }

    /// The numbers of its paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = u64> + '_ {
        self.lines.iter().filter_map(CallLine::path)
    }

    /// The sessions of a path of its are kept as this; whether the path is of this call.
    pub(crate) fn set_checkpoint(&mut self, path: u64, taken: [EndCheckpoint; 2]) -> bool {
        let line = self.lines.iter_mut().find(|line| line.is_path(path));
        line.map(|line| line.set_checkpoint(taken)).is_some()
    }

    /// What is kept of it; `None` before there are checkpoints of all of its lines.
    pub(crate) fn record(&self, call_id: &str, room: &Room, now_ms: u64) -> Option<CallRecord> {
        let lines = self.lines.iter().map(|line| match line.path() {
            Some(_) => line.record(room).map(Some),
            None => Some(None),
        });
        Some(CallRecord {
            written_ms: now_ms,
            call_id: call_id.to_owned(),
            created_us: self.created_us(),
            tags: self.tags.clone(),
            lines: lines.collect::<Option<_>>()?,
        })
    }

    /// The call that was kept, and what its worker is to have.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) fn resume(
        record: &CallRecord,
        worker: usize,
        room: &mut Room,
        key: &[u8; 32],
        now_ns: u64,
    ) -> Result<(Self, Vec<Path>), CallError> {
        let mut call = Self::new("", worker, now_ns);
        call.tags.clone_from(&record.tags);
        call.created = UNIX_EPOCH + Duration::from_micros(record.created_us);
        // Grants are not kept: nobody is recorded on who has not said so again.
        for party in 0..call.tags.len() {
            let ends = record.lines.iter().flatten().filter_map(|line| line.ends.get(party));
            call.set_preference(party, &ends.map(|end| end.said.clone()).collect::<Vec<_>>());
        }
        let mut paths = Vec::new();
        for record in record.lines.iter().take(room.max_lines) {
            let line = match record {
                Some(record) => {
                    let (line, path) = CallLine::resume(record, room, key)?;
                    paths.push(path);
                    line
                }
                None => CallLine::default(),
            };
            call.lines.push(line);
        }
        Ok((call, paths))
    }
}
