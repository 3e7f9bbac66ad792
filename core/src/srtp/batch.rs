// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many packets of many sessions in one call: what a media server has in its hands at every tick.
//!
//! The results and the bytes are those of calling [`Sender::protect`] or [`Receiver::unprotect`]
//! for one job after the other. What is gained lies in the HMAC suites: SHA-1 is a chain of
//! dependent steps, so one packet leaves most of the processor idle, and sixteen side by side fill
//! it. A kernel without lanes does one packet after the other. Runs on the thread that owns the
//! sessions; nothing is allocated.

use alloc::vec::Vec;

use super::crypto::{self, CryptoKey, LANES, Tag};
use super::receiver::{self, Opened, Receiver};
use super::sender::{self, Sender};
use super::{MAX_TRAILER_BYTES, SrtpError};

/// Jobs that are looked at before cryptography begins, so that ones of like length come together.
const STAGE: usize = 4 * LANES;
/// Fewer packets than these are done faster one by one.
const MIN_LANES: usize = 5;

/// Where a batch finds the sessions that its jobs name: a slice or vector by position, or a table
/// of the host's own by whatever number it likes.
pub trait Sessions<H> {
    /// The session with this number, if there is one.
    fn session(&self, number: usize) -> Option<&H>;
    /// The same, to be changed.
    fn session_mut(&mut self, number: usize) -> Option<&mut H>;
}

impl<H, S: AsRef<H> + AsMut<H>> Sessions<H> for [S] {
    #[inline(always)]
    fn session(&self, number: usize) -> Option<&H> {
        self.get(number).map(AsRef::as_ref)
    }

    #[inline(always)]
    fn session_mut(&mut self, number: usize) -> Option<&mut H> {
        self.get_mut(number).map(AsMut::as_mut)
    }
}

impl<H, S: AsRef<H> + AsMut<H>> Sessions<H> for Vec<S> {
    #[inline(always)]
    fn session(&self, number: usize) -> Option<&H> {
        self.as_slice().session(number)
    }

    #[inline(always)]
    fn session_mut(&mut self, number: usize) -> Option<&mut H> {
        self.as_mut_slice().session_mut(number)
    }
}

/// One packet of a batch.
#[derive(Debug)]
pub struct Job<'a> {
    /// Number of the session: its position in a slice.
    pub session: usize,
    /// The packet, and room behind it for the trailer when protecting.
    pub buffer: &'a mut [u8],
    /// Length of the packet in the buffer.
    pub len: usize,
    /// Set by the call: the packet's new length, or why it was refused.
    pub result: Result<usize, SrtpError>,
}

impl<'a> Job<'a> {
    /// A job that has not been done.
    pub fn new(session: usize, buffer: &'a mut [u8], len: usize) -> Self {
        Self { session, buffer, len, result: Err(SrtpError::InvalidConfig) }
    }
}

// The trailer of any job fits what callers are told to leave room for.
const _: () = assert!(MAX_TRAILER_BYTES >= 16 + 4 + 128);

/// Protects the packet of each job with the session that it names, as [`Sender::protect`] would,
/// and sets its result. One session may occur in several jobs. A job whose session does not exist
/// gets [`SrtpError::InvalidConfig`].
///
/// Real-time: yes; 64 jobs wait on the stack at a time.
pub fn protect_batch<T: Sessions<Sender> + ?Sized>(sessions: &mut T, jobs: &mut [Job<'_>]) {
    for (at, job) in jobs.iter_mut().enumerate() {
        let Some(sender) = sessions.session_mut(job.session) else {
            job.result = Err(SrtpError::InvalidConfig);
            continue;
        };
        if sender.has_lanes() {
            return protect_staged(sessions, jobs, at);
        }
        protect_now(sender, job);
    }
}

#[inline(always)]
fn protect_now(sender: &mut Sender, job: &mut Job<'_>) {
    // Two assignments, since one would be a copy through memory of what was just written.
    if let Some(len) = sender.protect_in_order(job.buffer, job.len) {
        job.result = Ok(len);
        return;
    }
    job.result = sender.protect_any(job.buffer, job.len);
}

/// The jobs from `first` on, of which some are done side by side.
#[inline(never)]
fn protect_staged<T: Sessions<Sender> + ?Sized>(
    sessions: &mut T,
    jobs: &mut [Job<'_>],
    first: usize,
) {
    let mut stage = Stage::<sender::Plan>::new();
    for at in first..jobs.len() {
        let Some(job) = jobs.get_mut(at) else { return };
        let Some(sender) = sessions.session_mut(job.session) else {
            job.result = Err(SrtpError::InvalidConfig);
            continue;
        };
        if !sender.has_lanes() {
            protect_now(sender, job);
            continue;
        }
        match sender.plan_in_order(job.buffer, job.len) {
            Some(plan) => stage.push(at, plan.end, plan),
            None => match sender.plan_any(job.buffer, job.len) {
                Ok(plan) => stage.push(at, plan.end, plan),
                Err(error) => job.result = Err(error),
            },
        }
        if stage.count == STAGE {
            seal_stage(sessions, jobs, &mut stage);
        }
    }
    seal_stage(sessions, jobs, &mut stage);
}

/// Unprotects the packet of each job with the session that it names, as [`Receiver::unprotect`]
/// would for `buffer[..len]`, and sets its result. One session may occur in several jobs. A job
/// whose session does not exist gets [`SrtpError::InvalidConfig`], and one whose buffer is
/// shorter than its length [`SrtpError::Capacity`].
///
/// Real-time: yes; 64 jobs wait on the stack at a time.
pub fn unprotect_batch<T: Sessions<Receiver> + ?Sized>(sessions: &mut T, jobs: &mut [Job<'_>]) {
    for (at, job) in jobs.iter_mut().enumerate() {
        let Some(receiver) = sessions.session_mut(job.session) else {
            job.result = Err(SrtpError::InvalidConfig);
            continue;
        };
        if receiver.has_lanes() {
            return unprotect_staged(sessions, jobs, at);
        }
        unprotect_now(receiver, job);
    }
}

#[inline(always)]
fn unprotect_now(receiver: &mut Receiver, job: &mut Job<'_>) {
    let Some(datagram) = job.buffer.get_mut(..job.len) else {
        job.result = receiver.refuse(SrtpError::Capacity);
        return;
    };
    match receiver.unprotect_in_order(datagram) {
        // An assignment each, since one would be a copy through memory of what was just written.
        Some(Opened::Done(len)) => job.result = Ok(len),
        Some(Opened::Forged(plan)) => job.result = receiver.retry(datagram, plan),
        None => job.result = receiver.unprotect_any(datagram),
    }
}

/// The jobs from `first` on, of which some are done side by side.
#[inline(never)]
fn unprotect_staged<T: Sessions<Receiver> + ?Sized>(
    sessions: &mut T,
    jobs: &mut [Job<'_>],
    first: usize,
) {
    let mut stage = Stage::<receiver::Plan>::new();
    for at in first..jobs.len() {
        let Some(job) = jobs.get_mut(at) else { return };
        let session_at = job.session;
        let Some(receiver) = sessions.session_mut(session_at) else {
            job.result = Err(SrtpError::InvalidConfig);
            continue;
        };
        if !receiver.has_lanes() {
            unprotect_now(receiver, job);
            continue;
        }
        // What this packet is taken for may depend on packets that wait, so it is looked at only
        // when it can't. With nothing of its session waiting that is at once.
        if receiver.staged > 0 {
            let independent = match peek(receiver, job) {
                Some(plan) => stage.waiting().all(|(other, before)| {
                    jobs.get(other).is_none_or(|j| j.session != session_at)
                        || before.is_unaffected_by_order(&plan)
                }),
                None => false,
            };
            if !independent {
                open_stage(sessions, jobs, &mut stage);
            }
        }
        let (Some(job), Some(receiver)) = (jobs.get_mut(at), sessions.session_mut(session_at))
        else {
            return;
        };
        let Some(datagram) = job.buffer.get_mut(..job.len) else {
            job.result = receiver.refuse(SrtpError::Capacity);
            continue;
        };
        if let Some(plan) = receiver.plan_in_order(datagram)
            && receiver.is_simple(&plan)
        {
            receiver.staged += 1;
            stage.push(at, plan.end, plan);
            if stage.count == STAGE {
                open_stage(sessions, jobs, &mut stage);
            }
            continue;
        }
        match receiver.plan_any(datagram) {
            Ok(plan) if receiver.is_simple(&plan) => {
                receiver.staged += 1;
                stage.push(at, plan.end, plan);
            }
            // Not simple, so it was not taken for independent: nothing of its session waits.
            Ok(plan) => job.result = receiver.execute(datagram, plan),
            Err(error) => job.result = Err(error),
        }
        if stage.count == STAGE {
            open_stage(sessions, jobs, &mut stage);
        }
    }
    open_stage(sessions, jobs, &mut stage);
}

fn peek(receiver: &mut Receiver, job: &Job<'_>) -> Option<receiver::Plan> {
    let plan = receiver.peek(job.buffer.get(..job.len)?)?;
    receiver.is_simple(&plan).then_some(plan)
}

/// Jobs that wait for cryptography.
struct Stage<P> {
    plans: [P; STAGE],
    /// Position of each among the jobs.
    jobs: [usize; STAGE],
    lengths: [usize; STAGE],
    count: usize,
}

impl<P: Copy + Default> Stage<P> {
    fn new() -> Self {
        Self { plans: [P::default(); STAGE], jobs: [0; STAGE], lengths: [0; STAGE], count: 0 }
    }

    #[inline(always)]
    fn push(&mut self, job: usize, len: usize, plan: P) {
        if let (Some(a), Some(b), Some(c)) = (
            self.plans.get_mut(self.count),
            self.jobs.get_mut(self.count),
            self.lengths.get_mut(self.count),
        ) {
            (*a, *b, *c) = (plan, job, len);
            self.count += 1;
        }
    }

    fn waiting(&self) -> impl Iterator<Item = (usize, &P)> {
        self.jobs.iter().copied().zip(&self.plans).take(self.count)
    }

    /// The waiting jobs, those of like length together.
    fn order(&self) -> [u8; STAGE] {
        let mut order = core::array::from_fn(|i| i as u8);
        let blocks = |i: u8| self.lengths[usize::from(i) % STAGE] / 64;
        let waiting = &mut order[..self.count];
        if !waiting.is_sorted_by_key(|&i| blocks(i)) {
            waiting.sort_unstable_by_key(|&i| blocks(i));
        }
        order
    }
}

fn seal_stage<T: Sessions<Sender> + ?Sized>(
    sessions: &mut T,
    jobs: &mut [Job<'_>],
    stage: &mut Stage<sender::Plan>,
) {
    let order = stage.order();
    for group in order[..stage.count].chunks(LANES) {
        let mut tags = [[0; 16]; LANES];
        with_packets(
            sessions,
            jobs,
            group,
            |i| stage.jobs[usize::from(i) % STAGE],
            |sender, _| sender.rtp_key(),
            |_, i| {
                let plan = &stage.plans[usize::from(i) % STAGE];
                (plan.clear, plan.end, plan.tail, plan.iv)
            },
            |keys, packets| {
                if packets.len() < MIN_LANES {
                    for ((key, packet), tag) in keys.iter().zip(packets).zip(&mut tags) {
                        *tag = key.seal(packet.reborrow());
                    }
                } else {
                    crypto::seal_batch(keys, packets, &mut tags);
                }
            },
        );
        for (&i, tag) in group.iter().zip(tags) {
            let i = usize::from(i) % STAGE;
            if let Some(job) = jobs.get_mut(stage.jobs[i])
                && let Some(sender) = sessions.session_mut(job.session)
            {
                job.result = sender.finish(job.buffer, &stage.plans[i], tag);
            }
        }
    }
    stage.count = 0;
}

fn open_stage<T: Sessions<Receiver> + ?Sized>(
    sessions: &mut T,
    jobs: &mut [Job<'_>],
    stage: &mut Stage<receiver::Plan>,
) {
    let order = stage.order();
    let mut opened = [false; STAGE];
    for group in order[..stage.count].chunks(LANES) {
        let mut results = [false; LANES];
        let expected: [(Tag, usize); LANES] = core::array::from_fn(|lane| {
            let Some(&i) = group.get(lane) else { return ([0; 16], 16) };
            let i = usize::from(i) % STAGE;
            let session = jobs.get(stage.jobs[i]).and_then(|job| sessions.session(job.session));
            (stage.plans[i].tag, session.map_or(16, Receiver::tag_bytes))
        });
        with_packets(
            sessions,
            jobs,
            group,
            |i| stage.jobs[usize::from(i) % STAGE],
            |receiver, i| receiver.rtp_key(stage.plans[usize::from(i) % STAGE].key),
            |receiver, i| {
                let plan = &stage.plans[usize::from(i) % STAGE];
                let key = receiver.rtp_key(plan.key);
                let iv = key.map_or(0, |key| key.iv(plan.ssrc, plan.index));
                (plan.clear, plan.end, receiver.tail(plan.index), iv)
            },
            |keys, packets| {
                if packets.len() < MIN_LANES {
                    for (((key, packet), result), (tag, bytes)) in
                        keys.iter().zip(packets).zip(&mut results).zip(expected)
                    {
                        *result = key.open(packet.reborrow(), tag, bytes);
                    }
                } else {
                    crypto::open_batch(keys, packets, &expected, &mut results);
                }
            },
        );
        for (&i, result) in group.iter().zip(results) {
            opened[usize::from(i) % STAGE] = result;
        }
    }
    for i in 0..stage.count.min(STAGE) {
        if let Some(job) = jobs.get_mut(stage.jobs[i])
            && let Some(receiver) = sessions.session_mut(job.session)
            && let Some(datagram) = job.buffer.get_mut(..job.len)
        {
            receiver.staged = 0;
            job.result = receiver.conclude(datagram, stage.plans[i], opened[i]);
        }
    }
    stage.count = 0;
}

/// A packet's layout, its tail and its initialization vector.
type Spec = (usize, usize, Option<u32>, u128);

/// Collects keys and packets of up to sixteen jobs, gives them to `run`, and puts the buffers back.
#[inline(always)]
fn with_packets<'b, H, T: Sessions<H> + ?Sized>(
    sessions: &T,
    jobs: &mut [Job<'b>],
    group: &[u8],
    job_of: impl Fn(u8) -> usize,
    key_of: impl for<'k> Fn(&'k H, u8) -> Option<&'k CryptoKey>,
    spec_of: impl Fn(&H, u8) -> Spec,
    run: impl FnOnce(&[&CryptoKey], &mut [crypto::Job<'b>]),
) {
    let first = group.first().and_then(|&i| {
        let session = jobs.get(job_of(i))?.session;
        key_of(sessions.session(session)?, i)
    });
    let Some(first) = first else { return };
    let mut keys = [first; LANES];
    let mut packets: [crypto::Job<'b>; LANES] = core::array::from_fn(|_| crypto::Job::empty());
    for ((&i, key), packet) in group.iter().zip(&mut keys).zip(&mut packets) {
        let Some(job) = jobs.get_mut(job_of(i)) else { return };
        let Some(session) = sessions.session(job.session) else { return };
        // A planned packet has a key, so this is not the way out of anything.
        *key = key_of(session, i).unwrap_or(first);
        let (clear, end, tail, iv) = spec_of(session, i);
        *packet = crypto::Job { buffer: core::mem::take(&mut job.buffer), clear, end, tail, iv };
    }
    let count = group.len().min(LANES);
    if let (Some(keys), Some(packets)) = (keys.get(..count), packets.get_mut(..count)) {
        run(keys, packets);
    }
    for (&i, packet) in group.iter().zip(packets) {
        if let Some(job) = jobs.get_mut(job_of(i)) {
            job.buffer = packet.buffer;
        }
    }
}
