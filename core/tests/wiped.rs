// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing of a key is left behind: not in a block that is given back, not on the stack. Sessions of
//! every suite and kernel live on a thread whose stack is this test's memory and under an allocator that
//! looks into what it takes back; both are searched for everything that a key is made of and made into.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // A global allocator, and a thread on a stack of the test's own.

#[path = "wiped/material.rs"]
mod material;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::null;

use ale_media::srtp::checkpoint::{Restored, Wrapping, generation};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{
    Engine, Job, Kernel, MasterKey, Policy, PreparedKeys, Receiver, Sender, SessionConfig, Suite,
    backend, dtls, protect_batch, unprotect_batch,
};
use material::{Secrets, find};

thread_local! {
    /// What this thread's allocator looks for.
    static SOUGHT: Cell<*const Secrets> = const { Cell::new(null()) };
    /// The last that it has found, and in a block of how many bytes.
    static FOUND: Cell<Option<Found>> = const { Cell::new(None) };
}

struct Searching;

// SAFETY: everything is passed on to the system's allocator as it came; a block is the caller's last
// when it is given back, and all its bytes have been written: `alloc` sees to it.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let sought = SOUGHT.get();
        if !sought.is_null() {
            // SAFETY: see above.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            // SAFETY: the secrets outlive the thread's work.
            if let Some((name, _)) = find(unsafe { &*sought }, block).last() {
                FOUND.set(Some((name, layout.size())));
            }
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

/// A secret, and where: in a block of how many bytes, or how deep on the stack.
type Found = (&'static str, usize);

/// What `work` has left in a block, and on the stack.
fn left_behind(secrets: &Secrets, work: &mut dyn FnMut()) -> (Option<Found>, Vec<Found>) {
    struct Order<'a> {
        secrets: *const Secrets,
        work: &'a mut dyn FnMut(),
        in_block: Option<Found>,
    }
    extern "C" fn run(order: *mut c_void) -> *mut c_void {
        // SAFETY: what `left_behind` gives the thread, which it waits for.
        let order = unsafe { &mut *order.cast::<Order<'_>>() };
        SOUGHT.set(order.secrets);
        (order.work)();
        SOUGHT.set(null());
        order.in_block = FOUND.take();
        std::ptr::null_mut()
    }
    const BYTES: usize = 1 << 20;
    let mut stack = vec![0x5a_u8; BYTES + 4096];
    let mut order = Order { secrets, work, in_block: None };
    let begin = stack.as_ptr().align_offset(4096);
    // SAFETY: the stack and the order outlive the thread, which is waited for, and nobody else touches
    // them meanwhile.
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
        let at = stack.as_mut_ptr().add(begin).cast();
        assert_eq!(libc::pthread_attr_setstack(&mut attributes, at, BYTES), 0);
        let mut thread = std::mem::zeroed();
        let argument = (&raw mut order).cast();
        assert_eq!(libc::pthread_create(&mut thread, &attributes, run, argument), 0);
        assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
        libc::pthread_attr_destroy(&mut attributes);
    }
    let depth = |(name, at)| (name, begin + BYTES - at);
    (order.in_block, find(secrets, &stack).map(depth).collect())
}

/// Everything that can be done with keys, done with these.
fn live(suite: Suite, engine: &Engine, keys: &[Vec<u8>], lines: &[String], wrapping: &[u8; 32]) {
    let master = |i: usize| MasterKey::from_concatenated(suite, &keys[i]).unwrap();
    let config = |keys: Vec<MasterKey>| {
        let mut config = SessionConfig::new(suite, keys[0].clone());
        config.keys = keys;
        config.policy = Policy::Legacy;
        config.allow_null_cipher = true;
        config.engine = engine.clone();
        config
    };
    let named = |i: usize| master(i).with_mki(&[i as u8 + 1; 3]).unwrap();
    let plain = config(vec![master(0)]);
    talk(&plain, &config(vec![master(1)]));
    talk(&config(vec![named(0), named(1)]), &config(vec![named(2), named(1)]));
    let mut encrypted = plain.clone();
    encrypted.encrypted_extensions = vec![1, 3];
    let mut next = encrypted.rekeyed(&config(vec![master(2)]));
    next.encrypted_extensions.clone_from(&encrypted.encrypted_extensions);
    talk(&encrypted, &next);
    if !matches!(engine, Engine::External(_)) {
        let mut derived = plain.clone();
        derived.key_derivation_rate_log2 = Some(1);
        talk(&derived, &derived.rekeyed(&config(vec![master(1)])));
    }
    fail_over(&plain, wrapping);

    let attribute = CryptoAttribute::parse(&lines[0]).unwrap();
    assert_eq!(attribute.line(), CryptoAttribute::parse(&attribute.value()).unwrap().line());
    drop(attribute.to_config().unwrap());
    assert!(CryptoAttribute::parse(&lines[1]).is_err(), "the line ends within its second key");
    if suite.dtls_profile().is_some() {
        // Any bytes will do: these are two keys and two salts.
        let exported = &keys[3][..dtls::exported_bytes(suite)];
        drop(dtls::split(suite, exported, dtls::Role::Client).unwrap());
    }
    let mut packet = packet(9, 7);
    packet.resize(200, 1);
    let _ = Receiver::diagnose(&plain, &packet).unwrap();
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x90, 8, 0, 0, 0, 0, 0, 1];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 7, 0x30, 9]);
    packet.extend([0x77; 160]);
    packet
}

/// Packets one by one and in batches, under keys and, half way, under others.
fn talk(config: &SessionConfig, next: &SessionConfig) {
    let (mut sender, mut receiver) = (Sender::new(config).unwrap(), Receiver::new(config).unwrap());
    for round in 1..=2_u16 {
        for n in 0..4 {
            let mut packet = packet(0x1122_3344, 64 * round + n);
            let len = packet.len();
            packet.resize(len + 64, 0);
            let sealed = sender.protect(&mut packet, len).unwrap();
            assert_eq!(receiver.unprotect(&mut packet[..sealed]), Ok(len));
            let mut report = vec![0x80, 200, 0, 6, 0x11, 0x22, 0x33, 0x44];
            report.resize(28 + 64, 1);
            let sealed = sender.protect_rtcp(&mut report, 28).unwrap();
            assert_eq!(receiver.unprotect_rtcp(&mut report[..sealed]), Ok(28));
            packet[20] ^= 1;
            assert!(receiver.unprotect(&mut packet[..sealed]).is_err());
        }
        let mut packets: Vec<_> = (0..20)
            .map(|n| {
                let mut packet = packet(0x1122_3344, 64 * round + 8 + n);
                packet.resize(packet.len() + 64, 0);
                packet
            })
            .collect();
        let len = packets[0].len() - 64;
        let mut jobs: Vec<_> = packets.iter_mut().map(|p| Job::new(0, p, len)).collect();
        protect_batch(std::slice::from_mut(&mut sender), &mut jobs);
        let lengths: Vec<_> = jobs.iter().map(|job| job.result.unwrap()).collect();
        let mut jobs: Vec<_> =
            packets.iter_mut().zip(lengths).map(|(p, len)| Job::new(0, p, len)).collect();
        unprotect_batch(std::slice::from_mut(&mut receiver), &mut jobs);
        assert!(jobs.iter().all(|job| job.result == Ok(len)));
        drop(sender.rekey(PreparedKeys::new(next).unwrap()).unwrap());
        drop(receiver.rekey(PreparedKeys::new(next).unwrap()).unwrap());
    }
}

fn fail_over(config: &SessionConfig, key: &[u8; 32]) {
    let (mut sender, mut receiver) = (Sender::new(config).unwrap(), Receiver::new(config).unwrap());
    let mut bytes = packet(0x1122_3344, 9);
    let len = bytes.len();
    bytes.resize(len + 64, 0);
    let sealed = sender.protect(&mut bytes, len).unwrap();
    receiver.unprotect(&mut bytes[..sealed]).unwrap();
    let taken = sender.checkpoint(&Wrapping { key, nonce: [1; 12] }, 100).unwrap();
    assert!(sender.confirm_checkpoint(generation(&taken).unwrap()));
    let restored = Restored::open(key, &taken).unwrap();
    drop(restored.into_sender().unwrap());
    let taken = receiver.checkpoint(&Wrapping { key, nonce: [2; 12] }, 1).unwrap();
    drop(Restored::open(key, &taken).unwrap().into_receiver().unwrap());
    let mut damaged = taken.clone();
    damaged[40] ^= 1;
    assert!(Restored::open(key, &damaged).is_err());
}

fn engines() -> Vec<Engine> {
    let kernels = Kernel::ALL.iter().filter(|kernel| kernel.is_available());
    let mut engines: Vec<_> = kernels.map(|&kernel| Engine::Builtin(kernel)).collect();
    engines.push(Engine::External(std::sync::Arc::new(backend::RustCrypto)));
    engines
}

/// Keys, lines and the wrapping key of one suite, and what may be found of them nowhere.
fn material_of(suite: Suite) -> (Vec<Vec<u8>>, Vec<String>, [u8; 32], Secrets) {
    let mut random = material::random(suite as u64 + 1);
    let bytes = suite.key_bytes() + suite.salt_bytes();
    let mut keys: Vec<Vec<u8>> = (0..3).map(|_| random(bytes)).collect();
    keys.push(random(2 * bytes));
    let mut wrapping = [0; 32];
    wrapping.copy_from_slice(&random(32));
    let base64: Vec<_> = keys.iter().map(|key| material::base64(key)).collect();
    let named: Vec<_> =
        (0..3).map(|i| format!("inline:{}|2^40|{}:3", base64[i], 66051 * i)).collect();
    let lines = vec![
        format!("1 {} {}", suite.sdes_name(), named.join(";")),
        format!("1 {} {};inline:{}", suite.sdes_name(), named[0], &base64[1][..30]),
    ];
    let mut secrets = Secrets::default();
    for (key, base64) in keys.iter().zip(&base64).take(3) {
        secrets.add_master(suite, key);
        secrets.add("Base64", base64.as_bytes());
    }
    secrets.add("what DTLS exports", &keys[3]);
    secrets.add("wrapping key", &wrapping);
    (keys, lines, wrapping, secrets)
}

#[test]
fn nothing_of_a_key_is_left_on_the_stack_or_in_freed_memory() {
    for suite in Suite::ALL {
        let (keys, lines, wrapping, secrets) = material_of(suite);
        for engine in engines() {
            let left =
                left_behind(&secrets, &mut || live(suite, &engine, &keys, &lines, &wrapping));
            assert_eq!(left, (None, vec![]), "{suite:?}, {engine:?}");
        }
    }
}

/// The test above would see each of these, whatever the kernel makes of the key.
#[test]
fn planted_copies_are_found() {
    let suite = Suite::AeadAes128Gcm;
    let (keys, lines, _, secrets) = material_of(suite);
    let mut forgotten = || drop(black_box(keys[0].clone()));
    assert!(left_behind(&secrets, &mut forgotten).0.is_some());
    let mut text = || drop(black_box(lines[0].clone()));
    assert!(left_behind(&secrets, &mut text).0.is_some());
    let mut copied = || {
        let mut copy = [0_u8; 4096];
        copy[500..516].copy_from_slice(&keys[2][..16]);
        black_box(&mut copy);
    };
    assert!(left_behind(&secrets, &mut copied).1 != vec![]);
    assert_eq!(left_behind(&secrets, &mut || drop(black_box(vec![1; 99]))), (None, vec![]));
}
