// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library takes from the system where there is no `std`: memory, whose thread it is, and
//! the end of the process; all of it from the C library.

#[cfg(not(feature = "std"))]
pub(crate) use bare::{OneThread, System};

/// Ends the process, since going on would do harm; says why where there is a way to say it.
#[cfg(debug_assertions)]
pub(crate) fn abort(why: core::fmt::Arguments<'_>) -> ! {
    #[cfg(feature = "std")]
    {
        std::eprintln!("ale_media: {why}");
        std::process::abort()
    }
    #[cfg(not(feature = "std"))]
    {
        let _ = why;
        bare::abort()
    }
}

#[cfg(not(feature = "std"))]
mod bare {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::UnsafeCell;
    use core::ffi::c_void;
    use core::ptr::null_mut;
    use core::sync::atomic::{AtomicUsize, Ordering};

    #[link(name = "c")]
    unsafe extern "C" {
        fn malloc(size: usize) -> *mut c_void;
        fn calloc(count: usize, size: usize) -> *mut c_void;
        fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
        fn posix_memalign(block: *mut *mut c_void, alignment: usize, size: usize) -> i32;
        fn free(block: *mut c_void);
        pub(super) safe fn abort() -> !;
        // An unsigned long in the C libraries of Linux, and 0 for nobody.
        safe fn pthread_self() -> usize;
        safe fn sched_yield() -> i32;
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        abort()
    }

    /// `core` has been compiled to unwind and names this, which nothing ever calls: a panic has ended
    /// the process before.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() -> ! {
        abort()
    }

    /// What malloc aligns everything to: two words.
    const ALIGNMENT: usize = 2 * size_of::<usize>();

    /// The C library's memory.
    pub(crate) struct System;

    fn is_usual(layout: Layout) -> bool {
        layout.align() <= ALIGNMENT && layout.align() <= layout.size()
    }

    // SAFETY: blocks of malloc, calloc, realloc and posix_memalign are of the size asked for, and all
    // go back through free, which takes any of them.
    unsafe impl GlobalAlloc for System {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if is_usual(layout) {
                // SAFETY: any size will do.
                return unsafe { malloc(layout.size()) }.cast();
            }
            let mut block = null_mut();
            let alignment = layout.align().max(size_of::<usize>());
            // SAFETY: a power of two and a multiple of a pointer's size, as it asks for.
            match unsafe { posix_memalign(&raw mut block, alignment, layout.size()) } {
                0 => block.cast(),
                _ => null_mut(),
            }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            if is_usual(layout) {
                // SAFETY: any size will do.
                return unsafe { calloc(1, layout.size()) }.cast();
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

        unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
            // SAFETY: the caller's.
            unsafe { free(block.cast()) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            if layout.align() <= ALIGNMENT && layout.align() <= new_size {
                // SAFETY: the caller's.
                return unsafe { realloc(block.cast(), new_size) }.cast();
            }
            // SAFETY: the caller's: the size does not overflow with this alignment; both blocks have
            // as many bytes as are copied.
            unsafe {
                let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
                if !new.is_null() {
                    new.copy_from_nonoverlapping(block, layout.size().min(new_size));
                    free(block.cast());
                }
                new
            }
        }
    }

    /// A value that is set by one thread at a time, the others waiting for it, and that has its first
    /// value for all the others meanwhile.
    pub(crate) struct OneThread<T> {
        /// The thread that is inside; 0 for none.
        inside: AtomicUsize,
        /// How often it has entered.
        depth: UnsafeCell<usize>,
        value: UnsafeCell<T>,
        first: T,
    }

    // SAFETY: the cells are only touched by the thread that is inside.
    unsafe impl<T: Copy + Sync> Sync for OneThread<T> {}

    impl<T: Copy> OneThread<T> {
        pub(crate) const fn new(first: T) -> Self {
            let (depth, value) = (UnsafeCell::new(0), UnsafeCell::new(first));
            Self { inside: AtomicUsize::new(0), depth, value, first }
        }

        fn is_inside(&self) -> bool {
            self.inside.load(Ordering::Relaxed) == pthread_self()
        }

        /// To be left as often as it is entered.
        pub(crate) fn enter(&self) {
            if !self.is_inside() {
                let orders = (Ordering::Acquire, Ordering::Relaxed);
                while self.inside.compare_exchange(0, pthread_self(), orders.0, orders.1).is_err() {
                    sched_yield();
                }
            }
            // SAFETY: inside.
            unsafe { *self.depth.get() += 1 };
        }

        pub(crate) fn leave(&self) {
            // SAFETY: inside, since entered.
            let depth = unsafe { &mut *self.depth.get() };
            *depth -= 1;
            if *depth == 0 {
                self.inside.store(0, Ordering::Release);
            }
        }

        pub(crate) fn get(&self) -> T {
            if self.is_inside() {
                // SAFETY: inside.
                return unsafe { *self.value.get() };
            }
            self.first
        }

        /// To be called inside.
        pub(crate) fn set(&self, value: T) {
            if self.is_inside() {
                // SAFETY: inside.
                unsafe { *self.value.get() = value };
            }
        }

        /// As [`Self::set`]; the value before.
        pub(crate) fn replace(&self, value: T) -> T {
            let before = self.get();
            self.set(value);
            before
        }
    }
}
