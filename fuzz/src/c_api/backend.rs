// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cryptography from outside: a toy cipher behind the table, at once or later. What it is asked is
//! checked; what it answers is not always right.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::rc::Rc;

use ale_media_capi::srtp_backend::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

/// What is wrong with an engine, as bits.
const SLOW: u8 = 1;
const REFUSES_KEYS: u8 = 2;
const LEAVES_JOBS: u8 = 4;
const INCOMPLETE: u8 = 8;

pub(super) struct Engine {
    faults: u8,
    keys: Cell<usize>,
    tickets: Cell<u64>,
    /// Submissions that no poll has found done.
    under_way: RefCell<Vec<Submission>>,
}

struct Submission {
    ticket: u64,
    operation: i32,
    jobs: *mut ale_srtp_backend_job,
    count: usize,
    polls_left: u8,
}

impl Engine {
    /// All that was begun has ended, once no session is left.
    pub(super) fn assert_idle(&self) {
        assert_eq!(self.keys.get(), 0, "keys were not released");
        assert!(self.under_way.borrow().is_empty(), "jobs were not waited for");
    }

    /// # Safety
    /// The jobs are what the header says.
    unsafe fn run(&self, operation: i32, jobs: *mut ale_srtp_backend_job, count: usize) {
        // SAFETY: the caller's.
        let jobs = unsafe { std::slice::from_raw_parts_mut(jobs, count) };
        for (n, job) in jobs.iter_mut().enumerate() {
            assert!(job.clear_bytes <= job.length && matches!(job.tail_bytes, 0 | 4));
            assert!(job.tag_bytes <= 16 && job.done == 0);
            if self.faults & LEAVES_JOBS != 0 && n % 3 == 2 {
                job.done = 2;
                continue;
            }
            // SAFETY: the header's contract; the key is what `schedule` gave.
            let (packet, key) = unsafe {
                (std::slice::from_raw_parts_mut(job.packet, job.length), *job.key.cast::<u8>())
            };
            let tail = &job.tail[..job.tail_bytes as usize];
            let opens = operation == ale_srtp_operation::ALE_SRTP_OPEN as i32;
            let received = job.tag;
            if !opens {
                crypt(&mut packet[job.clear_bytes..], key, job.iv);
            }
            job.tag = [key; 16];
            for (at, byte) in packet.iter().chain(tail).enumerate() {
                let place = &mut job.tag[at % 16];
                *place = place.rotate_left(3) ^ byte;
            }
            let compared = job.tag_bytes as usize;
            if opens && received[..compared] != job.tag[..compared] {
                continue;
            }
            if opens {
                crypt(&mut packet[job.clear_bytes..], key, job.iv);
            }
            job.done = 1;
        }
    }
}

fn crypt(text: &mut [u8], key: u8, iv: [u8; 16]) {
    for (n, byte) in text.iter_mut().enumerate() {
        *byte ^= key ^ iv[n % 16];
    }
}

unsafe extern "C" fn schedule(
    context: *mut c_void,
    keys: *const ale_srtp_backend_keys,
    key: *mut *mut c_void,
) -> i32 {
    // SAFETY: the header's contract.
    unsafe {
        let (engine, keys) = (&*context.cast::<Engine>(), &*keys);
        assert!(matches!(keys.cipher_key_bytes, 16 | 24 | 32));
        assert!(!CStr::from_ptr(keys.suite).is_empty());
        let made = std::slice::from_raw_parts(keys.cipher_key, keys.cipher_key_bytes);
        if engine.faults & REFUSES_KEYS != 0 && made[0] & 1 == 0 {
            return -1;
        }
        engine.keys.set(engine.keys.get() + 1);
        *key = Box::into_raw(Box::new(made[0])).cast();
        0
    }
}

unsafe extern "C" fn release(context: *mut c_void, key: *mut c_void) {
    // SAFETY: the header's contract; `schedule` made it.
    unsafe {
        let engine = &*context.cast::<Engine>();
        engine.keys.set(engine.keys.get() - 1);
        drop(Box::from_raw(key.cast::<u8>()));
    }
}

unsafe extern "C" fn seal(context: *mut c_void, jobs: *mut ale_srtp_backend_job, count: usize) {
    // SAFETY: the header's contract.
    unsafe {
        (*context.cast::<Engine>()).run(ale_srtp_operation::ALE_SRTP_SEAL as i32, jobs, count);
    }
}

unsafe extern "C" fn open(context: *mut c_void, jobs: *mut ale_srtp_backend_job, count: usize) {
    // SAFETY: the header's contract.
    unsafe {
        (*context.cast::<Engine>()).run(ale_srtp_operation::ALE_SRTP_OPEN as i32, jobs, count);
    }
}

/// Every other submission is done at once.
unsafe extern "C" fn submit(
    context: *mut c_void,
    operation: i32,
    jobs: *mut ale_srtp_backend_job,
    count: usize,
    ticket: *mut u64,
) -> i32 {
    // SAFETY: the header's contract.
    unsafe {
        let engine = &*context.cast::<Engine>();
        let number = engine.tickets.get() + 1;
        engine.tickets.set(number);
        if number % 2 == 0 {
            engine.run(operation, jobs, count);
            return 0;
        }
        *ticket = number;
        let polls_left = number as u8 & 3;
        let begun = Submission { ticket: number, operation, jobs, count, polls_left };
        engine.under_way.borrow_mut().push(begun);
        1
    }
}

unsafe extern "C" fn poll(context: *mut c_void, ticket: u64) -> i32 {
    // SAFETY: the header's contract: the jobs are still in place.
    unsafe {
        let engine = &*context.cast::<Engine>();
        let mut under_way = engine.under_way.borrow_mut();
        let at = under_way.iter().position(|begun| begun.ticket == ticket).expect("its ticket");
        if under_way[at].polls_left > 0 {
            under_way[at].polls_left -= 1;
            return 0;
        }
        let begun = under_way.swap_remove(at);
        engine.run(begun.operation, begun.jobs, begun.count);
        1
    }
}

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        if !objects.backends[n].is_null() {
            destroy(objects, n);
            return;
        }
        let faults = input.byte();
        let engine = Rc::new(Engine {
            faults,
            keys: Cell::new(0),
            tickets: Cell::new(0),
            under_way: RefCell::default(),
        });
        let mut config: ale_srtp_backend_config =
            defaults!(ale_srtp_backend_config_init, ale_srtp_backend_config_init_sized);
        config.context = Rc::as_ptr(&engine).cast_mut().cast();
        config.schedule = Some(schedule);
        config.release = Some(release);
        config.seal = Some(seal);
        config.open = Some(open);
        if faults & SLOW != 0 {
            config.submit = Some(submit);
            config.poll = Some(poll);
        }
        if faults & INCOMPLETE != 0 {
            match input.choice(4) {
                0 => config.open = None,
                1 => config.poll = None,
                2 => config.submit = None,
                _ => config.struct_size = input.number(),
            }
        }
        check(ale_srtp_backend_create(&config, &mut objects.backends[n]));
        objects.engines.push(engine);
    }
}

/// Its sessions go on using it.
pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_srtp_backend_destroy(take(&mut objects.backends[n])) };
}
