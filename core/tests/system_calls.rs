// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is documented as real-time never calls the system: neither to lock, nor to sleep, nor for
//! memory. Calls of every codec, suite and feature run in a child process to which the kernel allows
//! nothing but to read, write and exit (seccomp's strict mode); any other call kills it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // fork, prctl and the bare system call to exit.

mod support;

use support::Call;

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    /// By the kernel, for a system call.
    Killed,
    /// By a panic, or otherwise.
    Failed(i32),
}

/// Runs `work` in a child that may not call the system; `None` where the kernel has no seccomp.
fn confined(work: impl FnOnce()) -> Option<End> {
    const NO_SECCOMP: i32 = 77;
    // SAFETY: the child is single-threaded, runs only `work`, which takes no lock and allocates
    // nothing that another thread might hold, and never returns.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no child");
    if child == 0 {
        // SAFETY: plain numbers; `exit` is one of the calls that are allowed, and does not return.
        unsafe {
            // Without the signal a child that hangs would be waited for without end.
            libc::alarm(300);
            let mode = libc::SECCOMP_MODE_STRICT;
            if libc::prctl(libc::PR_SET_SECCOMP, mode, 0, 0, 0) != 0 {
                libc::_exit(NO_SECCOMP);
            }
            work();
            libc::syscall(libc::SYS_exit, 0);
        }
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFEXITED(status) {
        return match libc::WEXITSTATUS(status) {
            0 => Some(End::Done),
            NO_SECCOMP => {
                assert!(std::env::var_os("CI").is_none(), "CI needs seccomp");
                eprintln!("left out: this kernel has no seccomp");
                None
            }
            code => Some(End::Failed(code)),
        };
    }
    Some(match libc::WTERMSIG(status) {
        libc::SIGKILL => End::Killed,
        signal => End::Failed(signal),
    })
}

#[test]
fn a_running_conference_never_calls_the_system() {
    for setting in support::settings() {
        let mut call = Call::new(&setting);
        let ended = confined(|| {
            for tick in 0..160 {
                // Orders are the control threads', but those of this call need no system either.
                call.order(tick);
                call.tick(tick);
            }
            assert!(call.heard > 0);
        });
        assert!(matches!(ended, None | Some(End::Done)), "{ended:?}: {setting:?}");
    }
}

/// The test above would notice each of these in a tick.
#[test]
fn planted_a_system_call_in_a_tick_is_fatal() {
    let setting = &support::settings()[0];
    let planted: [fn(); 3] = [
        || {
            std::hint::black_box(std::process::id());
        },
        // Large enough for the allocator to ask the system.
        || drop(std::hint::black_box(vec![1_u8; 1 << 26])),
        || std::thread::yield_now(),
    ];
    for mistake in planted {
        let mut call = Call::new(setting);
        let ended = confined(|| {
            call.tick(0);
            mistake();
        });
        assert!(matches!(ended, None | Some(End::Killed)), "{ended:?}");
    }
}
