// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the library's memory comes from: the host's allocator if it has set one, else the system's.
//!
//! Rust ends the process when an allocation fails. So that a host's allocator may refuse, what it
//! refuses comes from the system for the time being: a creation in which that has happened is undone
//! and says so ([`creating`]). Such blocks, and those of measurements, are kept in a list, by which their
//! release finds them; otherwise the list is empty, and costs one load of a counter.

use core::alloc::{GlobalAlloc, Layout};
#[cfg(feature = "std")]
use core::cell::Cell;
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
#[cfg(feature = "std")]
use std::alloc::System;

use crate::memory::{ale_allocator, ale_memory};
use crate::status::ale_status;
#[cfg(not(feature = "std"))]
use crate::system::{OneThread, System};

#[global_allocator]
static HEAP: Heap = Heap;

struct Heap;

/// Nothing has been allocated, and no allocator set.
const UNUSED: u8 = 0;
/// An allocator is being set.
const SETTING: u8 = 1;
/// Memory is the system's, for good.
const SYSTEM: u8 = 2;
/// Memory is the host's, for good.
const HOST: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(UNUSED);
static ALLOCATOR: Shared<ale_allocator> = Shared(UnsafeCell::new(ale_allocator::NONE));
static LISTED: List = List {
    count: AtomicUsize::new(0),
    locked: AtomicBool::new(false),
    first: Shared(UnsafeCell::new(null_mut())),
};
/// Scopes that are open on whatever thread; none is the ordinary case.
static SCOPES: AtomicUsize = AtomicUsize::new(0);

#[cfg(feature = "std")]
std::thread_local! {
    static SCOPE: Cell<Scope> = const { Cell::new(Scope::Ordinary) };
}

/// Without threads' own variables one thread after the other has a scope.
#[cfg(not(feature = "std"))]
static SCOPE: OneThread<Scope> = OneThread::new(Scope::Ordinary);

/// What this thread allocates for.
#[derive(Clone, Copy)]
enum Scope {
    Ordinary,
    /// Something is made; whether memory has been refused for it.
    Creating {
        refused: bool,
    },
    /// Something is made and thrown away, to see what it takes.
    Measuring(ale_memory),
}

/// A cell whose users see to it themselves that only one has it at a time.
struct Shared<T>(UnsafeCell<T>);
// SAFETY: ALLOCATOR is written in state SETTING, by the one thread that brought it about, and read
// in state HOST, which that thread sets later. The list's cell is only touched with its lock held.
unsafe impl<T> Sync for Shared<T> {}

/// Takes the host's functions, unless memory has been taken from elsewhere.
pub(crate) fn set_allocator(allocator: ale_allocator) -> Result<(), ale_status> {
    STATE
        .compare_exchange(UNUSED, SETTING, Ordering::Acquire, Ordering::Relaxed)
        .map_err(|_| ale_status::ALE_ERR_TOO_LATE)?;
    // SAFETY: the state says that it is this thread's; see `Shared`.
    unsafe { *ALLOCATOR.0.get() = allocator };
    STATE.store(HOST, Ordering::Release);
    Ok(())
}

/// The host's functions, or `None` for the system's. The first call decides for good.
fn host() -> Option<&'static ale_allocator> {
    loop {
        match STATE.load(Ordering::Acquire) {
            // SAFETY: written before the state that Acquire has seen, and never again.
            HOST => return Some(unsafe { &*ALLOCATOR.0.get() }),
            SYSTEM => return None,
            UNUSED => {
                let decided = (Ordering::Acquire, Ordering::Relaxed);
                let _ = STATE.compare_exchange(UNUSED, SYSTEM, decided.0, decided.1);
            }
            _ => core::hint::spin_loop(),
        }
    }
}

/// Makes something that is undone if the host's allocator refuses memory on the way.
///
/// # Errors
/// Those of `make`, and `ALE_ERR_NO_MEMORY`.
pub(crate) fn creating<T>(make: impl FnOnce() -> Result<T, ale_status>) -> Result<T, ale_status> {
    let scope = Open::new(Scope::Creating { refused: false });
    let made = make();
    match scope.now() {
        Scope::Creating { refused: true } => Err(ale_status::ALE_ERR_NO_MEMORY),
        _ => made,
    }
}

/// What it takes to make something, which is thrown away again; by memory of the system's, so that
/// it can be asked before there is an allocator and does not disturb one. Those blocks are in the list:
/// a function of the host's that is called meanwhile may free and keep others.
///
/// # Errors
/// Those of `make`.
pub(crate) fn measure<T>(
    make: impl FnOnce() -> Result<T, ale_status>,
) -> Result<ale_memory, ale_status> {
    let scope = Open::new(Scope::Measuring(ale_memory::NONE));
    let made = make()?;
    let memory = match scope.now() {
        Scope::Measuring(memory) => memory,
        _ => ale_memory::NONE,
    };
    drop(made);
    Ok(memory)
}

/// A scope of this thread's, which ends when this is dropped: after all that was made in it.
struct Open {
    outer: Scope,
}

impl Open {
    fn new(scope: Scope) -> Self {
        #[cfg(not(feature = "std"))]
        SCOPE.enter();
        SCOPES.fetch_add(1, Ordering::Relaxed);
        Self { outer: SCOPE.replace(scope) }
    }

    fn now(&self) -> Scope {
        SCOPE.get()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        SCOPE.set(self.outer);
        SCOPES.fetch_sub(1, Ordering::Relaxed);
        #[cfg(not(feature = "std"))]
        SCOPE.leave();
    }
}

/// This thread's scope; its own changes to the counter of scopes it always sees.
#[inline]
fn scope() -> Scope {
    match SCOPES.load(Ordering::Relaxed) {
        0 => Scope::Ordinary,
        #[cfg(feature = "std")]
        _ => SCOPE.try_with(Cell::get).unwrap_or(Scope::Ordinary),
        #[cfg(not(feature = "std"))]
        _ => SCOPE.get(),
    }
}

// SAFETY: a block goes back to where it came from. Those in the list are the system's; all others are the
// host's, if there is a host's allocator, and the system's if there is none, which never changes once there
// has been such a block.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match scope() {
            Scope::Measuring(memory) => {
                SCOPE.set(Scope::Measuring(memory.with(layout.size())));
                LISTED.allocate(layout)
            }
            scope => match host() {
                // SAFETY: the caller's.
                None => unsafe { System.alloc(layout) },
                Some(host) => host.allocate(layout).unwrap_or_else(|| {
                    if matches!(scope, Scope::Creating { .. }) {
                        SCOPE.set(Scope::Creating { refused: true });
                    }
                    LISTED.allocate(layout)
                }),
            },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if LISTED.release(block, layout) {
            if let Scope::Measuring(memory) = scope() {
                SCOPE.set(Scope::Measuring(memory.without(layout.size())));
            }
            return;
        }
        match host() {
            // SAFETY: the caller's.
            None => unsafe { System.dealloc(block, layout) },
            Some(host) => host.release(block, layout),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_plain() {
            // SAFETY: the caller's.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's; a block that is not NULL has the layout's size.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if is_plain() {
            // SAFETY: the caller's.
            return unsafe { System.realloc(block, layout, new_size) };
        }
        // SAFETY: the caller's: the size does not overflow with this alignment; both blocks have as
        // many bytes as are copied.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// Whether memory is simply the system's.
fn is_plain() -> bool {
    matches!(scope(), Scope::Ordinary) && host().is_none() && LISTED.is_empty()
}

impl ale_allocator {
    /// A block, or `None` if there is none that can be used.
    fn allocate(&self, layout: Layout) -> Option<*mut u8> {
        let allocate = self.allocate?;
        // SAFETY: the host's function, called as the header says.
        let block = unsafe { allocate(self.context, layout.size(), layout.align()) }.cast::<u8>();
        if block.is_null() || block.addr() % layout.align() == 0 {
            return NonNull::new(block).map(NonNull::as_ptr);
        }
        self.release(block, layout);
        None
    }

    fn release(&self, block: *mut u8, layout: Layout) {
        if let Some(release) = self.release {
            // SAFETY: as above; the block is one of the host's.
            unsafe { release(self.context, block.cast(), layout.size(), layout.align()) };
        }
    }
}

/// Blocks of the system's that are known by their address, whoever gives the others: those that stand in for
/// refused ones, and those of measurements.
struct List {
    count: AtomicUsize,
    locked: AtomicBool,
    first: Shared<*mut Stand>,
}

/// Stands for such a block. It lies elsewhere: the block goes back by the very pointer that its owner has,
/// who may be a box on its way into a function that drops it, and nobody else may touch it then.
struct Stand {
    next: *mut Stand,
    /// Where the block is.
    address: usize,
}

impl List {
    /// A block, or NULL if the system refuses too.
    fn allocate(&self, layout: Layout) -> *mut u8 {
        // SAFETY: neither is of no size; what was allocated goes back with its layout.
        let (stand, block) = unsafe {
            let stand = System.alloc(Layout::new::<Stand>()).cast::<Stand>();
            if stand.is_null() {
                return null_mut();
            }
            let block = System.alloc(layout);
            if block.is_null() {
                System.dealloc(stand.cast(), Layout::new::<Stand>());
                return null_mut();
            }
            (stand, block)
        };
        self.with(|first| {
            // SAFETY: ours alone so far, and aligned by its layout.
            unsafe { stand.write(Stand { next: *first, address: block.addr() }) };
            *first = stand;
        });
        // The block is released by whoever has been given it, and so sees the count.
        self.count.fetch_add(1, Ordering::Relaxed);
        block
    }

    /// Whether there are none; a block that this thread has been given is seen.
    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Whether the block was one of these; it is gone then.
    fn release(&self, block: *mut u8, layout: Layout) -> bool {
        if self.is_empty() {
            return false;
        }
        let found = self.with(|first| {
            let mut link: *mut *mut Stand = first;
            // SAFETY: links lead to stands that are in the list, which the lock keeps as it is.
            unsafe {
                while !(*link).is_null() && (**link).address != block.addr() {
                    link = &raw mut (**link).next;
                }
                let stand = *link;
                if !stand.is_null() {
                    *link = (*stand).next;
                }
                stand
            }
        });
        if found.is_null() {
            return false;
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: both came from the system with these layouts, and are in no list any more.
        unsafe {
            System.dealloc(found.cast(), Layout::new::<Stand>());
            System.dealloc(block, layout);
        }
        true
    }

    /// Waits for the lock, which is held for a few steps: nothing real-time allocates.
    fn with<T>(&self, work: impl FnOnce(&mut *mut Stand) -> T) -> T {
        while self.locked.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: the lock is held; see `Shared`.
        let result = work(unsafe { &mut *self.first.0.get() });
        self.locked.store(false, Ordering::Release);
        result
    }
}
