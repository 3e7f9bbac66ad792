// SPDX-License-Identifier: MIT OR Apache-2.0
//! Libraries that are loaded at run time.
#![allow(unsafe_code)] // calls the loader

use std::ffi::{CString, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `RTLD_NOW`; symbols stay local, so that two builds of a library don't mix.
const NOW: c_int = 2;

/// A library that has been loaded and stays so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded(*mut c_void);

impl Loaded {
    /// The library at `path`, or `None` if it is not there.
    pub(crate) fn open(path: &str) -> Option<Self> {
        let path = CString::new(path).ok()?;
        // SAFETY: the path is a C string; what is loaded here has no constructors that matter.
        let library = unsafe { dlopen(path.as_ptr(), NOW) };
        (!library.is_null()).then_some(Self(library))
    }

    /// A function's address, or `None` if the library has none of that name.
    pub(crate) fn symbol(self, name: &str) -> Option<*mut c_void> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is a loaded library's and the name a C string.
        let symbol = unsafe { dlsym(self.0, name.as_ptr()) };
        (!symbol.is_null()).then_some(symbol)
    }
}
