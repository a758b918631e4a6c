//! What crosses when a panic goes from one image to another, and how an image presents its std.
//!
//! Used with the feature `std` only; how a panic is caught is told in `image_std/panic.rs`.

use alloc::boxed::Box;
use core::any::Any;
use core::mem::MaybeUninit;

/// A panic on its way: what the unwinder calls an `_Unwind_Exception`.
///
/// Itanium C++ ABI, "Exception Handling", section 1.2.1. The first two fields are the same for
/// every language. What follows belongs to the unwinder and to the image that raised the panic.
#[repr(C)]
pub struct Exception {
    /// Which language raised the exception; Rust's class is `MOZ\0RUST`.
    pub class: u64,
    /// Frees the exception. A function of the image that raised it: that is how the host finds the
    /// image.
    pub cleanup: Option<unsafe extern "C" fn(i32, *mut Exception)>,
}

/// Takes a caught exception, and returns its payload. The exception must be one that the function's
/// own image has raised.
///
/// Such a function has Rust's own calling convention: the host knows these functions only of images
/// that its own compiler has built.
pub type Take = unsafe fn(*mut Exception) -> Box<dyn Any + Send>;

/// The std of an image, as its constructor presents it to the host (feature `std`).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Std {
    /// Gives the calling thread the next thread id of this std, unless the thread has an id.
    /// Registers no destructor, and allocates nothing.
    pub draw_thread_id: extern "C" fn(),
    /// Uses up that many thread ids of this std, by spawns that fail. Returns how many it used up.
    pub burn_thread_ids: extern "C" fn(u64) -> u64,
    /// Takes exceptions of this std.
    pub take: Take,
    /// Gives back what `image_std/present.rs` has set up in this std. To be called once, last of
    /// all, when no other code of the image runs any more.
    pub leave: extern "C" fn(),
    /// Writes what this std's standard output has in its buffer. Waits a second at most. For the
    /// end of the process: it may allocate the buffer.
    pub flush: extern "C" fn(),
}

/// What goes through a register: a pointer, a value that is not larger than one, or nothing.
pub type Word = MaybeUninit<*mut u8>;

/// What `try_call` returns, and what the function that it calls returns.
///
/// Two words: on the targets that have the host's frame, the C ABI returns them in two registers.
#[repr(C)]
pub struct Outcome {
    /// The function's result.
    pub word: Word,
    /// From the function: null. From `try_call`: the exception that was stopped, or null.
    pub exception: *mut Exception,
}

/// What `try_call` calls.
pub type Call = unsafe extern "C-unwind" fn(Word) -> Outcome;
