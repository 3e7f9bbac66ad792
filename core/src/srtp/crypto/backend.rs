// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cryptography from outside: a phone's hardware engine, a certified library. Whole jobs are handed
//! over, several at a time in a batch, with keys that the backend has scheduled in its own way.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;

use super::{Job, LANES, Material, Tag, tags_match};
use crate::srtp::suite::Cipher;
use crate::srtp::{SrtpError, Suite};

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

/// Cryptography from outside. Called on the threads that own the sessions, several at once.
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

    pub(crate) fn same_backend(&self, other: &Self) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(&self.backend), Arc::as_ptr(&other.backend))
    }

    /// Encrypts the text; the tag, or a tag that no receiver accepts if the backend failed.
    pub(crate) fn seal(&self, mut job: Job<'_>) -> Tag {
        let mut tags = [[0; 16]; LANES];
        seal(&[self], core::slice::from_mut(&mut job), &mut tags);
        tags[0]
    }

    pub(crate) fn open(&self, mut job: Job<'_>, expected: Tag, tag_bytes: usize) -> bool {
        let mut opened = [false; LANES];
        let mut tags = [([0; 16], 16); LANES];
        tags[0] = (expected, tag_bytes);
        open(&[self], core::slice::from_mut(&mut job), &tags, &mut opened);
        opened[0]
    }

    pub(crate) fn xor_keystream(&self, cipher: Cipher, iv: u128, text: &mut [u8]) {
        if cipher == Cipher::CounterMode {
            // The tag that comes with it is of nothing, and dropped.
            let end = text.len();
            self.seal(Job { buffer: text, clear: 0, end, tail: None, iv });
        }
    }
}

/// Seals up to sixteen jobs with keys of one backend.
pub(crate) fn seal(keys: &[&Key], jobs: &mut [Job<'_>], tags: &mut [Tag; LANES]) {
    let Some(first) = keys.first() else { return };
    with_jobs(
        keys,
        jobs,
        |_| ([0; 16], 16),
        |jobs| first.backend.seal(jobs),
        |i, job| {
            if !job.done
                && let Some(text) = job.packet.get_mut(job.clear_bytes..)
            {
                // Plaintext must not leave; what leaves instead no receiver accepts.
                text.fill(0);
            }
            tags[i] = job.tag;
        },
    );
}

/// Opens up to sixteen jobs with keys of one backend.
pub(crate) fn open(
    keys: &[&Key],
    jobs: &mut [Job<'_>],
    expected: &[(Tag, usize); LANES],
    opened: &mut [bool; LANES],
) {
    let Some(first) = keys.first() else { return };
    with_jobs(
        keys,
        jobs,
        |i| expected[i],
        |jobs| first.backend.open(jobs),
        |i, job| {
            opened[i] = job.done;
        },
    );
}

fn with_jobs(
    keys: &[&Key],
    jobs: &mut [Job<'_>],
    tag_of: impl Fn(usize) -> (Tag, usize),
    run: impl FnOnce(&mut [BackendJob<'_>]),
    mut result: impl FnMut(usize, &mut BackendJob<'_>),
) {
    let Some(first) = keys.first() else { return };
    let count = keys.len().min(jobs.len()).min(LANES);
    let mut keys = keys.iter();
    let mut jobs = jobs.iter_mut();
    let mut all: [BackendJob<'_>; LANES] = core::array::from_fn(|i| {
        let (tag, tag_bytes) = tag_of(i);
        let blank = BackendJob {
            key: &first.key,
            packet: &mut [],
            clear_bytes: 0,
            tail: None,
            iv: [0; 16],
            tag,
            tag_bytes,
            done: false,
        };
        match (keys.next(), jobs.next()) {
            (Some(key), Some(job)) => {
                let end = job.end.min(job.buffer.len());
                BackendJob {
                    key: &key.key,
                    clear_bytes: job.clear.min(end),
                    packet: &mut job.buffer[..end],
                    tail: job.tail.map(u32::to_be_bytes),
                    iv: job.iv.to_be_bytes(),
                    ..blank
                }
            }
            _ => blank,
        }
    });
    if let Some(all) = all.get_mut(..count) {
        run(all);
        for (i, job) in all.iter_mut().enumerate() {
            result(i, job);
        }
    }
}

/// RustCrypto behind the trait: a pattern for other backends, and the way their plumbing is tested.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Backend for RustCrypto {
    fn schedule(&self, keys: &KeySpec<'_>) -> Result<BackendKey, SrtpError> {
        let mut material = Material { auth: *keys.auth_key, ..Material::default() };
        material.cipher_bytes = keys.cipher_key.len();
        let to = material.cipher.get_mut(..keys.cipher_key.len()).ok_or(SrtpError::KeyLength)?;
        to.copy_from_slice(keys.cipher_key);
        Ok(Box::new(super::portable::Key::new(keys.suite.cipher(), &material)?))
    }

    fn seal(&self, jobs: &mut [BackendJob<'_>]) {
        for job in jobs {
            if let Some(key) = job.key.downcast_ref::<super::portable::Key>() {
                job.tag = key.seal(plain_job(job.packet, job.clear_bytes, job.tail, job.iv));
                job.done = true;
            }
        }
    }

    fn open(&self, jobs: &mut [BackendJob<'_>]) {
        for job in jobs {
            if let Some(key) = job.key.downcast_ref::<super::portable::Key>() {
                let plain = plain_job(job.packet, job.clear_bytes, job.tail, job.iv);
                job.done = key.open(plain, job.tag, job.tag_bytes);
            }
        }
    }
}

fn plain_job(packet: &mut [u8], clear: usize, tail: Option<[u8; 4]>, iv: [u8; 16]) -> Job<'_> {
    let end = packet.len();
    Job {
        buffer: packet,
        clear,
        end,
        tail: tail.map(u32::from_be_bytes),
        iv: u128::from_be_bytes(iv),
    }
}

/// Compares the first `bytes` of two tags in constant time, for backends that compute tags but
/// don't compare them.
pub fn tags_equal(a: [u8; 16], b: [u8; 16], bytes: usize) -> bool {
    tags_match(a, b, bytes)
}
