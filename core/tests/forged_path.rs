// SPDX-License-Identifier: MIT OR Apache-2.0
//! A forged packet takes the same way, instruction by instruction, whichever byte of its tag is wrong: how many
//! are right can't be told by the time that it takes. The processor stops after each instruction, so this sees
//! the kernels, which valgrind does not know (`benches/tests/constant_time.rs` has it watch the rest).
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // The trap flag, and the signal that it raises.

use std::arch::asm;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;

use ale_media::srtp::{
    Engine, Job, Kernel, MasterKey, Receiver, Sender, SessionConfig, Suite, unprotect_batch,
};

thread_local! {
    /// Instructions so far, and a hash of where they stand.
    static WAY: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

extern "C" fn step(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: what the kernel gives a handler that asked for it.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let at = context.uc_mcontext.gregs[libc::REG_RIP as usize] as u64;
    let (count, hash) = WAY.get();
    WAY.set((count + 1, (hash ^ at).wrapping_mul(0x0000_0100_0000_01b3)));
}

/// Runs `work` step by step: what it returns, and the way it took.
fn traced<R>(work: impl FnOnce() -> R) -> (R, (u64, u64)) {
    WAY.set((0, 0));
    // SAFETY: of the flags only that for traps changes; the handler for them is installed.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    let result = work();
    // SAFETY: as above.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
    (result, WAY.get())
}

fn install() {
    // SAFETY: an empty action is filled in; the handler does nothing that a handler may not.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction =
            step as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut()), 0);
    }
}

/// The way of a packet with byte `wrong` of its tag changed, into a session that has heard another.
fn way(config: &SessionConfig, wrong: usize, batch: bool, buffer: &mut [u8]) -> (u64, u64) {
    let (mut sender, mut receiver) = (Sender::new(config).unwrap(), Receiver::new(config).unwrap());
    let mut sealed = 0;
    for sequence in 1..=2 {
        buffer.fill(0x33);
        buffer[..12].copy_from_slice(&[0x80, 0, 0, sequence, 0, 0, 0, 0, 0, 0, 0, 1]);
        sealed = sender.protect(buffer, 60).unwrap();
        if sequence == 1 {
            receiver.unprotect(&mut buffer[..sealed]).unwrap();
        }
    }
    // Functions are looked up, and the processor is asked what it can do, at the first call.
    let mut forged = buffer[..sealed].to_vec();
    forged[60] ^= 2;
    assert!(receiver.unprotect(&mut forged).is_err());
    buffer[60 + wrong] ^= 1;
    let packet = &mut buffer[..sealed];
    let (refused, way) = if batch {
        let mut jobs = [Job::new(0, packet, sealed)];
        let ((), way) = traced(|| unprotect_batch(std::slice::from_mut(&mut receiver), &mut jobs));
        (jobs[0].result.is_err(), way)
    } else {
        traced(|| receiver.unprotect(packet).is_err())
    };
    assert!(refused);
    way
}

/// Few packets, since a step costs a signal.
#[test]
fn a_forgery_s_way_does_not_tell_which_byte_is_wrong() {
    install();
    let kernels = [Kernel::AesNi, Kernel::Vaes256, Kernel::Vaes512];
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let keys: Vec<u8> = (0..suite.key_bytes() + suite.salt_bytes()).map(|i| i as u8).collect();
        let mut config =
            SessionConfig::new(suite, MasterKey::from_concatenated(suite, &keys).unwrap());
        for kernel in kernels.into_iter().filter(|kernel| kernel.is_available()) {
            config.engine = Engine::Builtin(kernel);
            // Batches compare by themselves where they hash side by side.
            let lanes = suite == Suite::AesCm128HmacSha1_80 && kernel == Kernel::Vaes512;
            for batch in [false, true].into_iter().filter(|batch| lanes || !batch) {
                let mut buffer = [0; 100];
                let first = way(&config, 0, batch, &mut buffer);
                let last = way(&config, suite.tag_bytes() - 1, batch, &mut buffer);
                assert!(first.0 > 100, "{} steps", first.0);
                assert_eq!(first, last, "{suite:?}, {kernel:?}, batch: {batch}");
            }
        }
    }
}

/// The test above would see a comparison that ends at the first difference.
#[test]
fn an_early_exit_is_seen() {
    install();
    // Once in the program: where it stands is part of its way.
    #[inline(never)]
    fn way(wrong: usize) -> (u64, u64) {
        let (right, mut tag) = ([7_u8; 16], [7_u8; 16]);
        tag[wrong] ^= 1;
        let (right, tag) = (black_box(right), black_box(tag));
        traced(|| black_box(right.iter().zip(&tag).all(|(a, b)| a == b))).1
    }
    way(0);
    assert_eq!(way(3), way(3));
    assert_ne!(way(3), way(4));
}
