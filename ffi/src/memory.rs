// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory of the host's.

use core::ffi::c_void;

use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, Versioned};
use crate::status::ale_status;

/// Where memory comes from. The functions are called on the threads that create and destroy, several
/// at once, and by nothing that is real-time. Context must outlive all objects.
///
/// Opus and OpenSSL, in libraries that are built with them, go to the C library's malloc for their
/// own memory nevertheless.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_allocator {
    /// Size of this struct, filled by ale_allocator_init.
    pub struct_size: u32,
    /// Passed to each function.
    pub context: *mut c_void,
    /// Gives size bytes, never 0, at a multiple of alignment, a power of two; NULL if it has none.
    pub allocate: Option<
        unsafe extern "C" fn(context: *mut c_void, size: usize, alignment: usize) -> *mut c_void,
    >,
    /// Takes back what allocate gave, with the same size and alignment.
    pub release: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            memory: *mut c_void,
            size: usize,
            alignment: usize,
        ),
    >,
}

impl ale_allocator {
    pub(crate) const NONE: Self = Self {
        struct_size: size_of::<Self>() as u32,
        context: core::ptr::null_mut(),
        allocate: None,
        release: None,
    };
}

impl Default for ale_allocator {
    fn default() -> Self {
        Self::NONE
    }
}

// SAFETY: repr(C), only an integer, pointers and optional functions, the size first.
unsafe impl Versioned for ale_allocator {}

/// What an object takes of the allocator when it is made; nothing more is taken by functions that
/// are real-time. Sizes are those asked for: what an allocator adds for itself and to align comes on
/// top. The memory that Opus and OpenSSL take from malloc is not in it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_memory {
    /// Bytes that the object keeps.
    pub kept_bytes: usize,
    /// Blocks that it keeps.
    pub kept_blocks: usize,
    /// Most bytes that creation has at a time.
    pub peak_bytes: usize,
    /// Bytes of all that creation asks for, also what it gives back.
    pub total_bytes: usize,
}

impl ale_memory {
    pub(crate) const NONE: Self =
        Self { kept_bytes: 0, kept_blocks: 0, peak_bytes: 0, total_bytes: 0 };

    /// With one block more.
    pub(crate) fn with(self, bytes: usize) -> Self {
        let kept_bytes = self.kept_bytes.wrapping_add(bytes);
        Self {
            kept_bytes,
            kept_blocks: self.kept_blocks.wrapping_add(1),
            peak_bytes: self.peak_bytes.max(kept_bytes),
            total_bytes: self.total_bytes.wrapping_add(bytes),
        }
    }

    /// With one block less.
    pub(crate) fn without(self, bytes: usize) -> Self {
        Self {
            kept_bytes: self.kept_bytes.wrapping_sub(bytes),
            kept_blocks: self.kept_blocks.wrapping_sub(1),
            ..self
        }
    }
}

/// Fills an allocator with no functions. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_allocator_init(allocator: *mut ale_allocator) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(allocator) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_allocator_init_sized(
    allocator: *mut ale_allocator,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(allocator, struct_size) })
}

/// Takes all memory from an allocator of the host's, which is copied: once, before anything else is
/// made. Any thread. Not real-time.
///
/// When it refuses, creations return ALE_ERR_NO_MEMORY and have changed nothing. What they need to
/// come that far, and what other functions that are not real-time would have been refused, comes from
/// the C library's malloc; where that refuses too, the process ends, as it does without an allocator.
///
/// Can return ALE_ERR_INVALID_ARGUMENT for a function that is missing, and ALE_ERR_TOO_LATE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_set_allocator(allocator: *const ale_allocator) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let allocator = unsafe { pointer::config(allocator) }?;
        if allocator.allocate.is_none() || allocator.release.is_none() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        heap::set_allocator(allocator)
    })
}
