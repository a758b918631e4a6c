//! How a thread finds its value of a thread-local key, and how it gets its first one.
//!
//! An access loads the key's slot from this image's section, reads the thread's table at that slot,
//! and compares with null. Null leads to [`cold`], which asks the host:
//!
//! | the host's answer | then |
//! | --- | --- |
//! | `Alive` | use that value (keys beyond the table come this way each time) |
//! | `Initialise` | run this image's initialiser, ask for storage, write |
//! | `Destroyed` | [`AccessError`](crate::AccessError) |
//! | `Panicked` | the host's initialiser panicked: panic with its message |
//! | `Unresolved` | panic with the reason |
//!
//! The initialiser of a *shared* key always runs in the host, by the host's code, even if a module
//! is the first to use the key. The reason: a vtable or a `&'static` in the value must not point
//! into a module that may be unloaded. No borrow and no lock is held while an initialiser runs, so
//! it may use the same key. As with std, the outer value then replaces the inner one.

use super::answer::{Answer, Buffer, Status};
use super::key::Key;
use super::{arch, calls, image};

/// The calling thread's value of `key`, or null when the value is gone.
///
/// Where there is no value yet, `first` becomes the value if it holds one; otherwise `init` makes
/// it.
///
/// # Safety
///
/// `key` must be a thread-local key of this image, declared for type `T`.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn access<T>(
    key: &'static Key,
    first: Option<&mut Option<T>>,
    init: fn() -> T,
) -> *const T {
    // SAFETY: `Key::slot` is an offset inside the table, by the field's invariant.
    let value = unsafe { arch::value(key.slot()) };
    if value.is_null() {
        // SAFETY: the caller's promise.
        unsafe { cold(key, first, init) }
    } else {
        value.cast()
    }
}

/// [`access`] where the table has no value.
///
/// # Safety
///
/// As [`access`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn cold<T>(
    key: &'static Key,
    first: Option<&mut Option<T>>,
    init: fn() -> T,
) -> *const T {
    let mut buffer = Buffer::new();
    if key.definition().is_null() {
        // Another constructor of this image has run before ours, or the image was refused. In the
        // latter case this changes nothing.
        image::enter();
    }
    key.begin_use();

    // SAFETY: the key is a static of this image, which is loaded; the buffer is ours.
    let answer = unsafe { calls::get(key, first.is_some(), &mut buffer) };
    match answer.status {
        Status::Alive => return answer.value.cast(),
        Status::Destroyed => return core::ptr::null(),
        Status::Initialise => {}
        Status::Reserved | Status::Panicked | Status::Unresolved => refuse(key, answer, &buffer),
    }

    // The initialiser may panic, and may use this very key.
    let new = match first.and_then(Option::take) {
        Some(new) => new,
        None => init(),
    };

    // SAFETY: the key is a static of this image, which is loaded; the buffer is ours.
    let answer = unsafe { calls::reserve(key, &mut buffer) };
    match answer.status {
        Status::Reserved => {
            let value = answer.value.cast::<T>();
            // SAFETY: fresh storage of the key's size and alignment, which are those of `T`.
            unsafe { value.write(new) };
            value
        }
        Status::Alive => {
            let value = answer.value.cast::<T>();
            // SAFETY: the initialiser has used this key, so there is a live `T`. Nobody refers to
            // it any more: `with` hands out references for the time of a call only, and all calls
            // inside the initialiser are over.
            drop(unsafe { value.replace(new) });
            value
        }
        // The initialiser ran while the thread was exiting, and ended after the key was destroyed:
        // `new` is dropped here.
        Status::Destroyed => core::ptr::null(),
        Status::Initialise | Status::Panicked | Status::Unresolved => refuse(key, answer, &buffer),
    }
}

/// Panics with the reason why there is no value.
#[cold]
fn refuse(key: &Key, answer: Answer, buffer: &Buffer) -> ! {
    // SAFETY: the key is of this image, which is loaded.
    let name = unsafe { key.declared().name.as_str() };
    let message = buffer.read(answer.message);
    if answer.status == Status::Panicked {
        panic!("the host's initialiser of thread-local `{name}` panicked: {message}");
    }
    panic!("thread-local `{name}` is not connected to a host: {message}");
}
