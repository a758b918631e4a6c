//! What the host answers when an image asks for the value of a thread-local.

use alloc::boxed::Box;

/// What the host answers about a thread-local.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `value` is the live value of this thread.
    Alive = 1,
    /// No value yet: the caller runs its own initialiser, then asks for storage.
    Initialise = 2,
    /// `value` is storage, counted as live from now on: the caller writes to it at once.
    Reserved = 3,
    /// The thread is exiting and the value is gone.
    Destroyed = 4,
    /// The host's initialiser panicked; the message is in the buffer.
    Panicked = 5,
    /// The key is unresolved; the reason is in the buffer.
    Unresolved = 6,
}

/// The answer of the functions `get` and `reserve` of the host.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Which answer this is.
    pub status: Status,
    /// The value or its storage, where `status` says so; else null.
    pub value: *mut u8,
    /// The length of the message in the caller's buffer; 0 without a message.
    pub message: usize,
}

/// Takes a message of the host.
///
/// The text is copied by a function of the caller's image, into memory of the caller's allocator.
/// So neither side frees memory of the other side's allocator, even where the caller goes on by
/// unwinding.
///
/// A buffer is only three words, because it is on the stack of a thread's first access. Room for
/// the text itself would touch one more page of the stack, and the kernel needs ten times as long
/// for a new page as everything else here takes.
#[repr(C)]
pub struct Buffer {
    /// Copies that many bytes into a block of the buffer's own image.
    put: unsafe extern "C" fn(&mut Self, *const u8, usize),
    /// Invariant: null, or a boxed slice of `len` bytes from the allocator of `put`'s image.
    text: *mut u8,
    len: usize,
}

impl Buffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self {
            put: Self::put,
            text: core::ptr::null_mut(),
            len: 0,
        }
    }

    /// # Safety
    ///
    /// There must be `len` bytes at `bytes`. The buffer must have been made by this image.
    unsafe extern "C" fn put(&mut self, bytes: *const u8, len: usize) {
        self.clear();
        // SAFETY: the caller's promise.
        let text: Box<[u8]> = unsafe { core::slice::from_raw_parts(bytes, len) }.into();
        self.text = Box::into_raw(text).cast();
        self.len = len;
    }

    fn clear(&mut self) {
        let text = core::mem::replace(&mut self.text, core::ptr::null_mut());
        if !text.is_null() {
            // SAFETY: the field's invariant, and the field no longer holds the block. This code is
            // of `put`'s image: `put` is called through the field, and a buffer is dropped by the
            // image that made it.
            drop(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(text, self.len)) });
        }
    }

    /// Has the buffer's own image copy a message. Returns the message's length.
    pub fn write(&mut self, message: &str) -> usize {
        let put = self.put;
        // SAFETY: the bytes are those of a text, and the function is the one that this buffer
        // brings.
        unsafe { put(self, message.as_ptr(), message.len()) }
        message.len()
    }

    /// The first `len` bytes of the message, as text.
    pub fn read(&self, len: usize) -> &str {
        if self.text.is_null() {
            return "";
        }
        // SAFETY: the block has at least that many bytes, by the field's invariant.
        let bytes = unsafe { core::slice::from_raw_parts(self.text, len.min(self.len)) };
        core::str::from_utf8(bytes).unwrap_or("(unreadable message)")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}
