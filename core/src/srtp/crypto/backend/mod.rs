// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cryptography from outside: a phone's hardware engine, a certified library. Whole jobs are handed
//! over, several at a time in a batch, with keys that the backend has scheduled in its own way.

#[cfg(feature = "openssl")]
mod openssl;
mod rustcrypto;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::marker::PhantomData;

use super::{CryptoJob, Material, Tag, tags_match};
use crate::srtp::suite::Cipher;
use crate::srtp::{SrtpError, Suite};

#[cfg(feature = "openssl")]
pub use openssl::OpenSsl;
pub use rustcrypto::RustCrypto;

/// Session keys in a form of the backend's own. It is to overwrite them when it is dropped.
pub type BackendKey = Box<dyn Any + Send + Sync>;

/// Session keys for a backend to schedule.
pub struct KeySpec<'a> {
    /// Which cipher and which authentication; tag lengths are not the backend's concern.
    pub suite: Suite,
    /// 16, 24 or 32 bytes; of no meaning for the NULL suites.
    pub cipher_key: &'a [u8],
    /// The HMAC-SHA1 key; of no meaning for GCM.
    pub auth_key: &'a [u8; 20],
}

impl fmt::Debug for KeySpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySpec").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// One packet for a backend.
///
/// Authenticated is `packet`, then `tail` if there is one. Encrypted is what follows `clear_bytes`.
/// In GCM the clear bytes and the tail are the associated data, in this order.
pub struct BackendJob<'a> {
    /// What [`Backend::schedule`] made.
    pub key: &'a BackendKey,
    /// The packet without trailer.
    pub packet: &'a mut [u8],
    /// Bytes in front that are authenticated but not encrypted.
    pub clear_bytes: usize,
    /// Four bytes that are authenticated after the packet but do not stand there.
    pub tail: Option<[u8; 4]>,
    /// The counter block with a count of 0: counter mode begins with it; GCM's tag is masked with
    /// count 1 and its text begins with count 2. The first 12 bytes are GCM's nonce.
    pub iv: [u8; 16],
    /// Sealing: set by the backend, to the first 16 bytes of the tag. Opening: the received tag.
    pub tag: [u8; 16],
    /// Opening: how many bytes of the tag have been received.
    pub tag_bytes: usize,
    /// Set by the backend. Opening, it says that the tag matches; unless it does the packet must be
    /// as it was.
    pub done: bool,
}

/// What is to be done with jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Backend::seal`].
    Seal,
    /// [`Backend::open`].
    Open,
}

/// Names jobs that a backend works on; of its own choice.
pub type Ticket = u64;

/// Cryptography from outside. Called on the threads that own the sessions, several at once.
///
/// A backend that computes where it is called has [`Backend::seal`] and [`Backend::open`]. One that
/// hands jobs to an engine beside the processor has [`Backend::submit`] and [`Backend::poll`] too:
/// a batch submits everything that it may, does on the processor what belongs to other sessions,
/// and then polls.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Schedules session keys. Real-time: no.
    ///
    /// # Errors
    /// [`SrtpError::UnavailableBackend`] for suites that it lacks, and [`SrtpError::Backend`].
    fn schedule(&self, keys: &KeySpec<'_>) -> Result<BackendKey, SrtpError>;

    /// Encrypts and authenticates each job. Real-time: yes. The text of a job
    /// that is not [`BackendJob::done`] afterwards is overwritten.
    fn seal(&self, jobs: &mut [BackendJob<'_>]);

    /// Authenticates each job, in constant time, and decrypts it if the tag matches. Real-time:
    /// yes.
    fn open(&self, jobs: &mut [BackendJob<'_>]);

    /// Begins the operation. With a ticket it goes on after the return, and nobody touches the jobs
    /// or moves them until [`Backend::poll`] says that they are through; `None` if they are through
    /// already. By default calls [`Backend::seal`] or [`Backend::open`]. Real-time: yes.
    fn submit(&self, operation: Operation, jobs: &mut [BackendJob<'_>]) -> Option<Ticket> {
        match operation {
            Operation::Seal => self.seal(jobs),
            Operation::Open => self.open(jobs),
        }
        None
    }

    /// Whether the jobs of a ticket are through: true once for each ticket. It is called until it
    /// says so, since the engine has the packets till then; so a backend gives up on an engine that
    /// does not answer, and leaves the jobs not [`BackendJob::done`]. Real-time: yes.
    fn poll(&self, ticket: Ticket) -> bool {
        let _ = ticket;
        true
    }
}

/// A key with the backend that made it.
pub(crate) struct Key {
    backend: Arc<dyn Backend>,
    key: BackendKey,
}

impl Key {
    pub(crate) fn new(
        backend: &Arc<dyn Backend>,
        suite: Suite,
        material: &Material,
    ) -> Result<Self, SrtpError> {
        let keys = KeySpec { suite, cipher_key: material.cipher_key(), auth_key: &material.auth };
        Ok(Self { backend: backend.clone(), key: backend.schedule(&keys)? })
    }

    /// Encrypts the text; `None`, and the text overwritten, if the backend failed.
    pub(crate) fn seal(&self, job: CryptoJob<'_>) -> Option<Tag> {
        let mut job = self.job(job, [0; 16], 16);
        drop(submit(Operation::Seal, &[self], core::slice::from_mut(&mut job)));
        sealed(&mut job)
    }

    pub(crate) fn open(&self, job: CryptoJob<'_>, expected: Tag, tag_bytes: usize) -> bool {
        let mut job = self.job(job, expected, tag_bytes);
        drop(submit(Operation::Open, &[self], core::slice::from_mut(&mut job)));
        job.done
    }

    pub(crate) fn xor_keystream(&self, cipher: Cipher, iv: u128, text: &mut [u8]) {
        if cipher == Cipher::CounterMode {
            // The tag that comes with it is of nothing, and dropped; a failure leaves zeros.
            let end = text.len();
            let _ = self.seal(CryptoJob { buffer: text, clear: 0, end, tail: None, iv });
        }
    }

    /// A job in the form that backends take.
    pub(crate) fn job<'a>(
        &'a self,
        job: CryptoJob<'a>,
        tag: Tag,
        tag_bytes: usize,
    ) -> BackendJob<'a> {
        let end = job.end.min(job.buffer.len());
        BackendJob {
            key: &self.key,
            clear_bytes: job.clear.min(end),
            packet: &mut job.buffer[..end],
            tail: job.tail.map(u32::to_be_bytes),
            iv: job.iv.to_be_bytes(),
            tag,
            tag_bytes,
            done: false,
        }
    }

    fn same_backend(&self, other: &Self) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(&self.backend), Arc::as_ptr(&other.backend))
    }
}

/// The tag of a job that was to be sealed; `None`, and its text overwritten, if it was not.
pub(crate) fn sealed(job: &mut BackendJob<'_>) -> Option<Tag> {
    if job.done {
        return Some(job.tag);
    }
    // Plaintext must not leave.
    if let Some(text) = job.packet.get_mut(job.clear_bytes..) {
        text.fill(0);
    }
    None
}

/// Runs of jobs that are in flight at a time in one batch.
const MAX_RUNS: usize = 8;

/// Jobs that have been submitted. Dropping it waits for them, so that none is left behind.
pub(crate) struct Flight<'a> {
    runs: [Option<(&'a Key, Ticket)>; MAX_RUNS],
    /// The jobs are the engine's meanwhile.
    jobs: PhantomData<&'a mut ()>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        for (key, ticket) in self.runs.iter_mut().filter_map(Option::take) {
            wait(key, ticket);
        }
    }
}

fn wait(key: &Key, ticket: Ticket) {
    while !key.backend.poll(ticket) {
        core::hint::spin_loop();
    }
}

/// Submits jobs, each with its key, in runs of one backend.
pub(crate) fn submit<'a>(
    operation: Operation,
    keys: &[&'a Key],
    jobs: &'a mut [BackendJob<'_>],
) -> Flight<'a> {
    let mut flight = Flight { runs: [None; MAX_RUNS], jobs: PhantomData };
    let (mut keys, mut jobs, mut next) = (keys, jobs, 0);
    while let Some(&first) = keys.first() {
        let length = keys.iter().take_while(|key| key.same_backend(first)).count();
        let Some((run, rest)) = jobs.split_at_mut_checked(length) else { break };
        let Some(other_keys) = keys.get(length..) else { break };
        if let Some(ticket) = first.backend.submit(operation, run)
            && let Some((key, oldest)) = flight.runs[next % MAX_RUNS].replace((first, ticket))
        {
            wait(key, oldest);
        }
        (keys, jobs, next) = (other_keys, rest, next + 1);
    }
    flight
}

/// Compares the first `bytes` of two tags in constant time, for backends that compute tags but
/// don't compare them.
pub fn tags_equal(a: [u8; 16], b: [u8; 16], bytes: usize) -> bool {
    tags_match(a, b, bytes)
}
