// SPDX-License-Identifier: MIT OR Apache-2.0
//! Jobs of a batch that wait for each other's company, and what is done with them together.

use super::{Job, Sessions};
use crate::srtp::SrtpError;
use crate::srtp::crypto::backend::{self, BackendJob, Operation};
use crate::srtp::crypto::{self, CryptoKey, LANES, Lanes, Message, Tag, lane_tags, tags_match};
use crate::srtp::receiver::{self, Receiver};
use crate::srtp::sender::{self, Sender};

/// Jobs that wait at a time: what fits the lanes. They wait on the stack, so no more do.
pub(super) const STAGE: usize = LANES;

/// Jobs that wait for cryptography.
pub(super) struct Stage<P> {
    plans: [P; STAGE],
    /// Position of each among the jobs.
    jobs: [usize; STAGE],
    pub(super) count: usize,
}

impl<P: Copy + Default> Stage<P> {
    pub(super) fn new() -> Self {
        Self { plans: [P::default(); STAGE], jobs: [0; STAGE], count: 0 }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, job: usize, plan: P) {
        if let (Some(a), Some(b)) = (self.plans.get_mut(self.count), self.jobs.get_mut(self.count))
        {
            (*a, *b) = (plan, job);
            self.count += 1;
        }
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = (usize, &P)> {
        self.jobs.iter().copied().zip(&self.plans).take(self.count)
    }
}

/// For each waiting job: its tag, once it is sealed, or is opened.
type Done = [Option<Tag>; STAGE];

/// Seals what waits, whose text is encrypted already unless an outside backend is to do it.
pub(super) fn seal_stage<T: Sessions<Sender> + ?Sized>(
    sessions: &mut T,
    jobs: &mut [Job<'_>],
    stage: &mut Stage<sender::Plan>,
) {
    let done = work(sessions, jobs, stage, Operation::Seal, |sender: &Sender, plan| {
        let (clear, end, tail, iv) = (plan.clear, plan.end, plan.tail, plan.iv);
        Some(Spec { key: sender.rtp_key()?, clear, end, tail, iv, tag: ([0; 16], 16) })
    });
    for ((at, plan), tag) in stage.waiting().zip(done) {
        if let Some(job) = jobs.get_mut(at)
            && let Some(sender) = sessions.session_mut(job.session)
        {
            job.result = sender.finish_or_count(job.buffer, plan, tag.ok_or(SrtpError::Backend));
        }
    }
    stage.count = 0;
}

/// Opens what waits.
pub(super) fn open_stage<T: Sessions<Receiver> + ?Sized>(
    sessions: &mut T,
    jobs: &mut [Job<'_>],
    stage: &mut Stage<receiver::Plan>,
) {
    let done = work(sessions, jobs, stage, Operation::Open, |receiver: &Receiver, plan| {
        let key = receiver.rtp_key(plan.key)?;
        let (tail, iv) = (receiver.tail(false, plan.index), key.iv(plan.ssrc, plan.index));
        let tag = (plan.tag, receiver.tag_bytes());
        Some(Spec { key, clear: plan.clear, end: plan.end, tail, iv, tag })
    });
    for ((at, plan), tag) in stage.waiting().zip(done) {
        if let Some(job) = jobs.get_mut(at)
            && let Some(receiver) = sessions.session_mut(job.session)
            && let Some(datagram) = job.buffer.get_mut(..job.len)
        {
            receiver.staged = 0;
            // A packet before this one has shown that counters are others than this was planned for.
            let outside = receiver.rtp_key(plan.key).is_some_and(|key| key.outside().is_some());
            if receiver.is_outdated(plan) && !(outside && tag.is_some()) {
                job.result = receiver.unprotect_any(datagram);
                continue;
            }
            // What came from outside has been compared there, with this outcome.
            let opened = tag.is_some_and(|tag| tags_match(tag, plan.tag, receiver.tag_bytes()));
            if opened
                && let Some(key) = receiver.rtp_key(plan.key)
                && key.outside().is_none()
                && let Some(text) = datagram.get_mut(plan.clear..plan.end)
            {
                key.xor_keystream(key.iv(plan.ssrc, plan.index), text);
            }
            job.result = receiver.conclude(datagram, *plan, opened);
        }
    }
    stage.count = 0;
}

/// What cryptography needs of a waiting job.
struct Spec<'k> {
    key: &'k CryptoKey,
    clear: usize,
    end: usize,
    tail: Option<u32>,
    iv: u128,
    /// The received tag and how many bytes of it have been received.
    tag: (Tag, usize),
}

/// Does what is done together: hands over the jobs of outside backends, computes the tags of the
/// others, and waits for the backends.
#[inline(always)]
fn work<'b, H, P: Copy + Default, T: Sessions<H> + ?Sized>(
    sessions: &T,
    jobs: &mut [Job<'b>],
    stage: &Stage<P>,
    operation: Operation,
    spec_of: impl for<'k> Fn(&'k H, &P) -> Option<Spec<'k>>,
) -> Done {
    let (mut done, mut lanes) = ([None; STAGE], [None; LANES]);
    let spec = |at: usize, plan: &P, jobs: &[Job<'b>]| {
        spec_of(sessions.session(jobs.get(at)?.session)?, plan)
    };
    match fill(&mut lanes, jobs, stage, &spec) {
        Some(first) => hand_over(first, jobs, stage, operation, &spec, &mut done),
        None => compute(&lanes, &mut done),
    }
    done
}

/// Fills lanes with all jobs whose keys have them; the first key of an outside backend, if there is any.
#[inline(always)]
fn fill<'k, 'm, 'b, P: Copy + Default>(
    lanes: &mut Lanes<'k, 'm>,
    jobs: &'m [Job<'b>],
    stage: &Stage<P>,
    spec: &impl Fn(usize, &P, &[Job<'b>]) -> Option<Spec<'k>>,
) -> Option<&'k backend::Key> {
    let mut outside = None;
    for (lane, (at, plan)) in lanes.iter_mut().zip(stage.waiting()) {
        let Some(Spec { key, end, tail, .. }) = spec(at, plan, jobs) else { continue };
        let bytes = jobs.get(at).and_then(|job| job.buffer.get(..end));
        match (key.lane_key(), bytes) {
            (Some(key), Some(bytes)) => *lane = Some((key, Message { bytes, tail })),
            _ => outside = outside.or(key.outside()),
        }
    }
    outside
}

/// Computes the tags of what is in lanes.
#[inline(never)]
fn compute(lanes: &Lanes<'_, '_>, done: &mut Done) {
    let mut tags = [[0; 16]; LANES];
    lane_tags(lanes, &mut tags);
    for ((done, lane), tag) in done.iter_mut().zip(lanes).zip(tags) {
        *done = lane.is_some().then_some(tag);
    }
}

/// Hands over the jobs of outside backends, whose keys begin with `first`, and does the others meanwhile.
/// Apart, since all that is handed over stands on the stack.
#[inline(never)]
fn hand_over<'k, 'b, P: Copy + Default>(
    first: &'k backend::Key,
    jobs: &mut [Job<'b>],
    stage: &Stage<P>,
    operation: Operation,
    spec: &impl Fn(usize, &P, &[Job<'b>]) -> Option<Spec<'k>>,
    done: &mut Done,
) {
    let outside = |at: usize, plan: &P, jobs: &[Job<'b>]| {
        let spec = spec(at, plan, jobs)?;
        Some((spec.key.outside()?, spec))
    };
    // The buffers are the engine's for a while.
    let mut buffers: [&mut [u8]; STAGE] = core::array::from_fn(|_| &mut [][..]);
    let mut places = [0_u8; STAGE];
    let mut count = 0;
    for (i, (at, plan)) in stage.waiting().enumerate() {
        if outside(at, plan, jobs).is_some()
            && let Some(job) = jobs.get_mut(at)
            && let (Some(buffer), Some(place)) = (buffers.get_mut(count), places.get_mut(count))
        {
            *buffer = core::mem::take(&mut job.buffer);
            *place = i as u8;
            count += 1;
        }
    }
    let mut keys = [first; STAGE];
    let mut handed: [BackendJob<'_>; STAGE] = core::array::from_fn(|_| {
        let nothing = crypto::CryptoJob { buffer: &mut [], clear: 0, end: 0, tail: None, iv: 0 };
        first.job(nothing, [0; 16], 16)
    });
    let each = handed.iter_mut().zip(&mut keys).zip(buffers.iter_mut()).zip(&places).take(count);
    for (((job, to), buffer), &place) in each {
        if let Some((at, plan)) = stage.waiting().nth(usize::from(place))
            && let Some((key, spec)) = outside(at, plan, jobs)
        {
            *to = key;
            let Spec { clear, end, tail, iv, tag, .. } = spec;
            *job = key.job(crypto::CryptoJob { buffer, clear, end, tail, iv }, tag.0, tag.1);
        }
    }
    let (Some(keys), Some(handed)) = (keys.get(..count), handed.get_mut(..count)) else {
        // Nothing is done, which refuses them all.
        return;
    };
    let flight = backend::submit(operation, keys, handed);
    let mut lanes = [None; LANES];
    let _ = fill(&mut lanes, jobs, stage, spec);
    compute(&lanes, done);
    drop(flight);
    for (job, &place) in handed.iter_mut().zip(&places) {
        let place = usize::from(place) % STAGE;
        done[place] = match operation {
            Operation::Seal => backend::sealed(job),
            // The tag as it was received: the backend has compared it.
            Operation::Open => outside(stage.jobs[place], &stage.plans[place], jobs)
                .and_then(|(_, spec)| job.done.then_some(spec.tag.0)),
        };
    }
    for (buffer, &place) in buffers.into_iter().zip(&places).take(count) {
        if let Some(job) = stage.jobs.get(usize::from(place)).and_then(|&at| jobs.get_mut(at)) {
            job.buffer = buffer;
        }
    }
}
