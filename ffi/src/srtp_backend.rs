// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cryptography from outside, as a table of C functions.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

use ale_media::srtp::SrtpError;
use ale_media::srtp::backend::{Backend, BackendJob, BackendKey, KeySpec, Operation, Ticket};

use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, Versioned, handle};
use crate::srtp_keys::suite_name;
use crate::status::ale_status;

/// What a backend's submit function is to do.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_srtp_operation {
    /// As its seal function.
    ALE_SRTP_SEAL = 0,
    /// As its open function.
    ALE_SRTP_OPEN = 1,
}

/// Session keys for a backend to schedule; valid during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_backend_keys {
    /// The suite's IANA name, like "AEAD_AES_128_GCM". Tag lengths are not the backend's concern.
    pub suite: *const c_char,
    /// The cipher's key.
    pub cipher_key: *const u8,
    /// 16, 24 or 32.
    pub cipher_key_bytes: usize,
    /// The 20 bytes of the HMAC-SHA1 key; of no meaning for GCM.
    pub authentication_key: *const u8,
}

/// One packet for a backend. Authenticated is the packet, then the tail. Encrypted is what follows
/// the clear bytes. In GCM the clear bytes and the tail are the associated data.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_backend_job {
    /// What schedule made.
    pub key: *mut c_void,
    /// The packet without trailer, changed in place.
    pub packet: *mut u8,
    /// Bytes of the packet.
    pub length: usize,
    /// Bytes in front that are authenticated but not encrypted.
    pub clear_bytes: usize,
    /// What is authenticated after the packet but does not stand there.
    pub tail: [u8; 4],
    /// 0 or 4.
    pub tail_bytes: u32,
    /// The counter block with a count of 0: counter mode begins with it; GCM's tag is masked with
    /// count 1 and its text begins with count 2. The first 12 bytes are GCM's nonce.
    pub iv: [u8; 16],
    /// Sealing: to be written, the first 16 bytes of the tag. Opening: the received tag.
    pub tag: [u8; 16],
    /// Opening: how many bytes of the tag have been received.
    pub tag_bytes: u32,
    /// To be set to 1: sealed, or the tag matches and the text is decrypted. Unless it is, a packet
    /// to open must be as it was.
    pub done: i32,
}

/// What a backend is made of. The functions are called on the threads that use the sessions, several
/// at once; all but schedule and release must be real-time. The context must outlive the backend
/// and its sessions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_backend_config {
    /// Size of this struct, filled by ale_srtp_backend_config_init.
    pub struct_size: u32,
    /// Passed to each function.
    pub context: *mut c_void,
    /// Schedules session keys and writes its own form of them to key; 0, or -1 for a suite that it
    /// lacks. Not real-time.
    pub schedule: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            keys: *const ale_srtp_backend_keys,
            key: *mut *mut c_void,
        ) -> i32,
    >,
    /// Wipes and frees what schedule made. Not real-time.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void, key: *mut c_void)>,
    /// Encrypts and authenticates each job.
    pub seal: Option<
        unsafe extern "C" fn(context: *mut c_void, jobs: *mut ale_srtp_backend_job, count: usize),
    >,
    /// Authenticates each job in constant time, and decrypts it if the tag matches.
    pub open: Option<
        unsafe extern "C" fn(context: *mut c_void, jobs: *mut ale_srtp_backend_job, count: usize),
    >,
    /// Optional, with poll: begins an ale_srtp_operation and writes a ticket. 1 if it goes on after
    /// the return, with the jobs left in place; 0 if they are through already.
    pub submit: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            operation: i32,
            jobs: *mut ale_srtp_backend_job,
            count: usize,
            ticket: *mut u64,
        ) -> i32,
    >,
    /// Whether the jobs of a ticket are through: 1 once for each. It is called until then, so give
    /// up on an engine that does not answer, leaving its jobs not done.
    pub poll: Option<unsafe extern "C" fn(context: *mut c_void, ticket: u64) -> i32>,
}

impl Default for ale_srtp_backend_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            context: core::ptr::null_mut(),
            schedule: None,
            release: None,
            seal: None,
            open: None,
            submit: None,
            poll: None,
        }
    }
}

// SAFETY: repr(C), integers, pointers, and function pointers that may be NULL, the size first.
// Bytes of a function pointer that are no function's address are the caller's fault.
unsafe impl Versioned for ale_srtp_backend_config {}

/// Fills a config with no functions. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_backend_config_init(
    config: *mut ale_srtp_backend_config,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_backend_config_init_sized(
    config: *mut ale_srtp_backend_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Cryptography from outside: a phone's engine, a certified library. Made once and named in the
/// config of any number of sessions; a batch hands over together what these have to do.
pub struct ale_srtp_backend(Arc<dyn Backend>);

/// Makes a backend; the functions are copied. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT if a function is missing, or there is only one of submit and
/// poll, and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_backend_create(
    config: *const ale_srtp_backend_config,
    backend: *mut *mut ale_srtp_backend,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (functions, out) = unsafe { (pointer::config(config)?, pointer::exclusive(backend)?) };
        heap::creating(|| Ok(handle(ale_srtp_backend(Arc::new(Table::new(functions)?)))))?
            .give(out);
        Ok(())
    })
}

/// Frees a backend, which its sessions go on to use until they are destroyed. Any thread. Not
/// real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_backend_destroy(backend: *mut ale_srtp_backend) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(backend) };
        Ok(())
    });
}

/// Makes a backend of OpenSSL's libcrypto, in libraries that are built with the feature openssl.
/// Any thread. Not real-time.
#[cfg(feature = "openssl")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_backend_openssl(
    backend: *mut *mut ale_srtp_backend,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(backend) }?;
        let backend = || Ok(handle(ale_srtp_backend(Arc::new(ale_media::srtp::backend::OpenSsl))));
        heap::creating(backend)?.give(out);
        Ok(())
    })
}

impl ale_srtp_backend {
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        self.0.clone()
    }
}

/// Jobs of one submission.
const SLOT_JOBS: usize = 64;
/// Submissions that can be under way; further ones are done where they are called.
const SLOTS: usize = 4;

/// A table that has been checked.
pub(crate) struct Table {
    functions: ale_srtp_backend_config,
    slots: Box<[Slot]>,
}

/// Where the C form of jobs stands while an engine works on them.
struct Slot {
    busy: AtomicBool,
    work: UnsafeCell<Work>,
}

struct Work {
    jobs: [ale_srtp_backend_job; SLOT_JOBS],
    /// The jobs as they were submitted.
    submitted: *mut BackendJob<'static>,
    count: usize,
    ticket: u64,
}

// SAFETY: the context is the host's, who is told that functions are called on several threads. A
// slot's work is touched only by who has set `busy`, and until it is cleared.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl core::fmt::Debug for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl Table {
    fn new(functions: ale_srtp_backend_config) -> Result<Self, ale_status> {
        let complete = functions.schedule.is_some()
            && functions.release.is_some()
            && functions.seal.is_some()
            && functions.open.is_some()
            && functions.submit.is_some() == functions.poll.is_some();
        if !complete {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        let slots = if functions.submit.is_some() { SLOTS } else { 0 };
        let slot = || Slot {
            busy: AtomicBool::new(false),
            work: UnsafeCell::new(Work {
                jobs: [NOTHING; SLOT_JOBS],
                submitted: core::ptr::null_mut(),
                count: 0,
                ticket: 0,
            }),
        };
        Ok(Self { functions, slots: (0..slots).map(|_| slot()).collect() })
    }

    /// Calls a function of the table for jobs, some at a time.
    fn call(
        &self,
        function: Option<unsafe extern "C" fn(*mut c_void, *mut ale_srtp_backend_job, usize)>,
        jobs: &mut [BackendJob<'_>],
    ) {
        let Some(function) = function else { return };
        for some in jobs.chunks_mut(16) {
            let mut list = [NOTHING; 16];
            for (to, job) in list.iter_mut().zip(some.iter_mut()) {
                *to = to_c(job);
            }
            // SAFETY: the header's contract; the list has as many jobs, whose packets are slices.
            unsafe { function(self.functions.context, list.as_mut_ptr(), some.len()) };
            for (job, from) in some.iter_mut().zip(&list) {
                job.tag = from.tag;
                job.done = from.done == 1;
            }
        }
    }

    fn free_slot(&self) -> Option<(usize, &Slot)> {
        self.slots.iter().enumerate().find(|(_, slot)| !slot.busy.swap(true, Ordering::Acquire))
    }
}

const NOTHING: ale_srtp_backend_job = ale_srtp_backend_job {
    key: core::ptr::null_mut(),
    packet: core::ptr::null_mut(),
    length: 0,
    clear_bytes: 0,
    tail: [0; 4],
    tail_bytes: 0,
    iv: [0; 16],
    tag: [0; 16],
    tag_bytes: 0,
    done: 0,
};

fn to_c(job: &mut BackendJob<'_>) -> ale_srtp_backend_job {
    let key = job.key.downcast_ref::<Key>().map_or(core::ptr::null_mut(), |key| key.key);
    ale_srtp_backend_job {
        key,
        packet: job.packet.as_mut_ptr(),
        length: job.packet.len(),
        clear_bytes: job.clear_bytes,
        tail: job.tail.unwrap_or_default(),
        tail_bytes: job.tail.map_or(0, |tail| tail.len() as u32),
        iv: job.iv,
        tag: job.tag,
        tag_bytes: job.tag_bytes as u32,
        done: 0,
    }
}

/// What schedule made.
struct Key {
    functions: ale_srtp_backend_config,
    key: *mut c_void,
}

// SAFETY: the header has functions called on several threads, with any of the backend's keys.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        if let Some(release) = self.functions.release {
            // SAFETY: the header's contract; the key came from schedule and goes away here.
            unsafe { release(self.functions.context, self.key) };
        }
    }
}

impl Backend for Table {
    fn schedule(&self, keys: &KeySpec<'_>) -> Result<BackendKey, SrtpError> {
        let Some(schedule) = self.functions.schedule else { return Err(SrtpError::Backend) };
        let spec = ale_srtp_backend_keys {
            suite: suite_name(keys.suite).as_ptr(),
            cipher_key: keys.cipher_key.as_ptr(),
            cipher_key_bytes: keys.cipher_key.len(),
            authentication_key: keys.auth_key.as_ptr(),
        };
        let mut key = core::ptr::null_mut();
        // SAFETY: the header's contract.
        if unsafe { schedule(self.functions.context, &raw const spec, &raw mut key) } != 0 {
            return Err(SrtpError::UnavailableBackend);
        }
        Ok(Box::new(Key { functions: self.functions, key }))
    }

    fn seal(&self, jobs: &mut [BackendJob<'_>]) {
        self.call(self.functions.seal, jobs);
    }

    fn open(&self, jobs: &mut [BackendJob<'_>]) {
        self.call(self.functions.open, jobs);
    }

    fn submit(&self, operation: Operation, jobs: &mut [BackendJob<'_>]) -> Option<Ticket> {
        let count = jobs.len();
        if let Some(submit) = self.functions.submit
            && count <= SLOT_JOBS
            && let Some((number, slot)) = self.free_slot()
        {
            // SAFETY: the slot was not busy and is now this call's.
            let work = unsafe { &mut *slot.work.get() };
            for (to, job) in work.jobs.iter_mut().zip(jobs.iter_mut()) {
                *to = to_c(job);
            }
            (work.submitted, work.count) = (jobs.as_mut_ptr().cast(), count);
            let (list, ticket) = (work.jobs.as_mut_ptr(), &raw mut work.ticket);
            let operation = match operation {
                Operation::Seal => ale_srtp_operation::ALE_SRTP_SEAL,
                Operation::Open => ale_srtp_operation::ALE_SRTP_OPEN,
            };
            // SAFETY: the header's contract; the list has `count` jobs, and stays in its slot until
            // `poll` says that they are through.
            let flies =
                unsafe { submit(self.functions.context, operation as i32, list, count, ticket) };
            if flies == 1 {
                return Some(number as Ticket);
            }
            finish(slot);
            return None;
        }
        match operation {
            Operation::Seal => self.seal(jobs),
            Operation::Open => self.open(jobs),
        }
        None
    }

    fn poll(&self, ticket: Ticket) -> bool {
        let (Some(poll), Some(slot)) = (self.functions.poll, self.slots.get(ticket as usize))
        else {
            return true;
        };
        // SAFETY: a ticket is polled by who submitted its jobs, whose slot this is till it is free.
        let ticket = unsafe { (*slot.work.get()).ticket };
        // SAFETY: the header's contract.
        if unsafe { poll(self.functions.context, ticket) } != 1 {
            return false;
        }
        finish(slot);
        true
    }
}

/// Carries the outcome over to the jobs as they were submitted, and frees the slot.
fn finish(slot: &Slot) {
    // SAFETY: the slot is the caller's until `busy` is cleared, and its jobs are through.
    let work = unsafe { &mut *slot.work.get() };
    for (i, from) in work.jobs.iter().take(work.count).enumerate() {
        // SAFETY: `submit` was given so many jobs, which nobody moves or touches until they are
        // through, which is now.
        let job = unsafe { &mut *work.submitted.add(i) };
        job.tag = from.tag;
        job.done = from.done == 1;
    }
    work.jobs = [NOTHING; SLOT_JOBS];
    slot.busy.store(false, Ordering::Release);
}
