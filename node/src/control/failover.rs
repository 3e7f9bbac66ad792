// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that are kept for another process, and those that are taken over from one.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Control;
use crate::call::{Call, CallError, Resumed};
use crate::config;
use crate::failover::{self, CallRecord, FailoverError, Failure, Folder, Store, StoreError, Vault};
use crate::worker::{EndCheckpoint, Path, checkpoint};

/// What has been done about calls that are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Records that were written.
    pub written: u64,
    /// Records that could not be written, by why, in the order of [`Failure::ALL`].
    pub failures: [u64; Failure::ALL.len()],
    /// Why the store has not done what it was asked to last; none if it has.
    pub failing: Option<Failure>,
    /// Calls that were taken over.
    pub resumed: u64,
    /// Records that were refused: damaged, too old, or of ports that others have.
    pub refused: u64,
    /// Records that were refused since they are of another version.
    pub other_version: u64,
    /// Subscriptions that were taken over with their calls.
    pub subscriptions: u64,
    /// Subscriptions that were not, since their ports are others' or there is no such sink.
    pub subscriptions_refused: u64,
}

impl Kept {
    /// Records that could not be written.
    pub fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Whether another process owns the records.
    pub(super) fn is_fenced(&self) -> bool {
        self.failing == Some(Failure::Fenced)
    }
}

/// Where calls are kept, and how.
#[derive(Debug)]
pub(super) struct Keeper {
    vault: Vault,
    store: Box<dyn Store>,
    interval_ns: u64,
    kept: Kept,
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Keeper {
    /// One by configuration, if there is to be one.
    pub(super) fn by(config: &config::Failover) -> io::Result<Option<Self>> {
        if config.folder.is_none() && config.redis.is_none() {
            return Ok(None);
        }
        let key = config.key.as_ref().and_then(config::Secret::bytes);
        let key = key.ok_or_else(|| io::Error::other("no key for calls that are kept"))?;
        let vault = Vault::new(&key).map_err(io::Error::other)?;
        let store = Self::store(config)?;
        let interval_ns = u64::from(config.interval_ms) * 1_000_000;
        Ok(Some(Self { vault, store, interval_ns, kept: Kept::default() }))
    }

    fn store(config: &config::Failover) -> io::Result<Box<dyn Store>> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &config.redis {
            let store = failover::Redis::open(redis)
                .map_err(|error| io::Error::other(format!("the Redis of [failover]: {error}")))?;
            tracing::info!(instance = redis.instance, epoch = store.epoch(), "calls are ours");
            return Ok(Box::new(store));
        }
        let folder = config.folder.clone().unwrap_or_default();
        let store = Folder::open(folder.clone()).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
        })?;
        Ok(Box::new(store))
    }

    /// What the store has done or not; a change is told, not each of the thousand records that it is about.
    fn note<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let failing = done.as_ref().err().map(|error| error.failure);
        if failing != self.kept.failing {
            match &done {
                Ok(_) => tracing::info!("calls are kept again"),
                Err(error) => tracing::warn!(%error, "calls can't be kept"),
            }
            self.kept.failing = failing;
        }
        done
    }

    /// A call has ended.
    pub(super) fn forget(&mut self, call_id: &str) {
        let removed = self.store.remove(&failover::name(call_id));
        if let Err(error) = self.note(removed) {
            tracing::debug!(call_id, %error, "what is kept of a call stays there");
        }
    }

    /// Keeps a call as this; whether nothing older is kept.
    fn keep(&mut self, record: &CallRecord) -> bool {
        let name = failover::name(&record.call_id);
        let sealed = self.vault.seal(&name, record);
        let sealed = sealed.map_err(|error| StoreError::new(Failure::Refused, error));
        let put = sealed.and_then(|sealed| self.store.put(&name, &sealed));
        match self.note(put) {
            Ok(()) => {
                self.kept.written += 1;
                true
            }
            Err(error) => {
                let counters = self.kept.failures.iter_mut().zip(Failure::ALL);
                counters.filter(|(_, of)| *of == error.failure).for_each(|(n, _)| *n += 1);
                tracing::debug!(call_id = record.call_id, %error, "a call can't be kept");
                // It goes on without, if nobody can take it over by what was kept before.
                self.store.remove(&name).is_ok()
            }
        }
    }
}

impl Control {
    /// What has been done about calls that are kept, if any are.
    pub fn kept(&self) -> Option<Kept> {
        self.keeper.as_ref().map(|keeper| keeper.kept)
    }

    /// Has workers take checkpoints of calls for which it is time.
    pub(super) fn checkpoint(&mut self, now_ns: u64) {
        let Some(keeper) = &self.keeper else { return };
        for (call_id, call) in &mut self.calls {
            let due_ns = call.checkpointed_ns + keeper.interval_ns;
            if (now_ns < due_ns && call.signalled_ns < call.checkpointed_ns) || !call.is_kept() {
                continue;
            }
            call.checkpointed_ns = now_ns;
            let Some(worker) = self.workers.get(call.worker) else { continue };
            let seat = call.member.as_ref().and_then(|member| self.conferences.seat(member));
            for path in call.paths() {
                worker.checkpoint(path, seat, call_id, Arc::clone(keeper.vault.session_key()));
            }
        }
    }

    /// A call is to be kept at once, since something about it is otherwise than it was.
    pub(super) fn keep_anew(&mut self, call_id: &str) {
        if let Some(call) = self.calls.get_mut(call_id) {
            call.keep_anew();
        }
    }

    /// A worker has taken checkpoints of a path's ends.
    pub(super) fn keep(&mut self, path: u64, call_id: &str, taken: Vec<EndCheckpoint>) {
        let (Some(keeper), Some(call)) = (&mut self.keeper, self.calls.get_mut(call_id)) else {
            return;
        };
        let generations = taken.iter().map(|end| end.generation).collect();
        if !call.set_checkpoint(path, taken) {
            return;
        }
        let Some(mut record) = call.record(call_id, &self.room, unix_ms()) else { return };
        record.subscriptions = self.taps.subscriptions.record(call_id, &self.room);
        if keeper.keep(&record)
            && let Some(worker) = self.workers.get(call.worker)
        {
            let seat = call.member.as_ref().and_then(|member| self.conferences.seat(member));
            worker.confirm(path, seat, generations);
        }
        if self.is_fenced() {
            self.hand_over();
        }
    }

    /// Whether another process has taken this one's place.
    pub(super) fn is_fenced(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.kept.is_fenced())
    }

    /// Ends the calls that another process goes on with; what is kept of them is that one's.
    fn hand_over(&mut self) {
        let calls = self.calls.iter().filter(|(_, call)| call.is_kept());
        let calls: Vec<_> = calls.map(|(call_id, _)| call_id.clone()).collect();
        if calls.is_empty() {
            return;
        }
        tracing::warn!(calls = calls.len(), "another process has taken over: they end here");
        for call_id in calls {
            self.totals.handed_over += u64::from(self.close(&call_id));
        }
    }

    /// Takes over what another process has kept, or forgets it; how many calls there are then.
    ///
    /// # Errors
    /// What the store says.
    pub fn take_over(&mut self, resume: bool, now_ns: u64) -> Result<usize, StoreError> {
        let Some(mut keeper) = self.keeper.take() else { return Ok(0) };
        let done = self.take_over_from(&mut keeper, resume, now_ns);
        self.keeper = Some(keeper);
        done
    }

    fn take_over_from(
        &mut self,
        keeper: &mut Keeper,
        resume: bool,
        now_ns: u64,
    ) -> Result<usize, StoreError> {
        let opened = keeper.store.all()?.into_iter().map(|(name, sealed)| {
            let record = if resume {
                let opened = keeper.vault.open(&name, &sealed, unix_ms());
                opened.map_err(|error| (error == FailoverError::Version, error.to_string()))
            } else {
                Err((false, String::from("calls are not taken over")))
            };
            (name, record)
        });
        let mut kept: Vec<_> = opened.collect();
        // Who can be at one worker only, by its port, says where its conference is to be.
        kept.sort_by_key(|(_, record)| {
            !record.as_ref().is_ok_and(|record| self.room.worker_of(record).is_some())
        });
        for (name, record) in kept {
            let resumed = record.and_then(|record| {
                let resumed = self.resume(keeper, &record, now_ns);
                resumed.map_err(|error| (false, error.to_string()))
            });
            match resumed {
                Ok(()) => keeper.kept.resumed += 1,
                Err((other_version, reason)) => {
                    keeper.kept.other_version += u64::from(other_version);
                    keeper.kept.refused += u64::from(resume && !other_version);
                    tracing::info!(name, %reason, "a call that was kept is forgotten");
                    keeper.store.remove(&name)?;
                }
            }
        }
        Ok(self.calls.len())
    }

    fn resume(
        &mut self,
        keeper: &mut Keeper,
        record: &CallRecord,
        now_ns: u64,
    ) -> Result<(), CallError> {
        if self.calls.len() >= self.max_calls {
            return Err(CallError::NotDone("More calls than may be"));
        }
        let key = Arc::clone(keeper.vault.session_key());
        let conference = record.member.as_ref().map(|member| &member.conference[..]);
        let there = conference.and_then(|name| self.conferences.worker(name));
        let number = match (there, self.room.worker_of(record)) {
            (Some(there), Some(number)) if there != number => {
                return Err(CallError::NotDone("A member that is not at its conference's worker"));
            }
            (there, number) => there.or(number).unwrap_or(self.next_worker),
        };
        let now_ms = unix_ms();
        let elapsed_ms = now_ms.saturating_sub(record.written_ms);
        let resumed = Call::resume(record, elapsed_ms, number, &mut self.room, &key, now_ns)?;
        let Resumed { mut call, mut paths, mut media } = resumed;
        let take = |path: &mut Path| checkpoint::take(&mut path.ends, media.as_mut(), &key);
        let taken = paths.iter_mut().map(take).collect::<Option<Vec<_>>>();
        let taken = taken.ok_or(CallError::Keys)?;
        if !keeper.keep(&record.again(taken.iter().map(Vec::as_slice), now_ms)) {
            return Err(CallError::NotDone("Taking over what can't be kept"));
        }
        for (path, taken) in paths.iter_mut().zip(taken) {
            let generations: Vec<_> = taken.iter().map(|end| end.generation).collect();
            checkpoint::confirm(&mut path.ends, media.as_mut(), &generations);
            call.set_checkpoint(path.id, taken);
        }
        let worker =
            self.workers.get(number).ok_or(CallError::NotDone("A call without a worker"))?;
        if let (Some(name), Some(media)) = (conference, media) {
            self.conferences.take_in(name, (number, worker), |control| {
                call.enter_again(record, media, |media, options| {
                    let joined = control.join(Box::new(media), options);
                    joined.map_err(|(error, _)| CallError::Conference(error))
                })
            })?;
        }
        paths.into_iter().for_each(|path| worker.open(path));
        if there.is_none() {
            self.next_worker = (self.next_worker + 1) % self.workers.len().max(1);
        }
        let call_id = &record.call_id;
        tracing::info!(call_id, "taken over");
        // What a description asks of recordings is its author's, now as before.
        let _ = self.conferences.follow(&call);
        self.calls.insert(call_id.clone(), call);
        for kept in &record.subscriptions {
            match self.subscribe_again(call_id, kept, now_ns) {
                Ok(()) => keeper.kept.subscriptions += 1,
                Err(reason) => {
                    keeper.kept.subscriptions_refused += 1;
                    tracing::warn!(call_id, sink = kept.sink, %reason, "a subscription has ended");
                }
            }
        }
        Ok(())
    }
}
