// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a jitter buffer takes, counted by an allocator.
#![allow(unsafe_code)] // A global allocator is unsafe to implement.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ale_media::codec::CodecSpec;
use ale_media::jitter::{DecoderMap, JitterConfig, create};

thread_local! {
    /// Bytes held by this thread.
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get() + layout.size() as i64);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as i64);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_g711_stream_takes_no_more_than_20_kib() {
    let before = BYTES.get();
    let mut decoders = DecoderMap::new();
    decoders.insert(0, CodecSpec::Pcmu.decoder(8_000).unwrap()).unwrap();
    let halves = Box::new(create(&JitterConfig::default(), decoders).unwrap());
    let held = BYTES.get() - before;
    drop(halves);
    // Read before anything is printed: the test's captured output is memory of this thread too.
    let left = BYTES.get() - before;
    println!("{held} bytes");
    assert!(held <= 20 * 1024, "{held} bytes");
    assert_eq!(left, 0, "everything is given back");
}
