//! Panics that cross from one image to another.
//!
//! # The problem
//!
//! Each image has a std of its own, and a std catches only the panics that it has raised itself. If
//! a panic of a module reaches a [`std::panic::catch_unwind`] of its host, or the other way round,
//! the process ends: "Rust cannot catch foreign exceptions, aborting". (std tells panics apart by
//! the address of a static of its own, library/panic_unwind/src/gcc.rs, `CANARY`.)
//!
//! # The cure
//!
//! [`catch_unwind`] here catches the panics of all images. It has the interface of std's:
//!
//! 1. The function runs below a frame of the host that stops *any* Rust exception and hands the
//!    exception over as a pointer (`tls_slots_try_v1`, in `tls-slots`).
//! 2. The host finds out which image has raised the exception, by its clean-up function. Every
//!    exception has such a field (Itanium C++ ABI, "Exception Handling", section 1.2.1).
//! 3. That image's std must take the exception: it has the payload, and the count behind
//!    [`std::thread::panicking`]. So a function *of that image* raises the exception once more,
//!    directly below a `std::panic::catch_unwind` of that image, which returns the payload.
//!
//! What comes out is an ordinary `Box<dyn Any + Send>`. [`std::panic::resume_unwind`] goes on
//! unwinding with it, as a panic of the calling image. [`own_panics`] does both.
//!
//! Frames between the panic and the catch may be of any image: unwinding runs their destructors.
//! But in frames of other images `std::thread::panicking()` is false meanwhile. So a std
//! `MutexGuard` that is dropped there does not poison its mutex.
//!
//! Targets without inline access (see [`arch`]) do not have the host's frame. There, this is std's
//! `catch_unwind`, and a foreign panic still ends the process.

use alloc::boxed::Box;
use core::any::Any;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::panic::UnwindSafe;
use std::panic::{AssertUnwindSafe, resume_unwind};

use super::calls;
use crate::shared::arch;
use crate::shared::exception::{Exception, Outcome, Word};

/// Runs a function, and catches its panic, whichever image raises it.
///
/// [`std::panic::catch_unwind`] catches panics of the calling image only, and aborts on others.
///
/// # Errors
///
/// The payload of the panic. The payload may belong to another image: its destructor, and a
/// `&'static str` in it, are gone when that image is unloaded.
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// let caught = tls_keys::panic::catch_unwind(|| {
///     if true {
///         panic!("of whichever image");
///     }
///     7
/// });
/// let payload = caught.unwrap_err();
/// assert_eq!(payload.downcast_ref::<&str>(), Some(&"of whichever image"));
/// ```
#[inline]
pub fn catch_unwind<F, R>(f: F) -> Result<R, Box<dyn Any + Send>>
where
    F: FnOnce() -> R + UnwindSafe,
{
    if !arch::INLINE {
        return std::panic::catch_unwind(f);
    }

    /// The function before the call, the result after it.
    union Data<F, R> {
        function: ManuallyDrop<F>,
        result: ManuallyDrop<R>,
    }

    /// # Safety
    ///
    /// `data` must point to a `Data<F, R>` that holds a function.
    unsafe extern "C-unwind" fn call<F: FnOnce() -> R, R>(data: Word) -> Outcome {
        // SAFETY: a pointer, by the caller's promise.
        let data: *mut Data<F, R> = unsafe { from_word(data) };
        // SAFETY: `data` holds a function, by the caller's promise. The function is moved out here,
        // once. If it unwinds, `data` holds nothing, and nobody reads it.
        let function = unsafe { (&raw const (*data).function).read() };
        let result = ManuallyDrop::into_inner(function)();
        let word = if is_word::<R>() {
            to_word(result)
        } else {
            // SAFETY: `data` has room for a result, and is writable, by the caller's promise.
            unsafe {
                data.write(Data {
                    result: ManuallyDrop::new(result),
                });
            }
            Word::uninit()
        };
        Outcome {
            word,
            exception: core::ptr::null_mut(),
        }
    }

    let mut data = MaybeUninit::new(Data::<F, R> {
        function: ManuallyDrop::new(f),
    });
    // SAFETY: `call` is made for this `data`, which outlives the call.
    let outcome = unsafe { calls::try_call(to_word(data.as_mut_ptr()), call::<F, R>) };
    if !outcome.exception.is_null() {
        // SAFETY: the exception was caught just now, and is handed on once.
        return Err(unsafe { caught(outcome.exception) });
    }
    if is_word::<R>() {
        // SAFETY: `call` returned, so the word holds the result.
        return Ok(unsafe { from_word(outcome.word) });
    }
    // SAFETY: `call` returned, so `data` holds the result.
    Ok(ManuallyDrop::into_inner(unsafe {
        data.assume_init().result
    }))
}

/// A register, and a value that is no larger than one.
#[repr(C)]
union Register<T> {
    value: ManuallyDrop<T>,
    word: Word,
}

/// Whether a `T` fits into a register.
const fn is_word<T>() -> bool {
    size_of::<T>() <= size_of::<Word>()
}

/// A register with that value. Where the value is smaller, the other bytes are arbitrary.
#[inline(always)]
fn to_word<T>(value: T) -> Word {
    let register = Register {
        value: ManuallyDrop::new(value),
    };
    // SAFETY: any bytes are a `Word`, initialised or not.
    unsafe { register.word }
}

/// The value in a register.
///
/// # Safety
///
/// The register must have come from [`to_word`] for this very type. The value must be taken once.
#[inline(always)]
unsafe fn from_word<T>(word: Word) -> T {
    let register = Register { word };
    // SAFETY: the caller's promise.
    ManuallyDrop::into_inner(unsafe { register.value })
}

/// The payload of a caught exception, whichever image has raised it.
///
/// # Safety
///
/// The exception must have been caught by [`calls::try_call`]. It is gone afterwards.
#[cold]
#[inline(never)]
unsafe fn caught(exception: *mut Exception) -> Box<dyn Any + Send> {
    // SAFETY: the exception is live, by the caller's promise.
    let owner = unsafe { calls::owner(exception) };
    // An image that the host does not know, because it was refused, still catches its own panics.
    let take = owner.unwrap_or(take);
    // SAFETY: the exception is caught, and is taken once, by a function of the image that raised
    // it.
    unsafe { take(exception) }
}

/// Has this image's std take an exception that it has raised. Returns the payload.
///
/// # Safety
///
/// The exception must be caught, and must be one of this image's std: std aborts on any other. It
/// is gone afterwards.
#[doc(hidden)]
pub unsafe fn take(exception: *mut Exception) -> Box<dyn Any + Send> {
    unsafe extern "C-unwind" {
        /// Itanium C++ ABI, "Exception Handling", section 1.3: from libgcc or libunwind, which std
        /// links.
        fn _Unwind_RaiseException(exception: *mut Exception) -> core::ffi::c_int;
    }

    let raised = std::panic::catch_unwind(|| {
        // SAFETY: a caught exception may be raised again, as raising initialises the unwinder's
        // private fields. The frame above catches it.
        unsafe { _Unwind_RaiseException(exception) }
    });
    match raised {
        Err(payload) => payload,
        // The unwinder found no handler, though there is one in the very next frame: its tables are
        // damaged. The panic has been printed and stopped. Its payload is leaked.
        Ok(_) => Box::new("(the unwinder lost a panic's payload)"),
    }
}

/// Runs a function, and makes a panic of another image a panic of this image.
///
/// For the places where a panic must be this image's: below a `std::panic::catch_unwind` or a
/// `std::thread::spawn` whose function calls code of another image. The payload stays as it is, and
/// the panic hook does not run again.
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// # fn of_a_module() -> u32 { 7 }
/// let thread = std::thread::spawn(|| tls_keys::panic::own_panics(|| of_a_module()));
/// assert_eq!(thread.join().unwrap(), 7);
/// ```
#[inline]
pub fn own_panics<R>(f: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(payload) => resume_unwind(payload),
    }
}

/// Runs a function and discards its panic, whichever image raises it.
///
/// For places where nobody can be told of a panic. The panic hook has run by then.
#[inline]
pub fn discard_panic(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops a payload, whose destructor may panic in turn.
#[cold]
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // The destructor of this payload may do the same.
        core::mem::forget(another);
    }
}
