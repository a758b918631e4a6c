//! `process_local!`: a `static` that there is once in the process, not once per image.
//!
//! The instance is the host's own `static`. A module has one too, unused, as it cannot know at
//! build time whether the host declares the same key: where the host does not, the module's own
//! instance is the one, and the key is private to the module. Either way access is a load of the
//! address, a null check, and a dereference.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use crate::abi::{self, Buffer, Declared, Key};

/// A process-wide static; dereferences to the one instance.
///
/// Made by [`process_local!`](crate::process_local) only.
///
/// # Panics
///
/// Dereferencing panics in a module that the host has refused, with the reason of that refusal.
#[repr(transparent)]
pub struct ProcessLocal<T: Sync + 'static> {
    /// Invariant: a process-wide key for type `T`.
    key: Key,
    value: PhantomData<&'static T>,
}

impl<T: Sync + 'static> ProcessLocal<T> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn new(declared: Declared, own: &'static T) -> Self {
        Self {
            key: Key::process(declared, own),
            value: PhantomData,
        }
    }

    /// Whether the one instance is that of the calling image: true in the host, and where the key is
    /// private; false in a module that shares the host's.
    ///
    /// An associated function, so that it hides no method of `T`.
    ///
    /// # Panics
    ///
    /// As dereferencing.
    #[inline]
    pub fn is_own(this: &'static Self) -> bool {
        core::ptr::eq(this.get(), this.key.own().cast())
    }

    /// This image's own instance, which is not the one where the key is shared.
    #[inline]
    pub(crate) fn own(this: &'static Self) -> &'static T {
        // SAFETY: `Key::process` has it from a `&'static T` of this image.
        unsafe { &*this.key.own().cast::<T>() }
    }

    #[inline(always)]
    fn get(&self) -> &'static T {
        let mut address = self.key.address();
        if address.is_null() {
            address = resolve(&self.key);
        }
        // SAFETY: the registry resolves a key to an instance of the key's type, which is `T`, in
        // the image that owns it, and unresolves the key before that image goes; `T` is `Sync`.
        unsafe { &*address.cast::<T>() }
    }
}

impl<T: Sync + 'static> Deref for ProcessLocal<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: Sync + fmt::Debug + 'static> fmt::Debug for ProcessLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The address of an instance that was not resolved when it was asked for.
#[cold]
#[inline(never)]
fn resolve(key: &Key) -> *mut u8 {
    // Some other constructor of this image may run before ours.
    crate::object::enter();
    let address = key.address();
    if address.is_null() {
        let mut buffer = Buffer::new();
        // SAFETY: the key is a static of this image, the buffer is ours.
        let len = unsafe { abi::explain(key, &mut buffer) };
        // SAFETY: the key is of this image.
        let name = unsafe { key.declared().name.as_str() };
        panic!(
            "static `{name}` is not connected to a host: {}",
            buffer.read(len)
        );
    }
    address
}
