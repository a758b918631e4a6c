//! The type behind `process_local!`: a `static` that exists once in the process, not once per
//! image.
//!
//! The one instance is the host's own `static`. A module has an instance too, because at build time
//! it cannot know whether the host declares the same key. Where the host does, the module's
//! instance is unused. Where the host does not, the module's instance is the one, and the key is
//! private to the module. Either way an access loads the address, compares with null, and
//! dereferences.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use super::answer::Buffer;
use super::key::{Declared, Key};
use super::{calls, image};

/// A static of the process. It dereferences to the one instance.
///
/// Made by [`process_local!`](crate::process_local) only.
///
/// # Panics
///
/// Dereferencing panics in a module that the host has refused, with the reason for the refusal.
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

    /// Whether the one instance is the calling image's own.
    ///
    /// True in the host, and where the key is private. False in a module that shares the host's
    /// instance.
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

    /// This image's own instance. Where the key is shared, that is not the one instance.
    #[inline]
    pub(crate) fn own(this: &'static Self) -> &'static T {
        // SAFETY: `Key::process` was given a `&'static T` of this image.
        unsafe { &*this.key.own().cast::<T>() }
    }

    #[inline(always)]
    fn get(&self) -> &'static T {
        let mut address = self.key.address();
        if address.is_null() {
            address = resolve(&self.key);
        }
        // SAFETY: the registry resolves a key to an instance of the key's type, which is `T`, in
        // the image that owns the key. It unresolves the key before that image goes. `T` is `Sync`.
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

/// The address of the one instance, where the key had none when it was used.
#[cold]
#[inline(never)]
fn resolve(key: &Key) -> *mut u8 {
    // Another constructor of this image may have run before ours.
    image::enter();
    key.begin_use();
    let address = key.address();
    if address.is_null() {
        let mut buffer = Buffer::new();
        // SAFETY: the key is a static of this image, the buffer is ours.
        let len = unsafe { calls::explain(key, &mut buffer) };
        // SAFETY: the key is of this image, which is loaded.
        let name = unsafe { key.declared().name.as_str() };
        panic!(
            "static `{name}` is not connected to a host: {}",
            buffer.read(len)
        );
    }
    address
}
