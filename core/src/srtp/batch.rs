// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many packets of many sessions in one call: what a media server has in its hands at every tick.
//!
//! The results and the bytes are those of calling [`Sender::protect`] or [`Receiver::unprotect`]
//! for one job after the other. What is gained lies in the HMAC suites: SHA-1 is a chain of
//! dependent steps, so one packet leaves most of the processor idle, and sixteen side by side fill
//! it, or eight where there is no AVX-512. An outside backend is given many jobs at once, too, and may work on them beside the
//! processor. All others are done one after the other, which leaves a processor that reorders
//! instructions nothing to wait for. Runs on the thread that owns the sessions; nothing is
//! allocated.

mod stage;

use alloc::vec::Vec;

use stage::{STAGE, Stage, open_stage, seal_stage};

use super::receiver::{self, Opened, Receiver};
use super::sender::{self, Sender};
use super::{MAX_TRAILER_BYTES, SrtpError};

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
/// Real-time: yes; 16 jobs wait on the stack at a time.
pub fn protect_batch<T: Sessions<Sender> + ?Sized>(sessions: &mut T, jobs: &mut [Job<'_>]) {
    for (at, job) in jobs.iter_mut().enumerate() {
        let Some(sender) = sessions.session_mut(job.session) else {
            job.result = Err(SrtpError::InvalidConfig);
            continue;
        };
        if sender.batches() {
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
        if !sender.batches() {
            protect_now(sender, job);
            continue;
        }
        let plan = match sender.plan_in_order(job.buffer, job.len) {
            Some(plan) => plan,
            None => match sender.plan_any(job.buffer, job.len) {
                Ok(plan) => plan,
                Err(error) => {
                    job.result = Err(error);
                    continue;
                }
            },
        };
        if let Some(key) = sender.rtp_key()
            && key.outside().is_none()
            && let Some(text) = job.buffer.get_mut(plan.clear..plan.end)
        {
            // At once, while the key is at hand; what takes lanes is the tag.
            key.xor_keystream(plan.iv, text);
        }
        stage.push(at, plan);
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
/// Real-time: yes; 16 jobs wait on the stack at a time.
pub fn unprotect_batch<T: Sessions<Receiver> + ?Sized>(sessions: &mut T, jobs: &mut [Job<'_>]) {
    for (at, job) in jobs.iter_mut().enumerate() {
        let Some(receiver) = sessions.session_mut(job.session) else {
            job.result = Err(SrtpError::InvalidConfig);
            continue;
        };
        if receiver.batches() {
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
        if !receiver.batches() {
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
            stage.push(at, plan);
            if stage.count == STAGE {
                open_stage(sessions, jobs, &mut stage);
            }
            continue;
        }
        match receiver.peek(datagram) {
            Some(plan) if receiver.is_simple(&plan) => {
                receiver.staged += 1;
                stage.push(at, plan);
            }
            // Not simple, so it was not taken for independent: nothing of its session waits.
            _ => job.result = receiver.unprotect_any(datagram),
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
