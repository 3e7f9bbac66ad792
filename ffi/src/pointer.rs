// SPDX-License-Identifier: MIT OR Apache-2.0
//! From C's pointers to references, and back. NULL is refused here, once for all; that other
//! pointers are what the header says they are is the caller's word.

use alloc::boxed::Box;
use core::ffi::{CStr, c_char};
use core::mem::{ManuallyDrop, size_of};

use crate::status::ale_status;

const INVALID: ale_status = ale_status::ALE_ERR_INVALID_ARGUMENT;

/// A shared reference, or a refusal of NULL.
///
/// # Safety
/// `pointer` is NULL or points to a `T` that nobody changes during the call.
pub(crate) unsafe fn shared<'a, T>(pointer: *const T) -> Result<&'a T, ale_status> {
    // SAFETY: the caller's.
    unsafe { pointer.as_ref() }.ok_or(INVALID)
}

/// An exclusive reference, or a refusal of NULL.
///
/// # Safety
/// `pointer` is NULL or points to a `T` that nobody else uses during the call.
pub(crate) unsafe fn exclusive<'a, T>(pointer: *mut T) -> Result<&'a mut T, ale_status> {
    // SAFETY: the caller's.
    unsafe { pointer.as_mut() }.ok_or(INVALID)
}

/// A slice, or a refusal: of NULL (but for a length of 0) and of lengths that no object has.
///
/// # Safety
/// `pointer` is NULL or points to `length` values that nobody changes during the call.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, length: usize) -> Result<&'a [T], ale_status> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() || !fits::<T>(length) {
        return Err(INVALID);
    }
    // SAFETY: not NULL, the length fits the address space, and the rest is the caller's word.
    Ok(unsafe { core::slice::from_raw_parts(pointer, length) })
}

/// A slice to write to; refused as [`slice()`] is.
///
/// # Safety
/// `pointer` is NULL or points to `length` values that nobody else uses during the call.
pub(crate) unsafe fn slice_mut<'a, T>(
    pointer: *mut T,
    length: usize,
) -> Result<&'a mut [T], ale_status> {
    if length == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() || !fits::<T>(length) {
        return Err(INVALID);
    }
    // SAFETY: as in `slice`.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, length) })
}

fn fits<T>(length: usize) -> bool {
    length.checked_mul(size_of::<T>()).is_some_and(|bytes| bytes <= isize::MAX as usize)
}

/// A string, or `None` for NULL; refused unless it is UTF-8.
///
/// # Safety
/// `pointer` is NULL or points to a string that ends with a zero byte.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Result<Option<&'a str>, ale_status> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL; the zero byte at its end is the caller's word.
    unsafe { CStr::from_ptr(pointer) }.to_str().map(Some).map_err(|_| INVALID)
}

/// Writes a string and a zero byte behind it.
pub(crate) fn write_text(text: &str, out: &mut [c_char]) -> Result<(), ale_status> {
    let out = out.get_mut(..text.len() + 1).ok_or(ale_status::ALE_ERR_CAPACITY)?;
    for (to, from) in out.iter_mut().zip(text.bytes().chain([0])) {
        *to = from as c_char;
    }
    Ok(())
}

/// An object that C will hold by its address, and does not yet.
pub(crate) struct Handle<T>(Box<Held<T>>);

/// The object comes first: its address is that of the whole.
#[repr(C)]
struct Held<T> {
    object: T,
    /// Tells objects that are alive from others. Debug builds only.
    #[cfg(debug_assertions)]
    mark: u64,
}

#[cfg(debug_assertions)]
const ALIVE: u64 = 0x616c_655f_6c69_7665; // "ale_live"

/// Moves an object to the heap.
pub(crate) fn handle<T>(object: T) -> Handle<T> {
    Handle(Box::new(Held {
        object,
        #[cfg(debug_assertions)]
        mark: ALIVE,
    }))
}

impl<T> Handle<T> {
    /// Gives the object to C.
    pub(crate) fn give(self, out: &mut *mut T) {
        *out = Box::into_raw(self.0).cast();
    }
}

/// Drops an object that [`Handle::give`] gave away, where it lies, so that what wipes itself leaves
/// nothing behind.
///
/// # Safety
/// `pointer` is NULL or came from [`Handle::give`], and neither this nor [`vacate`] had it before.
pub(crate) unsafe fn destroy<T>(pointer: *mut T) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: the caller's.
    unsafe {
        assert_alive(pointer);
        core::ptr::drop_in_place(pointer);
        vacate(pointer);
    }
}

/// Frees the memory of an object that has been dropped or moved out of.
///
/// # Safety
/// As for [`destroy`], but that it is not NULL, and nothing is there any more.
pub(crate) unsafe fn vacate<T>(pointer: *mut T) {
    let held = pointer.cast::<Held<ManuallyDrop<T>>>();
    // Debug builds mark it and keep it, so that a second time is found out and not undefined.
    #[cfg(debug_assertions)]
    // SAFETY: the caller's.
    unsafe {
        (*held).mark = 0;
    }
    #[cfg(not(debug_assertions))]
    // SAFETY: the caller's; what lies there is not dropped again.
    drop(unsafe { Box::from_raw(held) });
}

/// Gives what a handle holds to who takes it, and frees the handle; who refuses gives it back, and then the
/// handle stays the caller's.
///
/// # Safety
/// `pointer` is NULL or came from [`Handle::give`] and is alive; `content` points to all that it holds, and
/// `take` does not panic.
pub(crate) unsafe fn hand_over<H, T, R, E: Into<ale_status>>(
    pointer: *mut H,
    content: impl FnOnce(&mut H) -> *mut T,
    take: impl FnOnce(T) -> Result<R, (E, T)>,
) -> Result<R, ale_status> {
    // SAFETY: the caller's.
    let content = content(unsafe { exclusive(pointer) }?);
    // SAFETY: either the handle is freed below without dropping what it held, or what it held is put
    // back; nothing in between can panic.
    let taken = unsafe { core::ptr::read(content) };
    match take(taken) {
        Ok(result) => {
            // SAFETY: the handle was given to C and its content has moved out above.
            unsafe { vacate(pointer) };
            Ok(result)
        }
        Err((error, taken)) => {
            // SAFETY: what is overwritten has moved out above.
            unsafe { core::ptr::write(content, taken) };
            Err(error.into())
        }
    }
}

/// Ends a debug build's process if an object is destroyed twice, or was never one of its kind.
///
/// # Safety
/// As for [`destroy`], but that it may have been destroyed.
unsafe fn assert_alive<T>(pointer: *mut T) {
    #[cfg(debug_assertions)]
    // SAFETY: debug builds don't free the memory.
    if unsafe { (*pointer.cast::<Held<ManuallyDrop<T>>>()).mark } != ALIVE {
        let name = core::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        crate::system::abort(format_args!("{name} {pointer:p} is destroyed twice, or is none"));
    }
    let _ = pointer;
}

/// Structs that C fills member by member, whose first member is a `u32 struct_size`. They grow at
/// their end only, by members that leave no padding there, which would be taken for values.
///
/// # Safety
/// `repr(C)`, any bytes are a valid value, and the first member is the `u32` size. `BASE` is no
/// more than the struct's size.
pub(crate) unsafe trait Versioned: Copy + Default {
    /// The size that the struct had in the first version of the header.
    const BASE: usize = size_of::<Self>();
}

/// Reads a config struct of this or an older header's size over the defaults. A larger one, from
/// a newer header, is refused: it may ask for what this library does not know. So is one that is
/// smaller than any header's, and may end within a pointer.
///
/// # Safety
/// `pointer` is NULL or points to as many bytes as its `struct_size` says.
pub(crate) unsafe fn config<T: Versioned>(pointer: *const T) -> Result<T, ale_status> {
    if pointer.is_null() {
        return Err(INVALID);
    }
    // SAFETY: not NULL, and even the oldest struct holds its own size.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if size < T::BASE || size > size_of::<T>() {
        return Err(ale_status::ALE_ERR_STRUCT_SIZE);
    }
    let mut config = T::default();
    // SAFETY: `size` bytes are readable by the caller's word and writable since no more than a
    // `T`; any bytes are a valid `T` by the trait's contract.
    unsafe {
        core::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut config).cast::<u8>(), size);
    };
    Ok(config)
}

/// Fills a config struct with the defaults, as large as it was in the first version of the header:
/// whoever does not say how large its own is may have been compiled against that.
///
/// # Safety
/// `pointer` is NULL or points to a `T` of that version, which may be uninitialized.
pub(crate) unsafe fn init<T: Versioned>(pointer: *mut T) -> Result<(), ale_status> {
    // SAFETY: the caller's.
    unsafe { init_sized(pointer, T::BASE) }
}

/// Fills the config struct of a caller who says how large it is.
///
/// # Safety
/// `pointer` is NULL or points to `size` bytes, which may be uninitialized.
pub(crate) unsafe fn init_sized<T: Versioned>(
    pointer: *mut T,
    size: usize,
) -> Result<(), ale_status> {
    if pointer.is_null() {
        return Err(INVALID);
    }
    if size < T::BASE || size > size_of::<T>() {
        return Err(ale_status::ALE_ERR_STRUCT_SIZE);
    }
    let config = T::default();
    // SAFETY: not NULL; `size` bytes are writable by the caller's word and readable since no more
    // than a `T`. The first member is a `u32` by the trait's contract.
    unsafe {
        core::ptr::copy_nonoverlapping(
            (&raw const config).cast::<u8>(),
            pointer.cast::<u8>(),
            size,
        );
        pointer.cast::<u32>().write(size as u32);
    }
    Ok(())
}

/// Writes a struct that grows at its end to a caller who says how large its own is; what is beyond this
/// one is zeroed.
///
/// # Safety
/// `pointer` is NULL or points to `size` writable bytes; `T` has no padding.
pub(crate) unsafe fn write_sized<T: Copy>(
    pointer: *mut T,
    size: usize,
    value: &T,
) -> Result<(), ale_status> {
    // A size that is none means a mistake, not a newer header.
    if pointer.is_null() || size == 0 || size > 16 * size_of::<T>() {
        return Err(INVALID);
    }
    let known = size.min(size_of::<T>());
    // SAFETY: not NULL and `size` bytes writable by the caller's word; `known` is no more than either.
    unsafe {
        core::ptr::write_bytes(pointer.cast::<u8>(), 0, size);
        core::ptr::copy_nonoverlapping((&raw const *value).cast(), pointer.cast::<u8>(), known);
    }
    Ok(())
}
